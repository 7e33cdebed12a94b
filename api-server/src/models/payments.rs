//! What a change says was paid, and what is shown of the payments of an order. Pure.
//!
//! A payment is a row beside its order and is written before the order says that it is paid: what a crash or another
//! payment keeps from counting is evidence of somebody's money.

#![deny(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use std::sync::Arc;

use super::order::Change;
use crate::dao::orders::{Order, Status};
pub use crate::dao::payments::Payment;

/// The payment that a change tells of and that is not written in the order yet. One that is only named for an order which
/// is not paid is under way, and is none yet.
pub fn told_by(order: &Order, change: &Change, now_ms: i64, by: Option<&Arc<str>>) -> Option<Payment> {
    match order.status {
        Status::Refused | Status::Pending => return None,
        Status::Confirmed | Status::Paid | Status::Fulfilled | Status::Cancelled => {}
    }
    let pays = change.is_paid == Some(true);
    // Whoever says that an order is paid means by the payment that was under way.
    let under_way = order.payment_id.as_ref().filter(|_| pays && !order.is_paid);
    let named = change.payment_id.as_ref().filter(|_| pays || (order.is_paid && change.is_paid.is_none()));
    let id = named.or(under_way)?;
    let is_known = order.is_paid && order.payment_id.as_ref() == Some(id);
    (!is_known).then(|| Payment { id: id.clone(), at: Some(now_ms), amount: order.total, by: by.cloned() })
}

/// An order with what was paid for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// All payments, first the one by which the order is paid.
    pub payments: Vec<Payment>,
    /// Whether some of it is to be paid back.
    pub refund_due: bool,
    /// Whether all this follows from the order itself. Else it may change without a version of the order.
    pub follows_from_order: bool,
}

impl Paid {
    /// What a new order shows.
    pub const NOTHING: Self = Self { payments: Vec::new(), refund_due: false, follows_from_order: true };

    /// What is shown of an order with these rows. An order that was paid by a program before this one has no row: what it
    /// says itself is its payment.
    pub fn of(order: &Order, mut rows: Vec<Payment>) -> Self {
        let paying = order.payment_id.as_ref().filter(|_| order.is_paid);
        if let Some(paying) = paying {
            match rows.iter().position(|row| row.id == *paying) {
                Some(at) => rows[..=at].rotate_right(1),
                None => rows.insert(0, Payment { id: paying.clone(), at: None, amount: order.total, by: None }),
            }
        }
        let beside = rows.len() - usize::from(paying.is_some());
        let refund_due = match order.status {
            Status::Cancelled => order.is_paid || beside > 0,
            // A payment beside none that pays may be one that is about to.
            Status::Pending | Status::Confirmed | Status::Paid | Status::Fulfilled | Status::Refused => {
                order.is_paid && beside > 0
            }
        };
        Self { payments: rows, refund_due, follows_from_order: beside == 0 }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn order(status: Status, is_paid: bool, payment: Option<&str>) -> Order {
        Order {
            id: Uuid::nil(),
            user: Uuid::nil(),
            status,
            lines: Vec::new(),
            total: 2103,
            is_paid,
            payment_id: payment.map(str::to_owned),
            version: 3,
            created_at: 1,
            updated_at: 2,
        }
    }

    fn change(is_paid: Option<bool>, payment: Option<&str>) -> Change {
        Change { is_paid, payment_id: payment.map(str::to_owned), fulfilled: false }
    }

    fn row(id: &str) -> Payment {
        Payment { id: id.to_owned(), at: Some(9), amount: 2103, by: Some("ana".into()) }
    }

    #[test]
    fn what_is_said_to_be_paid_is_a_payment_and_what_is_only_named_is_none_yet() {
        let ana: Arc<str> = "ana".into();
        let told = |order: &Order, change: &Change| told_by(order, change, 9, Some(&ana));
        let (pays, names) = (change(Some(true), Some("P-2")), change(None, Some("P-2")));
        let open = order(Status::Confirmed, false, Some("P-1"));
        assert_eq!(told(&open, &pays), Some(row("P-2")));
        assert_eq!(told(&open, &names), None, "it is under way");
        assert_eq!(told(&open, &change(Some(true), None)), Some(row("P-1")), "the one that was under way");
        for status in [Status::Paid, Status::Fulfilled, Status::Cancelled] {
            let paid = order(status, true, Some("P-1"));
            for change in [&pays, &names] {
                assert_eq!(told(&paid, change), Some(row("P-2")), "{status:?}");
            }
            for change in [change(Some(true), Some("P-1")), change(Some(true), None), change(None, None)] {
                assert_eq!(told(&paid, &change), None, "{status:?}: it says so itself");
            }
        }
        assert_eq!(told(&order(Status::Paid, true, None), &names), Some(row("P-2")), "paid by what is named now");
        let cancelled = order(Status::Cancelled, false, None);
        assert_eq!((told(&cancelled, &pays), told(&cancelled, &names)), (Some(row("P-2")), None));
        for status in [Status::Pending, Status::Refused] {
            assert_eq!(told(&order(status, false, None), &pays), None, "nobody knows of this order");
        }
    }

    #[test]
    fn every_payment_is_shown_and_what_is_to_be_paid_back() {
        let shown = |order: &Order, rows: &[&str]| {
            let Paid { payments, refund_due, follows_from_order } =
                Paid::of(order, rows.iter().map(|id| row(id)).collect());
            let ids: Vec<String> = payments.into_iter().map(|payment| payment.id).collect();
            (ids.join(" "), refund_due, follows_from_order)
        };
        let is = |ids: &str, refund_due, follows| (ids.to_owned(), refund_due, follows);
        let open = order(Status::Confirmed, false, None);
        assert_eq!(shown(&open, &[]), is("", false, true));
        assert_eq!(shown(&open, &["P-1"]), is("P-1", false, false), "a crash before the order said so");
        let paid = order(Status::Paid, true, Some("P-2"));
        assert_eq!(shown(&paid, &["P-2"]), is("P-2", false, true));
        assert_eq!(shown(&paid, &["P-1", "P-2", "P-3"]), is("P-2 P-1 P-3", true, false));
        assert_eq!(shown(&paid, &[]), is("P-2", false, true), "paid by a program before this one");
        assert_eq!(Paid::of(&paid, Vec::new()).payments[0].at, None);
        assert_eq!(shown(&order(Status::Cancelled, true, Some("P-1")), &["P-1"]), is("P-1", true, true));
        assert_eq!(shown(&order(Status::Cancelled, true, None), &[]), is("", true, true));
        assert_eq!(shown(&order(Status::Cancelled, false, None), &["P-1"]), is("P-1", true, false));
        assert_eq!(shown(&order(Status::Cancelled, false, Some("P-1")), &[]), is("", false, true), "never paid");
    }
}
