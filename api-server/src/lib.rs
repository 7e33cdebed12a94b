//! The store's REST API: controllers → models → DAOs, with views beside the models.
//!
//! - [`controllers`] speak HTTP and know no rule and no CQL.
//! - [`models`] hold rules and use cases and know only the traits of [`dao`].
//! - [`dao`] keeps records, in Cassandra or in memory, both held to one contract suite.
//! - [`views`] turn records into the bytes that clients read.
//!
//! `tests/layers.rs` checks the direction of these imports.

pub mod access_log;
pub mod admission;
pub mod app;
pub mod auth;
pub mod controllers;
pub mod cors;
pub mod dao;
pub mod edge;
pub mod metrics;
pub mod models;
pub mod openapi;
pub mod packed;
pub mod problem;
pub mod proxies;
pub mod route;
pub mod router;
pub mod rules_of_http;
pub mod run;
pub mod seed;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod texts;
pub mod trace;
pub mod views;
pub mod webhooks;
