//! What accounts turned over, from where it is decided: units sold from the ledger, cents spent from a user's orders that
//! were listed and not cancelled. No IO.

use async_trait::async_trait;
use uuid::Uuid;

use super::blocks::Turnover;
use super::ledger::Book;
use super::{Context, DaoError};

/// What an account turned over on a day, in days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDay {
    pub id: Uuid,
    pub day: i32,
    pub turnover: Turnover,
}

/// Sums up what accounts turned over. Every method is bounded by the deadline of its context.
#[async_trait]
pub trait TurnoverDao: Send + Sync {
    /// What some accounts turned over on one day; those with nothing may be left out. At most
    /// [`super::blocks::IDS_AT_ONCE`] of them.
    async fn on_day(&self, cx: &Context, book: Book, day: i32, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError>;

    /// What some accounts turned over on every day. What a process of an earlier version has left to be known by the
    /// orders alone is written down on the way.
    async fn on_all_days(&self, cx: &Context, book: Book, ids: &[Uuid]) -> Result<Vec<OnDay>, DaoError>;
}
