//! Whether all answer the same before it is asked what that costs. IO: CQL, HTTP.

use futures::TryStreamExt as _;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use serde_json::{Value, json};
use store_bench::driver_loop::{COLUMNS, OwnedRow};

use super::api::ApiBenchError;
use super::store::{KEYSPACE, Store};

/// The path of the page that is measured.
pub const PAGE: &str = "/products?limit=50";

/// Asks the API for every product and for a page, and Cassandra for the rows behind them.
///
/// # Errors
/// [`ApiBenchError::Wrong`] names the first answer that is not what the row says.
pub async fn check(store: &Store) -> Result<(), ApiBenchError> {
    let session = SessionBuilder::new().known_node_addr(store.node).build().await.map_err(cql)?;
    let rows = rows(&session, &format!("SELECT {COLUMNS} FROM {KEYSPACE}.products")).await?;
    if rows.len() != store.ids.len() {
        return Err(ApiBenchError::Wrong(format!(
            "{} products were made, {} rows are there",
            store.ids.len(),
            rows.len()
        )));
    }
    for row in &rows {
        let path = format!("/products/{}", row["id"].as_str().unwrap_or_default());
        same(&path, &get(store, &path).await?, row)?;
    }
    let newest = format!("SELECT {COLUMNS} FROM {KEYSPACE}.products_by_time WHERE bucket = 0 LIMIT 50");
    same(PAGE, &get(store, PAGE).await?, &Value::Array(self::rows(&session, &newest).await?))
}

async fn rows(session: &Session, text: &str) -> Result<Vec<Value>, ApiBenchError> {
    let rows = session.query_iter(text, ()).await.map_err(cql)?.rows_stream::<OwnedRow>().map_err(cql)?;
    rows.map_ok(|row| shown(&row)).try_collect().await.map_err(cql)
}

/// A row as the API should show it.
fn shown(row: &OwnedRow) -> Value {
    let (id, sku, name, price, brand, description, category, version, created, updated) = row;
    let (unscaled, scale) = price.as_signed_be_bytes_slice_and_exponent();
    let unscaled = unscaled.iter().fold(0_i64, |value, byte| (value << 8) | i64::from(*byte));
    let time =
        |millis: i64| jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default();
    json!({
        "id": id, "sku": sku, "name": name, "price": unscaled as f64 / 10_f64.powi(scale), "brand": brand,
        "description": description, "category": category, "version": version,
        "created_at": time(created.0), "updated_at": time(updated.0),
    })
}

async fn get(store: &Store, path: &str) -> Result<Value, ApiBenchError> {
    let body = store.get(store.address, path).await?;
    serde_json::from_slice(&body).map_err(|error| ApiBenchError::Wrong(format!("{path} is no JSON: {error}")))
}

fn same(path: &str, answer: &Value, expected: &Value) -> Result<(), ApiBenchError> {
    if answer == expected {
        return Ok(());
    }
    Err(ApiBenchError::Wrong(format!("{path} is {answer}, the row says {expected}: a comparison would be void")))
}

fn cql(error: impl std::fmt::Display) -> ApiBenchError {
    ApiBenchError::Wrong(format!("reading the rows to compare with: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scylla::value::{CqlDecimal, CqlTimestamp};

    #[test]
    fn a_row_is_shown_as_the_api_shows_it_and_a_difference_is_told() {
        let price = CqlDecimal::from_signed_be_bytes_and_exponent(vec![4, 226], 2);
        let row: OwnedRow = (
            uuid::Uuid::nil(),
            "s".into(),
            "n".into(),
            price,
            None,
            Some("d".into()),
            None,
            1,
            CqlTimestamp(0),
            CqlTimestamp(1),
        );
        let mut expected = json!({
            "id": "00000000-0000-0000-0000-000000000000", "sku": "s", "name": "n", "price": 12.5, "brand": null,
            "description": "d", "category": null, "version": 1,
            "created_at": "1970-01-01T00:00:00.000Z", "updated_at": "1970-01-01T00:00:00.001Z",
        });
        same("/", &expected, &shown(&row)).expect("the same");
        expected["price"] = json!(12.51);
        assert!(same("/", &expected, &shown(&row)).is_err());
    }
}
