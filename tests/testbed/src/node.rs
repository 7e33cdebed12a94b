//! A node seen from the host: switching it on, cutting its power or its link, running programs in
//! it and finding the processes of its containers. IO.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::cgroup::{self, CgroupError};
use crate::command::{CommandError, LONG, run};
use crate::image_store::{self, ImageStoreError};
use crate::layout::{Layout, NodeLayout};
use crate::network;
use crate::node_init::{self, NodeSpec};
use crate::process::{self, Launch, ProcessError};

/// How long the kernel may take to end everything on a node.
const END: Duration = Duration::from_secs(30);

/// A node refused.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The network.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Its processes.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its cgroup.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// Its images.
    #[error(transparent)]
    Images(#[from] ImageStoreError),
    /// It is off.
    #[error("{0} has no power: switch it on first")]
    Off(String),
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
}

fn io_error<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> NodeError {
    let path = path.to_owned();
    move |source| NodeError::Io { action, path, source: source.into() }
}

/// One node of a cluster.
#[derive(Debug, Clone)]
pub struct Node {
    cluster: Layout,
    node: NodeLayout,
}

impl Node {
    pub(crate) fn new(cluster: &Layout, node: NodeLayout) -> Self {
        Self { cluster: cluster.clone(), node }
    }

    /// The name of the Kubernetes Node, like `node-a`.
    pub fn name(&self) -> &str {
        &self.node.name
    }

    /// Its zone, like `a`.
    pub fn zone(&self) -> &str {
        &self.node.zone
    }

    /// Its names, addresses and files.
    pub fn layout(&self) -> &NodeLayout {
        &self.node
    }

    fn pid_file(&self) -> PathBuf {
        self.cluster.pid_file(&self.node.name)
    }

    fn spec_file(&self) -> PathBuf {
        self.node.directory.join("spec.json")
    }

    /// Whether it has power.
    pub fn is_on(&self) -> bool {
        process::find(&self.pid_file()).is_some()
    }

    /// Puts its disk in place (with the images of `image_store`, a cache entry) and writes down what
    /// it needs to start. Harmless on a node that runs.
    ///
    /// # Errors
    /// [`NodeError`] when files cannot be written.
    pub fn prepare(&self, binaries: &Path, memory_mib: u64, image_store: &Path) -> Result<(), NodeError> {
        let images = node_init::disk(&self.node, "/var/lib/containerd");
        if !images.exists() {
            image_store::populate(image_store, &images)?;
        }
        let spec = NodeSpec {
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            binaries: binaries.to_owned(),
            memory_mib,
        };
        let path = self.spec_file();
        let text = serde_json::to_vec_pretty(&spec).map_err(io_error("writing", &path))?;
        fs::write(&path, text).map_err(io_error("writing", &path))
    }

    /// Switches it on; harmless when it is on. Says whether it was off. The node is Ready in
    /// Kubernetes a moment later.
    ///
    /// # Errors
    /// [`NodeError`] when the kernel or the program refuses.
    pub async fn power_on(&self) -> Result<bool, NodeError> {
        if self.is_on() && network::node_exists(&self.node) {
            return Ok(false);
        }
        // What a cut-off run or a power cut left. Empty cgroups of old pods would cost the kubelet
        // seconds each.
        cgroup::kill(&self.node.cgroup, END).await?;
        cgroup::remove(&self.node.cgroup)?;
        network::create_node(&self.cluster, &self.node)?;
        let launcher = self.cluster.launcher();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.node.link));
        command.args([
            "unshare",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
        ]);
        command.arg(&launcher).arg("node-init").arg(self.spec_file());
        let launch = Launch {
            launcher: &launcher,
            name: &self.node.name,
            cgroup: &format!("{}/system", self.node.cgroup),
            log: &self.cluster.log(&self.node.name),
            pid_file: &self.pid_file(),
        };
        Ok(process::launch(&launch, &command)?)
    }

    /// Cuts its power: silently (the link goes first, so no reset or farewell of a dying process gets
    /// out), and everything on it ends at once. Its disk stays.
    ///
    /// # Errors
    /// [`NodeError`] when the kernel refuses.
    pub async fn cut_power(&self) -> Result<(), NodeError> {
        if network::node_exists(&self.node) {
            network::set_link(&self.node, false)?;
        }
        process::stop(&self.pid_file(), Signal::KILL, END).await?;
        Ok(cgroup::kill(&self.node.cgroup, END).await?)
    }

    /// Pulls its network cable: it lives on, alone.
    ///
    /// # Errors
    /// [`NodeError`] when the kernel refuses.
    pub fn cut_link(&self) -> Result<(), NodeError> {
        Ok(network::set_link(&self.node, false)?)
    }

    /// Plugs its network cable back in.
    ///
    /// # Errors
    /// [`NodeError`] when the kernel refuses.
    pub fn restore_link(&self) -> Result<(), NodeError> {
        Ok(network::set_link(&self.node, true)?)
    }

    /// A command that runs `program` on the node: its files, processes and network.
    ///
    /// # Errors
    /// [`NodeError::Off`] when it has no power.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command, NodeError> {
        let off = || NodeError::Off(self.node.name.clone());
        let outer = process::find(&self.pid_file()).ok_or_else(off)?;
        // The remembered process only waits; its child is process 1 of the node.
        let first = process::children(outer.pid).first().copied().ok_or_else(off)?;
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(first.to_string()).args(["--mount", "--uts", "--ipc", "--pid", "--net"]).arg("--");
        command.arg(program);
        Ok(command)
    }

    /// Runs a program on the node and answers what it printed.
    ///
    /// # Errors
    /// [`NodeError`] when the node is off, or the program fails or outlives `deadline`.
    pub fn exec(&self, program: &str, arguments: &[&str], deadline: Duration) -> Result<String, NodeError> {
        Ok(run(self.command(program)?.args(arguments), deadline)?)
    }

    /// Imports a docker archive's images into the node's containerd.
    ///
    /// # Errors
    /// [`NodeError`] when the node is off or containerd refuses the archive.
    pub fn import_images(&self, archive: &Path) -> Result<(), NodeError> {
        let mut import = self.command("ctr")?;
        import.args(["-n", "k8s.io", "images", "import"]).arg(archive);
        run(&mut import, LONG)?;
        Ok(())
    }

    /// The processes of the container with this id (without `containerd://`), as the host numbers
    /// them; none when it is not on this node.
    pub fn processes_of_container(&self, id: &str) -> Vec<i32> {
        let mut pids = Vec::new();
        for directory in cgroup::find(&self.node.cgroup, id) {
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        }
        pids.sort_unstable();
        pids
    }

    /// Sends `signal` to every process of a container and says to how many.
    ///
    /// # Errors
    /// [`NodeError::Io`] when the kernel refuses; a process that has just ended is none.
    pub fn signal_container(&self, id: &str, signal: Signal) -> Result<usize, NodeError> {
        let mut sent = 0;
        for pid in self.processes_of_container(id).into_iter().filter_map(Pid::from_raw) {
            match kill_process(pid, signal) {
                Ok(()) => sent += 1,
                Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(io_error("signalling a process of", Path::new(id))(error)),
            }
        }
        Ok(sent)
    }

    /// Ends it for good: processes, cgroup, namespace. Its disk stays.
    ///
    /// # Errors
    /// [`NodeError`] when something resists.
    pub async fn remove(&self) -> Result<(), NodeError> {
        self.cut_power().await?;
        cgroup::remove(&self.node.cgroup)?;
        Ok(network::remove_node(&self.node)?)
    }
}
