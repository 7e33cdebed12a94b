//! The database made visible: the driver's view, refreshed before it is shown, and what every role
//! may read of the system tables.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _};
use scylla::cluster::ClusterState;
use scylla::cluster::metadata::{ColumnType, NativeType, Strategy};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::routing::Token;
use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;
use scylla::value::CqlValue;
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::StartError;
use super::activity::Looks;
use super::execute::{self, Database};
use super::products::broken;
use crate::dao::activity::{COPIED, Copies, NodeActivity};
use crate::dao::cluster::{
    ClusterDao, Keyspace, Node, Placement, PlacementError, Range, Replication, Ring, Trace, TraceEvent,
};
use crate::dao::{Context, DaoError, Level};

/// The driver's view is asked for again when it is older than this.
const FRESH: Duration = Duration::from_secs(1);
/// Longest wait for a fresh view; beyond it the known one is shown.
const REFRESH: Duration = Duration::from_millis(2500);

/// Longest wait for a node's answer about its version.
const VERSION: Duration = Duration::from_secs(1);
/// Longest wait for a trace, which Cassandra writes after the statement.
const TRACE: Duration = Duration::from_secs(3);
/// Events of a trace that are shown; a read of a page has some hundred.
const TRACE_EVENTS_MAX: usize = 1_000;
/// Nodes asked for their version at the same time.
const ASKED_AT_ONCE: usize = 8;

/// Release and schema version of a node.
type Version = (Option<String>, Option<Uuid>);

/// See the module.
pub struct CassandraCluster {
    database: Arc<Database>,
    refreshed: Mutex<Option<Instant>>,
    ready: execute::Statement,
    looks: Looks,
}

impl CassandraCluster {
    /// A view over a session.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let ready = "SELECT version FROM {ks}.schema_migrations WHERE scope = 'store' LIMIT 1";
        let ready = database.plain("SELECT", "schema_migrations", ready).await?;
        Ok(Self { database, refreshed: Mutex::new(None), ready, looks: Looks::default() })
    }

    /// The cluster as the driver sees it after asking again, once a second at most.
    async fn view(&self, cx: &Context) -> Arc<ClusterState> {
        let session = &self.database.session;
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_none_or(|at| at.elapsed() > FRESH) {
            let wait = cx.remaining().unwrap_or_default().min(REFRESH);
            match tokio::time::timeout(wait, session.refresh_metadata()).await {
                Ok(Ok(())) => *refreshed = Some(Instant::now()),
                Ok(Err(error)) => tracing::debug!(%error, "showing the known view of the ring"),
                Err(_) => tracing::debug!("showing the known view of the ring, no answer in time"),
            }
        }
        session.get_cluster_state()
    }

    /// Versions by host id, each as the node itself tells them; one that gives no answer has none.
    /// The nodes' tables of their peers would not do: two statements may be answered by two nodes.
    async fn versions(&self, cx: &Context, view: &ClusterState) -> HashMap<Uuid, Version> {
        let wait = cx.remaining().unwrap_or(VERSION).min(VERSION);
        let asked: Vec<_> = view.get_nodes_info().iter().filter(|node| node.is_connected()).cloned().collect();
        let answers = stream::iter(asked).map(|node| async move {
            let host_id = node.host_id;
            let mut statement = Statement::new("SELECT release_version, schema_version FROM system.local");
            statement.set_is_idempotent(true);
            statement.set_consistency(Consistency::One);
            statement.set_request_timeout(Some(wait));
            let target = NodeIdentifier::Node(node);
            statement.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(target, None)));
            let result = self.database.session.query_unpaged(statement, ()).await.ok()?;
            Some((host_id, result.into_rows_result().ok()?.single_row::<Version>().ok()?))
        });
        answers.buffer_unordered(ASKED_AT_ONCE).filter_map(std::future::ready).collect().await
    }

    /// The values of a partition key as texts give them, and the names of its columns.
    fn key(
        &self,
        view: &ClusterState,
        table: &str,
        key: &[String],
    ) -> Result<(Vec<CqlValue>, Vec<String>), PlacementError> {
        let keyspace = &self.database.keyspace;
        let tables = view.get_keyspace(keyspace).map(|found| &found.tables);
        let shape = tables.and_then(|tables| tables.get(table)).ok_or_else(|| {
            let mut known: Vec<&str> =
                tables.map(|tables| tables.keys().map(String::as_str).collect()).unwrap_or_default();
            known.sort_unstable();
            PlacementError::UnknownTable { known: known.join(", ") }
        })?;
        let columns = key_columns(shape);
        if columns.len() != key.len() {
            let columns = columns.iter().map(|(name, kind)| format!("{name} {kind}"));
            return Err(PlacementError::KeyParts { columns: columns.collect::<Vec<_>>().join(", ") });
        }
        let mut values = Vec::with_capacity(key.len());
        let names = columns.iter().map(|(name, _)| name.clone()).collect();
        for ((column, cql_type), text) in columns.into_iter().zip(key) {
            let value = parse_key(&cql_type, text);
            values.push(value.ok_or(PlacementError::KeyType { column, cql_type })?);
        }
        Ok((values, names))
    }
}

pub(super) fn node_of(node: &scylla::cluster::Node, tokens: Vec<i64>) -> Node {
    Node {
        host_id: node.host_id,
        address: node.address.ip(),
        port: node.address.port(),
        datacenter: node.datacenter.clone(),
        rack: node.rack.clone(),
        up: node.is_connected(),
        release_version: None,
        schema_version: None,
        tokens,
    }
}

/// How replicas are chosen, as the driver tells it.
pub(super) fn replication_of(strategy: &Strategy) -> Replication {
    match strategy {
        Strategy::NetworkTopologyStrategy { datacenter_repfactors } => Replication::NetworkTopology(
            datacenter_repfactors.iter().map(|(name, factor)| (name.clone(), *factor)).collect(),
        ),
        Strategy::SimpleStrategy { replication_factor } => Replication::Simple(*replication_factor),
        Strategy::LocalStrategy => Replication::Local,
        Strategy::Other { name, .. } => Replication::Other(name.clone()),
        _ => Replication::Other("unknown".into()),
    }
}

#[async_trait]
impl ClusterDao for CassandraCluster {
    async fn nodes(&self, cx: &Context) -> Result<Vec<Node>, DaoError> {
        let view = self.view(cx).await;
        let versions = self.versions(cx, &view).await;
        let mut tokens: HashMap<Uuid, Vec<i64>> = HashMap::new();
        for (token, node) in view.replica_locator().ring().iter() {
            tokens.entry(node.host_id).or_default().push(token.value());
        }
        let mut nodes: Vec<Node> = view
            .get_nodes_info()
            .iter()
            .map(|node| {
                let mut shown = node_of(node, tokens.remove(&node.host_id).unwrap_or_default());
                if let Some((release, schema)) = versions.get(&node.host_id) {
                    shown.release_version.clone_from(release);
                    shown.schema_version = *schema;
                }
                shown
            })
            .collect();
        nodes.sort_by(|a, b| (&a.datacenter, &a.rack, a.address).cmp(&(&b.datacenter, &b.rack, b.address)));
        Ok(nodes)
    }

    async fn keyspaces(&self, cx: &Context) -> Result<Vec<Keyspace>, DaoError> {
        let view = self.view(cx).await;
        let mut keyspaces: Vec<Keyspace> = view
            .keyspaces_iter()
            .map(|(name, keyspace)| Keyspace {
                name: name.to_owned(),
                strategy: replication_of(&keyspace.strategy),
                durable_writes: keyspace.durable_writes,
                tables: keyspace.tables.iter().map(|(table, shape)| (table.clone(), key_columns(shape))).collect(),
            })
            .collect();
        keyspaces.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keyspaces)
    }

    async fn ring(&self, cx: &Context, keyspace: &str) -> Result<Option<Ring>, DaoError> {
        let view = self.view(cx).await;
        if view.get_keyspace(keyspace).is_none() {
            return Ok(None);
        }
        let tokens: Vec<Token> = view.replica_locator().ring().iter().map(|(token, _)| *token).collect();
        let before = tokens.iter().cycle().skip(tokens.len().saturating_sub(1));
        let ranges = tokens
            .iter()
            .zip(before)
            .map(|(end, start)| Range {
                start: start.value(),
                end: end.value(),
                replicas: view.get_token_endpoints(keyspace, "", *end).iter().map(|(node, _)| node.host_id).collect(),
            })
            .collect();
        Ok(Some(Ring { cluster_name: view.cluster_name().to_owned(), keyspace: keyspace.to_owned(), ranges }))
    }

    async fn activity(&self, cx: &Context) -> Result<Vec<NodeActivity>, DaoError> {
        if let Some(found) = self.looks.recent().await {
            return Ok(found);
        }
        let nodes = self.nodes(cx).await?;
        let view = self.database.session.get_cluster_state();
        Ok(self.looks.at(cx, &self.database.session, &view, nodes).await)
    }

    async fn copies(&self, cx: &Context, table: &str, key: &[String]) -> Result<Copies, PlacementError> {
        if !COPIED.contains(&table) {
            return Err(PlacementError::UnknownTable { known: COPIED.join(", ") });
        }
        let view = self.view(cx).await;
        let (values, columns) = self.key(&view, table, key)?;
        let keyspace = &self.database.keyspace;
        let token = view.compute_token(keyspace, table, &values).map_err(|error| PlacementError::Dao(broken(error)))?;
        let replicas = view.get_token_endpoints(keyspace, table, token);
        let nodes = replicas.iter().map(|(node, _)| Arc::clone(node)).collect();
        let copies = super::activity::copies(cx, &self.database, table, &columns, &values, nodes).await;
        Ok(Copies { keyspace: keyspace.clone(), table: table.to_owned(), token: token.value(), copies })
    }

    async fn placement(&self, cx: &Context, table: &str, key: &[String]) -> Result<Placement, PlacementError> {
        let view = self.view(cx).await;
        let (values, _) = self.key(&view, table, key)?;
        let keyspace = &self.database.keyspace;
        let token = view.compute_token(keyspace, table, &values).map_err(|error| PlacementError::Dao(broken(error)))?;
        let replicas = view
            .get_token_endpoints(keyspace, table, token)
            .iter()
            .map(|(node, _)| node_of(node, Vec::new()))
            .collect();
        Ok(Placement { keyspace: keyspace.clone(), table: table.to_owned(), token: token.value(), replicas })
    }

    /// Only that a replica answers: the schema was checked before these DAOs were made, and while a
    /// keyspace gets more copies, one replica alone may not have the row yet that tells its version.
    async fn ready(&self, cx: &Context) -> Result<(), DaoError> {
        let one = Context { level: Some(Level::LocalOne), ..cx.clone() };
        match self.database.run(&one, &self.ready, &()).await {
            // It answers, if only that it cannot read its roles: who asks is told so with 503 and when to come back, and
            // not by a proxy that knows of no process any more.
            Ok(_) | Err(DaoError::RolesUnread(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn keyspace(&self) -> &str {
        &self.database.keyspace
    }

    fn default_level(&self) -> Level {
        self.database.level_of_reads
    }

    async fn trace(&self, cx: &Context, trace: Uuid) -> Result<Option<Trace>, DaoError> {
        let wait = cx.remaining().unwrap_or_default().min(TRACE);
        let asked = self.database.session.get_tracing_info(&trace);
        let Ok(Ok(info)) = tokio::time::timeout(wait, asked).await else { return Ok(None) };
        let mut events = info.events;
        // Their ids are of the time at which they were made.
        events.sort_by_key(|event| event.event_id);
        let events = events.into_iter().take(TRACE_EVENTS_MAX).map(|event| TraceEvent {
            node: event.source,
            elapsed_us: event.source_elapsed.map(i64::from),
            activity: event.activity,
            thread: event.thread,
        });
        Ok(Some(Trace {
            id: trace,
            coordinator: info.coordinator,
            started_at: info.started_at.map(|at| at.0),
            duration_us: info.duration.map(i64::from),
            request: info.request,
            events: events.collect(),
        }))
    }

    async fn trace_summary(&self, trace: Uuid) -> Option<String> {
        let wait = Duration::from_secs(1);
        let asked = self.database.session.get_tracing_info(&trace);
        let info = tokio::time::timeout(wait, asked).await.ok()?.ok()?;
        let coordinator = info.coordinator.map(|address| address.to_string());
        let micros = info.duration.map(|micros| micros.to_string());
        Some(format!(
            "coordinator={}; duration_us={}; events={}",
            coordinator.as_deref().unwrap_or("unknown"),
            micros.as_deref().unwrap_or("unknown"),
            info.events.len()
        ))
    }
}

fn key_columns(table: &scylla::cluster::metadata::Table) -> Vec<(String, String)> {
    table
        .partition_key
        .iter()
        .map(|name| {
            let cql_type = table.columns.get(name).map(|column| type_name(&column.typ));
            (name.clone(), cql_type.unwrap_or("unknown").to_owned())
        })
        .collect()
}

fn type_name(kind: &ColumnType<'_>) -> &'static str {
    match kind {
        ColumnType::Native(NativeType::Uuid) => "uuid",
        ColumnType::Native(NativeType::Timeuuid) => "timeuuid",
        ColumnType::Native(NativeType::Text) => "text",
        ColumnType::Native(NativeType::Ascii) => "ascii",
        ColumnType::Native(NativeType::BigInt) => "bigint",
        ColumnType::Native(NativeType::Int) => "int",
        _ => "another type",
    }
}

fn parse_key(cql_type: &str, text: &str) -> Option<CqlValue> {
    match cql_type {
        "uuid" => Uuid::try_parse(text).ok().map(CqlValue::Uuid),
        "text" => Some(CqlValue::Text(text.to_owned())),
        "bigint" => text.parse().ok().map(CqlValue::BigInt),
        "int" => text.parse().ok().map(CqlValue::Int),
        _ => None,
    }
}
