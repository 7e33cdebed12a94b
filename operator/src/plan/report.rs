//! The end of a pass: what is told to the user, and when to look again. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::{Debt, DebtKind, KeyspaceStatus, NodeState, NodeStatus, RepairState};

use super::draft::{Context, Draft, Hold};
use super::ring::Node;
use super::{Plan, Report, calm, losses, replication};
use crate::desired::Desired;
use crate::observation::{TaskKind, TaskState};

/// While work goes on. Watches wake the operator sooner, but nothing wakes it when a node has joined
/// or a repair has ended.
pub const WORKING: Duration = Duration::from_secs(1);
/// While something is wrong that only somebody else can mend.
const WRONG: Duration = Duration::from_secs(10);
/// When everything is done.
const SETTLED: Duration = Duration::from_secs(300);

/// Puts the plan together. `hold` is what stopped the ladder.
pub fn finish(context: &Context, draft: Draft, hold: Option<Hold>) -> Plan {
    let report = Report {
        progressing: progressing(context, &draft, hold.as_ref()),
        degraded: degraded(context, &draft, hold.as_ref()),
        not_ready: not_ready(context, &draft, hold.as_ref()),
        replication: losses::lag(context, &draft)
            .map(|message| ("RepairOwed".to_owned(), message))
            .or_else(|| replication_lag(context, &draft.memory.owed)),
        nodes: nodes(context),
        keyspaces: keyspaces(context, &draft.memory.owed),
    };
    let acts = draft.ring.is_some() || !draft.deletes.is_empty() || !draft.claims.is_empty();
    let requeue = match (&report.progressing, &report.degraded) {
        (None, None) if hold.is_none() => SETTLED,
        (_, Some(_)) if !acts => WRONG,
        _ => WORKING,
    };
    Plan {
        shape: draft.shape,
        deletes: draft.deletes,
        claims: draft.claims,
        ring: draft.ring,
        memory: draft.memory,
        report,
        finalizer: None,
        requeue,
    }
}

/// What a refused spec is told.
pub fn refusal(desired: &Desired) -> String {
    desired.refused.iter().map(|violation| violation.message.clone()).collect::<Vec<_>>().join("; ")
}

fn told(hold: &Hold) -> (String, String) {
    (hold.reason.to_owned(), hold.message.clone())
}

fn progressing(context: &Context, draft: &Draft, hold: Option<&Hold>) -> Option<(String, String)> {
    if !context.desired.refused.is_empty() {
        return Some(("SpecRefused".into(), refusal(context.desired)));
    }
    // what may be over in a moment does not make a settled store unsettled
    let hold = hold.filter(|hold| !(hold.passing && was_settled(context)));
    hold.or(draft.works.first()).or(draft.wrongs.first()).map(told).or_else(|| {
        let owed = draft.memory.owed.first()?;
        Some(("WorkOwed".into(), format!("{} nodes still owe a {:?}", owed.host_ids.len(), owed.kind)))
    })
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
        let away = |node: &&Node| node.host_id.is_some() && calm::down(context, node).is_some();
        let Some(node) = context.ring.find(&told.pod).filter(away) else { continue };
        let before = context.observation.status.nodes.iter().find(|before| before.pod == told.pod);
        told.away_since = before.and_then(|before| before.away_since.clone()).or(Some(Time(away_from(context, node))));
        let ready = node.running.is_some_and(|pod| pod.ready && !pod.deleting);
        let before = before.filter(|before| before.state == NodeState::Normal);
        if let Some(before) = before.filter(|_| ready && calm::away_for(context, node) <= calm::LASTS) {
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

fn degraded(context: &Context, draft: &Draft, hold: Option<&Hold>) -> Option<(String, String)> {
    if !context.desired.refused.is_empty() {
        return Some(("SpecRefused".into(), refusal(context.desired)));
    }
    // data that is gone is told before all that follows from it
    let lost = draft.wrongs.first().filter(|wrong| wrong.reason == "VolumeLost");
    let wrong = lost.or(hold.filter(|hold| hold.wrong)).or(draft.wrongs.first());
    // a node that is down is told even while a guard before it holds for another reason
    let down = || {
        let nodes = context.ring.nodes.iter().filter(|node| context.expects(node));
        nodes.filter_map(|node| calm::down(context, node)).find(|hold| hold.wrong)
    };
    wrong.map(told).or_else(|| down().as_ref().map(told))
}

fn not_ready(context: &Context, draft: &Draft, hold: Option<&Hold>) -> Option<(String, String)> {
    let no = |reason: &str, message: String| Some((reason.to_owned(), message));
    let wanted = usize::try_from(context.desired.cassandra.size).unwrap_or(0);
    let normal = nodes(context).iter().filter(|node| node.state == NodeState::Normal).count();
    if normal < wanted {
        let cause = hold.map(|hold| hold.message.clone()).unwrap_or_default();
        return no("NodesNotReady", format!("{normal} of {wanted} nodes are up and normal: {cause}"));
    }
    if let Some(cql) = context.cql() {
        let missing = context.desired.keyspaces.iter().find(|keyspace| !cql.keyspaces.contains_key(&keyspace.name));
        if let Some(keyspace) = missing {
            return no("KeyspaceMissing", format!("keyspace {} does not exist yet", keyspace.name));
        }
    }
    if !draft.memory.roles_ready {
        return no("RolesMissing", "the roles of the schema writer and of the API are not set up yet".into());
    }
    let name = crate::resources::api_name(context.desired);
    let deployment = context.child("Deployment", &name);
    let ready = deployment.and_then(|deployment| deployment["status"]["readyReplicas"].as_i64()).unwrap_or(0);
    let replicas = context.desired.api.replicas;
    if ready < i64::from(replicas) || deployment.is_none() {
        return no("ApiNotReady", format!("{ready} of {replicas} API pods are ready"));
    }
    None
}

/// What keeps the replication from being as wanted.
fn replication_lag(context: &Context, owed: &[Debt]) -> Option<(String, String)> {
    let lag = context.desired.keyspaces.iter().find_map(|keyspace| {
        let wanted = keyspace.replication;
        let name = &keyspace.name;
        // what could not be asked is as it was
        let now = match context.cql() {
            Some(cql) => cql.keyspaces.get(name).map(|seen| replication::is_network(context, seen)),
            None => before(context, name).map(Some),
        };
        match now {
            None => Some(format!("keyspace {name} does not exist yet")),
            Some(Some(now)) if now == wanted => None,
            Some(Some(now)) => Some(format!("keyspace {name} has replication factor {now} of {wanted}")),
            Some(None) => Some(format!("keyspace {name} is not replicated by NetworkTopologyStrategy yet")),
        }
    });
    let repair = || {
        let debt = owed.iter().find(|debt| debt.kind == DebtKind::Repair)?;
        let of = debt.keyspace.as_ref().map_or("every keyspace".to_owned(), |name| format!("keyspace {name}"));
        Some(("RepairOwed".to_owned(), format!("{} nodes still owe a repair of {of}", debt.host_ids.len())))
    };
    lag.map(|message| ("AlteringReplication".to_owned(), message)).or_else(repair)
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
    let keyspaces = context.desired.keyspaces.iter();
    keyspaces
        .map(|keyspace| KeyspaceStatus {
            name: keyspace.name.clone(),
            wanted_replication: keyspace.replication,
            // what could not be asked is as it was
            replication: match context.cql() {
                Some(_) => replication::actual(context, &keyspace.name),
                None => before(context, &keyspace.name),
            },
            repair: repair(&keyspace.name),
        })
        .collect()
}
