//! What the API costs: CPU per request and throughput of a product by id and of a page of fifty,
//! beside the bare driver and a bare hyper server, in turns, on one Cassandra. IO.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store_bench::process_time::{cpu_time_of_tree, resident_kib};

use super::child::{ChildError, Program};
use super::equality::{self, PAGE};
use super::figures::Figure;
use super::parts::{Asked, Parts, Until};
use super::peers::{self, Peer};
use super::store::Store;
use crate::cache::CacheError;
use crate::command::CommandError;
use crate::local_cassandra::RingError;
use crate::progress::{WaitError, say};

/// Connections of the clients, and workers of the driver's loop.
const AT_ONCE: usize = 32;
/// Connections of a crowd that memory is looked at with.
const CROWD: usize = 256;

/// A measurement could not be taken.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ApiBenchError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("asking a measured server: {0}")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("{0}: {1}")]
    Io(&'static str, std::io::Error),
    #[error("{0}")]
    Wrong(String),
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds; each measures all, in the order of the one before reversed.
    pub rounds: usize,
    /// Time of one measurement.
    pub time: Duration,
    /// Reads before the first measurement, for Java to compile what is hot.
    pub warm_up: u64,
    /// Whether the peers are measured, too.
    pub peers: bool,
}

/// One of the compared in one kind of read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cost {
    /// CPU microseconds per request of its process alone.
    pub cpu_us: Vec<f64>,
    /// Requests per second, all CPUs shared with Cassandra and the client.
    pub per_second: Vec<f64>,
}

/// All in one kind of read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// The API with all its layers.
    pub api: Cost,
    /// The driver alone.
    pub driver: Cost,
    /// Hyper alone, with the bytes that the API answers.
    pub hyper: Cost,
    /// The same by others, by name.
    #[serde(default)]
    pub peers: BTreeMap<String, Cost>,
    /// Bytes of an answer.
    pub bytes: u64,
}

impl Comparison {
    /// CPU per request of the API to that of hyper and driver together, round by round.
    pub fn ratio(&self) -> Figure {
        let rounds = self.api.cpu_us.iter().zip(&self.driver.cpu_us).zip(&self.hyper.cpu_us);
        Figure::of(&rounds.map(|((api, driver), hyper)| api / (driver + hyper)).collect::<Vec<_>>())
    }

    /// CPU per request of a peer to that of the API, round by round.
    pub fn times(&self, peer: &Cost) -> Figure {
        let rounds = self.api.cpu_us.iter().zip(&peer.cpu_us);
        Figure::of(&rounds.map(|(api, peer)| peer / api).collect::<Vec<_>>())
    }

    /// Throughput of the API to that of the driver alone, round by round.
    pub fn share(&self) -> Figure {
        let rounds = self.api.per_second.iter().zip(&self.driver.per_second);
        Figure::of(&rounds.map(|(api, driver)| api / driver).collect::<Vec<_>>())
    }
}

/// Memory resident in the API's process, in KiB.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Connected to Cassandra, before the first request but that for its readiness.
    pub idle: u64,
    /// After the warm-up.
    pub warm: u64,
    /// After all measurements.
    pub last: u64,
    /// After a load over 256 connections.
    pub crowd: u64,
    /// The most it ever was.
    pub most: u64,
}

/// The API's figures.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ApiFigures {
    /// A product by id.
    pub get: Comparison,
    /// A page of fifty.
    pub page: Comparison,
    /// Memory over all of it.
    #[serde(default)]
    pub memory: Memory,
    /// Reads before the first measurement.
    pub warm_up: u64,
}

/// What is measured, by whom, how long.
struct Bench<'a> {
    parts: &'a Parts,
    store: &'a Store,
    peers: Vec<Peer>,
    effort: Effort,
}

/// One kind of read.
struct Kind {
    name: &'static str,
    paths: PathBuf,
    first: String,
}

/// Starts Cassandra and the API, makes products, checks that the answers are right, and measures.
///
/// # Errors
/// [`ApiBenchError`] when something fails or a single answer is not 200.
pub async fn measure(parts: &Parts, effort: Effort) -> Result<ApiFigures, ApiBenchError> {
    let mut store = Store::start(parts).await?;
    let mut figures = ApiFigures { warm_up: effort.warm_up, ..ApiFigures::default() };
    figures.memory.idle = resident(&store)?.0;
    store.make_products().await?;
    equality::check(&store).await?;
    say("every answer is what its row says");
    let lines: Vec<String> = store.ids.iter().map(|id| format!("/products/{id}")).collect();
    let first = lines.first().cloned().unwrap_or_default();
    let gets = Kind { name: "get", paths: store.file("gets", lines.join("\n"))?, first };
    let pages = Kind { name: "page", paths: store.file("pages", PAGE)?, first: PAGE.to_owned() };
    let peers = if effort.peers { peers::start(&store).await? } else { Vec::new() };
    let bench = Bench { parts, store: &store, peers, effort };
    bench.warm_up(&gets.paths, &pages.paths).await?;
    figures.memory.warm = resident(&store)?.0;
    figures.get = bench.compare(&gets).await?;
    figures.page = bench.compare(&pages).await?;
    figures.memory.last = resident(&store)?.0;
    bench.load(store.address, &gets.paths, CROWD, Until::Time(effort.time)).await?;
    (figures.memory.crowd, figures.memory.most) = resident(&store)?;
    Ok(figures)
}

fn resident(store: &Store) -> Result<(u64, u64), ApiBenchError> {
    resident_kib(store.api.pid()?).map_err(|error| ApiBenchError::Io("reading the API's memory", error))
}

impl Bench<'_> {
    async fn load(
        &self,
        address: SocketAddr,
        requests: &Path,
        connections: usize,
        until: Until,
    ) -> Result<store_bench::closed_loop::Done, ApiBenchError> {
        Ok(self.parts.load(address, Asked { requests, connections }, until).await?)
    }

    /// Nine reads by id to one page: a page is about fifty rows' work for Cassandra.
    async fn warm_up(&self, gets: &Path, pages: &Path) -> Result<(), ApiBenchError> {
        say(format!("warming up with {} reads", self.effort.warm_up));
        let each = self.effort.warm_up / 10 / AT_ONCE as u64;
        self.load(self.store.address, gets, AT_ONCE, Until::Requests(each * 9)).await?;
        self.load(self.store.address, pages, AT_ONCE, Until::Requests(each)).await?;
        Ok(())
    }

    async fn compare(&self, kind: &Kind) -> Result<Comparison, ApiBenchError> {
        let body = self.store.get(self.store.address, &kind.first).await?;
        let mut comparison = Comparison { bytes: body.len() as u64, ..Comparison::default() };
        let (hello, hello_address) = self.parts.hello(&self.store.file("hello", &body)?).await?;
        // Connections are made and hot code is found before it counts.
        for address in self.peers.iter().map(|peer| peer.address).chain([hello_address]) {
            self.load(address, &kind.paths, AT_ONCE, Until::Requests(20)).await?;
        }
        for round in 0..self.effort.rounds {
            let mut order: Vec<usize> = (0..3 + self.peers.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for which in order {
                match which {
                    0 => self.serve(&self.store.api, self.store.address, kind, &mut comparison.api).await?,
                    1 => self.drive(kind, &mut comparison.driver).await?,
                    2 => self.serve(&hello, hello_address, kind, &mut comparison.hyper).await?,
                    peer => {
                        let Peer { name, process, address } = &self.peers[peer - 3];
                        let cost = comparison.peers.entry((*name).to_owned()).or_default();
                        self.serve(process, *address, kind, cost).await?;
                    }
                }
            }
            let named = [("API", &comparison.api), ("driver", &comparison.driver), ("hyper", &comparison.hyper)];
            let peers = comparison.peers.iter().map(|(name, cost)| (name.as_str(), cost));
            let told = named
                .into_iter()
                .chain(peers)
                .map(|(name, cost)| format!("{name} {:.1}", cost.cpu_us.last().copied().unwrap_or_default()));
            let told: Vec<String> = told.collect();
            say(format!("{}, round {round}: CPU µs per request: {}", kind.name, told.join(", ")));
        }
        Ok(comparison)
    }

    async fn serve(
        &self,
        server: &Program,
        address: SocketAddr,
        kind: &Kind,
        cost: &mut Cost,
    ) -> Result<(), ApiBenchError> {
        let pid = server.pid()?;
        let cpu = || cpu_time_of_tree(pid).map_err(|error| ApiBenchError::Io("reading a CPU time", error));
        let before = cpu()?;
        let done = self.load(address, &kind.paths, AT_ONCE, Until::Time(self.effort.time)).await?;
        let used = cpu()?.saturating_sub(before);
        cost.add(done.requests, done.seconds, used.as_secs_f64());
        Ok(())
    }

    async fn drive(&self, kind: &Kind, cost: &mut Cost) -> Result<(), ApiBenchError> {
        let done = self.parts.read(self.store.node, kind.name, AT_ONCE, self.effort.time).await?;
        cost.add(done.requests, done.seconds, done.cpu_seconds);
        Ok(())
    }
}

impl Cost {
    pub(super) fn add(&mut self, requests: u64, seconds: f64, cpu_seconds: f64) {
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
        let comparison = Comparison {
            api: cost(&[30.0, 60.0]),
            driver: cost(&[10.0, 20.0]),
            hyper: cost(&[10.0, 20.0]),
            ..Comparison::default()
        };
        let times = comparison.times(&cost(&[60.0, 120.0]));
        assert_eq!(times, Figure { median: 2.0, least: 2.0, most: 2.0 });
        assert_eq!(comparison.ratio(), Figure { median: 1.5, least: 1.5, most: 1.5 });
    }
}
