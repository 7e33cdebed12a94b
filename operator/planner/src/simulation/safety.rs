//! What must never happen, checked where it would happen.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::Value;
use store_crds::conditions::REPLICATION_SYNCED;
use store_crds::{DebtKind, OperationKind};

use super::ring::{DATACENTER, Disk, Process};
use super::world::{HANGS, Pod, World};
use crate::decision::RingAction;
use crate::desired::Desired;
use crate::identity::ChildKind;
use crate::observation::ClaimObservation;

/// Seconds after which hints that wait are no ordinary ones.
const HINTS_WAIT: i64 = 40;
/// Seconds after which a stream that has not moved is none that goes on.
const STREAM_STANDS: i64 = 300;
/// A volume goes only with a node that is out of the ring, or with the whole store under Delete.
pub fn check_claim_delete(world: &mut World, desired: &Desired, name: &str, claim: &ClaimObservation) {
    let whole = world.store.as_ref().is_some_and(|store| store.metadata.deletion_timestamp.is_some());
    if whole {
        if desired.cassandra.deletion_policy != store_crds::DeletionPolicy::Delete {
            world.violate(format!("{name} is deleted with the store under Retain"));
        }
    } else if world.claim_is_of_member(claim) {
        world.violate(format!("{name} is deleted and its node is a member"));
    }
}

/// A StatefulSet goes with its pods only where none of them is a member, or with the whole store.
pub fn check_set_delete(world: &mut World, set: &str) {
    let of_set = world.pods.iter().filter(|(pod, _)| pod.starts_with(&format!("{set}-")));
    let is_member = |pod: &Pod| pod.process.host().is_some_and(|host| world.ring.members.contains_key(host));
    let members: Vec<String> = of_set.filter(|(_, pod)| is_member(pod)).map(|(name, _)| name.clone()).collect();
    if !members.is_empty() && !world.is_being_deleted() {
        world.violate(format!("{set} is deleted and takes the members {members:?} with it"));
    }
}

/// A StatefulSet gets smaller only by pods that are no members.
pub fn check_shrink(world: &mut World, set: &str, replicas: i64) {
    let going = world
        .pods
        .iter()
        .filter(|(pod, seen)| pod.starts_with(&format!("{set}-")) && i64::from(seen.seen.ordinal) >= replicas);
    let members: Vec<String> = going
        .filter(|(pod, _)| {
            world.claims.get(&format!("data-{pod}")).is_some_and(|claim| world.claim_is_of_member(claim))
        })
        .map(|(pod, _)| pod.clone())
        .collect();
    let going = world
        .pods
        .iter()
        .filter(|(pod, seen)| pod.starts_with(&format!("{set}-")) && i64::from(seen.seen.ordinal) >= replicas);
    let unmarked: Vec<String> = going
        .filter(|(pod, _)| {
            let claim = world.claims.get(&format!("data-{pod}"));
            claim.is_some_and(|claim| claim.left.is_none() && world.has_left(claim))
        })
        .map(|(pod, _)| pod.clone())
        .collect();
    if !members.is_empty() {
        world.violate(format!("{set} shrinks to {replicas} and takes the members {members:?} with it"));
    }
    if !unmarked.is_empty() {
        world.violate(format!("{set} shrinks to {replicas} and the volumes of {unmarked:?} do not say that they left"));
    }
}

/// A node that joins has the configuration that the others run: one that is rolled out is rolled out
/// first. And it waits for the delivery of hints, as everything does that moves data.
pub fn check_newcomer(world: &mut World, name: &str) {
    if world.by_hand {
        return;
    }
    let wanted: BTreeSet<String> =
        world.of_kind(ChildKind::StatefulSet).filter_map(template).map(str::to_owned).collect();
    let outdated = world.pods.iter().find(|(_, pod)| pod.process.is_up() && !wanted.contains(&pod.seen.template_hash));
    // where some keyspace has so few nodes for its copies that none may be away, another one comes before any restart
    let nodes = i32::try_from(world.ring.members.len()).unwrap();
    let lacks = |factor: i32| factor > nodes && nodes - 1 <= factor / 2;
    let mut awaited = world.ring.keyspaces.keys().filter(|keyspace| !is_expendable(keyspace));
    let lacks_nodes = awaited.any(|keyspace| lacks(world.ring.factor(keyspace)));
    if let Some((other, _)) = outdated.filter(|_| !lacks_nodes) {
        world.violate(format!("{name} joins with a configuration that {other} does not run yet"));
    }
    let members = world.ring.members.len();
    let wanted = world.store.as_ref().map_or(0, |store| store.spec.cassandra.size.min(3));
    let copies = world.ring.factor("system_auth");
    let status = world.store.as_ref().and_then(|store| store.status.as_ref());
    let debts = status.into_iter().flat_map(|status| &status.owed);
    // more nodes may be the cure
    let gave_up = debts
        .filter(|debt| debt.keyspace.as_deref() == Some("system_auth"))
        .any(|debt| debt.kind == DebtKind::Repair && debt.retry.as_ref().is_some_and(|retry| retry.attempts >= 3));
    if copies < wanted && i32::try_from(members).unwrap() >= wanted && !gave_up {
        world.violate(format!("{name} joins while all log-ins hang on {copies} of {members} nodes"));
    }
    check_hints(world, &format!("{name} joins"));
    check_no_job(world, &format!("{name} joins"));
}

/// Nothing begins that takes a node away while another one has not had its writes yet.
fn check_hints(world: &mut World, what: &str) {
    let up: BTreeSet<&String> =
        world.pods.values().filter(|pod| pod.process.is_up()).filter_map(|pod| pod.process.host()).collect();
    let oldest = world.ring.oldest_hint(|host| up.iter().any(|up| up.as_str() == host));
    if let Some(since) = oldest.filter(|since| world.now.as_second() - since.as_second() > HINTS_WAIT) {
        world.violate(format!("{what} while hints have been waiting since {since} for a node that is up"));
    }
}

/// While the nodes have different schemas nothing is built on any of them.
fn check_schema(world: &mut World, what: &str) {
    if world.ring.laggard.is_some() {
        world.violate(format!("{what} while the nodes have different schemas"));
    }
}

/// A pod that runs, or would go on by itself, is taken away only while every other member is up, and stays
/// up: one that is asked to end is away already, whatever it still answers.
pub fn check_pod_delete(world: &mut World, name: &str) {
    let Some(pod) = world.pods.get(name) else { return };
    let kept = pod.process.kept();
    // one that hangs for good does not go on by itself
    if matches!(pod.process, Process::Paused(ticks, _) if ticks > HANGS) {
        return;
    }
    if !matches!(kept, Process::Normal(_) | Process::Leaving(..) | Process::Joining(..)) {
        return;
    }
    // one that has crashed until now, and that nobody has heard of since, has hardly begun
    if matches!(kept, Process::Joining(..)) && !is_told_to_stream(world, name) {
        return;
    }
    let staying: BTreeSet<&String> =
        world.pods.values().filter(|pod| pod.stays_up()).filter_map(|pod| pod.process.host()).collect();
    let others = world.ring.members.keys().filter(|host| Some(*host) != kept.host());
    let away = others.filter(|host| !staying.contains(host)).count();
    let of_another =
        |(other, pod): (&String, &Pod)| pod.process.is_moving() && (other != name || !is_stuck(world, name));
    let moving = world.pods.iter().any(of_another);
    if away > 0 || moving {
        world.violate(format!("{name} is restarted while {away} others are away or one moves"));
    }
    check_quorum(world, name);
    check_hints(world, &format!("{name} is restarted"));
    check_schema(world, &format!("{name} is restarted"));
    check_no_job(world, &format!("{name} is restarted"));
}

/// Somebody has heard of a node that it streams its part in.
fn is_told_to_stream(world: &World, name: &str) -> bool {
    let status = world.store.as_ref().and_then(|store| store.status.as_ref());
    let mut in_hand = status.into_iter().flat_map(|status| status.in_hand());
    in_hand.any(|join| join.pod.as_deref() == Some(name) && join.streamed.is_some())
}

/// A node whose bootstrap broke off, or has streamed nothing for a while, by what was told of it.
fn is_stuck(world: &World, name: &str) -> bool {
    let status = world.store.as_ref().and_then(|store| store.status.as_ref());
    let mut in_hand = status.into_iter().flat_map(|status| status.in_hand());
    in_hand.any(|join| {
        let since = join.streamed.as_ref().map_or(join.started_at.0, |streamed| streamed.since.0);
        let stands = world.now.as_second() - since.as_second() >= STREAM_STANDS;
        join.kind == OperationKind::Join && join.pod.as_deref() == Some(name) && (stands || join.retry.is_some())
    })
}

/// Nobody waits for it at QUORUM.
fn is_expendable(keyspace: &str) -> bool {
    keyspace.starts_with("system") && keyspace != "system_auth"
}

/// A keyspace that has a quorum keeps it, unless the spec allows otherwise or there are too few nodes for it.
fn check_quorum(world: &mut World, name: &str) {
    let members = i32::try_from(world.ring.members.len()).unwrap();
    let serves = world.pods.get(name).is_some_and(|pod| pod.process.is_up() && !pod.process.is_moving());
    let allowed = world.store.as_ref().is_some_and(|store| store.spec.cassandra.update_strategy.allow_unavailable);
    let few = |keyspace: &&String| !is_expendable(keyspace) && (1..3).contains(&world.ring.factor(keyspace));
    if let Some(keyspace) =
        world.ring.keyspaces.keys().find(few).filter(|_| serves && !allowed && members > 2 && !world.by_hand)
    {
        world.violate(format!("{name} is restarted and {keyspace} has no quorum meanwhile"));
    }
}

/// The schema Job is made only while nothing moves, is away or differs in version.
pub fn check_job(world: &mut World) {
    let moving = world.pods.values().any(|pod| pod.process.is_moving());
    let away = world.ring.members.len() - world.live_members();
    let versions: BTreeSet<&str> =
        world.pods.values().filter(|pod| pod.process.is_up()).map(|pod| pod.version()).collect();
    if moving || away > 0 || versions.len() > 1 {
        let what = format!("the schema Job is made with versions {versions:?}, {away} away, moving: {moving}");
        world.violate(what);
    }
}

/// Nothing that moves a node begins while the schema Job runs. Only the first node may be alone with it.
fn check_no_job(world: &mut World, what: &str) {
    if world.of_kind(ChildKind::Job).any(|job| job["status"].is_null()) && !world.by_hand {
        world.violate(format!("{what} while the schema Job runs"));
    }
}

/// The API runs only what the schema was migrated for.
pub fn check_deployment(world: &mut World, object: &Value) {
    let container = &object["spec"]["template"]["spec"]["containers"][0];
    let image = container["image"].as_str().unwrap_or_default().to_owned();
    let variables = container["env"].as_array();
    let keyspace = variables.into_iter().flatten().find(|variable| variable["name"] == "STORE_KEYSPACE");
    let keyspace = keyspace.and_then(|variable| variable["value"].as_str()).unwrap_or_default().to_owned();
    if !world.migrated.contains(&(image.clone(), keyspace.clone())) {
        world.violate(format!("the API runs {image} on {keyspace}, which was not migrated"));
    }
}

pub fn check_action(world: &mut World, action: &RingAction) {
    // roles are rows, and no schema
    if *action != RingAction::EnsureRoles {
        check_schema(world, &format!("{action:?} begins"));
    }
    match action {
        RingAction::Decommission { pod } => {
            let left = i32::try_from(world.ring.members.len()).unwrap() - 1;
            let needs: Vec<String> =
                world.ring.keyspaces.keys().filter(|name| world.ring.factor(name) > left).cloned().collect();
            let already = world.pods.get(pod).is_some_and(|pod| !matches!(pod.process, Process::Normal(_)));
            if !already && !needs.is_empty() {
                world.violate(format!("{pod} is to leave and {left} nodes are too few for {needs:?}"));
            }
            let staying = world.pods.values().filter(|pod| pod.stays_up()).count();
            let down = world.ring.members.len() - staying;
            if !already && down > 0 {
                world.violate(format!("{pod} is to leave while {down} nodes are down"));
            }
            if !already && world.full {
                world.violate(format!("{pod} is to leave and nobody has room for its data"));
            }
            if !already {
                check_no_job(world, &format!("{pod} is to leave"));
                check_hints(world, &format!("{pod} is to leave"));
            }
        }
        RingAction::AlterReplication { keyspace, factors } => check_alter(world, keyspace, factors[DATACENTER]),
        RingAction::CreateKeyspace { keyspace, factors }
            if factors[DATACENTER] > i32::try_from(world.ring.members.len()).unwrap()
                && world.ring.members.len() > 1 =>
        {
            world.violate(format!("{keyspace} is made with more copies than nodes"));
        }
        RingAction::Cleanup { keyspace, .. } => {
            let unrepaired = world.ring.unrepaired.iter().filter(|(_, hosts)| !hosts.is_empty());
            let unrepaired: Vec<String> = unrepaired.map(|(name, _)| name.clone()).collect();
            if !world.by_hand && unrepaired.iter().any(|name| keyspace.as_ref().is_none_or(|keyspace| keyspace == name))
            {
                world.violate(format!("{keyspace:?} is cleaned up, and {unrepaired:?} are not repaired"));
            }
        }
        RingAction::CreateSuperuser
        | RingAction::DisableDefaultSuperuser
        | RingAction::EnsureRoles
        | RingAction::CreateKeyspace { .. }
        | RingAction::ResumeJoin { .. }
        | RingAction::Repair { .. } => {}
    }
}

/// Reads at QUORUM keep meeting writes at QUORUM: one step at a time, each after the repair of the
/// step before.
fn check_alter(world: &mut World, keyspace: &str, replication: i32) {
    let before = world.ring.factor(keyspace);
    let expendable = is_expendable(keyspace);
    let alone = world.ring.members.len() == 1;
    let raises = replication > before && replication > i32::try_from(world.ring.members.len()).unwrap();
    if raises && !(expendable && alone) {
        world.violate(format!("{keyspace} gets more copies than there are nodes"));
    }
    if expendable || replication == before {
        return;
    }
    if (replication - before).abs() > 1 {
        world.violate(format!("{keyspace} goes from {before} to {replication} copies at once"));
    }
    let goes_back = world.ring.stepped_from.get(keyspace) == Some(&replication);
    if !goes_back && world.ring.unrepaired.get(keyspace).is_some_and(|hosts| !hosts.is_empty()) {
        world.violate(format!("{keyspace} goes from {before} to {replication} copies without the repair it owes"));
    }
}

/// What must be true on every tick.
pub fn check_tick(world: &mut World) {
    let moving = world.pods.values().filter(|pod| pod.process.is_moving()).count();
    if moving > 1 {
        world.violate(format!("{moving} nodes join or leave at once"));
    }
    let fresh = |name: &String| {
        let claim = world.claims.get(&format!("data-{name}"));
        claim.is_some_and(|claim| world.disks.get(&claim.uid) == Some(&Disk::Empty))
    };
    let fresh = world.pods.keys().filter(|name| fresh(name)).count();
    if fresh > 1 && !world.by_hand {
        world.violate(format!("{fresh} nodes are on their way in at once"));
    }
    check_tried(world);
    let on_disks = hosts_on_disks(world);
    let lost = world.ring.members.keys().filter(|host| !on_disks.contains(*host) && !world.gone.contains(*host));
    let lost: Vec<String> = lost.cloned().collect();
    if world.store.is_some() && !lost.is_empty() && !world.is_being_deleted() {
        world.violate(format!("the volumes of members {lost:?} are gone"));
    }
    check_rows(world);
}

/// What is told to be in order is: a read at QUORUM sees all that was acknowledged, and who lacks a row gets it.
fn check_rows(world: &mut World) {
    let status = world.store.as_ref().filter(|_| !world.is_being_deleted()).and_then(|store| store.status.as_ref());
    let synced = status.is_some_and(|status| {
        let told = |condition: &&Condition| condition.type_ == REPLICATION_SYNCED;
        status.conditions.iter().find(told).is_some_and(|condition| condition.status == "True")
    });
    let factor = |keyspace: &str| world.ring.factor(keyspace);
    let fault = world.ring.rows.fault(&world.ring.members, &world.hosts_up(), factor);
    if let Some(fault) = fault.filter(|_| synced) {
        world.violate(format!("the copies are told to be in order: {fault}"));
    }
}

/// What no node has ever come up with is tried by one member at most, whatever else restarts.
fn check_tried(world: &mut World) {
    let is_member =
        |name: &String| world.claims.get(&format!("data-{name}")).is_some_and(|claim| world.claim_is_of_member(claim));
    let tries = |(name, pod): &(&String, &Pod)| {
        pod.has_tried && !world.ran.contains(&pod.seen.template_hash) && is_member(name)
    };
    let pods = world.pods.iter().filter(tries).map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if pods.len() > 1 {
        world.violate(format!("{pods:?} try a configuration that never ran"));
    }
}

/// Host ids on the volumes of a world: what a claim must not take with it.
fn hosts_on_disks(world: &World) -> BTreeSet<String> {
    let of = |disk: &Disk| match disk {
        Disk::Node(host) => Some(host.clone()),
        _ => None,
    };
    world.claims.values().filter_map(|claim| world.disks.get(&claim.uid)).filter_map(of).collect()
}

/// Hash of the template of a StatefulSet's pods.
pub fn template(set: &Value) -> Option<&str> {
    set["spec"]["template"]["metadata"]["annotations"][store_crds::ANNOTATION_TEMPLATE_HASH].as_str()
}
