//! Pods and claims of Cassandra nodes read for what decisions need. Pure.
//!
//! They are read field by field: the types of these two alone would be a good part of the program and of
//! its memory.

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;
use store_crds::{ANNOTATION_TEMPLATE_HASH, LABEL_RACK};

use crate::observation::{
    ANNOTATION_DATACENTER, ANNOTATION_LEFT_RING, ANNOTATION_VERSION, ClaimObservation, PodObservation, VolumeNote,
};

/// What a pass knows of a Cassandra pod.
pub fn pod_observation(pod: &DynamicObject) -> PodObservation {
    let status = &pod.data["status"];
    PodObservation {
        uid: pod.uid().unwrap_or_default(),
        rack: pod.labels().get(LABEL_RACK).cloned().unwrap_or_default(),
        ordinal: ordinal(&pod.name_any()),
        ip: text(&status["podIP"]).filter(|ip| !ip.is_empty()).map(str::to_owned),
        node: text(&pod.data["spec"]["nodeName"]).map(str::to_owned),
        ready: condition(status, "Ready").is_some_and(|ready| ready["status"] == "True"),
        deleting: pod.metadata.deletion_timestamp.is_some(),
        template_hash: pod.annotations().get(ANNOTATION_TEMPLATE_HASH).cloned().unwrap_or_default(),
        trouble: trouble(status),
        created_at: pod.creation_timestamp().map(|time| time.0).unwrap_or_default(),
    }
}

/// What a pass knows of a volume claim.
pub fn claim_observation(claim: &DynamicObject) -> ClaimObservation {
    let bytes = |quantity: &Value| text(quantity).and_then(store_crds::quantity_units).unwrap_or_default();
    let noted = |annotation: &str| claim.annotations().get(annotation).cloned();
    ClaimObservation {
        uid: claim.uid().unwrap_or_default(),
        rack: claim.labels().get(LABEL_RACK).cloned().unwrap_or_default(),
        ordinal: ordinal(&claim.name_any()),
        requested_bytes: bytes(&claim.data["spec"]["resources"]["requests"]["storage"]),
        capacity_bytes: bytes(&claim.data["status"]["capacity"]["storage"]),
        expandable: None,
        left: noted(ANNOTATION_LEFT_RING),
        deleting: claim.metadata.deletion_timestamp.is_some(),
        note: VolumeNote { datacenter: noted(ANNOTATION_DATACENTER), version: noted(ANNOTATION_VERSION) },
        class: text(&claim.data["spec"]["storageClassName"]).map(str::to_owned),
        lost: claim.data["status"]["phase"] == "Lost",
    }
}

fn ordinal(name: &str) -> i32 {
    name.rsplit('-').next().and_then(|ordinal| ordinal.parse().ok()).unwrap_or_default()
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&status["conditions"]).find(|condition| condition["type"] == kind)
}

/// Why the pod does not run, in words; `None` while it starts as it should.
fn trouble(status: &Value) -> Option<String> {
    if let Some(unschedulable) = condition(status, "PodScheduled").filter(|scheduled| scheduled["status"] == "False") {
        let message = text(&unschedulable["message"]).unwrap_or("no reason given");
        return Some(format!("it cannot be scheduled: {message}"));
    }
    let containers = items(&status["initContainerStatuses"]).chain(items(&status["containerStatuses"]));
    containers.into_iter().find_map(container_trouble)
}

fn container_trouble(container: &Value) -> Option<String> {
    let name = text(&container["name"]).unwrap_or_default();
    let waiting = &container["state"]["waiting"];
    if waiting.is_object() {
        let reason = text(&waiting["reason"]).unwrap_or_default();
        if ["", "PodInitializing", "ContainerCreating"].contains(&reason) {
            return None;
        }
        let last = &container["lastState"]["terminated"];
        let detail = match last["exitCode"].as_i64() {
            Some(code) => {
                let reason = text(&last["reason"]).map(|reason| format!(" ({reason})")).unwrap_or_default();
                format!("last exit code {code}{reason}")
            }
            None => text(&waiting["message"]).unwrap_or_default().to_owned(),
        };
        return Some(format!("container {name}: {reason}: {detail}"));
    }
    let code = container["state"]["terminated"]["exitCode"].as_i64().filter(|code| *code != 0)?;
    Some(format!("container {name} ended with exit code {code}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {
                "name": "shop-cassandra-a-2", "uid": "u-1",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "labels": {"storemanager.io/rack": "a"},
                "annotations": {"storemanager.io/template-hash": "abc"}
            },
            "spec": {"nodeName": "node-1", "containers": []},
            "status": status
        }))
        .unwrap()
    }

    #[test]
    fn a_ready_pod_is_read_in_full() {
        let seen = pod_observation(&pod(json!({
            "podIP": "10.0.0.7",
            "conditions": [{"type": "Ready", "status": "True"}]
        })));
        assert_eq!(
            seen,
            PodObservation {
                uid: "u-1".into(),
                rack: "a".into(),
                ordinal: 2,
                ip: Some("10.0.0.7".into()),
                node: Some("node-1".into()),
                ready: true,
                deleting: false,
                template_hash: "abc".into(),
                trouble: None,
                created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            }
        );
    }

    #[test]
    fn what_keeps_a_pod_from_running_is_told_in_words() {
        let cases = [
            (
                json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}),
                Some("it cannot be scheduled: 0/3 nodes"),
            ),
            (
                json!({"containerStatuses": [waiting("ImagePullBackOff", "no such image")]}),
                Some("container cassandra: ImagePullBackOff: no such image"),
            ),
            (json!({"containerStatuses": [waiting("ContainerCreating", "")]}), None),
            (
                json!({"initContainerStatuses": [{
                    "name": "cassandra", "image": "", "imageID": "", "ready": false, "restartCount": 3,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}
                }]}),
                Some("container cassandra: CrashLoopBackOff: last exit code 3 (Error)"),
            ),
        ];
        for (status, expected) in cases {
            assert_eq!(pod_observation(&pod(status)).trouble.as_deref(), expected);
        }
    }

    #[test]
    fn a_claim_is_read_in_full_and_what_is_not_there_yet_is_nothing() {
        let claim = |status: Value| -> DynamicObject {
            serde_json::from_value(json!({
                "metadata": {
                    "name": "data-shop-cassandra-a-1", "uid": "u-2", "deletionTimestamp": "2026-01-02T03:04:05Z",
                    "labels": {"storemanager.io/rack": "a"},
                    "annotations": {
                        "storemanager.io/left-ring": "host", "storemanager.io/datacenter": "dc1",
                        "storemanager.io/cassandra-version": "5.0.6"
                    }
                },
                "spec": {"resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "fast"},
                "status": status
            }))
            .unwrap()
        };
        let seen = claim_observation(&claim(json!({"capacity": {"storage": "1Gi"}, "phase": "Lost"})));
        let expected = ClaimObservation {
            uid: "u-2".into(),
            rack: "a".into(),
            ordinal: 1,
            requested_bytes: 2 << 30,
            capacity_bytes: 1 << 30,
            expandable: None,
            left: Some("host".into()),
            deleting: true,
            note: VolumeNote { datacenter: Some("dc1".into()), version: Some("5.0.6".into()) },
            class: Some("fast".into()),
            lost: true,
        };
        assert_eq!(seen, expected);
        let unbound = ClaimObservation { capacity_bytes: 0, lost: false, ..expected };
        assert_eq!(claim_observation(&claim(Value::Null)), unbound);
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({
            "name": "cassandra", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}}
        })
    }
}
