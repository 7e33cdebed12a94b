//! The repository's own work on itself: what must hold of every commit, the files that are made from others, and how long the
//! README's first commands take.

pub mod alerts;
pub mod book;
pub mod chart;
mod chart_cases;
pub mod checks;
#[cfg(test)]
mod circles;
pub mod console;
#[cfg(test)]
mod crates;
pub mod crd_reference;
pub mod docs;
pub mod generate;
pub mod gitops;
pub mod linters;
mod linters_made;
pub mod readme;
pub mod schemas;
pub mod start;
pub mod values;
