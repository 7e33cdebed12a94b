//! Blocks in sorted maps behind one lock: each call is atomic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use crate::dao::blocks::{Block, BlockDao, Change, Lists, Place, Row, Turnover, shard_of};
use crate::dao::ledger::Book;
use crate::dao::{Context, DaoError, Level, Receipt};

type Key = (Book, Block, u8);

/// A row of a list, or of one that was removed.
#[derive(Debug, Clone, Copy, Default)]
struct Listed {
    amount: i64,
    put_at: i64,
    removed_at: i64,
}

impl Listed {
    const fn is_there(&self) -> bool {
        self.put_at > self.removed_at
    }
}

#[derive(Debug, Default)]
struct Tables {
    turnovers: HashMap<(Key, Uuid), Turnover>,
    lists: HashMap<Key, BTreeMap<Place, Listed>>,
    spans: BTreeSet<(Book, Block)>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryBlocks {
    tables: Mutex<Tables>,
}

impl MemoryBlocks {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlockDao for MemoryBlocks {
    async fn turnovers(
        &self,
        _cx: &Context,
        book: Book,
        blocks: &[Block],
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Block, Turnover)>, DaoError> {
        let tables = self.tables();
        let keys = blocks.iter().flat_map(|block| ids.iter().map(move |id| (*id, *block)));
        let found = keys.filter_map(|(id, block)| {
            let turnover = tables.turnovers.get(&((book, block, shard_of(id)), id))?;
            Some((id, block, *turnover))
        });
        Ok(found.collect())
    }

    async fn rows(&self, cx: &Context, lists: &Lists) -> Result<(Vec<Row>, Receipt), DaoError> {
        let tables = self.tables();
        let mut found = Vec::new();
        for block in &lists.blocks {
            for shard in &lists.shards {
                let Some(list) = tables.lists.get(&(lists.book, *block, *shard)) else { continue };
                let after = (std::ops::Bound::Excluded(lists.after), std::ops::Bound::Unbounded);
                let rows = list.range(after).filter(|(_, listed)| listed.is_there()).take(lists.limit);
                found.extend(rows.map(|(place, listed)| Row { block: *block, place: *place, amount: listed.amount }));
            }
        }
        Ok((found, Receipt::local(cx.level.unwrap_or(Level::LocalQuorum))))
    }

    async fn write(&self, _cx: &Context, changes: &[Change]) -> Result<(), DaoError> {
        let mut tables = self.tables();
        for Change { account, block, before, after } in changes {
            let key = (account.book, *block, shard_of(account.id));
            let known = tables.turnovers.entry((key, account.id)).or_default();
            if known.version <= after.version {
                *known = *after;
            }
            let list = tables.lists.entry(key).or_default();
            let (old, new) = (Place::of(account.id, *before), Place::of(account.id, after.amount));
            if let Some(old) = old.filter(|old| Some(*old) != new) {
                let listed = list.entry(old).or_default();
                listed.removed_at = listed.removed_at.max(after.version * 2);
            }
            if let Some(new) = new {
                let listed = list.entry(new).or_default();
                if listed.put_at <= after.version * 2 + 1 {
                    (listed.put_at, listed.amount) = (after.version * 2 + 1, after.amount);
                }
            }
        }
        Ok(())
    }

    async fn remove(&self, _cx: &Context, book: Book, row: &Row, version: i64) -> Result<(), DaoError> {
        let mut tables = self.tables();
        let list = tables.lists.entry((book, row.block, shard_of(row.place.id))).or_default();
        let listed = list.entry(row.place).or_default();
        listed.removed_at = listed.removed_at.max(version * 2);
        Ok(())
    }

    async fn spans(&self, _cx: &Context, book: Book) -> Result<Vec<Block>, DaoError> {
        let tables = self.tables();
        Ok(tables.spans.iter().filter(|(of, _)| *of == book).map(|(_, span)| *span).collect())
    }

    async fn use_span(&self, _cx: &Context, book: Book, span: Block) -> Result<(), DaoError> {
        self.tables().spans.insert((book, span));
        Ok(())
    }
}
