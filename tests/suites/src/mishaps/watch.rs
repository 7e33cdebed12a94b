//! What happens to a shop between two moments, from watches, so that nothing short is missed: how many of its nodes are
//! away at once, what its conditions say one after another, and whether a schema Job runs beside a node that is away. IO.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use store_crds::{LABEL_COMPONENT, LABEL_STORE, StoreCluster};
use tokio::task::JoinSet;

use store_testbed::shop::{Shop, is_ready};

/// One change of a condition.
#[derive(Clone, Debug)]
pub struct Change {
    pub at: Timestamp,
    pub kind: String,
    pub status: String,
    pub text: String,
}

/// What has been seen so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether each Cassandra pod is ready and not being deleted.
    pods: BTreeMap<String, bool>,
    /// UIDs of the Cassandra pods that there were, by name.
    pub uids: BTreeMap<String, Vec<String>>,
    /// Fewest pods that were up at once, and which were not.
    pub least_up: Option<(usize, String)>,
    conditions: BTreeMap<String, String>,
    /// Changes of the status of a condition, in order.
    pub changes: Vec<Change>,
    running_jobs: BTreeMap<String, bool>,
    /// Jobs that ran while a node was away, with that node.
    pub jobs_beside: Vec<String>,
    /// Jobs that ran.
    pub jobs: Vec<String>,
}

/// The watches; they end with this value.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to watch.
    pub fn start(shop: &Shop) -> Watch {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        let label = format!("{LABEL_STORE}={}", shop.name());
        let nodes = watcher::Config::default().labels(&format!("{label},{LABEL_COMPONENT}=cassandra"));
        let own = watcher::Config::default().fields(&format!("metadata.name={}", shop.name()));
        tasks.spawn(follow(watcher(shop.api::<Pod>(), nodes), Arc::clone(&seen), Seen::pod));
        tasks.spawn(follow(watcher(shop.api::<StoreCluster>(), own), Arc::clone(&seen), Seen::store));
        let jobs = watcher::Config::default().labels(&label);
        tasks.spawn(follow(watcher(shop.api::<Job>(), jobs), Arc::clone(&seen), Seen::job));
        Watch { seen, _tasks: tasks }
    }

    /// What has been seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn follow<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    seen: Arc<Mutex<Seen>>,
    take: fn(&mut Seen, &K, bool),
) {
    let mut events = Box::pin(events);
    // A watch that fails is begun again by itself.
    while let Some(event) = events.next().await {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) => take(&mut seen, &object, true),
            Ok(Event::Delete(object)) => take(&mut seen, &object, false),
            Ok(Event::Init | Event::InitDone) | Err(_) => {}
        }
    }
}

impl Seen {
    fn pod(&mut self, pod: &Pod, there: bool) {
        let name = pod.name_any();
        self.pods.insert(name.clone(), there && is_ready(pod));
        let uids = self.uids.entry(name).or_default();
        let uid = pod.uid().unwrap_or_default();
        if !uids.contains(&uid) {
            uids.push(uid);
        }
        // Before the first list has come to its end, pods that are up are not known yet.
        if self.pods.len() >= super::RACKS.len() {
            let up = self.pods.values().filter(|up| **up).count();
            if self.least_up.as_ref().is_none_or(|(least, _)| up < *least) {
                self.least_up = Some((up, self.away()));
            }
        }
        self.job_beside();
    }

    fn away(&self) -> String {
        let away = self.pods.iter().filter(|(_, up)| !**up).map(|(name, _)| name.as_str());
        away.collect::<Vec<_>>().join(", ")
    }

    fn store(&mut self, store: &StoreCluster, there: bool) {
        if !there {
            return;
        }
        for condition in store.status.iter().flat_map(|status| &status.conditions) {
            let before = self.conditions.insert(condition.type_.clone(), condition.status.clone());
            if before.is_some_and(|before| before != condition.status) {
                self.changes.push(Change {
                    at: Timestamp::now(),
                    kind: condition.type_.clone(),
                    status: condition.status.clone(),
                    text: format!("{}: {}", condition.reason, condition.message),
                });
            }
        }
    }

    fn job(&mut self, job: &Job, there: bool) {
        let name = job.name_any();
        let schema = job.labels().get(LABEL_COMPONENT).is_some_and(|component| component == "schema");
        if !schema {
            return;
        }
        let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
        let over = conditions.is_some_and(|list| {
            list.iter().any(|one| ["Complete", "Failed"].contains(&one.type_.as_str()) && one.status == "True")
        });
        if there && !over && !self.jobs.contains(&name) {
            self.jobs.push(name.clone());
        }
        self.running_jobs.insert(name, there && !over);
        self.job_beside();
    }

    fn job_beside(&mut self) {
        let running = self.running_jobs.iter().find(|(_, running)| **running).map(|(name, _)| name.clone());
        let away = self.away();
        if let Some(job) = running.filter(|_| !away.is_empty()) {
            self.jobs_beside.push(format!("{job} ran while {away} was away"));
        }
    }

    /// Changes of this condition to this status.
    pub fn to(&self, kind: &str, status: &str) -> Vec<&Change> {
        self.changes.iter().filter(|change| change.kind == kind && change.status == status).collect()
    }
}
