//! Idempotency keys in Cassandra: one row a key, changed by LWT only, gone after a day.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::StartError;
use super::execute::{Cas, Database, Statement};
use super::products::broken;
use super::tries::decide;
use crate::dao::idempotency::{Answer, Begun, Claim, IdempotencyDao, KEPT_SECONDS, Remembered};
use crate::dao::{Context, DaoError};

/// What is read of a key.
type Row =
    (Option<Uuid>, Option<Uuid>, Option<CqlTimestamp>, Option<i32>, Option<String>, Option<String>, Option<Vec<u8>>);

/// See the module.
pub struct CassandraIdempotency {
    database: Arc<Database>,
    claim: Statement,
    claim_anew: Statement,
    take_over: Statement,
    finish: Statement,
    release: Statement,
    find: Statement,
}

impl CassandraIdempotency {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        Self::keeping(database, KEPT_SECONDS).await
    }

    /// The same, which remembers keys for so many seconds.
    ///
    /// Each statement writes the claim again, so that all that a row has goes at the same time: a row of which a part had
    /// gone would be neither free nor known.
    pub(super) async fn keeping(database: Arc<Database>, seconds: i32) -> Result<Self, StartError> {
        let table = "idempotency_keys";
        let claim = format!(
            "INSERT INTO {{ks}}.idempotency_keys (key, request, operation, resource, started_at) \
             VALUES (?, ?, ?, ?, ?) IF NOT EXISTS USING TTL {seconds}"
        );
        let update = format!(
            "UPDATE {{ks}}.idempotency_keys USING TTL {seconds} SET request = ?, operation = ?, resource = ?, started_at = ?"
        );
        let claim_anew = format!("{update}, status = null WHERE key = ? IF request = null");
        let take_over = format!("{update} WHERE key = ? IF started_at = ? AND status = null");
        let finish = format!(
            "{update}, status = ?, etag = ?, location = ?, body = ? WHERE key = ? IF operation = ? AND status = null"
        );
        let release = format!("{update} WHERE key = ? IF operation = ? AND status = null");
        let find = "SELECT operation, resource, started_at, status, etag, location, body \
                    FROM {ks}.idempotency_keys WHERE key = ?";
        Ok(Self {
            find: database.serial(table, find).await?,
            claim: database.conditional("CLAIM", table, &claim).await?,
            claim_anew: database.conditional("CLAIM", table, &claim_anew).await?,
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

    /// Takes a row of which nothing is left that tells whose it was, as programs before this one left them.
    async fn claim_anew(&self, cx: &Context, claim: &Claim) -> Result<Begun, DaoError> {
        let (operation, resource) = (claim.operation, claim.resource);
        let values = (&claim.request[..], operation, resource, CqlTimestamp(cx.now_ms), &claim.key);
        let applied = decide!(cx, "claim of an idempotency key", unsure => {
            let cas = self.database.cas(cx, &self.claim_anew, &values).await?;
            Ok(cas.applied || (unsure && cas.blob("request").as_deref() == Some(&claim.request[..])))
        })?;
        Ok(if applied { Begun::Ours { operation, resource } } else { Begun::InFlight })
    }

    /// Moves the claim's start to now if it is still `seen`: of two takers one succeeds.
    async fn take_over(&self, cx: &Context, claim: &Claim, seen: i64) -> Result<bool, DaoError> {
        let (request, started) = (&claim.request[..], CqlTimestamp(cx.now_ms));
        let values = (request, claim.operation, claim.resource, started, &claim.key, CqlTimestamp(seen));
        decide!(cx, "takeover of an idempotency key", unsure => {
            let cas = self.database.cas(cx, &self.take_over, &values).await?;
            Ok(cas.applied || (unsure && cas.millis("started_at") == Some(cx.now_ms)))
        })
    }
}

#[async_trait]
impl IdempotencyDao for CassandraIdempotency {
    async fn begin(&self, cx: &Context, claim: &Claim, lease_ms: i64) -> Result<Begun, DaoError> {
        let cx = cx.plain();
        let cas = self.claim(&cx, claim).await?;
        let ours = Begun::Ours { operation: claim.operation, resource: claim.resource };
        if cas.applied {
            return Ok(ours);
        }
        let (Some(request), Some(operation), Some(resource)) =
            (cas.blob("request"), cas.uuid("operation"), cas.uuid("resource"))
        else {
            return self.claim_anew(&cx, claim).await;
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
        let theirs = Claim { operation, resource, ..claim.clone() };
        if self.take_over(&cx, &theirs, started).await? {
            Ok(Begun::Ours { operation, resource })
        } else {
            Ok(Begun::InFlight)
        }
    }

    async fn find(&self, cx: &Context, key: &str) -> Result<Option<Remembered>, DaoError> {
        let result = self.database.run_serial(cx, &self.find, &(key,)).await?;
        let rows = result.into_rows_result().map_err(broken)?;
        let Some(row) = rows.maybe_first_row::<Row>().map_err(broken)? else { return Ok(None) };
        let (operation, resource, started_at, status, etag, location, body) = row;
        // A row of which a part has gone tells nothing.
        let (Some(operation), Some(resource)) = (operation, resource) else { return Ok(None) };
        let answer = status.map(|status| Answer {
            status: u16::try_from(status).unwrap_or(500),
            etag,
            location,
            body: body.unwrap_or_default(),
        });
        let started_ms = started_at.map_or(0, |started| started.0);
        Ok(Some(Remembered { operation, resource, started_ms, answer }))
    }

    async fn finish(&self, cx: &Context, claim: &Claim, answer: &Answer) -> Result<(), DaoError> {
        let cx = cx.plain();
        let Claim { key, request, operation, resource } = claim;
        let Answer { status, etag, location, body } = answer;
        let (started, status) = (CqlTimestamp(cx.now_ms), i32::from(*status));
        let values = (&request[..], operation, resource, started, status, etag, location, body, key, operation);
        self.unconditionally(&cx, "keeping of an answer", &self.finish, &values).await
    }

    async fn release(&self, cx: &Context, claim: &Claim) -> Result<(), DaoError> {
        let cx = cx.plain();
        let Claim { key, request, operation, resource } = claim;
        let values = (&request[..], operation, resource, CqlTimestamp(0), key, operation);
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
