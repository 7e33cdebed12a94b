//! What an order may be, and what may become of it. Pure.

#![deny(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::error::{ModelError, Violation};
use crate::dao::orders::{Contents, Line, Note, Order, Status};
use crate::dao::price::Price;

/// Lines that an order may have at most.
pub const LINES_MAX: usize = 100;
/// Units of one line at most.
pub const UNITS_MAX: i64 = 1_000_000;
/// Characters that a payment's id may have at most.
pub const PAYMENT_ID_MAX: usize = 100;
/// The total of an order at most, in cents.
pub const TOTAL_MAX: i64 = 1_000_000_000_000_000;

/// Everything of an order that a client decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub user: Uuid,
    /// Products with their quantities, in the order of the request; each product once.
    pub items: Vec<(Uuid, i64)>,
}

/// How a line names its product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Id(Uuid),
    Sku(String),
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `None` for a sale without a customer.
    pub user: Option<Uuid>,
    /// In the order of the request.
    pub items: Vec<(Named, i64)>,
}

/// A line that names the product of another.
pub fn repeated(at: usize, member: &str) -> Violation {
    let detail = "a product is named once, with the units of all";
    Violation::new(format!("/items/{at}/{member}"), "repeated", detail)
}

/// Products that were noted for an order and are not of it: an earlier try of its request named them by a sku that has
/// another product since.
pub fn strays(noted: &Contents, order: &Order) -> Vec<(Uuid, i64)> {
    let lines = noted.lines.iter();
    lines.filter(|(product, _)| order.lines.iter().all(|line| line.product != *product)).copied().collect()
}

/// A partial change; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub is_paid: Option<bool>,
    pub payment_id: Option<String>,
    /// Only true can be asked for: what was handed over stays so.
    pub fulfilled: bool,
}

/// A price in cents.
pub fn cents(price: Price) -> i64 {
    price.unscaled() * 10_i64.pow(u32::from(Price::MAX_SCALE - price.scale().min(Price::MAX_SCALE)))
}

impl Draft {
    /// The order that this draft becomes, once its lines are taken, at the prices of the products, which are in the order of
    /// the items.
    pub fn into_order(self, id: Uuid, prices: &[Price], now_ms: i64) -> Result<Order, ModelError> {
        let lines: Vec<Line> = self
            .items
            .iter()
            .zip(prices)
            .map(|((product, quantity), unit_price)| Line {
                product: *product,
                quantity: *quantity,
                unit_price: *unit_price,
            })
            .collect();
        let sums = lines.iter().map(|line| i128::from(cents(line.unit_price)) * i128::from(line.quantity));
        let total = i64::try_from(sums.sum::<i128>()).unwrap_or(i64::MAX);
        if total > TOTAL_MAX {
            let detail = format!("an order has a total of at most {}", TOTAL_MAX / 100);
            return Err(ModelError::Invalid(vec![Violation::new("/items", "total_too_large", detail)]));
        }
        Ok(Order {
            id,
            user: self.user,
            status: Status::Confirmed,
            lines,
            total,
            is_paid: false,
            payment_id: None,
            version: 1,
            created_at: now_ms,
            updated_at: now_ms,
        })
    }
}

/// The next version of an order in another status.
pub fn moved_to(order: &Order, status: Status, now_ms: i64) -> Order {
    Order { status, version: order.version + 1, updated_at: now_ms.max(order.updated_at), ..order.clone() }
}

/// What keeps the id of an order that was noted and not written down: whoever comes to write it down finds it refused. Its
/// prices are not known; nobody is shown it.
pub fn refused_before_it_came(note: &Note, now_ms: i64) -> Order {
    let contents = note.contents.as_ref();
    let lines = contents.into_iter().flat_map(|contents| &contents.lines);
    let lines =
        lines.map(|(product, quantity)| Line { product: *product, quantity: *quantity, unit_price: Price::LEAST });
    Order {
        id: note.order,
        user: contents.map_or(Uuid::nil(), |contents| contents.user),
        status: Status::Refused,
        lines: lines.collect(),
        total: 0,
        is_paid: false,
        payment_id: None,
        version: 1,
        created_at: contents.map_or(now_ms, |contents| contents.created_at),
        updated_at: now_ms,
    }
}

/// Whether an order can be cancelled now; `false`: it is already.
pub fn may_cancel(order: &Order) -> Result<bool, ModelError> {
    match order.status {
        Status::Confirmed | Status::Paid => Ok(true),
        Status::Cancelled => Ok(false),
        Status::Refused => Err(ModelError::NotFound("order")),
        Status::Pending => Err(being_made()),
        Status::Fulfilled => Err(forbidden("", "fulfilled", "the order is fulfilled, it cannot be cancelled any more")),
    }
}

/// The next version of an order after a change, `None` when it leaves the order as it is.
pub fn changed(order: &Order, change: &Change, now_ms: i64) -> Result<Option<Order>, ModelError> {
    let mut status = order.status;
    match status {
        Status::Refused => return Err(ModelError::NotFound("order")),
        Status::Pending => return Err(being_made()),
        Status::Cancelled => return late_payment(order, change),
        Status::Confirmed | Status::Paid | Status::Fulfilled => {}
    }
    match (change.is_paid, status) {
        (Some(true), Status::Confirmed) => status = Status::Paid,
        (Some(false), Status::Paid | Status::Fulfilled) => {
            return Err(forbidden("/is_paid", "already_paid", "the order is paid, which cannot be taken back"));
        }
        _ => {}
    }
    match (change.fulfilled, status) {
        (true, Status::Paid) => status = Status::Fulfilled,
        (true, Status::Confirmed) => {
            return Err(forbidden("/status", "not_paid", "only an order that is paid can be fulfilled"));
        }
        _ => {}
    }
    // Until it is paid, the payment that is named is one under way, which another may follow.
    if order.is_paid {
        paid_by_no_other(order, change)?;
    }
    let payment_id = change.payment_id.clone().or_else(|| order.payment_id.clone());
    if status == order.status && payment_id == order.payment_id {
        return Ok(None);
    }
    let is_paid = order.is_paid || status != Status::Confirmed;
    Ok(Some(Order { payment_id, is_paid, ..moved_to(order, status, now_ms) }))
}

/// What is said of an order that was cancelled. Nothing of it can be changed; the payment by which it is paid may be told
/// again. Another one, or one that comes too late, lies beside the order and is to be paid back.
fn late_payment(order: &Order, change: &Change) -> Result<Option<Order>, ModelError> {
    let Change { is_paid: Some(true), payment_id: Some(payment_id), fulfilled: false } = change else {
        return Err(forbidden("", "cancelled", "the order is cancelled, it cannot be changed any more"));
    };
    if order.is_paid {
        paid_by_no_other(order, change)?;
        if order.payment_id.is_some() {
            return Ok(None);
        }
    }
    let detail = format!("the order is cancelled: {payment_id} was kept beside it, pay it back");
    Err(ModelError::Conflict(Violation::new("/payment_id", "cancelled", detail)))
}

/// The payment by which an order is paid is not replaced.
fn paid_by_no_other(order: &Order, change: &Change) -> Result<(), ModelError> {
    match (&order.payment_id, &change.payment_id) {
        (Some(first), Some(second)) if first != second => {
            let detail = format!("the order is paid by {first}: {second} was kept beside it, pay it back");
            Err(ModelError::Conflict(Violation::new("/payment_id", "paid_otherwise", detail)))
        }
        _ => Ok(()),
    }
}

fn being_made() -> ModelError {
    let detail = "the order is still being made, try again in some seconds";
    ModelError::Busy(Violation::new("", "pending", detail))
}

fn forbidden(pointer: &'static str, code: &'static str, detail: &'static str) -> ModelError {
    ModelError::Conflict(Violation::new(pointer, code, detail))
}

/// Ids of the movements of an order: whoever works on the order uses the same.
#[derive(Debug, Clone, Copy)]
pub struct Ids(pub Uuid);

impl Ids {
    /// The movement that takes a line.
    pub fn take(self, product: Uuid) -> Uuid {
        self.derived(b"take", product)
    }

    /// The movement that gives a line back.
    pub fn give_back(self, product: Uuid) -> Uuid {
        self.derived(b"back", product)
    }

    fn derived(self, purpose: &[u8; 4], of: Uuid) -> Uuid {
        uuid::Builder::from_custom_bytes(half(&[purpose, self.0.as_bytes(), of.as_bytes()])).into_uuid()
    }
}

/// The id of the order that a request makes on its `attempt`th try, all of the same time: a try
/// that was given up and undone is followed by another order.
pub fn id_of_attempt(first: Uuid, attempt: u8) -> Uuid {
    if attempt == 0 {
        return first;
    }
    let mut bytes = *first.as_bytes();
    let random = half(&[b"try", first.as_bytes(), &[attempt]]);
    bytes[9..].copy_from_slice(&random[9..]);
    Uuid::from_bytes(bytes)
}

fn half(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Price {
        Price::from_json_number(text).unwrap()
    }

    fn order() -> Order {
        let items = vec![(Uuid::from_u128(1), 2), (Uuid::from_u128(2), 3)];
        let draft = Draft { user: Uuid::from_u128(9), items };
        draft.into_order(Uuid::now_v7(), &[price("10.5"), price("0.01")], 5).unwrap()
    }

    fn at(status: Status) -> Order {
        Order { status, is_paid: matches!(status, Status::Paid | Status::Fulfilled), ..order() }
    }

    #[test]
    fn the_total_is_the_exact_sum_of_all_lines() {
        assert_eq!(order().total, 2103);
        for (text, expected) in [("1", 100), ("1.5", 150), ("99999999.99", 9_999_999_999)] {
            assert_eq!(cents(price(text)), expected);
        }
        let items = vec![(Uuid::from_u128(1), UNITS_MAX); LINES_MAX];
        let draft = Draft { user: Uuid::nil(), items };
        let result = draft.into_order(Uuid::nil(), &[price("99999999.99"); LINES_MAX], 0);
        assert!(matches!(result, Err(ModelError::Invalid(_))));
    }

    #[test]
    fn an_order_is_paid_then_fulfilled_and_never_back() {
        let pay = Change { is_paid: Some(true), payment_id: Some("p-1".into()), fulfilled: false };
        let fulfil = Change { fulfilled: true, ..Change::default() };
        let unpay = Change { is_paid: Some(false), ..Change::default() };
        let confirmed = at(Status::Confirmed);
        let paid = changed(&confirmed, &pay, 9).unwrap().unwrap();
        assert_eq!((paid.status, paid.is_paid, paid.version), (Status::Paid, true, 2));
        assert_eq!(changed(&paid, &pay, 10).unwrap(), None, "said twice");
        let fulfilled = changed(&paid, &fulfil, 10).unwrap().unwrap();
        assert_eq!((fulfilled.status, fulfilled.is_paid), (Status::Fulfilled, true));
        let both = Change { fulfilled: true, ..pay };
        assert_eq!(changed(&confirmed, &both, 9).unwrap().unwrap().status, Status::Fulfilled);
        assert!(matches!(changed(&confirmed, &fulfil, 9), Err(ModelError::Conflict(_))));
        for order in [&paid, &fulfilled] {
            assert!(matches!(changed(order, &unpay, 9), Err(ModelError::Conflict(_))));
        }
        assert_eq!(changed(&confirmed, &unpay, 9).unwrap(), None);
    }

    #[test]
    fn the_payment_of_an_order_is_never_lost() {
        let pay = |id: &str| Change { is_paid: Some(true), payment_id: Some(id.into()), fulfilled: false };
        let code = |result: Result<Option<Order>, ModelError>| match result {
            Err(ModelError::Conflict(violation)) => violation.code.into_owned(),
            other => panic!("{other:?}"),
        };
        let named = Change { is_paid: None, ..pay("P-1") };
        let named = changed(&at(Status::Confirmed), &named, 9).unwrap().unwrap();
        assert_eq!((named.is_paid, named.payment_id.as_deref()), (false, Some("P-1")));
        let paid = changed(&named, &pay("P-2"), 9).unwrap().unwrap();
        assert_eq!((paid.is_paid, paid.payment_id.as_deref()), (true, Some("P-2")), "P-1 came to nothing");
        let fulfilled = Order { status: Status::Fulfilled, ..paid.clone() };
        let cancelled = Order { status: Status::Cancelled, ..paid.clone() };
        for order in [&paid, &fulfilled, &cancelled] {
            assert_eq!(changed(order, &pay("P-2"), 9).unwrap(), None, "said twice");
            assert_eq!(code(changed(order, &pay("P-3"), 9)), "paid_otherwise");
        }
        for order in [&paid, &fulfilled] {
            assert_eq!(code(changed(order, &Change { is_paid: None, ..pay("P-3") }, 9)), "paid_otherwise");
            let unnamed = Order { payment_id: None, ..order.clone() };
            assert_eq!(changed(&unnamed, &pay("P-3"), 9).unwrap().unwrap().payment_id.as_deref(), Some("P-3"));
        }
        for other in [
            pay("P-9"),
            Change { is_paid: None, ..pay("P-9") },
            Change { fulfilled: true, ..pay("P-9") },
            Change { is_paid: Some(true), ..Change::default() },
        ] {
            assert_eq!(code(changed(&at(Status::Cancelled), &other, 9)), "cancelled");
        }
    }

    #[test]
    fn only_what_is_confirmed_and_not_handed_over_can_be_cancelled() {
        assert!(may_cancel(&at(Status::Confirmed)).unwrap() && may_cancel(&at(Status::Paid)).unwrap());
        assert!(!may_cancel(&at(Status::Cancelled)).unwrap());
        assert!(matches!(may_cancel(&at(Status::Fulfilled)), Err(ModelError::Conflict(_))));
        assert!(matches!(may_cancel(&at(Status::Refused)), Err(ModelError::NotFound(_))));
        assert!(matches!(may_cancel(&at(Status::Pending)), Err(ModelError::Busy(_))));
        for status in [Status::Cancelled, Status::Refused, Status::Pending] {
            assert!(changed(&at(status), &Change::default(), 0).is_err(), "{status:?}");
        }
    }

    #[test]
    fn what_an_earlier_try_noted_and_the_order_does_not_have_is_a_stray() {
        let order = order();
        let mut noted = Contents::of(&order);
        assert!(strays(&noted, &order).is_empty());
        noted.lines[1].0 = Uuid::from_u128(7);
        assert_eq!(strays(&noted, &order), [(Uuid::from_u128(7), 3)]);
    }

    #[test]
    fn ids_of_movements_and_attempts_follow_from_the_order() {
        let (one, other) = (Ids(Uuid::now_v7()), Ids(Uuid::now_v7()));
        let product = Uuid::now_v7();
        let all = [one.take(product), one.give_back(product), other.take(product)];
        let distinct: std::collections::HashSet<Uuid> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(one.take(product), one.take(product));
        let again = id_of_attempt(one.0, 1);
        assert_ne!(again, one.0);
        assert_eq!(again.get_timestamp(), one.0.get_timestamp());
        assert_eq!(id_of_attempt(one.0, 0), one.0);
    }
}
