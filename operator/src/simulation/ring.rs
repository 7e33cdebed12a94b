//! A model of Cassandra: processes in pods, what is on their disks, members, keyspaces, roles, and
//! operations that take ticks. It keeps its own books of what must be repaired and cleaned up.

use std::collections::{BTreeMap, BTreeSet};

use crate::observation::{CqlAnswer, CqlView, NodeAnswer, NodeView, Replication, Superuser};

/// Ticks that a process takes to start, a node to join, an operation to run.
pub const STARTS: u32 = 2;
pub const JOINS: u32 = 3;
pub const STREAMS: u32 = 3;

/// What is on a volume.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Disk {
    #[default]
    Empty,
    /// Of a node that is, or was, a member.
    Node(String),
    /// Of a node that has left; Cassandra refuses to start with it.
    Decommissioned(String),
}

/// A Cassandra process in a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// It is down for so many ticks: killed, or its machine is cut off.
    Down(u32),
    Starting(u32),
    /// It refuses to start.
    Crashing(&'static str),
    Joining(u32, String),
    Normal(String),
    Leaving(u32, String),
    Decommissioned(String),
}

impl Process {
    pub fn host(&self) -> Option<&String> {
        match self {
            Process::Joining(_, host) | Process::Normal(host) | Process::Leaving(_, host) => Some(host),
            Process::Decommissioned(host) => Some(host),
            _ => None,
        }
    }

    /// It serves its part of the ring.
    pub fn is_up(&self) -> bool {
        matches!(self, Process::Normal(_) | Process::Leaving(..))
    }

    /// It moves ranges.
    pub fn is_moving(&self) -> bool {
        matches!(self, Process::Joining(..) | Process::Leaving(..))
    }
}

/// The ring as it truly is.
#[derive(Clone, Debug, Default)]
pub struct TrueRing {
    /// Host id → address it was last at.
    pub members: BTreeMap<String, String>,
    pub keyspaces: BTreeMap<String, Replication>,
    pub own_superuser: bool,
    pub default_disabled: bool,
    /// Keyspaces that the roles have their grants on.
    pub granted: BTreeSet<String>,
    /// Nodes that must repair a keyspace since its last ALTER.
    pub unrepaired: BTreeMap<String, BTreeSet<String>>,
    /// Nodes that hold ranges that moved away, by keyspace.
    pub unclean: BTreeMap<String, BTreeSet<String>>,
    next_host: u32,
}

impl TrueRing {
    pub fn new() -> TrueRing {
        let keyspaces = [
            ("system_auth", Replication::Simple(1)),
            ("system_distributed", Replication::Simple(3)),
            ("system_traces", Replication::Simple(2)),
        ];
        let keyspaces = keyspaces.into_iter().map(|(name, replication)| (name.to_owned(), replication)).collect();
        TrueRing { keyspaces, ..TrueRing::default() }
    }

    pub fn new_host(&mut self) -> String {
        self.next_host += 1;
        format!("host-{}", self.next_host)
    }

    pub fn factor(&self, keyspace: &str) -> i32 {
        match self.keyspaces.get(keyspace) {
            Some(Replication::Simple(factor)) => *factor,
            Some(Replication::Network(factors)) => factors.get("dc1").copied().unwrap_or(0),
            None => 0,
        }
    }

    fn has_data(&self) -> bool {
        self.keyspaces.keys().any(|name| !name.starts_with("system"))
    }

    /// A node becomes a member; those before it keep ranges that are no longer theirs.
    pub fn join(&mut self, host: &str, address: &str) {
        if self.has_data() {
            let before: BTreeSet<String> = self.members.keys().cloned().collect();
            for keyspace in self.keyspaces.keys().filter(|name| !name.starts_with("system")) {
                self.unclean.entry(keyspace.clone()).or_default().extend(before.clone());
            }
        }
        self.members.insert(host.to_owned(), address.to_owned());
    }

    pub fn leave(&mut self, host: &str) {
        self.members.remove(host);
        for owing in self.unrepaired.values_mut().chain(self.unclean.values_mut()) {
            owing.remove(host);
        }
    }

    pub fn alter(&mut self, keyspace: &str, replication: i32) {
        let before = self.factor(keyspace);
        let was_simple = matches!(self.keyspaces.get(keyspace), Some(Replication::Simple(_)));
        let all: BTreeSet<String> = self.members.keys().cloned().collect();
        if replication > 1 && (replication != before || (was_simple && before > 1)) {
            self.unrepaired.insert(keyspace.to_owned(), all.clone());
        }
        if replication < before {
            self.unclean.entry(keyspace.to_owned()).or_default().extend(all);
        }
        self.keyspaces.insert(keyspace.to_owned(), network(replication));
    }

    pub fn repaired(&mut self, keyspace: &str, host: &str) {
        if let Some(owing) = self.unrepaired.get_mut(keyspace) {
            owing.remove(host);
        }
    }

    pub fn cleaned(&mut self, keyspace: Option<&str>, host: &str) {
        for (name, owing) in &mut self.unclean {
            if keyspace.is_none_or(|keyspace| keyspace == name) {
                owing.remove(host);
            }
        }
    }

    /// What is still to be repaired or cleaned, for the end of a run.
    pub fn debts(&self) -> Vec<String> {
        let of = |what: &str, books: &BTreeMap<String, BTreeSet<String>>| {
            let owing = books.iter().filter(|(_, hosts)| !hosts.is_empty());
            owing.map(|(keyspace, hosts)| format!("{what} {keyspace} {hosts:?}")).collect::<Vec<_>>()
        };
        [of("repair", &self.unrepaired), of("clean up", &self.unclean)].concat()
    }
}

pub fn network(replication: i32) -> Replication {
    Replication::Network([("dc1".to_owned(), replication)].into())
}

/// What a pod's process answers.
pub fn view(process: &Process, ring: &TrueRing, processes: &BTreeMap<String, (String, Process)>) -> NodeAnswer {
    let Some(host) = process.host() else { return NodeAnswer::Unreachable("no answer".into()) };
    let address_of = |wanted: &str| ring.members.get(wanted).cloned();
    let up: BTreeSet<String> = processes
        .values()
        .filter(|(_, process)| process.is_up())
        .filter_map(|(_, process)| address_of(process.host()?))
        .collect();
    let moving = |wanted: fn(&Process) -> bool| -> BTreeSet<String> {
        processes.values().filter(|(_, process)| wanted(process)).map(|(address, _)| address.clone()).collect()
    };
    let mode = match process {
        Process::Joining(..) => "JOINING",
        Process::Leaving(..) => "LEAVING",
        Process::Decommissioned(_) => "DECOMMISSIONED",
        _ => "NORMAL",
    };
    let members: BTreeMap<String, String> =
        ring.members.iter().map(|(host, address)| (address.clone(), host.clone())).collect();
    NodeAnswer::Reachable(Box::new(NodeView {
        host_id: host.clone(),
        operation_mode: mode.to_owned(),
        native_transport: process.is_up(),
        unreachable: members.keys().filter(|address| !up.contains(*address)).cloned().collect(),
        live: up,
        joining: moving(|process| matches!(process, Process::Joining(..))),
        leaving: moving(|process| matches!(process, Process::Leaving(..))),
        moving: BTreeSet::new(),
        members,
        schema_version: "schema".to_owned(),
        release_version: "5.0.6".to_owned(),
        load_bytes: 1 << 20,
        free_bytes: Some(1 << 30),
        pending_hints: 0,
    }))
}

pub fn cql(ring: &TrueRing, anyone_serves: bool, api_keyspace: &str) -> CqlAnswer {
    if !anyone_serves {
        return CqlAnswer::Unreachable("no node serves CQL".into());
    }
    CqlAnswer::Reachable(CqlView {
        superuser: if ring.own_superuser { Superuser::Own } else { Superuser::Default },
        default_superuser_disabled: ring.default_disabled,
        roles_ready: ring.granted.contains(api_keyspace),
        keyspaces: ring.keyspaces.clone(),
    })
}
