//! Nodes join, one at a time. Pure.
//!
//! A node that has left must never start with its old volume: Cassandra refuses it, and what is on it
//! lives elsewhere. So a place is taken again only once its old claim is gone, whatever the deletion policy keeps
//! otherwise.

use store_crds::{DebtKind, OperationKind, OperationStatus};

use super::{alter, streaming};
use crate::desired::DesiredRack;
use crate::identity::ChildKind;
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::ring::{self, Membership, Node};
use crate::plan::world::Context;
use crate::plan::{calm, replication};
use crate::reason::Reason;

/// Goes on with a join until the node is a member and the ring is calm; `calm_ring` waits for that.
/// One that the spec no longer wants and that does not even run is taken back.
pub fn finish(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let mut join = match context.operation_of(OperationKind::Join).cloned() {
        Some(join) => join,
        None => {
            let adopted = adopt_join(context)?;
            if replication::takes_ranges(context) {
                draft.owe(context, DebtKind::Cleanup, None, context.member_hosts());
            }
            adopted
        }
    };
    let pod = join.pod.as_deref()?;
    let node = context.ring.find(pod);
    if node.is_some_and(|node| node.membership == Membership::Member) {
        return None;
    }
    let id = node.map(|node| node.id.clone()).or_else(|| context.desired.find_node(pod))?;
    let (rack, ordinal) = (id.rack.as_str(), id.ordinal);
    // it was only written down: whether it may begin is asked again, as of any other (`join_next`)
    let is_asked = ring::asked(rack, context.observation).is_some_and(|replicas| replicas > ordinal);
    if !is_asked && node.is_none_or(|node| node.running.is_none() && node.claim.is_none()) {
        return None;
    }
    let runs = node.is_some_and(|node| {
        node.view.is_some() || node.running.is_some_and(|pod| pod.ip.is_some() && pod.trouble.is_none())
    });
    let is_out = node.is_none_or(|node| node.membership == Membership::NotMember);
    let failed = node.filter(|node| node.membership == Membership::Joining && join.retry.is_some());
    let taken_back = failed.filter(|_| context.surplus(rack) > 0);
    if let Some(hold) = taken_back.and_then(|node| streaming::take_back(context, draft, node)) {
        draft.end(OperationKind::Join);
        return Some(hold);
    }
    if context.surplus(rack) > 0 && !runs && is_out {
        draft.shape.replicas.entry(rack.to_owned()).and_modify(|replicas| *replicas = (*replicas).min(ordinal));
        draft.end(OperationKind::Join);
        return Some(Hold::waiting(
            Reason::ScalingUp,
            format!("{pod} is taken back: it did not start and is no longer wanted"),
        ));
    }
    // the place may not be in the observation yet
    draft.shape.replicas.entry(rack.to_owned()).and_modify(|replicas| *replicas = (*replicas).max(ordinal + 1));
    join.progress = Some(join_progress(context, pod));
    let streams = node.filter(|node| node.membership == Membership::Joining);
    if let Some((node, view)) = streams.and_then(|node| Some((node, node.view?)))
        && node.running.is_some_and(|pod| !pod.deleting)
    {
        return Some(streaming::stream_in(context, draft, node, view, &join));
    }
    draft.operate(context, join.clone());
    let waits = node.and_then(|node| calm::down(context, node));
    Some(waits.unwrap_or_else(|| Hold::waiting(Reason::ScalingUp, format!("{pod} joins the ring"))))
}

/// How far a join is: members of the nodes wanted, and what the new one has streamed in so far.
fn join_progress(context: &Context, pod: &str) -> String {
    let members = format!("{} of {} nodes", context.member_count(), context.desired.cassandra.size);
    // as it was told, which is not with every flush
    let told = context.observation.status.nodes.iter().find(|node| node.pod == pod).and_then(|node| node.load_mib);
    let has = told.map(|load| format!(", {pod} has {load} MiB")).unwrap_or_default();
    format!("{members}{has}")
}

/// A node that joins although nothing is in memory, since somebody's hand started it: it is let in,
/// with the clean-up that it leaves to the others, and leaves again if the spec does not want it.
fn adopt_join(context: &Context) -> Option<OperationStatus> {
    // one that had been a member and joins has lost its volume: the host id that is remembered is not its own
    let joins = |node: &&Node| {
        let stays = node.running.is_some_and(|pod| !pod.deleting);
        node.membership == Membership::Joining && stays
    };
    let node = context.ring.nodes.iter().find(joins)?;
    let mut adopted = operation(context, OperationKind::Join, format!("{} joins rack {}", node.pod, node.id.rack));
    adopted.pod = Some(node.pod.clone());
    Some(adopted)
}

/// Before another node joins, the log-ins get all the copies that they are to have, once there are nodes for
/// them: with one copy until the last of many nodes is there, all of them would hang on one node for all that
/// time. Not earlier: of two copies both are needed for a quorum.
pub fn spread_log_ins(context: &Context, draft: &mut Draft) -> Option<Hold> {
    next_rack(context)?;
    alter::alter_log_ins(context, draft)
}

/// The rack that has fewest nodes of those that want more.
fn next_rack<'a>(context: &Context<'a>) -> Option<&'a DesiredRack> {
    let taken = |rack: &DesiredRack| taken(context, rack);
    let wanting = context.desired.cassandra.racks.iter().filter(|rack| taken(rack) < rack.target);
    wanting.min_by_key(|rack| taken(rack))
}

fn taken(context: &Context, rack: &DesiredRack) -> i32 {
    context.taken.get(&rack.name).copied().unwrap_or(0)
}

/// The next node joins: in the rack that has fewest of those that want more.
pub fn next(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let rack = next_rack(context)?;
    let ordinal = taken(context, rack);
    let pod = context.desired.pod_name(&rack.name, ordinal);
    // it would run what the others do not run yet
    if let Some(hold) = draft.rollout_waits.clone() {
        return Some(hold);
    }
    if let Some(hold) = make_room(context, draft, &pod) {
        return Some(hold);
    }
    if replication::takes_ranges(context) {
        draft.owe(context, DebtKind::Cleanup, None, context.member_hosts());
    }
    draft.shape.replicas.insert(rack.name.clone(), ordinal + 1);
    let mut join = operation(context, OperationKind::Join, format!("{pod} joins rack {}", rack.name));
    join.pod = Some(pod.clone());
    join.progress = Some(join_progress(context, &pod));
    draft.operate(context, join);
    Some(Hold::waiting(Reason::ScalingUp, format!("{pod} joins the ring")))
}

/// A joining node starts with an empty volume: an old claim of its name is deleted first. Nobody
/// with that name is a member, or the place would be taken.
fn make_room(context: &Context, draft: &mut Draft, pod: &str) -> Option<Hold> {
    let name = context.desired.claim_name(pod);
    let claim = context.observation.claims.get(&name)?;
    if context.observation.pods.contains_key(pod) {
        return Some(Hold::waiting(Reason::ScalingUp, format!("{pod} is still going: it joins anew once it is gone")));
    }
    if !claim.deleting {
        draft.delete(ChildKind::PersistentVolumeClaim, &name, &claim.uid);
    }
    let message = format!("{pod} joins once its old volume claim {name} is gone: what was on it has left the ring");
    Some(Hold::waiting(Reason::ScalingUp, message))
}
