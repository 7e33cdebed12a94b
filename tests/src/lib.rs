//! The testbed (a real three-node Kubernetes on one machine, from packages alone) and what the
//! suites that run on it share.

pub mod binaries;
pub mod cache;
pub mod cgroup;
pub mod checks;
pub mod command;
pub mod counts;
pub mod layout;
pub mod load;
pub mod packages;
pub mod process;
pub mod progress;
pub mod steps;
