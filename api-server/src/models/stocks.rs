//! Use cases of stocks: set, adjust, read, list, look back. IO only through the DAOs' traits.

mod below;
mod import;

use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::create::Identity;
use super::cursor::{CursorKey, List, PageOf};
use super::error::{ModelError, Shortage, Violation};
use super::ledger::{Change, Outcome, QUANTITY_MAX, Refusal, Want};
use super::lines::{Lines, Settled};
use super::precondition::Condition;
use super::products::product_archived;
use crate::dao::changes::{Kind, Object};
use crate::dao::ledger::{Account, Balance, LedgerDao, Movement};
use crate::dao::page::Position;
use crate::dao::products::{Filter, PageQuery, Product, ProductDao};
use crate::dao::{Context, DaoError, Receipt};

pub use self::below::Below;

/// Stocks of the store's products.
#[derive(Clone)]
pub struct Stocks {
    lines: Lines,
    ledger: Arc<dyn LedgerDao>,
    products: Arc<dyn ProductDao>,
    cursors: CursorKey,
}

/// A product with its stock, if it has one.
pub type Row = (Product, Option<Balance>);

/// Accounts of a page that are read at the same time.
const READ_AT_ONCE: usize = 16;

impl Stocks {
    /// Use cases over DAOs; `lines` are those of the process.
    pub fn new(lines: Lines, ledger: Arc<dyn LedgerDao>, products: Arc<dyn ProductDao>, cursors: CursorKey) -> Self {
        Self { lines, ledger, products, cursors }
    }

    /// Sets the quantity of a product's stock, which begins with it.
    #[tracing::instrument(name = "model.stocks.set", skip_all)]
    pub async fn set(
        &self,
        cx: &Context,
        product: Uuid,
        quantity: i64,
        condition: Condition,
        identity: Identity,
    ) -> Result<(Movement, Option<Receipt>), ModelError> {
        let mut found = Vec::with_capacity(1);
        let plain = cx.plain();
        self.products.find(&plain, product, &mut found).await?;
        match found.first() {
            None => return Err(unknown_product()),
            Some(product) if product.archived_at.is_some() => return Err(archived()),
            Some(_) => {}
        }
        let want = Want {
            id: identity.operation,
            change: Change::Set { quantity },
            condition,
            reason: None,
            reference: None,
            by: cx.by.clone(),
            fresh: identity.fresh,
        };
        let (movement, receipt) = self.change(cx, product, want).await?;
        self.check_begun(&plain, product, &movement).await?;
        Ok((movement, receipt))
    }

    /// Whether the product of a stock that has just begun is still there: its removal looks for a
    /// stock, so one of the two sees the other.
    async fn check_begun(&self, cx: &Context, product: Uuid, movement: &Movement) -> Result<(), ModelError> {
        if movement.version != 1 {
            return Ok(());
        }
        match self.products.load(cx, product).await? {
            None => Err(unknown_product()),
            Some(stored) if stored.product.archived_at.is_some() => Err(archived()),
            Some(_) => Ok(()),
        }
    }

    /// Adds units to a stock or takes some away.
    #[tracing::instrument(name = "model.stocks.adjust", skip_all)]
    pub async fn adjust(
        &self,
        cx: &Context,
        product: Uuid,
        adjustment: Adjustment,
        condition: Condition,
        identity: Identity,
    ) -> Result<(Movement, Option<Receipt>), ModelError> {
        let Adjustment { delta, reason, reference } = adjustment;
        let Identity { operation: id, fresh, .. } = identity;
        let want = Want { id, change: Change::Add { delta }, condition, reason, reference, by: cx.by.clone(), fresh };
        self.change(cx, product, want).await
    }

    async fn change(&self, cx: &Context, product: Uuid, want: Want) -> Result<(Movement, Option<Receipt>), ModelError> {
        let requested = requested(&want.change);
        let (changes, object) = (self.lines.changes(), Object { kind: Kind::Stock, id: product });
        let change = async {
            let settled = self.lines.change(cx, Account::stock(product), want).await?;
            // While the note is there, by which the line is found to be missing.
            if let (Outcome::Made(movement), Some(_)) = (&settled.outcome, &settled.receipt) {
                changes.audit(cx, object, movement.kind.name(), movement.version);
            }
            Ok(settled)
        };
        let Settled { outcome, receipt } = changes.noted(cx, object, None, change).await?;
        match outcome {
            Outcome::Made(movement) => Ok((movement, receipt)),
            Outcome::Refused(refusal) => Err(refused(refusal, product, requested)),
            Outcome::Nothing => Err(DaoError::Broken("a change of a stock without a movement".into()).into()),
        }
    }

    /// The stock of a product, if it has one.
    #[tracing::instrument(name = "model.stocks.find", skip_all)]
    pub async fn find(&self, cx: &Context, product: Uuid) -> Result<(Option<Balance>, Receipt), ModelError> {
        Ok(self.ledger.find(cx, Account::stock(product)).await?)
    }

    /// One page of products, newest first, each with its stock if it has one. `list` is the list
    /// that cursors belong to.
    #[tracing::instrument(name = "model.stocks.page", skip_all)]
    pub async fn page(
        &self,
        cx: &Context,
        list: &'static str,
        (limit, look_at): (usize, usize),
        cursor: Option<&str>,
    ) -> Result<(Vec<Row>, PageOf), ModelError> {
        let list = List { name: list, conditions: &[] };
        let after = self.cursors.resume(list, cursor)?;
        let query = PageQuery { filter: Filter::default(), limit, after, look_at };
        let mut products = Vec::with_capacity(limit);
        let end = self.products.page(cx, &query, &mut products).await?;
        let rows = self.with_balances(cx, products).await?;
        Ok((
            rows,
            PageOf {
                next: end.next.map(|next| self.cursors.seal(list, next)),
                looked_at: end.looked_at,
                receipt: end.receipt,
            },
        ))
    }

    /// Of one page of products, newest first, those of whose stock less is there than is asked for. One whose stock was
    /// never set has none. Looks at `look_at` products at most, and ends half full rather than ask for few at a time.
    #[tracing::instrument(name = "model.stocks.below", skip_all)]
    pub async fn below(
        &self,
        cx: &Context,
        (list, below): (&'static str, Below),
        (limit, look_at): (usize, usize),
        cursor: Option<&str>,
    ) -> Result<(Vec<Row>, PageOf), ModelError> {
        let asked = below.to_string();
        let list = List { name: list, conditions: &[Some(&asked)] };
        let mut after = self.cursors.resume(list, cursor)?;
        let (mut rows, mut looked_at, mut receipt) = (Vec::new(), 0, None);
        loop {
            let limit_of_page = limit - rows.len();
            let query = PageQuery { filter: Filter::default(), limit: limit_of_page, after, look_at };
            let mut products = Vec::with_capacity(limit_of_page);
            let end = self.products.page(cx, &query, &mut products).await?;
            let receipt = *receipt.get_or_insert(end.receipt);
            looked_at += products.len().max(1);
            products.retain(|product| below.may_hold(product));
            let read = self.with_balances(cx, products).await?;
            rows.extend(read.into_iter().filter(|(product, balance)| below.holds(product, balance.as_ref())));
            after = end.next;
            let enough = looked_at >= look_at || 2 * rows.len() >= limit || cx.has_enough();
            if after.is_none() || enough {
                let next = after.map(|next| self.cursors.seal(list, next));
                return Ok((rows, PageOf { next, looked_at, receipt }));
            }
        }
    }

    /// Products with their stocks, in the same order; at most a hundred.
    pub async fn with_balances(&self, cx: &Context, products: Vec<Product>) -> Result<Vec<Row>, DaoError> {
        let quiet = cx.untraced().of_many();
        stream::iter(products)
            .map(|product| async {
                let (balance, _) = self.ledger.find(&quiet, Account::stock(product.id)).await?;
                Ok::<_, DaoError>((product, balance))
            })
            .buffered(READ_AT_ONCE)
            .try_collect()
            .await
    }

    /// One page of the movements of a product's stock, newest first.
    #[tracing::instrument(name = "model.stocks.movements", skip_all)]
    pub async fn movements(
        &self,
        cx: &Context,
        product: Uuid,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<Movement>, PageOf), ModelError> {
        let name = product.to_string();
        let list = List { name: "movements", conditions: &[Some(&name)] };
        let before = self.cursors.resume(list, cursor)?.map_or(i64::MAX, |after| after.bucket);
        let (movements, receipt) = self.ledger.movements(cx, Account::stock(product), before, limit).await?;
        if movements.is_empty() && before == i64::MAX {
            return Err(ModelError::NotFound("stock"));
        }
        // Versions have no gaps: the first of them ends the list.
        let next = movements.last().filter(|last| last.version > 1);
        let next = next.map(|last| self.cursors.seal(list, Position { bucket: last.version, id: last.id }));
        Ok((movements, PageOf { next, looked_at: 0, receipt }))
    }
}

/// Units that somebody adds or takes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    pub delta: i64,
    pub reason: Option<String>,
    pub reference: Option<String>,
}

fn archived() -> ModelError {
    ModelError::Conflict(product_archived("/product_id"))
}

fn unknown_product() -> ModelError {
    ModelError::Invalid(vec![Violation::new("/product_id", "unknown_product", "there is no such product")])
}

/// Units that a change takes.
const fn requested(change: &Change) -> i64 {
    match change {
        Change::Add { delta } => -*delta,
        _ => 0,
    }
}

fn refused(refusal: Refusal, product: Uuid, requested: i64) -> ModelError {
    match refusal {
        Refusal::Absent => ModelError::NotFound("stock"),
        Refusal::VersionMoved => ModelError::PreconditionFailed("stock"),
        Refusal::Short { available } => {
            let shortage = Shortage { product_id: product, requested, available };
            ModelError::Short(vec![Violation::short("/delta", shortage)])
        }
        Refusal::OutOfRange => {
            let detail = format!("a stock has at most {QUANTITY_MAX} units");
            ModelError::Conflict(Violation::new("/delta", "out_of_range", detail))
        }
        Refusal::GivenUp => {
            let detail = "an earlier try of this request was given up, send it under a new key";
            ModelError::Conflict(Violation::new("", "given_up", detail))
        }
    }
}
