//! Pods that cannot be made: a quota, a limit, a policy or a webhook refuses them. Kubernetes tells it nowhere but
//! in events of whoever makes them, so these are asked for while a pod is missing. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::children::Children;
use crate::identity::{ChildKey, ChildKind};
use crate::observation::PodObservation;

/// How long a pod is missing before anybody is asked, in seconds: between two of them none is there for a moment.
const ASK_AFTER: i64 = 3;
/// How often is asked, in seconds.
const ASK_EVERY: i64 = 8;

/// Pods that are to be there and are not, by whoever is to make them. The pod of a Job has no name yet.
pub fn missing(children: &Children, pods: &BTreeMap<String, PodObservation>) -> BTreeMap<ChildKey, Vec<String>> {
    let sets = children.stateful_sets.iter().map(|(name, set)| {
        let names = (0..set.replicas).map(|ordinal| format!("{name}-{ordinal}"));
        let names: Vec<String> = names.filter(|name| !pods.contains_key(name)).collect();
        (ChildKey::new(ChildKind::StatefulSet, name), names)
    });
    let jobs = children.jobs.iter().filter(|(_, job)| job.lacks_pod);
    let jobs = jobs.map(|(name, _)| (ChildKey::new(ChildKind::Job, name), vec![name.clone()]));
    sets.chain(jobs).filter(|(_, names)| !names.is_empty()).collect()
}

/// What is known of the missing pods of one StoreCluster.
#[derive(Clone, Debug, Default)]
pub struct Unmade {
    owners: BTreeMap<ChildKey, Owner>,
}

#[derive(Clone, Debug)]
struct Owner {
    since: Timestamp,
    asked: Option<Timestamp>,
    words: BTreeMap<String, String>,
}

impl Unmade {
    /// Whose events are to be asked for now.
    pub fn due(&mut self, missing: &BTreeMap<ChildKey, Vec<String>>, now: Timestamp) -> Vec<ChildKey> {
        self.owners.retain(|owner, _| missing.contains_key(owner));
        for owner in missing.keys() {
            let new = Owner { since: now, asked: None, words: BTreeMap::new() };
            self.owners.entry(owner.clone()).or_insert(new);
        }
        let seconds = |since: Timestamp| now.duration_since(since);
        let is_due = |owner: &Owner| {
            let recently = owner.asked.is_some_and(|asked| seconds(asked) < SignedDuration::from_secs(ASK_EVERY));
            seconds(owner.since) >= SignedDuration::from_secs(ASK_AFTER) && !recently
        };
        self.owners.iter().filter(|(_, owner)| is_due(owner)).map(|(key, _)| key.clone()).collect()
    }

    /// The events of one of them.
    pub fn answered(&mut self, owner: &ChildKey, missing: &[String], events: &[Value], now: Timestamp) {
        if let Some(known) = self.owners.get_mut(owner) {
            known.asked = Some(now);
            let of = |name: &String| Some((name.clone(), refusal(events, owner, name)?));
            known.words = missing.iter().filter_map(of).collect();
        }
    }

    /// Why each of the pods cannot be made, in the words of whoever refused.
    pub fn words(&self, missing: &BTreeMap<ChildKey, Vec<String>>) -> BTreeMap<String, String> {
        let still = |(owner, known): (&ChildKey, &Owner)| {
            let names = missing.get(owner).cloned().unwrap_or_default();
            known.words.clone().into_iter().filter(move |(name, _)| names.contains(name)).collect::<Vec<_>>()
        };
        self.owners.iter().flat_map(still).collect()
    }
}

/// Why the pod was refused when it was last tried: a later success makes what was refused before it old.
fn refusal(events: &[Value], owner: &ChildKey, pod: &str) -> Option<String> {
    let of_pod = |event: &&Value| {
        let message = event["message"].as_str().unwrap_or_default();
        owner.kind == ChildKind::Job || message.split([' ', '"', ',']).any(|word| word == pod)
    };
    let last = |reason: &str| {
        let named = events.iter().filter(|event| event["reason"] == reason).filter(of_pod);
        named.filter_map(|event| Some((time(event)?, event))).max_by_key(|(at, _)| *at)
    };
    let (failed, event) = last("FailedCreate")?;
    if last("SuccessfulCreate").is_some_and(|(made, _)| made >= failed) {
        return None;
    }
    let message = event["message"].as_str()?;
    let words = ["failed error: ", "Error creating: "].iter().find_map(|mark| Some(message.split_once(mark)?.1));
    Some(words.unwrap_or(message).trim().to_owned())
}

fn time(event: &Value) -> Option<Timestamp> {
    let fields = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    fields.iter().find_map(|field| event.pointer(field)?.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn key(kind: ChildKind, name: &str) -> ChildKey {
        ChildKey::new(kind, name)
    }

    fn event(reason: &str, seconds: i64, message: &str) -> Value {
        json!({"reason": reason, "lastTimestamp": at(seconds).to_string(), "message": message})
    }

    const REFUSED: &str = "create Pod shop-cassandra-a-0 in StatefulSet shop-cassandra-a failed error: pods \"shop-cassandra-a-0\" is forbidden: maximum memory usage per Container is 2Gi, but limit is 3Gi";
    const MADE: &str = "create Pod shop-cassandra-a-0 in StatefulSet shop-cassandra-a successful";

    #[test]
    fn a_pod_that_is_missing_is_one_that_is_to_be_there() {
        let failed = json!({"conditions": [{"type": "Failed", "status": "True"}]});
        let objects = [
            (key(ChildKind::StatefulSet, "shop-cassandra-a"), json!({"spec": {"replicas": 2}})),
            (key(ChildKind::StatefulSet, "shop-cassandra-b"), json!({"spec": {"replicas": 0}})),
            (key(ChildKind::Job, "shop-schema-1"), json!({"status": {}})),
            (key(ChildKind::Job, "shop-schema-2"), json!({"status": {"active": 1}})),
            (key(ChildKind::Job, "shop-schema-3"), json!({"status": failed})),
        ];
        let with_uid = |(key, mut object): (ChildKey, Value)| {
            object["metadata"]["uid"] = json!("u");
            (key, object)
        };
        let children = Children::read(&objects.map(with_uid).into());
        let pods = [("shop-cassandra-a-1".to_owned(), PodObservation::default())].into();
        let expected = [
            (key(ChildKind::Job, "shop-schema-1"), vec!["shop-schema-1".to_owned()]),
            (key(ChildKind::StatefulSet, "shop-cassandra-a"), vec!["shop-cassandra-a-0".to_owned()]),
        ];
        assert_eq!(missing(&children, &pods), expected.into());
    }

    #[test]
    fn the_words_are_those_of_the_last_try_and_a_later_success_makes_them_old() {
        let set = key(ChildKind::StatefulSet, "shop-cassandra-a");
        let words = |events: &[Value]| refusal(events, &set, "shop-cassandra-a-0");
        let expected =
            "pods \"shop-cassandra-a-0\" is forbidden: maximum memory usage per Container is 2Gi, but limit is 3Gi";
        let failed = event("FailedCreate", 20, REFUSED);
        assert_eq!(words(&[event("SuccessfulCreate", 10, MADE), failed.clone()]).as_deref(), Some(expected));
        assert_eq!(words(&[failed.clone(), event("SuccessfulCreate", 30, MADE)]), None);
        assert_eq!(words(&[event("SuccessfulCreate", 10, MADE)]), None);
        assert_eq!(refusal(&[failed], &set, "shop-cassandra-a-1"), None, "another pod of the set");
    }

    #[test]
    fn nobody_is_asked_for_a_moment_and_then_only_now_and_then() {
        let set = key(ChildKind::StatefulSet, "shop-cassandra-a");
        let missing = [(set.clone(), vec!["shop-cassandra-a-0".to_owned()])].into();
        let mut unmade = Unmade::default();
        assert!(unmade.due(&missing, at(0)).is_empty());
        assert!(unmade.due(&missing, at(2)).is_empty());
        assert_eq!(unmade.due(&missing, at(3)), std::slice::from_ref(&set));
        unmade.answered(&set, &missing[&set], &[event("FailedCreate", 1, REFUSED)], at(3));
        assert!(unmade.due(&missing, at(10)).is_empty());
        assert_eq!(unmade.words(&missing).len(), 1);
        assert_eq!(unmade.due(&missing, at(11)), [set]);
        assert!(unmade.due(&BTreeMap::new(), at(12)).is_empty() && unmade.words(&missing).is_empty());
    }
}
