//! Which changes are events, and what is told of one. Pure.

use crate::models::Product;
use crate::models::change::{Change, Kind};
use crate::views::change as view;
use crate::views::json;

/// A stock has fallen below its product's threshold.
pub const LOW: &str = "stock.low";

/// Every event by its name.
pub const NAMES: [&str; 4] = [LOW, "order.confirmed", "order.paid", "order.cancelled"];

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same each time that it is sent.
    pub id: String,
    pub name: &'static str,
    /// Milliseconds since 1970.
    pub at: i64,
    pub body: String,
}

/// Below how many units the stock of a product is low; `None` where nobody has said.
pub fn threshold(product: &Product) -> Option<i64> {
    product.low_stock.map(i64::from)
}

impl Event {
    /// What a change is, if it is one; `threshold` is that of a stock's product.
    pub fn of(change: &Change, threshold: Option<i64>) -> Option<Self> {
        let name = match change.kind {
            Kind::Order => NAMES.into_iter().find(|name| name.strip_prefix("order.") == Some(&*change.what))?,
            Kind::Stock => {
                let (quantity, delta, threshold) = (change.quantity?, change.delta?, threshold?);
                // The one that crosses it, and none of those after that.
                (quantity < threshold && quantity - delta >= threshold).then_some(LOW)?
            }
            Kind::Product | Kind::User => return None,
        };
        let mut body = format!("{{\"type\":\"{name}\",\"timestamp\":").into_bytes();
        json::write_time(&mut body, change.at);
        body.extend_from_slice(b",\"data\":");
        view::change(&mut body, change);
        body.push(b'}');
        let id = format!("{name}_{}_{}", change.id, change.version);
        Some(Self { id, name, at: change.at, body: String::from_utf8(body).ok()? })
    }
}
