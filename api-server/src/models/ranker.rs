//! Ranks accounts whose turnover has changed: sums up their days anew and puts them where they belong in every block that
//! holds these days. Out of the way of orders, and many accounts at once, as most statements are for all of them together.
//! IO only through the DAOs' traits.
//!
//! A block is the sum of its children, which another process may be changing. So what was written is read again, until a
//! read finds nothing to change: of two who have each missed what the other wrote at least one reads last and finds it, and
//! as its sum is of more changes it has the higher version, which stays.

mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use self::tree::{Decision, decide, needed};
use crate::dao::blocks::{
    Block, BlockDao, Change, IDS_AT_ONCE, IDS_OF_A_SHARD, Lists, PARTITIONS_AT_ONCE, Place, SHARDS, Turnover, batches,
    shard_of,
};
use crate::dao::ledger::{Account, Book};
use crate::dao::ranks::Turned;
use crate::dao::turnovers::{OnDay, TurnoverDao};
use crate::dao::{Context, DaoError};

/// Statements under way at once.
const AT_ONCE: usize = 8;
/// Reads after which others are taken to change the same accounts without end.
const ROUNDS: usize = 16;

/// See the module.
#[derive(Clone)]
pub struct Ranker {
    blocks: Arc<dyn BlockDao>,
    turnovers: Arc<dyn TurnoverDao>,
}

/// What accounts of a book turned over on days, as it was read.
type Days = BTreeMap<Uuid, BTreeMap<i32, Turnover>>;

impl Ranker {
    /// A ranker over DAOs.
    pub fn new(blocks: Arc<dyn BlockDao>, turnovers: Arc<dyn TurnoverDao>) -> Self {
        Self { blocks, turnovers }
    }

    /// Ranks these accounts anew. Harmless to repeat; what a failure leaves half-way is put right by the next call for the
    /// same accounts and days.
    #[tracing::instrument(name = "model.ranker.rank", skip_all)]
    pub async fn rank(&self, cx: &Context, turned: &[Turned]) -> Result<(), DaoError> {
        let mut by_day: BTreeMap<(Book, i32), BTreeSet<Uuid>> = BTreeMap::new();
        for Turned { account, day } in turned {
            by_day.entry((account.book, *day)).or_default().insert(account.id);
        }
        for book in [Book::Stock, Book::Spending] {
            let of_book = by_day.iter().filter(|((of, _), _)| *of == book);
            let asks: Vec<(i32, Vec<Uuid>)> = of_book.flat_map(|((_, day), ids)| some_of(*day, ids)).collect();
            let read = stream::iter(asks).map(|(day, ids)| async move {
                let found = self.turnovers.on_day(cx, book, day, &ids).await?;
                // One that has nothing is looked at, too: it may have had something.
                let nothing = ids.into_iter().map(|id| OnDay { id, day, turnover: Turnover::default() });
                Ok::<_, DaoError>(nothing.chain(found).collect::<Vec<_>>())
            });
            let read: Vec<Vec<OnDay>> = read.buffer_unordered(AT_ONCE).try_collect().await?;
            self.put(cx, book, days_of(read.into_iter().flatten())).await?;
        }
        Ok(())
    }

    /// Ranks everything that some accounts ever turned over.
    pub async fn rank_all(&self, cx: &Context, book: Book, ids: &[Uuid]) -> Result<(), DaoError> {
        let asks: Vec<Vec<Uuid>> = ids.chunks(ALL_DAYS_AT_ONCE).map(<[Uuid]>::to_vec).collect();
        let read = stream::iter(asks).map(|some| async move { self.turnovers.on_all_days(cx, book, &some).await });
        let read: Vec<Vec<OnDay>> = read.buffered(AT_ONCE).try_collect().await?;
        self.put(cx, book, days_of(read.into_iter().flatten())).await
    }

    /// Accounts of a shard that were ever ranked and have not lost all since, from a place of the list of all time on; and
    /// where to go on, if there may be more.
    pub async fn ranked(
        &self,
        cx: &Context,
        book: Book,
        shard: u8,
        after: Place,
    ) -> Result<(Vec<Uuid>, Option<Place>), DaoError> {
        let lists = Lists { book, blocks: vec![Block::ALL], shards: vec![shard], after, limit: IDS_AT_ONCE };
        let (rows, _) = self.blocks.rows(cx, &lists).await?;
        let next = rows.last().filter(|_| rows.len() == IDS_AT_ONCE).map(|row| row.place);
        Ok((rows.iter().map(|row| row.place.id).collect(), next))
    }

    async fn put(&self, cx: &Context, book: Book, mut days: Days) -> Result<(), DaoError> {
        if days.is_empty() {
            return Ok(());
        }
        let mut spans = self.blocks.spans(cx, book).await?;
        let new: BTreeSet<Block> = days.values().flat_map(BTreeMap::keys).map(|day| Block::span(*day)).collect();
        for span in new.into_iter().filter(|span| !spans.contains(span)).collect::<Vec<_>>() {
            self.blocks.use_span(cx, book, span).await?;
            spans.push(span);
        }
        for round in 0..ROUNDS {
            if round > 0 {
                // Others may have begun a span.
                spans = self.blocks.spans(cx, book).await?;
            }
            let known = self.known(cx, book, &days, &spans).await?;
            let mut changes: Vec<Change> = Vec::new();
            days.retain(|id, of_days| {
                let account = Account { book, id: *id };
                let Decision { changes: of_account, overtaken } = decide(account, of_days, &known, &spans);
                let goes_on = overtaken || !of_account.is_empty();
                changes.extend(of_account);
                goes_on
            });
            if days.is_empty() {
                return Ok(());
            }
            let writes = stream::iter(
                batches(changes).into_iter().map(|batch| async move { self.blocks.write(cx, &batch).await }),
            );
            writes.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        }
        Err(DaoError::Contended)
    }

    /// What is known of these accounts in the blocks of their days and those beside them.
    async fn known(
        &self,
        cx: &Context,
        book: Book,
        days: &Days,
        spans: &[Block],
    ) -> Result<HashMap<(Uuid, Block), Turnover>, DaoError> {
        let mut asks: Vec<(Vec<Block>, Vec<Uuid>)> = Vec::new();
        for shard in 0..SHARDS {
            let mut of_shard: Vec<(Vec<i32>, Uuid)> = Vec::new();
            for (id, of_days) in days.iter().filter(|(id, _)| shard_of(**id) == shard) {
                of_shard.push((of_days.keys().copied().collect(), *id));
            }
            // Those of the same days are asked for together.
            of_shard.sort_unstable();
            let (mut blocks, mut ids) = (BTreeSet::new(), Vec::new());
            let mut ask = |blocks: &mut BTreeSet<Block>, ids: &mut Vec<Uuid>| {
                let all: Vec<Block> = std::mem::take(blocks).into_iter().collect();
                let ids = std::mem::take(ids);
                asks.extend(all.chunks(PARTITIONS_AT_ONCE).map(|some| (some.to_vec(), ids.clone())));
            };
            for (of_days, id) in of_shard {
                let needed = needed(&of_days, spans);
                let more = needed.iter().filter(|block| !blocks.contains(*block)).count();
                if ids.len() == IDS_OF_A_SHARD || (!ids.is_empty() && blocks.len() + more > PARTITIONS_AT_ONCE) {
                    ask(&mut blocks, &mut ids);
                }
                blocks.extend(needed);
                ids.push(id);
            }
            ask(&mut blocks, &mut ids);
        }
        let read =
            stream::iter(asks).map(|(blocks, ids)| async move { self.blocks.turnovers(cx, book, &blocks, &ids).await });
        let read: Vec<Vec<(Uuid, Block, Turnover)>> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(read.into_iter().flatten().map(|(id, block, turnover)| ((id, block), turnover)).collect())
    }
}

/// Accounts of which every day is read at once.
const ALL_DAYS_AT_ONCE: usize = 20;

fn some_of(day: i32, ids: &BTreeSet<Uuid>) -> Vec<(i32, Vec<Uuid>)> {
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    ids.chunks(IDS_AT_ONCE).map(|some| (day, some.to_vec())).collect()
}

/// The last of an account and day counts.
fn days_of(read: impl Iterator<Item = OnDay>) -> Days {
    let mut days = Days::new();
    for OnDay { id, day, turnover } in read {
        days.entry(id).or_default().insert(day, turnover);
    }
    days
}

#[cfg(test)]
pub mod tests;
