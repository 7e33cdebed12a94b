//! Whether clients are served, and whether the shop is as wanted. Pure.

use store_crds::{KeyspaceStatus, NodeState, NodeStatus, conditions};

use super::calm;
use super::hold::Hold;
use super::world::Context;
use crate::decision::Told;
use crate::quorum;
use crate::reason::Reason;

/// Keyspace that every log-in and every permission is read from.
const LOG_INS: &str = "system_auth";

/// A reason and a message.
fn told(reason: Reason, message: String) -> Told {
    Some((reason, message))
}

/// Why clients at LOCAL_QUORUM are not served, if they are not.
pub fn unavailable(context: &Context, nodes: &[NodeStatus], keyspaces: &[KeyspaceStatus]) -> Told {
    let own = context.desired.api.keyspace.as_str();
    for name in [own, LOG_INS] {
        let factor = keyspaces.iter().find(|keyspace| keyspace.name == name).and_then(|keyspace| keyspace.replication);
        let Some(factor) = factor else {
            return told(
                Reason::NotFounded,
                format!("keyspace {name} does not exist yet, or no node could be asked for it"),
            );
        };
        if !quorum::has_quorum(nodes, factor) {
            let away: Vec<String> = quorum::away(nodes).map(|node| why_away(context, node)).collect();
            let copies =
                if factor == 1 { "the one copy".to_owned() } else { format!("a quorum of the {factor} copies") };
            let why = if away.is_empty() { "too few nodes are up".to_owned() } else { away.join("; ") };
            let message = format!("{copies} of some rows of keyspace {name} cannot be asked: {why}");
            return told(Reason::QuorumLost, message);
        }
    }
    let replicas = context.desired.api.replicas;
    if replicas == 0 {
        let message = "spec.api.replicas is 0, so no API pod serves; the ring itself has its quorum";
        return told(Reason::ApiScaledToZero, message.to_owned());
    }
    (ready_api_pods(context) == 0).then(|| {
        let message = format!("none of {replicas} API pods is ready; the ring itself has its quorum");
        (Reason::ApiNotReady, message)
    })
}

/// Why the shop is not as wanted, and whether that is part of what was asked for: a shop that was ready stays so
/// while it serves and nothing has become a fault. `stuck`: something has.
pub fn not_ready(context: &Context, nodes: &[NodeStatus], unavailable: &Told, roles_ready: bool, stuck: bool) -> Told {
    let missing = missing(context, nodes, roles_ready);
    // nobody is served because nobody is to be: that is as wanted
    let serves = unavailable.as_ref().is_none_or(|(reason, _)| *reason == Reason::ApiScaledToZero);
    if !serves {
        return missing.or_else(|| unavailable.clone());
    }
    missing.filter(|_| stuck || !was_ready(context))
}

/// What is not as wanted.
fn missing(context: &Context, nodes: &[NodeStatus], roles_ready: bool) -> Told {
    let wanted = usize::try_from(context.desired.cassandra.size).unwrap_or(0);
    let normal = nodes.iter().filter(|node| node.state == NodeState::Normal).count();
    if normal < wanted {
        let away: Vec<String> =
            nodes.iter().filter(|node| node.state != NodeState::Normal).map(|node| why_away(context, node)).collect();
        let why = if away.is_empty() { String::new() } else { format!(": {}", away.join("; ")) };
        return told(Reason::NodesNotReady, format!("{normal} of {wanted} nodes are up and normal{why}"));
    }
    if let Some(cql) = context.cql() {
        let missing = context.desired.keyspaces.iter().find(|keyspace| !cql.keyspaces.contains_key(&keyspace.name));
        if let Some(keyspace) = missing {
            return told(Reason::KeyspaceMissing, format!("keyspace {} does not exist yet", keyspace.name));
        }
    }
    if !roles_ready {
        return told(Reason::RolesMissing, "the roles of the schema writer and of the API are not set up yet".into());
    }
    let (ready, replicas) = (ready_api_pods(context), context.desired.api.replicas);
    (ready < replicas || context.deployment().is_none()).then(|| {
        let message = format!("{ready} of {replicas} API pods are ready");
        (Reason::ApiNotReady, message)
    })
}

/// The last status says so, whatever spec it was about.
fn was_ready(context: &Context) -> bool {
    let mut conditions = context.observation.status.conditions.iter();
    conditions.any(|condition| condition.type_ == conditions::READY && condition.status == "True")
}

fn why_away(context: &Context, node: &NodeStatus) -> String {
    let hold: Option<Hold> = context.ring.find(&node.pod).and_then(|node| calm::down(context, node));
    hold.map_or_else(|| format!("{} is {:?}", node.pod, node.state), |hold| hold.message)
}

fn ready_api_pods(context: &Context) -> i32 {
    context.deployment().map_or(0, |deployment| deployment.pods.ready)
}
