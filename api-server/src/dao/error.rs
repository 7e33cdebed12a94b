//! How a DAO call fails. The texts never leave the process; clients get the class of the failure.

use std::net::IpAddr;

use thiserror::Error;

use super::Level;

/// A failed DAO call. Rules that are broken (a taken sku, an old version) are answers, not errors.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DaoError {
    /// Too few replicas are alive for the level: nothing was done.
    #[error("{alive} of the {required} replicas that {level} requires are alive")]
    Unavailable { level: &'static str, required: i32, alive: i32 },
    /// Too few replicas of the database's own roles and permissions are alive: nothing was done.
    #[error("the database could not read its own roles and permissions: {0}")]
    RolesUnread(String),
    /// No node could be asked, or the database turned the request away before doing anything.
    #[error("no node took the request: {0}")]
    Unreachable(String),
    /// There was more to do than fits into the time: the request waited until its deadline without being sent, or as much
    /// is under way as there is room for. Nothing was done.
    #[error("there is more to do than fits into the time: {0}")]
    Busy(String),
    /// Others changed the same row at every try: nothing was done.
    #[error("other writers of the same row were always faster")]
    Contended,
    /// The deadline passed and nothing was changed (a read, or a write that had not begun).
    #[error("no answer within the deadline at {level}: {detail}")]
    Timeout { level: &'static str, detail: String },
    /// The deadline passed while a write was under way and its outcome could not be learnt.
    #[error("the outcome of {operation} could not be learnt within the deadline")]
    Unknown { operation: &'static str },
    /// The level cannot be used for this statement.
    #[error("{level} cannot be used here: {detail}")]
    Level { level: Level, detail: &'static str },
    /// The node that was chosen is none of the ring, or cannot be reached now: nothing was asked.
    #[error("{node} {state}")]
    Node { node: IpAddr, state: &'static str },
    /// A row or an answer that this program does not understand, or a statement Cassandra refuses.
    #[error("the database answered out of contract: {0}")]
    Broken(String),
}

impl DaoError {
    /// Whether it is the database's state of the moment that failed, and not what was asked of it.
    pub const fn passes(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::RolesUnread(_)
            | Self::Unreachable(_)
            | Self::Busy(_)
            | Self::Contended
            | Self::Timeout { .. }
            | Self::Unknown { .. } => true,
            Self::Level { .. } | Self::Node { .. } | Self::Broken(_) => false,
        }
    }

    /// Static label for metrics and logs.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } | Self::RolesUnread(_) => "unavailable",
            Self::Unreachable(_) => "unreachable",
            Self::Busy(_) => "overloaded",
            Self::Contended => "contended",
            Self::Timeout { .. } => "timeout",
            Self::Unknown { .. } => "unknown_outcome",
            Self::Level { .. } => "level",
            Self::Node { .. } => "node",
            Self::Broken(_) => "broken",
        }
    }
}
