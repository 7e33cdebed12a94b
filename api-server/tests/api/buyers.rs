//! Many buyers for few units through two processes over one store: sold is what was there, never
//! more and never less, and the recorded history of the stock is right.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use scylla::statement::SerialConsistency;
use store_api::dao::cassandra::migrations::{KeyspaceToCreate, Migrator};
use store_api::dao::cassandra::session::{Target, connect};
use store_api::dao::cassandra::{self, Observer, Usage};
use store_api::dao::{Daos, memory};
use store_api::models::Level;
use store_load::history::{History, Movement, Operation, judge};
use uuid::Uuid;

use super::client::{Answer, Store};
use super::{orders, stocks};

/// Two processes of one shop.
fn processes() -> [Arc<Store>; 2] {
    let daos = memory::daos();
    [Arc::new(Store::over(daos.clone())), Arc::new(Store::over(daos))]
}

/// Deadline of a request on Cassandra.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two processes, each with a session of its own, on Cassandra; `None` without one.
async fn processes_on_cassandra() -> Option<([Arc<Store>; 2], String)> {
    let (daos, keyspace) = daos_on_cassandra(2).await?;
    let stores: Vec<_> = daos.into_iter().map(|daos| Arc::new(Store::over(daos))).collect();
    Some((stores.try_into().ok().unwrap(), keyspace))
}

/// The DAOs of some processes, each with a session of its own, on the Cassandra that
/// STORE_TEST_CASSANDRA names, in a keyspace of their own; `None` without it.
pub async fn daos_on_cassandra(processes: usize) -> Option<(Vec<Daos>, String)> {
    let Ok(hosts) = std::env::var("STORE_TEST_CASSANDRA") else {
        eprintln!("SKIPPED: STORE_TEST_CASSANDRA names no Cassandra, nothing was tested here");
        return None;
    };
    let target = Target {
        hosts: hosts.split(',').map(str::to_owned).collect(),
        credentials: None,
        datacenter: None,
        rack: None,
        statement_timeout: Duration::from_secs(10),
    };
    let keyspace = format!("t_{}", Uuid::new_v4().simple());
    let serial = SerialConsistency::LocalSerial;
    let usage = Usage {
        keyspace: keyspace.clone(),
        level: Level::LocalQuorum,
        serial,
        statement_timeout: Duration::from_secs(10),
        conditional_timeout: PATIENCE / 2,
        lease: PATIENCE,
        changes_kept: Duration::from_secs(3600),
        audit_kept: Duration::from_secs(3600),
    };
    let mut found = Vec::new();
    for process in 0..processes {
        let connected = connect(&target).await.unwrap();
        if process == 0 {
            let datacenter = connected.session.get_cluster_state().get_nodes_info()[0].datacenter.clone().unwrap();
            let replicas = std::env::var("STORE_TEST_REPLICATION").ok().and_then(|text| text.parse().ok());
            let create = KeyspaceToCreate { datacenter, replication_factor: replicas.unwrap_or(1) };
            let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
            Migrator::new(&connected.session, &keyspace, serial, deadline).migrate(Some(&create)).await.unwrap();
        }
        let observer = Observer::register(&store_telemetry::Catalogue::new()).unwrap();
        let (daos, _) = cassandra::daos(connected, &usage, &observer).await.unwrap();
        found.push(daos);
    }
    Some((found, keyspace))
}

pub async fn drop_keyspace(keyspace: &str) {
    let hosts = std::env::var("STORE_TEST_CASSANDRA").unwrap();
    let hosts = hosts.split(',').map(str::to_owned).collect();
    let statement_timeout = Duration::from_secs(30);
    let target = Target { hosts, credentials: None, datacenter: None, rack: None, statement_timeout };
    let connected = connect(&target).await.unwrap();
    connected.session.query_unpaged(format!("DROP KEYSPACE {keyspace}"), ()).await.unwrap();
}

fn body_of(user: &str, items: &[&str]) -> String {
    let items: Vec<String> =
        items.iter().map(|product| format!(r#"{{"product_id":"{product}","quantity":1}}"#)).collect();
    format!(r#"{{"user_id":"{user}","items":[{}]}}"#, items.join(","))
}

async fn buy(store: &Store, body: &str) -> Answer {
    store.call("POST", "/orders").json(body).send().await
}

/// All movements of a stock.
async fn movements(store: &Store, product: &str) -> Vec<Movement> {
    let mut found = Vec::new();
    let mut target = Some(format!("/stocks/{product}/movements?limit=100"));
    while let Some(page) = target {
        let answer = store.get(&page).await;
        for row in answer.json().as_array().unwrap() {
            let number = |name: &str| row[name].as_i64().unwrap();
            let order = (row["kind"] == "order").then(|| row["reference"].as_str().unwrap().to_owned());
            let (version, delta, quantity) = (number("version"), number("delta"), number("quantity"));
            found.push(Movement { version, delta, quantity, order });
        }
        let link = answer.header("link").map(str::to_owned);
        target = link.map(|link| link[1..].split_once('>').unwrap().0.to_owned());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn many_buyers_buy_exactly_the_units_that_are_there() {
    for buyers in [50, 200, 500] {
        for units in [1, 10, 100_u8] {
            // As many as there are, or all of those who came.
            sell_out(&processes(), buyers, units.into()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_buyers_buy_exactly_the_units_that_are_there_on_cassandra() {
    let runs = [(50, 1), (200, 10), (500, 100)];
    for (buyers, units) in runs {
        let Some((shop, keyspace)) = processes_on_cassandra().await else { return };
        let began = Instant::now();
        sell_out(&shop, buyers, units).await;
        eprintln!("{buyers} buyers for {units}: {:?}", began.elapsed());
        drop_keyspace(&keyspace).await;
    }
}

/// Sells a product with some units to more buyers through two processes.
async fn sell_out(shop: &[Arc<Store>; 2], buyers: usize, units: i64) {
    let ana = orders::user(&shop[0], "ana").await;
    let product = stocks::stocked(&shop[0], "hot", units).await;
    let body = body_of(&ana, &[&product]);
    let runs = (0..buyers).map(|buyer| {
        let (store, body) = (Arc::clone(&shop[buyer % 2]), body.clone());
        tokio::spawn(async move { buy(&store, &body).await })
    });
    let mut bought = HashMap::new();
    for answer in futures::future::join_all(runs).await {
        let answer = answer.unwrap();
        match answer.status.as_u16() {
            201 => assert!(bought.insert(answer.json()["id"].as_str().unwrap().to_owned(), 1).is_none()),
            409 => assert_eq!(answer.json()["errors"][0]["available"], 0),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    let sold = i64::try_from(bought.len()).unwrap();
    assert_eq!(sold, units.min(i64::try_from(buyers).unwrap()), "{buyers} buyers for {units}");
    let movements = movements(&shop[1], &product).await;
    let history = History { operations: Vec::new(), orders: bought, movements };
    assert_eq!(judge(&history), []);
    let sellers = shop[1].get("/orders/reports/best-sellers").await.json();
    assert_eq!(sellers[0]["quantity_sold"], sold);
    let spenders = shop[0].get("/orders/reports/highest-spenders").await.text();
    assert!(spenders.contains(&format!("\"total_expense\":{}.{:02}", sold * 1050 / 100, sold * 1050 % 100)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_history_of_a_contended_stock_is_right() {
    contend(&processes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_history_of_a_contended_stock_is_right_on_cassandra() {
    let Some((shop, keyspace)) = processes_on_cassandra().await else { return };
    contend(&shop).await;
    drop_keyspace(&keyspace).await;
}

/// Changes and reads one stock from many clients of two processes and judges what they saw.
async fn contend(shop: &[Arc<Store>; 2]) {
    let product = stocks::stocked(&shop[0], "hot", 40).await;
    let began = Instant::now();
    let now = move || u64::try_from(began.elapsed().as_nanos()).unwrap();
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let runs = (0..24_usize).map(|client| {
        let (store, product, recorded) = (Arc::clone(&shop[client % 2]), product.clone(), Arc::clone(&recorded));
        tokio::spawn(async move {
            for turn in 0..25_i64 {
                let delta = [-3, 2, -1, 0, 2][usize::try_from(turn).unwrap() * 7 % 5 * (client + 1) % 5];
                let start = now();
                let answer = if delta == 0 {
                    store.get(&format!("/stocks/{product}")).await
                } else {
                    let call = store.call("POST", &format!("/stocks/{product}/adjustments"));
                    call.json(&format!("{{\"delta\":{delta}}}")).send().await
                };
                let end = now();
                if answer.status == 409 {
                    continue;
                }
                assert!(answer.status.is_success(), "{}", answer.text());
                let body = answer.json();
                let number = |name: &str| body[name].as_i64().unwrap();
                recorded.lock().unwrap().push(Operation {
                    began: start,
                    ended: end,
                    version: number("version"),
                    quantity: number("quantity"),
                    delta: (delta != 0).then_some(delta),
                });
            }
        })
    });
    for run in futures::future::join_all(runs).await {
        run.unwrap();
    }
    let operations = std::mem::take(&mut *recorded.lock().unwrap());
    assert!(operations.len() > 300, "{}", operations.len());
    let movements = movements(&shop[0], &product).await;
    let changes = operations.iter().filter(|operation| operation.delta.is_some()).count();
    assert_eq!(movements.len(), changes + 1, "every movement was acknowledged to somebody");
    assert_eq!(judge(&History { operations, orders: HashMap::new(), movements }), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_of_the_same_products_in_opposite_order_neither_block_nor_leak() {
    let shop = processes();
    let ana = orders::user(&shop[0], "ana").await;
    let (one, two) = (stocks::stocked(&shop[0], "one", 20).await, stocks::stocked(&shop[0], "two", 15).await);
    let carts = [body_of(&ana, &[&one, &two]), body_of(&ana, &[&two, &one])];
    let runs = (0..60).map(|buyer| {
        let (store, body) = (Arc::clone(&shop[buyer % 2]), carts[buyer / 2 % 2].clone());
        tokio::spawn(async move {
            let answer = buy(&store, &body).await;
            if answer.status == 201 && buyer % 3 == 0 {
                // Some change their minds, from the other side too.
                store.call("DELETE", answer.header("location").unwrap()).send().await;
            }
            answer
        })
    });
    for answer in futures::future::join_all(runs).await {
        assert!([201, 409].contains(&answer.unwrap().status.as_u16()));
    }
    let list = shop[1].get("/orders?limit=100&status=confirmed").await.json();
    let live = i64::try_from(list.as_array().unwrap().len()).unwrap();
    for (product, units) in [(&one, 20), (&two, 15)] {
        let stock = shop[0].get(&format!("/stocks/{product}")).await.json();
        assert_eq!(stock["quantity"], units - live, "{stock}");
        let movements = movements(&shop[0], product).await;
        assert_eq!(judge(&History { movements, ..History::default() }), []);
    }
}
