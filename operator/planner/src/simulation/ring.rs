//! A model of Cassandra: processes in pods, what is on their disks, members, keyspaces, roles, and
//! operations that take ticks. It keeps its own books of what must be repaired and cleaned up.

use std::collections::{BTreeMap, BTreeSet};

use crate::logins::Credentials;
use crate::observation::Replication;

use jiff::Timestamp;

use super::rows::{HINT_WINDOW, Rows};

/// Ticks that a process takes to start, a node to join, an operation to run, hints to be delivered.
pub const STARTS: u32 = 2;
pub const JOINS: u32 = 3;
pub const STREAMS: u32 = 3;
/// Ticks that a pod goes on after it was asked to end.
pub const TERMINATES: u32 = 3;
pub const DELIVERS: u32 = 4;
/// Ticks until a node that came up has heard of all others.
pub const YOUNG: u32 = 3;

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
    /// It is alive and answers nobody for so many ticks, as in a long collection of garbage.
    Paused(u32, Box<Process>),
    Starting(u32),
    /// It refuses to start.
    Crashing(&'static str),
    Joining(u32, String),
    /// A member that has started, for the moment before it is NORMAL.
    Returning(String),
    Normal(String),
    Leaving(u32, String),
    /// Its stream into the ring broke, and it does not go on by itself.
    JoinFailed(String),
    /// Its stream out of the ring broke; it is a member and serves.
    LeaveFailed(String),
    Decommissioned(String),
}

impl Process {
    pub fn host(&self) -> Option<&String> {
        match self {
            Process::Joining(_, host) | Process::Normal(host) | Process::Leaving(_, host) => Some(host),
            Process::JoinFailed(host) | Process::LeaveFailed(host) | Process::Decommissioned(host) => Some(host),
            Process::Returning(host) => Some(host),
            Process::Down(_) | Process::Paused(..) | Process::Starting(_) | Process::Crashing(_) => None,
        }
    }

    /// The state that it goes on in when its pause is over.
    pub fn kept(&self) -> &Process {
        match self {
            Process::Paused(_, kept) => kept.kept(),
            process => process,
        }
    }

    /// It serves its part of the ring.
    pub fn is_up(&self) -> bool {
        matches!(self, Process::Normal(_) | Process::Leaving(..) | Process::LeaveFailed(_))
    }

    pub fn is_joining(&self) -> bool {
        matches!(self.kept(), Process::Joining(..) | Process::JoinFailed(_))
    }

    pub fn is_leaving(&self) -> bool {
        matches!(self.kept(), Process::Leaving(..) | Process::LeaveFailed(_))
    }

    /// It moves ranges, or hangs on the way.
    pub fn is_moving(&self) -> bool {
        self.kept().is_joining() || self.kept().is_leaving()
    }
}

/// The ring as it truly is.
#[derive(Clone, Debug, Default)]
pub struct TrueRing {
    /// Cassandra's cluster_name.
    pub name: String,
    /// Host id → address it was last at.
    pub members: BTreeMap<String, String>,
    pub keyspaces: BTreeMap<String, Replication>,
    /// The operator's own superuser, with the password that the ring knows.
    pub superuser: Option<Credentials>,
    /// The other roles, with their passwords.
    pub roles: BTreeMap<String, String>,
    pub default_disabled: bool,
    /// Keyspaces that the roles have their grants on.
    pub granted: BTreeSet<String>,
    /// Nodes that must repair a keyspace since its last ALTER.
    pub unrepaired: BTreeMap<String, BTreeSet<String>>,
    /// Factor before the one change that is not repaired yet, by keyspace.
    pub stepped_from: BTreeMap<String, i32>,
    /// Nodes that hold ranges that moved away, by keyspace.
    pub unclean: BTreeMap<String, BTreeSet<String>>,
    /// Counts ALTERs by keyspace: a repair is good for the copies of the one before it.
    pub alters: BTreeMap<String, u32>,
    /// Counts what moves ranges: a clean-up is good for what moved before it.
    pub moves: u32,
    /// ALTERs whose answer was lost, and that are carried out in so many ticks.
    pub late: Vec<(u32, String, i32)>,
    /// A node that has not heard of the newest schema yet.
    pub laggard: Option<Laggard>,
    /// Hosts that came up just now and have not heard of the others yet, for so many ticks.
    pub young: BTreeMap<String, u32>,
    /// Hints that wait for a host: since when, and ticks until they are delivered once it is up.
    pub hints: BTreeMap<String, (Timestamp, u32)>,
    /// What was acknowledged, and who has it.
    pub rows: Rows,
    schema: u32,
    next_host: u32,
}

/// A node with an older schema, for so many ticks.
#[derive(Clone, Debug)]
pub struct Laggard {
    host: String,
    keyspaces: BTreeMap<String, Replication>,
    schema: u32,
    ticks: u32,
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
        factor(&self.keyspaces, keyspace)
    }

    /// A node becomes a member; those before it keep ranges that are no longer theirs.
    pub fn join(&mut self, host: &str, address: &str) {
        let before: BTreeSet<String> = self.members.keys().cloned().collect();
        let nodes = i32::try_from(before.len()).unwrap() + 1;
        let own = self.keyspaces.keys().filter(|name| !name.starts_with("system"));
        // where there are as many copies as nodes, each node goes on having everything
        let shrinking: Vec<String> = own.filter(|name| self.factor(name) < nodes).cloned().collect();
        for keyspace in shrinking {
            self.unclean.entry(keyspace).or_default().extend(before.clone());
        }
        // it has got what was not repaired
        for owing in self.unrepaired.values_mut().filter(|owing| !owing.is_empty()) {
            owing.insert(host.to_owned());
        }
        self.moves += 1;
        self.rows.join(host, &self.members, |keyspace| factor(&self.keyspaces, keyspace));
        self.members.insert(host.to_owned(), address.to_owned());
    }

    /// A node leaves with all it has handed over, or is removed by the others.
    pub fn leave(&mut self, host: &str, hands_over: bool) {
        self.rows.leave(host, &self.members, |keyspace| factor(&self.keyspaces, keyspace), hands_over);
        self.members.remove(host);
        self.hints.remove(host);
        for owing in self.unrepaired.values_mut().chain(self.unclean.values_mut()) {
            owing.remove(host);
        }
    }

    pub fn create(&mut self, keyspace: String, replication: i32) {
        self.keyspaces.entry(keyspace).or_insert(network(replication));
    }

    pub fn alter(&mut self, keyspace: &str, replication: i32) {
        let before = self.factor(keyspace);
        let was_simple = matches!(self.keyspaces.get(keyspace), Some(Replication::Simple(_)));
        if replication == before && !was_simple {
            return;
        }
        let all: BTreeSet<String> = self.members.keys().cloned().collect();
        // the one node there is lacks nothing, and has nothing that is another's
        let alone = all.len() < 2;
        let owes_already = self.unrepaired.get(keyspace).is_some_and(|hosts| !hosts.is_empty());
        // of one copy each strategy has the same node
        match owes_already || was_simple && before > 1 {
            true => drop(self.stepped_from.remove(keyspace)),
            false => drop(self.stepped_from.insert(keyspace.to_owned(), before)),
        }
        if !alone && replication > 1 && (replication != before || before > 1) {
            self.unrepaired.insert(keyspace.to_owned(), all.clone());
            *self.alters.entry(keyspace.to_owned()).or_default() += 1;
        }
        if !alone && replication < before {
            self.moves += 1;
            self.unclean.entry(keyspace.to_owned()).or_default().extend(all);
        }
        self.keyspaces.insert(keyspace.to_owned(), network(replication));
    }

    /// Changes the schema; one node hears of it only after `lag` ticks.
    pub fn change_schema(&mut self, lag: u32, change: impl FnOnce(&mut TrueRing)) {
        let before = self.keyspaces.clone();
        change(self);
        if self.keyspaces == before {
            return;
        }
        let host = self.members.keys().nth(self.schema as usize % self.members.len().max(1)).cloned();
        if let Some(host) = host.filter(|_| lag > 0 && self.members.len() > 1 && self.laggard.is_none()) {
            self.laggard = Some(Laggard { host, keyspaces: before, schema: self.schema, ticks: lag });
        }
        self.schema += 1;
    }

    /// A tick of what goes on by itself: `up` are the hosts of processes that serve.
    pub fn tick(&mut self, now: Timestamp, up: &BTreeSet<String>) {
        self.laggard =
            self.laggard.take().filter(|laggard| laggard.ticks > 0 && self.members.contains_key(&laggard.host));
        if let Some(laggard) = &mut self.laggard {
            laggard.ticks -= 1;
        }
        self.young.retain(|_, ticks| {
            *ticks = ticks.saturating_sub(1);
            *ticks > 0
        });
        for (ticks, ..) in &mut self.late {
            *ticks -= 1;
        }
        let (landing, late) = std::mem::take(&mut self.late).into_iter().partition(|(ticks, ..)| *ticks == 0);
        self.late = late;
        for (_, keyspace, replication) in landing {
            self.change_schema(0, |ring| ring.alter(&keyspace, replication));
        }
        for host in self.members.keys().filter(|host| !up.contains(*host) && !up.is_empty()) {
            self.hints.entry(host.clone()).or_insert((now, DELIVERS)).1 = DELIVERS;
        }
        for (host, (_, ticks)) in &mut self.hints {
            *ticks -= u32::from(up.contains(host) && *ticks > 0);
        }
        self.hints.retain(|_, (_, ticks)| *ticks > 0);
        up.iter().filter(|host| !self.hints.contains_key(*host)).for_each(|host| self.rows.deliver(host));
        self.write(now, up);
    }

    /// Clients write, all the time.
    fn write(&mut self, now: Timestamp, up: &BTreeSet<String>) {
        let late = self.hints.iter().filter(|(_, (since, _))| now.as_second() - since.as_second() > HINT_WINDOW);
        let late = late.map(|(host, _)| host.clone()).collect();
        for keyspace in self.keyspaces.keys().filter(|keyspace| !keyspace.starts_with("system")) {
            self.rows.write(keyspace, factor(&self.keyspaces, keyspace), &self.members, up, &late);
        }
    }

    /// When the oldest hint was written that waits for one of these hosts.
    pub fn oldest_hint(&self, hosts: impl Fn(&str) -> bool) -> Option<Timestamp> {
        self.hints.iter().filter(|(host, _)| hosts(host)).map(|(_, (since, _))| *since).min()
    }

    /// The keyspaces that a host has heard of.
    pub fn keyspaces_of(&self, host: &str) -> &BTreeMap<String, Replication> {
        let laggard = self.laggard.as_ref().filter(|laggard| laggard.host == host);
        laggard.map_or(&self.keyspaces, |laggard| &laggard.keyspaces)
    }

    /// The schema that a host has heard of.
    pub fn schema_of(&self, host: &str) -> u32 {
        let laggard = self.laggard.as_ref().filter(|laggard| laggard.host == host);
        laggard.map_or(self.schema, |laggard| laggard.schema)
    }

    pub fn repaired(&mut self, keyspace: &str, host: &str) {
        if let Some(owing) = self.unrepaired.get_mut(keyspace) {
            owing.remove(host);
        }
        self.rows.repair(keyspace, host, &self.members, factor(&self.keyspaces, keyspace));
    }

    pub fn cleaned(&mut self, keyspace: Option<&str>, host: &str) {
        self.rows.clean(keyspace, host, &self.members, |name| factor(&self.keyspaces, name));
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

fn factor(keyspaces: &BTreeMap<String, Replication>, keyspace: &str) -> i32 {
    match keyspaces.get(keyspace) {
        Some(Replication::Simple(factor)) => *factor,
        Some(Replication::Network(factors)) => factors.get("dc1").copied().unwrap_or(0),
        None => 0,
    }
}

/// The datacenter of the model.
pub const DATACENTER: &str = "dc1";

pub fn network(replication: i32) -> Replication {
    Replication::Network([(DATACENTER.to_owned(), replication)].into())
}
