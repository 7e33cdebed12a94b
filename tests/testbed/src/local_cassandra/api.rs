//! The API in front of a local ring, for somebody who only wants the API. IO: compiles and runs
//! `store-api`, asks it over HTTP.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{DATACENTER, LocalRing, RingError, SUPERUSER, io_error, keeper};
use crate::checkout::{built, cargo};
use crate::command::{LONG, run};
use crate::progress::{say, task, wait_until};

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(15);
const REQUEST: Duration = Duration::from_secs(2);

/// A running API. Dropping it kills the process.
#[derive(Debug)]
pub struct Api {
    process: Child,
    url: String,
    operations: String,
}

impl Api {
    /// Compiles the API, makes its keyspace with so many copies of each row, starts it on loopback addresses at `port` and
    /// waits until it is ready.
    ///
    /// # Errors
    /// [`RingError::Api`] when it does not compile, migrate or stay alive, [`RingError::Wait`] when it
    /// does not become ready in time.
    pub async fn start(ring: &LocalRing, port: u16, copies: u8) -> Result<Self, RingError> {
        let program = compile().await?;
        let replicas = copies.to_string();
        let mut migrate = command(&program, ring);
        migrate.args(["migrate", "--create-keyspace", "--replication-factor", &replicas, "--datacenter", DATACENTER]);
        say("creating the API's keyspace and tables");
        blocking(move || run(&mut migrate, START_DEADLINE)).await?;

        let mut serve = command(&program, ring);
        // Beside the API, as by default.
        let operations = port.checked_add(1).unwrap_or(1024);
        serve
            .env("STORE_LISTEN_ADDRESS", "127.0.0.1")
            .env("STORE_PORT", port.to_string())
            .env("STORE_OPERATIONS_PORT", operations.to_string());
        serve.env("STORE_DRAIN_SECONDS", "0").arg("serve");
        let process = keeper::spawn(serve).map_err(io_error("starting store-api through setpriv"))?;
        let at = |port| format!("http://127.0.0.1:{port}");
        let mut api = Self { process, url: at(port), operations: at(operations) };
        api.ready().await?;
        Ok(api)
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns only when the process has ended although nobody asked it to.
    ///
    /// # Errors
    /// [`RingError::Api`] saying how it ended.
    pub async fn ended(&mut self) -> Result<(), RingError> {
        let mut ticker = tokio::time::interval(Duration::from_millis(500));
        loop {
            ticker.tick().await;
            self.check()?;
        }
    }

    /// Tells it to end and waits until it has.
    ///
    /// # Errors
    /// [`RingError::Wait`] when it does not end in time; it is killed when dropped.
    pub async fn stop(mut self) -> Result<(), RingError> {
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw)
            && self.check().is_ok()
        {
            kill_process(pid, Signal::TERM).map_err(|error| io_error("signalling store-api")(error.into()))?;
        }
        let ended = wait_until("store-api to end", STOP_DEADLINE, || {
            let running = self.check().is_ok();
            async move { if running { Err("it answers what it has".to_owned()) } else { Ok(()) } }
        });
        Ok(ended.await?)
    }

    async fn ready(&mut self) -> Result<(), RingError> {
        let client = reqwest::Client::builder().timeout(REQUEST).no_proxy().build();
        let client = client.map_err(|error| RingError::Api(error.to_string()))?;
        let url = format!("{}/readyz", self.operations);
        let look = || {
            let dead = self.check().err();
            let asked = client.get(&url).send();
            async move {
                if let Some(error) = dead {
                    return Ok(Err(error));
                }
                let answer = asked.await.map_err(|_| "it does not listen yet".to_owned())?;
                if answer.status().is_success() {
                    Ok(Ok(()))
                } else {
                    Err(format!("/readyz answers {}", answer.status()))
                }
            }
        };
        wait_until("store-api", START_DEADLINE, look).await?
    }

    fn check(&mut self) -> Result<(), RingError> {
        match self.process.try_wait().map_err(io_error("looking after store-api"))? {
            None => Ok(()),
            Some(status) => Err(RingError::Api(format!("it ended ({status}); its own lines above say why"))),
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // The kernel does it too when this program ends; nothing better is left if it fails here.
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

async fn compile() -> Result<PathBuf, RingError> {
    let mut cargo = cargo(["build", "--quiet", "--locked", "--bin", "store-api"]);
    let compile = move || {
        let compiling = task("compiling store-api");
        run(&mut cargo, LONG).inspect(|_| compiling.done())
    };
    blocking(compile).await?;
    Ok(built("store-api"))
}

/// `store-api` with the settings that both of its commands need.
fn command(program: &Path, ring: &LocalRing) -> Command {
    let hosts = ring.contact_points().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut command = keeper::command(program);
    command.env("CASSANDRA_HOST", hosts).env("STORE_LOCAL_DATACENTER", DATACENTER).env("LOG_FORMAT", "text");
    if ring.options.authentication {
        command.env("CASSANDRA_USERNAME", SUPERUSER.0).env("CASSANDRA_PASSWORD", SUPERUSER.1);
    }
    // What its log says belongs to the terminal; this program's standard output does not.
    command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    command
}

async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, RingError>
where
    T: Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| RingError::Task(error.to_string()))?;
    done.map_err(|error| RingError::Api(error.to_string()))
}
