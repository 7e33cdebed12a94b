//! What accounts turned over in blocks of days, and lists of them from the most. No IO.
//!
//! A block is one day, 8 or 64 days that begin at a multiple of their number, or all time: each is the sum of those below
//! it. So any range of days is a few blocks, and a list of a block is read from its top. In a list accounts lie in
//! classes of nearly equal turnover, as an account that grows would else leave a deleted row behind each time.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use uuid::Uuid;

use super::ledger::{Account, Book};
use super::ranks::{TOP_CLASS, class_of};
use super::{Context, DaoError, Receipt};

/// Days of a block, by level.
const LENGTHS: [i32; 3] = [1, 8, 64];
/// Days of the longest blocks, which all time is the sum of.
pub const SPAN: i32 = 64;

/// Partitions of the list of a block.
pub const SHARDS: u8 = 4;

/// Accounts that one statement asks for, each in a partition of its own.
pub const IDS_AT_ONCE: usize = 100;
/// Accounts that one statement asks for in the partitions of their shard.
pub const IDS_OF_A_SHARD: usize = 200;
/// Partitions that one statement reads.
pub const PARTITIONS_AT_ONCE: usize = 100;

/// Days that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// Days since 1970.
    first: i32,
    /// 0 for all time.
    length: i32,
}

impl Block {
    /// Everything ever.
    pub const ALL: Self = Self { first: 0, length: 0 };

    /// One day, in days since 1970.
    pub const fn day(day: i32) -> Self {
        Self { first: day, length: 1 }
    }

    /// The longest block that holds a day but all time.
    pub const fn span(day: i32) -> Self {
        Self { first: day.div_euclid(SPAN) * SPAN, length: SPAN }
    }

    /// The number under which it is kept: the first day, then three digits for how many.
    pub fn code(self) -> i64 {
        i64::from(self.first) * 1_000 + i64::from(self.length)
    }

    /// The block of a number.
    pub fn of_code(code: i64) -> Option<Self> {
        let first = i32::try_from(code.div_euclid(1_000)).ok()?;
        let length = i32::try_from(code.rem_euclid(1_000)).ok()?;
        let known = Self { first, length };
        (LENGTHS.contains(&length) || known == Self::ALL).then_some(known)
    }

    /// Its days; `None` for all time.
    pub fn days(self) -> Option<RangeInclusive<i32>> {
        (self.length > 0).then(|| self.first..=self.first.saturating_add(self.length - 1))
    }

    /// The next block that holds it; `None` for all time.
    pub fn parent(self) -> Option<Self> {
        let longer = LENGTHS.into_iter().find(|length| *length > self.length);
        match (self.length, longer) {
            (0, _) => None,
            (_, Some(length)) => Some(Self { first: self.first.div_euclid(length) * length, length }),
            (_, None) => Some(Self::ALL),
        }
    }

    /// The blocks that it is the sum of; `spans` are the longest ones in use.
    pub fn children(self, spans: &[Self]) -> Vec<Self> {
        let Some(length) = LENGTHS.into_iter().rev().find(|length| *length < self.length) else {
            return if self == Self::ALL { spans.to_vec() } else { Vec::new() };
        };
        (0..self.length / length).map(|at| Self { first: self.first + at * length, length }).collect()
    }
}

/// The fewest blocks that are these days and no others; 64 days at a time, so ask for few years.
pub fn cover(days: RangeInclusive<i32>) -> Vec<Block> {
    let (mut day, last) = (i64::from(*days.start()), i64::from(*days.end()));
    let mut blocks = Vec::new();
    while day <= last {
        let fits = |length: i64| day.rem_euclid(length) == 0 && day + length - 1 <= last;
        let length = LENGTHS.into_iter().rev().find(|length| fits(i64::from(*length))).unwrap_or(1);
        let Ok(first) = i32::try_from(day) else { break };
        blocks.push(Block { first, length });
        day += i64::from(length);
    }
    blocks
}

/// The fewest blocks that are the days of a range, all days where there is none, without some days of it. Only what lies in
/// spans that are in use is of interest.
pub fn cover_used(days: Option<&RangeInclusive<i32>>, without: &[i32], spans: &[Block]) -> Vec<Block> {
    let holds_all = |days: &RangeInclusive<i32>| {
        spans.iter().filter_map(|span| span.days()).all(|span| days.start() <= span.start() && span.end() <= days.end())
    };
    if without.is_empty() && days.is_none_or(holds_all) {
        return vec![Block::ALL];
    }
    let mut blocks = Vec::new();
    for span in spans.iter().filter_map(|span| span.days()) {
        let (mut from, to) = match days {
            Some(days) => (*span.start().max(days.start()), *span.end().min(days.end())),
            None => (*span.start(), *span.end()),
        };
        let mut left_out: Vec<i32> = without.iter().copied().filter(|day| (from..=to).contains(day)).collect();
        left_out.sort_unstable();
        left_out.dedup();
        for day in left_out {
            blocks.extend(cover(from..=day - 1));
            from = day + 1;
        }
        blocks.extend(cover(from..=to));
    }
    blocks
}

/// The partition of each block's list in which an account lies.
pub const fn shard_of(id: Uuid) -> u8 {
    id.as_bytes()[15] % SHARDS
}

/// Turnover as of a version: whoever sums up the same changes or more of them has the same or a higher version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Units sold or cents spent.
    pub amount: i64,
    pub version: i64,
}

impl Turnover {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { amount: self.amount.saturating_add(other.amount), version: self.version.saturating_add(other.version) }
    }
}

/// Where a row stands in a list: the higher its class the further up, and by id in a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Ascends from the top of a list.
    pub rank: i32,
    pub id: Uuid,
}

impl Place {
    /// Before the first row of a list.
    pub const TOP: Self = Self { rank: -1, id: Uuid::nil() };

    /// The place of an account with this turnover; `None` with nothing.
    pub fn of(id: Uuid, amount: i64) -> Option<Self> {
        let rank = i32::try_from(TOP_CLASS - class_of(amount)?).ok()?;
        Some(Self { rank, id })
    }

    /// The class of the row.
    pub fn class(self) -> i64 {
        TOP_CLASS - i64::from(self.rank)
    }
}

/// An account in the list of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub block: Block,
    pub place: Place,
    /// As of when it was put there.
    pub amount: i64,
}

/// What becomes of an account in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub account: Account,
    pub block: Block,
    /// What it was ranked by.
    pub before: i64,
    pub after: Turnover,
}

impl Change {
    fn partition(&self) -> (Book, Block, u8) {
        (self.account.book, self.block, shard_of(self.account.id))
    }
}

/// Rows that a change writes at most.
const ROWS_OF_A_CHANGE: usize = 3;
/// Rows that one batch writes to one partition …
const ROWS_OF_A_PARTITION: usize = 600;
/// … and to several, of which Cassandra warns beyond 5 KiB or 10 partitions.
const ROWS_OF_A_MIXED_BATCH: usize = 42;
const PARTITIONS_OF_A_BATCH: usize = 10;

/// Changes as they go together into batches: one partition has a batch of its own, or few rows of several share one.
pub fn batches(mut changes: Vec<Change>) -> Vec<Vec<Change>> {
    changes.sort_by_key(|change| (change.partition(), change.account.id));
    let (mut batches, mut mixed, mut partitions) = (Vec::new(), Vec::new(), 0);
    for of_partition in changes.chunk_by(|one, other| one.partition() == other.partition()) {
        for some in of_partition.chunks(ROWS_OF_A_PARTITION / ROWS_OF_A_CHANGE) {
            let rows = |changes: &[Change]| changes.len() * ROWS_OF_A_CHANGE;
            if rows(some) > ROWS_OF_A_MIXED_BATCH / 2 {
                batches.push(some.to_vec());
                continue;
            }
            if partitions == PARTITIONS_OF_A_BATCH || rows(&mixed) + rows(some) > ROWS_OF_A_MIXED_BATCH {
                batches.push(std::mem::take(&mut mixed));
                partitions = 0;
            }
            mixed.extend_from_slice(some);
            partitions += 1;
        }
    }
    batches.push(mixed);
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// Some lists of a book from a place on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    pub book: Book,
    pub blocks: Vec<Block>,
    pub shards: Vec<u8>,
    pub after: Place,
    /// Rows of each block and shard.
    pub limit: usize,
}

/// Keeps turnover by blocks. Each method is one statement, but where it says otherwise, and bounded by the deadline of its
/// context.
#[async_trait]
pub trait BlockDao: Send + Sync {
    /// What accounts of one shard turned over in blocks, as it was written last; what never was is left out.
    async fn turnovers(
        &self,
        cx: &Context,
        book: Book,
        blocks: &[Block],
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Block, Turnover)>, DaoError>;

    /// The first rows of lists after a place: of each block and shard at most `limit`, in their order.
    async fn rows(&self, cx: &Context, lists: &Lists) -> Result<(Vec<Row>, Receipt), DaoError>;

    /// Makes changes of one of [`batches`]. Of two changes of an account in a block the one of the higher version stays,
    /// whatever their order; the removal of what it was ranked by leaves what a later version, or this one, put there.
    async fn write(&self, cx: &Context, changes: &[Change]) -> Result<(), DaoError>;

    /// Takes out a row that says what is no longer so: the account turned over something else, as of this version.
    async fn remove(&self, cx: &Context, book: Book, row: &Row, version: i64) -> Result<(), DaoError>;

    /// The blocks of 64 days of a book that hold anything, ascending.
    async fn spans(&self, cx: &Context, book: Book) -> Result<Vec<Block>, DaoError>;

    /// Notes a block of 64 days before anything is written that it holds.
    async fn use_span(&self, cx: &Context, book: Book, span: Block) -> Result<(), DaoError>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_is_the_sum_of_its_children_and_its_number_tells_which_it_is() {
        let day = Block::day(20_421);
        let path: Vec<Block> = std::iter::successors(Some(day), |block| block.parent()).collect();
        assert_eq!(path.len(), 4);
        assert_eq!(path[1].days(), Some(20_416..=20_423));
        assert_eq!(path[2], Block::span(20_421));
        assert_eq!(path[3], Block::ALL);
        for (child, parent) in path.iter().zip(&path[1..]) {
            assert!(parent.children(&[Block::span(20_421)]).contains(child), "{parent:?}");
            assert_eq!(Block::of_code(child.code()), Some(*child));
        }
        assert_eq!(path[2].children(&[]).iter().flat_map(|block| block.children(&[])).count(), 64);
        assert_eq!(Block::of_code(Block::ALL.code()), Some(Block::ALL));
        assert_eq!(Block::of_code(5_007), None);
        assert_eq!(Block::of_code(Block::day(-3).code()), Some(Block::day(-3)));
    }

    proptest! {
        #[test]
        fn any_range_is_covered_exactly_by_few_blocks(from in -2_000_i32..30_000, length in 0_i32..1_200) {
            let blocks = cover(from..=from + length);
            let days: Vec<i32> = blocks.iter().flat_map(|block| block.days().unwrap()).collect();
            prop_assert_eq!(days, (from..=from + length).collect::<Vec<_>>());
            prop_assert!(blocks.len() <= 28 + usize::try_from(length).unwrap() / 64, "{}", blocks.len());
        }

        #[test]
        fn days_are_left_out_and_spans_that_are_not_in_use(
            from in 0_i32..900, length in 0_i32..900, without in prop::collection::vec(0_i32..1_000, 0..4),
            used in prop::collection::btree_set(0_i32..15, 0..8),
        ) {
            let spans: Vec<Block> = used.iter().map(|at| Block::span(at * SPAN)).collect();
            let range = from..=from + length;
            let blocks = cover_used(Some(&range), &without, &spans);
            let in_use = |day: &i32| used.contains(&(day / SPAN));
            let expected: Vec<i32> = range.filter(|day| in_use(day) && !without.contains(day)).collect();
            if blocks == [Block::ALL] {
                let all: Vec<i32> = spans.iter().flat_map(|span| span.days().unwrap()).collect();
                prop_assert_eq!(expected, all);
            } else {
                let days: Vec<i32> = blocks.iter().flat_map(|block| block.days().unwrap()).collect();
                prop_assert_eq!(days, expected);
            }
        }

        #[test]
        fn batches_are_bounded_and_make_every_change_once(
            many in prop::collection::vec((any::<u128>(), 0_i32..3), 0..900),
        ) {
            let changes: Vec<Change> = many.iter().map(|(id, day)| Change {
                account: Account::stock(Uuid::from_u128(*id)),
                block: Block::day(*day),
                before: 0,
                after: Turnover { amount: 1, version: 1 },
            }).collect();
            let batches = batches(changes.clone());
            prop_assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), changes.len());
            for batch in &batches {
                let mut partitions: Vec<_> = batch.iter().map(Change::partition).collect();
                partitions.dedup();
                let most = if partitions.len() == 1 { ROWS_OF_A_PARTITION } else { ROWS_OF_A_MIXED_BATCH };
                prop_assert!(batch.len() * ROWS_OF_A_CHANGE <= most && partitions.len() <= PARTITIONS_OF_A_BATCH);
            }
        }
    }
}
