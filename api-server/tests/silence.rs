//! A node that falls silent, and one that is killed, cost no request: the real edge, models and
//! DAOs on a ring of three nodes of their own, with reads, lists, creations and changes going on. With two of three
//! nodes killed, every level is refused for a while: Cassandra cannot read its own roles.
//!
//! `cargo test -p store-api --test silence -- --ignored --nocapture` prints the slowest of each kind.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground does not hold")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use scylla::statement::SerialConsistency;
use store_api::access_log::AccessLog;
use store_api::admission::Bounds;
use store_api::app::{App, LEASE_SLACK, Limits};
use store_api::auth::Gate;
use store_api::dao::cassandra::migrations::{KeyspaceToCreate, Migrator};
use store_api::dao::cassandra::session::{Target, connect};
use store_api::dao::cassandra::{self, Observer, Sweeper, Usage};
use store_api::edge::Edge;
use store_api::metrics::Metrics;
use store_api::models::Level;
use store_api::models::cursor::CursorKey;
use store_api::router;
use store_testbed::local_cassandra::{Addresses, LocalRing, Options, SUPERUSER};

const REQUEST: Duration = Duration::from_secs(8);
const STATEMENT: Duration = Duration::from_secs(2);
/// More than this test ever sends.
const BOUNDS: Bounds = Bounds { working: 1000, calm: 1000, waiting: 0, patience: Duration::ZERO, turn: Duration::MAX };
const KEYSPACE: &str = "silence";

/// Requests by kind: how many, how many failed, the slowest.
#[derive(Debug, Default)]
struct Tally {
    sent: usize,
    failed: Vec<String>,
    worst: Duration,
    /// Longer than 3 s.
    slow: usize,
}

struct Record {
    began: Instant,
    kinds: Mutex<BTreeMap<&'static str, Tally>>,
    created: Mutex<Vec<String>>,
    stop: AtomicBool,
}

struct Shop {
    edge: Edge,
    _sweepers: Vec<Sweeper>,
}

fn target_of(ring: &LocalRing, credentials: Option<(String, String)>) -> Target {
    Target {
        hosts: ring.contact_points().iter().map(ToString::to_string).collect(),
        credentials,
        datacenter: Some("dc1".into()),
        rack: None,
        statement_timeout: STATEMENT,
    }
}

async fn migrate(ring: &LocalRing, credentials: Option<(String, String)>) {
    let connected = connect(&target_of(ring, credentials)).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    let create = KeyspaceToCreate { datacenter: "dc1".into(), replication_factor: 3 };
    let migrator = Migrator::new(&connected.session, KEYSPACE, SerialConsistency::LocalSerial, deadline);
    migrator.migrate(Some(&create)).await.unwrap();
}

async fn open(ring: &LocalRing, credentials: Option<(String, String)>) -> Shop {
    let connected = connect(&target_of(ring, credentials)).await.unwrap();
    let serial = SerialConsistency::LocalSerial;
    let usage = Usage {
        keyspace: KEYSPACE.into(),
        level: Level::LocalQuorum,
        serial,
        statement_timeout: STATEMENT,
        conditional_timeout: REQUEST / 2,
        lease: REQUEST + LEASE_SLACK,
        changes_kept: Duration::from_secs(3600),
        audit_kept: Duration::from_secs(3600),
    };
    let metrics = Metrics::new(10).unwrap();
    let observer = Observer::register(metrics.catalogue()).unwrap();
    let (daos, sweepers) = cassandra::daos(connected, &usage, &observer).await.unwrap();
    let limits = Limits { request_timeout: REQUEST, bounds: BOUNDS, quota: None };
    let cursors = CursorKey::new(b"0123456789abcdef");
    let app = App::new(limits, Level::LocalQuorum, Some("dc1".into()), cursors, metrics, Gate::Off);
    app.connect(daos);
    let router = router::build(Arc::clone(&app));
    Shop { edge: Edge::new(app, router, AccessLog::silent()), _sweepers: sweepers }
}

async fn ask(edge: &Edge, method: &str, target: &str, body: String) -> (StatusCode, String, String) {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "store")
        .header("content-type", "application/json");
    let (status, headers, body) = answer(edge, request.body(Body::from(body)).unwrap()).await;
    (status, header(&headers, "location").to_owned(), body)
}

async fn answer(edge: &Edge, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let Ok(response) = edge.answer(request, None).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn send(record: &Record, kind: &'static str, edge: &Edge, method: &str, target: &str, body: String) -> String {
    let started = Instant::now();
    let (status, location, body) = ask(edge, method, target, body).await;
    let took = started.elapsed();
    let mut kinds = record.kinds.lock().unwrap();
    let tally = kinds.entry(kind).or_default();
    tally.sent += 1;
    tally.worst = tally.worst.max(took);
    if !status.is_success() {
        tally.failed.push(format!("{status} after {took:?}: {body}"));
    }
    if took > Duration::from_secs(3) {
        tally.slow += 1;
        println!("{kind} took {took:?}, {:.1} s into the run", record.began.elapsed().as_secs_f32());
    }
    if kind == "create" && status.is_success() {
        record.created.lock().unwrap().push(location.clone());
    }
    location
}

/// One client: creates a product, changes it and reads, again and again.
async fn client(number: usize, edge: Edge, record: Arc<Record>) {
    let mut own = None;
    let mut round = 0;
    while !record.stop.load(Ordering::Relaxed) {
        round += 1;
        if round % 10 == 1 {
            let body =
                format!(r#"{{"name":"Product {number} {round}","sku":"s-{number}-{round}","price":{round}.50}}"#);
            let made = send(&record, "create", &edge, "POST", "/products", body).await;
            own = (!made.is_empty()).then_some(made).or(own);
        }
        let Some(path) = own.clone() else { continue };
        send(&record, "read", &edge, "GET", &path, String::new()).await;
        send(&record, "list", &edge, "GET", "/products?limit=10", String::new()).await;
        if round % 3 == 0 {
            let body = format!(r#"{{"brand":"brand {round}"}}"#);
            send(&record, "change", &edge, "PATCH", &path, body).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts three Cassandra nodes"]
async fn a_silent_node_and_a_killed_one_cost_no_request_and_lose_nothing() {
    let directory = std::env::temp_dir().join(format!("store-silence-{}", std::process::id()));
    let mut ring =
        LocalRing::start(Options { nodes: 3, addresses: Addresses::Free, ..Options::new(&directory) }).await.unwrap();
    migrate(&ring, None).await;
    let shop = open(&ring, None).await;
    let record = Arc::new(Record {
        began: Instant::now(),
        kinds: Mutex::default(),
        created: Mutex::default(),
        stop: AtomicBool::new(false),
    });
    let clients: Vec<_> =
        (0..8).map(|number| tokio::spawn(client(number, shop.edge.clone(), Arc::clone(&record)))).collect();
    let wait = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    wait(5).await;
    // Frozen: its connections stay open and nothing comes back, as after a cut of its power.
    ring.pause(1).unwrap();
    wait(15).await;
    ring.resume(1).unwrap();
    wait(15).await;
    ring.kill_node(2).unwrap();
    wait(10).await;
    record.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    for (kind, tally) in record.kinds.lock().unwrap().iter() {
        println!("{kind}: {} sent, {} failed, worst {:?}", tally.sent, tally.failed.len(), tally.worst);
        assert!(tally.failed.is_empty(), "{kind}: {:#?}", tally.failed);
        assert!(tally.sent > 50, "{kind}: {}", tally.sent);
        assert!(tally.worst < REQUEST + Duration::from_secs(1), "{kind}: {:?}", tally.worst);
        let slow = tally.slow * 100 / tally.sent;
        assert!(slow < 5, "{kind}: {slow} % took longer than 3 s");
    }
    let created = record.created.lock().unwrap().clone();
    for path in &created {
        let (status, _, body) = ask(&shop.edge, "GET", path, String::new()).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    println!("{} products created, each read back", created.len());
    drop(ring);
    std::fs::remove_dir_all(&directory).ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts three Cassandra nodes"]
async fn without_a_quorum_for_cassandra_s_own_roles_every_level_is_told_to_come_again() {
    let directory = std::env::temp_dir().join(format!("store-roles-{}", std::process::id()));
    let options = Options { nodes: 3, addresses: Addresses::Free, authentication: true, ..Options::new(&directory) };
    let mut ring = LocalRing::start(options).await.unwrap();
    let superuser = (SUPERUSER.0.to_owned(), SUPERUSER.1.to_owned());
    migrate(&ring, Some(superuser.clone())).await;
    let shop = open(&ring, Some(superuser.clone())).await;
    let session = connect(&target_of(&ring, Some(superuser))).await.unwrap().session;
    for statement in [
        "ALTER KEYSPACE system_auth WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}",
        "CREATE ROLE clerk WITH PASSWORD = 'clerk' AND LOGIN = true",
        "GRANT SELECT ON KEYSPACE silence TO clerk",
        "GRANT MODIFY ON KEYSPACE silence TO clerk",
    ] {
        session.query_unpaged(statement, ()).await.unwrap();
    }
    let made = ask(&shop.edge, "POST", "/products", r#"{"name":"Tea","sku":"tea","price":2.5}"#.to_owned()).await;
    let (_, path, _) = made;
    let clerk = open(&ring, Some(("clerk".into(), "clerk".into()))).await;
    let at_one = || {
        Request::builder()
            .uri(&path)
            .header("host", "store")
            .header("consistency-level", "ONE")
            .body(Body::empty())
            .unwrap()
    };
    let (status, _, body) = answer(&clerk.edge, at_one()).await;
    assert_eq!(status, 200, "{body}");
    ring.kill_node(1).unwrap();
    ring.kill_node(2).unwrap();
    // What the node has read of roles and rights is good for two seconds.
    let until = Instant::now() + Duration::from_secs(60);
    let (headers, body) = loop {
        let (status, headers, body) = answer(&clerk.edge, at_one()).await;
        if status != 200 {
            assert_eq!(status, 503, "{body}");
            break (headers, body);
        }
        assert!(Instant::now() < until, "still answered");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    println!("{body}");
    assert!(header(&headers, "retry-after").parse::<u32>().is_ok(), "{headers:?}");
    drop(ring);
    std::fs::remove_dir_all(&directory).ok();
}
