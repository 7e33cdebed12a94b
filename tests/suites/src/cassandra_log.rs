//! How long Cassandra itself took for what it was told to do, from the logs of its pods. Pure, but for the Kubernetes API that
//! has the logs.
//!
//! This is the honest other side of an operator's times: what a person at nodetool would have waited
//! for too. Lines are expected as the kubelet gives them: an RFC 3339 time, a blank, the line.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{AsyncBufReadExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::task::JoinSet;

use store_testbed::shop::{Shop, ShopError, ask};

/// Most of a log that is read at once, in bytes.
const READ: i64 = 32 << 20;
/// Most of a followed log that is kept, in bytes.
const FOLLOWED: usize = 32 << 20;

/// Something that a node did, from its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What it did.
    pub kind: WorkKind,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// Kinds of work that the log tells begin and end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkKind {
    /// From the first line of the process to listening for clients; joining is part of it.
    Start,
    /// One repair command.
    Repair,
    /// From the announcement of leaving to being decommissioned.
    Decommission,
}

/// The work that ended in `log`, in the order in which it ended.
pub fn work(log: &str) -> Vec<Work> {
    let mut done = Vec::new();
    let mut started = None;
    let mut leaving = None;
    let mut repairs = BTreeMap::new();
    for line in log.lines() {
        let Some((time, text)) = line.split_once(' ') else { continue };
        let Ok(time) = time.parse::<Timestamp>() else { continue };
        let mut end = |kind, began: Option<Timestamp>| {
            if let Some(took) = began.and_then(|began| Duration::try_from(time.duration_since(began)).ok()) {
                done.push(Work { kind, began: began.unwrap_or(time), took });
            }
        };
        if text.contains("Hostname: ") {
            started = Some(time);
        } else if text.contains("Starting listening for CQL clients") {
            end(WorkKind::Start, started.take());
        } else if let Some(number) = command(text, "Starting repair command #") {
            repairs.insert(number, time);
        } else if let Some(number) = command(text, "Repair command #").filter(|_| text.contains(" finished")) {
            end(WorkKind::Repair, repairs.remove(&number));
        } else if text.contains("LEAVING: ") {
            leaving.get_or_insert(time);
        } else if text.contains("DECOMMISSIONED") {
            end(WorkKind::Decommission, leaving.take());
        }
    }
    done
}

/// The time in which any of `works` was under way: what overlaps counts once.
pub fn busy<'a>(works: impl Iterator<Item = &'a Work>) -> Duration {
    let mut spans: Vec<_> = works.map(|work| (work.began, work.began + work.took)).collect();
    spans.sort_unstable();
    let mut total = Duration::ZERO;
    let mut until = Timestamp::MIN;
    for (began, ended) in spans {
        let began = began.max(until);
        // Negative, so no duration: the span lies within an earlier one.
        total += Duration::try_from(ended.duration_since(began)).unwrap_or_default();
        until = until.max(ended);
    }
    total
}

/// The work that the logs of the shop's Cassandra pods tell of since `since`, by pod. A pod whose log cannot be read (it has
/// gone, its machine has no power) has no part in it.
///
/// # Errors
/// [`ShopError`] when the pods cannot be listed.
pub async fn work_since(shop: &Shop, since: Timestamp) -> Result<Vec<(String, Work)>, ShopError> {
    let api: Api<Pod> = shop.api();
    let params = LogParams { since_time: Some(since), limit_bytes: Some(READ), ..timed() };
    let mut all = Vec::new();
    for pod in shop.pods("cassandra").await?.into_keys() {
        if let Ok(log) = ask(&format!("reading the log of {pod}"), api.logs(&pod, &params)).await {
            all.extend(work(&log).into_iter().map(|work| (pod.clone(), work)));
        }
    }
    Ok(all)
}

/// Logs being followed; dropping it ends that.
#[derive(Debug, Default)]
pub struct FollowedLogs {
    texts: Vec<Arc<Mutex<String>>>,
    tasks: JoinSet<()>,
}

impl FollowedLogs {
    /// Follows the logs of the shop's Cassandra pods that are there now, from now on: the log of a pod that goes cannot be
    /// read afterwards.
    ///
    /// # Errors
    /// [`ShopError`] when the pods cannot be listed or a log cannot be opened.
    pub async fn of(shop: &Shop) -> Result<Self, ShopError> {
        let api: Api<Pod> = shop.api();
        let params = LogParams { follow: true, since_time: Some(Timestamp::now()), ..timed() };
        let mut logs = FollowedLogs::default();
        for pod in shop.pods("cassandra").await?.into_keys() {
            let mut lines = ask(&format!("following the log of {pod}"), api.log_stream(&pod, &params)).await?.lines();
            let text = Arc::new(Mutex::new(String::new()));
            logs.texts.push(Arc::clone(&text));
            logs.tasks.spawn(async move {
                // It ends with the pod, or with this value.
                while let Ok(Some(line)) = lines.try_next().await {
                    let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                    if text.len() + line.len() > FOLLOWED {
                        break;
                    }
                    text.push_str(&line);
                    text.push('\n');
                }
            });
        }
        Ok(logs)
    }

    /// The work that they have told of so far.
    pub fn work(&self) -> Vec<Work> {
        self.texts.iter().flat_map(|text| work(&text.lock().unwrap_or_else(PoisonError::into_inner))).collect()
    }
}

/// Cassandra's log with a time before each line.
fn timed() -> LogParams {
    LogParams { container: Some("cassandra".into()), timestamps: true, ..LogParams::default() }
}

/// The number after `before` in a line.
fn command(text: &str, before: &str) -> Option<u64> {
    let after = &text[text.find(before)? + before.len()..];
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_and_end_of_starts_repairs_and_decommissions_are_paired() {
        let log = "\
2026-11-22T10:00:00.5Z INFO  [main] CassandraDaemon.java:557 - Hostname: shop-cassandra-a-0:7000:7001
2026-11-22T10:00:20.5Z INFO  [main] PipelineConfigurator.java:125 - Starting listening for CQL clients on /0.0.0.0:9042 (unencrypted)...
not a time: ignored
2026-11-22T10:01:00Z INFO  [Repair-Task:1] RepairCoordinator.java:305 - Starting repair command #1 (a), repairing keyspace shop with repair options (b)
2026-11-22T10:01:01Z INFO  [Repair-Task:1] RepairCoordinator.java:305 - Starting repair command #12 (a), repairing keyspace shop with repair options (b)
2026-11-22T10:01:02Z INFO  [Repair-Task:1] RepairCoordinator.java:512 - Repair command #12 finished in 1 second
2026-11-22T10:01:04Z INFO  [Repair-Task:1] RepairCoordinator.java:512 - Repair command #1 finished in 4 seconds
2026-11-22T10:02:00Z INFO  [jolokia-2] StorageService.java:2047 - LEAVING: sleeping 7000 ms for batch processing and pending range setup
2026-11-22T10:02:07Z INFO  [jolokia-2] StorageService.java:2047 - LEAVING: replaying batch log and streaming data to other nodes
2026-11-22T10:02:09Z INFO  [jolokia-2] StorageService.java:2047 - DECOMMISSIONED
";
        let found: Vec<_> = work(log).into_iter().map(|work| (work.kind, work.took.as_secs())).collect();
        assert_eq!(
            found,
            [(WorkKind::Start, 20), (WorkKind::Repair, 1), (WorkKind::Repair, 4), (WorkKind::Decommission, 9)]
        );
    }

    #[test]
    fn time_in_which_two_nodes_work_counts_once() {
        let work = |began: i64, seconds: u64| Work {
            kind: WorkKind::Start,
            began: Timestamp::from_second(began).expect("a time"),
            took: Duration::from_secs(seconds),
        };
        let works = [work(100, 10), work(200, 10), work(105, 10), work(106, 2)];
        assert_eq!(busy(works.iter()), Duration::from_secs(25));
        assert_eq!(busy([].iter()), Duration::ZERO);
    }

    #[test]
    fn work_whose_begin_or_end_is_not_in_the_log_is_left_out() {
        let log = "\
2026-11-22T10:00:20Z x - Starting listening for CQL clients on /0.0.0.0:9042
2026-11-22T10:01:00Z x - Starting repair command #3 (a), repairing keyspace shop
2026-11-22T10:01:00Z x - Repair command #4 finished in 0 seconds
";
        assert_eq!(work(log), []);
    }
}
