//! What is around the products: probes, metrics, documents, the ring, overload.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::future::join_all;
use futures::stream;
use store_api::dao::memory;

use super::client::Store;

#[tokio::test]
async fn probes_answer_as_older_and_newer_clients_expect() {
    let store = Store::new();
    for (target, status) in [("/health", "healthy"), ("/health-check", "ok"), ("/livez", "ok"), ("/readyz", "ready")] {
        let answer = store.get(target).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.json()["status"], status, "{target}");
    }
}

#[tokio::test]
async fn without_a_database_the_process_lives_and_says_that_it_is_not_ready() {
    let store = Store::without_database(100);
    for target in ["/health", "/health-check", "/livez", "/metrics", "/openapi.json"] {
        assert_eq!(store.get(target).await.status, 200, "{target}");
    }
    for target in ["/readyz", "/products", "/cluster/nodes"] {
        let answer = store.get(target).await;
        assert_eq!(answer.status, 503, "{target}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{target}");
    }
    let body = r#"{"name":"a","sku":"b","price":1}"#;
    assert_eq!(store.create(body).await.status, 503);
    assert_eq!(store.create("{").await.status, 400, "bad requests are told first");
}

#[tokio::test]
async fn a_draining_process_is_not_ready_and_closes_connections_after_answers() {
    let store = Store::new();
    let path = store.created("one").await;
    store.app.drain();
    assert_eq!(store.get("/readyz").await.status, 503);
    let answer = store.get(&path).await;
    assert_eq!(answer.status, 200, "still served");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(store.get("/livez").await.status, 200);
}

#[tokio::test]
async fn beyond_the_bound_requests_are_turned_away_and_probes_are_not() {
    let store = Store::without_database(0);
    let answer = store.get("/products").await;
    assert_eq!(answer.status, 503);
    assert!(answer.json()["type"].as_str().unwrap().ends_with(":overloaded"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(store.get("/livez").await.status, 200);
    let metrics = store.get("/metrics").await.text();
    assert!(metrics.contains("store_requests_shed_total 1"), "{metrics}");
}

#[tokio::test]
async fn who_sends_a_body_slowly_keeps_nobody_out() {
    let store = Store::without_database(2);
    store.app.connect(memory::daos());
    let slow = (0..2).map(|_| {
        let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        store.call("POST", "/products").header("content-type", "application/json").body(body).send()
    });
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (store.get("/products").await.status, store.created("one").await)
    };
    let (slow, (status, _)) = tokio::join!(join_all(slow), others);
    assert_eq!(status, 200);
    for answer in slow {
        assert_eq!(answer.status, 408, "{}", answer.text());
    }
}

#[tokio::test]
async fn requests_are_counted_by_pattern_and_never_by_path() {
    let store = Store::new();
    let path = store.created("one").await;
    for _ in 0..3 {
        store.get(&path).await;
    }
    store.get("/products/unknown").await;
    store.get("/nowhere/at/all").await;
    store.call("BREW", "/products").send().await;
    let metrics = store.get("/metrics").await.text();
    let count = |labels: &str| {
        let line = metrics
            .lines()
            .find(|line| line.starts_with("http_server_request_duration_seconds_count") && line.contains(labels));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    let shown = "http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/products/{id}\"";
    assert_eq!(count(shown).as_deref(), Some("3"), "{metrics}");
    let missed = "http_response_status_code=\"404\",http_route=\"/products/{id}\"";
    assert_eq!(count(missed).as_deref(), Some("1"));
    assert!(count("http_response_status_code=\"404\",http_route=\"\"").is_some());
    assert!(count("http_request_method=\"_OTHER\"").is_some());
    assert!(!metrics.contains("nowhere") && !metrics.contains("BREW"));
    assert!(metrics.contains("http_server_active_requests 1"), "the scrape itself");
}

#[tokio::test]
async fn a_request_id_is_kept_or_made_and_always_told() {
    let stranger = Store::new().call("GET", "/health").header("x-request-id", "abc-123").send().await;
    assert_eq!(stranger.header("x-request-id").map(str::len), Some(32), "nobody is believed unless there is a proxy");
    let store = Store::new().trusting(1);
    let kept = store.call("GET", "/health").header("x-request-id", "abc-123").send().await;
    assert_eq!(kept.header("x-request-id"), Some("abc-123"));
    let mut made = Vec::new();
    for bad in ["", "a b", "<script>", &"x".repeat(65), "é"] {
        let answer = store.call("GET", "/nowhere").header("x-request-id", bad).send().await;
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 32, "{bad}");
        assert_eq!(answer.json()["request_id"], id.as_str());
        made.push(id);
    }
    made.dedup();
    assert_eq!(made.len(), 5, "each its own");
}

#[tokio::test]
async fn answers_are_for_whom_they_are_for() {
    let store = Store::new();
    let made = store.create(r#"{"name":"a","sku":"b","price":1}"#).await;
    let product = made.header("location").unwrap().to_owned();
    for (path, kept) in [
        (product.as_str(), "private, no-cache"),
        ("/products", "private, no-cache"),
        ("/nowhere", "private, no-cache"),
        ("/users", "no-store"),
        ("/users/0190a0a0-0000-7000-8000-000000000000", "no-store"),
        ("/orders", "no-store"),
        ("/orders/reports/highest-spenders", "no-store"),
        ("/docs/index.html", "public, max-age=3600"),
    ] {
        let answer = store.get(path).await;
        assert_eq!(answer.header("cache-control"), Some(kept), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(policy.starts_with("default-src 'none'"), !path.starts_with("/docs"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn the_documents_need_no_other_host() {
    let store = Store::new();
    let document = store.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let redirect = store.get("/docs").await;
    assert_eq!(redirect.status, 307);
    assert_eq!(redirect.header("location"), Some("/docs/index.html"));
    let page = store.get("/docs/index.html").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'self'"));
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert_eq!(store.get(&format!("/docs/{file}")).await.status, 200, "{file}");
    }
    let starter = store.get("/docs/swagger-initializer.js").await.text();
    assert!(starter.contains("/openapi.json"), "{starter}");
    for text in [page.text(), starter] {
        assert!(!text.contains("https://"), "{text}");
    }
}

#[tokio::test]
async fn the_operator_tells_by_a_file_and_where_there_is_none_nothing_is_told() {
    let store = Store::new();
    assert_eq!(store.get("/cluster/operation").await.json(), serde_json::json!({ "told": null }));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("operation.json");
    store.app.operation_file.get_or_init(|| path.clone());
    assert_eq!(
        store.get("/cluster/operation").await.json()["told"],
        serde_json::Value::Null,
        "it has told nothing yet"
    );
    let told = serde_json::json!({
        "shop": "shop", "message": "m", "operations": [], "waits": [], "faults": [], "owed": [], "changes": [],
    });
    std::fs::write(&path, told.to_string()).unwrap();
    assert_eq!(store.get("/cluster/operation").await.json()["told"], told);
    std::fs::write(&path, "{").unwrap();
    assert_eq!(store.get("/cluster/operation").await.status, 503);
}

#[tokio::test]
async fn the_ring_is_told_as_documented() {
    let store = Store::new();
    let nodes = store.get("/cluster/nodes").await.json();
    assert_eq!(nodes[0]["state"], "UP");
    assert_eq!(nodes[0]["tokens"][0], "0");
    let ring = store.get("/cluster/ring").await.json();
    assert_eq!(ring["keyspace"], "store_manager");
    assert_eq!(store.get("/cluster/ring?keyspace=none").await.status, 404);
    let keyspaces = store.get("/cluster/keyspaces").await.json();
    assert_eq!(keyspaces[0]["replication"]["dc1"], 1);
    let levels = store.get("/cluster/consistency").await.json();
    assert_eq!(levels["default_level"], "LOCAL_QUORUM");
    assert_eq!(levels["levels"].as_array().unwrap().len(), 7);
    let id = "0190a0a0-0000-7000-8000-000000000000";
    let place = store.get(&format!("/cluster/placement?table=products&key={id}")).await;
    assert_eq!(place.json()["key"][0], id);
    let of_stock = store.get(&format!("/cluster/placement?stock={id}")).await.json();
    assert_eq!((&of_stock["table"], &of_stock["key"]), (&"ledgers".into(), &serde_json::json!(["stock", id])));
    assert_eq!(store.get(&format!("/cluster/traces/{id}")).await.status, 404);
    let told = store.get("/cluster/activity").await.json();
    assert_eq!((&told[0]["peers"][0]["status"], &told[0]["detail"]), (&"NORMAL".into(), &serde_json::Value::Null));
    let copies = store.get(&format!("/cluster/replicas?table=products&key={id}")).await.json();
    assert_eq!(
        (&copies["replicas"][0]["state"], &copies["replicas"][0]["rows"]),
        (&"UP".into(), &serde_json::json!([]))
    );
    for (query, status) in [
        ("", 400),
        ("?table=products", 400),
        ("?key=a", 400),
        ("?table=products&key=a", 400),
        ("?table=products&key=a&key=b", 400),
        ("?table=none&key=a", 404),
        ("?table=x;y&key=a", 400),
        ("?stock=a", 400),
        ("?stock=0190a0a0-0000-7000-8000-000000000000&table=products", 400),
    ] {
        for path in ["/cluster/placement", "/cluster/replicas"] {
            let answer = store.get(&format!("{path}{query}")).await;
            assert_eq!(answer.status.as_u16(), status, "{path}{query}");
        }
    }
}
