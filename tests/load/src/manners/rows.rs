//! What lies in the tables, and what of it others read. IO: CQL, HTTP.

use std::time::Duration;

use scylla::client::session::Session;
use scylla::statement::batch::{Batch, BatchType};
use serde_json::{Value, json};
use store_bench::fill;
use uuid::Uuid;

use super::others::Read;
use super::pod::{KEYSPACE, MannersError, Pod, token_of};
use store_testbed::progress::say;

/// Products and users that others read.
const READ: usize = 20;
/// Names that begin alike, whose products are not there any more: a list of them reads all of them and shows none.
const ALIKE: u64 = 2_000;
/// Of one batch.
const TOGETHER: u64 = 100;
/// The prefix under which the store lists them, and a category that every bucket has and none of them.
const PREFIX: &str = "loa";
const RARE: &str = "rare";

/// Writes so many rows of each list, and makes what others read.
///
/// # Errors
/// [`MannersError`] when something is refused.
pub async fn prepare(pod: &Pod, rows: u64) -> Result<Read, MannersError> {
    let done = fill::run(pod.node, KEYSPACE, 0..rows).await?;
    say(format!("{rows} rows of each list: {} in all tables, written in {:.0} s", done.rows, done.seconds));
    alike(pod).await?;
    let client = pod.client(0, Duration::from_secs(15))?;
    let mut paths = vec!["/products?limit=20".to_owned(), "/users?limit=20".to_owned()];
    for number in 0..READ {
        let product = json!({ "name": format!("Read {number}"), "sku": format!("read-{number}"), "price": 10.5 });
        let product = made(&client, pod, "/products", &product).await?;
        made(&client, pod, "/stocks", &json!({ "product_id": product["id"], "quantity": 1000 })).await?;
        let user = json!({ "name": format!("Reader {number}"), "email": format!("reader{number}@example.com") });
        let user = made(&client, pod, "/users", &user).await?;
        for (of, row) in [("products", &product), ("stocks", &product), ("users", &user)] {
            paths.push(format!("/{of}/{}", row["id"].as_str().unwrap_or_default()));
        }
    }
    Ok(Read { paths })
}

async fn made(client: &reqwest::Client, pod: &Pod, path: &str, body: &Value) -> Result<Value, MannersError> {
    let answer = client.post(pod.url(path)).bearer_auth(token_of("seller")).json(body).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        return Err(MannersError::Wrong(format!("POST {path}: {status} {text}")));
    }
    serde_json::from_str(&text).map_err(|error| MannersError::Wrong(format!("POST {path}: {error}")))
}

/// Names that begin alike in the first bucket.
async fn alike(pod: &Pod) -> Result<(), MannersError> {
    let wrong = |error: &dyn std::fmt::Display| MannersError::Wrong(format!("writing names that begin alike: {error}"));
    let session: Session = scylla::client::session_builder::SessionBuilder::new()
        .known_node_addr(pod.node)
        .build()
        .await
        .map_err(|error| wrong(&error))?;
    session.use_keyspace(KEYSPACE, false).await.map_err(|error| wrong(&error))?;
    let name = "INSERT INTO products_by_name_prefix (prefix, bucket, id, name) VALUES (?, 0, ?, ?)";
    let name = session.prepare(name).await.map_err(|error| wrong(&error))?;
    for first in (0..ALIKE).step_by(usize::try_from(TOGETHER).unwrap_or(1)) {
        let mut batch = Batch::new(BatchType::Unlogged);
        let rows: Vec<(&str, Uuid, String)> =
            (first..first + TOGETHER).map(|number| (PREFIX, Uuid::now_v7(), format!("load {number}"))).collect();
        rows.iter().for_each(|_| batch.append_statement(name.clone()));
        session.batch(&batch, &rows).await.map_err(|error| wrong(&error))?;
    }
    for text in [
        format!("INSERT INTO product_name_prefix_buckets (prefix, bucket) VALUES ('{PREFIX}', 0)"),
        format!("INSERT INTO product_category_buckets (category, bucket) VALUES ('{RARE}', 0)"),
    ] {
        session.query_unpaged(text, ()).await.map_err(|error| wrong(&error))?;
    }
    Ok(())
}
