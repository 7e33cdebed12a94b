//! What a pass decides, as data: the ground floor that the ladder of `plan`, the builders of `resources` and the status
//! stand on. Pure.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use store_crds::{
    CarriedOut, Change, ConfigurationStatus, Consistency, Debt, DebtKind, Fault, KeyspaceStatus, LostNode, NodeStatus,
    OperationKind, OperationStatus, Wait,
};

use crate::configuration::Configuration;
use crate::desired::Desired;
use crate::identity::{ChildKind, Uid};
use crate::observation::{Factors, SecretPurpose, TaskKey, TaskKind, VolumeNote};
use crate::reason::Reason;

/// What one pass commits, in this order: status intents, children, deletes, one ring action.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the Kubernetes objects are built from, besides the spec.
    pub shape: Shape,
    /// Objects to delete, each by UID.
    pub deletes: Vec<Delete>,
    /// Changes of claims, each by UID.
    pub claims: Vec<ClaimChange>,
    /// Log-ins that have just been seen to work, and go into the operator's record.
    pub keep: BTreeSet<SecretPurpose>,
    /// At most one action that changes the ring or its schema.
    pub ring: Option<RingAction>,
    /// The memory to be written before any of the effects.
    pub memory: Memory,
    /// What is told to the user.
    pub report: Report,
    /// Put the finalizer on (true), take it off (false), leave it (None).
    pub finalizer: Option<bool>,
    /// Where the runbook held, in its words; what goes on comes first.
    pub rungs: Vec<&'static str>,
    /// When to look again if no watch fires.
    pub requeue: Duration,
}

/// What goes into the Kubernetes objects on this pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Replicas of each rack's StatefulSet: observed ±1, decided here, never copied from the spec.
    pub replicas: BTreeMap<String, i32>,
    /// Name of the ring, for volumes that do not tell it.
    pub cluster_name: String,
    /// Pods that a starting node asks for the ring, as pod names; joined nodes, at most one per rack.
    pub seeds: Vec<String>,
    /// The schema Job is to exist on this pass, and writes at this level.
    pub migrate: Option<Consistency>,
    /// What the API Deployment runs, whose tables are there; None: it is not to exist yet. Its
    /// replicas come from the spec.
    pub api: Option<ApiShape>,
    /// The Secrets that are to be made on this pass.
    pub secrets: BTreeMap<SecretPurpose, Origin>,
    /// What the pods of the API carry as `ANNOTATION_INPUTS`.
    pub api_inputs: Option<String>,
    /// Whether there is to be an HTTPRoute, if the spec has one: not where that kind is not served.
    pub route: bool,
    /// The volumes in each rack's claim template. It is immutable in a StatefulSet, so it stays as it is until the
    /// StatefulSet is made again.
    pub storage: BTreeMap<String, ClaimTemplate>,
    /// Racks whose template is not the newest, since that one is only tried.
    pub earlier: Option<Earlier>,
    /// A configuration that is only tried, by its hash, and then the pods that may start with it.
    pub trial: Vec<String>,
    /// There are pods that know of no ConfigMap but the one that changes: it still says how they are configured.
    pub legacy: bool,
    /// The trial run of the newest configuration is to be made.
    pub check: bool,
    /// What the API is told of the operator's work; None: nothing yet.
    pub told: Option<String>,
    /// StoreCluster is being deleted, or refused before anything was made: build nothing.
    pub nothing: bool,
}

/// The volumes that the pods of a StatefulSet get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimTemplate {
    /// Size, as a canonical quantity.
    pub size: String,
    /// StorageClass; `None`: the cluster's default.
    pub class: Option<String>,
}

impl ClaimTemplate {
    /// What the spec asks for.
    pub fn wanted(desired: &Desired) -> ClaimTemplate {
        ClaimTemplate { size: desired.cassandra.storage_size.clone(), class: desired.cassandra.storage_class.clone() }
    }
}

/// The racks that get a configuration which has run, and not the newest.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    pub good: Configuration,
    pub racks: BTreeSet<String>,
}

/// Where the values of a Secret that is made come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They are new: nobody can know others.
    Random,
    /// It was there before, and what was in it is known to work.
    Kept,
}

/// Image and keyspace of the API whose schema migrations have been applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiShape {
    pub image: String,
    pub keyspace: String,
}

impl ApiShape {
    /// The store with an API that runs so until a newer one is migrated.
    pub fn applied_to(&self, desired: &Desired) -> Desired {
        let mut desired = desired.clone();
        desired.api.image = Some(self.image.clone());
        desired.api.keyspace = self.keyspace.clone();
        desired
    }
}

/// A change of a volume claim, with its UID as precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimChange {
    pub name: String,
    pub uid: Uid,
    pub edit: ClaimEdit,
}

/// What is changed of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimEdit {
    /// Ask for this many bytes: more, or less again where the volume never had them.
    Grow(u64),
    /// Write the host id of the node that has left to `ANNOTATION_LEFT_RING`.
    MarkLeft(String),
    /// Write what whoever makes the StoreCluster again must know of the volume.
    Note(VolumeNote),
}

/// A deletion with its precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Pod, PersistentVolumeClaim, StatefulSet, ConfigMap, Job or Secret.
    pub kind: ChildKind,
    pub name: String,
    pub uid: Uid,
    /// Leave its dependents (StatefulSet that is made again with larger claims).
    pub orphan: bool,
}

/// One change of the ring, its schema or its roles. Each is idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingAction {
    /// As the default superuser: make the operator's own.
    CreateSuperuser,
    /// As the own superuser: take log-in and superuser rights from `cassandra`.
    DisableDefaultSuperuser,
    /// Make or correct the roles of the schema writer and of the API with their grants.
    EnsureRoles,
    /// CREATE KEYSPACE IF NOT EXISTS with NetworkTopologyStrategy.
    CreateKeyspace {
        keyspace: String,
        factors: Factors,
    },
    /// ALTER KEYSPACE to NetworkTopologyStrategy with these factors; datacenters that are not among them keep theirs.
    AlterReplication {
        keyspace: String,
        factors: Factors,
    },
    /// Begin (or begin again) on that pod; the result comes with a later observation.
    Decommission {
        pod: String,
    },
    /// Let the node of that pod go on with a bootstrap that broke off.
    ResumeJoin {
        pod: String,
    },
    Cleanup {
        pod: String,
        keyspace: Option<String>,
    },
    /// Full repair of the primary ranges of that pod's node.
    Repair {
        pod: String,
        keyspace: String,
    },
}

impl std::fmt::Display for RingAction {
    /// What is to be done, in words that follow "could not".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RingAction::CreateSuperuser => f.write_str("make the operator's own superuser"),
            RingAction::DisableDefaultSuperuser => f.write_str("disable the default superuser"),
            RingAction::EnsureRoles => f.write_str("set up the roles of the schema writer and of the API"),
            RingAction::CreateKeyspace { keyspace, factors } => {
                write!(f, "make keyspace {keyspace} with replication factor {}", in_words(factors))
            }
            RingAction::AlterReplication { keyspace, factors } => {
                write!(f, "give keyspace {keyspace} replication factor {}", in_words(factors))
            }
            RingAction::Decommission { pod } => write!(f, "begin the decommission of {pod}"),
            RingAction::ResumeJoin { pod } => write!(f, "resume the bootstrap of {pod}"),
            RingAction::Cleanup { pod, keyspace: None } => write!(f, "begin the clean-up of {pod}"),
            RingAction::Cleanup { pod, keyspace: Some(keyspace) } => {
                write!(f, "begin the clean-up of keyspace {keyspace} on {pod}")
            }
            RingAction::Repair { pod, keyspace } => write!(f, "begin the repair of keyspace {keyspace} on {pod}"),
        }
    }
}

/// Factors as people say them: `3`, and `3 in dc1, 2 in dc2` where there are several.
fn in_words(factors: &Factors) -> String {
    match factors.values().next() {
        Some(only) if factors.len() == 1 => only.to_string(),
        _ => {
            let each = factors.iter().map(|(datacenter, factor)| format!("{factor} in {datacenter}"));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// What status must say before the effects: intents and debts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The operations in hand, at most one in each lane, in the order of the lanes.
    pub operations: Vec<OperationStatus>,
    pub owed: Vec<Debt>,
    pub configuration: ConfigurationStatus,
    pub lost: Vec<LostNode>,
    /// Name of the ring.
    pub cluster_name: Option<String>,
    pub roles_ready: bool,
    pub migrated: Option<ApiShape>,
    /// The last changes of the spec, the newest last.
    pub changes: Vec<Change>,
    /// The schema Job that was taken away, and waits until nothing else is to be done.
    pub postponed_job: Option<String>,
}

impl Memory {
    /// Whether the result of a node's task that began at `started` is still waited for. `host` is the host id of the
    /// node that it runs on.
    pub fn awaits(&self, task: &TaskKey, started: Timestamp, host: Option<&str>) -> bool {
        let in_hand = |kind: OperationKind| {
            let mut operations = self.operations.iter();
            operations.find(|operation| operation.kind == kind && operation.pod.as_ref() == Some(&task.pod))
        };
        let debt = match task.kind {
            TaskKind::Decommission => {
                return in_hand(OperationKind::Decommission).is_some_and(|leave| leave.started_at.0 <= started);
            }
            TaskKind::Join => return in_hand(OperationKind::Join).is_some(),
            TaskKind::Cleanup => DebtKind::Cleanup,
            TaskKind::Repair => DebtKind::Repair,
        };
        let Some(host) = host else { return false };
        let same = |owed: &Debt| owed.kind == debt && owed.keyspace == task.keyspace && owed.since.0 <= started;
        self.owed.iter().any(|owed| same(owed) && owed.host_ids.iter().any(|owing| owing == host))
    }
}

/// A reason with its message; `None`: there is nothing to tell.
pub type Told = Option<(Reason, String)>;

/// What is told to the user; `status.rs` makes conditions of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Why clients are not served, reason and message; None: they are.
    pub unavailable: Told,
    /// Why the shop is not ready; None: it is.
    pub not_ready: Told,
    /// What is still being done; None: everything owed for the generation is done.
    pub progressing: Told,
    /// What is wrong; None: nothing.
    pub degraded: Told,
    /// What keeps the replication from being as wanted; None: synced.
    pub replication: Told,
    /// All that is wrong, the worst first.
    pub faults: Vec<Fault>,
    /// What is waited for.
    pub waits: Vec<Wait>,
    pub nodes: Vec<NodeStatus>,
    pub keyspaces: Vec<KeyspaceStatus>,
    pub carried_out: CarriedOut,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_is_told_with_the_datacenters_where_there_are_several() {
        let give = |factors: &[(&str, i32)]| {
            let factors = factors.iter().map(|(datacenter, factor)| ((*datacenter).to_owned(), *factor)).collect();
            RingAction::AlterReplication { keyspace: "shop".into(), factors }.to_string()
        };
        assert_eq!(give(&[("dc1", 3)]), "give keyspace shop replication factor 3");
        assert_eq!(give(&[("dc1", 3), ("dc2", 2)]), "give keyspace shop replication factor 3 in dc1, 2 in dc2");
    }
}
