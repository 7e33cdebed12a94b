//! `status` of a StoreCluster: what the operator saw, what it is doing, and what it still owes.
//!
//! `operation` and `owed` are also the operator's memory: they are written before the effect they
//! announce, so that an operator restarted at any moment goes on where the last one was.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operations::{Debt, OperationStatus};

/// Observed state of a StoreCluster.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreClusterStatus {
    /// Generation of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Available, Ready, Progressing, Degraded and ReplicationSynced. `lastTransitionTime` is when the status
    /// changed; since when its reason holds is in the message, and in `faults` and `waits`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Figures of the columns of `kubectl get`.
    pub summary: Summary,
    /// All that is wrong, the worst first; Degraded tells of the same. At most 16.
    pub faults: Vec<Fault>,
    /// What the next step waits for, and until when before it counts as a fault. At most 16.
    pub waits: Vec<Wait>,
    /// The last changes of the spec that were taken up, the newest last: why a node is restarted or joins.
    pub changes: Vec<Change>,
    /// Cassandra pods that exist; `kubectl scale` and autoscalers read it.
    pub replicas: i32,
    /// Label selector of the Cassandra pods; `kubectl scale` and autoscalers read it.
    pub selector: String,
    /// The Cassandra nodes, by pod name.
    pub nodes: Vec<NodeStatus>,
    /// Name of the ring, Cassandra's cluster_name: nodes of another name are none of it. It never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// The keyspaces of the spec and the replicated system keyspaces.
    pub keyspaces: Vec<KeyspaceStatus>,
    /// What the nodes are configured by, as hashes that names of ConfigMaps end in.
    pub configuration: ConfigurationStatus,
    /// What was carried out and can no longer be taken back: rules about changes of the spec look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried_out: Option<crate::CarriedOut>,
    /// The operations in hand, the one of the ring first: at most one in each lane.
    pub operations: Vec<OperationStatus>,
    /// The first of `operations`, where operators of before and whoever asks for one look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,
    /// Work that an earlier change owes and that is not done: repairs and clean-ups.
    pub owed: Vec<Debt>,
    /// Members whose data is gone, until others hold all of it again and a node has taken the place.
    pub lost: Vec<LostNode>,
    /// Roles: own superuser made, default one disabled, and the roles of schema and API made.
    pub roles_ready: bool,
    /// The REST API.
    pub api: ApiStatus,
}

impl StoreClusterStatus {
    /// The operations in hand, also by a status that was written when there was one at most.
    pub fn in_hand(&self) -> &[OperationStatus] {
        match (&self.operation, self.operations.is_empty()) {
            (Some(only), true) => std::slice::from_ref(only),
            (_, _) => &self.operations,
        }
    }
}

/// What `kubectl get storecluster` prints.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Nodes up and normal, of those wanted: 2/3.
    pub nodes: String,
    /// Replication factor of the API's keyspace: 3, or 1→3 on the way.
    pub replication: String,
    /// API pods ready, of those wanted: 2/2.
    pub api: String,
    /// Reason of the worst fault and how many there are besides: NodeDown, NodeDown +2; No where nothing is wrong.
    pub degraded: String,
    /// Since when the worst fault is there, or else what is being done goes on, or else nothing is left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The worst fault in words, or else what is being done; empty where there is nothing to tell.
    pub message: String,
}

/// Something that is wrong and was not asked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// What is wrong, in one word: NodeDown, SpecRefused.
    pub reason: String,
    /// Pod, keyspace or object that it is about, where several of its reason may stand side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What is wrong and what to do, in the words of whoever refused.
    pub message: String,
    /// Since when.
    pub since: Time,
}

/// Something that is waited for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// What is waited for, in one word: NodeStarting, HintsPending.
    pub reason: String,
    /// Pod, keyspace or object that it is about, where several of its reason may stand side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Since when.
    pub since: Time,
    /// When it becomes a fault if it lasts. Work that comes further moves it.
    pub until: Time,
}

/// A change of the spec that was taken up.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Generation of the spec that made it.
    pub generation: i64,
    /// Fields that differ from the spec accepted before: spec.cassandra.jvmOptions. At most 16.
    pub fields: Vec<String>,
    /// When it was taken up.
    pub at: Time,
}

/// One Cassandra node.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// Name of its pod.
    pub pod: String,
    /// Its rack.
    pub rack: String,
    /// Its host id in the ring; absent until it has joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// State, as the node itself and its peers tell it.
    pub state: NodeState,
    /// Cassandra version that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Data on disk in MiB, rounded up so that the status does not change with every flush.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_mib: Option<i64>,
    /// Since when a node that had joined has not been up in every view; absent while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away_since: Option<Time>,
    /// UID of the volume claim that its data is on; absent until it has joined. With another claim its data is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
}

/// A member whose data is gone.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LostNode {
    /// Its host id in the ring.
    pub host_id: String,
    /// Pod that it was in; absent where no pod of the spec is known to have been it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// When that was seen.
    pub since: Time,
}

/// State of a node in the ring.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeState {
    /// Its pod is not running Cassandra yet.
    #[default]
    Starting,
    /// It streams its ranges in.
    Joining,
    /// Up and normal in its own view and in that of every peer that answers.
    Normal,
    /// It streams its ranges out.
    Leaving,
    /// It has left the ring.
    Decommissioned,
    /// It stops: it is flushed and takes no writes, or its pod is being deleted.
    Drained,
    /// It does not answer, or a peer sees it down.
    Down,
}

/// One keyspace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyspaceStatus {
    /// Its name.
    pub name: String,
    /// Replication factor wanted in the datacenter.
    pub wanted_replication: i32,
    /// Replication factor that the ring has; absent until the keyspace exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<i32>,
    /// Whether a change of the factor, a lost member or a long absence still owes its repair; absent until the
    /// keyspace exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairState>,
}

/// Whether a repair is owed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RepairState {
    /// None owed.
    #[default]
    Done,
    /// Owed: until it is done, reads at ONE may miss rows written before the raise.
    Owed,
    /// Running.
    Running,
}

/// Configurations of the nodes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigurationStatus {
    /// The newest that a node has come up with: what a pod gets that is made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good: Option<String>,
    /// A newer one that no node has come up with yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried: Option<ConfigurationTrial>,
}

/// A configuration that no node has come up with yet.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigurationTrial {
    /// Its hash.
    pub configuration: String,
    /// The pods that try it: no other starts with it.
    pub pods: Vec<String>,
}

/// The REST API as observed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiStatus {
    /// Pods that pass their readiness probe.
    pub ready_replicas: i32,
    /// When one did so for the first time; absent while none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ready_at: Option<Time>,
    /// Address: of the Ingress where there is one, else of the Service inside Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Image whose schema migrations have been applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrated_image: Option<String>,
    /// Keyspace that they have been applied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrated_keyspace: Option<String>,
    /// Name of a schema Job that did not end in time and was taken away, so that the ring's work could go on.
    /// It is made again once nothing else is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postponed_job: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::OperationKind;

    #[test]
    fn a_status_that_an_older_operator_wrote_is_read_and_what_it_lacks_is_empty() {
        let status: StoreClusterStatus = serde_json::from_str(
            r#"{
                "summary": {"nodes": "2/3", "replication": "3", "api": "1/1"},
                "keyspaces": [{"name": "shop", "wantedReplication": 3, "replication": 3, "repair": "Owed"}],
                "operation": {"kind": "Join", "step": "b-0 joins", "startedAt": "2026-01-02T03:04:05Z"}
            }"#,
        )
        .unwrap();
        let operation = status.operation.unwrap();
        assert_eq!((operation.moved_at, operation.cause, operation.generation), (None, None, None));
        assert_eq!(status.keyspaces[0].repair, Some(RepairState::Owed));
        let written = r#"{"operation": {"kind": "Join", "step": "b-0 joins", "startedAt": "2026-01-02T03:04:05Z"}}"#;
        let one: StoreClusterStatus = serde_json::from_str(written).unwrap();
        assert_eq!(one.in_hand().iter().map(|operation| operation.kind).collect::<Vec<_>>(), [OperationKind::Join]);
        assert!(StoreClusterStatus::default().in_hand().is_empty());
        assert!(status.faults.is_empty() && status.waits.is_empty() && status.changes.is_empty());
    }

    #[test]
    fn what_an_older_operator_does_not_know_is_beside_what_it_reads() {
        // it ignores fields that it does not know, and takes the default for those that are not there
        let keyspace = KeyspaceStatus { name: "shop".into(), wanted_replication: 3, ..KeyspaceStatus::default() };
        assert_eq!(
            serde_json::to_value(&keyspace).unwrap(),
            serde_json::json!({"name": "shop", "wantedReplication": 3})
        );
    }
}
