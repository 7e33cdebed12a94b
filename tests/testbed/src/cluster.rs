//! A cluster as the suites use it: [`Cluster::start`] (or [`Cluster::attach`] to one that runs),
//! its client, its nodes and the faults they can be made to suffer, and [`Cluster::down`]. IO.
//!
//! ```no_run
//! # async fn story() -> Result<(), store_testbed::cluster::ClusterError> {
//! use store_testbed::cluster::Cluster;
//! use store_testbed::Signal;
//!
//! let cluster = Cluster::start("test").await?;
//! let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::all(cluster.client());
//! cluster.signal("store", "shop-rack-a-0", "cassandra", Signal::KILL).await?;
//! let node = cluster.node("node-b")?;
//! node.cut_power().await?;
//! node.power_on().await?;
//! cluster.wait_node("node-b", true, std::time::Duration::from_secs(60)).await?;
//! Cluster::down("test").await?;
//! # Ok(()) }
//! ```

mod down;
mod up;

pub(crate) use up::blocking;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::{Node as KubeNode, Pod};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use rustix::process::Signal;

use crate::binaries::BinariesError;
use crate::cache::{Cache, CacheError, Key};
use crate::cgroup::CgroupError;
use crate::checkout::{cargo, root};
use crate::command::{CommandError, LONG, run};
use crate::haproxy::HaproxyError;
use crate::host::HostError;
use crate::image_store::ImageStoreError;
use crate::images::ImageError;
use crate::layout::{Layout, NameError};
use crate::node::{Node, NodeError};
use crate::pki::PkiError;
use crate::process::ProcessError;
use crate::progress::{WaitError, wait_until};

/// A cluster could not be started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ClusterError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    #[error(transparent)]
    Images(#[from] ImageError),
    #[error(transparent)]
    ImageStore(#[from] ImageStoreError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Haproxy(#[from] HaproxyError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The API server refused a question.
    #[error("{action}: {source}")]
    Kube {
        /// What was attempted.
        action: String,
        /// Why not.
        source: Box<kube::Error>,
    },
    /// The kubeconfig of the cluster is of no use.
    #[error("reading the kubeconfig {}: {source}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: kube::config::KubeconfigError,
    },
    /// A file could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The user is not root.
    #[error("the testbed makes network namespaces and mounts: run it as root")]
    NotRoot,
    /// There is no such cluster.
    #[error("no cluster `{0}` is up: start it with `testbed up --name {0}`")]
    NotUp(String),
    /// There is no such node.
    #[error("no node `{0}`: the nodes are node-a, node-b and node-c")]
    NoNode(String),
    /// The pod is not there or has no such container running.
    #[error("pod {namespace}/{pod} has no running container `{container}`")]
    NoContainer {
        /// The pod's namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// No `testbed` program was found beside the running one.
    #[error("no `testbed` program beside {}: build it with `cargo build --bin testbed`", .0.display())]
    NoLauncher(PathBuf),
    /// Something was left behind.
    #[error("the cluster is stopped but this is left of it: {0}")]
    Remains(String),
}

pub(crate) fn io_error<E: Into<io::Error>>(
    action: &'static str,
    path: impl AsRef<Path>,
) -> impl FnOnce(E) -> ClusterError {
    let path = path.as_ref().to_owned();
    move |source| ClusterError::Io { action, path, source: source.into() }
}

pub(crate) fn kube_error(action: impl Into<String>) -> impl FnOnce(kube::Error) -> ClusterError {
    let action = action.into();
    move |source| ClusterError::Kube { action, source: Box::new(source) }
}

/// The repository's directory for clusters and what they leave for people: `.testbed`, or for tests what `STORE_STATE` in
/// the environment names.
pub fn state_root() -> PathBuf {
    if let Some(told) = std::env::var_os("STORE_STATE") {
        return PathBuf::from(told);
    }
    root().join(".testbed")
}

/// A cluster that runs.
#[derive(Clone)]
pub struct Cluster {
    layout: Layout,
    tools: PathBuf,
    client: Client,
}

impl Cluster {
    /// Brings the cluster `name` up, building and caching what is missing; harmless and quick when it
    /// is up. It ends when Kubernetes, its add-ons and the load-balancer are ready.
    ///
    /// # Errors
    /// [`ClusterError`], with what was attempted; running it again goes on from there.
    pub async fn start(name: &str) -> Result<Self, ClusterError> {
        up::start(name).await
    }

    /// The cluster `name`, which somebody else started.
    ///
    /// # Errors
    /// [`ClusterError::NotUp`] when it is not there.
    pub async fn attach(name: &str) -> Result<Self, ClusterError> {
        let file = Layout::file(&state_root().join(name));
        let bytes = fs::read(&file).map_err(|_| ClusterError::NotUp(name.to_owned()))?;
        let layout: Layout = serde_json::from_slice(&bytes).map_err(io_error("reading", &file))?;
        let link = layout.state.join("tools");
        let tools = fs::read_link(&link).map_err(|_| ClusterError::NotUp(name.to_owned()))?;
        Self::of(layout, tools).await
    }

    /// Ends the cluster `name` and deletes all of it but the cache; harmless when there is none.
    /// Then looks whether anything is left.
    ///
    /// # Errors
    /// [`ClusterError::Remains`] names what is left.
    pub async fn down(name: &str) -> Result<(), ClusterError> {
        down::stop(name).await
    }

    async fn of(layout: Layout, tools: PathBuf) -> Result<Self, ClusterError> {
        let client = client(&layout.kubeconfig()).await?;
        Ok(Self { layout, tools, client })
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.layout.name
    }

    /// Its names, addresses and files.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig()
    }

    /// An administrator's client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The URL at which its Ingresses answer, like `http://127.0.0.1:18080`: the load-balancer's.
    pub fn url(&self) -> String {
        self.layout.entry_url()
    }

    /// The directory with kubectl and helm.
    pub fn tools(&self) -> &Path {
        &self.tools
    }

    /// The API server's audit log: one JSON event per line, at level Metadata.
    pub fn audit_log(&self) -> PathBuf {
        crate::control_plane::audit_log(&self.layout)
    }

    /// A kubectl command for this cluster.
    pub fn kubectl(&self) -> Command {
        self.tool("kubectl")
    }

    /// A helm command for this cluster.
    pub fn helm(&self) -> Command {
        self.tool("helm")
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.tools.join(name));
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Its nodes, in order of zone.
    pub fn nodes(&self) -> Vec<Node> {
        self.layout.nodes().into_iter().map(|node| Node::new(&self.layout, node)).collect()
    }

    /// The node of this name, like `node-a`.
    ///
    /// # Errors
    /// [`ClusterError::NoNode`].
    pub fn node(&self, name: &str) -> Result<Node, ClusterError> {
        let found = self.nodes().into_iter().find(|node| node.name() == name);
        found.ok_or_else(|| ClusterError::NoNode(name.to_owned()))
    }

    /// Imports a docker archive's images into every node that is on, at once; one that has been
    /// imported before (same path and time of writing) is passed over.
    ///
    /// # Errors
    /// [`ClusterError::Node`] when a node's containerd refuses it.
    pub async fn import_images(&self, archive: &Path) -> Result<(), ClusterError> {
        let written = fs::metadata(archive).and_then(|data| data.modified()).map_err(io_error("reading", archive))?;
        let written = written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let key = Key::new("import", "v1").with(archive.as_os_str().as_encoded_bytes()).with(written.to_be_bytes());
        let mut imports = Vec::new();
        for node in self.nodes().into_iter().filter(Node::is_on) {
            let stamp = node.layout().directory.join(key.directory_name());
            let archive = archive.to_owned();
            imports.push(tokio::task::spawn_blocking(move || {
                if stamp.exists() {
                    return Ok(());
                }
                node.import_images(&archive)?;
                fs::write(&stamp, "").map_err(io_error("writing", &stamp))
            }));
        }
        for import in imports {
            import.await.map_err(|error| io_error("importing", archive)(io::Error::other(error)))??;
        }
        Ok(())
    }

    /// The node that a pod's container runs on and the processes of the container as the host numbers
    /// them, the eldest first.
    ///
    /// # Errors
    /// [`ClusterError::NoContainer`] when it does not run.
    pub async fn processes(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
    ) -> Result<(Node, Vec<i32>), ClusterError> {
        let (node, id) = self.container(namespace, pod, container).await?;
        let pids = node.processes_of_container(&id);
        Ok((node, pids))
    }

    /// Sends `signal` (KILL, STOP, CONT, …) to every process of a pod's container; says to how many.
    ///
    /// # Errors
    /// [`ClusterError::NoContainer`] when it does not run.
    pub async fn signal(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        signal: Signal,
    ) -> Result<usize, ClusterError> {
        let (node, id) = self.container(namespace, pod, container).await?;
        match node.signal_container(&id, signal)? {
            0 => Err(no_container(namespace, pod, container)),
            sent => Ok(sent),
        }
    }

    /// The node and id of a pod's running container.
    async fn container(&self, namespace: &str, pod: &str, container: &str) -> Result<(Node, String), ClusterError> {
        let api: Api<Pod> = Api::namespaced(self.client(), namespace);
        let found = api.get(pod).await.map_err(kube_error(format!("reading pod {namespace}/{pod}")))?;
        let missing = || no_container(namespace, pod, container);
        let node = found.spec.and_then(|spec| spec.node_name).ok_or_else(missing)?;
        let status = found.status.unwrap_or_default();
        let all = status.container_statuses.into_iter().chain(status.init_container_statuses).flatten();
        let id =
            all.filter(|status| status.name == container).find_map(|status| status.container_id).ok_or_else(missing)?;
        let id = id.strip_prefix("containerd://").ok_or_else(missing)?;
        Ok((self.node(&node)?, id.to_owned()))
    }

    /// Waits until Kubernetes calls the node Ready, or no longer does.
    ///
    /// # Errors
    /// [`ClusterError::Wait`] when `deadline` passes first.
    pub async fn wait_node(&self, name: &str, ready: bool, deadline: Duration) -> Result<(), ClusterError> {
        let api: Api<KubeNode> = Api::all(self.client());
        let what = format!("{name} to be {}", if ready { "Ready" } else { "NotReady" });
        wait_until(&what, deadline, || async {
            let node = api.get(name).await.map_err(|error| error.to_string())?;
            if is_ready(&node) == ready { Ok(()) } else { Err(format!("Ready is {}", !ready)) }
        })
        .await?;
        Ok(())
    }
}

fn no_container(namespace: &str, pod: &str, container: &str) -> ClusterError {
    ClusterError::NoContainer { namespace: namespace.to_owned(), pod: pod.to_owned(), container: container.to_owned() }
}

fn is_ready(node: &KubeNode) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A client by the kubeconfig at `path`.
///
/// # Errors
/// [`ClusterError::Kubeconfig`] when it is of no use.
pub async fn client(path: &Path) -> Result<Client, ClusterError> {
    let failed = |source| ClusterError::Kubeconfig { path: path.to_owned(), source };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)?;
    Client::try_from(config).map_err(kube_error("making a client"))
}

/// The `testbed` program, which starts every process of a cluster: this one, or for a suite the one
/// that is built beside it (a test's program lies one directory deeper).
///
/// # Errors
/// [`ClusterError`] when it cannot be built.
pub fn launcher() -> Result<PathBuf, ClusterError> {
    let own = std::env::current_exe().map_err(io_error("finding", "this program"))?;
    if own.file_name().is_some_and(|name| name == "testbed") {
        return Ok(own);
    }
    let release = own.components().any(|part| part.as_os_str() == "release");
    let mut cargo = cargo(["build", "--quiet", "--bin", "testbed"]);
    if release {
        cargo.arg("--release");
    }
    run(&mut cargo, LONG)?;
    let candidates = own.ancestors().skip(1).take(2).map(|directory| directory.join("testbed"));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or(ClusterError::NoLauncher(own))
}

/// The cache, and the lock that keeps two runs from changing the same cluster at once.
fn lock(name: &str) -> Result<(Cache, fs::File), ClusterError> {
    let cache = Cache::open()?;
    let held = cache.lock(&format!("cluster-{name}"))?;
    Ok((cache, held))
}
