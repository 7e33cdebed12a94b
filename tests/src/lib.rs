//! What runs on the testbed and beside it: suites, load, checks.

pub mod alerts;
pub mod chart;
pub mod checks;
pub mod crd_reference;
pub mod docs;
pub mod generate;
pub mod gitops;
pub mod linters;
pub mod readme_checks;
pub mod start;
pub mod values;
