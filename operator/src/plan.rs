//! The decision: `plan(&Desired, &Observation, &Settings) -> Plan`, a ladder of guards that reads like
//! a runbook. Pure and total: waiting, refusing and being blocked are values, never errors.
//!
//! Each guard either has nothing to do, and the next one is asked, or it holds: with a reason, and
//! perhaps with one action. So at most one thing that changes the ring is in hand at any time.

#![deny(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

mod api;
mod bootstrap;
mod calm;
mod carried_out;
mod causes;
mod check;
mod configuration;
mod draft;
mod issuer;
mod lifecycle;
mod losses;
mod quorum;
mod refused;
mod repair;
mod replication;
mod report;
mod retained;
mod retry;
mod ring;
mod rollout;
mod scale;
pub mod secrets;
mod service;
mod streaming;
mod taken_back;
mod volumes;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use store_crds::{
    CarriedOut, Change, ConfigurationStatus, Consistency, Debt, Fault, KeyspaceStatus, LostNode, NodeStatus,
    OperationStatus, Wait,
};

use crate::configuration::Configuration;
use crate::desired::Desired;
use crate::observation::{Observation, SecretPurpose, VolumeNote};
use crate::settings::Settings;
pub use draft::Hold;
use draft::{Context, Draft};

/// A guard of the ladder: `None` lets the next one be asked.
type Guard = fn(&Context, &mut Draft) -> Option<Hold>;

/// The runbook. The order is the point: what is in hand is finished first; nothing begins while the
/// ring is not calm; nodes come before copies, copies before nodes go.
const RUNBOOK: [(&str, Guard); 23] = [
    ("a broken pod gets the newest template at once", rollout::replace_broken),
    ("a new spec is written down before anything is done for it", lifecycle::take_up_spec),
    ("racks that the spec took back are cleared away", taken_back::racks),
    ("claims that never got a volume are made of the right class", taken_back::claims),
    ("a decommission in hand is finished", scale::finish_decommission),
    ("StatefulSets that volume growth took away are made again", volumes::remake),
    ("the very first node starts alone", bootstrap::first_node),
    ("a join in hand is finished, or taken back if it cannot even start", scale::finish_join),
    ("the ring is calm", bootstrap::calm_ring),
    ("nothing begins while the schema Job runs", api::await_job),
    ("repairs and clean-ups under way end", repair::await_tasks),
    ("the schema can be read", bootstrap::schema_readable),
    ("an ALTER in hand is seen done", replication::finish_alter),
    ("the default superuser is replaced", bootstrap::superuser),
    ("outdated pods are replaced one by one", rollout::replace_next),
    ("repairs owed are done", repair::repairs),
    ("keyspaces, roles and tables are made while the first node is alone", bootstrap::found),
    ("log-ins do not wait for the last node", scale::spread_log_ins),
    ("nodes join one by one", scale::join_next),
    ("keyspaces exist", replication::create_next),
    ("roles exist", bootstrap::roles),
    ("replication goes to what is wanted, step by step", replication::alter_next),
    ("clean-ups owed are done", repair::cleanups),
];

/// Decides what this pass commits.
pub fn plan(desired: &Desired, observation: &Observation, settings: &Settings) -> Plan {
    let context = Context::new(desired, observation, settings);
    if let Some(plan) = lifecycle::outside_the_runbook(&context) {
        return plan;
    }
    let mut draft = Draft::standing(&context);
    repair::discharge(&context, &mut draft);
    losses::incur(&context, &mut draft);
    let mut hold = RUNBOOK.iter().find_map(|(_, guard)| guard(&context, &mut draft));
    if hold.is_none() {
        hold = scale::leave_next(&context, &mut draft);
    }
    let hold = hold.or(draft.rollout_waits.take());
    repair::tell_failed(&mut draft);
    secrets::tell(&context, &mut draft);
    secrets::follow(&context, &mut draft);
    volumes::tell_deleted(&context, &mut draft);
    losses::tell(&context, &mut draft);
    volumes::grow(&context, &mut draft);
    volumes::delete_left(&context, &mut draft);
    retained::note(&context, &mut draft);
    configuration::place(&context, &mut draft);
    configuration::prune(&context, &mut draft);
    api::run(&context, &mut draft, hold.as_ref());
    issuer::tell(&context, &mut draft);
    refused::tell(&context, &mut draft);
    report::finish(&context, draft, hold)
}

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
    /// Size of the volumes in each rack's claim template, as a canonical quantity. It is immutable
    /// in a StatefulSet, so it stays as it is until the StatefulSet is made again.
    pub storage: BTreeMap<String, String>,
    /// Racks whose template is not the newest, since that one is only tried.
    pub earlier: Option<Earlier>,
    /// A configuration that is only tried, by its hash, and then the pods that may start with it.
    pub trial: Vec<String>,
    /// There are pods that know of no ConfigMap but the one that changes: it still says how they are configured.
    pub legacy: bool,
    /// The trial run of the newest configuration is to be made.
    pub check: bool,
    /// StoreCluster is being deleted, or refused before anything was made: build nothing.
    pub nothing: bool,
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

/// A change of a volume claim, with its UID as precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimChange {
    pub name: String,
    pub uid: String,
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
    pub kind: &'static str,
    pub name: String,
    pub uid: String,
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
        replication: i32,
    },
    /// ALTER KEYSPACE to NetworkTopologyStrategy with this factor.
    AlterReplication {
        keyspace: String,
        replication: i32,
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

/// What status must say before the effects: intents and debts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    pub operation: Option<OperationStatus>,
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

/// What is told to the user; `status.rs` makes conditions of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Why clients are not served, reason and message; None: they are.
    pub unavailable: Option<(String, String)>,
    /// Why the shop is not ready; None: it is.
    pub not_ready: Option<(String, String)>,
    /// What is still being done; None: everything owed for the generation is done.
    pub progressing: Option<(String, String)>,
    /// What is wrong; None: nothing.
    pub degraded: Option<(String, String)>,
    /// What keeps the replication from being as wanted; None: synced.
    pub replication: Option<(String, String)>,
    /// All that is wrong, the worst first.
    pub faults: Vec<Fault>,
    /// What is waited for.
    pub waits: Vec<Wait>,
    pub nodes: Vec<NodeStatus>,
    pub keyspaces: Vec<KeyspaceStatus>,
    pub carried_out: CarriedOut,
}
