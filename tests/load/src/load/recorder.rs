//! Every request with when it was due, how long it took and how it ended, and the steps of the story
//! it fell into. Pure but for the clock that its caller reads.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// Failures kept with their details; further ones are only counted.
const DETAILED: usize = 2_000;

/// What a request did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// `GET /products/{id}`.
    Get,
    /// `GET /products?limit=50`.
    List,
    /// `POST /products` with an Idempotency-Key.
    Create,
    /// `PUT /products/{id}`.
    Put,
    /// `PATCH /products/{id}`.
    Patch,
}

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// The connection was refused.
    Refused,
    /// The connection broke before the answer was whole.
    Reset,
    /// No whole answer in time.
    Timeout,
    /// An answer whose status is not 2xx.
    Status(u16),
    /// A 2xx answer that is not what the API promises.
    Malformed,
    /// A read that missed an acknowledged write.
    Older,
    /// A read of something that was never written.
    Foreign,
    /// Too many requests were under way when it was due.
    Crowded,
    /// Another transport error.
    Broken,
    /// The request could not be made up.
    Unsendable,
}

impl FailureKind {
    /// Whether an answer came and its data was wrong: worse than any missing answer.
    pub fn is_of_data(self) -> bool {
        matches!(self, Self::Older | Self::Foreign | Self::Malformed | Self::Status(404))
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Reset => f.write_str("reset"),
            Self::Timeout => f.write_str("timeout"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Malformed => f.write_str("malformed"),
            Self::Older => f.write_str("older"),
            Self::Foreign => f.write_str("foreign"),
            Self::Crowded => f.write_str("crowded"),
            Self::Broken => f.write_str("broken"),
            Self::Unsendable => f.write_str("unsendable"),
        }
    }
}

impl Serialize for FailureKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A failed request. Times are seconds since the load began.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// When it was due.
    pub due: f64,
    /// When it had failed.
    pub ended: f64,
    /// What it was.
    pub operation: Operation,
    /// How it failed.
    pub kind: FailureKind,
    /// The error or the answer, shortened.
    pub detail: String,
}

/// A request as kept for the statistics.
#[derive(Debug, Clone, Copy)]
struct Sample {
    due: Duration,
    took: Duration,
    failure: Option<FailureKind>,
}

/// Counts and latencies of the requests of a span of time. Latencies are of all requests that got
/// an answer or failed in the span, from being due to the end, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// Requests that were due.
    pub requests: usize,
    /// Those that failed.
    pub failed: usize,
    /// Failures by kind.
    pub kinds: BTreeMap<String, usize>,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The slowest.
    pub worst_ms: f64,
}

/// A step of the story and the requests that were due in it.
#[derive(Debug, Clone, Serialize)]
pub struct StepStatistics {
    /// Its name.
    pub step: String,
    /// When it began, in seconds since the load began.
    pub began: f64,
    /// How long it took, in seconds.
    pub took: f64,
    /// Its requests.
    #[serde(flatten)]
    pub statistics: Statistics,
}

/// Collects samples and steps.
#[derive(Debug, Default)]
pub struct Recorder {
    samples: Vec<Sample>,
    failures: Vec<Failure>,
    failures_not_kept: usize,
    steps: Vec<(String, Duration, Option<Duration>)>,
}

impl Recorder {
    /// Begins a step at `now` and ends the one before.
    pub fn begin(&mut self, step: &str, now: Duration) {
        self.end(now);
        self.steps.push((step.to_owned(), now, None));
    }

    /// Ends the step that runs, if any.
    pub fn end(&mut self, now: Duration) {
        if let Some((_, _, end @ None)) = self.steps.last_mut() {
            *end = Some(now);
        }
    }

    /// Takes down a request that succeeded.
    pub fn succeeded(&mut self, due: Duration, took: Duration) {
        self.samples.push(Sample { due, took, failure: None });
    }

    /// Takes down a request that failed.
    pub fn failed(&mut self, due: Duration, took: Duration, operation: Operation, kind: FailureKind, detail: String) {
        self.samples.push(Sample { due, took, failure: Some(kind) });
        if self.failures.len() == DETAILED {
            self.failures_not_kept += 1;
            return;
        }
        let ended = (due + took).as_secs_f64();
        self.failures.push(Failure { due: due.as_secs_f64(), ended, operation, kind, detail });
    }

    /// The failures with their details, in the order in which they ended.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Failures beyond those kept with details.
    pub fn failures_not_kept(&self) -> usize {
        self.failures_not_kept
    }

    /// The requests that were due from `from` on and before `to`.
    pub fn statistics(&self, from: Duration, to: Duration) -> Statistics {
        let inside = || self.samples.iter().filter(|sample| sample.due >= from && sample.due < to);
        let mut latencies: Vec<Duration> = inside().map(|sample| sample.took).collect();
        latencies.sort_unstable();
        let mut kinds = BTreeMap::new();
        for kind in inside().filter_map(|sample| sample.failure) {
            *kinds.entry(kind.to_string()).or_insert(0) += 1;
        }
        Statistics {
            requests: latencies.len(),
            failed: kinds.values().sum(),
            kinds,
            p50_ms: percentile(&latencies, 50),
            p99_ms: percentile(&latencies, 99),
            worst_ms: percentile(&latencies, 100),
        }
    }

    /// Every step so far; one that still runs ends at `now`.
    pub fn steps(&self, now: Duration) -> Vec<StepStatistics> {
        let one = |(step, began, ended): &(String, Duration, Option<Duration>)| {
            let ended = ended.unwrap_or(now);
            StepStatistics {
                step: step.clone(),
                began: began.as_secs_f64(),
                took: ended.saturating_sub(*began).as_secs_f64(),
                statistics: self.statistics(*began, ended),
            }
        };
        self.steps.iter().map(one).collect()
    }
}

/// Nearest-rank percentile of sorted latencies, in milliseconds; 0 of none.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let sorted: Vec<Duration> = (1..=200).map(ms).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&sorted, percent)), [100.0, 198.0, 200.0]);
        assert_eq!(percentile(&sorted[..1], 50), 1.0);
        assert_eq!(percentile(&[], 99), 0.0);
    }

    #[test]
    fn a_request_counts_in_the_step_in_which_it_was_due_even_if_it_ended_later() {
        let mut recorder = Recorder::default();
        recorder.begin("calm", ms(0));
        recorder.succeeded(ms(10), ms(5));
        recorder.failed(ms(90), ms(500), Operation::Get, FailureKind::Timeout, String::new());
        recorder.begin("cut", ms(100));
        recorder.failed(ms(100), ms(1), Operation::List, FailureKind::Status(503), "no quorum".into());
        recorder.end(ms(200));
        let steps = recorder.steps(ms(900));
        let seen: Vec<_> =
            steps.iter().map(|step| (step.step.as_str(), step.statistics.requests, step.statistics.failed)).collect();
        assert_eq!(seen, [("calm", 2, 1), ("cut", 1, 1)]);
        assert_eq!(steps[0].statistics.kinds, BTreeMap::from([("timeout".to_owned(), 1)]));
        assert_eq!(steps[1].statistics.kinds, BTreeMap::from([("status 503".to_owned(), 1)]));
        assert_eq!((steps[0].statistics.worst_ms, steps[1].took), (500.0, 0.1));
    }

    #[test]
    fn a_flood_of_failures_is_counted_in_full_but_kept_in_part() {
        let mut recorder = Recorder::default();
        for number in 0..3_000 {
            recorder.failed(ms(number), ms(1), Operation::Get, FailureKind::Refused, String::new());
        }
        assert_eq!((recorder.failures().len(), recorder.failures_not_kept()), (2_000, 1_000));
        assert_eq!(recorder.statistics(ms(0), ms(5_000)).failed, 3_000);
    }
}
