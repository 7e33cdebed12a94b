//! Products through HTTP as it should go.

use super::client::{Answer, Store};

const TEA: &str = r#"{"name":"Green tea","sku":"TEA-1","price":10.50,"category":"tea"}"#;

fn skus(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["sku"].as_str().unwrap().to_owned()).collect()
}

fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(target.to_owned())
}

#[tokio::test]
async fn a_created_product_is_answered_located_and_read_back() {
    let store = Store::new();
    let answer = store.create(TEA).await;
    assert_eq!(answer.status, 201);
    let body = answer.json();
    assert_eq!(body["id"], body["product_id"]);
    assert_eq!(body["version"], 1);
    assert!(answer.text().contains("\"price\":10.50,"), "{}", answer.text());
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("consistency-level"), Some("LOCAL_QUORUM"));
    let path = answer.header("location").unwrap();
    assert_eq!(path, format!("/products/{}", body["id"].as_str().unwrap()));
    let read = store.get(path).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("content-type"), Some("application/json"));
    assert_eq!(read.header("etag"), Some("\"1\""));
    let mut expected = body;
    expected.as_object_mut().unwrap().remove("product_id");
    assert_eq!(read.json(), expected);
    let head = store.call("HEAD", path).send().await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn a_taken_sku_is_a_conflict_that_names_it() {
    let store = Store::new();
    assert_eq!(store.create(TEA).await.status, 201);
    let answer = store.create(TEA).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["errors"][0]["pointer"], "/sku");
    assert_eq!(answer.json()["errors"][0]["code"], "sku_taken");
    let other = store.created("other").await;
    let answer = store.call("PATCH", &other).json(r#"{"sku":"TEA-1"}"#).send().await;
    assert_eq!(answer.status, 409);
    assert_eq!(store.count().await, 2);
}

#[tokio::test]
async fn a_list_is_newest_first_and_its_links_lead_through_all_of_it() {
    let store = Store::new();
    let mut made = Vec::new();
    for at in 0..7 {
        let sku = format!("p{at}");
        store.created(&sku).await;
        made.insert(0, sku);
    }
    let mut seen = Vec::new();
    let mut target = Some("/products?limit=3".to_owned());
    let mut pages = 0;
    while let Some(page) = target {
        let answer = store.get(&page).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        seen.extend(skus(&answer));
        target = next(&answer);
        pages += 1;
    }
    assert_eq!((seen, pages), (made, 3));
    let exact = store.get("/products?limit=7").await;
    assert_eq!(next(&exact), None, "no link where there is no next page");
}

#[tokio::test]
async fn filters_are_kept_by_the_links_and_bind_their_cursors() {
    let store = Store::new();
    for at in 0..3 {
        let body = format!(r#"{{"name":"Käse & Brot {at}","sku":"k{at}","price":1,"category":"a&b=c"}}"#);
        assert_eq!(store.create(&body).await.status, 201);
        store.created(&format!("other{at}")).await;
    }
    for filter in ["category=a%26b%3Dc", "name_prefix=k%C3%A4SE+%26"] {
        let first = store.get(&format!("/products?limit=2&{filter}")).await;
        assert_eq!(skus(&first), ["k2", "k1"], "{filter}");
        let target = next(&first).unwrap();
        let second = store.get(&target).await;
        assert_eq!((skus(&second), next(&second)), (vec!["k0".to_owned()], None));
        let cursor = target.split("cursor=").nth(1).unwrap();
        for foreign in ["/products?", "/products?category=x&", "/products?sku=k1&"] {
            let answer = store.get(&format!("{foreign}cursor={cursor}")).await;
            assert_eq!(answer.status, 400, "{foreign}");
            assert_eq!(answer.json()["errors"][0]["pointer"], "query:cursor");
        }
    }
    assert_eq!(skus(&store.get("/products?sku=k1").await), ["k1"]);
    assert_eq!(skus(&store.get("/products?sku=k1&category=other").await), [""; 0]);
}

#[tokio::test]
async fn put_replaces_and_patch_merges() {
    let store = Store::new();
    let path = store.create(TEA).await.header("location").unwrap().to_owned();
    let patch = store.call("PATCH", &path).header("content-type", "application/merge-patch+json");
    let answer = patch.body(r#"{"price":9.9,"brand":"Hill"}"#).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("etag"), Some("\"2\""));
    let body = answer.json();
    assert_eq!((&body["brand"], &body["category"]), (&"Hill".into(), &"tea".into()));
    let answer = store.call("PUT", &path).json(r#"{"name":"Black tea","sku":"TEA-2","price":5}"#).send().await;
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["version"]), (200, &3.into()));
    assert!(body["brand"].is_null() && body["category"].is_null());
    assert!(answer.text().contains("\"price\":5,"));
    assert_eq!(store.create(TEA).await.status, 201, "the old sku is free again");
    let same = store.call("PATCH", &path).json("{}").send().await;
    assert_eq!(same.json()["version"], 3, "nothing changed, no new version");
    let unknown = "/products/0190a0a0-0000-7000-8000-000000000000";
    for method in ["PUT", "PATCH", "DELETE"] {
        let answer = store.call(method, unknown).json(TEA).send().await;
        assert_eq!(answer.status, 404, "{method}");
    }
}

#[tokio::test]
async fn conditions_on_the_version_are_kept() {
    let store = Store::new();
    let path = store.created("one").await;
    let patch = |condition: &'static str| {
        let call = store.call("PATCH", &path).header("if-match", condition);
        call.json(r#"{"brand":"x"}"#).send()
    };
    assert_eq!(patch("\"2\"").await.status, 412);
    assert_eq!(patch("W/\"1\"").await.status, 412, "If-Match compares strongly");
    assert_eq!(patch("\"7\", \"1\"").await.status, 200);
    assert_eq!(patch("\"1\"").await.status, 412);
    assert_eq!(patch("*").await.status, 200);
    let read = |condition: &'static str| store.call("GET", &path).header("if-none-match", condition).send();
    let fresh = read("\"2\"").await;
    assert_eq!((fresh.status.as_u16(), fresh.body.len()), (304, 0));
    assert_eq!(fresh.header("etag"), Some("\"2\""));
    assert_eq!(read("W/\"2\", \"9\"").await.status, 304);
    assert_eq!(read("\"1\"").await.status, 200);
    let delete = |condition: &'static str| store.call("DELETE", &path).header("if-match", condition).send();
    assert_eq!(delete("\"1\"").await.status, 412);
    assert_eq!(delete("\"2\"").await.status, 204);
    assert_eq!(store.get(&path).await.status, 404);
    assert_eq!(delete("*").await.status, 404);
}

#[tokio::test]
async fn a_request_under_an_idempotency_key_is_done_once() {
    let store = Store::new();
    let post = |key: &'static str, body: &'static str| {
        store.call("POST", "/products").header("idempotency-key", key).json(body).send()
    };
    let first = post("k1", TEA).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let second = post("k1", TEA).await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let other = post("k1", r#"{"name":"Other","sku":"other","price":1}"#).await;
    assert_eq!(other.status, 422);
    // A refusal is kept as well, even when the reason has gone.
    assert_eq!(post("k2", TEA).await.status, 409);
    let path = first.header("location").unwrap();
    assert_eq!(store.call("DELETE", path).send().await.status, 204);
    assert_eq!(post("k2", TEA).await.status, 409);
    assert_eq!(post("k3", TEA).await.status, 201);
    assert_eq!(store.count().await, 1);
}

#[tokio::test]
async fn the_level_that_was_asked_for_is_used_and_told() {
    let store = Store::new();
    let path = store.created("one").await;
    for level in ["ONE", "TWO", "QUORUM", "LOCAL_ONE", "LOCAL_QUORUM", "ALL", "SERIAL", "quorum"] {
        for target in [path.as_str(), "/products"] {
            let answer = store.call("GET", target).header("consistency-level", level).send().await;
            let told = answer.header("consistency-level").unwrap();
            assert!(told.eq_ignore_ascii_case(level), "{target} {level}: {told}");
        }
    }
    let call = store.call("PATCH", &path).header("consistency-level", "ALL");
    let answer = call.json(r#"{"brand":"x"}"#).send().await;
    assert_eq!(answer.header("consistency-level"), Some("ALL"));
}

#[tokio::test]
async fn a_filter_that_admits_next_to_nothing_is_read_on_page_by_page_to_its_end() {
    let store = super::graphql::alike(600).await;
    let mut target = "/products?limit=100&name_prefix=load&category=oldest".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = store.get(&target).await;
        assert_eq!(page.status, 200, "{}", page.text());
        pages.push(page.json().as_array().unwrap().len());
        let Some(link) = page.header("link") else { break };
        target = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(pages, [0, 0, 1], "250 rows a page");
}

#[tokio::test]
async fn a_list_that_is_short_enough_is_shown_in_the_order_of_names() {
    let store = Store::new();
    let create = async |name: &str, sku: usize| {
        let body = format!(r#"{{"name":"{name}","sku":"s-{sku}","price":1,"category":"tea"}}"#);
        assert_eq!(store.create(&body).await.status, 201);
    };
    for (sku, name) in ["pear", "Apple", "fig", "apple", "Éclair", "Zucchini"].into_iter().enumerate() {
        create(name, sku).await;
    }
    let walk = async |target: &str| {
        let (mut target, mut names) = (target.to_owned(), Vec::new());
        loop {
            let page = store.get(&target).await;
            assert_eq!(page.status, 200, "{}", page.text());
            let rows = page.json();
            names.extend(rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
            let Some(link) = page.header("link") else { return names };
            target = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
        }
    };
    let expected = ["apple", "Apple", "fig", "pear", "Zucchini", "Éclair"];
    for limit in [1, 2, 100] {
        assert_eq!(walk(&format!("/products?category=tea&sort=name&limit={limit}")).await, expected, "{limit}");
        assert_eq!(walk(&format!("/products?category=tea&sort=name&expand=stock&limit={limit}")).await, expected);
    }
    assert_eq!(walk("/products?name_prefix=a&sort=name").await, ["apple", "Apple"]);
    assert_eq!(walk("/products?words=APPLE&sort=name").await, ["apple", "Apple"]);
    assert_eq!(walk("/products?words=eclair&limit=1").await, ["Éclair"]);
    let mut by_words = walk("/products?words=%20apple%21&limit=1&category=tea").await;
    by_words.sort();
    assert_eq!(by_words, ["Apple", "apple"], "page by page, the words as they were asked for");
    for (query, code) in [
        ("sort=name", "needs_filter"),
        ("words=%2D", "no_word"),
        ("sort=price&category=tea", "not_readable"),
        ("sort=", "not_readable"),
    ] {
        let refused = store.get(&format!("/products?{query}")).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["code"]), (400, &code.into()), "{query}");
    }
    for sku in 6..251 {
        create("more", sku).await;
    }
    let full = store.get("/products?category=tea&sort=name").await;
    assert_eq!((full.status.as_u16(), &full.json()["errors"][0]["code"]), (400, &"too_many".into()), "251 of them");
}
