//! Volumes as they are: what their templates say, those that are being lost, and those of nodes that have left, which go
//! where the policy says Delete. Pure.

use std::collections::BTreeMap;

use store_crds::{DeletionPolicy, quantity_units};

use super::draft::Draft;
use super::hold::Hold;
use super::lost;
use super::ring::{Membership, Node};
use super::world::Context;
use crate::children::StatefulSet;
use crate::decision::ClaimTemplate;
use crate::identity::ChildKind;
use crate::reason::Reason;

/// Claim templates as the StatefulSets have them, by rack; those that do not exist get the wanted one.
pub fn standing(context: &Context) -> BTreeMap<String, ClaimTemplate> {
    let racks = context.desired.cassandra.racks.iter();
    racks
        .map(|rack| {
            let set = context.stateful_set(&rack.name);
            let live = set.and_then(|set| {
                Some(ClaimTemplate { size: set.storage_size.clone()?, class: set.storage_class.clone() })
            });
            (rack.name.clone(), live.unwrap_or_else(|| ClaimTemplate::wanted(context.desired)))
        })
        .collect()
}

/// Tells of claims of members that somebody deletes. Kubernetes keeps them while their pods run; after
/// that what is on them is lost.
pub fn tell_deleted(context: &Context, draft: &mut Draft) {
    for node in context.ring.nodes.iter().filter(|node| is_being_lost(context, node)) {
        let (pod, claim) = (&node.pod, context.desired.claim_name(&node.pod));
        let namespace = &context.desired.namespace;
        let host = node.host_id.as_deref().unwrap_or_default();
        let message = format!(
            "volume claim {claim} was deleted by somebody and goes with its data when {pod} ends, so {pod} is not \
             restarted any more; see that every keyspace has other copies, then let it go: kubectl delete -n {namespace} \
             pod/{pod}, and when its peers see it down, take it out: {}; then every keyspace is repaired, and a node joins in its place by itself",
            lost::removal(context, pod, host)
        );
        draft.wrongs.push(Hold::wrong(Reason::VolumeBeingDeleted, message).of(pod));
    }
}

/// The claim of a member is being deleted, and not by this operator.
pub fn is_being_lost(context: &Context, node: &Node) -> bool {
    let deleting = node.claim.is_some_and(|claim| claim.deleting && claim.left.is_none());
    deleting && node.host_id.is_some() && node.membership != Membership::NotMember && context.expects(node)
}

/// Under Delete, volumes of nodes that have left go once no pod uses them.
pub fn delete_left(context: &Context, draft: &mut Draft) {
    if context.desired.cassandra.deletion_policy != DeletionPolicy::Delete {
        return;
    }
    for (name, claim) in &context.observation.claims {
        let pod = context.desired.pod_name(&claim.rack, claim.ordinal);
        if claim.left.is_none() || context.observation.pods.contains_key(&pod) {
            continue;
        }
        // a mark that a member contradicts is not believed
        if context.ring.find(&pod).is_some_and(|node| context.expects(node)) {
            continue;
        }
        if !claim.deleting && !draft.deletes(&claim.uid) {
            draft.delete(ChildKind::PersistentVolumeClaim, name, &claim.uid);
        }
        draft.works.push(Hold::waiting(
            Reason::DeletingVolume,
            format!("volume claim {name} of a node that has left is deleted"),
        ));
    }
}

/// Bytes of the volumes in a StatefulSet's claim template.
pub fn template_bytes(set: &StatefulSet) -> Option<u64> {
    set.storage_size.as_deref().and_then(quantity_units)
}
