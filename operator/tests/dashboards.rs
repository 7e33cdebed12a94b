//! The dashboards of the ring and of the operator before a real Prometheus that scrapes the operator's own
//! `/metrics` and that of a node's agent. Ignored by default, since Prometheus is fetched and started.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use store_crds::StoreClusterStatus;
use store_operator::health::{self, Health, Heartbeat};
use store_operator::metrics::{Metrics, Outcome, Wanted};
use store_operator::node::agent::{AgentArgs, node_agent};
use store_suites::monitoring::hurry::hurried;
use store_suites::monitoring::server::{Server, Settings, Target};
use store_suites::monitoring::{Query, queries, shipped_rules};
use store_testbed::cache::Cache;
use store_testbed::checkout::root;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Answers every question, and a pattern with two MBeans; a number more each time.
async fn jolokia(State(asked): State<Arc<AtomicU64>>, Json(questions): Json<Vec<Value>>) -> Json<Vec<Value>> {
    let value = asked.fetch_add(1, Ordering::Relaxed) * 1000 + 1000;
    let answer = |question: Value| {
        let (mbean, attribute) = (question["mbean"].as_str().unwrap(), question["attribute"].as_str().unwrap());
        if !mbean.contains('*') {
            return json!({ "status": 200, "value": value });
        }
        let beans = ["one", "two"].map(|name| (mbean.replace('*', name), json!({ attribute: value })));
        json!({ "status": 200, "value": Value::Object(beans.into_iter().collect()) })
    };
    Json(questions.into_iter().map(answer).collect())
}

fn status() -> StoreClusterStatus {
    let node = |rack: &str| json!({ "pod": format!("shop-cassandra-{rack}-0"), "rack": rack, "hostId": rack, "state": "Normal", "loadMib": 5 });
    let condition = |kind: &str| json!({ "type": kind, "status": "True", "reason": "Tested", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
    let conditions = ["Available", "Ready", "Progressing", "Degraded", "ReplicationSynced"].map(condition);
    let nodes = ["a", "b", "c"].map(node);
    serde_json::from_value(json!({
        "conditions": conditions,
        "nodes": nodes,
        "keyspaces": [{ "name": "store_manager", "wantedReplication": 3, "replication": 3, "repair": "Owed" }],
        "operation": { "kind": "Repair", "step": "repairing", "startedAt": "2026-01-01T00:00:00Z" },
        "owed": [{ "kind": "Repair", "hostIds": ["a"], "since": "2026-01-01T00:00:00Z" }],
        "api": { "readyReplicas": 2 },
    }))
    .unwrap()
}

async fn listen() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches and starts a Prometheus"]
async fn every_query_of_a_dashboard_that_operator_and_nodes_serve_returns_data() {
    let (listener, operator) = listen().await;
    let metrics = Metrics::new(8).unwrap();
    let health = Health { work: Heartbeat::new(), api_server: None, metrics: metrics.clone() };
    tokio::spawn(health::serve(listener, health, CancellationToken::new()));

    let (listener, cassandra) = listen().await;
    let asked = Router::new().route("/jolokia/", post(jolokia)).with_state(Arc::default());
    tokio::spawn(async move { axum::serve(listener, asked).await });
    let secrets = tempfile::tempdir().unwrap();
    for name in ["username", "password"] {
        std::fs::write(secrets.path().join(name), "op").unwrap();
    }
    let (free, agent) = listen().await;
    drop(free);
    let args = AgentArgs {
        port: agent.port(),
        cql_port: 1,
        data_dir: secrets.path().to_owned(),
        jolokia_port: cassandra.port(),
        credentials_dir: secrets.path().to_owned(),
    };
    tokio::spawn(node_agent(args, std::future::pending()));

    let live = || {
        metrics.leading(true);
        metrics.queue.touched("shops", "shop");
        metrics.pass_began("shops", "shop");
        metrics.request("GET", "200");
        metrics.write("ConfigMap", "apply");
        metrics.show("shops", "shop", Wanted { nodes: 3, api_pods: 2 }, &status());
        metrics.pass_ended(Outcome::RequeueAfter, None, Duration::from_millis(3));
        metrics.pass_began("shops", "shop");
        metrics.pass_ended(Outcome::Error, Some("Conflict"), Duration::from_millis(3));
    };
    live();
    let targets = [
        Target::new(operator, &[("job", "operator"), ("namespace", "store-system"), ("pod", "operator-0")]),
        Target::new(
            agent,
            &[("job", "cassandra"), ("namespace", "shops"), ("store", "shop"), ("pod", "shop-cassandra-a-0")],
        ),
    ];
    let settings = Settings { rules: hurried(&shipped_rules(&root()).unwrap()), interval: Duration::from_secs(1) };
    let prometheus = Server::start(&Cache::open().unwrap(), &settings, &targets).await.unwrap();
    let others: Vec<Query> =
        queries(&root()).unwrap().into_iter().filter(|query| !query.is_of_the_api().unwrap()).collect();
    assert!(others.len() >= 35, "{}", others.len());
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        live();
        let empty = prometheus.empty(&others, "shops", "shop").await.unwrap();
        if empty.is_empty() {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "no data: {empty:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    // What the status says is wrong has its alert, without the wait that follows.
    let firing = prometheus.ask(r#"ALERTS{name="shop",alertname=~"StoreRepairOverdue|StoreDegraded"}"#).await.unwrap();
    assert_eq!(firing.len(), 2, "{firing:?}");
    metrics.forget("shops", "shop");
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while !prometheus.ask(r#"ALERTS{name="shop"}"#).await.unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < until, "a store that is gone still has alerts");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
