//! Imports that nobody waits for: how far each is, and what became of it. No IO.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Context, DaoError};

/// Which table a file goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Products,
    Stocks,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Products, Self::Stocks];

    /// The name, as it is kept and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Stocks => "stocks",
        }
    }
}

/// What an import is answered with in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The status that it would have had if it had been waited for.
    pub status: u16,
    /// The body, JSON.
    pub answer: Vec<u8>,
}

/// An import as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub id: Uuid,
    pub kind: Kind,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Whether the process that works on it has said so lately.
    pub alive: bool,
    /// What has become of its lines so far, JSON; `None` before the first word of it.
    pub progress: Option<Vec<u8>>,
    pub ended: Option<Ended>,
}

/// How long an import is remembered, in seconds.
pub const KEPT_SECONDS: i32 = 86_400;

/// Keeps imports for [`KEPT_SECONDS`]. Each is written by the one process that works on it.
#[async_trait]
pub trait ImportDao: Send + Sync {
    /// Notes an import before anything of it is done; the process is alive for so many seconds.
    async fn begin(
        &self,
        cx: &Context,
        id: Uuid,
        kind: Kind,
        started_at: i64,
        alive_seconds: i32,
    ) -> Result<(), DaoError>;

    /// Notes how far it is, and that the process is alive for so many seconds more.
    async fn beat(&self, cx: &Context, id: Uuid, progress: &[u8], alive_seconds: i32) -> Result<(), DaoError>;

    /// Notes what became of it. Harmless to repeat.
    async fn end(&self, cx: &Context, id: Uuid, ended: &Ended) -> Result<(), DaoError>;

    /// The import, if it is remembered.
    async fn find(&self, cx: &Context, id: Uuid) -> Result<Option<Import>, DaoError>;
}
