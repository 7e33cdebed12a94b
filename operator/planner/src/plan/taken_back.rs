//! What a newer spec took back before anything came of it is cleared away: racks that found no place for
//! their pods, claims of a StorageClass that gave no volume. Pure.
//!
//! Only what holds nothing goes: a node that never started, a claim that was never bound. The rules of the
//! spec let nothing else be taken back; should it have started meanwhile, it stays and that is told.

use std::collections::BTreeSet;

use store_crds::OperationStatus;

use super::carried_out::has_started;
use super::draft::Draft;
use super::hold::Hold;
use super::volumes::template_bytes;
use super::world::Context;
use crate::children::StatefulSet;
use crate::decision::Delete;
use crate::identity::ChildKind;
use crate::observation::ClaimObservation;
use crate::reason::Reason;

/// Clears away racks that the spec no longer names. Nothing else begins meanwhile: a first node that was to
/// start in one of them must be gone before another starts.
pub fn racks(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let dropped = dropped(context);
    let rack = dropped.iter().next()?;
    end_of_dropped(context, draft, &dropped);
    let of_rack = || context.ring.nodes.iter().filter(|node| dropped.contains(node.id.rack.as_str()));
    if let Some(node) = of_rack().find(|node| has_started(node)) {
        let message = format!(
            "rack {} was taken off the spec, and {} has started in it meanwhile: put the rack back, as \
             status.carriedOut.racks has it",
            node.id.rack, node.pod
        );
        return Some(Hold::wrong(Reason::RackInUse, message));
    }
    for (name, set) in sets(context).filter(|(_, set)| dropped.contains(set.rack.as_str())) {
        draft.delete(ChildKind::StatefulSet, name, &set.uid);
    }
    // the StatefulSet would make them again, and a claim goes only after its pod
    if draft.deletes.is_empty() {
        let claims = context.observation.claims.iter().filter(|(_, claim)| dropped.contains(claim.rack.as_str()));
        for (name, claim) in claims.filter(|(_, claim)| is_empty(claim) && !claim.deleting) {
            let pod = context.desired.pod_name(&claim.rack, claim.ordinal);
            if !context.observation.pods.contains_key(&pod) {
                draft.deletes.push(delete_claim(name, claim));
            }
        }
    }
    let message = format!("rack {rack}, in which no node has started, goes: the spec no longer names it");
    Some(Hold::waiting(Reason::RackGoes, message))
}

/// Makes claims that never got a volume again, where they ask for another StorageClass or size than the spec.
/// These cannot be changed in a StatefulSet either: it is made again, without its pods, once the claims that
/// it had are gone. A claim tells its own class and not what was asked for, so those are not compared.
pub fn claims(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let wanted = context.desired.cassandra.storage_class.as_deref();
    let before = draft.deletes.len();
    for (name, set) in sets(context) {
        let of_rack = || context.observation.claims.values().filter(|claim| claim.rack == set.rack);
        let sized = template_bytes(set).is_none_or(|size| size == context.desired.cassandra.storage_bytes);
        let of_class = set.storage_class.as_deref() == wanted;
        let differs = !of_class || (!sized && of_rack().next().is_some());
        // beside claims that have volumes one may wait for a class that gives none
        let waits = !of_class && of_rack().any(is_empty);
        if differs && of_rack().all(is_empty) || waits {
            draft.delete_set_alone(name, &set.uid);
        }
    }
    let mut waits = false;
    for node in &context.ring.nodes {
        let Some(claim) = node.claim.filter(|claim| is_empty(claim)) else { continue };
        let set = context.stateful_set(&node.id.rack);
        let other_class = claim.class.as_deref().zip(wanted).is_some_and(|(asked, wanted)| asked != wanted);
        let other_size = set.and_then(template_bytes).is_some_and(|size| size != claim.requested_bytes);
        // the cluster's default class has a name that nobody here knows; but what is older than its set was asked for by
        // a set before it
        let of_set_before = set.and_then(|set| set.created_at).is_some_and(|created| claim.created_at < created);
        if set.is_some() && !other_class && !other_size && !of_set_before {
            continue;
        }
        if set.is_none() {
            draft.shape.replicas.remove(&node.id.rack);
            waits = true;
        }
        if let Some(pod) = node.running.filter(|pod| !pod.deleting) {
            draft.delete_pod(&node.pod, &pod.uid);
        }
        if !claim.deleting {
            draft.deletes.push(delete_claim(&context.desired.claim_name(&node.pod), claim));
        }
    }
    if draft.deletes.len() == before && !waits {
        return None;
    }
    let class = wanted.unwrap_or("the cluster's default");
    let size = &context.desired.cassandra.storage_size;
    let message =
        format!("volume claims that never got a volume are made again, with StorageClass {class} and of {size}");
    Some(Hold::waiting(Reason::ClaimsMadeAgain, message))
}

/// Racks that a StatefulSet or a pod is there of, or a claim without a volume, and that the spec does not
/// name.
fn dropped<'a>(context: &Context<'a>) -> BTreeSet<&'a str> {
    let pods = context.observation.pods.values().map(|pod| pod.rack.as_str());
    let empty = context.observation.claims.values().filter(|claim| is_empty(claim));
    let there =
        sets(context).map(|(_, set)| set.rack.as_str()).chain(pods).chain(empty.map(|claim| claim.rack.as_str()));
    there.filter(|rack| !context.desired.cassandra.racks.iter().any(|known| known.name == *rack)).collect()
}

/// An operation on a node of a dropped rack has nothing left to do.
fn end_of_dropped(context: &Context, draft: &mut Draft, dropped: &BTreeSet<&str>) {
    let of_dropped = |operation: &OperationStatus| {
        let node = operation.pod.as_ref().and_then(|pod| context.ring.find(pod));
        match node {
            Some(node) => dropped.contains(node.id.rack.as_str()) && !has_started(node),
            None => operation.pod.as_deref().is_some_and(|pod| context.desired.find_node(pod).is_none()),
        }
    };
    draft.memory.operations.retain(|operation| !of_dropped(operation));
}

/// It never got a volume.
fn is_empty(claim: &ClaimObservation) -> bool {
    claim.capacity_bytes == 0 && claim.left.is_none()
}

fn delete_claim(name: &str, claim: &ClaimObservation) -> Delete {
    Delete { kind: ChildKind::PersistentVolumeClaim, name: name.to_owned(), uid: claim.uid.clone(), orphan: false }
}

fn sets<'a>(context: &Context<'a>) -> impl Iterator<Item = (&'a str, &'a StatefulSet)> {
    context.observation.children.stateful_sets.iter().map(|(name, set)| (name.as_str(), set))
}
