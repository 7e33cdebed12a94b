//! Process 1 of a node: gives the node its own view of the file system, then runs containerd,
//! kube-proxy and the kubelet, starts again whichever ends, and reaps orphans. It runs in its own
//! mount, pid, network, ipc and uts namespaces, so killing it takes everything on the node with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, unmount,
};
use rustix::process::{WaitOptions, wait};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};

use crate::host::MOUNT_POINTS;
use crate::layout::{Layout, NodeLayout};
use crate::node_config as config;
use crate::progress::{WaitError, say, wait_until};

/// How long a service that ended stays down.
const RESTART: Duration = Duration::from_secs(1);
/// How long containerd may take to listen.
const CONTAINERD_START: Duration = Duration::from_secs(60);

/// The node could not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeInitError {
    /// A file, mount or program refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// containerd did not start.
    #[error(transparent)]
    Wait(#[from] WaitError),
}

fn io_error<E: Into<io::Error>>(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(E) -> NodeInitError {
    let path = path.as_ref().to_owned();
    move |source| NodeInitError::Io { action, path, source: source.into() }
}

/// All that a node must know to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// The cluster's plan.
    pub cluster: Layout,
    /// This node's part of it.
    pub node: NodeLayout,
    /// The directory with kubelet and kube-proxy.
    pub binaries: PathBuf,
    /// How much memory the node offers to pods, in MiB; the machine's is shared by all nodes.
    pub memory_mib: u64,
}

/// A program that is to run as long as the node does.
struct Service {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

/// Runs the node; returns only when it could not start or is told to end.
///
/// # Errors
/// [`NodeInitError`] when a mount, a configuration file or containerd fails.
pub async fn run(spec: &NodeSpec) -> Result<(), NodeInitError> {
    rustix::system::sethostname(spec.node.name.as_bytes())
        .map_err(io_error("setting the host name", &spec.node.name))?;
    mount_all(&spec.node)?;
    let files = config::write(spec).map_err(|(path, source)| NodeInitError::Io { action: "writing", path, source })?;
    let mut terminate = signal(SignalKind::terminate()).map_err(io_error("listening for", "SIGTERM"))?;
    let mut child_ended = signal(SignalKind::child()).map_err(io_error("listening for", "SIGCHLD"))?;

    let mut running = BTreeMap::new();
    let [containerd, others @ ..] = services(spec, &files);
    running.insert(start(spec, &containerd)?, containerd);
    wait_until("containerd", CONTAINERD_START, || async {
        UnixStream::connect(config::CONTAINERD_SOCKET).await.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    for service in others {
        running.insert(start(spec, &service)?, service);
    }
    say("services started");
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = child_ended.recv() => {}
        }
        // One signal may stand for several ends; most are orphans of containers.
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let Some(service) = running.remove(&pid.as_raw_nonzero().get()) else { continue };
            say(format!("{} ended ({status:?}), starting it again", service.name));
            tokio::time::sleep(RESTART).await;
            running.insert(start(spec, &service)?, service);
        }
    }
}

/// containerd, without which nothing runs; kube-proxy before the kubelet, because a pod that starts
/// before the Service rules exist sits out a long connect time-out.
fn services(spec: &NodeSpec, files: &config::Files) -> [Service; 3] {
    let file = |path: &Path| path.display().to_string();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let pki = spec.cluster.pki();
    let labels = format!("topology.kubernetes.io/zone={},topology.kubernetes.io/region=local", spec.node.zone);
    [
        Service {
            name: "containerd",
            program: "containerd".into(),
            arguments: words(&["--config", &file(&files.containerd), "--log-level", "warn"]),
        },
        Service {
            name: "kube-proxy",
            program: spec.binaries.join("kube-proxy"),
            arguments: words(&["--config", &file(&files.kube_proxy), "--v", "1"]),
        },
        Service {
            name: "kubelet",
            program: spec.binaries.join("kubelet"),
            arguments: words(&[
                "--config",
                &file(&files.kubelet),
                "--kubeconfig",
                &file(&pki.join(format!("{}.conf", spec.node.name))),
                "--hostname-override",
                &spec.node.name,
                "--node-ip",
                &spec.node.address.to_string(),
                "--root-dir",
                "/var/lib/kubelet",
                "--node-labels",
                &labels,
                "--v",
                "1",
            ]),
        },
    ]
}

fn start(spec: &NodeSpec, service: &Service) -> Result<i32, NodeInitError> {
    let log = spec.cluster.log(&format!("{}-{}", spec.node.name, service.name));
    let open = || File::options().create(true).append(true).open(&log);
    let child = Command::new(&service.program)
        .args(&service.arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(open().map_err(io_error("opening", &log))?)
        .stderr(open().map_err(io_error("opening", &log))?)
        .spawn()
        .map_err(io_error("starting", &service.program))?;
    // Its end is seen by the loop that reaps all children.
    i32::try_from(child.id()).map_err(|_| io_error("starting", &service.program)(io::Error::other("no pid")))
}

/// The node's own /proc, /sys and /run, and its disk where kubelet, containerd and CNI expect theirs.
fn mount_all(node: &NodeLayout) -> Result<(), NodeInitError> {
    let none = MountFlags::empty();
    let fresh = |kind: &str, target: &str| mount(kind, target, kind, none, None).map_err(io_error("mounting", target));
    fresh("proc", "/proc")?;
    // A fresh sysfs shows this namespace's links; the cgroup mounts on the old one are carried over.
    let aside = node.directory.join("cgroup");
    fs::create_dir_all(&aside).map_err(io_error("creating", &aside))?;
    mount_bind_recursive("/sys/fs/cgroup", &aside).map_err(io_error("mounting", &aside))?;
    unmount("/sys", UnmountFlags::DETACH).map_err(io_error("unmounting", "/sys"))?;
    fresh("sysfs", "/sys")?;
    mount_bind_recursive(&aside, "/sys/fs/cgroup").map_err(io_error("mounting", "/sys/fs/cgroup"))?;
    unmount(&aside, UnmountFlags::DETACH).map_err(io_error("unmounting", &aside))?;
    fresh("tmpfs", "/run")?;
    for point in MOUNT_POINTS {
        let disk = disk(node, point);
        fs::create_dir_all(&disk).map_err(io_error("creating", &disk))?;
        mount_bind_recursive(&disk, point).map_err(io_error("mounting", point))?;
    }
    // Containers' mounts must reach each other inside the node; outside nothing is seen of them.
    let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    mount_change("/", shared).map_err(io_error("sharing mounts of", "/"))?;
    // Addresses of pods of an earlier life: those pods are gone.
    let leases = Path::new("/var/lib/cni/networks");
    match fs::remove_dir_all(leases) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("deleting", leases)(error)),
        _ => Ok(()),
    }
}

/// The directory of the node's disk that is mounted at `point`.
pub fn disk(node: &NodeLayout, point: &str) -> PathBuf {
    node.directory.join("disk").join(point.trim_start_matches('/').replace('/', "-"))
}
