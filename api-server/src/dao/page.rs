//! Pages of lists: where one ends, and where the next begins. No IO.

use uuid::Uuid;

use super::Receipt;

/// Rows that the lists of one request look at without showing them, and partitions that they look into, at most. A page
/// that has to look at more ends there: it shows what was found, be it nothing, and the next one goes on.
pub const LOOKED_AT_MAX: usize = 250;

/// Where a page ends: the last row that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub bucket: i64,
    pub id: Uuid,
}

/// What a page call found beside the rows it gave to the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageEnd {
    /// Where the next page begins; `None` after the last. A page with a next one may hold fewer
    /// rows than asked for, so that its cost stays bounded.
    pub next: Option<Position>,
    /// Rows and partitions that were looked at for it.
    pub looked_at: usize,
    pub receipt: Receipt,
}
