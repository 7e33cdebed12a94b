//! Tells what a crash has kept from the feed: looks through the notes that are older than any request. Every process does;
//! all steps may be made again.

use std::time::Duration;

use rand::Rng as _;
use tokio::task::JoinHandle;

use super::Changes;
use crate::dao::changes::{Kind, Note};
use crate::dao::{Context, DaoError, now_ms};

/// Between two looks at most.
const PERIOD: Duration = Duration::from_secs(10);
/// Notes younger than this, or than any request lives, may belong to one that is running.
const OLD_ENOUGH_MS: i64 = 20_000;
/// Minutes that are looked at again and again: notes bear times of the database's clock, which is not quite the same
/// everywhere.
const OVERLAP: i64 = 2;
/// Minutes of a first look.
const FIRST_LOOK: i64 = 60;
/// Deadline of one note.
const DEADLINE: Duration = Duration::from_secs(10);

/// A running sweeper; it ends when this is dropped.
pub struct Sweeper(JoinHandle<()>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sweeper {
    /// Starts sweeping; no request lives longer than `lease`.
    pub fn start(changes: Changes, lease: Duration) -> Self {
        let old_enough = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX).max(OLD_ENOUGH_MS);
        Self(tokio::spawn(async move {
            loop {
                let pause = PERIOD.mul_f64(rand::rng().random_range(0.8..1.0));
                tokio::time::sleep(pause).await;
                if let Err(error) = changes.sweep(old_enough).await {
                    tracing::debug!(%error, "a sweep of the feed broke off, the next one goes on");
                }
            }
        }))
    }
}

impl Changes {
    /// Tells what notes older than this have left untold, and removes them.
    pub async fn sweep(&self, old_enough_ms: i64) -> Result<(), DaoError> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let cx = Context::within(DEADLINE);
        let upto = shared.clock.of(now_ms()) - old_enough_ms;
        let (kept, last) = (shared.dao.swept_until(&cx).await?, Note::minute_of(upto));
        let first = kept.unwrap_or(last - FIRST_LOOK).min(last);
        let mut left = None;
        for minute in first..=last {
            loop {
                let notes = shared.dao.notes(&Context::within(DEADLINE), minute).await?;
                let old: Vec<Note> = notes.iter().filter(|note| note.at <= upto).cloned().collect();
                let mut told = Vec::with_capacity(old.len());
                for note in old {
                    match self.tell_again(&note).await {
                        Ok(()) => told.push(note),
                        Err(error) => {
                            tracing::debug!(%error, object = %note.object.id, "a change is not told yet");
                            left = left.or(Some(minute));
                        }
                    }
                }
                if told.is_empty() {
                    break;
                }
                self.flush().await?;
                shared.dao.forget(&Context::within(DEADLINE), &told).await?;
            }
        }
        let next = left.unwrap_or(last).min(last - OVERLAP);
        if kept != Some(next) {
            shared.dao.set_swept_until(&Context::within(DEADLINE), next).await?;
        }
        Ok(())
    }

    /// Tells the object of a note as it is now.
    async fn tell_again(&self, note: &Note) -> Result<(), DaoError> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let cx = Context::within(DEADLINE);
        match note.object.kind {
            Kind::Stock => {
                if let Some((what, version)) = self.complete_stock(&cx, note.object.id).await? {
                    self.audit(&cx, note.object, what, version);
                }
                Ok(())
            }
            Kind::Product => {
                match (shared.products.load(&cx, note.object.id).await?, note.version) {
                    (Some(stored), _) => {
                        let product = &stored.product;
                        let what = match (product.archived_at, product.version) {
                            (Some(_), _) => "archived",
                            (None, 1) => "created",
                            (None, _) => "changed",
                        };
                        self.product(product, what);
                        self.audit(&cx, note.object, what, product.version);
                    }
                    (None, Some(version)) => {
                        self.removed(note.object.id, version);
                        self.audit(&cx, note.object, "removed", version);
                    }
                    // It was never made.
                    (None, None) => {}
                }
                Ok(())
            }
            // An order has a note of its own kind, and of people the feed does not tell.
            Kind::Order | Kind::User => Ok(()),
        }
    }
}
