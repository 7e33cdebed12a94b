//! Events: what changed between two statuses, in words for `kubectl describe`. Pure.

use jiff::Timestamp;
use store_crds::{Fault, OperationStatus, StoreClusterStatus, conditions};

use crate::procedure;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub warning: bool,
    pub action: &'static str,
    pub reason: String,
    pub text: String,
}

/// What to tell about the step from one status to the next. Nothing changed: nothing to tell.
pub fn notes(before: &StoreClusterStatus, after: &StoreClusterStatus, now: Timestamp) -> Vec<Note> {
    let mut notes = operation_notes(before, after, now);
    notes.extend(fault_notes(&before.faults, &after.faults, now));
    // Degraded tells of the faults, and Progressing of the operations
    let clear = conditions::TOKENS_IN_CLEAR;
    for kind in [conditions::AVAILABLE, conditions::READY, conditions::REPLICATION_SYNCED, clear] {
        let of = |status: &StoreClusterStatus| status.conditions.iter().find(|one| one.type_ == kind).cloned();
        let Some(condition) = of(after) else { continue };
        // the first look at a new store is no change
        let same = of(before).map_or(condition.status != "True", |old| old.status == condition.status);
        if same {
            continue;
        }
        let good = condition.status == "True";
        notes.push(Note {
            warning: (!good && kind == conditions::AVAILABLE) || kind == clear,
            action: "Observe",
            reason: if good { kind.to_owned() } else { format!("{kind}Lost") },
            text: format!("{}: {}", condition.reason, condition.message),
        });
    }
    notes
}

/// Each fault when it comes, when its words change, and when it is over.
fn fault_notes(before: &[Fault], after: &[Fault], now: Timestamp) -> Vec<Note> {
    let same = |one: &Fault, two: &Fault| one.reason == two.reason && one.object == two.object;
    let new = after.iter().filter(|fault| {
        let old = before.iter().find(|old| same(old, fault));
        // how a node is down changes on its way up again
        old.is_none_or(|old| old.message != fault.message && fault.reason != "NodeDown")
    });
    let told = new.map(|fault| Note {
        warning: true,
        action: "Observe",
        reason: fault.reason.clone(),
        text: fault.message.clone(),
    });
    let over = before.iter().filter(|old| !after.iter().any(|fault| same(old, fault))).map(|old| {
        let lasted = lasted(old.since.0, now);
        Note {
            warning: false,
            action: "Observe",
            reason: "Recovered".to_owned(),
            text: format!("{} is over after {lasted}: {}", old.reason, old.message),
        }
    });
    told.chain(over).collect()
}

fn operation_notes(before: &StoreClusterStatus, after: &StoreClusterStatus, now: Timestamp) -> Vec<Note> {
    let same = |one: &OperationStatus, two: &OperationStatus| {
        one.kind == two.kind && one.pod == two.pod && one.keyspace == two.keyspace
    };
    let note = |verb: &'static str, operation: &OperationStatus, text: String| Note {
        warning: false,
        action: "Operate",
        reason: format!("{:?}{verb}", operation.kind),
        text,
    };
    let why = |operation: &OperationStatus| {
        operation.cause.as_deref().map(|cause| format!(", since {cause}")).unwrap_or_default()
    };
    let started =
        |operation: &OperationStatus| note("Started", operation, format!("{}{}", describe(operation), why(operation)));
    let ended = |operation: &OperationStatus| {
        let lasted = lasted(operation.started_at.0, now);
        let end =
            if (procedure::of(operation.kind).is_done)(operation, after) { "done" } else { "ended before it was done" };
        note("Ended", operation, format!("{}{}: {end} after {lasted}", describe(operation), why(operation)))
    };
    let over = before.in_hand().iter().filter(|old| !after.in_hand().iter().any(|new| same(old, new))).map(ended);
    let begun = after.in_hand().iter().filter(|new| !before.in_hand().iter().any(|old| same(old, new))).map(started);
    over.chain(begun).collect()
}

fn describe(operation: &OperationStatus) -> String {
    let on = |what: &str, value: &Option<String>| match value {
        Some(value) if !operation.step.contains(value.as_str()) => format!(", {what} {value}"),
        _ => String::new(),
    };
    format!("{}{}{}", operation.step, on("pod", &operation.pod), on("keyspace", &operation.keyspace))
}

/// How long something has lasted, in words: 3m 12s.
fn lasted(since: Timestamp, now: Timestamp) -> String {
    let seconds = (now.as_second() - since.as_second()).max(0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(kind: &str, value: &str, reason: &str) -> StoreClusterStatus {
        let condition = Condition {
            type_: kind.into(),
            status: value.into(),
            reason: reason.into(),
            message: "words".into(),
            last_transition_time: Time(at(0)),
            observed_generation: None,
        };
        StoreClusterStatus { conditions: vec![condition], ..StoreClusterStatus::default() }
    }

    fn of(status: Value) -> StoreClusterStatus {
        serde_json::from_value(status).unwrap()
    }

    fn working_on(pod: &str) -> StoreClusterStatus {
        of(json!({"operation": {
            "kind": "Join", "step": "joins the ring", "pod": pod, "startedAt": "1970-01-01T00:00:10Z",
            "cause": "spec.cassandra.size changed (generation 7)", "generation": 7,
        }}))
    }

    fn faulty(faults: &[(&str, &str)]) -> StoreClusterStatus {
        let fault = |(reason, message): &(&str, &str)| json!({"reason": reason, "message": message, "since": "1970-01-01T00:00:00Z"});
        of(json!({"faults": faults.iter().map(fault).collect::<Vec<_>>()}))
    }

    fn told(before: &StoreClusterStatus, after: &StoreClusterStatus) -> Vec<(bool, String, String)> {
        let notes = notes(before, after, at(200));
        notes.into_iter().map(|note| (note.warning, note.reason, note.text)).collect()
    }

    fn reasons(before: &StoreClusterStatus, after: &StoreClusterStatus) -> Vec<String> {
        told(before, after).into_iter().map(|(_, reason, _)| reason).collect()
    }

    #[test]
    fn the_same_status_again_tells_nothing() {
        for status in [status("Ready", "True", "Serving"), working_on("a-0"), faulty(&[("NodeDown", "a-0 is down")])] {
            assert_eq!(reasons(&status, &status), [] as [&str; 0]);
        }
    }

    #[test]
    fn readiness_and_availability_are_told_when_they_come_and_when_they_go() {
        assert!(
            told(&StoreClusterStatus::default(), &status("TokensInClear", "True", "IngressWithoutTls"))[0].0,
            "a warning"
        );
        for kind in ["Ready", "Available", "ReplicationSynced"] {
            let (yes, no) = (status(kind, "True", "Serving"), status(kind, "False", "NodeDown"));
            assert_eq!(reasons(&no, &yes), [kind]);
            let lost = told(&yes, &no);
            assert_eq!(lost, [(kind == "Available", format!("{kind}Lost"), "NodeDown: words".to_owned())]);
            let still_no = status(kind, "False", "ApiNotReady");
            for before in [StoreClusterStatus::default(), still_no] {
                assert_eq!(reasons(&before, &no), [] as [&str; 0]);
            }
        }
    }

    #[test]
    fn each_fault_is_a_warning_under_its_own_reason_when_it_comes_and_told_when_it_is_over() {
        let none = StoreClusterStatus::default();
        let (one, two) = (("NodeDown", "a-0 is down"), ("WriteRefused", "Ingress shop-api: no such host"));
        let first = told(&none, &faulty(&[one]));
        assert_eq!(first, [(true, "NodeDown".to_owned(), "a-0 is down".to_owned())]);
        assert_eq!(reasons(&faulty(&[one]), &faulty(&[one, two])), ["WriteRefused"]);
        let over = told(&faulty(&[one, two]), &faulty(&[two]));
        assert_eq!(over, [(false, "Recovered".to_owned(), "NodeDown is over after 3m 20s: a-0 is down".to_owned())]);
        let other = ("WriteRefused", "Ingress shop-api: no such class");
        assert_eq!(told(&faulty(&[two]), &faulty(&[other]))[0].2, other.1, "other words of the same reason");
        let down = ("NodeDown", "a-0 is down: it is STARTING");
        assert_eq!(reasons(&faulty(&[one]), &faulty(&[down])), [] as [&str; 0]);
    }

    #[test]
    fn operations_are_told_when_they_start_and_why_and_when_they_end_and_how() {
        let none = StoreClusterStatus::default();
        let started = "joins the ring, pod a-0, since spec.cassandra.size changed (generation 7)";
        assert_eq!(told(&none, &working_on("a-0")), [(false, "JoinStarted".to_owned(), started.to_owned())]);
        assert_eq!(reasons(&working_on("a-0"), &working_on("a-1")), ["JoinEnded", "JoinStarted"]);
        let joined = of(json!({"nodes": [{"pod": "a-0", "rack": "a", "hostId": "h", "state": "Normal"}]}));
        let why = ", since spec.cassandra.size changed (generation 7)";
        assert_eq!(told(&working_on("a-0"), &joined)[0].2, format!("joins the ring, pod a-0{why}: done after 3m 10s"));
        let given_up = format!("joins the ring, pod a-0{why}: ended before it was done after 3m 10s");
        assert_eq!(told(&working_on("a-0"), &none)[0].2, given_up);
    }

    #[test]
    fn what_an_operation_was_to_reach_says_whether_it_is_done() {
        let nodes = json!([{"pod": "a-0", "rack": "a", "hostId": "h", "state": "Normal"}]);
        let keyspaces = json!([{"name": "shop", "wantedReplication": 3, "replication": 2}]);
        let owed = json!([{"kind": "Repair", "keyspace": "shop", "hostIds": ["h"], "since": "1970-01-01T00:00:00Z"}]);
        let after = of(json!({"nodes": nodes, "keyspaces": keyspaces, "owed": owed}));
        let operation = |kind: &str, more: Value| -> OperationStatus {
            let mut operation = json!({"kind": kind, "step": "", "startedAt": "1970-01-01T00:00:00Z"});
            operation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(operation).unwrap()
        };
        for (kind, more, done) in [
            ("Rollout", json!({"pod": "a-0"}), true),
            ("Decommission", json!({"pod": "a-0"}), false),
            ("Decommission", json!({"pod": "a-1"}), true),
            ("AlterReplication", json!({"keyspace": "shop", "replication": 2}), true),
            ("AlterReplication", json!({"keyspace": "shop", "replication": 3}), false),
            ("Repair", json!({"keyspace": "shop", "pod": "a-0"}), false),
            ("Cleanup", json!({"pod": "a-0"}), true),
            ("Migrate", json!({}), false),
        ] {
            let operation = operation(kind, more.clone());
            assert_eq!((procedure::of(operation.kind).is_done)(&operation, &after), done, "{kind} {more}");
        }
        for (seconds, words) in [(9, "9s"), (61, "1m 1s"), (7260, "2h 1m")] {
            assert_eq!(lasted(at(0), at(seconds)), words);
        }
    }
}
