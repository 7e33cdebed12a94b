//! Use cases of orders: create, read, list, change, cancel. IO only through the DAOs' traits.
//!
//! An order is a saga of four rounds: a note says what it takes, beside the reads of user and products; all of its lines are
//! taken from the stock; it is written down, once, as confirmed; it is put into lists. What is refused or breaks off is
//! written down as refused before anything is given back. Each step is harmless to repeat, and what a crash leaves between
//! two of them the sweeper finishes ([`sweep`]). What it turned over is ranked later, with that of other orders
//! ([`finished`]).

pub mod finished;
mod named;
mod rush;
mod saga;
pub mod sweep;
mod verdict;

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use self::finished::Finished;
use self::saga::{Begun, Tried};
use super::clock::Clock;
use super::create::Identity;
use super::cursor::{CursorKey, List, PageOf};
use super::error::{ModelError, RACES, Violation};
use super::lines::Lines;
use super::order::{Change, Draft, changed, id_of_attempt, may_cancel, moved_to};
use super::payments::{Paid, told_by};
use super::precondition::Condition;
use super::products::product_archived;
use super::ranker::Ranker;
use crate::dao::blocks::BlockDao;
use crate::dao::changes::{Kind, Object};
use crate::dao::ledger::LedgerDao;
use crate::dao::orders::{Contents, Note, OrderDao, Replaced, Stored};
pub use crate::dao::orders::{Filter, NOBODY, Order, Status};
use crate::dao::payments::PaymentDao;
use crate::dao::price::Price;
use crate::dao::products::{Product, ProductDao};
use crate::dao::ranks::{Turned, Unranked};
use crate::dao::turnovers::TurnoverDao;
use crate::dao::users::UserDao;
use crate::dao::{Context, DaoError, Receipt};

/// Orders of the store.
#[derive(Clone)]
pub struct Orders {
    lines: Lines,
    daos: Daos,
    ranker: Ranker,
    cursors: CursorKey,
    clock: Clock,
    finished: Arc<Finished>,
}

/// Whom the orders ask.
#[derive(Clone)]
pub struct Daos {
    pub orders: Arc<dyn OrderDao>,
    pub ledger: Arc<dyn LedgerDao>,
    pub payments: Arc<dyn PaymentDao>,
    pub blocks: Arc<dyn BlockDao>,
    pub turnovers: Arc<dyn TurnoverDao>,
    pub products: Arc<dyn ProductDao>,
    pub users: Arc<dyn UserDao>,
}

/// Tries of one request that were given up and undone before it is refused.
const ATTEMPTS: u8 = 16;

impl Orders {
    /// Use cases over DAOs; `lines` are those of the process.
    pub fn new(lines: Lines, daos: Daos, cursors: CursorKey, clock: Clock) -> Self {
        let ranker = Ranker::new(Arc::clone(&daos.blocks), Arc::clone(&daos.turnovers));
        Self { lines, daos, ranker, cursors, clock, finished: Arc::default() }
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
        match &created {
            Ok((order, Some(_))) => self.audit(cx, order),
            Ok((_, None)) => {}
            Err(error) => self.lines.figures().refused(error),
        }
        created
    }

    fn audit(&self, cx: &Context, order: &Order) {
        let object = Object { kind: Kind::Order, id: order.id };
        self.lines.changes().audit(cx, object, order.status.name(), order.version);
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
                    Status::Pending => return self.go_on(cx, stored).await,
                    _ => return Ok((stored.order, None)),
                }
            }
        }
        if identity.fresh {
            self.turn_away(cx, &draft).await?;
        }
        let id = id_of_attempt(identity.resource, attempt);
        let created_at = identity.created_ms(cx.now_ms);
        let note = self.note_of(cx, id, Contents { user: draft.user, created_at, lines: draft.items.clone() });
        let priced = async { draft.clone().into_order(id, &self.prices(cx, &draft).await?, created_at) };
        // Nothing is taken before both are certain.
        let (order, noted) = tokio::join!(priced, self.daos.orders.note(cx, &note));
        let order = match (order, noted) {
            (Ok(order), Ok(())) => order,
            (Err(error), _) => {
                self.finished.put(note, false);
                return Err(error);
            }
            (Ok(_), Err(error)) => {
                self.finished.put(note, false);
                return Err(error.into());
            }
        };
        self.complete(cx, Begun { order, pending: None, note }, Tried::of(identity)).await
    }

    /// Goes on with an order that a process of the version before has written down.
    async fn go_on(&self, cx: &Context, stored: Stored) -> Result<(Order, Option<Receipt>), ModelError> {
        let note = self.note_of(cx, stored.order.id, Contents::of(&stored.order));
        self.daos.orders.note(cx, &note).await?;
        self.complete(cx, Begun { order: stored.order.clone(), pending: Some(stored), note }, Tried::BY_OTHERS).await
    }

    /// A note of work that begins now.
    fn note_of(&self, cx: &Context, order: Uuid, contents: Contents) -> Note {
        Note { at: self.clock.of(cx.now_ms), operation: Uuid::new_v4(), order, contents: Some(contents) }
    }

    /// The price of each item, if the user and all products are there.
    async fn prices(&self, cx: &Context, draft: &Draft) -> Result<Vec<Price>, ModelError> {
        let plain = cx.plain();
        let ids: Vec<Uuid> = draft.items.iter().map(|(product, _)| *product).collect();
        let products = self.daos.products.find_many(&plain, &ids);
        let user =
            async { if draft.user == NOBODY { Ok(true) } else { self.daos.users.exists(&plain, draft.user).await } };
        let (user, products) = tokio::try_join!(user, products)?;
        let mut broken = Vec::new();
        if !user {
            broken.push(Violation::new("/user_id", "unknown_user", "there is no such user"));
        }
        let mut prices = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            match products.iter().find(|product| product.id == *id) {
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

    /// The order with what was paid for it, if it was not refused.
    #[tracing::instrument(name = "model.orders.find", skip_all)]
    pub async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<(Order, Paid)>, Receipt), ModelError> {
        let quiet = cx.untraced();
        let reads = (self.daos.orders.find(cx, id), self.daos.payments.of(&quiet, id));
        let ((order, receipt), payments) = tokio::try_join!(reads.0, reads.1)?;
        let order = order.filter(|order| order.status != Status::Refused);
        let shown = order.map(|order| {
            let paid = Paid::of(&order, payments);
            (order, paid)
        });
        Ok((shown, receipt))
    }

    /// The order that a request has made, whose first try was to make this one. Every try that was given up was followed by
    /// another; of one that was never written down, or given up last, there is none.
    pub async fn became(&self, cx: &Context, first: Uuid) -> Result<Option<Order>, DaoError> {
        for attempt in 0..=ATTEMPTS {
            match self.daos.orders.load(cx, id_of_attempt(first, attempt)).await? {
                Some(stored) if stored.order.status == Status::Refused => {}
                found => return Ok(found.map(|stored| stored.order)),
            }
        }
        Ok(None)
    }

    /// The products of an order's lines, as they are now and in no order; those that were removed for good are not there.
    pub async fn products_of(&self, cx: &Context, order: &Order) -> Result<Vec<Product>, ModelError> {
        let ids: Vec<Uuid> = order.lines.iter().map(|line| line.product).collect();
        Ok(self.daos.products.find_many(&cx.untraced().across_partitions(), &ids).await?)
    }

    /// What was paid for an order that was just changed. The change is made, so what cannot be read now is left out.
    pub async fn paid(&self, cx: &Context, order: &Order) -> Paid {
        Paid::of(order, self.daos.payments.of(&cx.plain(), order.id).await.unwrap_or_default())
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

    /// Applies a change to the order as it is when the change is made; a change that changes nothing makes no new version.
    /// A payment that it tells of is kept whatever becomes of the change.
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
            // Before the order says so: a crash between the two must not lose it.
            if let Some(payment) = told_by(&before.order, change, cx.now_ms, cx.by.as_ref()) {
                self.daos.payments.keep(cx, id, &payment).await?;
            }
            let Some(after) = changed(&before.order, change, cx.now_ms)? else {
                return Ok((before.order, None));
            };
            match self.decide(cx, &before, &after).await? {
                Some((stored, note, receipt)) => {
                    // What was turned over stays as it is.
                    self.audit(cx, &stored.order);
                    self.publish_or_leave(cx, &stored, note, false).await;
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
                    self.audit(cx, &stored.order);
                    self.publish_or_leave(cx, &stored, note, true).await;
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
        let note = self.note_of(cx, after.id, Contents::of(after));
        self.daos.orders.note(cx, &note).await?;
        match self.daos.orders.replace(cx, before, after, note.operation).await? {
            Replaced::Done(stored, receipt) => {
                if stored.order.status != before.order.status {
                    self.lines.figures().order(&stored.order);
                }
                Ok(Some((stored, note, receipt)))
            }
            Replaced::Moved => {
                self.finished.put(note, false);
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl Unranked for Orders {
    async fn unranked(&self, cx: &Context) -> Result<Vec<Turned>, DaoError> {
        // Notes bear the database's time.
        self.daos.orders.unranked(&Context { now_ms: self.clock.of(cx.now_ms), ..cx.clone() }).await
    }
}

/// Every try of the request broke off and was undone.
fn given_up() -> ModelError {
    let detail = "earlier tries of this request broke off and were undone, send it under a new Idempotency-Key";
    ModelError::Conflict(Violation::new("", "given_up", detail))
}

#[cfg(test)]
pub mod tests;
