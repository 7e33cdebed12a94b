//! What has to be told before a version, so that none comes first before the one below it.

use std::collections::HashMap;

use super::record::of_movement;
use super::{Shared, Writer};
use crate::dao::changes::{Change, Kind, Object};
use crate::dao::ledger::Account;
use crate::dao::{Context, DaoError};

/// Versions of a stock below the first one that the feed hears of: of a store that was there before the feed was.
const BACK: i64 = 64;
/// Versions of an order that are told again where it is not known whether they were.
const ORDER_BACK: i64 = 8;
/// Movements that are read at once.
const READ_AT_ONCE: i64 = 500;
/// Versions of a stock that are filled in together. Where more are missing, as after days with a version that told of none,
/// these are told before the next ones are read.
pub(super) const MISSING_AT_ONCE: i64 = 2_000;

/// What is to be told next.
#[derive(Debug)]
pub(super) enum Filled {
    /// All changes that were given, with what is missing between them.
    Whole(Vec<Change>),
    /// First the lowest versions of a stock of which too many are missing.
    Below(Vec<Change>),
}

/// Changes by object, objects in the order in which they came, versions ascending, each once.
fn by_object(changes: &[Change]) -> Vec<(Object, Vec<Change>)> {
    let mut groups: Vec<(Object, Vec<Change>)> = Vec::new();
    let mut at: HashMap<Object, usize> = HashMap::new();
    for change in changes {
        let object = change.object();
        let index = *at.entry(object).or_insert_with(|| {
            groups.push((object, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, group)) = groups.get_mut(index) {
            group.push(change.clone());
        }
    }
    for (_, group) in &mut groups {
        group.sort_by_key(|change| change.version);
        group.dedup_by_key(|change| change.version);
    }
    groups
}

/// The last version that need not be told, given up to which one is `known` to be told and the first that is to be.
fn told_before(object: Object, known: Option<i64>, first: i64) -> i64 {
    match (object.kind, known) {
        (_, Some(known)) => known,
        (Kind::Stock, None) => (first - 1 - BACK).max(0),
        (Kind::Order, None) => (first - 1 - ORDER_BACK).max(0),
        (Kind::Product | Kind::User, None) => first - 1,
    }
}

/// A version of which only that it was made is known.
fn unseen(of: &Change, version: i64) -> Change {
    Change { version, what: "changed".to_owned(), ..of.clone() }
}

impl Shared {
    /// The changes in the order in which they are to be told, with what is missing between them.
    pub(super) async fn fill(&self, cx: &Context, writer: &Writer, changes: &[Change]) -> Result<Filled, DaoError> {
        let groups = by_object(changes);
        let mut known: HashMap<Object, i64> = HashMap::with_capacity(groups.len());
        let mut ask = Vec::new();
        for (object, group) in &groups {
            let first = group.first().map_or(1, |change| change.version);
            let remembered = writer.told.get(object).copied();
            known.extend(remembered.map(|told| (*object, told)));
            let is_kept = matches!(object.kind, Kind::Product | Kind::Stock);
            if first > 1 && is_kept && remembered.is_none_or(|told| told < first - 1) {
                ask.push(*object);
            }
        }
        if !ask.is_empty() {
            for (object, told) in self.dao.told(cx, &ask).await? {
                let known = known.entry(object).or_insert(told);
                *known = (*known).max(told);
            }
        }
        let mut whole = Vec::with_capacity(changes.len());
        for (object, group) in groups {
            let first = group.first().map_or(1, |change| change.version);
            let mut told = told_before(object, known.get(&object).copied(), first);
            for change in group {
                if change.version <= told {
                    // Of a stock all is told of each version, of others perhaps only that it was made.
                    if object.kind != Kind::Stock {
                        whole.push(change);
                    }
                    continue;
                }
                if object.kind == Kind::Stock {
                    if change.version - told - 1 > MISSING_AT_ONCE {
                        let mut below = Vec::new();
                        self.movements(cx, object, told, told + MISSING_AT_ONCE + 1, &mut below).await?;
                        return Ok(Filled::Below(below));
                    }
                    self.movements(cx, object, told, change.version, &mut whole).await?;
                } else {
                    whole.extend((told + 1..change.version).map(|version| unseen(&change, version)));
                }
                told = change.version;
                whole.push(change);
            }
        }
        Ok(Filled::Whole(whole))
    }

    /// Adds the movements between two versions.
    async fn movements(
        &self,
        cx: &Context,
        stock: Object,
        after: i64,
        before: i64,
        whole: &mut Vec<Change>,
    ) -> Result<(), DaoError> {
        let begin = whole.len();
        let mut before = before;
        while before > after + 1 {
            let limit = usize::try_from((before - after - 1).min(READ_AT_ONCE)).unwrap_or(1);
            let (found, _) = self.ledger.movements(&cx.plain(), Account::stock(stock.id), before, limit).await?;
            let lowest = found.last().map(|movement| movement.version);
            // To go on without them would be a gap that nobody fills.
            let lowest = lowest.ok_or_else(|| DaoError::Broken("movements of a stock are not there".into()))?;
            whole.extend(found.iter().map(|movement| of_movement(stock.id, movement)));
            before = lowest;
        }
        if let Some(read) = whole.get_mut(begin..) {
            read.reverse();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn change(kind: Kind, id: u128, version: i64) -> Change {
        let (what, quantity, delta) = ("changed".to_owned(), None, None);
        Change { kind, id: Uuid::from_u128(id), version, at: 0, what, quantity, delta }
    }

    #[test]
    fn versions_of_an_object_are_told_in_their_order_and_each_once() {
        let came = [(1, 3), (2, 1), (1, 2), (1, 3)].map(|(id, version)| change(Kind::Stock, id, version));
        let groups = by_object(&came);
        let versions: Vec<Vec<i64>> =
            groups.iter().map(|(_, group)| group.iter().map(|change| change.version).collect()).collect();
        assert_eq!(versions, [vec![2, 3], vec![1]]);
    }

    #[test]
    fn where_nothing_is_known_the_feed_of_a_stock_begins_some_versions_back() {
        let object = |kind| Object { kind, id: Uuid::nil() };
        for (kind, known, first, told) in [
            (Kind::Stock, Some(4), 9, 4),
            (Kind::Stock, None, 9, 0),
            (Kind::Stock, None, 1_000, 999 - BACK),
            (Kind::Order, None, 2, 0),
            (Kind::Product, None, 7, 6),
        ] {
            assert_eq!(told_before(object(kind), known, first), told, "{kind:?} {known:?} {first}");
        }
    }
}
