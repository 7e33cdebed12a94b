//! Bringing a cluster up, step by step; every step is harmless when it is done already, so a run
//! that was cut off is finished by the next. IO.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ContainerStatus, Node as KubeNode, Pod};
use kube::api::ListParams;
use kube::{Api, Client};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::{Cluster, ClusterError, io_error, is_ready, launcher, lock, state_root};
use crate::binaries::{self, Binaries};
use crate::cache::{Cache, Key};
use crate::command::{SHORT, run_with_input};
use crate::haproxy;
use crate::image_store;
use crate::images;
use crate::layout::{Layout, check_name};
use crate::node::Node;
use crate::node_config::{machine_memory_mib, memory_per_node_mib};
use crate::progress::{say, wait_until, waiting};
use crate::{addons, cgroup, control_plane, host, network, packages, pki, process};

const API_START: Duration = Duration::from_secs(120);
const NODES_START: Duration = Duration::from_secs(180);
const ADDONS_START: Duration = Duration::from_secs(180);

pub(super) async fn start(name: &str) -> Result<Cluster, ClusterError> {
    check_name(name)?;
    if !geteuid().is_root() {
        return Err(ClusterError::NotRoot);
    }
    let name = name.to_owned();
    let (cache, _lock, made) = blocking(move || {
        packages::ensure(packages::CLUSTER)?;
        let (cache, lock) = lock(&name)?;
        let made = make(&cache, &name)?;
        Ok((cache, lock, made))
    })
    .await?;
    kubernetes(&cache, made).await
}

/// What is made before anything runs.
struct Made {
    layout: Layout,
    binaries: Binaries,
    image_store: PathBuf,
}

fn make(cache: &Cache, name: &str) -> Result<Made, ClusterError> {
    let binaries = binaries::ensure(cache)?;
    let archive = images::ensure(cache, &binaries)?;
    let launcher = launcher()?;
    let image_store = image_store::ensure(cache, &launcher, &archive)?;

    let state = state_root().join(name);
    for directory in ["bin", "logs", "pids", "nodes/node-a", "nodes/node-b", "nodes/node-c"] {
        let directory = state.join(directory);
        fs::create_dir_all(&directory).map_err(io_error("creating", &directory))?;
    }
    let slot = host::claim(cache, name, &state)?;
    let layout = Layout { name: name.to_owned(), slot, state };
    copy_launcher(&launcher, &layout)?;
    link(&binaries.tools, &layout.state.join("tools"))?;
    pki::ensure(&layout)?;
    let file = Layout::file(&layout.state);
    let text = serde_json::to_vec_pretty(&layout).map_err(io_error("writing", &file))?;
    fs::write(&file, text).map_err(io_error("writing", &file))?;
    Ok(Made { layout, binaries, image_store })
}

/// The cluster runs a copy of this program, which a later build or a clean-up does not take away.
fn copy_launcher(from: &Path, layout: &Layout) -> Result<(), ClusterError> {
    let to = layout.launcher();
    let facts = |path: &Path| fs::metadata(path).map(|data| (data.len(), data.modified().ok())).ok();
    let (own, copy) = (facts(from), facts(&to));
    if own.zip(copy).is_some_and(|(own, copy)| own.0 == copy.0 && own.1 <= copy.1) {
        return Ok(());
    }
    let temporary = to.with_extension("new");
    fs::copy(from, &temporary).map_err(io_error("copying", from))?;
    fs::rename(&temporary, &to).map_err(io_error("renaming into place", &to))
}

fn link(target: &Path, place: &Path) -> Result<(), ClusterError> {
    if fs::read_link(place).is_ok_and(|current| current == target) {
        return Ok(());
    }
    let temporary = place.with_extension("new");
    let _ = fs::remove_file(&temporary);
    std::os::unix::fs::symlink(target, &temporary).map_err(io_error("linking", &temporary))?;
    fs::rename(&temporary, place).map_err(io_error("renaming into place", place))
}

async fn kubernetes(cache: &Cache, made: Made) -> Result<Cluster, ClusterError> {
    let Made { layout, binaries, image_store } = made;
    let began = SystemTime::now();
    let starting = waiting("starting Kubernetes");
    let nodes: Vec<Node> = layout.nodes().into_iter().map(|node| Node::new(&layout, node)).collect();
    let memory = memory_per_node_mib(machine_memory_mib().map_err(io_error("reading", "/proc/meminfo"))?);
    {
        let (layout, binaries, nodes) = (layout.clone(), binaries.clone(), nodes.clone());
        blocking(move || {
            kill_strays(&layout)?;
            network::create_bridge(&layout)?;
            control_plane::start_api(&layout, &binaries.etcd, &binaries.kubernetes)?;
            nodes.iter().try_for_each(|node| node.prepare(&binaries.kubernetes, memory, &image_store))?;
            Ok(())
        })
        .await?;
    }
    // Their kubelets try until the API server answers.
    let started = try_join_all(nodes.iter().map(Node::power_on)).await?;
    let cluster = Cluster::of(layout.clone(), binaries.tools.clone()).await?;
    wait_api(&cluster).await?;
    control_plane::start_controllers(&layout, &binaries.kubernetes)?;
    apply_addons(&cluster, &binaries.gateway_api).await?;
    haproxy::start(&layout)?;
    let started: Vec<String> =
        nodes.iter().zip(started).filter(|(_, started)| *started).map(|(node, _)| node.name().to_owned()).collect();
    let since = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed();
    let since = Some(since).filter(|_| !started.is_empty());
    wait_nodes(&cluster.client(), since).await?;
    wait_addons(&cluster.client(), since, &started).await?;
    wait_entry(&cluster).await?;
    starting.done();
    say(format!("Kubernetes `{}` is ready: {}", layout.name, layout.entry_url()));
    let _ = cache;
    Ok(cluster)
}

/// Processes of the control plane that no pid file knows: a run was cut off between starting one and
/// writing it down, and it would hold the port of the next.
fn kill_strays(layout: &Layout) -> Result<(), ClusterError> {
    let names = control_plane::PROGRAMS.iter().chain(&[haproxy::NAME]);
    let known: Vec<i32> =
        names.filter_map(|name| process::find(&layout.pid_file(name))).map(|found| found.pid).collect();
    let all = cgroup::processes(&layout.control_plane_cgroup())?;
    for pid in all.into_iter().filter(|pid| !known.contains(pid)).filter_map(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
    Ok(())
}

async fn wait_api(cluster: &Cluster) -> Result<(), ClusterError> {
    let client = cluster.client();
    wait_until("the API server", API_START, || async {
        let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
        client.request_text(request).await.map(drop).map_err(|error| short(&error))
    })
    .await?;
    Ok(())
}

/// Applied again only when they have changed.
async fn apply_addons(cluster: &Cluster, definitions: &Path) -> Result<(), ClusterError> {
    let manifests = addons::render(&cluster.layout, definitions)?;
    let stamp = cluster.layout.state.join(Key::new("addons", "v1").with(&manifests).directory_name());
    if stamp.exists() {
        return Ok(());
    }
    let mut apply = cluster.kubectl();
    apply.args(["apply", "--server-side", "--force-conflicts", "-f", "-"]);
    blocking(move || {
        run_with_input(&mut apply, Some(manifests.as_bytes()), SHORT * 3)?;
        fs::write(&stamp, "").map_err(io_error("writing", &stamp))
    })
    .await
}

/// All nodes Ready; after a start also a sign of life from this run, because what is stored says
/// Ready long before any kubelet runs again.
async fn wait_nodes(client: &Client, since: Option<i64>) -> Result<(), ClusterError> {
    let nodes: Api<KubeNode> = Api::all(client.clone());
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
    wait_until("the nodes", NODES_START, || async {
        let found = nodes.list(&ListParams::default()).await.map_err(|error| short(&error))?;
        let ready = found.items.iter().filter(|node| is_ready(node)).count();
        if ready < crate::layout::ZONES.len() {
            return Err(format!("{ready} of {} Ready", crate::layout::ZONES.len()));
        }
        let Some(since) = since else { return Ok(()) };
        let leases = leases.list(&ListParams::default()).await.map_err(|error| short(&error))?;
        let living = |node: &&KubeNode| last_sign(node, &leases.items).is_some_and(|time| time.as_second() >= since);
        let fresh = found.items.iter().filter(living).count();
        if fresh < found.items.len() {
            Err(format!("{fresh} of {} gave a sign of life", found.items.len()))
        } else {
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// When the node's kubelet last wrote: its heartbeat (in whole seconds) or its lease.
fn last_sign(node: &KubeNode, leases: &[Lease]) -> Option<Timestamp> {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let heartbeats = conditions.filter_map(|condition| condition.last_heartbeat_time.as_ref()).map(|time| time.0);
    let own = leases.iter().filter(|lease| lease.metadata.name == node.metadata.name);
    let renewals = own.filter_map(|lease| lease.spec.as_ref()?.renew_time.as_ref()).map(|time| time.0);
    heartbeats.chain(renewals).max()
}

/// The pods of the add-ons are ready, and those on a node that was switched on have started since:
/// what is stored of them says Ready before they run again.
async fn wait_addons(client: &Client, since: Option<i64>, started: &[String]) -> Result<(), ClusterError> {
    let count = crate::layout::ZONES.len();
    let addons = [("kube-system", "k8s-app=kube-dns", count), ("traefik", "app=traefik", count)];
    wait_until("DNS and Ingress controllers", ADDONS_START, || async {
        let mut missing = Vec::new();
        for (namespace, selector, wanted) in addons {
            let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let pods = api.list(&ListParams::default().labels(selector)).await.map_err(|error| short(&error))?;
            let ready = pods.items.iter().filter(|pod| is_running(pod, since, started)).count();
            if ready < wanted {
                missing.push(format!("{ready} of {wanted} in {namespace}"));
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(format!("ready: {}", missing.join(", "))) }
    })
    .await?;
    Ok(())
}

fn is_running(pod: &Pod, since: Option<i64>, started: &[String]) -> bool {
    let Some(status) = &pod.status else { return false };
    let mut conditions = status.conditions.iter().flatten();
    let ready = conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
    let Some(since) = since.filter(|_| node.is_some_and(|node| started.contains(node))) else { return ready };
    let running = |container: &ContainerStatus| {
        let time = container.state.as_ref()?.running.as_ref()?.started_at.as_ref()?;
        Some(time.0.as_second() >= since)
    };
    ready && status.container_statuses.iter().flatten().all(|container| running(container).unwrap_or(false))
}

/// Every node's Ingress controller serves what the cluster's Ingresses say, and so does the
/// load-balancer.
async fn wait_entry(cluster: &Cluster) -> Result<(), ClusterError> {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .no_proxy()
        .build()
        .map_err(|error| io_error("making", "an HTTP client")(io::Error::other(error)))?;
    let addresses =
        cluster.layout.nodes().into_iter().map(|node| format!("http://{}:{}", node.address, haproxy::INGRESS_PORT));
    let urls: Vec<String> =
        addresses.chain([cluster.url()]).map(|base| format!("{base}{}", haproxy::READY_PATH)).collect();
    wait_until("the Ingress on every node and the load-balancer", ADDONS_START, || async {
        for url in &urls {
            let answer = http.get(url).send().await.map_err(|error| format!("{url}: {error}"))?;
            if !answer.status().is_success() {
                return Err(format!("{url}: {}", answer.status()));
            }
        }
        Ok(())
    })
    .await?;
    Ok(())
}

/// An answer of the API server in one line; of a list of checks the ones that fail.
fn short(error: &kube::Error) -> String {
    let text = error.to_string();
    let failing: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("[-]")?.split(' ').next()).collect();
    let first = || text.lines().next().unwrap_or_default().to_owned();
    let line = if failing.is_empty() { first() } else { format!("{} not done", failing.join(", ")) };
    line[..line.floor_char_boundary(160)].to_owned()
}

/// Runs blocking work beside the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClusterError> + Send + 'static,
) -> Result<T, ClusterError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(io_error("running", "a step of the start")(io::Error::other(error))))
}
