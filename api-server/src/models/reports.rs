//! The reports: who spent most, what sold most. IO only through the DAOs' traits.
//!
//! A range of days is a few blocks, whose lists are read from their tops until nothing below can come in ([`merge`]). What
//! has changed since it was ranked is summed up for the report: the days that have changed from where they are decided, all
//! others from blocks that hold none of them.

mod merge;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use self::merge::{Ask, Merge, Step};
use super::error::{ModelError, Violation};
use crate::dao::blocks::{
    Block, BlockDao, IDS_AT_ONCE, IDS_OF_A_SHARD, Lists, PARTITIONS_AT_ONCE, Place, Row, SHARDS, Turnover, cover_used,
    shard_of,
};
use crate::dao::ledger::Book;
use crate::dao::ranks::Unranked;
use crate::dao::turnovers::TurnoverDao;
use crate::dao::{Context, DaoError, Receipt};

/// Statements of one report under way at once.
const AT_ONCE: usize = 8;
/// Rows out of date that one report removes.
const REMOVED_MAX: usize = 4;

/// Reports over the books.
#[derive(Clone)]
pub struct Reports {
    blocks: Arc<dyn BlockDao>,
    turnovers: Arc<dyn TurnoverDao>,
    unranked: Arc<dyn Unranked>,
}

/// Accounts with their turnover, the most first, and who answered.
pub type Ranking = (Vec<(Uuid, i64)>, Option<Receipt>);

impl Reports {
    /// Reports over DAOs.
    pub fn new(blocks: Arc<dyn BlockDao>, turnovers: Arc<dyn TurnoverDao>, unranked: Arc<dyn Unranked>) -> Self {
        Self { blocks, turnovers, unranked }
    }

    /// The `limit` accounts of a book with the most turnover, of all time or of a range of days, descending, equal ones by
    /// id; those with none are left out.
    #[tracing::instrument(name = "model.reports.top", skip_all)]
    pub async fn top(
        &self,
        cx: &Context,
        book: Book,
        limit: usize,
        days: Option<RangeInclusive<i32>>,
    ) -> Result<Ranking, ModelError> {
        let cx = &cx.of_many().across_partitions();
        // Before anything that was ranked is read: what is ranked in between is then found there.
        let changed = self.changed(cx, book, days.as_ref()).await?;
        let spans = self.blocks.spans(cx, book).await?;
        let blocks = cover_used(days.as_ref(), &[], &spans);
        let mut merge = Merge::new(limit, blocks.clone());
        for (id, amount) in self.sums_of_changed(cx, book, days.as_ref(), &changed, &spans).await? {
            merge.sum(id, amount);
        }
        let mut receipt = None;
        loop {
            match merge.step() {
                Step::Read(asks) => {
                    for (ask, rows, read) in self.read(cx, book, asks).await? {
                        receipt = Some(read);
                        merge.read(&ask, &rows);
                    }
                }
                Step::Sum(ids) => {
                    let sums = self.sums(cx, book, &blocks, &ids).await?;
                    self.remove_stale(cx, book, &merge, &sums).await?;
                    for id in ids {
                        merge.sum(id, sums.get(&id).map_or(0, |sum| sum.amount));
                    }
                }
                Step::Done => return Ok((merge.into_rows(), receipt)),
                Step::TooMany => return Err(too_many()),
            }
        }
    }

    /// Accounts with days of the range that may have changed since they were ranked.
    async fn changed(
        &self,
        cx: &Context,
        book: Book,
        days: Option<&RangeInclusive<i32>>,
    ) -> Result<BTreeMap<Uuid, Vec<i32>>, DaoError> {
        let mut changed: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
        for turned in self.unranked.unranked(cx).await? {
            if turned.account.book == book && days.is_none_or(|days| days.contains(&turned.day)) {
                changed.entry(turned.account.id).or_default().insert(turned.day);
            }
        }
        Ok(changed.into_iter().map(|(id, days)| (id, days.into_iter().collect())).collect())
    }

    /// The sums of accounts that have changed: these days as they are, and blocks without them.
    async fn sums_of_changed(
        &self,
        cx: &Context,
        book: Book,
        days: Option<&RangeInclusive<i32>>,
        changed: &BTreeMap<Uuid, Vec<i32>>,
        spans: &[Block],
    ) -> Result<HashMap<Uuid, i64>, DaoError> {
        let (mut by_day, mut by_days) = (BTreeMap::<i32, Vec<Uuid>>::new(), BTreeMap::<&Vec<i32>, Vec<Uuid>>::new());
        for (id, of_account) in changed {
            by_days.entry(of_account).or_default().push(*id);
            for day in of_account {
                by_day.entry(*day).or_default().push(*id);
            }
        }
        let mut sums: HashMap<Uuid, i64> = changed.keys().map(|id| (*id, 0)).collect();
        let mut add = |id: Uuid, amount: i64| {
            let sum = sums.entry(id).or_default();
            *sum = sum.saturating_add(amount);
        };
        let asks = by_day.iter().flat_map(|(day, ids)| ids.chunks(IDS_AT_ONCE).map(move |some| (*day, some.to_vec())));
        let asks: Vec<(i32, Vec<Uuid>)> = asks.collect();
        let read = stream::iter(asks).map(|(day, ids)| async move { self.turnovers.on_day(cx, book, day, &ids).await });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        for on_day in read.into_iter().flatten() {
            add(on_day.id, on_day.turnover.amount);
        }
        for (without, ids) in by_days {
            let blocks = cover_used(days, without, spans);
            for (id, sum) in self.sums(cx, book, &blocks, &ids).await? {
                add(id, sum.amount);
            }
        }
        Ok(sums)
    }

    async fn read(&self, cx: &Context, book: Book, asks: Vec<Ask>) -> Result<Vec<(Ask, Vec<Row>, Receipt)>, DaoError> {
        let read = stream::iter(asks).map(|ask| async move {
            let Ask { blocks, shards, after, limit } = ask.clone();
            let (rows, receipt) = self.blocks.rows(cx, &Lists { book, blocks, shards, after, limit }).await?;
            Ok::<_, DaoError>((ask, rows, receipt))
        });
        read.buffered(AT_ONCE).try_collect().await
    }

    /// What accounts turned over in all of some blocks.
    async fn sums(
        &self,
        cx: &Context,
        book: Book,
        blocks: &[Block],
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Turnover>, DaoError> {
        let mut asks: Vec<(Vec<Block>, Vec<Uuid>)> = Vec::new();
        for shard in 0..SHARDS {
            let of_shard: Vec<Uuid> = ids.iter().copied().filter(|id| shard_of(*id) == shard).collect();
            for some in of_shard.chunks(IDS_OF_A_SHARD) {
                asks.extend(blocks.chunks(PARTITIONS_AT_ONCE).map(|blocks| (blocks.to_vec(), some.to_vec())));
            }
        }
        let read =
            stream::iter(asks).map(|(blocks, ids)| async move { self.blocks.turnovers(cx, book, &blocks, &ids).await });
        let read: Vec<Vec<(Uuid, Block, Turnover)>> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut sums: HashMap<Uuid, Turnover> = HashMap::new();
        for (id, _, turnover) in read.into_iter().flatten() {
            let sum = sums.entry(id).or_default();
            *sum = sum.plus(turnover);
        }
        Ok(sums)
    }

    /// Two processes at once may leave an account in two classes of a list. What is out of date is taken out where it is
    /// met, so that it is not met for ever.
    async fn remove_stale(
        &self,
        cx: &Context,
        book: Book,
        merge: &Merge,
        sums: &HashMap<Uuid, Turnover>,
    ) -> Result<(), DaoError> {
        let stale = sums.iter().filter_map(|(id, sum)| {
            let (block, amount) = merge.met(*id)?;
            let place = Place::of(*id, amount)?;
            (Place::of(*id, sum.amount) != Some(place)).then_some((Row { block, place, amount }, sum.version))
        });
        for (row, version) in stale.take(REMOVED_MAX) {
            self.blocks.remove(cx, book, &row, version).await?;
        }
        Ok(())
    }
}

fn too_many() -> ModelError {
    let detail = "more than a million accounts are nearly equal in these days, ask for other days";
    ModelError::Invalid(vec![Violation::new("query:from", "too_many_candidates", detail)])
}

#[cfg(test)]
pub mod tests;
