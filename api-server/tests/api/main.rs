//! The real router behind the real edge, on the store in memory: what clients send and get.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground does not hold")]

mod bad_inputs;
mod bad_table;
mod browsers;
mod buyers;
mod changes;
mod client;
mod console;
mod csv;
mod dashboards;
mod doors;
mod examples;
mod graphql;
mod identity;
mod orders;
mod principals;
mod products;
mod providers;
mod proxies;
mod roles;
mod rules;
mod schemas;
mod service;
mod stocks;
mod tokens;
mod traces;
mod users;
mod walk;
