//! The ring as all answers together show it: which nodes there are, which of them are members, and
//! whether it is calm. Pure.
//!
//! Absence is not evidence: a node counts as gone only on the word of live peers whose answers are
//! sane, and a node of which nothing is known counts as there.

use std::collections::{BTreeMap, BTreeSet};

use store_crds::{NodeState, NodeStatus};

use crate::desired::Desired;
use crate::identity::NodeId;
use crate::observation::{ClaimObservation, NodeAnswer, NodeView, Observation, PodObservation, VolumeNote};
use crate::procedure::{self, Footprint, Place};

/// All that is known of the ring.
pub struct Ring<'a> {
    /// By rack in the order of the spec, then by ordinal.
    pub nodes: Vec<Node<'a>>,
}

/// One place in the ring: a pod that exists, existed, or left a volume.
pub struct Node<'a> {
    pub pod: String,
    pub id: NodeId,
    /// The pod, if it exists.
    pub running: Option<&'a PodObservation>,
    /// Its claim, if it exists.
    pub claim: Option<&'a ClaimObservation>,
    /// Its own answer, if it gave one.
    pub view: Option<&'a NodeView>,
    /// Why there is no answer; empty if there is one.
    pub silence: String,
    /// Its agent answers and has another password than any that is known.
    locked: bool,
    /// Its host id, by its own word or by the last status.
    pub host_id: Option<String>,
    /// What the last status says of it.
    pub remembered: Option<&'a NodeStatus>,
    pub membership: Membership,
}

/// Whether a node owns a part of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// By the word of a live node.
    Member,
    /// It is streaming its part in.
    Joining,
    /// By the word of enough live peers, or it never was.
    NotMember,
    /// Nobody who could know has answered.
    Unknown,
}

impl Node<'_> {
    /// It cannot be asked, and by its pod's readiness, for which it answers CQL, it is well.
    pub fn is_locked(&self) -> bool {
        self.locked && self.running.is_some_and(|pod| pod.ready && !pod.deleting)
    }

    /// Its view, if it is on its way in, also after its stream broke.
    pub fn joining(&self) -> Option<&NodeView> {
        self.view.filter(|view| is_joining(view) && !self.returns(view))
    }

    /// A member that restarts says JOINING, too, just before it is NORMAL. It has its host id from its disk; where nobody
    /// remembers that, its claim has been noted as a member's.
    fn returns(&self, view: &NodeView) -> bool {
        match self.remembered.and_then(|known| known.host_id.as_ref()) {
            Some(known) => *known == view.host_id,
            None => self.claim.is_some_and(|claim| claim.left.is_none() && claim.note != VolumeNote::default()),
        }
    }
}

impl<'a> Ring<'a> {
    pub fn gather(desired: &Desired, observation: &'a Observation) -> Ring<'a> {
        let mut nodes = places(desired, observation);
        let known: BTreeSet<String> = nodes.iter().filter_map(|node| node.host_id.clone()).collect();
        let membership: Vec<Membership> = (0..nodes.len()).map(|index| membership(&nodes, index, &known)).collect();
        // a bootstrap begins where there was nothing: until its node is up, nobody else has joined, and
        // pods that somebody's hand started meanwhile are no part of the ring
        let mut in_hand = observation.status.in_hand().iter();
        let bootstrap = in_hand.find(|operation| procedure::of(operation.kind).footprint.founds);
        let newcomer = |node: &Node| {
            bootstrap.is_some_and(|operation| operation.pod.as_ref() != Some(&node.pod)) && node.host_id.is_none()
        };
        for (node, membership) in nodes.iter_mut().zip(membership) {
            node.membership = match membership {
                Membership::Unknown if newcomer(node) => Membership::NotMember,
                Membership::Member | Membership::Joining | Membership::NotMember | Membership::Unknown => membership,
            };
        }
        Ring { nodes }
    }

    pub fn find(&self, pod: &str) -> Option<&Node<'a>> {
        self.nodes.iter().find(|node| node.pod == pod)
    }

    /// Nodes that own a part of the ring, or may.
    pub fn members(&self) -> impl Iterator<Item = &Node<'a>> {
        self.nodes.iter().filter(|node| matches!(node.membership, Membership::Member | Membership::Unknown))
    }

    /// Views of nodes that are up and normal, by pod.
    pub fn live(&self) -> impl Iterator<Item = (&Node<'a>, &'a NodeView)> {
        self.nodes.iter().filter_map(|node| Some((node, node.view?))).filter(|(_, view)| is_live(view))
    }

    /// Members that no pod is known to be: nodes that nobody started here. A pod that has not told its host id is known by
    /// its address.
    pub fn strangers(&self) -> BTreeSet<String> {
        let known: BTreeSet<&String> = self.nodes.iter().filter_map(|node| node.host_id.as_ref()).collect();
        let untold = self.nodes.iter().filter(|node| node.host_id.is_none());
        let addresses: BTreeSet<&String> = untold.filter_map(|node| node.running?.ip.as_ref()).collect();
        let of_views = self.live().flat_map(|(_, view)| &view.members);
        let strange = of_views.filter(|(address, host)| !known.contains(host) && !addresses.contains(address));
        strange.map(|(_, host)| host.clone()).collect()
    }

    /// How many ordinals of a rack are taken, from 0 up: what its StatefulSet must have at least.
    pub fn taken(&self, rack: &str, observation: &Observation) -> i32 {
        let keeps = |node: &Node, footprint: &Footprint| match footprint.place {
            Place::AsSeen => false,
            Place::Kept => true,
            Place::KeptUntilMarked => node.claim.is_some_and(|claim| claim.left.is_none()),
        };
        let in_hand =
            |node: &Node| procedure::on(&observation.status, &node.pod).any(|footprint| keeps(node, footprint));
        // one that was taken back on its way in ends, and nobody makes it anew
        let goes = |node: &Node| {
            let ends = node.running.is_some_and(|pod| pod.deleting);
            node.membership == Membership::Joining && node.host_id.is_none() && ends
        };
        // of a volume alone nobody makes a node where it was decided before that there is to be none
        let asked = asked(rack, observation);
        let left_over = |node: &Node| {
            let of_claim = node.running.is_none() && node.host_id.is_none();
            of_claim && asked.is_some_and(|replicas| node.id.ordinal >= replicas)
        };
        let counts = |node: &Node| node.membership != Membership::NotMember && !goes(node) && !left_over(node);
        let taken = |node: &&Node| counts(node) || in_hand(node);
        let highest =
            self.nodes.iter().filter(|node| node.id.rack == rack).filter(taken).map(|node| node.id.ordinal + 1);
        highest.max().unwrap_or(0)
    }

    /// Whether live peers prove that the node of a host id is out of the ring: at least two of them,
    /// or all where there are fewer, and none that says otherwise. `Err` says what is missing.
    pub fn proof_of_leaving(&self, pod: &str, host_id: &str) -> Result<(), String> {
        let others: Vec<&Node> = self.members().filter(|node| node.pod != pod).collect();
        let peers: Vec<(&Node, &NodeView)> =
            self.live().filter(|(node, view)| node.pod != pod && is_sane(view)).collect();
        if let Some((node, _)) = peers.iter().find(|(_, view)| names(view, host_id)) {
            return Err(format!("{} still has {pod} in its ring", node.pod));
        }
        let needed = others.len().min(2);
        let views: Vec<&NodeView> = peers.iter().map(|(_, view)| *view).collect();
        let whole = views.iter().filter(|view| is_whole(view, &views)).count();
        if needed == 0 || whole < needed {
            return Err(format!("{whole} of the {needed} live peers needed say that {pod} has left"));
        }
        Ok(())
    }

    /// What `status.nodes` says of what is seen now.
    pub fn status(&self) -> Vec<NodeStatus> {
        let told = self.nodes.iter().filter(|node| node.running.is_some() || node.membership != Membership::NotMember);
        told.map(|node| NodeStatus {
            pod: node.pod.clone(),
            rack: node.id.rack.clone(),
            host_id: node.host_id.clone().filter(|_| node.membership != Membership::NotMember),
            state: self.state(node),
            version: node.view.map(|view| view.release_version.clone()).filter(|version| !version.is_empty()),
            load_mib: node.view.map(|view| i64::try_from(view.load_bytes.div_ceil(1 << 20)).unwrap_or(i64::MAX)),
            away_since: None,
            volume: volume(node),
        })
        .collect()
    }

    /// Whether live peers prove that no member has this host id: two of them, or the only one there is, and
    /// none that says otherwise.
    pub fn is_out(&self, host_id: &str) -> bool {
        let views: Vec<&NodeView> = self.live().map(|(_, view)| view).filter(|view| is_sane(view)).collect();
        let whole = views.iter().filter(|view| is_whole(view, &views)).count();
        let needed = self.members().count().clamp(1, 2);
        whole >= needed && !views.iter().any(|view| names(view, host_id))
    }

    fn state(&self, node: &Node) -> NodeState {
        let Some(view) = node.view else {
            let was_there = node.host_id.is_some() && node.membership != Membership::NotMember;
            return match was_there {
                true if node.is_locked() && self.seen_down_by(node).is_none() => NodeState::Normal,
                true => NodeState::Down,
                false => NodeState::Starting,
            };
        };
        match view.operation_mode.as_str() {
            "NORMAL" | "MOVING" => {
                let is_ready = node.running.is_some_and(|pod| pod.ready);
                match (node.running.is_some_and(|pod| pod.deleting), self.seen_down_by(node)) {
                    (true, _) => NodeState::Drained,
                    (false, None) if is_ready => NodeState::Normal,
                    (false, _) => NodeState::Down,
                }
            }
            "JOINING" | "JOINING_FAILED" if node.joining().is_some() => NodeState::Joining,
            "LEAVING" | "DECOMMISSION_FAILED" => NodeState::Leaving,
            "DECOMMISSIONED" => NodeState::Decommissioned,
            "DRAINING" | "DRAINED" => NodeState::Drained,
            _ => NodeState::Starting,
        }
    }

    /// A live peer that does not see the node up, if there is one.
    pub fn seen_down_by(&self, node: &Node) -> Option<&Node<'a>> {
        let host_id = node.host_id.as_deref()?;
        let sees_down = |view: &NodeView| {
            let address = view.members.iter().find(|(_, host)| host.as_str() == host_id).map(|(address, _)| address);
            address.is_some_and(|address| view.unreachable.contains(address) || !view.live.contains(address))
        };
        self.live().find(|(peer, view)| peer.pod != node.pod && sees_down(view)).map(|(peer, _)| peer)
    }
}

/// The claim that a member's data is on: while it is up, the one of its pod; before and after, the one that it had.
fn volume(node: &Node) -> Option<String> {
    if node.view.is_some_and(is_live) {
        return node.claim.map(|claim| claim.uid.to_string());
    }
    let known = node.remembered.filter(|known| known.host_id == node.host_id && known.host_id.is_some());
    known.and_then(|known| known.volume.clone()).filter(|_| node.membership != Membership::NotMember)
}

/// The replicas of a rack's StatefulSet, if it exists.
pub fn asked(rack: &str, observation: &Observation) -> Option<i32> {
    let mut sets = observation.children.stateful_sets.values();
    sets.find(|set| set.rack == rack).map(|set| set.replicas)
}

/// Every place that a pod, a claim or the last status speaks of.
fn places<'a>(desired: &Desired, observation: &'a Observation) -> Vec<Node<'a>> {
    let mut places: BTreeMap<(usize, i32), NodeId> = BTreeMap::new();
    let position = |rack: &str| {
        let racks = &desired.cassandra.racks;
        racks.iter().position(|known| known.name == rack).unwrap_or(racks.len())
    };
    let mut place = |rack: &str, ordinal: i32| {
        places.insert((position(rack), ordinal), desired.node(rack, ordinal));
    };
    for pod in observation.pods.values() {
        place(&pod.rack, pod.ordinal);
    }
    // a volume of a rack that nobody wants is no place: its node is not to start
    let wanted = |rack: &str| desired.cassandra.racks.iter().any(|known| known.name == rack);
    for claim in observation.claims.values().filter(|claim| claim.left.is_none() && wanted(&claim.rack)) {
        place(&claim.rack, claim.ordinal);
    }
    for node in observation.status.nodes.iter().filter(|node| node.host_id.is_some()) {
        if let Some(ordinal) = desired.ordinal_in(&node.rack, &node.pod) {
            place(&node.rack, ordinal);
        }
    }
    places.into_values().map(|id| node(desired, observation, id)).collect()
}

fn node<'a>(desired: &Desired, observation: &'a Observation, id: NodeId) -> Node<'a> {
    let pod = desired.pod_name(&id.rack, id.ordinal);
    let (view, silence) = match observation.views.get(&pod) {
        Some(NodeAnswer::Reachable(view)) => (Some(view.as_ref()), String::new()),
        Some(NodeAnswer::Unreachable(cause) | NodeAnswer::Locked(cause)) => (None, cause.clone()),
        None => (None, "its pod does not exist".to_owned()),
    };
    let known = observation.status.nodes.iter().find(|node| node.pod == pod);
    let remembered = known.and_then(|node| node.host_id.clone());
    let locked = matches!(observation.views.get(&pod), Some(NodeAnswer::Locked(_)));
    let own = view.filter(|view| has_joined(view)).map(|view| view.host_id.clone());
    Node {
        running: observation.pods.get(&pod),
        claim: observation.claims.get(&desired.claim_name(&pod)),
        host_id: own.or(remembered).filter(|host| !host.is_empty()),
        remembered: known,
        view,
        silence,
        locked,
        membership: Membership::Unknown,
        pod,
        id,
    }
}

fn membership(nodes: &[Node], index: usize, known: &BTreeSet<String>) -> Membership {
    let Some(node) = nodes.get(index) else { return Membership::Unknown };
    if node.joining().is_some() {
        return Membership::Joining;
    }
    if node.view.is_some_and(|view| is_live(view) && is_sane(view)) {
        return Membership::Member;
    }
    let others = || nodes.iter().filter(|other| other.pod != node.pod);
    let peers: Vec<&NodeView> =
        others().filter_map(|other| other.view).filter(|view| is_live(view) && is_sane(view)).collect();
    let whole = peers.iter().filter(|view| is_whole(view, &peers)).count();
    match &node.host_id {
        Some(host_id) if peers.iter().any(|view| names(view, host_id)) => Membership::Member,
        // the word of two, or of the only other one there is
        Some(_) if whole > 0 && whole >= others().count().min(2) => Membership::NotMember,
        Some(_) => Membership::Unknown,
        None => {
            // it has no host id that anybody knows; so it is no member if every member of the ring is
            // known to be somebody else, by the word of all who could know
            // one on its way in is no member by its own word, and knows no more than it was told
            let answers = |other: &Node| other.view.is_some_and(is_live) || other.joining().is_some();
            let all_answer = others().all(|other| answers(other) || (other.host_id.is_none() && other.view.is_none()));
            let all_known = peers.iter().all(|view| view.members.values().all(|host| known.contains(host)));
            if whole > 0 && all_answer && all_known { Membership::NotMember } else { Membership::Unknown }
        }
    }
}

/// Up and a full member by its own word. One whose decommission failed is one, and serves.
pub fn is_live(view: &NodeView) -> bool {
    matches!(view.operation_mode.as_str(), "NORMAL" | "LEAVING" | "DECOMMISSION_FAILED" | "MOVING")
}

/// On its way in, or a member that is about to have started ([`Node::joining`]).
fn is_joining(view: &NodeView) -> bool {
    matches!(view.operation_mode.as_str(), "JOINING" | "JOINING_FAILED")
}

/// It has an own host id that is, or was, a member.
fn has_joined(view: &NodeView) -> bool {
    is_live(view) || matches!(view.operation_mode.as_str(), "DECOMMISSIONED" | "DRAINING" | "DRAINED")
}

/// An answer in which the node itself is a member; anything else is half an answer.
fn is_sane(view: &NodeView) -> bool {
    !view.host_id.is_empty() && names(view, &view.host_id)
}

/// An answer in which every peer that is up is a member. Two nodes that came up just now may both have
/// half a ring in mind, and agree on who is not in it.
fn is_whole(view: &NodeView, peers: &[&NodeView]) -> bool {
    peers.iter().all(|peer| names(view, &peer.host_id))
}

/// The view has a host id among the members.
fn names(view: &NodeView, host_id: &str) -> bool {
    view.members.values().any(|member| member == host_id)
}
