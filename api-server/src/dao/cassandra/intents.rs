//! Intents: a note of each change under way, kept by the minute it began, so that what a crash
//! left can be found without a scan. A note is written before the change and removed with its last
//! step.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;
use std::sync::Arc;

use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset, Row};
use uuid::Uuid;

use super::StartError;
use super::execute::{Bound, Database, Statement};
use crate::dao::{Context, DaoError};

/// What the notes of one kind of rows say beside the row's id, and where they lie.
pub trait Detail: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The table, also the name under which its sweeps keep their position.
    const TABLE: &'static str;
    /// Its column with the id of the row that is changed.
    const OWNER: &'static str;
    /// The columns of the detail.
    const COLUMNS: &'static [&'static str];

    /// Values of the columns.
    fn write(&self) -> Vec<Bound>;

    /// The detail of a note about the row `owner`; one value for each column.
    fn read(owner: Uuid, values: Vec<Option<CqlValue>>) -> Self;
}

/// A change under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent<D> {
    /// When it began, in milliseconds.
    pub at: i64,
    pub operation: Uuid,
    /// The row that is changed.
    pub owner: Uuid,
    pub detail: D,
}

/// The partition of a moment.
pub const fn minute_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(60_000)
}

/// Intents that one statement reads.
const READ_AT_ONCE: i32 = 200;

/// Writes, reads and removes intents.
pub struct Intents<D> {
    database: Arc<Database>,
    write: Statement,
    drop: Statement,
    read: Statement,
    done_until: Statement,
    set_done_until: Statement,
    kind: PhantomData<fn() -> D>,
}

impl<D: Detail> Intents<D> {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let (table, owner) = (D::TABLE, D::OWNER);
        let columns: String = D::COLUMNS.iter().map(|column| format!(", {column}")).collect();
        let marks = ", ?".repeat(D::COLUMNS.len());
        let write =
            format!("INSERT INTO {{ks}}.{table} (minute, at, operation, {owner}{columns}) VALUES (?, ?, ?, ?{marks})");
        let drop = format!("DELETE FROM {{ks}}.{table} WHERE minute = ? AND at = ? AND operation = ?");
        let read = format!(
            "SELECT at, operation, {owner}{columns} FROM {{ks}}.{table} \
             WHERE minute = ? AND at > ? AND at <= ? LIMIT ?"
        );
        let done_until = format!("SELECT done_until FROM {{ks}}.sweeps WHERE name = '{table}'");
        let set_done_until = format!("INSERT INTO {{ks}}.sweeps (name, done_until) VALUES ('{table}', ?)");
        Ok(Self {
            write: database.plain("INSERT", table, &write).await?,
            drop: database.plain("DELETE", table, &drop).await?,
            read: database.plain("SELECT", table, &read).await?,
            done_until: database.plain("SELECT", "sweeps", &done_until).await?,
            set_done_until: database.plain("INSERT", "sweeps", &set_done_until).await?,
            database,
            kind: PhantomData,
        })
    }

    /// Notes a change before it begins.
    pub async fn write(&self, cx: &Context, intent: &Intent<D>) -> Result<(), DaoError> {
        let set = |value| MaybeUnset::Set(Some(value));
        let mut values = vec![
            set(CqlValue::BigInt(minute_of(intent.at))),
            set(CqlValue::Timestamp(CqlTimestamp(intent.at))),
            set(CqlValue::Uuid(intent.operation)),
            set(CqlValue::Uuid(intent.owner)),
        ];
        values.extend(intent.detail.write());
        let quiet = cx.untraced();
        self.database.run(&quiet, &self.write, &values).await?;
        Ok(())
    }

    /// Removes the note of a change that is done, or that did not happen. A failure costs a look
    /// of the sweeper.
    pub async fn forget(&self, cx: &Context, intent: &Intent<D>) {
        let values = (minute_of(intent.at), CqlTimestamp(intent.at), intent.operation);
        let plain = cx.plain();
        if let Err(error) = self.database.run(&plain, &self.drop, &values).await {
            tracing::debug!(%error, "an intent of nothing is left to the sweeper");
        }
    }

    /// Intents of one minute that began after `after` and not after `upto`, at most some hundred;
    /// and whether these are all.
    pub async fn read(
        &self,
        cx: &Context,
        minute: i64,
        after: i64,
        upto: i64,
    ) -> Result<(Vec<Intent<D>>, bool), DaoError> {
        let values = (minute, CqlTimestamp(after), CqlTimestamp(upto), READ_AT_ONCE);
        let result = self.database.run(cx, &self.read, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let all = rows.rows_num() < usize::try_from(READ_AT_ONCE).unwrap_or(0);
        let mut intents = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<Row>().map_err(broken)? {
            let mut columns = row.map_err(broken)?.columns.into_iter();
            let at = columns.next().flatten().and_then(|at| at.as_cql_timestamp());
            let operation = columns.next().flatten().and_then(|operation| operation.as_uuid());
            let owner = columns.next().flatten().and_then(|owner| owner.as_uuid());
            let (Some(at), Some(operation), Some(owner)) = (at, operation, owner) else {
                continue;
            };
            let detail = D::read(owner, columns.collect());
            intents.push(Intent { at: at.0, operation, owner, detail });
        }
        Ok((intents, all))
    }

    /// How far some sweeper of the shop has looked, in milliseconds.
    pub async fn done_until(&self, cx: &Context) -> Result<Option<i64>, DaoError> {
        let result = self.database.run(cx, &self.done_until, &()).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let row = rows.maybe_first_row::<(Option<CqlTimestamp>,)>().map_err(broken)?;
        Ok(row.and_then(|(until,)| until).map(|until| until.0))
    }

    /// Records how far this sweeper has looked.
    pub async fn set_done_until(&self, cx: &Context, until: i64) -> Result<(), DaoError> {
        let values = (CqlTimestamp(until),);
        self.database.run(cx, &self.set_done_until, &values).await?;
        Ok(())
    }
}

fn broken(error: impl Display) -> DaoError {
    DaoError::Broken(error.to_string())
}
