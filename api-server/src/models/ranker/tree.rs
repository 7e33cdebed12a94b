//! What becomes of an account in the blocks that hold some days. Pure.

#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::dao::blocks::{Block, Change, Turnover};
use crate::dao::ledger::Account;

/// What is to be written of an account.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub changes: Vec<Change>,
    /// Somebody has written a block as of more changes than were read: it is to be read again.
    pub overtaken: bool,
}

/// The blocks that hold some days, and all that they are sums of.
pub fn needed(days: &[i32], spans: &[Block]) -> BTreeSet<Block> {
    let mut needed = BTreeSet::new();
    for day in days {
        for block in path(*day) {
            needed.insert(block);
            needed.extend(block.children(spans));
        }
    }
    needed
}

/// A day and the blocks that hold it, from the shortest.
fn path(day: i32) -> impl Iterator<Item = Block> {
    std::iter::successors(Some(Block::day(day)), |block| block.parent())
}

/// Sums up the blocks of an account's days from what the days are now and what is known of the other blocks.
pub fn decide(
    account: Account,
    days: &BTreeMap<i32, Turnover>,
    known: &HashMap<(Uuid, Block), Turnover>,
    spans: &[Block],
) -> Decision {
    let known = |block: Block| known.get(&(account.id, block)).copied().unwrap_or_default();
    let mut now: BTreeMap<Block, Turnover> = BTreeMap::new();
    for (day, turnover) in days {
        let block = Block::day(*day);
        let before = known(block);
        // It may have been read later by somebody else.
        now.insert(block, if turnover.version > before.version { *turnover } else { before });
    }
    let mut level: BTreeSet<Block> = now.keys().copied().collect();
    while !level.is_empty() {
        level = level.iter().filter_map(|block| block.parent()).collect();
        for block in &level {
            let children = block.children(spans).into_iter();
            let of_children = children.map(|child| now.get(&child).copied().unwrap_or_else(|| known(child)));
            let sum = of_children.fold(Turnover::default(), Turnover::plus);
            now.insert(*block, sum);
        }
    }
    let mut decision = Decision::default();
    for (block, after) in now {
        let before = known(block);
        if after.version > before.version {
            decision.changes.push(Change { account, block, before: before.amount, after });
        }
        decision.overtaken |= after.version < before.version;
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turnover(amount: i64, version: i64) -> Turnover {
        Turnover { amount, version }
    }

    #[test]
    fn a_day_is_counted_in_all_that_holds_it_and_what_was_counted_beside_it_stays() {
        let account = Account::stock(Uuid::from_u128(7));
        let spans = [Block::span(0), Block::span(64)];
        let known: HashMap<(Uuid, Block), Turnover> = [
            (Block::day(3), turnover(5, 1)),
            (Block::day(4), turnover(2, 1)),
            (Block::day(3).parent().unwrap(), turnover(7, 2)),
            (Block::span(0), turnover(7, 2)),
            (Block::span(64), turnover(100, 9)),
            (Block::ALL, turnover(107, 11)),
        ]
        .into_iter()
        .map(|(block, turnover)| ((account.id, block), turnover))
        .collect();
        let days = BTreeMap::from([(3, turnover(6, 4))]);
        let decision = decide(account, &days, &known, &spans);
        let told: Vec<(Block, i64, Turnover)> =
            decision.changes.iter().map(|change| (change.block, change.before, change.after)).collect();
        let expected = BTreeSet::from([
            (Block::day(3), 5, (6, 4)),
            (Block::day(3).parent().unwrap(), 7, (8, 5)),
            (Block::span(0), 7, (8, 5)),
            (Block::ALL, 107, (108, 14)),
        ]);
        let told: BTreeSet<_> =
            told.into_iter().map(|(block, before, after)| (block, before, (after.amount, after.version))).collect();
        assert_eq!(told, expected);
        assert!(!decision.overtaken);
        // What was read earlier than what is written already changes nothing.
        let late = BTreeMap::from([(3, turnover(4, 0))]);
        assert_eq!(decide(account, &late, &known, &spans), Decision::default());
        // A block whose sum is of more than can be read was written by somebody who has just read more.
        let mut ahead = known;
        ahead.insert((account.id, Block::ALL), turnover(200, 99));
        assert!(decide(account, &days, &ahead, &spans).overtaken);
    }
}
