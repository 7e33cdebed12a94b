//! Reading one page of a list of orders. The list with the fewest rows is walked, by user, by
//! status or by time; the truth about each order decides whether it is shown. Ids are ordered by
//! time, so a day is a range of ids. Each page looks at a bounded number of rows and partitions, and asks for the partitions
//! of a bucket, and for the truth about all that it found there, by one statement each.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use scylla::response::query_result::QueryResult;
use uuid::Uuid;

use super::rows::{COLUMNS, Row, order_of};
use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Database, Statement};
use crate::dao::cassandra::listing::buckets::{Buckets, begin_of, partitions_of};
use crate::dao::cassandra::listing::newest::{BEFORE_FIRST, Filling};
use crate::dao::cassandra::products::broken;
use crate::dao::orders::{DAY_MS, Filter, Order, Status};
use crate::dao::page::{LOOKED_AT_MAX, PageEnd, Position};
use crate::dao::{Context, DaoError, Level};

/// Partitions that one page may read.
const PARTITIONS_MAX: usize = 128;
/// Buckets of a user that are read together: most hold few of his orders.
const OF_USER_TOGETHER: usize = 16;
/// Statements under way at once where one partition is read by each.
const READ_AT_ONCE: usize = 16;
/// A bucket that ended so long ago may be taken off its status once it is empty. Whoever lists an order older than that must
/// write its bucket down again, and may not go by having done so before.
pub const SETTLED_MS: i64 = 3_600_000;
/// It is taken off as of this long ago, so that whoever writes it down meanwhile prevails, by a clock that is behind, too.
const TIDIED_AS_OF_MS: i64 = 600_000;

/// The statements that read lists.
pub struct Pages {
    database: Arc<Database>,
    by_time: Statement,
    by_user: Statement,
    by_status: Statement,
    truth: Statement,
    user_buckets: Statement,
    status_buckets: Statement,
    drop_status_buckets: Statement,
}

/// Ids that a list looks at: below `upper` and not below `lower`.
#[derive(Debug, Clone, Copy)]
struct Range {
    lower: Uuid,
    upper: Uuid,
    /// Buckets that begin here or before hold the last of them.
    begins_ms: i64,
}

/// A page that is being read.
struct Reading<'a> {
    filter: &'a Filter,
    range: Range,
    after: Option<Position>,
    page: Filling,
    found: Vec<Order>,
    /// Buckets that were found empty, all of them.
    empty: Vec<i64>,
}

impl Pages {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        // Never paged, which Cassandra would refuse: it sorts the rows of all partitions that are asked for.
        let ids = "bucket IN ? AND id < ? AND id >= ? ORDER BY id DESC LIMIT ?";
        let by_time = format!("SELECT id FROM {{ks}}.orders_by_time WHERE {ids}");
        let by_user = format!("SELECT id FROM {{ks}}.orders_by_user WHERE user_id = ? AND {ids}");
        let by_status = format!("SELECT id FROM {{ks}}.orders_by_status WHERE status = ? AND {ids}");
        let truth = format!("SELECT {COLUMNS} FROM {{ks}}.orders WHERE id IN ?");
        let of_user = "SELECT bucket FROM {ks}.order_user_buckets WHERE user_id = ? AND bucket <= ? LIMIT ?";
        let of_status = "SELECT bucket FROM {ks}.order_status_buckets WHERE status = ? AND bucket <= ? LIMIT ?";
        let drop = "DELETE FROM {ks}.order_status_buckets USING TIMESTAMP ? WHERE status = ? AND bucket IN ?";
        Ok(Self {
            by_time: database.plain("SELECT", "orders_by_time", &by_time).await?,
            by_user: database.plain("SELECT", "orders_by_user", &by_user).await?,
            by_status: database.plain("SELECT", "orders_by_status", &by_status).await?,
            truth: database.plain("SELECT", "orders", &truth).await?,
            user_buckets: database.plain("SELECT", "order_user_buckets", of_user).await?,
            status_buckets: database.plain("SELECT", "order_status_buckets", of_status).await?,
            drop_status_buckets: database.plain("DELETE", "order_status_buckets", drop).await?,
            database,
        })
    }

    /// At most `limit` orders of a list after a position, newest first.
    pub async fn page(
        &self,
        cx: &Context,
        buckets: &Arc<Buckets>,
        filter: &Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError> {
        let cx = &cx.of_many();
        let (page, found) = (Filling::new(limit, LOOKED_AT_MAX), Vec::with_capacity(limit));
        let mut reading = Reading { filter, range: range_of(filter), after, page, found, empty: Vec::new() };
        let begins = self.begins(cx, buckets, &mut reading).await?;
        let end = self.walk(cx, &begins, &mut reading).await?;
        self.tidy(cx, buckets, &reading).await;
        Ok((reading.found, end))
    }

    /// Looks through buckets until the page is full or has looked enough.
    async fn walk(&self, cx: &Context, begins: &[i64], reading: &mut Reading<'_>) -> Result<PageEnd, DaoError> {
        let together = if reading.filter.user.is_some() { OF_USER_TOGETHER } else { 1 };
        for begins in begins.chunks(together) {
            let bucket = begins[0];
            let partitions: Vec<i64> = match reading.filter.user {
                Some(_) => begins.to_vec(),
                None => begins.iter().flat_map(|begin| partitions_of(*begin)).collect(),
            };
            let range = reading.range;
            let mut upper = reading.after.filter(|after| after.bucket == bucket).map_or(range.upper, |after| after.id);
            loop {
                let page = &mut reading.page;
                let enough = page.looked_at > 0 && cx.has_enough();
                if page.room() == 0 || page.partitions >= PARTITIONS_MAX || enough {
                    return page.cut_at(Position { bucket, id: upper });
                }
                // One more than fits tells whether there is a next page.
                let want = page.room().min(page.limit - reading.found.len() + 1);
                page.partitions += partitions.len();
                let ids = self.ids(cx, &partitions, Range { upper, ..range }, want, reading).await?;
                // Empty partitions were looked at, too.
                reading.page.looked_at += ids.len().max(1);
                if ids.is_empty() && upper == BEFORE_FIRST {
                    reading.empty.push(bucket);
                }
                if self.show(cx, bucket, &ids, reading).await? {
                    return reading.page.end_full();
                }
                match ids.last() {
                    Some(last) if ids.len() == want => upper = *last,
                    _ => break,
                }
            }
        }
        reading.page.end()
    }

    /// Buckets that may hold rows of the list, newest first; one more than a page can read.
    async fn begins(
        &self,
        cx: &Context,
        buckets: &Arc<Buckets>,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<i64>, DaoError> {
        let most = i32::try_from(PARTITIONS_MAX + 1).unwrap_or(i32::MAX);
        let filter = reading.filter;
        let newest = reading.after.map_or_else(|| last_ms(filter), |after| after.bucket);
        let mut begins: Vec<i64> = match (filter.user, filter.status) {
            (None, None) => {
                let begins = buckets.begins(cx).await?;
                let newest_first = begins.iter().rev().copied().filter(|begin| *begin <= newest);
                newest_first.take(PARTITIONS_MAX + 1).collect()
            }
            (user, status) => {
                let result = match (user, status) {
                    (Some(user), _) => self.database.run(cx, &self.user_buckets, &(user, newest, most)).await?,
                    (None, status) => {
                        let values = (status.map(Status::name), newest, most);
                        self.database.run(cx, &self.status_buckets, &values).await?
                    }
                };
                reading.page.receipt = Some(self.database.receipt(cx, &result));
                let rows = result.into_rows_result().map_err(broken)?;
                let begins = rows.rows::<(i64,)>().map_err(broken)?;
                begins.map(|row| Ok(row.map_err(broken)?.0)).collect::<Result<_, DaoError>>()?
            }
        };
        // A process of the version before takes each partition for a bucket, in its cursors, too.
        let known = buckets.begins(cx).await?;
        begins.iter_mut().for_each(|begin| *begin = begin_of(&known, *begin));
        begins.dedup();
        if let Some(after) = &mut reading.after {
            after.bucket = begin_of(&known, after.bucket);
        }
        if let Some(last) = begins.iter().position(|begin| *begin <= reading.range.begins_ms) {
            begins.truncate(last + 1);
        }
        Ok(begins)
    }

    /// What one statement may name: all, but at SERIAL, where Cassandra reads one partition at a time.
    fn at_once<'k, T>(&self, cx: &Context, keys: &'k [T]) -> std::slice::Chunks<'k, T> {
        let serial = cx.level.unwrap_or(self.database.level) == Level::Serial;
        keys.chunks(if serial { 1 } else { keys.len().max(1) })
    }

    /// The first ids of a range in some partitions.
    async fn ids(
        &self,
        cx: &Context,
        partitions: &[i64],
        range: Range,
        want: usize,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<Uuid>, DaoError> {
        let Range { lower, upper, .. } = range;
        let most = i32::try_from(want).unwrap_or(i32::MAX);
        let Filter { user, status, .. } = *reading.filter;
        let read = self.at_once(cx, partitions).map(|some| async move {
            match (user, status) {
                (Some(user), _) => self.database.run(cx, &self.by_user, &(user, some, upper, lower, most)).await,
                (None, Some(status)) => {
                    let values = (status.name(), some, upper, lower, most);
                    self.database.run(cx, &self.by_status, &values).await
                }
                (None, None) => self.database.run(cx, &self.by_time, &(some, upper, lower, most)).await,
            }
        });
        let read: Vec<_> = read.collect();
        let results: Vec<QueryResult> = stream::iter(read).buffered(READ_AT_ONCE).try_collect().await?;
        let mut ids: Vec<Uuid> = Vec::new();
        for result in results {
            reading.page.receipt = Some(self.database.receipt(cx, &result));
            let rows = result.into_rows_result().map_err(broken)?;
            for row in rows.rows::<(Uuid,)>().map_err(broken)? {
                ids.push(row.map_err(broken)?.0);
            }
        }
        // As they come of one statement.
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.truncate(want);
        Ok(ids)
    }

    /// Shows the orders that belong into the list; true when there is no room for one of them.
    async fn show(&self, cx: &Context, bucket: i64, ids: &[Uuid], reading: &mut Reading<'_>) -> Result<bool, DaoError> {
        if ids.is_empty() {
            return Ok(false);
        }
        let read = self.at_once(cx, ids).map(|some| async move { self.database.run(cx, &self.truth, &(some,)).await });
        let read: Vec<_> = read.collect();
        let results: Vec<QueryResult> = stream::iter(read).buffered(READ_AT_ONCE).try_collect().await?;
        let mut orders: HashMap<Uuid, Order> = HashMap::with_capacity(ids.len());
        for result in results {
            reading.page.receipt = Some(self.database.receipt(cx, &result));
            let rows = result.into_rows_result().map_err(broken)?;
            for row in rows.rows::<Row<'_>>().map_err(broken)? {
                let order = order_of(row.map_err(broken)?)?.order;
                orders.insert(order.id, order);
            }
        }
        for id in ids {
            let Some(order) = orders.remove(id).filter(|order| reading.filter.admits(order)) else { continue };
            if reading.found.len() == reading.page.limit {
                return Ok(true);
            }
            reading.page.last = Some(Position { bucket, id: *id });
            reading.found.push(order);
        }
        Ok(false)
    }

    /// Takes buckets off a status that is a queue: all that came into it there has left it. Else whoever looks for what is
    /// still in it would look through ever more buckets of what is not. What cannot be done the next page does.
    async fn tidy(&self, cx: &Context, buckets: &Arc<Buckets>, reading: &Reading<'_>) {
        let queue =
            matches!(reading.filter, Filter { user: None, day: None, status: Some(Status::Confirmed | Status::Paid) });
        // Not on the word of a replica that may be behind.
        let certain = cx.level.is_none()
            && matches!(self.database.level_of_reads, Level::Quorum | Level::LocalQuorum | Level::All);
        let Some(status) = reading.filter.status.filter(|_| queue && certain && !reading.empty.is_empty()) else {
            return;
        };
        let Ok(begins) = buckets.begins(cx).await else { return };
        let settled = |bucket: &i64| {
            let next = begins.get(begins.partition_point(|begin| begin <= bucket));
            next.is_some_and(|next| next.saturating_add(SETTLED_MS) < cx.now_ms)
        };
        let gone: Vec<i64> = reading.empty.iter().copied().filter(settled).flat_map(partitions_of).collect();
        if gone.is_empty() {
            return;
        }
        let as_of = (cx.now_ms - TIDIED_AS_OF_MS) * 1000;
        if let Err(error) = self.database.run(cx, &self.drop_status_buckets, &(as_of, status.name(), gone)).await {
            tracing::debug!(%error, "empty buckets are still looked into");
        }
    }
}

fn range_of(filter: &Filter) -> Range {
    let Some(day) = filter.day.map(i64::from) else {
        return Range { lower: Uuid::nil(), upper: BEFORE_FIRST, begins_ms: i64::MIN };
    };
    Range { lower: first_id(day * DAY_MS), upper: first_id((day + 1) * DAY_MS), begins_ms: day * DAY_MS }
}

/// Buckets that begin later hold nothing of the list. The first begins in 1970; it is looked into for an earlier day, too,
/// since a page tells how the database answered.
fn last_ms(filter: &Filter) -> i64 {
    filter.day.map_or(i64::MAX, |day| ((i64::from(day) + 1) * DAY_MS - 1).max(0))
}

/// The least time-ordered id of a moment.
pub fn first_id(at_ms: i64) -> Uuid {
    let millis = u128::try_from(at_ms.clamp(0, (1 << 48) - 1)).unwrap_or(0);
    Uuid::from_u128((millis << 80) | (0x7 << 76) | (0x2 << 62))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_holds_exactly_the_ids_of_its_moments() {
        let id = Uuid::now_v7();
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        let millis = i64::try_from(seconds * 1000).unwrap() + i64::from(nanos / 1_000_000);
        assert!(first_id(millis) <= id && id < first_id(millis + 1));
        assert_eq!(first_id(0).get_version_num(), 7);
    }
}
