//! Stories in the model of nodes whose streams break on their way in or out: nothing of it lasts for ever.

use serde_json::{Value, json};

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use super::stories::{degraded, spec};
use crate::decision::RingAction;
use crate::identity::{ChildKey, ChildKind};

fn of(version: &str, size: i32) -> Value {
    let mut spec = spec(size, 3, 3);
    spec["cassandra"]["version"] = json!(version);
    spec
}

fn settled(version: &str, size: i32) -> Simulation {
    let mut simulation = Simulation::new(of(version, size));
    simulation.settle().unwrap();
    simulation
}

/// Steps until something is so, and counts the commands of the operator meanwhile.
fn until(simulation: &mut Simulation, what: &str, is_so: impl Fn(&Simulation) -> bool) -> Vec<RingAction> {
    let mut commands = Vec::new();
    for _ in 0..600 {
        if is_so(simulation) {
            return commands;
        }
        simulation.steps(1).unwrap();
        commands.extend(simulation.operator.last.as_ref().and_then(|plan| plan.ring.clone()));
    }
    panic!("it never came to this: {what}; {}", degraded(simulation));
}

fn any(simulation: &Simulation, is_so: fn(&Process) -> bool) -> bool {
    simulation.world.pods.values().any(|pod| is_so(&pod.process))
}

#[test]
fn a_join_that_waits_for_the_schema_job_does_not_wait_for_one_that_waits_for_it() {
    let mut simulation = Simulation::new(spec(2, 2, 1));
    let has_job = |simulation: &Simulation| simulation.world.of_kind(ChildKind::Job).next().is_some();
    until(&mut simulation, "the schema Job is made", has_job);
    // it does not come to an end, and a hand starts the second node, whose stream breaks
    let key = ChildKey::new(ChildKind::StatefulSet, "shop-cassandra-b");
    simulation.world.objects.get_mut(&key).unwrap()["spec"]["replicas"] = json!(1);
    simulation.world.version += 1;
    simulation.world.by_hand = true;
    simulation.world.failing_streams = 1;
    simulation.world.hanging_jobs = true;
    // nobody sees it coming
    while !any(&simulation, |process| matches!(process, Process::JoinFailed(_))) {
        simulation.step(&Fault { stale: true, ..Fault::default() }).unwrap();
    }
    until(&mut simulation, "the node has joined", |simulation| simulation.world.ring.members.len() == 2);
    simulation.world.hanging_jobs = false;
    simulation.settle().unwrap();
}

#[test]
fn a_node_that_has_streamed_for_long_and_misses_one_answer_goes_on_with_its_join() {
    let mut simulation = super::stories::settled(1, 1, 1);
    simulation.world.set_spec(spec(2, 1, 1));
    let joiner = "shop-cassandra-a-1";
    until(&mut simulation, "a node joins", |simulation| {
        simulation.world.pods.get(joiner).is_some_and(|pod| matches!(pod.process, Process::Joining(..)))
    });
    let host = simulation.world.pods[joiner].process.host().unwrap().clone();
    for tick in 0..400 {
        simulation.world.pods.get_mut(joiner).unwrap().process = Process::Joining(2 + tick / 50 % 2, host.clone());
        simulation.steps(1).unwrap();
    }
    let before = simulation.world.pods[joiner].seen.uid.clone();
    let mut larger = spec(2, 1, 1);
    larger["cassandra"]["heap"] = json!("257Mi");
    simulation.world.set_spec(larger);
    for silent in [0, 0b10, 0b10, 0] {
        simulation.world.pods.get_mut(joiner).unwrap().process = Process::Joining(3, host.clone());
        simulation.step(&Fault { silent, ..Fault::default() }).unwrap();
    }
    assert_eq!(simulation.world.pods[joiner].seen.uid, before);
}

#[test]
fn a_decommission_whose_stream_broke_is_told_and_begun_again_after_a_pause() {
    for version in ["4.1", "5.0"] {
        let mut simulation = settled(version, 4);
        simulation.world.failing_streams = 2;
        simulation.world.set_spec(of(version, 3));
        until(&mut simulation, "it is told", |simulation| degraded(simulation).contains("DecommissionFailed"));
        assert!(degraded(&simulation).contains("failed once"), "{version} {}", degraded(&simulation));
        assert!(degraded(&simulation).contains("next attempt at"), "{}", degraded(&simulation));
        let gone = |simulation: &Simulation| simulation.world.ring.members.len() == 3;
        let commands = until(&mut simulation, "it has left", gone);
        let commands = commands.iter().filter(|action| matches!(action, RingAction::Decommission { .. })).count();
        assert_eq!(commands, 2, "{version}: once after each of two failures");
        simulation.settle().unwrap();
    }
}

#[test]
fn a_decommission_that_failed_and_is_no_longer_wanted_is_taken_back_by_a_restart() {
    for version in ["4.1", "5.0"] {
        let mut simulation = settled(version, 4);
        simulation.world.failing_streams = 1;
        simulation.world.set_spec(of(version, 3));
        until(&mut simulation, "it failed", |simulation| any(simulation, |pod| matches!(pod, Process::LeaveFailed(_))));
        let before = simulation.world.ring.members.clone();
        simulation.world.set_spec(of(version, 4));
        simulation.settle().unwrap();
        let hosts = |members: &std::collections::BTreeMap<String, String>| members.keys().cloned().collect::<Vec<_>>();
        assert_eq!(hosts(&simulation.world.ring.members), hosts(&before), "{version}: the same node, with its data");
    }
}

#[test]
fn a_decommission_is_followed_by_the_next_operator_and_begun_again_if_it_fails_there() {
    for version in ["4.1", "5.0"] {
        let mut simulation = settled(version, 4);
        simulation.world.failing_streams = 1;
        simulation.world.set_spec(of(version, 3));
        until(&mut simulation, "it leaves", |simulation| any(simulation, |pod| matches!(pod, Process::Leaving(..))));
        for _ in 0..10 {
            let dies = super::operator::Fault { crash_after: Some(0), ..super::operator::Fault::default() };
            simulation.step(&dies).unwrap();
        }
        assert!(any(&simulation, |pod| matches!(pod, Process::LeaveFailed(_))));
        simulation.settle().unwrap();
    }
}

#[test]
fn a_join_whose_stream_broke_is_resumed_then_restarted_then_begun_anew() {
    for version in ["4.1", "5.0"] {
        for failures in 1..=4 {
            let mut simulation = settled(version, 3);
            simulation.world.failing_streams = failures;
            simulation.world.set_spec(of(version, 4));
            until(&mut simulation, "it is told", |simulation| degraded(simulation).contains("JoinFailed"));
            assert!(degraded(&simulation).contains("its bootstrap is resumed"), "{}", degraded(&simulation));
            simulation.settle().unwrap();
        }
    }
}

#[test]
fn a_join_that_failed_and_is_no_longer_wanted_is_taken_back() {
    for version in ["4.1", "5.0"] {
        let mut simulation = settled(version, 3);
        simulation.world.failing_streams = 100;
        simulation.world.set_spec(of(version, 4));
        until(&mut simulation, "it failed", |simulation| degraded(simulation).contains("JoinFailed"));
        simulation.world.set_spec(of(version, 3));
        until(&mut simulation, "it is gone", |simulation| simulation.world.pods.len() == 3);
        simulation.settle().unwrap();
    }
}
