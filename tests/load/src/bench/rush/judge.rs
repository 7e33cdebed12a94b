//! Whether the answers to a rush are right: what was sold was there, and whoever was told that nothing is there was told so
//! of a moment between question and answer. Pure.

use std::collections::{BTreeMap, HashMap};

/// A confirmed order; times are from one clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Sale {
    /// Its id.
    pub order: String,
    /// From when to when it was asked for.
    pub asked: (u64, u64),
    /// From when to when it was cancelled, and whether that was acknowledged.
    pub given: Option<(u64, u64, bool)>,
}

/// Somebody who was told that too little is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refused {
    /// From when to when it was asked.
    pub asked: (u64, u64),
}

/// A movement of the stock.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Its version.
    pub version: i64,
    /// What is there after it.
    pub quantity: i64,
    /// Its change.
    pub delta: i64,
    /// `set`, `order`, `return`.
    pub kind: String,
    /// The order.
    pub order: Option<String>,
}

/// All that is wrong.
pub fn judge(units: i64, sales: &[Sale], refused: &[Refused], movements: &[Moved]) -> Vec<String> {
    let mut faults = Vec::new();
    let by_version: BTreeMap<i64, &Moved> = movements.iter().map(|moved| (moved.version, moved)).collect();
    let mut quantity = 0;
    for (at, (version, moved)) in (1_i64..).zip(&by_version) {
        quantity += moved.delta;
        if at != *version || quantity != moved.quantity || quantity < 0 {
            faults.push(format!(
                "version {version} says {} after {:+}, {quantity} is right",
                moved.quantity, moved.delta
            ));
            return faults;
        }
    }
    let times: HashMap<&str, &Sale> = sales.iter().map(|sale| (sale.order.as_str(), sale)).collect();
    let mut taken: HashMap<&str, i64> = HashMap::new();
    for moved in by_version.values() {
        *taken.entry(moved.order.as_deref().unwrap_or_default()).or_default() += moved.delta;
    }
    for sale in sales {
        let wanted = if sale.given.is_some_and(|(_, _, done)| done) { 0 } else { -1 };
        let held = taken.get(sale.order.as_str()).copied().unwrap_or_default();
        if held != wanted && sale.given.is_none_or(|(_, _, done)| done) {
            faults.push(format!("order {} holds {}, {} is right", sale.order, -held, -wanted));
        }
    }
    let kept = sales.iter().filter(|sale| sale.given.is_none()).count();
    if i64::try_from(kept).unwrap_or(i64::MAX) > units {
        faults.push(format!("{kept} units are sold of {units}"));
    }
    faults.extend(unfounded(refused, &by_version, &times));
    faults
}

/// Refusals of which no moment with nothing there fits.
fn unfounded(refused: &[Refused], by_version: &BTreeMap<i64, &Moved>, times: &HashMap<&str, &Sale>) -> Option<String> {
    // When a version can have been made: by nobody before its request, and not after its answer. What is given back for an
    // order that nobody was told of can have been at any time.
    let window = |moved: &Moved| {
        let sale = moved.order.as_deref().and_then(|order| times.get(order));
        match (moved.kind.as_str(), sale) {
            ("order", Some(sale)) => sale.asked,
            ("return", Some(Sale { given: Some((from, to, done)), .. })) => (*from, if *done { *to } else { u64::MAX }),
            _ => (0, u64::MAX),
        }
    };
    let windows: Vec<((u64, u64), i64)> = by_version.values().map(|moved| (window(moved), moved.quantity)).collect();
    // Versions are made one after another: none before one below it was asked for, none after one above it was answered.
    let mut earliest = 0;
    let began: Vec<u64> = windows
        .iter()
        .map(|((from, _), _)| {
            earliest = earliest.max(*from);
            earliest
        })
        .collect();
    let mut latest = u64::MAX;
    let mut ended: Vec<u64> = windows
        .iter()
        .rev()
        .map(|((_, to), _)| {
            latest = latest.min(*to);
            latest
        })
        .collect();
    ended.reverse();
    let empty: Vec<(u64, u64)> = windows
        .iter()
        .enumerate()
        .filter(|(_, (_, quantity))| *quantity == 0)
        .map(|(at, _)| (began[at], ended.get(at + 1).copied().unwrap_or(u64::MAX)))
        .collect();
    let wrong = refused.iter().filter(|one| !empty.iter().any(|(from, to)| *from <= one.asked.1 && one.asked.0 <= *to));
    let wrong = wrong.count();
    (wrong > 0).then(|| format!("{wrong} of {} refusals are of no moment with nothing there", refused.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(order: &str, asked: (u64, u64)) -> Sale {
        Sale { order: order.into(), asked, given: None }
    }

    fn moved(version: i64, delta: i64, quantity: i64, kind: &str, order: &str) -> Moved {
        Moved { version, quantity, delta, kind: kind.into(), order: Some(order.into()) }
    }

    /// One unit: a buys it, gives it back, b buys it.
    fn history() -> (Vec<Sale>, Vec<Moved>) {
        let sales = vec![Sale { given: Some((30, 40, true)), ..sale("a", (10, 20)) }, sale("b", (50, 60))];
        let movements = vec![
            moved(1, 1, 1, "set", ""),
            moved(2, -1, 0, "order", "a"),
            moved(3, 1, 1, "return", "a"),
            moved(4, -1, 0, "order", "b"),
        ];
        (sales, movements)
    }

    #[test]
    fn who_is_refused_while_nothing_is_there_is_told_the_truth() {
        let (sales, movements) = history();
        for asked in [(15, 16), (22, 28), (5, 11), (39, 41), (55, 58), (70, 80)] {
            assert_eq!(judge(1, &sales, &[Refused { asked }], &movements), Vec::<String>::new(), "{asked:?}");
        }
    }

    #[test]
    fn who_is_refused_while_something_is_there_is_not() {
        let (sales, movements) = history();
        for asked in [(1, 9), (41, 49)] {
            let faults = judge(1, &sales, &[Refused { asked }], &movements);
            assert_eq!(faults, ["1 of 1 refusals are of no moment with nothing there"], "{asked:?}");
        }
    }

    #[test]
    fn what_is_sold_twice_lost_or_leaked_is_seen() {
        let (sales, mut movements) = history();
        movements[3].quantity = 1;
        assert_eq!(judge(1, &sales, &[], &movements).len(), 1);
        let (sales, mut movements) = history();
        movements.pop();
        assert_eq!(judge(1, &sales, &[], &movements), ["order b holds 0, 1 is right"]);
        let (mut sales, movements) = history();
        sales[0].given = None;
        assert_eq!(judge(1, &sales, &[], &movements).len(), 2, "a has it still, and two are sold of one");
    }
}
