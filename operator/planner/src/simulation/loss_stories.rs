//! Stories in the model of data that is gone, or that a node has missed: what is told, what is owed, and that no
//! read at QUORUM misses a row while the copies are told to be in order.

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use super::stories::{degraded, settled, spec};
use crate::decision::RingAction;

fn condition(simulation: &Simulation, kind: &str) -> String {
    let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
    let condition = status.conditions.iter().find(|condition| condition.type_ == kind).unwrap();
    format!("{} {}: {}", condition.status, condition.reason, condition.message)
}

fn synced(simulation: &Simulation) -> String {
    condition(simulation, "ReplicationSynced")
}

fn host(simulation: &Simulation, pod: &str) -> String {
    simulation.world.pods[pod].process.host().unwrap().clone()
}

/// Steps until all is settled; how many repairs were begun.
fn repairs_until_settled(simulation: &mut Simulation) -> usize {
    let mut repairs = 0;
    for _ in 0..super::SETTLES {
        simulation.steps(1).unwrap();
        let plan = simulation.operator.last.as_ref();
        repairs += usize::from(plan.is_some_and(|plan| matches!(plan.ring, Some(RingAction::Repair { .. }))));
        if super::settled::check_end(&simulation.world, &simulation.operator).is_ok() {
            return repairs;
        }
    }
    panic!("not settled: {} / {}", degraded(simulation), synced(simulation));
}

#[test]
fn a_lost_volume_is_told_with_the_right_order_of_steps_until_it_is_over_and_owes_a_repair_until_then() {
    for (racks, pod) in [(3, "shop-cassandra-c-0"), (1, "shop-cassandra-a-2"), (1, "shop-cassandra-a-0")] {
        let mut simulation = settled(3, racks, 3);
        simulation.steps(30).unwrap();
        let lost = host(&simulation, pod);
        simulation.world.lose_volume(pod);
        simulation.steps(1).unwrap();
        for tick in 0..60 {
            simulation.steps(1).unwrap();
            let told = degraded(&simulation);
            assert!(told.starts_with(&format!("True VolumeLost: the data of {pod} is gone")), "{tick} {told}");
            let command = format!("nodetool removenode {lost}");
            assert!(told.contains(&command) && told.find(&command) < told.find("repaired"), "{tick} {told}");
            assert!(synced(&simulation).starts_with("False RepairOwed"), "{tick} {}", synced(&simulation));
        }
        // somebody does as the message says
        simulation.world.remove_node(&lost);
        let is_over = |simulation: &Simulation| {
            let whole = simulation.world.ring.members.len() == 3 && simulation.world.live_members() == 3;
            whole && simulation.operator.last.as_ref().is_some_and(|plan| plan.memory.owed.is_empty())
        };
        let mut ticks = 0;
        while !is_over(&simulation) {
            let told = degraded(&simulation);
            assert!(told.starts_with("True VolumeLost: "), "{ticks} {told}");
            assert!(synced(&simulation).starts_with("False"), "{ticks} {}", synced(&simulation));
            simulation.steps(1).unwrap();
            ticks += 1;
            assert!(ticks < 400, "it never ends: {told}");
        }
        simulation.settle().unwrap();
        assert_ne!(host(&simulation, pod), lost);
    }
}

#[test]
fn a_node_that_came_back_empty_while_nobody_looked_owes_the_same() {
    let mut simulation = settled(4, 1, 3);
    simulation.steps(30).unwrap();
    let (pod, blind) = ("shop-cassandra-a-1", Fault { crash_after: Some(0), ..Fault::default() });
    let lost = host(&simulation, pod);
    simulation.world.lose_volume(pod);
    simulation.world.remove_node(&lost);
    for _ in 0..12 {
        simulation.step(&blind).unwrap_or_default();
        simulation.world.violations.clear();
    }
    assert_ne!(host(&simulation, pod), lost, "it has joined meanwhile");
    simulation.steps(1).unwrap();
    assert!(synced(&simulation).starts_with("False RepairOwed"), "{}", synced(&simulation));
    assert!(repairs_until_settled(&mut simulation) >= 4);
}

#[test]
fn a_member_that_is_removed_by_hand_owes_a_repair_although_its_volume_is_there() {
    let mut simulation = settled(4, 1, 3);
    simulation.steps(30).unwrap();
    let pod = "shop-cassandra-a-3";
    let lost = host(&simulation, pod);
    simulation.world.pods.get_mut(pod).unwrap().process = Process::Down(1000);
    simulation.steps(20).unwrap();
    simulation.world.remove_node(&lost);
    simulation.world.by_hand = true;
    simulation.steps(3).unwrap();
    assert!(synced(&simulation).starts_with("False RepairOwed"), "{}", synced(&simulation));
    assert!(repairs_until_settled(&mut simulation) >= 3);
}

#[test]
fn a_node_that_was_away_for_longer_than_the_others_keep_its_writes_owes_a_repair_and_one_that_was_not_does_not() {
    for (hours, owes) in [(1, false), (4, true)] {
        for operator_dies in [false, true] {
            let mut simulation = settled(3, 3, 3);
            let pod = "shop-cassandra-b-0";
            simulation.world.pods.get_mut(pod).unwrap().process = Process::Down(40);
            simulation.steps(10).unwrap();
            simulation.world.jump(hours);
            let fault = Fault { crash_after: operator_dies.then_some(0), ..Fault::default() };
            simulation.step(&fault).unwrap();
            simulation.steps(10).unwrap();
            assert_eq!(synced(&simulation).starts_with("False RepairOwed"), owes, "{}", synced(&simulation));
            assert_eq!(repairs_until_settled(&mut simulation) > 0, owes);
        }
    }
}

#[test]
fn a_node_that_was_away_for_longer_than_deletions_are_remembered_is_told_not_to_come_back() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(60);
    simulation.steps(10).unwrap();
    simulation.world.jump(11 * 24);
    simulation.steps(5).unwrap();
    let told = degraded(&simulation);
    assert!(told.starts_with("True NodeAwayTooLong: shop-cassandra-b-0"), "{told}");
    assert!(repairs_until_settled(&mut simulation) > 0, "and if it does, the least is done");
}

#[test]
fn a_shop_with_two_copies_that_loses_the_volume_of_its_first_node_gets_another_in_its_place() {
    let mut simulation = settled(3, 3, 2);
    let pod = "shop-cassandra-a-0";
    let lost = host(&simulation, pod);
    simulation.world.lose_volume(pod);
    simulation.steps(30).unwrap();
    simulation.world.remove_node(&lost);
    simulation.settle().unwrap();
    assert_eq!(simulation.world.ring.members.len(), 3);
}

#[test]
fn data_is_lost_in_any_place_and_at_any_time_of_a_change_and_no_read_at_quorum_misses_a_row() {
    for victim in 0..4 {
        for wait in [0, 1, 2, 4, 7, 12] {
            let mut simulation = settled(4, 1, 3);
            simulation.steps(24).unwrap();
            let mut larger = spec(5, 1, 3);
            larger["cassandra"]["heap"] = serde_json::json!("257Mi");
            simulation.world.set_spec(larger);
            simulation.steps(wait).unwrap();
            let pod = format!("shop-cassandra-a-{victim}");
            let Some(lost) = simulation.world.pods.get(&pod).and_then(|pod| pod.process.host().cloned()) else {
                continue;
            };
            simulation.world.lose_volume(&pod);
            simulation.steps(30).unwrap();
            simulation.world.remove_node(&lost);
            simulation.settle().unwrap();
        }
    }
}
