//! Doing a request once, however often it is sent under its key. IO only through the DAO's trait.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::clock::Clock;
use super::create::Identity;
use super::error::{ModelError, Violation};
use crate::dao::Context;
use crate::dao::idempotency::{Begun, Claim, IdempotencyDao, Remembered};

pub use crate::dao::idempotency::Answer;

/// Requests that are done once.
#[derive(Clone)]
pub struct Idempotency {
    dao: Arc<dyn IdempotencyDao>,
    /// How long a request can live; an older claim without an answer was left by a crash.
    lease_ms: i64,
    /// How old a claim is must not hang on whose clock tells it: a claim of a process that is ahead would hold for as long as
    /// it is.
    clock: Clock,
}

/// A claimed key: finish or release it.
#[derive(Debug)]
pub struct Claimed {
    claim: Claim,
    /// Identities under which to do the work.
    pub identity: Identity,
}

/// Requests that take a key: keys belong to one of these, and to whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyed {
    Products,
    Users,
    Stocks,
    Adjustments,
    Orders,
}

impl Keyed {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Products, Self::Users, Self::Stocks, Self::Adjustments, Self::Orders];

    /// Method and path, as keys are kept under them and as people are told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Products => "POST /products",
            Self::Users => "POST /users",
            Self::Stocks => "POST /stocks",
            Self::Adjustments => "POST /stocks/{product_id}/adjustments",
            Self::Orders => "POST /orders",
        }
    }

    /// What keys belong to: whoever sends them has keys of their own. A request ends with the path, so no two that differ
    /// in either have the same scope.
    pub fn scope(self, by: Option<&str>) -> String {
        by.map_or_else(|| self.name().to_owned(), |by| format!("{by} {}", self.name()))
    }
}

/// Status under which a refusal is kept.
const REFUSED: u16 = 409;

/// A refusal as it is kept.
#[derive(serde::Serialize, serde::Deserialize)]
enum Refusal {
    Conflict(Violation),
    Short(Vec<Violation>),
}

/// The answer that keeps a refusal for good, so that a second try is refused alike; `None` for
/// errors that a second try may not meet.
pub fn refusal(error: &ModelError) -> Option<Answer> {
    let refusal = match error {
        ModelError::Conflict(violation) => Refusal::Conflict(violation.clone()),
        ModelError::Short(violations) => Refusal::Short(violations.clone()),
        _ => return None,
    };
    Some(Answer { status: REFUSED, etag: None, location: None, body: serde_json::to_vec(&refusal).ok()? })
}

/// The refusal that an answer keeps, `None` when it is another answer.
pub fn refused(answer: &Answer) -> Option<ModelError> {
    if answer.status != REFUSED {
        return None;
    }
    match serde_json::from_slice(&answer.body).ok()? {
        Refusal::Conflict(violation) => Some(ModelError::Conflict(violation)),
        Refusal::Short(violations) => Some(ModelError::Short(violations)),
    }
}

/// What to do with a request under a key.
#[derive(Debug)]
pub enum Turn {
    Work(Claimed),
    Replay(Answer),
}

/// The key as it is kept.
fn key_of(scope: &str, key: &str) -> String {
    format!("{scope} {key}")
}

impl Idempotency {
    /// Keys over a DAO; `lease_ms` is longer than any request lives.
    pub fn new(dao: Arc<dyn IdempotencyDao>, lease_ms: i64, clock: Clock) -> Self {
        Self { dao, lease_ms, clock }
    }

    /// Claims a key for a request; `scope` is what keys belong to: who sends it, and the route.
    #[tracing::instrument(name = "model.idempotency.begin", skip_all)]
    pub async fn begin(
        &self,
        cx: &Context,
        scope: &str,
        key: &str,
        body: &[u8],
        identity: Identity,
    ) -> Result<Turn, ModelError> {
        let Identity { operation, resource, .. } = identity;
        let cx = &Context { now_ms: self.clock.of(cx.now_ms), ..cx.clone() };
        let claim = Claim { key: key_of(scope, key), request: Sha256::digest(body).into(), operation, resource };
        match self.dao.begin(cx, &claim, self.lease_ms).await? {
            Begun::Ours { operation, resource } => {
                // Another's operation: an earlier try may have come to any step.
                let fresh = identity.fresh && operation == claim.operation;
                let claim = Claim { operation, resource, ..claim };
                let identity = Identity { operation, resource, fresh, alone: false };
                Ok(Turn::Work(Claimed { claim, identity }))
            }
            Begun::Answered(answer) => Ok(Turn::Replay(answer)),
            Begun::OtherRequest => Err(ModelError::KeyReused),
            Begun::InFlight => Err(ModelError::KeyInFlight),
        }
    }

    /// What is remembered of a key, and whether its last try may still be running.
    pub async fn find(&self, cx: &Context, scope: &str, key: &str) -> Result<Option<(Remembered, bool)>, ModelError> {
        let now_ms = self.clock.of(cx.now_ms);
        let cx = &Context { now_ms, ..cx.plain() };
        let found = self.dao.find(cx, &key_of(scope, key)).await?;
        Ok(found.map(|found| {
            let runs = found.answer.is_none() && found.started_ms.saturating_add(self.lease_ms) > now_ms;
            (found, runs)
        }))
    }

    /// Keeps the answer. A failure is not the client's: the work is done, and the next try of the
    /// same request finds its own effects and answers alike.
    #[tracing::instrument(name = "model.idempotency.finish", skip_all)]
    pub async fn finish(&self, cx: &Context, claimed: &Claimed, answer: &Answer) {
        let kept = self.dao.finish(cx, &claimed.claim, answer).await;
        if let Err(error) = kept {
            tracing::warn!(reason = error.reason(), %error, "could not keep an answer under its idempotency key");
        }
    }

    /// Lets the next try go on at once, after an end without an answer.
    #[tracing::instrument(name = "model.idempotency.release", skip_all)]
    pub async fn release(&self, cx: &Context, claimed: &Claimed) {
        if let Err(error) = self.dao.release(cx, &claimed.claim).await {
            tracing::warn!(reason = error.reason(), %error, "could not release an idempotency key, it stays claimed until its lease ends");
        }
    }
}
