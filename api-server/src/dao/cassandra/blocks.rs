//! Turnover by blocks of days in Cassandra: a partition for each book, block and shard, in one table by id and in another
//! from the most. The two change together, in one batch of the partition's key, which is one write of the replicas.
//!
//! Rows carry timestamps made of the turnover's version, so they converge whatever the order of writes. A removal is older
//! than what the same version puts there: who has read less of it cannot take out what was put by who has read more.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::value::{CqlValue, MaybeUnset};
use uuid::Uuid;

use super::StartError;
use super::execute::{Bound, Database, Statement};
use super::listing::copies::{bigint, id, text};
use super::products::broken;
use crate::dao::blocks::{Block, BlockDao, Change, Lists, Place, Row, Turnover, shard_of};
use crate::dao::ledger::Book;
use crate::dao::{Context, DaoError, Receipt};

/// See the module.
pub struct CassandraBlocks {
    database: Arc<Database>,
    turnovers: Statement,
    rows: Statement,
    set: Statement,
    put: Statement,
    drop: Statement,
    spans: Statement,
    use_span: Statement,
}

impl CassandraBlocks {
    /// Prepares every statement.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let (by_id, lists, spans) = ("block_turnovers", "block_lists", "block_spans");
        let key = "book = ? AND block IN ? AND shard";
        let turnovers = format!("SELECT block, id, amount, version FROM {{ks}}.{by_id} WHERE {key} = ? AND id IN ?");
        let rows = format!(
            "SELECT block, rank, id, amount FROM {{ks}}.{lists} WHERE {key} IN ? AND (rank, id) > (?, ?) \
             PER PARTITION LIMIT ?"
        );
        let set = format!(
            "INSERT INTO {{ks}}.{by_id} (book, block, shard, id, amount, version) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        );
        let put = format!(
            "INSERT INTO {{ks}}.{lists} (book, block, shard, rank, id, amount) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        );
        let drop = format!(
            "DELETE FROM {{ks}}.{lists} USING TIMESTAMP ? WHERE book = ? AND block = ? AND shard = ? AND rank = ? AND id = ?"
        );
        let used = format!("SELECT block FROM {{ks}}.{spans} WHERE book = ?");
        let use_span = format!("INSERT INTO {{ks}}.{spans} (book, block) VALUES (?, ?)");
        Ok(Self {
            turnovers: database.plain("SELECT", by_id, &turnovers).await?,
            rows: database.plain("SELECT", lists, &rows).await?,
            set: database.plain("INSERT", by_id, &set).await?,
            put: database.plain("INSERT", lists, &put).await?,
            drop: database.plain("DELETE", lists, &drop).await?,
            spans: database.plain("SELECT", spans, &used).await?,
            use_span: database.plain("INSERT", spans, &use_span).await?,
            database,
        })
    }

    fn writes(&self, change: &Change) -> Vec<(&Statement, Vec<Bound>)> {
        let Change { account, block, before, after } = change;
        let key = key_of(account.book, *block, account.id);
        let (written_at, removed_at) = (put_at(after.version), removed_at(after.version));
        let mut set = key.to_vec();
        set.extend([id(account.id), bigint(after.amount), bigint(after.version), written_at.clone()]);
        let mut writes = vec![(&self.set, set)];
        let (old, new) = (Place::of(account.id, *before), Place::of(account.id, after.amount));
        if let Some(place) = new {
            let mut put = key.to_vec();
            put.extend(place_of(place));
            put.extend([bigint(after.amount), written_at]);
            writes.push((&self.put, put));
        }
        if let Some(place) = old.filter(|old| Some(*old) != new) {
            let mut drop = vec![removed_at];
            drop.extend(key);
            drop.extend(place_of(place));
            writes.push((&self.drop, drop));
        }
        writes
    }
}

/// When a version puts something into a table.
fn put_at(version: i64) -> Bound {
    bigint(version.saturating_mul(2).saturating_add(1))
}

/// When a version removes something.
fn removed_at(version: i64) -> Bound {
    bigint(version.saturating_mul(2))
}

fn key_of(book: Book, block: Block, account: Uuid) -> [Bound; 3] {
    [text(book.name()), bigint(block.code()), MaybeUnset::Set(Some(CqlValue::TinyInt(tinyint(shard_of(account)))))]
}

fn place_of(place: Place) -> [Bound; 2] {
    [MaybeUnset::Set(Some(CqlValue::Int(place.rank))), id(place.id)]
}

/// Shards are few.
fn tinyint(shard: u8) -> i8 {
    i8::try_from(shard).unwrap_or(i8::MAX)
}

fn codes(blocks: &[Block]) -> Vec<i64> {
    blocks.iter().map(|block| block.code()).collect()
}

fn block_of(code: i64) -> Result<Block, DaoError> {
    Block::of_code(code).ok_or_else(|| broken(format!("no block has the number {code}")))
}

#[async_trait]
impl BlockDao for CassandraBlocks {
    async fn turnovers(
        &self,
        cx: &Context,
        book: Book,
        blocks: &[Block],
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Block, Turnover)>, DaoError> {
        let Some(first) = ids.first() else { return Ok(Vec::new()) };
        let values = (book.name(), codes(blocks), tinyint(shard_of(*first)), ids);
        let result = self.database.run(cx, &self.turnovers, &values).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let found = rows.rows::<(i64, Uuid, Option<i64>, Option<i64>)>().map_err(broken)?.map(|row| {
            let (code, id, amount, version) = row.map_err(broken)?;
            Ok((id, block_of(code)?, Turnover { amount: amount.unwrap_or(0), version: version.unwrap_or(0) }))
        });
        found.collect()
    }

    async fn rows(&self, cx: &Context, lists: &Lists) -> Result<(Vec<Row>, Receipt), DaoError> {
        let shards: Vec<i8> = lists.shards.iter().copied().map(tinyint).collect();
        let Place { rank, id } = lists.after;
        let limit = i32::try_from(lists.limit).unwrap_or(i32::MAX);
        let values = (lists.book.name(), codes(&lists.blocks), shards, rank, id, limit);
        let result = self.database.run(cx, &self.rows, &values).await?;
        let receipt = self.database.receipt(cx, &result);
        let rows = result.into_rows_result().map_err(broken)?;
        let found = rows.rows::<(i64, i32, Uuid, Option<i64>)>().map_err(broken)?.map(|row| {
            let (code, rank, id, amount) = row.map_err(broken)?;
            Ok(Row { block: block_of(code)?, place: Place { rank, id }, amount: amount.unwrap_or(0) })
        });
        Ok((found.collect::<Result<_, DaoError>>()?, receipt))
    }

    async fn write(&self, cx: &Context, changes: &[Change]) -> Result<(), DaoError> {
        let writes: Vec<(&Statement, Vec<Bound>)> = changes.iter().flat_map(|change| self.writes(change)).collect();
        self.database.write_together(cx, &writes).await?;
        Ok(())
    }

    async fn remove(&self, cx: &Context, book: Book, row: &Row, version: i64) -> Result<(), DaoError> {
        let mut values = vec![removed_at(version)];
        values.extend(key_of(book, row.block, row.place.id));
        values.extend(place_of(row.place));
        self.database.run(cx, &self.drop, &values).await?;
        Ok(())
    }

    async fn spans(&self, cx: &Context, book: Book) -> Result<Vec<Block>, DaoError> {
        let result = self.database.run(cx, &self.spans, &(book.name(),)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        rows.rows::<(i64,)>().map_err(broken)?.map(|row| block_of(row.map_err(broken)?.0)).collect()
    }

    async fn use_span(&self, cx: &Context, book: Book, span: Block) -> Result<(), DaoError> {
        self.database.run(cx, &self.use_span, &(book.name(), span.code())).await?;
        Ok(())
    }
}
