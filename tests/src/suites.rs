//! The suites that `make test` runs on the testbed, and what they share: a count of checks, a shop
//! as its user sees it, and the times that Cassandra's own log tells.

pub mod alone;
pub mod bad_specs;
pub mod cassandra_log;
pub mod chart_life;
pub mod mishaps;
pub mod story;
pub mod tally;
