//! What runs on the testbed and beside it: suites, load, checks.

pub mod alerts;
pub mod api_server;
pub mod api_suite;
pub mod chart;
pub mod checks;
pub mod counts;
pub mod crd_reference;
pub mod docs;
pub mod generate;
pub mod gitops;
pub mod linters;
pub mod monitoring;
pub mod otlp;
pub mod readme;
pub mod start;
pub mod steps;
pub mod suites;
pub mod tools;
pub mod values;
