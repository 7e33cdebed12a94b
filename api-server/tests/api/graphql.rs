//! The supplier's queries through HTTP: what they show, what they cost, how they are refused.

use serde_json::{Value, json};
use store_api::auth::roles::Role;

use super::client::{Answer, Store};
use super::roles::{guarded, token_of};
use super::stocks::stocked;

const PATH: &str = "/stocks/graphql-query";

async fn ask(store: &Store, body: &Value) -> Answer {
    store.call("POST", PATH).json(&body.to_string()).send().await
}

/// Data of a query without errors.
async fn data(store: &Store, query: &str, variables: Value) -> Value {
    let answer = ask(store, &json!({ "query": query, "variables": variables })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert!(body.get("errors").is_none(), "{body}");
    body["data"].clone()
}

/// Codes of a query's errors.
async fn codes(store: &Store, query: &str) -> (u16, Vec<String>) {
    let answer = ask(store, &json!({ "query": query })).await;
    let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
    let codes = errors.iter().map(|error| error["extensions"]["code"].as_str().unwrap_or_default().to_owned());
    (answer.status.as_u16(), codes.collect())
}

#[tokio::test]
async fn what_clients_send_beside_the_query_is_left_out_and_a_hash_alone_asks_for_the_text() {
    let store = Store::new();
    let ask = async |body: &'static str, accept: &'static str| {
        store.call("POST", "/stocks/graphql-query").header("accept", accept).json(body).send().await
    };
    let (new, old) = ("application/graphql-response+json", "application/json");
    let more = ask(r#"{"query":"{__typename}","id":"x","operationName":null,"extensions":{"a":1}}"#, new).await;
    assert_eq!((more.status.as_u16(), more.text().as_str()), (200, r#"{"data":{"__typename":"Query"}}"#));
    let hash = r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#;
    for (accept, status) in [(new, 400), (old, 200)] {
        let asked = ask(hash, accept).await;
        assert_eq!(asked.status, status);
        assert_eq!(asked.header("content-type"), Some(accept));
        let error = &asked.json()["errors"][0];
        assert_eq!(error["extensions"]["code"], "PERSISTED_QUERY_NOT_SUPPORTED");
        assert_eq!(error["message"], "PersistedQueryNotSupported");
    }
    let both = r#"{"query":"{__typename}","extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#;
    assert_eq!(ask(both, new).await.status, 200);
}

#[tokio::test]
async fn a_product_is_shown_as_rest_shows_it() {
    let store = Store::new();
    let id = stocked(&store, "lamp", 7).await;
    let query = "query ($id: UUID!) { product(id: $id) { id name sku price brand version createdAt updatedAt archivedAt \
                 stockLevel { productId quantity version updatedAt } } stockLevel(productId: $id) { quantity } }";
    let shown = data(&store, query, json!({ "id": id })).await;
    let rest = store.get(&format!("/products/{id}")).await.json();
    let stock = store.get(&format!("/stocks/{id}")).await.json();
    for (ours, theirs) in
        [("id", "id"), ("name", "name"), ("sku", "sku"), ("price", "price"), ("brand", "brand"), ("version", "version")]
    {
        assert_eq!(shown["product"][ours], rest[theirs], "{ours}");
    }
    assert_eq!(shown["product"]["createdAt"], rest["created_at"]);
    assert_eq!(shown["product"]["archivedAt"], Value::Null);
    for (ours, theirs) in
        [("productId", "product_id"), ("quantity", "quantity"), ("version", "version"), ("updatedAt", "updated_at")]
    {
        assert_eq!(shown["product"]["stockLevel"][ours], stock[theirs], "{ours}");
    }
    assert_eq!(shown["stockLevel"]["quantity"], 7);
}

#[tokio::test]
async fn what_is_not_there_is_null() {
    let store = Store::new();
    let path = store.created("bare").await;
    let id = path.rsplit('/').next().unwrap();
    let query = "query ($id: UUID!, $none: UUID!) { product(id: $id) { stockLevel { quantity } } \
                 other: product(id: $none) { name } stockLevel(productId: $none) { quantity } }";
    let shown = data(&store, query, json!({ "id": id, "none": "0190a0a0-0000-7000-8000-000000000000" })).await;
    assert_eq!(shown, json!({ "product": { "stockLevel": null }, "other": null, "stockLevel": null }));
}

#[tokio::test]
async fn lists_are_walked_by_their_cursors_to_the_end() {
    let store = Store::new();
    for at in 0..5 {
        stocked(&store, &format!("p{at}"), at).await;
    }
    store.created("without a stock").await;
    for (list, all) in [("products", 6), ("stockLevels", 5)] {
        let field = if list == "products" { "id" } else { "productId" };
        let query = format!(
            "query ($after: String) {{ page: {list}(first: 2, after: $after) {{ nodes {{ {field} }} \
                     pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = data(&store, &query, json!({ "after": after })).await["page"].clone();
            seen.extend(page["nodes"].as_array().unwrap().iter().map(|node| node[field].to_string()));
            assert_eq!(page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"].is_string());
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(seen.len(), all, "{list}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "{list}");
    }
    let filtered = data(&store, "{ products(sku: \"p3\") { nodes { sku stockLevel { quantity } } } }", json!({})).await;
    assert_eq!(filtered["products"]["nodes"], json!([{ "sku": "p3", "stockLevel": { "quantity": 3 } }]));
}

#[tokio::test]
async fn movements_tell_how_a_stock_came_to_be() {
    let store = Store::new();
    let id = stocked(&store, "lamp", 7).await;
    let adjusted = store.call("POST", &format!("/stocks/{id}/adjustments"));
    assert_eq!(adjusted.json(r#"{"delta":-2,"reason":"broken"}"#).send().await.status, 201);
    let query = "query ($id: UUID!) { stockLevel(productId: $id) { product { sku } movements(first: 1) { \
                 nodes { kind delta quantity version reason } pageInfo { hasNextPage } } } }";
    let shown = data(&store, query, json!({ "id": id })).await["stockLevel"].clone();
    assert_eq!(shown["product"]["sku"], "lamp");
    let last = json!([{ "kind": "ADJUSTMENT", "delta": -2, "quantity": 5, "version": 2, "reason": "broken" }]);
    assert_eq!(shown["movements"], json!({ "nodes": last, "pageInfo": { "hasNextPage": true } }));
}

#[tokio::test]
async fn wrong_values_are_errors_of_their_field_and_leave_the_others() {
    let store = Store::new();
    stocked(&store, "lamp", 7).await;
    for (field, code) in [
        ("products(first: 0)", "out_of_range"),
        ("products(first: 101)", "out_of_range"),
        ("products(first: -2147483648)", "out_of_range"),
        ("products(after: \"x\")", "bad_cursor"),
        ("products(sku: \"\")", "too_short"),
        ("products(category: \"a\\u0000\")", "control_character"),
        ("products(namePrefix: \"\")", "too_short"),
        ("stockLevels(after: \"\")", "bad_cursor"),
    ] {
        let answer = ask(
            &store,
            &json!({ "query": format!("{{ bad: {field} {{ nodes {{ version }} }} \
            good: stockLevels {{ nodes {{ quantity }} }} }}") }),
        )
        .await;
        assert_eq!(answer.status, 200, "{field}");
        let body = answer.json();
        assert_eq!(body["data"]["bad"], Value::Null, "{field}");
        assert_eq!(body["data"]["good"]["nodes"][0]["quantity"], 7, "{field}");
        assert_eq!(body["errors"][0]["extensions"]["code"], code, "{field}: {body}");
        assert_eq!(body["errors"][0]["path"], json!(["bad"]), "{field}");
    }
}

#[tokio::test]
async fn queries_that_cost_too_much_are_refused_before_anything_is_read() {
    let store = Store::new();
    for query in [
        // 100 × 100 movements.
        "{ stockLevels(first: 100) { nodes { movements(first: 100) { nodes { delta } } } } }".to_owned(),
        // Many pages under many names.
        format!(
            "{{ {} }}",
            (0..40).map(|at| format!("p{at}: products(first: 100) {{ nodes {{ id }} }} ")).collect::<String>()
        ),
        // Back and forth.
        format!("{{ products {{ nodes {}{{ quantity }}{} }} }}", "{ stockLevel { product ".repeat(9), "} }".repeat(9)),
        // Brackets without an end, in places where a parser descends.
        "{".repeat(60_000),
        format!("{{ product(id: {} ) {{ id }} }}", "[".repeat(60_000)),
        format!("query ($a: {}Int{}) {{ products {{ nodes {{ id }} }} }}", "[".repeat(20_000), "]".repeat(20_000)),
        // 2^30 fields.
        (0..30).fold("{ ...f0 } fragment f30 on Query { products { nodes { id } } }".to_owned(), |text, at| {
            text + &format!(" fragment f{at} on Query {{ ...f{0} ...f{0} }}", at + 1)
        }),
    ] {
        let (status, codes) = codes(&store, &query).await;
        assert_eq!((status, codes), (400, vec!["bad_query".to_owned()]), "{}", &query[..60]);
    }
    let dear = data(
        &store,
        "{ products(first: 100) { nodes { id name sku price brand description category version createdAt updatedAt archivedAt stockLevel { productId quantity version updatedAt } } pageInfo { endCursor } } }",
        json!({}),
    );
    assert_eq!(dear.await["products"]["nodes"], json!([]), "a page with everything is not too much");
}

#[tokio::test]
async fn queries_that_are_none_are_refused() {
    let store = Store::new();
    for query in [
        "",
        " ",
        "{",
        "{}",
        "x",
        "{ nothing }",
        "{ product { id } }",
        "{ product(id: 7) { id } }",
        "{ product(id: \"x\") { id } }",
        "{ products }",
        "{ products { nodes { id { x } } } }",
        "mutation { products { nodes { id } } }",
        "subscription { products { nodes { id } } }",
        "query a { products { nodes { id } } } query b { products { nodes { id } } }",
        "query ($id: UUID!) { product(id: $id) { id } }",
        "query ($x: Int) { products { nodes { id } } }",
        "{ products(first: 1.5) { nodes { id } } }",
        "{ products(first: 99999999999) { nodes { id } } }",
        "{ ...f }",
        "{ ...f } fragment f on Query { ...f }",
        "{ products @nothing { nodes { id } } }",
        "{ products(limit: 1) { nodes { id } } }",
        "\u{0}",
        "{ products { nodes { id } }",
    ] {
        let (status, codes) = codes(&store, query).await;
        assert_eq!(status, 400, "{query}");
        assert!(!codes.is_empty() && codes.iter().all(|code| code == "bad_query"), "{query}: {codes:?}");
    }
}

#[tokio::test]
async fn a_refused_query_is_200_for_clients_that_read_json_alone() {
    let store = Store::new();
    for (accept, status, media_type) in [
        ("application/json", 200, "application/json"),
        ("application/graphql-response+json", 400, "application/graphql-response+json"),
        ("application/json, application/graphql-response+json", 400, "application/graphql-response+json"),
        ("*/*", 400, "application/graphql-response+json"),
    ] {
        let answer = store.call("POST", PATH).header("accept", accept).json(r#"{"query":"{ nothing }"}"#).send().await;
        assert_eq!(answer.status, status, "{accept}");
        assert_eq!(answer.header("content-type"), Some(media_type), "{accept}");
        assert!(answer.json().get("data").is_none() && answer.json()["errors"].is_array());
    }
    let html = store.call("POST", PATH).header("accept", "text/html").json(r#"{"query":"{ nothing }"}"#).send().await;
    assert_eq!(html.status, 406);
}

#[tokio::test]
async fn without_a_database_it_is_a_problem_like_any_other() {
    let store = Store::without_database(10);
    let answer = ask(&store, &json!({ "query": "{ products { nodes { id } } }" })).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

/// The roles that may ask.
fn readers() -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| *role != Role::Payment)
}

#[tokio::test]
async fn every_role_but_a_payment_service_may_ask_and_the_database_is_told_of() {
    let store = guarded();
    for role in readers() {
        let call = store.call("POST", PATH).header("authorization", &format!("Bearer {}", token_of(role)));
        let answer = call.json(r#"{"query":"{ products { nodes { id } } }"}"#).send().await;
        assert_eq!(answer.status, 200, "{role:?}");
        assert_eq!(answer.header("consistency-level"), Some("LOCAL_QUORUM"), "{role:?}");
    }
    let call = store.call("POST", PATH).header("authorization", &format!("Bearer {}", token_of(Role::Supplier)));
    let answer = call.header("consistency-level", "ONE").json(r#"{"query":"{ products { nodes { id } } }"}"#).send();
    assert_eq!(answer.await.header("consistency-level"), Some("ONE"));
}

#[tokio::test]
async fn tools_can_learn_the_schema() {
    let store = Store::new();
    let query = "query IntrospectionQuery { __schema { queryType { name } types { ...FullType } directives { name locations \
        args { ...InputValue } } } } fragment FullType on __Type { kind name fields(includeDeprecated: true) { name args { \
        ...InputValue } type { ...TypeRef } } inputFields { ...InputValue } interfaces { ...TypeRef } enumValues { name } \
        possibleTypes { ...TypeRef } } fragment InputValue on __InputValue { name type { ...TypeRef } defaultValue } fragment \
        TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { \
        kind name ofType { kind name ofType { kind name } } } } } } } }";
    let schema = data(&store, query, json!({})).await;
    assert_eq!(schema["__schema"]["queryType"]["name"], "Query");
}

/// A shop of one supplier's dreams: so many products whose names begin alike, the oldest one alone in its category.
pub async fn alike(count: usize) -> Store {
    let store = Store::new();
    for at in 0..count {
        let category = if at == 0 { ",\"category\":\"oldest\"" } else { "" };
        let body = format!(r#"{{"name":"Load {at}","sku":"load-{at}","price":1{category}}}"#);
        assert_eq!(store.create(&body).await.status, 201);
    }
    store
}

#[tokio::test]
async fn the_filters_of_one_query_look_at_250_rows_together() {
    let store = alike(300).await;
    let field = |name: &str, after: Option<&str>| {
        let after = after.map(|after| format!(", after: \"{after}\"")).unwrap_or_default();
        format!(
            "{name}: products(first: 1, namePrefix: \"load\", category: \"oldest\"{after}) \
             {{ nodes {{ name }} pageInfo {{ hasNextPage endCursor }} }}"
        )
    };
    let first = data(&store, &format!("{{ {} {} }}", field("a", None), field("b", None)), json!({})).await;
    for name in ["a", "b"] {
        assert_eq!(first[name]["nodes"], json!([]), "{name}");
        assert_eq!(first[name]["pageInfo"]["hasNextPage"], true, "{name}");
    }
    let cursor = |name: &str| first[name]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let next = async |name: &str| {
        data(&store, &format!("{{ {} }}", field("next", Some(&cursor(name)))), json!({})).await["next"].clone()
    };
    assert_eq!(next("a").await["nodes"][0]["name"], "Load 0", "250 were looked at, the next page finds it");
    assert_eq!(next("b").await["nodes"], json!([]), "nothing was left to look at: it goes on where it began");
}

#[tokio::test]
async fn what_a_filter_may_look_at_counts_as_cost() {
    let store = Store::new();
    let aliases = |count: usize, filter: &str| {
        let fields: Vec<String> =
            (0..count).map(|at| format!("a{at}: products(first: 1{filter}) {{ nodes {{ id }} }}")).collect();
        format!("{{ {} }}", fields.join(" "))
    };
    assert_eq!(codes(&store, &aliases(200, "")).await.0, 200);
    let (status, refused) = codes(&store, &aliases(200, ", namePrefix: \"load\"")).await;
    assert_eq!((status, refused), (400, vec!["bad_query".to_owned()]));
    assert_eq!(codes(&store, &aliases(10, ", namePrefix: \"load\"")).await.1, Vec::<String>::new());
}

#[tokio::test]
async fn a_role_reads_no_field_that_it_may_not_read_in_rest() {
    let store = guarded();
    let token = |role: Role| format!("Bearer {}", token_of(role));
    let body = r#"{"name":"Tea","sku":"tea-1","price":1,"brand":"b","category":"c","description":"d"}"#;
    let made = store.call("POST", "/products").header("authorization", &token(Role::Admin)).json(body).send().await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let stock = format!(r#"{{"product_id":"{id}","quantity":3}}"#);
    let set = store.call("POST", "/stocks").header("authorization", &token(Role::Admin)).json(&stock).send().await;
    assert_eq!(set.status, 201);
    let query = json!({ "query": format!(
        "{{ product(id: \"{id}\") {{ sku name price brand category description stockLevel {{ quantity \
         movements(first: 1) {{ nodes {{ kind reference }} }} }} }} }}"
    ) });
    for role in readers() {
        let call = store.call("POST", PATH).header("authorization", &token(role));
        let answer = call.json(&query.to_string()).send().await.json();
        let product = &answer["data"]["product"];
        assert_eq!((&product["sku"], &product["stockLevel"]["quantity"]), (&json!("tea-1"), &json!(3)), "{role:?}");
        let reads = |path: &str| {
            let call = store.call("GET", path).header("authorization", &token(role));
            async move { call.send().await.status == 200 }
        };
        let (all, moves) = (reads(&format!("/products/{id}")).await, reads(&format!("/stocks/{id}/movements")).await);
        for name in ["brand", "category", "description"] {
            assert_eq!(!product[name].is_null(), all, "{role:?} {name}");
        }
        assert_eq!(!product["stockLevel"]["movements"].is_null(), moves, "{role:?}");
        let refused = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(refused.len(), if all && moves { 0 } else { 4 }, "{role:?}: {refused:?}");
        assert!(refused.iter().all(|error| error["extensions"]["code"] == "forbidden"), "{role:?}: {refused:?}");
    }
}

#[tokio::test]
async fn the_lists_of_one_query_share_what_they_may_look_at_and_go_on() {
    let store = alike(249).await;
    let list = |name: &str, conditions: &str| {
        format!("{name}: products(first: 1{conditions}) {{ nodes {{ name }} pageInfo {{ hasNextPage endCursor }} }}")
    };
    let lists = [
        list("names", ", namePrefix: \"load\", category: \"oldest\""),
        list("one", ", category: \"oldest\""),
        list("none", ", category: \"oldest\""),
    ];
    let pages = data(&store, &format!("{{ {} }}", lists.join(" ")), json!({})).await;
    for (name, nodes, more) in [("names", 1, false), ("one", 1, false), ("none", 0, true)] {
        assert_eq!(pages[name]["nodes"].as_array().map(Vec::len), Some(nodes), "{name}: {pages}");
        assert_eq!(pages[name]["pageInfo"]["hasNextPage"], more, "{name}: {pages}");
    }
    let after = format!(", category: \"oldest\", after: {}", pages["none"]["pageInfo"]["endCursor"]);
    let next = data(&store, &format!("{{ {} }}", list("next", &after)), json!({})).await;
    assert_eq!(next["next"]["nodes"][0]["name"], "Load 0", "it begins with the next query");
}
