//! A pass as a trace, at a collector that decodes it: before an API server that has one StoreCluster and
//! keeps nothing, and a node whose management agent answers with an error.

#![allow(clippy::unwrap_used)] // a test file as a whole

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt as _;
use kube::api::PartialObjectMeta;
use serde_json::{Value, json};
use store_crds::{FINALIZER, LABEL_COMPONENT, LABEL_STORE, StoreCluster};
use store_operator::cache::Cache;
use store_operator::cassandra::jmx;
use store_operator::cassandra::live::{LiveRing, Ports};
use store_operator::client;
use store_operator::context::Context;
use store_operator::events::Publisher;
use store_operator::leader::WriteGate;
use store_operator::metrics::Metrics;
use store_operator::reconcile::reconcile;
use store_planner::settings::{Settings, UserIds};
use store_suites::otlp::{Collector, Seen};
use store_telemetry::Traces;
use store_telemetry::logs::{self, Form};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

/// In the password of the node's management agent.
const CANARY: &str = "canary-7f3a";

fn store() -> Value {
    json!({
        "apiVersion": "storemanager.io/v1alpha1",
        "kind": "StoreCluster",
        "metadata": {
            "name": "shop", "namespace": "store", "uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "generation": 1, "resourceVersion": "1", "finalizers": [FINALIZER],
        },
        "spec": {},
    })
}

fn labelled(name: &str) -> Value {
    let labels = json!({ LABEL_STORE: "shop", LABEL_COMPONENT: "cassandra" });
    json!({ "name": name, "namespace": "store", "resourceVersion": "1", "uid": name, "labels": labels })
}

/// Lists a pod and the Secret of its agent; has the store and that Secret; takes every write.
async fn api_server(request: Request) -> Response {
    let (head, body) = request.into_parts();
    if head.uri.query().is_some_and(|query| query.contains("watch=true")) {
        std::future::pending::<()>().await;
    }
    let path = head.uri.path();
    let list = |items: Value| json!({ "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "1" }, "items": items });
    let answer = match (head.method.as_str(), path.rsplit('/').next().unwrap()) {
        ("GET" | "PATCH", "shop") => store(),
        ("GET", "shop-jolokia") => json!({
            "metadata": labelled("shop-jolokia"),
            // op, and the canary
            "data": { "username": "b3A=", "password": "Y2FuYXJ5LTdmM2E=" },
        }),
        ("GET", "pods") => {
            list(json!([{ "metadata": labelled("shop-cassandra-rack1-0"), "status": { "podIP": "127.0.0.1" } }]))
        }
        ("GET", _) if path.contains("/secrets/") => {
            let missing =
                json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404 });
            return Response::builder()
                .status(http::StatusCode::NOT_FOUND)
                .header("content-type", "application/json")
                .body(Body::from(missing.to_string()))
                .unwrap();
        }
        ("GET", "secrets") => list(json!([{ "metadata": labelled("shop-jolokia") }])),
        ("GET", _) => list(json!([])),
        _ => serde_json::from_slice(&axum::body::to_bytes(body, 1 << 20).await.unwrap()).unwrap_or_else(|_| json!({})),
    };
    Response::builder().header("content-type", "application/json").body(Body::from(answer.to_string())).unwrap()
}

async fn serve(router: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn broken_agent(State(()): State<()>) -> http::StatusCode {
    http::StatusCode::INTERNAL_SERVER_ERROR
}

fn settings() -> Settings {
    Settings {
        user_ids: UserIds::Fixed,
        operator_image: "store-operator:1".into(),
        api_image: "store-api:1".into(),
        cassandra_repository: "docker.io/library/cassandra".into(),
        operator_namespace: "store-system".into(),
        operator_pod_labels: [("app.kubernetes.io/name".to_owned(), "store-operator".to_owned())].into(),
        metrics_namespaces: Vec::new(),
        telemetry: None,
    }
}

/// What a pass needs, before that API server and that agent.
async fn context() -> Context {
    let kubernetes = serve(Router::new().fallback(api_server)).await;
    let agent = serve(Router::new().fallback(broken_agent).with_state(())).await;
    let metrics = Metrics::new(1).unwrap();
    let gate = WriteGate::open();
    let config = kube::Config::new(format!("http://{kubernetes}").parse().unwrap());
    let client = client::gated(config, metrics.clone(), gate.clone()).unwrap();
    let (cache, triggers) = Cache::watch(&client, None);
    for (touched, _) in triggers {
        tokio::spawn(touched.for_each(async |_| {}));
    }
    let ports = Ports { jolokia: agent.port(), ..Ports::default() };
    let ring = LiveRing::new(jmx::http_client().unwrap(), ports, mpsc::channel(1).0);
    Context {
        events: Publisher::new(client.clone(), "it".into()),
        client,
        settings: Arc::new(settings()),
        ring: Arc::new(ring),
        http: jmx::http_client().unwrap(),
        metrics,
        gate,
        cache,
        secrets: Arc::default(),
        failures: Arc::default(),
        evictions: Arc::default(),
        refused: Arc::default(),
        unmade: Arc::default(),
    }
}

#[tokio::test]
async fn a_pass_is_one_trace_with_what_it_asked_and_wrote_and_without_a_password() {
    let collector = Collector::start().await.unwrap();
    let traces = Traces::to(&collector.traces_url(), "store-operator").unwrap();
    let quiet = EnvFilter::new("off");
    let subscriber = logs::subscriber(Form::Json, quiet, std::io::sink, Some(&traces));
    let guard = tracing::subscriber::set_default(subscriber);
    let store: PartialObjectMeta<StoreCluster> = serde_json::from_value(store()).unwrap();
    reconcile(Arc::new(store), Arc::new(context().await)).await.unwrap();
    traces.end().await;
    drop(guard);

    let spans = collector.spans();
    let roots: Vec<&Seen> = spans.iter().filter(|span| span.parent.is_empty()).collect();
    assert_eq!(roots.len(), 1, "{roots:#?}");
    let pass = roots[0];
    assert_eq!((pass.name.as_str(), pass.failed), ("reconcile", false));
    assert_eq!((pass.attribute("k8s.namespace.name"), pass.attribute("storemanager.store")), ("store", "shop"));
    assert_eq!(pass.resource["service.name"], "store-operator");
    assert!(spans.iter().all(|span| span.trace == pass.trace));

    let below = |parent: &Seen| spans.iter().filter(|span| span.parent == parent.id).collect::<Vec<_>>();
    let phase = |name: &str| {
        let found: Vec<&Seen> = below(pass).into_iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {spans:#?}");
        found[0]
    };
    phase("plan");
    let has = |phase: &Seen, name: &str| {
        let calls = below(phase);
        let names: Vec<&str> = calls.iter().map(|span| span.name.as_str()).collect();
        let call = calls.iter().find(|span| span.name == name);
        (*call.unwrap_or_else(|| panic!("no {name} in {}: {names:?}", phase.name))).clone()
    };
    let read = has(phase("observe"), "GET storeclusters");
    assert_eq!((read.kind, read.attribute("http.response.status_code")), (3, "200"));
    let asked = has(phase("observe"), "JMX read");
    assert_eq!((asked.kind, asked.failed, asked.attribute("error.type")), (3, true, "http"));
    assert_eq!(asked.attribute("server.address"), "127.0.0.1");
    has(phase("report"), "PUT storeclusters");
    has(phase("apply"), "POST secrets");
    let bytes = collector.bytes();
    assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "a password was exported");
}
