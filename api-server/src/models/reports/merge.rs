//! The accounts with the most over several lists, of which only the tops are read. Pure: it is fed pages of lists and exact
//! sums of single accounts, and tells what to read next.
//!
//! An account that was met in none of the lists so far has no more than the sum of what each list can still hold; one that
//! was met in some has no more than what it has there and what the others can hold. So the first so-and-so many are known
//! for sure as soon as the least of them is ahead of all that. (This is the threshold algorithm of Fagin, Lotem and Naor.)

#![deny(clippy::disallowed_methods)]

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use crate::dao::blocks::{Block, PARTITIONS_AT_ONCE, Place, Row, SHARDS, shard_of};
use crate::dao::ranks::bound_of;

/// Lists that one report may be made of: 40 years of 64 days each are fewer.
pub const LISTS_MAX: usize = 256;
/// Accounts that are kept in mind at once, 56 bytes each, and of which one has to be among the first.
pub const SEEN_MAX: usize = 1_000_000;
/// Rows of each shard that the first, the second and all other pages of a list have.
const PAGES: [usize; 3] = [100, 1_000, 10_000];
/// Rows of one statement, about.
const ROWS_AT_ONCE: usize = 40_000;
/// Lists that are read on at the same time.
const READ_ON: usize = 6;
/// Accounts that are summed up at once, and rather than reading on in lists.
const SUMS_AT_ONCE: usize = 200;
/// From so many on, accounts that cannot come in any more are forgotten.
const FORGET_FROM: usize = 20_000;

/// Rows to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub blocks: Vec<Block>,
    pub shards: Vec<u8>,
    pub after: Place,
    /// Of each block and shard.
    pub limit: usize,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Read(Vec<Ask>),
    /// The exact sums of these accounts.
    Sum(Vec<Uuid>),
    Done,
    /// More accounts may be among the first than can be kept in mind.
    TooMany,
}

/// How far a list was read.
struct List {
    block: Block,
    /// By shard; `None` where it has ended.
    read: [Option<Place>; SHARDS as usize],
    pages: usize,
}

/// What rows that were not read yet can have at most, and the least id that one with so much can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound {
    amount: i64,
    above: Uuid,
}

impl List {
    /// What a row that was not read can have; 0 where there is none.
    fn bound(&self) -> Bound {
        let open = self.read.iter().flatten().map(|last| {
            if *last == Place::TOP {
                return Bound { amount: i64::MAX, above: Uuid::nil() };
            }
            let amount = bound_of(last.class()) - 1;
            // In a class of one turnover rows are in the order of reports.
            let of_one = bound_of(last.class() - 1) == amount;
            Bound { amount, above: if of_one { last.id } else { Uuid::nil() } }
        });
        let most = open.reduce(|one, other| match one.amount.cmp(&other.amount) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => one,
            std::cmp::Ordering::Equal => Bound { amount: one.amount, above: one.above.min(other.above) },
        });
        most.unwrap_or(Bound { amount: 0, above: Uuid::nil() })
    }

    fn is_open(&self) -> bool {
        self.read.iter().any(Option::is_some)
    }
}

/// An account that was met.
struct Seen {
    sum: i64,
    /// The lists in which it was met.
    lists: [u64; LISTS_MAX / 64],
}

impl Seen {
    const fn is_in(&self, list: usize) -> bool {
        self.lists[list / 64] & (1 << (list % 64)) != 0
    }

    /// What it can have at most.
    fn most(&self, bounds: &[Bound], of_all: i64) -> i64 {
        let known = bounds.iter().enumerate().filter(|(at, _)| self.is_in(*at)).map(|(_, bound)| bound.amount);
        // The bound of a list that was not read at all is beyond any sum.
        if of_all == i64::MAX {
            return i64::MAX;
        }
        self.sum.saturating_add(of_all - known.sum::<i64>())
    }
}

/// A report in the making.
pub struct Merge {
    limit: usize,
    lists: Vec<List>,
    at: HashMap<Block, usize>,
    seen: HashMap<Uuid, Seen>,
    /// Accounts whose sums are known.
    summed: HashSet<Uuid>,
    /// The best of them.
    best: BTreeSet<(Reverse<i64>, Uuid)>,
    begun: bool,
    pages: [usize; 3],
}

impl Merge {
    /// The `limit` accounts with the most in all of these lists together.
    pub fn new(limit: usize, blocks: Vec<Block>) -> Self {
        let at = blocks.iter().enumerate().map(|(at, block)| (*block, at)).collect();
        let read = [Some(Place::TOP); SHARDS as usize];
        let lists = blocks.into_iter().map(|block| List { block, read, pages: 0 }).collect();
        let (seen, summed, best) = (HashMap::new(), HashSet::new(), BTreeSet::new());
        Self { limit, lists, at, seen, summed, best, begun: false, pages: PAGES }
    }

    /// Takes in what was read for a question.
    pub fn read(&mut self, ask: &Ask, rows: &[Row]) {
        let mut counts: HashMap<(usize, usize), (usize, Place)> = HashMap::new();
        for row in rows {
            let Some(at) = self.at.get(&row.block).copied() else { continue };
            let (shard, id) = (usize::from(shard_of(row.place.id)), row.place.id);
            let count = counts.entry((at, shard)).or_insert((0, row.place));
            *count = (count.0 + 1, count.1.max(row.place));
            if self.summed.contains(&id) {
                continue;
            }
            let seen = self.seen.entry(id).or_insert(Seen { sum: 0, lists: [0; LISTS_MAX / 64] });
            // Met again, further down: one of the rows is out of date, and this one says less.
            if !seen.is_in(at) {
                seen.lists[at / 64] |= 1 << (at % 64);
                seen.sum = seen.sum.saturating_add(row.amount);
            }
        }
        for block in &ask.blocks {
            let Some(at) = self.at.get(block).copied() else { continue };
            self.lists[at].pages += 1;
            for shard in &ask.shards {
                let shard = usize::from(*shard);
                let (count, last) = counts.get(&(at, shard)).copied().unwrap_or((0, Place::TOP));
                self.lists[at].read[shard] = (count >= ask.limit).then_some(last);
            }
        }
    }

    /// Takes in the exact sum of an account.
    pub fn sum(&mut self, id: Uuid, amount: i64) {
        self.seen.remove(&id);
        if self.summed.insert(id) && amount > 0 {
            self.best.insert((Reverse(amount), id));
            if self.best.len() > self.limit {
                self.best.pop_last();
            }
        }
    }

    /// Where an account was met, and what it had there, in a report of one list.
    pub fn met(&self, id: Uuid) -> Option<(Block, i64)> {
        match self.lists.as_slice() {
            [list] => Some((list.block, self.seen.get(&id)?.sum)),
            _ => None,
        }
    }

    /// Whether one with at most so much, and an id not below this one, can still come in.
    fn may_come_in(&self, amount: i64, id: Uuid) -> bool {
        match self.best.last() {
            Some(least) if self.best.len() == self.limit => (Reverse(amount), id) < *least,
            _ => amount > 0,
        }
    }

    /// What to do next.
    pub fn step(&mut self) -> Step {
        if self.limit == 0 || self.lists.is_empty() {
            return Step::Done;
        }
        if self.lists.len() > LISTS_MAX {
            return Step::TooMany;
        }
        if !self.begun {
            self.begun = true;
            return Step::Read(from_the_top(self.lists.iter().map(|list| list.block), self.pages[0]));
        }
        let bounds: Vec<Bound> = self.lists.iter().map(List::bound).collect();
        let of_all = bounds.iter().fold(0_i64, |sum, bound| sum.saturating_add(bound.amount));
        let above = bounds.iter().map(|bound| bound.above).max().unwrap_or_default();
        let mut may: Vec<(i64, i64, Uuid)> = Vec::new();
        for (id, seen) in &self.seen {
            let most = seen.most(&bounds, of_all);
            if self.may_come_in(most, *id) {
                may.push((seen.sum, most, *id));
            }
        }
        if self.seen.len() > FORGET_FROM && self.best.len() == self.limit {
            // What cannot come in now never can: bounds only fall, and the least of the first only rises.
            let may: HashSet<Uuid> = may.iter().map(|(.., id)| *id).collect();
            self.seen.retain(|id, _| may.contains(id));
        }
        if self.seen.len() > SEEN_MAX {
            return Step::TooMany;
        }
        let unseen = of_all > 0 && self.may_come_in(of_all, above);
        if may.is_empty() && !unseen {
            return Step::Done;
        }
        // Those who are ahead by what they have for sure: they raise what the others have to reach.
        let mut ahead: Vec<(i64, Uuid)> =
            may.iter().filter(|(sum, _, id)| self.may_come_in(*sum, *id)).map(|(sum, _, id)| (*sum, *id)).collect();
        let wanted = (self.limit + self.limit / 2 + 10).min(SUMS_AT_ONCE);
        if !ahead.is_empty() {
            ahead.sort_unstable_by_key(|(sum, id)| (Reverse(*sum), *id));
            return Step::Sum(ahead.into_iter().take(wanted).map(|(_, id)| id).collect());
        }
        if of_all > 0 && (unseen || may.len() > SUMS_AT_ONCE) {
            return Step::Read(self.read_on(&bounds));
        }
        may.sort_unstable_by_key(|(_, most, id)| (Reverse(*most), *id));
        Step::Sum(may.into_iter().take(SUMS_AT_ONCE).map(|(.., id)| id).collect())
    }

    /// The next pages of the lists that hold most of what is not known.
    fn read_on(&self, bounds: &[Bound]) -> Vec<Ask> {
        let mut open: Vec<(i64, &List)> = self
            .lists
            .iter()
            .zip(bounds)
            .filter(|(list, _)| list.is_open())
            .map(|(list, bound)| (bound.amount, list))
            .collect();
        open.sort_by_key(|(amount, list)| (Reverse(*amount), list.block));
        let most = open.first().map_or(0, |(amount, _)| *amount);
        open.retain(|(amount, _)| *amount >= most / 2);
        // The first rows again, and more of them, are one question for many lists.
        let again: Vec<Block> = open.iter().filter(|(_, list)| list.pages == 1).map(|(_, list)| list.block).collect();
        if !again.is_empty() {
            return from_the_top(again.into_iter(), self.pages[1]);
        }
        let on = open.into_iter().take(READ_ON).map(|(_, list)| {
            let shards = (0..SHARDS).filter(|shard| list.read[usize::from(*shard)].is_some()).collect();
            let after = list.read.iter().flatten().min().copied().unwrap_or(Place::TOP);
            Ask { blocks: vec![list.block], shards, after, limit: self.pages[2] }
        });
        on.collect()
    }

    /// The first accounts with their sums, the most first.
    pub fn into_rows(self) -> Vec<(Uuid, i64)> {
        self.best.into_iter().map(|(Reverse(amount), id)| (id, amount)).collect()
    }
}

fn from_the_top(blocks: impl Iterator<Item = Block>, limit: usize) -> Vec<Ask> {
    let blocks: Vec<Block> = blocks.collect();
    let partitions = PARTITIONS_AT_ONCE.min(ROWS_AT_ONCE / limit);
    let shards: Vec<u8> = (0..SHARDS).collect();
    let some = blocks.chunks((partitions / shards.len()).max(1));
    some.map(|some| Ask { blocks: some.to_vec(), shards: shards.clone(), after: Place::TOP, limit }).collect()
}

#[cfg(test)]
mod tests;
