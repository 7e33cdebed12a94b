//! The database made visible, and what its ring can promise: which consistency levels survive how
//! many lost nodes. IO only through the DAO's trait; [`survival`] is pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::error::ModelError;
use crate::dao::activity::{Copies, NodeActivity};
use crate::dao::cluster::{ClusterDao, Keyspace, Node, Placement, PlacementError, Replication, Ring, Trace};
use crate::dao::ledger::Book;
use crate::dao::{Context, Level};

/// Table and key of the partition in which a product's stock lies.
pub fn partition_of_stock(product: Uuid) -> (String, Vec<String>) {
    ("ledgers".to_owned(), vec![Book::Stock.name().to_owned(), product.to_string()])
}

/// The ring and its keyspaces.
#[derive(Clone)]
pub struct Cluster {
    dao: Arc<dyn ClusterDao>,
    datacenter: Option<String>,
}

/// What each level of the store's keyspace promises now.
#[derive(Debug)]
pub struct Consistency {
    pub keyspace: String,
    pub replication: BTreeMap<String, usize>,
    pub default_level: Level,
    pub nodes: usize,
    pub nodes_up: usize,
    pub levels: Vec<Survival>,
}

impl Cluster {
    /// Use cases over a DAO; `datacenter` is the one whose nodes coordinate.
    pub fn new(dao: Arc<dyn ClusterDao>, datacenter: Option<String>) -> Self {
        Self { dao, datacenter }
    }

    /// Nodes of the ring.
    #[tracing::instrument(name = "model.cluster.nodes", skip_all)]
    pub async fn nodes(&self, cx: &Context) -> Result<Vec<Node>, ModelError> {
        Ok(self.dao.nodes(cx).await?)
    }

    /// Keyspaces and their replication.
    #[tracing::instrument(name = "model.cluster.keyspaces", skip_all)]
    pub async fn keyspaces(&self, cx: &Context) -> Result<Vec<Keyspace>, ModelError> {
        Ok(self.dao.keyspaces(cx).await?)
    }

    /// The ring of a keyspace, by default the store's.
    #[tracing::instrument(name = "model.cluster.ring", skip_all)]
    pub async fn ring(&self, cx: &Context, keyspace: Option<&str>) -> Result<Ring, ModelError> {
        let keyspace = keyspace.unwrap_or_else(|| self.dao.keyspace());
        self.dao.ring(cx, keyspace).await?.ok_or(ModelError::NotFound("keyspace"))
    }

    /// Replicas of one partition.
    #[tracing::instrument(name = "model.cluster.placement", skip_all)]
    pub async fn placement(&self, cx: &Context, table: &str, key: &[String]) -> Result<Placement, PlacementError> {
        self.dao.placement(cx, table, key).await
    }

    /// What each node tells of the others and of its work.
    #[tracing::instrument(name = "model.cluster.activity", skip_all)]
    pub async fn activity(&self, cx: &Context) -> Result<Vec<NodeActivity>, ModelError> {
        Ok(self.dao.activity(cx).await?)
    }

    /// One partition as each of its replicas has it.
    #[tracing::instrument(name = "model.cluster.copies", skip_all)]
    pub async fn copies(&self, cx: &Context, table: &str, key: &[String]) -> Result<Copies, PlacementError> {
        self.dao.copies(cx, table, key).await
    }

    /// What each level promises in the store's keyspace.
    #[tracing::instrument(name = "model.cluster.consistency", skip_all)]
    pub async fn consistency(&self, cx: &Context) -> Result<Consistency, ModelError> {
        let nodes = self.dao.nodes(cx).await?;
        let name = self.dao.keyspace();
        let keyspace = self
            .dao
            .keyspaces(cx)
            .await?
            .into_iter()
            .find(|keyspace| keyspace.name == name)
            .ok_or(ModelError::NotFound("keyspace"))?;
        let replication = match &keyspace.strategy {
            Replication::NetworkTopology(factors) => factors.clone(),
            Replication::Simple(factor) => BTreeMap::from([("*".to_owned(), *factor)]),
            Replication::Local | Replication::Other(_) => BTreeMap::new(),
        };
        Ok(Consistency {
            keyspace: keyspace.name,
            replication,
            default_level: self.dao.default_level(),
            nodes: nodes.len(),
            nodes_up: nodes.iter().filter(|node| node.up).count(),
            levels: survival(&keyspace.strategy, self.datacenter.as_deref()),
        })
    }

    /// Whether the database answers with the schema that is expected.
    pub async fn ready(&self, cx: &Context) -> Result<(), ModelError> {
        Ok(self.dao.ready(cx).await?)
    }

    /// A query trace with its events.
    #[tracing::instrument(name = "model.cluster.trace", skip_all)]
    pub async fn trace(&self, cx: &Context, trace: Uuid) -> Result<Trace, ModelError> {
        self.dao.trace(cx, trace).await?.ok_or(ModelError::NotFound("trace"))
    }

    /// One line about a query trace.
    pub async fn trace_summary(&self, trace: Uuid) -> Option<String> {
        self.dao.trace_summary(trace).await
    }
}

/// One consistency level of one keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survival {
    pub level: Level,
    /// Replicas that must answer.
    pub required: usize,
    /// Whether there are that many replicas at all.
    pub possible: bool,
    /// Replicas that may be down without a request failing, whichever they are.
    pub tolerates: usize,
    /// Whether a read at this level sees every write that was acknowledged at this level.
    pub reads_see_writes: bool,
}

/// How every level behaves with this replication, seen from a client in `local` (the name of its
/// datacenter). Without a local datacenter the smallest one is assumed, which promises least.
pub fn survival(replication: &Replication, local: Option<&str>) -> Vec<Survival> {
    let (total, local) = match replication {
        Replication::NetworkTopology(factors) => {
            let smallest = factors.values().copied().filter(|rf| *rf > 0).min();
            let local = local.and_then(|name| factors.get(name).copied()).or(smallest);
            (factors.values().sum(), local.unwrap_or(0))
        }
        Replication::Simple(factor) => (*factor, *factor),
        Replication::Local | Replication::Other(_) => (1, 1),
    };
    Level::ALL
        .into_iter()
        .map(|level| {
            let of = if is_local(level) { local } else { total };
            let required = required(level, of);
            Survival {
                level,
                required,
                possible: required <= of,
                tolerates: of.saturating_sub(required),
                reads_see_writes: 2 * required > of || level == Level::Serial,
            }
        })
        .collect()
}

const fn is_local(level: Level) -> bool {
    matches!(level, Level::LocalOne | Level::LocalQuorum)
}

const fn required(level: Level, replicas: usize) -> usize {
    match level {
        Level::One | Level::LocalOne => 1,
        Level::Two => 2,
        Level::Quorum | Level::LocalQuorum | Level::Serial => replicas / 2 + 1,
        Level::All => replicas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(factors: &[(&str, usize)]) -> Replication {
        let factors: BTreeMap<_, _> = factors.iter().map(|(dc, rf)| ((*dc).into(), *rf)).collect();
        Replication::NetworkTopology(factors)
    }

    fn of(rows: &[Survival], level: Level) -> Survival {
        *rows.iter().find(|row| row.level == level).unwrap()
    }

    #[test]
    fn three_replicas_survive_one_lost_node_at_quorum() {
        let rows = survival(&topology(&[("dc1", 3)]), Some("dc1"));
        let quorum = of(&rows, Level::LocalQuorum);
        assert_eq!((quorum.required, quorum.tolerates, quorum.reads_see_writes), (2, 1, true));
        let one = of(&rows, Level::One);
        assert_eq!((one.required, one.tolerates, one.reads_see_writes), (1, 2, false));
        let all = of(&rows, Level::All);
        assert_eq!((all.required, all.tolerates, all.reads_see_writes), (3, 0, true));
    }

    #[test]
    fn one_replica_survives_nothing_and_two_cannot_be_asked_for() {
        let rows = survival(&topology(&[("dc1", 1)]), None);
        assert!(rows.iter().all(|row| row.tolerates == 0));
        assert_eq!(of(&rows, Level::Two).required, 2);
        assert!(!of(&rows, Level::Two).possible && of(&rows, Level::All).possible);
    }

    #[test]
    fn local_levels_count_the_local_datacenter_alone() {
        let rows = survival(&topology(&[("a", 3), ("b", 3)]), Some("a"));
        assert_eq!(of(&rows, Level::LocalQuorum).required, 2);
        assert_eq!(of(&rows, Level::Quorum).required, 4);
        assert_eq!(of(&rows, Level::Quorum).tolerates, 2);
    }
}
