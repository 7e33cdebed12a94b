//! Who sends a request: what stands where they did something, whose keys are whose, and how much they may send.

use std::time::Duration;

use store_api::admission::rate::Quota;
use store_api::auth::Gate;
use store_api::auth::tokens::Tokens;
use store_api::dao::memory;

use super::client::{Answer, Store};

/// Principals of these tests; the token of each is their name behind `the-secret-of-`.
const PRINCIPALS: [&str; 6] = ["seller.till-1", "seller.till-2", "payment.card", "auditor", "admin", "supplier"];

fn gate() -> Gate {
    let directory = tempfile::tempdir().unwrap();
    for name in PRINCIPALS {
        std::fs::write(directory.path().join(name), format!("the-secret-of-{name}")).unwrap();
    }
    Gate::Tokens(Tokens::read(directory.path()).unwrap())
}

fn store() -> Store {
    Store::behind(gate())
}

async fn send(store: &Store, by: &str, method: &str, path: &str, key: Option<&str>, body: Option<&str>) -> Answer {
    let mut call = store.call(method, path).header("authorization", &format!("Bearer the-secret-of-{by}"));
    if let Some(key) = key {
        call = call.header("idempotency-key", key);
    }
    match body {
        Some(body) => call.json(body).send().await,
        None => call.send().await,
    }
}

/// An order of one unit by the first till; the paths of the product's stock and of the order.
async fn sold(store: &Store) -> (String, String) {
    let till = async |path: &str, body: &str| {
        let answer = send(store, "seller.till-1", "POST", path, Some("sold"), Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    let product = till("/products", r#"{"name":"Tea","sku":"tea","price":10.5}"#).await["id"].clone();
    let user = till("/users", r#"{"name":"Ana","email":"ana@example.org"}"#).await["id"].clone();
    till("/stocks", &format!(r#"{{"product_id":{product},"quantity":5}}"#)).await;
    let order = format!(r#"{{"user_id":{user},"items":[{{"product_id":{product},"quantity":1}}]}}"#);
    let order = till("/orders", &order).await["id"].as_str().unwrap().to_owned();
    (format!("/stocks/{}", product.as_str().unwrap()), format!("/orders/{order}"))
}

#[tokio::test]
async fn movements_and_payments_name_who_asked_for_them_and_an_order_both_its_totals() {
    let store = store();
    let (stock, order) = sold(&store).await;
    let id = order.rsplit('/').next().unwrap();
    let pay = format!(r#"{{"order_id":"{id}","is_paid":true,"payment_id":"P-1"}}"#);
    assert_eq!(send(&store, "payment.card", "PUT", "/orders", None, Some(&pay)).await.status, 200);
    let adjustments = format!("{stock}/adjustments");
    let adjust = send(&store, "seller.till-2", "POST", &adjustments, None, Some(r#"{"delta":-1}"#));
    assert_eq!(adjust.await.status, 201);
    let cancelled = send(&store, "admin", "DELETE", &order, None, None).await;
    assert!(cancelled.status.is_success(), "{}", cancelled.text());
    let movements = send(&store, "auditor", "GET", &format!("{stock}/movements"), None, None).await.json();
    let by: Vec<_> = movements.as_array().unwrap().iter().map(|made| (&made["kind"], &made["by"])).collect();
    let expected =
        [("return", "admin"), ("adjustment", "seller.till-2"), ("order", "seller.till-1"), ("set", "seller.till-1")];
    assert_eq!(by.len(), expected.len());
    for ((kind, by), (expected_kind, name)) in by.into_iter().zip(expected) {
        assert_eq!((kind.as_str(), by.as_str()), (Some(expected_kind), Some(name)));
    }
    let order = send(&store, "payment.card", "GET", &order, None, None).await.json();
    assert_eq!((&order["payments"][0]["by"], &order["refund_due"]), (&"payment.card".into(), &true.into()));
    assert_eq!((&order["total"], &order["total_amount"]), (&10.5.into(), &10.5.into()));
}

#[tokio::test]
async fn a_payment_service_tells_of_payments_and_of_nothing_else() {
    let store = store();
    let (_, order) = sold(&store).await;
    let id = order.rsplit('/').next().unwrap();
    let fulfil = format!(r#"{{"order_id":"{id}","is_paid":true,"payment_id":"P-1","status":"fulfilled"}}"#);
    let refused = send(&store, "payment.card", "PUT", "/orders", None, Some(&fulfil)).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let told = send(&store, "payment.card", "GET", &order, None, None).await.json();
    assert_eq!((&told["is_paid"], &told["payments"]), (&false.into(), &serde_json::json!([])));
    assert_eq!(send(&store, "seller.till-1", "PUT", "/orders", None, Some(&fulfil)).await.status, 200);
    assert_eq!(send(&store, "payment.card", "GET", "/orders", None, None).await.status, 403);
}

#[tokio::test]
async fn a_second_payment_is_kept_beside_the_first_and_told_as_a_conflict() {
    let store = store();
    let (_, order) = sold(&store).await;
    let id = order.rsplit('/').next().unwrap();
    let pay = async |payment: &str| {
        let body = format!(r#"{{"order_id":"{id}","is_paid":true,"payment_id":"{payment}"}}"#);
        send(&store, "payment.card", "PUT", "/orders", None, Some(&body)).await.status.as_u16()
    };
    assert_eq!([pay("P-1").await, pay("P-1").await, pay("P-2").await], [200, 200, 409]);
    let told = send(&store, "auditor", "GET", &order, None, None).await.json();
    assert_eq!(told["payment_id"], "P-1");
    let ids: Vec<_> =
        told["payments"].as_array().unwrap().iter().map(|payment| payment["payment_id"].clone()).collect();
    assert_eq!((ids, &told["refund_due"]), (vec!["P-1".into(), "P-2".into()], &true.into()));
}

#[tokio::test]
async fn keys_are_their_senders_and_what_became_of_a_request_is_told_to_them() {
    let store = store();
    let (_, order) = sold(&store).await;
    let body = r#"{"name":"Cup","sku":"cup","price":3}"#;
    let other = send(&store, "seller.till-2", "POST", "/products", Some("sold"), Some(body)).await;
    assert_eq!(other.status, 201, "another's key of the same text: {}", other.text());
    let ask = async |by: &str, path: &str| send(&store, by, "GET", path, None, None).await;
    let told = ask("seller.till-1", "/operations/sold").await;
    assert_eq!(told.header("cache-control"), Some("no-store"));
    let told = told.json();
    let requests: Vec<_> = told["requests"].as_array().unwrap().iter().map(|sent| sent["request"].clone()).collect();
    assert_eq!(requests, ["POST /products", "POST /users", "POST /stocks", "POST /orders"]);
    let last = &told["requests"][3];
    assert_eq!(
        (&last["state"], last["location"].as_str(), &last["etag"]),
        (&"done".into(), Some(&*order), &"\"1\"".into())
    );
    let others = ask("seller.till-2", "/operations/sold").await.json();
    assert_eq!(others["requests"].as_array().unwrap().len(), 1);
    for by in ["admin", "auditor"] {
        assert_eq!(ask(by, "/operations/sold").await.status, 404, "{by} sent nothing");
        assert_eq!(ask(by, "/operations/sold?principal=seller.till-1").await.json(), told, "{by}");
    }
    assert_eq!(ask("seller.till-2", "/operations/sold?principal=seller.till-1").await.status, 403);
    assert_eq!(ask("supplier", "/operations/sold").await.status, 404);
    let nobody = ask("admin", "/operations/sold?principal=").await;
    assert_eq!(nobody.status, 400, "404 would say that it can be sent: {}", nobody.text());
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reasons_and_a_key_may_have_any_characters() {
    let store = store();
    let (stock, _) = sold(&store).await;
    let body = r#"{"delta":-100}"#;
    let key = "a/b%c?d+e";
    let short = send(&store, "seller.till-1", "POST", &format!("{stock}/adjustments"), Some(key), Some(body)).await;
    assert_eq!(short.status, 409);
    let told = send(&store, "seller.till-1", "GET", "/operations/a%2Fb%25c%3Fd+e", None, None).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    assert_eq!((&told["key"], &told["requests"][0]["state"]), (&key.into(), &"refused".into()));
    let error = &told["requests"][0]["errors"][0];
    assert_eq!((&error["code"], &error["available"]), (&"insufficient_stock".into(), &4.into()));
    for wrong in ["/operations/%C3%A9", "/operations/a%20b", "/operations/%"] {
        assert_eq!(send(&store, "seller.till-1", "GET", wrong, None, None).await.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn who_they_are_is_told_to_those_who_ask() {
    let told = send(&store(), "seller.till-2", "GET", "/whoami", None, None).await.json();
    assert_eq!((&told["principal"], &told["role"]), (&"seller.till-2".into(), &"seller".into()));
    let open = Store::new();
    assert_eq!(open.get("/whoami").await.json()["principal"], serde_json::Value::Null);
    open.call("POST", "/products")
        .header("idempotency-key", "k")
        .json(r#"{"name":"a","sku":"b","price":1}"#)
        .send()
        .await;
    assert_eq!(open.get("/operations/k").await.json()["requests"][0]["state"], "done");
    assert_eq!(open.get("/operations/k?principal=ana").await.status, 400);
}

#[tokio::test]
async fn a_principal_who_has_sent_too_much_is_told_when_to_come_again_and_no_other_is() {
    let quota = Quota { requests: 3, window: Duration::from_secs(3600) };
    let store = Store::limited(gate(), memory::daos(), quota);
    let ask = async |by: &str| send(&store, by, "GET", "/products", None, None).await;
    for left in ["r=2;t=1200", "r=1;t=2400", "r=0;t=3600"] {
        let answer = ask("seller.till-1").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("ratelimit-policy"), Some("\"principal\";q=3;w=3600"));
        assert_eq!(answer.header("ratelimit"), Some(&*format!("\"principal\";{left}")));
    }
    let refused = ask("seller.till-1").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("1200")), "{}", refused.text());
    assert_eq!(refused.header("ratelimit"), Some("\"principal\";r=0;t=3600"));
    assert!(refused.json()["type"].as_str().unwrap().ends_with(":rate_limited"));
    assert_eq!(ask("seller.till-2").await.status, 200);
    let health = store.get("/health").await;
    assert_eq!((health.status.as_u16(), health.header("ratelimit")), (200, None), "nobody says who they are there");
    // What they may not do counts, too.
    let left = async |method: &str, path: &str| {
        let call = store.call(method, path).header("authorization", "Bearer the-secret-of-supplier");
        let answer = call.header("cassandra-trace", "true").send().await;
        (answer.status.as_u16(), answer.header("ratelimit").map(str::to_owned))
    };
    for (path, status, told) in [
        ("/products", 403, "r=2;t=1200"),
        ("/stocks/reports/overview-stocks", 403, "r=1;t=2400"),
        ("/audit", 403, "r=0;t=3600"),
        ("/audit", 429, "r=0;t=3600"),
    ] {
        assert_eq!(left("GET", path).await, (status, Some(format!("\"principal\";{told}"))), "{path}");
    }
    let free = send(&self::store(), "seller.till-1", "GET", "/products", None, None).await;
    assert_eq!(free.header("ratelimit"), None, "unless it is set, nothing is counted");
}
