//! What the operator asks of Cassandra nodes, as one trait, and the implementation of it over
//! JMX-HTTP (`jmx`), the node agent (`agent`) and CQL (`cql`). The modules below do the IO.

pub mod agent;
pub mod cql;
pub mod jmx;
pub mod live;
pub mod operations;
pub mod registry;
pub mod statements;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use futures::future::BoxFuture;
use store_planner::decision::{Memory, RingAction};
use store_planner::logins::StoreAccess;
use store_planner::observation::{CqlAnswer, NodeAnswer, TaskKey, TaskState};

/// A Cassandra pod with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTarget {
    /// Name of the pod.
    pub pod: String,
    /// Address of the pod.
    pub ip: IpAddr,
}

/// What the operator asks of the nodes of a store.
pub trait Ring: Send + Sync {
    /// Each node's own view of the ring, by pod. Asked in parallel, each with a short deadline; a
    /// node that does not answer is `Unreachable`.
    fn views<'a>(
        &'a self,
        access: &'a StoreAccess,
        nodes: &'a [NodeTarget],
    ) -> BoxFuture<'a, BTreeMap<String, NodeAnswer>>;

    /// Roles and keyspaces, asked of those nodes that serve CQL.
    fn schema<'a>(&'a self, access: &'a StoreAccess, serving: &'a [NodeTarget]) -> BoxFuture<'a, CqlAnswer>;

    /// Carries out one action. Node operations are begun in the background, and their results are
    /// seen in `tasks`.
    fn act<'a>(
        &'a self,
        access: &'a StoreAccess,
        nodes: &'a [NodeTarget],
        serving: &'a [NodeTarget],
        action: &'a RingAction,
    ) -> BoxFuture<'a, Result<(), RingError>>;

    /// Node operations that this process has begun for the store, running or with a result that is
    /// not settled yet.
    fn tasks(&self, store_uid: &str) -> BTreeMap<TaskKey, TaskState>;

    /// Forgets results that the memory, as just written, no longer waits for. `hosts` gives the
    /// host id of each pod.
    fn settle(&self, store_uid: &str, memory: &Memory, hosts: &BTreeMap<String, String>);

    /// Forgets everything about stores that are not in `alive`.
    fn retain(&self, alive: &BTreeSet<String>);
}

/// An action that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error("pod {0} has no address to reach its node at; it is asked again once it has one")]
    NoAddress(String),
    #[error("no {0} credentials are known: their Secret is missing or lacks a key")]
    NoCredentials(&'static str),
    #[error(transparent)]
    Cql(#[from] cql::CqlError),
    #[error("{0} node operations are under way, which is the bound of one operator; waiting for one to end")]
    TooManyOperations(usize),
}

impl RingError {
    /// Closed label for metrics, events and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            RingError::NoAddress(_) => "NodeWithoutAddress",
            RingError::NoCredentials(_) => "CredentialsMissing",
            RingError::Cql(error) => error.reason(),
            RingError::TooManyOperations(_) => "TooManyNodeOperations",
        }
    }
}
