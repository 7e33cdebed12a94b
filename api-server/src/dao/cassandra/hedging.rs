//! When a second node is asked what one has not answered yet: later than answers take at the moment.
//!
//! So a node that is lost in silence costs a wait and no request. In a crowd, however, all answers are late, and to ask
//! twice for each of them would make them later still. Therefore the wait grows with what answers take on the average; a
//! lost node gives none, and changes nothing about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scylla::policies::speculative_execution::{Context, SpeculativeExecutionPolicy};

/// The shortest wait.
const SOONEST: Duration = Duration::from_millis(200);
/// How many times the mean an answer is waited for.
const TIMES: u32 = 4;
/// Nodes that are asked beside the first.
const OTHERS: usize = 2;
/// The mean is of about so many answers.
const ANSWERS: u64 = 32;

/// How long answers take at the moment.
#[derive(Debug, Default)]
pub struct Answers {
    mean_us: AtomicU64,
}

impl Answers {
    /// Notes an answer. Of two at the same time one may be missed, which a mean bears.
    pub fn note(&self, latency: Duration) {
        let latency = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let mean = self.mean_us.load(Ordering::Relaxed);
        self.mean_us.store(mean - mean / ANSWERS + latency / ANSWERS, Ordering::Relaxed);
    }

    fn mean(&self) -> Duration {
        Duration::from_micros(self.mean_us.load(Ordering::Relaxed))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Hedging {
    answers: Arc<Answers>,
    latest: Duration,
}

impl Hedging {
    /// Asks in time for the second answer to come before the statement's time is over.
    pub fn within(statement_timeout: Duration, answers: Arc<Answers>) -> Self {
        Self { answers, latest: (statement_timeout / 2).max(SOONEST) }
    }

    fn wait(&self) -> Duration {
        (self.answers.mean() * TIMES).clamp(SOONEST, self.latest)
    }
}

impl SpeculativeExecutionPolicy for Hedging {
    fn max_retry_count(&self, _: &Context) -> usize {
        OTHERS
    }

    fn retry_interval(&self, _: &Context) -> Duration {
        self.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_what_answers_take_between_its_bounds() {
        let answers = Arc::new(Answers::default());
        let hedging = Hedging::within(Duration::from_secs(2), Arc::clone(&answers));
        let after = |millis: u64| {
            (0..10 * ANSWERS).for_each(|_| answers.note(Duration::from_millis(millis)));
            hedging.wait()
        };
        assert_eq!(hedging.wait(), SOONEST);
        assert_eq!(after(5), SOONEST);
        let busy = after(150);
        assert!((580..=600).contains(&busy.as_millis()), "{busy:?}");
        assert_eq!(after(3_000), Duration::from_secs(1));
        assert_eq!(after(5), SOONEST);
    }

    #[test]
    fn one_late_answer_changes_little() {
        let answers = Arc::new(Answers::default());
        answers.note(Duration::from_secs(1));
        assert_eq!(Hedging::within(Duration::from_secs(2), answers).wait(), SOONEST);
    }

    #[test]
    fn a_short_time_out_of_a_statement_leaves_the_shortest_wait() {
        let answers = Arc::new(Answers::default());
        (0..1_000).for_each(|_| answers.note(Duration::from_secs(1)));
        assert_eq!(Hedging::within(Duration::from_millis(300), answers).wait(), SOONEST);
    }
}
