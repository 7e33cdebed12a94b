//! Pods get a new template by being deleted: one at a time while the ring is calm, and at once where
//! they do not run anyway, so that mending the spec always mends the shop. Pure.

use store_crds::{ANNOTATION_TEMPLATE_HASH, OperationKind};

use super::draft::{Context, Draft, Hold, operation};
use super::ring::Node;
use super::{calm, volumes};
use crate::resources;

/// Deletes every pod that does not run and has an old template. The ring loses nothing by it.
pub fn replace_broken(context: &Context, draft: &mut Draft) -> Option<Hold> {
    for node in &context.ring.nodes {
        let Some(pod) = node.running else { continue };
        if !pod.deleting && is_outdated(context, node) && is_broken(context, node) {
            draft.delete_pod(&node.pod, &pod.uid);
        }
    }
    None
}

/// Deletes the next outdated pod. The ring is calm: every other node is up, and stays so until this
/// one is back.
pub fn replace_next(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let outdated: Vec<&Node> = context.ring.nodes.iter().filter(|node| is_outdated(context, node)).collect();
    let kept = |node: &&&Node| !volumes::is_being_lost(context, node);
    let Some((node, pod)) = outdated.iter().filter(kept).find_map(|node| Some((node, node.running?))) else {
        let left = outdated.iter().find(|node| node.running.is_some())?;
        let message = format!("{} keeps its old configuration: its volume claim is being deleted", left.pod);
        return Some(Hold::wrong("VolumeBeingDeleted", message));
    };
    draft.delete_pod(&node.pod, &pod.uid);
    let mut rollout = operation(context, OperationKind::Rollout, format!("{} is replaced", node.pod));
    rollout.pod = Some(node.pod.clone());
    let done = context.ring.nodes.len() - outdated.len();
    rollout.progress = Some(format!("{done} of {} nodes", context.ring.nodes.len()));
    draft.operate(context, rollout);
    Some(Hold::waiting("RollingOut", format!("{} is restarted with the new configuration", node.pod)))
}

/// The StatefulSets have the templates that the spec asks for.
pub fn templates_are_new(context: &Context) -> bool {
    context.desired.cassandra.racks.iter().all(|rack| {
        let wanted = || resources::template_hash(context.desired, rack, context.settings);
        context.stateful_set(&rack.name).and_then(template).is_none_or(|template| template == wanted())
    })
}

/// A pod that runs has another template than the newest.
pub fn is_due(context: &Context) -> bool {
    context.ring.nodes.iter().any(|node| is_outdated(context, node))
}

/// Made from another template than its StatefulSet has now.
fn is_outdated(context: &Context, node: &Node) -> bool {
    let wanted = context.stateful_set(&node.rack).and_then(template);
    wanted.is_some_and(|wanted| node.running.is_some_and(|pod| pod.template_hash != wanted))
}

fn template(set: &serde_json::Value) -> Option<&str> {
    set["spec"]["template"]["metadata"]["annotations"][ANNOTATION_TEMPLATE_HASH].as_str()
}

/// It does not run: it has no address, reports trouble, or has been silent past its deadline.
fn is_broken(context: &Context, node: &Node) -> bool {
    let Some(pod) = node.running else { return false };
    if node.view.is_some() || pod.ready {
        return false;
    }
    let age = context.observation.now.as_second() - pod.created_at.as_second();
    pod.ip.is_none() || pod.trouble.is_some() || age > calm::START_DEADLINE
}
