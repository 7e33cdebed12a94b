//! What the nodes tell of each other and of their work, and a row as each of its replicas has it. No IO.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::cluster::Node;

/// Tables whose rows are shown replica by replica: those that the API answers with, and whose readers may read them there.
pub const COPIED: [&str; 4] = ["ledgers", "orders", "products", "users"];

/// What one node tells.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeActivity {
    pub node: Node,
    /// What it told, or why it told nothing.
    pub told: Result<Told, Silence>,
}

/// Why a node tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    #[error("the process that answers has no connection to it")]
    Down,
    #[error("it did not answer in time")]
    NoAnswer,
    #[error(
        "the role of the API may not read its virtual tables: GRANT SELECT on those of system_views that are documented"
    )]
    NotAllowed,
}

/// What a node tells of itself and the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    pub peers: Vec<Peer>,
    pub hints: Vec<Hints>,
    pub streams: Vec<Stream>,
    pub tasks: Vec<Task>,
    pub outbound: Vec<Outbound>,
}

/// A node as another one knows it by gossip.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    pub address: IpAddr,
    pub host_id: Option<Uuid>,
    /// The state that it gossips, without what follows it: `NORMAL`, `BOOT`, `LEAVING`, `LEFT`, `shutdown`.
    pub status: Option<String>,
    pub generation: i64,
    pub heartbeat: i64,
    /// For how long its heartbeat has stood still, as far as this process has looked; `None` at the first look.
    pub silent: Option<Duration>,
}

/// Hints that a node keeps for another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Hints {
    /// For whom.
    pub host_id: Uuid,
    pub address: Option<String>,
    pub files: i64,
    /// As Cassandra writes a timestamp.
    pub newest: Option<String>,
    pub oldest: Option<String>,
}

/// A stream, as one of its ends tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    pub id: Uuid,
    /// What it is for, as Cassandra calls it: `Bootstrap`, `Repair`, `Decommission`.
    pub operation: String,
    pub peers: Vec<String>,
    pub status: String,
    /// From 0 to 100.
    pub percent: f64,
    pub bytes_to_send: i64,
    pub bytes_sent: i64,
    pub bytes_to_receive: i64,
    pub bytes_received: i64,
}

/// Work on files of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// `compaction`, `validation`, `cleanup`, …
    pub kind: String,
    pub keyspace: String,
    pub table: String,
    pub progress: i64,
    pub total: i64,
    pub unit: String,
}

/// Messages that a node has for another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbound {
    pub address: String,
    pub pending: i64,
    pub pending_bytes: i64,
    /// Given up since the connection was made, because they had waited too long.
    pub expired: i64,
    pub errors: i64,
}

/// A partition as each of its replicas has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Copies {
    pub keyspace: String,
    pub table: String,
    pub token: i64,
    pub copies: Vec<Copy>,
}

/// One replica's copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    pub node: Node,
    /// Its first rows, column by column, or why it told none.
    pub rows: Result<Vec<Map<String, Value>>, Silence>,
}
