//! A model of Kubernetes with one store in it: objects, the controllers of StatefulSets, Deployments
//! and Jobs, pods with their volumes, and what goes on in the pods. Time goes in ticks of two seconds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store_crds::{ANNOTATION_CONFIGURATION, ANNOTATION_TEMPLATE_HASH, StoreCluster};

use super::ring::{self, Disk, JOINS, Machines, Process, STARTS, TERMINATES, TrueRing, YOUNG};
use super::secrets;
use super::tier::{self, Tier};
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::logins::Credentials;
use crate::node::files;
use crate::observation::{CheckObservation, CheckOutcome, ClaimObservation, Growth, PodObservation, SecretPurpose};

/// Option that Java and Cassandra read, and that no node comes up with.
pub const BAD_OPTION: &str = "-Dcassandra.crashes=later";
/// Option that no Java virtual machine starts with.
pub const REFUSED_OPTION: &str = "-XX:+NoSuchOption";
/// Image that no registry has.
pub const MISSING_IMAGE: &str = "cassandra:missing";

/// Ticks of a pause after which a process counts as hung.
pub const HANGS: u32 = 1000;

/// Ticks that a trial run of a configuration takes.
const CHECKS: i64 = 2;

/// A zone in which there is no machine.
pub const NO_ZONE: &str = "aa";
/// A StorageClass that there is not.
pub const NO_CLASS: &str = "missing";
/// The largest volume that can be had.
const VOLUME_MAX: u64 = 64 << 30;

#[derive(Clone, Debug)]
pub struct Pod {
    pub seen: PodObservation,
    /// Why no machine takes it.
    pub homeless: Option<&'static str>,
    pub process: Process,
    /// It ends in so many ticks, and what is in it goes on until then.
    pub ends: Option<u32>,
    pub image: String,
    /// Name of the ConfigMap that it is configured by.
    pub config_map: String,
    /// It has started with what it is configured by.
    pub has_tried: bool,
    /// Name of the ring that node-config was told.
    pub ring_name: String,
    /// The password that its agent got when it started.
    pub agent: Option<Credentials>,
}

/// A pod that tries a configuration.
#[derive(Clone, Debug)]
pub struct Check {
    pub seen: CheckObservation,
    image: String,
    config_map: String,
}

/// Name of the ConfigMap that a pod is configured by: of those from before there were several, the only one.
fn config_map(pod: &Value) -> String {
    let volumes = pod["volumes"].as_array().unwrap();
    let named = volumes.iter().find(|volume| volume["name"] == "configuration");
    named.map_or("shop-cassandra", |volume| volume["configMap"]["name"].as_str().unwrap()).to_owned()
}

fn image(pod: &Value) -> String {
    pod["containers"][0]["image"].as_str().unwrap().to_owned()
}

impl Pod {
    /// Version of its Cassandra: the tag of its image.
    pub fn version(&self) -> &str {
        self.image.rsplit(':').next().unwrap_or_default()
    }

    /// It serves its part of the ring, and goes on to.
    pub fn stays_up(&self) -> bool {
        self.process.is_up() && !self.seen.deleting
    }
}

/// What the controller of StatefulSets reads of one.
struct SetSeen {
    name: String,
    rack: String,
    replicas: i32,
    template_hash: String,
    configuration: String,
    image: String,
    config_map: String,
    storage: String,
    ring_name: String,
    class: Option<String>,
    zone: Option<String>,
}

impl SetSeen {
    fn of(set: &Value) -> SetSeen {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let variables = set["spec"]["template"]["spec"]["initContainers"][1]["env"].as_array().into_iter().flatten();
        let ring_name =
            variables.filter(|variable| variable["name"] == "STORE_CLUSTER_NAME").map(|name| &name["value"]);
        SetSeen {
            ring_name: ring_name.map(text).collect(),
            name: text(&set["metadata"]["name"]),
            rack: text(&set["metadata"]["labels"][store_crds::LABEL_RACK]),
            replicas: i32::try_from(set["spec"]["replicas"].as_i64().unwrap()).unwrap(),
            template_hash: text(&set["spec"]["template"]["metadata"]["annotations"][ANNOTATION_TEMPLATE_HASH]),
            configuration: set["spec"]["template"]["metadata"]["annotations"][ANNOTATION_CONFIGURATION]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            image: image(&set["spec"]["template"]["spec"]),
            config_map: config_map(&set["spec"]["template"]["spec"]),
            storage: text(&set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]),
            class: set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"].as_str().map(str::to_owned),
            zone: set
                .pointer("/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution")
                .and_then(|terms| terms.pointer("/nodeSelectorTerms/0/matchExpressions/0/values/0")?.as_str())
                .map(str::to_owned),
        }
    }
}

#[derive(Clone, Debug)]
pub struct World {
    pub now: Timestamp,
    pub store: Option<StoreCluster>,
    pub objects: BTreeMap<ChildKey, Value>,
    /// Counts the changes of `objects`.
    pub version: u64,
    pub pods: BTreeMap<String, Pod>,
    /// Pods that try a configuration.
    pub checks: BTreeMap<String, Check>,
    /// Templates, by hash, that a node has come up with.
    pub ran: BTreeSet<String>,
    pub claims: BTreeMap<String, ClaimObservation>,
    /// What is on the volume of each claim, by its UID.
    pub disks: BTreeMap<Uid, Disk>,
    pub ring: TrueRing,
    /// (image, keyspace) that a schema Job has finished for.
    pub migrated: BTreeSet<(String, String)>,
    /// What must never happen and did.
    pub violations: Vec<String>,
    /// Somebody changed a StatefulSet, which may start more nodes than the operator would.
    pub by_hand: bool,
    /// The name of the ring that the volume of each claim tells, by its UID.
    pub ring_names: BTreeMap<Uid, String>,
    /// Members whose volume is gone.
    pub gone: BTreeSet<String>,
    /// The StorageClass allows volumes to grow.
    growable: bool,
    /// No node has room for another's data.
    pub full: bool,
    /// Hints for nodes that are up come and go, as under any load.
    pub chatter: bool,
    /// Pods that their probes find unready, although what is in them runs.
    pub unready: BTreeSet<String>,
    /// A budget of somebody else lets no pod be evicted.
    pub foreign_budget: bool,
    /// So many streams of nodes that join or leave are going to break.
    pub failing_streams: u32,
    /// So many repairs are going to fail.
    pub failing_repairs: u32,
    /// So many schema Jobs are going to fail.
    pub failing_jobs: u32,
    /// Schema Jobs do not come to an end.
    pub hanging_jobs: bool,
    /// Trial runs of configurations do not come to an end.
    pub hanging_checks: bool,
    /// So many trial runs are lost with their machine.
    pub lost_checks: u32,
    /// No pod may be made: a quota is used up.
    pub pods_refused: bool,
    pub tier: Tier,
    /// What a StoreCluster owned that is gone goes only after so many ticks: its UID, and the ticks.
    garbage: Option<(String, u32)>,
    /// Ticks that the garbage collector takes.
    pub collects: u32,
    /// Objects of others under names that the shop's have, or with its label.
    pub foreign: BTreeMap<ChildKey, Value>,
    /// Ticks in which a quota lets no pod be made.
    pub unmakable: u32,
    /// Kinds that the API server refuses to write, each for so many ticks.
    pub refusing: BTreeMap<ChildKind, u32>,
    /// Secrets as they were when they were made.
    pub backups: BTreeMap<ChildKey, Value>,
    uids: u64,
}

impl World {
    pub fn new() -> World {
        World {
            now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50),
            store: None,
            objects: BTreeMap::new(),
            version: 0,
            pods: BTreeMap::new(),
            checks: BTreeMap::new(),
            ran: BTreeSet::new(),
            claims: BTreeMap::new(),
            disks: BTreeMap::new(),
            ring: TrueRing::new(),
            migrated: BTreeSet::new(),
            violations: Vec::new(),
            by_hand: false,
            ring_names: BTreeMap::new(),
            gone: BTreeSet::new(),
            growable: true,
            full: false,
            chatter: false,
            unready: BTreeSet::new(),
            foreign_budget: false,
            failing_streams: 0,
            failing_repairs: 0,
            failing_jobs: 0,
            hanging_jobs: false,
            hanging_checks: false,
            lost_checks: 0,
            pods_refused: false,
            tier: Tier::default(),
            garbage: None,
            collects: 0,
            foreign: BTreeMap::new(),
            unmakable: 0,
            refusing: BTreeMap::new(),
            backups: BTreeMap::new(),
            uids: 0,
        }
    }

    pub fn uid(&mut self) -> Uid {
        self.uids += 1;
        Uid::new(format!("uid-{}", self.uids)).unwrap()
    }

    pub fn violate(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// The user makes the store or changes its spec.
    pub fn set_spec(&mut self, spec: Value) {
        match &mut self.store {
            Some(store) => {
                let new = serde_json::from_value(spec).unwrap();
                if store.spec != new {
                    store.spec = new;
                    store.metadata.generation = store.metadata.generation.map(|generation| generation + 1);
                }
            }
            None => {
                let uid = self.uid();
                let store = json!({
                    "apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster",
                    "metadata": {"name": "shop", "namespace": "default", "uid": uid, "generation": 1},
                    "spec": spec,
                });
                self.store = Some(serde_json::from_value(store).unwrap());
            }
        }
    }

    /// The user deletes the store; it goes once its finalizer is off.
    pub fn delete_store(&mut self) {
        let now = self.now;
        if let Some(store) = &mut self.store {
            store.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        }
        self.collect_garbage();
    }

    /// A store without finalizers that is to be deleted goes, and all that it owns with it.
    pub fn collect_garbage(&mut self) {
        let gone = self.store.as_ref().is_some_and(|store| {
            store.metadata.deletion_timestamp.is_some() && store.metadata.finalizers.iter().flatten().count() == 0
        });
        if gone {
            let uid = self.store.take().and_then(|store| store.metadata.uid).unwrap_or_default();
            self.garbage = Some((uid, self.collects));
            self.collect();
            self.store = None;
            self.objects.retain(|_, object| object["metadata"]["ownerReferences"].is_null());
            self.version += 1;
            self.pods.clear();
            self.checks.clear();
        }
    }

    /// A tick of the garbage collector.
    fn collect(&mut self) {
        let Some((uid, ticks)) = self.garbage.take() else { return };
        if ticks > 0 {
            self.garbage = Some((uid, ticks - 1));
            return;
        }
        let owned = |object: &Value| object["metadata"]["ownerReferences"][0]["uid"] == uid.as_str();
        let sets: Vec<String> =
            self.of_kind(ChildKind::StatefulSet).filter(|set| owned(set)).map(|set| SetSeen::of(set).name).collect();
        self.pods.retain(|pod, _| !sets.iter().any(|set| pod.starts_with(&format!("{set}-"))));
        self.objects.retain(|_, object| !owned(object));
        self.version += 1;
    }

    pub fn is_being_deleted(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.metadata.deletion_timestamp.is_some())
    }

    /// Somebody edits the StorageClass.
    pub fn set_growable(&mut self, growable: bool) {
        self.growable = growable;
        self.claims.values_mut().for_each(|claim| claim.expandable = Some(growable));
    }

    /// A volume is lost with its claim, and its pod with it.
    pub fn lose_volume(&mut self, pod: &str) {
        let claim = self.claims.remove(&format!("data-{pod}"));
        let disk = claim.and_then(|claim| self.disks.remove(&claim.uid));
        self.pods.remove(pod);
        if let Some(Disk::Node(host)) = disk {
            self.ring.rows.lose(&host);
            self.gone.insert(host);
        }
        // what its StatefulSet starts in its place nobody has asked for
        self.by_hand = true;
    }

    /// Somebody removes a dead member: nodetool removenode.
    pub fn remove_node(&mut self, host: &str) {
        self.ring.leave(host, false);
        self.gone.remove(host);
    }

    /// Time passes in which nothing happens, but that whoever had only paused goes on.
    pub fn jump(&mut self, hours: i64) {
        for pod in self.pods.values_mut() {
            if let Process::Paused(ticks, kept) = &mut pod.process
                && *ticks <= HANGS
            {
                pod.process = (**kept).clone();
            }
        }
        self.now += SignedDuration::from_hours(hours);
    }

    /// Hosts whose process serves.
    pub fn hosts_up(&self) -> BTreeSet<String> {
        let up = self.pods.values().filter(|pod| pod.process.is_up());
        up.filter_map(|pod| pod.process.host().cloned()).collect()
    }

    /// Whether the node of a claim is a member.
    pub fn claim_is_of_member(&self, claim: &ClaimObservation) -> bool {
        match self.disks.get(&claim.uid) {
            Some(Disk::Node(host)) => self.ring.members.contains_key(host),
            _ => false,
        }
    }

    /// Whether a claim is of a node that has left, by what is on it or by what is written on it.
    pub fn has_left(&self, claim: &ClaimObservation) -> bool {
        claim.left.is_some() || matches!(self.disks.get(&claim.uid), Some(Disk::Decommissioned(_)))
    }

    /// A pod is asked to end: it goes on for some ticks.
    pub fn terminate(&mut self, name: &str) {
        if let Some(pod) = self.pods.get_mut(name).filter(|pod| !pod.seen.deleting) {
            pod.seen.deleting = true;
            pod.ends = Some(TERMINATES);
        }
    }

    /// A process answers nobody for so many ticks.
    pub fn pause(&mut self, name: &str, ticks: u32) {
        if let Some(pod) = self.pods.get_mut(name) {
            pod.process = Process::Paused(ticks, Box::new(pod.process.kept().clone()));
        }
    }

    /// Whether the budget of disruptions has room for one pod more: one at most may be missing.
    pub fn may_evict(&self) -> bool {
        let wanted: i64 = self.of_kind(ChildKind::StatefulSet).filter_map(|set| set["spec"]["replicas"].as_i64()).sum();
        let healthy = self.pods.values().filter(|pod| pod.seen.ready && !pod.seen.deleting).count();
        !self.foreign_budget && i64::try_from(healthy).unwrap() >= wanted
    }

    /// Live members, by their own process.
    pub fn live_members(&self) -> usize {
        self.pods.values().filter(|pod| pod.process.is_up()).count()
    }

    pub fn processes(&self) -> BTreeMap<String, (String, Process)> {
        let of = |(name, pod): (&String, &Pod)| {
            (name.clone(), (pod.seen.ip.clone().unwrap_or_default(), pod.process.clone()))
        };
        self.pods.iter().map(of).collect()
    }

    /// What the API server answers to a write of that kind, if it refuses.
    pub fn refuses(&self, kind: ChildKind) -> Option<String> {
        let ticks = self.refusing.get(&kind)?;
        Some(format!("admission webhook \"policy\" denied the {kind} for {ticks} ticks"))
    }

    /// What a watch by the store's label sees.
    pub fn labelled(&self) -> BTreeMap<ChildKey, Value> {
        let labelled = |object: &Value| object["metadata"]["labels"][store_crds::LABEL_STORE] == "shop";
        let foreign = self.foreign.iter().filter(|(_, object)| labelled(object));
        foreign.chain(&self.objects).map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    /// Somebody makes an object of his own, with the shop's label or without it, unless the name is in use.
    pub fn make_foreign(&mut self, kind: ChildKind, name: &str, labelled: bool) {
        let key = ChildKey::new(kind, name);
        if self.objects.contains_key(&key) {
            return;
        }
        let labels = if labelled { json!({store_crds::LABEL_STORE: "shop"}) } else { json!({"team": "billing"}) };
        let metadata = json!({"name": name, "uid": self.uid(), "labels": labels});
        self.foreign.insert(key, json!({"kind": kind.as_str(), "metadata": metadata}));
        self.version += 1;
    }

    pub fn drop_foreign(&mut self) {
        self.foreign.clear();
        self.version += 1;
    }

    /// One tick of everything but the operator.
    pub fn tick(&mut self) {
        self.now += SignedDuration::from_secs(2);
        self.collect();
        self.end_pods();
        self.refusing.retain(|_, ticks| {
            *ticks -= 1;
            *ticks > 0
        });
        self.unmakable = self.unmakable.saturating_sub(1);
        self.run_stateful_sets();
        for name in self.pods.keys().cloned().collect::<Vec<_>>() {
            self.run_process(&name);
        }
        let up = self.hosts_up();
        self.ring.tick(self.now, &up);
        tier::tick(self);
        self.run_checks();
        for claim in self.claims.values_mut().filter(|claim| claim.capacity_bytes > 0) {
            match claim.requested_bytes {
                bytes if bytes <= VOLUME_MAX => {
                    claim.capacity_bytes = claim.capacity_bytes.max(bytes);
                    claim.growth = Growth::Volume;
                }
                _ => claim.growth = Growth::Failed("no volume can have that size".to_owned()),
            }
        }
        self.claims.retain(|name, claim| !claim.deleting || self.pods.contains_key(name.trim_start_matches("data-")));
    }

    fn end_pods(&mut self) {
        for pod in self.pods.values_mut() {
            pod.ends = pod.ends.map(|ticks| ticks.saturating_sub(1));
        }
        self.pods.retain(|_, pod| pod.ends != Some(0));
    }

    fn run_stateful_sets(&mut self) {
        let sets: Vec<SetSeen> = self.of_kind(ChildKind::StatefulSet).map(SetSeen::of).collect();
        for set in sets {
            let SetSeen { name, replicas, .. } = &set;
            let surplus = |(pod, seen): (&String, &Pod)| {
                (pod.starts_with(&format!("{name}-")) && seen.seen.ordinal >= *replicas).then(|| pod.clone())
            };
            let surplus: Vec<String> = self.pods.iter().filter_map(surplus).collect();
            surplus.iter().for_each(|pod| self.terminate(pod));
            for ordinal in 0..*replicas {
                self.make_pod(&set, &format!("{name}-{ordinal}"), ordinal);
            }
        }
    }

    fn make_pod(&mut self, set: &SetSeen, name: &str, ordinal: i32) {
        if self.pods.contains_key(name) || self.pods_refused || self.unmakable > 0 {
            return;
        }
        let rack = set.rack.clone();
        let claim_name = format!("data-{name}");
        if self.claims.get(&claim_name).is_some_and(|claim| claim.deleting) {
            return;
        }
        if !self.claims.contains_key(&claim_name) {
            super::safety::check_newcomer(self, name);
            let bytes = store_crds::quantity_units(&set.storage).unwrap();
            let claim = ClaimObservation {
                uid: self.uid(),
                rack: rack.clone(),
                ordinal,
                requested_bytes: bytes,
                expandable: Some(self.growable),
                class: set.class.clone(),
                ..ClaimObservation::default()
            };
            self.disks.insert(claim.uid.clone(), Disk::Empty);
            self.claims.insert(claim_name.clone(), claim);
        }
        let has_no_volume = |claim: &ClaimObservation| {
            let is_impossible = claim.class.as_deref() == Some(NO_CLASS) || claim.requested_bytes > VOLUME_MAX;
            claim.capacity_bytes == 0 && is_impossible
        };
        let homeless = match &set.zone {
            Some(zone) if zone == NO_ZONE => Some("it cannot be scheduled: no machine is in its zone"),
            _ if self.claims.get(&claim_name).is_some_and(has_no_volume) => {
                Some("it cannot be scheduled: its volume claim has no volume")
            }
            _ => None,
        };
        if let Some(claim) =
            self.claims.get_mut(&claim_name).filter(|claim| homeless.is_none() && claim.capacity_bytes == 0)
        {
            claim.capacity_bytes = claim.requested_bytes;
        }
        let uid = self.uid();
        let seen = PodObservation {
            ip: homeless.is_none().then(|| format!("10.0.0.{}", self.uids)),
            uid,
            rack,
            ordinal,
            template_hash: set.template_hash.clone(),
            configuration: set.configuration.clone(),
            created_at: self.now,
            ..PodObservation::default()
        };
        let (image, config_map, ring_name) = (set.image.clone(), set.config_map.clone(), set.ring_name.clone());
        let pod = Pod {
            seen,
            homeless,
            process: homeless.map_or(Process::Starting(STARTS), Process::Crashing),
            ends: None,
            image,
            config_map,
            has_tried: false,
            ring_name,
            agent: None,
        };
        self.pods.insert(name.to_owned(), pod);
    }

    fn config_map(&self, name: &str) -> Option<&Value> {
        self.objects.get(&ChildKey { kind: ChildKind::ConfigMap, name: name.into() })
    }

    /// Somebody makes a pod that tries a configuration.
    pub fn make_check(&mut self, name: &str, pod: &Value) {
        let seen = CheckObservation { uid: self.uid(), created_at: self.now, ..CheckObservation::default() };
        let check = Check { seen, image: image(&pod["spec"]), config_map: config_map(&pod["spec"]) };
        self.checks.entry(name.to_owned()).or_insert(check);
    }

    fn run_checks(&mut self) {
        let ended = |check: &Check| (self.now.as_second() - check.seen.created_at.as_second()) / 2 >= CHECKS;
        let outcome = |check: &Check| {
            let configuration = self.config_map(&check.config_map).map(ToString::to_string).unwrap_or_default();
            match check.image.as_str() {
                _ if self.hanging_checks => CheckOutcome::Running(None),
                MISSING_IMAGE => CheckOutcome::Running(Some("container copy-config: ErrImagePull: not found".into())),
                _ if configuration.contains(REFUSED_OPTION) => {
                    CheckOutcome::Refused("Unrecognized VM option 'NoSuchOption'".into())
                }
                _ => CheckOutcome::Passed,
            }
        };
        let running = |check: &&Check| matches!(check.seen.outcome, CheckOutcome::Running(_)) && ended(check);
        let mut news: Vec<(String, CheckOutcome)> = self
            .checks
            .iter()
            .filter(|(_, check)| running(check))
            .map(|(name, check)| (name.clone(), outcome(check)))
            .collect();
        for (name, outcome) in &mut news {
            if self.lost_checks > 0 {
                self.lost_checks -= 1;
                *outcome = CheckOutcome::Lost;
            }
            if let Some(check) = self.checks.get_mut(name) {
                check.seen.outcome = outcome.clone();
            }
        }
    }

    fn run_process(&mut self, name: &str) {
        let mut pod = self.pods[name].clone();
        // a pod whose Secret is missing or lacks a key does not get as far as to start Cassandra
        if pod.agent.is_none() && matches!(pod.process, Process::Starting(0) | Process::Crashing(_)) {
            pod.agent = secrets::login(self, SecretPurpose::Jolokia);
            if pod.agent.is_none() {
                return;
            }
        }
        pod.process = match pod.process {
            Process::Down(0) => Process::Starting(STARTS),
            Process::Down(ticks) => Process::Down(ticks - 1),
            Process::Paused(0, kept) => *kept,
            Process::Paused(ticks, kept) => Process::Paused(ticks - 1, kept),
            Process::Starting(0) => self.start(name, &pod),
            Process::Starting(ticks) => Process::Starting(ticks - 1),
            Process::Joining(0, host) if self.stream_breaks() => Process::JoinFailed(host),
            Process::Leaving(0, host) if self.stream_breaks() => Process::LeaveFailed(host),
            Process::Joining(0, host) => {
                self.ring.join(&host, pod.seen.ip.as_deref().unwrap());
                self.disks.insert(self.claims[&format!("data-{name}")].uid.clone(), Disk::Node(host.clone()));
                Process::Normal(host)
            }
            Process::Joining(ticks, host) => Process::Joining(ticks - 1, host),
            Process::Returning(host) => Process::Normal(host),
            Process::Leaving(0, host) => {
                self.ring.leave(&host, true);
                self.disks.insert(self.claims[&format!("data-{name}")].uid.clone(), Disk::Decommissioned(host.clone()));
                Process::Decommissioned(host)
            }
            Process::Leaving(ticks, host) => Process::Leaving(ticks - 1, host),
            Process::Crashing(_) => self.start(name, &pod),
            rest => rest,
        };
        pod.seen.ready = pod.process.is_up() && !self.unready.contains(name);
        pod.seen.trouble = match pod.process {
            Process::Crashing(cause) => Some(cause.to_owned()),
            _ => None,
        };
        if pod.process.is_up() {
            self.ran.insert(pod.seen.template_hash.clone());
        }
        pod.has_tried |= self.pods[name].has_tried;
        self.pods.insert(name.to_owned(), pod);
    }

    /// What keeps a pod from even starting Cassandra: its image, or what `node-config` finds.
    fn held_back(&self, name: &str, pod: &Pod) -> Option<&'static str> {
        if pod.image == MISSING_IMAGE {
            return Some("container copy-config: ErrImagePull: not found");
        }
        let trial = self.config_map("shop-cassandra")?["data"][files::TRIAL].as_str().unwrap_or_default();
        let mut lines = trial.lines();
        let tried = lines.next() == Some(pod.seen.configuration.as_str());
        (tried && lines.all(|tries| tries != name)).then_some("it is not its turn to try its configuration")
    }

    fn stream_breaks(&mut self) -> bool {
        let breaks = self.failing_streams > 0;
        self.failing_streams = self.failing_streams.saturating_sub(1);
        breaks
    }

    /// What Cassandra does when its process comes up: it goes by what is on its disk.
    fn start(&mut self, name: &str, pod: &Pod) -> Process {
        if let Some(cause) = pod.homeless {
            return Process::Crashing(cause);
        }
        if let Some(cause) = self.held_back(name, pod) {
            return Process::Crashing(cause);
        }
        let Some(configuration) = self.config_map(&pod.config_map).map(ToString::to_string) else {
            return Process::Starting(1);
        };
        if let Some(pod) = self.pods.get_mut(name) {
            pod.has_tried = true;
        }
        if [BAD_OPTION, REFUSED_OPTION].iter().any(|option| configuration.contains(option)) {
            return Process::Crashing("it ends with exit code 3");
        }
        let address = pod.seen.ip.clone().unwrap();
        let uid = self.claims[&format!("data-{name}")].uid.clone();
        let is_old = self.disks[&uid] != Disk::Empty;
        let told = if is_old { pod.ring_name.rsplit('/').next().unwrap().to_owned() } else { pod.ring_name.clone() };
        let ring_name = self.ring_names.entry(uid.clone()).or_insert(told).clone();
        if !self.ring.members.is_empty() && ring_name != self.ring.name {
            return Process::Crashing("the cluster name is not that of the ring");
        }
        self.ring.name = ring_name;
        match self.disks[&uid].clone() {
            Disk::Node(host) => {
                self.ring.members.insert(host.clone(), address);
                self.ring.young.insert(host.clone(), YOUNG);
                Process::Returning(host)
            }
            Disk::Decommissioned(_) => Process::Crashing("this node was decommissioned"),
            Disk::Empty => self.start_fresh(name, &uid, &address),
        }
    }

    fn start_fresh(&mut self, name: &str, uid: &Uid, address: &str) -> Process {
        let config = self.config_map("shop-cassandra").unwrap();
        let named: Vec<String> = config["data"][files::SEEDS].as_str().unwrap().lines().map(str::to_owned).collect();
        let alone = named.len() == 1 && named[0] == name;
        if alone {
            if !self.ring.members.is_empty() {
                self.violate(format!("{name} starts a ring of its own beside one that has data"));
            }
            let host = self.ring.new_host();
            self.ring.members.insert(host.clone(), address.to_owned());
            self.disks.insert(uid.clone(), Disk::Node(host.clone()));
            return Process::Normal(host);
        }
        let seeds_up = named.iter().filter_map(|seed| self.pods.get(seed));
        let found = seeds_up.filter(|seed| seed.process.is_up()).count() > 0;
        let busy = self.pods.values().any(|pod| pod.process.is_moving());
        // what a newcomer takes over it streams from whoever gives it up, and from nobody else
        let dead = self.ring.members.len() > self.live_members();
        match (found, busy) {
            (true, false) if dead => Process::Crashing("a node that gives up ranges is down: strict consistency"),
            (false, _) => Process::Crashing("unable to contact any seeds"),
            (true, true) => Process::Crashing("other bootstrapping or leaving nodes detected"),
            (true, false) => Process::Joining(JOINS, self.ring.new_host()),
        }
    }

    pub fn of_kind(&self, kind: ChildKind) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind).map(|(_, object)| object)
    }

    /// What the operator sees of the pods' nodes.
    pub fn views(&self) -> BTreeMap<String, crate::observation::NodeAnswer> {
        let processes = self.processes();
        let machines = Machines { now: self.now, full: self.full, chatter: self.chatter };
        let view = |pod: &Pod| ring::view(&pod.process, pod.version(), &self.ring, &processes, machines);
        self.pods.iter().map(|(name, pod)| (name.clone(), view(pod))).collect()
    }
}
