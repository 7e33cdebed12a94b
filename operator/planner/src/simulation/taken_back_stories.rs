//! Stories in the model of slips: what was never carried out is taken back, and what came of it is cleared
//! away; and the property that the spec before a slip always leads out of it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::stories::{degraded, settled, spec};
use super::walks::{self, Event, allowed, explored, walk};
use super::world::{NO_CLASS, NO_ZONE, World};
use super::{Simulation, Story, racks};
use crate::identity::{ChildKey, ChildKind};

/// A change of the spec that the rules must allow.
fn set_allowed(simulation: &mut Simulation, spec: Value) {
    assert!(allowed(&simulation.world, &spec), "the rules refuse {spec}");
    simulation.world.set_spec(spec);
}

fn with_lost_rack(size: i32, racks: usize, factor: i32) -> Value {
    let mut lost = spec(size + 1, racks, factor);
    lost["cassandra"]["racks"].as_array_mut().unwrap().push(json!({"name": "d", "zone": NO_ZONE}));
    lost
}

fn sets(world: &World) -> Vec<String> {
    world.objects.keys().filter(|key| key.kind == ChildKind::StatefulSet).map(|key| key.name.clone()).collect()
}

#[test]
fn a_rack_in_a_zone_without_machines_is_dropped_and_leaves_nothing() {
    let mut simulation = settled(2, 2, 2);
    simulation.world.set_spec(with_lost_rack(2, 2, 2));
    simulation.steps(60).unwrap();
    assert!(degraded(&simulation).contains("shop-cassandra-d-0"), "{}", degraded(&simulation));
    set_allowed(&mut simulation, spec(2, 2, 2));
    simulation.settle().unwrap();
    assert_eq!(sets(&simulation.world), ["shop-cassandra-a", "shop-cassandra-b"]);
    assert!(!simulation.world.claims.contains_key("data-shop-cassandra-d-0"));
}

#[test]
fn a_rack_is_dropped_by_an_edit_that_changes_the_configuration_too_however_many_pods_wait_in_it() {
    let mut simulation = settled(2, 2, 2);
    simulation.world.set_spec(with_lost_rack(2, 2, 2));
    simulation.steps(60).unwrap();
    // somebody scales the set of the rack by hand
    let key = ChildKey::new(ChildKind::StatefulSet, "shop-cassandra-d");
    simulation.world.objects.get_mut(&key).unwrap()["spec"]["replicas"] = json!(3);
    simulation.world.by_hand = true;
    let mut both = spec(2, 2, 2);
    both["cassandra"]["heap"] = json!("512Mi");
    both["cassandra"]["updateStrategy"] = json!({"allowUnavailable": true});
    set_allowed(&mut simulation, both);
    simulation.settle().unwrap();
    assert_eq!(sets(&simulation.world), ["shop-cassandra-a", "shop-cassandra-b"]);
}

#[test]
fn a_rack_in_a_zone_without_machines_is_moved() {
    let mut simulation = settled(2, 2, 2);
    simulation.world.set_spec(with_lost_rack(2, 2, 2));
    simulation.steps(60).unwrap();
    let mut moved = with_lost_rack(2, 2, 2);
    moved["cassandra"]["racks"][2] = json!({"name": "d", "zone": "z4"});
    set_allowed(&mut simulation, moved.clone());
    simulation.settle().unwrap();
    moved["cassandra"]["racks"][2]["zone"] = json!("z5");
    assert!(!allowed(&simulation.world, &moved), "a rack with a member stays in its zone");
    assert!(!allowed(&simulation.world, &spec(2, 2, 2)), "a rack with a member stays");
}

#[test]
fn a_rack_in_which_a_node_is_on_its_way_stays() {
    let mut simulation = settled(2, 2, 2);
    simulation.world.set_spec(spec(3, 3, 2));
    while simulation.world.pods.len() < 3 {
        simulation.steps(1).unwrap();
    }
    simulation.steps(2).unwrap();
    assert!(!allowed(&simulation.world, &spec(2, 2, 2)));
    // an API server that was told to skip the rules
    simulation.world.set_spec(spec(2, 2, 2));
    simulation.steps(20).unwrap();
    assert!(degraded(&simulation).contains("put it back"), "{}", degraded(&simulation));
    set_allowed(&mut simulation, spec(3, 3, 2));
    simulation.settle().unwrap();
}

#[test]
fn a_first_node_that_found_no_place_starts_in_another_rack_or_zone() {
    let mut lost = spec(3, 1, 1);
    lost["cassandra"]["racks"] = json!([{"name": "x", "zone": NO_ZONE}, {"name": "y", "zone": NO_ZONE}]);
    let mut simulation = Simulation::new(lost.clone());
    simulation.steps(60).unwrap();
    assert!(degraded(&simulation).contains("cannot be scheduled"), "{}", degraded(&simulation));
    set_allowed(&mut simulation, spec(3, 3, 3));
    simulation.settle().unwrap();
    assert_eq!(simulation.world.claims.len(), 3);

    let mut simulation = Simulation::new(lost.clone());
    simulation.steps(60).unwrap();
    lost["cassandra"]["racks"][0]["zone"] = json!("z1");
    lost["cassandra"]["racks"][1]["zone"] = json!("z2");
    set_allowed(&mut simulation, lost);
    simulation.settle().unwrap();
}

#[test]
fn a_storage_class_that_is_not_there_is_corrected() {
    let with_class = |class: Value| {
        let mut of_class = spec(2, 2, 2);
        of_class["cassandra"]["storage"] = json!({"size": "1Gi"});
        if !class.is_null() {
            of_class["cassandra"]["storage"]["className"] = class;
        }
        of_class
    };
    for right in [Value::Null, json!("fast")] {
        let mut simulation = Simulation::new(with_class(json!(NO_CLASS)));
        simulation.steps(60).unwrap();
        set_allowed(&mut simulation, with_class(right));
        simulation.settle().unwrap();
        assert!(!allowed(&simulation.world, &with_class(json!("other"))), "a bound volume keeps its class");
    }
    // deleted and made again beside the claim that never got a volume
    let mut simulation = Simulation::new(with_class(json!(NO_CLASS)));
    simulation.steps(60).unwrap();
    simulation.world.delete_store();
    simulation.steps(5).unwrap();
    assert_eq!(simulation.world.claims.len(), 1);
    simulation.world.set_spec(with_class(json!("fast")));
    simulation.settle().unwrap();
}

#[test]
fn a_class_that_gives_no_volume_beside_one_that_did_is_corrected() {
    let mut simulation = Simulation::new(spec(1, 1, 1));
    while simulation.world.pods.is_empty() {
        simulation.steps(1).unwrap();
    }
    let with_class = |size: i32, class: Value| {
        let mut of_class = spec(size, 1, 1);
        of_class["cassandra"]["storage"] = json!({"size": "2Gi", "className": class});
        of_class
    };
    // the rules let it through: no status tells of the first volume yet
    set_allowed(&mut simulation, with_class(1, json!(NO_CLASS)));
    simulation.steps(120).unwrap();
    set_allowed(&mut simulation, with_class(2, json!(NO_CLASS)));
    simulation.steps(60).unwrap();
    assert!(degraded(&simulation).contains("cannot be scheduled"), "{}", degraded(&simulation));
    set_allowed(&mut simulation, with_class(2, Value::Null));
    simulation.settle().unwrap();
    assert!(simulation.world.claims.values().all(|claim| claim.class.is_none()), "{:?}", simulation.world.claims);
}

#[test]
fn a_size_that_no_volume_can_have_is_tried_on_one_claim_and_comes_back() {
    let of_size = |size: &str| {
        let mut sized = spec(3, 3, 3);
        sized["cassandra"]["storage"] = json!({"size": size});
        sized
    };
    let mut simulation = Simulation::new(of_size("1Gi"));
    simulation.settle().unwrap();
    simulation.world.set_spec(of_size("100Ti"));
    simulation.steps(60).unwrap();
    let asked = |simulation: &Simulation, bytes: u64| {
        simulation.world.claims.values().filter(|claim| claim.requested_bytes == bytes).count()
    };
    assert_eq!(asked(&simulation, 100 << 40), 1);
    assert!(degraded(&simulation).contains("from 1Gi to 100Ti"), "{}", degraded(&simulation));
    set_allowed(&mut simulation, of_size("1Gi"));
    simulation.settle().unwrap();
    set_allowed(&mut simulation, of_size("2Gi"));
    simulation.settle().unwrap();
    assert_eq!(asked(&simulation, 2 << 30), 3);
    assert!(!allowed(&simulation.world, &of_size("1Gi")), "a volume does not shrink");
}

#[test]
fn a_first_size_that_no_volume_can_have_is_corrected() {
    let of_size = |size: &str| {
        let mut sized = spec(2, 2, 2);
        sized["cassandra"]["storage"] = json!({"size": size});
        sized
    };
    let mut simulation = Simulation::new(of_size("100Ti"));
    simulation.steps(60).unwrap();
    assert!(degraded(&simulation).contains("cannot be scheduled"), "{}", degraded(&simulation));
    set_allowed(&mut simulation, of_size("1Gi"));
    simulation.settle().unwrap();
}

#[test]
fn a_class_that_cannot_grow_is_not_touched_and_the_size_comes_back() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.set_growable(false);
    let mut larger = spec(3, 3, 3);
    larger["cassandra"]["storage"] = json!({"size": "5Gi"});
    simulation.world.set_spec(larger);
    simulation.steps(60).unwrap();
    assert!(
        degraded(&simulation).contains("or put spec.cassandra.storage.size back to 1Gi"),
        "{}",
        degraded(&simulation)
    );
    set_allowed(&mut simulation, spec(3, 3, 3));
    simulation.settle().unwrap();
}

#[test]
fn a_keyspace_with_a_slip_in_its_name_is_renamed_before_and_after_it_is_made() {
    for ticks in [1, 4, 120] {
        let mut slip = spec(2, 2, 2);
        slip["keyspaces"][0]["name"] = json!("store_manger");
        slip["api"]["keyspace"] = json!("store_manger");
        let mut simulation = Simulation::new(slip);
        simulation.steps(ticks).unwrap();
        set_allowed(&mut simulation, spec(2, 2, 2));
        simulation.settle().unwrap();
    }
}

/// `PROPTEST_RNG_SEED=101` found it: a claim of a class that there is none of outlived its set, and the next one asked for the
/// cluster's default, whose name nobody here knows.
#[test]
fn a_claim_that_outlived_the_set_that_asked_for_it_is_made_again() {
    let spec = |storage: Value| {
        json!({
            "cassandra": {
                "version": "4.1", "size": 1, "racks": racks(1), "heap": "256Mi", "storage": storage,
                "updateStrategy": {"allowUnavailable": false},
            },
            "keyspaces": [{"name": "store_manager", "replicationFactor": 1}],
            "api": {"image": "api:0", "keyspace": "store_manager"},
        })
    };
    let events = vec![
        Event::Spec(spec(json!({"size": "2Gi", "className": NO_CLASS}))),
        Event::Weather(15_505_371_551_891_423_521, 2),
        Event::Spec(spec(json!({"size": "1Gi"}))),
        Event::Refuse(9, 3),
        Event::Weather(13_689_202_566_801_954_793, 2),
    ];
    let last = spec(json!({"size": "2Gi"}));
    let first = spec(json!({"size": "1Gi"}));
    walk((first, events, last, false, 14_850_952_947_427_619_780), &std::sync::Mutex::default()).unwrap();
}

/// A slip: a spec that is made from a good one and that nothing can ever come of.
fn slipped(good: &Value, kind: usize) -> Value {
    let mut slip = good.clone();
    let cassandra = &mut slip["cassandra"];
    match kind {
        0 => {
            cassandra["size"] = json!(cassandra["size"].as_i64().unwrap() + 1);
            cassandra["racks"].as_array_mut().unwrap().push(json!({"name": "z", "zone": NO_ZONE}));
        }
        1 => cassandra["storage"]["size"] = json!("100Ti"),
        2 => cassandra["storage"]["className"] = json!(NO_CLASS),
        3 => cassandra["racks"][0]["zone"] = json!(NO_ZONE),
        4 => cassandra["jvmOptions"] = json!([super::world::BAD_OPTION]),
        _ => slip["api"]["image"] = json!(super::tier::BROKEN_API),
    }
    slip
}

proptest! {
    #![proptest_config(explored())]

    #[test]
    fn the_spec_before_a_slip_leads_out_of_it(
        good in walks::spec(), before in 0usize..60, kind in 0usize..6, meanwhile in 1usize..80,
        seed in any::<u64>().no_shrink(), foul in prop::bool::ANY,
    ) {
        let mut simulation = Simulation::new(walks::mended(&good));
        let good = walks::mended(&good);
        simulation.steps(before)?;
        let slip = slipped(&good, kind);
        if allowed(&simulation.world, &slip) {
            simulation.world.set_spec(slip);
            if foul {
                simulation.weather(seed, meanwhile)?;
            } else {
                simulation.steps(meanwhile)?;
            }
            if !allowed(&simulation.world, &good) {
                return Err(Story(format!("no way back from {:?}", simulation.world.store)).into());
            }
            simulation.world.set_spec(good);
        }
        simulation.settle()?;
    }
}
