//! The dashboard of the shop before a real Prometheus that scrapes a real listener. Ignored by default,
//! since Prometheus is fetched and started.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use store_api::dao::cassandra::Observer;
use store_api::server::serve;
use store_suites::monitoring::server::{Server, Settings, Target};
use store_suites::monitoring::{Query, queries, shipped_rules};
use store_testbed::cache::Cache;
use store_testbed::checkout::root;

use super::client::Store;
use super::doors::PACE;
use super::orders::{order, user};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches and starts a Prometheus"]
async fn every_query_of_a_dashboard_that_the_api_serves_returns_data() {
    let store = Store::new();
    let ([public, operations], [_, address]) = store.doors();
    let serving = serve(public, operations, Arc::clone(&store.app), PACE, std::future::pending());
    let serving = tokio::spawn(serving);
    // The store in memory runs no statements.
    let observer = Observer::register(store.app.metrics.catalogue()).unwrap();
    let meter = observer.meter("SELECT", "products");

    let labels = [("job", "api"), ("namespace", "shops"), ("store", "shop"), ("pod", "api-0")];
    let target = Target::new(address, &labels);
    let buyer = user(&store, "Ada").await;
    let product = store.created("one").await;
    let product = product.rsplit('/').next().unwrap().to_owned();
    let stock = format!(r#"{{"product_id":"{product}","quantity":12}}"#);
    assert!(store.call("POST", "/stocks").json(&stock).send().await.status.is_success());
    let settings = Settings { rules: shipped_rules(&root()).unwrap(), interval: Duration::from_secs(1) };
    let prometheus = Server::start(&Cache::open().unwrap(), &settings, &[target]).await.unwrap();
    for _ in 0..4 {
        assert_eq!(order(&store, &buyer, &[(&product, 3)]).await.status, 201);
    }
    assert_eq!(order(&store, &buyer, &[(&product, 3)]).await.status, 409, "sold out");

    let of_the_api: Vec<Query> =
        queries(&root()).unwrap().into_iter().filter(|query| query.is_of_the_api().unwrap()).collect();
    assert!(of_the_api.len() >= 15, "{}", of_the_api.len());
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        // A rate needs two scrapes that differ, and a series is new when it is first scraped.
        assert_eq!(store.get("/products").await.status, 200);
        meter.record(Duration::from_millis(2), None);
        let empty = prometheus.empty(&of_the_api, "shops", "shop").await.unwrap();
        if empty.is_empty() {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "no data: {empty:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    let moved = prometheus.ask(r#"store_stock_level_changes_total{store="shop"} > 0"#).await.unwrap();
    let steps: BTreeSet<(String, String)> = moved
        .iter()
        .map(|series| {
            [&series["metric"]["from"], &series["metric"]["to"]].map(|label| label.as_str().unwrap().to_owned())
        })
        .map(|[from, to]| (from, to))
        .collect();
    let expected = [("new", "enough"), ("enough", "low"), ("low", "out")];
    assert_eq!(steps, expected.map(|(from, to)| (from.to_owned(), to.to_owned())).into());
    let refused = prometheus.ask(r#"store_orders_refused_total{reason="insufficient_stock"} == 1"#).await.unwrap();
    assert_eq!(refused.len(), 1);
    let confirmed = prometheus.ask(r#"store_orders_total{status="confirmed"} == 4"#).await.unwrap();
    assert_eq!(confirmed.len(), 1);

    let (broken, rules) = prometheus.broken_rules().await.unwrap();
    assert!(broken.is_empty() && rules > 30, "{rules} {broken:#?}");
    assert!(prometheus.ask(r#"ALERTS{alertname="StoreStockOversold"}"#).await.unwrap().is_empty());
    serving.abort();
}
