//! The programs that `make bench` is made of besides itself, and the typed use of `store-bench`.
//! IO: child processes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use store_bench::closed_loop;
use store_bench::driver_loop;

use super::child::{ChildError, Program};
use super::store::{KEYSPACE, TOKEN};

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
    /// A file of paths, one a line.
    pub paths: &'a Path,
    /// Sent by POST; GET without it.
    pub post: Option<&'a str>,
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

impl Parts {
    /// Starts the bare server, which answers with what is in `body`.
    ///
    /// # Errors
    /// [`ChildError`] when it does not say its port.
    pub async fn hello(&self, body: &Path) -> Result<(Program, SocketAddr), ChildError> {
        let mut program = Program::start(&self.store_bench, &["hello", "--body", &body.display().to_string()])?;
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
        let paths = asked.paths.display().to_string();
        let mut arguments = vec!["load", "--address", &address, "--connections", &connections, "--paths", &paths];
        arguments.extend(["--token", TOKEN]);
        if let Some(body) = asked.post {
            arguments.extend(["--post", body]);
        }
        let (name, value) = match until {
            Until::Time(time) => ("--seconds", time.as_secs_f64().to_string()),
            Until::Requests(requests) => ("--requests", requests.to_string()),
        };
        arguments.extend([name, &value]);
        done(Program::start(&self.store_bench, &arguments)?).await
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
