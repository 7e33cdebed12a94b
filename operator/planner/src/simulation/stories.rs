//! Named stories in the model: what operators of Cassandra are known to get wrong.

use serde_json::{Value, json};

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use crate::identity::{ChildKey, ChildKind};

pub fn spec(size: i32, racks: usize, factor: i32) -> Value {
    json!({
        "cassandra": {"size": size, "racks": super::racks(racks)},
        "keyspaces": [{"name": "store_manager", "replicationFactor": factor}],
    })
}

pub fn settled(size: i32, racks: usize, factor: i32) -> Simulation {
    let mut simulation = Simulation::new(spec(size, racks, factor));
    simulation.settle().unwrap();
    simulation
}

/// Steps, at most twenty minutes of the model, until this is so.
pub fn until(simulation: &mut Simulation, what: &str, is_so: impl Fn(&Simulation) -> bool) {
    for _ in 0..600 {
        if is_so(simulation) {
            return;
        }
        simulation.steps(1).unwrap();
    }
    panic!("it never came to this: {what}; {}", degraded(simulation));
}

#[test]
fn a_first_bootstrap_settles() {
    settled(1, 1, 1);
    settled(3, 3, 3);
    settled(5, 2, 2);
}

/// Steps with crashes until nothing is under way for the newest spec.
fn steps_with_crashes(simulation: &mut Simulation, crash: usize, every: usize) {
    for tick in 0..400 {
        let crash_after = (tick % every == 0).then_some(crash);
        simulation.step(&Fault { crash_after, ..Fault::default() }).unwrap();
        if simulation.operator.last.as_ref().is_some_and(|plan| plan.report.progressing.is_none()) {
            return;
        }
    }
}

#[test]
fn the_operator_may_die_after_any_write_of_any_pass() {
    for crash in 0..8 {
        for every in [1, 2, 3] {
            let mut simulation = settled(1, 1, 1);
            for next in [spec(3, 1, 3), spec(2, 1, 1)] {
                simulation.world.set_spec(next);
                steps_with_crashes(&mut simulation, crash, every);
            }
            simulation.settle().unwrap();
        }
    }
}

#[test]
fn a_size_put_back_during_a_decommission_is_taken_up_after_it_with_an_empty_volume() {
    let mut simulation = settled(4, 3, 3);
    let old = simulation.world.claims["data-shop-cassandra-a-1"].uid.clone();
    simulation.world.set_spec(spec(3, 3, 3));
    let leaving =
        |simulation: &Simulation| simulation.world.pods.values().any(|pod| matches!(pod.process, Process::Leaving(..)));
    while !leaving(&simulation) {
        simulation.steps(1).unwrap();
    }
    simulation.world.set_spec(spec(4, 3, 3));
    simulation.settle().unwrap();
    assert_ne!(simulation.world.claims["data-shop-cassandra-a-1"].uid, old);
}

pub fn degraded(simulation: &Simulation) -> String {
    let status = simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap();
    let condition = status.conditions.iter().find(|condition| condition.type_ == "Degraded").unwrap();
    format!("{} {}: {}", condition.status, condition.reason, condition.message)
}

#[test]
fn a_node_that_is_down_is_named_and_nothing_else_begins_while_the_api_stays() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(1000);
    simulation.world.set_spec(spec(4, 3, 3));
    simulation.steps(60).unwrap();
    assert!(
        degraded(&simulation).starts_with("True NodeDown: shop-cassandra-b-0 is down"),
        "{}",
        degraded(&simulation)
    );
    assert_eq!(simulation.world.pods.len(), 3);
    assert_eq!(simulation.world.of_kind(ChildKind::Deployment).count(), 1);
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(0);
    simulation.settle().unwrap();
}

#[test]
fn a_bad_configuration_stops_at_the_first_node_and_is_fixed_forward() {
    let mut simulation = settled(3, 3, 3);
    let mut bad = spec(3, 3, 3);
    bad["cassandra"]["jvmOptions"] = json!([super::world::BAD_OPTION]);
    simulation.world.set_spec(bad);
    simulation.steps(60).unwrap();
    let broken = |pod: &&super::world::Pod| matches!(pod.process, Process::Crashing(_));
    assert_eq!(simulation.world.pods.values().filter(broken).count(), 1);
    assert!(degraded(&simulation).contains("PodNotRunning"), "{}", degraded(&simulation));
    simulation.world.set_spec(spec(3, 3, 3));
    simulation.settle().unwrap();
}

#[test]
fn a_decommission_is_refused_while_a_keyspace_that_nobody_declared_needs_every_node() {
    let mut simulation = settled(3, 1, 1);
    simulation.world.ring.keyspaces.insert("foreign".into(), super::ring::network(3));
    simulation.world.set_spec(spec(2, 1, 1));
    simulation.steps(150).unwrap();
    assert!(degraded(&simulation).contains("True ScaleDownRefused"), "{}", degraded(&simulation));
    assert!(degraded(&simulation).contains("keyspace foreign"), "{}", degraded(&simulation));
    assert_eq!(simulation.world.ring.members.len(), 3);
    simulation.world.set_spec(spec(3, 1, 1));
    simulation.settle().unwrap();
}

#[test]
fn a_refused_spec_is_told_and_the_shop_stays_as_it_is() {
    let mut simulation = settled(3, 3, 3);
    // but for what the API is told
    let told = ChildKey::new(ChildKind::ConfigMap, "shop-api-operation");
    let mut before = simulation.world.objects.clone();
    assert!(before.remove(&told).is_some());
    let mut bad = spec(3, 3, 3);
    bad["cassandra"]["datacenter"] = json!("elsewhere");
    simulation.world.set_spec(bad);
    simulation.steps(20).unwrap();
    assert!(degraded(&simulation).contains("put the old name back"), "{}", degraded(&simulation));
    let mut after = simulation.world.objects.clone();
    assert!(after.remove(&told).unwrap()["data"]["operation.json"].as_str().unwrap().contains("put the old name back"));
    assert_eq!(before, after);
    simulation.world.set_spec(spec(3, 3, 3));
    simulation.settle().unwrap();
}

#[test]
fn what_the_api_is_told_is_written_when_the_status_is_and_never_by_itself() {
    let mut simulation = settled(3, 3, 3);
    // by how many of so many passes
    let told = |simulation: &mut Simulation, passes: usize| {
        let mut told = 0;
        for _ in 0..passes {
            simulation.steps(1).unwrap();
            let writes = &simulation.operator.writes;
            let tells = writes.iter().any(|write| write.contains("shop-api-operation"));
            assert!(!tells || writes.iter().any(|write| write == "status"), "{writes:?}");
            told += usize::from(tells);
        }
        told
    };
    assert_eq!(told(&mut simulation, 30), 0, "nothing is new");
    simulation.world.set_spec(spec(4, 3, 3));
    assert!(told(&mut simulation, 30) > 1);
    simulation.settle().unwrap();
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(1000);
    let down = told(&mut simulation, 60);
    assert!((1..=6).contains(&down), "a node that stays down is told {down} times in 60 passes");
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(1);
    simulation.settle().unwrap();
}

#[test]
fn a_deletion_ends_although_cassandra_is_unreachable_and_keeps_the_volumes_under_retain() {
    for (policy, kept) in [("Retain", 3), ("Delete", 0)] {
        let mut wanted = spec(3, 3, 3);
        wanted["cassandra"]["deletionPolicy"] = json!(policy);
        let mut simulation = Simulation::new(wanted);
        simulation.settle().unwrap();
        simulation.world.delete_store();
        for _ in 0..20 {
            simulation.step(&Fault { silent: 0xff, ..Fault::default() }).unwrap();
        }
        assert!(simulation.world.store.is_none(), "{policy}");
        assert_eq!(simulation.world.claims.len(), kept, "{policy}");
    }
}

#[test]
fn a_store_made_again_under_its_name_takes_up_its_volumes_all_at_once() {
    let mut simulation = settled(3, 3, 3);
    let members = simulation.world.ring.members.keys().cloned().collect::<Vec<_>>();
    simulation.world.delete_store();
    simulation.steps(5).unwrap();
    assert!(simulation.world.store.is_none() && simulation.world.pods.is_empty());
    simulation.world.set_spec(spec(3, 3, 3));
    simulation.steps(4).unwrap();
    assert_eq!(simulation.world.pods.len(), 3, "they start together");
    simulation.settle().unwrap();
    assert_eq!(simulation.world.ring.members.keys().cloned().collect::<Vec<_>>(), members);
}

#[test]
fn pods_that_a_hand_starts_during_the_first_bootstrap_do_not_keep_it_from_its_end() {
    let mut simulation = Simulation::new(spec(1, 1, 1));
    simulation.steps(2).unwrap();
    let key = crate::identity::ChildKey { kind: ChildKind::StatefulSet, name: "shop-cassandra-a".into() };
    simulation.world.objects.get_mut(&key).unwrap()["spec"]["replicas"] = json!(3);
    simulation.world.by_hand = true;
    simulation.step(&Fault { stale: true, ..Fault::default() }).unwrap();
    simulation.settle().unwrap();
}
