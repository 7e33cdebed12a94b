//! Stories in the model about the guards that a first look takes for superfluous: each fails as soon
//! as its guard is taken out of the plan.

use serde_json::{Value, json};
use store_crds::OperationKind;

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use super::stories::{degraded, settled, spec};
use super::tier::BROKEN_API;
use crate::decision::RingAction;
use crate::identity::ChildKind;

/// Steps until something is so.
fn until(simulation: &mut Simulation, what: &str, is_so: impl Fn(&Simulation) -> bool) {
    for _ in 0..200 {
        if is_so(simulation) {
            return;
        }
        simulation.steps(1).unwrap();
    }
    panic!("it never came to this: {what}");
}

/// The bit of a pod in `Fault::silent`.
fn silence(simulation: &Simulation, pod: &str) -> u8 {
    1 << simulation.world.pods.keys().position(|name| name == pod).unwrap()
}

fn leaving(simulation: &Simulation) -> Option<String> {
    let mut pods = simulation.world.pods.iter();
    pods.find(|(_, pod)| matches!(pod.process, Process::Leaving(..))).map(|(name, _)| name.clone())
}

fn with(mut spec: Value, part: &str, field: &str, value: Value) -> Value {
    spec[part][field] = value;
    spec
}

fn deployed(simulation: &Simulation) -> String {
    let deployment = simulation.world.of_kind(ChildKind::Deployment).next().unwrap();
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

#[test]
fn a_leaving_node_that_falls_silent_is_not_taken_for_gone() {
    let mut simulation = settled(4, 3, 3);
    simulation.world.set_spec(spec(3, 3, 3));
    until(&mut simulation, "a node leaves", |simulation| leaving(simulation).is_some());
    let silent = silence(&simulation, &leaving(&simulation).unwrap());
    simulation.step(&Fault { silent, ..Fault::default() }).unwrap();
    let told = simulation.operator.last.as_ref().and_then(|plan| plan.report.progressing.clone()).unwrap().1;
    assert!(told.contains("still has shop-cassandra-a-1 in its ring"), "{told}");
    assert!(degraded(&simulation).starts_with("False"), "it leaves on purpose: {}", degraded(&simulation));
    simulation.settle().unwrap();
}

#[test]
fn the_departure_of_a_node_that_nobody_hears_of_is_seen_through_to_its_volume() {
    for operator_dies in [false, true] {
        let delete = |size| with(spec(size, 3, 3), "cassandra", "deletionPolicy", json!("Delete"));
        let mut simulation = Simulation::new(delete(4));
        simulation.settle().unwrap();
        simulation.world.set_spec(delete(3));
        until(&mut simulation, "a node leaves", |simulation| leaving(simulation).is_some());
        let pod = leaving(&simulation).unwrap();
        let crash_after = operator_dies.then_some(0);
        for _ in 0..6 {
            let silent = if simulation.world.pods.contains_key(&pod) { silence(&simulation, &pod) } else { 0 };
            simulation.step(&Fault { silent, crash_after, ..Fault::default() }).unwrap();
        }
        simulation.settle().unwrap();
        assert!(!simulation.world.claims.contains_key(&format!("data-{pod}")));
    }
}

#[test]
fn the_api_keeps_its_image_until_the_schema_of_the_next_one_is_there() {
    let mut simulation = settled(1, 1, 1);
    let before = deployed(&simulation);
    simulation.world.failing_jobs = 1;
    simulation.world.set_spec(with(spec(1, 1, 1), "api", "image", json!("api:next")));
    until(&mut simulation, "the Job fails", |simulation| degraded(simulation).contains("MigrationFailed"));
    simulation.steps(10).unwrap();
    assert_eq!(deployed(&simulation), before);
    simulation.settle().unwrap();
    assert_eq!(deployed(&simulation), "api:next");
}

#[test]
fn an_api_that_does_not_become_ready_is_told_and_the_pods_of_before_stay() {
    let mut simulation = settled(1, 1, 1);
    simulation.world.set_spec(with(spec(1, 1, 1), "api", "image", json!(BROKEN_API)));
    until(&mut simulation, "the roll-out hangs", |simulation| degraded(simulation).contains("ApiRolloutStuck"));
    let deployment = simulation.world.of_kind(ChildKind::Deployment).next().unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], deployment["spec"]["replicas"]);
    simulation.world.set_spec(spec(1, 1, 1));
    simulation.settle().unwrap();
}

#[test]
fn a_repair_is_owed_until_it_is_done() {
    let repairs = |simulation: &Simulation| {
        simulation.operator.last.as_ref().is_some_and(|plan| matches!(plan.ring, Some(RingAction::Repair { .. })))
    };
    let mut simulation = settled(3, 1, 1);
    simulation.world.set_spec(spec(3, 1, 2));
    until(&mut simulation, "a repair begins", repairs);
    simulation.step(&Fault { crash_after: Some(0), ..Fault::default() }).unwrap();
    simulation.settle().unwrap();
    // and one that fails, since another node dies meanwhile
    simulation.world.set_spec(spec(3, 1, 3));
    until(&mut simulation, "a repair begins", repairs);
    simulation.world.pods.get_mut("shop-cassandra-a-2").unwrap().process = Process::Down(5);
    simulation.settle().unwrap();
}

#[test]
fn nobody_is_gone_because_nobody_answers() {
    for wanted in [2, 4] {
        for silent in 1..8 {
            let mut simulation = settled(3, 1, 2);
            simulation.world.set_spec(spec(wanted, 1, 2));
            for _ in 0..6 {
                simulation.step(&Fault { silent, ..Fault::default() }).unwrap();
            }
            simulation.settle().unwrap();
        }
    }
}

#[test]
fn a_node_joins_with_the_configuration_that_the_others_already_run() {
    for crash in 0..8 {
        let mut simulation = settled(2, 1, 1);
        // one copy: a roll-out takes its quorum each time
        let one_copy = with(spec(3, 1, 1), "cassandra", "updateStrategy", json!({"allowUnavailable": true}));
        let larger = |heap| with(one_copy.clone(), "cassandra", "heap", json!(heap));
        simulation.world.set_spec(larger("257Mi"));
        for _ in 0..40 {
            simulation.step(&Fault { crash_after: Some(crash), ..Fault::default() }).unwrap();
        }
        // a join that was only written down is no reason to mix configurations either
        simulation.world.set_spec(larger("258Mi"));
        simulation.settle().unwrap();
    }
}

#[test]
fn a_join_that_was_only_written_down_waits_for_a_newer_configuration_like_any_other() {
    let mut simulation = settled(2, 1, 1);
    let larger = |heap| with(spec(3, 1, 1), "cassandra", "heap", json!(heap));
    simulation.world.set_spec(larger("256Mi"));
    let joins = |simulation: &Simulation| {
        let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref());
        status.and_then(|status| status.operation.as_ref()).is_some_and(|now| now.kind == OperationKind::Join)
    };
    while !joins(&simulation) {
        simulation.step(&Fault { crash_after: Some(1), ..Fault::default() }).unwrap();
    }
    assert_eq!(simulation.world.pods.len(), 2, "the operator died between memory and effect");
    simulation.world.set_spec(larger("257Mi"));
    simulation.settle().unwrap();
}

#[test]
fn a_node_that_somebody_decommissions_is_seen_through_and_joins_anew() {
    let mut simulation = settled(3, 1, 1);
    let claim = "data-shop-cassandra-a-2";
    let before = simulation.world.claims[claim].uid.clone();
    let pod = simulation.world.pods.get_mut("shop-cassandra-a-2").unwrap();
    pod.process = Process::Leaving(2, pod.process.host().unwrap().clone());
    simulation.settle().unwrap();
    assert_ne!(simulation.world.claims[claim].uid, before);
}

#[test]
fn one_node_that_has_just_come_up_does_not_prove_that_the_silent_ones_are_gone() {
    for restarted in 0..3 {
        let mut simulation = settled(3, 3, 2);
        let (name, pod) = simulation.world.pods.iter_mut().nth(restarted).unwrap();
        let (name, silent) = (name.clone(), !(1 << restarted));
        pod.process = Process::Down(0);
        until(&mut simulation, "it is up", |simulation| simulation.world.pods[&name].process.is_up());
        for _ in 0..3 {
            simulation.step(&Fault { silent, ..Fault::default() }).unwrap();
        }
        simulation.settle().unwrap();
    }
}

#[test]
fn two_nodes_that_have_just_come_up_do_not_prove_that_the_third_is_gone() {
    let mut simulation = settled(3, 1, 2);
    for (pod, ticks) in [("shop-cassandra-a-0", 1), ("shop-cassandra-a-1", 1), ("shop-cassandra-a-2", 30)] {
        simulation.world.pods.get_mut(pod).unwrap().process = Process::Down(ticks);
    }
    simulation.settle().unwrap();
}

#[test]
fn a_member_that_a_hand_started_and_nobody_has_heard_yet_stays() {
    let mut simulation = settled(2, 1, 1);
    let key = crate::identity::ChildKey { kind: ChildKind::StatefulSet, name: "shop-cassandra-a".into() };
    simulation.world.objects.get_mut(&key).unwrap()["spec"]["replicas"] = json!(3);
    simulation.world.version += 1;
    simulation.world.by_hand = true;
    // nobody sees it coming, until it is a member
    while simulation.world.ring.members.len() < 3 {
        simulation.step(&Fault { silent: 0b100, stale: true, ..Fault::default() }).unwrap();
    }
    for _ in 0..5 {
        simulation.step(&Fault { silent: 0b100, ..Fault::default() }).unwrap();
    }
    simulation.settle().unwrap();
}

#[test]
fn an_alter_that_is_carried_out_late_is_repaired_as_it_came() {
    let mut simulation = settled(3, 1, 1);
    simulation.world.set_spec(spec(3, 1, 2));
    let late = Fault { late: true, ..Fault::default() };
    while simulation.world.ring.late.is_empty() {
        simulation.step(&late).unwrap();
    }
    simulation.settle().unwrap();
}

#[test]
fn nothing_is_built_on_a_schema_that_a_node_has_not_heard_of() {
    let mut simulation = settled(3, 1, 1);
    simulation.world.set_spec(with(spec(2, 1, 2), "cassandra", "heap", json!("257Mi")));
    let lagging = Fault { lag: 3, ..Fault::default() };
    for _ in 0..120 {
        simulation.step(&lagging).unwrap();
    }
    simulation.settle().unwrap();
}

#[test]
fn old_hints_are_delivered_before_the_next_node_is_restarted_and_young_ones_hold_nothing_up() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.chatter = true;
    simulation.world.pods.get_mut("shop-cassandra-a-0").unwrap().process = Process::Down(40);
    simulation.world.set_spec(with(spec(3, 3, 3), "cassandra", "heap", json!("257Mi")));
    until(&mut simulation, "hints are waited for", |simulation| {
        let plan = simulation.operator.last.as_ref();
        plan.is_some_and(|plan| {
            plan.report.progressing.as_ref().is_some_and(|(reason, _)| reason.as_str() == "HintsPending")
        })
    });
    simulation.settle().unwrap();
}

#[test]
fn a_node_stays_while_nobody_has_room_for_its_data() {
    let mut simulation = settled(3, 1, 1);
    simulation.world.full = true;
    simulation.world.set_spec(spec(2, 1, 1));
    until(&mut simulation, "it is refused", |simulation| degraded(simulation).contains("ScaleDownRefused"));
    assert!(degraded(&simulation).contains("free disk space"), "{}", degraded(&simulation));
    simulation.world.full = false;
    simulation.settle().unwrap();
}

#[test]
fn volumes_whose_class_cannot_grow_are_told_and_everything_else_goes_on() {
    let mut simulation = settled(2, 1, 1);
    simulation.world.set_growable(false);
    let larger = json!({"size": "2Gi"});
    simulation.world.set_spec(with(spec(3, 1, 2), "cassandra", "storage", larger));
    until(&mut simulation, "the node has joined", |simulation| simulation.world.ring.members.len() == 3);
    until(&mut simulation, "the copies are there", |simulation| simulation.world.ring.factor("store_manager") == 2);
    assert!(degraded(&simulation).contains("VolumeCannotGrow"), "{}", degraded(&simulation));
    simulation.world.set_growable(true);
    simulation.settle().unwrap();
}

/// Conditions by type, as `type=status`.
fn conditions(simulation: &Simulation) -> Vec<String> {
    let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
    status.conditions.iter().map(|condition| format!("{}={}", condition.type_, condition.status)).collect()
}

#[test]
fn an_answer_that_is_missed_changes_no_condition_and_silence_that_lasts_does() {
    let mut simulation = settled(3, 3, 3);
    let good = conditions(&simulation);
    for silent in [0b1, 0b10, 0b111] {
        for _ in 0..4 {
            simulation.step(&Fault { silent, ..Fault::default() }).unwrap();
            assert_eq!(conditions(&simulation), good);
        }
        simulation.settle().unwrap();
    }
    let no_cql = Fault { silent: 1 << 7, ..Fault::default() };
    for tick in 0..15 {
        simulation.step(&no_cql).unwrap();
        assert!(tick > 6 || degraded(&simulation).starts_with("False"), "{tick} {}", degraded(&simulation));
    }
    assert!(degraded(&simulation).starts_with("True CqlUnreachable"), "{}", degraded(&simulation));
    simulation.settle().unwrap();
    for _ in 0..15 {
        simulation.step(&Fault { silent: 0b1, ..Fault::default() }).unwrap();
    }
    assert!(degraded(&simulation).starts_with("True NodeDown: shop-cassandra-a-0"), "{}", degraded(&simulation));
    simulation.settle().unwrap();
}

#[test]
fn a_node_that_is_too_busy_to_answer_at_its_first_start_is_not_down() {
    let mut simulation = Simulation::new(spec(1, 1, 1));
    until(&mut simulation, "the superuser is made", |simulation| {
        let plan = simulation.operator.last.as_ref();
        plan.is_some_and(|plan| matches!(plan.ring, Some(RingAction::CreateSuperuser)))
    });
    for _ in 0..30 {
        simulation.step(&Fault { silent: 0b1, ..Fault::default() }).unwrap();
        assert!(degraded(&simulation).starts_with("False"), "{}", degraded(&simulation));
    }
    simulation.settle().unwrap();
}

#[test]
fn nothing_is_degraded_on_the_way_up_and_through_planned_changes() {
    let mut simulation = Simulation::new(spec(1, 1, 1));
    let larger = with(spec(4, 1, 3), "cassandra", "heap", json!("257Mi"));
    for next in [spec(3, 1, 3), larger, spec(3, 1, 2), spec(3, 1, 2)] {
        for _ in 0..150 {
            simulation.steps(1).unwrap();
            assert!(degraded(&simulation).starts_with("False"), "{}", degraded(&simulation));
        }
        simulation.world.set_spec(next);
    }
}

#[test]
fn a_claim_that_somebody_deletes_is_told_and_its_pod_runs_on_until_a_new_node_takes_the_place() {
    let mut simulation = settled(3, 1, 2);
    let (pod, claim) = ("shop-cassandra-a-1", "data-shop-cassandra-a-1");
    simulation.world.claims.get_mut(claim).unwrap().deleting = true;
    let larger = with(spec(3, 1, 2), "cassandra", "heap", json!("257Mi"));
    let allowed = json!({"allowUnavailable": true});
    simulation.world.set_spec(with(larger, "cassandra", "updateStrategy", allowed));
    let before = simulation.world.pods[pod].seen.uid.clone();
    simulation.steps(60).unwrap();
    assert!(degraded(&simulation).contains(&format!("VolumeBeingDeleted: {pod}")), "{}", degraded(&simulation));
    assert_eq!(simulation.world.pods[pod].seen.uid, before);
    // somebody does as the message says
    let host = simulation.world.pods[pod].process.host().unwrap().clone();
    simulation.world.lose_volume(pod);
    simulation.world.remove_node(&host);
    simulation.settle().unwrap();
}
