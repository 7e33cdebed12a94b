//! Evictions that the API server refused, until one of the same shop is made. Memory of this process: what
//! is lost with it is asked again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use store_planner::identity::Uid;
use store_planner::observation::EvictionRefused;

/// The last refusal of each shop, by its namespace and name.
#[derive(Default)]
pub struct Evictions {
    refused: Mutex<HashMap<(String, String), EvictionRefused>>,
}

impl Evictions {
    /// What was refused last, and is not made since.
    pub fn refused(&self, namespace: &str, store: &str) -> Option<EvictionRefused> {
        self.lock().get(&(namespace.to_owned(), store.to_owned())).cloned()
    }

    /// The eviction of the pod of that UID was refused. That of the same pod goes on since its first refusal.
    pub fn refuse(&self, namespace: &str, store: &str, uid: &Uid, words: &str, at: Timestamp) {
        let mut refused = self.lock();
        let key = (namespace.to_owned(), store.to_owned());
        let since = refused.get(&key).filter(|before| before.uid == *uid).map_or(at, |before| before.since);
        refused.insert(key, EvictionRefused { uid: uid.clone(), words: words.to_owned(), since, at });
    }

    /// An eviction was made.
    pub fn forget(&self, namespace: &str, store: &str) {
        self.lock().remove(&(namespace.to_owned(), store.to_owned()));
    }

    /// Forgets stores that are not among these, given as namespace and name.
    pub fn retain(&self, stores: &BTreeSet<(String, String)>) {
        self.lock().retain(|store, _| stores.contains(store));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), EvictionRefused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_refusal_is_known_since_its_first_time_until_one_is_made_or_the_shop_is_gone() {
        let evictions = Evictions::default();
        let (one, two) = (Uid::new("u0").unwrap(), Uid::new("u1").unwrap());
        let first = Timestamp::UNIX_EPOCH;
        let later = first + SignedDuration::from_secs(5);
        evictions.refuse("ns", "shop", &one, "the budget", first);
        evictions.refuse("ns", "shop", &one, "the budget", later);
        let known = evictions.refused("ns", "shop").unwrap();
        assert_eq!((known.since, known.at), (first, later));
        evictions.refuse("ns", "shop", &two, "the budget", later);
        assert_eq!(evictions.refused("ns", "shop").unwrap().since, later, "another pod waits since now");
        evictions.forget("ns", "shop");
        assert_eq!(evictions.refused("ns", "shop"), None);
        evictions.refuse("ns", "shop", &two, "the budget", later);
        evictions.retain(&BTreeSet::new());
        assert_eq!(evictions.refused("ns", "shop"), None);
    }
}
