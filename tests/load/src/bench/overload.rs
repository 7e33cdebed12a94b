//! Several times as many requests as the store can answer: how many it answers, what becomes of the others, and how it is
//! afterwards. Three Cassandras and the API have one CPU, the clients another, so that these do not take away what they
//! measure; with two CPUs all share them where the machine has no third.
//! IO: child processes, HTTP.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rustix::io::Errno;
use rustix::thread::{CpuSet, Pid, sched_setaffinity};
use serde::{Deserialize, Serialize};
use store_bench::open_loop::Pressed;
use store_bench::process_time::resident_kib;

use super::api::ApiBenchError;
use super::orders::{Carts, Customers, LINES_MAX};
use super::parts::{Asked, Parts, Until};
use super::store::Store;
use store_testbed::progress::say;

/// Connections of those who ask too much: more than it takes in and lets wait.
const CROWD: usize = 1200;
/// Lines of an order.
const LINES: usize = 3;
/// Connections with which the capacity is looked for.
const CAPACITY: [usize; 3] = [32, 64, 128];
/// For so long each.
const LOOKING: Duration = Duration::from_secs(20);
/// Before that nothing is measured.
const WARMING: Duration = Duration::from_secs(24);
/// After which it must be as before.
const RECOVERY: Duration = Duration::from_secs(10);
/// What is asked for after that, of the capacity.
const CALM: f64 = 0.5;

/// How many are let in: worked on at once, waiting and for how many milliseconds, and in how many
/// milliseconds those in a crowd shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// `STORE_MAX_REQUESTS`.
    pub working: u32,
    /// `STORE_MAX_WAITING`.
    pub waiting: u32,
    /// `STORE_MAX_WAIT_MS`.
    pub patience_ms: u32,
    /// `STORE_CROWD_MS`.
    pub turn_ms: u32,
}

impl std::str::FromStr for Bounds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u32>> = text.split('/').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[working, waiting, patience_ms, turn_ms]) => Ok(Self { working, waiting, patience_ms, turn_ms }),
            _ => {
                let what = "worked on at once, waiting, milliseconds of that, milliseconds in a crowd";
                Err(format!("four numbers with slashes between: {what}"))
            }
        }
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{} ms/{} ms", self.working, self.waiting, self.patience_ms, self.turn_ms)
    }
}

/// What became of it under some bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OverloadFigures {
    /// The bounds; those of a shop without settings when there are none.
    pub bounds: Option<Bounds>,
    /// Requests a second that it answers when it is asked for just as much.
    pub capacity: f64,
    /// CPUs of Cassandra and the API.
    pub cpus: usize,
    /// How many times its capacity it was asked for.
    pub times: f64,
    /// The crowd.
    pub crowd: Pressed,
    /// Memory in KiB before it, after a quarter of it, and at its end.
    pub resident: (u64, u64, u64),
    /// From ten seconds after it on.
    pub calm: Pressed,
}

impl OverloadFigures {
    /// The share of the capacity that was answered with success in the crowd.
    pub fn goodput(&self) -> f64 {
        self.crowd.good as f64 / self.crowd.seconds / self.capacity
    }
}

/// Finds the capacity on so many CPUs and asks for so many times as much for `time`, for each of the bounds.
///
/// # Errors
/// [`ApiBenchError`] when something fails that is not a request of the crowd.
pub async fn measure(
    parts: &Parts,
    bounds: &[Option<Bounds>],
    (cpus, times): (&[usize], &[f64]),
    time: Duration,
) -> Result<Vec<OverloadFigures>, ApiBenchError> {
    let mut store = Store::start_of(parts, 3).await?;
    store.make_products().await?;
    let carts = Carts::make(&store).await?;
    let (_, carts) = carts.requests(&store, LINES, Customers::Many)?;
    // Eight reads, a change of a stock, an order.
    let lines: Vec<String> = (carts.iter().zip(store.ids.chunks(LINES_MAX)))
        .flat_map(|(cart, ids)| {
            let reads = ids.iter().cycle().take(8).map(|id| format!("/products/{id}"));
            let change = format!("/stocks/{}/adjustments\t{{\"delta\":1,\"reason\":\"bench\"}}", ids[0]);
            reads.chain([change, format!("/orders\t{cart}")]).collect::<Vec<_>>()
        })
        .collect();
    let requests = store.file("mixed", lines.join("\n"))?;
    let machine = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let mut figures = Vec::new();
    for cpus in cpus {
        let of_store = 0..(*cpus).min(machine);
        let of_clients = if of_store.end < machine { of_store.end..machine } else { 0..machine };
        store.cassandras().into_iter().try_for_each(|pid| pin(pid, of_store.clone()))?;
        // What this process starts inherits it.
        pin(std::process::id(), of_clients)?;
        let told =
            stream::iter(bounds).then(|bounds| under(parts, &store, &requests, *bounds, (&of_store, times), time));
        let told: Result<Vec<Vec<OverloadFigures>>, ApiBenchError> = told.try_collect().await;
        pin(std::process::id(), 0..machine)?;
        figures.extend(told?.into_iter().flatten());
    }
    Ok(figures)
}

async fn under(
    parts: &Parts,
    store: &Store,
    requests: &std::path::Path,
    bounds: Option<Bounds>,
    (cpus, times): (&Range<usize>, &[f64]),
    time: Duration,
) -> Result<Vec<OverloadFigures>, ApiBenchError> {
    let texts = bounds
        .map(|bounds| [bounds.working, bounds.waiting, bounds.patience_ms, bounds.turn_ms].map(|n| n.to_string()));
    let names = ["STORE_MAX_REQUESTS", "STORE_MAX_WAITING", "STORE_MAX_WAIT_MS", "STORE_CROWD_MS"];
    let settings: Vec<(&str, &str)> =
        texts.iter().flat_map(|texts| names.into_iter().zip(texts.iter().map(String::as_str))).collect();
    let (api, address) = store.another(&settings).await?;
    pin(api.pid()?, cpus.clone())?;
    let asked = |connections| Asked { requests, connections };
    let resident = || resident_kib(api.pid()?).map_err(|error| ApiBenchError::Io("reading the API's memory", error));
    // For Java to compile what is hot.
    parts.load(address, asked(CAPACITY[1]), Until::Time(WARMING)).await?;
    let mut capacity = 0.0_f64;
    for connections in CAPACITY {
        let done = parts.load(address, asked(connections), Until::Time(LOOKING)).await?;
        let rate = done.requests as f64 / done.seconds;
        say(format!("{connections} connections: {rate:.0} requests a second"));
        capacity = capacity.max(rate);
    }
    let mut all = Vec::new();
    for times in times {
        let before = resident()?.0;
        let early = async {
            tokio::time::sleep(time / 4).await;
            resident()
        };
        let (crowd, early) = tokio::join!(parts.press(address, asked(CROWD), (capacity * times, time)), early);
        let (crowd, early) = (crowd?, early?);
        let after = resident()?.0;
        tokio::time::sleep(RECOVERY).await;
        let calm = parts.press(address, asked(CAPACITY[2]), (capacity * CALM, Duration::from_secs(10))).await?;
        let resident = (before, early.0, after);
        let figures = OverloadFigures { bounds, capacity, cpus: cpus.len(), times: *times, crowd, resident, calm };
        say(format!(
            "{} CPUs, {times} times the capacity: {:.0} % of it: {:?}; then {:?}",
            cpus.len(),
            figures.goodput() * 100.0,
            figures.crowd,
            figures.calm
        ));
        all.push(figures);
    }
    Ok(all)
}

/// Lets a process with all its threads, and what these start from now on, run on some CPUs only.
fn pin(pid: u32, cpus: Range<usize>) -> Result<(), ApiBenchError> {
    let mut set = CpuSet::new();
    cpus.for_each(|cpu| set.set(cpu));
    let mut pinned = BTreeSet::new();
    // A thread that was not there yet may have been started by one that was not pinned yet.
    loop {
        let threads = threads(pid).map_err(|error| ApiBenchError::Io("listing the threads of a process", error))?;
        let new: Vec<i32> = threads.difference(&pinned).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        for thread in new {
            match sched_setaffinity(Pid::from_raw(thread), &set) {
                // It has ended meanwhile.
                Err(Errno::SRCH) | Ok(()) => pinned.insert(thread),
                Err(error) => return Err(ApiBenchError::Io("choosing CPUs for a process", error.into())),
            };
        }
    }
}

fn threads(pid: u32) -> std::io::Result<BTreeSet<i32>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_where_it_is_put_and_one_that_is_gone_is_an_error() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        pin(child.id(), 0..1).expect("pinned");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id"));
        assert_eq!(rustix::thread::sched_getaffinity(pid).expect("CPUs").count(), 1);
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(pin(child.id(), 0..1).is_err());
    }

    #[test]
    fn bounds_are_read_as_they_are_written_and_goodput_is_a_share_of_the_capacity() {
        let bounds: Bounds = "256/128/100/500".parse().expect("bounds");
        assert_eq!(bounds.to_string(), "256/128/100 ms/500 ms");
        assert!("256/128/100".parse::<Bounds>().is_err() && "1/2/3/x".parse::<Bounds>().is_err());
        let crowd = Pressed { good: 900, seconds: 10.0, ..Pressed::default() };
        let figures = OverloadFigures {
            bounds: None,
            capacity: 100.0,
            cpus: 1,
            times: 2.0,
            crowd,
            resident: (1, 1, 1),
            calm: Pressed::default(),
        };
        assert!((figures.goodput() - 0.9).abs() < 1e-9);
    }
}
