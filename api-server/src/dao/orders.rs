//! The order aggregate: its records and what the store asks of whoever keeps them. No IO.

use async_trait::async_trait;
use uuid::Uuid;

use super::ledger::Account;
use super::page::{PageEnd, Position};
use super::price::Price;
use super::ranks::{Turned, Unranked};
use super::{Context, DaoError, Receipt};

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Written down by a process of the version before; its lines are being taken from the stock.
    Pending,
    /// Written down with all of its lines taken.
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

/// Who has bought what was sold to nobody in particular. No user ever has this id.
pub const NOBODY: Uuid = Uuid::nil();

/// An order as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: Uuid,
    /// The customer, or [`NOBODY`].
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

/// What is known of an order before it is written down: enough to give back all that was taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub user: Uuid,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Products with their quantities, each product once.
    pub lines: Vec<(Uuid, i64)>,
}

impl Contents {
    /// Of an order that is written down.
    pub fn of(order: &Order) -> Self {
        let lines = order.lines.iter().map(|line| (line.product, line.quantity)).collect();
        Self { user: order.user, created_at: order.created_at, lines }
    }

    /// The accounts whose turnover the order changes.
    pub fn turned(&self) -> impl Iterator<Item = Turned> + '_ {
        let day = day_of(self.created_at);
        let stocks = self.lines.iter().map(|(product, _)| Account::stock(*product));
        let spending = (self.user != NOBODY).then(|| Account::spending(self.user));
        stocks.chain(spending).map(move |account| Turned { account, day })
    }
}

/// A note of work on an order that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When it began, in milliseconds by the database's clock.
    pub at: i64,
    /// Of this work alone, so that no two notes are one.
    pub operation: Uuid,
    pub order: Uuid,
    /// `None` in notes of processes of the version before.
    pub contents: Option<Contents>,
}

/// Shards of the notes of each minute.
pub const NOTE_SHARDS: u8 = 16;

/// What is swept like a shard more: the notes of processes of the version before.
pub const OLD_NOTES: u8 = NOTE_SHARDS;

impl Note {
    /// The minute under which a moment's notes are kept.
    pub const fn minute_of(at_ms: i64) -> i64 {
        at_ms.div_euclid(60_000)
    }

    /// The shard of the notes of an order.
    pub const fn shard_of(order: Uuid) -> u8 {
        order.as_bytes()[15] % NOTE_SHARDS
    }

    /// The shard that it lies in.
    pub const fn shard(&self) -> u8 {
        if self.contents.is_some() { Self::shard_of(self.order) } else { OLD_NOTES }
    }

    /// The accounts whose turnover its order changes, as far as it says.
    pub fn turned(&self) -> impl Iterator<Item = Turned> + '_ {
        self.contents.iter().flat_map(Contents::turned)
    }
}

/// What is known of the sweeps of one shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How far some sweeper of the shop has looked, in milliseconds.
    pub until: Option<i64>,
    /// Whether a sweeper has it now.
    pub is_claimed: bool,
}

/// Keeps orders. Every method is bounded by the deadline of its context.
#[async_trait]
pub trait OrderDao: Unranked {
    /// The order at the level of the context.
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError>;

    /// The order as every LWT before has left it, for changing it.
    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError>;

    /// Writes the order down at version 1, if nothing is there under its id. In no list yet. Calling again with the same
    /// operation is harmless and reports what the first call did.
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

    /// Removes the notes of work that is done. A failure costs looks of the sweeper.
    async fn forget_all(&self, cx: &Context, notes: &[Note]) -> Result<(), DaoError>;

    /// Notes of one shard after `after` and not after `upto`, in the order of their times, of a bounded number of minutes
    /// and at most some thousand; and up to which moment these are all.
    async fn notes(&self, cx: &Context, shard: u8, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError>;

    /// What is known of the sweeps of each shard, from the first to [`OLD_NOTES`].
    async fn sweeps(&self, cx: &Context) -> Result<Vec<Swept>, DaoError>;

    /// Claims the sweep of a shard for some seconds: true for one caller. It divides the work, and nothing else rests on it.
    async fn claim_sweep(&self, cx: &Context, shard: u8, seconds: i32) -> Result<bool, DaoError>;

    /// Records how far a shard was looked through.
    async fn set_swept_until(&self, cx: &Context, shard: u8, until: i64) -> Result<(), DaoError>;

    /// The time by the database's clock, in milliseconds since 1970.
    async fn clock(&self, cx: &Context) -> Result<i64, DaoError>;
}

/// Notes of one partition that are read at once.
pub const NOTES_AT_ONCE: usize = 200;

/// Up to which moment notes are all there are, of minutes that were read with at most [`NOTES_AT_ONCE`] notes each; what lies
/// beyond it is left out.
pub fn whole(notes: &mut Vec<Note>, after: i64, upto: i64) -> i64 {
    notes.sort_by_key(|note| (note.at, note.operation));
    let full = notes.chunk_by(|one, other| Note::minute_of(one.at) == Note::minute_of(other.at));
    let cut = full.filter(|minute| minute.len() >= NOTES_AT_ONCE).find_map(|minute| minute.last());
    // Of the last moment there may be more. Where it is the only one the rest has to wait.
    let Some(last) = cut.map(|note| note.at) else { return upto };
    let until = if last - 1 > after { last - 1 } else { last };
    notes.retain(|note| note.at <= until);
    until
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(at: i64) -> Note {
        Note { at, operation: Uuid::new_v4(), order: Uuid::now_v7(), contents: None }
    }

    #[test]
    fn of_a_minute_with_too_many_notes_the_rest_is_read_the_next_time() {
        let few = |minute: i64| (0..3).map(move |more| note(minute * 60_000 + more));
        let many = (0..).take(NOTES_AT_ONCE).map(|more| note(60_000 + more));
        let mut notes: Vec<Note> = few(2).chain(many.clone()).chain(few(0)).collect();
        let last = 60_000 + i64::try_from(NOTES_AT_ONCE).unwrap() - 1;
        assert_eq!(whole(&mut notes, 0, 999_999), last - 1);
        assert_eq!(notes.len(), 3 + NOTES_AT_ONCE - 1);
        assert!(notes.is_sorted_by_key(|note| note.at));
        let mut notes: Vec<Note> = few(0).chain(few(1)).collect();
        assert_eq!((whole(&mut notes, 0, 999_999), notes.len()), (999_999, 6));
        let mut equal: Vec<Note> = (0..).take(NOTES_AT_ONCE).map(|_| note(5)).collect();
        assert_eq!((whole(&mut equal, 4, 9), equal.len()), (5, NOTES_AT_ONCE), "it goes on");
    }
}
