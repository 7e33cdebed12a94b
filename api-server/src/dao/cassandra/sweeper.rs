//! Finishes what crashes left: looks through the intents that are older than any request and
//! brings the lists up to date with each product.
//!
//! Every process runs one; all steps are idempotent. A position that is kept in the database says
//! how far the intents have been looked through, so a shop that was off for days goes on there.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::products::{CassandraProducts, Intent};
use crate::dao::{Context, DaoError, now_ms};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(10);
/// Intents younger than this may belong to a request that is running.
const OLD_ENOUGH_MS: i64 = 30_000;
/// A product that is not there: its creation may only have been paused. Its intent is kept for
/// so long.
const MAY_STILL_COME_MS: i64 = 600_000;
/// Intents may be noted a little late by processes whose clocks differ.
const OVERLAP_MS: i64 = 120_000;
/// How far back a first look goes when no position is known.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;
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

impl Sweeper {
    /// Starts sweeping for as long as the products live.
    pub fn start(products: &Arc<CassandraProducts>) -> Self {
        let products = Arc::downgrade(products);
        Self(tokio::spawn(sweep_on(products)))
    }
}

async fn sweep_on(products: Weak<CassandraProducts>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut position = None;
    let mut kept: Option<i64> = None;
    loop {
        ticks.tick().await;
        let Some(products) = products.upgrade() else {
            return;
        };
        let upto = now_ms() - OLD_ENOUGH_MS;
        match sweep(&products, position, upto).await {
            Ok(next) => {
                position = Some(next);
                if kept.is_none_or(|kept| next - kept > KEEP_EVERY_MS) {
                    let cx = Context::within(DEADLINE);
                    if products.intents.set_done_until(&cx, next).await.is_ok() {
                        kept = Some(next);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "sweep broke off, the next one goes on"),
        }
    }
}

/// Looks through all intents from `from` (or the kept position) to `upto`; returns where the next
/// look begins.
pub async fn sweep(products: &CassandraProducts, from: Option<i64>, upto: i64) -> Result<i64, DaoError> {
    let from = match from {
        Some(from) => from,
        None => {
            let cx = Context::within(DEADLINE);
            let kept = products.intents.done_until(&cx).await?;
            kept.map_or(upto - FIRST_LOOK_MS, |kept| kept - OVERLAP_MS)
        }
    };
    let mut unfinished = None;
    for minute in Intent::minute_of(from)..=Intent::minute_of(upto) {
        let mut after = from;
        loop {
            let cx = Context::within(DEADLINE);
            let (intents, all) = products.intents.read(&cx, minute, after, upto).await?;
            for intent in &intents {
                let finished = finish(products, intent).await?;
                if !finished && unfinished.is_none() {
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
    Ok(unfinished.unwrap_or(upto))
}

/// Brings the lists up to date with one product; false when it is too early to tell.
async fn finish(products: &CassandraProducts, intent: &Intent) -> Result<bool, DaoError> {
    let cx = Context::within(DEADLINE);
    let stored = products.load_stored(&cx, intent.product).await?;
    let is_new = intent.before.is_none();
    if stored.is_none() && is_new && intent.at + MAY_STILL_COME_MS > now_ms() {
        return Ok(false);
    }
    let product = stored.as_ref().map(|stored| (&stored.product, stored.marks.bucket));
    products.settle(&cx, intent, product).await?;
    tracing::info!(product = %intent.product, "finished a change that was left half-way");
    Ok(true)
}
