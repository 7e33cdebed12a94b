//! What clients send and what they see. Pure: bytes to model input, records to bytes.

#![deny(clippy::disallowed_methods)]

pub mod activity;
pub mod change;
pub mod cluster;
pub mod csv;
mod fields;
pub mod graphql;
pub mod json;
pub mod operation;
pub mod order;
pub mod product;
pub mod stock;
pub mod user;
