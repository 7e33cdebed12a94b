//! What is told after a pass must be true, and what must be true in the end.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use store_crds::conditions::DEGRADED;

use super::operator::Operator;
use super::safety::template;
use super::secrets;
use super::world::World;
use crate::desired::Desired;
use crate::identity::{ChildKind, Uid};

/// What is told after a pass that came to its end: no wait outlives its limit untold, and Degraded tells of
/// exactly what is listed.
pub fn check_status(world: &mut World, operator: &Operator) {
    let Some(status) = world.store.as_ref().and_then(|store| store.status.clone()) else { return };
    if operator.last.is_none() {
        return;
    }
    let began = world.now - SignedDuration::from_secs(2);
    for wait in status.waits.iter().filter(|wait| wait.until.0 < began || wait.since.0 > began) {
        world.violate(format!("at {began} this is told as a wait: {wait:?}"));
    }
    let degraded = status.conditions.iter().any(|condition| condition.type_ == DEGRADED && condition.status == "True");
    if degraded == status.faults.is_empty() {
        world.violate(format!("Degraded {degraded} with the faults {:?}", status.faults));
    }
}

/// Who is told as lost is lost: whoever reads it removes that member from the ring.
pub fn check_lost(world: &mut World, operator: &Operator) {
    let told = operator.last.iter().flat_map(|plan| &plan.memory.lost);
    let is_there = |host: &String| world.ring.members.contains_key(host) && !world.gone.contains(host);
    if let Some(lost) = told.into_iter().find(|lost| is_there(&lost.host_id)) {
        world.violate(format!("this is told as lost, and is there: {lost:?}"));
    }
}

/// What must be true once nothing disturbs any more and everybody had time. A node that a hand started
/// may have joined unseen, and nobody knows of its clean-up.
pub fn check_end(world: &World, operator: &Operator) -> Result<(), String> {
    let store = world.store.as_ref().ok_or("the store is gone")?;
    let accepted = Desired::read(store, Uid::default(), None);
    let plan = operator.last.as_ref().ok_or("no pass came to its end")?;
    let report = &plan.report;
    for (what, told) in [
        ("progressing", &report.progressing),
        ("degraded", &report.degraded),
        ("not available", &report.unavailable),
        ("not ready", &report.not_ready),
        ("not synced", &report.replication),
    ] {
        if let Some((reason, message)) = told {
            return Err(format!("{what}: {reason}: {message}"));
        }
    }
    let size = usize::try_from(accepted.cassandra.size).unwrap();
    if world.ring.members.len() != size || world.live_members() != size {
        return Err(format!("{} members, {} live, of {size}", world.ring.members.len(), world.live_members()));
    }
    for rack in &accepted.cassandra.racks {
        let pods = world.pods.values().filter(|pod| pod.seen.rack == rack.name).count();
        if pods != usize::try_from(rack.target).unwrap() {
            return Err(format!("rack {} has {pods} pods of {}", rack.name, rack.target));
        }
    }
    let named = |rack: &str| accepted.cassandra.racks.iter().any(|known| known.name == rack);
    let dropped = world.claims.values().find(|claim| claim.capacity_bytes == 0 && !named(&claim.rack));
    if let Some(claim) = dropped {
        return Err(format!("a claim of rack {} is left, which nobody wants", claim.rack));
    }
    for keyspace in &accepted.keyspaces {
        if world.ring.factor(&keyspace.name) != accepted.factor_of(keyspace) {
            return Err(format!("{} has factor {}", keyspace.name, world.ring.factor(&keyspace.name)));
        }
    }
    let mut debts = world.ring.debts();
    debts.retain(|debt| !world.by_hand || !debt.starts_with("clean up"));
    if !debts.is_empty() {
        return Err(format!("told as done and not done: {debts:?}"));
    }
    let templates: BTreeSet<&str> = world.of_kind(ChildKind::StatefulSet).filter_map(template).collect();
    if world.pods.values().any(|pod| !templates.contains(pod.seen.template_hash.as_str())) {
        return Err("a pod has an old template".into());
    }
    let configurations = world.of_kind(ChildKind::ConfigMap).filter(|config| config["immutable"] == true).count();
    if configurations != 1 || !world.checks.is_empty() {
        return Err(format!("{configurations} configurations are kept, and the trial runs {:?}", world.checks.keys()));
    }
    let small = world.claims.values().any(|claim| {
        claim.left.is_none()
            && world.claim_is_of_member(claim)
            && claim.capacity_bytes < accepted.cassandra.storage_bytes
    });
    if small {
        return Err("a volume is not of the size wanted".into());
    }
    if accepted.cassandra.deletion_policy == store_crds::DeletionPolicy::Delete {
        let left: Vec<&String> =
            world.claims.iter().filter(|(_, claim)| world.has_left(claim)).map(|(name, _)| name).collect();
        if !left.is_empty() {
            return Err(format!("volumes {left:?} of nodes that left are still there"));
        }
    }
    secrets::check_end(world)?;
    if !operator.writes.is_empty() {
        return Err(format!("a settled pass still writes {:?}", operator.writes));
    }
    Ok(())
}
