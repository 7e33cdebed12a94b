//! What the processes of the model answer to whoever asks them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::ring::{JOINS, Process, TrueRing};
use super::world::{Pod, World};
use crate::observation::{CqlAnswer, CqlView, NodeAnswer, NodeView, Superuser};

/// How the machines of the nodes are, as far as the nodes tell it.
#[derive(Clone, Copy, Debug)]
pub struct Machines {
    pub now: Timestamp,
    /// No node has room for another's data.
    pub full: bool,
    /// Somewhere a hint is always waiting for its next delivery, as under any load.
    pub chatter: bool,
}

/// What a pod's process answers.
pub fn view(
    process: &Process,
    version: &str,
    ring: &TrueRing,
    processes: &BTreeMap<String, (String, Process)>,
    machines: Machines,
) -> NodeAnswer {
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
    let old = version.starts_with("4.");
    let mode = match process {
        Process::JoinFailed(_) if !old => "JOINING_FAILED",
        Process::LeaveFailed(_) if !old => "DECOMMISSION_FAILED",
        Process::Joining(..) | Process::JoinFailed(_) | Process::Returning(_) => "JOINING",
        Process::Leaving(..) | Process::LeaveFailed(_) => "LEAVING",
        Process::Decommissioned(_) => "DECOMMISSIONED",
        _ => "NORMAL",
    };
    let streamed = match process {
        Process::Joining(ticks, _) => Some((u64::from(JOINS - ticks) << 20, u64::from(JOINS) << 20)),
        _ => None,
    };
    // of two, each knows the other from its disk
    let is_young = ring.young.contains_key(host) && ring.members.len() > 2;
    let known = ring.members.iter().filter(|(other, _)| !is_young || *other == host);
    let members: BTreeMap<String, String> = known.map(|(host, address)| (address.clone(), host.clone())).collect();
    let is_up = |other: &str| other != host && ring.members.get(other).is_some_and(|address| up.contains(address));
    let young = machines.chatter.then(|| machines.now - SignedDuration::from_secs(15));
    let oldest_hint = ring.oldest_hint(is_up).or(young);
    NodeAnswer::Reachable(Box::new(NodeView {
        host_id: host.clone(),
        cluster_name: ring.name.clone(),
        operation_mode: mode.to_owned(),
        native_transport: process.is_up(),
        unreachable: members.keys().filter(|address| !up.contains(*address)).cloned().collect(),
        live: up,
        joining: moving(Process::is_joining),
        leaving: moving(Process::is_leaving),
        moving: BTreeSet::new(),
        members,
        schema_version: format!("schema-{}", ring.schema_of(host)),
        release_version: version.to_owned(),
        streamed,
        load_bytes: 1 << 20,
        free_bytes: Some(if machines.full { 1 << 10 } else { 1 << 30 }),
        pending_hints: u64::from(oldest_hint.is_some()),
        oldest_hint,
        kept_password: false,
    }))
}

/// What the schema says over CQL: one of the hosts that serve is asked, another on each tick.
pub fn cql(ring: &TrueRing, serving: &[String], tick: usize, api_keyspace: &str) -> CqlAnswer {
    let Some(asked) = serving.get(tick % serving.len().max(1)) else {
        return CqlAnswer::Unreachable("no node serves CQL".into());
    };
    CqlAnswer::Reachable(CqlView {
        superuser: if ring.superuser.is_some() { Superuser::Own } else { Superuser::Default },
        kept_password: false,
        default_superuser_disabled: ring.default_disabled,
        roles_ready: ring.granted.contains(api_keyspace),
        keyspaces: ring.keyspaces_of(asked).clone(),
    })
}

impl World {
    /// The processes of all pods, with their addresses.
    pub fn processes(&self) -> BTreeMap<String, (String, Process)> {
        let of = |(name, pod): (&String, &Pod)| {
            (name.clone(), (pod.seen.ip.clone().unwrap_or_default(), pod.process.clone()))
        };
        self.pods.iter().map(of).collect()
    }

    /// What the operator sees of the pods' nodes.
    pub fn views(&self) -> BTreeMap<String, NodeAnswer> {
        let processes = self.processes();
        let machines = Machines { now: self.now, full: self.full, chatter: self.chatter };
        let view = |pod: &Pod| view(&pod.process, pod.version(), &self.ring, &processes, machines);
        self.pods.iter().map(|(name, pod)| (name.clone(), view(pod))).collect()
    }
}
