//! What is told of a movement, an order, a product; and ids that begin with a moment.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use uuid::Uuid;

use crate::dao::Context;
use crate::dao::changes::{Change, Kind};
use crate::dao::ledger::Movement;
use crate::dao::orders::Order;
use crate::dao::products::Product;

/// Who asked for what is being done.
pub fn principal(cx: &Context) -> Option<String> {
    cx.by.as_deref().map(str::to_owned)
}

/// A movement of a stock.
pub fn of_movement(product: Uuid, movement: &Movement) -> Change {
    Change {
        kind: Kind::Stock,
        id: product,
        version: movement.version,
        at: movement.at,
        what: movement.kind.name().to_owned(),
        quantity: Some(movement.quantity),
        delta: Some(movement.delta),
    }
}

/// An order as it was written down.
pub fn of_order(order: &Order) -> Change {
    let what = order.status.name().to_owned();
    let (quantity, delta) = (None, None);
    Change { kind: Kind::Order, id: order.id, version: order.version, at: order.updated_at, what, quantity, delta }
}

/// A version of a product.
pub fn of_product(product: &Product, what: &str) -> Change {
    Change {
        kind: Kind::Product,
        id: product.id,
        version: product.version,
        at: product.updated_at,
        what: what.to_owned(),
        quantity: None,
        delta: None,
    }
}

/// An id that begins with a moment. Of one process, those of one moment stand in the order in which they were asked for; the
/// counter begins somewhere, so that two processes have others.
pub fn id_at(at_ms: i64) -> Uuid {
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(rand::random::<u32>() / 2));
    let mut rest: [u8; 10] = rand::random();
    rest[..3].fill(0);
    rest[3..7].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at_ms).unwrap_or_default(), &rest).into_uuid()
}

/// The lowest id of a moment.
pub fn first_id_at(at_ms: i64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at_ms).unwrap_or_default(), &[0; 10]).into_uuid()
}

/// The moment with which an id begins.
pub fn millis_of(id: Uuid) -> Option<i64> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(i64::from(nanos / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_moment_stand_in_the_order_in_which_they_were_asked_for_and_tell_it() {
        let ids: Vec<Uuid> = (0..5_000).map(|_| id_at(1_700_000_000_123)).collect();
        assert!(ids.windows(2).all(|two| two[0] < two[1]));
        assert!(ids[0] > first_id_at(1_700_000_000_123) && ids[4_999] < first_id_at(1_700_000_000_124));
        assert_eq!(millis_of(ids[0]), Some(1_700_000_000_123));
    }
}
