//! Stocks through HTTP: set, adjusted, never below 0, each change a movement with a version.

use super::client::{Answer, Store};

/// A product with a stock; returns its id.
pub async fn stocked(store: &Store, sku: &str, quantity: i64) -> String {
    let path = store.created(sku).await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let answer = set(store, &id, quantity).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    id
}

pub async fn set(store: &Store, id: &str, quantity: i64) -> Answer {
    let body = format!(r#"{{"product_id":"{id}","quantity":{quantity}}}"#);
    store.call("POST", "/stocks").json(&body).send().await
}

async fn adjust(store: &Store, id: &str, delta: i64) -> Answer {
    let body = format!(r#"{{"delta":{delta},"reason":"count","reference":"R-1"}}"#);
    store.call("POST", &format!("/stocks/{id}/adjustments")).json(&body).send().await
}

fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    Some(link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?.to_owned())
}

#[tokio::test]
async fn a_stock_is_set_adjusted_and_read_with_a_version_for_each_change() {
    let store = Store::new();
    let id = stocked(&store, "one", 5).await;
    let adjusted = adjust(&store, &id, -2).await;
    assert_eq!(adjusted.status, 201);
    let body = adjusted.json();
    assert_eq!((&body["quantity"], &body["version"]), (&3.into(), &2.into()));
    assert_eq!(adjusted.header("etag"), Some("\"2\""));
    assert_eq!(adjusted.header("location"), Some(format!("/stocks/{id}").as_str()));
    let read = store.get(&format!("/stocks/{id}")).await;
    assert_eq!((read.status.as_u16(), &read.json()["quantity"]), (200, &3.into()));
    let fresh = store.call("GET", &format!("/stocks/{id}")).header("if-none-match", "\"2\"").send().await;
    assert_eq!(fresh.status, 304);
    let again = set(&store, &id, 3).await;
    assert_eq!(again.json()["version"], 3, "a count that finds what was there is a movement, too");
}

#[tokio::test]
async fn a_stock_never_falls_below_nothing_and_the_refusal_says_what_is_there() {
    let store = Store::new();
    let id = stocked(&store, "one", 2).await;
    let refused = adjust(&store, &id, -3).await;
    assert_eq!(refused.status, 409);
    let error = &refused.json()["errors"][0];
    assert_eq!((&error["requested"], &error["available"]), (&3.into(), &2.into()));
    assert_eq!(error["product_id"], id.as_str());
    let full = adjust(&store, &id, 1_000_000_000).await;
    assert_eq!((full.status.as_u16(), &full.json()["errors"][0]["code"]), (409, &"out_of_range".into()));
    let read = store.get(&format!("/stocks/{id}")).await.json();
    assert_eq!((&read["quantity"], &read["version"]), (&2.into(), &1.into()));
}

#[tokio::test]
async fn movements_add_up_to_the_quantity_through_all_pages() {
    let store = Store::new();
    let id = stocked(&store, "one", 50).await;
    for delta in 1..=20 {
        adjust(&store, &id, if delta % 2 == 0 { delta } else { -delta }).await;
    }
    let (mut sum, mut versions) = (0, Vec::new());
    let mut target = Some(format!("/stocks/{id}/movements?limit=6"));
    while let Some(page) = target {
        let answer = store.get(&page).await;
        for movement in answer.json().as_array().unwrap() {
            sum += movement["delta"].as_i64().unwrap();
            versions.push(movement["version"].as_i64().unwrap());
        }
        target = next(&answer);
    }
    assert_eq!(versions, (1..=21).rev().collect::<Vec<i64>>());
    assert_eq!(store.get(&format!("/stocks/{id}")).await.json()["quantity"], sum);
    let first = store.get(&format!("/stocks/{id}/movements?limit=1")).await.json();
    assert_eq!((&first[0]["reason"], &first[0]["reference"]), (&"count".into(), &"R-1".into()));
    assert_eq!(store.get("/stocks/0190a0a0-0000-7000-8000-000000000000/movements").await.status, 404);
    let other = stocked(&store, "two", 1).await;
    let cursor = next(&store.get(&format!("/stocks/{id}/movements?limit=1")).await).unwrap().replace(&id, &other);
    assert_eq!(store.get(&cursor).await.status, 400, "a cursor of another stock");
}

#[tokio::test]
async fn a_keyed_change_is_made_once_for_its_product() {
    let store = Store::new();
    let (one, two) = (stocked(&store, "one", 5).await, stocked(&store, "two", 5).await);
    let post = |id: &str| {
        let call = store.call("POST", &format!("/stocks/{id}/adjustments")).header("idempotency-key", "k");
        call.json(r#"{"delta":-1}"#).send()
    };
    let first = post(&one).await;
    let again = post(&one).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(post(&two).await.status, 422, "the key belongs to the other product's request");
    assert_eq!(store.get(&format!("/stocks/{one}")).await.json()["quantity"], 4);
    assert_eq!(store.get(&format!("/stocks/{two}")).await.json()["quantity"], 5);
    // A refusal is replayed with what it said.
    let take = |key: &'static str| {
        let call = store.call("POST", &format!("/stocks/{one}/adjustments")).header("idempotency-key", key);
        call.json(r#"{"delta":-100}"#).send()
    };
    assert_eq!(take("r").await.json()["errors"][0]["available"], 4);
    set(&store, &one, 500).await;
    assert_eq!(take("r").await.json()["errors"][0]["available"], 4);
}

#[tokio::test]
async fn conditions_on_the_version_of_a_stock_are_kept() {
    let store = Store::new();
    let id = stocked(&store, "one", 5).await;
    let adjust = |condition: &'static str| {
        let call = store.call("POST", &format!("/stocks/{id}/adjustments")).header("if-match", condition);
        call.json(r#"{"delta":1}"#).send()
    };
    assert_eq!(adjust("\"9\"").await.status, 412);
    assert_eq!(adjust("\"1\"").await.status, 201);
    assert_eq!(adjust("\"1\"").await.status, 412);
    assert_eq!(adjust("*").await.status, 201);
}

#[tokio::test]
async fn the_list_shows_stocks_and_the_report_every_product() {
    let store = Store::new();
    let one = stocked(&store, "one", 5).await;
    store.created("none").await;
    let two = stocked(&store, "two", 7).await;
    let list = store.get("/stocks").await.json();
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|row| row["product_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [two.as_str(), one.as_str()]);
    let first = store.get("/stocks/reports/overview-stocks?limit=2").await;
    let mut rows = first.json().as_array().unwrap().clone();
    rows.extend(store.get(&next(&first).unwrap()).await.json().as_array().unwrap().clone());
    let units: Vec<(&str, i64)> =
        rows.iter().map(|row| (row["sku"].as_str().unwrap(), row["units_in_stock"].as_i64().unwrap())).collect();
    assert_eq!(units, [("two", 7), ("none", 0), ("one", 5)]);
    assert!(first.text().contains("\"unit_price\":10.50"));
}

#[tokio::test]
async fn no_bad_change_of_a_stock_is_made() {
    let store = Store::new();
    let id = stocked(&store, "one", 5).await;
    let of = |quantity: &str| format!(r#"{{"product_id":"{id}","quantity":{quantity}}}"#);
    let mut table = vec![("{}".to_owned(), 422), ("[]".into(), 400), ("".into(), 400), (of("1}{"), 400)];
    for literal in
        ["-1", "1.5", "1e3", "1000000001", "99999999999999999999", "\"1\"", "null", "true", "[]", "{}", "-0.1", "1e999"]
    {
        table.push((of(literal), 422));
    }
    for product in ["1", "null", "\"x\"", "\"\"", "\"0190a0a0-0000-7000-8000-000000000000\"", "{}"] {
        table.push((format!(r#"{{"product_id":{product},"quantity":1}}"#), 422));
    }
    table.push((format!(r#"{{"product_id":"{id}","quantity":1,"version":9}}"#), 422));
    table.push((format!(r#"{{"product_id":"{id}","quantity":1,"quantity":2}}"#), 400));
    for (body, status) in &table {
        let answer = store.call("POST", "/stocks").json(body).send().await;
        assert_eq!(answer.status.as_u16(), *status, "{body}: {}", answer.text());
    }
    let path = format!("/stocks/{id}/adjustments");
    for body in [
        r#"{}"#,
        r#"{"delta":0}"#,
        r#"{"delta":0.0}"#,
        r#"{"delta":1.5}"#,
        r#"{"delta":"1"}"#,
        r#"{"delta":1000000001}"#,
        r#"{"delta":1,"reason":""}"#,
        r#"{"delta":1,"reason":1}"#,
        r#"{"delta":1,"reason":"a\nb"}"#,
        r#"{"delta":1,"reference":"a\u0000"}"#,
        r#"{"delta":1,"kind":"set"}"#,
    ] {
        let answer = store.call("POST", &path).json(body).send().await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
    }
    for (target, status) in [
        ("/stocks/x/adjustments".to_owned(), 404),
        ("/stocks/0190a0a0-0000-7000-8000-000000000000/adjustments".into(), 404),
        (format!("{path}?x=1"), 400),
    ] {
        assert_eq!(store.call("POST", &target).json(r#"{"delta":1}"#).send().await.status.as_u16(), status, "{target}");
    }
    for target in ["/stocks?limit=0", "/stocks?offset=1", "/stocks?cursor=AAAA", "/stocks/reports/overview-stocks?x=1"]
    {
        assert_eq!(store.get(target).await.status, 400, "{target}");
    }
    let read = store.get(&format!("/stocks/{id}")).await.json();
    assert_eq!((&read["quantity"], &read["version"]), (&5.into(), &1.into()));
}

#[tokio::test]
async fn a_product_with_a_stock_is_archived_and_one_without_is_gone() {
    let store = Store::new();
    let id = stocked(&store, "one", 5).await;
    let path = format!("/products/{id}");
    for _ in 0..2 {
        let deleted = store.call("DELETE", &path).send().await.status.as_u16();
        assert!([204, 404].contains(&deleted), "{deleted}");
    }
    let archived = store.get(&path).await;
    assert_eq!(archived.status, 200);
    assert!(archived.json()["archived_at"].is_string());
    assert_eq!(store.count().await, 0, "in no list");
    assert_eq!(store.get(&format!("/stocks/{id}")).await.json()["quantity"], 5, "the stock stays");
    let changed = store.call("PATCH", &path).json(r#"{"price":1}"#).send().await;
    assert_eq!((changed.status.as_u16(), &changed.json()["errors"][0]["code"]), (409, &"product_archived".into()));
    assert_eq!(set(&store, &id, 9).await.status, 409);
    let ana = super::orders::user(&store, "ana").await;
    let ordered = super::orders::order(&store, &ana, &[(&id, 1)]).await;
    assert_eq!((ordered.status.as_u16(), &ordered.json()["errors"][0]["code"]), (422, &"product_archived".into()));
    store.created("one").await;
    let bare = store.created("bare").await;
    assert_eq!(store.call("DELETE", &bare).send().await.status, 204);
    assert_eq!(store.get(&bare).await.status, 404);
    assert_eq!(set(&store, bare.rsplit('/').next().unwrap(), 1).await.status, 422);
}

#[tokio::test]
async fn an_archived_product_is_listed_as_one_and_comes_back_with_its_stock() {
    let store = Store::new();
    let id = stocked(&store, "one", 5).await;
    let path = format!("/products/{id}");
    assert_eq!(store.call("DELETE", &path).send().await.status, 204);
    let listed = store.get("/products?archived=true").await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &id.clone().into()));
    assert!(listed[0]["archived_at"].is_string());
    let both = store.get("/products?archived=true&sku=one").await;
    assert_eq!((both.status.as_u16(), &both.json()["errors"][0]["code"]), (400, &"stands_alone".into()));
    let restore = |body: &'static str| store.call("PATCH", &path).json(body).send();
    let wrong = restore(r#"{"archived_at":"2026-11-30T00:00:00.000Z"}"#).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["errors"][0]["code"]), (422, &"read_only".into()));
    // Somebody else has the sku meanwhile: it comes back under another one.
    store.created("one").await;
    let taken = restore(r#"{"archived_at":null}"#).await;
    assert_eq!((taken.status.as_u16(), &taken.json()["errors"][0]["code"]), (409, &"sku_taken".into()));
    let stale = store.call("PATCH", &path).header("if-match", "\"1\"").json(r#"{"archived_at":null}"#).send().await;
    assert_eq!(stale.status, 412);
    let back = restore(r#"{"archived_at":null,"sku":"two","price":3}"#).await;
    assert_eq!(back.status, 200, "{}", back.text());
    let back = back.json();
    assert_eq!((&back["sku"], &back["version"], back.get("archived_at")), (&"two".into(), &3.into(), None));
    assert_eq!(store.count().await, 2);
    assert_eq!(store.get("/products?archived=true").await.json().as_array().unwrap().len(), 0);
    let again = restore(r#"{"archived_at":null}"#).await;
    assert_eq!((again.status.as_u16(), &again.json()["version"]), (200, &3.into()), "it is so already");
    let overview = store.get("/stocks/reports/overview-stocks").await.json();
    let row = overview.as_array().unwrap().iter().find(|row| row["sku"] == "two").unwrap();
    assert_eq!(row["units_in_stock"], 5);
    let ana = super::orders::user(&store, "ana").await;
    assert_eq!(super::orders::order(&store, &ana, &[(&id, 1)]).await.status, 201);
    assert_eq!(set(&store, &id, 9).await.status, 201);
}

#[tokio::test]
async fn the_list_of_archived_products_goes_on_from_page_to_page() {
    let store = Store::new();
    for at in 0..5 {
        let id = stocked(&store, &format!("a-{at}"), 1).await;
        assert_eq!(store.call("DELETE", &format!("/products/{id}")).send().await.status, 204);
    }
    let (mut next, mut skus) = ("/products?archived=true&limit=2".to_owned(), Vec::new());
    loop {
        let page = store.get(&next).await;
        assert_eq!(page.status, 200, "{}", page.text());
        skus.extend(page.json().as_array().unwrap().iter().map(|row| row["sku"].as_str().unwrap().to_owned()));
        let Some(link) = page.header("link") else { break };
        next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(skus, ["a-4", "a-3", "a-2", "a-1", "a-0"]);
}

async fn skus(store: &Store, query: &str) -> Vec<String> {
    let (mut target, mut skus) = (format!("/stocks/reports/overview-stocks?{query}"), Vec::new());
    loop {
        let page = store.get(&target).await;
        assert_eq!(page.status, 200, "{}", page.text());
        skus.extend(page.json().as_array().unwrap().iter().map(|row| row["sku"].as_str().unwrap().to_owned()));
        let Some(next) = next(&page) else { return skus };
        target = next;
    }
}

#[tokio::test]
async fn stocks_that_run_low_are_listed_below_their_thresholds_or_a_number() {
    let store = Store::new();
    for (sku, quantity, threshold) in [("a", 4, "5"), ("b", 5, "5"), ("c", 0, "null"), ("d", 9, "10"), ("e", 50, "1")] {
        let id = stocked(&store, sku, quantity).await;
        let body = format!(r#"{{"low_stock_threshold":{threshold}}}"#);
        assert_eq!(store.call("PATCH", &format!("/products/{id}")).json(&body).send().await.status, 200);
    }
    let bare = store.created("bare").await;
    store.call("PATCH", &bare).json(r#"{"low_stock_threshold":1}"#).send().await;
    assert_eq!(store.get(&bare).await.json()["low_stock_threshold"], 1);
    for limit in [1, 2, 3, 100] {
        assert_eq!(skus(&store, &format!("below=threshold&limit={limit}")).await, ["bare", "d", "a"], "{limit}");
        assert_eq!(skus(&store, &format!("below=5&limit={limit}")).await, ["bare", "c", "a"], "{limit}");
    }
    let counted = store.get("/stocks?below=threshold").await.json();
    let units: Vec<i64> = counted.as_array().unwrap().iter().map(|row| row["quantity"].as_i64().unwrap()).collect();
    assert_eq!(units, [9, 4], "what was never set is no stock");
    for wrong in ["0", "-1", "05", "1.5", "", "low", "10000000000"] {
        let refused = store.get(&format!("/stocks?below={wrong}")).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["pointer"]), (400, &"query:below".into()));
    }
    let of_all = next(&store.get("/stocks?limit=1").await).unwrap();
    let crossed = store.get(&format!("{of_all}&below=threshold")).await;
    assert_eq!((crossed.status.as_u16(), &crossed.json()["errors"][0]["code"]), (400, &"bad_cursor".into()));
}
