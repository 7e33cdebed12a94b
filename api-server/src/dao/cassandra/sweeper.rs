//! Finishes what crashes left: looks through the intents that are older than any request and has
//! each finished by whoever wrote it.
//!
//! A change that cannot be finished is set aside and keeps no other waiting.
//!
//! Every process runs one for each kind of rows; all steps are idempotent. A position that is kept in the database says
//! how far the intents have been looked through, so a shop that was off for days goes on there.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::intents::{Detail, Intent, Intents, minute_of};
use crate::dao::set_aside::{self, Aside, SweepFigures};
use crate::dao::{Context, DaoError, now_ms};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(10);
/// Intents younger than this, or than any request lives, may belong to one that is running.
const OLD_ENOUGH_MS: i64 = 30_000;
/// A row that is not there: its creation may only have been paused. Its intent is kept for so
/// long.
const MAY_STILL_COME_MS: i64 = 600_000;
/// Intents may be noted a little late by processes whose clocks differ.
const OVERLAP_MS: i64 = 120_000;
/// How far back a first look goes when no position is known.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;
/// While the database cannot be reached the notes stay where they are so long.
const PASSES_WITHIN_MS: i64 = 120_000;
/// Deadline of the work on one intent.
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

/// Rows whose changes are noted in intents.
#[async_trait]
pub trait Sweeps: Send + Sync + 'static {
    type Detail: Detail;

    /// The notes.
    fn intents(&self) -> &Intents<Self::Detail>;

    /// Does what a change that ended half-way still owes, and removes its note; false when it is
    /// too early to tell. Harmless to repeat, and while the change is still running.
    async fn finish(&self, cx: &Context, intent: &Intent<Self::Detail>) -> Result<bool, DaoError>;
}

/// Whether the creation that an intent notes may still be running.
pub fn may_still_come<D>(intent: &Intent<D>) -> bool {
    intent.at + MAY_STILL_COME_MS > now_ms()
}

impl Sweeper {
    /// Starts sweeping for as long as the rows' DAO lives; no request lives longer than `lease`.
    pub fn start<S: Sweeps>(rows: &Arc<S>, lease: Duration, figures: &SweepFigures) -> Self {
        let (rows, aside) = (Arc::downgrade(rows), figures.of(S::Detail::TABLE));
        Self(tokio::spawn(sweep_on(rows, old_enough_ms(lease), aside)))
    }
}

/// The age from which on an intent belongs to no request that may still be running.
fn old_enough_ms(lease: Duration) -> i64 {
    i64::try_from(lease.as_millis()).unwrap_or(i64::MAX).max(OLD_ENOUGH_MS)
}

async fn sweep_on<S: Sweeps>(rows: Weak<S>, old_enough_ms: i64, mut aside: Aside) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut position = None;
    let mut kept: Option<i64> = None;
    loop {
        ticks.tick().await;
        let Some(rows) = rows.upgrade() else {
            return;
        };
        let upto = now_ms().saturating_sub(old_enough_ms);
        match sweep(&*rows, position, upto, &mut aside).await {
            Ok(next) => {
                position = Some(next);
                if kept.is_none_or(|kept| next - kept > KEEP_EVERY_MS) {
                    let cx = Context::within(DEADLINE);
                    if rows.intents().set_done_until(&cx, next).await.is_ok() {
                        kept = Some(next);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "sweep broke off, the next one goes on");
                if let Some(position) = position {
                    aside.age(position, now_ms());
                }
            }
        }
    }
}

/// Looks through all intents from `from` (or the kept position) to `upto`; returns where the next
/// look begins.
pub async fn sweep<S: Sweeps>(rows: &S, from: Option<i64>, upto: i64, aside: &mut Aside) -> Result<i64, DaoError> {
    let from = match from {
        Some(from) => from,
        None => {
            let cx = Context::within(DEADLINE);
            let kept = rows.intents().done_until(&cx).await?;
            kept.map_or(upto - FIRST_LOOK_MS, |kept| kept - OVERLAP_MS)
        }
    };
    let mut unfinished = None;
    for minute in minute_of(from)..=minute_of(upto) {
        let mut after = from;
        loop {
            let cx = Context::within(DEADLINE);
            let (intents, all) = rows.intents().read(&cx, minute, after, upto).await?;
            for intent in &intents {
                let done = match rows.finish(&Context::within(DEADLINE), intent).await {
                    Ok(finished) => {
                        if finished {
                            aside.finished(intent.owner);
                            tracing::info!(table = S::Detail::TABLE, row = %intent.owner, "finished a change that was left half-way");
                        }
                        finished
                    }
                    // One that cannot be finished must not keep the others.
                    Err(error) => set_aside(rows, intent, upto, &error, aside).await,
                };
                if !done && unfinished.is_none() {
                    unfinished = Some(intent.at - 1);
                }
            }
            match intents.last() {
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

/// Moves the note of a change that could not be finished on to a later minute; false where the next sweep is to try again.
async fn set_aside<S: Sweeps>(
    rows: &S,
    intent: &Intent<S::Detail>,
    upto: i64,
    error: &DaoError,
    aside: &mut Aside,
) -> bool {
    let (table, row) = (S::Detail::TABLE, intent.owner);
    if error.passes() && set_aside::times(intent.operation) == 0 && intent.at + PASSES_WITHIN_MS > upto {
        tracing::warn!(table, %row, %error, "a change is not finished yet, the next sweep tries again");
        return false;
    }
    let (at, operation) = set_aside::later(intent.at, intent.operation, now_ms());
    let later = Intent { at, operation, ..intent.clone() };
    let cx = Context::within(DEADLINE);
    if let Err(error) = rows.intents().write(&cx, &later).await {
        tracing::debug!(table, %row, %error, "a note could not be moved on");
        return false;
    }
    rows.intents().forget(&cx, intent).await;
    aside.put(row, at);
    tracing::warn!(table, %row, %error, again_in_seconds = (at - now_ms()) / 1000, "a change cannot be finished now and was set aside");
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_intent_of_a_request_that_may_live_longer_than_usual_is_touched() {
        assert_eq!(old_enough_ms(Duration::from_secs(10)), OLD_ENOUGH_MS);
        assert_eq!(old_enough_ms(Duration::from_secs(602)), 602_000);
    }
}
