//! A store whose books are right, and every way in which they may be wrong.

use super::*;
use crate::soak::traffic::{Refused, StockSeen};

fn entry(version: i64, delta: i64, quantity: i64, kind: &str, reference: &str) -> Entry {
    let order = (kind == "order").then(|| reference.to_owned());
    let movement = history::Movement { version, delta, quantity, order };
    Entry { movement, kind: kind.into(), reference: Some(reference.into()) }
}

fn told(status: &str, units: i64) -> Told {
    Told { status: status.into(), user: "ana".into(), lines: vec![("lamp".into(), units)], total: units * 100 }
}

/// One stock: set to 10, two counted out, order A of 3, order B of 1 that was cancelled, order C that was refused.
fn right() -> (Seen, Books) {
    let order = |id: &str, units: i64, began: u64| OrderSeen {
        id: id.into(),
        user: "ana".into(),
        lines: vec![("lamp".into(), units)],
        began,
        ended: began + 5,
    };
    let stock = |began, version, quantity, change: Option<i64>| StockSeen {
        product: "lamp".into(),
        began,
        ended: began + 5,
        version,
        quantity,
        change: change.map(|delta| (delta, "count 1".to_owned())),
    };
    let seen = Seen {
        products: vec!["lamp".into()],
        users: vec!["ana".into()],
        stocks: vec![stock(10, 2, 8, Some(-2)), stock(40, 4, 4, None)],
        orders: vec![order("A", 3, 20), order("B", 1, 30)],
        to_cancel: vec!["B".into()],
        cancelled: vec!["B".into(), "B".into()],
        ..Seen::default()
    };
    let entries = vec![
        entry(1, 10, 10, "set", ""),
        entry(2, -2, 8, "adjustment", "count 1"),
        entry(3, -3, 5, "order", "A"),
        entry(4, -1, 4, "order", "B"),
        entry(5, 1, 5, "return", "B"),
        entry(6, -2, 3, "order", "C"),
        entry(7, 2, 5, "return", "C"),
    ];
    let orders = BTreeMap::from([("A".to_owned(), told("confirmed", 3)), ("B".to_owned(), told("cancelled", 1))]);
    let books = Books {
        movements: BTreeMap::from([("lamp".to_owned(), entries)]),
        stocks: BTreeMap::from([("lamp".to_owned(), (7, 5))]),
        listed: orders.clone(),
        by_id: orders,
        lost_rows: Vec::new(),
        reports: Reports {
            sold: HashMap::from([("lamp".to_owned(), 3)]),
            spent: HashMap::from([("ana".to_owned(), 300)]),
        },
    };
    (seen, books)
}

fn judged(change: impl FnOnce(&mut Seen, &mut Books)) -> Verdict {
    let (mut seen, mut books) = right();
    change(&mut seen, &mut books);
    judge(&seen, &books, &Reports::default())
}

fn lamp(books: &mut Books) -> &mut Vec<Entry> {
    books.movements.get_mut("lamp").expect("it is there")
}

/// The one fault that a change of the books makes.
fn fault(change: impl FnOnce(&mut Seen, &mut Books)) -> String {
    let verdict = judged(change);
    assert!(!verdict.faults.is_empty(), "{verdict:?}");
    verdict.faults.join("; ")
}

fn owed(change: impl FnOnce(&mut Seen, &mut Books)) -> String {
    let verdict = judged(change);
    assert!(verdict.faults.is_empty() && !verdict.owed.is_empty(), "{verdict:?}");
    verdict.owed.join("; ")
}

#[test]
fn right_books_are_found_right() {
    let verdict = judged(|_, _| ());
    assert_eq!((verdict.faults, verdict.owed), (Vec::<String>::new(), Vec::<String>::new()));
    assert_eq!(verdict.checked, 6, "a count, a read, two orders, two cancellations");
}

#[test]
fn an_acknowledged_order_that_is_lost_or_changed_is_found() {
    assert!(fault(|_, books| drop(books.by_id.remove("A"))).contains("A is lost"));
    let other = fault(|_, books| books.by_id.get_mut("A").expect("A").lines[0].1 = 2);
    assert!(other.contains("acknowledged was"), "{other}");
    assert!(fault(|_, books| books.by_id.get_mut("B").expect("B").status = "paid".into()).contains("B is paid"));
    assert!(fault(|seen, _| seen.paid.push("A".into())).contains("paid and is not"));
    assert!(owed(|_, books| drop(books.listed.remove("A"))).contains("not in the list"));
}

#[test]
fn a_key_that_made_two_orders_is_found() {
    let twice = |_: &mut Seen, books: &mut Books| drop(books.listed.insert("D".into(), told("confirmed", 1)));
    assert!(fault(twice).contains("D (confirmed) was told to nobody"));
    assert!(fault(|seen, _| seen.orders.push(seen.orders[0].clone())).contains("the one order A"));
}

#[test]
fn an_order_that_gave_back_twice_or_not_is_found() {
    let twice = fault(|_, books| {
        lamp(books).push(entry(8, 1, 6, "return", "B"));
        books.stocks.insert("lamp".into(), (8, 6));
    });
    assert!(twice.contains("B gave back 2 times"), "{twice}");
    let leak = owed(|_, books| {
        lamp(books).pop();
        books.stocks.insert("lamp".into(), (6, 3));
    });
    assert!(leak.contains("C holds 2, 0 is right"), "{leak}");
}

#[test]
fn an_adjustment_made_twice_or_never_asked_for_is_found() {
    for reference in ["count 1", "count 9"] {
        let found = fault(|_, books| {
            lamp(books).push(entry(8, -2, 3, "adjustment", reference));
            books.stocks.insert("lamp".into(), (8, 3));
        });
        assert!(found.contains("twice") || found.contains("nobody"), "{found}");
    }
}

#[test]
fn a_stock_that_disagrees_with_its_movements_or_with_what_was_read_is_found() {
    assert!(
        fault(|_, books| assert!(books.stocks.insert("lamp".into(), (7, 6)).is_some())).contains("movements end at")
    );
    assert!(fault(|seen, _| seen.stocks[1].quantity = 5).contains("Phantom"));
    assert!(fault(|seen, _| seen.stocks[1].version = 2).contains("Stale"));
    assert!(fault(|_, books| lamp(books)[2].movement.quantity = 6).contains("Chain"));
    assert!(fault(|seen, _| seen.open.push("POST /orders".into())).contains("nobody learnt"));
}

#[test]
fn a_report_that_is_not_the_truth_is_found() {
    assert!(owed(|_, books| assert!(books.reports.sold.insert("lamp".into(), 4).is_some())).contains("sold 4"));
    assert!(owed(|_, books| books.reports.spent.clear()).contains("0 rows, 1"));
}

#[test]
fn the_histories_for_the_second_checker_have_every_answer_and_every_refusal() {
    let (mut seen, _) = right();
    seen.counted = 1;
    seen.refused.push(Refused { product: "lamp".into(), began: 50, ended: 55, delta: -99 });
    let steps = steps(&seen);
    let told: Vec<_> = steps[0].iter().map(|step| (step.delta, step.refused, step.quantity)).collect();
    assert_eq!(told, [(UNITS, false, UNITS), (-2, false, 8), (0, false, 4), (-99, true, 0)]);
    let mut verdict = Verdict::default();
    add_opinions(&mut verdict, &[Opinion::Linearizable, Opinion::Illegal, Opinion::Undecided]);
    assert_eq!((verdict.linearizable, verdict.faults.len()), (1, 2));
}
