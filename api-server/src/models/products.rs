//! Use cases of products: create, read, list, change, remove. IO only through the DAO's trait.

use std::sync::Arc;

use uuid::Uuid;

use super::cursor::CursorKey;
use super::error::{ModelError, Violation};
use super::precondition::Tags;
use super::product::{Change, Draft};
use crate::dao::products::{Filter, Inserted, PageQuery, Product, ProductDao, ProductSink, Removed, Replaced};
use crate::dao::{Context, DaoError, Receipt};

/// Products of the store.
#[derive(Clone)]
pub struct Products {
    dao: Arc<dyn ProductDao>,
    cursors: CursorKey,
}

/// Identities of one creation, chosen before it is begun so that a second try makes the same.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    pub operation: Uuid,
    pub product: Uuid,
}

impl Identity {
    /// New identities; the product's is time-ordered.
    pub fn generate() -> Self {
        Self { operation: Uuid::new_v4(), product: Uuid::now_v7() }
    }

    /// Time of creation as the id tells it, so that a second try writes the same.
    fn created_ms(&self, now_ms: i64) -> i64 {
        let millis = self.product.get_timestamp().map(|time| {
            let (seconds, nanos) = time.to_unix();
            seconds * 1000 + u64::from(nanos / 1_000_000)
        });
        millis.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(now_ms)
    }
}

/// End of a page: the cursor of the next one, and how the database answered.
#[derive(Debug)]
pub struct PageOf {
    pub next: Option<String>,
    pub receipt: Receipt,
}

/// Lost races that are tried again before the client is told.
const RACES: usize = 16;

impl Products {
    /// Use cases over a DAO; `cursors` signs the positions of pages.
    pub fn new(dao: Arc<dyn ProductDao>, cursors: CursorKey) -> Self {
        Self { dao, cursors }
    }

    /// Creates a product from a draft.
    pub async fn create(
        &self,
        cx: &Context,
        draft: Draft,
        identity: Identity,
    ) -> Result<(Product, Receipt), ModelError> {
        let product = draft.into_product(identity.product, identity.created_ms(cx.now_ms));
        match self.dao.insert(cx, &product, identity.operation).await? {
            Inserted::Done(receipt) => Ok((product, receipt)),
            Inserted::SkuTaken => Err(sku_taken()),
            Inserted::SkuInFlight => Err(sku_in_flight()),
        }
    }

    /// Gives the product to the sink, if there is one.
    pub async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn ProductSink) -> Result<Receipt, ModelError> {
        Ok(self.dao.find(cx, id, sink).await?)
    }

    /// Gives one page of a list to the sink.
    pub async fn page(
        &self,
        cx: &Context,
        filter: Filter,
        limit: usize,
        cursor: Option<&str>,
        sink: &mut dyn ProductSink,
    ) -> Result<PageOf, ModelError> {
        let after = cursor.map(|text| self.cursors.open(&filter, text)).transpose().map_err(|bad| {
            let detail = format!("{bad}, begin again without one");
            ModelError::Malformed(vec![Violation::new("query:cursor", "bad_cursor", detail)])
        })?;
        let query = PageQuery { filter, limit, after };
        let end = self.dao.page(cx, &query, sink).await?;
        Ok(PageOf { next: end.next.map(|next| self.cursors.seal(&query.filter, next)), receipt: end.receipt })
    }

    /// Applies a change to the product as it is when the change is made. Returns the product after
    /// it; a change that changes nothing makes no new version.
    pub async fn change(
        &self,
        cx: &Context,
        id: Uuid,
        condition: &Tags,
        change: &Change,
    ) -> Result<(Product, Option<Receipt>), ModelError> {
        for _ in 0..RACES {
            let before = self.dao.load(cx, id).await?.ok_or(ModelError::NotFound("product"))?;
            if !condition.allow_change(before.product.version) {
                return Err(ModelError::PreconditionFailed("product"));
            }
            let Some(after) = change.apply(&before.product, cx.now_ms) else {
                return Ok((before.product, None));
            };
            match self.dao.replace(cx, &before, &after, Uuid::new_v4()).await? {
                Replaced::Done(receipt) => return Ok((after, Some(receipt))),
                Replaced::VersionMoved if condition.pins_version() => {
                    return Err(ModelError::PreconditionFailed("product"));
                }
                Replaced::VersionMoved => {}
                Replaced::SkuTaken => return Err(sku_taken()),
                Replaced::SkuInFlight => return Err(sku_in_flight()),
            }
        }
        Err(contended())
    }

    /// Removes the product.
    pub async fn remove(&self, cx: &Context, id: Uuid, condition: &Tags) -> Result<Receipt, ModelError> {
        for _ in 0..RACES {
            let before = self.dao.load(cx, id).await?.ok_or(ModelError::NotFound("product"))?;
            if !condition.allow_change(before.product.version) {
                return Err(ModelError::PreconditionFailed("product"));
            }
            match self.dao.remove(cx, &before, Uuid::new_v4()).await? {
                Removed::Done(receipt) => return Ok(receipt),
                Removed::VersionMoved if condition.pins_version() => {
                    return Err(ModelError::PreconditionFailed("product"));
                }
                Removed::VersionMoved => {}
            }
        }
        Err(contended())
    }
}

fn sku_taken() -> ModelError {
    let detail = "another product has this sku";
    ModelError::Conflict(Violation::new("/sku", "sku_taken", detail))
}

fn sku_in_flight() -> ModelError {
    let detail = "another request is claiming this sku at this moment, try again in some seconds";
    ModelError::Conflict(Violation::new("/sku", "sku_in_flight", detail))
}

/// Too many writers of one product: nothing of this request was done.
fn contended() -> ModelError {
    ModelError::Dao(DaoError::Unreachable("other writers of the same row were always faster".into()))
}
