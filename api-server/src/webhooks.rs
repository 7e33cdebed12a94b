//! Webhooks: what happens in the store is sent to addresses that its settings name, signed as
//! [Standard Webhooks](https://www.standardwebhooks.com) says. IO: HTTP, and the feed.
//!
//! A webhook is a reader of the feed whose position is kept in the database. Of the processes of a shop one has it, by a
//! claim that ends by itself; what it had sent and not yet kept when it died is sent again under the same id.

mod event;
mod send;
mod settings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use prometheus::{IntCounterVec, IntGaugeVec, Opts};
use rand::Rng as _;
use store_telemetry::Catalogue;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::models::change::{Change, Kind};
use crate::models::changes::{Changes, Kinds, Listener, Position, ReadError};
use crate::models::{DaoError, now_ms};

pub use event::Event;
pub use send::Sender;
pub use settings::{Webhook, WebhooksError, read};

/// How long a claim holds without a word: longer than one try takes, and the pause after it.
const CLAIM_SECONDS: i32 = 60;
/// Between two words.
const SAY_EVERY: Duration = Duration::from_secs(15);
/// How a process holds on to a webhook.
const HOLD: Hold = Hold { seconds: CLAIM_SECONDS, say_every: SAY_EVERY };
/// Between two looks whether another process has left a webhook.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// First pause after a try that failed, doubled with each up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// An event of which this time has passed since it happened is tried no more, so that one that is never taken does not keep
/// all others.
const GIVEN_UP_AFTER_MS: i64 = 24 * 3_600_000;
/// A webhook is dead that has taken nothing for so long.
const DEAD_AFTER: Duration = Duration::from_secs(600);

/// What is told of webhooks.
#[derive(Clone)]
pub struct Figures {
    sent: IntCounterVec,
    failing: IntGaugeVec,
}

impl Figures {
    /// Registers them.
    pub fn register(catalogue: &Catalogue) -> Result<Self, prometheus::Error> {
        let sent = Opts::new(
            "store_webhook_events_total",
            "Events that this process brought to a webhook's end, since it started, by what became of them: delivered, or given up \
             after a day; failed counts tries.",
        );
        let failing = Opts::new(
            "store_webhook_failing_seconds",
            "How long a webhook that this process sends has taken nothing though there is something to be sent; 0 while all is well.",
        );
        Ok(Self {
            sent: catalogue.add(IntCounterVec::new(sent, &["webhook", "outcome"])?)?,
            failing: catalogue.add(IntGaugeVec::new(failing, &["webhook"])?)?,
        })
    }
}

/// The webhooks that a process sends; they end when this is dropped.
pub struct Webhooks(Vec<JoinHandle<()>>);

impl Drop for Webhooks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Webhooks {
    /// Starts sending to each.
    pub fn start(webhooks: &[Webhook], changes: &Changes, figures: &Figures) -> Self {
        let tasks = webhooks.iter().map(|webhook| {
            let worker = Worker {
                webhook: webhook.clone(),
                changes: changes.clone(),
                figures: figures.clone(),
                owner: Uuid::new_v4(),
                hold: HOLD,
            };
            tokio::spawn(async move {
                loop {
                    if let Err(error) = worker.turn().await {
                        tracing::warn!(webhook = worker.webhook.name, %error, "a webhook was interrupted and goes on");
                    }
                    worker.figures.failing.with_label_values(&[&worker.webhook.name]).set(0);
                    let pause = LOOK_EVERY.mul_f64(rand::rng().random_range(0.8..1.2));
                    tokio::time::sleep(pause).await;
                }
            })
        });
        Self(tasks.collect())
    }
}

/// How long a claim holds, and how often that is said again.
#[derive(Clone, Copy)]
struct Hold {
    seconds: i32,
    say_every: Duration,
}

/// One webhook of a process.
struct Worker {
    webhook: Webhook,
    changes: Changes,
    figures: Figures,
    owner: Uuid,
    hold: Hold,
}

/// What keeps a claim.
struct Claim {
    position: Position,
    said: Instant,
}

/// The claim is another process's.
struct Lost;

impl Worker {
    fn reader(&self) -> String {
        format!("webhook {}", self.webhook.name)
    }

    /// Sends for as long as the webhook is ours.
    async fn turn(&self) -> Result<(), DaoError> {
        let claimed = self.changes.claim(&self.reader(), self.owner, self.hold.seconds).await?;
        let (Some(position), Some(mut listener)) = (claimed, self.changes.listen()) else { return Ok(()) };
        let sender = Sender::new(&self.webhook).await.map_err(|error| DaoError::Broken(error.to_string()))?;
        let position = match position.parse() {
            Ok(position) => position,
            // From when the webhook was named first.
            Err(_) => end_of(&listener).await?,
        };
        let mut claim = Claim { position, said: Instant::now() };
        if self.say(&mut claim).await?.is_err() {
            return Ok(());
        }
        loop {
            let batch = match listener.next(claim.position, Kinds::ALL, self.hold.say_every).await {
                Ok(batch) => batch,
                Err(ReadError::Dao(error)) => return Err(error),
                Err(ReadError::Gone) => {
                    tracing::error!(
                        webhook = self.webhook.name,
                        "a webhook was behind for longer than changes are kept: what it missed is not sent, it goes on from the feed's end"
                    );
                    claim.position = end_of(&listener).await?;
                    continue;
                }
            };
            for (position, change) in &batch.changes {
                if let Some(event) = self.event(change).await?
                    && self.deliver(&sender, &event, &mut claim).await?.is_err()
                {
                    return Ok(());
                }
                claim.position = *position;
                // A batch may take longer than the claim holds, and what was sent of it is not to be sent again.
                if claim.said.elapsed() >= self.hold.say_every && self.say(&mut claim).await?.is_err() {
                    return Ok(());
                }
            }
            claim.position = batch.next;
            let is_time = claim.said.elapsed() >= self.hold.say_every / 2 || !batch.changes.is_empty();
            if is_time && self.say(&mut claim).await?.is_err() {
                return Ok(());
            }
        }
    }

    /// Keeps the position, and the claim.
    async fn say(&self, claim: &mut Claim) -> Result<Result<(), Lost>, DaoError> {
        let ours = self.changes.advance(&self.reader(), self.owner, self.hold.seconds, claim.position).await?;
        claim.said = Instant::now();
        Ok(if ours { Ok(()) } else { Err(Lost) })
    }

    /// What a change is to whom the webhook is for, if anything.
    async fn event(&self, change: &Change) -> Result<Option<Event>, DaoError> {
        let low =
            change.kind == Kind::Stock && self.webhook.wants(event::LOW) && change.delta.is_some_and(|delta| delta < 0);
        let threshold =
            if low { self.changes.product_of(change.id).await?.as_ref().and_then(event::threshold) } else { None };
        Ok(Event::of(change, threshold).filter(|event| self.webhook.wants(event.name)))
    }

    /// Sends an event until it is taken, is too old, or the claim is lost.
    async fn deliver(&self, sender: &Sender, event: &Event, claim: &mut Claim) -> Result<Result<(), Lost>, DaoError> {
        let name = &*self.webhook.name;
        let count = |outcome| self.figures.sent.with_label_values(&[name, outcome]).inc();
        let (began, mut pause, mut told) = (Instant::now(), FIRST_PAUSE, false);
        loop {
            let error = match sender.send(event).await {
                Ok(()) => {
                    count("delivered");
                    self.figures.failing.with_label_values(&[name]).set(0);
                    return Ok(Ok(()));
                }
                Err(error) => error,
            };
            count("failed");
            let failing = began.elapsed();
            self.figures.failing.with_label_values(&[name]).set(i64::try_from(failing.as_secs()).unwrap_or(i64::MAX));
            if event.at + GIVEN_UP_AFTER_MS < now_ms() {
                tracing::error!(webhook = name, event = event.id, %error, "an event was not taken for a day and is given up");
                count("given_up");
                return Ok(Ok(()));
            }
            if failing >= DEAD_AFTER && !told {
                told = true;
                tracing::error!(webhook = name, event = event.id, %error, "a webhook takes nothing and counts as dead, it is tried on");
            } else {
                tracing::warn!(webhook = name, event = event.id, %error, "a webhook did not take an event, it is tried again");
            }
            let until = Instant::now() + pause.mul_f64(rand::rng().random_range(0.8..1.2));
            pause = (pause * 2).min(LONGEST_PAUSE);
            loop {
                if claim.said.elapsed() >= self.hold.say_every && self.say(claim).await?.is_err() {
                    return Ok(Err(Lost));
                }
                if Instant::now() >= until {
                    break;
                }
                tokio::time::sleep_until(until.min(Instant::now() + self.hold.say_every)).await;
            }
        }
    }
}

async fn end_of(listener: &Listener) -> Result<Position, DaoError> {
    listener.end().await.map_err(|error| match error {
        ReadError::Dao(error) => error,
        ReadError::Gone => DaoError::Broken("the feed has no end".into()),
    })
}
