//! Uniqueness of a value (a sku, an e-mail address) among the rows of a table, by claims.
//!
//! A claim says which operation of which owner wants a value. It is *confirmed* when that owner's
//! row carries the claim's id. A claim without confirmation belongs to a request that is running or
//! that died; after the lease it can be taken over, but only behind a fence: the dead request's next
//! step is made impossible first (its owner's id is used up, or its owner gets a new fence), so a
//! request that was merely slow cannot make a second owner of the value.

use std::sync::Arc;

use uuid::Uuid;

use super::StartError;
use super::execute::{Database, Failure, Statement};
use super::tries::decide;
use crate::dao::{Context, DaoError};

/// Seconds for which a used-up id is remembered; longer than any process sleeps.
const FENCE_SECONDS: i32 = 86_400;

/// Which value is unique among which rows. The table of claims has the columns `claim` and
/// `claimed_at` beside the two named here; the table of rows has `id`, `version`, `operations` and
/// `fence`, and its changes are conditional on version and fence.
#[derive(Debug, Clone, Copy)]
pub struct Unique {
    /// For people: what is decided, such as `the claim on a sku`.
    pub what: &'static str,
    /// Table of claims.
    pub claims: &'static str,
    /// Its partition key: the value.
    pub value: &'static str,
    /// Its column with the owner's id.
    pub owner: &'static str,
    /// Table of the owners.
    pub rows: &'static str,
    /// Its column with the claim by which a row holds its value.
    pub row_claim: &'static str,
}

/// Who holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    owner: Uuid,
    claim: Uuid,
    claimed_ms: i64,
}

/// Outcome of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    Ours,
    Taken,
    InFlight,
}

/// What the row of an owner says about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Confirmed,
    /// The owner is there with another claim, at this version.
    Elsewhere {
        version: i64,
    },
    Absent,
}

/// Claims and releases the values of one kind.
pub struct Claims {
    database: Arc<Database>,
    of: Unique,
    claim: Statement,
    take_over: Statement,
    release: Statement,
    standing: Statement,
    use_up: Statement,
    raise_fence: Statement,
}

impl Claims {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>, of: Unique) -> Result<Self, StartError> {
        let Unique { claims, value, owner, rows, row_claim, .. } = of;
        let claim = format!(
            "INSERT INTO {{ks}}.{claims} ({value}, {owner}, claim, claimed_at) VALUES (?, ?, ?, ?) IF NOT EXISTS"
        );
        let take_over =
            format!("UPDATE {{ks}}.{claims} SET {owner} = ?, claim = ?, claimed_at = ? WHERE {value} = ? IF claim = ?");
        let release = format!("DELETE FROM {{ks}}.{claims} WHERE {value} = ? IF claim = ?");
        let standing = format!("SELECT version, {row_claim} FROM {{ks}}.{rows} WHERE id = ?");
        let use_up = format!(
            "INSERT INTO {{ks}}.{rows} (id, operations) VALUES (?, ?) IF NOT EXISTS \
             USING TTL {FENCE_SECONDS}"
        );
        let raise_fence = format!("UPDATE {{ks}}.{rows} SET fence = ? WHERE id = ? IF version = ?");
        Ok(Self {
            claim: database.conditional("CLAIM", claims, &claim).await?,
            take_over: database.conditional("TAKE OVER", claims, &take_over).await?,
            release: database.conditional("RELEASE", claims, &release).await?,
            standing: database.serial(rows, &standing).await?,
            use_up: database.conditional("FENCE", rows, &use_up).await?,
            raise_fence: database.conditional("FENCE", rows, &raise_fence).await?,
            database,
            of,
        })
    }

    /// Claims a value for an owner under an id of its own. Harmless to repeat.
    pub async fn claim(&self, cx: &Context, value: &str, owner: Uuid, claim: Uuid) -> Result<Claimed, DaoError> {
        // Each round either ends or moves the claim to another holder.
        for _ in 0..4 {
            let Some(holder) = self.try_claim(cx, value, owner, claim).await? else {
                return Ok(Claimed::Ours);
            };
            let standing = self.standing(cx, &holder).await?;
            if standing == Standing::Confirmed {
                return Ok(Claimed::Taken);
            }
            let lease_ms = i64::try_from(self.database.lease.as_millis()).unwrap_or(i64::MAX);
            if holder.claimed_ms.saturating_add(lease_ms) > cx.now_ms {
                return Ok(Claimed::InFlight);
            }
            if !self.fence(cx, &holder, standing, claim).await? {
                continue;
            }
            if self.take_over(cx, value, owner, claim, &holder).await? {
                let what = self.of.what;
                tracing::info!(%owner, from = %holder.owner, what, "took over from a dead request");
                return Ok(Claimed::Ours);
            }
        }
        Ok(Claimed::InFlight)
    }

    /// Gives a value free if the claim still holds it. Harmless to repeat.
    pub async fn release(&self, cx: &Context, value: &str, claim: Uuid) -> Result<(), DaoError> {
        decide!(cx, self.of.what, _unsure => {
            self.database
                .cas(cx, &self.release, &(value, claim))
                .await
                .map(|_| ())
        })
    }

    /// Gives a value free that an ended request claimed or stopped holding, unless the owner's row
    /// confirms the claim. Harmless to repeat.
    pub async fn abandon(&self, cx: &Context, value: &str, owner: Uuid, claim: Uuid) -> Result<(), DaoError> {
        let holder = Holder { owner, claim, claimed_ms: 0 };
        // A fence fails when the row has just changed; then it is looked at again.
        for _ in 0..4 {
            let standing = self.standing(cx, &holder).await?;
            if standing == Standing::Confirmed {
                return Ok(());
            }
            if self.fence(cx, &holder, standing, Uuid::new_v4()).await? {
                return self.release(cx, value, claim).await;
            }
        }
        Err(DaoError::Contended)
    }

    async fn try_claim(&self, cx: &Context, value: &str, owner: Uuid, claim: Uuid) -> Result<Option<Holder>, DaoError> {
        let values = (value, owner, claim, scylla::value::CqlTimestamp(cx.now_ms));
        decide!(cx, self.of.what, _unsure => {
            let cas = self.database.cas(cx, &self.claim, &values).await?;
            if cas.applied || cas.uuid("claim") == Some(claim) {
                return Ok(None);
            }
            let holder = || {
                Some(Holder {
                    owner: cas.uuid(self.of.owner)?,
                    claim: cas.uuid("claim")?,
                    claimed_ms: cas.millis("claimed_at")?,
                })
            };
            holder()
                .map(Some)
                .ok_or_else(|| Failure::Refused("a claim without its holder".into()))
        })
    }

    async fn standing(&self, cx: &Context, holder: &Holder) -> Result<Standing, DaoError> {
        let result = self.database.run_serial(cx, &self.standing, &(holder.owner,)).await?;
        let broken = |detail: String| DaoError::Broken(detail);
        let rows = result.into_rows_result().map_err(|error| broken(error.to_string()))?;
        let row = rows.maybe_first_row::<(Option<i64>, Option<Uuid>)>().map_err(|error| broken(error.to_string()))?;
        Ok(match row {
            Some((_, Some(claim))) if claim == holder.claim => Standing::Confirmed,
            Some((Some(version), _)) => Standing::Elsewhere { version },
            _ => Standing::Absent,
        })
    }

    /// Makes the next step of the claim's request impossible. False: it was faster.
    async fn fence(&self, cx: &Context, holder: &Holder, standing: Standing, by: Uuid) -> Result<bool, DaoError> {
        let marks = vec![by];
        decide!(cx, self.of.what, _unsure => match standing {
            Standing::Confirmed => Ok(false),
            Standing::Absent => {
                let cas = self
                    .database
                    .cas(cx, &self.use_up, &(holder.owner, &marks))
                    .await?;
                // Used up before, by us or another: just as impossible.
                Ok(cas.applied || cas.bigint("version").is_none())
            }
            Standing::Elsewhere { version } => {
                let values = (by, holder.owner, version);
                let cas = self.database.cas(cx, &self.raise_fence, &values).await?;
                Ok(cas.applied)
            }
        })
    }

    async fn take_over(
        &self,
        cx: &Context,
        value: &str,
        owner: Uuid,
        claim: Uuid,
        holder: &Holder,
    ) -> Result<bool, DaoError> {
        let now = scylla::value::CqlTimestamp(cx.now_ms);
        let values = (owner, claim, now, value, holder.claim);
        decide!(cx, self.of.what, _unsure => {
            let cas = self.database.cas(cx, &self.take_over, &values).await?;
            Ok(cas.applied || cas.uuid("claim") == Some(claim))
        })
    }
}
