//! Pods get a new template by being evicted: one at a time while the ring is calm. Where they do not run
//! anyway they are deleted at once, so that mending the spec always mends the shop. Pure.

use std::collections::BTreeMap;

use store_crds::OperationKind;

use super::{check, migrate};
use crate::configuration::Configuration;
use crate::observation::{EvictionRefused, PodObservation};
use crate::plan::configuration;
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::ring::{Node, is_live};
use crate::plan::wanted::Wanted;
use crate::plan::world::Context;
use crate::plan::{calm, quorum, volumes};
use crate::reason::Reason;

/// A quorum of so many copies bears that one is away.
const QUORUM_BEARS_ONE: i32 = 3;
/// How often an eviction that was refused is asked for again, in seconds.
const EVICT_AGAIN: i64 = 5;
/// How long a refusal counts, in seconds: while an eviction is wanted, it is asked for much more often.
const EVICTION_STANDS: i64 = 60;
/// How long evictions may be refused before that is told as trouble, in seconds.
const EVICTION_DEADLINE: i64 = 600;

/// Deletes pods that do not run and would be made again with another configuration. The ring loses nothing by it.
///
/// Hazard: a node that is only silent may come back by itself, as after a pause of its collector, and serve.
/// So one that had joined is taken for hung only after a long silence, alone, and never where its peers see
/// it up and a keyspace would lose its quorum.
pub fn replace_broken(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let mut alone = others_on_their_way(context, draft) == 0;
    // those of a rack that the spec dropped go with it: taken one by one, they would be made again before it goes
    for node in context.ring.nodes.iter().filter(|node| context.taken.contains_key(&node.id.rack)) {
        let Some(pod) = node.running.filter(|pod| !pod.deleting) else { continue };
        let turn = turn(context, draft, node, pod);
        // with its pod the claim goes, and all that is on it
        if turn == Turn::Keeps || volumes::is_being_lost(context, node) {
            continue;
        }
        let may_serve = context.may_serve(node);
        let taken = match how_broken(context, node) {
            Broken::No => false,
            // it has its part of the rows, and nobody else takes it away meanwhile
            Broken::Unready => alone && may_be_taken(context, node),
            Broken::DoesNotRun if !may_serve => true,
            Broken::DoesNotRun => alone && quorum::cost(context, node).is_empty(),
            Broken::Silent => alone && (!may_serve || quorum::cost(context, node).is_empty()),
        };
        if taken {
            if turn == Turn::Tries {
                configuration::try_with(context, draft, &node.pod);
            }
            draft.delete_pod(&node.pod, &pod.uid);
            alone &= node.host_id.is_none();
        }
    }
    None
}

/// What a pod that is made again would have.
#[derive(PartialEq, Eq)]
enum Turn {
    /// The same, or what it is not to have yet.
    Keeps,
    /// Another configuration: the newest, if that has run or the pod tries it anyway; else the newest that has run.
    Changes,
    /// The newest configuration, which nobody tries yet.
    Tries,
}

/// Hazard: a pod that does not run with what has run may just be on its way up, as after its machine was restarted; and
/// what is tried may be what keeps another from running. So of these one at a time tries the newest, and only if it
/// fails with what it has.
fn turn(context: &Context, draft: &Draft, node: &Node, pod: &PodObservation) -> Turn {
    let outdated = context.is_outdated(node);
    let Some(good) = &draft.good else { return if outdated { Turn::Changes } else { Turn::Keeps } };
    match (outdated, configuration::tried(draft).contains(&node.pod)) {
        (false, true) => Turn::Keeps,
        // it was made in the moment when the template was another pod's
        (false, false) if configuration::gets_newest(context, draft, &node.id.rack) => Turn::Keeps,
        (false, false) | (true, true) => Turn::Changes,
        (true, false) if !has(context, good, node, pod) => Turn::Changes,
        (true, false) => {
            let fails = pod.trouble.is_some() || age(context, pod) > calm::START_DEADLINE;
            if fails && configuration::tried(draft).is_empty() { Turn::Tries } else { Turn::Keeps }
        }
    }
}

/// Every other node is up, and no keyspace loses a quorum that it is to keep.
fn may_be_taken(context: &Context, node: &Node) -> bool {
    let mut others = context.ring.nodes.iter().filter(|other| other.pod != node.pod && context.expects(other));
    others.all(|other| calm::down(context, other).is_none()) && would_interrupt(context, node).is_none()
}

/// Members that end, or that start with what they are to have and have not answered yet.
fn others_on_their_way(context: &Context, draft: &Draft) -> usize {
    let on_its_way = |node: &&Node| {
        node.running.is_some_and(|pod| {
            let waits = node.view.is_none() && pod.trouble.is_none();
            let starts = waits && turn(context, draft, node, pod) == Turn::Keeps;
            pod.deleting || starts && age(context, pod) <= calm::START_DEADLINE
        })
    };
    context.ring.members().filter(|node| node.host_id.is_some()).filter(on_its_way).count()
}

/// Evicts the next outdated pod. The ring is calm: every other node is up, and stays so until this
/// one is back. Of a configuration that no node has come up with yet, the first is tried beforehand by a pod that is
/// no node.
pub fn replace_next(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let outdated: Vec<&Node> = context.ring.nodes.iter().filter(|node| context.is_outdated(node)).collect();
    let kept = |node: &&&Node| !volumes::is_being_lost(context, node);
    // the one that tries it already goes first
    let tries = |node: &&&Node| configuration::tried(draft).contains(&node.pod);
    let next = outdated.iter().filter(kept).filter(tries).chain(outdated.iter().filter(kept));
    let Some((node, pod)) = next.into_iter().find_map(|node| Some((node, node.running?))) else {
        let left = outdated.iter().find(|node| node.running.is_some())?;
        let message = format!("{} keeps its old configuration: its volume claim is being deleted", left.pod);
        return Some(Hold::wrong(Reason::VolumeBeingDeleted, message));
    };
    // whoever is to take the place of a lost node joins first
    if quorum::awaits_nodes(context) {
        let message = format!("{} is restarted once every keyspace has as many nodes as copies", node.pod);
        draft.works.push(Hold::waiting(Reason::RolloutWaits, message));
        return None;
    }
    if let Some(waits) = would_interrupt(context, node) {
        return aside(draft, waits);
    }
    if migrate::keeps_first_node(context, draft) {
        return None;
    }
    if configuration::is_unproved(context, draft) {
        let untried = configuration::tried(draft).is_empty();
        match untried.then(|| check::unfit(context, draft)).flatten() {
            Some(refused) if refused.wrong => return aside(draft, refused),
            Some(tries) => return Some(tries),
            None => {}
        }
        configuration::try_with(context, draft, &node.pod);
    }
    let mut rollout = operation(context, OperationKind::Rollout, format!("{} is replaced", node.pod));
    rollout.pod = Some(node.pod.clone());
    let done = context.ring.nodes.len() - outdated.len();
    rollout.progress = Some(format!("{done} of {} nodes", context.ring.nodes.len()));
    draft.operate(context, rollout);
    let refused = context.observation.eviction_refused.as_ref().filter(|refused| refused.uid == pod.uid);
    let now = context.observation.now.as_second();
    // one of long ago was of another roll-out
    let refused = refused.filter(|refused| now - refused.at.as_second() <= EVICTION_STANDS);
    if refused.is_none_or(|refused| now - refused.at.as_second() >= EVICT_AGAIN) {
        draft.delete_pod(&node.pod, &pod.uid);
    } else if let Some(refused) = refused {
        return aside(draft, eviction_waits(context, node, refused));
    }
    Some(match refused {
        Some(refused) => eviction_waits(context, node, refused),
        None => Hold::waiting(Reason::RollingOut, restarted(context, node)),
    })
}

/// The roll-out waits, and what is owed is done meanwhile. Only no node joins: it would run what the others do not run yet.
fn aside(draft: &mut Draft, hold: Hold) -> Option<Hold> {
    let hold = hold.yielding();
    draft.rollout_waits = Some(hold.clone());
    Some(hold)
}

/// Why a node is not restarted: a keyspace has so few copies that it would have no quorum. That holds nothing
/// up that adds copies. In a ring of one or two nodes no factor would help, and there it is only told.
fn would_interrupt(context: &Context, node: &Node) -> Option<Hold> {
    let cost = quorum::cost(context, node);
    if cost.is_empty() || context.desired.cassandra.allow_unavailable || context.member_count() < QUORUM_BEARS_ONE {
        return None;
    }
    let pod = &node.pod;
    let coming = |name: &String| context.desired.replication_of(name).is_some_and(|wanted| wanted >= QUORUM_BEARS_ONE);
    if cost.keys().all(coming) {
        let message = format!("{pod} is restarted once keyspace {} has its copies", named(&cost));
        return Some(Hold::waiting(Reason::RolloutWaits, message));
    }
    let message = format!(
        "{pod} is not restarted with the new configuration: requests at LOCAL_QUORUM of keyspace {} would fail until \
         it is back; raise the replication factor to {QUORUM_BEARS_ONE}, or set \
         spec.cassandra.updateStrategy.allowUnavailable",
        named(&cost)
    );
    Some(Hold::wrong(Reason::RolloutWouldInterrupt, message))
}

fn named(keyspaces: &BTreeMap<String, i32>) -> String {
    keyspaces.iter().map(|(name, factor)| format!("{name} (factor {factor})")).collect::<Vec<_>>().join(", ")
}

fn restarted(context: &Context, node: &Node) -> String {
    let pod = &node.pod;
    let cost = quorum::cost(context, node);
    if cost.is_empty() {
        return format!("{pod} is restarted with the new configuration");
    }
    format!(
        "{pod} is restarted with the new configuration; until it is back, requests at LOCAL_QUORUM of keyspace {} \
         fail",
        named(&cost)
    )
}

fn eviction_waits(context: &Context, node: &Node, refused: &EvictionRefused) -> Hold {
    let message = format!(
        "{} waits to be restarted since {}, since the API server does not let it be evicted: {}; it is asked again \
         every {EVICT_AGAIN} s; `kubectl get poddisruptionbudgets -n {}` tells which budget has nothing left",
        node.pod, refused.since, refused.words, context.desired.namespace
    );
    match context.observation.now.as_second() - refused.since.as_second() > EVICTION_DEADLINE {
        true => Hold::wrong(Reason::EvictionRefused, message),
        false => Hold::waiting(Reason::EvictionRefused, message),
    }
}

/// Made for this configuration.
fn has(context: &Context, configuration: &Configuration, node: &Node, pod: &PodObservation) -> bool {
    let desired = configuration.applied_to(context.desired);
    Wanted::of(&desired, context.settings).is_of(node, pod)
}

/// Whether and how a pod is broken.
enum Broken {
    No,
    /// It has no address, reports trouble, or never came up.
    DoesNotRun,
    /// It runs, and Kubernetes does not find it ready.
    Unready,
    /// It ran, and has been silent for too long.
    Silent,
}

fn how_broken(context: &Context, node: &Node) -> Broken {
    let Some(pod) = node.running.filter(|pod| !pod.ready) else { return Broken::No };
    if let Some(view) = node.view {
        let lasts = node.host_id.is_some() && context.away_for(node) > calm::LASTS;
        return if is_live(view) && lasts { Broken::Unready } else { Broken::No };
    }
    if pod.ip.is_none() || pod.trouble.is_some() {
        return Broken::DoesNotRun;
    }
    if age(context, pod) <= calm::START_DEADLINE {
        return Broken::No;
    }
    match node.host_id {
        // one that has streamed for an hour may miss an answer
        None if streamed_lately(context, node) => Broken::No,
        None => Broken::DoesNotRun,
        Some(_) if context.away_for(node) > calm::START_DEADLINE => Broken::Silent,
        Some(_) => Broken::No,
    }
}

/// The node is on its way in, and was told to come further not long ago.
fn streamed_lately(context: &Context, node: &Node) -> bool {
    let join = context.operation_of(OperationKind::Join).filter(|join| join.pod.as_ref() == Some(&node.pod));
    let streamed = join.and_then(|join| join.streamed.as_ref());
    let still = streamed.map(|streamed| context.observation.now.as_second() - streamed.since.0.as_second());
    still.is_some_and(|still| still <= calm::START_DEADLINE)
}

fn age(context: &Context, pod: &PodObservation) -> i64 {
    context.observation.now.as_second() - pod.created_at.as_second()
}
