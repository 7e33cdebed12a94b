//! The stores' own figures, made from their statuses at each scrape, so that no series outlives what it
//! is about. Labels: names of the store and of what the spec bounds (pods, racks, keyspaces), and kinds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::{GaugeVec, Opts};
use store_crds::{DebtKind, NodeState, OperationStatus, StoreClusterStatus};
use store_planner::procedure::PROCEDURES;
use store_planner::quorum;
use store_telemetry::Catalogue;

const NODE_STATES: [NodeState; 7] = [
    NodeState::Starting,
    NodeState::Joining,
    NodeState::Normal,
    NodeState::Leaving,
    NodeState::Decommissioned,
    NodeState::Drained,
    NodeState::Down,
];
const CONDITIONS: [&str; 5] = [
    store_crds::conditions::AVAILABLE,
    store_crds::conditions::READY,
    store_crds::conditions::PROGRESSING,
    store_crds::conditions::DEGRADED,
    store_crds::conditions::REPLICATION_SYNCED,
];
const DEBTS: [DebtKind; 2] = [DebtKind::Repair, DebtKind::Cleanup];
const MIB: f64 = 1024.0 * 1024.0;

/// What a spec asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Cassandra nodes.
    pub nodes: i32,
    /// API pods.
    pub api_pods: i32,
}

/// What a pass has seen of a store.
pub(super) struct Seen {
    pub wanted: Wanted,
    pub status: StoreClusterStatus,
}

/// Stores by namespace and name.
pub(super) type Shown = BTreeMap<(String, String), Seen>;

/// The figures.
#[derive(Clone)]
pub(super) struct Stores {
    wanted: GaugeVec,
    nodes: GaugeVec,
    node_up: GaugeVec,
    node_away_since: GaugeVec,
    node_load: GaugeVec,
    replication: GaugeVec,
    replication_wanted: GaugeVec,
    tolerated: GaugeVec,
    conditions: GaugeVec,
    operations: GaugeVec,
    operation_started: GaugeVec,
    operation_moved: GaugeVec,
    owed: GaugeVec,
    owed_since: GaugeVec,
    api_ready: GaugeVec,
    api_wanted: GaugeVec,
    api_first_ready: GaugeVec,
}

impl Stores {
    pub fn register(catalogue: &Catalogue) -> Result<Stores, prometheus::Error> {
        let of = |name: &str, help: &str, more: &[&str]| {
            let labels = [&["namespace", "name"], more].concat();
            catalogue.add(GaugeVec::new(Opts::new(format!("storecluster_{name}"), help), &labels)?)
        };
        let node = ["pod", "rack"];
        Ok(Stores {
            wanted: of("nodes_wanted", "Cassandra nodes that the spec asks for.", &[])?,
            nodes: of("nodes", "Cassandra nodes, by state.", &["state"])?,
            node_up: of("node_up", "1 for a node that is up and normal in every view, else 0.", &node)?,
            node_away_since: of(
                "node_away_since_seconds",
                "Since when a node that had joined has not been up in every view, in seconds since 1970; 0: it is.",
                &node,
            )?,
            node_load: of("node_load_bytes", "Data of the node on disk, rounded up.", &node)?,
            replication: of("keyspace_replication", "Replication factor that the ring has.", &["keyspace"])?,
            replication_wanted: of("keyspace_replication_wanted", "Replication factor wanted.", &["keyspace"])?,
            tolerated: of(
                "keyspace_failures_tolerated",
                "Nodes that may fail now, wherever they are, before a row cannot be read or written at QUORUM; below 0: some \
                 cannot be already.",
                &["keyspace"],
            )?,
            conditions: of("condition", "1 where the condition is True, 0 where False, -1 where unknown.", &["type"])?,
            operations: of("operation", "1 for the kind of operation in hand.", &["kind"])?,
            operation_started: of(
                "operation_start_time_seconds",
                "When the operation in hand began, in seconds since 1970; 0: none.",
                &[],
            )?,
            operation_moved: of(
                "operation_progress_time_seconds",
                "When step or progress of the operation in hand last changed, in seconds since 1970; 0: none.",
                &[],
            )?,
            owed: of("owed", "Debts of earlier changes: repairs and clean-ups.", &["kind"])?,
            owed_since: of(
                "owed_since_seconds",
                "Since when the oldest debt of the kind is owed, in seconds since 1970; 0: none.",
                &["kind"],
            )?,
            api_ready: of("api_ready_replicas", "API pods that pass their readiness probe.", &[])?,
            api_wanted: of("api_wanted_replicas", "API pods that the spec asks for.", &[])?,
            api_first_ready: of(
                "api_first_ready_time_seconds",
                "When an API pod was ready for the first time, in seconds since 1970; 0: none has been.",
                &[],
            )?,
        })
    }

    /// Shows these stores and no others.
    pub fn fill(&self, shown: &Shown) {
        for vec in self.all() {
            vec.reset();
        }
        for ((namespace, name), seen) in shown {
            self.fill_one(namespace, name, seen);
        }
    }

    fn all(&self) -> [&GaugeVec; 17] {
        [
            &self.wanted,
            &self.nodes,
            &self.node_up,
            &self.node_away_since,
            &self.node_load,
            &self.replication,
            &self.replication_wanted,
            &self.tolerated,
            &self.conditions,
            &self.operations,
            &self.operation_started,
            &self.operation_moved,
            &self.owed,
            &self.owed_since,
            &self.api_ready,
            &self.api_wanted,
            &self.api_first_ready,
        ]
    }

    fn fill_one(&self, namespace: &str, name: &str, seen: &Seen) {
        let status = &seen.status;
        let set = |vec: &GaugeVec, more: &[&str], value: f64| {
            vec.with_label_values(&[&[namespace, name], more].concat()).set(value);
        };
        set(&self.wanted, &[], f64::from(seen.wanted.nodes));
        set(&self.api_wanted, &[], f64::from(seen.wanted.api_pods));
        set(&self.api_ready, &[], f64::from(status.api.ready_replicas));
        set(&self.api_first_ready, &[], status.api.first_ready_at.as_ref().map_or(0.0, |at| seconds(at.0)));
        for state in NODE_STATES {
            let count = status.nodes.iter().filter(|node| node.state == state).count();
            set(&self.nodes, &[&format!("{state:?}")], count as f64);
        }
        for node in &status.nodes {
            let of: [&str; 2] = [&node.pod, &node.rack];
            set(&self.node_up, &of, flag(node.state == NodeState::Normal));
            set(&self.node_away_since, &of, node.away_since.as_ref().map_or(0.0, |since| seconds(since.0)));
            if let Some(load) = node.load_mib {
                set(&self.node_load, &of, load as f64 * MIB);
            }
        }
        for keyspace in &status.keyspaces {
            set(&self.replication_wanted, &[&keyspace.name], f64::from(keyspace.wanted_replication));
            if let Some(replication) = keyspace.replication {
                set(&self.replication, &[&keyspace.name], f64::from(replication));
                set(&self.tolerated, &[&keyspace.name], f64::from(quorum::tolerated(&status.nodes, replication)));
            }
        }
        for kind in CONDITIONS {
            let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
            let value = match condition.map(|condition| condition.status.as_str()) {
                Some("True") => 1.0,
                Some("False") => 0.0,
                _ => -1.0,
            };
            set(&self.conditions, &[kind], value);
        }
        let operation = status.in_hand().first();
        for kind in PROCEDURES.map(|procedure| procedure.kind) {
            let in_hand = status.in_hand().iter().any(|operation| operation.kind == kind);
            set(&self.operations, &[&format!("{kind:?}")], flag(in_hand));
        }
        set(&self.operation_started, &[], operation.map_or(0.0, |operation| seconds(operation.started_at.0)));
        let moved = |operation: &OperationStatus| operation.moved_at.as_ref().unwrap_or(&operation.started_at).0;
        set(&self.operation_moved, &[], operation.map_or(0.0, |operation| seconds(moved(operation))));
        for kind in DEBTS {
            let debts = || status.owed.iter().filter(|debt| debt.kind == kind);
            let oldest = debts().map(|debt| seconds(debt.since.0)).reduce(f64::min);
            set(&self.owed, &[&format!("{kind:?}")], debts().count() as f64);
            set(&self.owed_since, &[&format!("{kind:?}")], oldest.unwrap_or(0.0));
        }
    }
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    /// A leader that has just taken over tells the same as the one before: it is all in the status.
    #[test]
    fn what_the_api_and_the_operation_have_come_to_is_told_out_of_the_status() {
        let catalogue = Catalogue::new();
        let stores = Stores::register(&catalogue).unwrap();
        let at = |second| Some(Time(Timestamp::from_second(second).unwrap()));
        let operation = serde_json::json!({
            "kind": "Join", "step": "streaming", "startedAt": at(5), "movedAt": at(30),
        });
        let mut status = StoreClusterStatus {
            operation: Some(serde_json::from_value(operation).unwrap()),
            ..StoreClusterStatus::default()
        };
        let figures = |status: &StoreClusterStatus, api_pods| {
            let seen = Seen { wanted: Wanted { nodes: 3, api_pods }, status: status.clone() };
            stores.fill(&[(("shops".to_owned(), "shop".to_owned()), seen)].into());
            [&stores.api_wanted, &stores.api_first_ready, &stores.operation_moved]
                .map(|vec| vec.with_label_values(&["shops", "shop"]).get())
        };
        assert_eq!(figures(&status, 0), [0.0, 0.0, 30.0]);
        status.api.first_ready_at = at(40);
        status.operation.as_mut().unwrap().moved_at = None;
        assert_eq!(figures(&status, 2), [2.0, 40.0, 5.0]);
    }
}
