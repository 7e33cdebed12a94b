//! What the API costs: CPU per request and throughput of a product by id and of a page of fifty,
//! beside the bare driver and a bare hyper server, in turns, on one Cassandra. IO.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::child::{ChildError, Program};
use super::closed_loop::{self, LoopError, Until};
use super::driver_loop;
use super::figures::Figure;
use super::process_time::cpu_time;
use crate::load::{Client, ClientError};
use crate::local_cassandra::{DATACENTER, LocalRing, Options, RingError};
use crate::progress::{WaitError, say, wait_until};

const KEYSPACE: &str = "store_manager";
/// Products that the reads go round.
const PRODUCTS: usize = 1000;
/// Connections of the clients, and workers of the driver's loop.
const AT_ONCE: usize = 32;
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A measurement could not be taken.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ApiBenchError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Loop(#[from] LoopError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error("{0}: {1}")]
    Io(&'static str, std::io::Error),
    #[error("{0}")]
    Wrong(String),
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds; each measures all three, in the order of the one before reversed.
    pub rounds: usize,
    /// Time of one measurement.
    pub time: Duration,
    /// Reads before the first measurement, for Java to compile what is hot.
    pub warm_up: u64,
}

/// One of the three in one kind of read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cost {
    /// CPU microseconds per request of its process alone.
    pub cpu_us: Vec<f64>,
    /// Requests per second, all CPUs shared with Cassandra and the client.
    pub per_second: Vec<f64>,
}

/// The three in one kind of read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// The API with all its layers.
    pub api: Cost,
    /// The driver alone.
    pub driver: Cost,
    /// Hyper alone, with as many bytes as the API answers.
    pub hyper: Cost,
    /// Bytes of an answer.
    pub bytes: u64,
}

impl Comparison {
    /// CPU per request of the API to that of hyper and driver together, round by round.
    pub fn ratio(&self) -> Figure {
        let rounds = self.api.cpu_us.iter().zip(&self.driver.cpu_us).zip(&self.hyper.cpu_us);
        Figure::of(&rounds.map(|((api, driver), hyper)| api / (driver + hyper)).collect::<Vec<_>>())
    }
}

/// Both kinds of reads.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ApiFigures {
    /// A product by id.
    pub get: Comparison,
    /// A page of fifty.
    pub page: Comparison,
    /// Reads before the first measurement.
    pub warm_up: u64,
}

/// The API and what is needed to measure it.
struct Bench<'a> {
    own: &'a Path,
    node: SocketAddr,
    api: Program,
    api_address: SocketAddr,
    effort: Effort,
}

/// Starts Cassandra and the API (`store_api`, a release build), makes products, and measures. `own`
/// is this program, which also plays the bare opponents.
///
/// # Errors
/// [`ApiBenchError`] when something fails or a single answer is not 200.
pub async fn measure(own: &Path, store_api: &Path, effort: Effort) -> Result<ApiFigures, ApiBenchError> {
    let directory =
        tempfile::tempdir().map_err(|error| ApiBenchError::Io("making a directory for Cassandra", error))?;
    let ring = LocalRing::start(Options { heap_mib: 1024, optimized: true, ..Options::new(directory.path()) }).await?;
    let node = *ring.contact_points().first().ok_or_else(|| ApiBenchError::Wrong("the ring has no node".into()))?;
    let host = node.to_string();
    let port = free_port()?;
    let port_text = port.to_string();
    let environment = [
        ("CASSANDRA_HOST", host.as_str()),
        ("STORE_KEYSPACE", KEYSPACE),
        ("STORE_LISTEN_ADDRESS", "127.0.0.1"),
        ("STORE_PORT", port_text.as_str()),
        ("STORE_LOCAL_DATACENTER", DATACENTER),
        ("STORE_CURSOR_KEY", "a key for the bench alone"),
    ];
    migrate(store_api, &environment).await?;
    let api = Program::start_unheard(store_api, &["serve"], &environment)?;
    let api_address = SocketAddr::from((LOOPBACK, port));
    let bench = Bench { own, node, api, api_address, effort };
    let ids = bench.products().await?;
    let gets: Vec<String> = ids.iter().map(|id| format!("/products/{id}")).collect();
    let pages = vec!["/products?limit=50".to_owned()];
    bench.warm_up(&gets, &pages).await?;
    let get = bench.compare("get", &gets).await?;
    let page = bench.compare("page", &pages).await?;
    Ok(ApiFigures { get, page, warm_up: effort.warm_up })
}

async fn migrate(store_api: &Path, environment: &[(&str, &str)]) -> Result<(), ApiBenchError> {
    let mut command = tokio::process::Command::new(store_api);
    command.args(["migrate", "--create-keyspace", "--replication-factor", "1", "--datacenter", DATACENTER]);
    command.envs(environment.iter().copied()).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(180), command.output()).await;
    let output = match ended {
        Ok(output) => output.map_err(|error| ApiBenchError::Io("running the migrations", error))?,
        Err(_) => return Err(ApiBenchError::Wrong("the migrations took longer than 180 s".into())),
    };
    if output.status.success() {
        return Ok(());
    }
    Err(ApiBenchError::Wrong(format!("the migrations failed: {}", String::from_utf8_lossy(&output.stderr))))
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, ApiBenchError> {
    let failed = |error| ApiBenchError::Io("looking for a free port", error);
    let listener = std::net::TcpListener::bind((LOOPBACK, 0)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

impl Bench<'_> {
    /// Makes the products through the API; their ids.
    async fn products(&self) -> Result<Vec<String>, ApiBenchError> {
        let client = Client::new(&format!("http://{}", self.api_address), None, Duration::from_secs(15))?;
        wait_until("the API to be ready", Duration::from_secs(60), || async {
            let answer = client.send(Method::GET, "/readyz", &[], None).await;
            match answer {
                Ok(answer) if answer.status == StatusCode::OK => Ok(()),
                Ok(answer) => Err(format!("status {}: {}", answer.status, answer.body)),
                Err((kind, detail)) => Err(format!("{kind}: {detail}")),
            }
        })
        .await?;
        say(format!("making {PRODUCTS} products"));
        let mut ids = Vec::with_capacity(PRODUCTS);
        for number in 0..PRODUCTS {
            let body = json!({
                "name": format!("Product {number}"), "sku": format!("bench-{number}"), "price": 12.5,
                "brand": "Bench", "category": "bench", "description": "a product to be read many times",
            });
            let key = format!("bench-{number}");
            let answer = client.send(Method::POST, "/products", &[("idempotency-key", &key)], Some(&body)).await;
            let answer =
                answer.map_err(|(kind, detail)| ApiBenchError::Wrong(format!("making a product: {kind}: {detail}")))?;
            let id = answer.body.get("id").and_then(Value::as_str).map(str::to_owned);
            ids.push(
                id.ok_or_else(|| ApiBenchError::Wrong(format!("making a product: {} {}", answer.status, answer.body)))?,
            );
        }
        Ok(ids)
    }

    /// Nine reads by id to one page: a page is about fifty rows' work for Cassandra.
    async fn warm_up(&self, gets: &[String], pages: &[String]) -> Result<(), ApiBenchError> {
        say(format!("warming up with {} reads", self.effort.warm_up));
        let each = self.effort.warm_up / 10 / AT_ONCE as u64;
        closed_loop::run(self.api_address, AT_ONCE, gets, Until::Requests(each * 9)).await?;
        closed_loop::run(self.api_address, AT_ONCE, pages, Until::Requests(each)).await?;
        Ok(())
    }

    async fn compare(&self, name: &str, paths: &[String]) -> Result<Comparison, ApiBenchError> {
        let probe = closed_loop::run(self.api_address, 1, paths, Until::Requests(20)).await?;
        let mut comparison = Comparison { bytes: probe.bytes / probe.requests.max(1), ..Comparison::default() };
        let size = comparison.bytes.to_string();
        let mut hello = Program::start(self.own, &["serve-hello", "--bytes", &size])?;
        let port = hello.line("PORT=").await?;
        let port: u16 = port.parse().map_err(|_| ApiBenchError::Wrong(format!("no port: {port}")))?;
        let hello_address = SocketAddr::from((LOOPBACK, port));
        closed_loop::run(hello_address, AT_ONCE, paths, Until::Requests(500)).await?;
        for round in 0..self.effort.rounds {
            let mut order = [0, 1, 2];
            if round % 2 == 1 {
                order.reverse();
            }
            for which in order {
                match which {
                    0 => self.serve(self.api.pid()?, self.api_address, paths, &mut comparison.api).await?,
                    1 => self.drive(name, &mut comparison.driver).await?,
                    _ => self.serve(hello.pid()?, hello_address, paths, &mut comparison.hyper).await?,
                }
            }
            let of = |cost: &Cost| cost.cpu_us.last().copied().unwrap_or_default();
            let (api, driver, hyper) = (of(&comparison.api), of(&comparison.driver), of(&comparison.hyper));
            say(format!(
                "{name}, round {round}: CPU µs per request: API {api:.1}, driver {driver:.1}, hyper {hyper:.1}"
            ));
        }
        Ok(comparison)
    }

    async fn serve(
        &self,
        pid: u32,
        address: SocketAddr,
        paths: &[String],
        cost: &mut Cost,
    ) -> Result<(), ApiBenchError> {
        let cpu = || cpu_time(pid).map_err(|error| ApiBenchError::Io("reading a CPU time", error));
        let before = cpu()?;
        let began = Instant::now();
        let done = closed_loop::run(address, AT_ONCE, paths, Until::Time(self.effort.time)).await?;
        let used = cpu()?.saturating_sub(before);
        cost.add(done.requests, began.elapsed().as_secs_f64(), used.as_secs_f64());
        Ok(())
    }

    async fn drive(&self, name: &str, cost: &mut Cost) -> Result<(), ApiBenchError> {
        let node = self.node.to_string();
        let seconds = self.effort.time.as_secs_f64().to_string();
        let workers = AT_ONCE.to_string();
        let arguments = [
            "drive",
            "--node",
            &node,
            "--keyspace",
            KEYSPACE,
            "--read",
            name,
            "--workers",
            &workers,
            "--time",
            &seconds,
        ];
        let line = Program::start(self.own, &arguments)?.line("DONE=").await?;
        let done: driver_loop::Done = serde_json::from_str(&line)
            .map_err(|error| ApiBenchError::Wrong(format!("the driver's loop said {line}: {error}")))?;
        cost.add(done.requests, done.seconds, done.cpu_seconds);
        Ok(())
    }
}

impl Cost {
    fn add(&mut self, requests: u64, seconds: f64, cpu_seconds: f64) {
        let requests = requests.max(1) as f64;
        self.cpu_us.push(cpu_seconds * 1e6 / requests);
        self.per_second.push(requests / seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_the_same_round() {
        let cost = |cpu_us: &[f64]| Cost { cpu_us: cpu_us.to_vec(), per_second: Vec::new() };
        let comparison =
            Comparison { api: cost(&[30.0, 60.0]), driver: cost(&[10.0, 20.0]), hyper: cost(&[10.0, 20.0]), bytes: 1 };
        assert_eq!(comparison.ratio(), Figure { median: 1.5, least: 1.5, most: 1.5 });
    }
}
