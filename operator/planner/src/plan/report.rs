//! The end of a pass: what is told to the user, and when to look again. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::{Debt, DebtKind, Fault, KeyspaceStatus, NodeState, NodeStatus, RepairState};

use super::draft::Draft;
use super::engine::Held;
use super::hold::Hold;
use super::ring::Node;
use super::waits::Standing;
use super::world::Context;
use super::{calm, carried_out, issuer, losses, refused, replication, secrets, service};
use crate::decision::{Plan, Report, Told};
use crate::desired::{Desired, DesiredKeyspace};
use crate::observation::{TaskKind, TaskState};
use crate::procedure;
use crate::reason::Reason;
use crate::resources::{Write, operation};
use crate::time;

/// While work goes on. Watches wake the operator sooner, but nothing wakes it when a node has joined
/// or a repair has ended.
const WORKING: Duration = Duration::from_secs(1);
/// While something is wrong that only somebody else can mend.
const WRONG: Duration = Duration::from_secs(10);
/// When everything is done.
const SETTLED: Duration = Duration::from_secs(300);

/// Puts the plan together. `held` is where the runbook held, what goes on first.
pub fn finish(context: &Context, mut draft: Draft, held: Held) -> Plan {
    let Held { holds, rungs } = held;
    let mut holds = holds.into_iter();
    let hold = holds.next();
    for besides in holds {
        if besides.wrong { draft.wrongs.push(besides) } else { draft.works.push(besides) }
    }
    let refused = refused_spec(context);
    let downs: Vec<Hold> = context
        .ring
        .nodes
        .iter()
        .filter(|node| context.expects(node))
        .filter_map(|node| calm::down(context, node))
        .filter(|down| down.wrong)
        .collect();
    // what may be over in a moment does not make a settled store unsettled
    let hold_told = hold.as_ref().filter(|hold| !(hold.passing && was_settled(context)));
    let owed = owed(&draft).filter(|_| hold.is_none() && draft.works.is_empty());
    let holds = hold_told.into_iter().chain(&draft.works).chain(&draft.wrongs).chain(&refused).chain(&downs);
    let standing = Standing::of(context, &draft.memory.operations, holds.chain(owed.as_ref()));
    let doing = hold_told.or(draft.works.first()).or(draft.wrongs.first()).or(owed.as_ref());
    if hold.is_none() && draft.works.is_empty() && draft.memory.owed.is_empty() {
        // everything that they ask for is done
        draft.memory.changes.clear();
    }
    let stuck = standing.overdue || !downs.is_empty() || hold.as_ref().is_some_and(|hold| hold.wrong);
    let (nodes, keyspaces) = (nodes(context), keyspaces(context, &draft.memory.owed));
    let unavailable = service::unavailable(context, &nodes, &keyspaces);
    let not_ready = service::not_ready(context, &nodes, &unavailable, draft.memory.roles_ready, stuck);
    let report = Report {
        unavailable,
        not_ready,
        progressing: progressing(&draft, refused.as_ref().or(doing), &standing),
        degraded: degraded(&standing.faults),
        replication: losses::lag(context, &draft)
            .map(|message| (Reason::RepairOwed, message))
            .or_else(|| replication_lag(context, &draft.memory.owed)),
        faults: standing.faults,
        waits: standing.waits,
        nodes,
        keyspaces,
        carried_out: carried_out::carried_out(context),
    };
    let acts = draft.ring.is_some() || !draft.deletes.is_empty() || !draft.claims.is_empty();
    let requeue = match (&report.progressing, &report.degraded) {
        (None, None) if hold.is_none() => SETTLED,
        (_, Some(_)) if !acts => WRONG,
        _ => WORKING,
    };
    let looks_again = [secrets::look_again(context), issuer::look_again(context)];
    let requeue = looks_again.into_iter().flatten().fold(requeue, Duration::min);
    Plan {
        shape: draft.shape,
        deletes: draft.deletes,
        claims: draft.claims,
        keep: secrets::keep(context),
        ring: draft.ring,
        memory: draft.memory,
        report,
        finalizer: None,
        rungs,
        requeue,
    }
}

/// What is told while nothing is built: the one reason, of everything, and what is refused besides.
pub fn nothing(context: &Context, hold: &Hold) -> Report {
    let refused = refused::holds(context);
    let standing = Standing::of(context, &[], std::iter::once(hold).chain(&refused));
    let told = Some((hold.reason, format!("{}{}", hold.message, standing.times(hold))));
    Report {
        unavailable: told.clone(),
        not_ready: told.clone(),
        progressing: told.clone(),
        degraded: degraded(&standing.faults),
        replication: told,
        faults: standing.faults,
        waits: standing.waits,
        nodes: context.ring.status(),
        keyspaces: keyspaces(context, &context.observation.status.owed),
        carried_out: carried_out::carried_out(context),
    }
}

/// What a refused spec is told.
pub fn refusal(desired: &Desired) -> String {
    desired.refused.iter().map(|violation| violation.message.clone()).collect::<Vec<_>>().join("; ")
}

/// The newest spec is refused, and the last accepted one counts.
fn refused_spec(context: &Context) -> Option<Hold> {
    let is_refused = !context.desired.refused.is_empty();
    is_refused.then(|| {
        let generation = context.observation.store.generation;
        let why = refusal(context.desired);
        let message = format!("generation {generation} is refused, and the spec before it goes on counting: {why}");
        Hold::wrong(Reason::SpecRefused, message)
    })
}

/// Debts that nothing in hand works off.
fn owed(draft: &Draft) -> Option<Hold> {
    let debt = draft.memory.owed.first()?;
    let kind = match debt.kind {
        DebtKind::Repair => "repair",
        DebtKind::Cleanup => "clean-up",
    };
    let of = debt.keyspace.as_deref().map(|keyspace| format!(" of keyspace {keyspace}")).unwrap_or_default();
    let message = format!("a {kind}{of} is still to be done on {}", nodes_in_words(debt.host_ids.len()));
    Some(Hold::waiting(Reason::WorkOwed, message))
}

fn nodes_in_words(count: usize) -> String {
    if count == 1 { "one node".to_owned() } else { format!("{count} nodes") }
}

/// What is being done: the operation in hand, why, and what it waits for just now.
fn progressing(draft: &Draft, doing: Option<&Hold>, standing: &Standing) -> Told {
    let hold = doing?;
    let message = format!("{}{}", hold.message, standing.times(hold));
    let operation = draft.memory.operations.first().filter(|_| !hold.wrong);
    let Some(operation) = operation else { return Some((hold.reason, message)) };
    let progress = operation.progress.as_deref().map(|progress| format!(" ({progress})")).unwrap_or_default();
    let cause = operation.cause.as_deref().map(|cause| format!(", since {cause}")).unwrap_or_default();
    let reason = if is_about_the_ring(hold.reason) { procedure::of(operation.kind).reason } else { hold.reason };
    let step = &operation.step;
    Some((reason, format!("{step}{progress}{cause}; now {message}")))
}

/// A step of whatever is in hand waits for it.
fn is_about_the_ring(reason: Reason) -> bool {
    let of_the_ring = [
        Reason::PodMissing,
        Reason::NodeStarting,
        Reason::NodeStopping,
        Reason::NodeAway,
        Reason::TopologyChanging,
        Reason::RingViewsDiffer,
        Reason::SchemaDisagreement,
        Reason::HintsPending,
        Reason::CqlUnreachable,
    ];
    of_the_ring.contains(&reason)
}

/// All that is wrong in one message, the worst first.
fn degraded(faults: &[Fault]) -> Told {
    let told = |fault: &Fault| format!("{}, since {}", fault.message, time::told(fault.since.0));
    let (worst, others) = faults.split_first()?;
    let others: Vec<String> = others.iter().map(|fault| format!("{}: {}", fault.reason, told(fault))).collect();
    let besides = if others.is_empty() { String::new() } else { format!(". Besides: {}", others.join(". ")) };
    Some((Reason::find(&worst.reason)?, shorten(format!("{}{besides}", told(worst)))))
}

/// A condition's message may have 32 KiB; long before that nobody reads it.
fn shorten(mut message: String) -> String {
    const MOST: usize = 4096;
    if message.len() > MOST {
        let end = (0..=MOST).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" … (all of them: status.faults)");
    }
    message
}

/// The last pass found nothing left to do for this generation.
fn was_settled(context: &Context) -> bool {
    let conditions = &context.observation.status.conditions;
    conditions.iter().any(|condition| {
        condition.type_ == store_crds::conditions::PROGRESSING
            && condition.status == "False"
            && condition.observed_generation == Some(context.observation.store.generation)
    })
}

/// What `status.nodes` says. A node that was up counts as up until its absence lasts, unless
/// Kubernetes, too, says that its pod is not.
fn nodes(context: &Context) -> Vec<NodeStatus> {
    let mut nodes = context.ring.status();
    for told in &mut nodes {
        let before = context.observation.status.nodes.iter().find(|before| before.pod == told.pod);
        let locked = context.ring.find(&told.pod).is_some_and(Node::is_locked);
        if let Some(before) = before.filter(|before| locked && told.state == before.state) {
            *told = NodeStatus { away_since: None, ..before.clone() };
            continue;
        }
        let away = |node: &&Node| node.host_id.is_some() && calm::down(context, node).is_some();
        let Some(node) = context.ring.find(&told.pod).filter(away) else { continue };
        let known = before.and_then(|before| before.away_since.clone());
        // what was never up is not away
        let comes_up_first = calm::comes_up_first(context, node);
        told.away_since = known.or((!comes_up_first).then_some(Time(away_from(context, node))));
        let running = node.running.filter(|pod| pod.ready && !pod.deleting);
        let before = before.filter(|before| before.state == NodeState::Normal);
        if let Some(before) = before.filter(|_| running.is_some() && context.away_for(node) <= calm::LASTS) {
            *told = NodeStatus { away_since: told.away_since.clone(), ..before.clone() };
        }
    }
    nodes
}

/// Since when a node that is seen away for the first time has been so: an operator that was away itself asks
/// Kubernetes.
fn away_from(context: &Context, node: &Node) -> Timestamp {
    let now = context.observation.now;
    node.running.and_then(|pod| pod.unready_since).map_or(now, |since| since.min(now))
}

/// What keeps the replication from being as wanted.
fn replication_lag(context: &Context, owed: &[Debt]) -> Told {
    let told = |reason: Reason, message: String| Some((reason, message));
    let lag = context.desired.keyspaces.iter().find_map(|keyspace| {
        let wanted = context.desired.factor_of(keyspace);
        let name = &keyspace.name;
        let Some(cql) = context.cql() else {
            // what could not be asked is as it was
            return match before(context, name) {
                Some(now) if now == wanted => None,
                Some(now) => told(Reason::AlteringReplication, factor_lags(name, now, wanted)),
                None => {
                    told(Reason::NotReadYet, format!("keyspace {name} was not read yet: no node has answered over CQL"))
                }
            };
        };
        let Some(seen) = cql.keyspaces.get(name) else {
            return told(Reason::KeyspaceMissing, format!("keyspace {name} does not exist yet"));
        };
        match replication::is_network(context, seen) {
            Some(now) if now == wanted => None,
            Some(now) => told(Reason::AlteringReplication, factor_lags(name, now, wanted)),
            None => told(
                Reason::AlteringReplication,
                format!("keyspace {name} is not replicated by NetworkTopologyStrategy yet"),
            ),
        }
    });
    let repair = || {
        let debt = owed.iter().find(|debt| debt.kind == DebtKind::Repair)?;
        let of = debt.keyspace.as_ref().map_or("every keyspace".to_owned(), |name| format!("keyspace {name}"));
        let message = format!("a repair of {of} is still to be done on {}", nodes_in_words(debt.host_ids.len()));
        Some((Reason::RepairOwed, message))
    };
    lag.or_else(repair)
}

fn factor_lags(keyspace: &str, now: i32, wanted: i32) -> String {
    format!("keyspace {keyspace} has replication factor {now}, and {wanted} is wanted")
}

/// The factor that the last status told.
fn before(context: &Context, keyspace: &str) -> Option<i32> {
    let known = context.observation.status.keyspaces.iter().find(|known| known.name == keyspace);
    known.and_then(|known| known.replication)
}

/// What `status.keyspaces` says.
pub fn keyspaces(context: &Context, owed: &[Debt]) -> Vec<KeyspaceStatus> {
    let repair = |name: &str| {
        let is_its = |debt: &Debt| debt.keyspace.as_deref().is_none_or(|keyspace| keyspace == name);
        let owes = owed.iter().any(|debt| debt.kind == DebtKind::Repair && is_its(debt));
        let runs = context.observation.tasks.iter().any(|(key, state)| {
            let repairs = key.kind == TaskKind::Repair && key.keyspace.as_deref() == Some(name);
            repairs && matches!(state, TaskState::Running(_))
        });
        match (owes, runs) {
            (true, true) => RepairState::Running,
            (true, false) => RepairState::Owed,
            (false, _) => RepairState::Done,
        }
    };
    let status = |keyspace: &DesiredKeyspace| {
        // what could not be asked is as it was
        let replication = match context.cql() {
            Some(_) => replication::actual(context, &keyspace.name),
            None => before(context, &keyspace.name),
        };
        KeyspaceStatus {
            name: keyspace.name.clone(),
            wanted_replication: context.desired.factor_of(keyspace),
            replication,
            repair: replication.map(|_| repair(&keyspace.name)),
        }
    };
    context.desired.keyspaces.iter().map(status).collect()
}

impl Plan {
    /// Takes into account the writes that the objects still need: as long as there are any, not everything is done,
    /// whether they are refused or not.
    pub fn with_writes(mut self, writes: &[Write]) -> Plan {
        let keys = writes.iter().map(|write| match write {
            Write::Apply { key, .. } | Write::Create { key, .. } | Write::Delete { key, .. } => key,
        });
        let mut names = keys.filter(|key| !operation::is_it(key)).map(|key| format!("{} {}", key.kind, key.name));
        if let (None, Some(first)) = (&self.report.progressing, names.next()) {
            let more = names.count();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.report.progressing = Some((Reason::WritingObjects, format!("{first}{more} is written")));
            self.requeue = self.requeue.min(WORKING);
        }
        self
    }
}
