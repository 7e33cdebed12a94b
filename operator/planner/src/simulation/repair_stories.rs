//! Stories in the model of repairs that fail: they are begun again at a pace, and keep nothing from being done
//! that could be their cure.

use store_crds::{Debt, DebtKind};

use super::Simulation;
use super::stories::{degraded, settled, spec, until};
use crate::decision::RingAction;

fn owed(simulation: &Simulation) -> Vec<Debt> {
    simulation.operator.last.as_ref().map(|plan| plan.memory.owed.clone()).unwrap_or_default()
}

fn failing(size: i32) -> Simulation {
    let mut simulation = settled(size, 1, 2);
    simulation.world.failing_repairs = u32::MAX;
    simulation.world.set_spec(spec(size, 1, 3));
    until(&mut simulation, "the repair fails", |simulation| degraded(simulation).contains("RepairFailed"));
    simulation
}

#[test]
fn a_repair_that_fails_is_told_and_tried_ever_more_rarely() {
    let mut simulation = failing(3);
    let told = degraded(&simulation);
    assert!(told.contains("of keyspace store_manager failed once, next attempt at"), "{told}");
    assert!(told.contains("no space left on device"), "{told}");
    let mut attempts = 0;
    for _ in 0..450 {
        simulation.steps(1).unwrap();
        let plan = simulation.operator.last.as_ref().unwrap();
        attempts += usize::from(matches!(plan.ring, Some(RingAction::Repair { .. })));
    }
    assert!((3..=6).contains(&attempts), "{attempts} attempts in a quarter of an hour");
    simulation.world.failing_repairs = 0;
    simulation.settle().unwrap();
}

#[test]
fn nodes_may_join_while_a_repair_fails_for_want_of_space() {
    let mut simulation = failing(3);
    simulation.world.set_spec(spec(4, 1, 3));
    until(&mut simulation, "the fourth is there", |simulation| simulation.world.ring.members.len() == 4);
    until(&mut simulation, "it owes the repair, too", |simulation| {
        owed(simulation).iter().any(|debt| debt.kind == DebtKind::Repair && debt.host_ids.len() == 4)
    });
    simulation.world.failing_repairs = 0;
    simulation.settle().unwrap();
}

#[test]
fn the_factor_may_go_back_to_what_it_was_while_its_repair_fails_and_nowhere_else() {
    let mut simulation = failing(3);
    simulation.world.set_spec(spec(3, 1, 1));
    until(&mut simulation, "it goes back", |simulation| simulation.world.ring.factor("store_manager") == 2);
    simulation.steps(200).unwrap();
    assert_eq!(simulation.world.ring.factor("store_manager"), 2, "the next step needs the repair");
    simulation.world.failing_repairs = 0;
    simulation.settle().unwrap();
}

#[test]
fn a_keyspace_that_somebody_dropped_owes_nothing_any_more() {
    let mut simulation = failing(3);
    let reports = |mut spec: serde_json::Value| {
        let keyspaces = spec["keyspaces"].as_array_mut().unwrap();
        keyspaces.push(serde_json::json!({"name": "reports", "replicationFactor": 3}));
        spec
    };
    simulation.world.failing_repairs = 0;
    simulation.settle().unwrap();
    let mut lower = reports(spec(3, 1, 3));
    lower["keyspaces"][1]["replicationFactor"] = 2.into();
    simulation.world.set_spec(lower);
    simulation.settle().unwrap();
    simulation.world.failing_repairs = u32::MAX;
    simulation.world.set_spec(reports(spec(3, 1, 3)));
    until(&mut simulation, "its repair fails", |simulation| degraded(simulation).contains("RepairFailed"));
    simulation.world.set_spec(spec(3, 1, 3));
    simulation.world.ring.keyspaces.remove("reports");
    simulation.world.ring.unrepaired.remove("reports");
    simulation.world.ring.unclean.remove("reports");
    until(&mut simulation, "nothing is owed", |simulation| owed(simulation).is_empty());
    simulation.settle().unwrap();
}

#[test]
fn log_ins_get_no_further_copy_while_the_repair_of_the_one_before_fails() {
    let mut simulation = Simulation::new(spec(3, 3, 3));
    simulation.world.failing_repairs = u32::MAX;
    simulation.steps(10).unwrap();
    until(&mut simulation, "the repair fails", |simulation| degraded(simulation).contains("RepairFailed"));
    simulation.steps(300).unwrap();
    simulation.world.failing_repairs = 0;
    simulation.settle().unwrap();
    assert_eq!(simulation.world.ring.factor("system_auth"), 3);
}
