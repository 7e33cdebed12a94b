//! HTTP in and out: reads requests, calls use cases, chooses status and headers. No rules here and
//! no database.

pub mod activity;
mod answer;
pub mod changes;
pub mod cluster;
pub mod console;
pub mod csv;
pub mod docs;
pub mod graphql;
pub mod health;
pub mod live;
mod once;
pub mod operation;
pub mod operations;
pub mod orders;
pub mod products;
pub mod reports;
pub mod request;
pub mod stocks;
pub mod users;
pub mod whoami;
