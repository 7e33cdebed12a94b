//! Finishes orders that a crash left half-way: looks through the notes that are older than any
//! request, undoes what was never confirmed and publishes what was decided.
//!
//! An order that cannot be finished is set aside: its note moves on to a later minute, and keeps no other waiting.
//!
//! Every process runs one; all steps are idempotent, also while the order's own request or another
//! sweeper is at them. How far the notes were looked through is kept in the database, so a shop
//! that was off for days goes on there.

use std::time::Duration;

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Orders;
use crate::dao::orders::{Inserted, Note, Replaced, Status};
use crate::dao::set_aside::{self, Aside, SweepFigures};
use crate::dao::{Context, DaoError, now_ms};
use crate::models::ModelError;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(10);
/// Notes younger than this, or than any request lives, may belong to one that is running. With the period this bounds
/// how long a broken order keeps its units: well below a minute.
const OLD_ENOUGH_MS: i64 = 30_000;
/// Notes may be taken a little late by processes whose clocks differ.
const OVERLAP_MS: i64 = 120_000;
/// How far back a first look goes when no position is known.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;
/// While the database cannot be reached the notes stay where they are so long.
const PASSES_WITHIN_MS: i64 = 120_000;
/// The notes' name in metrics.
const TABLE: &str = "order_intents";
/// Deadline of the work on one note.
const DEADLINE: Duration = Duration::from_secs(10);
/// The position is kept when it has moved so far.
const KEEP_EVERY_MS: i64 = 300_000;

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
        let aside = figures.of(TABLE);
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        Self(tokio::spawn(async move { sweep_on(&orders, lease_ms.max(OLD_ENOUGH_MS), aside).await }))
    }
}

async fn sweep_on(orders: &Orders, old_enough_ms: i64, mut aside: Aside) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut position = None;
    let mut kept: Option<i64> = None;
    loop {
        ticks.tick().await;
        match sweep(orders, position, now_ms() - old_enough_ms, &mut aside).await {
            Ok(next) => {
                position = Some(next);
                if kept.is_none_or(|kept| next - kept > KEEP_EVERY_MS) {
                    let cx = Context::within(DEADLINE);
                    if orders.daos.orders.set_swept_until(&cx, next).await.is_ok() {
                        kept = Some(next);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "sweep of the orders broke off, the next one goes on");
                if let Some(position) = position {
                    aside.age(position, now_ms());
                }
            }
        }
    }
}

/// Looks through all notes from `from` (or the kept position) to `upto`; returns where the next
/// look begins.
pub async fn sweep(orders: &Orders, from: Option<i64>, upto: i64, aside: &mut Aside) -> Result<i64, DaoError> {
    let from = match from {
        Some(from) => from,
        None => {
            let kept = orders.daos.orders.swept_until(&Context::within(DEADLINE)).await?;
            kept.map_or(upto - FIRST_LOOK_MS, |kept| kept - OVERLAP_MS)
        }
    };
    let mut unfinished: Option<i64> = None;
    for minute in Note::minute_of(from)..=Note::minute_of(upto) {
        let mut after = from;
        loop {
            let (notes, all) = orders.daos.orders.notes(&Context::within(DEADLINE), minute, after, upto).await?;
            for note in &notes {
                let done = match finish(orders, note).await {
                    Ok(()) => {
                        aside.finished(note.order);
                        true
                    }
                    // One order that cannot be finished now must not keep the others.
                    Err(error) => set_aside(orders, note, upto, &error, aside).await,
                };
                if !done && unfinished.is_none() {
                    unfinished = Some(note.at - 1);
                }
            }
            match notes.last() {
                // Equal times are read again: finished ones are gone, so it ends.
                Some(last) if !all && last.at - 1 > after => after = last.at - 1,
                Some(last) if !all => after = last.at,
                _ => break,
            }
        }
    }
    let next = unfinished.unwrap_or(upto);
    aside.swept(next, now_ms());
    Ok(next)
}

/// Moves the note of an order that could not be finished on to a later minute; false where the next sweep is to try again.
async fn set_aside(orders: &Orders, note: &Note, upto: i64, error: &ModelError, aside: &mut Aside) -> bool {
    let order = note.order;
    if error.passes() && set_aside::times(note.operation) == 0 && note.at + PASSES_WITHIN_MS > upto {
        tracing::warn!(%order, %error, "an order is not finished yet, the next sweep tries again");
        return false;
    }
    let (at, operation) = set_aside::later(note.at, note.operation, now_ms());
    let cx = Context::within(DEADLINE);
    if let Err(error) = orders.daos.orders.note(&cx, &Note { at, operation, order }).await {
        tracing::debug!(%order, %error, "a note could not be moved on");
        return false;
    }
    orders.daos.orders.forget(&cx, note).await;
    aside.put(order, at);
    tracing::warn!(%order, %error, again_in_seconds = (at - now_ms()) / 1000, "an order cannot be finished now and was set aside");
    true
}

/// Does what the work behind a note still owes.
async fn finish(orders: &Orders, note: &Note) -> Result<(), ModelError> {
    let cx = Context::within(DEADLINE);
    let Some(stored) = orders.daos.orders.load(&cx, note.order).await? else {
        // Nothing was taken for it yet. Whoever is about to write it down, however late, finds it refused.
        let refused = crate::models::order::refused_before_it_came(note.order, now_ms());
        return match orders.daos.orders.insert(&cx, &refused, Uuid::new_v4()).await? {
            Inserted::Done(..) => {
                orders.daos.orders.forget(&cx, note).await;
                Ok(())
            }
            Inserted::Exists => Box::pin(finish(orders, note)).await,
        };
    };
    match stored.order.status {
        // Nobody was told of it: it is undone, unless it was decided at this moment.
        Status::Pending => {
            let after = crate::models::order::moved_to(&stored.order, Status::Refused, now_ms());
            if let Replaced::Done(refused, _) = orders.daos.orders.replace(&cx, &stored, &after, Uuid::new_v4()).await?
            {
                orders.lines.figures().order(&refused.order);
            }
            return Box::pin(finish(orders, note)).await;
        }
        Status::Refused => orders.undo(&cx, &stored.order).await?,
        Status::Confirmed | Status::Paid | Status::Fulfilled | Status::Cancelled => {
            orders.publish(&cx, &stored, None).await?;
        }
    }
    orders.daos.orders.forget(&cx, note).await;
    tracing::info!(order = %note.order, status = stored.order.status.name(), "finished an order that was left half-way");
    Ok(())
}
