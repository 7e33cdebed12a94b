//! The table of bad inputs in `bad_inputs.jsonl`: each is refused with its status and code, and what
//! the store holds is the same before and after.
//!
//! Orders that ask for more than there is are no bad inputs: they leave a movement that takes nothing.
//!
//! A row's `call`, `headers` and `body` may name `$product` (with a stock, sku HELD), `$bare` (without
//! one, sku OTHER), `$user`, `$order` and `$cursor` (of a list of products). A body is text (`body`),
//! bytes (`hex`), something many times over (`big`: before, what, how often, after) or one that never
//! ends (`slow`: its beginning).

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use serde::Deserialize;

use super::client::{Answer, Store};
use super::{buyers, orders, stocks};

const TABLE: &str = include_str!("bad_inputs.jsonl");
/// Inputs that the table has at the least.
const ROWS: usize = 300;
/// Deadline of a request on Cassandra.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    call: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    hex: Option<String>,
    big: Option<(String, String, usize, String)>,
    slow: Option<String>,
    status: u16,
    code: String,
}

/// What rows may name, and what that is in one store.
struct Names(Vec<(&'static str, String)>);

impl Names {
    async fn of(store: &Store) -> Self {
        let last = |path: String| path.rsplit('/').next().unwrap().to_owned();
        let product = stocks::stocked(store, "HELD", 5).await;
        let bare = last(store.created("OTHER").await);
        let user = orders::user(store, "ana").await;
        let order = orders::order(store, &user, &[(&product, 1)]).await;
        let order = last(order.header("location").unwrap().to_owned());
        let page = store.get("/products?limit=1").await;
        let link = page.header("link").unwrap();
        let cursor = link.split("cursor=").nth(1).unwrap().split('>').next().unwrap().to_owned();
        // One letter in its middle.
        let forged = if &cursor[20..21] == "A" { "B" } else { "A" };
        let forged = format!("{}{forged}{}", &cursor[..20], &cursor[21..]);
        Self(vec![
            ("$product", product),
            ("$bare", bare),
            ("$user", user),
            ("$order", order),
            ("$cursor", cursor),
            ("$forged", forged),
        ])
    }

    fn put_into(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

/// Everything that the store holds, as it shows it.
async fn holdings(store: &Store, names: &Names) -> Vec<String> {
    let mut found = Vec::new();
    for path in
        ["/products", "/users", "/stocks", "/orders", "/stocks/$product/movements", "/orders/reports/best-sellers"]
    {
        let answer = store.get(&names.put_into(&format!("{path}?limit=100"))).await;
        assert_eq!(answer.status, 200, "{path}");
        found.push(answer.text());
    }
    found
}

async fn send(store: &Store, names: &Names, row: &Row) -> Answer {
    let (method, target) = row.call.split_once(' ').unwrap();
    let mut call = store.call(method, &names.put_into(target));
    let body = match row {
        Row { hex: Some(hex), .. } => {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            Some(Body::from((0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>()))
        }
        Row { big: Some((before, what, times, after)), .. } => {
            Some(Body::from(format!("{before}{}{after}", what.repeat(*times))))
        }
        Row { slow: Some(beginning), .. } => {
            let beginning = Bytes::from(beginning.clone());
            let rest = futures::stream::pending::<Result<Bytes, std::io::Error>>();
            Some(Body::from_stream(futures::stream::iter([Ok(beginning)]).chain(rest)))
        }
        Row { body, .. } => body.as_ref().map(|body| Body::from(names.put_into(body))),
    };
    if body.is_some() && !row.headers.contains_key("content-type") {
        call = call.header("content-type", "application/json");
    }
    for (name, value) in &row.headers {
        call = call.header(name, value);
    }
    call.body(body.unwrap_or_default()).send().await
}

/// Every code that an answer names.
fn codes(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let kind = body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:store-manager:problem:"));
    let errors =
        [&body["errors"], &body["report"]["errors"]].into_iter().filter_map(|errors| errors.as_array()).flatten();
    let codes = errors.flat_map(|error| [error["code"].as_str(), error["extensions"]["code"].as_str()]);
    codes.chain([kind]).flatten().map(str::to_owned).collect()
}

/// Sends the whole table; what went otherwise, one line each.
async fn differences(store: &Store) -> Vec<String> {
    let names = Names::of(store).await;
    let before = holdings(store, &names).await;
    let mut wrong = Vec::new();
    let rows: Vec<Row> = TABLE
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(rows.len() >= ROWS, "{} rows", rows.len());
    for (at, row) in rows.iter().enumerate() {
        assert!((400..500).contains(&row.status), "line {}", at + 1);
        let answer = send(store, &names, row).await;
        let media_type = answer.header("content-type").unwrap_or_default();
        let told = ["application/problem+json", "application/graphql-response+json"].contains(&media_type);
        if answer.status.as_u16() != row.status || !told || !codes(&answer).contains(&row.code) {
            let text: String = answer.text().chars().take(300).collect();
            wrong.push(format!("line {}: {} is {} {media_type}: {text}", at + 1, row.call, answer.status));
        }
        if holdings(store, &names).await != before {
            wrong.push(format!("line {}: {} changed something", at + 1, row.call));
            break;
        }
    }
    wrong
}

#[tokio::test(start_paused = true)]
async fn no_row_of_the_table_is_accepted_and_none_writes_anything() {
    let wrong = differences(&Store::new()).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_of_the_table_writes_anything_on_cassandra() {
    let Some((mut daos, keyspace)) = buyers::daos_on_cassandra(1).await else { return };
    let wrong = differences(&Store::within(daos.remove(0), PATIENCE)).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    buyers::drop_keyspace(&keyspace).await;
}
