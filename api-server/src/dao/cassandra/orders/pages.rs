//! Reading one page of a list of orders. The list with the fewest rows is walked, by user, by
//! status or by time; the truth about each order decides whether it is shown. Ids are ordered by
//! time, so a day is a range of ids. Each page looks at a bounded number of rows and partitions.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use scylla::response::query_result::QueryResult;
use uuid::Uuid;

use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Database, Statement};
use crate::dao::cassandra::listing::buckets::Buckets;
use crate::dao::cassandra::listing::newest::{BEFORE_FIRST, Filling, MAX_PARTITIONS, Next, next};
use crate::dao::cassandra::products::broken;
use crate::dao::orders::{DAY_MS, Filter, Order, OrderDao};
use crate::dao::page::{LOOKED_AT_MAX, PageEnd, Position};
use crate::dao::{Context, DaoError};

/// Orders read at the same time.
const READ_AT_ONCE: usize = 16;

/// The statements that read lists.
pub struct Pages {
    database: Arc<Database>,
    by_time: Statement,
    by_user: Statement,
    by_status: Statement,
    user_buckets: Statement,
    status_buckets: Statement,
}

/// Ids that a list looks at: below `upper` and not below `lower`.
#[derive(Debug, Clone, Copy)]
struct Range {
    lower: Uuid,
    upper: Uuid,
    /// Buckets that begin here or before hold the last of them.
    begins_ms: i64,
}

impl Pages {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let ids = "AND id < ? AND id >= ? LIMIT ?";
        let by_time = format!("SELECT id FROM {{ks}}.orders_by_time WHERE bucket = ? {ids}");
        let by_user = format!("SELECT id FROM {{ks}}.orders_by_user WHERE user_id = ? AND bucket = ? {ids}");
        let by_status = format!("SELECT id FROM {{ks}}.orders_by_status WHERE status = ? AND bucket = ? {ids}");
        let of_user = "SELECT bucket FROM {ks}.order_user_buckets WHERE user_id = ? AND bucket <= ? LIMIT ?";
        let of_status = "SELECT bucket FROM {ks}.order_status_buckets WHERE status = ? AND bucket <= ? LIMIT ?";
        Ok(Self {
            by_time: database.plain("SELECT", "orders_by_time", &by_time).await?,
            by_user: database.plain("SELECT", "orders_by_user", &by_user).await?,
            by_status: database.plain("SELECT", "orders_by_status", &by_status).await?,
            user_buckets: database.plain("SELECT", "order_user_buckets", of_user).await?,
            status_buckets: database.plain("SELECT", "order_status_buckets", of_status).await?,
            database,
        })
    }

    /// At most `limit` orders of a list after a position, newest first.
    pub async fn page(
        &self,
        cx: &Context,
        truth: &dyn OrderDao,
        buckets: &Arc<Buckets>,
        filter: &Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError> {
        let range = range_of(filter);
        let newest = after.map_or_else(|| last_ms(filter), |after| after.bucket);
        let cx = &cx.of_many();
        let mut page = Filling::new(limit, LOOKED_AT_MAX);
        let begins = self.begins(cx, buckets, filter, newest, &mut page).await?;
        let mut found = Vec::with_capacity(limit);
        for bucket in begins {
            let mut upper = after.filter(|after| after.bucket == bucket).map_or(range.upper, |after| after.id);
            loop {
                let room = page.room();
                let enough = page.looked_at > 0 && cx.has_enough();
                if page.has_looked_enough() || enough {
                    return Ok((found, page.cut_at(Position { bucket, id: upper })?));
                }
                // One more than fits tells whether there is a next page.
                let want = room.min(limit - found.len() + 1);
                page.partitions += 1;
                let ids = self.ids(cx, filter, bucket, Range { upper, ..range }, want, &mut page).await?;
                // An empty partition was looked at, too.
                page.looked_at += ids.len().max(1);
                let read = |id| async move { (id, truth.find(cx, id).await) };
                let mut orders = stream::iter(ids.clone()).map(read).buffered(READ_AT_ONCE);
                let mut upto = None;
                loop {
                    let (id, read) = match next(cx, upto, &mut orders).await {
                        Next::Row(row) => row,
                        Next::Enough(id) => return Ok((found, page.cut_at(Position { bucket, id })?)),
                        Next::End => break,
                    };
                    let (order, receipt) = read?;
                    page.receipt = Some(receipt);
                    upto = Some(id);
                    let Some(order) = order.filter(|order| filter.admits(order)) else { continue };
                    if found.len() == limit {
                        return Ok((found, page.end_full()?));
                    }
                    page.last = Some(Position { bucket, id });
                    found.push(order);
                }
                drop(orders);
                match ids.last() {
                    Some(last) if ids.len() == want => upper = *last,
                    _ => break,
                }
            }
            if bucket <= range.begins_ms {
                break;
            }
        }
        Ok((found, page.end()?))
    }

    /// Buckets that may hold rows of the list, newest first; one more than a page can read.
    async fn begins(
        &self,
        cx: &Context,
        buckets: &Arc<Buckets>,
        filter: &Filter,
        newest: i64,
        page: &mut Filling,
    ) -> Result<Vec<i64>, DaoError> {
        let most = i32::try_from(MAX_PARTITIONS + 1).unwrap_or(i32::MAX);
        let result = match (filter.user, filter.status) {
            (Some(user), _) => self.database.run(cx, &self.user_buckets, &(user, newest, most)).await?,
            (None, Some(status)) => self.database.run(cx, &self.status_buckets, &(status.name(), newest, most)).await?,
            (None, None) => {
                let begins = buckets.begins(cx).await?;
                let newest_first = begins.iter().rev().copied().filter(|begin| *begin <= newest);
                return Ok(newest_first.take(MAX_PARTITIONS + 1).collect());
            }
        };
        page.receipt = Some(self.database.receipt(cx, &result));
        let rows = result.into_rows_result().map_err(broken)?;
        rows.rows::<(i64,)>().map_err(broken)?.map(|row| Ok(row.map_err(broken)?.0)).collect()
    }

    async fn ids(
        &self,
        cx: &Context,
        filter: &Filter,
        bucket: i64,
        range: Range,
        want: usize,
        page: &mut Filling,
    ) -> Result<Vec<Uuid>, DaoError> {
        let Range { lower, upper, .. } = range;
        let want = i32::try_from(want).unwrap_or(i32::MAX);
        let result: QueryResult = match (filter.user, filter.status) {
            (Some(user), _) => self.database.run(cx, &self.by_user, &(user, bucket, upper, lower, want)).await?,
            (None, Some(status)) => {
                let values = (status.name(), bucket, upper, lower, want);
                self.database.run(cx, &self.by_status, &values).await?
            }
            (None, None) => self.database.run(cx, &self.by_time, &(bucket, upper, lower, want)).await?,
        };
        page.receipt = Some(self.database.receipt(cx, &result));
        let rows = result.into_rows_result().map_err(broken)?;
        rows.rows::<(Uuid,)>().map_err(broken)?.map(|row| Ok(row.map_err(broken)?.0)).collect()
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
