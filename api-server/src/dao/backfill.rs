//! What is left of the ranks of earlier versions: which accounts they had, and how far these were worked up. No IO.

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

/// How far a run has come in a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Slots from this one down, accounts of it after this one.
    At {
        slot: i64,
        after: Uuid,
    },
    Done,
}

impl Progress {
    /// Before the first account.
    pub const START: Self = Self::At { slot: i64::MAX, after: Uuid::nil() };
}

/// Reads the ranks of earlier versions. Every method is bounded by the deadline of its context.
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

    /// How far a run has come.
    async fn progress(&self, cx: &Context, run: Run, book: Book) -> Result<Progress, DaoError>;

    /// Keeps how far a run has come.
    async fn set_progress(&self, cx: &Context, run: Run, book: Book, progress: Progress) -> Result<(), DaoError>;

    /// Takes or renews the lease of a run, which ends by itself some time after that; false where another worker has it.
    async fn hold(&self, cx: &Context, run: Run, worker: Uuid) -> Result<bool, DaoError>;
}
