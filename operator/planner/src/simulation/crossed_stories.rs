//! Stories in the model of two things at once: what the second of them must not undo of the first.

use serde_json::{Value, json};
use store_crds::{OperationKind, StoreClusterStatus};

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use super::stories::{degraded, settled, spec, until};
use crate::identity::ChildKind;

fn heap(size: i32, racks: usize, factor: i32, mib: u32) -> Value {
    let mut spec = spec(size, racks, factor);
    spec["cassandra"]["heap"] = json!(format!("{mib}Mi"));
    spec
}

fn status(simulation: &Simulation) -> &StoreClusterStatus {
    simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap()
}

fn joins(simulation: &Simulation) -> bool {
    status(simulation).operation.as_ref().is_some_and(|operation| operation.kind == OperationKind::Join)
}

/// A join is in the memory, and its StatefulSet may not be written.
fn refused_join(size: i32) -> Simulation {
    let mut simulation = settled(size, 1, 1);
    simulation.world.refusing.insert(ChildKind::StatefulSet, 10_000);
    simulation.world.set_spec(spec(size + 1, 1, 1));
    until(&mut simulation, "the join is written down", joins);
    simulation.steps(5).unwrap();
    simulation
}

/// The operator dies after its first write of each pass.
fn crashing_until(simulation: &mut Simulation, is_so: impl Fn(&Simulation) -> bool) {
    for _ in 0..20 {
        if is_so(simulation) {
            break;
        }
        simulation.step(&Fault { crash_after: Some(1), ..Fault::default() }).unwrap();
    }
}

/// A join is in the memory, and nothing was made of it yet.
fn join_before_a_crash() -> Simulation {
    let mut simulation = settled(3, 1, 1);
    simulation.world.set_spec(spec(4, 1, 1));
    crashing_until(&mut simulation, joins);
    assert!(joins(&simulation) && simulation.world.pods.len() == 3);
    simulation
}

#[test]
fn a_join_that_was_only_written_down_takes_no_member_with_it_when_the_size_goes_below() {
    let mut simulation = refused_join(3);
    simulation.world.set_spec(spec(2, 1, 1));
    // only what grows was refused
    simulation.world.refusing.clear();
    simulation.settle().unwrap();
}

#[test]
fn a_join_that_was_only_written_down_takes_no_member_with_it_after_a_crash() {
    let mut simulation = join_before_a_crash();
    simulation.world.set_spec(spec(2, 1, 1));
    simulation.settle().unwrap();
}

#[test]
fn a_join_that_may_not_be_made_is_taken_back_with_the_size() {
    let mut simulation = refused_join(3);
    simulation.world.set_spec(spec(3, 1, 1));
    simulation.settle().unwrap();
}

#[test]
fn a_join_that_was_only_written_down_waits_until_the_ring_is_calm() {
    let mut simulation = join_before_a_crash();
    simulation.world.pods.get_mut("shop-cassandra-a-1").unwrap().process = Process::Down(30);
    simulation.steps(10).unwrap();
    assert_eq!(simulation.world.pods.len(), 3, "nobody joins while a node is down");
    simulation.settle().unwrap();
}

#[test]
fn a_node_that_was_taken_back_is_not_started_again_when_another_one_is_silent_or_restarts() {
    let mut simulation = settled(3, 1, 3);
    simulation.world.failing_streams = 100;
    simulation.world.set_spec(spec(4, 1, 3));
    until(&mut simulation, "it failed", |simulation| degraded(simulation).contains("JoinFailed"));
    simulation.world.set_spec(spec(3, 1, 3));
    until(&mut simulation, "it is gone", |simulation| simulation.world.pods.len() == 3);
    simulation.world.failing_streams = 0;
    simulation.settle().unwrap();
    simulation.step(&Fault { silent: 0b1, ..Fault::default() }).unwrap();
    simulation.steps(1).unwrap();
    assert_eq!(simulation.world.pods.len(), 3, "one answer was missed");
    simulation.settle().unwrap();
    simulation.world.set_spec(heap(3, 1, 3, 257));
    for _ in 0..150 {
        simulation.steps(1).unwrap();
        assert!(simulation.world.pods.len() <= 3, "{:?}", simulation.world.pods.keys());
    }
    simulation.settle().unwrap();
}

#[test]
fn a_member_that_was_removed_from_a_smaller_shop_never_comes_back_with_its_old_volume() {
    let mut simulation = settled(4, 1, 3);
    simulation.steps(30).unwrap();
    let pod = "shop-cassandra-a-3";
    let host = simulation.world.pods[pod].process.host().unwrap().clone();
    simulation.world.pods.get_mut(pod).unwrap().process = Process::Down(100_000);
    simulation.steps(20).unwrap();
    simulation.world.set_spec(spec(3, 1, 3));
    simulation.steps(5).unwrap();
    simulation.world.remove_node(&host);
    simulation.settle().unwrap();
    assert_eq!(simulation.world.pods.len(), 3);
    simulation.world.pods.get_mut("shop-cassandra-a-1").unwrap().process = Process::Down(10);
    for _ in 0..20 {
        simulation.steps(1).unwrap();
        assert!(!simulation.world.ring.members.contains_key(&host), "{host} is back with all that was deleted since");
    }
    simulation.settle().unwrap();
}

#[test]
fn a_pod_whose_claim_is_being_deleted_is_not_taken_for_its_unreadiness() {
    let mut simulation = settled(3, 3, 3);
    // a pod that is young is on its way up
    simulation.steps(320).unwrap();
    let pod = "shop-cassandra-b-0";
    let before = simulation.world.pods[pod].seen.uid.clone();
    simulation.world.claims.get_mut(&format!("data-{pod}")).unwrap().deleting = true;
    simulation.world.unready.insert(pod.to_owned());
    simulation.world.set_spec(heap(3, 3, 3, 257));
    simulation.steps(60).unwrap();
    assert!(degraded(&simulation).contains("VolumeBeingDeleted"), "{}", degraded(&simulation));
    assert_eq!(simulation.world.pods[pod].seen.uid, before);
}

#[test]
fn the_only_pod_of_a_shop_that_crashes_is_not_made_anew_while_its_claim_is_being_deleted() {
    let mut simulation = settled(1, 1, 1);
    simulation.steps(30).unwrap();
    let pod = "shop-cassandra-a-0";
    let crashing = simulation.world.pods.get_mut(pod).unwrap();
    crashing.homeless = Some("it ends with exit code 137");
    crashing.process = Process::Crashing("it ends with exit code 137");
    simulation.world.claims.get_mut(&format!("data-{pod}")).unwrap().deleting = true;
    simulation.steps(20).unwrap();
    simulation.world.set_spec(heap(1, 1, 1, 300));
    simulation.steps(30).unwrap();
    assert!(degraded(&simulation).contains("VolumeBeingDeleted"), "{}", degraded(&simulation));
}

#[test]
fn nobody_is_restarted_while_a_keyspace_has_more_copies_than_there_are_nodes_left() {
    let mut simulation = settled(3, 3, 3);
    simulation.steps(30).unwrap();
    let pod = "shop-cassandra-b-0";
    let lost = simulation.world.pods[pod].process.host().unwrap().clone();
    simulation.world.lose_volume(pod);
    simulation.steps(10).unwrap();
    simulation.world.set_spec(heap(3, 3, 3, 257));
    simulation.steps(10).unwrap();
    simulation.world.remove_node(&lost);
    for tick in 0..300 {
        simulation.steps(1).unwrap();
        let up = simulation.world.live_members();
        assert!(up >= 2, "{tick}: {up} of three copies can be asked; {}", degraded(&simulation));
    }
    simulation.settle().unwrap();
}

#[test]
fn a_node_that_serves_and_is_only_not_ready_is_not_told_to_be_thrown_away() {
    let mut simulation = settled(3, 3, 3);
    let pod = "shop-cassandra-b-0";
    simulation.world.unready.insert(pod.to_owned());
    simulation.steps(10).unwrap();
    simulation.world.jump(11 * 24);
    simulation.steps(5).unwrap();
    assert!(simulation.world.pods[pod].process.is_up());
    let told = degraded(&simulation);
    assert!(!told.contains("removenode") && !told.contains("kubectl delete"), "{told}");
}

#[test]
fn an_eviction_that_was_refused_long_ago_is_not_told_of_the_next_roll_out() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.foreign_budget = true;
    simulation.world.set_spec(heap(3, 3, 3, 257));
    simulation.steps(40).unwrap();
    simulation.world.set_spec(spec(3, 3, 3));
    simulation.settle().unwrap();
    simulation.world.foreign_budget = false;
    simulation.steps(400).unwrap();
    simulation.world.set_spec(heap(3, 3, 3, 258));
    for _ in 0..100 {
        simulation.steps(1).unwrap();
        assert!(degraded(&simulation).starts_with("False"), "{}", degraded(&simulation));
    }
    simulation.settle().unwrap();
}

#[test]
fn a_keyspace_that_somebody_else_made_meanwhile_gets_its_copies_step_by_step() {
    let mut simulation = settled(3, 3, 3);
    let mut more = spec(3, 3, 3);
    more["keyspaces"].as_array_mut().unwrap().push(json!({"name": "reports", "replicationFactor": 3}));
    simulation.world.set_spec(more);
    let creates = |simulation: &Simulation| {
        let operation = status(simulation).operation.as_ref();
        operation.is_some_and(|operation| operation.keyspace.as_deref() == Some("reports"))
    };
    crashing_until(&mut simulation, creates);
    assert!(creates(&simulation) && !simulation.world.ring.keyspaces.contains_key("reports"));
    simulation.world.ring.create("reports".to_owned(), 1);
    simulation.settle().unwrap();
}

/// A member is away for longer than the others keep its writes, and comes back.
fn away_for_long(simulation: &mut Simulation, pod: &str) {
    simulation.world.pods.get_mut(pod).unwrap().process = Process::Down(12);
    simulation.steps(5).unwrap();
    simulation.world.jump(4);
    simulation.steps(30).unwrap();
}

fn owes_a_repair(simulation: &Simulation) -> bool {
    status(simulation).owed.iter().any(|debt| debt.kind == store_crds::DebtKind::Repair)
}

#[test]
fn a_repair_that_is_owed_is_done_while_a_configuration_is_refused() {
    let mut simulation = settled(3, 3, 3);
    simulation.steps(30).unwrap();
    simulation.world.failing_repairs = u32::MAX;
    away_for_long(&mut simulation, "shop-cassandra-b-0");
    until(&mut simulation, "its repair fails", |simulation| degraded(simulation).contains("RepairFailed"));
    let mut bad = spec(3, 3, 3);
    bad["cassandra"]["jvmOptions"] = json!([super::world::REFUSED_OPTION]);
    simulation.world.set_spec(bad);
    until(&mut simulation, "it is refused", |simulation| degraded(simulation).contains("ConfigurationRefused"));
    simulation.world.failing_repairs = 0;
    simulation.steps(600).unwrap();
    assert!(!owes_a_repair(&simulation), "{:?}", status(&simulation).owed);
}

#[test]
fn a_repair_that_is_owed_is_done_while_an_eviction_is_refused() {
    let mut simulation = settled(3, 3, 3);
    simulation.steps(30).unwrap();
    simulation.world.foreign_budget = true;
    simulation.world.set_spec(heap(3, 3, 3, 257));
    until(&mut simulation, "it is refused", |simulation| {
        status(simulation).waits.iter().any(|wait| wait.reason == "EvictionRefused")
    });
    // the pod that is away has the old template, and comes back with it
    away_for_long(&mut simulation, "shop-cassandra-b-0");
    simulation.steps(300).unwrap();
    assert!(!owes_a_repair(&simulation), "{:?}", status(&simulation).owed);
}

#[test]
fn a_size_that_some_volumes_have_already_is_not_told_to_be_put_back() {
    let sized = |size: &str| {
        let mut spec = spec(3, 3, 3);
        spec["cassandra"]["storage"] = json!({"size": size});
        spec
    };
    let mut simulation = Simulation::new(sized("1Gi"));
    simulation.settle().unwrap();
    simulation.world.claims.get_mut("data-shop-cassandra-b-0").unwrap().expandable = Some(false);
    simulation.world.set_spec(sized("2Gi"));
    simulation.steps(30).unwrap();
    let told = degraded(&simulation);
    assert!(told.contains("VolumeCannotGrow"), "{told}");
    assert!(!super::walks::allowed(&simulation.world, &sized("1Gi")), "two volumes have more by now");
    assert!(!told.contains("back to 1Gi"), "the rules refuse what the status advises: {told}");
}

#[test]
fn a_status_that_an_operator_of_before_wrote_restarts_nobody_and_loses_nothing_in_hand() {
    let write_as_before = |simulation: &mut Simulation| {
        let status = simulation.world.store.as_mut().and_then(|store| store.status.as_mut());
        status.unwrap().operations.clear();
    };
    let pods =
        |simulation: &Simulation| simulation.world.pods.values().map(|pod| pod.seen.uid.clone()).collect::<Vec<_>>();
    let mut simulation = settled(3, 3, 3);
    let before = pods(&simulation);
    write_as_before(&mut simulation);
    simulation.steps(5).unwrap();
    assert_eq!(pods(&simulation), before);
    // each pass finds what an operator of before would have left it
    let mut larger = spec(5, 3, 3);
    larger["cassandra"]["heap"] = json!("257Mi");
    for next in [larger, spec(3, 3, 2), spec(4, 3, 3)] {
        simulation.world.set_spec(next);
        for _ in 0..250 {
            simulation.steps(1).unwrap();
            write_as_before(&mut simulation);
        }
        simulation.settle().unwrap();
    }
}
