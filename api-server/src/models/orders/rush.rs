//! Turning orders away while many want what is sold out.

use super::Orders;
use crate::dao::Context;
use crate::dao::ledger::Account;
use crate::models::error::{ModelError, Shortage, Violation};
use crate::models::order::Draft;

impl Orders {
    /// Refuses an order that nobody has tried before and of which something is certainly short. Nothing is read but the
    /// stock, together with others who want it, and nothing is written: there is nothing to be undone.
    pub(super) async fn turn_away(&self, cx: &Context, draft: &Draft) -> Result<(), ModelError> {
        let wanted: Vec<(Account, i64)> =
            draft.items.iter().map(|(product, units)| (Account::stock(*product), *units)).collect();
        let short = self.lines.certainly_short(cx, &wanted).await?;
        if short.is_empty() {
            return Ok(());
        }
        let short = short.into_iter().map(|(at, available)| {
            let (product_id, requested) = draft.items[at];
            Violation::short(format!("/items/{at}"), Shortage { product_id, requested, available })
        });
        Err(ModelError::Short(short.collect()))
    }
}
