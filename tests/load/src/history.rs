//! Judges the recorded history of one stock. Pure.
//!
//! Every answer on a stock carries the version it saw or made, and versions are made one after the
//! other, so a history is right if its changes make the versions 1, 2, 3, … each from the quantity
//! before it, if every read saw a quantity that its version had, and if no operation that began
//! after another had ended saw less than that one.

use std::collections::HashMap;

/// An operation and its answer; times are those of one clock, `began < ended`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// When it was sent.
    pub began: u64,
    /// When its answer was there.
    pub ended: u64,
    /// The version that was made or seen.
    pub version: i64,
    /// The quantity after or at it.
    pub quantity: i64,
    /// What the operation changed, `None` for a read.
    pub delta: Option<i64>,
}

/// What clients saw of one stock, with all of its movements once everything has ended.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Everything that got an answer.
    pub operations: Vec<Operation>,
    /// Orders that were acknowledged, with the units they took.
    pub orders: HashMap<String, i64>,
    /// All that the stock tells of itself.
    pub movements: Vec<Movement>,
}

/// A movement as the stock tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The version that it made.
    pub version: i64,
    /// What it changed.
    pub delta: i64,
    /// What was there after it.
    pub quantity: i64,
    /// The order that took units, for movements of that kind.
    pub order: Option<String>,
}

/// What is wrong with a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A version is missing among the movements.
    Gap(i64),
    /// Two changes made one version.
    Twice(i64),
    /// A quantity does not follow from the one before it.
    Chain(i64),
    /// More was sold than was there.
    Oversold(i64),
    /// A change was acknowledged and is not among the movements as it was.
    Lost(i64),
    /// A read saw what no version had.
    Phantom(i64),
    /// An operation saw less than one that had ended before it began.
    Stale {
        /// What it saw.
        saw: i64,
        /// The newest that had ended before.
        after: i64,
    },
    /// An acknowledged order took nothing or something else.
    OrderLost(String),
    /// An order took its units twice.
    SoldTwice(String),
}

/// Every fault of a history; none if it is right.
pub fn judge(history: &History) -> Vec<Fault> {
    let mut faults = Vec::new();
    let chain = chain_of(history, &mut faults);
    let mut made: HashMap<i64, i64> = HashMap::new();
    for operation in &history.operations {
        let known = chain.get(&operation.version);
        match operation.delta {
            Some(delta) => {
                if made.insert(operation.version, delta).is_some() {
                    faults.push(Fault::Twice(operation.version));
                }
                if known.is_none_or(|known| (known.delta, known.quantity) != (delta, operation.quantity)) {
                    faults.push(Fault::Lost(operation.version));
                }
            }
            None if known.is_none_or(|known| known.quantity != operation.quantity) => {
                faults.push(Fault::Phantom(operation.version));
            }
            None => {}
        }
    }
    in_real_time(history, &mut faults);
    of_orders(history, &mut faults);
    faults
}

fn chain_of<'h>(history: &'h History, faults: &mut Vec<Fault>) -> HashMap<i64, &'h Movement> {
    let mut sorted: Vec<&Movement> = history.movements.iter().collect();
    sorted.sort_by_key(|movement| movement.version);
    let (mut version, mut quantity) = (0, 0);
    for movement in &sorted {
        if movement.version == version {
            faults.push(Fault::Twice(version));
        } else if movement.version != version + 1 {
            faults.push(Fault::Gap(version + 1));
        } else if quantity + movement.delta != movement.quantity {
            faults.push(Fault::Chain(movement.version));
        }
        if movement.quantity < 0 {
            faults.push(Fault::Oversold(movement.version));
        }
        (version, quantity) = (movement.version, movement.quantity);
    }
    sorted.into_iter().map(|movement| (movement.version, movement)).collect()
}

fn in_real_time(history: &History, faults: &mut Vec<Fault>) {
    let mut by_end: Vec<&Operation> = history.operations.iter().collect();
    by_end.sort_by_key(|operation| operation.ended);
    let mut by_begin: Vec<&Operation> = history.operations.iter().collect();
    by_begin.sort_by_key(|operation| operation.began);
    let (mut ended, mut newest) = (0, 0);
    for operation in by_begin {
        while let Some(before) = by_end.get(ended).filter(|before| before.ended < operation.began) {
            newest = newest.max(before.version);
            ended += 1;
        }
        // A change makes a version of its own, a read may see the same again.
        if operation.version < newest + i64::from(operation.delta.is_some()) {
            faults.push(Fault::Stale { saw: operation.version, after: newest });
        }
    }
}

fn of_orders(history: &History, faults: &mut Vec<Fault>) {
    let mut taken: HashMap<&str, i64> = HashMap::new();
    for movement in &history.movements {
        if let Some(order) = &movement.order
            && taken.insert(order, movement.delta).is_some()
        {
            faults.push(Fault::SoldTwice(order.clone()));
        }
    }
    for (order, units) in &history.orders {
        if taken.get(order.as_str()) != Some(&-units) {
            faults.push(Fault::OrderLost(order.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A right history: counts, sales and reads, some of them at the same time.
    fn right() -> History {
        let mut history = History::default();
        let mut quantity = 0;
        for version in 1..=200_i64 {
            let delta = if version == 1 { 500 } else { -(version % 3) };
            quantity += delta;
            let order = (version % 2 == 0).then(|| format!("order {version}"));
            if let Some(order) = &order {
                history.orders.insert(order.clone(), -delta);
            }
            history.movements.push(Movement { version, delta, quantity, order });
            let began = u64::try_from(version).unwrap() * 10;
            // Each ends after the next has begun.
            history.operations.push(Operation { began, ended: began + 12, version, quantity, delta: Some(delta) });
            history.operations.push(Operation { began: began + 13, ended: began + 15, version, quantity, delta: None });
        }
        // What the next change made may have been seen by a read that began before that change ended.
        history.operations.retain(|operation| operation.delta.is_some() || operation.version % 7 == 0);
        for operation in &mut history.operations {
            if operation.delta.is_none() {
                let seen = &history.movements[usize::try_from(operation.version).unwrap()];
                (operation.version, operation.quantity) = (seen.version, seen.quantity);
            }
        }
        history
    }

    #[test]
    fn a_right_history_has_no_fault_also_in_another_order() {
        let mut history = right();
        assert_eq!(judge(&history), []);
        history.operations.reverse();
        history.movements.reverse();
        assert_eq!(judge(&history), []);
    }

    #[test]
    fn a_lost_write_is_found() {
        // Acknowledged, then overwritten by another change of the same version.
        let mut history = right();
        history.movements[49].delta -= 1;
        history.movements[49].quantity -= 1;
        let faults = judge(&history);
        assert!(faults.contains(&Fault::Lost(50)) && faults.contains(&Fault::Chain(51)), "{faults:?}");
        // Acknowledged, and its movement never came.
        let mut history = right();
        history.movements.remove(99);
        let faults = judge(&history);
        assert!(faults.contains(&Fault::Gap(100)) && faults.contains(&Fault::Lost(100)), "{faults:?}");
    }

    #[test]
    fn a_double_sale_is_found() {
        // Two changes were told the same version.
        let mut history = right();
        let twin = history.operations.iter().find(|operation| operation.version == 80).copied().unwrap();
        history.operations.push(twin);
        assert!(judge(&history).contains(&Fault::Twice(80)));
        // One order took its units twice.
        let mut history = right();
        let (version, quantity) = (201, history.movements[199].quantity - 1);
        history.movements.push(Movement { version, delta: -1, quantity, order: Some("order 200".into()) });
        assert!(judge(&history).contains(&Fault::SoldTwice("order 200".into())));
    }

    #[test]
    fn overselling_is_found() {
        let mut history = right();
        let quantity = history.movements[199].quantity;
        history.movements.push(Movement { version: 201, delta: -quantity - 1, quantity: -1, order: None });
        assert_eq!(judge(&history), [Fault::Oversold(201)]);
    }

    #[test]
    fn a_stale_read_is_found() {
        let mut history = right();
        let old = &history.movements[9];
        let read = Operation { began: 5_000, ended: 5_001, version: old.version, quantity: old.quantity, delta: None };
        history.operations.push(read);
        assert_eq!(judge(&history), [Fault::Stale { saw: 10, after: 200 }]);
    }

    #[test]
    fn a_read_of_what_never_was_is_found() {
        for (version, more) in [(201, 0), (100, 1)] {
            let mut history = right();
            let quantity = history.movements[99].quantity + more;
            history.operations.push(Operation { began: 1_001, ended: 9_000, version, quantity, delta: None });
            assert!(judge(&history).contains(&Fault::Phantom(version)), "{version}");
        }
    }

    #[test]
    fn an_acknowledged_order_that_took_nothing_is_found() {
        let mut history = right();
        history.orders.insert("phantom".into(), 1);
        assert_eq!(judge(&history), [Fault::OrderLost("phantom".into())]);
    }
}
