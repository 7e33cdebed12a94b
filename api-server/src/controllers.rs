//! HTTP in and out: reads requests, calls use cases, chooses status and headers. No rules here and
//! no database.

pub mod cluster;
pub mod docs;
pub mod health;
pub mod products;
pub mod request;
