//! Products in the order of their names. IO only through the DAO's trait.
//!
//! Lists lie in the order in which they were made. Another order is made of a list that is short enough to be read as a whole.

use super::Products;
use crate::dao::Context;
use crate::dao::page::Position;
use crate::dao::products::{Filter, LOOKED_AT_MAX, PageQuery, Product, fold_name};
use crate::models::cursor::{List, PageOf};
use crate::models::error::{ModelError, Violation};

/// Products that are put into another order at most.
pub const SORTED_MAX: usize = 250;
/// Products of a list that are read by one call.
const READ_AT_ONCE: usize = 100;

impl Products {
    /// One page of a list in the order of the names, without regard to case, equal ones the newest first.
    ///
    /// # Errors
    /// `Malformed` where the list has more than [`SORTED_MAX`] products, or is not read in time.
    #[tracing::instrument(name = "model.products.sorted", skip_all)]
    pub async fn sorted(
        &self,
        cx: &Context,
        filter: Filter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<Product>, PageOf), ModelError> {
        let conditions = super::conditions(&filter);
        let list = List { name: "products by name", conditions: &conditions };
        let after = self.cursors.resume(list, cursor)?;
        let (mut found, mut looked_at, mut at) = (Vec::new(), 0, None);
        let receipt = loop {
            let query = PageQuery { filter: filter.clone(), limit: READ_AT_ONCE, after: at, look_at: LOOKED_AT_MAX };
            let end = self.dao.page(cx, &query, &mut found).await?;
            looked_at += end.looked_at;
            at = end.next;
            if found.len() > SORTED_MAX || (at.is_some() && cx.has_enough()) {
                return Err(too_many());
            }
            if at.is_none() {
                break end.receipt;
            }
        };
        found.sort_by_cached_key(|product| (fold_name(&product.name), std::cmp::Reverse(product.id)));
        let begin = match after {
            None => 0,
            // Where the last one of the page before is gone, nobody knows what comes after it.
            Some(after) => 1 + found.iter().position(|product| product.id == after.id).ok_or_else(moved)?,
        };
        let mut rest = found.split_off(begin);
        let more = rest.len() > limit;
        rest.truncate(limit);
        let last = rest.last().filter(|_| more).map(|product| Position { bucket: 0, id: product.id });
        let next = last.map(|last| self.cursors.seal(list, last));
        Ok((rest, PageOf { next, looked_at, receipt }))
    }
}

fn too_many() -> ModelError {
    let detail = format!(
        "at most {SORTED_MAX} products are put into the order of their names: ask for a longer name_prefix, more words or another \
         category, or leave sort out"
    );
    ModelError::Malformed(vec![Violation::new("query:sort", "too_many", detail)])
}

fn moved() -> ModelError {
    let detail = "the product at which the page before ended is not in the list any more, begin again without a cursor";
    ModelError::Malformed(vec![Violation::new("query:cursor", "bad_cursor", detail)])
}
