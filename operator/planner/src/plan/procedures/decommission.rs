//! Nodes leave, one at a time. Pure.
//!
//! What is on the volume of a node that has left lives elsewhere: its claim is marked so before its pod goes.

use store_crds::{DebtKind, OperationKind, OperationStatus};

use super::migrate;
use crate::decision::RingAction;
use crate::observation::{TaskKey, TaskKind, TaskState};
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::retry::{self, Stands};
use crate::plan::ring::{Membership, Node};
use crate::plan::world::Context;
use crate::plan::{calm, lost, quorum, room};
use crate::reason::Reason;

/// Begins the next decommission: the highest ordinal of the fullest rack, if what it has fits
/// elsewhere. Otherwise says why not.
pub fn next(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let racks = context.desired.cassandra.racks.iter().filter(|rack| context.surplus(&rack.name) > 0);
    let rack = racks.max_by_key(|rack| context.taken.get(&rack.name))?;
    let highest = context.ring.members().filter(|node| node.id.rack == rack.name).max_by_key(|node| node.id.ordinal);
    let Some((node, host_id)) = highest.and_then(|node| Some((node, node.host_id.clone()?))) else {
        return Some(Hold::waiting(
            Reason::ScalingDown,
            format!("rack {} has pods that are no members yet", rack.name),
        ));
    };
    // a repair that waits for its next attempt holds nothing up but this: some row may have few copies
    if let Some(debt) = draft.memory.owed.iter().find(|debt| debt.kind == DebtKind::Repair) {
        let keyspace = debt.keyspace.as_deref().unwrap_or_default();
        let message = format!("{} waits to leave until keyspace {keyspace} is repaired", node.pod);
        return Some(Hold::waiting(Reason::ScaleDownWaits, message));
    }
    if let Some(hold) = room::cannot_leave(context, node) {
        return Some(hold);
    }
    let mut leave = operation(context, OperationKind::Decommission, format!("{} leaves the ring", node.pod));
    leave.pod = Some(node.pod.clone());
    leave.host_id = Some(host_id);
    draft.operate(context, leave);
    draft.ring = Some(RingAction::Decommission { pod: node.pod.clone() });
    Some(Hold::waiting(Reason::ScalingDown, format!("{} leaves the ring", node.pod)))
}

/// Takes a decommission to its end: begun, streaming, proved by the peers, its claim marked, its pod
/// gone. A size that was changed meanwhile is taken up after it.
pub fn finish(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let adopted = adopt(context);
    let operation = context.operation_of(OperationKind::Decommission).or(adopted.as_ref())?;
    let (pod, host_id) = (operation.pod.as_deref()?, operation.host_id.as_deref()?);
    let node = context.ring.find(pod);
    let task =
        context.observation.tasks.get(&TaskKey { pod: pod.to_owned(), kind: TaskKind::Decommission, keyspace: None });
    let mut now = operation.clone();
    if let Some(TaskState::Running(progress)) = task {
        now.progress.clone_from(progress);
    }
    let told = now.progress.as_deref().map(|progress| format!(" ({progress})")).unwrap_or_default();
    let mode = node.and_then(|node| node.view).map(|view| view.operation_mode.as_str());
    // what it had was streamed before its peers heard that it left, whatever failed after that: it would be told that it is
    // no member if it were asked once more
    let is_out = mode == Some("DECOMMISSION_FAILED") && context.ring.proof_of_leaving(pod, host_id).is_ok();
    match (mode, task) {
        _ if is_out => {}
        (Some("NORMAL" | "LEAVING" | "DECOMMISSION_FAILED"), Some(TaskState::Running(_))) | (Some("MOVING"), _) => {
            now.step = format!("{pod} streams its data to the others");
            draft.operate(context, now);
            return Some(Hold::waiting(Reason::ScalingDown, format!("{pod} leaves the ring{told}")));
        }
        (Some("NORMAL" | "LEAVING" | "DECOMMISSION_FAILED"), task) => {
            return begin_again(context, draft, node?, now, task);
        }
        // restarted since it could not leave, and no longer wanted to
        (None, _) if now.retry.is_some() && node.is_some_and(|node| context.surplus(&node.id.rack) <= 0) => {
            let hold = node.and_then(|node| calm::down(context, node));
            draft.operate(context, now);
            return hold;
        }
        _ => {}
    }
    now.step = format!("{pod} is proved to have left");
    draft.operate(context, now);
    // a place whose claim is marked is proved and free; only its pod may still be there
    let proved = |node: &Node| match node.claim {
        Some(claim) => claim.left.is_some(),
        None => node.membership == Membership::NotMember,
    };
    if let Some(node) = node.filter(|node| !proved(node)) {
        return Some(prove(context, draft, node, host_id));
    }
    if node.is_some_and(|node| node.running.is_some()) {
        return Some(Hold::waiting(Reason::ScalingDown, format!("{pod} has left the ring and its pod ends")));
    }
    draft.end(OperationKind::Decommission);
    None
}

fn prove(context: &Context, draft: &mut Draft, node: &Node, host_id: &str) -> Hold {
    let pod = &node.pod;
    if let Err(missing) = context.ring.proof_of_leaving(pod, host_id) {
        let message = format!("{pod} is to leave the ring, and that is not proved yet: {missing}");
        if let Some(told) = lost::told_of(context, node) {
            return told;
        }
        return match node.view {
            Some(_) => Hold::waiting(Reason::ScalingDown, message),
            None if context.away_for(node) <= calm::LASTS => Hold::waiting(Reason::ScalingDown, message),
            None => Hold::wrong(Reason::DecommissionUnproved, format!("{message}; {pod} itself: {}", node.silence)),
        };
    }
    if let Some(claim) = node.claim {
        draft.mark_left(context, node, claim, host_id);
    }
    Hold::waiting(Reason::ScalingDown, format!("{pod} has left the ring; its volume claim is marked so"))
}

/// A decommission that is in memory and not under way: the operator ended in between, the node refused, or
/// its stream broke, after which Cassandra 4.1 stays LEAVING and 5.0 says DECOMMISSION_FAILED. Both take the
/// command again. It is begun again, after a pause, while it is wanted and possible.
fn begin_again(
    context: &Context,
    draft: &mut Draft,
    node: &Node,
    mut leave: OperationStatus,
    task: Option<&TaskState>,
) -> Option<Hold> {
    let pod = node.pod.clone();
    let mode = node.view.map(|view| view.operation_mode.as_str()).unwrap_or_default();
    let wanted = context.surplus(&node.id.rack) > 0;
    if mode == "NORMAL" && !wanted {
        // still a full member, and no longer asked to leave
        draft.end(OperationKind::Decommission);
        return None;
    }
    leave.step = format!("{pod} leaves the ring");
    let failure = match task {
        Some(TaskState::Failed(cause)) => Some(cause.clone()),
        _ if mode == "DECOMMISSION_FAILED" && leave.retry.is_none() => {
            Some("Cassandra says DECOMMISSION_FAILED; the last lines of its log tell more".to_owned())
        }
        _ => None,
    };
    let stands = retry::note(context, &mut leave.retry, failure);
    if let Some(failed) = leave.retry.clone().filter(|_| !wanted) {
        draft.operate(context, leave);
        return Some(restart(context, draft, node, &failed.cause));
    }
    if let Some(failed) = leave.retry.clone().filter(|_| stands == Stands::Waits) {
        draft.operate(context, leave);
        let message = format!("{pod} could not leave: it {}; put the size back to keep it", retry::told(&failed));
        return Some(Hold::wrong(Reason::DecommissionFailed, message));
    }
    // one whose caller is gone may still stream: it is asked again at once, and followed
    let attached = mode == "LEAVING" && leave.retry.is_none();
    let hold = match mode {
        "NORMAL" => calm::unrest(context).or_else(|| room::cannot_leave(context, node)),
        _ if attached => None,
        _ => other_down(context, node).or_else(|| room::cannot_leave(context, node)),
    };
    let hold = if attached { hold } else { migrate::await_end(context, draft).or(hold) };
    if let Some(hold) = hold {
        draft.operate(context, leave);
        return Some(hold);
    }
    leave.retry = retry::begun(leave.retry.as_ref());
    draft.operate(context, leave);
    draft.ring = Some(RingAction::Decommission { pod: pod.clone() });
    Some(Hold::waiting(Reason::ScalingDown, format!("{pod} leaves the ring")))
}

/// Brings a node that could not leave back as a full member: Cassandra has no other way to cancel it.
fn restart(context: &Context, draft: &mut Draft, node: &Node, cause: &str) -> Hold {
    if let Some(hold) = other_down(context, node) {
        return hold;
    }
    let pod = &node.pod;
    if let Some(running) = node.running.filter(|running| !running.deleting) {
        draft.delete_pod(pod, &running.uid);
    }
    let cost = quorum::cost(context, node);
    let names = cost.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let interrupts = if cost.is_empty() { String::new() } else { format!("; meanwhile requests of {names} may fail") };
    let message = format!(
        "{pod} could not leave and is no longer asked to: a restart makes it a full member again{interrupts}; it had \
         failed: {cause}"
    );
    Hold::waiting(Reason::ScalingDown, message)
}

/// Another node that is down.
fn other_down(context: &Context, node: &Node) -> Option<Hold> {
    let others = context.ring.nodes.iter().filter(|other| other.pod != node.pod && context.expects(other));
    others.filter_map(|other| calm::down(context, other)).next()
}

/// A node that leaves although nothing is in memory, by somebody's hand or since the memory was lost:
/// its departure is seen through like any other.
fn adopt(context: &Context) -> Option<OperationStatus> {
    let leaves = |node: &&Node| {
        node.view.is_some_and(|view| {
            matches!(view.operation_mode.as_str(), "LEAVING" | "DECOMMISSION_FAILED" | "DECOMMISSIONED")
        })
    };
    let node =
        context.ring.nodes.iter().filter(|node| node.claim.is_some_and(|claim| claim.left.is_none())).find(leaves)?;
    let mut adopted = operation(context, OperationKind::Decommission, format!("{} leaves the ring", node.pod));
    adopted.pod = Some(node.pod.clone());
    adopted.host_id = node.host_id.clone().or_else(|| node.view.map(|view| view.host_id.clone()));
    Some(adopted)
}
