//! Stocks by their products' skus: what a line of an import does. IO only through the DAOs' traits.
//!
//! The movement of a line has an id that follows from the import's reference and the product. So a
//! file that is sent again under its reference finds what it did, and units that were sold since stay
//! sold.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Stocks, refused, requested};
use crate::dao::Context;
use crate::dao::ledger::{Account, Movement};
use crate::models::bulk::{Became, StockLine};
use crate::models::error::{ModelError, Violation};
use crate::models::ledger::{Change, Known, Outcome, Want, decide};
use crate::models::precondition::Condition;
use crate::models::products::import::holder;

impl Stocks {
    /// Does what a line says under the reference of its import. A dry run only says what would be
    /// done.
    #[tracing::instrument(name = "model.stocks.import.put", skip_all)]
    pub async fn put(
        &self,
        cx: &Context,
        line: &StockLine,
        reference: &str,
        dry_run: bool,
    ) -> Result<Became, ModelError> {
        let product = holder(&*self.products, cx, &line.sku).await?.ok_or_else(unknown_sku)?.id;
        let account = Account::stock(product);
        let want = Want {
            id: movement_id(reference, product),
            change: line.change.clone(),
            condition: Condition::default(),
            reason: Some("import".to_owned()),
            reference: Some(reference.to_owned()),
            by: cx.by.clone(),
            fresh: false,
        };
        let before = self.ledger.load(cx, account).await?;
        if let Some(made) = self.ledger.made(cx, account, &[want.id]).await?.pop() {
            return same(&made, &want);
        }
        if !dry_run {
            let (made, _) = self.change(cx, product, want.clone()).await?;
            self.check_begun(cx, product, &made).await?;
            // Another import under this reference may have been faster with something else.
            return same(&made, &want).map(|_| became(&made));
        }
        let known = Known { balance: before, days: HashMap::new() };
        let decision = decide(&known, HashMap::new(), std::iter::once(&want), cx.now_ms);
        match decision.outcomes.into_iter().next() {
            Some(Outcome::Made(movement)) => Ok(became(&movement)),
            Some(Outcome::Refused(refusal)) => Err(refused(refusal, product, requested(&want.change))),
            Some(Outcome::Nothing) | None => Ok(Became::Unchanged),
        }
    }
}

fn became(movement: &Movement) -> Became {
    if movement.version == 1 { Became::Created } else { Became::Changed }
}

/// A line that was done: unchanged if it said the same then.
fn same(made: &Movement, want: &Want) -> Result<Became, ModelError> {
    let (said, now, pointer) = match want.change {
        Change::Set { quantity } => (made.quantity, quantity, "/quantity"),
        Change::Add { delta } => (made.delta, delta, "/delta"),
        Change::Take { .. } | Change::Return { .. } => return Ok(Became::Unchanged),
    };
    if said == now {
        return Ok(Became::Unchanged);
    }
    let day = jiff::Timestamp::from_millisecond(made.at).map(|at| at.strftime("%Y-%m-%d").to_string());
    let on = day.map_or_else(|_| String::new(), |day| format!(" on {day}"));
    let detail = format!(
        "the reference was used{on} with {said} for this sku; another delivery or count has another reference, and \
         what was wrong in this one is put right by an adjustment"
    );
    Err(ModelError::Conflict(Violation::new(pointer, "reference_used", detail)))
}

/// The id under which an import of this reference changes this product's stock.
fn movement_id(reference: &str, product: Uuid) -> Uuid {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(product.as_bytes())
        .chain_update(b"import ")
        .chain_update(reference)
        .finalize()
        .into();
    uuid::Builder::from_random_bytes(std::array::from_fn(|at| digest[at])).into_uuid()
}

fn unknown_sku() -> ModelError {
    let detail = "there is no product with this sku, import products first";
    ModelError::Invalid(vec![Violation::new("/sku", "unknown_sku", detail)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_movement_follows_from_reference_and_product_alone() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(movement_id("DN-1", one), movement_id("DN-1", one));
        assert_ne!(movement_id("DN-1", one), movement_id("DN-1", other));
        assert_ne!(movement_id("DN-1", one), movement_id("DN-2", one));
        assert_eq!(movement_id("DN-1", one).get_version_num(), 4);
    }
}
