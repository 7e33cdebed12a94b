//! Lines that name their products by sku. IO only through the DAO's trait.

use std::collections::HashSet;
use std::pin::pin;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Orders;
use crate::dao::Context;
use crate::dao::orders::NOBODY;
use crate::models::error::{ModelError, Violation};
use crate::models::order::{Asked, Draft, Named, repeated};
use crate::models::products::import::holder;

/// Skus of an order that are looked for at the same time.
const READ_AT_ONCE: usize = 16;

impl Orders {
    /// What is asked for with the products that have the skus now. Asks nothing of the database where every line has an id.
    ///
    /// # Errors
    /// `Invalid` with each line whose sku no product has, and each that names the product of another line.
    pub async fn named(&self, cx: &Context, asked: Asked) -> Result<Draft, ModelError> {
        let user = asked.user.unwrap_or(NOBODY);
        let (mut items, mut broken) = (Vec::with_capacity(asked.items.len()), Vec::new());
        let quiet = cx.plain().of_many();
        let found = stream::iter(asked.items.into_iter().enumerate())
            .map(|(at, (named, quantity))| {
                let quiet = &quiet;
                async move {
                    let (product, member) = match named {
                        Named::Id(product) => (Some(product), "product_id"),
                        Named::Sku(sku) => {
                            (holder(&*self.daos.products, quiet, &sku).await?.map(|product| product.id), "sku")
                        }
                    };
                    Ok::<_, ModelError>((at, product, member, quantity))
                }
            })
            .buffered(READ_AT_ONCE);
        let (mut found, mut known) = (pin!(found), HashSet::new());
        while let Some((at, product, member, quantity)) = found.try_next().await? {
            match product {
                None => {
                    let detail = "there is no product with this sku";
                    broken.push(Violation::new(format!("/items/{at}/sku"), "unknown_sku", detail));
                }
                Some(product) if !known.insert(product) => broken.push(repeated(at, member)),
                Some(product) => items.push((product, quantity)),
            }
        }
        if broken.is_empty() { Ok(Draft { user, items }) } else { Err(ModelError::Invalid(broken)) }
    }
}
