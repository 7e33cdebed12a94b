//! Stories in the model about configurations that no node comes up with: they reach the one node that tries them.

use serde_json::{Value, json};
use store_crds::{ANNOTATION_CONFIGURATION, StoreClusterStatus};

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use super::stories::{degraded, settled, spec};
use super::world::{BAD_OPTION, MISSING_IMAGE, Pod, REFUSED_OPTION};
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::node::files;

const PODS: [&str; 3] = ["shop-cassandra-a-0", "shop-cassandra-b-0", "shop-cassandra-c-0"];

fn with(mut spec: Value, field: &str, value: Value) -> Value {
    spec["cassandra"][field] = value;
    spec
}

fn bad(racks: usize) -> Value {
    with(spec(3, racks, 3), "jvmOptions", json!([BAD_OPTION]))
}

fn uids(simulation: &Simulation) -> Vec<Uid> {
    simulation.world.pods.values().map(|pod| pod.seen.uid.clone()).collect()
}

fn crashing(simulation: &Simulation) -> Vec<String> {
    let crashes = |pod: &Pod| matches!(pod.process, Process::Crashing(_));
    simulation.world.pods.iter().filter(|(_, pod)| crashes(pod)).map(|(name, _)| name.clone()).collect()
}

/// Steps until a node crashes; its name.
fn until_one_crashes(simulation: &mut Simulation) -> String {
    for _ in 0..100 {
        simulation.steps(1).unwrap();
        if let Some(pod) = crashing(simulation).into_iter().next() {
            return pod;
        }
    }
    panic!("no node has tried it: {}", degraded(simulation));
}

#[test]
fn a_bad_configuration_reaches_one_node_whatever_restarts_meanwhile() {
    for racks in [1, 3] {
        let mut simulation = settled(3, racks, 3);
        simulation.world.set_spec(bad(racks));
        let tries = until_one_crashes(&mut simulation);
        let others: Vec<String> = simulation.world.pods.keys().filter(|pod| **pod != tries).cloned().collect();
        for lost in others {
            simulation.world.pods.remove(&lost);
            simulation.steps(30).unwrap();
            assert_eq!(crashing(&simulation), std::slice::from_ref(&tries), "{lost} was lost");
            assert_eq!(simulation.world.live_members(), 2, "{lost} is back");
        }
        assert!(degraded(&simulation).contains(&format!("PodNotRunning: {tries}")), "{}", degraded(&simulation));
        simulation.world.set_spec(spec(3, racks, 3));
        simulation.settle().unwrap();
    }
}

#[test]
fn a_node_that_tries_a_bad_configuration_and_is_lost_harms_no_other() {
    for racks in [1, 3] {
        let mut simulation = settled(3, racks, 3);
        simulation.world.set_spec(bad(racks));
        for _ in 0..3 {
            let tries = until_one_crashes(&mut simulation);
            simulation.world.pods.remove(&tries);
            simulation.steps(20).unwrap();
            assert!(crashing(&simulation).len() <= 1 && simulation.world.live_members() >= 2);
        }
        simulation.world.set_spec(spec(3, racks, 3));
        simulation.settle().unwrap();
    }
}

#[test]
fn a_pod_of_the_same_rack_that_is_lost_while_the_one_that_tries_is_made_does_not_try() {
    let mut simulation = settled(3, 1, 3);
    simulation.world.set_spec(bad(1));
    let ending = |simulation: &Simulation| simulation.world.pods.values().any(|pod| pod.seen.deleting);
    for _ in 0..20 {
        simulation.steps(usize::from(!ending(&simulation))).unwrap();
    }
    assert!(ending(&simulation), "{}", degraded(&simulation));
    // the template is that of the one that tries until its pod is there
    simulation.steps(1).unwrap();
    let (lost, _) = simulation.world.pods.iter().find(|(_, pod)| !pod.seen.deleting).unwrap();
    let lost = lost.clone();
    simulation.world.pods.remove(&lost);
    simulation.steps(1).unwrap();
    let made = simulation.world.pods[&lost].seen.configuration.clone();
    let wanted = simulation.world.store.as_ref().unwrap().status.as_ref().unwrap().configuration.tried.clone();
    assert_eq!(Some(made), wanted.map(|trial| trial.configuration), "it was made with the same template");
    simulation.steps(40).unwrap();
    assert_eq!((crashing(&simulation).len(), simulation.world.live_members()), (1, 2), "{lost} is back");
    assert!(!crashing(&simulation).contains(&lost));
    simulation.world.set_spec(spec(3, 1, 3));
    simulation.settle().unwrap();
}

#[test]
fn all_nodes_that_lose_power_come_back_but_the_one_that_tries() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.set_spec(bad(3));
    let tries = until_one_crashes(&mut simulation);
    for pod in simulation.world.pods.values_mut() {
        pod.process = Process::Down(3);
    }
    simulation.steps(20).unwrap();
    assert_eq!((crashing(&simulation), simulation.world.live_members()), (vec![tries], 2));
    // and when their pods are lost, too
    simulation.world.pods.clear();
    simulation.steps(40).unwrap();
    assert!(simulation.world.live_members() >= 2, "{:?}", crashing(&simulation));
    simulation.world.set_spec(spec(3, 3, 3));
    simulation.settle().unwrap();
}

#[test]
fn the_operator_may_die_between_any_two_writes_while_a_bad_configuration_is_tried() {
    for racks in [1, 2, 3] {
        for crash in 0..8 {
            // two copies: a roll-out takes their quorum each time
            let two_copies = with(spec(3, racks, 2), "updateStrategy", json!({"allowUnavailable": true}));
            let mut simulation = settled(3, racks, 2);
            simulation.world.set_spec(with(two_copies.clone(), "jvmOptions", json!([BAD_OPTION])));
            for tick in 0..90_usize {
                let crash_after = (tick % 2 == 0).then_some(crash);
                simulation.step(&Fault { crash_after, stale: tick % 7 == 3, ..Fault::default() }).unwrap();
                if tick % 15 == 14 {
                    let lost = simulation.world.pods.keys().nth(tick % 3).cloned().unwrap();
                    simulation.world.pods.remove(&lost);
                }
                assert!(crashing(&simulation).len() <= 1, "{racks} {crash} {tick} {:?}", crashing(&simulation));
            }
            simulation.world.set_spec(two_copies);
            simulation.settle().unwrap();
        }
    }
}

#[test]
fn what_cannot_even_start_is_told_before_a_node_is_drained_for_it() {
    let image = with(spec(3, 3, 3), "image", json!(MISSING_IMAGE));
    let option = with(spec(3, 3, 3), "jvmOptions", json!([REFUSED_OPTION]));
    for (wrong, told) in [(image, "ErrImagePull: not found"), (option, "Unrecognized VM option 'NoSuchOption'")] {
        let mut simulation = settled(3, 3, 3);
        let before = uids(&simulation);
        simulation.world.set_spec(wrong);
        simulation.steps(10).unwrap();
        let condition = degraded(&simulation);
        assert!(condition.starts_with("True ConfigurationRefused") && condition.contains(told), "{condition}");
        simulation.steps(200).unwrap();
        assert_eq!((uids(&simulation), simulation.world.live_members()), (before.clone(), 3));
        simulation.world.set_spec(spec(3, 3, 3));
        simulation.settle().unwrap();
        assert_eq!(uids(&simulation), before, "nothing was to be undone");
    }
}

#[test]
fn a_trial_run_that_hangs_is_told_and_a_newer_spec_waits_for_none() {
    let mut simulation = settled(3, 3, 3);
    let before = uids(&simulation);
    simulation.world.hanging_checks = true;
    simulation.world.set_spec(with(spec(3, 3, 3), "heap", json!("257Mi")));
    simulation.steps(170).unwrap();
    assert!(degraded(&simulation).contains("it has not ended within"), "{}", degraded(&simulation));
    assert_eq!(uids(&simulation), before);
    simulation.world.hanging_checks = false;
    simulation.world.set_spec(with(spec(3, 3, 3), "heap", json!("258Mi")));
    simulation.steps(3).unwrap();
    assert_eq!(simulation.world.checks.len(), 1, "the old one is gone");
    simulation.settle().unwrap();
    assert_ne!(uids(&simulation), before);
}

#[test]
fn a_trial_run_that_is_lost_is_made_again() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.lost_checks = 2;
    simulation.world.set_spec(with(spec(3, 3, 3), "heap", json!("257Mi")));
    simulation.settle().unwrap();
    assert_eq!(simulation.world.lost_checks, 0);
}

#[test]
fn a_first_start_and_an_upgrade_of_the_operator_try_nothing_beforehand() {
    let mut simulation = Simulation::new(spec(3, 3, 3));
    for _ in 0..100 {
        simulation.steps(1).unwrap();
        assert!(simulation.world.checks.is_empty());
    }
    simulation.settle().unwrap();
}

#[test]
fn a_mended_configuration_reaches_the_node_that_does_not_run_at_once() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.set_spec(bad(3));
    until_one_crashes(&mut simulation);
    simulation.steps(10).unwrap();
    // a newer one that is as bad, and one that is good and new
    simulation.world.set_spec(with(bad(3), "heap", json!("257Mi")));
    let tries = until_one_crashes(&mut simulation);
    simulation.steps(10).unwrap();
    assert_eq!(crashing(&simulation), [tries]);
    simulation.world.set_spec(with(spec(3, 3, 3), "heap", json!("258Mi")));
    simulation.steps(8).unwrap();
    assert_eq!(simulation.world.live_members(), 3, "{:?}", crashing(&simulation));
    simulation.settle().unwrap();
}

#[test]
fn nodes_that_have_what_has_run_and_crash_all_the_same_are_mended_one_after_another() {
    let mut simulation = settled(3, 3, 3);
    // as when each of them runs out of memory
    for pod in simulation.world.pods.values_mut() {
        pod.process = Process::Crashing("OOMKilled");
        pod.image = MISSING_IMAGE.into();
    }
    simulation.steps(20).unwrap();
    assert_eq!(simulation.world.live_members(), 0);
    simulation.world.set_spec(with(spec(3, 3, 3), "heap", json!("300Mi")));
    simulation.settle().unwrap();
}

#[test]
fn the_next_node_is_not_touched_while_one_does_not_run() {
    let mut simulation = settled(3, 3, 3);
    let before = uids(&simulation);
    simulation.world.set_spec(with(spec(3, 3, 3), "heap", json!("257Mi")));
    while uids(&simulation) == before {
        simulation.steps(1).unwrap();
    }
    simulation.world.pods.get_mut(PODS[0]).unwrap().process = Process::Down(300);
    simulation.steps(280).unwrap();
    assert_eq!(uids(&simulation)[1..], before[1..]);
    simulation.settle().unwrap();
}

#[test]
fn nodes_from_before_there_were_several_configurations_are_not_restarted_and_keep_what_they_need() {
    let mut simulation = settled(3, 3, 3);
    let before = uids(&simulation);
    as_made_before(&mut simulation);
    simulation.settle().unwrap();
    assert_eq!(uids(&simulation), before, "none is restarted");
    // each reads the one ConfigMap that it knows when its machine restarts, whatever is tried
    let data = |simulation: &Simulation| {
        let key = ChildKey { kind: ChildKind::ConfigMap, name: "shop-cassandra".into() };
        simulation.world.objects[&key]["data"].clone()
    };
    assert!(data(&simulation)[files::JVM_OPTIONS].is_string());
    simulation.world.set_spec(bad(3));
    let tries = until_one_crashes(&mut simulation);
    assert_eq!(tries, PODS[0]);
    for pod in &PODS[1..] {
        simulation.world.pods.get_mut(*pod).unwrap().process = Process::Down(2);
        simulation.steps(20).unwrap();
    }
    assert_eq!((crashing(&simulation), simulation.world.live_members()), (vec![tries], 2));
    // the last of them gone, the ConfigMap says it no more
    simulation.world.set_spec(with(spec(3, 3, 3), "heap", json!("257Mi")));
    simulation.settle().unwrap();
    assert!(data(&simulation)[files::JVM_OPTIONS].is_null());
}

/// The world as an operator left it that knew one ConfigMap, which changed.
fn as_made_before(simulation: &mut Simulation) {
    let world = &mut simulation.world;
    let kept = |object: &Value| object["metadata"]["annotations"][ANNOTATION_CONFIGURATION].as_str().map(str::to_owned);
    let configuration = world.objects.values().find(|object| kept(object).is_some()).unwrap()["data"].clone();
    world.objects.retain(|_, object| kept(object).is_none());
    for (key, object) in &mut world.objects {
        match key.kind {
            ChildKind::ConfigMap if key.name == "shop-cassandra" => {
                for name in [files::OVERRIDES, files::JVM_OPTIONS] {
                    object["data"][name] = configuration[name].clone();
                }
            }
            ChildKind::StatefulSet => {
                let template = &mut object["spec"]["template"];
                template["metadata"]["annotations"].as_object_mut().unwrap().remove(ANNOTATION_CONFIGURATION);
                let volumes = template["spec"]["volumes"].as_array_mut().unwrap();
                volumes.retain(|volume| volume["name"] != "configuration");
            }
            _ => {}
        }
    }
    for pod in world.pods.values_mut() {
        pod.seen.configuration.clear();
        pod.config_map = "shop-cassandra".into();
    }
    let status: &mut Option<StoreClusterStatus> = &mut world.store.as_mut().unwrap().status;
    status.as_mut().unwrap().configuration = store_crds::ConfigurationStatus::default();
    world.version += 1;
}
