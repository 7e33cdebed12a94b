//! Idempotency keys in Cassandra: one row a key, changed by LWT only, gone after a day.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::StartError;
use super::execute::{Cas, Database, Statement};
use super::tries::decide;
use crate::dao::idempotency::{Answer, Begun, Claim, IdempotencyDao, KEPT_SECONDS};
use crate::dao::{Context, DaoError};

/// See the module.
pub struct CassandraIdempotency {
    database: Arc<Database>,
    claim: Statement,
    take_over: Statement,
    finish: Statement,
    release: Statement,
}

/// An answer is kept a little shorter than its claim, so that no answer is left without one.
const ANSWER_SECONDS: i32 = KEPT_SECONDS - 60;

impl CassandraIdempotency {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let table = "idempotency_keys";
        let claim = format!(
            "INSERT INTO {{ks}}.idempotency_keys (key, request, operation, resource, started_at) \
             VALUES (?, ?, ?, ?, ?) IF NOT EXISTS USING TTL {KEPT_SECONDS}"
        );
        let take_over = format!(
            "UPDATE {{ks}}.idempotency_keys USING TTL {ANSWER_SECONDS} SET started_at = ? \
             WHERE key = ? IF started_at = ? AND status = null"
        );
        let finish = format!(
            "UPDATE {{ks}}.idempotency_keys USING TTL {ANSWER_SECONDS} \
             SET status = ?, etag = ?, location = ?, body = ? \
             WHERE key = ? IF operation = ? AND status = null"
        );
        let release = format!(
            "UPDATE {{ks}}.idempotency_keys USING TTL {ANSWER_SECONDS} SET started_at = ? \
             WHERE key = ? IF operation = ? AND status = null"
        );
        Ok(Self {
            claim: database.conditional("CLAIM", table, &claim).await?,
            take_over: database.conditional("TAKE OVER", table, &take_over).await?,
            finish: database.conditional("FINISH", table, &finish).await?,
            release: database.conditional("RELEASE", table, &release).await?,
            database,
        })
    }

    async fn claim(&self, cx: &Context, claim: &Claim) -> Result<Cas, DaoError> {
        let values = (&claim.key, &claim.request[..], claim.operation, claim.resource, CqlTimestamp(cx.now_ms));
        decide!(cx, "claim of an idempotency key", _unsure => {
            self.database.cas(cx, &self.claim, &values).await
        })
    }

    /// Moves the claim's start to now if it is still `seen`: of two takers one succeeds.
    async fn take_over(&self, cx: &Context, key: &str, seen: i64) -> Result<bool, DaoError> {
        let values = (CqlTimestamp(cx.now_ms), key, CqlTimestamp(seen));
        decide!(cx, "takeover of an idempotency key", unsure => {
            let cas = self.database.cas(cx, &self.take_over, &values).await?;
            Ok(cas.applied || (unsure && cas.millis("started_at") == Some(cx.now_ms)))
        })
    }
}

#[async_trait]
impl IdempotencyDao for CassandraIdempotency {
    async fn begin(&self, cx: &Context, claim: &Claim, lease_ms: i64) -> Result<Begun, DaoError> {
        let cx = cx.untraced();
        let cas = self.claim(&cx, claim).await?;
        let ours = Begun::Ours { operation: claim.operation, resource: claim.resource };
        if cas.applied {
            return Ok(ours);
        }
        let (Some(request), Some(operation), Some(resource)) =
            (cas.blob("request"), cas.uuid("operation"), cas.uuid("resource"))
        else {
            return Err(DaoError::Broken("an idempotency key without its claim".into()));
        };
        if operation == claim.operation {
            // An earlier try of this very claim was applied.
            return Ok(ours);
        }
        if request != claim.request {
            return Ok(Begun::OtherRequest);
        }
        if let Some(status) = cas.int("status") {
            return Ok(Begun::Answered(Answer {
                status: u16::try_from(status).unwrap_or(500),
                etag: cas.text("etag"),
                location: cas.text("location"),
                body: cas.blob("body").unwrap_or_default(),
            }));
        }
        let started = cas.millis("started_at").unwrap_or(0);
        if started.saturating_add(lease_ms) > cx.now_ms {
            return Ok(Begun::InFlight);
        }
        if self.take_over(&cx, &claim.key, started).await? {
            Ok(Begun::Ours { operation, resource })
        } else {
            Ok(Begun::InFlight)
        }
    }

    async fn finish(&self, cx: &Context, key: &str, operation: Uuid, answer: &Answer) -> Result<(), DaoError> {
        let cx = cx.untraced();
        let values = (i32::from(answer.status), &answer.etag, &answer.location, &answer.body, key, operation);
        self.unconditionally(&cx, "keeping of an answer", &self.finish, &values).await
    }

    async fn release(&self, cx: &Context, key: &str, operation: Uuid) -> Result<(), DaoError> {
        let cx = cx.untraced();
        let values = (CqlTimestamp(0), key, operation);
        self.unconditionally(&cx, "release of an idempotency key", &self.release, &values).await
    }
}

impl CassandraIdempotency {
    /// Runs an LWT whose outcome does not matter once it is known.
    async fn unconditionally(
        &self,
        cx: &Context,
        operation: &'static str,
        statement: &Statement,
        values: &(impl scylla::serialize::row::SerializeRow + Sync),
    ) -> Result<(), DaoError> {
        decide!(cx, operation, _unsure => {
            self.database.cas(cx, statement, values).await.map(|_| ())
        })
    }
}
