//! Debts: repairs after a replication factor was changed, clean-ups after ranges moved away. Each is
//! owed by host ids, done node by node, and awaited. Pure.
//!
//! One that fails is begun again after a pause. Meanwhile it holds nothing up that could be its cure: more
//! nodes, or the factor back to what it was (`replication` says why that is safe). A clean-up waits for the
//! repair of its keyspace, since a row that was never repaired may have its only other copy where it is not
//! owned any more.

use store_crds::{Debt, DebtKind, OperationKind};

use crate::decision::RingAction;
use crate::observation::{TaskKey, TaskKind, TaskState};
use crate::plan::calm;
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::retry::{self, Stands};
use crate::plan::ring::{Membership, Node};
use crate::plan::world::Context;
use crate::reason::Reason;

/// Takes what is done, what nodes that have left owed, and what keyspaces owed that are dropped, off the debts;
/// counts what failed; and lets nodes that are new owe what the others do.
pub fn discharge(context: &Context, draft: &mut Draft) {
    // a node that has not heard of a keyspace yet is no proof that there is none
    let schema = context.cql().filter(|_| calm::unrest(context).is_none());
    let dropped = |debt: &Debt| {
        let keyspace = debt.keyspace.as_ref().zip(schema);
        keyspace.is_some_and(|(keyspace, schema)| !schema.keyspaces.contains_key(keyspace))
    };
    draft.memory.owed.retain(|debt| !dropped(debt));
    for debt in &mut draft.memory.owed {
        owe_as_newcomers(context, debt);
        let (kind, keyspace, before) = (debt.kind, debt.keyspace.clone(), debt.host_ids.len());
        debt.host_ids.retain(|host| {
            let node = context.ring.nodes.iter().find(|node| node.host_id.as_ref() == Some(host));
            // a host that no node has any more left the ring while nobody looked
            let Some(node) = node.filter(|node| node.membership != Membership::NotMember) else { return false };
            task(context, kind, keyspace.as_deref(), node) != Some(&TaskState::Succeeded)
        });
        if debt.host_ids.len() < before {
            debt.retry = None;
        }
        count_failure(context, debt);
    }
    draft.memory.owed.retain(|debt| !debt.host_ids.is_empty());
}

/// A node that joined while a repair is owed has got a part of what it is about.
fn owe_as_newcomers(context: &Context, debt: &mut Debt) {
    if debt.kind != DebtKind::Repair {
        return;
    }
    let known = |host: &String| context.observation.status.nodes.iter().any(|node| node.host_id.as_ref() == Some(host));
    let newcomers = context.member_hosts().into_iter().filter(|host| !known(host) && !debt.host_ids.contains(host));
    let newcomers: Vec<String> = newcomers.collect();
    debt.host_ids.extend(newcomers);
}

/// Notes a failure of what is in hand. The next attempt is another node's turn, if another one owes it.
fn count_failure(context: &Context, debt: &mut Debt) {
    if retry::stands(context, debt.retry.as_ref()) != Stands::UnderWay {
        return;
    }
    let in_hand = context.operation_of(words(debt.kind).operation);
    let in_hand = in_hand.filter(|operation| operation.keyspace == debt.keyspace);
    let Some(pod) = in_hand.and_then(|operation| operation.pod.as_ref()) else { return };
    let Some(node) = context.ring.find(pod) else { return };
    let Some(position) = debt.host_ids.iter().position(|host| node.host_id.as_ref() == Some(host)) else { return };
    if let Some(TaskState::Failed(cause)) = task(context, debt.kind, debt.keyspace.as_deref(), node) {
        let cause = if cause.is_empty() { "no reason given" } else { cause };
        debt.retry = Some(retry::failed(context, debt.retry.as_ref(), &format!("{pod}: {cause}")));
        let host = debt.host_ids.remove(position);
        debt.host_ids.push(host);
    }
}

/// Tells of debts whose last attempt failed, whatever else is done meanwhile.
pub fn tell_failed(draft: &mut Draft) {
    let failed = draft.memory.owed.iter().filter_map(|debt| {
        let retry = debt.retry.as_ref().filter(|retry| retry.at.is_some())?;
        let words = words(debt.kind);
        let of = debt.keyspace.as_deref().map(|keyspace| format!(" of keyspace {keyspace}")).unwrap_or_default();
        let message = format!("the {}{of} {}", words.noun, retry::told(retry));
        Some(Hold::wrong(words.failed, message))
    });
    let failed: Vec<Hold> = failed.collect();
    draft.wrongs.extend(failed);
}

/// While a repair or clean-up runs, nothing else begins.
pub fn await_tasks(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let running = context.observation.tasks.iter().find_map(|(key, state)| match (state, debt_kind(key.kind)) {
        (TaskState::Running(progress), Some(kind)) => Some((key, kind, progress)),
        (TaskState::Running(_) | TaskState::Succeeded | TaskState::Failed(_), _) => None,
    });
    let (key, kind, progress) = running?;
    let words = words(kind);
    let owed = draft.memory.owed.iter().find(|debt| debt.kind == kind && debt.keyspace == key.keyspace);
    let left = owed.map_or(0, |debt| debt.host_ids.len());
    draft.operate(
        context,
        task_operation(context, &words, &key.pod, key.keyspace.as_deref(), left, progress.as_deref()),
    );
    let of = key.keyspace.as_deref().map(|keyspace| format!(" {keyspace}")).unwrap_or_default();
    let told = progress.as_deref().map(|progress| format!(" ({progress})")).unwrap_or_default();
    let message = format!("{} {}{of}{told}; {}", key.pod, words.verb, still(left));
    Some(Hold::waiting(words.reason, message))
}

/// The next repair that is owed.
pub fn repairs(context: &Context, draft: &mut Draft) -> Option<Hold> {
    begin_next(context, draft, DebtKind::Repair)
}

/// The next clean-up that is owed.
pub fn cleanups(context: &Context, draft: &mut Draft) -> Option<Hold> {
    begin_next(context, draft, DebtKind::Cleanup)
}

fn begin_next(context: &Context, draft: &mut Draft, kind: DebtKind) -> Option<Hold> {
    let unrepaired = |debt: &Debt| {
        let repairs = draft.memory.owed.iter().filter(|other| other.kind == DebtKind::Repair);
        kind == DebtKind::Cleanup
            && repairs.into_iter().any(|repair| debt.keyspace.is_none() || repair.keyspace == debt.keyspace)
    };
    // what every keyspace owes is not known before the schema is
    let is_known = |debt: &Debt| kind == DebtKind::Cleanup || debt.keyspace.is_some();
    let due = |debt: &&Debt| {
        is_known(debt) && retry::stands(context, debt.retry.as_ref()) != Stands::Waits && !unrepaired(debt)
    };
    let debt: Debt = draft.memory.owed.iter().filter(|debt| debt.kind == kind).find(due)?.clone();
    let node = debt
        .host_ids
        .iter()
        .find_map(|host| context.ring.nodes.iter().find(|node| node.host_id.as_ref() == Some(host)))?;
    let keyspace = debt.keyspace.clone();
    let action = match (kind, &keyspace) {
        (DebtKind::Repair, Some(keyspace)) => RingAction::Repair { pod: node.pod.clone(), keyspace: keyspace.clone() },
        (DebtKind::Repair | DebtKind::Cleanup, _) => {
            RingAction::Cleanup { pod: node.pod.clone(), keyspace: keyspace.clone() }
        }
    };
    for begun in draft.memory.owed.iter_mut().filter(|other| other.kind == kind && other.keyspace == keyspace) {
        begun.retry = retry::begun(begun.retry.as_ref());
    }
    let words = words(kind);
    draft.ring = Some(action);
    let left = debt.host_ids.len();
    draft.operate(context, task_operation(context, &words, &node.pod, keyspace.as_deref(), left, None));
    Some(Hold::waiting(words.reason, format!("{} {}; {}", node.pod, words.verb, still(left))))
}

fn still(left: usize) -> String {
    if left == 1 { "it is the last one".to_owned() } else { format!("{left} nodes still have to") }
}

fn task_operation(
    context: &Context,
    words: &TaskWords,
    pod: &str,
    keyspace: Option<&str>,
    left: usize,
    progress: Option<&str>,
) -> store_crds::OperationStatus {
    let members = usize::try_from(context.member_count()).unwrap_or(left).max(left);
    let mut operation = operation(context, words.operation, format!("{pod} {}", words.verb));
    operation.pod = Some(pod.to_owned());
    operation.keyspace = keyspace.map(str::to_owned);
    let detail = progress.map(|progress| format!(", {pod}: {progress}")).unwrap_or_default();
    operation.progress = Some(format!("{} of {members} nodes done{detail}", members - left));
    operation
}

fn task<'a>(context: &Context<'a>, kind: DebtKind, keyspace: Option<&str>, node: &Node) -> Option<&'a TaskState> {
    let kind = match kind {
        DebtKind::Repair => TaskKind::Repair,
        DebtKind::Cleanup => TaskKind::Cleanup,
    };
    let key = TaskKey { pod: node.pod.clone(), kind, keyspace: keyspace.map(str::to_owned) };
    context.observation.tasks.get(&key)
}

fn debt_kind(kind: TaskKind) -> Option<DebtKind> {
    match kind {
        TaskKind::Repair => Some(DebtKind::Repair),
        TaskKind::Cleanup => Some(DebtKind::Cleanup),
        TaskKind::Decommission | TaskKind::Join => None,
    }
}

/// How one kind of debt is spoken of.
struct TaskWords {
    operation: OperationKind,
    noun: &'static str,
    verb: &'static str,
    reason: Reason,
    failed: Reason,
}

fn words(kind: DebtKind) -> TaskWords {
    match kind {
        DebtKind::Repair => TaskWords {
            operation: OperationKind::Repair,
            noun: "repair",
            verb: "repairs",
            reason: Reason::Repairing,
            failed: Reason::RepairFailed,
        },
        DebtKind::Cleanup => TaskWords {
            operation: OperationKind::Cleanup,
            noun: "clean-up",
            verb: "cleans up",
            reason: Reason::CleaningUp,
            failed: Reason::CleanupFailed,
        },
    }
}
