//! Use cases of orders: create, read, list, change, cancel. IO only through the DAOs' traits.
//!
//! An order is a saga: it is noted and written down as pending, its lines are taken from the
//! stock in the order of their products' ids, then it is confirmed and published to lists and
//! reports. What is refused or breaks off gives everything back. Each step is harmless to repeat,
//! and what a crash leaves between two of them the sweeper finishes ([`sweep`]).

mod rush;
mod saga;
pub mod sweep;

use std::sync::Arc;

use futures::future::try_join_all;
use uuid::Uuid;

use super::create::Identity;
use super::cursor::{CursorKey, List, PageOf};
use super::error::{ModelError, RACES, Violation};
use super::lines::Lines;
use super::order::{Change, Draft, changed, id_of_attempt, may_cancel, moved_to};
use super::precondition::Condition;
use super::products::product_archived;
use crate::dao::ledger::LedgerDao;
pub use crate::dao::orders::{Filter, Order, Status};
use crate::dao::orders::{Inserted, Note, OrderDao, Replaced, Stored};
use crate::dao::price::Price;
use crate::dao::products::ProductDao;
use crate::dao::ranks::RankDao;
use crate::dao::users::UserDao;
use crate::dao::{Context, DaoError, Receipt};

/// Orders of the store.
#[derive(Clone)]
pub struct Orders {
    lines: Lines,
    daos: Daos,
    cursors: CursorKey,
}

/// Whom the orders ask.
#[derive(Clone)]
pub struct Daos {
    pub orders: Arc<dyn OrderDao>,
    pub ledger: Arc<dyn LedgerDao>,
    pub ranks: Arc<dyn RankDao>,
    pub products: Arc<dyn ProductDao>,
    pub users: Arc<dyn UserDao>,
}

/// Tries of one request that were given up and undone before it is refused.
const ATTEMPTS: u8 = 16;

impl Orders {
    /// Use cases over DAOs; `lines` are those of the process.
    pub fn new(lines: Lines, daos: Daos, cursors: CursorKey) -> Self {
        Self { lines, daos, cursors }
    }

    /// Creates an order from a draft: all of its lines or nothing.
    #[tracing::instrument(name = "model.orders.create", skip_all)]
    pub async fn create(
        &self,
        cx: &Context,
        draft: Draft,
        identity: Identity,
    ) -> Result<(Order, Option<Receipt>), ModelError> {
        let created = self.place(cx, draft, identity).await;
        if let Err(error) = &created {
            self.lines.figures().refused(error);
        }
        created
    }

    async fn place(
        &self,
        cx: &Context,
        draft: Draft,
        identity: Identity,
    ) -> Result<(Order, Option<Receipt>), ModelError> {
        let mut attempt = 0;
        if !identity.fresh {
            // An earlier try of this request may have come to any step.
            while let Some(stored) = self.daos.orders.load(cx, id_of_attempt(identity.resource, attempt)).await? {
                match stored.order.status {
                    Status::Refused if attempt == ATTEMPTS => return Err(given_up()),
                    Status::Refused => attempt += 1,
                    Status::Pending => return self.go_on(cx, stored, identity.operation).await,
                    _ => return Ok((stored.order, None)),
                }
            }
        }
        if identity.fresh {
            self.turn_away(cx, &draft).await?;
        }
        let id = id_of_attempt(identity.resource, attempt);
        let prices = self.prices(cx, &draft).await?;
        let order = draft.into_order(id, &prices, identity.created_ms(cx.now_ms))?;
        let note = Note { at: cx.now_ms, operation: identity.operation, order: id };
        self.daos.orders.note(cx, &note).await?;
        match self.daos.orders.insert(cx, &order, identity.operation).await? {
            // Another try of the request wrote it down and has come further.
            Inserted::Done(stored, _) if stored.order.status != Status::Pending => self.overtaken(cx, id, &note).await,
            Inserted::Done(stored, _) => {
                self.lines.figures().order(&stored.order);
                self.complete(cx, stored, &note, identity.fresh).await
            }
            // Refused by the sweeper before it came, or another try was faster: that one has a note of its own.
            Inserted::Exists => {
                self.daos.orders.forget(cx, &note).await;
                Err(given_up())
            }
        }
    }

    /// Goes on with a pending order of an earlier try.
    async fn go_on(
        &self,
        cx: &Context,
        stored: Stored,
        operation: Uuid,
    ) -> Result<(Order, Option<Receipt>), ModelError> {
        let note = Note { at: cx.now_ms, operation, order: stored.order.id };
        self.daos.orders.note(cx, &note).await?;
        self.complete(cx, stored, &note, false).await
    }

    /// The price of each item, if the user and all products are there.
    async fn prices(&self, cx: &Context, draft: &Draft) -> Result<Vec<Price>, ModelError> {
        let plain = cx.plain();
        let products = draft.items.iter().map(|(product, _)| async {
            let mut found = Vec::with_capacity(1);
            self.daos.products.find(&plain, *product, &mut found).await?;
            Ok::<_, DaoError>(found.pop())
        });
        let (user, products) = tokio::try_join!(self.daos.users.exists(&plain, draft.user), try_join_all(products))?;
        let mut broken = Vec::new();
        if !user {
            broken.push(Violation::new("/user_id", "unknown_user", "there is no such user"));
        }
        let mut prices = Vec::with_capacity(products.len());
        for (at, product) in products.into_iter().enumerate() {
            match product {
                Some(product) if product.archived_at.is_some() => {
                    broken.push(product_archived(format!("/items/{at}/product_id")));
                }
                Some(product) => prices.push(product.price),
                None => {
                    let pointer = format!("/items/{at}/product_id");
                    broken.push(Violation::new(pointer, "unknown_product", "there is no such product"));
                }
            }
        }
        if broken.is_empty() { Ok(prices) } else { Err(ModelError::Invalid(broken)) }
    }

    /// The order, if it was not refused.
    #[tracing::instrument(name = "model.orders.find", skip_all)]
    pub async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), ModelError> {
        let (order, receipt) = self.daos.orders.find(cx, id).await?;
        Ok((order.filter(|order| order.status != Status::Refused), receipt))
    }

    /// One page of a list, newest first.
    #[tracing::instrument(name = "model.orders.page", skip_all)]
    pub async fn page(
        &self,
        cx: &Context,
        filter: &Filter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<Order>, PageOf), ModelError> {
        let user = filter.user.map(|user| user.to_string());
        let day = filter.day.map(|day| day.to_string());
        let conditions = [user.as_deref(), filter.status.map(Status::name), day.as_deref()];
        let list = List { name: "orders", conditions: &conditions };
        let after = self.cursors.resume(list, cursor)?;
        let (orders, end) = self.daos.orders.page(cx, filter, limit, after).await?;
        Ok((
            orders,
            PageOf {
                next: end.next.map(|next| self.cursors.seal(list, next)),
                looked_at: end.looked_at,
                receipt: end.receipt,
            },
        ))
    }

    /// Applies a change to the order as it is when the change is made; a change that changes
    /// nothing makes no new version.
    #[tracing::instrument(name = "model.orders.change", skip_all)]
    pub async fn change(
        &self,
        cx: &Context,
        id: Uuid,
        condition: &Condition,
        change: &Change,
    ) -> Result<(Order, Option<Receipt>), ModelError> {
        for _ in 0..RACES {
            let before = self.get(cx, id, condition).await?;
            let Some(after) = changed(&before.order, change, cx.now_ms)? else {
                return Ok((before.order, None));
            };
            match self.decide(cx, &before, &after).await? {
                Some((stored, note, receipt)) => {
                    self.publish_or_leave(cx, &stored, &note, None).await;
                    return Ok((stored.order, Some(receipt)));
                }
                None if condition.pins_version() => return Err(ModelError::PreconditionFailed("order")),
                None => {}
            }
        }
        Err(ModelError::contended())
    }

    /// Cancels the order; what it took comes back exactly once, however many cancel it.
    #[tracing::instrument(name = "model.orders.cancel", skip_all)]
    pub async fn cancel(&self, cx: &Context, id: Uuid, condition: &Condition) -> Result<Option<Receipt>, ModelError> {
        for _ in 0..RACES {
            let before = self.get(cx, id, condition).await?;
            if !may_cancel(&before.order)? {
                return Ok(None);
            }
            let after = moved_to(&before.order, Status::Cancelled, cx.now_ms);
            match self.decide(cx, &before, &after).await? {
                Some((stored, note, receipt)) => {
                    self.publish_or_leave(cx, &stored, &note, None).await;
                    return Ok(Some(receipt));
                }
                None if condition.pins_version() => return Err(ModelError::PreconditionFailed("order")),
                None => {}
            }
        }
        Err(ModelError::contended())
    }

    async fn get(&self, cx: &Context, id: Uuid, condition: &Condition) -> Result<Stored, ModelError> {
        let stored = self.daos.orders.load(cx, id).await?;
        let stored = stored.filter(|stored| stored.order.status != Status::Refused);
        let stored = stored.ok_or(ModelError::NotFound("order"))?;
        if !condition.allows(Some(stored.order.version)) {
            return Err(ModelError::PreconditionFailed("order"));
        }
        Ok(stored)
    }

    /// Notes and makes the next version; `None` when another was faster.
    async fn decide(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Order,
    ) -> Result<Option<(Stored, Note, Receipt)>, DaoError> {
        let operation = Uuid::new_v4();
        let note = Note { at: cx.now_ms, operation, order: after.id };
        self.daos.orders.note(cx, &note).await?;
        match self.daos.orders.replace(cx, before, after, operation).await? {
            Replaced::Done(stored, receipt) => {
                if stored.order.status != before.order.status {
                    self.lines.figures().order(&stored.order);
                }
                Ok(Some((stored, note, receipt)))
            }
            Replaced::Moved => {
                self.daos.orders.forget(cx, &note).await;
                Ok(None)
            }
        }
    }
}

/// Every try of the request broke off and was undone.
fn given_up() -> ModelError {
    let detail = "earlier tries of this request broke off and were undone, send it under a new Idempotency-Key";
    ModelError::Conflict(Violation::new("", "given_up", detail))
}

#[cfg(test)]
mod tests;
