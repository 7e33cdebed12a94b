//! The feed of changes and the audit trail: their records and what the store asks of whoever keeps them. No IO.
//!
//! The feed is one log of entries that are numbered without gaps: an entry is written under the number after the last one
//! if nothing is there yet, so no clock decides about its order and a reader sees by the numbers that nothing is missing.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Context, DaoError};

/// What a change is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Product,
    Stock,
    Order,
    /// In the audit trail only.
    User,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Product, Self::Stock, Self::Order, Self::User];

    /// The name that is kept and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Stock => "stock",
            Self::Order => "order",
            Self::User => "user",
        }
    }

    /// The kind of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something with versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Object {
    pub kind: Kind,
    pub id: Uuid,
}

/// One version of an object, as the feed tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    #[serde(rename = "k")]
    pub kind: Kind,
    pub id: Uuid,
    /// The version that it made.
    #[serde(rename = "v")]
    pub version: i64,
    /// Milliseconds since 1970.
    #[serde(rename = "t")]
    pub at: i64,
    /// What was done: the kind of a stock's movement, the status of an order, `created`, `changed`, `archived`, `restored` or
    /// `removed`.
    #[serde(rename = "w")]
    pub what: String,
    /// Of a stock: units after it.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// Of a stock: units by which it changed.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<i64>,
}

impl Change {
    /// What it is of.
    pub const fn object(&self) -> Object {
        Object { kind: self.kind, id: self.id }
    }
}

/// Changes that were written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of the one who wrote it, by which it is known again.
    pub operation: Uuid,
    pub changes: Vec<Change>,
}

/// Outcome of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    Done,
    /// Another entry has this number.
    Taken,
}

/// Entries of one partition.
pub const ENTRIES_OF_A_BLOCK: i64 = 500;

/// A write that is under way, noted before it is made: what a crash keeps from the feed is found by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When it was noted, in milliseconds by the database's clock.
    pub at: i64,
    pub operation: Uuid,
    pub object: Object,
    /// Of a removal: the version that it makes.
    pub version: Option<i64>,
}

impl Note {
    /// The minute under which a moment's notes are kept.
    pub const fn minute_of(at_ms: i64) -> i64 {
        at_ms.div_euclid(60_000)
    }
}

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Version 7: it begins with when it was done.
    pub id: Uuid,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Who did it; `None` where requests do not tell.
    pub by: Option<String>,
    pub object: Object,
    /// What was done, as in [`Change::what`]; of a user `created`, `changed` or `erased`.
    pub what: String,
    /// The version after it.
    pub version: i64,
    pub request: Option<String>,
}

/// Which lines of a day are asked for; all that are given hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub by: Option<String>,
    pub object: Option<Uuid>,
}

impl AuditFilter {
    /// Whether a line is asked for.
    pub fn admits(&self, line: &Audited) -> bool {
        self.by.as_ref().is_none_or(|by| line.by.as_ref() == Some(by))
            && self.object.is_none_or(|object| object == line.object.id)
    }
}

/// Partitions of a day's audit trail: one for each hour.
pub const HOURS: i8 = 24;

/// Keeps the feed and the audit trail. Every method is bounded by the deadline of its context.
#[async_trait]
pub trait ChangeDao: Send + Sync {
    /// Writes an entry under a number if nothing is there. Whoever calls knows that the number before is used. Calling again
    /// with the same entry is harmless and reports what the first call did.
    async fn append(&self, cx: &Context, number: i64, entry: &Entry) -> Result<Appended, DaoError>;

    /// Entries with numbers above `after`, ascending, at most `limit` and of one block: of that which the next number is in.
    async fn entries(&self, cx: &Context, after: i64, limit: usize) -> Result<Vec<(i64, Entry)>, DaoError>;

    /// The number of the last entry; 0 before the first.
    async fn last(&self, cx: &Context) -> Result<i64, DaoError>;

    /// Up to which version objects were told in the feed, at least; those of which nothing is known are left out.
    async fn told(&self, cx: &Context, objects: &[Object]) -> Result<Vec<(Object, i64)>, DaoError>;

    /// Keeps up to which version objects were told, and the number of the last entry. The highest that was ever kept counts.
    async fn keep_told(&self, cx: &Context, told: &[(Object, i64)], last: i64) -> Result<(), DaoError>;

    /// Notes a write before it is made.
    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError>;

    /// Removes notes of writes that were told.
    async fn forget(&self, cx: &Context, notes: &[Note]) -> Result<(), DaoError>;

    /// Notes of one minute, at most some hundred; those that are left out come once these were removed.
    async fn notes(&self, cx: &Context, minute: i64) -> Result<Vec<Note>, DaoError>;

    /// From which minute on notes may be left.
    async fn swept_until(&self, cx: &Context) -> Result<Option<i64>, DaoError>;

    /// Keeps that.
    async fn set_swept_until(&self, cx: &Context, minute: i64) -> Result<(), DaoError>;

    /// Writes lines of the audit trail. Harmless to repeat.
    async fn audit(&self, cx: &Context, lines: &[Audited]) -> Result<(), DaoError>;

    /// Lines of an hour (hours since 1970) below an id, newest first, at most `limit`.
    async fn audited(
        &self,
        cx: &Context,
        hour: i64,
        below: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Audited>, DaoError>;

    /// How far a reader with a name has come, if it is free or ours: it is ours for so many seconds from now. `None`: another
    /// process has it.
    async fn claim(&self, cx: &Context, reader: &str, owner: Uuid, seconds: i32) -> Result<Option<String>, DaoError>;

    /// Keeps how far a reader has come while it is ours; false when it no longer is.
    async fn advance(
        &self,
        cx: &Context,
        reader: &str,
        owner: Uuid,
        seconds: i32,
        position: &str,
    ) -> Result<bool, DaoError>;
}
