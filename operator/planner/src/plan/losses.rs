//! Members whose data is gone, and members that were away for too long: what is owed for them, and what is told
//! until that is done. Pure.
//!
//! A row that was acknowledged at QUORUM is on two nodes of three. If one of the two is lost, and the node that takes
//! its place streams from the third, one copy is left and a read at QUORUM may miss it. Only a repair among those
//! that are left brings the copies together, best before the new node streams.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::{DebtKind, LostNode, OperationKind};

use super::draft::Draft;
use super::hold::Hold;
use super::ring::{self, Membership, Node, Ring};
use super::world::Context;
use super::{calm, lost, replication, retained};
use crate::desired::Desired;
use crate::hints;
use crate::observation::{ClaimObservation, Observation, VolumeNote};
use crate::procedure;

/// Members whose data is gone: those that the last status tells of, and those that are seen now.
pub fn gather(desired: &Desired, observation: &Observation, ring: &Ring) -> Vec<LostNode> {
    let is_back = |host: &str| ring.live().any(|(_, view)| view.host_id == host);
    let told = observation.status.lost.iter().filter(|lost| !is_back(&lost.host_id)).cloned();
    let seen = ring.nodes.iter().filter_map(|node| {
        let host_id = lost_host(observation, node)?;
        let known = observation.status.lost.iter().any(|lost| lost.host_id == host_id);
        (!known).then(|| LostNode { host_id, pod: Some(node.pod.clone()), since: Time(observation.now) })
    });
    let mut lost: Vec<LostNode> = told.chain(seen).collect();
    // where the spec has no such place, nobody takes it
    for entry in &mut lost {
        entry.pod = entry.pod.take().filter(|pod| desired.find_node(pod).is_some());
    }
    lost
}

/// The host id that was a member in this place and whose data is not there any more.
fn lost_host(observation: &Observation, node: &Node) -> Option<String> {
    let known = node.remembered?;
    let host = known.host_id.as_ref()?;
    let own = node.view.filter(|view| ring::is_live(view)).map(|view| &view.host_id);
    // what left by a decommission has handed over all it had
    if own == Some(host) || node.claim.is_some_and(|claim| claim.left.is_some()) {
        return None;
    }
    let claim = node.claim.map(|claim| claim.uid.as_str());
    let other_volume = known.volume.is_some() && claim != known.volume.as_deref();
    if other_volume || node.claim.is_some_and(|claim| claim.lost) {
        return Some(host.clone());
    }
    let mode = node.view.map(|view| view.operation_mode.as_str()).unwrap_or_default();
    let leaves = procedure::on(&observation.status, &node.pod).any(|footprint| footprint.takes_out);
    if leaves || mode == "DECOMMISSIONED" {
        return None;
    }
    let another = own.is_some_and(|own| !own.is_empty());
    let removed = matches!(node.membership, Membership::NotMember | Membership::Joining);
    (another || removed).then(|| host.clone())
}

/// Writes down what is owed for members that are lost or came back late.
pub fn incur(context: &Context, draft: &mut Draft) {
    let mut lost = context.lost.clone();
    let may_be_one = |node: &Node| may_be_a_stranger(context, node);
    if !context.ring.nodes.iter().any(may_be_one) && retained::foreign(context).is_empty() {
        let known = |host: &String| lost.iter().any(|lost| lost.host_id == *host);
        let strangers: Vec<String> = context.ring.strangers().into_iter().filter(|host| !known(host)).collect();
        let since = Time(context.observation.now);
        lost.extend(strangers.into_iter().map(|host_id| LostNode { host_id, pod: None, since: since.clone() }));
    }
    let before = &context.observation.status.lost;
    let is_new = lost.iter().any(|entry| !before.iter().any(|before| before.host_id == entry.host_id));
    if is_new || context.ring.nodes.iter().any(|node| came_back_late(context, node)) {
        draft.owe(context, DebtKind::Repair, None, hosts(context, &lost));
    }
    owe_again(context, draft, &lost);
    spread(context, draft);
    let repaired = !draft.memory.owed.iter().any(|debt| debt.kind == DebtKind::Repair);
    lost.retain(|entry| !(repaired && lost::is_out(context, entry) && is_filled(context, entry)));
    draft.memory.lost = lost;
}

/// A node that has not told its host id may be the member that no pod is known to be: unless its volume is new, beside
/// others on which the operator has noted what they are of.
fn may_be_a_stranger(context: &Context, node: &Node) -> bool {
    let joins = context.operation_of(OperationKind::Join).is_some_and(|join| join.pod.as_ref() == Some(&node.pod));
    let is_noted = |claim: &ClaimObservation| claim.note != VolumeNote::default();
    let is_new = context.observation.claims.values().any(is_noted) && !node.claim.is_some_and(is_noted);
    context.expects(node) && node.host_id.is_none() && (joins || !is_new)
}

/// A node that joined while a repair was owed has streamed what the others had before it, and has a part of
/// their ranges: all of them owe it again.
fn owe_again(context: &Context, draft: &mut Draft, lost: &[LostNode]) {
    let known = |host: &String| context.observation.status.nodes.iter().any(|node| node.host_id.as_ref() == Some(host));
    let joined = |node: &&Node| {
        let own = node.view.filter(|view| ring::is_live(view)).map(|view| &view.host_id);
        node.membership == Membership::Member && own.is_some_and(|own| !known(own))
    };
    let Some(newcomer) = context.ring.nodes.iter().find(joined) else { return };
    let owed = draft.memory.owed.iter().filter(|debt| debt.kind == DebtKind::Repair);
    for keyspace in owed.map(|debt| debt.keyspace.clone()).collect::<Vec<_>>() {
        draft.owe(context, DebtKind::Repair, keyspace.as_deref(), hosts(context, lost));
    }
    let took_a_place = lost.iter().any(|lost| lost.pod.as_ref() == Some(&newcomer.pod));
    let joins = context.operation_of(OperationKind::Join);
    if took_a_place && joins.is_none() && replication::takes_ranges(context) {
        draft.owe(context, DebtKind::Cleanup, None, hosts(context, lost));
    }
}

/// What every keyspace owes is owed by each that has more copies than one, once it is known which these are.
fn spread(context: &Context, draft: &mut Draft) {
    let Some(cql) = context.cql() else { return };
    let all = |debt: &store_crds::Debt| debt.kind == DebtKind::Repair && debt.keyspace.is_none();
    let Some(position) = draft.memory.owed.iter().position(all) else { return };
    let debt = draft.memory.owed.remove(position);
    for (keyspace, replication) in &cql.keyspaces {
        if replication::factor(context, replication).is_none_or(|factor| factor > 1) {
            draft.owe(context, DebtKind::Repair, Some(keyspace), debt.host_ids.clone());
        }
    }
}

/// Host ids of the members whose data is there.
fn hosts(context: &Context, lost: &[LostNode]) -> Vec<String> {
    let mut hosts = context.member_hosts();
    hosts.retain(|host| !lost.iter().any(|lost| lost.host_id == *host));
    hosts
}

/// It was away for longer than the others keep writes for it, and is up again now.
fn came_back_late(context: &Context, node: &Node) -> bool {
    let own = node.view.filter(|view| ring::is_live(view)).map(|view| &view.host_id);
    let same = own.is_some() && own == node.remembered.and_then(|known| known.host_id.as_ref());
    same && is_late(context, node) && calm::down(context, node).is_none()
}

/// It has been away for longer than the others keep writes for it.
fn is_late(context: &Context, node: &Node) -> bool {
    let away = node.remembered.is_some_and(|known| known.away_since.is_some());
    away && context.away_for(node) > hints::window(&context.desired.cassandra.cassandra_yaml)
}

/// What keeps copies from being whole: data that is gone, or writes that nobody keeps for a node.
pub fn lag(context: &Context, draft: &Draft) -> Option<String> {
    if let Some(lost) = draft.memory.lost.first() {
        return Some(lost::message(context, lost));
    }
    let late = context.ring.nodes.iter().find(|node| context.expects(node) && is_late(context, node))?;
    let hours = hints::window(&context.desired.cassandra.cassandra_yaml) / 3600;
    Some(format!(
        "{} has been away for longer than the {hours} h for which the others keep its writes: every keyspace is repaired \
         once it is back",
        late.pod
    ))
}

/// Tells of each member whose data is gone, until others have taken its place.
pub fn tell(context: &Context, draft: &mut Draft) {
    let told = draft.memory.lost.iter().map(|lost| lost::hold(context, lost));
    let mut wrongs: Vec<Hold> = told.collect();
    wrongs.append(&mut draft.wrongs);
    draft.wrongs = wrongs;
}

/// Another node is a member in its place, or nobody wants one there.
fn is_filled(context: &Context, lost: &LostNode) -> bool {
    let Some(pod) = &lost.pod else { return true };
    let wanted = context.desired.find_node(pod).is_some_and(|place| {
        let rack = context.desired.cassandra.racks.iter().find(|rack| rack.name == place.rack);
        rack.is_some_and(|rack| place.ordinal < rack.target)
    });
    let node = context.ring.find(pod);
    let taken = node.is_some_and(|node| node.membership == Membership::Member && node.view.is_some_and(ring::is_live));
    taken || !wanted
}
