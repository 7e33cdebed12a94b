//! A node whose stream into the ring broke: its bootstrap is resumed, then its pod restarted, then its place
//! taken anew with an empty volume. Pure.
//!
//! Cassandra 4.1 stays JOINING after a stream that failed, 5.0 says JOINING_FAILED; neither goes on by itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::{OperationKind, OperationStatus, Streamed};

use super::migrate;
use crate::decision::RingAction;
use crate::observation::{NodeView, TaskKey, TaskKind, TaskState};
use crate::plan::calm;
use crate::plan::draft::Draft;
use crate::plan::hold::Hold;
use crate::plan::retry::{self, Stands};
use crate::plan::ring::Node;
use crate::plan::world::Context;
use crate::reason::Reason;

/// A join that streams nothing for so long is taken for failed, in seconds. Between its streams a node
/// builds indexes, which moves no bytes.
const STALLS: i64 = 300;

/// Goes on with a join whose node streams, or did.
pub fn stream_in(context: &Context, draft: &mut Draft, node: &Node, view: &NodeView, join: &OperationStatus) -> Hold {
    let pod = &node.pod;
    let mut join = join.clone();
    count(context, node, view, &mut join);
    let failure = failure(context, node, view, &join);
    if retry::note(context, &mut join.retry, failure) == Stands::Due {
        return again(context, draft, node, join);
    }
    let told = join.progress.clone().map(|progress| format!(" ({progress})")).unwrap_or_default();
    let failed = join.retry.clone().filter(|retry| retry.at.is_some());
    draft.operate(context, join);
    match failed {
        Some(failed) => {
            let message = format!(
                "{pod} could not join: it {}; {}; the last lines of its log tell more; put the size back to take it \
                 back",
                retry::told(&failed),
                remedy(failed.attempts)
            );
            Hold::wrong(Reason::JoinFailed, message)
        }
        None => Hold::waiting(Reason::ScalingUp, format!("{pod} joins the ring{told}")),
    }
}

/// What is done about the failure of that number.
fn remedy(attempts: i32) -> &'static str {
    match attempts {
        ..=1 => "then its bootstrap is resumed",
        2 => "then its pod is restarted",
        _ => "then it begins anew with an empty volume",
    }
}

/// Why the join has failed, if it has.
fn failure(context: &Context, node: &Node, view: &NodeView, join: &OperationStatus) -> Option<String> {
    let key = TaskKey { pod: node.pod.clone(), kind: TaskKind::Join, keyspace: None };
    // the result of a resumption stays when the pod was restarted after it, and says nothing then
    let resumed = join.retry.as_ref().is_some_and(|retry| retry.attempts == 1);
    match context.observation.tasks.get(&key).filter(|_| resumed) {
        Some(TaskState::Running(_)) => return None,
        Some(TaskState::Failed(cause)) => return Some(cause.clone()),
        Some(TaskState::Succeeded) | None => {}
    }
    if view.operation_mode == "JOINING_FAILED" {
        return Some("Cassandra says JOINING_FAILED: a stream of its data broke".to_owned());
    }
    let moved = join.streamed.as_ref().map_or(&join.started_at, |streamed| &streamed.since);
    let still = context.observation.now.as_second() - moved.0.as_second();
    (still > STALLS).then(|| format!("nothing was streamed for {} minutes", STALLS / 60))
}

/// Notes how much was streamed, and since when that has not changed; of a pod that was made anew since it
/// joins.
fn count(context: &Context, node: &Node, view: &NodeView, join: &mut OperationStatus) {
    let mib = |bytes: u64| i64::try_from(bytes >> 20).unwrap_or(i64::MAX);
    let before = join.streamed.as_ref();
    let now_mib = view.streamed.map_or(before.map_or(0, |before| before.mib), |(done, _)| mib(done));
    let is_older = |before: &Streamed| node.running.is_some_and(|pod| pod.created_at > before.since.0);
    if before.is_none_or(|before| before.mib != now_mib || is_older(before)) {
        join.streamed = Some(Streamed { mib: now_mib, since: Time(context.observation.now) });
    }
    let Some((done, total)) = view.streamed else { return };
    let nodes = format!("{} of {} nodes", context.member_count(), context.desired.cassandra.size);
    join.progress = Some(format!("{nodes}, {}: {} of {} MiB streamed", node.pod, mib(done), mib(total)));
}

/// The next attempt. Its clock begins anew.
fn again(context: &Context, draft: &mut Draft, node: &Node, mut join: OperationStatus) -> Hold {
    let pod = &node.pod;
    let attempts = join.retry.as_ref().map_or(0, |retry| retry.attempts);
    let others = context.ring.nodes.iter().filter(|other| other.pod != *pod && context.expects(other));
    let hold = others.filter_map(|other| calm::down(context, other)).next();
    if let Some(hold) = hold.or_else(|| migrate::await_end(context, draft)) {
        draft.operate(context, join);
        return hold;
    }
    let mib = join.streamed.as_ref().map_or(0, |streamed| streamed.mib);
    join.streamed = Some(Streamed { mib, since: Time(context.observation.now) });
    join.retry = retry::begun(join.retry.as_ref());
    match (attempts, node.running) {
        (..=1, _) => {
            draft.operate(context, join);
            draft.ring = Some(RingAction::ResumeJoin { pod: pod.clone() });
            Hold::waiting(Reason::ScalingUp, format!("{pod} goes on with its bootstrap"))
        }
        (2, Some(running)) => {
            draft.delete_pod(pod, &running.uid);
            draft.operate(context, join);
            Hold::waiting(Reason::ScalingUp, format!("{pod} is restarted to go on with its bootstrap"))
        }
        _ => match take_back(context, draft, node) {
            Some(hold) => {
                draft.end(OperationKind::Join);
                hold
            }
            None => {
                draft.operate(context, join);
                let message =
                    format!("{pod} could not join, and it is not proved that it is no member: {}", node.silence);
                Hold::wrong(Reason::JoinFailed, message)
            }
        },
    }
}

/// Takes the place of a node back that never became a member, by the word of all others. Its volume is
/// emptied before the place is taken again.
pub fn take_back(context: &Context, draft: &mut Draft, node: &Node) -> Option<Hold> {
    if !never_joined(context, node) {
        return None;
    }
    draft
        .shape
        .replicas
        .entry(node.id.rack.clone())
        .and_modify(|replicas| *replicas = (*replicas).min(node.id.ordinal));
    Some(Hold::waiting(Reason::ScalingUp, format!("{} is taken back: it could not join", node.pod)))
}

fn never_joined(context: &Context, node: &Node) -> bool {
    let others = || context.ring.nodes.iter().filter(|other| other.pod != node.pod && context.expects(other));
    let own = node.view.map(|view| view.host_id.as_str()).filter(|host| !host.is_empty());
    let named = |view: &NodeView| view.members.values().any(|host| Some(host.as_str()) == own);
    let peers = || context.ring.live().filter(|(peer, _)| peer.pod != node.pod);
    node.host_id.is_none()
        && others().all(|other| calm::down(context, other).is_none())
        && peers().next().is_some()
        && !peers().any(|(_, view)| named(view))
        && context.ring.strangers().is_empty()
}
