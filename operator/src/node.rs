//! The commands of this binary that run in every Cassandra pod: `node-config` prepares the
//! configuration before Cassandra starts, `node-agent` tells how the node is while it runs.

pub mod agent;
mod check;
pub mod config;
mod decided;
mod jolokia;
mod logback;
pub mod metrics;
mod readings;
mod seeds;
