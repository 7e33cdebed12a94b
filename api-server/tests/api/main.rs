//! The real router behind the real edge, on the store in memory: what clients send and get.

mod bad_inputs;
mod client;
mod products;
mod service;
