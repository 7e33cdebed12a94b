//! A process that dies at a chosen write, before or after the database did it: from then on none
//! of its calls comes through.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use uuid::Uuid;

use crate::dao::ledger::{Account, Balance, Book, Glimpse, LedgerDao, Movement, Posted, Posting};
use crate::dao::orders::{Filter, Inserted, Note, Order, OrderDao, Replaced, Stored};
use crate::dao::page::{PageEnd, Position};
use crate::dao::ranks::{RankDao, Slot};
use crate::dao::{Context, DaoError, Receipt};

/// How many writes a process has left.
pub struct Life {
    left: AtomicI64,
    /// Whether the last write is done before the process dies.
    done: bool,
}

impl Life {
    pub fn of(writes: i64, done: bool) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(writes), done })
    }

    /// Whether the process died.
    pub fn is_over(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn read(&self) -> Result<(), DaoError> {
        if self.is_over() { Err(dead()) } else { Ok(()) }
    }

    async fn write<T>(&self, write: impl Future<Output = Result<T, DaoError>>) -> Result<T, DaoError> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => write.await,
            0 if self.done => write.await.and(Err(dead())),
            _ => Err(dead()),
        }
    }
}

fn dead() -> DaoError {
    DaoError::Unknown { operation: "a write of a process that died" }
}

/// A DAO as a mortal process sees it.
pub struct Mortal<D: ?Sized>(pub Arc<D>, pub Arc<Life>);

#[async_trait]
impl LedgerDao for Mortal<dyn LedgerDao> {
    async fn find(&self, cx: &Context, account: Account) -> Result<(Option<Balance>, Receipt), DaoError> {
        self.1.read()?;
        self.0.find(cx, account).await
    }

    async fn glimpse(&self, cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError> {
        self.1.read()?;
        self.0.glimpse(cx, account, day).await
    }

    async fn load(&self, cx: &Context, account: Account) -> Result<Option<Balance>, DaoError> {
        self.1.read()?;
        self.0.load(cx, account).await
    }

    async fn made(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError> {
        self.1.read()?;
        self.0.made(cx, account, ids).await
    }

    async fn closed(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError> {
        self.1.read()?;
        self.0.closed(cx, account, ids).await
    }

    async fn load_days(&self, cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError> {
        self.1.read()?;
        self.0.load_days(cx, account, days).await
    }

    async fn turnover(&self, cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError> {
        self.1.read()?;
        self.0.turnover(cx, account, days).await
    }

    async fn post(&self, cx: &Context, account: Account, before: i64, posting: &Posting) -> Result<Posted, DaoError> {
        self.1.write(self.0.post(cx, account, before, posting)).await
    }

    async fn movements(
        &self,
        cx: &Context,
        account: Account,
        before: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError> {
        self.1.read()?;
        self.0.movements(cx, account, before, limit).await
    }
}

#[async_trait]
impl OrderDao for Mortal<dyn OrderDao> {
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError> {
        self.1.read()?;
        self.0.find(cx, id).await
    }

    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        self.1.read()?;
        self.0.load(cx, id).await
    }

    async fn insert(&self, cx: &Context, order: &Order, operation: Uuid) -> Result<Inserted, DaoError> {
        self.1.write(self.0.insert(cx, order, operation)).await
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Order,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        self.1.write(self.0.replace(cx, before, after, operation)).await
    }

    async fn list(&self, cx: &Context, stored: &Stored) -> Result<(), DaoError> {
        self.1.write(self.0.list(cx, stored)).await
    }

    async fn page(
        &self,
        cx: &Context,
        filter: &Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError> {
        self.1.read()?;
        self.0.page(cx, filter, limit, after).await
    }

    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.1.write(self.0.note(cx, note)).await
    }

    async fn forget(&self, cx: &Context, note: &Note) {
        let forgotten = async {
            self.0.forget(cx, note).await;
            Ok(())
        };
        // A failure is not told, as in every DAO.
        let _ = self.1.write(forgotten).await;
    }

    async fn notes(&self, cx: &Context, minute: i64, after: i64, upto: i64) -> Result<(Vec<Note>, bool), DaoError> {
        self.1.read()?;
        self.0.notes(cx, minute, after, upto).await
    }

    async fn swept_until(&self, cx: &Context) -> Result<Option<i64>, DaoError> {
        self.1.read()?;
        self.0.swept_until(cx).await
    }

    async fn set_swept_until(&self, cx: &Context, until: i64) -> Result<(), DaoError> {
        self.1.write(self.0.set_swept_until(cx, until)).await
    }
}

#[async_trait]
impl RankDao for Mortal<dyn RankDao> {
    async fn put(&self, cx: &Context, account: Account, slot: Slot, version: i64) -> Result<(), DaoError> {
        self.1.write(self.0.put(cx, account, slot, version)).await
    }

    async fn remove(&self, cx: &Context, account: Account, slot: Slot, version: i64) -> Result<(), DaoError> {
        self.1.write(self.0.remove(cx, account, slot, version)).await
    }

    async fn slots(&self, cx: &Context, book: Book, below: Slot, limit: usize) -> Result<Vec<Slot>, DaoError> {
        self.1.read()?;
        self.0.slots(cx, book, below, limit).await
    }

    async fn members(
        &self,
        cx: &Context,
        book: Book,
        slot: Slot,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Uuid>, DaoError> {
        self.1.read()?;
        self.0.members(cx, book, slot, after, limit).await
    }
}
