//! Keeps partitions of the ledger bounded: movements that are no longer among the last of their
//! account move on to the history, in blocks of versions.
//!
//! First the history and the ids are written, then one LWT removes the movements from the
//! partition by a range, so reads meet one tombstone however many there were. Whoever looks for an
//! id looks into the partition first and then among the settled ids, and cannot miss it.

use std::sync::Arc;
use std::time::Duration;

use super::rows::{BALANCE, BLOCK, MOVEMENT, MOVEMENTS, balance_of, key_of, movements_of, values_of};
use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Bound, Database, Statement};
use crate::dao::cassandra::listing::copies::{bigint, id};
use crate::dao::cassandra::products::broken;
use crate::dao::cassandra::tries::decide;
use crate::dao::ledger::Account;
use crate::dao::{Context, DaoError};

/// Movements that stay with their account.
pub const KEPT: i64 = 256;
/// Beyond these and so many more, movements are settled.
pub const SLACK: i64 = 256;
/// Movements that are settled together.
const AT_ONCE: i64 = 500;
/// Deadline of settling one account.
const BACKGROUND: Duration = Duration::from_secs(10);

/// Moves movements on to the history.
pub struct Settling {
    database: Arc<Database>,
    load: Statement,
    read: Statement,
    keep: Statement,
    remember: Statement,
    move_mark: Statement,
    drop: Statement,
}

impl Settling {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let load = format!("SELECT DISTINCT {BALANCE} FROM {{ks}}.ledgers WHERE book = ? AND id = ?");
        let read = format!(
            "SELECT key, {MOVEMENT} FROM {{ks}}.ledgers \
             WHERE book = ? AND id = ? AND part = {MOVEMENTS} AND key > ? AND key <= ?"
        );
        let keep = format!(
            "INSERT INTO {{ks}}.ledger_history (book, id, block, version, {MOVEMENT}) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let remember = "INSERT INTO {ks}.ledger_settled (book, id, movement, version) VALUES (?, ?, ?, ?)";
        let move_mark = "UPDATE {ks}.ledgers SET settled = ? WHERE book = ? AND id = ? IF settled = ?";
        let drop = format!("DELETE FROM {{ks}}.ledgers WHERE book = ? AND id = ? AND part = {MOVEMENTS} AND key <= ?");
        Ok(Self {
            load: database.serial("ledgers", &load).await?,
            read: database.serial("ledgers", &read).await?,
            keep: database.plain("INSERT", "ledger_history", &keep).await?,
            remember: database.plain("INSERT", "ledger_settled", remember).await?,
            move_mark: database.conditional("SETTLE", "ledgers", move_mark).await?,
            drop: database.conditional("SETTLE", "ledgers", &drop).await?,
            database,
        })
    }

    /// Settles an account in the background if the movements up to `version` make that due. What
    /// a crash leaves undone is done with the next of its movements that makes it due.
    pub fn after(self: &Arc<Self>, account: Account, before: i64, version: i64) {
        if version / SLACK == before / SLACK {
            return;
        }
        let settling = Arc::clone(self);
        tokio::spawn(async move {
            let cx = Context::within(BACKGROUND);
            if let Err(error) = settling.settle(&cx, account).await {
                tracing::debug!(%error, account = %account.id, "movements are not settled yet, the next ones do it");
            }
        });
    }

    /// Settles all but the last [`KEPT`] movements of an account.
    pub async fn settle(&self, cx: &Context, account: Account) -> Result<(), DaoError> {
        loop {
            let result = self.database.run_serial(cx, &self.load, &(account.book.name(), account.id)).await?;
            let rows = result.into_rows_result().map_err(broken)?;
            let Some((balance, settled)) = balance_of(&rows)? else {
                return Ok(());
            };
            let upto = (balance.version - KEPT).min(settled + AT_ONCE);
            if balance.version - settled < KEPT + SLACK || upto <= settled {
                return Ok(());
            }
            if !self.settle_some(cx, account, settled, upto).await? {
                // Another process settles this account.
                return Ok(());
            }
        }
    }

    async fn settle_some(&self, cx: &Context, account: Account, settled: i64, upto: i64) -> Result<bool, DaoError> {
        let values = (account.book.name(), account.id, settled, upto);
        let result = self.database.run_serial(cx, &self.read, &values).await?;
        let movements = movements_of(&result.into_rows_result().map_err(broken)?)?;
        if i64::try_from(movements.len()) != Ok(upto - settled) {
            // Settled by another process between our two reads.
            return Ok(false);
        }
        let mut writes: Vec<(&Statement, Vec<Bound>)> = Vec::with_capacity(movements.len());
        for movement in &movements {
            let mut kept = Vec::from(key_of(account));
            kept.extend([bigint(movement.version / BLOCK), bigint(movement.version)]);
            kept.extend(values_of(movement));
            writes.push((&self.keep, kept));
        }
        self.database.write_all(cx, &writes).await?;
        writes.clear();
        for movement in &movements {
            let mut remembered = Vec::from(key_of(account));
            remembered.extend([id(movement.id), bigint(movement.version)]);
            writes.push((&self.remember, remembered));
        }
        self.database.write_all(cx, &writes).await?;
        let mut mark = vec![bigint(upto)];
        mark.extend(key_of(account));
        mark.push(match settled {
            0 => scylla::value::MaybeUnset::Set(None),
            settled => bigint(settled),
        });
        let mut drop = Vec::from(key_of(account));
        drop.push(bigint(upto));
        let writes = [(&self.move_mark, mark), (&self.drop, drop)];
        decide!(cx, "settling of movements", unsure => {
            let cas = self.database.cas_batch(cx, &writes).await?;
            Ok(cas.applied || (unsure && cas.bigint("settled") == Some(upto)))
        })
    }
}
