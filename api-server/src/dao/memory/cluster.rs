//! A ring of one node that is always up, for tests of what lies above it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use uuid::Uuid;

use crate::dao::activity::{COPIED, Copies, Copy, NodeActivity, Peer, Told};
use crate::dao::cluster::{ClusterDao, Keyspace, Node, Placement, PlacementError, Range, Replication, Ring, Trace};
use crate::dao::{Context, DaoError, Level};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct MemoryCluster;

const KEYSPACE: &str = "store_manager";

fn node() -> Node {
    Node {
        host_id: Uuid::nil(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 9042,
        datacenter: Some("dc1".into()),
        rack: Some("rack1".into()),
        up: true,
        release_version: None,
        schema_version: None,
        tokens: vec![0],
    }
}

#[async_trait]
impl ClusterDao for MemoryCluster {
    async fn nodes(&self, _cx: &Context) -> Result<Vec<Node>, DaoError> {
        Ok(vec![node()])
    }

    async fn keyspaces(&self, _cx: &Context) -> Result<Vec<Keyspace>, DaoError> {
        let products = vec![("id".to_owned(), "uuid".to_owned())];
        Ok(vec![Keyspace {
            name: KEYSPACE.into(),
            strategy: Replication::NetworkTopology(BTreeMap::from([("dc1".into(), 1)])),
            durable_writes: true,
            tables: BTreeMap::from([("products".to_owned(), products)]),
        }])
    }

    async fn ring(&self, _cx: &Context, keyspace: &str) -> Result<Option<Ring>, DaoError> {
        Ok((keyspace == KEYSPACE).then(|| Ring {
            cluster_name: "memory".into(),
            keyspace: keyspace.into(),
            ranges: vec![Range { start: 0, end: 0, replicas: vec![Uuid::nil()] }],
        }))
    }

    async fn placement(&self, _cx: &Context, table: &str, key: &[String]) -> Result<Placement, PlacementError> {
        if table == "ledgers" && key.len() == 2 {
            return Ok(Placement { keyspace: KEYSPACE.into(), table: table.into(), token: 0, replicas: vec![node()] });
        }
        if table != "products" {
            return Err(PlacementError::UnknownTable { known: "products".into() });
        }
        let [key] = key else {
            return Err(PlacementError::KeyParts { columns: "id uuid".into() });
        };
        if Uuid::try_parse(key).is_err() {
            return Err(PlacementError::KeyType { column: "id".into(), cql_type: "uuid".into() });
        }
        Ok(Placement { keyspace: KEYSPACE.into(), table: table.into(), token: 0, replicas: vec![node()] })
    }

    async fn activity(&self, _cx: &Context) -> Result<Vec<NodeActivity>, DaoError> {
        let itself = Peer {
            address: node().address,
            host_id: Some(node().host_id),
            status: Some("NORMAL".into()),
            generation: 1,
            heartbeat: 1,
            silent: None,
        };
        Ok(vec![NodeActivity { node: node(), told: Ok(Told { peers: vec![itself], ..Told::default() }) }])
    }

    async fn copies(&self, cx: &Context, table: &str, key: &[String]) -> Result<Copies, PlacementError> {
        if !COPIED.contains(&table) {
            return Err(PlacementError::UnknownTable { known: COPIED.join(", ") });
        }
        let Placement { keyspace, table, token, replicas } = self.placement(cx, table, key).await?;
        // This ring has no rows: those in memory are kept by the other DAOs.
        let copies = replicas.into_iter().map(|node| Copy { node, rows: Ok(Vec::new()) }).collect();
        Ok(Copies { keyspace, table, token, copies })
    }

    async fn ready(&self, _cx: &Context) -> Result<(), DaoError> {
        Ok(())
    }

    fn keyspace(&self) -> &str {
        KEYSPACE
    }

    fn default_level(&self) -> Level {
        Level::LocalQuorum
    }

    async fn trace_summary(&self, _trace: Uuid) -> Option<String> {
        None
    }

    async fn trace(&self, _cx: &Context, _trace: Uuid) -> Result<Option<Trace>, DaoError> {
        Ok(None)
    }
}
