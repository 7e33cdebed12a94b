//! The times of the steps as a table. Pure.

use std::fmt::Write as _;

use serde::Serialize;

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its name.
    pub step: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How long Cassandra itself was starting, repairing or leaving in it, in seconds.
    pub cassandra: f64,
}

/// The steps, in order.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Timeline {
    rows: Vec<Row>,
}

impl Timeline {
    /// Adds a step.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The table, for a terminal.
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.step.chars().count()).max().unwrap_or(0).max(4);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:width$}  {:>8}  {:>18}", "step", "seconds", "of them Cassandra's");
        for row in &self.rows {
            let _ = writeln!(text, "{:width$}  {:>8.1}  {:>18.1}", row.step, row.seconds, row.cassandra);
        }
        text
    }
}
