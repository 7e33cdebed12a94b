//! The examples of the OpenAPI document: every operation has them, its requests are accepted as they
//! stand, and its answers have the members that are shown.

use serde_json::Value;
use store_api::dao::cluster::{Trace, TraceEvent};
use store_api::openapi;
use store_api::views::cluster::TraceView;
use uuid::Uuid;

use super::client::Store;
use super::{orders, stocks};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Ids that stand in the examples.
const PRODUCT: &str = "0190a0a0-0000-7000-8000-000000000001";
const USER: &str = "0190a0a0-0000-7000-8000-000000000002";
const ORDER: &str = "0190a0a0-0000-7000-8000-000000000003";
const KEY: &str = "7d5c2f0e";

/// An operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
    value: Value,
}

fn document() -> Value {
    serde_json::from_str(&openapi::text(true)).unwrap()
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let Some(value) = item.get(method) else { continue };
            let id = value["operationId"].as_str().unwrap().to_owned();
            found.push(Operation { id, method: method.to_uppercase(), path: path.clone(), value: value.clone() });
        }
    }
    found
}

/// Status and contents of each answer, shared ones looked up.
fn answers(document: &Value, operation: &Operation) -> Vec<(String, serde_json::Map<String, Value>)> {
    let contents = |answer: &Value| {
        let answer = match answer["$ref"].as_str() {
            Some(path) => document.pointer(path.trim_start_matches('#')).unwrap(),
            None => answer,
        };
        assert!(!answer["description"].as_str().unwrap().is_empty(), "{}", operation.id);
        answer["content"].as_object().cloned().unwrap_or_default()
    };
    let answers = operation.value["responses"].as_object().unwrap();
    answers.iter().map(|(status, answer)| (status.clone(), contents(answer))).collect()
}

#[test]
fn every_operation_is_described_with_an_example_of_all_that_is_sent_and_answered() {
    let document = document();
    let operations = operations(&document);
    assert!(operations.len() >= 36, "{}", operations.len());
    for operation in &operations {
        let id = &operation.id;
        assert!(operation.value["summary"].as_str().is_some_and(|text| text.len() > 5), "{id} has no summary");
        if let Some(body) = operation.value.get("requestBody") {
            for (media_type, content) in body["content"].as_object().unwrap() {
                assert!(content.get("example").is_some(), "{id} has no example of a {media_type} request");
            }
        }
        let mut statuses = Vec::new();
        for (status, contents) in answers(&document, operation) {
            for (media_type, content) in &contents {
                let example = content.get("example");
                assert!(example.is_some(), "{id} has no example of {status} {media_type}");
                if media_type == "application/problem+json" {
                    assert_eq!(example.unwrap()["status"].to_string(), status, "{id}");
                    assert_eq!(example.unwrap()["error"], example.unwrap()["detail"], "{id}");
                }
            }
            statuses.push(status);
        }
        // What every operation of a kind can meet.
        let guarded = operation.value.get("security").is_some();
        let written = operation.value.get("requestBody").is_some();
        let by_id = operation.path.contains('{') && id != "listMovements";
        for (applies, expected) in [
            (guarded, &["400", "401", "403", "503"][..]),
            (guarded && id != "deleteProduct" && id != "eraseUser" && id != "cancelOrder", &["406"][..]),
            (written, &["408", "413", "415"][..]),
            (by_id, &["404"][..]),
        ] {
            for status in expected.iter().filter(|_| applies) {
                assert!(statuses.iter().any(|known| known == status), "{id} does not say {status}");
            }
        }
    }
}

fn trace() -> Trace {
    let event = TraceEvent {
        node: "127.0.0.1".parse().ok(),
        elapsed_us: Some(1),
        activity: Some("Parsing".into()),
        thread: Some("Native-Transport-Requests-1".into()),
    };
    Trace {
        id: Uuid::nil(),
        coordinator: "127.0.0.1".parse().ok(),
        started_at: Some(0),
        duration_us: Some(2),
        request: Some("Execute CQL3 prepared query".into()),
        events: vec![event],
    }
}

/// Whether both have the same members, lists by their first element.
fn same_shape(shown: &Value, real: &Value, place: &str) -> Result<(), String> {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            let names = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            if names(shown) != names(real) {
                return Err(format!("{place}: {:?} is shown and {:?} answered", names(shown), names(real)));
            }
            shown.iter().try_for_each(|(name, shown)| same_shape(shown, &real[name], &format!("{place}/{name}")))
        }
        (Value::Array(shown), Value::Array(real)) => match (shown.first(), real.first()) {
            (Some(shown), Some(real)) => same_shape(shown, real, &format!("{place}/0")),
            _ => Ok(()),
        },
        (Value::Null, _) | (_, Value::Null) => Ok(()),
        (shown, real) if std::mem::discriminant(shown) == std::mem::discriminant(real) => Ok(()),
        (shown, real) => Err(format!("{place}: {shown} is shown and {real} answered")),
    }
}

#[test]
fn other_members_and_types_are_another_shape() {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (shown, real, same) in [
        (r#"{"a":1,"b":[{"c":"x"}]}"#, r#"{"a":2,"b":[{"c":"y"},{"c":"z"}]}"#, true),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
        (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
        (r#"[{"a":1}]"#, r#"[{"b":1}]"#, false),
    ] {
        assert_eq!(same_shape(&value(shown), &value(real), "").is_ok(), same, "{shown} {real}");
    }
}

#[tokio::test]
async fn every_example_is_accepted_as_it_stands_and_answered_as_it_shows() {
    let document = document();
    for operation in operations(&document) {
        // Each in a store of its own, with what the examples speak of.
        let store = Store::new();
        let id = &operation.id;
        let user = orders::user(&store, if id == "createUser" { "bob" } else { "ana" }).await;
        let sku = if id == "createProduct" { "OTHER" } else { "TEA-GREEN-100" };
        let product = stocks::stocked(&store, sku, 25).await;
        let order = orders::order(&store, &user, &[(&product, 2)]).await;
        let order = order.json()["id"].as_str().unwrap().to_owned();
        let real = |text: &str| text.replace(PRODUCT, &product).replace(USER, &user).replace(ORDER, &order);
        let keyed = store.call("POST", "/products").header("idempotency-key", KEY);
        let keyed = keyed.json(r#"{"name":"Cup","sku":"CUP-1","price":3}"#).send().await;
        assert_eq!(keyed.status, 201, "{}", keyed.text());
        let later = store.call("POST", "/products/import").header("prefer", "respond-async");
        let later = later.header("content-type", "text/csv").body("sku,name,price\nLATER-1,Mug,7.90\n").send().await;
        let import = later.json()["id"].as_str().unwrap().to_owned();
        store.app.jobs.close();
        store.app.jobs.wait().await;
        let own = match operation.path.split('/').nth(1) {
            Some("users") => &user,
            Some("orders") => &order,
            Some("imports") => &import,
            _ => &product,
        };
        let mut target = operation.path.replace("{id}", own).replace("{product_id}", own).replace("{key}", KEY);
        match id.as_str() {
            "getPlacement" | "getReplicas" => target += &format!("?table=products&key={product}"),
            "importStocks" => target += "?reference=DN-2041",
            _ => {}
        }
        let mut call = store.call(&operation.method, &target);
        if let Some(body) = operation.value.get("requestBody") {
            let (media_type, content) = body["content"].as_object().unwrap().iter().next().unwrap();
            let body = match &content["example"] {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            call = call.header("content-type", media_type).body(real(&body));
        }
        let answer = call.send().await;
        if id == "getTrace" {
            // The store of these tests traces nothing.
            assert_eq!(answer.status, 404);
            let shown = answers(&document, &operation).into_iter().find(|(status, _)| status == "200").unwrap().1;
            let real = serde_json::to_value(TraceView::from(&trace())).unwrap();
            same_shape(&shown["application/json"]["example"], &real, id).unwrap();
            continue;
        }
        assert!(answer.status.is_success(), "{id}: {} {}", answer.status, answer.text());
        let mut contents = answers(&document, &operation).into_iter();
        let (_, contents) = contents.rfind(|(status, _)| *status == answer.status.as_str()).unwrap();
        let Some((media_type, content)) = contents.iter().next() else {
            assert!(answer.body.is_empty(), "{id}");
            continue;
        };
        let told = answer.header("content-type").unwrap();
        assert!(told.starts_with(media_type.as_str()), "{id}: {told}");
        // The document of itself is large.
        if told.contains("json") && id != "openapi" {
            same_shape(&content["example"], &answer.json(), id).unwrap();
        }
    }
}
