//! What clients send and what they see. Pure: bytes to model input, records to bytes.

pub mod cluster;
pub mod json;
pub mod product;
