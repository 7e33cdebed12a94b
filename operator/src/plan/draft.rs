//! What the guards work with: what is known (`Context`), the plan as it grows (`Draft`), and the
//! reason to stop (`Hold`). Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;
use store_crds::{Debt, DebtKind, LostNode, OperationKind, OperationStatus};

use super::configuration::Wanted;
use super::ring::{Membership, Node, Ring};
use super::{ApiShape, ClaimChange, ClaimEdit, Delete, Memory, RingAction, Shape};
use crate::configuration::Configuration;
use crate::desired::Desired;
use crate::observation::{ChildKey, ClaimObservation, CqlAnswer, CqlView, Observation};
use crate::settings::Settings;

/// How often the progress of an operation is told, in seconds.
const PROGRESS_EVERY: i64 = 10;

/// What is known on this pass.
pub struct Context<'a> {
    pub desired: &'a Desired,
    pub observation: &'a Observation,
    pub settings: &'a Settings,
    pub ring: Ring<'a>,
    /// Ordinals taken in each rack: what its StatefulSet must have, whatever somebody set it to.
    pub taken: BTreeMap<String, i32>,
    /// The configuration that the spec asks for.
    pub wanted: Wanted,
    /// Members whose data is gone.
    pub lost: Vec<LostNode>,
}

/// Why the ladder goes no further on this pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// CamelCase, for the condition.
    pub reason: &'static str,
    /// What is being done or waited for, and the cure where one is needed.
    pub message: String,
    /// Something is wrong that was not asked for.
    pub wrong: bool,
    /// It is not told yet, since it may be over in a moment.
    pub passing: bool,
    /// Pod, keyspace or object that it is about, where several of its reason may stand side by side.
    pub object: Option<String>,
    /// Since when, where that is known; else since the first status that tells it.
    pub since: Option<Timestamp>,
    /// Seconds that it may last, where that is not what `waits` says for its reason.
    pub limit: Option<i64>,
}

impl Hold {
    /// Work goes on, or something is waited for. It becomes a fault when it lasts too long (`waits`).
    pub fn waiting(reason: &'static str, message: impl Into<String>) -> Hold {
        let message = message.into();
        Hold { reason, message, wrong: false, passing: false, object: None, since: None, limit: None }
    }

    /// Something may be wrong, and is if it lasts.
    pub fn passing(reason: &'static str, message: impl Into<String>) -> Hold {
        Hold { passing: true, ..Hold::waiting(reason, message) }
    }

    /// Something is wrong that was not asked for.
    pub fn wrong(reason: &'static str, message: impl Into<String>) -> Hold {
        Hold { wrong: true, ..Hold::waiting(reason, message) }
    }

    /// It is about this pod, keyspace or object, and others may have the same trouble.
    pub fn of(self, object: impl Into<String>) -> Hold {
        Hold { object: Some(object.into()), ..self }
    }

    /// It began then.
    pub fn since(self, since: Timestamp) -> Hold {
        Hold { since: Some(since), ..self }
    }

    /// It becomes a fault after so many seconds.
    pub fn within(self, seconds: i64) -> Hold {
        Hold { limit: Some(seconds), ..self }
    }
}

impl<'a> Context<'a> {
    pub fn new(desired: &'a Desired, observation: &'a Observation, settings: &'a Settings) -> Context<'a> {
        let ring = Ring::gather(desired, observation);
        let racks = desired.cassandra.racks.iter();
        let taken = racks.map(|rack| (rack.name.clone(), ring.taken(&rack.name, observation))).collect();
        let wanted = Wanted::of(desired, settings);
        let lost = super::losses::gather(desired, observation, &ring);
        Context { desired, observation, settings, ring, taken, wanted, lost }
    }

    /// The operation in hand, by the last status.
    pub fn operation(&self) -> Option<&'a OperationStatus> {
        self.observation.status.operation.as_ref()
    }

    /// The operation in hand if it is of this kind.
    pub fn operation_of(&self, kind: OperationKind) -> Option<&'a OperationStatus> {
        self.operation().filter(|operation| operation.kind == kind)
    }

    /// What CQL says, if it could be asked.
    pub fn cql(&self) -> Option<&'a CqlView> {
        match &self.observation.cql {
            CqlAnswer::Reachable(view) => Some(view),
            CqlAnswer::Unreachable(_) | CqlAnswer::Refused(_) => None,
        }
    }

    /// The node is to be up now.
    pub fn expects(&self, node: &Node) -> bool {
        self.taken.get(&node.rack).is_some_and(|taken| node.ordinal < *taken)
    }

    /// Number of nodes that own a part of the ring.
    pub fn member_count(&self) -> i32 {
        i32::try_from(self.ring.members().count()).unwrap_or(i32::MAX)
    }

    /// The ring has one node: all copies there are of anything are on it.
    pub fn is_alone(&self) -> bool {
        self.member_count() == 1
    }

    /// The first node is alone, and no API has ever been there to use what is made on it.
    pub fn is_founding(&self) -> bool {
        self.is_alone() && self.observation.status.api.migrated_image.is_none()
    }

    /// Host ids of all members, in the order of the pods.
    pub fn member_hosts(&self) -> Vec<String> {
        self.ring.members().filter_map(|node| node.host_id.clone()).collect()
    }

    pub fn child(&self, kind: &str, name: &str) -> Option<&'a Value> {
        self.observation.children.get(&ChildKey { kind: kind.into(), name: name.into() })
    }

    pub fn stateful_set(&self, rack: &str) -> Option<&'a Value> {
        self.child("StatefulSet", &self.desired.stateful_set_name(rack))
    }

    /// Nodes in the racks beyond their targets, or short of them.
    pub fn surplus(&self, rack: &str) -> i32 {
        let target = self.desired.cassandra.racks.iter().find(|known| known.name == rack).map_or(0, |rack| rack.target);
        self.taken.get(rack).copied().unwrap_or(0) - target
    }

    /// Something keeps the ring from being calm.
    pub fn ring_is_restless(&self) -> bool {
        super::calm::unrest(self).is_some()
    }

    fn claim_name(&self, node: &Node) -> String {
        self.desired.claim_name(&node.pod)
    }
}

/// The plan as it grows.
pub struct Draft {
    pub shape: Shape,
    pub deletes: Vec<Delete>,
    pub claims: Vec<ClaimChange>,
    pub ring: Option<RingAction>,
    pub memory: Memory,
    /// What pods that are made again get, where that is not the newest configuration: no node has come up with that
    /// one yet.
    pub good: Option<Configuration>,
    /// Why outdated pods are not replaced now, although nothing holds: a keyspace would lose its quorum.
    pub rollout_waits: Option<Hold>,
    /// What is wrong besides the hold: shown in Degraded, stops nothing.
    pub wrongs: Vec<Hold>,
    /// Work besides the ladder: shown in Progressing.
    pub works: Vec<Hold>,
}

impl Draft {
    /// Everything as it stands: what a pass commits if no guard has anything to do. The operation in
    /// hand is not part of it: a guard that still works on it takes it up again.
    pub fn standing(context: &Context) -> Draft {
        let status = &context.observation.status;
        let migrated = match (&status.api.migrated_image, &status.api.migrated_keyspace) {
            (Some(image), Some(keyspace)) => Some(ApiShape { image: image.clone(), keyspace: keyspace.clone() }),
            _ => None,
        };
        let configuration = super::configuration::standing(context);
        Draft {
            good: super::configuration::good(context, &configuration),
            shape: Shape {
                replicas: context.taken.clone(),
                seeds: seeds(context),
                cluster_name: super::retained::cluster_name(context),
                storage: super::volumes::standing(context),
                secrets: super::secrets::made(context),
                api_inputs: super::secrets::api_inputs(context),
                ..Shape::default()
            },
            deletes: Vec::new(),
            claims: Vec::new(),
            ring: None,
            memory: Memory {
                operation: None,
                owed: status.owed.clone(),
                configuration,
                lost: status.lost.clone(),
                cluster_name: Some(super::retained::cluster_name(context)),
                roles_ready: status.roles_ready,
                migrated,
                changes: status.changes.clone(),
                postponed_job: status.api.postponed_job.clone(),
            },
            rollout_waits: None,
            wrongs: Vec::new(),
            works: Vec::new(),
        }
    }

    /// Takes up an operation; one of the same kind on the same object keeps its start. How far it is is told
    /// every ten seconds at most: each time is a write.
    pub fn operate(&mut self, context: &Context, mut operation: OperationStatus) {
        let same = |before: &&OperationStatus| {
            before.kind == operation.kind
                && before.pod == operation.pod
                && before.keyspace == operation.keyspace
                && before.replication == operation.replication
        };
        let now = Time(context.observation.now);
        match context.operation().filter(same) {
            Some(before) => {
                operation.started_at = before.started_at.clone();
                operation.cause.clone_from(&before.cause);
                operation.generation = before.generation;
                let moved_at = before.moved_at.as_ref().unwrap_or(&before.started_at);
                let early = now.0.as_second() - moved_at.0.as_second() < PROGRESS_EVERY;
                if operation.step == before.step && early && before.progress.is_some() {
                    operation.progress.clone_from(&before.progress);
                }
                let stands = operation.step == before.step && operation.progress == before.progress;
                operation.moved_at = Some(if stands { moved_at.clone() } else { now });
            }
            None => {
                super::causes::explain(context, &mut operation);
                operation.moved_at = Some(now);
            }
        }
        self.memory.operation = Some(operation);
    }

    /// Goes on with the operation in hand as it is.
    pub fn keep_operation(&mut self, context: &Context) {
        self.memory.operation = context.operation().cloned();
    }

    /// Adds a debt; hosts that owe the same already are not written twice, and all owe it from now.
    pub fn owe(&mut self, context: &Context, kind: DebtKind, keyspace: Option<&str>, hosts: Vec<String>) {
        let since = Time(context.observation.now);
        let same = |debt: &&mut Debt| debt.kind == kind && debt.keyspace.as_deref() == keyspace;
        match self.memory.owed.iter_mut().find(same) {
            Some(debt) => {
                let more: Vec<String> = hosts.into_iter().filter(|host| !debt.host_ids.contains(host)).collect();
                debt.host_ids.extend(more);
                debt.since = since;
                debt.before = None;
                debt.retry = None;
            }
            None if hosts.is_empty() => {}
            None => {
                let keyspace = keyspace.map(str::to_owned);
                self.memory.owed.push(Debt { kind, keyspace, host_ids: hosts, since, before: None, retry: None });
            }
        }
    }

    pub fn delete_pod(&mut self, pod: &str, uid: &str) {
        self.deletes.push(Delete { kind: "Pod", name: pod.to_owned(), uid: uid.to_owned(), orphan: false });
    }

    pub fn mark_left(&mut self, context: &Context, node: &Node, claim: &ClaimObservation, host_id: &str) {
        let edit = ClaimEdit::MarkLeft(host_id.to_owned());
        self.claims.push(ClaimChange { name: context.claim_name(node), uid: claim.uid.clone(), edit });
    }
}

/// An operation that begins now.
pub fn operation(context: &Context, kind: OperationKind, step: impl Into<String>) -> OperationStatus {
    OperationStatus {
        kind,
        step: step.into(),
        pod: None,
        host_id: None,
        keyspace: None,
        replication: None,
        started_at: Time(context.observation.now),
        progress: None,
        moved_at: None,
        cause: None,
        generation: None,
        streamed: None,
        retry: None,
    }
}

/// Most seeds that are named.
const SEEDS_MAX: usize = 3;

/// Pods that a starting node asks for the ring: nodes that have joined, of different racks first.
///
/// Hazard: a node that finds only itself here starts a ring of its own, without the data of the
/// others. So a node that is joining is never among them, and wherever there are more members than
/// one, more than one is named. Only where nothing has ever joined does the first node stand alone.
fn seeds(context: &Context) -> Vec<String> {
    if let Some(first) = context.operation_of(OperationKind::Bootstrap).and_then(|operation| operation.pod.clone()) {
        return vec![first];
    }
    let busy = context
        .operation()
        .filter(|operation| matches!(operation.kind, OperationKind::Join | OperationKind::Decommission));
    let joined = |node: &&Node| {
        let is_busy = busy.is_some_and(|operation| operation.pod.as_ref() == Some(&node.pod));
        matches!(node.membership, Membership::Member | Membership::Unknown) && !is_busy
    };
    let mut candidates: Vec<&Node> = context.ring.nodes.iter().filter(joined).collect();
    candidates.sort_by_key(|node| node.ordinal);
    let seeds: Vec<String> = candidates.iter().take(SEEDS_MAX).map(|node| node.pod.clone()).collect();
    match seeds.is_empty() {
        true => context.desired.seed_candidates().into_iter().take(1).collect(),
        false => seeds,
    }
}
