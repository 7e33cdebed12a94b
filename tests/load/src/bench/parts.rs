//! The programs that `make bench` is made of besides itself, and the typed use of `store-bench`.
//! IO: child processes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use store_bench::open_loop::Pressed;
use store_bench::{closed_loop, driver_loop, fill, naive, order_loop};

use super::store::{KEYSPACE, TOKEN};
use crate::child::{ChildError, Program};

/// Where the optimized builds are.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The API.
    pub store_api: PathBuf,
    /// The bare opponents and the load.
    pub store_bench: PathBuf,
}

/// What a load asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// A file of requests, one a line: a path for GET; a path, a tabulator and JSON for POST.
    pub requests: &'a Path,
    /// Connections, each with one request at a time.
    pub connections: usize,
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time.
    Time(Duration),
    /// After so many requests on each connection.
    Requests(u64),
}

impl Until {
    fn argument(self) -> (&'static str, String) {
        match self {
            Self::Time(time) => ("--seconds", time.as_secs_f64().to_string()),
            Self::Requests(requests) => ("--requests", requests.to_string()),
        }
    }
}

/// How long the writing of a million rows may take.
const FILLING: Duration = Duration::from_secs(900);

impl Parts {
    /// The programs of a directory of cargo's.
    pub fn of(directory: &Path) -> Self {
        Self { store_api: directory.join("store-api"), store_bench: directory.join("store-bench") }
    }

    /// Starts the bare server, which answers with what is in `body`.
    ///
    /// # Errors
    /// [`ChildError`] when it does not say its port.
    pub async fn hello(&self, body: &Path) -> Result<(Program, SocketAddr), ChildError> {
        let mut program = Program::start(&self.store_bench, &["hello", "--body", &body.display().to_string()])?;
        let address = address(&mut program).await?;
        Ok((program, address))
    }

    /// Starts the bare server that reads by the driver before it answers with what is in `body`.
    ///
    /// # Errors
    /// [`ChildError`] when it does not say its port.
    pub async fn both(&self, body: &Path, node: SocketAddr, read: &str) -> Result<(Program, SocketAddr), ChildError> {
        let (body, node) = (body.display().to_string(), node.to_string());
        let arguments = ["both", "--body", &body, "--node", &node, "--keyspace", KEYSPACE, "--read", read];
        let mut program = Program::start(&self.store_bench, &arguments)?;
        let address = address(&mut program).await?;
        Ok((program, address))
    }

    /// Reads with the driver alone.
    ///
    /// # Errors
    /// [`ChildError`] when a single read fails.
    pub async fn read(
        &self,
        node: SocketAddr,
        read: &str,
        workers: usize,
        time: Duration,
    ) -> Result<driver_loop::Done, ChildError> {
        let (node, workers) = (node.to_string(), workers.to_string());
        let seconds = time.as_secs_f64().to_string();
        let mut arguments = vec!["read", "--node", &node, "--keyspace", KEYSPACE, "--read", read];
        arguments.extend(["--workers", &workers, "--seconds", &seconds]);
        done(Program::start(&self.store_bench, &arguments)?).await
    }

    /// Sends requests to a server.
    ///
    /// # Errors
    /// [`ChildError`] when a single answer is no success.
    pub async fn load(
        &self,
        address: SocketAddr,
        asked: Asked<'_>,
        until: Until,
    ) -> Result<closed_loop::Done, ChildError> {
        let (address, connections) = (address.to_string(), asked.connections.to_string());
        let requests = asked.requests.display().to_string();
        let (name, value) = until.argument();
        let mut arguments = vec!["load", "--address", &address, "--connections", &connections];
        arguments.extend(["--requests-of", &requests, "--token", TOKEN, name, &value]);
        done(Program::start(&self.store_bench, &arguments)?).await
    }

    /// Sends so many requests a second whatever becomes of them.
    ///
    /// # Errors
    /// [`ChildError`] when no connection can be made.
    pub async fn press(
        &self,
        address: SocketAddr,
        asked: Asked<'_>,
        (rate, time): (f64, Duration),
    ) -> Result<Pressed, ChildError> {
        let (address, connections) = (address.to_string(), asked.connections.to_string());
        let (requests, rate) = (asked.requests.display().to_string(), rate.to_string());
        let seconds = time.as_secs_f64().to_string();
        let mut arguments = vec!["press", "--address", &address, "--connections", &connections];
        arguments.extend(["--requests-of", &requests, "--token", TOKEN, "--rate", &rate, "--seconds", &seconds]);
        done(Program::start(&self.store_bench, &arguments)?).await
    }

    /// Changes one row by conditional updates that are tried again until they are applied.
    ///
    /// # Errors
    /// [`ChildError`] when a statement fails.
    pub async fn naive(&self, node: SocketAddr, workers: usize, until: Until) -> Result<naive::Done, ChildError> {
        let (node, workers, (name, value)) = (node.to_string(), workers.to_string(), until.argument());
        let arguments = ["naive", "--node", &node, "--workers", &workers, name, &value];
        done(Program::start(&self.store_bench, &arguments)?).await
    }

    /// Does the statements of the orders in a file of requests with the driver alone.
    ///
    /// # Errors
    /// [`ChildError`] when a statement fails.
    pub async fn order(
        &self,
        node: SocketAddr,
        requests: &Path,
        workers: usize,
        until: Until,
    ) -> Result<order_loop::Done, ChildError> {
        let (node, workers, (name, value)) = (node.to_string(), workers.to_string(), until.argument());
        let requests = requests.display().to_string();
        let mut arguments = vec!["order", "--node", &node, "--keyspace", KEYSPACE, "--requests-of", &requests];
        arguments.extend(["--workers", &workers, name, &value]);
        done(Program::start(&self.store_bench, &arguments)?).await
    }

    /// Writes rows `from` to `to` of a large store.
    ///
    /// # Errors
    /// [`ChildError`] when a statement fails.
    pub async fn fill(&self, node: SocketAddr, from: u64, to: u64) -> Result<fill::Done, ChildError> {
        let (node, from, to) = (node.to_string(), from.to_string(), to.to_string());
        let arguments = ["fill", "--node", &node, "--keyspace", KEYSPACE, "--from", &from, "--to", &to];
        done(Program::start_for(&self.store_bench, &arguments, FILLING)?).await
    }
}

/// Where a server that prints `PORT=n` listens.
///
/// # Errors
/// [`ChildError`] when it does not say its port.
pub async fn address(program: &mut Program) -> Result<SocketAddr, ChildError> {
    let line = program.line("PORT=").await?;
    let port: u16 = line.parse().map_err(|_| program.error(&format!("no port: {line}")))?;
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

async fn done<T: DeserializeOwned>(mut program: Program) -> Result<T, ChildError> {
    let line = program.line("DONE=").await?;
    serde_json::from_str(&line).map_err(|error| program.error(&format!("said {line}: {error}")))
}
