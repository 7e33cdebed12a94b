//! What was refused is told in the words of whoever refused it. Pure.

use store_crds::Fault;

use super::draft::Draft;
use super::hold::Hold;
use super::world::Context;
use crate::observation::{Cause, Refusal};
use crate::reason::Reason;

/// Tells each refusal, and each pod that is refused to whoever is to make it.
pub fn tell(context: &Context, draft: &mut Draft) {
    draft.wrongs.extend(holds(context));
    // also of a node that nothing is there of yet but its StatefulSet; of the Job's pod its own guard tells
    let pods = context.observation.unmade.iter().filter(|(name, _)| context.job(name).is_none());
    draft.wrongs.extend(pods.map(|(pod, words)| not_made(pod, words)));
}

/// A pod that whoever is to make it may not make.
pub fn not_made(pod: &str, words: &str) -> Hold {
    Hold::wrong(Reason::PodNotMade, format!("{pod} cannot be made: {words}")).of(pod)
}

/// All that is refused; until this process has tried it, what the last status told.
pub fn holds(context: &Context) -> Vec<Hold> {
    match &context.observation.refused {
        Some(refused) => refused.iter().map(hold).collect(),
        None => context.observation.status.faults.iter().filter_map(remembered).collect(),
    }
}

fn remembered(fault: &Fault) -> Option<Hold> {
    let reason = Reason::find(&fault.reason).filter(|reason| REASONS.contains(reason))?;
    Some(Hold { object: fault.object.clone(), ..Hold::wrong(reason, fault.message.clone()) })
}

/// Those that are told of what is refused.
const REASONS: [Reason; 4] = [Reason::NameTaken, Reason::FormerObject, Reason::WriteRefused, Reason::ActionFailed];

fn hold(refusal: &Refusal) -> Hold {
    let Refusal { deed, object, cause, words, .. } = refusal;
    let name = object.as_ref().map(ToString::to_string).unwrap_or_default();
    let hold = match cause {
        Cause::Taken(owner) => Hold::wrong(
            Reason::NameTaken,
            format!(
                "{name} is there already and belongs to {owner}: it stays as it is, and what the shop needs of that \
                 name is missing; rename or delete it, or give the shop another name"
            ),
        ),
        Cause::Former => Hold::wrong(
            Reason::FormerObject,
            format!(
                "{name} still belongs to a StoreCluster of this name that is no more, and Kubernetes has not taken it \
                 away; delete it, and it is made again"
            ),
        ),
        Cause::Refused | Cause::Failed if object.is_none() => {
            Hold::wrong(Reason::ActionFailed, format!("could not {deed}: {words}"))
        }
        Cause::Refused | Cause::Failed => Hold::wrong(Reason::WriteRefused, format!("could not {deed}: {words}")),
    };
    if name.is_empty() { hold } else { hold.of(name) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::identity::{ChildKey, ChildKind};

    fn told(cause: Cause, object: Option<(ChildKind, &str)>) -> (String, String) {
        let key = |(kind, name): (ChildKind, &str)| ChildKey::new(kind, name);
        let hold = hold(&Refusal {
            deed: object
                .map_or("give keyspace k replication factor 2".into(), |(kind, name)| format!("write {kind} {name}")),
            object: object.map(key),
            cause,
            words: "the server's words".into(),
            since: Timestamp::UNIX_EPOCH,
        });
        (hold.reason.to_string(), hold.message)
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_whoever_refused() {
        let ingress = Some((ChildKind::Ingress, "shop-api"));
        let expected = "could not write Ingress shop-api: the server's words";
        assert_eq!(told(Cause::Refused, ingress), ("WriteRefused".into(), expected.into()));
        let (reason, message) = told(Cause::Failed, None);
        assert_eq!(reason, "ActionFailed");
        assert_eq!(message, "could not give keyspace k replication factor 2: the server's words");
    }

    #[test]
    fn a_name_that_is_taken_is_told_with_its_owner() {
        let (reason, message) =
            told(Cause::Taken("StoreCluster s".into()), Some((ChildKind::StatefulSet, "s-cassandra-cassandra-a")));
        assert_eq!(reason, "NameTaken");
        let expected = "StatefulSet s-cassandra-cassandra-a is there already and belongs to StoreCluster s";
        assert!(message.starts_with(expected), "{message}");
    }
}
