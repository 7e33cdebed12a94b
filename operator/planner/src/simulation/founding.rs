//! Stories in the model of the first node's time alone: what is made then costs no agreement and owes
//! nothing, and nothing of it keeps the ring from growing.

use store_crds::DebtKind;

use super::Simulation;
use super::stories::{settled, spec};
use crate::decision::RingAction;
use crate::identity::ChildKind;

fn members(simulation: &Simulation) -> usize {
    simulation.world.ring.members.len()
}

/// Steps until so many nodes are on their way or there; what the last step found is kept.
fn until_pods(simulation: &mut Simulation, pods: usize) {
    for _ in 0..100 {
        if simulation.world.pods.len() >= pods {
            return;
        }
        simulation.steps(1).unwrap();
    }
    panic!("there were never {pods} pods");
}

#[test]
fn keyspaces_roles_and_tables_are_there_before_the_second_node_begins() {
    let mut simulation = Simulation::new(spec(3, 3, 3));
    until_pods(&mut simulation, 2);
    assert_eq!(members(&simulation), 1);
    let ring = &simulation.world.ring;
    for keyspace in ["store_manager", "system_distributed", "system_traces"] {
        assert_eq!(ring.factor(keyspace), 3, "{keyspace}");
    }
    assert_eq!(ring.factor("system_auth"), 1, "log-ins must go on with one node");
    assert!(ring.granted.contains("store_manager"));
    assert_eq!(simulation.world.migrated.len(), 1);
}

#[test]
fn what_was_made_on_the_first_node_owes_nothing_when_the_others_have_joined() {
    let mut simulation = Simulation::new(spec(3, 3, 3));
    let mut kinds = Vec::new();
    for _ in 0..200 {
        simulation.steps(1).unwrap();
        let plan = simulation.operator.last.as_ref().unwrap();
        kinds.extend(plan.memory.owed.iter().filter(|debt| debt.keyspace.as_deref() != Some("system_auth")).cloned());
        if let Some(RingAction::AlterReplication { keyspace, .. }) = &plan.ring {
            assert!(keyspace != "store_manager", "it was made with its factor");
        }
    }
    assert!(kinds.is_empty(), "{kinds:?}");
    simulation.settle().unwrap();
}

#[test]
fn ranges_that_a_node_takes_from_the_others_are_cleaned_up_where_the_factor_is_smaller_than_the_ring() {
    let mut simulation = Simulation::new(spec(3, 3, 2));
    let owes = |simulation: &Simulation| {
        let plan = simulation.operator.last.as_ref();
        plan.is_some_and(|plan| plan.memory.owed.iter().any(|debt| debt.kind == DebtKind::Cleanup))
    };
    until_pods(&mut simulation, 2);
    assert!(!owes(&simulation), "two nodes have everything");
    until_pods(&mut simulation, 3);
    assert!(owes(&simulation), "the third takes ranges");
    simulation.settle().unwrap();
}

#[test]
fn a_schema_job_that_fails_or_hangs_keeps_the_ring_small_for_a_minute_only() {
    let mut failing = Simulation::new(spec(3, 3, 3));
    failing.world.failing_jobs = 1;
    failing.settle().unwrap();

    let mut hanging = Simulation::new(spec(3, 3, 3));
    hanging.world.hanging_jobs = true;
    hanging.steps(25).unwrap();
    assert_eq!(hanging.world.pods.len(), 1, "the tables are waited for");
    hanging.steps(75).unwrap();
    assert_eq!(members(&hanging), 3);
    assert_eq!(hanging.world.of_kind(ChildKind::Deployment).count(), 0);
    hanging.world.hanging_jobs = false;
    hanging.settle().unwrap();
}

#[test]
fn the_pods_of_the_api_start_once_a_quorum_could_answer_them() {
    let mut simulation = Simulation::new(spec(3, 3, 3));
    until_pods(&mut simulation, 2);
    simulation.steps(1).unwrap();
    assert_eq!(simulation.world.of_kind(ChildKind::Deployment).count(), 0);
    until_pods(&mut simulation, 3);
    simulation.steps(1).unwrap();
    assert_eq!((members(&simulation), simulation.world.of_kind(ChildKind::Deployment).count()), (2, 1));
}

#[test]
fn factors_that_were_meant_for_more_nodes_go_down_again_when_these_are_no_longer_wanted() {
    let mut simulation = Simulation::new(spec(3, 1, 3));
    let made = |simulation: &Simulation| simulation.world.ring.factor("store_manager") == 3;
    while !made(&simulation) {
        simulation.steps(1).unwrap();
    }
    assert_eq!(members(&simulation), 1);
    simulation.world.set_spec(spec(1, 1, 1));
    simulation.settle().unwrap();
}

#[test]
fn a_shop_that_serves_is_not_founded_again() {
    let mut simulation = settled(1, 1, 1);
    simulation.world.set_spec(spec(3, 1, 3));
    until_pods(&mut simulation, 2);
    assert_eq!(simulation.world.ring.factor("store_manager"), 1, "its one copy answers until there are more");
    simulation.settle().unwrap();
}
