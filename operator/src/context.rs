//! Handles that every pass shares. No IO of its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use rand::Rng as _;
use store_planner::logins::Logins;
use store_planner::refusals::Refusals;
use store_planner::secrets::Content;
use store_planner::settings::Settings;
use store_planner::unmade::Unmade;

use crate::cache::Cache;
use crate::cassandra::Ring;
use crate::events::Publisher;
use crate::evictions::Evictions;
use crate::leader::WriteGate;
use crate::metrics::Metrics;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What passes share.
#[derive(Clone)]
pub struct Context {
    pub client: Client,
    pub settings: Arc<Settings>,
    pub ring: Arc<dyn Ring>,
    /// For what pods of a shop tell over plain HTTP.
    pub http: reqwest::Client,
    pub metrics: Metrics,
    pub events: Publisher,
    pub gate: WriteGate,
    pub cache: Cache,
    pub secrets: Arc<SecretMemo>,
    pub failures: Arc<Failures>,
    pub evictions: Arc<Evictions>,
    pub refused: Arc<PerStore<Refusals>>,
    pub unmade: Arc<PerStore<Unmade>>,
}

/// What passes remember of each StoreCluster, by its UID.
#[derive(Default)]
pub struct PerStore<T> {
    known: Mutex<HashMap<String, T>>,
}

impl<T: Clone + Default> PerStore<T> {
    pub fn of(&self, uid: &str) -> T {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned().unwrap_or_default()
    }

    pub fn put(&self, uid: &str, memory: T) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), memory);
    }

    /// Forgets those of stores that are not in `alive`.
    pub fn retain(&self, alive: &BTreeSet<String>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, _| alive.contains(uid));
    }
}

/// What was in a Secret, and the version it was read at.
type Known = (String, Arc<Content>);

/// Secrets by namespace and name, with the version they were read at; and by UID of the store what its record
/// of log-ins held, for when somebody deletes that, too.
#[derive(Default)]
pub struct SecretMemo {
    known: Mutex<HashMap<(String, String), Known>>,
    records: Mutex<HashMap<String, Logins>>,
}

impl SecretMemo {
    /// The content as of that version of the Secret.
    pub fn find(&self, namespace: &str, name: &str, version: &str) -> Option<Arc<Content>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (known_version, content) = known.get(&(namespace.to_owned(), name.to_owned()))?;
        (known_version == version).then(|| content.clone())
    }

    pub fn put(&self, namespace: &str, name: &str, version: String, content: Arc<Content>) {
        let key = (namespace.to_owned(), name.to_owned());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (version, content));
    }

    /// What the store's record held when it was last seen.
    pub fn remembered(&self, uid: &str) -> Logins {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned().unwrap_or_default()
    }

    /// An empty record takes nothing away.
    pub fn remember(&self, uid: &str, record: &Logins) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if !record.is_empty() && records.get(uid) != Some(record) {
            records.insert(uid.to_owned(), record.clone());
        }
    }

    /// Forgets records of stores that are gone.
    pub fn retain_records(&self, uids: &BTreeSet<String>) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, _| uids.contains(uid));
    }

    /// Forgets Secrets that are in none of the stores, given as namespace and name.
    pub fn retain(&self, stores: &BTreeSet<(String, String)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(namespace, secret), _| {
            stores.iter().any(|(in_namespace, store)| {
                in_namespace == namespace
                    && secret.strip_prefix(store.as_str()).is_some_and(|rest| rest.starts_with('-'))
            })
        });
    }
}

/// Failed passes in a row, by namespace and name of the StoreCluster.
#[derive(Default)]
pub struct Failures {
    in_a_row: Mutex<HashMap<(String, String), u32>>,
}

impl Failures {
    /// Counts one more, and says how long to wait: twice as long as before, up to a minute, and a
    /// little more or less, so that stores that failed together are not tried together.
    pub fn count(&self, namespace: &str, name: &str) -> Duration {
        let mut in_a_row = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = in_a_row.entry((namespace.to_owned(), name.to_owned())).or_default();
        *failures = failures.saturating_add(1);
        pause(*failures).mul_f64(rand::rng().random_range(0.8..1.2))
    }

    /// A pass went well.
    pub fn reset(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_start_again_after_a_good_pass() {
        let millis: Vec<u128> = (1..=9).map(|failures| pause(failures).as_millis()).collect();
        assert_eq!(millis, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        let failures = Failures::default();
        (0..10).for_each(|_| {
            failures.count("ns", "shop");
        });
        assert!(failures.count("ns", "shop") >= Duration::from_secs(48));
        failures.reset("ns", "shop");
        assert!(failures.count("ns", "shop") <= Duration::from_millis(600));
    }

    #[test]
    fn secrets_are_known_for_one_version_and_forgotten_with_their_store() {
        let memo = SecretMemo::default();
        let content = Arc::new(Content::default());
        memo.put("ns", "shop-superuser", "7".into(), content.clone());
        assert_eq!(memo.find("ns", "shop-superuser", "7"), Some(content));
        assert_eq!(memo.find("ns", "shop-superuser", "8"), None);
        memo.retain(&[("ns".to_owned(), "shop".to_owned())].into());
        assert!(memo.find("ns", "shop-superuser", "7").is_some());
        memo.retain(&[("ns".to_owned(), "sho".to_owned())].into());
        assert!(memo.find("ns", "shop-superuser", "7").is_none());
    }
}
