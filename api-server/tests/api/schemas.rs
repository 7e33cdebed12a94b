//! What the server takes and refuses of each schema of a request, by the table in `schemas.jsonl`. `suite` lets two
//! validators say the same of the OpenAPI document, so neither refuses what the server takes.

use serde::Deserialize;

use super::client::Store;
use super::{orders, stocks};

const TABLE: &str = include_str!("schemas.jsonl");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    call: String,
    schema: String,
    body: serde_json::Value,
    taken: bool,
    /// Why the server refuses what the schema takes: a rule that it cannot say, which stands in words in the document.
    words: Option<String>,
}

#[tokio::test]
async fn the_server_takes_and_refuses_what_the_table_of_schemas_says() {
    let document: serde_json::Value = serde_json::from_str(&store_api::openapi::text(true)).unwrap();
    let rows: Vec<Row> = TABLE.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (at, row) in rows.iter().enumerate() {
        let store = Store::new();
        let user = orders::user(&store, "ana").await;
        let product = stocks::stocked(&store, "HELD", 5).await;
        let order = orders::order(&store, &user, &[(&product, 1)]).await.json()["id"].as_str().unwrap().to_owned();
        if row.body["status"] == "fulfilled" {
            let paid = store.call("PATCH", &format!("/orders/{order}")).json(r#"{"is_paid":true}"#).send().await;
            assert_eq!(paid.status, 200);
        }
        let real = |text: &str| text.replace("$product", &product).replace("$user", &user).replace("$order", &order);
        let (method, target) = row.call.split_once(' ').unwrap();
        let answer = store.call(method, &real(target)).json(&real(&row.body.to_string())).send().await;
        let refused = matches!(answer.status.as_u16(), 400 | 422);
        assert!(refused || answer.status.is_success(), "line {}: {}", at + 1, answer.text());
        assert_eq!(!refused, row.taken, "line {}: {} {}", at + 1, row.body, answer.text());
        assert!(row.words.is_none() || refused, "line {}", at + 1);
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let closed = schema["additionalProperties"] == false && !["NewOrderItem", "FileForm"].contains(&name.as_str());
        assert!(!closed || rows.iter().any(|row| row.schema == *name), "no row is about {name}");
    }
}
