//! Reading rows newest first, bucket by bucket, whatever the rows are. Each page reads a bounded
//! number of rows and partitions, whatever the size of the list; where the bound ends a page early,
//! the page is short and the next one goes on.

use std::sync::Arc;

use futures::stream::{Stream, StreamExt as _};
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use uuid::Uuid;

use super::buckets::Buckets;
use crate::dao::cassandra::StartError;
use crate::dao::cassandra::execute::{Database, Statement};
use crate::dao::page::{PageEnd, Position};
use crate::dao::{Context, DaoError, Receipt};

/// Partitions that one page may read.
pub const MAX_PARTITIONS: usize = 32;

/// Greater than any id: a position before the first row of a bucket.
pub const BEFORE_FIRST: Uuid = Uuid::max();

/// What was shown of the rows of one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    pub shown: usize,
    /// The last row that was shown.
    pub last: Option<Uuid>,
    /// Whether a row was left for want of room.
    pub more: bool,
}

impl Taken {
    /// Counts a row in; false when there is no room for it.
    pub fn take(&mut self, room: usize, id: Uuid) -> bool {
        if self.shown == room {
            self.more = true;
            return false;
        }
        self.shown += 1;
        self.last = Some(id);
        true
    }
}

/// Shows rows of an answer, at most as many as there is room for.
pub type Show<'a> = dyn FnMut(&QueryRowsResult, usize) -> Result<Taken, DaoError> + Send + 'a;

/// The statements that read the list of everything.
pub struct Newest {
    database: Arc<Database>,
    first: Statement,
    after: Statement,
}

impl Newest {
    /// Prepares the statements. The table has the key `(bucket, id)`, ids descending.
    pub async fn prepare(
        database: Arc<Database>,
        table: &'static str,
        columns: &'static str,
    ) -> Result<Self, StartError> {
        let first = format!("SELECT {columns} FROM {{ks}}.{table} WHERE bucket = ? LIMIT ?");
        let after = format!("SELECT {columns} FROM {{ks}}.{table} WHERE bucket = ? AND id < ? LIMIT ?");
        Ok(Self {
            first: database.plain("SELECT", table, &first).await?,
            after: database.plain("SELECT", table, &after).await?,
            database,
        })
    }

    /// One page after a position, or the first, that looks into at most so many partitions.
    pub async fn page(
        &self,
        cx: &Context,
        buckets: &Arc<Buckets>,
        (limit, look_at): (usize, usize),
        after: Option<Position>,
        show: &mut Show<'_>,
    ) -> Result<PageEnd, DaoError> {
        let begins = buckets.begins(cx).await?;
        let upto = after.map_or(i64::MAX, |after| after.bucket);
        let newest_first = begins.iter().rev().copied().filter(|begin| *begin <= upto);
        let mut page = Filling::new(limit, look_at);
        for bucket in newest_first {
            let after = after.filter(|after| after.bucket == bucket);
            if page.has_looked_enough() {
                // A request that has looked at enough before asks the database nothing.
                let level = cx.level.unwrap_or(self.database.level);
                page.receipt.get_or_insert_with(|| Receipt::local(level));
                return page.cut_at(after.unwrap_or(Position { bucket, id: BEFORE_FIRST }));
            }
            let want = page.want();
            // The usual page, the first, has the cheaper statement.
            let result = match after {
                Some(after) => self.database.run(cx, &self.after, &(bucket, after.id, want)).await?,
                None => self.database.run(cx, &self.first, &(bucket, want)).await?,
            };
            let receipt = self.database.receipt(cx, &result);
            if page.fill(bucket, result, receipt, show)? {
                return page.end_full();
            }
        }
        page.end()
    }
}

/// What comes next of rows that are read one by one.
pub enum Next<T> {
    Row(T),
    /// Time is up: the list ends after this row.
    Enough(Uuid),
    End,
}

/// The next row of a list that has come as far as `upto`. The first is waited for as long as the request lives, so that
/// a list always goes on.
pub async fn next<T>(cx: &Context, upto: Option<Uuid>, rows: &mut (impl Stream<Item = T> + Unpin)) -> Next<T> {
    let row = match upto {
        None => rows.next().await,
        Some(upto) if cx.has_enough() => return Next::Enough(upto),
        Some(upto) => match tokio::time::timeout_at(cx.enough_at, rows.next()).await {
            Ok(row) => row,
            Err(_) => return Next::Enough(upto),
        },
    };
    row.map_or(Next::End, Next::Row)
}

/// A page being filled.
pub struct Filling {
    pub limit: usize,
    pub shown: usize,
    pub partitions: usize,
    /// Rows and partitions that may be looked at.
    look_at: usize,
    /// Rows and partitions that were.
    pub looked_at: usize,
    pub last: Option<Position>,
    pub receipt: Option<Receipt>,
}

impl Filling {
    /// An empty page.
    pub const fn new(limit: usize, look_at: usize) -> Self {
        Self { limit, shown: 0, partitions: 0, look_at, looked_at: 0, last: None, receipt: None }
    }

    /// Rows that may still be looked at.
    pub const fn room(&self) -> usize {
        self.look_at.saturating_sub(self.looked_at)
    }

    /// Whether the page ends before the next partition.
    pub const fn has_looked_enough(&self) -> bool {
        self.partitions >= MAX_PARTITIONS || self.room() == 0
    }

    /// Rows to ask for: one more than fits tells whether there is a next page.
    pub fn want(&self) -> i32 {
        i32::try_from(self.limit - self.shown + 1).unwrap_or(i32::MAX)
    }

    /// Shows the rows of one partition; true when the page is full and there is more.
    pub fn fill(
        &mut self,
        bucket: i64,
        result: QueryResult,
        receipt: Receipt,
        show: &mut Show<'_>,
    ) -> Result<bool, DaoError> {
        self.partitions += 1;
        self.looked_at += 1;
        self.receipt = Some(receipt);
        let rows = result.into_rows_result().map_err(|error| DaoError::Broken(error.to_string()))?;
        let taken = show(&rows, self.limit - self.shown)?;
        self.shown += taken.shown;
        self.last = taken.last.map(|id| Position { bucket, id }).or(self.last);
        Ok(taken.more)
    }

    fn ended(&self, next: Option<Position>) -> Result<PageEnd, DaoError> {
        let receipt = self.receipt.ok_or_else(|| DaoError::Broken("the list has no bucket".into()))?;
        Ok(PageEnd { next, looked_at: self.looked_at, receipt })
    }

    /// The end of a list.
    pub fn end(&self) -> Result<PageEnd, DaoError> {
        self.ended(None)
    }

    /// The end of a full page; the next one begins after its last row.
    pub fn end_full(&self) -> Result<PageEnd, DaoError> {
        self.ended(self.last)
    }

    /// The end of a page that may read no further.
    pub fn cut_at(&self, next: Position) -> Result<PageEnd, DaoError> {
        self.ended(Some(next))
    }
}
