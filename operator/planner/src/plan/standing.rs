//! Everything as it stands, before any guard is asked. Pure.

use store_crds::OperationStatus;

use super::draft::Draft;
use super::ring::{Membership, Node};
use super::world::Context;
use super::{configuration, retained, secrets, volumes};
use crate::decision::{ApiShape, Memory, Shape};
use crate::procedure;

/// Everything as it stands: what a pass commits if no rung has anything to do. What is in hand stays in hand until the
/// gate that it is over behind, or until its own steps end it.
pub fn draft(context: &Context) -> Draft {
    let status = &context.observation.status;
    let migrated = match (&status.api.migrated_image, &status.api.migrated_keyspace) {
        (Some(image), Some(keyspace)) => Some(ApiShape { image: image.clone(), keyspace: keyspace.clone() }),
        _ => None,
    };
    let configured = configuration::standing(context);
    Draft {
        good: configuration::good(context, &configured),
        shape: Shape {
            replicas: context.taken.clone(),
            seeds: seeds(context),
            cluster_name: retained::cluster_name(context),
            storage: volumes::standing(context),
            secrets: secrets::made(context),
            api_inputs: secrets::api_inputs(context),
            ..Shape::default()
        },
        deletes: Vec::new(),
        claims: Vec::new(),
        ring: None,
        memory: Memory {
            operations: context.in_hand().to_vec(),
            owed: status.owed.clone(),
            configuration: configured,
            lost: status.lost.clone(),
            cluster_name: Some(retained::cluster_name(context)),
            roles_ready: status.roles_ready,
            migrated,
            changes: status.changes.clone(),
            postponed_job: status.api.postponed_job.clone(),
        },
        rollout_waits: None,
        wrongs: Vec::new(),
        works: Vec::new(),
    }
}

/// Most seeds that are named.
const SEEDS_MAX: usize = 3;

/// Pods that a starting node asks for the ring: nodes that have joined, of different racks first.
///
/// Hazard: a node that finds only itself here starts a ring of its own, without the data of the
/// others. So a node that is joining is never among them, and wherever there are more members than
/// one, more than one is named. Only where nothing has ever joined does the first node stand alone.
fn seeds(context: &Context) -> Vec<String> {
    let founds = |operation: &&OperationStatus| procedure::of(operation.kind).footprint.founds;
    if let Some(first) = context.in_hand().iter().find(founds).and_then(|operation| operation.pod.clone()) {
        return vec![first];
    }
    let joined = |node: &&Node| {
        let is_busy = context.footprints(node).any(|footprint| footprint.brings_in || footprint.takes_out);
        matches!(node.membership, Membership::Member | Membership::Unknown) && !is_busy
    };
    let mut candidates: Vec<&Node> = context.ring.nodes.iter().filter(joined).collect();
    candidates.sort_by_key(|node| node.id.ordinal);
    let seeds: Vec<String> = candidates.iter().take(SEEDS_MAX).map(|node| node.pod.clone()).collect();
    match seeds.is_empty() {
        true => context.desired.seed_candidates().into_iter().take(1).collect(),
        false => seeds,
    }
}
