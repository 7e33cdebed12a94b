//! HTTP in and out: reads requests, calls use cases, chooses status and headers. No rules here and
//! no database.

mod answer;
pub mod cluster;
pub mod docs;
pub mod health;
mod once;
pub mod products;
pub mod request;
pub mod stocks;
pub mod users;
