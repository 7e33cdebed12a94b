//! The feed of changes and the audit trail, as a process writes them: what requests have changed waits in a queue for a
//! fraction of a second, and then goes into the log together. IO only through the DAOs' traits.
//!
//! Nothing waits for it, so a process may die between a change and its entry. What it leaves is found by the notes of
//! changes under way (an order's, or [`Note`]), which are removed only after the entry is written; and of a stock also by
//! whoever tells its next version, since the ledger has the versions before it. So in the log no version of a stock comes
//! first before the one below it.

mod fill;
mod reader;
mod record;
pub mod sweep;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use self::fill::Filled;
use self::record::{first_id_at, id_at, millis_of, of_movement, of_order, of_product, principal};
use super::clock::Clock;
use super::error::ModelError;
use crate::dao::changes::{Appended, AuditFilter, Audited, Change, ChangeDao, Entry, Kind, Note, Object};
use crate::dao::ledger::{Account, Book, LedgerDao, Movement};
use crate::dao::orders::{Order, Status};
use crate::dao::products::{Product, ProductDao};
use crate::dao::{Context, DaoError, now_ms};

pub use self::reader::{Batch, Kinds, Listener, Position, ReadError};

/// How long a change waits for others to be told together with it.
const TOGETHER: Duration = Duration::from_millis(200);
/// After a failure.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Who runs the store is told of failures that last so long, and again after as long.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// Changes and lines that wait in a process at most. Beyond it they are left to the sweepers.
const WAITING_MAX: usize = 100_000;
/// Longer than any request lives: what it has changed when something was left out is not taken for told.
const LOST: Duration = Duration::from_secs(30);
/// Changes of one entry.
const CHANGES_OF_AN_ENTRY: usize = 100;
/// Changes that are written at once.
const AT_ONCE: usize = 2_000;
/// Objects of which a process remembers what was told.
const REMEMBERED: usize = 50_000;
/// Between two times that it keeps that for others.
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// How long the number of the last entry is believed: far shorter than entries are kept.
const BELIEVED: Duration = Duration::from_secs(3_600);
/// Deadline of one write.
const DEADLINE: Duration = Duration::from_secs(10);
/// Lines that one page of the audit trail looks at.
const LOOKED_AT: usize = 1_000;

/// The feed of one process.
#[derive(Clone)]
pub struct Changes(Option<Arc<Shared>>);

struct Shared {
    dao: Arc<dyn ChangeDao>,
    ledger: Arc<dyn LedgerDao>,
    products: Arc<dyn ProductDao>,
    clock: Clock,
    queue: Mutex<Queue>,
    wake: Notify,
    writer: tokio::sync::Mutex<Writer>,
    tail: reader::Tail,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Queue {
    changes: Vec<Change>,
    lines: Vec<Audited>,
    /// Of writes all of whose changes were put here before.
    done: Vec<Note>,
    /// Something was left out; until then no note is removed.
    lost_until: Option<Instant>,
}

impl Queue {
    fn len(&self) -> usize {
        self.changes.len() + self.lines.len() + self.done.len()
    }
}

/// What the one who writes remembers.
#[derive(Debug, Default)]
struct Writer {
    /// Number of the last entry that it knows of, and since when.
    last: Option<(i64, Instant)>,
    /// The number that others were told of.
    kept_last: i64,
    /// Up to which version objects were told, at least.
    told: HashMap<Object, i64>,
    /// Those that others were not told of yet.
    unkept: HashMap<Object, i64>,
    kept: Option<Instant>,
}

/// Whom the feed asks.
pub struct Daos {
    pub changes: Arc<dyn ChangeDao>,
    pub ledger: Arc<dyn LedgerDao>,
    pub products: Arc<dyn ProductDao>,
}

impl Changes {
    /// A feed over DAOs.
    pub fn new(daos: Daos, clock: Clock) -> Self {
        let Daos { changes: dao, ledger, products } = daos;
        let (queue, writer, tail) = (Mutex::default(), tokio::sync::Mutex::default(), reader::Tail::default());
        Self(Some(Arc::new(Shared { dao, ledger, products, clock, queue, wake: Notify::new(), writer, tail })))
    }

    /// Where nothing is told.
    pub const fn none() -> Self {
        Self(None)
    }

    fn put(&self, put: impl FnOnce(&mut Queue)) {
        let Some(shared) = &self.0 else { return };
        let mut queue = shared.queue();
        if queue.len() >= WAITING_MAX {
            queue.lost_until = Some(Instant::now() + LOST);
            return;
        }
        put(&mut queue);
        drop(queue);
        shared.wake.notify_one();
    }

    /// Tells movements of an account that were made.
    pub fn moved(&self, account: Account, movements: &[Movement]) {
        if account.book == Book::Stock && !movements.is_empty() {
            self.put(|queue| queue.changes.extend(movements.iter().map(|movement| of_movement(account.id, movement))));
        }
    }

    /// Tells an order as it was written down.
    pub fn order(&self, order: &Order) {
        if Status::LISTED.contains(&order.status) {
            self.put(|queue| queue.changes.push(of_order(order)));
        }
    }

    /// Tells a version of a product.
    pub fn product(&self, product: &Product, what: &'static str) {
        self.put(|queue| queue.changes.push(of_product(product, what)));
    }

    /// Tells that a product was removed for good; the version is the one after its last.
    pub fn removed(&self, product: Uuid, version: i64) {
        let at = now_ms();
        let (kind, id, what) = (Kind::Product, product, "removed".to_owned());
        self.put(|queue| queue.changes.push(Change { kind, id, version, at, what, quantity: None, delta: None }));
    }

    /// Does a write under a note. Where it cannot be known what became of it, the note is left to the sweepers.
    pub async fn noted<T>(
        &self,
        cx: &Context,
        object: Object,
        version: Option<i64>,
        write: impl Future<Output = Result<T, ModelError>>,
    ) -> Result<T, ModelError> {
        let note = self.note(cx, object, version).await?;
        let written = write.await;
        if !matches!(written, Err(ModelError::Dao(_))) {
            self.done(note);
        }
        written
    }

    /// Adds a line to the audit trail.
    pub fn audit(&self, cx: &Context, object: Object, what: &'static str, version: i64) {
        let Some(shared) = &self.0 else { return };
        let at = shared.clock.of(now_ms());
        let line = Audited {
            id: id_at(at),
            at,
            by: principal(cx),
            object,
            what: what.to_owned(),
            version,
            request: store_telemetry::ids::request_id(),
        };
        self.put(|queue| queue.lines.push(line));
    }

    async fn note(&self, cx: &Context, object: Object, version: Option<i64>) -> Result<Option<Note>, DaoError> {
        let Some(shared) = &self.0 else { return Ok(None) };
        let note = Note { at: shared.clock.of(now_ms()), operation: Uuid::new_v4(), object, version };
        shared.dao.note(cx, &note).await?;
        Ok(Some(note))
    }

    /// The write of a note has ended, and whatever it changed was told here.
    fn done(&self, note: Option<Note>) {
        if let Some(note) = note {
            self.put(|queue| queue.done.push(note));
        }
    }

    /// Writes whatever waits. What fails waits on.
    pub async fn flush(&self) -> Result<(), DaoError> {
        self.write(KEEP_EVERY).await
    }

    /// The same at a process's end, with all that others are to know: where the feed ends is read from its entries, and these go
    /// by their age while a shop is closed.
    pub async fn finish(&self) -> Result<(), DaoError> {
        self.write(Duration::ZERO).await
    }

    async fn write(&self, keep_every: Duration) -> Result<(), DaoError> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let mut writer = shared.writer.lock().await;
        let mut taken = shared.take();
        let written = shared.write(&mut writer, &mut taken, keep_every).await;
        // Before anybody else may write, who would take an empty queue for one of which all is told.
        let lost = shared.put_back(taken);
        drop(writer);
        written?;
        if lost { Err(DaoError::Busy("more changes wait to be told than there is room for".into())) } else { Ok(()) }
    }

    /// Tells the stock of a product as it is now; what is missing in the feed below that follows from the ledger. What made
    /// it so is returned with its version.
    pub async fn complete_stock(&self, cx: &Context, product: Uuid) -> Result<Option<(&'static str, i64)>, DaoError> {
        let Some(shared) = &self.0 else { return Ok(None) };
        let account = Account::stock(product);
        let Some(balance) = shared.ledger.load(cx, account).await? else { return Ok(None) };
        let (last, _) = shared.ledger.movements(cx, account, balance.version + 1, 1).await?;
        self.moved(account, &last);
        Ok(last.first().map(|movement| (movement.kind.name(), movement.version)))
    }

    /// Lines of the audit trail of a day (days since 1970) below an id, newest first, and where the next page begins; a page
    /// may be empty and not the last.
    pub async fn audited(
        &self,
        cx: &Context,
        day: i64,
        filter: &AuditFilter,
        limit: usize,
        below: Option<Uuid>,
    ) -> Result<(Vec<Audited>, Option<Uuid>), DaoError> {
        let Some(shared) = &self.0 else { return Ok((Vec::new(), None)) };
        let (first, mut hour) = (day * 24, day * 24 + 23);
        if let Some(at) = below.and_then(millis_of) {
            hour = hour.min(at.div_euclid(3_600_000));
        }
        let (mut found, mut looked_at, mut below) = (Vec::new(), 0, below);
        while hour >= first {
            let lines = shared.dao.audited(cx, hour, below, limit).await?;
            let all = lines.len() < limit;
            looked_at += lines.len();
            for line in lines {
                below = Some(line.id);
                if filter.admits(&line) {
                    found.push(line);
                }
                if found.len() == limit {
                    return Ok((found, below));
                }
            }
            if all {
                hour -= 1;
            }
            if looked_at >= LOOKED_AT || cx.has_enough() {
                // From the end of the hour that is next.
                let next = below.or_else(|| Some(first_id_at((hour + 1) * 3_600_000)));
                return Ok((found, next.filter(|_| hour >= first)));
            }
        }
        Ok((found, None))
    }

    /// How far a reader with a name has come, if it is free or ours: it is ours for so many seconds from now.
    pub async fn claim(&self, reader: &str, owner: Uuid, seconds: i32) -> Result<Option<String>, DaoError> {
        let Some(shared) = &self.0 else { return Ok(None) };
        shared.dao.claim(&Context::within(DEADLINE), reader, owner, seconds).await
    }

    /// Keeps how far a reader has come while it is ours; false when it no longer is.
    pub async fn advance(&self, reader: &str, owner: Uuid, seconds: i32, position: Position) -> Result<bool, DaoError> {
        let Some(shared) = &self.0 else { return Ok(false) };
        shared.dao.advance(&Context::within(DEADLINE), reader, owner, seconds, &position.to_string()).await
    }

    /// The product of a stock, archived or not.
    pub async fn product_of(&self, product: Uuid) -> Result<Option<Product>, DaoError> {
        let Some(shared) = &self.0 else { return Ok(None) };
        let mut found: Vec<Product> = Vec::with_capacity(1);
        shared.products.find(&Context::within(DEADLINE), product, &mut found).await?;
        Ok(found.pop())
    }

    /// The process's task that writes what waits. It ends when what is returned is dropped.
    pub fn start(&self) -> Teller {
        let (changes, tail) = (self.clone(), self.clone());
        Teller(vec![
            tokio::spawn(async move { changes.tell_on().await }),
            tokio::spawn(async move { tail.tail().await }),
        ])
    }

    async fn tell_on(&self) {
        let Some(shared) = &self.0 else { return };
        let mut failing: Option<Instant> = None;
        loop {
            // Also what others are to be told of later.
            let _ = tokio::time::timeout(KEEP_EVERY, shared.wake.notified()).await;
            let together = TOGETHER.mul_f64(rand::rng().random_range(0.8..1.2));
            tokio::time::sleep(together).await;
            match self.flush().await {
                Ok(()) => failing = None,
                Err(error) => {
                    if failing.get_or_insert_with(Instant::now).elapsed() >= WARN_EVERY {
                        failing = Some(Instant::now());
                        let waiting = shared.queue().len();
                        tracing::warn!(%error, waiting, "changes could not be told in the feed for a minute, they wait on");
                    } else {
                        tracing::debug!(%error, "changes are not told yet");
                    }
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        }
    }
}

/// Tasks of a feed.
pub struct Teller(Vec<tokio::task::JoinHandle<()>>);

impl Drop for Teller {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Queue {
        mem::take(&mut *self.queue())
    }

    /// Puts back what was not written, before what came meanwhile; whether something is missing.
    fn put_back(&self, left: Queue) -> bool {
        let mut queue = self.queue();
        let lost_until = left.lost_until.max(queue.lost_until);
        let came = mem::replace(&mut *queue, left);
        queue.changes.extend(came.changes);
        queue.lines.extend(came.lines);
        queue.done.extend(came.done);
        queue.lost_until = lost_until.filter(|until| *until > Instant::now());
        queue.lost_until.is_some()
    }

    async fn write(&self, writer: &mut Writer, taken: &mut Queue, keep_every: Duration) -> Result<(), DaoError> {
        if taken.lost_until.is_some_and(|until| until > Instant::now()) {
            // The sweepers look whether what they note is told.
            taken.done.clear();
        }
        while !taken.changes.is_empty() {
            let cx = Context::within(DEADLINE);
            let some = taken.changes.len().min(AT_ONCE);
            let (told, done) = match self.fill(&cx, writer, taken.changes.get(..some).unwrap_or_default()).await? {
                Filled::Whole(whole) => (whole, some),
                Filled::Below(below) => (below, 0),
            };
            for changes in told.chunks(CHANGES_OF_AN_ENTRY) {
                let entry = Entry { operation: Uuid::new_v4(), changes: changes.to_vec() };
                self.append(&cx, writer, &entry).await?;
                writer.remember(changes);
            }
            taken.changes.drain(..done);
        }
        let cx = Context::within(DEADLINE);
        if !taken.lines.is_empty() {
            self.dao.audit(&cx, &taken.lines).await?;
            taken.lines.clear();
        }
        if !taken.done.is_empty() {
            self.dao.forget(&cx, &taken.done).await?;
            taken.done.clear();
        }
        let is_time = writer.kept.is_none_or(|at| at.elapsed() >= keep_every);
        if let Some((last, _)) = writer.last
            && is_time
            && (!writer.unkept.is_empty() || writer.kept_last != last)
        {
            let told: Vec<(Object, i64)> = writer.unkept.iter().map(|(object, version)| (*object, *version)).collect();
            self.dao.keep_told(&cx, &told, last).await?;
            writer.unkept.clear();
            writer.kept_last = last;
            writer.kept = Some(Instant::now());
        }
        Ok(())
    }

    async fn append(&self, cx: &Context, writer: &mut Writer, entry: &Entry) -> Result<(), DaoError> {
        let mut races = 0_u32;
        loop {
            let last = match writer.last {
                // Others were here: perhaps for long.
                Some((last, since)) if races < 2 && since.elapsed() < BELIEVED => last,
                // A number whose entry was there and has gone by its age looks free and is not.
                known => self.dao.last(cx).await?.max(known.map_or(0, |(last, _)| last)),
            };
            let taken = self.dao.append(cx, last + 1, entry).await? == Appended::Taken;
            writer.last = Some((last + 1, Instant::now()));
            if !taken {
                self.tail.wake();
                return Ok(());
            }
            races += 1;
            if cx.remaining().is_none() {
                return Err(DaoError::Contended);
            }
            if races > 2 {
                let longest = Duration::from_millis(10) * races.min(20);
                let pause = longest.mul_f64(rand::rng().random_range(0.2..1.0));
                tokio::time::sleep(pause).await;
            }
        }
    }
}

impl Writer {
    fn remember(&mut self, changes: &[Change]) {
        if self.told.len() > REMEMBERED {
            self.told.clear();
        }
        for change in changes {
            let object = change.object();
            let told = self.told.entry(object).or_default();
            *told = (*told).max(change.version);
            // An order has few versions, and there is no end of orders.
            if matches!(object.kind, Kind::Product | Kind::Stock) {
                self.unkept.insert(object, *told);
            }
        }
    }
}
