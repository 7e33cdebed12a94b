//! Debts: repairs after a replication factor was changed, clean-ups after ranges moved away. Each is
//! owed by host ids, done node by node, and awaited. Pure.

use store_crds::{Debt, DebtKind, OperationKind};

use super::RingAction;
use super::draft::{Context, Draft, Hold, operation};
use super::ring::{Membership, Node};
use crate::observation::{TaskKey, TaskKind, TaskState};

/// Takes what is done, and what nodes that have left owed, off the debts.
pub fn discharge(context: &Context, draft: &mut Draft) {
    for debt in &mut draft.memory.owed {
        let (kind, keyspace) = (debt.kind, debt.keyspace.clone());
        debt.host_ids.retain(|host| {
            let node = context.ring.nodes.iter().find(|node| node.host_id.as_ref() == Some(host));
            // a host that no node has any more left the ring while nobody looked
            let Some(node) = node.filter(|node| node.membership != Membership::NotMember) else { return false };
            task(context, kind, keyspace.as_deref(), node) != Some(&TaskState::Succeeded)
        });
    }
    draft.memory.owed.retain(|debt| !debt.host_ids.is_empty());
}

/// While a repair or clean-up runs, nothing else begins.
pub fn await_tasks(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let running = context.observation.tasks.iter().find_map(|(key, state)| match state {
        TaskState::Running(progress) if key.kind != TaskKind::Decommission => Some((key, progress)),
        _ => None,
    });
    let (key, progress) = running?;
    let words = words(key.kind);
    let owed = draft.memory.owed.iter().find(|debt| debt.kind == words.debt && debt.keyspace == key.keyspace);
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
    // what every keyspace owes is not known before the schema is
    let is_next = |debt: &&Debt| debt.kind == kind && (kind == DebtKind::Cleanup || debt.keyspace.is_some());
    let debt: Debt = draft.memory.owed.iter().find(is_next)?.clone();
    let node = debt
        .host_ids
        .iter()
        .find_map(|host| context.ring.nodes.iter().find(|node| node.host_id.as_ref() == Some(host)))?;
    let keyspace = debt.keyspace.clone();
    let (task_kind, action) = match (kind, &keyspace) {
        (DebtKind::Repair, Some(keyspace)) => {
            let repair = RingAction::Repair { pod: node.pod.clone(), keyspace: keyspace.clone() };
            (TaskKind::Repair, repair)
        }
        _ => (TaskKind::Cleanup, RingAction::Cleanup { pod: node.pod.clone(), keyspace: keyspace.clone() }),
    };
    let words = words(task_kind);
    draft.ring = Some(action);
    let left = debt.host_ids.len();
    draft.operate(context, task_operation(context, &words, &node.pod, keyspace.as_deref(), left, None));
    if let Some(TaskState::Failed(cause)) = task(context, kind, keyspace.as_deref(), node) {
        let message = format!("{} {} failed and is begun again: {cause}", node.pod, words.verb);
        return Some(Hold::wrong(words.failed, message));
    }
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

/// How one kind of task is spoken of.
struct TaskWords {
    debt: DebtKind,
    operation: OperationKind,
    verb: &'static str,
    reason: &'static str,
    failed: &'static str,
}

fn words(kind: TaskKind) -> TaskWords {
    match kind {
        TaskKind::Repair => TaskWords {
            debt: DebtKind::Repair,
            operation: OperationKind::Repair,
            verb: "repairs",
            reason: "Repairing",
            failed: "RepairFailed",
        },
        _ => TaskWords {
            debt: DebtKind::Cleanup,
            operation: OperationKind::Cleanup,
            verb: "cleans up",
            reason: "CleaningUp",
            failed: "CleanupFailed",
        },
    }
}
