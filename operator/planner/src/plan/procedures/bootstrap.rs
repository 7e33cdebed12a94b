//! From nothing to a ring that serves: the first node, and what is made on it while it is alone. Pure.

use store_crds::OperationKind;

use super::{alter, migrate, roles};
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::ring::Membership;
use crate::plan::world::Context;
use crate::plan::{calm, retained};
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
    alter::create_next(context, draft)
        .or_else(|| roles::make(context, draft))
        .or_else(|| alter::alter_expendable(context, draft))
        .or_else(|| migrate::await_first_tables(context, draft))
}
