//! One process of the API with the memory of a pod, and one Cassandra behind it. IO: processes, cgroups.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use store_bench::driver_loop::DriverLoopError;
use store_testbed::command::{CommandError, LONG, run};
use store_testbed::local_cassandra::{DATACENTER, LocalRing, Options, RingError};
use store_testbed::ports::free_port;
use store_testbed::progress::{WaitError, say, wait_until};

use super::Plan;
use crate::child::{ChildError, Program, ready};

/// The roles, each of which has a token.
pub const ROLES: [&str; 4] = ["supplier", "director", "seller", "admin"];
/// The keyspace of the rows.
pub const KEYSPACE: &str = "store_manager";
const READY: Duration = Duration::from_secs(60);
/// Where cgroups of version 1 and of version 2 count memory, and the names of limit, use and most use there.
const CGROUPS: [(&str, [&str; 3]); 2] = [
    ("/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control"]),
    ("/sys/fs/cgroup", ["memory.max", "memory.current", "memory.events"]),
];

/// Something of the tests' own failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum MannersError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error("filling the tables: {0}")]
    Rows(#[from] DriverLoopError),
    #[error("files of the run: {0}")]
    Io(#[from] io::Error),
    #[error("a client of the tests: {0}")]
    Client(#[from] reqwest::Error),
    /// The API does not do what it is made for, even before anybody disturbs it.
    #[error("{0}")]
    Wrong(String),
}

/// The token of a role.
pub fn token_of(role: &str) -> String {
    format!("the-token-of-the-{role}")
}

/// The API under test; its processes and its cgroup end when this is dropped.
#[derive(Debug)]
pub struct Pod {
    pub address: SocketAddr,
    pub node: SocketAddr,
    operations: u16,
    pid: u32,
    /// Before what it holds: a cgroup is removed once it is empty.
    program: Option<Program>,
    cage: Option<Cage>,
    _ring: LocalRing,
}

impl Pod {
    /// Starts one Cassandra and the API before it.
    ///
    /// # Errors
    /// [`MannersError`] when one of them does not start.
    pub async fn start(plan: &Plan, store_api: &Path, directory: &Path) -> Result<Self, MannersError> {
        let ring = LocalRing::start(Options { heap_mib: 1024, ..Options::new(directory.join("ring")) }).await?;
        let node = *ring.contact_points().first().ok_or_else(|| MannersError::Wrong("the ring has no node".into()))?;
        let tokens = directory.join("tokens");
        fs::create_dir(&tokens)?;
        for role in ROLES {
            fs::write(tokens.join(role), token_of(role))?;
        }
        let mut migrate = std::process::Command::new(store_api);
        migrate.args(["migrate", "--create-keyspace", "--replication-factor", "1", "--datacenter", DATACENTER]);
        run(migrate.env("CASSANDRA_HOST", node.to_string()).env("STORE_KEYSPACE", KEYSPACE), LONG)?;
        let (port, operations) = (free_port()?, free_port()?);
        let texts = [node.to_string(), port.to_string(), operations.to_string(), tokens.display().to_string()];
        let connections = (plan.memory / (128 * 1024)).to_string();
        let mut environment = vec![
            ("CASSANDRA_HOST", texts[0].as_str()),
            ("STORE_KEYSPACE", KEYSPACE),
            ("STORE_LOCAL_DATACENTER", DATACENTER),
            ("STORE_LISTEN_ADDRESS", "127.0.0.1"),
            ("STORE_PORT", &texts[1]),
            ("STORE_OPERATIONS_PORT", &texts[2]),
            ("STORE_AUTH", "tokens"),
            ("STORE_TOKENS_DIRECTORY", &texts[3]),
            ("STORE_CURSOR_KEY", "the key of this run alone"),
            // What a pod reads from its own cgroup, which is another one here.
            ("STORE_MAX_CONNECTIONS", &connections),
            ("RUST_LOG", "warn"),
        ];
        environment.extend(plan.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let program = Program::start_unheard(store_api, &["serve"], &environment)?;
        let pid = program.pid()?;
        let cage = Cage::around(pid, plan.memory);
        wait_until("the API", READY, || ready(&texts[2])).await?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self { address, node, operations, pid, program: Some(program), cage, _ring: ring })
    }

    /// Where a path of the clients' port is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where a path of the port for probes is.
    pub fn operations_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.operations)
    }

    /// A client with an address of its own.
    ///
    /// # Errors
    /// [`MannersError::Client`].
    pub fn client(&self, number: usize, patience: Duration) -> Result<reqwest::Client, MannersError> {
        let last = u8::try_from(number % 250).unwrap_or_default();
        let client = reqwest::Client::builder().no_proxy().timeout(patience);
        Ok(client.local_address(IpAddr::from([127, 32, 0, 1 + last])).build()?)
    }

    /// Whether the process that was started lives.
    pub fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z")
    }

    /// What it holds now.
    pub fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let own =
            own.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() << 10;
        let (most, killed) = self.cage.as_ref().map(Cage::counts).unwrap_or_default();
        Memory { own_before: own, own_most: own, most, killed, limited: self.cage.is_some() }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        drop(self.program.take());
    }
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Of the process alone, without its program and files, before it began.
    pub own_before: u64,
    /// The same at most.
    pub own_most: u64,
    /// All that the kernel counts for the pod, at most: its sockets and what of files could be dropped, too.
    pub most: u64,
    /// Processes that the kernel ended for want of memory.
    pub killed: u64,
    /// Whether the kernel holds it to a limit.
    pub limited: bool,
}

impl Memory {
    /// The more of two.
    #[must_use]
    pub fn with(self, other: &Self) -> Self {
        Self {
            own_most: self.own_most.max(other.own_most),
            most: self.most.max(other.most),
            killed: self.killed.max(other.killed),
            ..self
        }
    }
}

/// A cgroup with a limit.
#[derive(Debug)]
struct Cage {
    path: PathBuf,
    files: [&'static str; 3],
}

impl Cage {
    /// Around a process, where this program may make one.
    fn around(pid: u32, bytes: u64) -> Option<Self> {
        for (root, files) in CGROUPS {
            let cage = Self { path: Path::new(root).join(format!("store-manners-{}", std::process::id())), files };
            if !Path::new(root).join("cgroup.procs").exists() || fs::create_dir(&cage.path).is_err() {
                continue;
            }
            let limited = fs::write(cage.path.join(files[0]), bytes.to_string());
            match limited.and_then(|()| fs::write(cage.path.join("cgroup.procs"), pid.to_string())) {
                Ok(()) => return Some(cage),
                Err(error) => say(format!("no limit of memory by {root}: {error}")),
            }
        }
        say("no cgroup can be made here: memory is measured and not limited");
        None
    }

    /// What is used now, and how many were killed.
    fn counts(&self) -> (u64, u64) {
        let read = |name: &str| fs::read_to_string(self.path.join(name)).unwrap_or_default();
        let killed = read(self.files[2]);
        let killed = killed.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|text| text.parse().ok());
        (read(self.files[1]).trim().parse().unwrap_or_default(), killed.unwrap_or_default())
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        // Its process was killed a moment ago and leaves it when the kernel has time for that.
        for _ in 0..100 {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(20)),
                _ => return,
            }
        }
        say(format!("{} is left", self.path.display()));
    }
}
