//! Uniqueness of skus by claims.
//!
//! A claim row says which operation of which product wants a sku. It is *confirmed* when that
//! product's row carries the claim's id. A claim without confirmation belongs to a request that is
//! running or that died; after the lease it can be taken over, but only behind a fence: the dead
//! request's next step is made impossible first (its product id is used up, or its product gets a
//! new fence), so a request that was merely slow cannot make a second product with the sku.

use std::sync::Arc;

use uuid::Uuid;

use super::StartError;
use super::execute::{Database, Failure, Statement};
use super::tries::decide;
use crate::dao::{Context, DaoError};

/// Seconds for which a used-up product id is remembered; longer than any process sleeps.
const FENCE_SECONDS: i32 = 86_400;

/// Who holds a sku.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    product: Uuid,
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

/// What the row of a product says about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Confirmed,
    /// The product is there with another claim, at this version.
    Elsewhere {
        version: i64,
    },
    Absent,
}

/// Claims and releases skus.
pub struct Skus {
    database: Arc<Database>,
    claim: Statement,
    take_over: Statement,
    release: Statement,
    standing: Statement,
    use_up: Statement,
    raise_fence: Statement,
}

impl Skus {
    /// Prepares the statements.
    pub async fn prepare(database: Arc<Database>) -> Result<Self, StartError> {
        let claim = "INSERT INTO {ks}.product_skus (sku, product_id, claim, claimed_at) \
                     VALUES (?, ?, ?, ?) IF NOT EXISTS";
        let take_over = "UPDATE {ks}.product_skus SET product_id = ?, claim = ?, claimed_at = ? \
                         WHERE sku = ? IF claim = ?";
        let release = "DELETE FROM {ks}.product_skus WHERE sku = ? IF claim = ?";
        let standing = "SELECT version, sku_claim FROM {ks}.products WHERE id = ?";
        let use_up = format!(
            "INSERT INTO {{ks}}.products (id, operations) VALUES (?, ?) IF NOT EXISTS \
             USING TTL {FENCE_SECONDS}"
        );
        let raise_fence = "UPDATE {ks}.products SET fence = ? WHERE id = ? IF version = ?";
        Ok(Self {
            claim: database.conditional("CLAIM", "product_skus", claim).await?,
            take_over: database.conditional("TAKE OVER", "product_skus", take_over).await?,
            release: database.conditional("RELEASE", "product_skus", release).await?,
            standing: database.serial("products", standing).await?,
            use_up: database.conditional("FENCE", "products", &use_up).await?,
            raise_fence: database.conditional("FENCE", "products", raise_fence).await?,
            database,
        })
    }

    /// Claims a sku for a product under an id of its own. Harmless to repeat.
    pub async fn claim(&self, cx: &Context, sku: &str, product: Uuid, claim: Uuid) -> Result<Claimed, DaoError> {
        // Each round either ends or moves the claim to another holder.
        for _ in 0..4 {
            let Some(holder) = self.try_claim(cx, sku, product, claim).await? else {
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
            if self.take_over(cx, sku, product, claim, &holder).await? {
                tracing::info!(%product, from = %holder.product, "took over a sku that a dead request had claimed");
                return Ok(Claimed::Ours);
            }
        }
        Ok(Claimed::InFlight)
    }

    /// Gives a sku free if the claim still holds it. Harmless to repeat.
    pub async fn release(&self, cx: &Context, sku: &str, claim: Uuid) -> Result<(), DaoError> {
        decide!(cx, "release of a sku", _unsure => {
            self.database
                .cas(cx, &self.release, &(sku, claim))
                .await
                .map(|_| ())
        })
    }

    async fn try_claim(&self, cx: &Context, sku: &str, product: Uuid, claim: Uuid) -> Result<Option<Holder>, DaoError> {
        let values = (sku, product, claim, scylla::value::CqlTimestamp(cx.now_ms));
        decide!(cx, "claim of a sku", _unsure => {
            let cas = self.database.cas(cx, &self.claim, &values).await?;
            if cas.applied || cas.uuid("claim") == Some(claim) {
                return Ok(None);
            }
            let holder = || {
                Some(Holder {
                    product: cas.uuid("product_id")?,
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
        let result = self.database.run_serial(cx, &self.standing, &(holder.product,)).await?;
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
        decide!(cx, "fence before a sku", _unsure => match standing {
            Standing::Confirmed => Ok(false),
            Standing::Absent => {
                let cas = self
                    .database
                    .cas(cx, &self.use_up, &(holder.product, &marks))
                    .await?;
                // Used up before, by us or another: just as impossible.
                Ok(cas.applied || cas.bigint("version").is_none())
            }
            Standing::Elsewhere { version } => {
                let values = (by, holder.product, version);
                let cas = self.database.cas(cx, &self.raise_fence, &values).await?;
                Ok(cas.applied)
            }
        })
    }

    async fn take_over(
        &self,
        cx: &Context,
        sku: &str,
        product: Uuid,
        claim: Uuid,
        holder: &Holder,
    ) -> Result<bool, DaoError> {
        let now = scylla::value::CqlTimestamp(cx.now_ms);
        let values = (product, claim, now, sku, holder.claim);
        decide!(cx, "takeover of a sku", _unsure => {
            let cas = self.database.cas(cx, &self.take_over, &values).await?;
            Ok(cas.applied || cas.uuid("claim") == Some(claim))
        })
    }
}
