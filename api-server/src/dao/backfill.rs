//! What earlier versions left to be done: the accounts that they ranked, products that they listed by no word, and how far
//! these were worked up. No IO.

use async_trait::async_trait;
use uuid::Uuid;

use super::ledger::Book;
use super::{Context, DaoError};

/// When all accounts are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Run {
    /// Before processes of this version serve.
    Before,
    /// A minute after, for what processes of an earlier version have changed meanwhile: a small shop has none of them then.
    Soon,
    /// Ten minutes after: a larger one has none.
    Later,
    /// An hour after.
    After,
}

impl Run {
    /// The name under which it is kept.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Soon => "soon",
            Self::Later => "later",
            Self::After => "after",
        }
    }
}

/// What is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Accounts, to be ranked.
    Ranks(Book),
    /// Products, to be listed by the words of their names.
    Words,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Ranks(Book::Stock), Self::Ranks(Book::Spending), Self::Words];

    /// The name under which it is kept.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ranks(book) => book.name(),
            Self::Words => "words",
        }
    }
}

/// How far a run has come in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Slots (of products: buckets) from this one down, ids of it after this one.
    At {
        slot: i64,
        after: Uuid,
    },
    Done,
}

impl Progress {
    /// Before the first.
    pub const START: Self = Self::At { slot: i64::MAX, after: Uuid::nil() };
}

/// Reads what earlier versions left. Every method is bounded by the deadline of its context.
#[async_trait]
pub trait BackfillDao: Send + Sync {
    /// At most `limit` accounts of one slot from where a run has come to, and where it goes on after them. There may be
    /// none, and more in the next slot.
    async fn accounts(
        &self,
        cx: &Context,
        book: Book,
        at: Progress,
        limit: usize,
    ) -> Result<(Vec<Uuid>, Progress), DaoError>;

    /// Lists at most `limit` products by the words of their names, from where a run has come to, and where it goes on
    /// after them. Harmless to repeat.
    async fn list_by_words(&self, cx: &Context, at: Progress, limit: usize) -> Result<Progress, DaoError>;

    /// How far a run has come.
    async fn progress(&self, cx: &Context, run: Run, part: Part) -> Result<Progress, DaoError>;

    /// Keeps how far a run has come.
    async fn set_progress(&self, cx: &Context, run: Run, part: Part, progress: Progress) -> Result<(), DaoError>;

    /// Takes or renews the lease of a run, which ends by itself some time after that; false where another worker has it.
    async fn hold(&self, cx: &Context, run: Run, worker: Uuid) -> Result<bool, DaoError>;
}
