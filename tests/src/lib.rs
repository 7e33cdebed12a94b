//! The testbed (a real three-node Kubernetes on one machine, from packages alone) and what the
//! suites that run on it share.

pub mod binaries;
pub mod cache;
pub mod command;
pub mod packages;
pub mod progress;

