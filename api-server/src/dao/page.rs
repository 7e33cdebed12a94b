//! Pages of lists: where one ends, and where the next begins. No IO.

use uuid::Uuid;

use super::Receipt;

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
    pub receipt: Receipt,
}
