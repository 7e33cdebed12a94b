//! How fast a shop of three nodes is ready, beside three nodes started by hand; and what the operator
//! costs while it works and while it rests. IO: the testbed.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store_bench::process_time::resident_kib;

use super::audit::{self, Requests};
use store_testbed::cluster::{Cluster, ClusterError};
use store_testbed::command::CommandError;
use store_testbed::install::OPERATOR_NAMESPACE;
use store_testbed::kubectl::Kubectl;
use store_testbed::progress::{WaitError, say, wait_until};
use store_testbed::shop::{SHORT_DELAYS, Shop, ShopError, ask};

/// The manifest of one rack of the plain ring.
const PLAIN: &str = include_str!("../../../bench/plain-ring.yaml");
/// The image of the plain ring, the one that the operator uses for 5.0.
const IMAGE: &str = "docker.io/library/cassandra:5.0";
const READY: Duration = Duration::from_secs(600);
const GONE: Duration = Duration::from_secs(180);
/// How often the operator's memory is looked at.
const SAMPLE: Duration = Duration::from_secs(1);

/// A measurement could not be taken.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum RingBenchError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Shop(#[from] ShopError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error("reading the audit log or /proc: {0}")]
    Io(#[from] std::io::Error),
}

/// From apply to ready, in seconds, in the order in which they were measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StartFigures {
    /// Three nodes started one after another by hand; no roles, no tables, no API.
    pub script: Vec<f64>,
    /// A StoreCluster of three nodes and three copies, until it is Ready.
    pub operator: Vec<f64>,
    /// The same, until nothing is owed either.
    pub settled: Vec<f64>,
}

/// What the operator cost.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OperatorFigures {
    /// Requests while it brought the shop up.
    pub converging: Requests,
    /// How long that took, in seconds.
    pub converging_seconds: f64,
    /// Requests while nothing changed.
    pub settled: Requests,
    /// How long that was, in seconds.
    pub settled_seconds: f64,
    /// Most memory that any of its processes ever had resident, in KiB.
    pub most_resident_kib: u64,
    /// Memory resident at the end of the settled time, of its largest process, in KiB.
    pub settled_resident_kib: u64,
}

/// Measures `rounds` of each in the order ABBA, and in the last shop what the operator costs: while
/// it converges, and in `settled` of rest.
///
/// # Errors
/// [`RingBenchError`] when the testbed fails.
pub async fn measure(
    cluster: &Cluster,
    kubectl: &Kubectl,
    rounds: usize,
    settled: Duration,
) -> Result<(StartFigures, OperatorFigures), RingBenchError> {
    let mut starts = StartFigures::default();
    let mut operator = OperatorFigures::default();
    for round in 0..rounds {
        let last = round + 1 == rounds;
        if round % 2 == 0 {
            starts.script.push(plain_ring(cluster, kubectl).await?);
        }
        let rest = last.then_some(settled);
        let (ready, settled, cost) = shop(cluster, rest).await?;
        starts.operator.push(ready);
        starts.settled.push(settled);
        if last {
            operator = cost;
        }
        if round % 2 == 1 {
            starts.script.push(plain_ring(cluster, kubectl).await?);
        }
    }
    Ok((starts, operator))
}

/// Starts three nodes one after another and deletes them; the answer is the seconds until all served.
async fn plain_ring(cluster: &Cluster, kubectl: &Kubectl) -> Result<f64, RingBenchError> {
    let namespace = "plain-ring";
    make_namespace(cluster, namespace).await?;
    let began = Instant::now();
    for rack in ["a", "b", "c"] {
        let manifest = PLAIN.replace("IMAGE", IMAGE).replace("RACK", rack);
        kubectl.run_with(&["-n", namespace, "apply", "-f", "-"], manifest).await?;
        let pods: Api<Pod> = Api::namespaced(cluster.client(), namespace);
        let name = format!("plain-{rack}-0");
        wait_until(&format!("{name} of the plain ring"), READY, || async {
            let pod = pods.get_opt(&name).await.map_err(|error| error.to_string())?;
            if pod.as_ref().is_some_and(store_testbed::shop::is_ready) { Ok(()) } else { Err("not ready".to_owned()) }
        })
        .await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    say(format!("three nodes by hand: {seconds:.1} s"));
    delete_namespace(cluster, namespace).await?;
    Ok(seconds)
}

/// Brings a shop up, lets it rest, deletes it; the answer is the seconds until it was ready and until
/// it was settled, and what the operator cost.
async fn shop(cluster: &Cluster, rest: Option<Duration>) -> Result<(f64, f64, OperatorFigures), RingBenchError> {
    let shop = Shop::new(cluster.client(), "bench-shop", "shop");
    shop.make_namespace().await?;
    let racks: Vec<_> = ["a", "b", "c"].map(|rack| json!({ "name": rack, "zone": rack })).to_vec();
    let spec = json!({
        "cassandra": {
            "size": 3, "racks": racks, "deletionPolicy": "Delete", "jvmOptions": SHORT_DELAYS,
        },
        "keyspaces": [{ "name": "store_manager", "replicationFactor": 3 }],
        "api": { "replicas": 2, "ingress": {} },
    });
    let mut figures = OperatorFigures::default();
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:store-manager");
    let (began, clock) = (Timestamp::now(), Instant::now());
    shop.apply(&spec).await?;
    shop.wait_ready(READY).await?;
    let ready = clock.elapsed().as_secs_f64();
    shop.wait_settled(READY).await?;
    let seconds = clock.elapsed().as_secs_f64();
    let settled = Timestamp::now();
    say(format!("a shop of three nodes: ready {ready:.1} s, with nothing owed {seconds:.1} s"));
    if let Some(rest) = rest {
        figures.converging = audit::requests(&cluster.audit_log(), &user, began, settled)?;
        figures.converging_seconds = seconds;
        say(format!("letting the shop rest for {rest:?}"));
        let until = Instant::now() + rest;
        while Instant::now() < until {
            sample_memory(cluster, &mut figures).await?;
            tokio::time::sleep(SAMPLE).await;
        }
        figures.settled_seconds = rest.as_secs_f64();
        figures.settled = audit::requests(&cluster.audit_log(), &user, settled, Timestamp::now())?;
    }
    let api: Api<store_crds::StoreCluster> = shop.api();
    ask("deleting the shop", api.delete(shop.name(), &DeleteParams::foreground())).await?;
    delete_namespace(cluster, shop.namespace()).await?;
    Ok((ready, seconds, figures))
}

async fn sample_memory(cluster: &Cluster, figures: &mut OperatorFigures) -> Result<(), RingBenchError> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), OPERATOR_NAMESPACE);
    let params = ListParams::default().labels("app.kubernetes.io/component=operator");
    let mut largest = 0;
    for pod in ask("listing the operator's pods", pods.list(&params)).await?.items {
        let container =
            pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| container.name.clone()).next();
        let container = container.unwrap_or_default();
        let (_, pids) = cluster.processes(OPERATOR_NAMESPACE, &pod.name_any(), &container).await?;
        for pid in pids.into_iter().filter_map(|pid| u32::try_from(pid).ok()) {
            let (now, most) = resident_kib(pid)?;
            largest = largest.max(now);
            figures.most_resident_kib = figures.most_resident_kib.max(most);
        }
    }
    figures.settled_resident_kib = largest;
    Ok(())
}

async fn make_namespace(cluster: &Cluster, name: &str) -> Result<(), RingBenchError> {
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.to_owned());
    ask("making a namespace", namespaces.create(&PostParams::default(), &namespace)).await?;
    Ok(())
}

async fn delete_namespace(cluster: &Cluster, name: &str) -> Result<(), RingBenchError> {
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    ask("deleting a namespace", namespaces.delete(name, &DeleteParams::default())).await?;
    wait_until("the namespace to be gone", GONE, || async {
        let left = namespaces.get_opt(name).await.map_err(|error| error.to_string())?;
        if left.is_none() { Ok(()) } else { Err("it is being deleted".to_owned()) }
    })
    .await?;
    Ok(())
}
