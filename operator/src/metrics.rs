//! Metrics, under the names that dashboards for controllers know, and the stores' own. Labels come
//! from closed sets, and the series of a store go away with it. No IO.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use store_crds::{NodeState, OperationKind, StoreClusterStatus};

const CONTROLLER: &str = "storecluster";
const NODE_STATES: [NodeState; 7] = [
    NodeState::Starting,
    NodeState::Joining,
    NodeState::Normal,
    NodeState::Leaving,
    NodeState::Decommissioned,
    NodeState::Drained,
    NodeState::Down,
];
const OPERATIONS: [OperationKind; 11] = [
    OperationKind::Bootstrap,
    OperationKind::Join,
    OperationKind::Decommission,
    OperationKind::Start,
    OperationKind::Roles,
    OperationKind::AlterReplication,
    OperationKind::Repair,
    OperationKind::Cleanup,
    OperationKind::Rollout,
    OperationKind::GrowVolumes,
    OperationKind::Migrate,
];
const CONDITIONS: [&str; 4] = [
    store_crds::conditions::READY,
    store_crds::conditions::PROGRESSING,
    store_crds::conditions::DEGRADED,
    store_crds::conditions::REPLICATION_SYNCED,
];

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
    registry: Registry,
    reconciles: IntCounterVec,
    reconcile_errors: IntCounterVec,
    reconcile_seconds: HistogramVec,
    active_workers: IntGaugeVec,
    requests: IntCounterVec,
    writes: IntCounterVec,
    leader: IntGauge,
    nodes: IntGaugeVec,
    conditions: IntGaugeVec,
    operations: IntGaugeVec,
    operation_started: GaugeVec,
    owed: IntGaugeVec,
    /// Stores that have series, by namespace and name.
    shown: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have the same name, which a test excludes.
    pub fn new(concurrency: u16) -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok(vec)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec, prometheus::Error> {
            let vec = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok(vec)
        };
        let reconcile_seconds = HistogramVec::new(
            HistogramOpts::new("controller_runtime_reconcile_time_seconds", "Length of a pass.")
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]),
            &["controller"],
        )?;
        registry.register(Box::new(reconcile_seconds.clone()))?;
        let leader = IntGauge::with_opts(
            Opts::new("leader_election_master_status", "1 while this replica holds the Lease.")
                .const_label("name", crate::leader::LEASE_NAME),
        )?;
        registry.register(Box::new(leader.clone()))?;
        let operation_started = GaugeVec::new(
            Opts::new("storecluster_operation_start_time_seconds", "When the operation in hand began; 0: none."),
            &["namespace", "name"],
        )?;
        registry.register(Box::new(operation_started.clone()))?;
        let build = Gauge::with_opts(
            Opts::new("store_operator_build_info", "1, with the version of the operator.")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )?;
        build.set(1.0);
        registry.register(Box::new(build))?;
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let max = gauges(
            "controller_runtime_max_concurrent_reconciles",
            "Stores worked on at the same time, at most.",
            &["controller"],
        )?;
        max.with_label_values(&[CONTROLLER]).set(i64::from(concurrency));
        let store = ["namespace", "name"];
        Ok(Metrics {
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
            nodes: gauges("storecluster_nodes", "Cassandra nodes, by state.", &[store[0], store[1], "state"])?,
            conditions: gauges(
                "storecluster_condition",
                "1 where the condition is True, 0 where False, -1 where unknown.",
                &[store[0], store[1], "type"],
            )?,
            operations: gauges(
                "storecluster_operation",
                "1 for the kind of operation in hand.",
                &[store[0], store[1], "kind"],
            )?,
            owed: gauges("storecluster_owed", "Debts: repairs, clean-ups and volumes.", &store)?,
            operation_started,
            reconcile_seconds,
            leader,
            shown: Arc::default(),
            registry,
        })
    }

    /// Counts a pass that begins.
    pub fn pass_began(&self) {
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

    /// Shows a store's status.
    pub fn show(&self, namespace: &str, name: &str, status: &StoreClusterStatus) {
        self.shown().insert((namespace.to_owned(), name.to_owned()));
        for state in NODE_STATES {
            let count = status.nodes.iter().filter(|node| node.state == state).count();
            let label = format!("{state:?}");
            self.nodes.with_label_values(&[namespace, name, &label]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        for kind in CONDITIONS {
            let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
            let value = match condition.map(|condition| condition.status.as_str()) {
                Some("True") => 1,
                Some("False") => 0,
                _ => -1,
            };
            self.conditions.with_label_values(&[namespace, name, kind]).set(value);
        }
        for kind in OPERATIONS {
            let in_hand = status.operation.as_ref().is_some_and(|operation| operation.kind == kind);
            let label = format!("{kind:?}");
            self.operations.with_label_values(&[namespace, name, &label]).set(i64::from(in_hand));
        }
        let started =
            status.operation.as_ref().map_or(0.0, |operation| operation.started_at.0.as_millisecond() as f64 / 1000.0);
        self.operation_started.with_label_values(&[namespace, name]).set(started);
        let owed = i64::try_from(status.owed.len()).unwrap_or(i64::MAX);
        self.owed.with_label_values(&[namespace, name]).set(owed);
    }

    /// Removes the series of a store that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.shown().remove(&(namespace.to_owned(), name.to_owned()));
        // A series that was never shown is no error here.
        for state in NODE_STATES {
            let _ = self.nodes.remove_label_values(&[namespace, name, &format!("{state:?}")]);
        }
        for kind in CONDITIONS {
            let _ = self.conditions.remove_label_values(&[namespace, name, kind]);
        }
        for kind in OPERATIONS {
            let _ = self.operations.remove_label_values(&[namespace, name, &format!("{kind:?}")]);
        }
        let _ = self.operation_started.remove_label_values(&[namespace, name]);
        let _ = self.owed.remove_label_values(&[namespace, name]);
    }

    /// Removes the series of stores that are not among `stores`, given as namespace and name. Only
    /// those of `namespace` are looked at, if one is given.
    pub fn retain(&self, namespace: Option<&str>, stores: &BTreeSet<(String, String)>) {
        let gone: Vec<(String, String)> = self
            .shown()
            .iter()
            .filter(|store| namespace.is_none_or(|namespace| namespace == store.0) && !stores.contains(store))
            .cloned()
            .collect();
        for (namespace, name) in gone {
            self.forget(&namespace, &name);
        }
    }

    fn shown(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, in the text format.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use store_crds::NodeStatus;

    use super::*;

    #[test]
    fn the_series_of_a_store_go_away_with_it() {
        let metrics = Metrics::new(8).unwrap();
        let node = NodeStatus { state: NodeState::Normal, ..NodeStatus::default() };
        let status = StoreClusterStatus { nodes: vec![node], ..StoreClusterStatus::default() };
        metrics.show("shops", "shop", &status);
        let text = metrics.text().unwrap();
        assert!(text.contains(r#"storecluster_nodes{name="shop",namespace="shops",state="Normal"} 1"#), "{text}");
        metrics.forget("shops", "shop");
        assert!(!metrics.text().unwrap().contains("shops"));
    }

    #[test]
    fn series_of_stores_that_went_unseen_are_removed_and_those_of_other_namespaces_stay() {
        let metrics = Metrics::new(8).unwrap();
        for (namespace, name) in [("one", "shop"), ("one", "gone"), ("two", "shop")] {
            metrics.show(namespace, name, &StoreClusterStatus::default());
        }
        metrics.retain(Some("one"), &[("one".to_owned(), "shop".to_owned())].into());
        let text = metrics.text().unwrap();
        assert!(text.contains(r#"name="shop",namespace="one""#) && text.contains(r#"namespace="two""#), "{text}");
        assert!(!text.contains("gone"), "{text}");
    }

    #[test]
    fn a_pass_is_counted_by_how_it_ended() {
        let metrics = Metrics::new(8).unwrap();
        metrics.pass_began();
        metrics.pass_ended(Outcome::Error, Some("Conflict"), Duration::from_millis(3));
        let text = metrics.text().unwrap();
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
