//! The operator of StoreCluster resources: it gathers (IO), decides (pure), and commits (IO).

pub mod apply;
pub mod args;
pub mod cache;
pub mod cassandra;
pub mod client;
pub mod clock;
pub mod commit;
pub mod context;
pub mod controller;
pub mod events;
pub mod evictions;
pub mod health;
pub mod hooks;
pub mod kinds;
pub mod leader;
pub mod logs;
pub mod metrics;
pub mod node;
pub mod observe;
pub mod reconcile;
pub mod settings;
pub mod trace;
