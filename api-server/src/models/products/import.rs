//! Products by their sku: what a line of an import does. IO only through the DAO's trait.

use super::{Products, sku_in_flight};
use crate::dao::Context;
use crate::dao::products::{Filter, LOOKED_AT_MAX, PageQuery, Product, ProductDao};
use crate::models::bulk::Became;
use crate::models::create::Identity;
use crate::models::error::{ModelError, Violation};
use crate::models::precondition::Tags;
use crate::models::product::{Change, Draft};

/// Times that the holder of a sku is looked for, when others move it meanwhile.
const LOOKS: usize = 3;

impl Products {
    /// Lets the product of the change's sku be as the change says; one that is not there is created.
    /// A dry run only says what would be done.
    #[tracing::instrument(name = "model.products.import.put", skip_all)]
    pub async fn put(&self, cx: &Context, change: &Change, dry_run: bool) -> Result<Became, ModelError> {
        let (draft, sku) = draft_of(change)?;
        for _ in 0..LOOKS {
            let done = match holder(&*self.dao, cx, &sku).await? {
                None if dry_run => return Ok(Became::Created),
                None => match self.create(cx, draft.clone(), Identity::generate()).await {
                    Err(ModelError::Conflict(_)) => None,
                    created => Some(created.map(|_| Became::Created)),
                },
                Some(before) => match change.apply(&before, cx.now_ms) {
                    None => return Ok(Became::Unchanged),
                    Some(_) if dry_run => return Ok(Became::Changed),
                    Some(_) => match self.change(cx, before.id, &Tags::Absent, change).await {
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

fn draft_of(change: &Change) -> Result<(Draft, String), ModelError> {
    match (&change.sku, &change.name, change.price) {
        (Some(sku), Some(name), Some(price)) => {
            let draft = Draft {
                sku: sku.clone(),
                name: name.clone(),
                price,
                brand: change.brand.clone().flatten(),
                description: change.description.clone().flatten(),
                category: change.category.clone().flatten(),
            };
            Ok((draft, sku.clone()))
        }
        _ => {
            let detail = "sku, name and price are required";
            Err(ModelError::Invalid(vec![Violation::new("", "required", detail)]))
        }
    }
}
