//! Stores that were touched and wait for their pass, under the names of Kubernetes' work queues. kube's
//! scheduler tells nothing of its own. What waits for its time (a pass that is repeated later) is not in
//! the queue, as in theirs.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Opts};
use store_telemetry::Catalogue;

use super::{CONTROLLER, PASS_SECONDS};

type Waiting = HashMap<(String, String), Instant>;

/// The queue's figures; clones share them.
#[derive(Clone)]
pub struct Queue {
    waiting: Arc<Mutex<Waiting>>,
    depth: IntGauge,
    adds: IntCounter,
    seconds: Histogram,
}

impl Queue {
    pub(super) fn register(catalogue: &Catalogue) -> Result<Queue, prometheus::Error> {
        let named = |name: &str, help: &str| Opts::new(name, help).const_label("name", CONTROLLER);
        let seconds = HistogramOpts::new("workqueue_queue_duration_seconds", "From the touch of a store to its pass.")
            .const_label("name", CONTROLLER)
            .buckets(PASS_SECONDS.to_vec());
        Ok(Queue {
            waiting: Arc::default(),
            depth: catalogue.add(IntGauge::with_opts(named(
                "workqueue_depth",
                "Stores that were touched and wait for their pass.",
            ))?)?,
            adds: catalogue.add(IntCounter::with_opts(named(
                "workqueue_adds_total",
                "Touches of stores that did not wait yet.",
            ))?)?,
            seconds: catalogue.add(Histogram::with_opts(seconds)?)?,
        })
    }

    /// Something of the store was touched.
    pub fn touched(&self, namespace: &str, name: &str) {
        let mut waiting = self.waiting();
        let key = (namespace.to_owned(), name.to_owned());
        if let std::collections::hash_map::Entry::Vacant(entry) = waiting.entry(key) {
            entry.insert(Instant::now());
            self.adds.inc();
        }
        self.show(&waiting);
    }

    /// Its pass begins.
    pub fn begun(&self, namespace: &str, name: &str) {
        let mut waiting = self.waiting();
        if let Some(since) = waiting.remove(&(namespace.to_owned(), name.to_owned())) {
            self.seconds.observe(since.elapsed().as_secs_f64());
        }
        self.show(&waiting);
    }

    /// Forgets stores that are no more; an object that outlives its store touches it, too.
    pub(super) fn retain(&self, namespace: Option<&str>, stores: &BTreeSet<(String, String)>) {
        let mut waiting = self.waiting();
        waiting.retain(|store, _| namespace.is_some_and(|namespace| namespace != store.0) || stores.contains(store));
        self.show(&waiting);
    }

    fn show(&self, waiting: &Waiting) {
        self.depth.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_waits_once_however_often_it_is_touched_until_its_pass_begins() {
        let queue = Queue::register(&Catalogue::new()).unwrap();
        for name in ["one", "one", "two", "gone"] {
            queue.touched("shops", name);
        }
        assert_eq!((queue.depth.get(), queue.adds.get()), (3, 3));
        queue.begun("shops", "one");
        queue.begun("shops", "never-touched");
        assert_eq!((queue.depth.get(), queue.seconds.get_sample_count()), (2, 1));
        queue.retain(Some("others"), &BTreeSet::new());
        assert_eq!(queue.depth.get(), 2, "of another namespace");
        queue.retain(None, &[("shops".to_owned(), "two".to_owned())].into());
        assert_eq!(queue.depth.get(), 1);
    }
}
