//! What the load saw, as JSON for machines and as a table for people. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::ledger::Ledger;
use super::recorder::{Failure, Recorder, Statistics, StepStatistics};

/// Failures that the table shows one by one.
const SHOWN: usize = 20;

/// Everything counted so far.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    /// How long the load ran, in seconds.
    pub seconds: f64,
    /// All requests.
    pub total: Statistics,
    /// The steps, in order.
    pub steps: Vec<StepStatistics>,
    /// Products whose creation was acknowledged.
    pub products: usize,
    /// Creations whose outcome is not known.
    pub unknown_creations: usize,
    /// The first failures, with details.
    pub failures: Vec<Failure>,
    /// Failures not among them.
    pub failures_not_kept: usize,
}

impl LoadReport {
    pub(super) fn new(recorder: &Recorder, ledger: &Ledger, now: Duration) -> Self {
        LoadReport {
            seconds: now.as_secs_f64(),
            total: recorder.statistics(Duration::ZERO, Duration::MAX),
            steps: recorder.steps(now),
            products: ledger.len(),
            unknown_creations: ledger.unknown_creations().len(),
            failures: recorder.failures().to_vec(),
            failures_not_kept: recorder.failures_not_kept(),
        }
    }

    /// A table of the steps and the first failures, for a terminal.
    pub fn table(&self) -> String {
        let widest = self.steps.iter().map(|step| step.step.chars().count()).max().unwrap_or(0).max(5);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:widest$}  {:>7}  {:>8}  {:>6}  {:>8}  {:>8}  {:>8}",
            "step", "seconds", "requests", "failed", "p50 ms", "p99 ms", "worst ms"
        );
        let total =
            StepStatistics { step: "all".into(), began: 0.0, took: self.seconds, statistics: self.total.clone() };
        for StepStatistics { step, took, statistics: s, .. } in self.steps.iter().chain([&total]) {
            let _ = write!(
                text,
                "{step:widest$}  {took:>7.1}  {:>8}  {:>6}  {:>8.1}  {:>8.1}  {:>8.1}",
                s.requests, s.failed, s.p50_ms, s.p99_ms, s.worst_ms
            );
            for (kind, count) in &s.kinds {
                let _ = write!(text, "  {kind}: {count}");
            }
            text.push('\n');
        }
        for failure in self.failures.iter().take(SHOWN) {
            let Failure { due, ended, operation, kind, detail } = failure;
            let _ = writeln!(text, "  due {due:.2} s, ended {ended:.2} s: {operation:?}, {kind}: {detail}");
        }
        let more = self.failures.len().saturating_sub(SHOWN) + self.failures_not_kept;
        if more > 0 {
            let _ = writeln!(text, "  and {more} more failures");
        }
        text
    }
}
