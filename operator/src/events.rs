//! Events: what changed between two statuses, in words for `kubectl describe`. Pure, but for
//! `publish`, which sends them.

use kube::Resource as _;
use kube::runtime::events::{Event, EventType};
use store_crds::{OperationStatus, StoreCluster, StoreClusterStatus, conditions};

use crate::context::Context;

/// Longest note that the API server takes.
const NOTE_BYTES: usize = 1000;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub warning: bool,
    pub action: &'static str,
    pub reason: String,
    pub text: String,
}

/// What to tell about the step from one status to the next. Nothing changed: nothing to tell.
pub fn notes(before: &StoreClusterStatus, after: &StoreClusterStatus) -> Vec<Note> {
    let mut notes = operation_notes(before.operation.as_ref(), after.operation.as_ref());
    for condition in &after.conditions {
        let old = before.conditions.iter().find(|old| old.type_ == condition.type_);
        // A new reason for the same state is progress, which the operations tell; of trouble every
        // reason counts. The first look at a new store is no change.
        let same = old.map_or(condition.status != "True", |old| {
            old.status == condition.status
                && (old.reason == condition.reason
                    || condition.type_ != conditions::DEGRADED
                    || condition.status != "True")
        });
        if same || condition.type_ == conditions::PROGRESSING {
            continue;
        }
        let reason = match (condition.type_.as_str(), condition.status == "True") {
            (conditions::DEGRADED, false) => "Recovered".to_owned(),
            (kind, true) => kind.to_owned(),
            (kind, false) => format!("{kind}Lost"),
        };
        notes.push(Note {
            warning: reason == conditions::DEGRADED,
            action: "Observe",
            reason,
            text: format!("{}: {}", condition.reason, condition.message),
        });
    }
    notes
}

fn operation_notes(before: Option<&OperationStatus>, after: Option<&OperationStatus>) -> Vec<Note> {
    let same = |one: &OperationStatus, two: &OperationStatus| {
        one.kind == two.kind && one.pod == two.pod && one.keyspace == two.keyspace
    };
    let note = |verb: &'static str, operation: &OperationStatus| Note {
        warning: false,
        action: "Operate",
        reason: format!("{:?}{verb}", operation.kind),
        text: describe(operation),
    };
    match (before, after) {
        (Some(before), Some(after)) if same(before, after) => Vec::new(),
        (before, after) => before
            .map(|operation| note("Ended", operation))
            .into_iter()
            .chain(after.map(|operation| note("Started", operation)))
            .collect(),
    }
}

fn describe(operation: &OperationStatus) -> String {
    let on = |what: &str, value: &Option<String>| match value {
        Some(value) if !operation.step.contains(value.as_str()) => format!(", {what} {value}"),
        _ => String::new(),
    };
    format!("{}{}{}", operation.step, on("pod", &operation.pod), on("keyspace", &operation.keyspace))
}

/// Sends the notes. One that cannot be sent is logged and lost: events are for people to read.
pub async fn publish(context: &Context, store: &StoreCluster, notes: Vec<Note>) {
    let reference = store.object_ref(&());
    for note in notes {
        tracing::info!(reason = note.reason, text = note.text, "event");
        let event = Event {
            type_: if note.warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason,
            note: Some(shorten(note.text)),
            action: note.action.to_owned(),
            secondary: None,
        };
        if let Err(error) = context.recorder.publish(&event, &reference).await {
            tracing::warn!(%error, "cannot send an event");
        }
    }
}

fn shorten(mut text: String) -> String {
    if text.len() > NOTE_BYTES {
        let end = (0..=NOTE_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;
    use crate::clock;

    fn status(kind: &str, value: &str, reason: &str) -> StoreClusterStatus {
        let condition = Condition {
            type_: kind.into(),
            status: value.into(),
            reason: reason.into(),
            message: "words".into(),
            last_transition_time: Time(clock::now()),
            observed_generation: None,
        };
        StoreClusterStatus { conditions: vec![condition], ..StoreClusterStatus::default() }
    }

    fn working_on(pod: &str) -> StoreClusterStatus {
        let operation = serde_json::json!({
            "kind": "Join", "step": "joins the ring", "pod": pod, "startedAt": "2026-01-02T03:04:05Z"
        });
        let operation = serde_json::from_value(operation).unwrap();
        StoreClusterStatus { operation: Some(operation), ..StoreClusterStatus::default() }
    }

    fn reasons(before: &StoreClusterStatus, after: &StoreClusterStatus) -> Vec<String> {
        notes(before, after).into_iter().map(|note| note.reason).collect()
    }

    #[test]
    fn the_same_status_again_tells_nothing() {
        let ready = status("Ready", "True", "Serving");
        assert!(notes(&ready, &ready).is_empty());
        assert!(notes(&working_on("a-0"), &working_on("a-0")).is_empty());
    }

    #[test]
    fn readiness_is_told_when_it_comes_and_when_it_goes() {
        let (yes, no) = (status("Ready", "True", "Serving"), status("Ready", "False", "NodeDown"));
        assert_eq!(reasons(&no, &yes), ["Ready"]);
        assert_eq!(reasons(&yes, &no), ["ReadyLost"]);
        let still_no = status("Ready", "False", "ApiNotReady");
        for before in [StoreClusterStatus::default(), still_no] {
            assert_eq!(reasons(&before, &no), [] as [&str; 0]);
        }
    }

    #[test]
    fn trouble_is_a_warning() {
        let told = notes(&StoreClusterStatus::default(), &status("Degraded", "True", "NodeDown"));
        assert!(told[0].warning, "{told:?}");
        let worse = status("Degraded", "True", "TwoNodesDown");
        assert_eq!(reasons(&status("Degraded", "True", "NodeDown"), &worse), ["Degraded"]);
        let over = notes(&status("Degraded", "True", "NodeDown"), &status("Degraded", "False", "AllWell"));
        assert!(!over[0].warning && over[0].reason == "Recovered", "{over:?}");
    }

    #[test]
    fn operations_are_told_when_they_start_and_end() {
        assert_eq!(reasons(&StoreClusterStatus::default(), &working_on("a-0")), ["JoinStarted"]);
        assert_eq!(reasons(&working_on("a-0"), &working_on("a-1")), ["JoinEnded", "JoinStarted"]);
        let told = notes(&StoreClusterStatus::default(), &working_on("a-0"));
        assert_eq!(told[0].text, "joins the ring, pod a-0");
    }
}
