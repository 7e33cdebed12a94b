//! The feed, the audit trail and the watch of the nodes, over HTTP.

use std::time::Duration;

use serde_json::Value;
use store_api::auth::Gate;
use store_api::auth::roles::Role;
use store_api::auth::tokens::Tokens;
use store_api::dao::memory;
use tokio::time::Instant;

use super::client::Store;
use super::{orders, roles, stocks};

/// A store whose changes are told.
fn telling() -> (Store, store_api::models::changes::Teller) {
    let store = Store::within(memory::daos(), Duration::from_secs(8));
    let teller = store.app.services().unwrap().changes.start();
    (store, teller)
}

async fn next(store: &Store, path: &str) -> (Vec<Value>, String) {
    let answer = store.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    (body["changes"].as_array().unwrap().clone(), body["next"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_reader_is_told_of_products_stocks_and_orders_in_their_order() {
    let (store, _teller) = telling();
    let (none, mut position) = next(&store, "/changes").await;
    assert_eq!(none, [] as [Value; 0]);
    let user = orders::user(&store, "ana").await;
    let product = stocks::stocked(&store, "TEA", 25).await;
    let order = orders::order(&store, &user, &[(&product, 2)]).await;
    let order = order.json()["id"].as_str().unwrap().to_owned();
    let mut told = Vec::new();
    while told.len() < 4 {
        let (changes, after) = next(&store, &format!("/changes?wait=5&after={position}")).await;
        assert!(!changes.is_empty(), "{told:?}");
        told.extend(changes);
        position = after;
    }
    let of = |kind: &str, id: &str| -> Vec<(i64, String)> {
        let of = told.iter().filter(|change| change["kind"] == kind && change["id"] == id);
        of.map(|change| (change["version"].as_i64().unwrap(), change["what"].as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(of("product", &product), [(1, "created".to_owned())]);
    assert_eq!(of("stock", &product), [(1, "set".to_owned()), (2, "order".to_owned())]);
    assert_eq!(of("order", &order), [(1, "confirmed".to_owned())]);
    let (changes, _) = next(&store, &format!("/changes?wait=0&after={position}")).await;
    assert_eq!(changes, [] as [Value; 0]);
    let (stock, _) = next(&store, "/changes?wait=0&kinds=stock&after=0-0").await;
    assert!(stock.len() == 2 && stock.iter().all(|change| change["kind"] == "stock"), "{stock:?}");
}

#[tokio::test]
async fn events_go_on_after_the_last_one_and_end_with_the_process() {
    let (store, _teller) = telling();
    stocks::stocked(&store, "TEA", 25).await;
    let (changes, _) = next(&store, "/changes?wait=5&after=0-0").await;
    assert!(!changes.is_empty());
    let reader = async {
        let call = store.call("GET", "/changes").header("accept", "text/event-stream");
        call.header("last-event-id", "0-0").send().await
    };
    let leave = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        store.app.drain();
    };
    let (answer, ()) = tokio::join!(reader, leave);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = answer.text();
    assert!(text.starts_with("retry: 1000\nid: 0-0\n\n") && text.contains("\nevent: product\ndata: {"), "{text}");
    assert_eq!(text.matches("event: stock").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_ends_once_its_token_is_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let write = |token: &str| std::fs::write(directory.path().join("seller"), token).unwrap();
    write("the-token-of-before");
    let store = Store::behind(Gate::Tokens(Tokens::read(directory.path()).unwrap()));
    let _teller = store.app.services().unwrap().changes.start();
    let Gate::Tokens(tokens) = &store.app.gate else { panic!("tokens are asked for") };
    let began = Instant::now();
    let listen = async |path: &str| {
        let call = store.call("GET", path).header("accept", "text/event-stream");
        let answer = call.header("authorization", "Bearer the-token-of-before").send().await;
        (answer.status.as_u16(), began.elapsed().as_secs())
    };
    let take_back = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        write("the-token-from-now-on");
        std::future::pending::<()>().await;
    };
    let read = tokio::select! {
        read = async { tokio::join!(listen("/changes"), listen("/cluster/live")) } => read,
        () = tokens.keep(&store.app.metrics.tokens_stale) => panic!("it never ends"),
        () = take_back => panic!("it never ends"),
        () = tokio::time::sleep(Duration::from_secs(600)) => panic!("they go on"),
    };
    for (status, seconds) in [read.0, read.1] {
        assert_eq!(status, 200);
        assert!((60..=90).contains(&seconds), "{seconds}");
    }
    assert_eq!(listen("/changes").await.0, 401);
}

#[tokio::test]
async fn what_is_no_position_or_beyond_the_end_is_told() {
    let (store, _teller) = telling();
    for (path, status, code) in [
        ("/changes?after=x", 400, "bad_position"),
        ("/changes?after=9-0", 410, "position_expired"),
        ("/changes?kinds=user", 400, "not_readable"),
        ("/changes?wait=61", 400, "out_of_range"),
        ("/cluster/live?after=x", 400, "not_readable"),
        ("/audit?day=today", 400, "not_readable"),
    ] {
        let answer = store.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(code), "{path} {}", answer.text());
    }
}

#[tokio::test]
async fn the_trail_tells_who_has_changed_what_by_principal_and_object_page_by_page() {
    let store = roles::guarded();
    let _teller = store.app.services().unwrap().changes.start();
    let admin = format!("Bearer {}", roles::token_of(Role::Admin));
    let seller = format!("Bearer {}", roles::token_of(Role::Seller));
    let mut ids = Vec::new();
    for (token, sku) in [(&admin, "TEA-1"), (&seller, "TEA-2"), (&seller, "TEA-3")] {
        let body = format!(r#"{{"name":"Tea","sku":"{sku}","price":1}}"#);
        let answer = store.call("POST", "/products").header("authorization", token).json(&body).send().await;
        assert_eq!(answer.status, 201);
        ids.push(answer.json()["id"].as_str().unwrap().to_owned());
    }
    store.app.services().unwrap().changes.flush().await.unwrap();
    let read = async |path: &str| {
        let answer = store.call("GET", path).header("authorization", &admin).send().await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        let link = answer.header("link").map(str::to_owned);
        (answer.json().as_array().unwrap().clone(), link)
    };
    let (all, _) = read("/audit").await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!((&all[0]["object_id"], &all[0]["what"]), (&ids[2].as_str().into(), &"created".into()));
    assert!(all[0]["request_id"].is_string());
    let (of_object, _) = read(&format!("/audit?object={}", ids[0])).await;
    assert_eq!(of_object.len(), 1);
    let principal = of_object[0]["principal"].as_str().unwrap().to_owned();
    let (of_admin, _) = read(&format!("/audit?principal={principal}")).await;
    assert_eq!(of_admin, of_object);
    let (mut seen, mut path) = (Vec::new(), Some("/audit?limit=1".to_owned()));
    while let Some(at) = path {
        let (lines, link) = read(&at).await;
        // After midnight it would else be none of this list.
        assert!(link.as_ref().is_none_or(|link| link.contains("&day=20")), "{link:?}");
        seen.extend(lines);
        path = link.map(|link| link.trim_start_matches('<').split('>').next().unwrap().to_owned());
    }
    assert_eq!(seen, all);
    let (before, _) = read("/audit?day=2026-01-01").await;
    assert_eq!(before, [] as [Value; 0]);
    let refused = store.call("GET", "/audit").header("authorization", &seller).send().await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn the_nodes_are_told_at_once_and_again_only_once_they_are_others() {
    let (store, _teller) = telling();
    let first = store.get("/cluster/live").await;
    assert_eq!(first.status, 200, "{}", first.text());
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let began = std::time::Instant::now();
    let same = store.get(&format!("/cluster/live?wait=1&after={id}")).await;
    assert_eq!(same.json()["id"], id.as_str());
    assert!(began.elapsed() >= Duration::from_millis(900), "it was waited for");
}
