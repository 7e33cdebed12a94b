//! Operations in hand, and what an earlier one owes: the operator's memory in the status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The operation in hand.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// What it does.
    pub kind: OperationKind,
    /// What it keeps others of its lane, and of some other lanes, from.
    #[serde(default)]
    pub lane: Lane,
    /// Its step, in words.
    pub step: String,
    /// Pod that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Host id of that pod's node, kept for when the node has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// Keyspace that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
    /// Replication factor that it sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<i32>,
    /// When it began.
    pub started_at: Time,
    /// How far it is: nodes done of total, bytes to stream, ranges done. It is told every ten seconds at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// When its step or its progress last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_at: Option<Time>,
    /// Why: the fields of the spec that were changed, and in which generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Generation of the spec that asked for it; absent where it is none of the changes known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// How much a node that joins has streamed in; absent: nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streamed: Option<Streamed>,
    /// Its last failure, if it failed; what failed is begun again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// When it is told as a fault unless it comes further; absent where each of its steps has its own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
}

/// What operations are told apart by: at most one of a lane is in hand, and lanes that do not disturb one another go on
/// side by side.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Nodes start, join, leave or restart.
    #[default]
    Ring,
    /// Keyspaces, their replication, roles, and the API's tables.
    Schema,
    /// Nodes repair and clean up what they have, one after another.
    Data,
    /// Volumes grow.
    Volumes,
    /// The API's pods and the ways in.
    Api,
}

/// How much a node has streamed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Streamed {
    /// MiB so far.
    pub mib: i64,
    /// Since when it is as much.
    pub since: Time,
}

/// A failure of what is begun again after a pause, which grows with each failure in a row.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How often it has failed in a row.
    pub attempts: i32,
    /// Why it failed last, in the words of the node.
    pub cause: String,
    /// When it is begun again; absent once it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// Kinds of operations.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// The first nodes come up.
    Bootstrap,
    /// A node joins.
    Join,
    /// A node leaves.
    Decommission,
    /// Nodes start again after a full stop.
    Start,
    /// Roles are set up.
    Roles,
    /// A keyspace is made or its replication changed.
    AlterReplication,
    /// A keyspace is repaired after a raise of its replication.
    Repair,
    /// Nodes drop data that they no longer own.
    Cleanup,
    /// Pods are replaced one by one, for a new version or configuration.
    Rollout,
    /// Volumes grow.
    GrowVolumes,
    /// The API's tables are brought to their newest version.
    Migrate,
}

/// Work that an earlier change owes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Debt {
    /// What is owed.
    pub kind: DebtKind,
    /// Keyspace of a repair or clean-up; absent: every keyspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
    /// Host ids that still owe their part.
    pub host_ids: Vec<String>,
    /// When it was incurred.
    pub since: Time,
    /// Replication factor before the change that owes this repair. While the repair fails, the factor may
    /// go back to it, and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i32>,
    /// The last failure of a node's part, if it failed; it is begun again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// Kinds of debts.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebtKind {
    /// A full repair: after a replication factor was raised, or a member was lost or away for too long.
    Repair,
    /// A clean-up, after ranges moved away from nodes.
    Cleanup,
}
