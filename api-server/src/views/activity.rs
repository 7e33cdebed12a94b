//! What nodes tell, and a row replica by replica, as clients see it. Pure.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::cluster::NodeState;
use crate::models::activity::{Copies, Copy, Hints, NodeActivity, Outbound, Peer, Stream, Task};

/// What one node tells of the others and of its work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeActivity)]
pub struct ActivityView {
    pub host_id: Uuid,
    pub address: String,
    /// As in `/cluster/nodes`.
    pub state: NodeState,
    /// Why it tells nothing; `null` where it does.
    #[schema(required = true)]
    pub detail: Option<String>,
    pub peers: Vec<PeerView>,
    pub hints: Vec<HintsView>,
    pub streams: Vec<StreamView>,
    pub tasks: Vec<TaskView>,
    pub outbound: Vec<OutboundView>,
}

/// A node as another one knows it by gossip.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Peer)]
pub struct PeerView {
    pub address: String,
    #[schema(required = true)]
    pub host_id: Option<Uuid>,
    /// State that it gossips: `NORMAL`, `BOOT`, `LEAVING`, `LEFT`, `shutdown`, …
    #[schema(required = true)]
    pub status: Option<String>,
    /// Seconds since 1970 of its start.
    pub generation: i64,
    pub heartbeat: i64,
    /// For how long its heartbeat has stood still, as far as the process that answers has looked; `null` at the first look.
    #[schema(required = true)]
    pub silent_ms: Option<u64>,
}

/// Hints that the node keeps for another one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PendingHints)]
pub struct HintsView {
    pub host_id: Uuid,
    #[schema(required = true)]
    pub address: Option<String>,
    pub files: i64,
    /// As Cassandra writes it.
    #[schema(required = true)]
    pub newest: Option<String>,
    #[schema(required = true)]
    pub oldest: Option<String>,
}

/// A stream, as one of its ends tells of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeStream)]
pub struct StreamView {
    pub id: Uuid,
    /// What it is for, as Cassandra calls it.
    pub operation: String,
    pub peers: Vec<String>,
    pub status: String,
    #[schema(minimum = 0, maximum = 100)]
    pub percent: f64,
    pub bytes_to_send: i64,
    pub bytes_sent: i64,
    pub bytes_to_receive: i64,
    pub bytes_received: i64,
}

/// Work on the files of a table.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeTask)]
pub struct TaskView {
    /// `compaction`, `validation`, `cleanup`, …
    pub kind: String,
    pub keyspace: String,
    pub table: String,
    pub progress: i64,
    pub total: i64,
    pub unit: String,
}

/// Messages that the node has for another one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OutboundQueue)]
pub struct OutboundView {
    pub address: String,
    pub pending: i64,
    pub pending_bytes: i64,
    /// Given up because they had waited for too long.
    pub expired: i64,
    pub errors: i64,
}

/// A partition as each of its replicas has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Copies)]
pub struct CopiesView {
    pub keyspace: String,
    pub table: String,
    pub key: Vec<String>,
    /// Murmur3 token of the key, as a decimal string.
    pub token: String,
    /// In the order of the ring.
    pub replicas: Vec<CopyView>,
}

/// One replica's copy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Copy)]
pub struct CopyView {
    pub host_id: Uuid,
    pub address: String,
    pub datacenter: Option<String>,
    pub rack: Option<String>,
    pub state: NodeState,
    /// Why it told nothing; `null` where it did.
    #[schema(required = true)]
    pub detail: Option<String>,
    /// Its first rows, at most 20, column by column as Cassandra writes them; `null` where it told nothing.
    #[schema(required = true, value_type = Option<Vec<std::collections::HashMap<String, Value>>>)]
    pub rows: Option<Vec<Value>>,
}

const fn state(up: bool) -> NodeState {
    if up { NodeState::Up } else { NodeState::Down }
}

impl From<&NodeActivity> for ActivityView {
    fn from(NodeActivity { node, told }: &NodeActivity) -> Self {
        let told_or_none = told.as_ref().ok().cloned().unwrap_or_default();
        Self {
            host_id: node.host_id,
            address: node.address.to_string(),
            state: state(node.up),
            detail: told.as_ref().err().map(ToString::to_string),
            peers: told_or_none.peers.into_iter().map(PeerView::from).collect(),
            hints: told_or_none.hints.into_iter().map(HintsView::from).collect(),
            streams: told_or_none.streams.into_iter().map(StreamView::from).collect(),
            tasks: told_or_none.tasks.into_iter().map(TaskView::from).collect(),
            outbound: told_or_none.outbound.into_iter().map(OutboundView::from).collect(),
        }
    }
}

impl From<Peer> for PeerView {
    fn from(peer: Peer) -> Self {
        let silent_ms = peer.silent.map(|silent| u64::try_from(silent.as_millis()).unwrap_or(u64::MAX));
        let Peer { address, host_id, status, generation, heartbeat, .. } = peer;
        Self { address: address.to_string(), host_id, status, generation, heartbeat, silent_ms }
    }
}

impl From<Hints> for HintsView {
    fn from(Hints { host_id, address, files, newest, oldest }: Hints) -> Self {
        Self { host_id, address, files, newest, oldest }
    }
}

impl From<Stream> for StreamView {
    fn from(stream: Stream) -> Self {
        Self {
            id: stream.id,
            operation: stream.operation,
            peers: stream.peers,
            status: stream.status,
            percent: stream.percent,
            bytes_to_send: stream.bytes_to_send,
            bytes_sent: stream.bytes_sent,
            bytes_to_receive: stream.bytes_to_receive,
            bytes_received: stream.bytes_received,
        }
    }
}

impl From<Task> for TaskView {
    fn from(Task { kind, keyspace, table, progress, total, unit }: Task) -> Self {
        Self { kind, keyspace, table, progress, total, unit }
    }
}

impl From<Outbound> for OutboundView {
    fn from(Outbound { address, pending, pending_bytes, expired, errors }: Outbound) -> Self {
        Self { address, pending, pending_bytes, expired, errors }
    }
}

impl CopiesView {
    /// The copies of the partition with this key.
    pub fn new(copies: Copies, key: Vec<String>) -> Self {
        let replicas = copies.copies.into_iter().map(|Copy { node, rows }| CopyView {
            host_id: node.host_id,
            address: node.address.to_string(),
            datacenter: node.datacenter,
            rack: node.rack,
            state: state(node.up),
            detail: rows.as_ref().err().map(ToString::to_string),
            rows: rows.ok().map(|rows| rows.into_iter().map(Value::Object).collect()),
        });
        Self {
            keyspace: copies.keyspace,
            table: copies.table,
            key,
            token: copies.token.to_string(),
            replicas: replicas.collect(),
        }
    }
}
