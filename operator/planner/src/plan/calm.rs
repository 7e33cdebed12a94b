//! Whether the ring is calm: every member up and normal in its own view and in that of every other,
//! one schema, nobody on the move, no hints left. Nothing new begins before it is. Pure.

use std::collections::BTreeSet;

use store_crds::NodeState;

use super::hold::Hold;
use super::ring::Node;
use super::world::Context;
use super::{lost, refused, retained, ring, secrets};
use crate::observation::{NodeView, PodObservation};
use crate::procedure::{self, Away};
use crate::reason::Reason;
use crate::time;

/// How old hints for a node that is up may be, in seconds. Under any load some wait for a moment: a
/// write that came too late for one node leaves a hint, and hints are sent every ten seconds. Older
/// ones are what a node has missed while it was away.
const HINTS_CALM: i64 = 30;
/// How long a pod may take to start before its silence counts as trouble, in seconds.
pub const START_DEADLINE: i64 = 600;
/// How long a node that had joined must be away before that is told as trouble, in seconds.
pub const LASTS: i64 = 15;
/// How long a pod may report trouble (a volume on its way, an image being pulled) before it counts.
const TROUBLE_GRACE: i64 = 10;

/// What keeps the ring from being calm; `None`: it is.
pub fn unrest(context: &Context) -> Option<Hold> {
    let nodes = || context.ring.nodes.iter().filter(|node| context.expects(node));
    nodes()
        .find_map(|node| down(context, node))
        .or_else(|| secrets::locked_nodes(context))
        .or_else(|| strangers(context))
        .or_else(|| nodes().find_map(|node| moving(node)))
        .or_else(|| disagreement(context))
        .or_else(|| hints(context))
}

/// Why a node is not up and serving, if it is not. What is gone for good is told before why nothing runs.
pub fn down(context: &Context, node: &Node) -> Option<Hold> {
    let hold = not_serving(context, node)?;
    Some(lost::told_of(context, node).unwrap_or(hold))
}

fn not_serving(context: &Context, node: &Node) -> Option<Hold> {
    let pod = &node.pod;
    let Some(running) = node.running else {
        if let Some(words) = context.observation.unmade.get(pod) {
            return Some(refused::not_made(pod, words));
        }
        let message = format!("{pod} is to be started, and its pod does not exist yet");
        return Some(Hold::waiting(Reason::PodMissing, message).of(pod));
    };
    let absence = |verb: &'static str, cause: String| Some(away(context, node, running, verb, &cause));
    if let Some(since) = running.machine_silent_since.filter(|_| node.view.is_none()) {
        let machine = running.node.as_deref().unwrap_or("of its pod");
        let cause = format!("its machine {machine} does not answer since {}", time::told(since));
        return absence(SILENT, cause);
    }
    // it may still answer and serve for a while, and nobody can keep it any more
    if running.deleting {
        return absence(STOPPING, why_it_stops(context, node, running));
    }
    let seen_down = || {
        let peer = context.ring.seen_down_by(node)?;
        absence(STARTING, format!("{} does not see it up", peer.pod))
    };
    if node.is_locked() {
        return seen_down();
    }
    let Some(view) = node.view else {
        let cause = match (&running.trouble, &running.ip) {
            (Some(trouble), None) => format!("{trouble}{}", what_it_needs(context, node, trouble)),
            (Some(trouble), Some(_)) => trouble.clone(),
            (None, None) => "its pod has no address yet".to_owned(),
            // that a port is not open yet is no error of a node that starts
            (None, Some(_)) if is_expected(context, node, running) => "Cassandra does not answer yet".to_owned(),
            (None, Some(_)) => node.silence.clone(),
        };
        return absence(STARTING, cause);
    };
    match view.operation_mode.as_str() {
        _ if ring::is_live(view) || node.joining().is_some() => {}
        "STARTING" | "JOINING" => return absence(STARTING, "Cassandra starts".into()),
        mode @ ("DRAINING" | "DRAINED") => return absence(STOPPING, format!("it is {mode} and takes no writes")),
        mode => return absence(STARTING, format!("it is {mode}")),
    }
    if let Some(hold) = seen_down() {
        return Some(hold);
    }
    let serves = view.native_transport || node.joining().is_some();
    if !serves {
        return absence(STARTING, "it takes no clients".into());
    }
    // what Kubernetes does not find ready, its budget of evictions counts as away, too
    let unready = ring::is_live(view) && !running.ready;
    if unready { absence(STARTING, "Kubernetes does not find its pod ready".into()) } else { None }
}

/// What of the spec a pod that cannot be scheduled asks for: the scheduler names neither.
fn what_it_needs(context: &Context, node: &Node, trouble: &str) -> String {
    if !trouble.starts_with("it cannot be scheduled") {
        return String::new();
    }
    let racks = &context.desired.cassandra.racks;
    let zone = racks.iter().find(|rack| rack.name == node.id.rack).and_then(|rack| rack.zone.as_ref());
    let zone = zone.map(|zone| format!("rack {} is for zone {zone}", node.id.rack));
    let class = context.desired.cassandra.storage_class.as_ref().map(|class| format!("its volume is of class {class}"));
    let asked: Vec<String> = zone.into_iter().chain(class).collect();
    if asked.is_empty() { String::new() } else { format!(" ({})", asked.join("; ")) }
}

/// How a node that is away is spoken of.
const STARTING: &str = "starting";
const STOPPING: &str = "stopping";
const SILENT: &str = "silent";

/// Who takes the pod away, as far as that is known, and since when.
fn why_it_stops(context: &Context, node: &Node, running: &PodObservation) -> String {
    let since = running.deleting_since.map(|since| format!(" since {}", time::told(since))).unwrap_or_default();
    let own = context.footprints(node).find_map(|footprint| footprint.ends_pod);
    let by = match (own, &running.disrupted) {
        (Some(why), _) => format!(", {why}"),
        (None, Some(who)) => format!(": {who}"),
        (None, None) => String::new(),
    };
    format!("its pod is being deleted{since}{by}")
}

/// An operation in hand takes the node down or brings it up.
fn is_planned(context: &Context, node: &Node) -> bool {
    context.in_hand().iter().any(|operation| match procedure::of(operation.kind).footprint.away {
        Away::Nobody => false,
        Away::ItsNode => operation.pod.as_ref() == Some(&node.pod),
        Away::FirstNode => context.is_founding(),
    })
}

/// It is known to be on its way: planned, never up before, or in a pod that was made in place of another one.
fn is_expected(context: &Context, node: &Node, running: &PodObservation) -> bool {
    let age = context.observation.now.as_second() - running.created_at.as_second();
    let since = context.away_since(node).unwrap_or(context.observation.now);
    let is_new = age <= START_DEADLINE && running.created_at.as_second() + LASTS >= since.as_second();
    node.host_id.is_none() || is_planned(context, node) || running.deleting || is_new
}

/// A node that is away. Of one that is on its way in, out or through a restart that is expected until
/// its deadline. Any other that had joined is in trouble once that lasts: an answer may come late.
fn away(context: &Context, node: &Node, running: &PodObservation, verb: &'static str, cause: &str) -> Hold {
    let pod = &node.pod;
    let now = context.observation.now;
    let since = match node.host_id {
        Some(_) => context.away_since(node),
        None => Some(running.created_at),
    };
    let away_for = since.map_or(0, |since| now.as_second() - since.as_second());
    let never_up = node.host_id.is_none() || comes_up_first(context, node);
    let age = now.as_second() - running.created_at.as_second();
    // what a container that is told to end says of it is no trouble
    let troubled = running.trouble.is_some() && !running.deleting && age > TROUBLE_GRACE;
    let expected = is_expected(context, node, running) && verb != SILENT;
    let deadline = if expected { START_DEADLINE } else { LASTS };
    let hold = if troubled && (away_for > LASTS || never_up) {
        Hold::wrong(Reason::PodNotRunning, format!("{pod} does not run: {cause}"))
    } else if away_for > deadline {
        Hold::wrong(Reason::NodeDown, format!("{pod} is down: {cause}"))
    } else if !expected {
        Hold::passing(Reason::NodeAway, format!("{pod} may be down: {cause}"))
    } else if verb == STOPPING {
        Hold::waiting(Reason::NodeStopping, format!("{pod} is stopping: {cause}"))
    } else {
        Hold::waiting(Reason::NodeStarting, format!("{pod} is starting: {cause}"))
    };
    let hold = hold.of(pod).within(deadline);
    match since {
        Some(since) => hold.since(since),
        None => hold,
    }
}

/// The node has joined just now and was not up yet, and the operation that brought it in still waits for it.
pub fn comes_up_first(context: &Context, node: &Node) -> bool {
    let joins = context.footprints(node).any(|footprint| footprint.brings_in);
    let before = context.observation.status.nodes.iter().find(|known| known.pod == node.pod);
    joins && before.is_none_or(|before| before.state != NodeState::Normal && before.away_since.is_none())
}

fn strangers(context: &Context) -> Option<Hold> {
    let strangers = context.ring.strangers();
    let host = strangers.first()?;
    // a member whose volume is still there must not be thrown out of the ring: its rows are on it
    let foreign = retained::foreign(context);
    let cure = match foreign.is_empty() {
        true => format!("bring that node back, or remove it: {}", lost::removal(context, "", host)),
        false => format!(
            "the volume of {} may be its own: name its rack in spec.cassandra.racks again, and its node comes back \
             with what is on it",
            foreign.join(", ")
        ),
    };
    let message = format!("the ring has a member {host} that no pod is known to be: {cure}");
    Some(Hold::wrong(Reason::UnknownMember, message))
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
    seen.or(own).map(|message| Hold::waiting(Reason::TopologyChanging, message))
}

fn disagreement(context: &Context) -> Option<Hold> {
    let views: Vec<(&Node, &NodeView)> = context.ring.live().collect();
    let (first, first_view) = views.first()?;
    let hosts = |view: &NodeView| view.members.values().cloned().collect::<BTreeSet<String>>();
    for (node, view) in &views {
        if hosts(view) != hosts(first_view) {
            let message = format!("{} and {} do not see the same members", first.pod, node.pod);
            return Some(Hold::waiting(Reason::RingViewsDiffer, message));
        }
        // nodes of different major versions never agree on the schema of their system tables
        let comparable = major(view) == major(first_view);
        if comparable && view.schema_version != first_view.schema_version {
            let message = format!("{} and {} have different versions of the schema", first.pod, node.pod);
            return Some(Hold::waiting(Reason::SchemaDisagreement, message));
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
    let (node, _) = context.ring.live().find(|(_, view)| old(view))?;
    // without their number: each file that is delivered would be a write of the status
    let message = format!("{} still delivers what nodes that were away have missed (hints)", node.pod);
    Some(Hold::waiting(Reason::HintsPending, message))
}
