//! Those who are not bad: people who read what they always read, and the kubelet. IO: HTTP.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::pod::{MannersError, Pod, token_of};

/// People who read at the same time, every other one with a new connection for each read.
const READERS: usize = 6;
/// Between two reads of a person.
const PAUSE: Duration = Duration::from_millis(40);
/// A read is given up after this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks of the kubelet.
const PROBES_EVERY: Duration = Duration::from_millis(500);

/// What is read, by the ids of products, users and orders that are there.
#[derive(Debug, Clone)]
pub struct Read {
    /// Paths.
    pub paths: Vec<String>,
}

/// How reads went.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How long each took that was answered with 200.
    pub took: Vec<Duration>,
    /// What became of the others.
    pub failed: Vec<String>,
}

impl Seen {
    /// So many of a hundred took this or less; `None` where that many did not succeed.
    pub fn percentile(&self, of_hundred: usize) -> Option<Duration> {
        let mut took = self.took.clone();
        took.sort_unstable();
        let all = took.len() + self.failed.len();
        took.get((all * of_hundred).div_ceil(100).checked_sub(1)?).copied()
    }

    /// The reasons of failures, each once, with its count.
    pub fn why(&self) -> String {
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        self.failed.iter().for_each(|why| *counts.entry(why).or_default() += 1);
        counts.iter().map(|(why, count)| format!("{count} × {why}")).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |of| self.percentile(of).map_or("failed".to_owned(), |took| format!("{} ms", took.as_millis()));
        write!(
            f,
            "{} reads, half within {}, 99 % within {}, all within {}",
            self.took.len(),
            millis(50),
            millis(99),
            millis(100)
        )?;
        if self.failed.is_empty() { Ok(()) } else { write!(f, "; {}", self.why()) }
    }
}

/// Reads until the end.
pub async fn read(pod: &Arc<Pod>, what: &Read, end: Instant) -> Result<Seen, MannersError> {
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (pod, paths) = (Arc::clone(pod), what.paths.clone());
        let kept = pod.client(usize::MAX - reader, PATIENCE)?;
        readers.spawn(async move {
            let mut seen = Seen::default();
            for turn in reader.. {
                if Instant::now() >= end {
                    break;
                }
                let path = &paths[turn % paths.len()];
                let began = Instant::now();
                // A client that keeps its connection may find it closed, and then makes another, as all of them do.
                let client = if reader % 2 == 0 { Ok(kept.clone()) } else { pod.client(usize::MAX - reader, PATIENCE) };
                let read = match client {
                    Ok(client) => get(&client, &pod.url(path)).await,
                    Err(error) => Err(error.to_string()),
                };
                match read {
                    Ok(()) => seen.took.push(began.elapsed()),
                    Err(why) => seen.failed.push(why),
                }
                sleep(PAUSE).await;
            }
            seen
        });
    }
    let mut all = Seen::default();
    for seen in readers.join_all().await {
        all.took.extend(seen.took);
        all.failed.extend(seen.failed);
    }
    Ok(all)
}

/// Reads a 200 to its end, or tells what there was instead.
async fn get(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let told = |error: reqwest::Error| match error {
        error if error.is_timeout() => "no answer".to_owned(),
        error if error.is_connect() => "no connection".to_owned(),
        _ => "closed".to_owned(),
    };
    let answer = client.get(url).bearer_auth(token_of("seller")).send().await.map_err(told)?;
    match answer.status().as_u16() {
        200 => answer.bytes().await.map(drop).map_err(told),
        status => Err(status.to_string()),
    }
}

/// What the kubelet saw.
#[derive(Debug, Clone, Default)]
pub struct Probes {
    pub asked: usize,
    /// That took longer than it waits.
    pub late: usize,
    /// Answers that were not 200.
    pub wrong: Vec<String>,
}

/// Probes until the end as the kubelet does, each with a connection of its own.
pub async fn probe(pod: &Pod, end: Instant, within: Duration) -> Result<Probes, MannersError> {
    let client = pod.client(0, PATIENCE)?;
    let mut seen = Probes::default();
    while Instant::now() < end {
        for path in ["/livez", "/readyz"] {
            let began = Instant::now();
            let answer = client.get(pod.operations_url(path)).header("connection", "close").send().await;
            seen.asked += 1;
            seen.late += usize::from(began.elapsed() > within);
            match answer {
                Ok(answer) if answer.status() == 200 => {}
                Ok(answer) => seen.wrong.push(format!("{path} {}", answer.status())),
                Err(error) => seen.wrong.push(format!("{path}: {error}")),
            }
        }
        sleep(PROBES_EVERY).await;
    }
    Ok(seen)
}
