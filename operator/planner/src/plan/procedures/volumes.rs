//! Volumes grow. Pure.
//!
//! The size in a StatefulSet's claim template is immutable: the claims are grown first, then the
//! StatefulSet is deleted without its pods and made again with the new size.

use store_crds::{Lane, OperationKind};

use crate::children::StatefulSet;
use crate::decision::{ClaimChange, ClaimEdit};
use crate::observation::{ClaimObservation, Growth};
use crate::plan::carried_out::quantity;
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::volumes::template_bytes;
use crate::plan::world::Context;
use crate::reason::Reason;

/// Waits until StatefulSets that were deleted for their new size are there again: before, the number
/// of pods is in nobody's hand.
pub fn remake(context: &Context, _: &mut Draft) -> Option<Hold> {
    let missing = context.desired.cassandra.racks.iter().find(|rack| {
        let taken = context.taken.get(&rack.name).is_some_and(|taken| *taken > 0);
        taken && context.stateful_set(&rack.name).is_none()
    })?;
    Some(Hold::waiting(Reason::StatefulSetMissing, format!("the StatefulSet of rack {} is made", missing.name)))
}

/// Grows claims whose volumes are smaller than wanted, and then the size in the StatefulSets. One claim goes
/// first, and the others once it has the size: what no volume can have then holds one claim and no more, and
/// the spec can go back to what the volumes have.
pub fn grow(context: &Context, draft: &mut Draft) {
    let wanted = context.desired.cassandra.storage_bytes;
    let bound = || {
        let expected = context.ring.nodes.iter().filter(|node| context.expects(node));
        let claims = expected.filter_map(|node| Some((context.desired.claim_name(&node.pod), node.claim?)));
        // one that has no volume yet cannot be changed
        claims.filter(|(_, claim)| !claim.deleting && claim.capacity_bytes > 0)
    };
    let short = || bound().filter(|(_, claim)| claim.capacity_bytes < wanted);
    let proved = bound().any(|(_, claim)| claim.capacity_bytes >= wanted);
    let tried = short().any(|(_, claim)| claim.requested_bytes == wanted);
    let mut may_ask = proved || !tried;
    for (name, claim) in short() {
        if claim.requested_bytes == wanted {
            draft.works.push(growing(&name, claim));
            draft.wrongs.extend(cannot_grow(context, &name, claim));
        } else if claim.expandable == Some(false) {
            draft.wrongs.extend(cannot_grow(context, &name, claim));
        } else if may_ask {
            may_ask = proved;
            draft.claims.push(ClaimChange {
                name: name.clone(),
                uid: claim.uid.clone(),
                edit: ClaimEdit::Grow(wanted),
            });
            draft.works.push(Hold::waiting(Reason::GrowingVolumes, format!("volume claim {name} is grown")));
        } else {
            let message = format!("volume claim {name} is grown once the first one has its new size");
            draft.works.push(Hold::waiting(Reason::GrowingVolumes, message));
        }
    }
    if short().next().is_some() || draft.is_held(Lane::Volumes) {
        return;
    }
    remake_next(context, draft, wanted);
}

fn growing(name: &str, claim: &ClaimObservation) -> Hold {
    let message = match &claim.growth {
        Growth::FileSystem => format!(
            "the volume of claim {name} has grown, and its file system follows while it is mounted; if that does not \
             end, the driver needs it unmounted: delete the pod"
        ),
        Growth::Volume | Growth::Failed(_) => format!("the volume of claim {name} grows"),
    };
    Hold::waiting(Reason::GrowingVolumes, message)
}

/// Why a claim cannot grow, if that is known.
fn cannot_grow(context: &Context, name: &str, claim: &ClaimObservation) -> Option<Hold> {
    let has = quantity(claim.capacity_bytes);
    let wanted = &context.desired.cassandra.storage_size;
    let (cause, cure) = match &claim.growth {
        Growth::Failed(cause) => (cause.as_str(), "mend that"),
        Growth::Volume | Growth::FileSystem if claim.expandable == Some(false) => (
            "its StorageClass does not allow it",
            "set allowVolumeExpansion on the class, if its driver can grow volumes",
        ),
        Growth::Volume | Growth::FileSystem => return None,
    };
    // the size may come back to what the largest volume has, and no further
    let all = context.observation.claims.values().filter(|claim| claim.left.is_none());
    let largest =
        all.map(|claim| claim.requested_bytes.min(claim.capacity_bytes)).max().unwrap_or(claim.capacity_bytes);
    let back = match largest < context.desired.cassandra.storage_bytes {
        true => format!(", or put spec.cassandra.storage.size back to {}", quantity(largest)),
        false => String::new(),
    };
    let message = format!("volume claim {name} cannot grow from {has} to {wanted}: {cause}; {cure}{back}");
    Some(Hold::wrong(Reason::VolumeCannotGrow, message).of(name))
}

/// Deletes, without its pods, one StatefulSet whose claim template has another size or class than the spec.
fn remake_next(context: &Context, draft: &mut Draft, wanted: u64) {
    let class = &context.desired.cassandra.storage_class;
    let differs =
        |set: &StatefulSet| template_bytes(set).is_some_and(|size| size != wanted || set.storage_class != *class);
    let racks = context.desired.cassandra.racks.iter();
    let old = racks.filter_map(|rack| Some((rack, context.stateful_set(&rack.name)?))).find(|(_, set)| differs(set));
    let Some((rack, set)) = old else { return };
    let name = context.desired.stateful_set_name(&rack.name);
    if draft.deletes(&set.uid) {
        return;
    }
    let message =
        format!("the StatefulSet of rack {} is made again with the new volumes of the spec; its pods stay", rack.name);
    draft.delete_set_alone(&name, &set.uid);
    draft.operate(context, operation(context, OperationKind::GrowVolumes, message.clone()));
    draft.works.push(Hold::waiting(Reason::GrowingVolumes, message));
}
