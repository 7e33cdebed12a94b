//! Volumes that are there when a StoreCluster is made: those of an earlier one of its name. They are taken up
//! whole or not touched; nothing is founded or started beside what would be left out. Pure.
//!
//! The operator notes on each claim what Cassandra itself would refuse too late, or not at all: a node with
//! another datacenter does not start, one with an older version may start and not read what is there.

use super::draft::Draft;
use super::hold::Hold;
use super::ring::{self, Membership};
use super::world::Context;
use crate::children::StatefulSet;
use crate::decision::{ClaimChange, ClaimEdit};
use crate::observation::{ClaimObservation, VolumeNote};
use crate::reason::Reason;

/// Why nothing may start: volumes that the spec has no place for. Asked only until something of this
/// StoreCluster has begun; what is taken up after that was taken up whole.
pub fn refuse(context: &Context) -> Option<Hold> {
    if has_begun(context) {
        return None;
    }
    if !foreign(context).is_empty() {
        return Some(of_other_racks(context));
    }
    of_other_datacenter(context).or_else(|| of_newer_version(context))
}

/// Claims with a volume whose rack the spec does not name. One that never got a volume holds nothing.
pub fn foreign<'a>(context: &Context<'a>) -> Vec<&'a str> {
    let named = |rack: &str| context.desired.cassandra.racks.iter().any(|known| known.name == rack);
    kept(context).filter(|(_, claim)| !named(&claim.rack)).map(|(name, _)| name.as_str()).collect()
}

pub fn of_other_racks(context: &Context) -> Hold {
    let claims = foreign(context);
    let mut racks: Vec<&str> = kept(context)
        .filter(|(name, _)| claims.contains(&name.as_str()))
        .map(|(_, claim)| claim.rack.as_str())
        .collect();
    racks.dedup();
    let cause = format!("the spec lacks their racks ({})", racks.join(", "));
    held(context, Reason::VolumesOfOtherRacks, &claims, &cause, "name these racks in spec.cassandra.racks")
}

fn of_other_datacenter(context: &Context) -> Option<Hold> {
    let wanted = &context.desired.cassandra.datacenter;
    let other = |note: &VolumeNote| note.datacenter.as_ref().filter(|datacenter| *datacenter != wanted).cloned();
    let (claims, datacenter) = noted(context, other)?;
    let cause = format!("they are of datacenter {datacenter}, and the spec names {wanted}");
    let cure = format!("set spec.cassandra.datacenter to {datacenter}");
    Some(held(context, Reason::VolumesOfOtherDatacenter, &claims, &cause, &cure))
}

/// Whether an older version reads what a newer one wrote is known to nobody but who chose all its settings.
fn of_newer_version(context: &Context) -> Option<Hold> {
    let wanted = &context.desired.cassandra.version;
    let newer = |note: &VolumeNote| note.version.as_ref().filter(|ran| line(ran) > line(wanted)).cloned();
    let (claims, ran) = noted(context, newer)?;
    let cause = format!("Cassandra {ran} ran on them, and {wanted} may not read what it wrote");
    let (major, minor) = line(&ran);
    let cure = format!("set spec.cassandra.version to {major}.{minor} or later");
    Some(held(context, Reason::VolumesOfNewerVersion, &claims, &cause, &cure))
}

/// The name of the ring. Gossip takes nobody of another name for a member, so two shops that share the name alone stay
/// apart, and one ring must keep one name: by the word of a node that is up, by the memory of it, or by what a claim
/// tells. Where something is there and nothing tells, it is from before namespaces were a part of the name.
pub fn cluster_name(context: &Context) -> String {
    let (desired, observation) = (context.desired, context.observation);
    let told = context.ring.live().map(|(_, view)| &view.cluster_name).find(|name| !name.is_empty());
    let noted = || kept(context).find_map(|(_, claim)| claim.note.cluster_name.as_ref());
    if let Some(name) = told.or(observation.status.cluster_name.as_ref()).or_else(noted) {
        return name.clone();
    }
    let is_old = kept(context).next().is_some() || !observation.pods.is_empty() || has_begun(context);
    if is_old { desired.name.clone() } else { format!("{}/{}", desired.namespace, desired.name) }
}

/// Notes on the claims of members what their volumes are of, for the next StoreCluster of this name.
pub fn note(context: &Context, draft: &mut Draft) {
    for node in &context.ring.nodes {
        let (Some(claim), Some(view)) = (node.claim, node.view) else { continue };
        let is_member = node.membership == Membership::Member && ring::is_live(view);
        if !is_member || claim.left.is_some() || claim.deleting || view.release_version.is_empty() {
            continue;
        }
        let note = VolumeNote {
            datacenter: Some(context.desired.cassandra.datacenter.clone()),
            version: Some(view.release_version.clone()),
            cluster_name: Some(&view.cluster_name).filter(|name| !name.is_empty()).cloned(),
        };
        if claim.note != note {
            let (name, uid) = (context.desired.claim_name(&node.pod), claim.uid.clone());
            draft.claims.push(ClaimChange { name, uid, edit: ClaimEdit::Note(note) });
        }
    }
}

/// Claims with a volume whose node has not left.
fn kept<'a>(context: &Context<'a>) -> impl Iterator<Item = (&'a String, &'a ClaimObservation)> {
    context.observation.claims.iter().filter(|(_, claim)| claim.left.is_none() && claim.capacity_bytes > 0)
}

/// Claims whose note says something that does not fit, with what the first of them says.
fn noted<'a>(context: &Context<'a>, misfit: impl Fn(&VolumeNote) -> Option<String>) -> Option<(Vec<&'a str>, String)> {
    let found: Vec<(&str, String)> =
        kept(context).filter_map(|(name, claim)| Some((name.as_str(), misfit(&claim.note)?))).collect();
    let first = found.first()?.1.clone();
    Some((found.into_iter().map(|(name, _)| name).collect(), first))
}

/// A node of this StoreCluster was there, or one of its StatefulSets is.
fn has_begun(context: &Context) -> bool {
    let own = |set: &StatefulSet| set.owner.as_deref().is_none_or(|owner| owner == context.desired.uid.as_str());
    let sets = || context.desired.cassandra.racks.iter().filter_map(|rack| context.stateful_set(&rack.name));
    context.observation.status.nodes.iter().any(|node| node.host_id.is_some()) || sets().any(own)
}

fn held(context: &Context, reason: Reason, claims: &[&str], cause: &str, cure: &str) -> Hold {
    let namespace = &context.desired.namespace;
    let message = format!(
        "nothing is started beside the volumes that an earlier StoreCluster of this name left: {cause}; {cure} (where \
         that is refused, delete this StoreCluster and make it again so: these volumes stay), or, if nobody needs what is \
         on them, delete them: kubectl delete pvc -n {namespace} {}",
        claims.join(" ")
    );
    Hold::wrong(reason, message)
}

/// Major and minor number of a version.
fn line(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}
