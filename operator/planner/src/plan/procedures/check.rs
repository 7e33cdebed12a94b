//! The trial run of a configuration: before any node is drained for it, a pod that is no node pulls its image and has
//! Cassandra read it. Pure.

use crate::observation::CheckOutcome;
use crate::plan::draft::Draft;
use crate::plan::hold::Hold;
use crate::plan::world::Context;
use crate::reason::Reason;
use crate::resources;

const CHECKING: Reason = Reason::CheckingConfiguration;
/// How long a trial run may take without a word on why, in seconds: large images are pulled in minutes.
const SECONDS: i64 = 300;

/// What keeps the configuration from being tried on a node; `None`: it is fit for that.
pub fn unfit(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let name = resources::check_name(context.desired, &context.wanted.hash);
    let Some(run) = context.observation.checks.get(&name) else {
        draft.shape.check = true;
        let message = format!("pod {name} tries the new configuration before any node is restarted with it");
        return Some(Hold::waiting(CHECKING, message));
    };
    let age = context.observation.now.as_second() - run.created_at.as_second();
    let refused = |cause: &str, cure: &str| {
        let message = format!("no node is restarted: the new configuration was tried by pod {name}: {cause}; {cure}");
        Some(Hold::wrong(Reason::ConfigurationRefused, message))
    };
    match &run.outcome {
        CheckOutcome::Passed => None,
        CheckOutcome::Refused(cause) => {
            refused(cause, "mend spec.cassandra, or delete that pod to have the same tried again")
        }
        CheckOutcome::Running(Some(trouble)) => refused(trouble, "it is tried again by itself; or mend spec.cassandra"),
        CheckOutcome::Running(None) if age > SECONDS => refused(
            &format!("it has not ended within {SECONDS} s"),
            "see kubectl describe pod, and mend spec.cassandra",
        ),
        CheckOutcome::Running(None) => {
            Some(Hold::waiting(CHECKING, format!("pod {name} tries the new configuration before any node does")))
        }
        CheckOutcome::Lost => {
            if !run.deleting {
                draft.delete_pod(&name, &run.uid);
            }
            let message = format!("pod {name} that tried the new configuration was lost, and is made again");
            Some(Hold::waiting(CHECKING, message))
        }
    }
}
