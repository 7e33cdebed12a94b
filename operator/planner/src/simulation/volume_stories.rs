//! Stories in the model of volumes that are there before their StoreCluster is, or that are gone before it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Simulation;
use super::ring::TrueRing;
use super::stories::{degraded, settled, spec};
use crate::identity::ChildKind;
use crate::observation::VolumeNote;

/// The shop with these racks.
fn with_racks(size: i32, racks: &[&str]) -> Value {
    let mut spec = spec(size, 1, 1);
    spec["cassandra"]["racks"] = racks.iter().map(|rack| json!({"name": rack})).collect();
    spec
}

/// Somebody deletes the StoreCluster and makes it again so, after so many ticks.
fn made_again(simulation: &mut Simulation, spec: Value, after: usize) {
    simulation.world.delete_store();
    while simulation.world.store.is_some() {
        simulation.steps(1).unwrap();
    }
    simulation.steps(after).unwrap();
    simulation.world.set_spec(spec);
}

fn members(simulation: &Simulation) -> Vec<String> {
    simulation.world.ring.members.keys().cloned().collect()
}

/// Nothing was made, and all that is told is why.
fn is_held(simulation: &mut Simulation, reason: &str, claims: &[&str]) {
    let before = (members(simulation), simulation.world.claims.len());
    simulation.steps(2).unwrap();
    for _ in 0..40 {
        simulation.steps(1).unwrap();
        let told = degraded(simulation);
        assert!(told.starts_with(&format!("True {reason}: ")), "{told}");
        for claim in claims {
            assert!(told.contains(claim), "{claim} is not named: {told}");
        }
        assert!(told.contains("kubectl delete pvc") && told.contains("spec.cassandra."), "both ways out: {told}");
        let status = simulation.world.store.as_ref().and_then(|store| store.status.clone()).unwrap();
        assert!(status.nodes.is_empty(), "no node of it is told: {:?}", status.nodes);
    }
    assert!(simulation.world.pods.is_empty() && simulation.world.of_kind(ChildKind::StatefulSet).count() == 0);
    assert_eq!((members(simulation), simulation.world.claims.len()), before);
}

#[test]
fn a_shop_made_again_with_other_racks_beside_its_volumes_starts_nothing_and_names_them() {
    let all = ["data-shop-cassandra-a-0", "data-shop-cassandra-b-0", "data-shop-cassandra-c-0"];
    for (racks, left_out) in [(&["x", "y", "z"][..], &all[..]), (&["a", "b"], &all[2..])] {
        for (after, collects) in [(5, 0), (0, 0), (0, 6)] {
            let mut simulation = settled(3, 3, 3);
            let before = members(&simulation);
            simulation.world.collects = collects;
            made_again(&mut simulation, with_racks(3, racks), after);
            simulation.steps(usize::try_from(collects).unwrap() + 1).unwrap();
            is_held(&mut simulation, "VolumesOfOtherRacks", left_out);
            // the first way out
            made_again(&mut simulation, spec(3, 3, 3), 1);
            simulation.settle().unwrap();
            assert_eq!(members(&simulation), before);
        }
    }
}

#[test]
fn volumes_that_nobody_needs_are_deleted_by_name_and_the_shop_is_founded() {
    let mut simulation = settled(3, 3, 3);
    made_again(&mut simulation, with_racks(3, &["x", "y", "z"]), 5);
    is_held(&mut simulation, "VolumesOfOtherRacks", &[]);
    simulation.world.claims.clear();
    simulation.world.ring = TrueRing::new();
    simulation.world.migrated.clear();
    simulation.world.set_spec(with_racks(3, &["x", "y", "z"]));
    simulation.settle().unwrap();
}

#[test]
fn a_shop_that_was_held_takes_no_volume_with_it_whatever_its_policy() {
    let mut simulation = settled(3, 3, 3);
    let mut renamed = with_racks(3, &["x", "y", "z"]);
    renamed["cassandra"]["deletionPolicy"] = json!("Delete");
    made_again(&mut simulation, renamed, 5);
    is_held(&mut simulation, "VolumesOfOtherRacks", &[]);
    made_again(&mut simulation, spec(3, 3, 3), 5);
    simulation.settle().unwrap();
    assert_eq!(members(&simulation).len(), 3);
}

#[test]
fn another_datacenter_or_an_older_version_than_the_volumes_have_is_told_before_anything_starts() {
    for (field, value, reason) in
        [("datacenter", "dc2", "VolumesOfOtherDatacenter"), ("version", "4.1", "VolumesOfNewerVersion")]
    {
        let mut simulation = settled(3, 3, 3);
        let mut other = spec(3, 3, 3);
        other["cassandra"][field] = json!(value);
        made_again(&mut simulation, other, 5);
        is_held(&mut simulation, reason, &["data-shop-cassandra-a-0", "data-shop-cassandra-c-0"]);
        made_again(&mut simulation, spec(3, 3, 3), 1);
        simulation.settle().unwrap();
    }
}

#[test]
fn a_shop_made_again_smaller_takes_up_all_its_volumes_and_the_surplus_leaves_with_its_data() {
    let mut simulation = settled(5, 3, 3);
    let before = members(&simulation);
    made_again(&mut simulation, spec(3, 3, 3), 5);
    simulation.steps(6).unwrap();
    assert_eq!(simulation.world.pods.len(), 5, "all start");
    assert_eq!(members(&simulation), before);
    simulation.settle().unwrap();
    assert_eq!(simulation.world.claims.values().filter(|claim| claim.left.is_some()).count(), 2);
}

/// The shop as an operator made it that knew nothing of names of rings, nor of notes on claims.
fn from_before(simulation: &mut Simulation) {
    let world = &mut simulation.world;
    world.ring.name = "shop".into();
    world.ring_names.clear();
    world.claims.values_mut().for_each(|claim| claim.note = VolumeNote::default());
    world.store.as_mut().and_then(|store| store.status.as_mut()).unwrap().cluster_name = None;
}

fn ring_names(simulation: &Simulation) -> BTreeSet<String> {
    let told = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
    simulation
        .world
        .claims
        .values()
        .filter_map(|claim| claim.note.cluster_name.clone())
        .chain(told.cluster_name.clone())
        .collect()
}

#[test]
fn a_ring_keeps_its_name_through_everything_and_only_new_ones_have_the_namespace_in_it() {
    for (old, name) in [(false, "default/shop"), (true, "shop")] {
        let mut simulation = settled(3, 3, 3);
        if old {
            from_before(&mut simulation);
        }
        simulation.settle().unwrap();
        assert_eq!(ring_names(&simulation), [name.to_owned()].into());
        // a node more
        simulation.world.set_spec(spec(4, 3, 3));
        simulation.settle().unwrap();
        // and made again, with all volumes or without one
        made_again(&mut simulation, spec(4, 3, 3), 5);
        simulation.settle().unwrap();
        let lost = simulation.world.pods["shop-cassandra-a-0"].process.host().unwrap().clone();
        simulation.world.lose_volume("shop-cassandra-a-0");
        made_again(&mut simulation, spec(4, 3, 3), 5);
        simulation.steps(30).unwrap();
        simulation.world.remove_node(&lost);
        simulation.settle().unwrap();
        assert_eq!(ring_names(&simulation), [name.to_owned()].into());
        assert!(simulation.world.ring_names.values().all(|told| told == name), "{:?}", simulation.world.ring_names);
    }
}
