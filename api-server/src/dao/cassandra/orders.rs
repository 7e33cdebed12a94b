//! Orders in Cassandra. `orders` is the truth, changed by LWT only; lists hold ids and follow.
//!
//! A list shows an order only if the truth belongs into it, so a copy that a crash left somewhere
//! is not seen; what a crash kept out of a list the sweeper puts there.

mod notes;
mod pages;
mod rows;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use self::notes::Notes;
pub use self::pages::first_id;
use self::pages::{Pages, SETTLED_MS};
use self::rows::{COLUMNS, Lines, Row, order_of};
use super::StartError;
use super::change::made_by;
use super::execute::{Database, Failure, Statement};
use super::listing::buckets::{Buckets, Listed, millis_of};
use super::listing::copies::{bigint, id, text};
use super::products::broken;
use super::tries::decide;
use crate::dao::orders::{Filter, Inserted, NOBODY, Note, Order, OrderDao, Replaced, Status, Stored, Swept};
use crate::dao::page::{PageEnd, Position};
use crate::dao::ranks::{Turned, Unranked};
use crate::dao::{Context, DaoError, Receipt};

pub const LISTED: Listed = Listed { begins: "order_buckets", rows: "orders_by_time", spread: true };

/// Rows of bucket indexes that are remembered as written.
const INDEXED_MAX: usize = 20_000;

/// Whose index of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Indexed {
    User(Uuid, i64),
    Status(Status, i64),
}

/// Rows of bucket indexes that this process has written: each is written once, but for what a page may take away again.
#[derive(Debug, Default)]
struct Written(Mutex<HashSet<Indexed>>);

impl Written {
    fn rows(&self) -> MutexGuard<'_, HashSet<Indexed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, row: Indexed) -> bool {
        self.rows().contains(&row)
    }

    fn put(&self, row: Indexed) {
        let mut rows = self.rows();
        if rows.len() >= INDEXED_MAX {
            // Written again is harmless.
            rows.clear();
        }
        rows.insert(row);
    }
}

/// See the module.
pub struct CassandraOrders {
    database: Arc<Database>,
    buckets: Arc<Buckets>,
    pages: Pages,
    notes: Notes,
    written: Written,
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
        let by_user = "INSERT INTO {ks}.orders_by_user (user_id, bucket, id, spent, version) \
             VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let user_bucket = "INSERT INTO {ks}.order_user_buckets (user_id, bucket) VALUES (?, ?)";
        let by_status = "INSERT INTO {ks}.orders_by_status (status, bucket, id) VALUES (?, ?, ?) USING TIMESTAMP ?";
        let status_bucket = "INSERT INTO {ks}.order_status_buckets (status, bucket) VALUES (?, ?)";
        let drop_by_status =
            "DELETE FROM {ks}.orders_by_status USING TIMESTAMP ? WHERE status = ? AND bucket = ? AND id = ?";
        Ok(Self {
            buckets: Arc::new(Buckets::prepare(Arc::clone(&database), LISTED).await?),
            pages: Pages::prepare(Arc::clone(&database)).await?,
            notes: Notes::prepare(Arc::clone(&database)).await?,
            written: Written::default(),
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

    /// Where the buckets of its lists begin.
    #[cfg(test)]
    pub(super) const fn buckets(&self) -> &Arc<Buckets> {
        &self.buckets
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
        let bucket = self.buckets.of_new(cx, millis_of(order.id, order.created_at), order.id).await?;
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
        // What a user has in a bucket is little: it is not spread.
        let begun = self.buckets.begin_of(cx, *bucket).await?;
        let begin = bigint(begun);
        // Whatever the order of the writes, the one of the newest version stays.
        let written_at = bigint(order.created_at * 1000 + order.version);
        let status = || text(order.status.name());
        let spent = if order.status == Status::Cancelled { 0 } else { order.total };
        let of_user =
            vec![id(order.user), begin.clone(), key.clone(), bigint(spent), bigint(order.version), written_at.clone()];
        let mut writes = vec![
            (&self.by_time, vec![place.clone(), key.clone()]),
            (&self.by_status, vec![status(), place.clone(), key.clone(), written_at.clone()]),
        ];
        // All that is sold to nobody in particular would be one partition a bucket, and one account of the books.
        let has_customer = order.user != NOBODY;
        if has_customer {
            writes.push((&self.by_user, of_user));
        }
        // A page takes an old bucket off a status that it found empty, which this process does not learn.
        let stays = cx.now_ms - millis_of(order.id, order.created_at) < SETTLED_MS / 2;
        let has = |row: Indexed| self.written.has(row) && (stays || matches!(row, Indexed::User(..)));
        let indexes = [Indexed::User(order.user, begun), Indexed::Status(order.status, begun)];
        let listed = |row: &Indexed| has_customer || !matches!(row, Indexed::User(..));
        let indexes: Vec<Indexed> = indexes.into_iter().filter(|row| listed(row) && !has(*row)).collect();
        for row in &indexes {
            writes.push(match row {
                Indexed::User(user, _) => (&self.user_bucket, vec![id(*user), begin.clone()]),
                Indexed::Status(..) => (&self.status_bucket, vec![status(), begin.clone()]),
            });
        }
        // The first version was in no other list.
        if order.version > 1 {
            for other in Status::LISTED.into_iter().filter(|other| *other != order.status) {
                let dropped = vec![written_at.clone(), text(other.name()), place.clone(), key.clone()];
                writes.push((&self.drop_by_status, dropped));
            }
        }
        self.database.write_all(cx, &writes).await?;
        for row in indexes {
            self.written.put(row);
        }
        if order.status == Status::Confirmed {
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
        self.pages.page(cx, &self.buckets, filter, limit, after).await
    }

    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.notes.write(cx, note).await
    }

    async fn forget_all(&self, cx: &Context, notes: &[Note]) -> Result<(), DaoError> {
        self.notes.forget(cx, notes).await
    }

    async fn notes(&self, cx: &Context, shard: u8, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError> {
        self.notes.read(cx, shard, after, upto).await
    }

    async fn sweeps(&self, cx: &Context) -> Result<Vec<Swept>, DaoError> {
        self.notes.sweeps(cx).await
    }

    async fn claim_sweep(&self, cx: &Context, shard: u8, seconds: i32) -> Result<bool, DaoError> {
        self.notes.claim(cx, shard, seconds).await
    }

    async fn set_swept_until(&self, cx: &Context, shard: u8, until: i64) -> Result<(), DaoError> {
        self.notes.set_until(cx, shard, until).await
    }

    async fn clock(&self, cx: &Context) -> Result<i64, DaoError> {
        self.notes.clock(cx).await
    }
}

#[async_trait]
impl Unranked for CassandraOrders {
    async fn unranked(&self, cx: &Context) -> Result<Vec<Turned>, DaoError> {
        self.notes.unranked(cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_an_index_is_written_once_and_what_is_remembered_is_bounded() {
        let written = Written::default();
        let row = Indexed::Status(Status::Paid, 7);
        assert!(!written.has(row));
        written.put(row);
        assert!(written.has(row) && !written.has(Indexed::Status(Status::Paid, 8)));
        for bucket in 0..30_000 {
            written.put(Indexed::User(Uuid::nil(), bucket));
        }
        assert!(written.rows().len() <= INDEXED_MAX && written.has(Indexed::User(Uuid::nil(), 29_999)));
    }
}
