//! How operations are done, a file each. When their steps are asked is the runbook; what others may know of them is
//! `procedure`.

pub mod alter;
pub mod bootstrap;
pub mod check;
pub mod decommission;
pub mod join;
pub mod migrate;
pub mod repair;
pub mod roles;
pub mod rollout;
pub mod start;
pub mod streaming;
pub mod volumes;
