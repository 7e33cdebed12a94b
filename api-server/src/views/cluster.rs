//! The ring as clients see it. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::cluster::Survival;
use crate::models::ring::{Keyspace, Node, Placement, Replication, Ring, Trace};

/// A node of the ring.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClusterNode)]
pub struct NodeView {
    pub host_id: Uuid,
    pub address: String,
    pub port: u16,
    pub datacenter: Option<String>,
    pub rack: Option<String>,
    /// `UP` when the process that answers has a working connection to the node, else `DOWN`.
    pub state: NodeState,
    pub release_version: Option<String>,
    pub schema_version: Option<Uuid>,
    /// Tokens as decimal strings: they do not fit into a JavaScript number.
    pub tokens: Vec<String>,
}

/// State of a node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum NodeState {
    Up,
    Down,
}

impl From<&Node> for NodeView {
    fn from(node: &Node) -> Self {
        Self {
            host_id: node.host_id,
            address: node.address.to_string(),
            port: node.port,
            datacenter: node.datacenter.clone(),
            rack: node.rack.clone(),
            state: if node.up { NodeState::Up } else { NodeState::Down },
            release_version: node.release_version.clone(),
            schema_version: node.schema_version,
            tokens: node.tokens.iter().map(i64::to_string).collect(),
        }
    }
}

/// The token ring of a keyspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ring)]
pub struct RingView {
    pub cluster_name: String,
    pub keyspace: String,
    pub ranges: Vec<RangeView>,
}

/// A range of tokens and its replicas.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RingRange)]
pub struct RangeView {
    /// Exclusive.
    pub start: String,
    /// Inclusive.
    pub end: String,
    /// Host ids, primary replica first.
    pub replicas: Vec<Uuid>,
}

impl From<&Ring> for RingView {
    fn from(ring: &Ring) -> Self {
        Self {
            cluster_name: ring.cluster_name.clone(),
            keyspace: ring.keyspace.clone(),
            ranges: ring
                .ranges
                .iter()
                .map(|range| RangeView {
                    start: range.start.to_string(),
                    end: range.end.to_string(),
                    replicas: range.replicas.clone(),
                })
                .collect(),
        }
    }
}

/// A keyspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Keyspace)]
pub struct KeyspaceView {
    pub name: String,
    /// `NetworkTopologyStrategy`, `SimpleStrategy`, `LocalStrategy` or another class.
    pub strategy: String,
    /// Replicas per datacenter; under `*` for SimpleStrategy.
    pub replication: BTreeMap<String, usize>,
    pub durable_writes: bool,
    /// Table name → partition key columns.
    pub tables: BTreeMap<String, Vec<KeyColumn>>,
}

/// A column of a partition key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyColumn {
    pub name: String,
    pub cql_type: String,
}

impl From<&Keyspace> for KeyspaceView {
    fn from(keyspace: &Keyspace) -> Self {
        let (strategy, replication) = match &keyspace.strategy {
            Replication::NetworkTopology(factors) => ("NetworkTopologyStrategy".into(), factors.clone()),
            Replication::Simple(factor) => ("SimpleStrategy".into(), BTreeMap::from([("*".into(), *factor)])),
            Replication::Local => ("LocalStrategy".into(), BTreeMap::new()),
            Replication::Other(name) => (name.clone(), BTreeMap::new()),
        };
        let tables = keyspace.tables.iter().map(|(table, columns)| {
            let columns =
                columns.iter().map(|(name, cql_type)| KeyColumn { name: name.clone(), cql_type: cql_type.clone() });
            (table.clone(), columns.collect())
        });
        Self {
            name: keyspace.name.clone(),
            strategy,
            replication,
            durable_writes: keyspace.durable_writes,
            tables: tables.collect(),
        }
    }
}

/// Where one partition lies.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Placement)]
pub struct PlacementView {
    pub keyspace: String,
    pub table: String,
    pub key: Vec<String>,
    /// Murmur3 token of the key, as a decimal string.
    pub token: String,
    pub replicas: Vec<ReplicaView>,
}

/// A node that keeps a replica.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replica)]
pub struct ReplicaView {
    pub host_id: Uuid,
    pub address: String,
    pub datacenter: Option<String>,
    pub rack: Option<String>,
    pub state: NodeState,
}

impl PlacementView {
    /// The placement of the partition with this key.
    pub fn new(placement: &Placement, key: &[String]) -> Self {
        Self {
            keyspace: placement.keyspace.clone(),
            table: placement.table.clone(),
            key: key.to_vec(),
            token: placement.token.to_string(),
            replicas: placement
                .replicas
                .iter()
                .map(|node| ReplicaView {
                    host_id: node.host_id,
                    address: node.address.to_string(),
                    datacenter: node.datacenter.clone(),
                    rack: node.rack.clone(),
                    state: if node.up { NodeState::Up } else { NodeState::Down },
                })
                .collect(),
        }
    }
}

/// What Cassandra noted of a statement that was traced.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueryTrace)]
pub struct TraceView {
    pub id: Uuid,
    /// Address of the node that coordinated it.
    pub coordinator: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<String>,
    /// Microseconds in all.
    pub duration_us: Option<i64>,
    pub request: Option<String>,
    /// The first thousand, in the order in which they were made.
    pub events: Vec<TraceEventView>,
}

/// A step of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueryTraceEvent)]
pub struct TraceEventView {
    /// Address of the node that made it.
    pub node: Option<String>,
    /// Microseconds since the statement came to that node.
    pub elapsed_us: Option<i64>,
    pub activity: Option<String>,
    pub thread: Option<String>,
}

impl From<&Trace> for TraceView {
    fn from(trace: &Trace) -> Self {
        let started_at = trace.started_at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
        Self {
            id: trace.id,
            coordinator: trace.coordinator.map(|address| address.to_string()),
            started_at: started_at.map(|at| format!("{at:.3}")),
            duration_us: trace.duration_us,
            request: trace.request.clone(),
            events: trace
                .events
                .iter()
                .map(|event| TraceEventView {
                    node: event.node.map(|address| address.to_string()),
                    elapsed_us: event.elapsed_us,
                    activity: event.activity.clone(),
                    thread: event.thread.clone(),
                })
                .collect(),
        }
    }
}

/// What each consistency level of the store's keyspace promises.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConsistencyTable)]
pub struct ConsistencyView {
    pub keyspace: String,
    /// Replicas per datacenter.
    pub replication: BTreeMap<String, usize>,
    pub default_level: &'static str,
    pub nodes: usize,
    pub nodes_up: usize,
    pub levels: Vec<LevelView>,
}

/// One consistency level.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConsistencyLevel)]
pub struct LevelView {
    pub level: &'static str,
    /// Replicas that must answer.
    pub required: usize,
    /// Whether the keyspace has that many replicas at all.
    pub possible: bool,
    /// Nodes that may be down, whichever they are, without a request failing.
    pub survives_nodes_down: usize,
    /// Whether a read at this level sees every write acknowledged at this level.
    pub reads_see_writes: bool,
}

impl From<&Survival> for LevelView {
    fn from(row: &Survival) -> Self {
        Self {
            level: row.level.name(),
            required: row.required,
            possible: row.possible,
            survives_nodes_down: row.tolerates,
            reads_see_writes: row.reads_see_writes,
        }
    }
}
