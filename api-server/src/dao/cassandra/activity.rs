//! What the nodes' virtual tables tell, and a row as each replica has it: every statement is sent to the node that it is about,
//! and to no other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use scylla::client::session::Session;
use scylla::cluster::ClusterState;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::serialize::row::SerializeRow;
use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;
use scylla::value::CqlValue;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::cluster::node_of;
use super::execute::Database;
use crate::dao::Context;
use crate::dao::activity::{Copy, Hints, NodeActivity, Outbound, Peer, Silence, Stream, Task, Told};
use crate::dao::cluster::Node;

/// A look is believed for so long, however many ask.
const BELIEVED: Duration = Duration::from_secs(1);
/// Longest wait for one node's answer.
const WAIT: Duration = Duration::from_secs(1);
/// Nodes asked at the same time.
const ASKED_AT_ONCE: usize = 8;
/// Rows of a partition that are shown, of each copy.
const ROWS_MAX: usize = 20;

// What is asked has a bound: a node tells of as many streams as it has had, and of as many peers as there are.
const PEERS: &str = "SELECT JSON address, host_id, status, status_with_port, generation, heartbeat FROM system_views.gossip_info \
                     LIMIT 1000";
const HINTS: &str = "SELECT JSON host_id, address, files, newest, oldest FROM system_views.pending_hints LIMIT 1000";
const STREAMS: &str = "SELECT JSON id, operation, peers, status, progress_percentage, bytes_to_send, bytes_sent, \
                       bytes_to_receive, bytes_received FROM system_views.streaming LIMIT 200";
const TASKS: &str = "SELECT JSON keyspace_name, table_name, kind, progress, total, unit FROM system_views.sstable_tasks \
                     LIMIT 200";
const OUTBOUND: &str = "SELECT JSON address, pending_count, pending_bytes, expired_count, error_count FROM \
                        system_views.internode_outbound LIMIT 1000";

/// A heartbeat that one node knows of another, by both.
type Beats = HashMap<(Uuid, IpAddr), Beat>;

/// Where a heartbeat stood, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beat {
    generation: i64,
    heartbeat: i64,
    since: Instant,
}

/// The last look at the ring, and how the heartbeats stood then.
#[derive(Default)]
pub struct Looks(Mutex<Option<Look>>);

struct Look {
    at: Instant,
    found: Vec<NodeActivity>,
    beats: Beats,
}

impl Looks {
    /// What was found within the last second.
    pub async fn recent(&self) -> Option<Vec<NodeActivity>> {
        let last = self.0.lock().await;
        last.as_ref().filter(|look| look.at.elapsed() < BELIEVED).map(|look| look.found.clone())
    }

    /// What each node tells now, or told within the last second.
    pub async fn at(
        &self,
        cx: &Context,
        session: &Session,
        view: &ClusterState,
        nodes: Vec<Node>,
    ) -> Vec<NodeActivity> {
        let mut last = self.0.lock().await;
        if let Some(look) = &*last
            && look.at.elapsed() < BELIEVED
        {
            return look.found.clone();
        }
        let wait = cx.remaining().unwrap_or(WAIT).min(WAIT);
        let known: HashMap<Uuid, _> = view.get_nodes_info().iter().map(|node| (node.host_id, node)).collect();
        let asked = nodes.into_iter().map(|node| {
            let target = known.get(&node.host_id).copied().filter(|target| target.is_connected()).map(Arc::clone);
            async move {
                let told = match target {
                    Some(target) => ask(session, target, wait).await,
                    None => Err(Silence::Down),
                };
                NodeActivity { node, told }
            }
        });
        let mut found: Vec<NodeActivity> = stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await;
        let now = Instant::now();
        let before = last.take().map(|look| look.beats).unwrap_or_default();
        let beats = listen(&before, &mut found, now);
        *last = Some(Look { at: now, found: found.clone(), beats });
        found
    }
}

/// Tells of each heartbeat for how long it has stood still, and remembers where all stand. Pure.
fn listen(before: &Beats, found: &mut [NodeActivity], now: Instant) -> Beats {
    let mut beats = Beats::new();
    for NodeActivity { node, told } in found {
        let Ok(told) = told else { continue };
        for peer in &mut told.peers {
            let key = (node.host_id, peer.address);
            let known = before.get(&key);
            let stands = known.filter(|beat| (beat.generation, beat.heartbeat) == (peer.generation, peer.heartbeat));
            let beat =
                stands.copied().unwrap_or(Beat { generation: peer.generation, heartbeat: peer.heartbeat, since: now });
            peer.silent = known.map(|_| now.saturating_duration_since(beat.since));
            beats.insert(key, beat);
        }
    }
    beats
}

/// A statement for one node alone.
fn to(text: String, target: Arc<scylla::cluster::Node>, wait: Duration) -> Statement {
    let mut statement = Statement::new(text);
    statement.set_is_idempotent(true);
    statement.set_consistency(Consistency::One);
    statement.set_request_timeout(Some(wait));
    let target = NodeIdentifier::Node(target);
    statement.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(target, None)));
    statement
}

/// The rows that a node answers a `SELECT JSON` with.
async fn rows(
    session: &Session,
    statement: Statement,
    values: impl SerializeRow,
) -> Result<Vec<Map<String, Value>>, Silence> {
    let result = session.query_unpaged(statement, values).await.map_err(|error| silence(&error))?;
    let result = result.into_rows_result().map_err(|_| Silence::NoAnswer)?;
    let texts = result.rows::<(String,)>().map_err(|_| Silence::NoAnswer)?;
    Ok(texts.filter_map(|row| row.ok().and_then(|(text,)| serde_json::from_str(&text).ok())).collect())
}

fn silence(error: &ExecutionError) -> Silence {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Unauthorized, _)) => Silence::NotAllowed,
        _ => Silence::NoAnswer,
    }
}

async fn ask(session: &Session, target: Arc<scylla::cluster::Node>, wait: Duration) -> Result<Told, Silence> {
    let rows = |text: &str| rows(session, to(text.to_owned(), Arc::clone(&target), wait), ());
    let (peers, hints, streams, tasks, outbound) =
        tokio::join!(rows(PEERS), rows(HINTS), rows(STREAMS), rows(TASKS), rows(OUTBOUND));
    Ok(Told {
        peers: peers?.iter().filter_map(peer).collect(),
        hints: hints?.iter().filter_map(hint).collect(),
        streams: streams?.iter().filter_map(streaming).collect(),
        tasks: tasks?.iter().map(task).collect(),
        outbound: outbound?.iter().map(queue).collect(),
    })
}

/// A partition of a table as each of these nodes has it, whose key columns have these values.
pub async fn copies(
    cx: &Context,
    database: &Database,
    table: &str,
    columns: &[String],
    values: &[CqlValue],
    nodes: Vec<Arc<scylla::cluster::Node>>,
) -> Vec<Copy> {
    let wait = cx.remaining().unwrap_or(WAIT).min(WAIT);
    let conditions: Vec<String> = columns.iter().map(|column| format!("\"{column}\" = ?")).collect();
    let (keyspace, conditions) = (&database.keyspace, conditions.join(" AND "));
    let text = format!("SELECT JSON * FROM \"{keyspace}\".\"{table}\" WHERE {conditions} LIMIT {ROWS_MAX}");
    let asked = nodes.into_iter().map(|target| {
        let text = text.clone();
        async move {
            let node = node_of(&target, Vec::new());
            let rows = match node.up {
                true => rows(&database.session, to(text, target, wait), values).await,
                false => Err(Silence::Down),
            };
            Copy { node, rows }
        }
    });
    stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await
}

fn text(row: &Map<String, Value>, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn count(row: &Map<String, Value>, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap_or(0)
}

fn id(row: &Map<String, Value>, name: &str) -> Option<Uuid> {
    row.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok())
}

fn peer(row: &Map<String, Value>) -> Option<Peer> {
    let state = text(row, "status_with_port").or_else(|| text(row, "status"));
    Some(Peer {
        address: text(row, "address")?.trim_start_matches('/').parse().ok()?,
        host_id: id(row, "host_id"),
        // `NORMAL,-9223372036854775808`: what follows is for nodes.
        status: state.and_then(|text| text.split(',').next().map(str::to_owned)),
        generation: count(row, "generation"),
        heartbeat: count(row, "heartbeat"),
        silent: None,
    })
}

fn hint(row: &Map<String, Value>) -> Option<Hints> {
    Some(Hints {
        host_id: id(row, "host_id")?,
        address: text(row, "address"),
        files: count(row, "files"),
        newest: text(row, "newest"),
        oldest: text(row, "oldest"),
    })
}

fn streaming(row: &Map<String, Value>) -> Option<Stream> {
    let peers = row.get("peers").and_then(Value::as_array);
    let peers = peers.map(|peers| peers.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Some(Stream {
        id: id(row, "id")?,
        operation: text(row, "operation").unwrap_or_default(),
        peers: peers.unwrap_or_default(),
        status: text(row, "status").unwrap_or_default(),
        percent: row.get("progress_percentage").and_then(Value::as_f64).unwrap_or(0.0),
        bytes_to_send: count(row, "bytes_to_send"),
        bytes_sent: count(row, "bytes_sent"),
        bytes_to_receive: count(row, "bytes_to_receive"),
        bytes_received: count(row, "bytes_received"),
    })
}

fn task(row: &Map<String, Value>) -> Task {
    Task {
        kind: text(row, "kind").unwrap_or_default(),
        keyspace: text(row, "keyspace_name").unwrap_or_default(),
        table: text(row, "table_name").unwrap_or_default(),
        progress: count(row, "progress"),
        total: count(row, "total"),
        unit: text(row, "unit").unwrap_or_default(),
    }
}

fn queue(row: &Map<String, Value>) -> Outbound {
    Outbound {
        address: text(row, "address").unwrap_or_default(),
        pending: count(row, "pending_count"),
        pending_bytes: count(row, "pending_bytes"),
        expired: count(row, "expired_count"),
        errors: count(row, "error_count"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn row(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_peer_is_read_from_what_both_releases_write() {
        let older = peer(&row(r#"{"address": "127.0.0.2", "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c4",
            "status": "NORMAL,-42", "status_with_port": null, "generation": 7, "heartbeat": 9}"#));
        let older = older.unwrap();
        assert_eq!((older.status.as_deref(), older.generation, older.heartbeat), (Some("NORMAL"), 7, 9));
        let newer = peer(&row(r#"{"address": "/127.0.0.2", "status": null, "status_with_port": "shutdown,true"}"#));
        assert_eq!(newer.unwrap().status.as_deref(), Some("shutdown"));
        assert_eq!(peer(&row(r#"{"address": "nowhere"}"#)), None);
    }

    #[test]
    fn a_heartbeat_that_stands_still_is_told_for_how_long_and_one_that_goes_on_is_not() {
        let node = |silent| {
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let node = Node {
                host_id: Uuid::nil(),
                address,
                port: 9042,
                datacenter: None,
                rack: None,
                up: true,
                release_version: None,
                schema_version: None,
                tokens: Vec::new(),
            };
            let peer = |last: u8, heartbeat| Peer {
                address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)),
                host_id: None,
                status: None,
                generation: 1,
                heartbeat,
                silent: None,
            };
            [NodeActivity { node, told: Ok(Told { peers: vec![peer(2, 5), peer(3, silent)], ..Told::default() }) }]
        };
        let silent = |found: &[NodeActivity]| {
            let told = found[0].told.as_ref().unwrap();
            told.peers.iter().map(|peer| peer.silent.map(|silent| silent.as_secs())).collect::<Vec<_>>()
        };
        let begin = Instant::now();
        let mut found = node(5);
        let beats = listen(&Beats::new(), &mut found, begin);
        assert_eq!(silent(&found), [None, None], "one look tells nothing");
        let mut found = node(6);
        let beats = listen(&beats, &mut found, begin + Duration::from_secs(4));
        assert_eq!(silent(&found), [Some(4), Some(0)]);
        let mut found = node(7);
        listen(&beats, &mut found, begin + Duration::from_secs(12));
        assert_eq!(silent(&found), [Some(12), Some(0)]);
    }
}
