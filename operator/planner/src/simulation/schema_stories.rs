//! Stories in the model of the schema Job: it runs when nothing moves, restarts or differs in version, and
//! nothing begins while it runs. That each of them is kept is checked on every write of the operator.

use serde_json::{Value, json};

use super::Simulation;
use super::stories::{degraded, settled, spec};
use crate::identity::ChildKind;

fn with_image(mut spec: Value, image: &str) -> Value {
    spec["api"]["image"] = json!(image);
    spec
}

fn jobs(simulation: &Simulation) -> usize {
    simulation.world.of_kind(ChildKind::Job).filter(|job| job["status"].is_null()).count()
}

#[test]
fn one_edit_of_size_and_image_makes_the_tables_first_and_then_lets_the_node_in() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.set_spec(with_image(spec(4, 3, 3), "api:next"));
    while jobs(&simulation) == 0 {
        simulation.steps(1).unwrap();
        assert_eq!(simulation.world.pods.len(), 3);
    }
    while jobs(&simulation) > 0 {
        assert_eq!(simulation.world.pods.len(), 3, "nobody joins while it runs");
        simulation.steps(1).unwrap();
    }
    simulation.settle().unwrap();
}

#[test]
fn an_image_that_comes_in_the_midst_of_an_upgrade_waits_for_its_end() {
    let of = |version: &str| {
        let mut spec = spec(3, 3, 3);
        spec["cassandra"]["version"] = json!(version);
        spec
    };
    let mut simulation = Simulation::new(of("4.1"));
    simulation.settle().unwrap();
    simulation.world.set_spec(of("5.0"));
    let upgraded = |simulation: &Simulation| {
        let up = simulation.world.pods.values().filter(|pod| pod.stays_up());
        up.filter(|pod| pod.version() == "5.0").count()
    };
    while upgraded(&simulation) == 0 {
        simulation.steps(1).unwrap();
    }
    simulation.world.set_spec(with_image(of("5.0"), "api:next"));
    while upgraded(&simulation) < 3 {
        simulation.steps(1).unwrap();
        assert_eq!(jobs(&simulation), 0, "two versions are in the ring");
    }
    simulation.settle().unwrap();
}

#[test]
fn a_job_that_hangs_holds_other_work_up_for_five_minutes_and_is_told() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.hanging_jobs = true;
    simulation.world.set_spec(with_image(spec(4, 3, 3), "api:next"));
    simulation.steps(120).unwrap();
    assert_eq!(simulation.world.pods.len(), 3, "it is waited for");
    simulation.steps(120).unwrap();
    assert_eq!(simulation.world.pods.len(), 4, "but not for ever");
    assert!(degraded(&simulation).contains("MigrationPostponed"), "{}", degraded(&simulation));
    simulation.world.hanging_jobs = false;
    simulation.settle().unwrap();
}
