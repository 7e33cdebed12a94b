//! Orders and their reports through HTTP.

use super::client::{Answer, Store};
use super::stocks::{set, stocked};

/// A user; returns its id.
pub async fn user(store: &Store, name: &str) -> String {
    let body = format!(r#"{{"name":"{name}","email":"{name}@example.org"}}"#);
    let answer = store.call("POST", "/users").json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn order_of(user: &str, items: &[(&str, i64)]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|(product, quantity)| format!(r#"{{"product_id":"{product}","quantity":{quantity}}}"#))
        .collect();
    format!(r#"{{"user_id":"{user}","items":[{}]}}"#, items.join(","))
}

pub async fn order(store: &Store, user: &str, items: &[(&str, i64)]) -> Answer {
    store.call("POST", "/orders").json(&order_of(user, items)).send().await
}

async fn quantity(store: &Store, product: &str) -> i64 {
    store.get(&format!("/stocks/{product}")).await.json()["quantity"].as_i64().unwrap()
}

fn ids(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_order_freezes_its_prices_and_takes_its_lines() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let (one, two) = (stocked(&store, "one", 5).await, stocked(&store, "two", 5).await);
    let answer = order(&store, &ana, &[(&one, 2), (&two, 1)]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["id"], body["order_id"]);
    assert_eq!(
        (&body["status"], &body["is_paid"], &body["user_id"]),
        (&"confirmed".into(), &false.into(), &ana.as_str().into())
    );
    assert!(answer.text().contains("\"unit_price\":10.50}") && answer.text().contains("\"total\":31.50,"));
    let path = answer.header("location").unwrap();
    store.call("PATCH", &format!("/products/{one}")).json(r#"{"price":99}"#).send().await;
    let read = store.get(path).await;
    assert_eq!((read.status.as_u16(), read.json()), (200, body));
    assert_eq!(read.header("etag"), answer.header("etag"));
    assert_eq!((quantity(&store, &one).await, quantity(&store, &two).await), (3, 4));
    let movements = store.get(&format!("/stocks/{one}/movements?limit=1")).await.json();
    assert_eq!((&movements[0]["kind"], &movements[0]["delta"]), (&"order".into(), &(-2).into()));
    assert_eq!(movements[0]["reference"], read.json()["id"]);
}

#[tokio::test]
async fn an_order_that_cannot_be_met_names_its_short_lines_and_takes_nothing() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let (one, two) = (stocked(&store, "one", 5).await, stocked(&store, "two", 1).await);
    let bare = store.created("bare").await.rsplit('/').next().unwrap().to_owned();
    let answer = order(&store, &ana, &[(&one, 5), (&bare, 1), (&two, 2)]).await;
    assert_eq!(answer.status, 409);
    let problem = answer.json();
    assert!(problem["type"].as_str().unwrap().ends_with(":insufficient_stock"));
    let errors = problem["errors"].as_array().unwrap();
    let told: Vec<(&str, i64, i64)> = errors
        .iter()
        .map(|error| {
            let number = |name: &str| error[name].as_i64().unwrap();
            (error["pointer"].as_str().unwrap(), number("requested"), number("available"))
        })
        .collect();
    assert_eq!(told, [("/items/1", 1, 0), ("/items/2", 2, 1)]);
    assert_eq!((quantity(&store, &one).await, quantity(&store, &two).await), (5, 1));
    assert_eq!(ids(&store.get("/orders").await), [""; 0]);
    assert_eq!(store.get(&format!("/stocks/{bare}")).await.status, 404, "an order makes no stock");
}

#[tokio::test]
async fn an_order_under_a_key_is_made_once_and_its_refusal_kept() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let one = stocked(&store, "one", 3).await;
    let post = |key: &'static str, units| {
        let call = store.call("POST", "/orders").header("idempotency-key", key);
        call.json(&order_of(&ana, &[(&one, units)])).send()
    };
    let first = post("k", 2).await;
    let again = post("k", 2).await;
    assert_eq!((first.status.as_u16(), &first.body), (201, &again.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(quantity(&store, &one).await, 1);
    assert_eq!(post("short", 2).await.status, 409);
    set(&store, &one, 50).await;
    let kept = post("short", 2).await;
    assert_eq!((kept.status.as_u16(), &kept.json()["errors"][0]["available"]), (409, &1.into()));
    assert_eq!(post("k", 3).await.status, 422);
    assert_eq!(ids(&store.get("/orders").await).len(), 1);
}

#[tokio::test]
async fn an_order_is_paid_by_either_way_fulfilled_and_then_kept() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let one = stocked(&store, "one", 9).await;
    let path = order(&store, &ana, &[(&one, 1)]).await.header("location").unwrap().to_owned();
    let id = path.rsplit('/').next().unwrap();
    let patch = |body: &'static str| store.call("PATCH", &path).json(body).send();
    assert_eq!(patch(r#"{"status":"fulfilled"}"#).await.status, 409);
    let put = format!(r#"{{"order_id":"{id}","is_paid":true,"payment_id":17}}"#);
    let paid = store.call("PUT", "/orders").json(&put).send().await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    let body = paid.json();
    assert_eq!((&body["status"], &body["is_paid"], &body["payment_id"]), (&"paid".into(), &true.into(), &"17".into()));
    let version = body["version"].clone();
    assert_eq!(patch(r#"{"is_paid":true}"#).await.json()["version"], version, "said twice");
    assert_eq!(patch(r#"{"is_paid":false}"#).await.status, 409);
    assert_eq!(patch(r#"{"status":"fulfilled"}"#).await.json()["status"], "fulfilled");
    assert_eq!(store.call("DELETE", &path).send().await.status, 409);
    assert_eq!(quantity(&store, &one).await, 8);
    let unknown = r#"{"order_id":"0190a0a0-0000-7000-8000-000000000000","is_paid":true}"#;
    assert_eq!(store.call("PUT", "/orders").json(unknown).send().await.status, 404);
    assert_eq!(ids(&store.get("/orders").await).len(), 1, "never a phantom");
}

#[tokio::test]
async fn a_cancelled_order_gives_back_once_and_stays_readable() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let one = stocked(&store, "one", 9).await;
    let path = order(&store, &ana, &[(&one, 4)]).await.header("location").unwrap().to_owned();
    let delete = |condition: &'static str| store.call("DELETE", &path).header("if-match", condition).send();
    assert_eq!(delete("\"9\"").await.status, 412);
    for _ in 0..3 {
        let answer = delete("*").await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, r#"{"deleted":true}"#));
    }
    assert_eq!(quantity(&store, &one).await, 9);
    assert_eq!(store.get(&path).await.json()["status"], "cancelled");
    let patch = store.call("PATCH", &path).json(r#"{"is_paid":true}"#).send().await;
    assert_eq!(patch.status, 409);
}

#[tokio::test]
async fn orders_are_listed_by_user_status_and_day_page_by_page() {
    let store = Store::new();
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let one = stocked(&store, "one", 99).await;
    let mut made = Vec::new();
    for at in 0..6 {
        let whose = if at % 3 == 0 { &bob } else { &ana };
        let answer = order(&store, whose, &[(&one, 1)]).await;
        made.push(answer.json()["id"].as_str().unwrap().to_owned());
    }
    store.call("DELETE", &format!("/orders/{}", made[1])).send().await;
    made.reverse();
    assert_eq!(ids(&store.get("/orders").await), made);
    let of_ana = [&made[0], &made[1], &made[3], &made[4]];
    assert_eq!(ids(&store.get(&format!("/orders?user_id={ana}")).await).iter().collect::<Vec<_>>(), of_ana);
    assert_eq!(ids(&store.get("/orders?status=cancelled").await), [made[4].clone()]);
    assert_eq!(ids(&store.get("/orders?status=pending").await), [""; 0]);
    let today =
        store.get(&format!("/orders/{}", made[0])).await.json()["created_at"].as_str().unwrap()[..10].to_owned();
    assert_eq!(ids(&store.get(&format!("/orders?day={today}")).await), made);
    assert_eq!(ids(&store.get("/orders?day=2001-01-01").await), [""; 0]);
    let mut target = Some(format!("/orders?limit=2&user_id={ana}&day={today}"));
    let mut found = Vec::new();
    while let Some(page) = target {
        let answer = store.get(&page).await;
        assert_eq!(answer.status, 200, "{page}");
        found.extend(ids(&answer));
        let link = answer.header("link").map(str::to_owned);
        target = link.map(|link| link[1..].split_once('>').unwrap().0.to_owned());
    }
    assert_eq!(found.iter().collect::<Vec<_>>(), of_ana);
    for query in ["status=refused", "status=", "user_id=x", "day=2026-02-30", "day=today", "user=1", "cursor=AAAA"] {
        assert_eq!(store.get(&format!("/orders?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn reports_say_what_the_orders_say() {
    let store = Store::new();
    let (ana, bob) = (user(&store, "ana").await, user(&store, "bob").await);
    let (one, two) = (stocked(&store, "one", 99).await, stocked(&store, "two", 99).await);
    order(&store, &ana, &[(&one, 3)]).await;
    order(&store, &bob, &[(&one, 1), (&two, 5)]).await;
    let cancelled = order(&store, &ana, &[(&two, 50)]).await.header("location").unwrap().to_owned();
    store.call("DELETE", &cancelled).send().await;
    let spenders = store.get("/orders/reports/highest-spenders").await;
    assert_eq!(
        spenders.text(),
        format!(r#"[{{"user_id":"{bob}","total_expense":63.00}},{{"user_id":"{ana}","total_expense":31.50}}]"#)
    );
    let sellers = store.get("/orders/reports/best-sellers?limit=1").await;
    assert_eq!(sellers.text(), format!(r#"[{{"product_id":"{two}","quantity_sold":5}}]"#));
    let none = store.get("/orders/reports/best-sellers?from=2001-01-01&to=2001-12-31").await;
    assert_eq!(none.text(), "[]");
    let since = store.get("/orders/reports/best-sellers?from=2001-01-01").await;
    assert_eq!(since.json().as_array().unwrap().len(), 2);
    for query in ["limit=0", "limit=101", "from=x", "to=2026-13-01", "day=2026-01-01"] {
        for report in ["highest-spenders", "best-sellers"] {
            assert_eq!(store.get(&format!("/orders/reports/{report}?{query}")).await.status, 400, "{query}");
        }
    }
}

#[tokio::test]
async fn no_bad_order_is_made() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let one = stocked(&store, "one", 9).await;
    let unknown = "0190a0a0-0000-7000-8000-000000000000";
    let item =
        |quantity: &str| format!(r#"{{"user_id":"{ana}","items":[{{"product_id":"{one}","quantity":{quantity}}}]}}"#);
    let items = |items: &str| format!(r#"{{"user_id":"{ana}","items":{items}}}"#);
    let mut table: Vec<(String, u16, &str)> = vec![
        ("".into(), 400, ""),
        ("[]".into(), 400, ""),
        ("{}".into(), 422, "/items"),
        (order_of(unknown, &[(&one, 1)]), 422, "/user_id"),
        (order_of(&ana, &[(unknown, 1)]), 422, "/items/0/product_id"),
        (order_of(&ana, &[(&one, 1), (&one, 2)]), 422, "/items/1/product_id"),
        (order_of(&ana, &[]), 422, "/items"),
        (order_of(&ana, &vec![(one.as_str(), 1); 101]), 422, "/items"),
        (items("[{}]"), 422, "/items/0/product_id"),
        (items("[{\"product_id\":1,\"quantity\":1}]"), 422, "/items/0/product_id"),
        (items("[{\"quantity\":1,\"quantity\":1}]"), 422, "/items/0/quantity"),
        (items("[null]"), 422, "/items/0"),
        (format!(r#"{{"user_id":"{ana}","items":[],"total":0}}"#), 422, "/total"),
        (format!(r#"{{"user_id":"{ana}","items":[],"status":"paid"}}"#), 422, "/status"),
    ];
    for literal in ["0", "-1", "1.5", "1e2", "1000001", "99999999999999999999", "\"1\"", "null", "true", "[]"] {
        table.push((item(literal), 422, "/items/0/quantity"));
    }
    for literal in ["null", "{}", "1", "\"x\"", "true"] {
        table.push((items(literal), 422, "/items"));
    }
    for (body, status, pointer) in &table {
        let answer = store.call("POST", "/orders").json(body).send().await;
        assert_eq!(answer.status.as_u16(), *status, "{body}: {}", answer.text());
        let problem = answer.json();
        let errors = problem["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["pointer"] == *pointer), "{body}: {errors:?}");
    }
    let path = order(&store, &ana, &[(&one, 1)]).await.header("location").unwrap().to_owned();
    for body in [
        r#"{"is_paid":null}"#,
        r#"{"is_paid":"true"}"#,
        r#"{"is_paid":1}"#,
        r#"{"payment_id":null}"#,
        r#"{"payment_id":""}"#,
        r#"{"payment_id":-1}"#,
        r#"{"payment_id":1.5}"#,
        r#"{"status":"cancelled"}"#,
        r#"{"status":1}"#,
        r#"{"total":1}"#,
        r#"{"order_id":"x"}"#,
    ] {
        assert_eq!(store.call("PATCH", &path).json(body).send().await.status, 422, "{body}");
    }
    for body in [r#"{"is_paid":true}"#, r#"{"order_id":1,"is_paid":true}"#, r#"{"order_id":"x"}"#] {
        assert_eq!(store.call("PUT", "/orders").json(body).send().await.status, 422, "{body}");
    }
    assert_eq!(store.get("/orders/x").await.status, 404);
    assert_eq!((quantity(&store, &one).await, ids(&store.get("/orders").await).len()), (8, 1));
}

#[tokio::test]
async fn a_line_may_name_its_product_by_sku_and_wrong_ones_are_each_told() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let (one, two) = (stocked(&store, "one", 5).await, stocked(&store, "two", 5).await);
    let post = |items: String| {
        store.call("POST", "/orders").json(&format!(r#"{{"user_id":"{ana}","items":[{items}]}}"#)).send()
    };
    let made = post(format!(r#"{{"sku":"one","quantity":2}},{{"product_id":"{two}","quantity":1}}"#)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let products: Vec<String> = made.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["product_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(products, [one.clone(), two.clone()]);
    assert_eq!((quantity(&store, &one).await, quantity(&store, &two).await), (3, 4));
    for (items, pointer, code) in [
        (r#"{"sku":"three","quantity":1}"#.to_owned(), "/items/0/sku", "unknown_sku"),
        (r#"{"sku":"one","quantity":1},{"sku":"one","quantity":1}"#.into(), "/items/1/sku", "repeated"),
        (format!(r#"{{"product_id":"{one}","quantity":1}},{{"sku":"one","quantity":1}}"#), "/items/1/sku", "repeated"),
        (format!(r#"{{"product_id":"{one}","sku":"one","quantity":1}}"#), "/items/0/sku", "named_twice"),
        (r#"{"sku":7,"quantity":1}"#.into(), "/items/0/sku", "type"),
        (r#"{"sku":"","quantity":1}"#.into(), "/items/0/sku", "too_short"),
    ] {
        let refused = post(items).await;
        let error = &refused.json()["errors"][0];
        assert_eq!((refused.status.as_u16(), &error["pointer"], &error["code"]), (422, &pointer.into(), &code.into()));
    }
    assert_eq!(quantity(&store, &one).await, 3, "nothing of what was refused");
}

#[tokio::test]
async fn a_sale_without_a_customer_is_an_order_as_any_other_and_nobody_spent_it() {
    let store = Store::new();
    let one = stocked(&store, "one", 5).await;
    let body = r#"{"user_id":null,"items":[{"sku":"one","quantity":2}]}"#;
    let made = store.call("POST", "/orders").json(body).send().await;
    assert_eq!((made.status.as_u16(), &made.json()["user_id"]), (201, &serde_json::Value::Null), "{}", made.text());
    let path = made.header("location").unwrap().to_owned();
    assert_eq!(store.get(&path).await.json()["user_id"], serde_json::Value::Null);
    assert_eq!(ids(&store.get("/orders").await).len(), 1);
    assert_eq!(store.get("/orders/reports/highest-spenders").await.json(), serde_json::json!([]));
    assert_eq!(store.get("/orders/reports/best-sellers").await.json()[0]["quantity_sold"], 2);
    assert_eq!(store.call("DELETE", &path).send().await.status, 200);
    assert_eq!(quantity(&store, &one).await, 5);
    for (user, code) in [
        ("", "required"),
        (r#""user_id":"00000000-0000-0000-0000-000000000000","#, "unknown_user"),
        (r#""user_id":"","#, "not_a_uuid"),
    ] {
        let refused = store
            .call("POST", "/orders")
            .json(&format!(r#"{{{user}"items":[{{"sku":"one","quantity":1}}]}}"#))
            .send()
            .await;
        let error = &refused.json()["errors"][0];
        assert_eq!(
            (refused.status.as_u16(), &error["pointer"], &error["code"]),
            (422, &"/user_id".into(), &code.into())
        );
    }
}

#[tokio::test]
async fn an_order_is_shown_with_its_products_and_a_product_with_its_stock_where_that_is_asked_for() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let (one, two) = (stocked(&store, "one", 5).await, stocked(&store, "two", 7).await);
    let made = order(&store, &ana, &[(&one, 2), (&two, 1)]).await;
    let path = made.header("location").unwrap();
    let plain = store.get(path).await;
    let shown = store.get(&format!("{path}?expand=products")).await;
    assert_eq!((shown.status.as_u16(), shown.header("etag")), (200, None), "a product changes without the order");
    let mut expected = plain.json();
    for (item, product) in expected["items"].as_array_mut().unwrap().iter_mut().zip([&one, &two]) {
        item["product"] = store.get(&format!("/products/{product}")).await.json();
    }
    assert_eq!(shown.json(), expected);
    store.created("bare").await;
    let page = store.get("/products?expand=stock&limit=2").await;
    let rows = page.json();
    assert_eq!((&rows[0]["sku"], &rows[0]["stock"]), (&"bare".into(), &serde_json::Value::Null));
    assert_eq!((&rows[1]["stock"]["quantity"], &rows[1]["stock"]["version"]), (&6.into(), &2.into()));
    let next = page.header("link").unwrap().trim_start_matches('<').split('>').next().unwrap().to_owned();
    assert_eq!(store.get(&next).await.json()[0]["stock"]["quantity"], 3, "the next page has it, too");
    let alone = store.get(&format!("/products/{one}?expand=stock")).await;
    assert_eq!((alone.header("etag"), &alone.json()["stock"]["quantity"]), (None, &3.into()));
    for target in
        [format!("{path}?expand=stock"), "/products?expand=products".into(), format!("/products/{one}?expand=")]
    {
        let refused = store.get(&target).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["pointer"]), (400, &"query:expand".into()));
    }
}

#[tokio::test]
async fn orders_are_exported_as_lines_whose_totals_are_what_was_taken() {
    let store = Store::new();
    let ana = user(&store, "ana").await;
    let one = stocked(&store, "one", 500).await;
    for _ in 0..120 {
        assert_eq!(order(&store, &ana, &[(&one, 2)]).await.status, 201);
    }
    let gone = order(&store, &ana, &[(&one, 1)]).await.header("location").unwrap().to_owned();
    store.call("DELETE", &gone).send().await;
    let export = store.get("/orders/export?status=confirmed").await;
    assert_eq!((export.status.as_u16(), export.header("cache-control")), (200, Some("no-store")));
    assert!(export.header("content-disposition").unwrap().contains("orders.csv"));
    let text = export.text();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("order_id,created_at,status,user_id,payment_id,product_id,quantity,unit_price,line_total")
    );
    let totals: Vec<f64> = lines.map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(
        (totals.len(), totals.iter().sum::<f64>()),
        (120, 2520.0),
        "more than a page, and none that was cancelled"
    );
    assert_eq!(store.get("/orders/export").await.text().lines().count(), 122);
    assert_eq!(store.get("/orders/export?day=2000-01-01").await.text().lines().count(), 1);
    for (query, pointer) in [("day=today", "query:day"), ("status=refused", "query:status"), ("limit=1", "query:limit")]
    {
        let refused = store.get(&format!("/orders/export?{query}")).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["pointer"]), (400, &pointer.into()));
    }
}
