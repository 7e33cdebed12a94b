//! The operator in the model: a pass as the driver makes it, write by write, so that it can be cut
//! off between any two; and the faults of what it sees.

mod commit;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use store_crds::{CarriedOut, StoreCluster, StoreClusterStatus};

use super::secrets;
use super::tasks::Tasks;
use super::views::cql;
use super::world::World;
use crate::children::Children;
use crate::decision::{Plan, Shape};
use crate::desired::Desired;
use crate::effects::{self, Course, Effect};
use crate::identity::{ChildKey, Uid};
use crate::logins::Logins;
use crate::observation::{
    Cause, CheckObservation, CqlAnswer, EvictionRefused, IssuerAnswer, NodeAnswer, Observation, PodObservation,
    SecretPurpose, StoreIdentity,
};
use crate::ownership;
use crate::plan::plan;
use crate::refusals::Refusals;
use crate::resources::{self, Child, Write};
use crate::secrets::Judged;
use crate::settings::{Settings, UserIds};
use crate::status;
use crate::unmade;

/// What goes wrong in one pass.
#[derive(Clone, Default, PartialEq)]
pub struct Fault {
    /// The operator dies after so many writes, and starts again on the next tick; after none: also
    /// where there was nothing to write.
    pub crash_after: Option<usize>,
    /// Pods, by position, whose answers are lost; the last bit is CQL.
    pub silent: u8,
    /// Objects and pods are seen as they were on the last pass.
    pub stale: bool,
    /// A node hears of a change of the schema only after so many ticks.
    pub lag: u32,
    /// The answer to an ALTER is lost, and Cassandra carries it out a while later.
    pub late: bool,
}

impl std::fmt::Debug for Fault {
    /// Only what is wrong.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = [
            self.crash_after.map(|writes| format!("dies after {writes} writes")),
            (self.silent != 0)
                .then(|| format!("silent pods {:07b}", self.silent & 0x7f))
                .filter(|_| self.silent & 0x7f != 0),
            (self.silent >> 7 == 1).then(|| "no CQL".to_owned()),
            self.stale.then(|| "stale cache".to_owned()),
            (self.lag > 0).then(|| format!("schema lags {}", self.lag)),
            self.late.then(|| "ALTER late".to_owned()),
        ];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// What the cache of the operator holds.
#[derive(Clone, Default)]
struct Cache {
    /// Of the objects.
    version: Option<u64>,
    /// All that bear the store's label.
    labelled: BTreeMap<ChildKey, Value>,
    /// The UID of the store, those of them that are its own, and what decisions need of these.
    own: Option<(Uid, BTreeMap<ChildKey, Value>, Children)>,
    pods: BTreeMap<String, PodObservation>,
    checks: BTreeMap<String, CheckObservation>,
}

#[derive(Default)]
pub struct Operator {
    pub tasks: Tasks,
    cache: Cache,
    /// What the record of log-ins held when it was last there.
    remembered: Logins,
    /// Writes of the last pass that was not cut off.
    pub writes: Vec<String>,
    pub last: Option<Plan>,
    /// The eviction that was refused last.
    refused: Option<EvictionRefused>,
    /// What the spec of this generation, with this one accepted before, was read as.
    read: Option<(Read, Desired)>,
    /// What was rendered last, of which spec and shape.
    rendered: Option<(Desired, Shape, Vec<Child>)>,
    /// It needs no write of the objects of this version.
    quiet: Option<u64>,
    /// What a pass saw is kept here, if somebody asks for it.
    pub seen: Option<Observation>,
    pub keeps: bool,
    /// What was refused, and of which store.
    refusals: (String, Refusals),
}

/// What the reading of a spec goes by.
#[derive(PartialEq)]
struct Read {
    generation: Option<i64>,
    accepted: Option<String>,
    carried_out: Option<CarriedOut>,
}

/// Why an effect was not made.
enum Failure {
    /// Its precondition does not hold any more.
    Race,
    Refused(Cause, String),
}

/// Cassandra did not do it, or did not say so.
fn failed() -> Failure {
    Failure::Refused(Cause::Failed, "no answer".into())
}

enum Step {
    Status(Box<StoreClusterStatus>),
    Effect(Effect),
    Finalizer(bool),
}

pub fn settings() -> Settings {
    Settings {
        user_ids: UserIds::Fixed,
        operator_image: "operator:1".into(),
        api_image: "api:1".into(),
        cassandra_repository: "cassandra".into(),
        operator_namespace: "store-system".into(),
        operator_pod_labels: [("app".to_owned(), "operator".to_owned())].into(),
        metrics_namespaces: Vec::new(),
        telemetry: None,
    }
}

impl Operator {
    /// One pass.
    pub fn pass(&mut self, world: &mut World, fault: &Fault) {
        self.writes.clear();
        if !fault.stale {
            if self.cache.version != Some(world.version) {
                self.cache.labelled = world.labelled();
                self.cache.own = None;
                self.cache.version = Some(world.version);
            }
            self.cache.pods = seen_pods(world);
            self.cache.checks = world.checks.iter().map(|(name, check)| (name.clone(), check.seen.clone())).collect();
        }
        let Some(store) = world.store.clone() else { return };
        if self.refusals.0 != uid(&store) {
            self.refusals = (uid(&store).to_owned(), Refusals::default());
        }
        let mut cache = std::mem::take(&mut self.cache);
        let (_, own, children) = cache.own.take().filter(|(of, ..)| of.as_str() == uid(&store)).unwrap_or_else(|| {
            let own = ownership::ours(&identity(&store), cache.labelled.clone());
            let children = Children::read(&own);
            (identity(&store).uid, own, children)
        });
        let version = cache.version;
        let accepted = crate::accepted::accepted_spec(&own, "shop", uid(&store));
        let desired = self.read(&store, accepted.as_deref());
        let judged = secrets::judged(world, &desired, &self.remembered);
        if !judged.kept.is_empty() {
            self.remembered.clone_from(&judged.kept);
        }
        let observation = self.observe(world, &desired, (&cache, children), &judged, fault.silent);

        self.seen = self.keeps.then(|| observation.clone());
        let plan = plan(&desired, &observation, &settings());
        let writes = self.diff(&desired, &plan.shape, &own, version);
        let plan = plan.with_writes(&writes);
        let after = status::status(&desired, &observation, &plan);
        let mut steps = Vec::new();
        if plan.finalizer == Some(true) {
            steps.push(Step::Finalizer(true));
        }
        if observation.status != after {
            steps.push(Step::Status(Box::new(after)));
        }
        steps.extend(effects::in_order(&desired, &plan, writes).into_iter().map(Step::Effect));
        if plan.finalizer == Some(false) {
            steps.push(Step::Finalizer(false));
        }
        let mut ended = fault.crash_after != Some(0);
        if !ended {
            self.crash();
            steps.clear();
        }
        let (mut course, mut wanted) = (Course::default(), BTreeSet::new());
        for (number, step) in steps.into_iter().enumerate() {
            if fault.crash_after == Some(number) {
                self.crash();
                ended = false;
                break;
            }
            match step {
                Step::Status(status) => {
                    if self.write_status(world, &status).is_err() {
                        ended = false;
                        break;
                    }
                    self.tasks.settle(&plan);
                }
                Step::Finalizer(false) if course.has_raced() => {}
                Step::Finalizer(on) => self.set_finalizer(world, on),
                Step::Effect(effect) => {
                    wanted.insert(effect.deed());
                    self.make(world, &desired, (&observation, &judged), &effect, fault, &mut course);
                }
            }
        }
        if ended {
            self.refusals.1.end_of_pass(&wanted);
        }
        ended &= course.is_whole();
        self.last = ended.then_some(plan);
        cache.own = Some((identity(&store).uid, own, observation.children));
        self.cache = cache;
    }

    /// The spec as it is read; reading is a good part of a pass, and most find the same spec.
    fn read(&mut self, store: &StoreCluster, accepted: Option<&str>) -> Desired {
        let generation = store.metadata.generation;
        let carried_out = store.status.as_ref().and_then(|status| status.carried_out.clone());
        let read = Read { generation, accepted: accepted.map(str::to_owned), carried_out };
        match &self.read {
            Some((of, desired)) if *of == read && desired.uid.as_str() == uid(store) => desired.clone(),
            _ => {
                let desired = Desired::read(store, identity(store).uid, accepted);
                self.read = Some((read, desired.clone()));
                desired
            }
        }
    }

    /// The writes that bring the objects to what is rendered. Rendering and comparing take most of a
    /// pass, and most passes find the same as the one before.
    fn diff(
        &mut self,
        desired: &Desired,
        shape: &Shape,
        live: &BTreeMap<ChildKey, Value>,
        version: Option<u64>,
    ) -> Vec<Write> {
        let of = |rendered: &(Desired, Shape, Vec<Child>)| (&rendered.0, &rendered.1) == (desired, shape);
        let rendered = match self.rendered.take().filter(of) {
            Some(same) if version.is_some() && self.quiet == version => {
                self.rendered = Some(same);
                return Vec::new();
            }
            Some(same) => same,
            None => (desired.clone(), shape.clone(), resources::build(desired, shape, &settings())),
        };
        let writes = resources::diff(&rendered.2, live);
        self.rendered = Some(rendered);
        self.quiet = version.filter(|_| writes.is_empty());
        writes
    }

    fn observe(
        &self,
        world: &World,
        desired: &Desired,
        (cache, children): (&Cache, Children),
        judged: &Judged,
        silent: u8,
    ) -> Observation {
        let store = world.store.as_ref().unwrap();
        let mut views = world.views();
        views.retain(|pod, _| cache.pods.contains_key(pod));
        for (number, pod) in cache.pods.keys().enumerate() {
            let lost = || NodeAnswer::Unreachable("time-out".into());
            let view = views.entry(pod.clone()).or_insert_with(lost);
            if silent >> (number % 7) & 1 == 1 {
                *view = lost();
            }
        }
        let hosts = world.processes();
        secrets::at_the_agents(world, &judged.logins[&SecretPurpose::Jolokia], &mut views);
        let serves = |(pod, view): (&String, &NodeAnswer)| match view {
            NodeAnswer::Reachable(view) => view.native_transport.then(|| view.host_id.clone()),
            NodeAnswer::Locked(_) => hosts.get(pod).filter(|(_, process)| process.is_up())?.1.host().cloned(),
            NodeAnswer::Unreachable(_) => None,
        };
        let serving: Vec<String> = views.iter().filter_map(serves).collect();
        let tick = usize::try_from(world.now.as_second() / 2).unwrap();
        let cql = match silent >> 7 {
            0 => cql(&world.ring, &serving, tick, &desired.api.keyspace),
            _ => CqlAnswer::Unreachable("time-out".into()),
        };
        let cql = secrets::at_the_door(world, judged, cql);
        let missing = unmade::missing(&children, &cache.pods).into_values().flatten();
        let refused = |pod: String| (world.unmakable > 0).then(|| (pod, "exceeded quota: stop".to_owned()));
        let unmade = missing.filter_map(refused).collect();
        Observation {
            now: world.now,
            store: identity(store),
            status: store.status.clone().unwrap_or_default(),
            children,
            secrets: judged.facts.clone(),
            record: judged.record.clone(),
            api_inputs: judged.api_inputs.clone(),
            pods: cache.pods.clone(),
            checks: cache.checks.clone(),
            claims: world.claims.clone(),
            views,
            cql,
            serves_routes: true,
            tasks: self.tasks.states(),
            eviction_refused: self.refused.clone(),
            refused: self.refusals.1.told(world.now),
            unmade,
            issuer: IssuerAnswer::Unknown,
        }
    }

    /// It starts anew, and knows nothing but what is written.
    fn crash(&mut self) {
        self.tasks.clear();
        self.refusals = Default::default();
        self.refused = None;
        self.remembered.clear();
    }

    fn write_status(&mut self, world: &mut World, status: &StoreClusterStatus) -> Result<(), ()> {
        self.writes.push("status".into());
        // what the API server stores is JSON, with times in seconds
        let stored = serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap();
        world.store.as_mut().ok_or(())?.status = Some(stored);
        Ok(())
    }

    fn set_finalizer(&mut self, world: &mut World, on: bool) {
        self.writes.push(format!("finalizer {on}"));
        let finalizer = vec![store_crds::FINALIZER.to_owned()];
        if let Some(store) = &mut world.store {
            store.metadata.finalizers = on.then_some(finalizer);
        }
        world.collect_garbage();
    }
}

fn identity(store: &StoreCluster) -> StoreIdentity {
    StoreIdentity {
        namespace: "default".into(),
        name: "shop".into(),
        uid: Uid::new(uid(store)).unwrap(),
        generation: store.metadata.generation.unwrap_or_default(),
        deletion_requested: store.metadata.deletion_timestamp.is_some(),
        has_finalizer: store.metadata.finalizers.iter().flatten().count() > 0,
    }
}

fn uid(store: &StoreCluster) -> &str {
    store.metadata.uid.as_deref().unwrap_or_default()
}

fn seen_pods(world: &World) -> BTreeMap<String, PodObservation> {
    world.pods.iter().map(|(name, pod)| (name.clone(), pod.seen.clone())).collect()
}
