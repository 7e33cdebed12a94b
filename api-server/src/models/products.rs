//! Use cases of products: create, read, list, change, remove. IO only through the DAO's trait.

pub mod import;
mod sorted;

use std::sync::Arc;

use uuid::Uuid;

use super::changes::Changes;
use super::create::Identity;
use super::cursor::{CursorKey, List, PageOf};
use super::error::{ModelError, RACES, Violation};
use super::precondition::Condition;
use super::product::{Change, Draft, archived};
use crate::dao::changes::{Kind, Object};
use crate::dao::ledger::{Account, LedgerDao};
use crate::dao::products::{Filter, Inserted, PageQuery, Product, ProductDao, ProductSink, Removed, Replaced};
use crate::dao::{Context, Receipt};

/// Products of the store.
#[derive(Clone)]
pub struct Products {
    dao: Arc<dyn ProductDao>,
    ledger: Arc<dyn LedgerDao>,
    cursors: CursorKey,
    changes: Changes,
}

/// What a list is asked for, in a fixed order; words stand at the end where they are given, so that cursors of lists without
/// them stay what they were.
fn conditions(filter: &Filter) -> Vec<Option<&str>> {
    let all = [&filter.sku, &filter.name_prefix, &filter.category].map(Option::as_deref);
    all.into_iter().chain(filter.words.as_deref().map(Some)).collect()
}

const fn object(id: Uuid) -> Object {
    Object { kind: Kind::Product, id }
}

impl Products {
    /// Use cases over a DAO; `cursors` signs the positions of pages.
    pub fn new(dao: Arc<dyn ProductDao>, ledger: Arc<dyn LedgerDao>, cursors: CursorKey) -> Self {
        Self { dao, ledger, cursors, changes: Changes::none() }
    }

    /// The same, and what changes is told.
    #[must_use]
    pub fn telling(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    fn tell(&self, cx: &Context, product: &Product, what: &'static str) {
        self.changes.product(product, what);
        self.changes.audit(cx, object(product.id), what, product.version);
    }

    /// Creates a product from a draft.
    #[tracing::instrument(name = "model.products.create", skip_all)]
    pub async fn create(
        &self,
        cx: &Context,
        draft: Draft,
        identity: Identity,
    ) -> Result<(Product, Receipt), ModelError> {
        let product = draft.into_product(identity.resource, identity.created_ms(cx.now_ms));
        let insert = async {
            match self.dao.insert(cx, &product, identity.operation).await? {
                Inserted::Done(receipt) => {
                    self.tell(cx, &product, "created");
                    Ok(receipt)
                }
                Inserted::Taken => Err(sku_taken()),
                Inserted::InFlight => Err(sku_in_flight()),
            }
        };
        let receipt = self.changes.noted(cx, object(identity.resource), None, insert).await?;
        Ok((product, receipt))
    }

    /// Gives the product to the sink, if there is one.
    #[tracing::instrument(name = "model.products.find", skip_all)]
    pub async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn ProductSink) -> Result<Receipt, ModelError> {
        Ok(self.dao.find(cx, id, sink).await?)
    }

    /// Gives one page of a list to the sink; its filter looks at `look_at` rows at most.
    #[tracing::instrument(name = "model.products.page", skip_all)]
    pub async fn page(
        &self,
        cx: &Context,
        filter: Filter,
        (limit, look_at): (usize, usize),
        cursor: Option<&str>,
        sink: &mut dyn ProductSink,
    ) -> Result<PageOf, ModelError> {
        let conditions = conditions(&filter);
        let list = List { name: if filter.archived { "archived" } else { "products" }, conditions: &conditions };
        let after = self.cursors.resume(list, cursor)?;
        let query = PageQuery { filter: filter.clone(), limit, after, look_at };
        let end = self.dao.page(cx, &query, sink).await?;
        Ok(PageOf {
            next: end.next.map(|next| self.cursors.seal(list, next)),
            looked_at: end.looked_at,
            receipt: end.receipt,
        })
    }

    /// Applies a change to the product as it is when the change is made. Returns the product after
    /// it; a change that changes nothing makes no new version.
    #[tracing::instrument(name = "model.products.change", skip_all)]
    pub async fn change(
        &self,
        cx: &Context,
        id: Uuid,
        condition: &Condition,
        change: &Change,
    ) -> Result<(Product, Option<Receipt>), ModelError> {
        for _ in 0..RACES {
            let before = self.dao.load(cx, id).await?.ok_or(ModelError::NotFound("product"))?;
            if !condition.allows(Some(before.product.version)) {
                return Err(ModelError::PreconditionFailed("product"));
            }
            if before.product.archived_at.is_some() && !change.restore {
                return Err(ModelError::Conflict(product_archived("")));
            }
            let Some(after) = change.apply(&before.product, cx.now_ms) else {
                return Ok((before.product, None));
            };
            let replace = async { Ok(self.dao.replace(cx, &before, &after, Uuid::new_v4()).await?) };
            let replaced = self.changes.noted(cx, object(id), None, async {
                let replaced: Result<Replaced, ModelError> = replace.await;
                if let Ok(Replaced::Done(_)) = &replaced {
                    let restored = before.product.archived_at.is_some();
                    self.tell(cx, &after, if restored { "restored" } else { "changed" });
                }
                replaced
            });
            match replaced.await? {
                Replaced::Done(receipt) => return Ok((after, Some(receipt))),
                Replaced::VersionMoved if condition.pins_version() => {
                    return Err(ModelError::PreconditionFailed("product"));
                }
                Replaced::VersionMoved => {}
                Replaced::Taken => return Err(sku_taken()),
                Replaced::InFlight => return Err(sku_in_flight()),
            }
        }
        Err(ModelError::contended())
    }

    /// Removes the product, or archives it if it has or had a stock, as every product with orders
    /// does.
    ///
    /// It is archived first in any case: whoever begins a stock looks for the product again after
    /// it, so one of the two sees the other.
    #[tracing::instrument(name = "model.products.remove", skip_all)]
    pub async fn remove(&self, cx: &Context, id: Uuid, condition: &Condition) -> Result<Receipt, ModelError> {
        self.changes.noted(cx, object(id), None, self.archive_or_remove(cx, id, condition)).await
    }

    async fn archive_or_remove(&self, cx: &Context, id: Uuid, condition: &Condition) -> Result<Receipt, ModelError> {
        for _ in 0..RACES {
            let before = self.dao.load(cx, id).await?.ok_or(ModelError::NotFound("product"))?;
            if !condition.allows(Some(before.product.version)) {
                return Err(ModelError::PreconditionFailed("product"));
            }
            let archived = match before.product.archived_at {
                Some(_) => None,
                None => {
                    let after = archived(&before.product, cx.now_ms);
                    match self.dao.replace(cx, &before, &after, Uuid::new_v4()).await? {
                        Replaced::Done(receipt) => {
                            self.tell(cx, &after, "archived");
                            Some(receipt)
                        }
                        _ if condition.pins_version() => return Err(ModelError::PreconditionFailed("product")),
                        _ => continue,
                    }
                }
            };
            let plain = cx.plain();
            let stock = self.ledger.load(&plain, Account::stock(id)).await?;
            if let (Some(_), Some(receipt)) = (stock, archived) {
                return Ok(receipt);
            }
            if stock.is_some() {
                return Err(ModelError::NotFound("product"));
            }
            let Some(last) = self.dao.load(cx, id).await? else {
                // Another removal was faster with the last step.
                return archived.ok_or(ModelError::NotFound("product"));
            };
            if last.product.archived_at.is_none() {
                // It was restored meanwhile.
                continue;
            }
            let gone = last.product.version + 1;
            let remove = async { Ok(self.dao.remove(cx, &last, Uuid::new_v4()).await?) };
            let removed = self.changes.noted(cx, object(id), Some(gone), async {
                let removed: Result<Removed, ModelError> = remove.await;
                if let Ok(Removed::Done(_)) = &removed {
                    self.changes.removed(id, gone);
                    self.changes.audit(cx, object(id), "removed", gone);
                }
                removed
            });
            match removed.await? {
                Removed::Done(receipt) => return Ok(archived.unwrap_or(receipt)),
                Removed::VersionMoved => {}
            }
        }
        Err(ModelError::contended())
    }
}

/// An archived product stays as it is until it is restored.
pub(super) fn product_archived(pointer: impl Into<std::borrow::Cow<'static, str>>) -> Violation {
    Violation::new(pointer, "product_archived", "the product is archived, PATCH with archived_at null restores it")
}

fn sku_taken() -> ModelError {
    let detail = "another product has this sku";
    ModelError::Conflict(Violation::new("/sku", "sku_taken", detail))
}

fn sku_in_flight() -> ModelError {
    let detail = "another request is claiming this sku at this moment, try again in some seconds";
    ModelError::Busy(Violation::new("/sku", "sku_in_flight", detail))
}
