//! A process that dies at a chosen write, before or after the database did it: from then on none of its calls comes
//! through. Or one that only stands still there, until it is told to go on.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::dao::blocks::{Block, BlockDao, Change, Lists, Row, Turnover};
use crate::dao::ledger::{Account, Balance, Book, Glimpse, LedgerDao, Movement, Posted, Posting};
use crate::dao::orders::{Filter, Inserted, Note, Order, OrderDao, Replaced, Stored, Swept};
use crate::dao::page::{PageEnd, Position};
use crate::dao::ranks::{Turned, Unranked};
use crate::dao::{Context, DaoError, Receipt};

/// How many writes a process has left.
pub struct Life {
    left: AtomicI64,
    /// Whether the last write is done before the process dies.
    done: bool,
    /// It does not die, it waits before the write until this is opened.
    pause: Option<Semaphore>,
    /// How long each statement takes.
    takes: Duration,
}

impl Life {
    pub fn of(writes: i64, done: bool) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(writes), done, pause: None, takes: Duration::ZERO })
    }

    /// Of a process that stands still after some writes.
    pub fn paused_after(writes: i64) -> Arc<Self> {
        let pause = Some(Semaphore::new(0));
        Arc::new(Self { left: AtomicI64::new(writes), done: false, pause, takes: Duration::ZERO })
    }

    /// Of a process whose database takes its time.
    pub fn slow(takes: Duration) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(i64::MAX), done: false, pause: None, takes })
    }

    /// Whether the process died, or came to where it stands still.
    pub fn is_over(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    /// Lets a process go on that stands still.
    pub fn go_on(&self) {
        if let Some(pause) = &self.pause {
            pause.close();
        }
    }

    async fn read(&self) -> Result<(), DaoError> {
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        if self.is_over() && self.pause.is_none() { Err(dead()) } else { Ok(()) }
    }

    async fn write<T>(&self, write: impl Future<Output = Result<T, DaoError>>) -> Result<T, DaoError> {
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        match (self.left.fetch_sub(1, Ordering::SeqCst), &self.pause) {
            (1.., _) => write.await,
            (_, Some(pause)) => {
                // Closed by then.
                assert!(pause.acquire().await.is_err());
                write.await
            }
            (0, None) if self.done => write.await.and(Err(dead())),
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
        self.1.read().await?;
        self.0.find(cx, account).await
    }

    async fn glimpse(&self, cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError> {
        self.1.read().await?;
        self.0.glimpse(cx, account, day).await
    }

    async fn load(&self, cx: &Context, account: Account) -> Result<Option<Balance>, DaoError> {
        self.1.read().await?;
        self.0.load(cx, account).await
    }

    async fn made(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError> {
        self.1.read().await?;
        self.0.made(cx, account, ids).await
    }

    async fn closed(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError> {
        self.1.read().await?;
        self.0.closed(cx, account, ids).await
    }

    async fn load_days(&self, cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError> {
        self.1.read().await?;
        self.0.load_days(cx, account, days).await
    }

    async fn turnover(&self, cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError> {
        self.1.read().await?;
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
        self.1.read().await?;
        self.0.movements(cx, account, before, limit).await
    }
}

#[async_trait]
impl OrderDao for Mortal<dyn OrderDao> {
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError> {
        self.1.read().await?;
        self.0.find(cx, id).await
    }

    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        self.1.read().await?;
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
        self.1.read().await?;
        self.0.page(cx, filter, limit, after).await
    }

    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.1.write(self.0.note(cx, note)).await
    }

    async fn forget_all(&self, cx: &Context, notes: &[Note]) -> Result<(), DaoError> {
        self.1.write(self.0.forget_all(cx, notes)).await
    }

    async fn notes(&self, cx: &Context, shard: u8, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError> {
        self.1.read().await?;
        self.0.notes(cx, shard, after, upto).await
    }

    async fn sweeps(&self, cx: &Context) -> Result<Vec<Swept>, DaoError> {
        self.1.read().await?;
        self.0.sweeps(cx).await
    }

    async fn claim_sweep(&self, cx: &Context, shard: u8, seconds: i32) -> Result<bool, DaoError> {
        self.1.write(self.0.claim_sweep(cx, shard, seconds)).await
    }

    async fn set_swept_until(&self, cx: &Context, shard: u8, until: i64) -> Result<(), DaoError> {
        self.1.write(self.0.set_swept_until(cx, shard, until)).await
    }

    async fn clock(&self, cx: &Context) -> Result<i64, DaoError> {
        self.1.read().await?;
        self.0.clock(cx).await
    }
}

#[async_trait]
impl Unranked for Mortal<dyn OrderDao> {
    async fn unranked(&self, cx: &Context) -> Result<Vec<Turned>, DaoError> {
        self.1.read().await?;
        self.0.unranked(cx).await
    }
}

#[async_trait]
impl BlockDao for Mortal<dyn BlockDao> {
    async fn turnovers(
        &self,
        cx: &Context,
        book: Book,
        blocks: &[Block],
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Block, Turnover)>, DaoError> {
        self.1.read().await?;
        self.0.turnovers(cx, book, blocks, ids).await
    }

    async fn rows(&self, cx: &Context, lists: &Lists) -> Result<(Vec<Row>, Receipt), DaoError> {
        self.1.read().await?;
        self.0.rows(cx, lists).await
    }

    async fn write(&self, cx: &Context, changes: &[Change]) -> Result<(), DaoError> {
        self.1.write(self.0.write(cx, changes)).await
    }

    async fn remove(&self, cx: &Context, book: Book, row: &Row, version: i64) -> Result<(), DaoError> {
        self.1.write(self.0.remove(cx, book, row, version)).await
    }

    async fn spans(&self, cx: &Context, book: Book) -> Result<Vec<Block>, DaoError> {
        self.1.read().await?;
        self.0.spans(cx, book).await
    }

    async fn use_span(&self, cx: &Context, book: Book, span: Block) -> Result<(), DaoError> {
        self.1.write(self.0.use_span(cx, book, span)).await
    }
}
