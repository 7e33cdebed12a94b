//! Whether the store's books agree with what people were told. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::traffic::{OrderSeen, Seen, UNITS};
use crate::history::{self, History, Operation};
use crate::linearizability::{Opinion, Step};

/// A movement as the store tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Version, change and quantity.
    pub movement: history::Movement,
    /// `set`, `adjustment`, `order`, `return`, `void`.
    pub kind: String,
    /// The order's id, or that of the adjustment.
    pub reference: Option<String>,
}

/// An order as the store tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its status.
    pub status: String,
    /// Who ordered.
    pub user: String,
    /// Product and units, sorted.
    pub lines: Vec<(String, i64)>,
    /// In cents.
    pub total: i64,
}

/// All that the store tells.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// The movements of each product of the phase.
    pub movements: BTreeMap<String, Vec<Entry>>,
    /// What each of these stocks is said to be: version and quantity.
    pub stocks: BTreeMap<String, (i64, i64)>,
    /// Orders in the lists of the phase's users.
    pub listed: BTreeMap<String, Told>,
    /// Acknowledged orders by their ids; one that is missing was not found.
    pub by_id: BTreeMap<String, Told>,
    /// Rows of other kinds that were acknowledged and are not there as they were.
    pub lost_rows: Vec<String>,
    /// Both reports.
    pub reports: Reports,
}

/// The reports, or what they should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reports {
    /// Units by product.
    pub sold: HashMap<String, i64>,
    /// Cents by user.
    pub spent: HashMap<String, i64>,
}

/// What is wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// What may never be, at no time.
    pub faults: Vec<String>,
    /// What may be until the sweeper has finished what a crash left.
    pub owed: Vec<String>,
    /// Operations that were checked.
    pub checked: usize,
    /// Histories that porcupine found linearizable.
    pub linearizable: usize,
}

/// Compares what people saw with the books. `earlier` is what earlier phases sold.
pub fn judge(seen: &Seen, books: &Books, earlier: &Reports) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.faults.extend(seen.open.iter().map(|open| format!("nobody learnt what became of {open}")));
    verdict.faults.extend(books.lost_rows.iter().map(|row| format!("an acknowledged row is lost: {row}")));
    for product in &seen.products {
        of_stock(product, seen, books, &mut verdict);
    }
    of_orders(seen, books, &mut verdict);
    of_reports(&truth(books, earlier), &books.reports, &mut verdict);
    verdict.checked += seen.rows.len() + seen.cancelled.len() + seen.paid.len();
    verdict
}

fn of_stock(product: &str, seen: &Seen, books: &Books, verdict: &mut Verdict) {
    let Some(entries) = books.movements.get(product) else {
        verdict.faults.push(format!("the stock of {product} is not there"));
        return;
    };
    let taken = |order: &OrderSeen| {
        let line = order.lines.iter().find(|(other, _)| other == product)?;
        Some((order.id.clone(), line.1))
    };
    let mut operations = Vec::new();
    for one in seen.stocks.iter().filter(|one| one.product == product) {
        let delta = one.change.as_ref().map(|(delta, _)| *delta);
        operations.push(Operation {
            began: one.began,
            ended: one.ended,
            version: one.version,
            quantity: one.quantity,
            delta,
        });
    }
    let orders: HashMap<String, i64> = seen.orders.iter().filter_map(taken).collect();
    // An order is a change of each of its stocks, whose version its movement tells.
    for order in seen.orders.iter().filter(|order| orders.contains_key(&order.id)) {
        let of_order = |entry: &&Entry| entry.kind == "order" && entry.reference.as_deref() == Some(order.id.as_str());
        if let Some(entry) = entries.iter().find(of_order) {
            let history::Movement { version, quantity, delta, .. } = entry.movement;
            let (began, ended) = (order.began, order.ended);
            operations.push(Operation { began, ended, version, quantity, delta: Some(delta) });
        }
    }
    verdict.checked += operations.len();
    let movements = entries.iter().map(|entry| entry.movement.clone()).collect();
    let history = History { operations, orders, movements };
    verdict.faults.extend(history::judge(&history).into_iter().map(|fault| format!("stock {product}: {fault:?}")));
    let last = entries.iter().map(|entry| (entry.movement.version, entry.movement.quantity)).max();
    if last != books.stocks.get(product).copied() {
        let said = books.stocks.get(product);
        verdict.faults.push(format!("stock {product} says {said:?}, its movements end at {last:?}"));
    }
    once_each(product, entries, seen, verdict);
    balanced(product, entries, books, verdict);
}

/// Every adjustment was asked for and made once.
fn once_each(product: &str, entries: &[Entry], seen: &Seen, verdict: &mut Verdict) {
    let asked: HashSet<&str> =
        seen.stocks.iter().filter_map(|one| one.change.as_ref().map(|(_, reference)| reference.as_str())).collect();
    let mut made = HashSet::new();
    for entry in entries.iter().filter(|entry| entry.kind == "adjustment") {
        let reference = entry.reference.as_deref().unwrap_or_default();
        if !made.insert(reference) {
            verdict.faults.push(format!("stock {product}: adjustment {reference} was made twice"));
        }
        if !asked.contains(reference) {
            verdict.faults.push(format!("stock {product}: adjustment {reference} was told to nobody"));
        }
    }
}

/// What each order took of a stock and gave back agrees with what became of it.
fn balanced(product: &str, entries: &[Entry], books: &Books, verdict: &mut Verdict) {
    let mut sums: BTreeMap<&str, (i64, usize)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| matches!(entry.kind.as_str(), "order" | "return" | "void")) {
        let sum = sums.entry(entry.reference.as_deref().unwrap_or_default()).or_default();
        sum.0 += entry.movement.delta;
        sum.1 += usize::from(entry.kind == "return");
    }
    for (order, (sum, returns)) in sums {
        let wanted = books.listed.get(order).filter(|told| told.status != "cancelled").map_or(0, |told| {
            let line = told.lines.iter().find(|(other, _)| other == product);
            -line.map_or(0, |line| line.1)
        });
        if returns > 1 || sum > 0 {
            verdict.faults.push(format!("stock {product}: order {order} gave back {returns} times, {sum} in all"));
        } else if sum != wanted {
            verdict.owed.push(format!("stock {product}: order {order} holds {}, {} is right", -sum, -wanted));
        }
    }
}

fn of_orders(seen: &Seen, books: &Books, verdict: &mut Verdict) {
    let mut ids = HashSet::new();
    for order in &seen.orders {
        let id = &order.id;
        if !ids.insert(id.as_str()) {
            verdict.faults.push(format!("two requests were told of the one order {id}"));
        }
        let Some(told) = books.by_id.get(id) else {
            verdict.faults.push(format!("the acknowledged order {id} is lost"));
            continue;
        };
        if (&told.user, &told.lines) != (&order.user, &order.lines) {
            verdict.faults.push(format!("order {id} is {told:?}, acknowledged was {order:?}"));
        }
        if seen.cancelled.contains(id) != (told.status == "cancelled") {
            verdict.faults.push(format!("order {id} is {}", told.status));
        } else if seen.paid.contains(id) && told.status == "confirmed" {
            verdict.faults.push(format!("order {id} was paid and is not"));
        }
        if books.listed.get(id) != Some(told) {
            verdict.owed.push(format!("order {id} is not in the list of its user as it is"));
        }
    }
    for (id, told) in books.listed.iter().filter(|(id, _)| !ids.contains(id.as_str())) {
        verdict.faults.push(format!("order {id} ({}) was told to nobody: its key made another one", told.status));
    }
}

/// The histories of the stocks that only people change, for the checker of linearizability.
pub fn steps(seen: &Seen) -> Vec<Vec<Step>> {
    let of = |product: &String| {
        let answered = seen.stocks.iter().filter(|one| one.product == *product).map(|one| Step {
            client: 0,
            call: one.began,
            ended: one.ended,
            delta: one.change.as_ref().map_or(0, |(delta, _)| *delta),
            refused: false,
            quantity: one.quantity,
        });
        let refused = seen.refused.iter().filter(|one| one.product == *product).map(|one| Step {
            client: 0,
            call: one.began,
            ended: one.ended,
            delta: one.delta,
            refused: true,
            quantity: 0,
        });
        // Each begins with nothing and the units that it was first set to, before anybody came.
        let first = Step { client: 0, call: 0, ended: 1, delta: UNITS, refused: false, quantity: UNITS };
        // Each operation is its own client: one person asks for one thing at a time anyway.
        let all = std::iter::once(first).chain(answered).chain(refused);
        all.enumerate().map(|(client, step)| Step { client, ..step }).collect()
    };
    seen.products.iter().take(seen.counted).map(of).collect()
}

/// Adds the opinions on these histories to a verdict.
pub fn add_opinions(verdict: &mut Verdict, opinions: &[Opinion]) {
    verdict.linearizable = opinions.iter().filter(|opinion| **opinion == Opinion::Linearizable).count();
    let others = opinions.iter().filter(|opinion| **opinion != Opinion::Linearizable);
    verdict.faults.extend(others.map(|opinion| format!("porcupine says of a stock: {opinion:?}")));
}

/// What the reports should say: recomputed from the orders.
pub fn truth(books: &Books, earlier: &Reports) -> Reports {
    let mut truth = earlier.clone();
    for told in books.listed.values().filter(|told| told.status != "cancelled") {
        *truth.spent.entry(told.user.clone()).or_default() += told.total;
        for (product, units) in &told.lines {
            *truth.sold.entry(product.clone()).or_default() += units;
        }
    }
    truth
}

/// A report has the first hundred; which of equals come last is open.
fn of_reports(truth: &Reports, told: &Reports, verdict: &mut Verdict) {
    for (name, truth, told) in [("sold", &truth.sold, &told.sold), ("spent", &truth.spent, &told.spent)] {
        let mut wanted: Vec<i64> = truth.values().copied().filter(|amount| *amount > 0).collect();
        wanted.sort_unstable_by(|one, other| other.cmp(one));
        wanted.truncate(super::gather::REPORTED);
        let mut amounts: Vec<i64> = told.values().copied().collect();
        amounts.sort_unstable_by(|one, other| other.cmp(one));
        let wrong = told.iter().find(|(id, amount)| truth.get(*id) != Some(amount));
        if let Some((id, amount)) = wrong {
            verdict.owed.push(format!("the report says that {id} {name} {amount}, the orders say {:?}", truth.get(id)));
        } else if amounts != wanted {
            verdict.owed.push(format!(
                "the report on what was {name} has {} rows, {} are right",
                amounts.len(),
                wanted.len()
            ));
        }
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
