//! What every store of the DAOs promises, as one suite that each of them is run through.
//!
//! Every part works under names of its own, so the suite can run on a store that holds other rows.

mod blocks;
mod changes;
mod idempotency;
mod imports;
pub mod ledger;
pub mod lists;
pub mod orders;
mod payments;
pub mod products;
pub mod users;

use std::time::Duration;

use uuid::Uuid;

use super::price::Price;
use super::products::Product;
use super::{Context, Daos};

/// Runs the whole suite.
pub async fn hold(daos: &Daos) {
    products::hold(daos).await;
    lists::hold(daos).await;
    users::hold(daos).await;
    idempotency::hold(daos).await;
    imports::hold(daos).await;
    ledger::hold(daos).await;
    orders::hold(daos).await;
    payments::hold(daos).await;
    blocks::hold(daos).await;
    changes::hold(daos).await;
}

fn cx() -> Context {
    Context::within(Duration::from_secs(20))
}

/// A text that no other run of the suite uses.
fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4().simple())
}

fn product(name: &str) -> Product {
    let id = Uuid::now_v7();
    let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
    let now = i64::try_from(seconds * 1000).unwrap() + i64::from(nanos / 1_000_000);
    Product {
        id,
        sku: unique("sku"),
        name: name.to_owned(),
        price: Price::new(1050, 2).unwrap(),
        brand: Some("Hillside".into()),
        description: None,
        category: None,
        version: 1,
        created_at: now,
        updated_at: now,
        low_stock: None,
        archived_at: None,
    }
}
