//! How long statements take, by operation and table, under OpenTelemetry's names. No IO.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec};
use store_telemetry::Catalogue;

use super::execute::Failure;
use crate::dao::set_aside::SweepFigures;

const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Kinds of failure that have a label.
const ERRORS: [&str; 5] = ["", "unavailable", "not_sent", "unsure", "refused"];

/// Where statements report.
#[derive(Clone)]
pub struct Observer {
    durations: HistogramVec,
    sweeps: SweepFigures,
}

impl Observer {
    /// Registers the metrics.
    pub fn register(catalogue: &Catalogue) -> Result<Self, prometheus::Error> {
        let durations = HistogramVec::new(
            HistogramOpts::new("db_client_operation_duration_seconds", "Duration of database client operations, each try of a statement by itself. BATCH: several tables, or several rows.")
                .buckets(BUCKETS.to_vec()),
            &["db_system_name", "db_operation_name", "db_collection_name", "error_type"],
        )?;
        Ok(Self { durations: catalogue.add(durations)?, sweeps: SweepFigures::register(catalogue)? })
    }

    /// What sweepers tell of themselves.
    pub const fn sweeps(&self) -> &SweepFigures {
        &self.sweeps
    }

    /// The meter of one prepared statement.
    pub fn meter(&self, operation: &'static str, table: &'static str) -> Meter {
        Meter(Arc::new(Handles {
            durations: self.durations.clone(),
            operation,
            table,
            resolved: [const { OnceLock::new() }; ERRORS.len()],
        }))
    }
}

/// Measures one statement.
#[derive(Clone)]
pub struct Meter(Arc<Handles>);

struct Handles {
    durations: HistogramVec,
    operation: &'static str,
    table: &'static str,
    resolved: [OnceLock<Histogram>; ERRORS.len()],
}

/// The label of a failure, as its place in [`ERRORS`].
fn error_index(failure: Option<&Failure>) -> usize {
    match failure {
        None => 0,
        Some(Failure::Unavailable { .. } | Failure::RolesUnread(_)) => 1,
        Some(Failure::NotSent(_) | Failure::Busy(_)) => 2,
        Some(Failure::Unsure { .. }) => 3,
        Some(Failure::Refused(_)) => 4,
    }
}

/// The label of a failure.
pub fn error_label(failure: &Failure) -> &'static str {
    ERRORS[error_index(Some(failure))]
}

impl Meter {
    /// Name of the operation, as labels and spans write it.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Name of the table, as labels and spans write it.
    pub fn table(&self) -> &'static str {
        self.0.table
    }

    /// Records one execution.
    pub fn record(&self, took: Duration, failure: Option<&Failure>) {
        let error = error_index(failure);
        let handles = &self.0;
        handles.resolved[error]
            .get_or_init(|| {
                handles.durations.with_label_values(&["cassandra", handles.operation, handles.table, ERRORS[error]])
            })
            .observe(took.as_secs_f64());
    }
}
