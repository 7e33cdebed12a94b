//! What is exported of a request, by a collector that decodes it: the way from HTTP to the statement,
//! and nothing else.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use store_suites::otlp::{Collector, Mood, Seen};
use store_telemetry::Traces;
use store_telemetry::logs::{self, Form};
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::EnvFilter;

use crate::buyers::{daos_on_cassandra, drop_keyspace};
use crate::client::Store;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector, and the export to it of whatever this test's thread does.
struct Traced {
    collector: Collector,
    traces: Traces,
    _subscriber: DefaultGuard,
}

/// While a process has one subscriber only, `tracing` asks that of the thread which comes to a span first whether anybody
/// wants it, for ever: a test without a subscriber would answer no for all. With two it asks both.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

impl Traced {
    async fn start() -> Self {
        LazyLock::force(&SECOND);
        let collector = Collector::start().await.unwrap();
        let traces = Traces::to(&collector.traces_url(), "store-api").unwrap();
        let quiet = EnvFilter::new("off");
        let subscriber = logs::subscriber(Form::Json, quiet, std::io::sink, Some(&traces));
        let guard = tracing::subscriber::set_default(subscriber);
        Self { collector, traces, _subscriber: guard }
    }

    /// Everything that was exported, once it was.
    async fn end(self) -> (Vec<Seen>, Collector) {
        self.traces.end().await;
        (self.collector.spans(), self.collector)
    }
}

/// Names from a span up to the one that no span here is above.
fn way_up<'a>(spans: &'a [Seen], from: &'a Seen) -> Vec<&'a str> {
    let mut names = vec![from.name.as_str()];
    let mut at = from;
    while let Some(parent) = spans.iter().find(|span| span.id == at.parent) {
        names.push(&parent.name);
        at = parent;
    }
    names
}

fn named<'a>(spans: &'a [Seen], name: &str) -> &'a Seen {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

#[tokio::test]
async fn a_request_is_one_trace_from_the_ingress_to_the_dao() {
    let traced = Traced::start().await;
    let store = Store::new().trusting(1);
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let body = r#"{"name":"Lamp","sku":"LAMP-1","price":10.50}"#;
    let made = store.call("POST", "/products").header("traceparent", &parent).header("x-request-id", "r-1").json(body);
    let path = made.send().await.header("location").unwrap().to_owned();
    assert_eq!(store.call("GET", &path).send().await.status, 200);
    assert_eq!(store.get("/nothing/there").await.status, 404);
    assert_eq!(store.get("/livez").await.status, 200);
    let (spans, _collector) = traced.end().await;

    let insert = named(&spans, "dao.products.insert");
    let up = ["dao.products.insert", "model.products.create", "controller.products", "POST /products"];
    assert_eq!(way_up(&spans, insert), up);
    let server = named(&spans, "POST /products");
    assert_eq!((server.trace.as_str(), server.parent.as_str(), server.kind), (TRACE, PARENT, 2));
    assert!(spans.iter().filter(|span| span.trace == TRACE).count() >= 4);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/products"),
        ("http.response.status_code", "201"),
        ("http.response.header.x-request-id", "r-1"),
        ("url.scheme", "http"),
    ] {
        assert_eq!(server.attribute(name), value, "{server:?}");
    }
    assert_eq!(server.resource["service.name"], "store-api");
    assert!(server.numbers.contains("http.response.status_code"), "{server:?}");

    // Without a parent a request begins a trace of its own, and ids are not told of it.
    let find = named(&spans, "dao.products.find");
    assert_eq!(way_up(&spans, find).last(), Some(&"GET /products/{id}"));
    let show = named(&spans, "GET /products/{id}");
    assert!(show.trace != TRACE && show.parent.is_empty());
    let id = path.rsplit('/').next().unwrap();
    assert!(spans.iter().flat_map(|span| span.attributes.values()).all(|value| !value.contains(id)));
    let unmatched = named(&spans, "GET");
    assert_eq!((unmatched.attribute("http.response.status_code"), unmatched.failed), ("404", false));
    assert!(!unmatched.attributes.contains_key("http.route"));
    assert_eq!(spans.iter().filter(|span| span.parent.is_empty()).count(), 2, "no span of a probe: {spans:#?}");
}

#[tokio::test]
async fn a_forged_traceparent_changes_nothing_but_the_trace() {
    let traced = Traced::start().await;
    let store = Store::new();
    let long = format!("00-{TRACE}-{PARENT}-01-{}", "f".repeat(8000));
    let forged = [
        "",
        "-",
        "00",
        "not a traceparent",
        "00-0-0-00",
        &long,
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
        "00-4bf92f3577b34da6a3ce929d0e0e4736\u{e9}-00f067aa0ba902b7-01",
    ];
    for text in forged {
        let answer =
            store.call("GET", "/products").header("traceparent", text).header("tracestate", &long).send().await;
        assert_eq!(answer.status, 200, "{text}");
    }
    let two = format!("00-{TRACE}-{PARENT}-01");
    let answer = store.call("GET", "/products").header("traceparent", &two).header("traceparent", &two).send().await;
    assert_eq!(answer.status, 200);
    let (spans, collector) = traced.end().await;
    let servers: Vec<&Seen> = spans.iter().filter(|span| span.kind == 2).collect();
    assert_eq!(servers.len(), forged.len() + 1);
    // A trailing dash is what some versions of the format may have.
    let followed = servers.iter().filter(|span| span.trace == TRACE).count();
    assert!(followed <= 1, "{followed}");
    assert!(!String::from_utf8_lossy(&collector.bytes()).contains("ffffffff"), "a tracestate went on");
}

#[tokio::test]
async fn whoever_does_not_want_its_trace_recorded_is_heard() {
    let traced = Traced::start().await;
    let store = Store::new();
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    assert_eq!(store.call("GET", "/products").header("traceparent", &unsampled).send().await.status, 200);
    let (spans, _collector) = traced.end().await;
    assert_eq!(spans, []);
}

#[tokio::test]
async fn a_collector_that_hangs_costs_no_request_and_not_the_end() {
    let traced = Traced::start().await;
    traced.collector.become_one_that(Mood::Hangs);
    let store = Store::new();
    let began = Instant::now();
    // Some four spans each: several times what the queue holds.
    for _ in 0..3000 {
        assert_eq!(store.get("/products").await.status, 200);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?} for 3000 requests");
    let ending = Instant::now();
    let (spans, collector) = traced.end().await;
    assert!(ending.elapsed() < Duration::from_secs(5), "{:?}", ending.elapsed());
    assert!(spans.is_empty() && collector.asked() >= 1, "{} batches", collector.asked());
}

#[tokio::test]
async fn a_request_is_one_trace_down_to_the_statement_on_cassandra() {
    let Some((mut daos, keyspace)) = daos_on_cassandra(1).await else { return };
    let traced = Traced::start().await;
    let store = Store::over(daos.remove(0));
    let path = store.created("traced").await;
    let quorum = store.call("GET", &path).header("consistency-level", "QUORUM").send().await;
    assert_eq!(quorum.status, 200, "{}", quorum.text());
    let coordinator = quorum.header("cassandra-coordinator").unwrap().to_owned();
    let (spans, collector) = traced.end().await;
    drop_keyspace(&keyspace).await;

    let server = named(&spans, "GET /products/{id}");
    let statement = spans.iter().find(|span| span.kind == 3 && span.trace == server.trace).unwrap();
    let up =
        ["SELECT products", "dao.products.find", "model.products.find", "controller.products", "GET /products/{id}"];
    assert_eq!(way_up(&spans, statement), up);
    for (name, value) in [
        ("db.system.name", "cassandra"),
        ("db.namespace", keyspace.as_str()),
        ("db.operation.name", "SELECT"),
        ("db.collection.name", "products"),
        ("cassandra.consistency.level", "quorum"),
        ("cassandra.query.idempotent", "true"),
        ("network.peer.address", coordinator.as_str()),
    ] {
        assert_eq!(statement.attribute(name), value, "{statement:#?}");
    }
    assert!(statement.numbers.contains("network.peer.port"), "{statement:#?}");
    assert_eq!(statement.attribute("cassandra.coordinator.id").len(), 36);
    assert!(!statement.attribute("cassandra.coordinator.dc").is_empty());
    let text = statement.attribute("db.query.text");
    assert!(text.starts_with("SELECT ") && text.contains('?'), "{text}");
    let id = path.rsplit('/').next().unwrap();
    let bytes = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(!bytes.contains(id) && !bytes.contains("Product traced"), "a value was exported");

    // The creation is made by Paxos, whose level is told beside that of the commit.
    let made = named(&spans, "POST /products");
    let paxos = spans.iter().find(|span| {
        span.trace == made.trace && span.attribute("cassandra.serial_consistency.level") == "local_serial"
    });
    assert_eq!(paxos.unwrap().attribute("cassandra.consistency.level"), "local_quorum");
}
