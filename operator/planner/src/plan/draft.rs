//! The plan as it grows. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::{Debt, DebtKind, Lane, OperationKind, OperationStatus};

use super::causes;
use super::hold::Hold;
use super::ring::Node;
use super::waits;
use super::world::Context;
use crate::configuration::Configuration;
use crate::decision::{ClaimChange, ClaimEdit, Delete, Memory, RingAction, Shape};
use crate::identity::{ChildKind, Uid};
use crate::observation::ClaimObservation;
use crate::procedure::{self, Conflict, Gate};

/// How often the progress of an operation is told, in seconds.
const PROGRESS_EVERY: i64 = 10;

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
    /// Why outdated pods are not replaced now, where others go on meanwhile.
    pub rollout_waits: Option<Hold>,
    /// What is wrong besides the hold: shown in Degraded, stops nothing.
    pub wrongs: Vec<Hold>,
    /// Work besides the ladder: shown in Progressing.
    pub works: Vec<Hold>,
}

impl Draft {
    /// Takes up an operation, in place of another one of its lane; one of the same kind on the same object keeps its
    /// start. How far it is is told every ten seconds at most: each time is a write.
    pub fn operate(&mut self, context: &Context, mut operation: OperationStatus) {
        let row = procedure::of(operation.kind);
        let same = |before: &&OperationStatus| {
            before.kind == operation.kind
                && before.pod == operation.pod
                && before.keyspace == operation.keyspace
                && before.replication == operation.replication
        };
        let now = Time(context.observation.now);
        let moved_at = match context.in_hand().iter().find(same) {
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
                if stands { moved_at.clone() } else { now }
            }
            None => {
                causes::explain(context, &mut operation);
                now
            }
        };
        operation.lane = row.lane;
        operation.deadline = waits::deadline(row.reason, &moved_at);
        operation.moved_at = Some(moved_at);
        let operations = &mut self.memory.operations;
        operations.retain(|other| procedure::of(other.kind).lane != row.lane);
        operations.push(operation);
        operations.sort_by_key(|operation| procedure::of(operation.kind).lane);
    }

    /// The operation in hand of this kind is over, or given up.
    pub fn end(&mut self, kind: OperationKind) {
        self.memory.operations.retain(|operation| operation.kind != kind);
    }

    /// What was in hand until here is over, unless it is taken up again.
    pub fn pass(&mut self, gate: Gate) {
        self.memory.operations.retain(|operation| procedure::of(operation.kind).over_behind != Some(gate));
    }

    /// Something in hand keeps whatever is of this lane from beginning.
    pub fn is_held(&self, lane: Lane) -> bool {
        let holds = |operation: &OperationStatus| {
            procedure::conflict(procedure::of(operation.kind).lane, lane) == Conflict::Whole
        };
        self.memory.operations.iter().any(holds)
    }

    /// What has been decided so far of what changes the ring: of two that differ, something was done in between.
    pub fn deeds(&self) -> (Option<RingAction>, usize, BTreeMap<String, i32>) {
        (self.ring.clone(), self.deletes.len(), self.shape.replicas.clone())
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

    /// Deletes an object, and with it what belongs to it.
    pub fn delete(&mut self, kind: ChildKind, name: &str, uid: &Uid) {
        self.deletes.push(Delete { kind, name: name.to_owned(), uid: uid.clone(), orphan: false });
    }

    /// Deletes a StatefulSet and leaves its pods.
    pub fn delete_set_alone(&mut self, name: &str, uid: &Uid) {
        let (kind, name, uid) = (ChildKind::StatefulSet, name.to_owned(), uid.clone());
        self.deletes.push(Delete { kind, name, uid, orphan: true });
    }

    pub fn delete_pod(&mut self, pod: &str, uid: &Uid) {
        self.delete(ChildKind::Pod, pod, uid);
    }

    /// Whether the object of that UID is deleted on this pass.
    pub fn deletes(&self, uid: &Uid) -> bool {
        self.deletes.iter().any(|delete| delete.uid == *uid)
    }

    pub fn mark_left(&mut self, context: &Context, node: &Node, claim: &ClaimObservation, host_id: &str) {
        let edit = ClaimEdit::MarkLeft(host_id.to_owned());
        self.claims.push(ClaimChange { name: context.desired.claim_name(&node.pod), uid: claim.uid.clone(), edit });
    }
}

/// An operation that begins now.
pub fn operation(context: &Context, kind: OperationKind, step: impl Into<String>) -> OperationStatus {
    OperationStatus {
        kind,
        lane: procedure::of(kind).lane,
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
        deadline: None,
    }
}
