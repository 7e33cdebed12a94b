//! The effects of a pass, one by one in their order. IO.
//!
//! Each is tried on its own: what is refused is remembered, so that the next pass tells it, and stops what depends
//! on it (`effects`). A pass ends early only where the API server cannot be reached at all.

use std::collections::BTreeSet;
use std::time::Duration;

use store_crds::StoreCluster;
use store_planner::decision::RingAction;
use store_planner::desired::Desired;
use store_planner::effects::{Course, Effect};
use store_planner::observation::Cause;

use crate::apply::{self, ApplyError};
use crate::cassandra::RingError;
use crate::context::Context;
use crate::observe::Observed;
use crate::reconcile::PassError;

/// What a failed effect means for the rest of the pass.
enum Trouble {
    /// Somebody else was first, or what is needed is not there yet: the next pass sees it.
    Race,
    /// The API server does not answer, or writes are not for this replica.
    Cut,
    Refused(Cause, String),
}

/// Makes the effects. Returns when to look again because of what was refused.
///
/// # Errors
/// When somebody else wrote first, after everything that this does not concern; at once when the API server does
/// not answer or the Lease is lost.
pub async fn commit(
    context: &Context,
    store: &StoreCluster,
    desired: &Desired,
    observed: &Observed,
    effects: Vec<Effect>,
) -> Result<Option<Duration>, PassError> {
    let now = observed.observation.now;
    let mut refusals = context.refused.of(&desired.uid);
    let mut wanted = BTreeSet::new();
    let mut course = Course::default();
    let mut raced = None;
    for effect in effects {
        let (part, deed) = (effect.part(desired), effect.deed());
        wanted.insert(deed.clone());
        if !course.allows(part) {
            continue;
        }
        if refusals.knows(&deed) && refusals.holds_back(&deed, &effect.content(), now) {
            course.refused(part);
            continue;
        }
        let Err(error) = make(context, store, desired, observed, &effect).await else {
            refusals.done(&deed);
            continue;
        };
        match trouble(&error) {
            Trouble::Race => {
                course.raced(part);
                raced.get_or_insert(error);
            }
            Trouble::Cut => {
                context.refused.put(&desired.uid, refusals);
                return Err(error);
            }
            Trouble::Refused(cause, words) => {
                let (namespace, name) = (&desired.namespace, &desired.name);
                tracing::warn!(namespace, name, reason = error.reason(), %deed, %error, "refused");
                refusals.refused(&deed, &effect.content(), cause, &words, now);
                course.refused(part);
            }
        }
    }
    refusals.end_of_pass(&wanted);
    let told = observed.observation.refused.as_deref().unwrap_or_default();
    let again = refusals.next(now, told);
    context.refused.put(&desired.uid, refusals);
    raced.map_or(Ok(again), Err)
}

async fn make(
    context: &Context,
    store: &StoreCluster,
    desired: &Desired,
    observed: &Observed,
    effect: &Effect,
) -> Result<(), PassError> {
    let Observed { observation, access, kept, nodes, serving, live: _ } = observed;
    match effect {
        Effect::Write(write) => Ok(apply::write_child(context, store, &observation.pods, kept, write).await?),
        Effect::Delete(delete) => Ok(apply::remove(context, store, &observation.pods, delete).await?),
        Effect::Claim(change) => Ok(apply::change_claim(context, store, change).await?),
        Effect::Keep { purposes, .. } => {
            Ok(apply::keep_log_ins(context, store, desired, access, kept, purposes).await?)
        }
        Effect::Act(action) => {
            if !context.gate.is_open() {
                return Err(PassError::NotLeading);
            }
            // a node that is told to leave serves no more in a while: not while another one goes
            if matches!(action, RingAction::Decommission { .. }) {
                apply::guard_pods(context, store, &observation.pods).await?;
            }
            let (namespace, name) = (&desired.namespace, &desired.name);
            tracing::info!(namespace, name, ?action, "changing the ring");
            Ok(context.ring.act(access, nodes, serving, action).await?)
        }
    }
}

fn trouble(error: &PassError) -> Trouble {
    match error {
        PassError::Apply(error) => of_write(error),
        PassError::Ring(RingError::Cql(error)) => Trouble::Refused(Cause::Failed, error.to_string()),
        // a node without an address, a Secret that is to come, the bound of operations: waited for
        PassError::Ring(_) => Trouble::Race,
        PassError::NotSynced(_) | PassError::Observe(_) | PassError::Deadline | PassError::NotLeading => Trouble::Cut,
    }
}

fn of_write(error: &ApplyError) -> Trouble {
    if error.is_race() {
        return Trouble::Race;
    }
    match error {
        ApplyError::Taken { owner, .. } => Trouble::Refused(Cause::Taken(owner.clone()), error.to_string()),
        ApplyError::Former { .. } => Trouble::Refused(Cause::Former, error.to_string()),
        ApplyError::Kube { source, .. } => match &**source {
            kube::Error::Api(status) => {
                // too many requests and trouble of the server's or a webhook's own may be over in a moment
                let passing = status.code == 429 || status.code >= 500;
                let cause = if passing { Cause::Failed } else { Cause::Refused };
                Trouble::Refused(cause, status.message.clone())
            }
            kube::Error::SerdeError(_) => Trouble::Refused(Cause::Refused, error.to_string()),
            _ => Trouble::Cut,
        },
        ApplyError::Randomness(_) => Trouble::Refused(Cause::Failed, error.to_string()),
        ApplyError::Stale { .. } => Trouble::Race,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn answered(code: u16) -> Option<Cause> {
        let status = Status { code, message: "no".into(), ..Status::default() };
        let source = Box::new(kube::Error::Api(Box::new(status)));
        match of_write(&ApplyError::Kube { what: "Ingress shop-api".into(), source }) {
            Trouble::Refused(cause, words) => {
                assert_eq!(words, "no", "the server's own words");
                Some(cause)
            }
            Trouble::Race | Trouble::Cut => None,
        }
    }

    #[test]
    fn an_answer_of_the_api_server_is_a_refusal_a_conflict_is_a_race() {
        for code in [400, 403, 404, 405, 413, 422] {
            assert_eq!(answered(code), Some(Cause::Refused), "{code}");
        }
        for code in [429, 500, 503, 504] {
            assert_eq!(answered(code), Some(Cause::Failed), "{code}");
        }
        assert_eq!(answered(409), None);
    }
}
