//! What is told of a StoreCluster that this operator does not understand: all of it stays as it is but one condition. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use store_crds::conditions::DEGRADED;

use crate::reason::Reason;

/// Marks the status of a StoreCluster that cannot be read as degraded; whether anything of it changed.
pub fn mark_unreadable(status: &mut Value, generation: i64, words: &str, now: Timestamp) -> bool {
    let told = json!({
        "type": DEGRADED, "status": "True", "reason": Reason::StoreNotUnderstood.as_str(), "message": words,
        "observedGeneration": generation,
    });
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else { return false };
    let before = conditions.iter().position(|condition| condition["type"] == DEGRADED);
    let known = before.and_then(|at| conditions.get(at));
    let since = known.filter(|known| known["status"] == "True").map(|known| known["lastTransitionTime"].clone());
    let mut condition = told;
    condition["lastTransitionTime"] = since.unwrap_or_else(|| json!(Time(now)));
    if known == Some(&condition) {
        return false;
    }
    match before {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
    if status["summary"].is_object() {
        status["summary"]["degraded"] = json!(Reason::StoreNotUnderstood.as_str());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_not_understood_is_degraded_once_and_keeps_the_rest_of_its_status() {
        let now = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut status = json!({"roleReady": true, "conditions": [{"type": "Ready", "status": "True"}]});
        assert!(mark_unreadable(&mut status, 7, "unknown variant", now("2026-11-30T01:00:00Z")));
        let told = status.clone();
        assert!(!mark_unreadable(&mut status, 7, "unknown variant", now("2026-11-30T02:00:00Z")), "nothing new");
        assert_eq!(status, told);
        assert_eq!(status["conditions"][1]["reason"], "StoreNotUnderstood");
        assert_eq!(status["conditions"][1]["lastTransitionTime"], "2026-11-30T01:00:00Z");
        assert_eq!((&status["roleReady"], &status["conditions"][0]["type"]), (&json!(true), &json!("Ready")));
        assert!(mark_unreadable(&mut Value::Null, 1, "words", now("2026-11-30T01:00:00Z")), "a new one");
    }
}
