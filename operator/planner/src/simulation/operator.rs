//! The operator in the model: a pass as the driver makes it, write by write, so that it can be cut
//! off between any two; and the faults of what it sees.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use store_crds::{CarriedOut, StoreCluster, StoreClusterStatus};

use super::ring::{DATACENTER, TrueRing, cql};
use super::secrets;
use super::tasks::Tasks;
use super::world::World;
use crate::children::Children;
use crate::decision::{ClaimEdit, Delete, Plan, RingAction, Shape};
use crate::desired::Desired;
use crate::effects::{self, Course, Effect};
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::logins::Logins;
use crate::observation::{
    Cause, CheckObservation, CqlAnswer, EvictionRefused, IssuerAnswer, NodeAnswer, Observation, PodObservation,
    SecretPurpose, StoreIdentity, TaskKind,
};
use crate::ownership::{self, Standing, standing};
use crate::plan::plan;
use crate::refusals::Refusals;
use crate::resources::{self, Child, Write, access};
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

    /// Makes one effect as the driver does, unless something stops it.
    fn make(
        &mut self,
        world: &mut World,
        desired: &Desired,
        seen: (&Observation, &Judged),
        effect: &Effect,
        fault: &Fault,
        course: &mut Course,
    ) {
        let (part, deed, content, now) = (effect.part(desired), effect.deed(), effect.content(), world.now);
        if !course.allows(part) {
            return;
        }
        if self.refusals.1.holds_back(&deed, &content, now) {
            course.refused(part);
            return;
        }
        match self.commit(world, desired, seen, effect.clone(), fault) {
            Ok(()) => self.refusals.1.done(&deed),
            Err(Failure::Race) => course.raced(part),
            Err(Failure::Refused(cause, words)) => {
                self.refusals.1.refused(&deed, &content, cause, &words, now);
                course.refused(part);
            }
        }
    }

    fn commit(
        &mut self,
        world: &mut World,
        desired: &Desired,
        (observation, judged): (&Observation, &Judged),
        effect: Effect,
        fault: &Fault,
    ) -> Result<(), Failure> {
        if let Some(words) = effect.deed().object.and_then(|object| world.refuses(object.kind)) {
            return Err(Failure::Refused(Cause::Refused, words));
        }
        match effect {
            Effect::Write(write) => self.write_child(world, observation, &judged.kept, write)?,
            Effect::Keep { purposes, .. } => self.keep(world, desired, judged, &purposes),
            Effect::Delete(delete) => self.delete(world, desired, observation, &delete)?,
            Effect::Claim(change) => {
                self.writes.push(format!("{change:?}"));
                let claim = world.claims.get_mut(&change.name).filter(|claim| claim.uid == change.uid);
                let claim = claim.ok_or(Failure::Race)?;
                match change.edit {
                    ClaimEdit::Grow(bytes) if claim.capacity_bytes == 0 || bytes <= claim.capacity_bytes => {
                        world.violate(format!("{} is to have {bytes} bytes, which no API server takes", change.name));
                    }
                    ClaimEdit::Grow(bytes) if claim.expandable == Some(true) => claim.requested_bytes = bytes,
                    ClaimEdit::Grow(_) => world.violate(format!("{} is grown and its class cannot", change.name)),
                    ClaimEdit::Note(note) => claim.note = note,
                    ClaimEdit::MarkLeft(host) => {
                        claim.left = Some(host.clone());
                        if world.ring.members.contains_key(&host) {
                            world.violate(format!("{} is marked as left and is a member", change.name));
                        }
                    }
                }
            }
            Effect::Act(action) => {
                let leaves = matches!(action, RingAction::Decommission { .. });
                if leaves && observation.pods != seen_pods(world) {
                    return Err(Failure::Race);
                }
                self.act(world, (desired, judged), action, fault)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, world: &mut World, desired: &Desired, judged: &Judged, purposes: &BTreeSet<SecretPurpose>) {
        self.writes.push(format!("keep {purposes:?}"));
        let mut record = judged.kept.clone();
        record.extend(purposes.iter().map(|purpose| (*purpose, judged.logins[purpose].secret.clone().unwrap())));
        let mut object = access::build_record(desired);
        for (purpose, login) in &record {
            secrets::write_login(&mut object, access::record_keys(*purpose), login);
        }
        object["metadata"]["uid"] = json!(world.uid());
        world.objects.insert(secrets::record_key(), object);
        world.version += 1;
    }

    fn write_child(
        &mut self,
        world: &mut World,
        observation: &Observation,
        kept: &Logins,
        write: Write,
    ) -> Result<(), Failure> {
        self.writes.push(match &write {
            Write::Apply { key, object, .. } => format!("apply {} {}", key, object["spec"]["replicas"]),
            Write::Create { key, .. } => format!("create {}", key),
            Write::Delete { key, .. } => format!("delete {}", key),
        });
        if let Write::Apply { key, .. } | Write::Create { key, .. } = &write {
            let own = world.objects.get(key).filter(|_| key.kind != ChildKind::Secret);
            let there = world.foreign.get(key).or(own).map(|object| standing(&observation.store, object));
            match there {
                None => {}
                Some(Standing::Former) => return Err(Failure::Refused(Cause::Former, "it is there".into())),
                Some(Standing::Foreign(owner)) => {
                    return Err(Failure::Refused(Cause::Taken(owner), "it is there".into()));
                }
                Some(Standing::Ours | Standing::Orphaned) if world.foreign.contains_key(key) => {
                    world.violate(format!("{key:?} is changed and is another's"));
                }
                Some(Standing::Ours | Standing::Orphaned) => {}
            }
        }
        world.version += 1;
        match write {
            Write::Apply { key, object, .. } => {
                let uid = world.objects.get(&key).map(|live| live["metadata"]["uid"].clone());
                let before = world.objects.get(&key).cloned().unwrap_or(Value::Null);
                let replicas = |object: &Value| object["spec"]["replicas"].as_i64().unwrap_or(0);
                if key.kind == ChildKind::StatefulSet && replicas(&object) < replicas(&before) {
                    if observation.pods != seen_pods(world) {
                        return Err(Failure::Race);
                    }
                    super::safety::check_shrink(world, &key.name, replicas(&object));
                }
                let template = |object: &Value| object["spec"]["volumeClaimTemplates"].clone();
                if key.kind == ChildKind::StatefulSet && uid.is_some() && template(&object) != template(&before) {
                    let words = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas'";
                    return Err(Failure::Refused(Cause::Refused, words.into()));
                }
                if key.kind == ChildKind::Deployment {
                    super::safety::check_deployment(world, &object);
                    secrets::check_roll(world, &before, &object);
                }
                let mut object = object;
                object["metadata"]["uid"] = uid.unwrap_or_else(|| json!(world.uid()));
                let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
                let changed = i64::from(before["spec"] != object["spec"]);
                object["metadata"]["generation"] = json!(generation + changed);
                object["status"] = before["status"].clone();
                if object["status"].is_null() {
                    object.as_object_mut().unwrap().remove("status");
                }
                world.objects.insert(key, object);
            }
            Write::Create { key, object, .. } if key.kind == ChildKind::Pod => world.make_check(&key.name, &object),
            Write::Create { key, mut object, fill } => {
                if world.objects.contains_key(&key) {
                    return Ok(());
                }
                secrets::fill(world, &mut object, &fill, kept);
                if key.kind == ChildKind::Job {
                    super::safety::check_job(world);
                }
                object["metadata"]["uid"] = json!(world.uid());
                object["metadata"]["creationTimestamp"] = json!(world.now.to_string());
                if key.kind == ChildKind::Secret {
                    world.backups.entry(key.clone()).or_insert_with(|| object.clone());
                }
                world.objects.insert(key, object);
            }
            Write::Delete { key, uid } => {
                if world.foreign.contains_key(&key) {
                    world.violate(format!("{key:?} is deleted and is another's"));
                }
                if world.objects.get(&key).is_some_and(|live| live["metadata"]["uid"] == uid.as_str()) {
                    world.objects.remove(&key);
                }
            }
        }
        Ok(())
    }

    fn delete(
        &mut self,
        world: &mut World,
        desired: &Desired,
        observation: &Observation,
        delete: &Delete,
    ) -> Result<(), Failure> {
        self.writes.push(format!("{delete:?}"));
        match delete.kind {
            ChildKind::Pod if world.checks.contains_key(&delete.name) => {
                world.checks.retain(|name, check| *name != delete.name || check.seen.uid != delete.uid);
            }
            ChildKind::Pod => {
                if observation.pods != seen_pods(world) {
                    return Err(Failure::Race);
                }
                let Some(pod) = world.pods.get(&delete.name).filter(|pod| pod.seen.uid == delete.uid) else {
                    return Err(Failure::Race);
                };
                if pod.seen.deleting {
                    return Ok(());
                }
                if pod.seen.ready && !world.may_evict() {
                    self.refuse(&delete.uid, world);
                    return Ok(());
                }
                self.refused = None;
                super::safety::check_pod_delete(world, &delete.name);
                world.terminate(&delete.name);
            }
            ChildKind::PersistentVolumeClaim => {
                let claim = world.claims.get(&delete.name).filter(|claim| claim.uid == delete.uid);
                let claim = claim.ok_or(Failure::Race)?.clone();
                super::safety::check_claim_delete(world, desired, &delete.name, &claim);
                world.claims.entry(delete.name.clone()).and_modify(|claim| claim.deleting = true);
            }
            kind => {
                let key = ChildKey { kind, name: delete.name.clone() };
                let live = world.objects.get(&key).ok_or(Failure::Race)?;
                if live["metadata"]["uid"] != delete.uid.as_str() {
                    return Err(Failure::Race);
                }
                let guarded = kind == ChildKind::StatefulSet && !delete.orphan && !world.is_being_deleted();
                if guarded && observation.pods != seen_pods(world) {
                    return Err(Failure::Race);
                }
                world.objects.remove(&key);
                world.version += 1;
                if kind == ChildKind::StatefulSet && !delete.orphan {
                    super::safety::check_set_delete(world, &delete.name);
                    world.pods.retain(|pod, _| !pod.starts_with(&format!("{}-", delete.name)));
                }
            }
        }
        Ok(())
    }

    /// The budget of disruptions has nothing left.
    fn refuse(&mut self, uid: &Uid, world: &World) {
        let since = self.refused.as_ref().filter(|before| before.uid == *uid).map_or(world.now, |before| before.since);
        let words = "Cannot evict pod as it would violate the pod's disruption budget.".to_owned();
        self.refused = Some(EvictionRefused { uid: uid.clone(), words, since, at: world.now });
    }

    fn act(
        &mut self,
        world: &mut World,
        (desired, judged): (&Desired, &Judged),
        action: RingAction,
        fault: &Fault,
    ) -> Result<(), Failure> {
        self.writes.push(format!("{action:?}"));
        super::safety::check_action(world, &action);
        if world.live_members() == 0 {
            return Err(failed());
        }
        match action {
            RingAction::CreateSuperuser => {
                let superuser = judged.logins[&SecretPurpose::Superuser].wanted();
                world.ring.superuser = Some(superuser.ok_or_else(failed)?.clone());
            }
            RingAction::DisableDefaultSuperuser => world.ring.default_disabled = true,
            RingAction::EnsureRoles => {
                for purpose in [SecretPurpose::Schema, SecretPurpose::Api] {
                    let login = judged.logins[&purpose].wanted().ok_or_else(failed)?;
                    world.ring.roles.insert(login.username.clone(), login.password.clone());
                }
                world.ring.granted.insert(desired.api.keyspace.clone());
            }
            RingAction::CreateKeyspace { keyspace, factors } => {
                let replication = factors[DATACENTER];
                let create = |ring: &mut TrueRing| ring.create(keyspace, replication);
                world.ring.change_schema(fault.lag, create);
                return if fault.lag > 0 { Err(failed()) } else { Ok(()) };
            }
            RingAction::AlterReplication { keyspace, factors } if fault.late => {
                world.ring.late.push((2, keyspace, factors[DATACENTER]));
                return Err(failed());
            }
            RingAction::AlterReplication { keyspace, factors } => {
                world.ring.change_schema(fault.lag, |ring| ring.alter(&keyspace, factors[DATACENTER]));
                return if fault.lag > 0 { Err(failed()) } else { Ok(()) };
            }
            RingAction::Decommission { pod } => self.tasks.begin(world, &pod, TaskKind::Decommission, None),
            RingAction::ResumeJoin { pod } => self.tasks.begin(world, &pod, TaskKind::Join, None),
            RingAction::Cleanup { pod, keyspace } => self.tasks.begin(world, &pod, TaskKind::Cleanup, keyspace),
            RingAction::Repair { pod, keyspace } => self.tasks.begin(world, &pod, TaskKind::Repair, Some(keyspace)),
        }
        Ok(())
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
