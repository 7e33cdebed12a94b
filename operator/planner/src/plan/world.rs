//! What is known on a pass, for the guards to ask. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use store_crds::{Lane, LostNode, OperationKind, OperationStatus};

use super::ring::{Node, Ring};
use super::wanted::Wanted;
use crate::children::{Deployment, Job, StatefulSet};
use crate::desired::Desired;
use crate::observation::{CqlAnswer, CqlView, Observation};
use crate::procedure::{self, Footprint};
use crate::resources;
use crate::settings::Settings;

/// What is known on this pass.
pub struct Context<'a> {
    pub desired: &'a Desired,
    pub observation: &'a Observation,
    pub settings: &'a Settings,
    pub ring: Ring<'a>,
    /// Ordinals taken in each rack: what its StatefulSet must have, whatever somebody set it to.
    pub taken: BTreeMap<String, i32>,
    /// The configuration that the spec asks for.
    pub wanted: Wanted,
    /// Members whose data is gone.
    pub lost: Vec<LostNode>,
}

impl<'a> Context<'a> {
    /// The operations in hand, by the last status.
    pub fn in_hand(&self) -> &'a [OperationStatus] {
        self.observation.status.in_hand()
    }

    /// The operation in hand of this kind, if there is one.
    pub fn operation_of(&self, kind: OperationKind) -> Option<&'a OperationStatus> {
        self.in_hand().iter().find(|operation| operation.kind == kind)
    }

    /// The operation in hand in this lane, if there is one.
    pub fn operation_in(&self, lane: Lane) -> Option<&'a OperationStatus> {
        self.in_hand().iter().find(|operation| procedure::of(operation.kind).lane == lane)
    }

    /// What the operations in hand on this node leave on the world.
    pub fn footprints<'b>(&'b self, node: &'b Node) -> impl Iterator<Item = &'static Footprint> + 'b {
        procedure::on(&self.observation.status, &node.pod)
    }

    /// What CQL says, if it could be asked.
    pub fn cql(&self) -> Option<&'a CqlView> {
        match &self.observation.cql {
            CqlAnswer::Reachable(view) => Some(view),
            CqlAnswer::Unreachable(_) | CqlAnswer::Refused(_) => None,
        }
    }

    /// The node is to be up now.
    pub fn expects(&self, node: &Node) -> bool {
        self.taken.get(&node.id.rack).is_some_and(|taken| node.id.ordinal < *taken)
    }

    /// Number of nodes that own a part of the ring.
    pub fn member_count(&self) -> i32 {
        i32::try_from(self.ring.members().count()).unwrap_or(i32::MAX)
    }

    /// The ring has one node: all copies there are of anything are on it.
    pub fn is_alone(&self) -> bool {
        self.member_count() == 1
    }

    /// The first node is alone, and no API has ever been there to use what is made on it.
    pub fn is_founding(&self) -> bool {
        self.is_alone() && self.observation.status.api.migrated_image.is_none()
    }

    /// Host ids of all members, in the order of the pods.
    pub fn member_hosts(&self) -> Vec<String> {
        self.ring.members().filter_map(|node| node.host_id.clone()).collect()
    }

    /// The StatefulSet of a rack.
    pub fn stateful_set(&self, rack: &str) -> Option<&'a StatefulSet> {
        self.observation.children.stateful_sets.get(&self.desired.stateful_set_name(rack))
    }

    /// The Deployment of the API.
    pub fn deployment(&self) -> Option<&'a Deployment> {
        self.observation.children.deployments.get(&resources::api_name(self.desired))
    }

    /// A schema Job by its name.
    pub fn job(&self, name: &str) -> Option<&'a Job> {
        self.observation.children.jobs.get(name)
    }

    /// Nodes in the racks beyond their targets, or short of them.
    pub fn surplus(&self, rack: &str) -> i32 {
        let target = self.desired.cassandra.racks.iter().find(|known| known.name == rack).map_or(0, |rack| rack.target);
        self.taken.get(rack).copied().unwrap_or(0) - target
    }

    /// Since when a node has been away, as the last statuses remember it.
    pub fn away_since(&self, node: &Node) -> Option<Timestamp> {
        let known = self.observation.status.nodes.iter().find(|known| known.pod == node.pod);
        known.and_then(|known| known.away_since.as_ref()).map(|since| since.0)
    }

    /// How long a node has been away, in seconds, as the last statuses remember it.
    pub fn away_for(&self, node: &Node) -> i64 {
        self.away_since(node).map_or(0, |since| self.observation.now.as_second() - since.as_second())
    }

    /// The node's pod was made for another configuration than the newest.
    pub fn is_outdated(&self, node: &Node) -> bool {
        node.running.is_some_and(|pod| !self.wanted.is_of(node, pod))
    }

    /// A pod that runs has another configuration than the newest.
    pub fn is_rollout_due(&self) -> bool {
        self.ring.nodes.iter().any(|node| self.is_outdated(node))
    }

    /// A peer that is up takes the node for up, so it may serve although it does not answer the operator.
    pub fn may_serve(&self, node: &Node) -> bool {
        let Some(host_id) = node.host_id.as_deref() else { return false };
        self.ring
            .live()
            .filter(|(peer, _)| peer.pod != node.pod)
            .any(|(_, view)| view.members.iter().any(|(address, host)| host == host_id && view.live.contains(address)))
    }
}
