//! Carts to order: each with products of its own, so that whoever goes round them meets nobody. IO: HTTP.

use std::path::PathBuf;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::Customers;
use crate::bench::api::ApiBenchError;
use crate::bench::store::Store;
use store_testbed::progress::say;

/// Carts that the orders go round.
pub const CARTS: usize = 160;
/// Lines of a cart at most.
pub const LINES_MAX: usize = 5;
/// Units that each product has.
const UNITS: i64 = 900_000_000;
/// Users and stocks that are made at once.
const MADE_AT_ONCE: usize = 16;

/// Customers, and products with plenty in stock.
pub struct Carts {
    users: Vec<String>,
}

impl Carts {
    /// Makes users, and stocks of the first products.
    ///
    /// # Errors
    /// [`ApiBenchError`] when one is refused.
    pub async fn make(store: &Store) -> Result<Self, ApiBenchError> {
        say(format!("making {CARTS} users, and stocks"));
        let products = store.ids.iter().take(CARTS * LINES_MAX);
        let stocks = products
            .map(|id| async move { store.post("/stocks", &json!({"product_id": id, "quantity": UNITS})).await });
        let _: Vec<Value> = stream::iter(stocks).buffer_unordered(MADE_AT_ONCE).try_collect().await?;
        let users = (0..CARTS).map(|number| async move {
            let user = json!({"name": format!("Buyer {number}"), "email": format!("buyer-{number}@example.org")});
            store.create("/users", &user).await
        });
        Ok(Self { users: stream::iter(users).buffered(MADE_AT_ONCE).try_collect().await? })
    }

    /// The carts with so many lines each, and a file of requests for them.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it cannot be written.
    pub fn requests(
        &self,
        store: &Store,
        lines: usize,
        customers: Customers,
    ) -> Result<(PathBuf, Vec<Value>), ApiBenchError> {
        let carts: Vec<Value> = (store.ids.chunks_exact(LINES_MAX).zip(&self.users).enumerate())
            .map(|(number, (products, user))| {
                let user = if customers == Customers::One { &self.users[0] } else { user };
                let items = products.iter().take(lines).enumerate();
                let items = items.map(|(line, id)| json!({"product_id": id, "quantity": (number + line) % 3 + 1}));
                json!({"user_id": user, "items": items.collect::<Vec<_>>()})
            })
            .collect();
        let text: Vec<String> = carts.iter().map(|cart| format!("/orders\t{cart}")).collect();
        Ok((store.file(&format!("carts-{lines}-{customers}"), text.join("\n"))?, carts))
    }
}
