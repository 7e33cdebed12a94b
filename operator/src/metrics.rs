//! Metrics, under the names that dashboards for controllers know, and the stores' own. Labels come
//! from closed sets, and the series of a store go away with it. No IO.

mod queue;
mod stores;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts};
use store_crds::StoreClusterStatus;
use store_telemetry::Catalogue;

use queue::Queue;
use stores::{Seen, Shown, Stores};

pub use stores::Wanted;

const CONTROLLER: &str = "storecluster";
const PASS_SECONDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How a pass ended, as controller-runtime names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; looked at again after a while.
    RequeueAfter,
    /// The store is gone.
    Success,
    Error,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Outcome::RequeueAfter => "requeue_after",
            Outcome::Success => "success",
            Outcome::Error => "error",
        }
    }
}

/// All metrics of the process.
#[derive(Clone)]
pub struct Metrics {
    catalogue: Catalogue,
    /// Stores that wait for their pass.
    pub queue: Queue,
    reconciles: IntCounterVec,
    reconcile_errors: IntCounterVec,
    reconcile_seconds: HistogramVec,
    active_workers: IntGaugeVec,
    requests: IntCounterVec,
    writes: IntCounterVec,
    leader: IntGauge,
    stores: Stores,
    /// What passes have seen last.
    shown: Arc<Mutex<Shown>>,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have the same name, which a test excludes.
    pub fn new(concurrency: u16) -> Result<Metrics, prometheus::Error> {
        let catalogue = Catalogue::new();
        let counters =
            |name: &str, help: &str, labels: &[&str]| catalogue.add(IntCounterVec::new(Opts::new(name, help), labels)?);
        let gauges =
            |name: &str, help: &str, labels: &[&str]| catalogue.add(IntGaugeVec::new(Opts::new(name, help), labels)?);
        let seconds = HistogramOpts::new("controller_runtime_reconcile_time_seconds", "Length of a pass.");
        let reconcile_seconds =
            catalogue.add(HistogramVec::new(seconds.buckets(PASS_SECONDS.to_vec()), &["controller"])?)?;
        let leader = catalogue.add(IntGauge::with_opts(
            Opts::new("leader_election_master_status", "1 while this replica holds the Lease.")
                .const_label("name", crate::leader::ELECTION),
        )?)?;
        let build = Gauge::with_opts(
            Opts::new("store_operator_build_info", "1, with the version of the operator.")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1.0);
        catalogue.register(build)?;
        catalogue.register(prometheus::process_collector::ProcessCollector::for_self())?;
        let max = gauges(
            "controller_runtime_max_concurrent_reconciles",
            "Stores worked on at the same time, at most.",
            &["controller"],
        )?;
        max.with_label_values(&[CONTROLLER]).set(i64::from(concurrency));
        Ok(Metrics {
            queue: Queue::register(&catalogue)?,
            reconciles: counters(
                "controller_runtime_reconcile_total",
                "Passes, by how they ended.",
                &["controller", "result"],
            )?,
            reconcile_errors: counters(
                "controller_runtime_reconcile_errors_total",
                "Passes that ended in an error, by its reason.",
                &["controller", "reason"],
            )?,
            active_workers: gauges("controller_runtime_active_workers", "Passes under way.", &["controller"])?,
            requests: counters(
                "rest_client_requests_total",
                "Requests to the Kubernetes API, by method and status code.",
                &["method", "code"],
            )?,
            writes: counters(
                "store_operator_writes_total",
                "Writes of stores' objects, by kind and verb.",
                &["kind", "verb"],
            )?,
            stores: Stores::register(&catalogue)?,
            reconcile_seconds,
            leader,
            shown: Arc::default(),
            catalogue,
        })
    }

    /// Counts a pass that begins.
    pub fn pass_began(&self, namespace: &str, name: &str) {
        self.queue.begun(namespace, name);
        self.active_workers.with_label_values(&[CONTROLLER]).inc();
    }

    /// Counts a pass that ended; `reason` is that of its error.
    pub fn pass_ended(&self, outcome: Outcome, reason: Option<&'static str>, took: Duration) {
        self.active_workers.with_label_values(&[CONTROLLER]).dec();
        self.reconciles.with_label_values(&[CONTROLLER, outcome.label()]).inc();
        self.reconcile_seconds.with_label_values(&[CONTROLLER]).observe(took.as_secs_f64());
        if let Some(reason) = reason {
            self.reconcile_errors.with_label_values(&[CONTROLLER, reason]).inc();
        }
    }

    /// Counts a request to the Kubernetes API.
    pub fn request(&self, method: &str, code: &str) {
        self.requests.with_label_values(&[method, code]).inc();
    }

    /// Counts a write of a store's object.
    pub fn write(&self, kind: &str, verb: &'static str) {
        self.writes.with_label_values(&[kind, verb]).inc();
    }

    /// Whether this replica leads.
    pub fn leading(&self, leading: bool) {
        self.leader.set(i64::from(leading));
    }

    /// Shows a store's status, and what its spec asks for.
    pub fn show(&self, namespace: &str, name: &str, wanted: Wanted, status: &StoreClusterStatus) {
        self.shown().insert((namespace.to_owned(), name.to_owned()), Seen { wanted, status: status.clone() });
    }

    /// Removes the series of a store that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.shown().remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Removes the series of stores that are not among `stores`, given as namespace and name. Only
    /// those of `namespace` are looked at, if one is given.
    pub fn retain(&self, namespace: Option<&str>, stores: &BTreeSet<(String, String)>) {
        self.shown()
            .retain(|store, _| namespace.is_some_and(|namespace| namespace != store.0) || stores.contains(store));
        self.queue.retain(namespace, stores);
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, in the text format.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        // Held to the end: two scrapes at once must not fill the same vectors.
        let shown = self.shown();
        self.stores.fill(&shown);
        self.catalogue.text()
    }

    /// Everything that the operator may tell, as a table (committed as docs/metrics/operator.md).
    pub fn reference(&self) -> String {
        self.catalogue.reference("Metrics of the operator")
    }
}

#[cfg(test)]
mod tests {
    use store_crds::{NodeState, NodeStatus};

    use super::*;

    fn text_of(metrics: &Metrics) -> String {
        String::from_utf8(metrics.text().unwrap()).unwrap()
    }

    /// A new label, or a new metric, is a decision: each multiplies what a Prometheus must keep.
    #[test]
    fn the_metrics_and_their_labels_are_those_of_the_committed_table() {
        let reference = Metrics::new(1).unwrap().reference();
        assert_eq!(reference, include_str!("../../docs/metrics/operator.md"), "run make generate");
    }

    #[test]
    fn the_series_of_a_store_go_away_with_it() {
        let metrics = Metrics::new(8).unwrap();
        let node = NodeStatus { state: NodeState::Normal, ..NodeStatus::default() };
        let status = StoreClusterStatus { nodes: vec![node], ..StoreClusterStatus::default() };
        metrics.show("shops", "shop", Wanted { nodes: 3, api_pods: 2 }, &status);
        let text = text_of(&metrics);
        assert!(text.contains(r#"storecluster_nodes{name="shop",namespace="shops",state="Normal"} 1"#), "{text}");
        metrics.forget("shops", "shop");
        assert!(!text_of(&metrics).contains("shops"));
    }

    #[test]
    fn series_of_stores_that_went_unseen_are_removed_and_those_of_other_namespaces_stay() {
        let metrics = Metrics::new(8).unwrap();
        for (namespace, name) in [("one", "shop"), ("one", "gone"), ("two", "shop")] {
            metrics.show(namespace, name, Wanted { nodes: 1, api_pods: 1 }, &StoreClusterStatus::default());
        }
        metrics.retain(Some("one"), &[("one".to_owned(), "shop".to_owned())].into());
        let text = text_of(&metrics);
        assert!(text.contains(r#"name="shop",namespace="one""#) && text.contains(r#"namespace="two""#), "{text}");
        assert!(!text.contains("gone"), "{text}");
    }

    #[test]
    fn a_pass_is_counted_by_how_it_ended() {
        let metrics = Metrics::new(8).unwrap();
        metrics.pass_began("shops", "shop");
        metrics.pass_ended(Outcome::Error, Some("Conflict"), Duration::from_millis(3));
        let text = text_of(&metrics);
        for line in [
            r#"controller_runtime_reconcile_total{controller="storecluster",result="error"} 1"#,
            r#"controller_runtime_reconcile_errors_total{controller="storecluster",reason="Conflict"} 1"#,
            r#"controller_runtime_active_workers{controller="storecluster"} 0"#,
            r#"controller_runtime_max_concurrent_reconciles{controller="storecluster"} 8"#,
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
