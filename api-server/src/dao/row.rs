//! What every aggregate of versioned rows with one unique value shares: bookkeeping and the
//! outcomes of writes. No IO.

use uuid::Uuid;

use super::Receipt;

/// Bookkeeping beside a row; clients never see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Bucket of the listing that the row was put into when it was created.
    pub bucket: i64,
    /// Claim by which the row holds its unique value.
    pub claim: Uuid,
    /// Operations that made the last versions, newest first: how an operation of unknown outcome
    /// recognises itself.
    pub operations: Vec<Uuid>,
    /// Raised by whoever took a claim of this row over; a change must know it.
    pub fence: Option<Uuid>,
}

/// Operations that a row remembers.
pub const OPERATIONS: usize = 8;

impl Marks {
    /// The operations remembered after one more.
    pub fn operations_with(&self, operation: Uuid) -> Vec<Uuid> {
        std::iter::once(operation).chain(self.operations.iter().copied()).take(OPERATIONS).collect()
    }
}

/// Outcome of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    Done(Receipt),
    /// Another row holds the unique value.
    Taken,
    /// Another request is claiming the value at this moment.
    InFlight,
}

/// Outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    Done(Receipt),
    /// The row is no longer at the version that was read.
    VersionMoved,
    /// Another row holds the unique value.
    Taken,
    /// Another request is claiming the value at this moment.
    InFlight,
}

/// Outcome of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    Done(Receipt),
    VersionMoved,
}
