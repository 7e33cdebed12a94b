//! What can no longer be taken back of the spec, by what is there: rules about changes compare with it, so
//! that a slip from which nothing came is mended by putting the old value back. Pure.

use std::collections::BTreeSet;

use store_crds::{CarriedOut, CarriedOutRack, CarriedOutStorage};

use super::ring::{Membership, Node};
use super::world::Context;
use crate::observation::NodeAnswer;

/// Most racks that are told of; a spec has at most sixteen.
const RACKS_MAX: usize = 64;

/// What is told in `status.carriedOut`.
pub fn carried_out(context: &Context) -> CarriedOut {
    let unknown = CarriedOut::default();
    let before = context.observation.status.carried_out.as_ref().unwrap_or(&unknown);
    let (racks, storage) = (racks(context, before), storage(context, before));
    let datacenter = (storage.is_some() || !racks.is_empty()).then(|| datacenter(context, before));
    CarriedOut { racks, datacenter, storage, version: version(context, before) }
}

/// Something of this node is in the ring, or on its way there, or nobody can tell that it is not.
pub fn has_started(node: &Node) -> bool {
    // a pod that found its machine is on its way in, unless it says why it is not
    let runs = node.running.is_some_and(|pod| pod.ip.is_some() && pod.trouble.is_none());
    if node.membership == Membership::NotMember {
        return node.view.is_some() || runs;
    }
    let has_volume = node.claim.is_some_and(|claim| claim.capacity_bytes > 0);
    node.host_id.is_some() || node.view.is_some() || runs || has_volume
}

fn racks(context: &Context, before: &CarriedOut) -> Vec<CarriedOutRack> {
    let started = context.ring.nodes.iter().filter(|node| has_started(node));
    let names: BTreeSet<&str> = started.map(|node| node.id.rack.as_str()).collect();
    let rack = |name: &str| {
        // it stays in the zone that its first node was started in, whatever a newer spec says: its pod tells, since the
        // set may have a newer template already; that neither is seen is no word on it
        let known = before.racks.iter().find(|rack| rack.name == name).map(|rack| &rack.zone);
        let zone = match known.or_else(|| placed(context, name)) {
            Some(zone) => zone.clone(),
            None => context.stateful_set(name)?.zone.clone(),
        };
        Some(CarriedOutRack { name: name.to_owned(), zone })
    };
    names.into_iter().filter_map(rack).take(RACKS_MAX).collect()
}

/// The zone that the pods of a rack's started nodes were made for; the inner `None`: any.
fn placed<'a>(context: &Context<'a>, rack: &str) -> Option<&'a Option<String>> {
    let of_rack = context.ring.nodes.iter().filter(|node| node.id.rack == rack && has_started(node));
    of_rack.filter_map(|node| node.running).map(|pod| &pod.zone).next()
}

/// What is noted on the volumes comes first: they may be older than this StoreCluster.
fn datacenter(context: &Context, before: &CarriedOut) -> String {
    let noted = context.observation.claims.values().find_map(|claim| claim.note.datacenter.as_ref());
    noted.or(before.datacenter.as_ref()).unwrap_or(&context.desired.cassandra.datacenter).clone()
}

fn storage(context: &Context, before: &CarriedOut) -> Option<CarriedOutStorage> {
    let bound = || context.observation.claims.values().filter(|claim| claim.left.is_none() && claim.capacity_bytes > 0);
    // a class may give more than was asked for, and what is asked for may be more than it can give
    let bytes = bound().map(|claim| claim.requested_bytes.min(claim.capacity_bytes)).max()?;
    let class_name = match &before.storage {
        Some(known) => known.class_name.clone(),
        // that no set is seen is no word on what its claims were asked with: the spec may be newer
        None => bound().find_map(|claim| context.stateful_set(&claim.rack))?.storage_class.clone(),
    };
    Some(CarriedOutStorage { size: quantity(bytes), class_name })
}

/// Bytes as people write them.
pub fn quantity(bytes: u64) -> String {
    let whole = bytes.is_multiple_of(1024).then(|| store_crds::canonical_quantity(&format!("{}Ki", bytes / 1024)));
    whole.flatten().unwrap_or_else(|| bytes.to_string())
}

/// The newest series that a node has told of.
fn version(context: &Context, before: &CarriedOut) -> Option<String> {
    let now = context.observation.views.values().filter_map(|answer| match answer {
        NodeAnswer::Reachable(view) => series(&view.release_version),
        NodeAnswer::Unreachable(_) | NodeAnswer::Locked(_) => None,
    });
    let noted = context.observation.claims.values().filter_map(|claim| series(claim.note.version.as_deref()?));
    let newest = now.chain(noted).chain(before.version.as_deref().and_then(series)).max();
    newest.map(|(major, minor)| format!("{major}.{minor}"))
}

/// Major and minor number of a version.
pub fn series(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_versions_are_told_as_people_write_them() {
        assert_eq!(quantity(10 << 30), "10Gi");
        assert_eq!(quantity(1_000_000_001), "1000000001");
        assert_eq!(series("5.0.6"), Some((5, 0)));
        assert_eq!(series("4.1-SNAPSHOT"), Some((4, 1)));
        assert_eq!(series(""), None);
        assert!(series("5.0") > series("4.1.10"));
    }
}
