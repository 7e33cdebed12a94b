//! Gates of the runbook that are no operation's own. Pure.

use super::draft::Draft;
use super::hold::Hold;
use super::procedures::start;
use super::world::Context;
use super::{calm, secrets};
use crate::observation::CqlAnswer;
use crate::reason::Reason;

/// Nothing new begins while the ring is not calm. What is in hand stays in hand.
pub fn calm_ring(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let unrest = calm::unrest(context)?;
    start::together(context, draft);
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
