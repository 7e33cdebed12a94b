//! Stories in the model of what the status says: it is believed at three in the morning, so it neither flips in
//! an operation that goes as it should nor forgets since when something is wrong, and nothing waits for ever.

use serde_json::{Value, json};
use store_crds::{StoreClusterStatus, conditions};

use super::Simulation;
use super::operator::Fault;
use super::ring::Process;
use super::stories::{settled, spec};
use crate::decision::RingAction;
use crate::events::notes;

fn status(simulation: &Simulation) -> &StoreClusterStatus {
    simulation.world.store.as_ref().and_then(|store| store.status.as_ref()).unwrap()
}

fn told(simulation: &Simulation, kind: &str) -> String {
    let mut conditions = status(simulation).conditions.iter();
    let condition = conditions.find(|condition| condition.type_ == kind).unwrap();
    format!("{} {}: {}", condition.status, condition.reason, condition.message)
}

fn is(simulation: &Simulation, kind: &str, value: &str) -> bool {
    told(simulation, kind).starts_with(value)
}

fn with(mut spec: Value, part: &str, field: &str, value: Value) -> Value {
    spec[part][field] = value;
    spec
}

/// What was told while nothing was wrong.
#[derive(Default)]
struct Told {
    /// Each different text of Progressing.
    doing: Vec<String>,
    events: Vec<String>,
}

/// Runs until nothing is owed for the newest spec, and holds at every tick that the shop is told as good.
fn calmly(simulation: &mut Simulation, what: &str) -> Told {
    let mut all = Told::default();
    for _ in 0..400 {
        let before = status(simulation).clone();
        simulation.steps(1).unwrap();
        let notes = notes(&before, status(simulation), simulation.world.now);
        assert!(notes.iter().all(|note| !note.warning), "{what}: {notes:?}");
        all.events.extend(notes.into_iter().map(|note| format!("{} {}", note.reason, note.text)));
        let doing = &mut all.doing;
        for (kind, good) in
            [(conditions::AVAILABLE, "True"), (conditions::READY, "True"), (conditions::DEGRADED, "False")]
        {
            assert!(is(simulation, kind, good), "{what}: {kind} {}", told(simulation, kind));
        }
        let progressing = told(simulation, conditions::PROGRESSING);
        if doing.last() != Some(&progressing) {
            doing.push(progressing.clone());
        }
        let newest = simulation.world.store.as_ref().unwrap().metadata.generation;
        if status(simulation).observed_generation == newest && progressing.starts_with("False") {
            return all;
        }
    }
    panic!("{what} did not end: {:#?}", all.doing);
}

#[test]
fn planned_operations_leave_ready_true_and_degraded_false_all_the_way() {
    for chatter in [false, true] {
        let mut simulation = settled(3, 3, 3);
        simulation.world.chatter = chatter;
        let heap = |size| with(spec(size, 3, 3), "cassandra", "heap", json!("300Mi"));
        let upgraded = with(heap(3), "cassandra", "version", json!("5.0.6"));
        let mut more_copies = upgraded.clone();
        more_copies["keyspaces"].as_array_mut().unwrap().push(json!({"name": "reports", "replicationFactor": 1}));
        let mut all_copies = more_copies.clone();
        all_copies["keyspaces"][1]["replicationFactor"] = json!(3);
        let api = with(all_copies.clone(), "api", "image", json!("api:next"));
        for (what, spec) in [
            ("a rolling restart", heap(3)),
            ("a scale-up", heap(5)),
            ("a scale-down", heap(3)),
            ("an upgrade", upgraded),
            ("a keyspace more", more_copies),
            ("more copies", all_copies),
            ("an API of another version", api),
        ] {
            simulation.world.set_spec(spec);
            calmly(&mut simulation, what);
        }
    }
}

#[test]
fn a_roll_out_is_told_as_one_from_beginning_to_end_with_its_cause_and_generation() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.set_spec(with(spec(3, 3, 3), "cassandra", "heap", json!("300Mi")));
    let Told { doing, events } = calmly(&mut simulation, "a rolling restart");
    let (first, rest) = doing.split_first().unwrap();
    assert!(first.starts_with("True SpecAccepted"), "{doing:#?}");
    let tries = |told: &&String| told.starts_with("True CheckingConfiguration: ");
    for told in rest.iter().skip_while(tries).filter(|told| told.starts_with("True")) {
        assert!(told.starts_with("True RollingOut: "), "{doing:#?}");
        assert!(told.contains("spec.cassandra.heap changed (generation 2)"), "{told}");
        assert!(told.contains("told as Degraded at "), "{told}");
    }
    assert!(status(&simulation).changes.is_empty(), "nothing of the change is left to be done");
    assert_eq!(events.len(), 6, "{events:#?}");
    for (pod, pair) in ["a-0", "b-0", "c-0"].iter().zip(events.chunks(2)) {
        let replaced = format!("shop-cassandra-{pod} is replaced");
        let started = format!("RolloutStarted {replaced}, since spec.cassandra.heap changed (generation 2)");
        assert_eq!(pair[0], started);
        let ended = pair[1].strip_prefix(&format!("RolloutEnded {replaced}, since ")).unwrap_or_default();
        assert!(ended.contains("changed (generation ") && ended.contains("): done after "), "{events:#?}");
    }
}

#[test]
fn a_fresh_shop_is_not_ready_before_it_serves() {
    let mut simulation = Simulation::new(spec(3, 3, 3));
    for _ in 0..200 {
        simulation.steps(1).unwrap();
        let ready = is(&simulation, conditions::READY, "True");
        let members = simulation.world.ring.members.len();
        assert!(!ready || members == 3 && is(&simulation, conditions::AVAILABLE, "True"), "{members} members");
        assert!(is(&simulation, conditions::DEGRADED, "False"), "{}", told(&simulation, conditions::DEGRADED));
        if ready {
            return;
        }
    }
    panic!("{}", told(&simulation, conditions::READY));
}

#[test]
fn a_shop_is_available_while_a_quorum_is_up_and_not_while_it_is_not() {
    let mut simulation = settled(3, 3, 3);
    let mut kill = |pod: &str| {
        simulation.world.pods.get_mut(pod).unwrap().process = Process::Down(1000);
        simulation.steps(20).unwrap();
        (told(&simulation, conditions::AVAILABLE), told(&simulation, conditions::READY))
    };
    let (available, ready) = kill("shop-cassandra-a-0");
    assert!(available.starts_with("True"), "{available}");
    assert!(ready.starts_with("False NodesNotReady"), "{ready}");
    let (available, _) = kill("shop-cassandra-b-0");
    assert!(available.starts_with("False QuorumLost: a quorum of the 3 copies"), "{available}");
    assert!(available.contains("shop-cassandra-a-0 is down"), "{available}");
}

#[test]
fn without_an_api_pod_that_is_wanted_the_shop_is_as_wanted_and_serves_nobody() {
    let mut simulation = Simulation::new(with(spec(1, 1, 1), "api", "replicas", json!(0)));
    simulation.steps(100).unwrap();
    assert!(is(&simulation, conditions::READY, "True"), "{}", told(&simulation, conditions::READY));
    let available = told(&simulation, conditions::AVAILABLE);
    assert!(available.starts_with("False ApiScaledToZero: spec.api.replicas is 0"), "{available}");
}

#[test]
fn the_one_copy_that_is_restarted_is_told_as_an_interruption_of_the_service_and_not_as_trouble() {
    let mut simulation = settled(1, 1, 1);
    simulation.world.set_spec(with(spec(1, 1, 1), "cassandra", "heap", json!("300Mi")));
    let mut lost = false;
    for _ in 0..40 {
        simulation.steps(1).unwrap();
        lost |= is(&simulation, conditions::AVAILABLE, "False QuorumLost");
        assert!(is(&simulation, conditions::DEGRADED, "False"), "{}", told(&simulation, conditions::DEGRADED));
        assert_eq!(is(&simulation, conditions::AVAILABLE, "True"), is(&simulation, conditions::READY, "True"));
    }
    assert!(lost && is(&simulation, conditions::READY, "True"));
}

#[test]
fn several_faults_are_all_listed_the_worst_first_each_with_its_own_since() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.failing_jobs = 1;
    simulation.world.set_spec(with(spec(3, 3, 3), "api", "image", json!("api:next")));
    simulation.steps(8).unwrap();
    let first = status(&simulation).faults.clone();
    assert_eq!(first.iter().map(|fault| fault.reason.as_str()).collect::<Vec<_>>(), ["MigrationFailed"]);
    for pod in ["shop-cassandra-b-0", "shop-cassandra-c-0"] {
        simulation.world.pods.get_mut(pod).unwrap().process = Process::Down(1000);
    }
    simulation.steps(15).unwrap();
    let faults = &status(&simulation).faults;
    let listed: Vec<(&str, Option<&str>)> =
        faults.iter().map(|fault| (fault.reason.as_str(), fault.object.as_deref())).collect();
    let expected =
        [("NodeDown", Some("shop-cassandra-b-0")), ("NodeDown", Some("shop-cassandra-c-0")), ("MigrationFailed", None)];
    assert_eq!(listed, expected);
    assert_eq!(faults[2].since, first[0].since, "it is the same fault all the time");
    assert!(faults[0].since.0 > first[0].since.0);
    assert_eq!(status(&simulation).summary.degraded, "NodeDown +2");
    assert_eq!(status(&simulation).summary.since.as_ref(), Some(&faults[0].since));
    let degraded = told(&simulation, conditions::DEGRADED);
    assert!(degraded.starts_with("True NodeDown: shop-cassandra-b-0 is down"), "{degraded}");
    assert!(
        degraded.contains("Besides: NodeDown: shop-cassandra-c-0") && degraded.contains("MigrationFailed: "),
        "{degraded}"
    );
}

#[test]
fn what_is_waited_for_becomes_a_fault_at_the_time_that_was_told() {
    let mut simulation = settled(3, 3, 3);
    let mut more = spec(3, 3, 3);
    more["keyspaces"].as_array_mut().unwrap().push(json!({"name": "reports", "replicationFactor": 3}));
    simulation.world.set_spec(more);
    let of = |simulation: &Simulation| {
        status(simulation).waits.iter().find(|wait| wait.reason == "SchemaDisagreement").cloned()
    };
    // one node does not hear of the new keyspace
    while of(&simulation).is_none() {
        simulation.step(&Fault { lag: 250, ..Fault::default() }).unwrap();
    }
    let wait = of(&simulation).unwrap();
    let progressing = told(&simulation, conditions::PROGRESSING);
    assert!(progressing.contains(&format!("told as Degraded at {}", crate::time::told(wait.until.0))), "{progressing}");
    while simulation.world.now <= wait.until.0 {
        assert!(is(&simulation, conditions::DEGRADED, "False"), "{}", told(&simulation, conditions::DEGRADED));
        simulation.steps(1).unwrap();
    }
    simulation.steps(1).unwrap();
    let degraded = told(&simulation, conditions::DEGRADED);
    assert!(
        degraded.starts_with("True SchemaDisagreement") && degraded.contains("nodetool describecluster"),
        "{degraded}"
    );
    assert_eq!(status(&simulation).faults[0].since, wait.since, "since it was waited for");
    simulation.settle().unwrap();
}

#[test]
fn a_pod_that_is_not_made_again_is_a_fault_after_a_minute() {
    let mut simulation = settled(3, 3, 3);
    simulation.world.pods_refused = true;
    simulation.world.pods.remove("shop-cassandra-a-0");
    simulation.steps(29).unwrap();
    assert!(is(&simulation, conditions::DEGRADED, "False"));
    simulation.steps(4).unwrap();
    let degraded = told(&simulation, conditions::DEGRADED);
    assert!(degraded.starts_with("True PodMissing: shop-cassandra-a-0 is to be started"), "{degraded}");
    simulation.world.pods_refused = false;
    simulation.settle().unwrap();
}

#[test]
fn a_node_that_was_taken_away_in_order_is_stopping_and_then_starting() {
    let mut simulation = settled(3, 3, 3);
    let now = simulation.world.now;
    let pod = simulation.world.pods.get_mut("shop-cassandra-a-0").unwrap();
    pod.seen.deleting = true;
    pod.seen.deleting_since = Some(now);
    pod.seen.disrupted = Some("it was evicted, as by a drain of its machine".into());
    simulation.steps(2).unwrap();
    let progressing = told(&simulation, conditions::PROGRESSING);
    let stopping = "True NodeStopping: shop-cassandra-a-0 is stopping: its pod is being deleted since";
    assert!(progressing.starts_with(stopping) && progressing.contains("it was evicted"), "{progressing}");
    assert_eq!(status(&simulation).summary.nodes, "2/3", "it goes, although it still answers");
    simulation.world.pods.remove("shop-cassandra-a-0");
    simulation.steps(2).unwrap();
    let progressing = told(&simulation, conditions::PROGRESSING);
    assert!(
        progressing.starts_with("True NodeStarting: shop-cassandra-a-0 is starting: Cassandra does not"),
        "{progressing}"
    );
    assert!(is(&simulation, conditions::READY, "True") && is(&simulation, conditions::DEGRADED, "False"));
    simulation.settle().unwrap();
}

#[test]
fn a_node_whose_machine_has_no_power_is_told_so_and_not_as_a_pod_that_is_deleted() {
    let mut simulation = settled(3, 3, 3);
    let now = simulation.world.now;
    let pod = simulation.world.pods.get_mut("shop-cassandra-a-0").unwrap();
    pod.process = Process::Down(1000);
    (pod.seen.node, pod.seen.machine_silent_since) = (Some("machine-1".into()), Some(now));
    (pod.seen.deleting, pod.seen.deleting_since) = (true, Some(now));
    simulation.steps(15).unwrap();
    let degraded = told(&simulation, conditions::DEGRADED);
    let expected = "True NodeDown: shop-cassandra-a-0 is down: its machine machine-1 does not answer since ";
    assert!(degraded.starts_with(expected), "{degraded}");
}

#[test]
fn a_volume_that_waits_to_be_read_is_not_told_as_a_keyspace_that_does_not_exist() {
    let mut simulation = settled(3, 3, 3);
    let status_before = status(&simulation).clone();
    simulation.world.store.as_mut().unwrap().status = None;
    simulation.step(&Fault { silent: 0xff, ..Fault::default() }).unwrap();
    let synced = told(&simulation, conditions::REPLICATION_SYNCED);
    assert!(synced.starts_with("False NotReadYet: keyspace store_manager was not read yet"), "{synced}");
    assert!(status(&simulation).keyspaces.iter().all(|keyspace| keyspace.repair.is_none()), "{status_before:?}");
    simulation.settle().unwrap();
}

#[test]
fn how_far_a_long_operation_is_costs_a_write_every_ten_seconds_at_most() {
    let mut simulation = settled(3, 1, 1);
    simulation.world.set_spec(spec(3, 1, 2));
    let repairs = |simulation: &Simulation| {
        simulation.operator.last.as_ref().is_some_and(|plan| matches!(plan.ring, Some(RingAction::Repair { .. })))
    };
    while !repairs(&simulation) {
        simulation.steps(1).unwrap();
    }
    let operation = status(&simulation).operation.clone().unwrap();
    assert!(
        operation.cause.as_deref().is_some_and(|cause| cause.contains("spec.keyspaces[store_manager]")),
        "{operation:?}"
    );
    simulation.settle().unwrap();
}

/// What a column shows, by its path as kubectl reads it: fields, and elements of a list by their type.
fn column(object: &Value, path: &str) -> Option<String> {
    let mut at = object;
    let parts = path.replace("[?(@.type=='", ".?").replace("')]", "");
    for part in parts.trim_start_matches('.').split('.') {
        at = match part.strip_prefix('?') {
            Some(kind) => at.as_array()?.iter().find(|element| element["type"] == kind)?,
            None => at.get(part)?,
        };
    }
    at.as_str().map(str::to_owned)
}

/// The columns of `kubectl get`, without the age.
fn columns(simulation: &Simulation) -> Vec<(String, String)> {
    let crd = store_crds::crd();
    let columns = crd.spec.versions[0].additional_printer_columns.clone().unwrap();
    let object = serde_json::to_value(simulation.world.store.as_ref().unwrap()).unwrap();
    let shown = columns.iter().filter(|column| column.name != "Age").map(|one| {
        let value = column(&object, &one.json_path);
        (one.name.clone(), value.unwrap_or_else(|| panic!("{} shows nothing: {}", one.name, one.json_path)))
    });
    shown.collect()
}

#[test]
fn the_columns_of_kubectl_get_show_what_is_wrong_and_since_when() {
    let mut simulation = settled(3, 3, 3);
    let values = |simulation: &Simulation| -> Vec<String> {
        columns(simulation)
            .into_iter()
            .filter(|(name, _)| name != "Since" && name != "Message")
            .map(|(_, value)| value)
            .collect()
    };
    assert_eq!(values(&simulation), ["3/3", "3", "1/1", "True", "True", "No", "Settled"]);
    simulation.world.pods.get_mut("shop-cassandra-b-0").unwrap().process = Process::Down(1000);
    simulation.steps(20).unwrap();
    assert_eq!(values(&simulation), ["2/3", "3", "1/1", "True", "False", "NodeDown", "NodeDown"]);
    let columns = columns(&simulation);
    let shown = |name: &str| columns.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap();
    assert_eq!(shown("Since"), status(&simulation).nodes[1].away_since.as_ref().unwrap().0.to_string());
    assert!(shown("Message").starts_with("shop-cassandra-b-0 is down"), "{}", shown("Message"));
}
