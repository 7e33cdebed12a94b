//! From nothing to a ring that serves: the first node, its superuser, the roles; and the ring that
//! comes back after a full stop. Pure.

use store_crds::{Lane, OperationKind};

use super::draft::{Draft, operation};
use super::hold::Hold;
use super::ring::{Membership, Node};
use super::world::Context;
use super::{api, calm, replication, retained, secrets};
use crate::decision::RingAction;
use crate::observation::{CqlAnswer, SecretPurpose, Superuser};
use crate::reason::Reason;

/// Where there is no node and no volume, one node starts alone, with itself as its seed. Nodes that
/// left volumes behind are taken places already: they all start at once and find each other.
pub fn first_node(context: &Context, draft: &mut Draft) -> Option<Hold> {
    // the rack may have been taken back since: what came of it is gone by now
    let racks = &context.desired.cassandra.racks;
    let is_wanted = |pod: &String| racks.iter().any(|rack| context.desired.pod_name(&rack.name, 0) == *pod);
    let begun = context.operation_of(OperationKind::Bootstrap).and_then(|operation| operation.pod.clone());
    let pod = match begun.filter(is_wanted) {
        Some(pod) => pod,
        // a ring is never founded beside data, whatever has become of the memory of it
        None if context.taken.values().all(|taken| *taken == 0) && !retained::foreign(context).is_empty() => {
            return Some(retained::of_other_racks(context));
        }
        None if context.taken.values().all(|taken| *taken == 0) => {
            context.desired.pod_name(&context.desired.cassandra.racks.first()?.name, 0)
        }
        None => return None,
    };
    // also with a crash between memory and effect, when nothing of it is there to be seen yet
    let rack = context.desired.cassandra.racks.iter().find(|rack| context.desired.pod_name(&rack.name, 0) == pod)?;
    draft.shape.replicas.entry(rack.name.clone()).and_modify(|replicas| *replicas = (*replicas).max(1));
    let node = context.ring.find(&pod);
    if node.is_some_and(|node| node.membership == Membership::Member) {
        return None;
    }
    let mut bootstrap = operation(context, OperationKind::Bootstrap, "the first node starts");
    bootstrap.pod = Some(pod.clone());
    draft.operate(context, bootstrap);
    let waits = node.and_then(|node| calm::down(context, node));
    Some(waits.unwrap_or_else(|| Hold::waiting(Reason::Bootstrapping, format!("{pod} starts as the first node"))))
}

/// Nothing new begins while the ring is not calm. What is in hand stays in hand.
pub fn calm_ring(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let unrest = calm::unrest(context)?;
    let silent = context.ring.live().next().is_none() && !context.ring.nodes.iter().any(Node::is_locked);
    let ring_is_down = silent && context.ring.members().count() > 1;
    if context.operation_in(Lane::Ring).is_none() && ring_is_down {
        draft.operate(context, operation(context, OperationKind::Start, "all nodes start together"));
    }
    Some(unrest)
}

/// What follows needs the schema. That it cannot be read is a fault once it lasts.
pub fn schema_readable(context: &Context, _: &mut Draft) -> Option<Hold> {
    let cause = match &context.observation.cql {
        CqlAnswer::Reachable(_) => return None,
        CqlAnswer::Unreachable(cause) | CqlAnswer::Refused(cause) => cause,
    };
    if let Some(locked_out) = secrets::locked_out(context) {
        return Some(locked_out);
    }
    Some(Hold::waiting(Reason::CqlUnreachable, format!("the schema cannot be read over CQL: {cause}")))
}

/// The operator's own superuser is made and proved by a log-in; then the default one is disabled.
pub fn superuser(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let cql = context.cql()?;
    if cql.superuser == Superuser::Default && !secrets::is_known(context, SecretPurpose::Superuser) {
        return Some(Hold::waiting(Reason::SettingUpRoles, "the Secret of the operator's superuser is made"));
    }
    let (action, step) = match (cql.superuser, cql.default_superuser_disabled) {
        (Superuser::Default, _) => (RingAction::CreateSuperuser, "the operator's own superuser is made"),
        (Superuser::Own, false) => (RingAction::DisableDefaultSuperuser, "the default superuser is disabled"),
        (Superuser::Own, true) => return None,
    };
    draft.ring = Some(action);
    draft.operate(context, operation(context, OperationKind::Roles, step));
    Some(Hold::waiting(Reason::SettingUpRoles, step))
}

/// What every node would have to agree on later costs little while there is one: the keyspaces with the
/// factors they are to have, the roles, the API's tables. Whatever the factor, a ring of one has all
/// copies there are, and a node that joins streams its own: nothing is owed.
///
/// Hazard: a node that joins while a table is made may not know it when the first row comes. So the next
/// one waits for the tables, for a while.
pub fn found(context: &Context, draft: &mut Draft) -> Option<Hold> {
    if !context.is_founding() {
        return None;
    }
    replication::create_next(context, draft)
        .or_else(|| roles(context, draft))
        .or_else(|| replication::alter_expendable(context, draft))
        .or_else(|| api::await_first_tables(context, draft))
}

/// The roles of the schema writer and of the API, with their grants on the API's keyspace.
pub fn roles(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let cql = context.cql()?;
    draft.memory.roles_ready |= cql.roles_ready;
    // what changes once they have been set up is carried out beside the ladder
    if draft.memory.roles_ready {
        return None;
    }
    if ![SecretPurpose::Schema, SecretPurpose::Api].iter().all(|purpose| secrets::is_known(context, *purpose)) {
        return Some(Hold::waiting(
            Reason::SettingUpRoles,
            "the Secrets of the schema writer and of the API are waited for",
        ));
    }
    draft.ring = Some(RingAction::EnsureRoles);
    let step = "the roles of the schema writer and of the API are set up";
    draft.operate(context, operation(context, OperationKind::Roles, step));
    Some(Hold::waiting(Reason::SettingUpRoles, step))
}
