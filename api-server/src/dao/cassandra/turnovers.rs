//! Turnover in Cassandra. Units sold are the rows of days in the ledger. Cents spent are the sum over a user's orders of the
//! list by user, whose rows say what each counts for; those of processes of an earlier version say nothing, and are asked
//! for at the orders and written down. One of these lists an order of this version a second time, under a shard of its
//! bucket: that row counts nothing, and tells that the other may be out of date.
//!
//! The version of units sold is when Cassandra wrote them: the one thing that can be read with an amount and never beside
//! it. Rounds of Paxos of one partition have ascending times.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::StartError;
use super::execute::{Bound, Database, Statement};
use super::ledger::DAYS;
use super::listing::buckets::{Buckets, millis_of};
use super::listing::copies::{bigint, id};
use super::orders::{LISTED, first_id};
use super::products::broken;
use crate::dao::blocks::{IDS_AT_ONCE, Turnover};
use crate::dao::ledger::Book;
use crate::dao::orders::{DAY_MS, Status, day_of};
use crate::dao::turnovers::{OnDay, TurnoverDao};
use crate::dao::{Context, DaoError};

/// Times of writing are counted from the begin of 2024 on, in microseconds: sums of many stay in their range.
const TIMES_FROM: i64 = 1_704_067_200_000_000;
/// Pairs of users and buckets that one statement asks for where most of them are not there.
const PAIRS_AT_ONCE: usize = 200;
/// Statements under way at once.
const READ_AT_ONCE: usize = 8;

/// See the module.
pub struct CassandraTurnovers {
    database: Arc<Database>,
    begins: Arc<Buckets>,
    sold_on_day: Statement,
    sold: Statement,
    begin: Statement,
    buckets: Statement,
    sums: Statement,
    rows: Statement,
    orders: Statement,
    count: Statement,
    index: Statement,
}

/// Where orders of a user lie.
type Pair = (Uuid, i64);

/// What an order counts for in the list by user, where that is known.
type Counted = (Uuid, Option<i64>, Option<i64>);

/// What an order of a pair turned over; and whether it is listed there a second time, which counts nothing.
type OfPair = (Uuid, Turnover, bool);

impl CassandraTurnovers {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let (ledgers, by_user) = ("ledgers", "orders_by_user");
        let sold = format!(
            "SELECT id, key, day_turnover, WRITETIME(day_turnover) FROM {{ks}}.{ledgers} \
             WHERE book = 'stock' AND id IN ? AND part = {DAYS}"
        );
        let sold_on_day = format!("{sold} AND key = ?");
        let begin = "SELECT bucket FROM {ks}.order_buckets WHERE scope = 'all' AND bucket <= ? LIMIT 1";
        let buckets =
            "SELECT user_id, bucket FROM {ks}.order_user_buckets WHERE user_id IN ? AND bucket >= ? AND bucket < ?";
        let sums = format!(
            "SELECT user_id, bucket, SUM(spent), SUM(version), COUNT(id), COUNT(spent) FROM {{ks}}.{by_user} \
             WHERE user_id IN ? AND bucket IN ? AND id >= ? AND id < ? GROUP BY user_id, bucket"
        );
        let rows = format!(
            "SELECT id, spent, version FROM {{ks}}.{by_user} WHERE user_id = ? AND bucket = ? AND id >= ? AND id < ?"
        );
        let orders = "SELECT id, status, total, version, created_at, bucket FROM {ks}.orders WHERE id IN ?";
        let index = "INSERT INTO {ks}.order_user_buckets (user_id, bucket) VALUES (?, ?)";
        let count = format!(
            "INSERT INTO {{ks}}.{by_user} (user_id, bucket, id, spent, version) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
        );
        Ok(Self {
            sold_on_day: database.plain("SELECT", ledgers, &sold_on_day).await?,
            sold: database.plain("SELECT", ledgers, &sold).await?,
            begin: database.plain("SELECT", "order_buckets", begin).await?,
            buckets: database.plain("SELECT", "order_user_buckets", buckets).await?,
            sums: database.plain("SELECT", by_user, &sums).await?,
            rows: database.plain("SELECT", by_user, &rows).await?,
            orders: database.plain("SELECT", "orders", orders).await?,
            count: database.plain("INSERT", by_user, &count).await?,
            index: database.plain("INSERT", "order_user_buckets", index).await?,
            begins: Arc::new(Buckets::prepare(Arc::clone(&database), LISTED).await?),
            database,
        })
    }

    async fn sold(&self, cx: &Context, day: Option<i32>, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError> {
        let result = match day {
            Some(day) => self.database.run(cx, &self.sold_on_day, &(ids, i64::from(day))).await?,
            None => self.database.run(cx, &self.sold, &(ids,)).await?,
        };
        let rows = result.into_rows_result().map_err(broken)?;
        let mut found = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<(Uuid, i64, Option<i64>, Option<i64>)>().map_err(broken)? {
            let (id, key, amount, written_at) = row.map_err(broken)?;
            let (Some(amount), Some(written_at)) = (amount, written_at) else { continue };
            let version = (written_at - TIMES_FROM).max(1);
            found.push(OnDay { id, day: i32::try_from(key).map_err(broken)?, turnover: Turnover { amount, version } });
        }
        Ok(found)
    }

    async fn spent_on_day(&self, cx: &Context, day: i32, users: &[Uuid]) -> Result<Vec<OnDay>, DaoError> {
        let (mut found, mended) = self.look_at_day(cx, day, users).await?;
        if mended {
            // What it was mended by may have been read before.
            (found, _) = self.look_at_day(cx, day, users).await?;
        }
        Ok(found)
    }

    /// What users spent on a day, and whether rows that said nothing were asked for and written down.
    async fn look_at_day(&self, cx: &Context, day: i32, users: &[Uuid]) -> Result<(Vec<OnDay>, bool), DaoError> {
        let mut mended = false;
        let (from_ms, to_ms) = (i64::from(day) * DAY_MS, (i64::from(day) + 1) * DAY_MS);
        let result = self.database.run(cx, &self.begin, &(from_ms,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let begin = rows.maybe_first_row::<(i64,)>().map_err(broken)?.map_or(i64::MIN, |(begin,)| begin);
        let pairs = self.pairs(cx, users, begin, to_ms).await?;
        let range = (first_id(from_ms), first_id(to_ms));
        let asked = stream::iter(asks(&pairs)).map(|(users, buckets)| async move {
            let values = (&users, &buckets, range.0, range.1);
            let result = self.database.run(cx, &self.sums, &values).await?;
            let rows = result.into_rows_result().map_err(broken)?;
            type Sums = (Uuid, i64, Option<i64>, Option<i64>, i64, i64);
            let sums = rows.rows::<Sums>().map_err(broken)?.collect::<Result<Vec<_>, _>>();
            sums.map_err(broken)
        });
        let asked: Vec<Vec<_>> = asked.buffer_unordered(READ_AT_ONCE).try_collect().await?;
        // A pair may have been asked for twice.
        let mut of_pairs: HashMap<Pair, Turnover> = HashMap::new();
        for (user, bucket, spent, versions, orders, counted) in asked.into_iter().flatten() {
            let turnover = if orders == counted {
                Turnover { amount: spent.unwrap_or(0), version: versions.unwrap_or(0) }
            } else {
                mended = true;
                let orders = self.count_pair(cx, (user, bucket), range, false).await?;
                let counted = orders.iter().filter(|(_, _, again)| !again);
                counted.fold(Turnover::default(), |sum, (_, turnover, _)| sum.plus(*turnover))
            };
            of_pairs.insert((user, bucket), turnover);
        }
        let mut of_users: BTreeMap<Uuid, Turnover> = BTreeMap::new();
        for ((user, _), turnover) in of_pairs {
            let sum = of_users.entry(user).or_default();
            *sum = sum.plus(turnover);
        }
        Ok((of_users.into_iter().map(|(id, turnover)| OnDay { id, day, turnover }).collect(), mended))
    }

    /// Buckets that may hold orders of users made before `to_ms`, and not before the bucket `from`.
    async fn pairs(&self, cx: &Context, users: &[Uuid], from: i64, to_ms: i64) -> Result<Vec<Pair>, DaoError> {
        let result = self.database.run(cx, &self.buckets, &(users, from, to_ms)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        rows.rows::<Pair>().map_err(broken)?.map(|row| row.map_err(broken)).collect()
    }

    /// A range of a user's orders, one by one: those that do not say what they count for, or `all` of them, are asked for
    /// at the orders, and written down.
    async fn count_pair(
        &self,
        cx: &Context,
        (user, bucket): Pair,
        (from, to): (Uuid, Uuid),
        all: bool,
    ) -> Result<Vec<OfPair>, DaoError> {
        let result = self.database.run(cx, &self.rows, &(user, bucket, from, to)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let rows = rows.rows::<Counted>().map_err(broken)?.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        let (mut orders, mut asked_for) = (Vec::new(), Vec::new());
        for row in rows {
            match row {
                (id, Some(amount), Some(version)) if !all => orders.push((id, Turnover { amount, version }, false)),
                row => asked_for.push(row),
            }
        }
        for some in asked_for.chunks(IDS_AT_ONCE) {
            orders.extend(self.count_orders(cx, (user, bucket), some).await?);
        }
        Ok(orders)
    }

    async fn count_orders(
        &self,
        cx: &Context,
        (user, bucket): Pair,
        listed: &[Counted],
    ) -> Result<Vec<OfPair>, DaoError> {
        let ids: Vec<Uuid> = listed.iter().map(|row| row.0).collect();
        let result = self.database.run(cx, &self.orders, &(&ids,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        type OrderRow<'f> = (Uuid, Option<&'f str>, Option<i64>, Option<i64>, Option<CqlTimestamp>, Option<i64>);
        let (mut found, mut writes): (Vec<_>, Vec<(&Statement, Vec<Bound>)>) = (Vec::new(), Vec::new());
        for row in rows.rows::<OrderRow<'_>>().map_err(broken)? {
            let (order, status, total, version, created_at, placed) = row.map_err(broken)?;
            let (Some(status), Some(total), Some(version)) = (status.and_then(Status::of), total, version) else {
                continue;
            };
            let counts = matches!(status, Status::Confirmed | Status::Paid | Status::Fulfilled);
            let amount = if counts { total } else { 0 };
            let created_at = created_at.map_or_else(|| millis_of(order, 0), |time| time.0);
            let mut write = |bucket: i64, amount: i64, of_version: i64| {
                let written_at = created_at * 1000 + version;
                let values =
                    [id(user), bigint(bucket), id(order), bigint(amount), bigint(of_version), bigint(written_at)];
                writes.push((&self.count, values.to_vec()));
            };
            let begin = self.begins.begin_of(cx, placed.unwrap_or(bucket)).await?;
            let again = begin != bucket;
            found.push((order, Turnover { amount, version }, again));
            let counted = if again { (0, 0) } else { (amount, version) };
            if !listed.contains(&(order, Some(counted.0), Some(counted.1))) {
                write(bucket, counted.0, counted.1);
                if again {
                    write(begin, amount, version);
                    writes.push((&self.index, vec![id(user), bigint(begin)]));
                }
            }
        }
        self.database.write_together(cx, &writes).await?;
        Ok(found)
    }

    async fn spent(&self, cx: &Context, users: &[Uuid]) -> Result<Vec<OnDay>, DaoError> {
        let pairs = self.pairs(cx, users, i64::MIN, i64::MAX).await?;
        let all = (Uuid::nil(), Uuid::max());
        let counted = stream::iter(pairs)
            .map(|pair| async move { Ok::<_, DaoError>((pair.0, self.count_pair(cx, pair, all, true).await?)) });
        let counted: Vec<(Uuid, Vec<OfPair>)> = counted.buffered(READ_AT_ONCE).try_collect().await?;
        // One that is listed twice counts once.
        let mut orders: BTreeMap<(Uuid, Uuid), Turnover> = BTreeMap::new();
        for (user, of_pair) in counted {
            orders.extend(of_pair.into_iter().map(|(order, turnover, _)| ((user, order), turnover)));
        }
        let mut sums: BTreeMap<(Uuid, i32), Turnover> = BTreeMap::new();
        for ((user, order), turnover) in orders {
            let sum = sums.entry((user, day_of(millis_of(order, 0)))).or_default();
            *sum = sum.plus(turnover);
        }
        Ok(sums.into_iter().map(|((id, day), turnover)| OnDay { id, day, turnover }).collect())
    }
}

#[async_trait]
impl TurnoverDao for CassandraTurnovers {
    async fn on_day(&self, cx: &Context, book: Book, day: i32, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError> {
        match book {
            Book::Stock => self.sold(cx, Some(day), ids).await,
            Book::Spending => self.spent_on_day(cx, day, ids).await,
        }
    }

    async fn on_all_days(&self, cx: &Context, book: Book, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError> {
        match book {
            Book::Stock => self.sold(cx, None, ids).await,
            Book::Spending => self.spent(cx, ids).await,
        }
    }
}

/// Users and buckets to ask for together, so that every pair is among them. Most users of a moment have ordered in the
/// newest bucket, which is asked for alone; a few others share a statement.
fn asks(pairs: &[Pair]) -> Vec<(Vec<Uuid>, Vec<i64>)> {
    let mut by_bucket: BTreeMap<i64, Vec<Uuid>> = BTreeMap::new();
    for (user, bucket) in pairs {
        by_bucket.entry(*bucket).or_default().push(*user);
    }
    let mut asks = Vec::new();
    let (mut users, mut buckets) = (BTreeSet::new(), Vec::new());
    for (bucket, of_bucket) in by_bucket {
        for some in of_bucket.chunks(IDS_AT_ONCE) {
            let more = some.iter().filter(|user| !users.contains(*user)).count();
            if !buckets.is_empty() && (users.len() + more) * (buckets.len() + 1) > PAIRS_AT_ONCE {
                asks.push((std::mem::take(&mut users).into_iter().collect(), std::mem::take(&mut buckets)));
            }
            users.extend(some.iter().copied());
            if buckets.last() != Some(&bucket) {
                buckets.push(bucket);
            }
        }
    }
    if !buckets.is_empty() {
        asks.push((users.into_iter().collect(), buckets));
    }
    asks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_pair_is_asked_for_by_statements_of_bounded_size(
            pairs in prop::collection::btree_set((0_u128..300, 0_i64..40), 0..600),
        ) {
            let pairs: Vec<Pair> = pairs.into_iter().map(|(user, bucket)| (Uuid::from_u128(user), bucket)).collect();
            let asks = asks(&pairs);
            for (user, bucket) in &pairs {
                prop_assert!(asks.iter().any(|(users, buckets)| users.contains(user) && buckets.contains(bucket)));
            }
            for (users, buckets) in &asks {
                prop_assert!(users.len() * buckets.len() <= PAIRS_AT_ONCE, "{} x {}", users.len(), buckets.len());
            }
        }
    }

    #[test]
    fn users_of_the_newest_bucket_are_asked_for_together() {
        let pairs: Vec<Pair> = (0..250).map(|user| (Uuid::from_u128(user), 16)).collect();
        assert_eq!(asks(&pairs).len(), 3);
    }
}
