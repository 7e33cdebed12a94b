//! What the operator tells of its work on this shop: the file that it writes, and the answer that is made of it. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the operator does, as far as it tells.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClusterOperation)]
pub struct OperationView {
    /// `null` where no operator tells this process of its work.
    #[schema(required = true)]
    pub told: Option<ToldView>,
}

/// What the operator told last. It tells when something has changed, and a pod hears of it within some two minutes.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationTold)]
pub struct ToldView {
    /// Name of the StoreCluster.
    pub shop: String,
    /// The worst fault in words, or else what is being done; empty where there is nothing to tell.
    pub message: String,
    /// What is in hand: at most one operation in each lane.
    pub operations: Vec<InHand>,
    /// What the next step waits for.
    pub waits: Vec<Waits>,
    /// All that is wrong, the worst first.
    pub faults: Vec<Wrong>,
    /// Repairs and clean-ups that earlier changes owe.
    pub owed: Vec<Owed>,
    /// The last changes of the spec that were taken up, the newest last.
    pub changes: Vec<Taken>,
}

/// An operation in hand.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationInHand)]
pub struct InHand {
    /// `Join`, `Decommission`, `Repair`, …
    pub kind: String,
    /// What it keeps others of its kind out of: `Ring`, `Schema`, `Data`, `Volumes` or `Api`.
    pub lane: String,
    /// Its step, in words.
    pub step: String,
    #[schema(required = true)]
    pub pod: Option<String>,
    #[schema(required = true)]
    pub keyspace: Option<String>,
    /// Replication factor that it sets.
    #[schema(required = true)]
    pub replication: Option<i32>,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When its step or its progress last changed.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub moved_at: Option<Timestamp>,
    /// When it becomes a fault unless it comes further; `null` where each of its steps has its own limit.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// How far it is.
    #[schema(required = true)]
    pub progress: Option<String>,
    /// Why: the fields of the spec that were changed.
    #[schema(required = true)]
    pub cause: Option<String>,
    /// Generation of the spec that asked for it.
    #[schema(required = true)]
    pub generation: Option<i64>,
    #[schema(required = true)]
    pub failed: Option<FailedTries>,
}

/// Failures in a row of what is begun again.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailedTries {
    pub attempts: i32,
    /// Why the last one failed.
    pub cause: String,
    /// When it is begun again; `null` once it is.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    pub again_at: Option<Timestamp>,
}

/// Something that is waited for.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationWait)]
pub struct Waits {
    pub reason: String,
    #[schema(required = true)]
    pub object: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it becomes a fault.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// Something that is wrong.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationFault)]
pub struct Wrong {
    pub reason: String,
    #[schema(required = true)]
    pub object: Option<String>,
    pub message: String,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// Work that an earlier change owes.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationOwed)]
pub struct Owed {
    /// `Repair` or `Cleanup`.
    pub kind: String,
    #[schema(required = true)]
    pub keyspace: Option<String>,
    /// Nodes that still owe their part.
    pub nodes: usize,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A change of the spec.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationChange)]
pub struct Taken {
    pub generation: i64,
    pub fields: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_writes_is_read_whole_and_what_a_newer_one_adds_is_passed_over() {
        let example =
            crate::openapi::examples::examples()["getClusterOperation"].answer.clone().unwrap()["told"].clone();
        let read: ToldView = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), example);
        let mut newer = example;
        newer["hints"] = serde_json::json!(7);
        assert_eq!(serde_json::from_value::<ToldView>(newer).unwrap(), read);
    }
}
