//! The life of a StoreCluster as a whole: the finalizer, refused specs, a new spec, deletion. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::{Change, DeletionPolicy};

use super::draft::Draft;
use super::hold::Hold;
use super::world::Context;
use super::{report, retained, standing};
use crate::decision::{Delete, Plan, Shape};
use crate::identity::{ChildKind, Uid};
use crate::observation::SecretPurpose;
use crate::reason::Reason;
use crate::{changes, resources};

/// Plans of a StoreCluster that is being deleted, has no finalizer yet, or was never acceptable.
pub fn outside_the_runbook(context: &Context) -> Option<Plan> {
    let store = &context.observation.store;
    if store.deletion_requested {
        return Some(plan_deletion(context));
    }
    if !context.desired.usable {
        return Some(plan_refused(context));
    }
    let held = retained::refuse(context).map(|hold| plan_held(context, hold));
    if !store.has_finalizer {
        let waiting =
            || nothing(context, Hold::waiting(Reason::Starting, "the finalizer is put on before anything is made"));
        return Some(Plan { finalizer: Some(true), ..held.unwrap_or_else(waiting) });
    }
    held
}

/// Most changes of the spec that are remembered.
const CHANGES_MAX: usize = 8;

/// A spec that was accepted just now is written down, with the objects as they stand, before
/// anything is done for it: a node must not join with one half of a change while the other half
/// still waits for a restart.
pub fn take_up_spec(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let service = context.observation.children.services.get(&resources::headless_name(context.desired))?;
    let accepted = service.accepted_spec.as_deref();
    if accepted == Some(context.desired.accepted_spec.as_str()) {
        return None;
    }
    if let Some(accepted) = accepted {
        note_change(context, draft, accepted);
    }
    let generation = context.observation.store.generation;
    Some(Hold::waiting(
        Reason::SpecAccepted,
        format!("the spec of generation {generation} is written into the shop's objects"),
    ))
}

/// Writes down what the spec changes against the one that was accepted before.
fn note_change(context: &Context, draft: &mut Draft, accepted: &str) {
    let generation = context.observation.store.generation;
    let fields = changes::changed_fields(accepted, &context.desired.accepted_spec);
    if fields.is_empty() || draft.memory.changes.iter().any(|change| change.generation == generation) {
        return;
    }
    let change = Change { generation, fields, at: Time(context.observation.now) };
    draft.memory.changes.push(change);
    let old = draft.memory.changes.len().saturating_sub(CHANGES_MAX);
    draft.memory.changes.drain(..old);
}

fn plan_refused(context: &Context) -> Plan {
    let (message, hold) = (report::refusal(context.desired), Reason::SpecRefused);
    nothing(context, Hold::wrong(hold, message))
}

/// Nothing starts beside volumes that it would not start with. What still runs is an earlier StoreCluster's,
/// and goes: this one remembers no node of it.
fn plan_held(context: &Context, hold: Hold) -> Plan {
    let mut plan = nothing(context, hold);
    plan.report.nodes.clear();
    plan.memory.cluster_name = None;
    plan
}

/// Ends whatever Cassandra says: it is not asked. Volumes go by UID, and only under Delete.
fn plan_deletion(context: &Context) -> Plan {
    let mut plan = nothing(context, Hold::waiting(Reason::Deleting, "the StoreCluster is being deleted"));
    if !context.observation.store.has_finalizer {
        return plan;
    }
    // a StoreCluster that was held has taken up no volume: those that are there are another's
    let is_held = retained::refuse(context).is_some();
    if is_held || context.desired.cassandra.deletion_policy == DeletionPolicy::Retain {
        plan.finalizer = Some(false);
        return plan;
    }
    // StatefulSets first: they would make pods, and with them claims, again
    for (name, set) in &context.observation.children.stateful_sets {
        plan.deletes.push(delete(ChildKind::StatefulSet, name, &set.uid));
    }
    if plan.deletes.is_empty() {
        let claims = context.observation.claims.iter().filter(|(_, claim)| !claim.deleting);
        plan.deletes.extend(claims.map(|(name, claim)| delete(ChildKind::PersistentVolumeClaim, name, &claim.uid)));
        // these have no owner, since Retain keeps them
        let superuser = resources::access::secret_name(context.desired, SecretPurpose::Superuser);
        for secret in [superuser, resources::access::record_name(context.desired)] {
            if let Some(uid) = context.observation.children.secrets.get(&secret) {
                plan.deletes.push(delete(ChildKind::Secret, &secret, uid));
            }
        }
    }
    if plan.deletes.is_empty() {
        plan.finalizer = Some(false);
    }
    plan
}

fn delete(kind: ChildKind, name: &str, uid: &Uid) -> Delete {
    Delete { kind, name: name.to_owned(), uid: uid.clone(), orphan: false }
}

/// A plan that builds nothing and remembers everything.
fn nothing(context: &Context, hold: Hold) -> Plan {
    let draft = standing::draft(context);
    Plan {
        shape: Shape { nothing: true, ..Shape::default() },
        deletes: Vec::new(),
        claims: Vec::new(),
        keep: BTreeSet::new(),
        ring: None,
        memory: draft.memory,
        rungs: Vec::new(),
        report: report::nothing(context, &hold),
        finalizer: None,
        requeue: if hold.wrong { Duration::from_secs(300) } else { Duration::from_secs(1) },
    }
}
