//! Registry of node operations that outlast a pass: what runs in the background of this process,
//! and results that no pass has settled yet. Bounded; holds tasks, does no IO itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use store_planner::decision::Memory;
use store_planner::observation::{TaskKey, TaskKind, TaskState};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::clock;

/// Operations of all stores that may run at once in one operator.
pub const CAPACITY: usize = 256;

/// Where a running operation tells its progress.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<Option<String>>>);

impl Progress {
    pub fn tell(&self, progress: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    pub fn read(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Entry {
    started: Timestamp,
    progress: Progress,
    /// Filled once by the task itself.
    result: Arc<Mutex<Option<Result<(), String>>>>,
    abort: AbortHandle,
    /// What is owed now was incurred after it began: its end says nothing of that.
    outdated: bool,
}

impl Entry {
    fn state(&self) -> TaskState {
        match &*self.result.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(())) if self.outdated => TaskState::Failed("it began before what is owed now was incurred".into()),
            Some(Ok(())) => TaskState::Succeeded,
            Some(Err(cause)) => TaskState::Failed(cause.clone()),
            // A task that panicked leaves no result.
            None if self.abort.is_finished() => TaskState::Failed("the task ended early".into()),
            None => TaskState::Running(self.progress.read()),
        }
    }
}

/// The registry is full.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// Operations by store UID and key.
pub struct Registry {
    stores: Mutex<HashMap<String, BTreeMap<TaskKey, Entry>>>,
    /// Told the UID of the store when one of its operations ends.
    ended: mpsc::Sender<String>,
}

impl Registry {
    pub fn new(ended: mpsc::Sender<String>) -> Self {
        Registry { stores: Mutex::default(), ended }
    }

    /// Begins an operation, unless the same one is running. A result that is still there is dropped:
    /// whoever begins again has seen it.
    pub fn begin<F>(&self, store_uid: &str, key: TaskKey, operation: impl FnOnce(Progress) -> F) -> Result<(), Full>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut stores = self.lock();
        let running = |entry: &Entry| matches!(entry.state(), TaskState::Running(_));
        if stores.get(store_uid).and_then(|tasks| tasks.get(&key)).is_some_and(running) {
            return Ok(());
        }
        if stores.values().flat_map(BTreeMap::values).filter(|entry| running(entry)).count() >= CAPACITY {
            return Err(Full);
        }
        let progress = Progress::default();
        let result = Arc::new(Mutex::new(None));
        let outcome = operation(progress.clone());
        let slot = result.clone();
        let (ended, uid) = (self.ended.clone(), store_uid.to_owned());
        let abort = tokio::spawn(async move {
            let outcome = outcome.await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            // A full queue loses nothing: the next pass is due within seconds anyway.
            let _ = ended.try_send(uid);
        })
        .abort_handle();
        let entry = Entry { started: clock::now(), progress, result, abort, outdated: false };
        stores.entry(store_uid.to_owned()).or_default().insert(key, entry);
        Ok(())
    }

    /// State of every operation of the store.
    pub fn states(&self, store_uid: &str) -> BTreeMap<TaskKey, TaskState> {
        let stores = self.lock();
        let tasks = stores.get(store_uid).into_iter().flatten();
        tasks.map(|(key, entry)| (key.clone(), entry.state())).collect()
    }

    /// Drops results that the memory does not wait for: a repair that succeeded before a newer debt
    /// was incurred must not be taken for the repair of that one.
    pub fn settle(&self, store_uid: &str, memory: &Memory, hosts: &BTreeMap<String, String>) {
        let mut stores = self.lock();
        let Some(tasks) = stores.get_mut(store_uid) else { return };
        tasks.retain(|key, entry| {
            let awaited = memory.awaits(key, entry.started, hosts.get(&key.pod).map(String::as_str));
            let running = matches!(entry.state(), TaskState::Running(_));
            entry.outdated |= running && !awaited && matches!(key.kind, TaskKind::Repair | TaskKind::Cleanup);
            running || awaited
        });
        if tasks.is_empty() {
            stores.remove(store_uid);
        }
    }

    /// Ends and forgets the operations of stores that are gone.
    pub fn retain(&self, alive: &BTreeSet<String>) {
        self.lock().retain(|uid, tasks| {
            let keep = alive.contains(uid);
            if !keep {
                tasks.values().for_each(|entry| entry.abort.abort());
            }
            keep
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, BTreeMap<TaskKey, Entry>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use store_crds::Debt;

    use super::*;

    fn repair(pod: &str) -> TaskKey {
        TaskKey { pod: pod.into(), kind: TaskKind::Repair, keyspace: Some("shop".into()) }
    }

    fn debt(hosts: &[&str], since: Timestamp) -> Memory {
        let debt: Debt = serde_json::from_value(serde_json::json!({
            "kind": "Repair", "keyspace": "shop", "hostIds": hosts, "since": "2026-01-02T03:04:05Z"
        }))
        .unwrap();
        let debt = Debt { since: Time(since), ..debt };
        Memory { owed: vec![debt], ..Memory::default() }
    }

    fn hosts() -> BTreeMap<String, String> {
        [("pod-0".to_owned(), "host-0".to_owned())].into()
    }

    fn registry() -> Registry {
        Registry::new(mpsc::channel(1).0)
    }

    async fn ended(registry: &Registry) {
        while registry.states("uid").values().any(|state| matches!(state, TaskState::Running(_))) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_result_stays_until_the_memory_no_longer_waits_for_it() {
        let registry = registry();
        let before = clock::now();
        registry.begin("uid", repair("pod-0"), |_| async { Ok(()) }).unwrap();
        ended(&registry).await;
        registry.settle("uid", &debt(&["host-0", "host-1"], before), &hosts());
        assert_eq!(registry.states("uid"), [(repair("pod-0"), TaskState::Succeeded)].into());
        registry.settle("uid", &debt(&["host-1"], before), &hosts());
        assert!(registry.states("uid").is_empty());
    }

    #[tokio::test]
    async fn a_result_from_before_a_newer_debt_is_not_taken_for_it() {
        let registry = registry();
        registry.begin("uid", repair("pod-0"), |_| async { Ok(()) }).unwrap();
        ended(&registry).await;
        registry.settle("uid", &debt(&["host-0"], clock::now()), &hosts());
        assert!(registry.states("uid").is_empty());
    }

    #[tokio::test]
    async fn the_result_of_what_began_before_a_newer_debt_is_not_taken_for_it_when_it_ends_after() {
        let registry = registry();
        let (end, ends) = tokio::sync::oneshot::channel::<()>();
        registry
            .begin("uid", repair("pod-0"), |_| async move { ends.await.map_err(|error| error.to_string()) })
            .unwrap();
        tokio::task::yield_now().await;
        registry.settle("uid", &debt(&["host-0"], clock::now()), &hosts());
        end.send(()).unwrap();
        ended(&registry).await;
        assert_ne!(registry.states("uid").get(&repair("pod-0")), Some(&TaskState::Succeeded));
    }

    #[tokio::test]
    async fn the_same_operation_is_not_begun_twice_and_tells_its_progress() {
        let registry = registry();
        registry
            .begin("uid", repair("pod-0"), |progress| async move {
                progress.tell("1 of 2".into());
                std::future::pending().await
            })
            .unwrap();
        registry.begin("uid", repair("pod-0"), |_| async { Err("begun twice".into()) }).unwrap();
        tokio::task::yield_now().await;
        let running = TaskState::Running(Some("1 of 2".into()));
        assert_eq!(registry.states("uid"), [(repair("pod-0"), running)].into());
        registry.retain(&BTreeSet::new());
        assert!(registry.states("uid").is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_is_told_when_an_operation_has_its_result() {
        let (sender, mut told) = mpsc::channel(1);
        let registry = Registry::new(sender);
        registry.begin("uid", repair("pod-0"), |_| async { Ok(()) }).unwrap();
        assert_eq!(told.recv().await.as_deref(), Some("uid"));
        assert_eq!(registry.states("uid"), [(repair("pod-0"), TaskState::Succeeded)].into());
    }

    #[tokio::test]
    async fn more_operations_than_the_bound_are_refused() {
        let registry = registry();
        for number in 0..CAPACITY {
            let begun = registry.begin("uid", repair(&format!("pod-{number}")), |_| std::future::pending());
            assert_eq!(begun, Ok(()));
        }
        assert_eq!(registry.begin("uid", repair("one-more"), |_| std::future::pending()), Err(Full));
    }
}
