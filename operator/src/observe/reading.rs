//! Pods and claims of Cassandra nodes read for what decisions need. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::{Resource as _, ResourceExt as _};
use store_crds::{ANNOTATION_TEMPLATE_HASH, LABEL_RACK};

use crate::observation::{ANNOTATION_LEFT_RING, ClaimObservation, PodObservation};

/// What a pass knows of a Cassandra pod.
pub fn pod_observation(pod: &Pod) -> PodObservation {
    let status = pod.status.as_ref();
    let condition = |kind: &str| {
        let conditions = status.and_then(|status| status.conditions.as_ref());
        conditions.into_iter().flatten().find(|condition| condition.type_ == kind)
    };
    PodObservation {
        uid: pod.uid().unwrap_or_default(),
        rack: pod.labels().get(LABEL_RACK).cloned().unwrap_or_default(),
        ordinal: ordinal(&pod.name_any()),
        ip: status.and_then(|status| status.pod_ip.clone()).filter(|ip| !ip.is_empty()),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        ready: condition("Ready").is_some_and(|ready| ready.status == "True"),
        deleting: pod.meta().deletion_timestamp.is_some(),
        template_hash: pod.annotations().get(ANNOTATION_TEMPLATE_HASH).cloned().unwrap_or_default(),
        trouble: trouble(pod),
        created_at: pod.creation_timestamp().map(|time| time.0).unwrap_or_default(),
    }
}

/// What a pass knows of a volume claim.
pub fn claim_observation(claim: &PersistentVolumeClaim) -> ClaimObservation {
    let bytes = |quantities: Option<&BTreeMap<String, Quantity>>| {
        let Quantity(quantity) = quantities?.get("storage")?;
        store_crds::quantity_units(quantity)
    };
    let requested = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    let capacity = claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    ClaimObservation {
        uid: claim.uid().unwrap_or_default(),
        rack: claim.labels().get(LABEL_RACK).cloned().unwrap_or_default(),
        ordinal: ordinal(&claim.name_any()),
        requested_bytes: bytes(requested).unwrap_or_default(),
        capacity_bytes: bytes(capacity).unwrap_or_default(),
        expandable: None,
        left: claim.annotations().get(ANNOTATION_LEFT_RING).cloned(),
        deleting: claim.meta().deletion_timestamp.is_some(),
    }
}

fn ordinal(name: &str) -> i32 {
    name.rsplit('-').next().and_then(|ordinal| ordinal.parse().ok()).unwrap_or_default()
}

/// Why the pod does not run, in words; `None` while it starts as it should.
fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let unschedulable = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unschedulable {
        let message = condition.message.as_deref().unwrap_or("no reason given");
        return Some(format!("it cannot be scheduled: {message}"));
    }
    let containers = status.init_container_statuses.iter().flatten();
    containers.chain(status.container_statuses.iter().flatten()).find_map(container_trouble)
}

fn container_trouble(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    let name = &container.name;
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        if ["", "PodInitializing", "ContainerCreating"].contains(&reason) {
            return None;
        }
        let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let detail = match last {
            Some(ended) => format!(
                "last exit code {}{}",
                ended.exit_code,
                ended.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
            ),
            None => waiting.message.clone().unwrap_or_default(),
        };
        return Some(format!("container {name}: {reason}: {detail}"));
    }
    let ended = state.terminated.as_ref().filter(|ended| ended.exit_code != 0)?;
    Some(format!("container {name} ended with exit code {}", ended.exit_code))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> Pod {
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

    fn waiting(reason: &str, message: &str) -> Value {
        json!({
            "name": "cassandra", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}}
        })
    }
}
