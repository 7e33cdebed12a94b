//! Types and reasons of the conditions in a StoreCluster's status.

/// Clients are served at LOCAL_QUORUM: of every row of the API's keyspace and of the log-ins enough copies are on
/// nodes that are up, and an API pod is ready.
pub const AVAILABLE: &str = "Available";
/// The shop is as the spec wants it and serves: every node up and normal, the keyspaces there, the API pods
/// ready. It is False until that is so for the first time. Afterwards a planned operation that goes as it should
/// leaves it True: it goes False when clients are not served, or when something that is missing has become a fault.
pub const READY: &str = "Ready";
/// Something owed for the observed generation is not done yet, clean-ups and repairs included.
pub const PROGRESSING: &str = "Progressing";
/// Something is wrong that was not asked for: a node is down, a roll-out is stuck, a spec is refused, or
/// something takes longer than it may.
pub const DEGRADED: &str = "Degraded";
/// Every keyspace has its wanted replication factor, and the repair that a raise owes is done.
pub const REPLICATION_SYNCED: &str = "ReplicationSynced";
/// The Ingress of the API has no TLS of its own, so tokens travel in clear unless something before it ends TLS. It is there
/// only while it is True, and is told of by an event; nothing follows from it.
pub const TOKENS_IN_CLEAR: &str = "TokensInClear";
