//! What the store shows of its database: nodes, token ring, keyspaces, placement. No IO.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;
use thiserror::Error;
use uuid::Uuid;

use super::activity::{Copies, NodeActivity};
use super::{Context, DaoError, Level};

/// A node of the ring as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub host_id: Uuid,
    pub address: IpAddr,
    pub port: u16,
    pub datacenter: Option<String>,
    pub rack: Option<String>,
    /// Whether this process has a working connection to it.
    pub up: bool,
    /// Cassandra's version, where the node tells it.
    pub release_version: Option<String>,
    pub schema_version: Option<Uuid>,
    /// Tokens in ascending order.
    pub tokens: Vec<i64>,
}

/// A keyspace and how it is replicated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyspace {
    pub name: String,
    pub strategy: Replication,
    pub durable_writes: bool,
    /// Table name → partition key columns with their CQL types, sorted by name.
    pub tables: BTreeMap<String, Vec<(String, String)>>,
}

/// How replicas are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// Replicas per datacenter.
    NetworkTopology(BTreeMap<String, usize>),
    Simple(usize),
    Local,
    Other(String),
}

/// A range of the ring, from `start` (exclusive) to `end` (inclusive), and who keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub start: i64,
    pub end: i64,
    /// Host ids in the order of the ring; the first is the primary replica.
    pub replicas: Vec<Uuid>,
}

/// The ring of one keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    pub cluster_name: String,
    pub keyspace: String,
    pub ranges: Vec<Range>,
}

/// Where one partition lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub keyspace: String,
    pub table: String,
    pub token: i64,
    pub replicas: Vec<Node>,
}

/// What Cassandra noted of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    pub id: Uuid,
    pub coordinator: Option<IpAddr>,
    /// Milliseconds since 1970.
    pub started_at: Option<i64>,
    pub duration_us: Option<i64>,
    /// What the statement was, such as `Execute CQL3 prepared query`.
    pub request: Option<String>,
    /// In the order of their times.
    pub events: Vec<TraceEvent>,
}

/// A step of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEvent {
    /// The node that made it.
    pub node: Option<IpAddr>,
    /// Microseconds since the statement came to that node.
    pub elapsed_us: Option<i64>,
    pub activity: Option<String>,
    pub thread: Option<String>,
}

/// Why a partition cannot be placed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlacementError {
    #[error("no such table, the keyspace has: {known}")]
    UnknownTable { known: String },
    #[error("the partition key is ({columns}), give one key parameter per column in this order")]
    KeyParts { columns: String },
    #[error("{column} is of type {cql_type}, the value given is not")]
    KeyType { column: String, cql_type: String },
    #[error(transparent)]
    Dao(#[from] DaoError),
}

/// Shows the database. Answers come from the driver's fresh view, never from a scan.
#[async_trait]
pub trait ClusterDao: Send + Sync {
    /// Nodes, sorted by datacenter, rack and address.
    async fn nodes(&self, cx: &Context) -> Result<Vec<Node>, DaoError>;

    /// Keyspaces that the store may know of, sorted by name.
    async fn keyspaces(&self, cx: &Context) -> Result<Vec<Keyspace>, DaoError>;

    /// The ring of a keyspace, `None` when there is no such keyspace.
    async fn ring(&self, cx: &Context, keyspace: &str) -> Result<Option<Ring>, DaoError>;

    /// Replicas of one partition of a table of the store's keyspace.
    async fn placement(&self, cx: &Context, table: &str, key: &[String]) -> Result<Placement, PlacementError>;

    /// What each node tells of the others and of its work, in the order of [`ClusterDao::nodes`]; looked at once a second at most.
    async fn activity(&self, cx: &Context) -> Result<Vec<NodeActivity>, DaoError>;

    /// One partition as each of its replicas has it, read at ONE from each; of the tables in [`super::activity::COPIED`].
    async fn copies(&self, cx: &Context, table: &str, key: &[String]) -> Result<Copies, PlacementError>;

    /// Whether the database answers; that its schema is the one this program expects was checked before.
    async fn ready(&self, cx: &Context) -> Result<(), DaoError>;

    /// Name of the store's keyspace.
    fn keyspace(&self) -> &str;

    /// Level used where the client names none.
    fn default_level(&self) -> Level;

    /// One line about a query trace: coordinator, microseconds, number of events; `None` when
    /// Cassandra has not written it in time.
    async fn trace_summary(&self, trace: Uuid) -> Option<String>;

    /// A query trace; `None` when there is none, or Cassandra has not written it in time.
    async fn trace(&self, cx: &Context, trace: Uuid) -> Result<Option<Trace>, DaoError>;
}
