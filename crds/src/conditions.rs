//! Types and reasons of the conditions in a StoreCluster's status.

/// The shop serves: every node wanted is up and normal, the keyspaces are there, the API answers.
pub const READY: &str = "Ready";
/// Something owed for the observed generation is not done yet, clean-ups and repairs included.
pub const PROGRESSING: &str = "Progressing";
/// Something is wrong that was not asked for: a node is down, a roll-out is stuck, a spec is refused.
pub const DEGRADED: &str = "Degraded";
/// Every keyspace has its wanted replication factor, and the repair that a raise owes is done.
pub const REPLICATION_SYNCED: &str = "ReplicationSynced";
