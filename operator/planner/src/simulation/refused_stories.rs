//! Stories in the model about writes that are refused and names that are taken: what fails is told in the words of
//! whoever refused, stops what depends on it and nothing else, and is over once it is.

use serde_json::{Value, json};

use super::Simulation;
use super::operator::Fault;
use super::stories::{degraded, settled, spec};
use crate::identity::{ChildKey, ChildKind, Uid};

/// Ticks of two seconds in which whatever is wrong has to be told.
const TOLD: usize = 10;

fn with_ingress(mut spec: Value) -> Value {
    spec["api"]["ingress"] = json!({"host": "shop.example.com"});
    spec
}

fn exists(simulation: &Simulation, kind: ChildKind, name: &str) -> bool {
    simulation.world.objects.contains_key(&ChildKey::new(kind, name))
}

fn progressing(simulation: &Simulation) -> String {
    let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
    let condition = status.conditions.iter().find(|condition| condition.type_ == "Progressing").unwrap();
    format!("{} {} for {}", condition.status, condition.reason, condition.observed_generation.unwrap())
}

#[test]
fn a_refused_ingress_is_told_and_the_shop_is_founded_and_grows_without_it() {
    let mut simulation = Simulation::new(with_ingress(spec(1, 1, 1)));
    simulation.world.refusing.insert(ChildKind::Ingress, 400);
    simulation.steps(TOLD).unwrap();
    let told = degraded(&simulation);
    assert!(told.starts_with("True WriteRefused: could not write Ingress shop-api: admission webhook"), "{told}");
    simulation.steps(60).unwrap();
    simulation.world.set_spec(with_ingress(spec(3, 1, 3)));
    simulation.steps(200).unwrap();
    assert_eq!(simulation.world.live_members(), 3, "the ring goes on");
    assert!(exists(&simulation, ChildKind::Deployment, "shop-api"), "and so does the API");
    assert!(degraded(&simulation).contains("WriteRefused"), "{}", degraded(&simulation));
    assert!(progressing(&simulation).starts_with("True WriteRefused for 2"), "{}", progressing(&simulation));
    simulation.world.refusing.clear();
    simulation.settle().unwrap();
    assert!(exists(&simulation, ChildKind::Ingress, "shop-api"));
    assert!(degraded(&simulation).starts_with("False"), "{}", degraded(&simulation));
}

#[test]
fn a_refused_stateful_set_is_told_and_the_api_goes_on() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.refusing.insert(ChildKind::StatefulSet, 200);
    let mut next = spec(3, 3, 3);
    next["cassandra"]["heap"] = json!("300Mi");
    next["api"]["replicas"] = json!(2);
    simulation.world.set_spec(next);
    simulation.steps(TOLD).unwrap();
    let told = degraded(&simulation);
    assert!(told.starts_with("True WriteRefused: could not write StatefulSet shop-cassandra-a: admission"), "{told}");
    assert!(progressing(&simulation).starts_with("True"), "{}", progressing(&simulation));
    simulation.steps(40).unwrap();
    assert_eq!(simulation.world.live_members(), 3, "no node is taken down for a template that is not there");
    let deployment = simulation.world.of_kind(ChildKind::Deployment).next().unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2, "the API goes on");
    simulation.world.refusing.clear();
    simulation.settle().unwrap();
}

#[test]
fn a_node_is_neither_started_nor_replaced_while_its_configuration_is_refused() {
    let mut simulation = settled(2, 1, 1);
    simulation.world.refusing.insert(ChildKind::ConfigMap, 120);
    let mut next = spec(3, 1, 1);
    next["cassandra"]["heap"] = json!("300Mi");
    next["cassandra"]["jvmOptions"] = json!(["-Da=b"]);
    simulation.world.set_spec(next);
    let before: Vec<Uid> = simulation.world.pods.values().map(|pod| pod.seen.uid.clone()).collect();
    simulation.steps(100).unwrap();
    let after: Vec<Uid> = simulation.world.pods.values().map(|pod| pod.seen.uid.clone()).collect();
    assert_eq!(before, after);
    assert!(degraded(&simulation).contains("could not write ConfigMap"), "{}", degraded(&simulation));
    simulation.settle().unwrap();
}

#[test]
fn a_refused_budget_or_policy_stops_neither_ring_nor_api() {
    for kind in [ChildKind::PodDisruptionBudget, ChildKind::NetworkPolicy] {
        let mut simulation = Simulation::new(spec(1, 1, 1));
        simulation.world.refusing.insert(kind, 300);
        simulation.steps(100).unwrap();
        assert_eq!(simulation.world.live_members(), 1);
        assert!(exists(&simulation, ChildKind::Deployment, "shop-api"));
        let told = degraded(&simulation);
        assert!(told.starts_with(&format!("True WriteRefused: could not write {kind} ")), "{told}");
        simulation.settle().unwrap();
    }
}

#[test]
fn a_claim_that_may_not_grow_stops_no_node_from_joining() {
    let mut simulation = settled(1, 1, 1);
    simulation.world.refusing.insert(ChildKind::PersistentVolumeClaim, 400);
    let mut next = spec(3, 1, 1);
    next["cassandra"]["storage"] = json!({"size": "2Gi"});
    simulation.world.set_spec(next);
    simulation.steps(TOLD).unwrap();
    let told = degraded(&simulation);
    assert!(told.contains("PersistentVolumeClaim data-shop-cassandra-a-"), "{told}");
    simulation.steps(250).unwrap();
    assert_eq!(simulation.world.live_members(), 3);
    assert_eq!(simulation.world.ring.factor("system_auth"), 3, "and the ring's schema is looked after");
    simulation.settle().unwrap();
}

#[test]
fn a_write_that_is_refused_no_more_is_settled_by_whatever_operator() {
    let mut simulation = Simulation::new(with_ingress(spec(1, 1, 1)));
    simulation.world.refusing.insert(ChildKind::Ingress, 60);
    for tick in 0..80 {
        let crash_after = (tick % 7 == 0).then_some(0);
        simulation.step(&Fault { crash_after, ..Fault::default() }).unwrap();
    }
    simulation.settle().unwrap();
}

#[test]
fn what_is_somebody_elses_is_never_changed_or_deleted_and_the_name_is_told_with_its_owner() {
    for (kind, name) in [
        (ChildKind::Service, "shop-api"),
        (ChildKind::Service, "shop-cassandra"),
        (ChildKind::ConfigMap, "shop-cassandra"),
        (ChildKind::Deployment, "shop-api"),
        (ChildKind::StatefulSet, "shop-cassandra-a"),
        (ChildKind::Ingress, "shop-api"),
        (ChildKind::ServiceAccount, "shop-api"),
    ] {
        for labelled in [false, true] {
            let mut simulation = Simulation::new(with_ingress(spec(1, 1, 1)));
            simulation.world.make_foreign(kind, name, labelled);
            let before = simulation.world.foreign.clone();
            simulation.steps(60).unwrap();
            let told = degraded(&simulation);
            let expected = format!("True NameTaken: {kind} {name} is there already and belongs to nobody");
            assert!(told.starts_with(&expected), "{told}");
            // the shop goes, and what is not its own stays
            simulation.world.delete_store();
            simulation.steps(10).unwrap();
            assert!(simulation.world.store.is_none());
            assert_eq!(simulation.world.foreign, before);
            simulation.world.set_spec(with_ingress(spec(1, 1, 1)));
            simulation.world.drop_foreign();
            simulation.settle().unwrap();
        }
    }
}

#[test]
fn of_two_shops_that_want_one_stateful_set_the_second_is_told_the_first_one_and_takes_nothing() {
    let mut simulation = Simulation::new(spec(1, 1, 1));
    simulation.world.make_foreign(ChildKind::StatefulSet, "shop-cassandra-a", false);
    let owner = json!({
        "apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster", "name": "s", "uid": "another",
        "controller": true,
    });
    for set in simulation.world.foreign.values_mut() {
        set["metadata"]["ownerReferences"] = json!([owner]);
    }
    simulation.steps(TOLD).unwrap();
    let told = degraded(&simulation);
    let expected = "True NameTaken: StatefulSet shop-cassandra-a is there already and belongs to StoreCluster s";
    assert!(told.starts_with(expected), "{told}");
    assert!(simulation.world.pods.is_empty());
}

#[test]
fn an_ingress_of_somebody_elses_with_the_shops_label_is_not_pruned() {
    let mut simulation = settled(1, 1, 1);
    simulation.world.make_foreign(ChildKind::Ingress, "another", true);
    simulation.steps(30).unwrap();
    assert_eq!(simulation.world.foreign.len(), 1);
    simulation.settle().unwrap();
}

#[test]
fn objects_of_a_former_shop_of_that_name_are_waited_for() {
    let mut simulation = Simulation::new(spec(1, 1, 1));
    simulation.world.make_foreign(ChildKind::Service, "shop-api", true);
    let owner = json!({
        "apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster", "name": "shop", "uid": "gone",
        "controller": true,
    });
    for object in simulation.world.foreign.values_mut() {
        object["metadata"]["ownerReferences"] = json!([owner]);
    }
    simulation.steps(15).unwrap();
    assert!(degraded(&simulation).starts_with("False"), "{}", degraded(&simulation));
    assert!(progressing(&simulation).starts_with("True"), "{}", progressing(&simulation));
    simulation.steps(30).unwrap();
    let told = degraded(&simulation);
    assert!(told.contains("FormerObject: Service shop-api still belongs to a StoreCluster of this name"), "{told}");
    simulation.world.drop_foreign();
    simulation.settle().unwrap();
}

#[test]
fn a_pod_that_a_quota_forbids_is_told_in_its_words_and_comes_once_it_may() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.unmakable = 100;
    simulation.world.pods.remove("shop-cassandra-b-0");
    simulation.steps(TOLD).unwrap();
    let told = degraded(&simulation);
    assert!(told.starts_with("True PodNotMade: shop-cassandra-b-0 cannot be made: exceeded quota: stop"), "{told}");
    simulation.settle().unwrap();
    let mut simulation = Simulation::new(spec(1, 1, 1));
    simulation.world.unmakable = 60;
    simulation.steps(TOLD).unwrap();
    assert!(degraded(&simulation).contains("cannot be made: exceeded quota"), "{}", degraded(&simulation));
    simulation.settle().unwrap();
}

#[test]
fn log_ins_do_not_hang_on_one_node_until_the_last_of_many_has_joined() {
    let mut simulation = Simulation::new(spec(6, 3, 3));
    for _ in 0..600 {
        simulation.steps(1).unwrap();
        if simulation.world.ring.members.len() == 4 {
            break;
        }
    }
    assert_eq!(simulation.world.ring.members.len(), 4);
    assert_eq!(simulation.world.ring.factor("system_auth"), 3);
    simulation.settle().unwrap();
}
