//! A model of Kubernetes with one store in it: objects, the controllers of StatefulSets, Deployments
//! and Jobs, pods with their volumes, and what goes on in the pods. Time goes in ticks of two seconds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store_crds::StoreCluster;

use super::ring::{Disk, Process, TERMINATES, TrueRing};
use super::set::{self, SetSeen};
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::logins::Credentials;
use crate::observation::{CheckObservation, ClaimObservation, PodObservation};

/// Option that Java and Cassandra read, and that no node comes up with.
pub const BAD_OPTION: &str = "-Dcassandra.crashes=later";
/// Option that no Java virtual machine starts with.
pub const REFUSED_OPTION: &str = "-XX:+NoSuchOption";
/// Image that no registry has.
pub const MISSING_IMAGE: &str = "cassandra:missing";

/// Ticks of a pause after which a process counts as hung.
pub const HANGS: u32 = 1000;

/// Ticks that a trial run of a configuration takes.
pub const CHECKS: i64 = 2;

/// A zone in which there is no machine.
pub const NO_ZONE: &str = "aa";
/// A StorageClass that there is not.
pub const NO_CLASS: &str = "missing";
/// The largest volume that can be had.
pub const VOLUME_MAX: u64 = 64 << 30;

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
    pub image: String,
    pub config_map: String,
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

/// How long Jobs and roll-outs have been under way, by UID, these with their generation.
#[derive(Clone, Debug, Default)]
pub struct Tier {
    pub jobs: BTreeMap<String, u32>,
    pub rollouts: BTreeMap<String, (i64, u32)>,
    /// The log-in that the API's newest pods read when they started.
    pub started_with: Option<Credentials>,
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
    pub growable: bool,
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
    pub uids: u64,
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
    pub fn collect(&mut self) {
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

    /// A ConfigMap by its name.
    pub fn config_map(&self, name: &str) -> Option<&Value> {
        self.objects.get(&ChildKey { kind: ChildKind::ConfigMap, name: name.into() })
    }

    /// Somebody makes a pod that tries a configuration.
    pub fn make_check(&mut self, name: &str, pod: &Value) {
        let seen = CheckObservation { uid: self.uid(), created_at: self.now, ..CheckObservation::default() };
        let check = Check { seen, image: set::image(&pod["spec"]), config_map: set::config_map(&pod["spec"]) };
        self.checks.entry(name.to_owned()).or_insert(check);
    }

    pub fn of_kind(&self, kind: ChildKind) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind).map(|(_, object)| object)
    }
}
