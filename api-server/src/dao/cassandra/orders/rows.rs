//! Rows of orders as Cassandra keeps them. No IO.

use scylla::value::CqlTimestamp;
use uuid::Uuid;

use crate::dao::DaoError;
use crate::dao::cassandra::products::broken;
use crate::dao::orders::{Line, Order, Status, Stored};
use crate::dao::price::Price;

/// The columns of an order, in the order of [`Row`].
pub const COLUMNS: &str = "id, user_id, status, lines, total, is_paid, payment_id, version, created_at, updated_at, \
     bucket, operations";

/// Lines as they are kept: product, quantity, unscaled price, its scale.
pub type Lines = Vec<(Uuid, i64, i64, i32)>;

/// A row of [`COLUMNS`].
pub type Row<'f> = (
    Uuid,
    Option<Uuid>,
    Option<&'f str>,
    Option<Lines>,
    Option<i64>,
    Option<bool>,
    Option<&'f str>,
    Option<i64>,
    Option<CqlTimestamp>,
    Option<CqlTimestamp>,
    Option<i64>,
    Option<Vec<Uuid>>,
);

/// The lines of an order as they are kept.
pub fn lines_of(order: &Order) -> Lines {
    let lines = order.lines.iter();
    let kept = lines.map(|line| {
        let price = line.unit_price;
        (line.product, line.quantity, price.unscaled(), i32::from(price.scale()))
    });
    kept.collect()
}

/// The order of a row.
pub fn order_of(row: Row<'_>) -> Result<Stored, DaoError> {
    let (id, user, status, lines, total, is_paid, payment_id, version, created_at, updated_at, bucket, operations) =
        row;
    let (Some(user), Some(status), Some(lines), Some(total), Some(version)) =
        (user, status.and_then(Status::of), lines, total, version)
    else {
        return Err(broken(format!("order {id} is not whole")));
    };
    let lines = lines.into_iter().map(|(product, quantity, unscaled, scale)| {
        let unit_price = Price::new(unscaled, scale).map_err(broken)?;
        Ok(Line { product, quantity, unit_price })
    });
    let created_at = created_at.map_or(0, |time| time.0);
    let order = Order {
        id,
        user,
        status,
        lines: lines.collect::<Result<_, DaoError>>()?,
        total,
        is_paid: is_paid.unwrap_or(false),
        payment_id: payment_id.map(str::to_owned),
        version,
        created_at,
        updated_at: updated_at.map_or(created_at, |time| time.0),
    };
    Ok(Stored { order, bucket: bucket.unwrap_or(0), operations: operations.unwrap_or_default() })
}
