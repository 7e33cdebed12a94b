//! What is told of a movement, an order, a product; and ids that begin with a moment. Pure.

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

/// An id that begins with a moment.
pub fn id_at(at_ms: i64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at_ms).unwrap_or_default(), &rand::random()).into_uuid()
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
