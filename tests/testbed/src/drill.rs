//! The testbed's own drill: a web server of two pods behind the Ingress, a constant load through the
//! load-balancer, and a machine that falls silent. It shows how much of a failure is the testbed's
//! and not the shop's. IO.

use std::time::{Duration, Instant};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use rustix::process::Signal;

use crate::addons;
use crate::cluster::{Cluster, ClusterError, blocking, kube_error};
use crate::command::{SHORT, run_with_input};
use crate::progress::{say, wait_until};

const NAMESPACE: &str = "drill";
/// The Ingress asks for this host, so that the drill takes nothing from a shop on the same cluster.
const HOST: &str = "drill.test";
/// Requests a second.
const RATE: u32 = 50;
/// The load before and after the cut, and after the return.
const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(35);
const RETURN: Duration = Duration::from_secs(15);
/// What a request may take in all.
const PATIENCE: Duration = Duration::from_secs(20);
/// A failure that began later than this after the cut is the testbed's fault.
const AFTERMATH: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_secs(90);

/// One request.
#[derive(Debug, Clone)]
struct Outcome {
    /// When it began, since the load did.
    at: Duration,
    took: Duration,
    /// What went wrong, if something did.
    failure: Option<String>,
}

/// What the drill found; times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Requests in all.
    pub requests: usize,
    /// Failures of requests that began before the cut: they were inside the machine.
    pub lost_inside: usize,
    /// Failures of requests that began after it.
    pub lost_after: usize,
    /// The slowest hundredth began at this.
    pub p99: f64,
    /// The slowest.
    pub worst: f64,
    /// From the cut until Kubernetes called the node NotReady.
    pub to_not_ready: f64,
    /// From power-on until Ready.
    pub to_ready: f64,
    /// Failures while the node came back.
    pub lost_later: usize,
}

impl Report {
    /// Whether only requests inside the machine failed.
    pub fn is_clean(&self) -> bool {
        self.lost_after == 0 && self.lost_later == 0
    }
}

/// Runs the drill on a cluster and takes away what it made.
///
/// # Errors
/// [`ClusterError`] when something could not be done at all.
pub async fn run(cluster: &Cluster) -> Result<Report, ClusterError> {
    let manifest = addons::render_file(cluster.layout(), "drill.yaml")?;
    apply(cluster, &["apply", "-f", "-"], &manifest).await?;
    let report = under_load(cluster).await;
    // A cluster stays usable after a drill that failed in the middle.
    for node in cluster.nodes() {
        node.power_on().await?;
    }
    apply(cluster, &["delete", "--wait=false", "-f", "-"], &manifest).await?;
    report
}

async fn apply(cluster: &Cluster, arguments: &[&str], manifest: &str) -> Result<(), ClusterError> {
    let mut kubectl = cluster.kubectl();
    kubectl.args(arguments);
    let manifest = manifest.to_owned();
    blocking(move || Ok(run_with_input(&mut kubectl, Some(manifest.as_bytes()), SHORT)?)).await.map(drop)
}

async fn under_load(cluster: &Cluster) -> Result<Report, ClusterError> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), NAMESPACE);
    wait_until("the drill's web server", START, || async {
        let found = pods.list(&ListParams::default().labels("app=echo")).await.map_err(|error| error.to_string())?;
        match found.items.iter().filter(|pod| crate::shop::is_ready(pod)).count() {
            2 => answers(&cluster.url()).await,
            ready => Err(format!("{ready} of 2 pods ready")),
        }
    })
    .await?;
    let victim = victim(&pods).await?;
    let node = cluster.node(&victim.1)?;

    say(format!("{RATE} requests/s; {} loses its power after {} s", node.name(), BEFORE.as_secs()));
    let (url, faults) = (cluster.url(), cluster.clone());
    let load = tokio::spawn(async move { load(&url, BEFORE + AFTER).await });
    tokio::time::sleep(BEFORE).await;
    let cut_at = Instant::now();
    node.cut_power().await?;
    faults.wait_node(node.name(), false, Duration::from_secs(120)).await?;
    let to_not_ready = cut_at.elapsed().as_secs_f64();
    let outage = load.await.unwrap_or_default();

    say(format!("{} gets its power back", node.name()));
    let url = cluster.url();
    let load = tokio::spawn(async move { self::load(&url, RETURN).await });
    let on_at = Instant::now();
    node.power_on().await?;
    cluster.wait_node(node.name(), true, Duration::from_secs(120)).await?;
    let to_ready = on_at.elapsed().as_secs_f64();
    let back = load.await.unwrap_or_default();
    kill_one(cluster, &pods).await?;
    Ok(judge(&outage, &back, to_not_ready, to_ready))
}

/// Kills the processes of a pod's container, which Kubernetes then starts again.
async fn kill_one(cluster: &Cluster, pods: &Api<Pod>) -> Result<(), ClusterError> {
    let (pod, _) = victim(pods).await?;
    let killed = cluster.signal(NAMESPACE, &pod, "echo", Signal::KILL).await?;
    say(format!("killed {killed} process of {pod}"));
    wait_until("the container to be started again", START, || async {
        let found = pods.get(&pod).await.map_err(|error| error.to_string())?;
        let status = found.status.unwrap_or_default().container_statuses.unwrap_or_default();
        let restarted = status.iter().any(|container| container.restart_count > 0 && container.ready);
        if restarted { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await?;
    Ok(())
}

fn judge(outage: &[Outcome], back: &[Outcome], to_not_ready: f64, to_ready: f64) -> Report {
    let failed = |all: &[Outcome], from: Duration, to: Duration| {
        all.iter().filter(|one| one.failure.is_some() && one.at >= from && one.at < to).count()
    };
    for one in outage.iter().chain(back).filter(|one| one.failure.is_some()) {
        say(format!("failed at {:.2} s after {:.2} s: {}", one.at.as_secs_f64(), one.took.as_secs_f64(), text(one)));
    }
    let mut times: Vec<f64> = outage.iter().map(|one| one.took.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    Report {
        requests: outage.len() + back.len(),
        lost_inside: failed(outage, Duration::ZERO, BEFORE + AFTERMATH),
        lost_after: failed(outage, BEFORE + AFTERMATH, Duration::MAX),
        p99: times.get(times.len() * 99 / 100).copied().unwrap_or_default(),
        worst: times.last().copied().unwrap_or_default(),
        to_not_ready,
        to_ready,
        lost_later: failed(back, Duration::ZERO, Duration::MAX),
    }
}

fn text(one: &Outcome) -> &str {
    one.failure.as_deref().unwrap_or_default()
}

/// The name of a ready pod of the web server, and its node.
async fn victim(pods: &Api<Pod>) -> Result<(String, String), ClusterError> {
    let found =
        pods.list(&ListParams::default().labels("app=echo")).await.map_err(kube_error("listing the drill's pods"))?;
    let mut ready = found.items.into_iter().filter(crate::shop::is_ready);
    let pod = ready.find_map(|pod| Some((pod.name_any(), pod.spec?.node_name?)));
    pod.ok_or_else(|| ClusterError::NoContainer {
        namespace: NAMESPACE.to_owned(),
        pod: "app=echo".to_owned(),
        container: "echo".to_owned(),
    })
}

async fn answers(url: &str) -> Result<(), String> {
    request(url, 0).await
}

/// Begins a request every so often, whatever becomes of the earlier ones: open loop.
async fn load(url: &str, length: Duration) -> Vec<Outcome> {
    let began = Instant::now();
    let mut ticker = tokio::time::interval(Duration::from_secs(1) / RATE);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut running = Vec::new();
    let mut number = 0;
    while began.elapsed() < length {
        ticker.tick().await;
        let (url, at) = (url.to_owned(), began.elapsed());
        running.push(tokio::spawn(async move {
            let started = Instant::now();
            let failure = request(&url, number).await.err();
            Outcome { at, took: started.elapsed(), failure }
        }));
        number += 1;
    }
    join_all(running).await.into_iter().flatten().collect()
}

/// Half of them read and half write; a fifth takes its time inside the pod. Each has a connection of
/// its own, as curl's do.
async fn request(url: &str, number: u32) -> Result<(), String> {
    let text = |error: reqwest::Error| error.without_url().to_string();
    let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().map_err(text)?;
    let target = format!("{url}{}", if number % 10 < 2 { "/slow" } else { "/" });
    let request = if number.is_multiple_of(2) { http.get(target) } else { http.post(target).body("x") };
    let answer = request.header("Host", HOST).send().await.map_err(text)?;
    let status = answer.status();
    answer.bytes().await.map_err(text)?;
    if status.is_success() { Ok(()) } else { Err(status.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_by_when_its_request_began() {
        let one = |at: Duration, failure: Option<&str>| Outcome {
            at,
            took: Duration::from_millis(100),
            failure: failure.map(str::to_owned),
        };
        let outage = [
            one(BEFORE, None),
            one(BEFORE - Duration::from_millis(50), Some("502")),
            one(BEFORE + AFTERMATH + Duration::from_millis(1), Some("504")),
        ];
        let report = judge(&outage, &[one(Duration::ZERO, None)], 20.0, 1.0);
        assert_eq!((report.requests, report.lost_inside, report.lost_after, report.lost_later), (4, 1, 1, 0));
        assert!(!report.is_clean());
    }
}
