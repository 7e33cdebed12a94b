//! Stories in the model of nodes that are taken away: by the operator one at a time, whoever else takes one.

use serde_json::{Value, json};
use store_crds::NodeState;

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use super::stories::{degraded, settled, spec};
use crate::identity::Uid;

fn heap(mib: u32) -> Value {
    let mut spec = spec(3, 3, 3);
    spec["cassandra"]["heap"] = json!(format!("{mib}Mi"));
    spec
}

fn progressing(simulation: &Simulation) -> String {
    let plan = simulation.operator.last.as_ref().unwrap();
    plan.report.progressing.as_ref().map(|(reason, message)| format!("{reason}: {message}")).unwrap_or_default()
}

fn uids(simulation: &Simulation) -> Vec<Uid> {
    simulation.world.pods.values().map(|pod| pod.seen.uid.clone()).collect()
}

#[test]
fn nobody_is_restarted_while_a_pod_that_somebody_evicted_still_serves_on_its_way_out() {
    let mut simulation = settled(3, 3, 3);
    assert!(simulation.world.may_evict());
    simulation.world.terminate("shop-cassandra-c-0");
    simulation.world.set_spec(heap(257));
    simulation.steps(2).unwrap();
    let pods = &simulation.world.pods;
    assert!(pods["shop-cassandra-c-0"].process.is_up(), "it still serves");
    assert_eq!(pods.values().filter(|pod| pod.seen.deleting).count(), 1, "and the others stay");
    let told = progressing(&simulation);
    assert!(told.contains("shop-cassandra-c-0") && told.contains("its pod is being deleted"), "{told}");
    let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
    assert_eq!(status.summary.nodes, "2/3");
    simulation.settle().unwrap();
}

#[test]
fn a_member_that_says_joining_before_it_is_normal_again_is_not_one_on_its_way_in() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.pods.get_mut("shop-cassandra-c-0").unwrap().process = Process::Down(3);
    let mut seen = false;
    for _ in 0..20 {
        simulation.steps(1).unwrap();
        let returns = matches!(simulation.world.pods["shop-cassandra-c-0"].process, Process::Returning(_));
        seen |= returns;
        if returns {
            simulation.operator.pass(&mut simulation.world, &Fault::default());
            let plan = simulation.operator.last.as_ref().unwrap();
            assert!(plan.memory.lost.is_empty() && plan.memory.owed.is_empty(), "{:?}", plan.memory);
            let store = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
            assert_eq!(store.nodes[2].state, NodeState::Starting);
        }
    }
    assert!(seen);
    simulation.settle().unwrap();
}

#[test]
fn nobody_is_restarted_while_kubernetes_finds_another_pod_unready() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.unready.insert("shop-cassandra-b-0".to_owned());
    simulation.steps(1).unwrap();
    let before = uids(&simulation);
    simulation.world.set_spec(heap(257));
    simulation.steps(60).unwrap();
    assert!(degraded(&simulation).contains("NodeDown: shop-cassandra-b-0"), "{}", degraded(&simulation));
    // it alone may get the new template, in case that this is its cure
    let after = uids(&simulation);
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    simulation.world.unready.clear();
    simulation.settle().unwrap();
}

#[test]
fn an_eviction_that_a_budget_refuses_is_told_with_its_words_and_made_once_it_may_be() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.foreign_budget = true;
    let before = uids(&simulation);
    simulation.world.set_spec(heap(257));
    simulation.steps(40).unwrap();
    assert_eq!(uids(&simulation), before, "whoever serves is not deleted past the budget");
    let told = progressing(&simulation);
    assert!(told.starts_with("EvictionRefused: shop-cassandra-a-0") && told.contains("disruption budget"), "{told}");
    assert!(degraded(&simulation).starts_with("False"), "{}", degraded(&simulation));
    simulation.steps(300).unwrap();
    assert!(degraded(&simulation).starts_with("True EvictionRefused"), "{}", degraded(&simulation));
    simulation.world.foreign_budget = false;
    simulation.settle().unwrap();
}

#[test]
fn a_node_that_is_silent_for_a_moment_is_not_taken_for_broken_while_another_one_is_down() {
    let mut simulation = settled(3, 3, 3);
    simulation.steps(400).unwrap();
    simulation.world.pods.get_mut("shop-cassandra-c-0").unwrap().process = Process::Down(100);
    simulation.steps(3).unwrap();
    // meant as a help; it waits for c, so a and b stay outdated
    simulation.world.set_spec(heap(257));
    simulation.steps(3).unwrap();
    let before = simulation.world.pods["shop-cassandra-b-0"].seen.uid.clone();
    simulation.world.pause("shop-cassandra-b-0", 5);
    simulation.steps(20).unwrap();
    assert_eq!(simulation.world.pods["shop-cassandra-b-0"].seen.uid, before);
    simulation.settle().unwrap();
}

#[test]
fn nodes_that_hang_for_good_are_replaced_one_after_another() {
    let mut simulation = settled(3, 3, 3);
    for pod in ["shop-cassandra-b-0", "shop-cassandra-c-0"] {
        simulation.world.pause(pod, 100_000);
    }
    simulation.world.set_spec(heap(257));
    simulation.steps(250).unwrap();
    let hung = |simulation: &Simulation| {
        let pods = simulation.world.pods.values();
        pods.filter(|pod| matches!(pod.process, Process::Paused(..))).count()
    };
    assert_eq!(hung(&simulation), 2, "not before the deadline of a start");
    let mut ending = 0;
    for _ in 0..200 {
        simulation.step(&Fault::default()).unwrap();
        let deleting = simulation.world.pods.values().filter(|pod| pod.seen.deleting).count();
        ending = ending.max(deleting);
    }
    assert_eq!((hung(&simulation), ending), (0, 1));
    simulation.settle().unwrap();
}

#[test]
fn a_roll_out_that_would_interrupt_requests_waits_for_a_word_or_for_copies() {
    let few = |factor: i32, allow: bool| {
        let mut spec = spec(3, 3, factor);
        spec["cassandra"]["heap"] = json!("257Mi");
        spec["cassandra"]["updateStrategy"] = json!({"allowUnavailable": allow});
        spec
    };
    for copies in [1, 2] {
        let mut simulation = settled(3, 3, copies);
        let before = uids(&simulation);
        simulation.world.set_spec(few(copies, false));
        simulation.steps(30).unwrap();
        assert_eq!(uids(&simulation), before);
        let told = degraded(&simulation);
        assert!(told.starts_with("True RolloutWouldInterrupt: shop-cassandra-a-0 is not restarted"), "{told}");
        assert!(told.contains(&format!("store_manager (factor {copies})")), "{told}");
        // either of the two cures
        let cure = if copies == 1 { few(1, true) } else { few(3, false) };
        simulation.world.set_spec(cure);
        simulation.settle().unwrap();
        assert!(uids(&simulation).iter().all(|uid| !before.contains(uid)));
    }
}

#[test]
fn a_ring_that_no_factor_would_help_is_restarted_and_says_so() {
    let mut simulation = settled(1, 1, 1);
    let before = uids(&simulation);
    let mut larger = spec(1, 1, 1);
    larger["cassandra"]["heap"] = json!("257Mi");
    simulation.world.set_spec(larger);
    let mut told = Vec::new();
    for _ in 0..40 {
        simulation.steps(1).unwrap();
        told.push(progressing(&simulation));
    }
    assert!(told.iter().any(|told| told.contains("requests at LOCAL_QUORUM of keyspace store_manager")), "{told:?}");
    simulation.settle().unwrap();
    assert_ne!(uids(&simulation), before);
}

#[test]
fn nobody_takes_a_node_for_hung_that_paused_for_a_moment_while_hours_passed() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.pause("shop-cassandra-a-0", 26);
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(40);
    simulation.world.pods.get_mut("shop-cassandra-c-0").unwrap().process = Process::Down(40);
    simulation.steps(5).unwrap();
    simulation.world.jump(4);
    simulation.world.set_spec(heap(257));
    simulation.steps(2).unwrap();
    simulation.settle().unwrap();
}
