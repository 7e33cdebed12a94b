//! Whether the ring is calm: every member up and normal in its own view and in that of every other,
//! one schema, nobody on the move, no hints left. Nothing new begins before it is. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use store_crds::OperationKind;

use super::{Context, Hold, losses, retained};
use crate::observation::NodeView;
use crate::plan::ring::Node;

/// How old hints for a node that is up may be, in seconds. Under any load some wait for a moment: a
/// write that came too late for one node leaves a hint, and hints are sent every ten seconds. Older
/// ones are what a node has missed while it was away.
const HINTS_CALM: i64 = 30;
/// How long a pod may take to start before its silence counts as trouble, in seconds.
pub const START_DEADLINE: i64 = 600;
/// How long a node that had joined must be away before that is told as trouble, in seconds.
pub const LASTS: i64 = 20;
/// How long a pod may report trouble (a volume on its way, an image being pulled) before it counts.
const TROUBLE_GRACE: i64 = 60;

/// What keeps the ring from being calm; `None`: it is.
pub fn unrest(context: &Context) -> Option<Hold> {
    let nodes = || context.ring.nodes.iter().filter(|node| context.expects(node));
    nodes()
        .find_map(|node| down(context, node))
        .or_else(|| strangers(context))
        .or_else(|| nodes().find_map(|node| moving(node)))
        .or_else(|| disagreement(context))
        .or_else(|| hints(context))
}

/// Why a node is not up and serving, if it is not. What is gone for good is told before why nothing runs.
pub fn down(context: &Context, node: &Node) -> Option<Hold> {
    let hold = not_serving(context, node)?;
    Some(losses::told_of(context, node).unwrap_or(hold))
}

fn not_serving(context: &Context, node: &Node) -> Option<Hold> {
    let pod = &node.pod;
    let Some(running) = node.running else {
        return Some(Hold::waiting("NodeStarting", format!("{pod} is to be started: its pod does not exist yet")));
    };
    // it may still answer and serve for a while, and nobody can keep it any more
    if running.deleting {
        return Some(away(context, node, running.created_at, "its pod is being deleted"));
    }
    let Some(view) = node.view else {
        let cause = running.trouble.as_deref().unwrap_or(&node.silence);
        return Some(away(context, node, running.created_at, cause));
    };
    match view.operation_mode.as_str() {
        "NORMAL" | "JOINING" | "LEAVING" | "MOVING" => {}
        mode => return Some(away(context, node, running.created_at, &format!("it is {mode}"))),
    }
    if let Some(peer) = context.ring.seen_down_by(node) {
        let cause = format!("{} does not see it up", peer.pod);
        return Some(away(context, node, running.created_at, &cause));
    }
    let serves = view.native_transport || view.operation_mode == "JOINING";
    if !serves {
        return Some(away(context, node, running.created_at, "it takes no clients"));
    }
    // what Kubernetes does not find ready, its budget of evictions counts as away, too
    let unready = super::ring::is_live(view) && !running.ready;
    unready.then(|| away(context, node, running.created_at, "Kubernetes does not find its pod ready"))
}

/// A node that is away. Of one that is on its way in, out or through a restart that is expected until
/// its deadline. Any other that had joined is in trouble once that lasts: an answer may come late.
fn away(context: &Context, node: &Node, created_at: Timestamp, cause: &str) -> Hold {
    let pod = &node.pod;
    let age = context.observation.now.as_second() - created_at.as_second();
    let joined = node.host_id.is_some();
    let away_for = if joined { away_for(context, node) } else { age };
    let troubled = node.running.is_some_and(|pod| pod.trouble.is_some()) && age > TROUBLE_GRACE;
    let planned = context.operation().is_some_and(|operation| match operation.kind {
        OperationKind::Rollout | OperationKind::Join | OperationKind::Bootstrap | OperationKind::Decommission => {
            operation.pod.as_ref() == Some(pod)
        }
        // at first start, when a node has more to do than to answer
        OperationKind::Roles | OperationKind::AlterReplication | OperationKind::Migrate => context.is_founding(),
        _ => false,
    });
    let deadline = if joined && !planned { LASTS } else { START_DEADLINE };
    if troubled && (away_for > LASTS || !joined) {
        Hold::wrong("PodNotRunning", format!("{pod} does not run: {cause}"))
    } else if away_for > deadline {
        Hold::wrong("NodeDown", format!("{pod} is down: {cause}"))
    } else if joined && !planned {
        Hold::passing("NodeAway", format!("{pod} may be down: {cause}"))
    } else {
        Hold::waiting("NodeStarting", format!("{pod} is starting: {cause}"))
    }
}

/// How long a node has been away, in seconds, as the last statuses remember it.
pub fn away_for(context: &Context, node: &Node) -> i64 {
    let known = context.observation.status.nodes.iter().find(|known| known.pod == node.pod);
    let since = known.and_then(|known| known.away_since.as_ref());
    since.map_or(0, |since| context.observation.now.as_second() - since.0.as_second())
}

fn strangers(context: &Context) -> Option<Hold> {
    let strangers = context.ring.strangers();
    let host = strangers.first()?;
    // a member whose volume is still there must not be thrown out of the ring: its rows are on it
    let foreign = retained::foreign(context);
    let cure = match foreign.is_empty() {
        true => format!("bring that node back, or remove it: {}", losses::removal(context, "", host)),
        false => format!(
            "the volume of {} may be its own: name its rack in spec.cassandra.racks again, and its node comes back \
             with what is on it",
            foreign.join(", ")
        ),
    };
    let message = format!("the ring has a member {host} that no pod is known to be: {cure}");
    Some(Hold::wrong("UnknownMember", message))
}

fn moving(node: &Node) -> Option<Hold> {
    let view = node.view?;
    let pod = &node.pod;
    let moves = [(&view.joining, "joining"), (&view.leaving, "leaving"), (&view.moving, "moving")];
    let seen = moves.iter().find_map(|(addresses, verb)| {
        let address = addresses.first()?;
        Some(format!("{pod} sees {address} {verb}"))
    });
    let own = (view.operation_mode != "NORMAL").then(|| format!("{pod} is {}", view.operation_mode));
    seen.or(own).map(|message| Hold::waiting("TopologyChanging", message))
}

fn disagreement(context: &Context) -> Option<Hold> {
    let views: Vec<(&Node, &NodeView)> = context.ring.live().collect();
    let (first, first_view) = views.first()?;
    let hosts = |view: &NodeView| view.members.values().cloned().collect::<BTreeSet<String>>();
    for (node, view) in &views {
        if hosts(view) != hosts(first_view) {
            let message = format!("{} and {} do not see the same members", first.pod, node.pod);
            return Some(Hold::waiting("RingViewsDiffer", message));
        }
        // nodes of different major versions never agree on the schema of their system tables
        let comparable = major(view) == major(first_view);
        if comparable && view.schema_version != first_view.schema_version {
            let message = format!("{} and {} have different versions of the schema", first.pod, node.pod);
            return Some(Hold::waiting("SchemaDisagreement", message));
        }
    }
    None
}

fn major(view: &NodeView) -> &str {
    view.release_version.split('.').next().unwrap_or_default()
}

fn hints(context: &Context) -> Option<Hold> {
    let now = context.observation.now.as_second();
    let old = |view: &NodeView| view.oldest_hint.is_some_and(|oldest| now - oldest.as_second() > HINTS_CALM);
    let (node, view) = context.ring.live().find(|(_, view)| old(view))?;
    let message = format!(
        "{} still has {} files of hints to deliver to nodes that were away; if that does not end, repair these and \
         drop the hints with nodetool truncatehints",
        node.pod, view.pending_hints
    );
    Some(Hold::waiting("HintsPending", message))
}
