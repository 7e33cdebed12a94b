//! Named stories in the model: what operators of Cassandra are known to get wrong.

use serde_json::{Value, json};

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;

fn spec(size: i32, racks: usize, factor: i32) -> Value {
    json!({
        "cassandra": {"size": size, "racks": super::racks(racks)},
        "keyspaces": [{"name": "store_manager", "replicationFactor": factor}],
    })
}

fn settled(size: i32, racks: usize, factor: i32) -> Simulation {
    let mut simulation = Simulation::new(spec(size, racks, factor));
    simulation.settle().unwrap();
    simulation
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
