//! Orders in Cassandra. `orders` is the truth, changed by LWT only; lists hold ids and follow.
//!
//! A list shows an order only if the truth belongs into it, so a copy that a crash left somewhere
//! is not seen; what a crash kept out of a list the sweeper puts there.

mod pages;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use scylla::value::{CqlTimestamp, CqlValue};
use uuid::Uuid;

use self::pages::Pages;
pub use self::pages::first_id;
use self::rows::{COLUMNS, Lines, Row, order_of};
use super::StartError;
use super::change::made_by;
use super::execute::{Bound, Database, Failure, Statement};
use super::intents::{Detail, Intent, Intents};
use super::listing::buckets::{Buckets, Listed, millis_of};
use super::listing::copies::{bigint, id, text};
use super::products::broken;
use super::tries::decide;
use crate::dao::orders::{Filter, Inserted, Note, Order, OrderDao, Replaced, Status, Stored};
use crate::dao::page::{PageEnd, Position};
use crate::dao::{Context, DaoError, Receipt};

const LISTED: Listed = Listed { begins: "order_buckets", rows: "orders_by_time" };

/// A note needs nothing beside the order's id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Nothing;

impl Detail for Nothing {
    const TABLE: &'static str = "order_intents";
    const OWNER: &'static str = "order_id";
    const COLUMNS: &'static [&'static str] = &[];

    fn write(&self) -> Vec<Bound> {
        Vec::new()
    }

    fn read(_owner: Uuid, _values: Vec<Option<CqlValue>>) -> Self {
        Self
    }
}

/// See the module.
pub struct CassandraOrders {
    database: Arc<Database>,
    buckets: Arc<Buckets>,
    pages: Pages,
    intents: Intents<Nothing>,
    find: Statement,
    load: Statement,
    insert: Statement,
    replace: Statement,
    by_time: Statement,
    by_user: Statement,
    user_bucket: Statement,
    by_status: Statement,
    status_bucket: Statement,
    drop_by_status: Statement,
}

impl CassandraOrders {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let find = format!("SELECT {COLUMNS} FROM {{ks}}.orders WHERE id = ?");
        let insert = "INSERT INTO {ks}.orders (id, user_id, status, lines, total, is_paid, version, created_at, \
             updated_at, bucket, operations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
        let replace = "UPDATE {ks}.orders SET status = ?, is_paid = ?, payment_id = ?, version = ?, \
             updated_at = ?, operations = ? WHERE id = ? IF version = ?";
        let by_time = "INSERT INTO {ks}.orders_by_time (bucket, id) VALUES (?, ?)";
        let by_user = "INSERT INTO {ks}.orders_by_user (user_id, bucket, id, spent, version) VALUES (?, ?, ?, ?, ?) \
             USING TIMESTAMP ?";
        let user_bucket = "INSERT INTO {ks}.order_user_buckets (user_id, bucket) VALUES (?, ?)";
        let by_status = "INSERT INTO {ks}.orders_by_status (status, bucket, id) VALUES (?, ?, ?) USING TIMESTAMP ?";
        let status_bucket = "INSERT INTO {ks}.order_status_buckets (status, bucket) VALUES (?, ?)";
        let drop_by_status =
            "DELETE FROM {ks}.orders_by_status USING TIMESTAMP ? WHERE status = ? AND bucket = ? AND id = ?";
        Ok(Self {
            buckets: Arc::new(Buckets::prepare(Arc::clone(&database), LISTED).await?),
            pages: Pages::prepare(Arc::clone(&database)).await?,
            intents: Intents::prepare(Arc::clone(&database)).await?,
            find: database.plain("SELECT", "orders", &find).await?,
            load: database.serial("orders", &find).await?,
            insert: database.conditional("INSERT", "orders", insert).await?,
            replace: database.conditional("UPDATE", "orders", replace).await?,
            by_time: database.plain("INSERT", "orders_by_time", by_time).await?,
            by_user: database.plain("INSERT", "orders_by_user", by_user).await?,
            user_bucket: database.plain("INSERT", "order_user_buckets", user_bucket).await?,
            by_status: database.plain("INSERT", "orders_by_status", by_status).await?,
            status_bucket: database.plain("INSERT", "order_status_buckets", status_bucket).await?,
            drop_by_status: database.plain("DELETE", "orders_by_status", drop_by_status).await?,
            database,
        })
    }

    /// Whether a version of the order was made by this operation, as far as the order remembers.
    async fn is_made(&self, cx: &Context, after: &Order, operation: Uuid) -> Result<bool, Failure> {
        let stored = self.load(cx, after.id).await;
        let stored = stored.map_err(|error| Failure::Unsure { level: "SERIAL", detail: error.to_string() })?;
        let remembered = stored.as_ref().map(|stored| (stored.order.version, stored.operations.as_slice()));
        made_by(remembered, after.version, operation)
    }
}

#[async_trait]
impl OrderDao for CassandraOrders {
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError> {
        let result = self.database.run(cx, &self.find, &(id,)).await?;
        let receipt = self.database.receipt(cx, &result);
        let rows = result.into_rows_result().map_err(broken)?;
        let stored = rows.maybe_first_row::<Row<'_>>().map_err(broken)?.map(order_of).transpose()?;
        Ok((stored.map(|stored| stored.order), receipt))
    }

    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        let result = self.database.run_serial(cx, &self.load, &(id,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        rows.maybe_first_row::<Row<'_>>().map_err(broken)?.map(order_of).transpose()
    }

    async fn insert(&self, cx: &Context, order: &Order, operation: Uuid) -> Result<Inserted, DaoError> {
        let bucket = self.buckets.of_new(cx, millis_of(order.id, order.created_at)).await?;
        let lines: Lines = rows::lines_of(order);
        let values = (
            order.id,
            order.user,
            order.status.name(),
            lines,
            order.total,
            order.is_paid,
            order.version,
            CqlTimestamp(order.created_at),
            CqlTimestamp(order.updated_at),
            bucket,
            vec![operation],
        );
        let inserted = decide!(cx, "creation of an order", _unsure => {
            let cas = self.database.cas(cx, &self.insert, &values).await?;
            // Not applied, but made by this operation: an earlier try of ours was.
            Ok((cas.applied, cas.uuids("operations").last() == Some(&operation), cas.receipt))
        })?;
        match inserted {
            (true, _, receipt) => {
                let stored = Stored { order: order.clone(), bucket, operations: vec![operation] };
                Ok(Inserted::Done(stored, receipt))
            }
            (false, true, receipt) => match self.load(cx, order.id).await? {
                Some(stored) => Ok(Inserted::Done(stored, receipt)),
                None => Err(broken("an order that was there is gone")),
            },
            (false, false, _) => Ok(Inserted::Exists),
        }
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Order,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        let operations = before.operations_with(operation);
        let values = (
            after.status.name(),
            after.is_paid,
            &after.payment_id,
            after.version,
            CqlTimestamp(after.updated_at),
            &operations,
            after.id,
            before.order.version,
        );
        let receipt = decide!(cx, "change of an order", unsure => {
            let cas = self.database.cas(cx, &self.replace, &values).await?;
            let made = cas.applied || (unsure && self.is_made(cx, after, operation).await?);
            Ok(made.then_some(cas.receipt))
        })?;
        let Some(receipt) = receipt else { return Ok(Replaced::Moved) };
        let order = Order { lines: before.order.lines.clone(), ..after.clone() };
        Ok(Replaced::Done(Stored { order, bucket: before.bucket, operations }, receipt))
    }

    async fn list(&self, cx: &Context, stored: &Stored) -> Result<(), DaoError> {
        let Stored { order, bucket, .. } = stored;
        let (key, place) = (id(order.id), bigint(*bucket));
        // Whatever the order of the writes, the one of the newest version stays.
        let written_at = bigint(order.created_at * 1000 + order.version);
        let status = || text(order.status.name());
        let spent = if order.status == Status::Cancelled { 0 } else { order.total };
        let (spent, version) = (bigint(spent), bigint(order.version));
        let mut writes = vec![
            (&self.by_time, vec![place.clone(), key.clone()]),
            (&self.by_user, vec![id(order.user), place.clone(), key.clone(), spent, version, written_at.clone()]),
            (&self.user_bucket, vec![id(order.user), place.clone()]),
            (&self.by_status, vec![status(), place.clone(), key.clone(), written_at.clone()]),
            (&self.status_bucket, vec![status(), place.clone()]),
        ];
        // The first listed version was in no other list.
        if order.version > 2 {
            for other in Status::LISTED.into_iter().filter(|other| *other != order.status) {
                let dropped = vec![written_at.clone(), text(other.name()), place.clone(), key.clone()];
                writes.push((&self.drop_by_status, dropped));
            }
        }
        self.database.write_all(cx, &writes).await?;
        if order.version == 2 {
            self.buckets.inserted();
        }
        Ok(())
    }

    async fn page(
        &self,
        cx: &Context,
        filter: &Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError> {
        self.pages.page(cx, self, &self.buckets, filter, limit, after).await
    }

    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.intents.write(cx, &intent_of(note)).await
    }

    async fn forget(&self, cx: &Context, note: &Note) {
        self.intents.forget(cx, &intent_of(note)).await;
    }

    async fn notes(&self, cx: &Context, minute: i64, after: i64, upto: i64) -> Result<(Vec<Note>, bool), DaoError> {
        let (intents, all) = self.intents.read(cx, minute, after, upto).await?;
        let notes = intents.into_iter();
        let notes = notes.map(|intent| Note { at: intent.at, operation: intent.operation, order: intent.owner });
        Ok((notes.collect(), all))
    }

    async fn swept_until(&self, cx: &Context) -> Result<Option<i64>, DaoError> {
        self.intents.done_until(cx).await
    }

    async fn set_swept_until(&self, cx: &Context, until: i64) -> Result<(), DaoError> {
        self.intents.set_done_until(cx, until).await
    }
}

const fn intent_of(note: &Note) -> Intent<Nothing> {
    Intent { at: note.at, operation: note.operation, owner: note.order, detail: Nothing }
}
