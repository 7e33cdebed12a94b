//! The ledger: amounts that only movements change. No IO.
//!
//! An account is a product's stock or what a user has spent. Its balance has a version, each
//! movement makes the next one, and a movement's id is never used twice. Beside the quantity an
//! account has a turnover, in all and by day of the order, which the reports read.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Context, DaoError, Receipt};

/// What the accounts of a book are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Book {
    /// One account a product: units in stock; turnover is units sold.
    Stock,
    /// One account a user: no quantity; turnover is cents spent.
    Spending,
}

impl Book {
    /// The name under which the book is kept.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Spending => "spending",
        }
    }
}

/// One account of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    pub book: Book,
    /// Of the product or user.
    pub id: Uuid,
}

impl Account {
    /// The stock of a product.
    pub const fn stock(product: Uuid) -> Self {
        Self { book: Book::Stock, id: product }
    }

    /// What a user spends.
    pub const fn spending(user: Uuid) -> Self {
        Self { book: Book::Spending, id: user }
    }
}

/// An account after some version of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Units, never below 0.
    pub quantity: i64,
    /// Units sold or cents spent, never below 0.
    pub turnover: i64,
    /// Number of movements so far.
    pub version: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

/// Why an amount moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody counted: the quantity became what was said.
    Set,
    /// Somebody added or took units.
    Adjustment,
    /// An order took units.
    Order,
    /// An order that was cancelled or refused gave back what it took.
    Return,
    /// An order that was given up before it took anything; it cannot take any more.
    Void,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Set, Self::Adjustment, Self::Order, Self::Return, Self::Void];

    /// The name that is kept and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Adjustment => "adjustment",
            Self::Order => "order",
            Self::Return => "return",
            Self::Void => "void",
        }
    }

    /// The kind of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One change of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub id: Uuid,
    /// The version that it made.
    pub version: i64,
    pub kind: Kind,
    /// Change of the quantity.
    pub delta: i64,
    /// The quantity after it.
    pub quantity: i64,
    /// Change of the turnover.
    pub turned: i64,
    /// Day to which the turnover belongs, in days since 1970.
    pub day: Option<i32>,
    pub reason: Option<String>,
    pub reference: Option<String>,
    /// Who asked for it; `None` where nobody said who they are, for what the store does by itself, and for movements that
    /// programs before this one made.
    pub by: Option<Arc<str>>,
    /// Milliseconds since 1970; never before that of an earlier version.
    pub at: i64,
}

impl Movement {
    /// What stands for an id that was closed without a movement.
    pub const fn closed(id: Uuid) -> Self {
        let (reason, reference, by) = (None, None, None);
        Self {
            id,
            version: 0,
            kind: Kind::Void,
            delta: 0,
            quantity: 0,
            turned: 0,
            day: None,
            reason,
            reference,
            by,
            at: 0,
        }
    }
}

/// Movements of one account that are made together or not at all, and ids that are closed with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Versions ascend without gaps from the version before. None only where an id is closed.
    pub movements: Vec<Movement>,
    /// Ids under which no movement shall ever be made, of an account that has none at all: it stays without.
    pub closed: Vec<Uuid>,
    /// The account after the last of them.
    pub after: Balance,
    /// Each day whose turnover changes.
    pub days: Vec<DayTurnover>,
}

/// The turnover of a day and what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTurnover {
    /// In days since 1970.
    pub day: i32,
    /// As it was read; `None` where the day had none yet.
    pub before: Option<i64>,
    /// After the last movement.
    pub after: i64,
}

/// A balance, and the turnover of a day if it has one.
pub type Glimpse = (Balance, Option<i64>);

/// An account as a posting met it that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// `None` before the first movement.
    pub balance: Option<Balance>,
    /// Turnover of each day that the posting names, in its order; `None` where a day has none yet.
    pub days: Vec<(i32, Option<i64>)>,
}

/// Outcome of a posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    Done(Receipt),
    /// The account is no longer at the version, or one of the days at the turnover, that was read; nothing was done. With
    /// what it is instead, as every posting before has left it, where the database told that; it is as certain as
    /// [`LedgerDao::load`].
    Moved(Option<Met>),
    /// One of the ids was used before, by a movement or by being closed; nothing was done.
    Used,
}

/// Keeps accounts. Every method is bounded by the deadline of its context.
#[async_trait]
pub trait LedgerDao: Send + Sync {
    /// The balance at the level of the context, `None` before the first movement.
    async fn find(&self, cx: &Context, account: Account) -> Result<(Option<Balance>, Receipt), DaoError>;

    /// The balance and the turnover of a day, if it has one. Cheaper than [`LedgerDao::load`], and either may be behind a
    /// posting that is being made. `None` where it cannot tell: before the first turnover of that day and those before it.
    async fn glimpse(&self, cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError>;

    /// The balance as every posting before has left it.
    async fn load(&self, cx: &Context, account: Account) -> Result<Option<Balance>, DaoError>;

    /// Those of the movements that were made under these ids, however long ago. Read after the balance: an id that is not
    /// found was not used by a movement up to the version that was read.
    async fn made(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError>;

    /// Those of the ids that were closed, and perhaps some under which a void was made.
    async fn closed(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError>;

    /// Turnover of single days as every posting before has left it; days without any are left out.
    async fn load_days(&self, cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError>;

    /// Turnover of a range of days in all, at the level of the context.
    async fn turnover(&self, cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError>;

    /// Makes all movements of the posting if the account is still at version `before`, 0 for an account without movements, its
    /// days at the turnovers that the posting names, and none of the ids was ever used: that is decided with the
    /// posting, whatever was looked for before it and however late it comes.
    async fn post(&self, cx: &Context, account: Account, before: i64, posting: &Posting) -> Result<Posted, DaoError>;

    /// At most `limit` movements with versions below `before`, newest first.
    async fn movements(
        &self,
        cx: &Context,
        account: Account,
        before: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError>;
}
