//! The suites that `make test` runs, and what they share: steps and their counts, the tools they need, a Prometheus and a
//! collector of traces to look through.

pub mod alone;
pub mod api_server;
pub mod api_suite;
pub mod bad_specs;
pub mod browser;
pub mod cassandra_log;
pub mod chart_life;
pub mod counts;
pub mod debian;
pub mod earlier_api;
pub mod labs;
pub mod manifests;
pub mod mishaps;
pub mod monitoring;
pub mod otlp;
pub mod providers;
pub mod readme;
pub mod release;
pub mod steps;
pub mod story;
pub mod tally;
pub mod tools;
pub mod walk;
