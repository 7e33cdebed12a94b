//! Finishes orders that a crash left half-way: looks through the notes that are older than any request, writes down as
//! refused what was never written down and undoes it, and publishes what was decided.
//!
//! An order that cannot be finished is set aside: its note moves on to a later minute, and keeps no other waiting.
//!
//! Every process runs a sweeper. They divide the shards of the notes among themselves: whoever comes first claims a shard for
//! some seconds. That saves work only; all steps are idempotent, also while the order's own request or another sweeper is at
//! them. How far a shard was looked through is kept in the database, so a shop that was off for days goes on there.

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::Orders;
use crate::dao::changes::{Kind, Object};
use crate::dao::orders::{Contents, Inserted, Note, OLD_NOTES, Replaced, Status, Swept};
use crate::dao::set_aside::{self, Aside, SweepFigures};
use crate::dao::{Context, DaoError, now_ms};
use crate::models::ModelError;
use crate::models::order::{moved_to, refused_before_it_came, strays};

/// Between two looks at most; up to a fifth less, for all processes at once would meet at the same claims.
const PERIOD: Duration = Duration::from_secs(10);
/// How long a shard is claimed: less than the shortest period, so that a process that is alone never waits for itself.
const CLAIM_SECONDS: i32 = 7;
/// Notes younger than this, or than any request lives, may belong to one that is running. With the period this bounds
/// how long a broken order keeps its units: well below a minute.
pub const OLD_ENOUGH_MS: i64 = 20_000;
/// Notes bear times of the database's clock as their processes know it, which is not quite the same everywhere.
const OVERLAP_MS: i64 = 30_000;
/// Those of processes of the version before bear times of their own clocks.
const OVERLAP_OF_OLD_MS: i64 = 120_000;
/// How far back a look goes when no position is known, and again after each [`LOOK_BACK`]: for notes whose processes knew
/// nothing of the database's clock.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;
const LOOK_BACK: Duration = Duration::from_secs(3_600);
/// While the database cannot be reached the notes stay where they are so long.
const PASSES_WITHIN_MS: i64 = 120_000;
/// The notes' name in metrics.
const TABLE: &str = "order_notes";
/// Deadline of the work on one note.
const DEADLINE: Duration = Duration::from_secs(10);
/// Notes of one shard that are finished at the same time.
const AT_ONCE: usize = 16;
/// Notes whose accounts are ranked together.
const SETTLED_AT_ONCE: usize = 200;
/// A position is kept when it has moved so far.
const KEEP_EVERY_MS: i64 = 60_000;
/// The database's clock is looked at so often.
const CLOCK_EVERY: Duration = Duration::from_secs(60);

/// A running sweeper; it ends when this is dropped.
pub struct Sweeper(JoinHandle<()>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sweeper {
    /// Starts sweeping; no request lives longer than `lease`.
    pub fn start(orders: Orders, lease: Duration, figures: &SweepFigures) -> Self {
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let mut sweeps = Sweeps::new(lease_ms.max(OLD_ENOUGH_MS), figures.of(TABLE));
        Self(tokio::spawn(async move {
            loop {
                sweeps.round(&orders).await;
                tokio::time::sleep(pause()).await;
            }
        }))
    }
}

/// How long to wait before the next round.
pub fn pause() -> Duration {
    PERIOD.mul_f64(rand::rng().random_range(0.8..1.0))
}

/// What one process knows of a shard.
#[derive(Debug, Clone, Copy, Default)]
struct Shard {
    /// How far it, or another, has looked.
    until: Option<i64>,
    /// What is kept of that.
    kept: Option<i64>,
    looked_back: Option<Instant>,
}

/// The sweeps of one process.
pub struct Sweeps {
    old_enough_ms: i64,
    aside: Aside,
    shards: [Shard; OLD_NOTES as usize + 1],
    clock_read: Option<Instant>,
}

impl Sweeps {
    /// Nothing is known yet; notes younger than `old_enough_ms` are left alone.
    pub fn new(old_enough_ms: i64, aside: Aside) -> Self {
        Self { old_enough_ms, aside, shards: Default::default(), clock_read: None }
    }

    /// Sweeps the shards that nobody else is at; how many.
    pub async fn round(&mut self, orders: &Orders) -> usize {
        self.read_clock(orders).await;
        let swept = self.sweep_claimed(orders).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a sweep of the orders broke off, the next one goes on");
            0
        });
        let now = orders.clock.of(now_ms());
        if let Some(oldest) = self.shards.iter().filter_map(|shard| shard.until).min() {
            self.aside.swept(oldest, now);
        }
        swept
    }

    async fn read_clock(&mut self, orders: &Orders) {
        if self.clock_read.is_some_and(|at| at.elapsed() < CLOCK_EVERY) {
            return;
        }
        match orders.clock.measure(&Context::within(DEADLINE), &*orders.daos.orders).await {
            Ok(()) => self.clock_read = Some(Instant::now()),
            Err(error) => tracing::debug!(%error, "could not read the database's clock"),
        }
    }

    async fn sweep_claimed(&mut self, orders: &Orders) -> Result<usize, DaoError> {
        let dao = &orders.daos.orders;
        let known = dao.sweeps(&Context::within(DEADLINE)).await?;
        for (shard, Swept { until, .. }) in self.shards.iter_mut().zip(&known) {
            (shard.until, shard.kept) = (shard.until.max(*until), *until);
        }
        let mut free: Vec<u8> =
            (0..=OLD_NOTES).zip(known).filter(|(_, known)| !known.is_claimed).map(|(at, _)| at).collect();
        // So that two that begin together meet at few of them.
        free.shuffle(&mut rand::rng());
        let mut swept = 0;
        for shard in free {
            if !dao.claim_sweep(&Context::within(DEADLINE), shard, CLAIM_SECONDS).await.unwrap_or(false) {
                continue;
            }
            swept += 1;
            if let Err(error) = self.sweep_one(orders, shard).await {
                tracing::debug!(shard, %error, "the sweep of a shard broke off, the next one goes on");
            }
        }
        Ok(swept)
    }

    async fn sweep_one(&mut self, orders: &Orders, number: u8) -> Result<(), DaoError> {
        let upto = orders.clock.of(now_ms()) - self.old_enough_ms;
        let Some(shard) = self.shards.get_mut(usize::from(number)) else { return Ok(()) };
        // Processes of the version before look for themselves.
        let looks_back = number != OLD_NOTES && shard.looked_back.is_none_or(|at| at.elapsed() > LOOK_BACK);
        let overlap = if number == OLD_NOTES { OVERLAP_OF_OLD_MS } else { OVERLAP_MS };
        let from = match shard.until {
            Some(_) if looks_back && shard.looked_back.is_some() => upto - FIRST_LOOK_MS,
            // A position in the future is of somebody whose clock was wrong for a while.
            Some(until) => until.min(upto) - overlap,
            None => upto - FIRST_LOOK_MS,
        };
        if looks_back {
            // The first time at any moment of the first hour, since a shop's processes are started together.
            let early = if shard.looked_back.is_none() { rand::rng().random_range(0.0..1.0) } else { 0.0 };
            shard.looked_back = Instant::now().checked_sub(LOOK_BACK.mul_f64(early)).or_else(|| Some(Instant::now()));
        }
        let next = sweep_shard(orders, number, from, upto, &mut self.aside).await?;
        shard.until = Some(next);
        if shard.kept.is_none_or(|kept| next - kept > KEEP_EVERY_MS) {
            orders.daos.orders.set_swept_until(&Context::within(DEADLINE), number, next).await?;
            shard.kept = Some(next);
        }
        Ok(())
    }
}

/// Looks through all notes of a shard from `from` to `upto`; returns where the next look begins.
pub async fn sweep_shard(orders: &Orders, shard: u8, from: i64, upto: i64, aside: &mut Aside) -> Result<i64, DaoError> {
    let mut unfinished: Option<i64> = None;
    let mut after = from;
    while after < upto {
        let (notes, until) = orders.daos.orders.notes(&Context::within(DEADLINE), shard, after, upto).await?;
        let finishing = stream::iter(notes).map(|note| async move {
            let ended = finish(orders, &note).await;
            (note, ended)
        });
        let ended: Vec<(Note, Result<Contents, ModelError>)> = finishing.buffer_unordered(AT_ONCE).collect().await;
        let mut finished = Vec::with_capacity(ended.len());
        for (note, ended) in ended {
            match ended {
                Ok(contents) => finished.push((note, contents)),
                // One order that cannot be finished now must not keep the others.
                Err(error) => {
                    let at = note.at;
                    if !set_aside(orders, note, upto, &error, aside).await {
                        unfinished = Some(unfinished.map_or(at - 1, |before| before.min(at - 1)));
                    }
                }
            }
        }
        for some in finished.chunks(SETTLED_AT_ONCE) {
            let turned = some.iter().flat_map(|(_, contents)| contents.turned()).collect();
            let notes: Vec<Note> = some.iter().map(|(note, _)| note.clone()).collect();
            if let Err(error) = orders.settle(&Context::within(DEADLINE), &notes, turned).await {
                tracing::debug!(shard, %error, "finished orders are not ranked yet, the next sweep does it");
                let first = notes.iter().map(|note| note.at - 1).min();
                unfinished = unfinished.into_iter().chain(first).min();
                continue;
            }
            for Note { order, .. } in notes {
                aside.finished(order);
                tracing::info!(%order, "finished an order that was left half-way");
            }
        }
        after = until;
    }
    Ok(unfinished.unwrap_or(upto))
}

/// Moves the note of an order that could not be finished on to a later minute; false where the next sweep is to try again.
async fn set_aside(orders: &Orders, note: Note, upto: i64, error: &ModelError, aside: &mut Aside) -> bool {
    let order = note.order;
    if error.passes() && set_aside::times(note.operation) == 0 && note.at + PASSES_WITHIN_MS > upto {
        tracing::warn!(%order, %error, "an order is not finished yet, the next sweep tries again");
        return false;
    }
    let now = orders.clock.of(now_ms());
    let (at, operation) = set_aside::later(note.at, note.operation, now);
    let cx = Context::within(DEADLINE);
    let moved = async {
        let contents = match &note.contents {
            Some(contents) => contents.clone(),
            // Of a process of the version before, which wrote its order down first.
            None => match orders.daos.orders.load(&cx, order).await? {
                Some(stored) => Contents::of(&stored.order),
                None => return Err(DaoError::Broken("an order that could not be finished is gone".into())),
            },
        };
        let later = Note { at, operation, order, contents: Some(contents) };
        orders.daos.orders.note(&cx, &later).await?;
        orders.daos.orders.forget_all(&cx, &[note]).await
    };
    if let Err(error) = moved.await {
        tracing::debug!(%order, %error, "a note could not be moved on");
        return false;
    }
    aside.put(order, at);
    tracing::warn!(%order, %error, again_in_seconds = (at - now) / 1000, "an order cannot be finished now and was set aside");
    true
}

/// Tells what the order may have moved without a word.
async fn tell_stocks(orders: &Orders, cx: &Context, contents: &Contents) -> Result<(), DaoError> {
    for (product, _) in &contents.lines {
        orders.lines.changes().complete_stock(cx, *product).await?;
    }
    Ok(())
}

/// Does what the work behind a note still owes, but for the ranks of what the order names. That of a refused one matters,
/// too: others may have met in the books what it took, and were ranked with it.
async fn finish(orders: &Orders, note: &Note) -> Result<Contents, ModelError> {
    let cx = Context::within(DEADLINE);
    let dao = &orders.daos.orders;
    let mut known = dao.load(&cx, note.order).await?;
    loop {
        let Some(stored) = known else {
            // Whoever is about to write it down, however late, finds it refused.
            let refused = refused_before_it_came(note, now_ms());
            known = match dao.insert(&cx, &refused, Uuid::new_v4()).await? {
                Inserted::Done(stored, _) => {
                    orders.lines.figures().order(&stored.order);
                    Some(stored)
                }
                Inserted::Exists => dao.load(&cx, note.order).await?,
            };
            continue;
        };
        match stored.order.status {
            // Of a process of the version before. Nobody was told of it: it is undone, unless it was decided at this moment.
            Status::Pending => {
                let after = moved_to(&stored.order, Status::Refused, now_ms());
                known = match dao.replace(&cx, &stored, &after, Uuid::new_v4()).await? {
                    Replaced::Done(refused, _) => {
                        orders.lines.figures().order(&refused.order);
                        Some(refused)
                    }
                    Replaced::Moved => dao.load(&cx, note.order).await?,
                };
            }
            Status::Refused => {
                let contents = note.contents.clone().unwrap_or_else(|| Contents::of(&stored.order));
                let products: Vec<_> = contents.lines.iter().map(|(product, _)| *product).collect();
                orders.give_back(&cx, note.order, &products).await?;
                tell_stocks(orders, &cx, &contents).await?;
                return Ok(contents);
            }
            Status::Confirmed | Status::Paid | Status::Fulfilled | Status::Cancelled => {
                orders.publish(&cx, &stored).await?;
                let mut contents = Contents::of(&stored.order);
                let strays = note.contents.as_ref().map(|noted| strays(noted, &stored.order)).unwrap_or_default();
                if !strays.is_empty() {
                    let products: Vec<_> = strays.iter().map(|(product, _)| *product).collect();
                    orders.give_back(&cx, note.order, &products).await?;
                    contents.lines.extend(strays);
                }
                tell_stocks(orders, &cx, &contents).await?;
                let order = Object { kind: Kind::Order, id: note.order };
                orders.lines.changes().audit(&cx, order, stored.order.status.name(), stored.order.version);
                return Ok(contents);
            }
        }
    }
}
