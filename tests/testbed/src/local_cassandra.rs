//! Rings of one to six Cassandra nodes straight on loopback addresses, without containers: for
//! `make run` and for tests that want a real Cassandra but no Kubernetes.
//!
//! IO: starts Java processes through the cache's runtime and jars, and speaks CQL to them. A ring's
//! processes end when it is dropped, and die with the program that started them.

mod addresses;
mod api;
mod configuration;
pub mod control;
mod installation;
pub mod jolokia;
pub mod keeper;
mod node;
mod readiness;
mod wires;

pub use addresses::Addresses;
pub use api::Api;
pub use wires::{Link, Place, Wires};

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::cache::CacheError;
use crate::images::ImageError;
pub use crate::images::cassandra::Version;
use crate::progress::{WaitError, say, waiting};
use addresses::Block;
use installation::Installation;
use node::Node;

/// The most nodes of one ring: two per rack.
pub const MAX_NODES: u8 = 6;
/// The name of the one datacenter; racks are `rack1` to `rack3`.
pub const DATACENTER: &str = "dc1";
/// The user and password that Cassandra makes by itself when authentication is on.
pub const SUPERUSER: (&str, &str) = ("cassandra", "cassandra");
/// From the start of the processes to a ring that serves.
const START_DEADLINE: Duration = Duration::from_secs(180);
/// From SIGTERM to the end of the process, which drains first.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// A ring could not be started, or a node of it not be driven.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The wish itself is impossible.
    #[error("a local ring has 1 to {MAX_NODES} nodes, not {0}")]
    Size(u8),
    /// No address is left for another node.
    #[error("this ring has room for {0} nodes, and has them all")]
    NoRoom(usize),
    /// Only a node that joined can be taken away.
    #[error("no node has joined this ring, and those that it began with stay")]
    Founder,
    /// There is no node of this number.
    #[error("no node {0} in this ring: nodes count from 0")]
    NoNode(usize),
    /// Another ring, or something else, has the addresses.
    #[error("{addresses} port {port} cannot be used ({reason}): choose another block or another port")]
    Taken {
        /// The addresses wanted.
        addresses: String,
        /// The port that is taken, or 0 when another ring has the whole block.
        port: u16,
        /// What the system said.
        reason: String,
    },
    /// No block of loopback addresses is free.
    #[error("every block of loopback addresses is taken by another ring")]
    NoBlock,
    /// Java or the jars could not be had.
    #[error(transparent)]
    Install(#[from] ImageError),
    /// The cache failed, or the making of the class archive in it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The file system or the system's process table refused.
    #[error("{action}: {source}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A Cassandra process ended by itself.
    #[error("the Cassandra process of {address} ended ({status}); the end of its log:\n{log}")]
    Died {
        /// The node's address.
        address: Ipv4Addr,
        /// How it ended.
        status: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// The ring did not come up, or a node not stop, in time.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The node was asked over CQL and refused.
    #[error("preparing the ring over CQL: {0}")]
    Cql(String),
    /// A wire between the nodes could not be laid.
    #[error("wiring the ring: {0}")]
    Wires(String),
    /// The API in front of the ring failed.
    #[error("running store-api: {0}")]
    Api(String),
    /// A thread of this program failed.
    #[error("a background task of this program failed: {0}")]
    Task(String),
}

/// What ring to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The version of Cassandra.
    pub version: Version,
    /// 1 to 6 nodes; each of the first three is in a rack of its own, the others join them there.
    pub nodes: u8,
    /// How many nodes more may join later; with `nodes` 6 at most.
    pub room: u8,
    /// Java heap of each node in MiB; a process needs about 320 MiB more.
    pub heap_mib: u32,
    /// Whether clients log in (as [`SUPERUSER`] at first) and permissions are checked.
    pub authentication: bool,
    /// The port for CQL on each node's address.
    pub cql_port: u16,
    /// Which loopback addresses.
    pub addresses: Addresses,
    /// Where the nodes keep data, configuration and logs; one directory per node is made in it.
    pub directory: PathBuf,
    /// The user and password of a Jolokia agent (JMX over HTTP, port 8778) in each node, if wanted.
    pub jolokia: Option<(String, String)>,
    /// Whether hot code is compiled as far as Java can: a slower start, more throughput later.
    pub optimized: bool,
    /// Whether each node gets a network namespace of its own, with wires between them that can be cut, slow or lossy, in
    /// place of loopback addresses. As root only.
    pub wired: bool,
    /// Whether people watch it: a node that is asked for what it keeps answers for itself, where Cassandra prefers the copies that
    /// were quick, and hints can be seen after a second instead of ten.
    pub watched: bool,
    /// Whether nodes may be started again on their data. A ring that is made for one run and thrown away need not flush its
    /// tables of the schema after each change of it, nor keep what is dropped: tables are made in a fraction of the time.
    pub lasting: bool,
}

impl Options {
    /// One node of Cassandra 5.0 with its data in `directory`, without authentication, on a block
    /// of addresses that no other ring has.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            version: Version::V5_0,
            nodes: 1,
            room: 0,
            heap_mib: 256,
            authentication: false,
            cql_port: 9042,
            addresses: Addresses::Free,
            directory: directory.into(),
            jolokia: None,
            optimized: false,
            wired: false,
            watched: false,
            lasting: true,
        }
    }
}

/// A running ring. Dropping it kills its processes; the directory stays.
#[derive(Debug)]
pub struct LocalRing {
    nodes: Vec<Node>,
    /// The addresses of the nodes and of those that may join.
    places: Vec<Ipv4Addr>,
    installation: Installation,
    /// After the nodes: they end before their network does.
    wires: Option<Wires>,
    options: Options,
    /// Keeps other rings off the same addresses.
    _block: Block,
}

impl LocalRing {
    /// Starts a ring and waits until every node serves CQL, sees every other node up, and agrees on
    /// the schema. The first ring of a version on a machine takes longer: Java, jars and a class
    /// archive are made for the cache.
    ///
    /// A ring whose `options.directory` holds the data of an earlier one of the same size and
    /// addresses goes on with it.
    ///
    /// # Errors
    /// [`RingError`]; the processes that were started have been killed.
    pub async fn start(options: Options) -> Result<Self, RingError> {
        let most = options.nodes.saturating_add(options.room);
        if options.nodes == 0 || most > MAX_NODES {
            return Err(RingError::Size(most));
        }
        let installation = installation::ensure(options.version, options.jolokia.is_some()).await?;
        let block = Block::take(options.addresses, most, options.cql_port)?;
        let wires = if options.wired { Some(Wires::lay(block.number(), most)?) } else { None };
        let places = wires.as_ref().map_or_else(|| block.members(most), |wires| wires.members().to_vec());
        let mut ring = Self { nodes: Vec::new(), places, installation, wires, options, _block: block };
        for _ in 0..ring.options.nodes {
            ring.create_next()?;
        }
        let members = ring.places.get(..ring.nodes.len()).unwrap_or_default();
        let list = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let starting =
            waiting(format!("starting Cassandra {}, nodes: {}", ring.options.version.release(), members.len()));
        say(format!("its addresses are {list}"));
        for node in &mut ring.nodes {
            node.spawn()?;
        }
        ring.ready().await?;
        starting.done();
        Ok(ring)
    }

    /// Writes the configuration of the next node; starts nothing.
    fn create_next(&mut self) -> Result<&mut Node, RingError> {
        let index = self.nodes.len();
        let address = *self.places.get(index).ok_or(RingError::NoRoom(self.places.len()))?;
        let founders = self.places.get(..usize::from(self.options.nodes)).unwrap_or_default();
        let mut node =
            Node::create(&self.installation, &self.options, &configuration::Place { founders, index, address })?;
        if let Some(namespace) = self.wires.as_ref().and_then(|wires| wires.namespaces().nth(index)) {
            node.enter(namespace);
        }
        self.nodes.push(node);
        self.nodes.last_mut().ok_or(RingError::NoNode(index))
    }

    /// Starts one node more, which joins the ring: it is sent the rows that will be its. Does not wait; its number, from 0.
    ///
    /// # Errors
    /// [`RingError::NoRoom`] when the ring has as many nodes as [`Options::room`] allows, others when it cannot be started.
    pub fn add_node(&mut self) -> Result<usize, RingError> {
        self.create_next()?.spawn()?;
        Ok(self.nodes.len() - 1)
    }

    /// Ends the node that joined last and deletes its files: it must have left the ring before.
    ///
    /// # Errors
    /// [`RingError::Founder`] when none has joined, others when it does not end in time or its files stay.
    pub async fn discard_node(&mut self) -> Result<(), RingError> {
        if self.nodes.len() <= usize::from(self.options.nodes) {
            return Err(RingError::Founder);
        }
        let Some(mut node) = self.nodes.pop() else { return Err(RingError::Founder) };
        node.stop(STOP_DEADLINE).await?;
        let directory = node.directory().to_owned();
        std::fs::remove_dir_all(&directory).map_err(io_error(format!("deleting {}", directory.display())))
    }

    /// The CQL address of every node, stopped ones too.
    pub fn contact_points(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| SocketAddr::from((node.address(), self.options.cql_port))).collect()
    }

    /// The base address of each node's Jolokia agent, when [`Options::jolokia`] asked for one.
    pub fn jolokia_urls(&self) -> Vec<String> {
        let url = |node: &Node| format!("http://{}:{}/jolokia", node.address(), configuration::JOLOKIA_PORT);
        self.options.jolokia.iter().flat_map(|_| self.nodes.iter().map(url)).collect()
    }

    /// The wires between the nodes, when [`Options::wired`] asked for them.
    pub fn wires(&self) -> Option<&Wires> {
        self.wires.as_ref()
    }

    /// Where the ring's files are; `node-N/output.log` is what node N printed.
    pub fn directory(&self) -> &std::path::Path {
        &self.options.directory
    }

    /// The process ids of the nodes that run.
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(Node::pid).collect()
    }

    /// Waits until all nodes serve and see each other up.
    ///
    /// # Errors
    /// [`RingError::Died`] when a process ended, [`RingError::Wait`] when it takes too long.
    pub async fn ready(&mut self) -> Result<(), RingError> {
        readiness::wait(&mut self.nodes, &self.options, START_DEADLINE).await
    }

    /// Stops node `index` as an operating system would: it leaves off serving, flushes, ends.
    ///
    /// # Errors
    /// [`RingError`] when there is no such node or it does not end in time.
    pub async fn stop_node(&mut self, index: usize) -> Result<(), RingError> {
        self.node(index)?.stop(STOP_DEADLINE).await
    }

    /// Kills node `index` at once (SIGKILL) and reaps it.
    ///
    /// # Errors
    /// [`RingError`] when there is no such node or it cannot be signalled.
    pub fn kill_node(&mut self, index: usize) -> Result<(), RingError> {
        let node = self.node(index)?;
        node.kill()?;
        node.reap()
    }

    /// Kills all nodes at the same moment (SIGKILL) and reaps them.
    ///
    /// # Errors
    /// [`RingError`] when one cannot be signalled.
    pub fn kill_all_nodes(&mut self) -> Result<(), RingError> {
        self.nodes.iter_mut().try_for_each(Node::kill)?;
        self.nodes.iter_mut().try_for_each(Node::reap)
    }

    /// Starts node `index` again on its data, without waiting: see [`LocalRing::ready`].
    ///
    /// # Errors
    /// [`RingError`] when there is no such node or Java cannot be started.
    pub fn start_node(&mut self, index: usize) -> Result<(), RingError> {
        self.node(index)?.spawn()
    }

    /// Halts node `index` (SIGSTOP): its connections stay open and it answers nothing.
    ///
    /// # Errors
    /// [`RingError`] when there is no such node or it does not run.
    pub fn pause(&mut self, index: usize) -> Result<(), RingError> {
        self.node(index)?.pause()
    }

    /// Lets a paused node go on.
    ///
    /// # Errors
    /// [`RingError`] when there is no such node or it does not run.
    pub fn resume(&mut self, index: usize) -> Result<(), RingError> {
        self.node(index)?.resume()
    }

    /// Whether node `index` runs as it should.
    ///
    /// # Errors
    /// [`RingError::Died`] when its process has ended, with the end of its log.
    pub fn check_node(&mut self, index: usize) -> Result<(), RingError> {
        self.node(index)?.check()
    }

    fn node(&mut self, index: usize) -> Result<&mut Node, RingError> {
        self.nodes.get_mut(index).ok_or(RingError::NoNode(index))
    }
}

fn io_error(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> RingError {
    let action = action.into();
    move |source| RingError::Io { action, source }
}

#[cfg(test)]
mod tests;
