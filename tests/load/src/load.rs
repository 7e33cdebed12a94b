//! A constant, counted load of reads and writes on the shop's API, and the ledger of what the API
//! acknowledged. IO: HTTP to one base URL, and CQL for the last check.
//!
//! The load is open-loop: requests begin at a fixed rate whatever the answers do, and a request's
//! latency counts from the moment it was due. Nothing is retried, since a retry hides the fault that
//! it mends. Every acknowledged write is remembered, every read is compared with what had been
//! acknowledged before it began, and at the end all of it is read back.

mod client;
mod generator;
mod ledger;
#[cfg(test)]
mod planted;
mod recorder;
mod report;
mod verify;

use std::time::Duration;

pub use client::{Answer, Client, ClientError};
pub use generator::Load;
pub use ledger::{Ledger, Product, Reading, Refuted};
pub use recorder::{Failure, FailureKind, Operation, Recorder, Statistics, StepStatistics};
pub use report::LoadReport;
pub use verify::{CqlAccess, Verdict, VerifyError, verify_by_api, verify_by_cql};

/// What the load is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address of the API without a path: `http://127.0.0.1:8080`. Plain HTTP.
    pub base_url: String,
    /// `Host` header to send in place of the address, for an Ingress with a host name.
    pub host: Option<String>,
    /// Token to send, for a shop that asks for one.
    pub token: Option<String>,
    /// Requests that begin per second.
    pub rate: f64,
    /// Most requests under way at once; one that is due above that is counted as failed.
    pub clients: usize,
    /// Time from being due to the end of the answer after which a request counts as failed. It must
    /// be longer than the API's own deadline, or the API never gets to say what happened.
    pub timeout: Duration,
    /// Products that the ledger holds at most; from there on, creations become updates.
    pub products: usize,
    /// So many products are made before anything else is asked for.
    pub first: usize,
    /// Seed of the choice of requests, so that a run can be told again.
    pub seed: u64,
}

impl Settings {
    /// 20 requests per second from at most 256 clients, each within 15 s, the first 20 of which make products.
    pub fn new(base_url: impl Into<String>) -> Self {
        Settings {
            base_url: base_url.into(),
            host: None,
            token: None,
            rate: 20.0,
            clients: 256,
            timeout: Duration::from_secs(15),
            products: 20_000,
            first: 20,
            seed: 1,
        }
    }
}
