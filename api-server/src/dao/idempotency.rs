//! Answers kept under an idempotency key, so that a request sent twice is done once. No IO.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Context, DaoError};

/// A request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the key belongs to (the route) and the client's key.
    pub key: String,
    /// Hash of the request; another request under the same key is refused.
    pub request: [u8; 32],
    /// Identity under which the request's effects are made; the same for every try.
    pub operation: Uuid,
    /// Identity of the resource that the request makes.
    pub resource: Uuid,
}

/// An answer as it was first given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// What a claim met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The key is ours: do the work under this operation and resource, which are those of an
    /// earlier try if that one ended without an answer.
    Ours { operation: Uuid, resource: Uuid },
    /// Done before: give this answer again.
    Answered(Answer),
    /// The key belongs to another request.
    OtherRequest,
    /// An earlier try is still running.
    InFlight,
}

/// A key as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub operation: Uuid,
    pub resource: Uuid,
    /// When the last try began, in milliseconds since 1970; 0 where it gave the key back.
    pub started_ms: i64,
    /// `None` where no try has come to an answer.
    pub answer: Option<Answer>,
}

/// How long a key is remembered after the last that became of it, in seconds.
pub const KEPT_SECONDS: i32 = 86_400;

/// Keeps claims and answers for [`KEPT_SECONDS`].
#[async_trait]
pub trait IdempotencyDao: Send + Sync {
    /// Claims the key. A claim older than `lease_ms` without an answer passes to the new try.
    async fn begin(&self, cx: &Context, claim: &Claim, lease_ms: i64) -> Result<Begun, DaoError>;

    /// What is remembered of a key, as every claim and answer before has left it.
    async fn find(&self, cx: &Context, key: &str) -> Result<Option<Remembered>, DaoError>;

    /// Keeps the answer of a claim, under the identities that [`IdempotencyDao::begin`] gave.
    async fn finish(&self, cx: &Context, claim: &Claim, answer: &Answer) -> Result<(), DaoError>;

    /// Lets the next try take the claim over at once, after a try that ended without an answer.
    async fn release(&self, cx: &Context, claim: &Claim) -> Result<(), DaoError>;
}
