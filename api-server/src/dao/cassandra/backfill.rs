//! What earlier versions left in Cassandra. Products that are in no list by words are found in the list of all. Of ranks `rank_slots` lists the slots of each book, and `rank_members` the accounts of
//! each. Nothing is written there any more.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::StartError;
use super::execute::{Database, Statement};
use super::listing::copies::Copies;
use super::products::{LIST_COLUMNS, ListedRow, broken};
use super::tries::decide;
use crate::dao::backfill::{BackfillDao, Part, Progress, Run};
use crate::dao::ledger::Book;
use crate::dao::{Context, DaoError};

/// How long a lease lives after it was renewed.
const LEASE_SECONDS: i32 = 120;
/// Products whose words are written at once.
const WRITTEN_AT_ONCE: usize = 8;

/// See the module.
pub struct CassandraBackfill {
    database: Arc<Database>,
    slot: Statement,
    members: Statement,
    bucket: Statement,
    products: Statement,
    copies: Copies,
    progress: Statement,
    set_progress: Statement,
    take: Statement,
    renew: Statement,
}

impl CassandraBackfill {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "backfills";
        let slot = "SELECT slot FROM {ks}.rank_slots WHERE book = ? AND slot <= ? LIMIT 1";
        let members = "SELECT id FROM {ks}.rank_members WHERE book = ? AND slot = ? AND id > ? LIMIT ?";
        let bucket = "SELECT bucket FROM {ks}.product_buckets WHERE scope = 'all' AND bucket <= ? LIMIT 1";
        let products = format!(
            "SELECT {LIST_COLUMNS} FROM {{ks}}.products_by_time WHERE bucket = ? AND id > ? ORDER BY id ASC LIMIT ?"
        );
        let progress = "SELECT position, after, done FROM {ks}.backfills WHERE name = ?";
        let set_progress = "UPDATE {ks}.backfills SET position = ?, after = ?, done = ? WHERE name = ?";
        let take =
            format!("UPDATE {{ks}}.backfills USING TTL {LEASE_SECONDS} SET worker = ? WHERE name = ? IF worker = null");
        let renew =
            format!("UPDATE {{ks}}.backfills USING TTL {LEASE_SECONDS} SET worker = ? WHERE name = ? IF worker = ?");
        Ok(Self {
            slot: database.plain("SELECT", "rank_slots", slot).await?,
            members: database.plain("SELECT", "rank_members", members).await?,
            bucket: database.plain("SELECT", "product_buckets", bucket).await?,
            products: database.plain("SELECT", "products_by_time", &products).await?,
            copies: Copies::prepare(&database).await?,
            progress: database.plain("SELECT", table, progress).await?,
            set_progress: database.plain("UPDATE", table, set_progress).await?,
            take: database.conditional("UPDATE", table, &take).await?,
            renew: database.conditional("UPDATE", table, &renew).await?,
            database,
        })
    }
}

fn name_of(run: Run, part: Part) -> String {
    format!("{} {}", run.name(), part.name())
}

#[async_trait]
impl BackfillDao for CassandraBackfill {
    async fn accounts(
        &self,
        cx: &Context,
        book: Book,
        at: Progress,
        limit: usize,
    ) -> Result<(Vec<Uuid>, Progress), DaoError> {
        let Progress::At { slot: from, after } = at else { return Ok((Vec::new(), at)) };
        let result = self.database.run(cx, &self.slot, &(book.name(), from)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let Some((slot,)) = rows.maybe_first_row::<(i64,)>().map_err(broken)? else {
            return Ok((Vec::new(), Progress::Done));
        };
        let after = if slot == from { after } else { Uuid::nil() };
        let values = (book.name(), slot, after, i32::try_from(limit).unwrap_or(i32::MAX));
        let result = self.database.run(cx, &self.members, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let ids = rows.rows::<(Uuid,)>().map_err(broken)?.map(|row| Ok(row.map_err(broken)?.0));
        let ids: Vec<Uuid> = ids.collect::<Result<_, DaoError>>()?;
        let next = match ids.last() {
            Some(last) if ids.len() == limit => Progress::At { slot, after: *last },
            _ => Progress::At { slot: slot - 1, after: Uuid::nil() },
        };
        Ok((ids, next))
    }

    async fn list_by_words(&self, cx: &Context, at: Progress, limit: usize) -> Result<Progress, DaoError> {
        let Progress::At { slot: from, after } = at else { return Ok(at) };
        let result = self.database.run(cx, &self.bucket, &(from,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let Some((bucket,)) = rows.maybe_first_row::<(i64,)>().map_err(broken)? else {
            return Ok(Progress::Done);
        };
        let after = if bucket == from { after } else { Uuid::nil() };
        let values = (bucket, after, i32::try_from(limit).unwrap_or(i32::MAX));
        let result = self.database.run(cx, &self.products, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let mut products = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<ListedRow<'_>>().map_err(broken)? {
            products.extend(row.map_err(broken)?.0.map(|product| product.to_product()));
        }
        let full = rows.rows_num() == limit;
        let last = products.last().map(|product| product.id);
        let written = stream::iter(products).map(|product| async move {
            let mut writes = Vec::new();
            self.copies.put_words(&mut writes, &product, bucket, &[]);
            self.database.write_all(cx, &writes).await.map(|_| ())
        });
        written.buffer_unordered(WRITTEN_AT_ONCE).try_collect::<()>().await?;
        Ok(match last {
            Some(last) if full => Progress::At { slot: bucket, after: last },
            _ => Progress::At { slot: bucket - 1, after: Uuid::nil() },
        })
    }

    async fn progress(&self, cx: &Context, run: Run, part: Part) -> Result<Progress, DaoError> {
        let result = self.database.run(cx, &self.progress, &(name_of(run, part),)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let row = rows.maybe_first_row::<(Option<i64>, Option<Uuid>, Option<bool>)>().map_err(broken)?;
        Ok(match row {
            Some((_, _, Some(true))) => Progress::Done,
            Some((Some(slot), Some(after), _)) => Progress::At { slot, after },
            _ => Progress::START,
        })
    }

    async fn set_progress(&self, cx: &Context, run: Run, part: Part, progress: Progress) -> Result<(), DaoError> {
        let name = name_of(run, part);
        let values = match progress {
            Progress::At { slot, after } => (Some(slot), Some(after), false, name),
            Progress::Done => (None, None, true, name),
        };
        self.database.run(cx, &self.set_progress, &values).await?;
        Ok(())
    }

    async fn hold(&self, cx: &Context, run: Run, worker: Uuid) -> Result<bool, DaoError> {
        let renewed = decide!(cx, "renewal of the lease of a backfill", _unsure => {
            let cas = self.database.cas(cx, &self.renew, &(worker, run.name(), worker)).await?;
            Ok(cas.applied)
        })?;
        if renewed {
            return Ok(true);
        }
        decide!(cx, "lease of a backfill", _unsure => {
            let cas = self.database.cas(cx, &self.take, &(worker, run.name())).await?;
            Ok(cas.applied || cas.uuid("worker") == Some(worker))
        })
    }
}
