//! Rules that hold for every resource: one form for texts that look alike, preconditions on every verb, keys that belong to
//! who sent them, payments that are not lost.

use serde_json::Value;
use store_api::auth::roles::Role;

use super::client::{Answer, Store};
use super::orders::{order, user};
use super::roles::{guarded, token_of};
use super::stocks::stocked;

fn codes(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap().iter();
    errors.map(|error| error["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_looks_alike_is_one_product_by_every_way() {
    let store = Store::new();
    let path = store.created("LAMP-1").await;
    for sku in ["LAMP-1\u{a0}", "\u{3000}LAMP-1", "LAMP-1\u{200b}", "LA\u{ad}MP-1", "LAMP\u{202e}-1"] {
        let body = serde_json::json!({"name": "Desk lamp", "sku": sku, "price": 1}).to_string();
        let answer = store.create(&body).await;
        assert_eq!(answer.status, 422, "{sku:?}: {}", answer.text());
        assert!(["blank_ends", "unseen_character"].contains(&&*codes(&answer)[0]), "{sku:?}");
        let file = format!("sku,name,price\r\n{sku},Desk lamp,39.90\r\n");
        let call = store.call("POST", "/products/import?dry_run=true").header("content-type", "text/csv");
        let answer = call.body(file).send().await;
        assert_eq!((answer.status.as_u16(), &answer.json()["report"]["failed"]), (422, &1.into()), "{sku:?}");
        let query = serde_json::json!({
            "query": "query ($sku: String) { products(sku: $sku) { nodes { id } } }",
            "variables": {"sku": sku},
        });
        let answer = store.call("POST", "/stocks/graphql-query").json(&query.to_string()).send().await;
        assert!(answer.json()["errors"][0]["extensions"]["code"].is_string(), "{}", answer.text());
    }
    for name in ["\u{200b}", "a\u{2028}b", "\u{2800}"] {
        let body = serde_json::json!({"name": name, "sku": "Z-1", "price": 1}).to_string();
        assert_eq!(store.create(&body).await.status, 422, "{name:?}");
        let body = serde_json::json!({"name": name, "email": "a@example.org"}).to_string();
        assert_eq!(store.call("POST", "/users").json(&body).send().await.status, 422, "{name:?}");
    }
    // What is only written otherwise is the product itself.
    let hyphen = serde_json::json!({"name": "Lamp", "sku": "LAMP\u{2011}1", "price": 1}).to_string();
    let answer = store.create(&hyphen).await;
    assert_eq!((answer.status.as_u16(), codes(&answer)), (409, vec!["sku_taken".to_owned()]));
    let found = store.get("/products?sku=LAMP%E2%80%911").await;
    assert_eq!(format!("/products/{}", found.json()[0]["id"].as_str().unwrap()), path);
    let decomposed = serde_json::json!({"name": "The\u{301}\u{a0}vert", "sku": "T-1", "price": 1}).to_string();
    assert_eq!(store.create(&decomposed).await.json()["name"], "Th\u{e9} vert");
    assert_eq!(store.get("/products?name_prefix=TH%C3%89%20v").await.json()[0]["sku"], "T-1");
    for (name, prefix) in
        [("ΣΟΦΟΣΑ ΒΙΒΛΙΟ", "%CE%A3%CE%9F%CE%A6%CE%9F%CE%A3"), ("ΑΣΠΡΟ ΧΑΡΤΙ", "%CE%91%CE%A3"), ("İSTANBUL HALI", "is")]
    {
        let body = serde_json::json!({"name": name, "sku": prefix, "price": 1}).to_string();
        assert_eq!(store.create(&body).await.status, 201);
        let found = store.get(&format!("/products?name_prefix={prefix}")).await;
        assert_eq!(found.json()[0]["name"], name, "{prefix}");
    }
}

#[tokio::test]
async fn preconditions_hold_on_every_verb_of_every_resource() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let product = stocked(&store, "A", 5).await;
    let made = order(&store, &ana, &[(&product, 1)]).await;
    let made = made.json()["id"].as_str().unwrap().to_owned();
    let new_stock = format!(r#"{{"product_id":"{product}","quantity":0}}"#);
    let pay = format!(r#"{{"order_id":"{made}","is_paid":true}}"#);
    let changes = [
        ("POST", "/stocks".to_owned(), new_stock.as_str()),
        ("POST", format!("/stocks/{product}/adjustments"), r#"{"delta":1}"#),
        ("PUT", format!("/products/{product}"), r#"{"name":"b","sku":"B","price":2}"#),
        ("PATCH", format!("/products/{product}"), r#"{"price":2}"#),
        ("DELETE", format!("/products/{product}"), ""),
        ("PATCH", format!("/users/{ana}"), r#"{"name":"Bea"}"#),
        ("DELETE", format!("/users/{ana}"), ""),
        ("PUT", "/orders".to_owned(), &pay),
        ("PATCH", format!("/orders/{made}"), r#"{"is_paid":true}"#),
        ("DELETE", format!("/orders/{made}"), ""),
    ];
    let holdings = async || {
        let mut found = Vec::new();
        for path in ["/products", "/users", "/stocks", "/orders"] {
            found.push(store.get(path).await.text());
        }
        found
    };
    let before = holdings().await;
    for (method, target, body) in &changes {
        for (header, value) in
            [("if-none-match", "*"), ("if-match", "\"99\""), ("if-match", "W/\"1\""), ("if-match", "1")]
        {
            let mut call = store.call(method, target).header(header, value);
            if !body.is_empty() {
                call = call.json(body);
            }
            let answer = call.send().await;
            assert_eq!(answer.status, 412, "{method} {target} {header}: {value}: {}", answer.text());
            assert_eq!(holdings().await, before, "{method} {target} {header}: {value}");
        }
    }
    for path in [
        format!("/products/{product}"),
        format!("/users/{ana}"),
        format!("/orders/{made}"),
        format!("/stocks/{product}"),
    ] {
        let etag = store.get(&path).await.header("etag").unwrap().to_owned();
        for (header, value, status) in [
            ("if-match", etag.as_str(), 200),
            ("if-match", "*", 200),
            ("if-match", "\"99\"", 412),
            ("if-none-match", etag.as_str(), 304),
            ("if-none-match", "\"99\"", 200),
        ] {
            let answer = store.call("GET", &path).header(header, value).send().await;
            assert_eq!(answer.status, status, "{path} {header}: {value}");
        }
    }
    // What is made new is not there yet.
    let product = r#"{"name":"n","sku":"N","price":1}"#;
    for (header, value, status) in [("if-match", "*", 412), ("if-match", "\"1\"", 412), ("if-none-match", "*", 201)] {
        let answer = store.call("POST", "/products").header(header, value).json(product).send().await;
        assert_eq!(answer.status, status, "{header}: {value}");
    }
    let bare = store.created("BARE").await.rsplit('/').next().unwrap().to_owned();
    let new = format!(r#"{{"product_id":"{bare}","quantity":3}}"#);
    for (header, value, status) in [("if-match", "*", 412), ("if-none-match", "*", 201), ("if-none-match", "*", 412)] {
        let answer = store.call("POST", "/stocks").header(header, value).json(&new).send().await;
        assert_eq!(answer.status, status, "{header}: {value}");
    }
    let gone = format!("/stocks/{ana}/adjustments");
    let answer = store.call("POST", &gone).header("if-match", "*").json(r#"{"delta":1}"#).send().await;
    assert_eq!(answer.status, 404, "what would be 404 without a condition is with one");
}

#[tokio::test]
async fn each_role_has_idempotency_keys_of_its_own_and_conditions_belong_to_the_request() {
    let store = guarded();
    let send = async |role: Role, sku: &str, headers: &[(&str, &str)]| {
        let body = format!(r#"{{"name":"a","sku":"{sku}","price":1}}"#);
        let authorization = format!("Bearer {}", token_of(role));
        let mut call = store.call("POST", "/products").header("authorization", &authorization);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.header("idempotency-key", "cart-1").json(&body).send().await
    };
    let first = send(Role::Seller, "A", &[]).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let other = send(Role::Admin, "B", &[]).await;
    assert_eq!((other.status.as_u16(), other.header("idempotency-replayed")), (201, None), "{}", other.text());
    let again = send(Role::Seller, "A", &[]).await;
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, Some("true")));
    let same = send(Role::Admin, "A", &[]).await;
    assert_eq!(same.status, 422, "the admin's key was used for another request");
    let under = send(Role::Seller, "A", &[("if-none-match", "*")]).await;
    assert!(under.text().contains("idempotency_key_reused"), "{}", under.text());
    let twice = send(Role::Seller, "C", &[("idempotency-key", "x")]).await;
    assert_eq!(twice.status, 400, "{}", twice.text());
    for header in ["consistency-level", "cassandra-trace"] {
        let call = store.call("GET", "/products").header("authorization", &format!("Bearer {}", token_of(Role::Admin)));
        let value = if header == "consistency-level" { "ONE" } else { "false" };
        let answer = call.header(header, value).header(header, value).send().await;
        assert_eq!((answer.status.as_u16(), codes(&answer)), (400, vec!["repeated".to_owned()]), "{header}");
    }
}

#[tokio::test]
async fn no_payment_is_lost() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let product = stocked(&store, "A", 9).await;
    let made = async || order(&store, &ana, &[(&product, 1)]).await.json()["id"].as_str().unwrap().to_owned();
    let pay = async |id: &str, payment: &str| {
        let body = format!(r#"{{"order_id":"{id}","is_paid":true,"payment_id":"{payment}"}}"#);
        store.call("PUT", "/orders").json(&body).send().await
    };
    // Ids of the payments, whether one is to be paid back, and the one that counts.
    let told = |order: &Value| {
        let payments = order["payments"].as_array().unwrap().iter();
        let ids: Vec<String> = payments.map(|payment| payment["payment_id"].as_str().unwrap().to_owned()).collect();
        (ids.join(" "), order["refund_due"].as_bool().unwrap(), order["payment_id"].clone())
    };
    let kept = async |id: &str| told(&store.get(&format!("/orders/{id}")).await.json());
    let is = |ids: &str, refund_due: bool, counts: &str| (ids.to_owned(), refund_due, Value::from(counts));
    let paid = made().await;
    let first = pay(&paid, "P-1").await;
    assert_eq!((first.status.as_u16(), told(&first.json())), (200, is("P-1", false, "P-1")));
    assert_eq!(first.json()["payments"][0]["amount"], first.json()["total"]);
    assert_eq!(pay(&paid, "P-1").await.json(), first.json(), "said twice");
    let path = format!("/orders/{paid}");
    let etag = first.header("etag").unwrap().to_owned();
    let known = async || store.call("GET", &path).header("if-none-match", &etag).send().await.status;
    assert_eq!(known().await, 304);
    for (fulfilled, other) in [(false, "P-2"), (true, "P-2"), (true, "P-3")] {
        if fulfilled {
            let call = store.call("PATCH", &path).json(r#"{"status":"fulfilled"}"#);
            assert_eq!(call.send().await.status, 200);
        }
        let second = pay(&paid, other).await;
        assert_eq!((second.status.as_u16(), codes(&second)), (409, vec!["paid_otherwise".to_owned()]));
        assert!(second.json()["detail"].as_str().unwrap().contains("P-1"), "{}", second.text());
        assert!(kept(&paid).await.0.contains(other));
        assert_eq!(known().await, 200, "what is kept beside the order makes no version of it");
    }
    assert_eq!(kept(&paid).await, is("P-1 P-2 P-3", true, "P-1"));
    // The payment of an order that was cancelled meanwhile is kept, to be paid back.
    let cancel = async |id: &str| store.call("DELETE", &format!("/orders/{id}")).send().await.status;
    let cancelled = made().await;
    assert_eq!(cancel(&cancelled).await, 200);
    let movements = format!("/stocks/{product}/movements?limit=100");
    let before = store.get(&movements).await.text();
    for _ in 0..2 {
        let late = pay(&cancelled, "P-9").await;
        assert_eq!((late.status.as_u16(), codes(&late)), (409, vec!["cancelled".to_owned()]));
        let (ids, refund_due, counts) = kept(&cancelled).await;
        assert_eq!((ids.as_str(), refund_due, counts), ("P-9", true, Value::Null));
    }
    assert_eq!(store.get(&movements).await.text(), before);
    let listed = store.get("/orders?status=cancelled").await.json();
    assert_eq!((&listed[0]["is_paid"], listed[0].get("payments")), (&false.into(), None));
    let unnamed = store.call("PATCH", &format!("/orders/{cancelled}")).json(r#"{"is_paid":true}"#).send().await;
    assert_eq!((unnamed.status.as_u16(), codes(&unnamed)), (409, vec!["cancelled".to_owned()]));
    // An order that was paid and is cancelled then keeps its payment.
    let returned = made().await;
    assert_eq!((pay(&returned, "P-5").await.status.as_u16(), cancel(&returned).await.as_u16()), (200, 200));
    assert_eq!(kept(&returned).await, is("P-5", true, "P-5"));
    assert_eq!(pay(&returned, "P-5").await.status, 200, "said again");
    assert_eq!(pay(&returned, "P-6").await.status, 409);
    assert_eq!(kept(&returned).await, is("P-5 P-6", true, "P-5"));
}

#[tokio::test]
async fn a_report_whose_first_day_is_after_its_last_is_refused() {
    let store = Store::new();
    for report in ["highest-spenders", "best-sellers"] {
        let answer = store.get(&format!("/orders/reports/{report}?from=2026-12-01&to=2026-11-01")).await;
        assert_eq!((answer.status.as_u16(), codes(&answer)), (400, vec!["out_of_range".to_owned()]), "{report}");
        assert_eq!(store.get(&format!("/orders/reports/{report}?from=2026-12-01&to=2026-12-01")).await.status, 200);
    }
}

#[tokio::test]
async fn a_token_that_is_too_long_is_told_as_such() {
    let store = guarded();
    for (length, status) in [(8_000, 401), (9_000, 431)] {
        let token = format!("Bearer {}", "a".repeat(length));
        let answer = store.call("GET", "/products").header("authorization", &token).send().await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.text().contains("token_too_long"), status == 431, "{}", answer.text());
    }
}
