//! The ledger in Cassandra: one partition an account, its balance in static columns, one row a
//! movement, one row a day with turnover.
//!
//! A posting is one conditional batch of that partition: it changes the balance and records the movements together if
//! version and turnover of days are still those that were read, and if none of the movements' ids has a row yet: one row an
//! id, which is never removed. So a movement is made once, however often, late or by whom it is tried. A posting whose
//! outcome is unknown is resolved by a SERIAL read of its own movements' rows.
//!
//! Movements from before ids had rows are found by looking for them, among the last and the settled ones, which is what a
//! second try does first in any case.

mod rows;
mod settling;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use scylla::value::MaybeUnset;
use uuid::Uuid;

pub use self::rows::DAYS;
use self::rows::{
    BALANCE, BLOCK, IDS, MOVEMENT, MOVEMENTS, balance_of, day_of, is_of, key_of, key_of_id, listed, met_of,
    movements_of, values_of,
};
use self::settling::Settling;
use super::StartError;
use super::execute::{Bound, Database, Failure, Statement};
use super::listing::copies::{bigint, id, text, time};
use super::products::broken;
use super::tries::decide;
use crate::dao::ledger::{Account, Balance, Glimpse, Kind, LedgerDao, Movement, Posted, Posting};
use crate::dao::{Context, DaoError, Receipt};

/// Settled ids that are looked for at the same time.
const READ_AT_ONCE: usize = 16;

/// See the module.
pub struct CassandraLedger {
    database: Arc<Database>,
    settling: Arc<Settling>,
    find: Statement,
    glimpse: Statement,
    load: Statement,
    own_rows: Statement,
    last: Statement,
    settled: Statement,
    load_day: Statement,
    turnover: Statement,
    change: Statement,
    record: Statement,
    use_id: Statement,
    used: Statement,
    count_day: Statement,
    live: Statement,
    live_for_certain: Statement,
    history: Statement,
}

impl CassandraLedger {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "ledgers";
        let balance = format!("SELECT DISTINCT {BALANCE} FROM {{ks}}.ledgers WHERE book = ? AND id = ?");
        let movements =
            format!("SELECT key, {MOVEMENT} FROM {{ks}}.ledgers WHERE book = ? AND id = ? AND part = {MOVEMENTS}");
        let own_rows = format!("{movements} AND key >= ? AND key <= ?");
        let live = format!("{movements} AND key < ? LIMIT ?");
        let settled = "SELECT version FROM {ks}.ledger_settled WHERE book = ? AND id = ? AND movement = ?";
        let history = format!(
            "SELECT version, {MOVEMENT} FROM {{ks}}.ledger_history \
             WHERE book = ? AND id = ? AND block = ? AND version <= ? LIMIT ?"
        );
        let days = format!("FROM {{ks}}.ledgers WHERE book = ? AND id = ? AND part = {DAYS}");
        // The newest day up to one: a row that is not there would leave out the balance with it.
        let glimpse = format!("SELECT {BALANCE}, key, day_turnover {days} AND key <= ? LIMIT 1");
        let load_day = format!("SELECT day_turnover {days} AND key = ?");
        let turnover = format!("SELECT day_turnover {days} AND key >= ? AND key <= ?");
        let change = "UPDATE {ks}.ledgers SET quantity = ?, turnover = ?, version = ?, updated_at = ? \
             WHERE book = ? AND id = ? IF version = ?";
        let record = format!(
            "INSERT INTO {{ks}}.ledgers (book, id, part, key, {MOVEMENT}) \
             VALUES (?, ?, {MOVEMENTS}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let use_id = format!(
            "INSERT INTO {{ks}}.ledgers (book, id, part, key, movement, kind) VALUES (?, ?, {IDS}, ?, ?, ?) IF NOT EXISTS"
        );
        let used = format!(
            "SELECT movement, kind FROM {{ks}}.ledgers WHERE book = ? AND id = ? AND part = {IDS} AND key IN ?"
        );
        let count_day = format!(
            "UPDATE {{ks}}.ledgers SET day_turnover = ? \
             WHERE book = ? AND id = ? AND part = {DAYS} AND key = ? IF day_turnover = ?"
        );
        Ok(Self {
            settling: Arc::new(Settling::prepare(Arc::clone(&database)).await?),
            find: database.plain("SELECT", table, &balance).await?,
            glimpse: database.plain("SELECT", table, &glimpse).await?,
            load: database.serial(table, &balance).await?,
            own_rows: database.serial(table, &own_rows).await?,
            last: database.serial(table, &movements).await?,
            settled: database.plain("SELECT", "ledger_settled", settled).await?,
            load_day: database.serial(table, &load_day).await?,
            turnover: database.plain("SELECT", table, &turnover).await?,
            change: database.conditional("UPDATE", table, change).await?,
            record: database.conditional("INSERT", table, &record).await?,
            use_id: database.conditional("INSERT", table, &use_id).await?,
            used: database.serial(table, &used).await?,
            count_day: database.conditional("UPDATE", table, &count_day).await?,
            live: database.plain("SELECT", table, &live).await?,
            live_for_certain: database.serial(table, &live).await?,
            history: database.plain("SELECT", "ledger_history", &history).await?,
            database,
        })
    }

    /// Settles an account now.
    #[cfg(test)]
    pub(super) async fn settle(&self, cx: &Context, account: Account) {
        self.settling.settle(cx, account).await.unwrap();
    }

    fn writes(&self, account: Account, before: i64, posting: &Posting) -> Vec<(&Statement, Vec<Bound>)> {
        let after = &posting.after;
        let mut writes =
            Vec::with_capacity(1 + 2 * posting.movements.len() + posting.closed.len() + posting.days.len());
        if !posting.movements.is_empty() {
            let mut change =
                vec![bigint(after.quantity), bigint(after.turnover), bigint(after.version), time(after.updated_at)];
            change.extend(key_of(account));
            change.push(match before {
                0 => MaybeUnset::Set(None),
                before => bigint(before),
            });
            writes.push((&self.change, change));
        }
        let use_id = |movement: Uuid, kind: Kind| {
            let mut values = Vec::from(key_of(account));
            values.extend([bigint(key_of_id(movement)), id(movement), text(kind.name())]);
            (&self.use_id, values)
        };
        for movement in &posting.movements {
            let mut record = Vec::from(key_of(account));
            record.push(bigint(movement.version));
            record.extend(values_of(movement));
            writes.push((&self.record, record));
            writes.push(use_id(movement.id, movement.kind));
        }
        writes.extend(posting.closed.iter().map(|closed| use_id(*closed, Kind::Void)));
        for on in &posting.days {
            let mut count = vec![bigint(on.after)];
            count.extend(key_of(account));
            count.extend([bigint(i64::from(on.day)), on.before.map_or(MaybeUnset::Set(None), bigint)]);
            writes.push((&self.count_day, count));
        }
        writes
    }

    /// Whether all movements of a posting whose answer was lost are there, each in its version. The first of them alone
    /// proves nothing: the next try of its request may have made it in that version, without the others.
    pub(super) async fn is_made(
        &self,
        cx: &Context,
        account: Account,
        movements: &[Movement],
    ) -> Result<bool, Failure> {
        let unsure = |error: DaoError| Failure::Unsure { level: "SERIAL", detail: error.to_string() };
        let (Some(first), Some(last)) = (movements.first(), movements.last()) else { return Ok(true) };
        let values = (account.book.name(), account.id, first.version, last.version);
        let result = self.database.run_serial(cx, &self.own_rows, &values).await.map_err(unsure)?;
        let rows = result.into_rows_result().map_err(|error| unsure(broken(error)))?;
        let live = movements_of(&rows).map_err(unsure)?;
        let live: HashMap<i64, Uuid> = live.into_iter().map(|movement| (movement.version, movement.id)).collect();
        for movement in movements {
            let made = match live.get(&movement.version) {
                Some(id) => *id == movement.id,
                // Settled since, or never made.
                None => {
                    let version = self.settled_version(cx, account, movement.id).await.map_err(unsure)?;
                    version == Some(movement.version)
                }
            };
            if !made {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn settled_version(&self, cx: &Context, account: Account, id: Uuid) -> Result<Option<i64>, DaoError> {
        let plain = cx.plain();
        let result = self.database.run(&plain, &self.settled, &(account.book.name(), account.id, id)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let row = rows.maybe_first_row::<(Option<i64>,)>().map_err(broken)?;
        Ok(row.and_then(|(version,)| version))
    }

    async fn settled_movement(&self, cx: &Context, account: Account, id: Uuid) -> Result<Option<Movement>, DaoError> {
        let Some(version) = self.settled_version(cx, account, id).await? else {
            return Ok(None);
        };
        let plain = cx.plain();
        let (found, _) = self.settled_before(&plain, account, version, 1).await?;
        match found.into_iter().next() {
            Some(movement) if movement.id == id => Ok(Some(movement)),
            _ => Err(broken("a settled movement without its history")),
        }
    }

    /// At most `limit` settled movements of one block with versions up to `version`.
    async fn settled_before(
        &self,
        cx: &Context,
        account: Account,
        version: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let values = (account.book.name(), account.id, version / BLOCK, version, most);
        let result = self.database.run(cx, &self.history, &values).await?;
        let receipt = self.database.receipt(cx, &result);
        Ok((movements_of(&result.into_rows_result().map_err(broken)?)?, receipt))
    }
}

#[async_trait]
impl LedgerDao for CassandraLedger {
    async fn find(&self, cx: &Context, account: Account) -> Result<(Option<Balance>, Receipt), DaoError> {
        let result = self.database.run(cx, &self.find, &(account.book.name(), account.id)).await?;
        let receipt = self.database.receipt(cx, &result);
        let found = balance_of(&result.into_rows_result().map_err(broken)?)?;
        Ok((found.map(|(balance, _)| balance), receipt))
    }

    /// The two may be of different moments, though it is one query of one partition: a read repairs what it has asked
    /// for, so a replica may have got the balance of a posting without its days. A posting therefore names both.
    async fn glimpse(&self, cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError> {
        let values = (account.book.name(), account.id, i64::from(day));
        let result = self.database.run(cx, &self.glimpse, &values).await?;
        day_of(&result.into_rows_result().map_err(broken)?, day)
    }

    async fn load(&self, cx: &Context, account: Account) -> Result<Option<Balance>, DaoError> {
        let result = self.database.run_serial(cx, &self.load, &(account.book.name(), account.id)).await?;
        let found = balance_of(&result.into_rows_result().map_err(broken)?)?;
        Ok(found.map(|(balance, _)| balance))
    }

    async fn made(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let result = self.database.run_serial(cx, &self.last, &(account.book.name(), account.id)).await?;
        let last = movements_of(&result.into_rows_result().map_err(broken)?)?;
        let everything_is_here = last.last().is_none_or(|oldest| oldest.version == 1);
        let last: HashMap<Uuid, Movement> = last.into_iter().map(|movement| (movement.id, movement)).collect();
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match last.get(id) {
                Some(movement) => found.push(movement.clone()),
                None => missing.push(*id),
            }
        }
        if !everything_is_here {
            let settled: Vec<Option<Movement>> = stream::iter(missing)
                .map(|id| self.settled_movement(cx, account, id))
                .buffer_unordered(READ_AT_ONCE)
                .try_collect()
                .await?;
            found.extend(settled.into_iter().flatten());
        }
        Ok(found)
    }

    async fn closed(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError> {
        let keys: Vec<i64> = ids.iter().map(|id| key_of_id(*id)).collect();
        let result = self.database.run_serial(cx, &self.used, &(account.book.name(), account.id, keys)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut closed = Vec::new();
        for row in rows.rows::<(Option<Uuid>, Option<&str>)>().map_err(broken)? {
            let (movement, kind) = row.map_err(broken)?;
            let void = kind == Some(Kind::Void.name());
            closed.extend(movement.filter(|movement| void && ids.contains(movement)));
        }
        Ok(closed)
    }

    async fn load_days(&self, cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError> {
        let read = days.iter().map(|day| async move {
            let values = (account.book.name(), account.id, i64::from(*day));
            let result = self.database.run_serial(cx, &self.load_day, &values).await?;
            let rows = result.into_rows_result().map_err(broken)?;
            let row = rows.maybe_first_row::<(Option<i64>,)>().map_err(broken)?;
            Ok(row.and_then(|(turnover,)| turnover).map(|turnover| (*day, turnover)))
        });
        let found: Vec<Option<(i32, i64)>> = futures::future::try_join_all(read).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn turnover(&self, cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError> {
        let values = (account.book.name(), account.id, i64::from(*days.start()), i64::from(*days.end()));
        let result = self.database.run(cx, &self.turnover, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut sum = 0_i64;
        for row in rows.rows::<(Option<i64>,)>().map_err(broken)? {
            let (turnover,) = row.map_err(broken)?;
            sum = sum.saturating_add(turnover.unwrap_or(0));
        }
        Ok(sum)
    }

    async fn post(&self, cx: &Context, account: Account, before: i64, posting: &Posting) -> Result<Posted, DaoError> {
        if posting.movements.is_empty() && posting.closed.is_empty() {
            return Err(broken("a posting without movements"));
        }
        let writes = self.writes(account, before, posting);
        let posted = decide!(cx, "change of a stock or of a user's spending", unsure => {
            let cas = self.database.cas_batch(cx, &writes).await?;
            let in_doubt = unsure && !posting.movements.is_empty();
            if cas.applied || (in_doubt && self.is_made(cx, account, &posting.movements).await?) {
                return Ok(Posted::Done(cas.receipt));
            }
            let used = cas.met().iter().any(|row| is_of(IDS, row));
            Ok(if used { Posted::Used } else { Posted::Moved(met_of(posting, cas.met())) })
        })?;
        if matches!(posted, Posted::Done(_)) {
            self.settling.after(account, before, posting.after.version);
        }
        Ok(posted)
    }

    async fn movements(
        &self,
        cx: &Context,
        account: Account,
        before: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        let values = (account.book.name(), account.id, before, most);
        let result = self.database.run(cx, &self.live, &values).await?;
        let mut receipt = self.database.receipt(cx, &result);
        let mut found = match listed(&result.into_rows_result().map_err(broken)?, before)? {
            Some(found) => found,
            None => {
                let result = self.database.run_serial(cx, &self.live_for_certain, &values).await?;
                receipt = self.database.receipt(cx, &result);
                movements_of(&result.into_rows_result().map_err(broken)?)?
            }
        };
        let mut next = match found.last() {
            Some(last) => last.version - 1,
            // Below the live ones, or an account without movements.
            None => before.saturating_sub(1).min(self.last_version(cx, account).await?),
        };
        while found.len() < limit && next > 0 {
            let (some, read) = self.settled_before(cx, account, next, limit - found.len()).await?;
            receipt = read;
            next = some.last().map_or(next / BLOCK * BLOCK, |last| last.version) - 1;
            found.extend(some);
        }
        Ok((found, receipt))
    }
}

impl CassandraLedger {
    async fn last_version(&self, cx: &Context, account: Account) -> Result<i64, DaoError> {
        Ok(self.find(cx, account).await?.0.map_or(0, |balance| balance.version))
    }
}
