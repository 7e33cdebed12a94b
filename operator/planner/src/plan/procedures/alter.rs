//! Keyspaces and their replication factors. Pure.
//!
//! A factor moves by one, with a repair after each step. Then a read at QUORUM meets a write at
//! QUORUM of the step before in every case: among r+1 replicas, r/2+1 that were written and
//! (r+1)/2+1 that are asked share one; among r−1 that are left, at least r/2 were written. Two steps
//! at once would let reads miss rows, and a clean-up delete the last copy.
//!
//! A step whose repair fails may be taken back without it: what was written before is where it was, since
//! nothing is cleaned up meanwhile, and what was written since is one step away. Then the repair is owed for
//! the factor that it went back to, and no other step is taken before it is done.

use store_crds::{Debt, DebtKind, OperationKind};

use crate::decision::RingAction;
use crate::desired::DesiredKeyspace;
use crate::observation::Replication;
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::replication::{actual, factor, is_expendable, is_network};
use crate::plan::world::Context;
use crate::reason::Reason;

/// A factor that is written is seen before anything is built on it; until then it is written again.
/// An ALTER whose answer was lost may come into force much later: a repair that began before it would
/// be taken for the one that it owes.
pub fn finish(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let operation = context.operation_of(OperationKind::AlterReplication)?;
    let (keyspace, replication) = (operation.keyspace.as_ref()?, operation.replication?);
    let seen = context.cql()?.keyspaces.get(keyspace);
    if seen.is_none() || seen.is_some_and(|seen| is_network(context, seen) == Some(replication)) {
        return None;
    }
    let factors = context.desired.factors(replication);
    draft.ring = Some(RingAction::AlterReplication { keyspace: keyspace.clone(), factors });
    Some(altering(keyspace, replication))
}

/// Keyspaces of the spec that do not exist are made, with the factor they are to have.
pub fn create_next(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let cql = context.cql()?;
    let missing = |keyspace: &&DesiredKeyspace| !keyspace.system && !cql.keyspaces.contains_key(&keyspace.name);
    let keyspace = context.desired.keyspaces.iter().find(missing)?;
    // nodes that join a ring of one stream all copies that are to be theirs
    if let Some(hold) =
        above_nodes(context, keyspace, context.desired.factor_of(keyspace)).filter(|_| !context.is_alone())
    {
        return Some(hold);
    }
    let (name, factors) = (keyspace.name.clone(), keyspace.factors.clone());
    draft.ring = Some(RingAction::CreateKeyspace { keyspace: name.clone(), factors });
    let mut create = operation(context, OperationKind::AlterReplication, format!("keyspace {name} is made"));
    create.keyspace = Some(name.clone());
    draft.operate(context, create);
    Some(Hold::waiting(
        Reason::CreatingKeyspace,
        format!("keyspace {name} is made with {} replicas", context.desired.factor_of(keyspace)),
    ))
}

/// One step of one keyspace towards its factor, with what it will owe written down before.
pub fn alter_next(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let cql = context.cql()?;
    let (keyspace, step) = context.desired.keyspaces.iter().find_map(|keyspace| {
        let seen = cql.keyspaces.get(&keyspace.name)?;
        let step = next_step(context, keyspace, seen)?;
        is_free(draft, &keyspace.name, step.replication).then_some((keyspace, step))
    })?;
    let raises = actual(context, &keyspace.name).is_none_or(|now| step.replication > now);
    if let Some(hold) = above_nodes(context, keyspace, step.replication).filter(|_| raises) {
        return Some(hold);
    }
    Some(alter(context, draft, keyspace, &step))
}

/// Failures of the repair of the log-ins after which another node may join all the same: it may be the cure.
const LOG_INS_ATTEMPTS: i32 = 3;

/// One step of the log-ins towards the factor that they are to have, if there are nodes for it. The repair of the step
/// before is waited for, also while it is to be tried again.
pub fn alter_log_ins(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let keyspace = context.desired.keyspaces.iter().find(|keyspace| keyspace.name == "system_auth")?;
    let seen = context.cql()?.keyspaces.get(&keyspace.name)?;
    let wanted = context.desired.factor_of(keyspace);
    let raises = factor(context, seen).is_some_and(|now| now < wanted);
    if !raises || context.member_count() < wanted {
        return None;
    }
    let step = next_step(context, keyspace, seen)?;
    if is_free(draft, &keyspace.name, step.replication) {
        return Some(alter(context, draft, keyspace, &step));
    }
    let owed = |debt: &&Debt| debt.kind == DebtKind::Repair && debt.keyspace.as_ref() == Some(&keyspace.name);
    let failures = draft.memory.owed.iter().find(owed).and_then(|debt| debt.retry.as_ref()).map_or(0, |it| it.attempts);
    let message = "the log-ins are repaired before another node joins: until then all of them hang on few nodes";
    (failures < LOG_INS_ATTEMPTS).then(|| Hold::waiting(Reason::Repairing, message).yielding())
}

/// The keyspaces that nobody waits for at QUORUM get the factor of the ring that is to come.
pub fn alter_expendable(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let cql = context.cql()?;
    let mut expendable = context.desired.keyspaces.iter().filter(|keyspace| is_expendable(&keyspace.name));
    let (keyspace, step) = expendable.find_map(|keyspace| {
        let seen = cql.keyspaces.get(&keyspace.name)?;
        Some((keyspace, next_step(context, keyspace, seen)?))
    })?;
    Some(alter(context, draft, keyspace, &step))
}

/// No repair is owed that this step must wait for: it goes back where the one that owes it came from.
fn is_free(draft: &Draft, keyspace: &str, replication: i32) -> bool {
    let owed = |debt: &&Debt| debt.kind == DebtKind::Repair && debt.keyspace.as_deref() == Some(keyspace);
    draft.memory.owed.iter().find(owed).is_none_or(|debt| debt.before == Some(replication))
}

fn alter(context: &Context, draft: &mut Draft, keyspace: &DesiredKeyspace, step: &Step) -> Hold {
    let name = keyspace.name.clone();
    let owed = |debt: &&mut Debt| debt.kind == DebtKind::Repair && debt.keyspace.as_ref() == Some(&name);
    if step.repair {
        let owes_already = draft.memory.owed.iter_mut().find(owed).is_some();
        draft.owe(context, DebtKind::Repair, Some(&name), context.member_hosts());
        if let Some(debt) = draft.memory.owed.iter_mut().find(owed).filter(|_| !owes_already) {
            debt.before = step.before;
        }
    } else if let Some(debt) = draft.memory.owed.iter_mut().find(owed) {
        debt.before = None;
    }
    if step.cleanup {
        draft.owe(context, DebtKind::Cleanup, Some(&name), context.member_hosts());
    }
    let replication = step.replication;
    let factors = context.desired.factors(replication);
    draft.ring = Some(RingAction::AlterReplication { keyspace: name.clone(), factors });
    let words = format!("{name} gets replication factor {replication}");
    let mut alter = operation(context, OperationKind::AlterReplication, words);
    alter.keyspace = Some(name.clone());
    alter.replication = Some(replication);
    draft.operate(context, alter);
    altering(&name, replication)
}

/// One step of a factor.
pub struct Step {
    pub replication: i32,
    /// The factor before, where going back to it needs no repair.
    pub before: Option<i32>,
    pub repair: bool,
    pub cleanup: bool,
}

/// The next step of a keyspace towards the factor that it is to have.
pub fn next_step(context: &Context, keyspace: &DesiredKeyspace, seen: &Replication) -> Option<Step> {
    let wanted = context.desired.factor_of(keyspace);
    let (now, moves) = match seen {
        // SimpleStrategy does not know racks: from two replicas on, some of them are elsewhere under
        // NetworkTopologyStrategy. That alone is a step.
        Replication::Simple(factor) => (*factor, *factor > 1),
        Replication::Network(_) => (is_network(context, seen)?, false),
    };
    if !moves && now == wanted && is_network(context, seen).is_some() {
        return None;
    }
    let replication = match (is_expendable(&keyspace.name), moves) {
        (true, _) => wanted,
        (false, true) => now.min(context.member_count()),
        (false, false) => now + (wanted - now).signum(),
    };
    let repair = replication > 1 && (replication != now || moves);
    // with one node there is nobody to lack a copy and nothing that is another's
    let owes = !context.is_alone();
    let before = (!moves).then_some(now);
    Some(Step { replication, before, repair: owes && repair, cleanup: owes && (moves || replication < now) })
}

fn above_nodes(context: &Context, keyspace: &DesiredKeyspace, replication: i32) -> Option<Hold> {
    let nodes = context.member_count();
    (replication > nodes).then(|| {
        let message = format!(
            "keyspace {} needs {replication} nodes for its copies and the ring has {nodes}: it waits for more nodes",
            keyspace.name
        );
        Hold::wrong(Reason::ReplicationAboveNodes, message)
    })
}

fn altering(keyspace: &str, replication: i32) -> Hold {
    Hold::waiting(Reason::AlteringReplication, format!("keyspace {keyspace} gets replication factor {replication}"))
}
