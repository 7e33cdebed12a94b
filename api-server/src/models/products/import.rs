//! Products by their sku: what a line of an import does. IO only through the DAO's trait.

use super::{Products, sku_in_flight};
use crate::dao::Context;
use crate::dao::products::{Filter, LOOKED_AT_MAX, PageQuery, Product, ProductDao};
use crate::models::bulk::Became;
use crate::models::create::Identity;
use crate::models::error::{ModelError, Violation};
use crate::models::precondition::Condition;
use crate::models::product::{Change, Draft};

/// Times that the holder of a sku is looked for, when others move it meanwhile.
const LOOKS: usize = 3;

impl Products {
    /// Lets the product of the change's sku be as the change says; one that is not there is created if it is `new_too`.
    /// A dry run only says what would be done.
    #[tracing::instrument(name = "model.products.import.put", skip_all)]
    pub async fn put(&self, cx: &Context, change: &Change, new_too: bool, dry_run: bool) -> Result<Became, ModelError> {
        let sku = change.sku.clone().unwrap_or_default();
        for _ in 0..LOOKS {
            let done = match holder(&*self.dao, cx, &sku).await? {
                None if !new_too => return Err(unknown_sku()),
                None => {
                    let draft = draft_of(change)?;
                    if dry_run {
                        return Ok(Became::Created);
                    }
                    match self.create(cx, draft, Identity::generate()).await {
                        Err(ModelError::Conflict(_)) => None,
                        created => Some(created.map(|_| Became::Created)),
                    }
                }
                Some(before) => match change.apply(&before, cx.now_ms) {
                    None => return Ok(Became::Unchanged),
                    Some(_) if dry_run => return Ok(Became::Changed),
                    Some(_) => match self.change(cx, before.id, &Condition::default(), change).await {
                        // It was removed, or its sku went to another product.
                        Err(ModelError::NotFound(_) | ModelError::Conflict(_)) => None,
                        Ok((_, None)) => Some(Ok(Became::Unchanged)),
                        changed => Some(changed.map(|_| Became::Changed)),
                    },
                },
            };
            if let Some(done) = done {
                return done;
            }
        }
        Err(sku_in_flight())
    }
}

/// The product that has a sku now, at a level that every change before is seen at.
pub(in crate::models) async fn holder(
    dao: &dyn ProductDao,
    cx: &Context,
    sku: &str,
) -> Result<Option<Product>, ModelError> {
    let plain = cx.plain();
    let filter = Filter { sku: Some(sku.to_owned()), ..Filter::default() };
    let mut found = Vec::with_capacity(1);
    dao.page(&plain, &PageQuery { filter, limit: 1, after: None, look_at: LOOKED_AT_MAX }, &mut found).await?;
    Ok(found.pop())
}

fn unknown_sku() -> ModelError {
    let detail = "there is no product with this sku, and the file is to create none";
    ModelError::Invalid(vec![Violation::new("/sku", "unknown_sku", detail)])
}

/// The product that a line creates, which needs more than one that it changes.
fn draft_of(change: &Change) -> Result<Draft, ModelError> {
    match (&change.sku, &change.name, change.price) {
        (Some(sku), Some(name), Some(price)) => Ok(Draft {
            sku: sku.clone(),
            name: name.clone(),
            price,
            brand: change.brand.clone().flatten(),
            description: change.description.clone().flatten(),
            category: change.category.clone().flatten(),
            low_stock: change.low_stock.flatten(),
        }),
        (_, name, price) => {
            let missing =
                [("name", name.is_none()), ("price", price.is_none())].into_iter().filter(|(_, missing)| *missing);
            let told = missing.map(|(name, _)| {
                let detail = format!("there is no product with this sku, and a new one needs a {name}");
                Violation::new(format!("/{name}"), "required", detail)
            });
            Err(ModelError::Invalid(told.collect()))
        }
    }
}
