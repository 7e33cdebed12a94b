//! How a use case ends when it does not end well. Pure.

use std::borrow::Cow;

use thiserror::Error;
use uuid::Uuid;

use crate::dao::DaoError;

/// One broken rule and where it was broken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// JSON pointer into the body, or `query:NAME`, `header:NAME`.
    pub pointer: Cow<'static, str>,
    /// Stable, machine-readable.
    pub code: Cow<'static, str>,
    /// For people: what to send instead.
    pub detail: Cow<'static, str>,
    /// What is missing, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortage: Option<Shortage>,
}

/// Less is in stock than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shortage {
    pub product_id: Uuid,
    pub requested: i64,
    pub available: i64,
}

impl Violation {
    /// A violation with fixed or made texts.
    pub fn new(
        pointer: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into(), shortage: None }
    }

    /// A place that asks for more than is in stock.
    pub fn short(pointer: impl Into<Cow<'static, str>>, shortage: Shortage) -> Self {
        let Shortage { requested, available, .. } = shortage;
        let detail = format!("{requested} units are asked for and {available} are in stock");
        Self { shortage: Some(shortage), ..Self::new(pointer, "insufficient_stock", detail) }
    }
}

/// Races for one row that are lost and tried again before the client is told.
pub const RACES: usize = 16;

/// A use case that did not do what was asked.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The request cannot be understood.
    #[error("the request is malformed")]
    Malformed(Vec<Violation>),
    /// The request breaks rules of the store.
    #[error("the request breaks a rule of the store")]
    Invalid(Vec<Violation>),
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The client's condition on the version does not hold.
    #[error("the {0} is at another version")]
    PreconditionFailed(&'static str),
    /// The request is right in itself, the state of the store forbids it.
    #[error("{0:?}")]
    Conflict(Violation),
    /// Another request is at the same thing at this moment; a second try may meet another answer.
    #[error("{0:?}")]
    Busy(Violation),
    /// Not everything that was asked for is in stock: each place that asks for too much.
    #[error("not enough is in stock: {0:?}")]
    Short(Vec<Violation>),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The first request under the idempotency key is still running.
    #[error("the first request under this idempotency key is still running")]
    KeyInFlight,
    /// Too much of the same waits already; nothing was done.
    #[error("{0}")]
    Overloaded(&'static str),
    #[error(transparent)]
    Dao(#[from] DaoError),
}

impl ModelError {
    /// Whether the same may well be done a little later.
    pub const fn passes(&self) -> bool {
        match self {
            Self::Dao(error) => error.passes(),
            Self::Overloaded(_) | Self::Busy(_) | Self::KeyInFlight => true,
            Self::Malformed(_)
            | Self::Invalid(_)
            | Self::NotFound(_)
            | Self::PreconditionFailed(_)
            | Self::Conflict(_)
            | Self::Short(_)
            | Self::KeyReused => false,
        }
    }

    /// Too many writers of one row: nothing of this request was done.
    pub fn contended() -> Self {
        Self::Dao(DaoError::Contended)
    }
}
