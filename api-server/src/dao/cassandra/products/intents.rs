//! Intents: a note of each change under way, kept by the minute it began, so that what a crash
//! left can be found without a scan. A note is written before the change and removed with its last
//! step.

use std::sync::Arc;

use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::rows::broken;
use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Database, Statement};
use crate::dao::cassandra::listing::copies::Place;
use crate::dao::{Context, DaoError};

/// A change under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// When it began, in milliseconds.
    pub at: i64,
    pub operation: Uuid,
    pub product: Uuid,
    /// Where the product was listed before.
    pub before: Option<Place>,
}

impl Intent {
    /// A creation.
    pub const fn of_new(cx: &Context, product: Uuid, operation: Uuid) -> Self {
        Self { at: cx.now_ms, operation, product, before: None }
    }

    /// A change or removal.
    pub const fn of_change(cx: &Context, before: Place, operation: Uuid) -> Self {
        Self { at: cx.now_ms, operation, product: before.id, before: Some(before) }
    }

    /// The partition of a moment.
    pub const fn minute_of(at_ms: i64) -> i64 {
        at_ms.div_euclid(60_000)
    }
}

/// Intents that one statement reads.
const READ_AT_ONCE: i32 = 200;

/// Writes, reads and removes intents.
pub struct Intents {
    database: Arc<Database>,
    write: Statement,
    drop: Statement,
    read: Statement,
    done_until: Statement,
    set_done_until: Statement,
}

impl Intents {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "product_intents";
        let write = "INSERT INTO {ks}.product_intents (minute, at, operation, product_id, \
             before_name, before_category, before_bucket, before_created) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let drop = "DELETE FROM {ks}.product_intents WHERE minute = ? AND at = ? AND operation = ?";
        let read = "SELECT at, operation, product_id, before_name, before_category, \
             before_bucket, before_created FROM {ks}.product_intents \
             WHERE minute = ? AND at > ? AND at <= ? LIMIT ?";
        let done_until = "SELECT done_until FROM {ks}.sweeps WHERE name = 'product_intents'";
        let set_done_until = "INSERT INTO {ks}.sweeps (name, done_until) VALUES ('product_intents', ?)";
        Ok(Self {
            write: database.plain("INSERT", table, write).await?,
            drop: database.plain("DELETE", table, drop).await?,
            read: database.plain("SELECT", table, read).await?,
            done_until: database.plain("SELECT", "sweeps", done_until).await?,
            set_done_until: database.plain("INSERT", "sweeps", set_done_until).await?,
            database,
        })
    }

    /// Notes a change before it begins.
    pub async fn write(&self, cx: &Context, intent: &Intent) -> Result<(), DaoError> {
        use scylla::value::MaybeUnset;
        let before = intent.before.as_ref();
        let values = (
            Intent::minute_of(intent.at),
            CqlTimestamp(intent.at),
            intent.operation,
            intent.product,
            MaybeUnset::from_option(before.map(|before| before.name.as_str())),
            MaybeUnset::from_option(before.and_then(|before| before.category.as_deref())),
            MaybeUnset::from_option(before.map(|before| before.bucket)),
            MaybeUnset::from_option(before.map(|before| CqlTimestamp(before.created_at))),
        );
        let quiet = Context { trace: false, ..*cx };
        self.database.run(&quiet, &self.write, &values).await?;
        Ok(())
    }

    /// Removes the note of a change that is done, or that did not happen. A failure costs a look
    /// of the sweeper.
    pub async fn forget(&self, cx: &Context, intent: &Intent) {
        let values = (Intent::minute_of(intent.at), CqlTimestamp(intent.at), intent.operation);
        let plain = Context { level: None, trace: false, ..*cx };
        if let Err(error) = self.database.run(&plain, &self.drop, &values).await {
            tracing::debug!(%error, "an intent of nothing is left to the sweeper");
        }
    }

    /// Intents of one minute that began after `after` and not after `upto`; at most some hundred.
    pub async fn read(
        &self,
        cx: &Context,
        minute: i64,
        after: i64,
        upto: i64,
    ) -> Result<(Vec<Intent>, bool), DaoError> {
        let values = (minute, CqlTimestamp(after), CqlTimestamp(upto), READ_AT_ONCE);
        let result = self.database.run(cx, &self.read, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let all = rows.rows_num() < usize::try_from(READ_AT_ONCE).unwrap_or(0);
        let mut intents = Vec::with_capacity(rows.rows_num());
        type Noted<'f> =
            (CqlTimestamp, Uuid, Option<Uuid>, Option<&'f str>, Option<&'f str>, Option<i64>, Option<CqlTimestamp>);
        for row in rows.rows::<Noted<'_>>().map_err(broken)? {
            let (at, operation, product, name, category, bucket, created) = row.map_err(broken)?;
            let Some(product) = product else { continue };
            let before = name.map(|name| Place {
                id: product,
                bucket: bucket.unwrap_or(0),
                created_at: created.map_or(0, |created| created.0),
                name: name.to_owned(),
                category: category.map(str::to_owned),
            });
            intents.push(Intent { at: at.0, operation, product, before });
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
