//! Products in Cassandra. `products` is the truth, changed by LWT only; everything else follows.
//!
//! A change goes: intent → (claim of the sku) → LWT on the product → copies in every list →
//! removal of the intent → release of an old sku. A crash before the LWT leaves nothing that anybody
//! sees; a crash after it leaves the intent, and the sweeper of any process brings the lists up to
//! date. Rows are always whole: a copy is one version or another.

mod intents;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use scylla::value::{CqlTimestamp, MaybeUnset};
use uuid::Uuid;

use super::StartError;
use super::change::{Outcome, made_by, outcome, publish, refuse_serial};
use super::execute::{Database, Failure, Statement};
use super::intents::Intents;
use super::listing::buckets::{Buckets, Listed, millis_of};
use super::listing::copies::{Copies, Place, decimal};
use super::listing::pages::{Named, Pages, Truth};
use super::sweeper::{Sweeps, may_still_come};
use super::tries::decide;
use super::unique::{Claimed, Claims, Unique};
use crate::dao::products::{Inserted, PageEnd, PageQuery, Product, ProductDao, ProductSink, Removed, Replaced, Stored};
use crate::dao::{Context, DaoError, Receipt};

pub use intents::Intent;
pub use rows::{LIST_COLUMNS, ListedRow, TRUTH_COLUMNS, TruthRow, broken};

const SKU: Unique = Unique {
    what: "the claim on a sku",
    claims: "product_skus",
    value: "sku",
    owner: "product_id",
    rows: "products",
    row_claim: "sku_claim",
};

const LISTED: Listed = Listed { begins: "product_buckets", rows: "products_by_time", spread: false };

/// See the module.
pub struct CassandraProducts {
    database: Arc<Database>,
    skus: Claims,
    buckets: Arc<Buckets>,
    copies: Copies,
    pages: Pages,
    pub(super) intents: Intents<Option<Place>>,
    find: Statement,
    find_many: Statement,
    find_sku: Statement,
    load: Statement,
    insert: Statement,
    replace: Statement,
    remove: Statement,
}

impl CassandraProducts {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "products";
        let find = format!("SELECT {TRUTH_COLUMNS} FROM {{ks}}.products WHERE id = ?");
        let find_many = format!("SELECT {TRUTH_COLUMNS} FROM {{ks}}.products WHERE id IN ?");
        let find_sku = "SELECT product_id FROM {ks}.product_skus WHERE sku = ?";
        let load = format!(
            "SELECT {TRUTH_COLUMNS}, bucket, sku_claim, operations, fence \
             FROM {{ks}}.products WHERE id = ?"
        );
        let insert = "INSERT INTO {ks}.products (id, sku, name, price, brand, description, \
             category, version, created_at, updated_at, bucket, sku_claim, operations, low_stock) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
        let replace = "UPDATE {ks}.products SET sku = ?, name = ?, price = ?, brand = ?, \
             description = ?, category = ?, version = ?, updated_at = ?, sku_claim = ?, \
             operations = ?, archived_at = ?, low_stock = ? WHERE id = ? IF version = ? AND fence = ?";
        let remove = "DELETE FROM {ks}.products WHERE id = ? IF version = ? AND fence = ?";
        Ok(Self {
            skus: Claims::prepare(Arc::clone(&database), SKU).await?,
            buckets: Arc::new(Buckets::prepare(Arc::clone(&database), LISTED).await?),
            copies: Copies::prepare(&database).await?,
            pages: Pages::prepare(Arc::clone(&database)).await?,
            intents: Intents::prepare(Arc::clone(&database)).await?,
            find: database.plain("SELECT", table, &find).await?,
            find_many: database.plain("SELECT", table, &find_many).await?,
            find_sku: database.plain("SELECT", "product_skus", find_sku).await?,
            load: database.serial(table, &load).await?,
            insert: database.conditional("INSERT", table, insert).await?,
            replace: database.conditional("UPDATE", table, replace).await?,
            remove: database.conditional("DELETE", table, remove).await?,
            database,
        })
    }

    /// Where buckets of the lists begin.
    #[cfg(test)]
    pub(super) const fn buckets(&self) -> &Arc<Buckets> {
        &self.buckets
    }

    /// Writes an intent at the client's level, so that a level that cannot be reached is refused
    /// before anything has happened.
    async fn intend(&self, cx: &Context, intent: &Intent) -> Result<(), DaoError> {
        self.intents.write(cx, intent).await
    }

    /// Claims a sku and writes the intent, at once where the client named no level.
    async fn begin_insert(
        &self,
        cx: &Context,
        intent: &Intent,
        sku: &str,
        operation: Uuid,
    ) -> Result<Claimed, DaoError> {
        let claim = self.skus.claim(cx, sku, intent.owner, operation);
        if cx.level.is_some() {
            self.intend(cx, intent).await?;
            return claim.await;
        }
        let (intended, claimed) = tokio::join!(self.intend(cx, intent), claim);
        intended?;
        claimed
    }

    /// Brings the lists up to date with a product that was just changed.
    async fn publish(
        &self,
        cx: &Context,
        intent: &Intent,
        product: Option<(&Product, i64)>,
        was_archived: bool,
        decided: Receipt,
    ) -> Receipt {
        publish(&self.database, cx, intent.owner, decided, |cx| async move {
            self.settle(&cx, intent, product, was_archived).await
        })
        .await
    }

    /// Writes the copies of a product as it is now (or removes them), then drops the intent. Where it `was_archived`, or
    /// may have been, it is taken out of that list.
    async fn settle(
        &self,
        cx: &Context,
        intent: &Intent,
        product: Option<(&Product, i64)>,
        was_archived: bool,
    ) -> Result<Option<Receipt>, DaoError> {
        let mut writes = Vec::with_capacity(24);
        match (product, &intent.detail) {
            (Some((product, bucket)), before) if product.archived_at.is_some() => {
                self.copies.archive(&mut writes, product, bucket, before.as_ref());
            }
            (Some((product, bucket)), before) => {
                self.copies.put(&mut writes, product, bucket, before.as_ref());
                if was_archived {
                    self.copies.leave_archive(&mut writes, product, bucket);
                }
            }
            (None, Some(before)) => self.copies.drop_all(&mut writes, before),
            (None, None) => {}
        }
        let written = self.database.write_all(cx, &writes).await?;
        self.intents.forget(cx, intent).await;
        Ok(written)
    }

    /// The product as every LWT before has left it.
    async fn load_stored(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        let result = self.database.run_serial(cx, &self.load, &(id,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        rows::stored_of(&rows)
    }

    async fn insert_row(
        &self,
        cx: &Context,
        product: &Product,
        bucket: i64,
        operation: Uuid,
    ) -> Result<Outcome, DaoError> {
        let values = (
            product.id,
            &product.sku,
            &product.name,
            decimal(product.price),
            MaybeUnset::from_option(product.brand.as_ref()),
            MaybeUnset::from_option(product.description.as_ref()),
            MaybeUnset::from_option(product.category.as_ref()),
            product.version,
            CqlTimestamp(product.created_at),
            CqlTimestamp(product.updated_at),
            bucket,
            operation,
            vec![operation],
            MaybeUnset::from_option(product.low_stock),
        );
        decide!(cx, "creation of a product", _unsure => {
            let cas = self.database.cas(cx, &self.insert, &values).await?;
            // Not applied, but made by this operation: an earlier try of ours was.
            let ours = cas.bigint("version").is_some()
                && cas.uuids("operations").last() == Some(&operation);
            Ok(outcome(&cas, ours))
        })
    }

    async fn replace_row(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Product,
        sku_claim: Uuid,
        operation: Uuid,
    ) -> Result<Outcome, DaoError> {
        let operations = before.marks.operations_with(operation);
        let values = (
            &after.sku,
            &after.name,
            decimal(after.price),
            &after.brand,
            &after.description,
            &after.category,
            after.version,
            CqlTimestamp(after.updated_at),
            sku_claim,
            operations,
            match (before.product.archived_at, after.archived_at) {
                (_, Some(at)) => MaybeUnset::Set(Some(CqlTimestamp(at))),
                (Some(_), None) => MaybeUnset::Set(None),
                (None, None) => MaybeUnset::Unset,
            },
            // What was never said is no tombstone.
            match (before.product.low_stock, after.low_stock) {
                (None, None) => MaybeUnset::Unset,
                (_, low) => MaybeUnset::Set(low),
            },
            after.id,
            before.product.version,
            before.marks.fence,
        );
        decide!(cx, "change of a product", unsure => {
            let cas = self.database.cas(cx, &self.replace, &values).await?;
            if cas.applied || !unsure {
                return Ok(outcome(&cas, false));
            }
            let ours = self.made_by(cx, after, operation).await?;
            Ok(outcome(&cas, ours))
        })
    }

    /// Whether a version of a product was made by this operation, as far as the product remembers.
    async fn made_by(&self, cx: &Context, after: &Product, operation: Uuid) -> Result<bool, Failure> {
        let stored = self
            .load_stored(cx, after.id)
            .await
            .map_err(|error| Failure::Unsure { level: "SERIAL", detail: error.to_string() })?;
        let remembered = stored.as_ref().map(|stored| (stored.product.version, stored.marks.operations.as_slice()));
        made_by(remembered, after.version, operation)
    }

    async fn remove_row(&self, cx: &Context, before: &Stored) -> Result<Outcome, DaoError> {
        let values = (before.product.id, before.product.version, before.marks.fence);
        decide!(cx, "removal of a product", unsure => {
            let cas = self.database.cas(cx, &self.remove, &values).await?;
            // Gone after a try of ours of unknown outcome: what was asked for is so.
            let gone = unsure && cas.bigint("version").is_none();
            Ok(outcome(&cas, gone))
        })
    }

    /// Of an answer for which nothing was asked.
    fn local(&self, cx: &Context) -> Receipt {
        Receipt::local(cx.level.unwrap_or(self.database.level))
    }

    /// Finds by sku: from the claim to the product, which must have the sku.
    async fn page_of_sku(
        &self,
        cx: &Context,
        query: &PageQuery,
        sku: &str,
        sink: &mut dyn ProductSink,
    ) -> Result<PageEnd, DaoError> {
        let result = self.database.run(cx, &self.find_sku, &(sku,)).await?;
        let mut receipt = self.database.receipt(cx, &result);
        let rows = result.into_rows_result().map_err(broken)?;
        let id = rows.maybe_first_row::<(Option<Uuid>,)>().map_err(broken)?;
        if let Some((Some(id),)) = id {
            let (product, read) = self.read(cx, id).await?;
            receipt = Receipt { trace: receipt.trace.or(read.trace), ..read };
            if let Some(product) = product
                && query.filter.admits(&product.borrowed())
            {
                sink.product(product.borrowed());
            }
        }
        Ok(PageEnd { next: None, looked_at: 0, receipt })
    }
}

impl Truth for CassandraProducts {
    async fn read(&self, cx: &Context, id: Uuid) -> Result<(Option<Product>, Receipt), DaoError> {
        let mut found = Vec::with_capacity(1);
        let receipt = self.find(cx, id, &mut found).await?;
        Ok((found.pop(), receipt))
    }
}

#[async_trait]
impl ProductDao for CassandraProducts {
    async fn find(&self, cx: &Context, id: Uuid, sink: &mut dyn ProductSink) -> Result<Receipt, DaoError> {
        let result = self.database.run(cx, &self.find, &(id,)).await?;
        let receipt = self.database.receipt(cx, &result);
        let rows = result.into_rows_result().map_err(broken)?;
        if let Some(TruthRow(Some(product))) = rows.maybe_first_row::<TruthRow<'_>>().map_err(broken)? {
            sink.product(product);
        }
        Ok(receipt)
    }

    async fn find_many(&self, cx: &Context, ids: &[Uuid]) -> Result<Vec<Product>, DaoError> {
        let result = match ids {
            // Sent to a replica; more than one go through any node.
            [id] => self.database.run(cx, &self.find, &(id,)).await?,
            _ => self.database.run(cx, &self.find_many, &(ids,)).await?,
        };
        let rows = result.into_rows_result().map_err(broken)?;
        let mut found = Vec::with_capacity(ids.len());
        for row in rows.rows::<TruthRow<'_>>().map_err(broken)? {
            found.extend(row.map_err(broken)?.0.map(|product| product.to_product()));
        }
        Ok(found)
    }

    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        self.load_stored(cx, id).await
    }

    async fn page(&self, cx: &Context, query: &PageQuery, sink: &mut dyn ProductSink) -> Result<PageEnd, DaoError> {
        let filter = &query.filter;
        if let Some(sku) = &filter.sku {
            return self.page_of_sku(cx, query, sku, sink).await;
        }
        if let Some(named) = Named::of(filter) {
            return match &filter.category {
                // Nothing has a name without words.
                _ if named.key().is_empty() => Ok(PageEnd { next: None, looked_at: 0, receipt: self.local(cx) }),
                Some(category) => self.pages.named_of_category(cx, query, (&named, category), sink).await,
                None => self.pages.named(cx, self, query, &named, sink).await,
            };
        }
        if filter.archived {
            return self.pages.archived(cx, &self.buckets, query, sink).await;
        }
        if let Some(category) = &filter.category {
            return self.pages.category(cx, query, category, sink).await;
        }
        self.pages.everything(cx, &self.buckets, query, sink).await
    }

    async fn insert(&self, cx: &Context, product: &Product, operation: Uuid) -> Result<Inserted, DaoError> {
        refuse_serial(cx)?;
        let created = millis_of(product.id, product.created_at);
        // What is traced is the statement that decides.
        let before = cx.untraced();
        let bucket = self.buckets.of_new(&before, created, product.id).await?;
        let intent = Intent::of_new(cx, product.id, operation);
        match self.begin_insert(&before, &intent, &product.sku, operation).await? {
            Claimed::Ours => {}
            Claimed::Taken => {
                self.intents.forget(cx, &intent).await;
                return Ok(Inserted::Taken);
            }
            Claimed::InFlight => {
                self.intents.forget(cx, &intent).await;
                return Ok(Inserted::InFlight);
            }
        }
        match self.insert_row(cx, product, bucket, operation).await? {
            Outcome::Applied(receipt) => {
                let receipt = self.publish(cx, &intent, Some((product, bucket)), false, receipt).await;
                self.buckets.inserted();
                Ok(Inserted::Done(receipt))
            }
            // Our id was used up: another request took the claim over.
            Outcome::Moved => {
                self.intents.forget(cx, &intent).await;
                Ok(Inserted::InFlight)
            }
        }
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Product,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        refuse_serial(cx)?;
        let place = Place::of(&before.product, before.marks.bucket);
        let intent = Intent::of_change(cx, place, operation);
        self.intend(cx, &intent).await?;
        // An archived product holds none.
        let was_archived = before.product.archived_at.is_some();
        let new_sku = before.product.sku != after.sku || was_archived;
        let mut sku_claim = before.marks.claim;
        if new_sku {
            match self.skus.claim(&cx.untraced(), &after.sku, after.id, operation).await? {
                Claimed::Ours => sku_claim = operation,
                Claimed::Taken => {
                    self.intents.forget(cx, &intent).await;
                    return Ok(Replaced::Taken);
                }
                Claimed::InFlight => {
                    self.intents.forget(cx, &intent).await;
                    return Ok(Replaced::InFlight);
                }
            }
        }
        let archived = after.archived_at.is_some();
        if archived {
            // A claim that no product confirms: if its release fails, the next request takes it over.
            sku_claim = operation;
        }
        let changed = self.replace_row(cx, before, after, sku_claim, operation).await?;
        match changed {
            Outcome::Applied(receipt) => {
                let receipt =
                    self.publish(cx, &intent, Some((after, before.marks.bucket)), was_archived, receipt).await;
                if (new_sku || archived) && !was_archived {
                    self.release_old(cx, &before.product.sku, before.marks.claim).await;
                }
                Ok(Replaced::Done(receipt))
            }
            Outcome::Moved => {
                if new_sku {
                    self.release_old(cx, &after.sku, operation).await;
                }
                self.intents.forget(cx, &intent).await;
                Ok(Replaced::VersionMoved)
            }
        }
    }

    async fn remove(&self, cx: &Context, before: &Stored, operation: Uuid) -> Result<Removed, DaoError> {
        refuse_serial(cx)?;
        let place = Place::of(&before.product, before.marks.bucket);
        let intent = Intent::of_change(cx, place, operation);
        self.intend(cx, &intent).await?;
        match self.remove_row(cx, before).await? {
            Outcome::Applied(receipt) => {
                let receipt = self.publish(cx, &intent, None, true, receipt).await;
                self.release_old(cx, &before.product.sku, before.marks.claim).await;
                Ok(Removed::Done(receipt))
            }
            Outcome::Moved => {
                self.intents.forget(cx, &intent).await;
                Ok(Removed::VersionMoved)
            }
        }
    }
}

#[async_trait]
impl Sweeps for CassandraProducts {
    type Detail = Option<Place>;

    fn intents(&self) -> &Intents<Option<Place>> {
        &self.intents
    }

    /// Brings the lists up to date with the product as it is now.
    async fn finish(&self, cx: &Context, intent: &Intent) -> Result<bool, DaoError> {
        let stored = self.load_stored(cx, intent.owner).await?;
        let is_new = intent.detail.is_none();
        if stored.is_none() && is_new && may_still_come(intent) {
            return Ok(false);
        }
        let product = stored.as_ref().map(|stored| (&stored.product, stored.marks.bucket));
        self.settle(cx, intent, product, !is_new).await?;
        Ok(true)
    }
}

impl CassandraProducts {
    /// Gives a sku free that no product has any more. If that fails, its claim is unconfirmed and
    /// the next request that wants the sku takes it over.
    async fn release_old(&self, cx: &Context, sku: &str, claim: Uuid) {
        if let Err(error) = self.skus.release(cx, sku, claim).await {
            tracing::warn!(%error, "a sku stays claimed until the next request takes it over");
        }
    }
}
