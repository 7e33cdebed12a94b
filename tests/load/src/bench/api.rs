//! What the API costs: CPU per request and throughput of a product by id and of a page of fifty,
//! beside the bare driver and a bare hyper server, in turns, on one Cassandra. IO.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store_bench::process_time::{cpu_time_of_tree, resident_kib};

use super::equality::{self, PAGE};
use super::figures::Figure;
use super::parts::{Asked, Parts, Until};
use super::peers::{self, Peer};
use super::store::Store;
use crate::child::{ChildError, Program};
use store_testbed::cache::CacheError;
use store_testbed::command::CommandError;
use store_testbed::local_cassandra::RingError;
use store_testbed::progress::{WaitError, say};

/// Connections of the clients, and workers of the driver's loop.
const AT_ONCE: usize = 32;
/// Connections of a crowd that memory is looked at with.
const CROWD: usize = 256;

/// The API and the bare ones; the peers come after them.
const OWN: usize = 4;

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
    /// Hyper with these bytes after a read by the driver, in one process: what a server between two sockets cannot do without.
    #[serde(default)]
    pub both: Cost,
    /// The same by others, by name.
    #[serde(default)]
    pub peers: BTreeMap<String, Cost>,
    /// Bytes of an answer.
    pub bytes: u64,
    /// Rounds in which something else had the CPUs; they were taken again and count nowhere.
    #[serde(default)]
    pub refused: usize,
}

/// What one measurement of one of the compared saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) requests: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

/// CPU time that a measurement needs: it is read in hundredths of a second, so less of it is read with an error that
/// is as large as what is looked for.
const LEAST_CPU_SECONDS: f64 = 0.2;

impl Sample {
    /// Whether its process came to nothing because something else had the CPUs.
    pub(super) fn is_starved(&self) -> bool {
        self.requests == 0 || self.cpu_seconds < LEAST_CPU_SECONDS
    }
}

impl Comparison {
    /// CPU per request of the API to that of hyper and driver together, round by round.
    pub fn ratio(&self) -> Figure {
        let apart = self.driver.cpu_us.iter().zip(&self.hyper.cpu_us).map(|(driver, hyper)| driver + hyper);
        Figure::of_ratios(&self.api.cpu_us, &apart.collect::<Vec<_>>())
    }

    /// CPU per request of the API to that of hyper and driver in one process, round by round.
    pub fn to_both(&self) -> Figure {
        Figure::of_ratios(&self.api.cpu_us, &self.both.cpu_us)
    }

    /// CPU per request of a peer to that of the API, round by round.
    pub fn times(&self, peer: &Cost) -> Figure {
        Figure::of_ratios(&peer.cpu_us, &self.api.cpu_us)
    }

    /// Throughput of the API to that of the driver alone, round by round.
    pub fn share(&self) -> Figure {
        Figure::of_ratios(&self.api.per_second, &self.driver.per_second)
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
        let body = self.store.file("hello", &body)?;
        let (hello, hello_address) = self.parts.hello(&body).await?;
        let (both, both_address) = self.parts.both(&body, self.store.node, kind.name).await?;
        // Connections are made and hot code is found before it counts.
        for address in self.peers.iter().map(|peer| peer.address).chain([hello_address, both_address]) {
            self.load(address, &kind.paths, AT_ONCE, Until::Requests(20)).await?;
        }
        let mut round = 0;
        while round < self.effort.rounds {
            let mut order: Vec<usize> = (0..OWN + self.peers.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            let mut samples = Vec::with_capacity(order.len());
            for which in order {
                let sample = match which {
                    0 => self.serve(&self.store.api, self.store.address, kind).await?,
                    1 => self.drive(kind).await?,
                    2 => self.serve(&hello, hello_address, kind).await?,
                    3 => self.serve(&both, both_address, kind).await?,
                    peer => {
                        let peer = &self.peers[peer - OWN];
                        self.serve(&peer.process, peer.address, kind).await?
                    }
                };
                samples.push((which, sample));
            }
            if let Some((which, starved)) = samples.iter().find(|(_, sample)| sample.is_starved()) {
                comparison.refused += 1;
                let who = self.name(*which);
                say(format!("{}, round {round}: refused, {who} was starved: {starved:?}", kind.name));
                if comparison.refused > self.effort.rounds {
                    let least = LEAST_CPU_SECONDS;
                    return Err(ApiBenchError::Wrong(format!(
                        "{} of {who} got less than {least} s of CPU in too many rounds: measure on a quieter machine, or for more --seconds",
                        kind.name
                    )));
                }
                continue;
            }
            samples.sort_by_key(|(which, _)| *which);
            let told: Vec<String> = samples
                .iter()
                .map(|(which, sample)| {
                    let cost = match which {
                        0 => &mut comparison.api,
                        1 => &mut comparison.driver,
                        2 => &mut comparison.hyper,
                        3 => &mut comparison.both,
                        peer => comparison.peers.entry(self.name(*peer).to_owned()).or_default(),
                    };
                    format!("{} {:.1}", self.name(*which), cost.add(*sample))
                })
                .collect();
            say(format!("{}, round {round}: CPU µs per request: {}", kind.name, told.join(", ")));
            round += 1;
        }
        Ok(comparison)
    }

    fn name(&self, which: usize) -> &'static str {
        match which {
            0 => "API",
            1 => "driver",
            2 => "hyper",
            3 => "both",
            peer => self.peers[peer - OWN].name,
        }
    }

    async fn serve(&self, server: &Program, address: SocketAddr, kind: &Kind) -> Result<Sample, ApiBenchError> {
        let pid = server.pid()?;
        let cpu = || cpu_time_of_tree(pid).map_err(|error| ApiBenchError::Io("reading a CPU time", error));
        let before = cpu()?;
        let done = self.load(address, &kind.paths, AT_ONCE, Until::Time(self.effort.time)).await?;
        let used = cpu()?.saturating_sub(before);
        Ok(Sample { requests: done.requests, seconds: done.seconds, cpu_seconds: used.as_secs_f64() })
    }

    async fn drive(&self, kind: &Kind) -> Result<Sample, ApiBenchError> {
        let done = self.parts.read(self.store.node, kind.name, AT_ONCE, self.effort.time).await?;
        Ok(Sample { requests: done.requests, seconds: done.seconds, cpu_seconds: done.cpu_seconds })
    }
}

impl Cost {
    /// Adds a measurement and tells its CPU microseconds per request.
    pub(super) fn add(&mut self, sample: Sample) -> f64 {
        let requests = sample.requests as f64;
        let cpu_us = sample.cpu_seconds * 1e6 / requests;
        self.cpu_us.push(cpu_us);
        self.per_second.push(requests / sample.seconds);
        cpu_us
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
            both: cost(&[15.0, 40.0]),
            ..Comparison::default()
        };
        let times = comparison.times(&cost(&[60.0, 120.0]));
        assert_eq!(times, Figure { median: 2.0, least: 2.0, most: 2.0 });
        assert_eq!(comparison.ratio(), Figure { median: 1.5, least: 1.5, most: 1.5 });
        assert_eq!(comparison.to_both(), Figure { median: 1.75, least: 1.5, most: 2.0 });
    }

    #[test]
    fn a_process_that_came_to_nothing_is_no_measurement() {
        let usual = Sample { requests: 30_000, seconds: 3.0, cpu_seconds: 0.9 };
        assert!(!usual.is_starved());
        assert!(Sample { requests: 0, ..usual }.is_starved());
        assert!(Sample { requests: 40, cpu_seconds: 0.01, ..usual }.is_starved());
        assert!(Sample { cpu_seconds: 0.0, ..usual }.is_starved());
    }
}
