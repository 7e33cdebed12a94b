//! What `make bench` measures store-api beside, and the load that it measures with: a bare hyper
//! server, bare loops around the scylla driver, loops of requests. Each runs as a process of
//! its own (`src/main.rs`), so that its CPU time is its own.
//!
//! A crate apart from the testbed, so that what has to be an optimized build is a small one.

pub mod closed_loop;
pub mod driver_loop;
pub mod fill;
pub mod hello;
pub mod latency;
pub mod naive;
pub mod open_loop;
pub mod order_loop;
pub mod process_time;
