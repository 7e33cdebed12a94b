//! Random walks: a store through changes of its spec and faults, and in the end a good spec that settles.

use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Value, json};
use store_crds::CarriedOut;

use super::reached::Reached;
use super::ring::Process;
use super::secrets::Harm;
use super::tier::BROKEN_API;
use super::world::{BAD_OPTION, MISSING_IMAGE, NO_CLASS, NO_ZONE, REFUSED_OPTION, World};
use super::{Simulation, Story, racks};
use crate::identity::ChildKind;
use crate::observation::SecretPurpose;

/// Walks of a run where nobody asks for another number.
const WALKS: u32 = 64;

/// What the user or the world does between two ticks.
#[derive(Clone, Debug)]
pub enum Event {
    Spec(Value),
    /// A process dies, or its machine is cut off for so many ticks.
    Kill(usize, u32),
    DeletePod(usize),
    /// Somebody drains its machine: the pod is evicted, if the budget lets it.
    Evict(usize),
    /// A process answers nobody for so many ticks, and goes on then.
    Pause(usize, u32),
    /// Somebody sets a StatefulSet's replicas.
    HandEdit(usize, i64),
    /// Faults tick after tick, by a seed.
    Weather(u64, usize),
    Pass(usize),
    /// Disks get full, or have room again.
    Full(bool),
    /// The StorageClass no longer allows growth, or allows it again.
    Growable(bool),
    /// So many streams break, one after another.
    FailStreams(u32),
    /// So many repairs fail.
    FailRepairs(u32),
    /// The next schema Job fails.
    FailJob,
    /// A member's volume is lost.
    LoseVolume(usize),
    /// A member is away for longer than the others keep its writes.
    LongAway(usize),
    /// Writes of a kind, by its number, are refused for so many ticks.
    Refuse(usize, u32),
    /// Somebody makes an object under one of the shop's names, by number, perhaps with its label.
    Foreign(usize, bool),
    /// No pod can be made for so many ticks.
    Unmakable(u32),
    /// Somebody does this to a Secret of the store.
    Secret(SecretPurpose, Harm),
}

/// Kinds that somebody may refuse to let the operator write.
const REFUSABLE: [ChildKind; 11] = [
    ChildKind::Ingress,
    ChildKind::Deployment,
    ChildKind::Job,
    ChildKind::PodDisruptionBudget,
    ChildKind::NetworkPolicy,
    ChildKind::Service,
    ChildKind::ConfigMap,
    ChildKind::Secret,
    ChildKind::StatefulSet,
    ChildKind::PersistentVolumeClaim,
    ChildKind::Pod,
];
/// Names that may be somebody else's.
const NAMES: [(ChildKind, &str); 6] = [
    (ChildKind::Service, "shop-api"),
    (ChildKind::Service, "shop-cassandra"),
    (ChildKind::ConfigMap, "shop-cassandra"),
    (ChildKind::Deployment, "shop-api"),
    (ChildKind::StatefulSet, "shop-cassandra-b"),
    (ChildKind::Ingress, "shop-api"),
];

/// What a configuration may have that no node comes up with.
fn bad() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        16 => Just(None),
        3 => Just(Some(BAD_OPTION)),
        1 => Just(Some(REFUSED_OPTION)),
        1 => Just(Some(MISSING_IMAGE)),
    ]
}

prop_compose! {
    pub fn spec()(
        rack_count in 1usize..=3, extra in 0i32..=2, factor in 1i32..=3, second in prop::option::of(1i32..=3),
        heap in 0u32..=1, bad in bad(), policy in prop::bool::ANY, unavailable in prop::bool::ANY,
        version in prop_oneof![Just("4.1"), Just("5.0")],
        storage in prop_oneof![8 => Just("1Gi"), 8 => Just("2Gi"), 1 => Just("100Ti")],
        lost in prop::option::weighted(0.1, 0usize..3), no_class in prop::bool::weighted(0.05),
        image in prop_oneof![4 => Just("api:0"), 4 => Just("api:1"), 1 => Just(BROKEN_API)], on_second in prop::bool::ANY,
    ) -> Value {
        let size = i32::try_from(rack_count).unwrap() + extra;
        let mut keyspaces = vec![json!({"name": "store_manager", "replicationFactor": factor.min(size)})];
        if let Some(second) = second {
            keyspaces.push(json!({"name": "reports", "replicationFactor": second.min(size)}));
        }
        let keyspace = if on_second && second.is_some() { "reports" } else { "store_manager" };
        let (options, cassandra) = match bad {
            Some(MISSING_IMAGE) => (Vec::new(), Some(MISSING_IMAGE)),
            option => (option.into_iter().collect(), None),
        };
        let mut racks = racks(rack_count);
        if let Some(rack) = lost.and_then(|lost| racks.get_mut(lost)) {
            rack["zone"] = json!(NO_ZONE);
        }
        let mut of_volumes = json!({"size": storage});
        if no_class {
            of_volumes["className"] = json!(NO_CLASS);
        }
        json!({
            "cassandra": {
                "version": version, "size": size, "racks": racks, "heap": format!("{}Mi", 256 + heap),
                "jvmOptions": options, "image": cassandra,
                "storage": of_volumes,
                "deletionPolicy": if policy { "Delete" } else { "Retain" },
                "updateStrategy": {"allowUnavailable": unavailable},
            },
            "keyspaces": keyspaces,
            "api": {"image": image, "keyspace": keyspace},
        })
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => spec().prop_map(Event::Spec),
        1 => (0usize..6, 1u32..40).prop_map(|(node, ticks)| Event::Kill(node, ticks)),
        1 => (0usize..6).prop_map(Event::DeletePod),
        2 => (0usize..6).prop_map(Event::Evict),
        1 => (0usize..6, 1u32..40).prop_map(|(node, ticks)| Event::Pause(node, ticks)),
        1 => (0usize..3, 0i64..5).prop_map(|(rack, replicas)| Event::HandEdit(rack, replicas)),
        6 => (any::<u64>().no_shrink(), 1usize..40).prop_map(|(seed, ticks)| Event::Weather(seed, ticks)),
        1 => prop::bool::ANY.prop_map(Event::Full),
        1 => prop::bool::ANY.prop_map(Event::Growable),
        1 => (1u32..5).prop_map(Event::FailStreams),
        1 => (1u32..8).prop_map(Event::FailRepairs),
        1 => Just(Event::FailJob),
        1 => (0usize..6).prop_map(Event::LoseVolume),
        1 => (0usize..6).prop_map(Event::LongAway),
        2 => (0usize..REFUSABLE.len(), 1u32..60).prop_map(|(kind, ticks)| Event::Refuse(kind, ticks)),
        1 => (0usize..NAMES.len(), prop::bool::ANY).prop_map(|(name, labelled)| Event::Foreign(name, labelled)),
        1 => (1u32..40).prop_map(Event::Unmakable),
        2 => (secret(), harm()).prop_map(|(purpose, harm)| Event::Secret(purpose, harm)),
        4 => (1usize..30).prop_map(Event::Pass),
    ]
}

fn secret() -> impl Strategy<Value = SecretPurpose> {
    use SecretPurpose::{Api, ApiTokens, CursorKey, Jolokia, Schema, Superuser};
    prop::sample::select(vec![Superuser, Jolokia, Schema, Api, CursorKey, ApiTokens])
}

fn harm() -> impl Strategy<Value = Harm> {
    prop::sample::select(vec![Harm::Delete, Harm::Edit, Harm::DropKey, Harm::Unlabel, Harm::PutBack])
}

/// What the API server allows: rules about changes hold for it too.
pub fn allowed(world: &World, spec: &Value) -> bool {
    let Some(store) = &world.store else { return true };
    let new = serde_json::from_value(spec.clone()).unwrap();
    // before the operator has looked at it nothing was carried out
    let carried_out = store.status.clone().map_or(Some(CarriedOut::default()), |status| status.carried_out);
    let change = store_crds::validate_change(&store.spec, &new, carried_out.as_ref());
    store_crds::validate("shop", &new).is_empty() && change.is_empty()
}

fn happen(simulation: &mut Simulation, event: Event) -> Result<(), Story> {
    simulation.history.push(format!("{event:?}"));
    let world = &mut simulation.world;
    let nth = |world: &World, number: usize| {
        let count = world.pods.len().max(1);
        world.pods.keys().nth(number % count).cloned()
    };
    match event {
        Event::Spec(spec) if allowed(world, &spec) => world.set_spec(spec),
        Event::Spec(_) => {}
        Event::Kill(number, ticks) => {
            if let Some(pod) = nth(world, number).and_then(|name| world.pods.get_mut(&name)) {
                pod.process = Process::Down(ticks);
            }
        }
        Event::DeletePod(number) => {
            if let Some(name) = nth(world, number) {
                world.terminate(&name);
            }
        }
        Event::Evict(number) => {
            if let Some(name) = nth(world, number).filter(|_| world.may_evict()) {
                world.terminate(&name);
            }
        }
        Event::Pause(number, ticks) => {
            if let Some(name) = nth(world, number) {
                world.pause(&name, ticks);
            }
        }
        Event::HandEdit(number, replicas) => {
            let mut sets = world.objects.iter_mut().filter(|(key, _)| key.kind == ChildKind::StatefulSet);
            if let Some((_, set)) = sets.nth(number) {
                set["spec"]["replicas"] = json!(replicas);
                world.version += 1;
                world.by_hand = true;
            }
        }
        Event::Weather(seed, ticks) => return simulation.weather(seed, ticks),
        Event::Full(full) => world.full = full,
        Event::Growable(growable) => world.set_growable(growable),
        Event::FailStreams(streams) => world.failing_streams = streams,
        Event::FailRepairs(repairs) => world.failing_repairs = repairs,
        Event::FailJob => world.failing_jobs = 1,
        Event::LoseVolume(number) => {
            let name = nth(world, number);
            let is_member = |name: &String| matches!(world.pods[name].process, Process::Normal(_));
            // of two, the last copy may be lost; and a second loss is for when the first is over
            let may = world.gone.is_empty() && world.live_members() > 2;
            if let Some(name) = name.filter(is_member).filter(|_| may) {
                world.lose_volume(&name);
            }
        }
        Event::LongAway(number) => {
            if let Some(pod) = nth(world, number).and_then(|name| world.pods.get_mut(&name)) {
                pod.process = Process::Down(12);
            }
            simulation.steps(5)?;
            simulation.world.jump(4);
            return simulation.steps(2);
        }
        Event::Refuse(kind, ticks) => drop(world.refusing.insert(REFUSABLE[kind], ticks)),
        Event::Foreign(number, labelled) => {
            let (kind, name) = NAMES[number];
            world.make_foreign(kind, name, labelled);
        }
        Event::Unmakable(ticks) => world.unmakable = ticks,
        // a node that starts with a password that is taken back before it answered once is nobody's to ask
        Event::Secret(SecretPurpose::Jolokia, Harm::Edit) => {}
        Event::Secret(purpose, harm) => world.harm(purpose, harm),
        Event::Pass(ticks) => return simulation.steps(ticks),
    }
    Ok(())
}

/// The seed of whoever wants the same worlds on each run, but for a `PROPTEST_RNG_SEED`.
const SEED: &str = "STORE_WALKS_SEED";

/// What is explored: other worlds on every run, but where `STORE_WALKS_SEED` says which. `PROPTEST_RNG_SEED` with the seed
/// that a run told explores its worlds again, `PROPTEST_CASES` more of them, or fewer.
pub fn explored() -> ProptestConfig {
    let asked = ProptestConfig::default();
    let rng_seed = match asked.rng_seed {
        RngSeed::Random => {
            let known = std::env::var(SEED).ok().map(|seed| seed.parse().unwrap());
            RngSeed::Fixed(known.unwrap_or_else(|| rand::random_range(0..1_000_000_000)))
        }
        fixed => fixed,
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { WALKS };
    ProptestConfig { cases, rng_seed, max_shrink_iters: 400, failure_persistence: None, ..asked }
}

/// The seed as it is given again.
fn seed(config: &ProptestConfig) -> String {
    match config.rng_seed {
        RngSeed::Fixed(seed) => format!("PROPTEST_RNG_SEED={seed}"),
        RngSeed::Random => "a random seed".to_owned(),
    }
}

/// The spec without what no shop can settle with. Whatever was carried out, the rules must allow that.
pub fn mended(spec: &Value) -> Value {
    let mut good = spec.clone();
    good["cassandra"]["jvmOptions"] = json!([]);
    good["cassandra"]["image"] = Value::Null;
    good["cassandra"]["updateStrategy"] = json!({"allowUnavailable": true});
    if good["api"]["image"] == BROKEN_API {
        good["api"]["image"] = json!("api:1");
    }
    let storage = good["cassandra"]["storage"].as_object_mut().unwrap();
    storage.retain(|name, value| name != "className" || value != NO_CLASS);
    if storage["size"] == "100Ti" {
        storage["size"] = json!("2Gi");
    }
    for rack in good["cassandra"]["racks"].as_array_mut().unwrap() {
        rack.as_object_mut().unwrap().retain(|name, value| name != "zone" || value != NO_ZONE);
    }
    good
}

/// Whoever wrote the last spec before the operator could tell of what was carried out does what Degraded asks for: a
/// rack whose first node started meanwhile comes back, volumes have the size and class that they have, and a version that a
/// node has run is not gone back behind.
fn write_what_is_asked(simulation: &mut Simulation) {
    let Some(store) = simulation.world.store.as_ref() else { return };
    let status = store.status.clone().unwrap_or_default();
    let told = |reason: &str| status.faults.iter().any(|fault| fault.reason == reason);
    if !told("RackInUse") && !told("SpecRefused") {
        return;
    }
    let carried_out = status.carried_out.clone().unwrap_or_default();
    let mut spec = serde_json::to_value(&store.spec).unwrap();
    let racks = spec["cassandra"]["racks"].as_array_mut().unwrap();
    for rack in carried_out.racks {
        let started = json!({"name": rack.name, "zone": rack.zone});
        match racks.iter_mut().find(|known| known["name"] == rack.name.as_str()) {
            Some(known) => *known = started,
            None => racks.push(started),
        }
    }
    let racks = racks.len() as u64;
    spec["cassandra"]["size"] = json!(spec["cassandra"]["size"].as_u64().unwrap_or(0).max(racks));
    if let Some(storage) = carried_out.storage.filter(|_| told("SpecRefused")) {
        spec["cassandra"]["storage"] = json!({"size": storage.size, "className": storage.class_name});
    }
    // it may have been put back before the operator could tell that a node has run a newer one
    if let Some(version) = carried_out.version.filter(|_| told("SpecRefused")) {
        spec["cassandra"]["version"] = json!(version);
    }
    assert!(allowed(&simulation.world, &spec), "the rules refuse what Degraded asks for: {spec}");
    simulation.world.set_spec(spec);
}

/// A keyspace that is taken off the spec keeps its copies, and with them the nodes it needs: so that
/// the last size can be reached, the last spec names it.
fn keep_reports(spec: &mut Value) {
    let keyspaces = spec["keyspaces"].as_array_mut().unwrap();
    if keyspaces.iter().all(|keyspace| keyspace["name"] != "reports") {
        keyspaces.push(json!({"name": "reports", "replicationFactor": 1}));
    }
}

/// One walk: its events, then a good spec, and everything settles.
pub fn walk(
    (first, events, last, chatter, end): (Value, Vec<Event>, Value, bool, u64),
    reached: &Mutex<Reached>,
) -> Result<(), TestCaseError> {
    let mut simulation = Simulation::new(first);
    simulation.world.chatter = chatter;
    simulation.obeyed = true;
    for event in events {
        happen(&mut simulation, event)?;
    }
    let current = || serde_json::to_value(&simulation.world.store.as_ref().unwrap().spec).unwrap();
    let mut good = mended(&if allowed(&simulation.world, &last) { last } else { current() });
    keep_reports(&mut good);
    prop_assert!(allowed(&simulation.world, &good), "no spec leads out of {:?}", simulation.world.store);
    simulation.world.set_spec(good);
    simulation.world.full = false;
    simulation.world.put_secrets_back();
    simulation.world.failing_streams = 0;
    simulation.world.failing_repairs = 0;
    simulation.world.set_growable(true);
    simulation.world.drop_foreign();
    simulation.weather(end, 30)?;
    simulation.steps(30)?;
    write_what_is_asked(&mut simulation);
    simulation.settle()?;
    let before = simulation.world.objects.clone();
    simulation.steps(5)?;
    prop_assert!(simulation.operator.writes.is_empty() && before == simulation.world.objects);
    reached.lock().unwrap().add(&simulation.reached);
    Ok(())
}

#[test]
fn a_store_is_safe_through_all_changes_and_faults_and_settles_as_wanted() {
    let config = explored();
    let told = seed(&config);
    let walks = (spec(), prop::collection::vec(event(), 1..16), spec(), prop::bool::ANY, any::<u64>().no_shrink());
    let reached = Mutex::new(Reached::default());
    let result = TestRunner::new(config).run(&walks, |of| walk(of, &reached));
    reached.lock().unwrap().tell(&told);
    if let Err(error) = result {
        panic!("{told}: {error}");
    }
}
