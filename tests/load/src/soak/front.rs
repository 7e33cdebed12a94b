//! Two processes of the API over one ring, and how a client chooses between them, as a proxy with health checks would.
//! IO: processes, HTTP.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::SoakError;
use super::attempts::{Attempt, DEADLINE, End};
use crate::child::{clock_ahead, ready};
use crate::load::{Answer, Client};
use store_testbed::checkout::{built, cargo};
use store_testbed::command::{LONG, run};
use store_testbed::local_cassandra::{DATACENTER, keeper};
use store_testbed::ports::free_port;
use store_testbed::progress::wait_until;

const READY: Duration = Duration::from_secs(60);
/// For a process that was told to end: the deadline of its last requests, and its work after them.
const ENDED: Duration = Duration::from_secs(40);
/// Longer than the API may take: its own word is wanted.
const PATIENCE: Duration = Duration::from_secs(12);
/// How much of a refusal is kept.
const KEPT: usize = 300;

/// Both processes.
#[derive(Debug)]
pub struct Front {
    processes: [Process; 2],
    began: Instant,
    attempts: Mutex<Vec<Attempt>>,
}

#[derive(Debug)]
struct Process {
    program: Mutex<PathBuf>,
    environment: Vec<(String, String)>,
    /// What it is started with beside that.
    clock: Mutex<Vec<(&'static str, String)>>,
    log: File,
    child: Mutex<Option<Child>>,
    /// Port of probes.
    operations: String,
    client: Client,
    up: AtomicBool,
    /// Requests that were sent to it and are not answered.
    asked: AtomicUsize,
    /// How often it was killed: a request that broke while this grew was cut.
    killed: AtomicU64,
}

/// The API of this checkout, compiled.
///
/// # Errors
/// [`SoakError`] when it cannot be.
pub fn compiled() -> Result<PathBuf, SoakError> {
    run(&mut cargo(["build", "--quiet", "--bin", "store-api"]), LONG)?;
    Ok(built("store-api"))
}

/// Brings the tables to the version of `program`.
///
/// # Errors
/// [`SoakError`] when it fails.
pub fn migrate(program: &Path, hosts: &str) -> Result<(), SoakError> {
    let mut migrate = Command::new(program);
    migrate.args(["migrate", "--create-keyspace", "--replication-factor", "3", "--datacenter", DATACENTER]);
    run(migrate.env("CASSANDRA_HOST", hosts), LONG)?;
    Ok(())
}

impl Front {
    /// Compiles the API, makes its tables and starts both processes; their logs are in `directory`.
    ///
    /// # Errors
    /// [`SoakError`] when a program fails or is not ready in time.
    pub async fn start(hosts: &str, directory: &Path, settings: &[(&str, &str)]) -> Result<Self, SoakError> {
        Self::of(&compiled()?, hosts, directory, settings).await
    }

    /// The same with a program that is there.
    ///
    /// # Errors
    /// [`SoakError`] when it fails or is not ready in time.
    pub async fn of(
        program: &Path,
        hosts: &str,
        directory: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self, SoakError> {
        migrate(program, hosts)?;
        let process = |number: u8| Process::new(program, hosts, directory, number, settings);
        let front = Self { processes: [process(1)?, process(2)?], began: Instant::now(), attempts: Mutex::default() };
        for number in 0..2 {
            front.spawn(number).await?;
        }
        Ok(front)
    }

    /// Since the run began.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The process ids.
    pub fn pids(&self) -> Vec<u32> {
        let pid = |process: &Process| held(&process.child).as_ref().map(Child::id);
        self.processes.iter().filter_map(pid).collect()
    }

    /// Kills one process at once.
    ///
    /// # Errors
    /// [`SoakError`] when it cannot be signalled.
    pub fn kill(&self, number: usize) -> Result<(), SoakError> {
        let process = &self.processes[number];
        process.up.store(false, Ordering::SeqCst);
        process.killed.fetch_add(1, Ordering::SeqCst);
        if let Some(mut child) = held(&process.child).take() {
            child.kill().and_then(|()| child.wait())?;
        }
        Ok(())
    }

    /// Puts `program` in the place of one process, as a proxy sees it: nobody asks that one any more, it answers who has
    /// asked, is told to end, and does so by itself.
    ///
    /// # Errors
    /// [`SoakError`] when the one does not end, or the other is not ready, in time.
    pub async fn replace(&self, number: usize, program: &Path) -> Result<(), SoakError> {
        self.end(number).await?;
        *held(&self.processes[number].program) = program.to_owned();
        self.spawn(number).await
    }

    /// Lets one process answer who has asked, and end by itself.
    async fn end(&self, number: usize) -> Result<(), SoakError> {
        let process = &self.processes[number];
        process.up.store(false, Ordering::SeqCst);
        wait_until("the last answers", ENDED, async || match process.asked.load(Ordering::SeqCst) {
            0 => Ok(()),
            asked => Err(format!("{asked} requests are not answered")),
        })
        .await?;
        if let Some(pid) = held(&process.child).as_ref().map(Pid::from_child) {
            kill_process(pid, Signal::TERM).map_err(std::io::Error::from)?;
        }
        let status = wait_until("the process to end", ENDED, async || {
            let ended = held(&process.child).as_mut().map(Child::try_wait).transpose();
            match ended.map_err(|error| error.to_string())? {
                Some(Some(status)) => Ok(status),
                Some(None) => Err("it runs".to_owned()),
                None => Err("it was never started".to_owned()),
            }
        })
        .await?;
        if !status.success() {
            return Err(SoakError::Told(format!("a process that was told to end did so with {status}")));
        }
        Ok(())
    }

    /// Starts one process and waits until it is ready.
    ///
    /// # Errors
    /// [`SoakError`] when it is not in time.
    pub async fn spawn(&self, number: usize) -> Result<(), SoakError> {
        let process = &self.processes[number];
        let child = process.spawn()?;
        *held(&process.child) = Some(child);
        wait_until("the API", READY, || ready(&process.operations)).await?;
        process.up.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Sends one request through process `wish`, or the other one while that is down, and keeps what came of it.
    /// `None` is no answer.
    pub async fn send(&self, wish: usize, kind: &'static str, request: &Request) -> Option<Answer> {
        let mut process = &self.processes[wish % 2];
        process.asked.fetch_add(1, Ordering::SeqCst);
        // Counted first: a process that is to go waits for whoever has seen it up.
        if !process.up.load(Ordering::SeqCst) {
            process.asked.fetch_sub(1, Ordering::SeqCst);
            process = &self.processes[(wish + 1) % 2];
            process.asked.fetch_add(1, Ordering::SeqCst);
        }
        let (began, killed) = (self.now(), process.killed.load(Ordering::SeqCst));
        let key: &[(&'static str, &str)] = match &request.key {
            Some(key) => &[("idempotency-key", key.as_str())],
            None => &[],
        };
        let sent = process.client.send(request.method.clone(), &request.path, key, request.body.as_ref()).await;
        process.asked.fetch_sub(1, Ordering::SeqCst);
        let took = self.now().saturating_sub(began);
        let (end, answer) = match sent {
            Ok(answer) => (ended(&answer), Some(answer)),
            Err(_) if process.killed.load(Ordering::SeqCst) > killed => (End::Cut, None),
            Err((kind, text)) => (End::Silence(format!("{kind:?}: {text}")), None),
        };
        held(&self.attempts).push(Attempt { kind, began, took, end });
        answer
    }

    /// Asks one process and no other, without a word in the record; `None` where it does not answer.
    pub async fn ask(&self, number: usize, path: &str) -> Option<(u16, Value)> {
        let process = &self.processes[number];
        if !process.up.load(Ordering::SeqCst) {
            return None;
        }
        let answer = process.client.send(Method::GET, path, &[], None).await.ok()?;
        Some((answer.status.as_u16(), answer.body))
    }

    /// Gives one process a clock that is so many seconds ahead, with the library for that, or its own again: it ends
    /// by itself and is started anew.
    ///
    /// # Errors
    /// [`SoakError`] when it is not ready in time.
    pub async fn set_clock(&self, number: usize, ahead: Option<(&Path, i64)>) -> Result<(), SoakError> {
        self.end(number).await?;
        let clock = ahead.map(|(library, seconds)| Vec::from(clock_ahead(library, seconds)));
        *held(&self.processes[number].clock) = clock.unwrap_or_default();
        self.spawn(number).await
    }

    /// Everything that was sent since the last call.
    pub fn take(&self) -> Vec<Attempt> {
        std::mem::take(&mut *held(&self.attempts))
    }
}

/// A request that may be sent again as it is.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The idempotency key.
    pub key: Option<String>,
    /// The body.
    pub body: Option<Value>,
}

impl Request {
    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), key: None, body: None }
    }
}

fn ended(answer: &Answer) -> End {
    let mut text = if answer.status.is_success() { String::new() } else { answer.body.to_string() };
    text.truncate(text.floor_char_boundary(KEPT));
    End::Answer { status: answer.status.as_u16(), retry_after: has_retry_after(&answer.headers), text }
}

fn has_retry_after(headers: &HeaderMap) -> bool {
    let value = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    value.is_some_and(|text| text.parse::<u32>().is_ok())
}

/// Whether the same request has to be sent again to learn what became of it.
pub fn is_open(answer: &Answer) -> bool {
    let in_flight = || answer.body["type"].as_str().is_some_and(|kind| kind.ends_with(":idempotency_key_in_flight"));
    match answer.status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => true,
        // Without a code the refusal may be one of a race that others won.
        StatusCode::CONFLICT => in_flight() || answer.headers.contains_key(http::header::RETRY_AFTER),
        _ => false,
    }
}

impl Process {
    fn new(
        program: &Path,
        hosts: &str,
        directory: &Path,
        number: u8,
        settings: &[(&str, &str)],
    ) -> Result<Self, SoakError> {
        let (port, operations) = (free_port()?.to_string(), free_port()?.to_string());
        let deadline = DEADLINE.as_millis().to_string();
        let log = File::options().create(true).append(true).open(directory.join(format!("store-api-{number}.log")))?;
        let common = [
            ("CASSANDRA_HOST", hosts),
            ("STORE_LOCAL_DATACENTER", DATACENTER),
            ("STORE_LISTEN_ADDRESS", "127.0.0.1"),
            ("STORE_PORT", &port),
            ("STORE_OPERATIONS_PORT", &operations),
            ("STORE_CURSOR_KEY", "the same in both processes"),
            ("STORE_DRAIN_SECONDS", "0"),
            ("STORE_REQUEST_TIMEOUT_MS", &deadline),
            ("LOG_FORMAT", "text"),
            ("RUST_LOG", "warn"),
        ];
        let environment =
            common.iter().chain(settings).map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let url = format!("http://127.0.0.1:{port}");
        let client = Client::new(&url, None, PATIENCE).map_err(|error| SoakError::Client(error.to_string()))?;
        let (up, asked, killed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicU64::new(0));
        let (child, program, clock) = (Mutex::default(), Mutex::new(program.to_owned()), Mutex::default());
        Ok(Self { program, environment, clock, log, child, operations, client, up, asked, killed })
    }

    fn spawn(&self) -> Result<Child, SoakError> {
        let mut command = keeper::command(&held(&self.program));
        command.arg("serve").envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(held(&self.clock).iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(self.log.try_clone()?).stderr(self.log.try_clone()?);
        Ok(keeper::spawn(command)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = held(&self.child).take() {
            // The kernel does it too when this program ends; nothing better is left if it fails here.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// What a lock holds, also after a panic elsewhere: every holder leaves it whole.
pub(super) fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
