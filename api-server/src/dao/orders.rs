//! The order aggregate: its records and what the store asks of whoever keeps them. No IO.

use async_trait::async_trait;
use uuid::Uuid;

use super::page::{PageEnd, Position};
use super::price::Price;
use super::{Context, DaoError, Receipt};

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Written down; its lines are being taken from the stock.
    Pending,
    /// All lines are taken.
    Confirmed,
    Paid,
    Fulfilled,
    /// Was confirmed; every line was or is being given back.
    Cancelled,
    /// Was never confirmed; what was taken was or is being given back. Clients never see it.
    Refused,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Confirmed, Self::Paid, Self::Fulfilled, Self::Cancelled, Self::Refused];

    /// Those of orders that were confirmed: these are listed.
    pub const LISTED: [Self; 4] = [Self::Confirmed, Self::Paid, Self::Fulfilled, Self::Cancelled];

    /// The name that is kept and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Paid => "paid",
            Self::Fulfilled => "fulfilled",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// The status of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Units of one product at the price they had when the order was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub product: Uuid,
    /// At least 1.
    pub quantity: i64,
    pub unit_price: Price,
}

/// An order as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: Uuid,
    pub user: Uuid,
    pub status: Status,
    /// Each product once.
    pub lines: Vec<Line>,
    /// In cents.
    pub total: i64,
    pub is_paid: bool,
    pub payment_id: Option<String>,
    /// 1 when written down, +1 with each change.
    pub version: i64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

impl Order {
    /// The day it belongs to in lists and reports, in days since 1970.
    pub fn day(&self) -> i32 {
        day_of(self.created_at)
    }
}

/// The day of a moment, in days since 1970.
pub fn day_of(at_ms: i64) -> i32 {
    i32::try_from(at_ms.div_euclid(DAY_MS)).unwrap_or(i32::MAX)
}

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// An order read to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub order: Order,
    /// Bucket of the lists that the order is put into.
    pub bucket: i64,
    /// Operations that made the last versions, newest first.
    pub operations: Vec<Uuid>,
}

/// Operations that an order remembers.
pub const OPERATIONS: usize = 8;

impl Stored {
    /// The operations remembered after one more.
    pub fn operations_with(&self, operation: Uuid) -> Vec<Uuid> {
        std::iter::once(operation).chain(self.operations.iter().copied()).take(OPERATIONS).collect()
    }
}

/// Outcome of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    Done(Stored, Receipt),
    /// The id was used by another operation.
    Exists,
}

/// Outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    Done(Stored, Receipt),
    /// The order is no longer at the version that was read.
    Moved,
}

/// Which orders a list shows; all given conditions hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    pub user: Option<Uuid>,
    pub status: Option<Status>,
    /// In days since 1970.
    pub day: Option<i32>,
}

impl Filter {
    /// Whether an order belongs into the list.
    pub fn admits(&self, order: &Order) -> bool {
        Status::LISTED.contains(&order.status)
            && self.user.is_none_or(|user| user == order.user)
            && self.status.is_none_or(|status| status == order.status)
            && self.day.is_none_or(|day| day == order.day())
    }
}

/// A note of work on an order that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// When it began, in milliseconds.
    pub at: i64,
    pub operation: Uuid,
    pub order: Uuid,
}

impl Note {
    /// The minute under which a moment's notes are kept.
    pub const fn minute_of(at_ms: i64) -> i64 {
        at_ms.div_euclid(60_000)
    }
}

/// Keeps orders. Every method is bounded by the deadline of its context.
#[async_trait]
pub trait OrderDao: Send + Sync {
    /// The order at the level of the context.
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError>;

    /// The order as every LWT before has left it, for changing it.
    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError>;

    /// Writes the order down at version 1. In no list yet. Calling again with the same operation
    /// is harmless and reports what the first call did.
    async fn insert(&self, cx: &Context, order: &Order, operation: Uuid) -> Result<Inserted, DaoError>;

    /// Changes `before` to `after` (next version) if it is still what was read. The lines stay.
    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Order,
        operation: Uuid,
    ) -> Result<Replaced, DaoError>;

    /// Puts the order into every list it belongs to, and out of the others. Harmless to repeat.
    async fn list(&self, cx: &Context, stored: &Stored) -> Result<(), DaoError>;

    /// At most `limit` orders of a list after a position, newest first.
    async fn page(
        &self,
        cx: &Context,
        filter: &Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError>;

    /// Notes work on an order before it begins.
    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError>;

    /// Removes the note of work that is done. A failure costs a look of the sweeper.
    async fn forget(&self, cx: &Context, note: &Note);

    /// Notes of one minute after `after` and not after `upto`, in their order, at most some
    /// hundred; and whether these are all.
    async fn notes(&self, cx: &Context, minute: i64, after: i64, upto: i64) -> Result<(Vec<Note>, bool), DaoError>;

    /// How far some sweeper of the shop has looked, in milliseconds.
    async fn swept_until(&self, cx: &Context) -> Result<Option<i64>, DaoError>;

    /// Records how far this sweeper has looked.
    async fn set_swept_until(&self, cx: &Context, until: i64) -> Result<(), DaoError>;
}
