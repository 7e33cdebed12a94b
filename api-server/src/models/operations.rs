//! What became of requests that were sent under an idempotency key. Of one without an answer the effects tell, read at
//! SERIAL: whatever was still under way in the database is settled by that. IO only through the DAOs' traits.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::error::{ModelError, Violation};
use super::idempotency::{self, Idempotency, Keyed};
use super::orders::Orders;
use crate::dao::Context;
use crate::dao::idempotency::{Answer, Remembered};
use crate::dao::ledger::{Account, Kind, LedgerDao};
use crate::dao::orders::{Order, Status};
use crate::dao::products::ProductDao;
use crate::dao::users::UserDao;

/// See the module.
#[derive(Clone)]
pub struct Operations {
    pub idempotency: Idempotency,
    pub products: Arc<dyn ProductDao>,
    pub users: Arc<dyn UserDao>,
    pub ledger: Arc<dyn LedgerDao>,
    pub orders: Orders,
}

/// A request that was sent under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub request: Keyed,
    pub became: Became,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It was done: where what it made is, and the version that it made, where that is known.
    Done { location: Option<String>, etag: Option<String> },
    /// It was refused for good, for these reasons.
    Refused(Vec<Violation>),
    /// A try of it may be running.
    UnderWay,
    /// Nothing of it is done, nor will be unless it is sent again.
    NotDone,
    /// It ended without an answer, and what it did cannot be told: it was begun by a process of the version before. Sent again
    /// under its key it is done once.
    Unknown,
}

impl Operations {
    /// Every request that somebody has sent under a key in the last day.
    #[tracing::instrument(name = "model.operations.find", skip_all)]
    pub async fn find(&self, cx: &Context, by: Option<&str>, key: &str) -> Result<Vec<Sent>, ModelError> {
        // What the client asked for is a level; what was decided is known at SERIAL alone.
        let cx = &cx.plain();
        let looks = Keyed::ALL.map(|request| async move {
            let found = self.idempotency.find(cx, &request.scope(by), key).await?;
            let Some((found, runs)) = found else { return Ok(None) };
            let became = match &found.answer {
                Some(answer) => told(answer),
                None if runs => Became::UnderWay,
                None => self.effect(cx, request, &found).await?,
            };
            Ok::<_, ModelError>(Some(Sent { request, became }))
        });
        let found: Vec<Option<Sent>> = stream::iter(looks).buffered(Keyed::ALL.len()).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What a request that ended without an answer has done.
    async fn effect(&self, cx: &Context, request: Keyed, found: &Remembered) -> Result<Became, ModelError> {
        let Remembered { operation, resource, .. } = *found;
        Ok(match request {
            Keyed::Products => made("/products", resource, self.products.load(cx, resource).await?.is_some()),
            Keyed::Users => made("/users", resource, self.users.load(cx, resource).await?.is_some()),
            Keyed::Orders => order(self.orders.became(cx, resource).await?.as_ref()),
            Keyed::Stocks | Keyed::Adjustments => {
                // Before the movements: it ends what is under way, so that nothing is made after it was not found.
                self.ledger.load(cx, Account::stock(resource)).await?;
                let moved = self.ledger.made(cx, Account::stock(resource), &[operation]).await?;
                match moved.first() {
                    Some(movement) if movement.kind != Kind::Void => Became::Done {
                        location: Some(format!("/stocks/{resource}")),
                        etag: Some(format!("\"{}\"", movement.version)),
                    },
                    Some(_) => Became::NotDone,
                    // Claims of the version before do not say which product they are about.
                    None if self.products.load(cx, resource).await?.is_some() => Became::NotDone,
                    None => Became::Unknown,
                }
            }
        })
    }
}

/// What an answer that was kept says.
fn told(answer: &Answer) -> Became {
    match idempotency::refused(answer) {
        Some(ModelError::Short(violations)) => Became::Refused(violations),
        Some(ModelError::Conflict(violation)) => Became::Refused(vec![violation]),
        Some(_) | None => Became::Done { location: answer.location.clone(), etag: answer.etag.clone() },
    }
}

fn made(collection: &str, resource: Uuid, is_there: bool) -> Became {
    if is_there {
        Became::Done { location: Some(format!("{collection}/{resource}")), etag: None }
    } else {
        Became::NotDone
    }
}

fn order(order: Option<&Order>) -> Became {
    match order {
        Some(order) => match order.status {
            // Written by the version before, whose sweeper ends it.
            Status::Pending => Became::UnderWay,
            Status::Refused => Became::NotDone,
            _ => made("/orders", order.id, true),
        },
        None => Became::NotDone,
    }
}

#[cfg(test)]
mod tests;
