//! A ring that comes back after a full stop: its nodes start together and find each other, and nothing is done for it
//! but to wait. Pure.

use store_crds::{Lane, OperationKind};

use crate::plan::draft::{Draft, operation};
use crate::plan::ring::Node;
use crate::plan::world::Context;

/// Tells that all nodes start, where none serves.
pub fn together(context: &Context, draft: &mut Draft) {
    let silent = context.ring.live().next().is_none() && !context.ring.nodes.iter().any(Node::is_locked);
    let ring_is_down = silent && context.ring.members().count() > 1;
    if context.operation_in(Lane::Ring).is_none() && ring_is_down {
        draft.operate(context, operation(context, OperationKind::Start, "all nodes start together"));
    }
}
