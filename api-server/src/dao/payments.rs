//! Payments of orders: one row each, written once and never changed, so that none is lost to another. No IO.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Context, DaoError};

/// Payments of one order that are read at most. An order has one; each more is a mistake of somebody.
pub const READ_MAX: usize = 100;

/// What was paid for an order, as it was told first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Given by whoever took the payment.
    pub id: String,
    /// When it was told, in milliseconds since 1970; `None` for one that was noted in the order alone.
    pub at: Option<i64>,
    /// The total of the order, in cents.
    pub amount: i64,
    /// Who told of it; `None` where nobody said who they are, and where it was told to a program before this one.
    pub by: Option<Arc<str>>,
}

/// Keeps payments. Every method is bounded by the deadline of its context.
#[async_trait]
pub trait PaymentDao: Send + Sync {
    /// Writes a payment of an order down, if none of its id is there. Harmless to repeat: what was written first stays.
    async fn keep(&self, cx: &Context, order: Uuid, payment: &Payment) -> Result<(), DaoError>;

    /// The payments of an order at the level of the context, by their ids, at most [`READ_MAX`].
    async fn of(&self, cx: &Context, order: Uuid) -> Result<Vec<Payment>, DaoError>;
}
