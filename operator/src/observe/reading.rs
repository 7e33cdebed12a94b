//! Pods and claims of Cassandra nodes read for what decisions need; one without UID is none. Pure.
//!
//! They are read field by field: the types of these two alone would be a good part of the program and of
//! its memory.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;
use store_crds::{ANNOTATION_CONFIGURATION, ANNOTATION_TEMPLATE_HASH, LABEL_RACK};
use store_planner::children::zone;
use store_planner::identity::Uid;
use store_planner::observation::{
    ANNOTATION_CLUSTER_NAME, ANNOTATION_DATACENTER, ANNOTATION_LEFT_RING, ANNOTATION_VERSION, CheckObservation,
    CheckOutcome, ClaimObservation, Growth, PodObservation, VolumeNote,
};

use super::last_words::last_words;

/// What a pass knows of a Cassandra pod.
pub fn pod_observation(pod: &DynamicObject) -> Option<PodObservation> {
    let status = &pod.data["status"];
    Some(PodObservation {
        uid: Uid::new(pod.uid()?)?,
        rack: pod.labels().get(LABEL_RACK).cloned().unwrap_or_default(),
        ordinal: ordinal(&pod.name_any()),
        ip: text(&status["podIP"]).filter(|ip| !ip.is_empty()).map(str::to_owned),
        node: text(&pod.data["spec"]["nodeName"]).map(str::to_owned),
        zone: zone(&pod.data["spec"]),
        ready: condition(status, "Ready").is_some_and(|ready| ready["status"] == "True"),
        unready_since: condition(status, "Ready")
            .filter(|ready| ready["status"] != "True")
            .and_then(|ready| text(&ready["lastTransitionTime"])?.parse().ok()),
        deleting: pod.metadata.deletion_timestamp.is_some(),
        deleting_since: deleting_since(pod),
        disrupted: disrupted(status),
        machine_silent_since: machine_silent_since(status),
        template_hash: pod.annotations().get(ANNOTATION_TEMPLATE_HASH).cloned().unwrap_or_default(),
        configuration: pod.annotations().get(ANNOTATION_CONFIGURATION).cloned().unwrap_or_default(),
        trouble: trouble(status),
        created_at: pod.creation_timestamp().map(|time| time.0).unwrap_or_default(),
    })
}

/// What a pass knows of a volume claim.
pub fn claim_observation(claim: &DynamicObject) -> Option<ClaimObservation> {
    let bytes = |quantity: &Value| text(quantity).and_then(store_crds::quantity_units).unwrap_or_default();
    let noted = |annotation: &str| claim.annotations().get(annotation).cloned();
    Some(ClaimObservation {
        uid: Uid::new(claim.uid()?)?,
        rack: claim.labels().get(LABEL_RACK).cloned().unwrap_or_default(),
        ordinal: ordinal(&claim.name_any()),
        requested_bytes: bytes(&claim.data["spec"]["resources"]["requests"]["storage"]),
        capacity_bytes: bytes(&claim.data["status"]["capacity"]["storage"]),
        expandable: None,
        left: noted(ANNOTATION_LEFT_RING),
        deleting: claim.metadata.deletion_timestamp.is_some(),
        note: VolumeNote {
            datacenter: noted(ANNOTATION_DATACENTER),
            version: noted(ANNOTATION_VERSION),
            cluster_name: noted(ANNOTATION_CLUSTER_NAME),
        },
        class: text(&claim.data["spec"]["storageClassName"]).map(str::to_owned),
        lost: claim.data["status"]["phase"] == "Lost",
        growth: growth(&claim.data["status"]),
        created_at: claim.creation_timestamp().map(|time| time.0).unwrap_or_default(),
    })
}

/// What the controllers of volumes say of a claim that is to grow.
fn growth(status: &Value) -> Growth {
    let holds = |kind: &str| condition(status, kind).filter(|condition| condition["status"] == "True");
    let failed = ["ControllerResizeError", "NodeResizeError"].into_iter().find_map(holds);
    match (failed, holds("FileSystemResizePending")) {
        (Some(failed), _) => Growth::Failed(text(&failed["message"]).unwrap_or("no reason given").to_owned()),
        (None, Some(_)) => Growth::FileSystem,
        (None, None) => Growth::Volume,
    }
}

/// What a pass knows of a pod that tries a configuration.
pub fn check_observation(pod: &DynamicObject) -> Option<CheckObservation> {
    let status = &pod.data["status"];
    Some(CheckObservation {
        uid: Uid::new(pod.uid()?)?,
        deleting: pod.metadata.deletion_timestamp.is_some(),
        created_at: pod.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        outcome: match text(&status["phase"]) {
            Some("Succeeded") => CheckOutcome::Passed,
            Some("Failed") => refusal(status).map_or(CheckOutcome::Lost, CheckOutcome::Refused),
            _ => CheckOutcome::Running(trouble(status)),
        },
    })
}

/// Last words of the container that ended by itself and not well.
fn refusal(status: &Value) -> Option<String> {
    let containers = items(&status["initContainerStatuses"]).chain(items(&status["containerStatuses"]));
    containers.into_iter().find_map(|container| {
        let ended = &container["state"]["terminated"];
        // what was killed by a signal has said nothing about the configuration
        let code = ended["exitCode"].as_i64().filter(|code| (1..128).contains(code))?;
        let said = text(&ended["message"]).and_then(last_words);
        Some(said.unwrap_or_else(|| {
            let name = text(&container["name"]).unwrap_or_default();
            format!("container {name} ended with exit code {code}, see its log")
        }))
    })
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

/// When its deletion was asked for: its timestamp is when the time to end is over.
fn deleting_since(pod: &DynamicObject) -> Option<Timestamp> {
    let ends = pod.metadata.deletion_timestamp.as_ref()?.0;
    Some(ends - SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or(0)))
}

/// Who takes the pod away, by the condition that Kubernetes leaves on it.
fn disrupted(status: &Value) -> Option<String> {
    let target = condition(status, "DisruptionTarget").filter(|target| target["status"] == "True")?;
    let message = text(&target["message"]).unwrap_or_default();
    Some(match text(&target["reason"]).unwrap_or_default() {
        "EvictionByEvictionAPI" => "it was evicted, as by a drain of its machine".to_owned(),
        "DeletionByTaintManager" => {
            "Kubernetes takes it from its machine, which does not answer or is tainted".to_owned()
        }
        "PreemptionByScheduler" => "a pod of higher priority takes its place".to_owned(),
        "DeletionByPodGC" => "its machine is no part of the cluster any more".to_owned(),
        "TerminationByKubelet" => format!("its machine ends it: {message}"),
        other => format!("{other}: {message}"),
    })
}

/// Kubernetes itself takes `Ready` from the pods of a machine that does not answer; the kubelet, which would
/// have to do so for any other reason, takes `ContainersReady` first.
fn machine_silent_since(status: &Value) -> Option<Timestamp> {
    let of = |kind: &str, value: &str| condition(status, kind).filter(|condition| condition["status"] == value);
    of("ContainersReady", "True")?;
    text(&of("Ready", "False")?["lastTransitionTime"])?.parse().ok()
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

/// So many restarts, and a container that runs again and is not ready yet is still one that ends.
const ENDS_AGAIN: i64 = 2;

fn container_trouble(container: &Value) -> Option<String> {
    let name = text(&container["name"]).unwrap_or_default();
    let (waiting, ended) = (&container["state"]["waiting"], &container["state"]["terminated"]);
    let before = &container["lastState"]["terminated"];
    let reason = text(&waiting["reason"]).unwrap_or_default();
    match reason {
        "" | "PodInitializing" | "ContainerCreating" | "CrashLoopBackOff" => {}
        "ErrImagePull" | "ImagePullBackOff" => return Some(unpulled(container, text(&waiting["message"]))),
        other => {
            let message = text(&waiting["message"]).unwrap_or_default();
            return Some(format!("container {name}: {other}: {message}"));
        }
    }
    let again = container["restartCount"].as_i64().unwrap_or(0) >= ENDS_AGAIN && container["ready"] != true;
    let last = match (ended.is_object(), reason == "CrashLoopBackOff" || again) {
        (true, _) => ended,
        (false, true) => before,
        (false, false) => return None,
    };
    let code = last["exitCode"].as_i64();
    if code == Some(0) && reason != "CrashLoopBackOff" {
        return None;
    }
    // the same words while it waits for its next start, runs again and has ended again
    let why = match (code, text(&last["reason"]).filter(|reason| !["Error", "Completed"].contains(reason))) {
        (Some(code), Some(reason)) => format!("with exit code {code} ({reason})"),
        (Some(code), None) => format!("with exit code {code}"),
        (None, _) => "again and again".to_owned(),
    };
    let words = text(&last["message"]).and_then(last_words).map(|words| format!(": {words}")).unwrap_or_default();
    Some(format!("container {name} ended {why}{words}"))
}

/// Kubernetes takes turns at two reasons for an image that cannot be pulled; the cause is the same.
fn unpulled(container: &Value, message: Option<&str>) -> String {
    let (name, image) = (text(&container["name"]).unwrap_or_default(), text(&container["image"]).unwrap_or_default());
    let message = message.unwrap_or_default();
    let cause = message.split_once("ErrImagePull: ").map_or(message, |(_, cause)| cause);
    format!("container {name}: its image {image} cannot be pulled: {cause}")
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
            "spec": {"nodeName": "node-1", "affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution":
                    {"nodeSelectorTerms": [{"matchExpressions": [{"values": ["zone-1"]}]}]}
            }}},
            "status": status
        }))
        .unwrap()
    }

    #[test]
    fn a_ready_pod_is_read_in_full() {
        let seen = pod_observation(&pod(json!({
            "podIP": "10.0.0.7",
            "conditions": [{"type": "Ready", "status": "True"}]
        })))
        .unwrap();
        assert_eq!(
            seen,
            PodObservation {
                uid: Uid::new("u-1").unwrap(),
                rack: "a".into(),
                ordinal: 2,
                ip: Some("10.0.0.7".into()),
                node: Some("node-1".into()),
                zone: Some("zone-1".into()),
                ready: true,
                unready_since: None,
                deleting: false,
                deleting_since: None,
                disrupted: None,
                machine_silent_since: None,
                template_hash: "abc".into(),
                configuration: String::new(),
                trouble: None,
                created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            }
        );
    }

    #[test]
    fn a_pod_tells_since_when_it_is_not_ready() {
        let ready = |status: &str| {
            json!({"conditions": [
                {"type": "Ready", "status": status, "lastTransitionTime": "2026-01-02T04:00:00Z"}
            ]})
        };
        let since = |status| pod_observation(&pod(ready(status))).unwrap().unready_since.map(|since| since.to_string());
        assert_eq!((since("True"), since("False").as_deref()), (None, Some("2026-01-02T04:00:00Z")));
    }

    #[test]
    fn what_keeps_a_pod_from_running_is_told_in_words() {
        let cases = [
            (
                json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}),
                Some("it cannot be scheduled: 0/3 nodes"),
            ),
            (
                json!({"containerStatuses": [waiting("ErrImagePull", "no such image")]}),
                Some("container cassandra: its image cassandra:9 cannot be pulled: no such image"),
            ),
            (
                json!({"containerStatuses": [waiting(
                    "ImagePullBackOff", "Back-off pulling image \"cassandra:9\": ErrImagePull: no such image"
                )]}),
                Some("container cassandra: its image cassandra:9 cannot be pulled: no such image"),
            ),
            (json!({"containerStatuses": [waiting("ContainerCreating", "")]}), None),
            (
                json!({"initContainerStatuses": [{
                    "name": "cassandra", "image": "", "imageID": "", "ready": false, "restartCount": 3,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}
                }]}),
                Some("container cassandra ended with exit code 3"),
            ),
        ];
        for (status, expected) in cases {
            assert_eq!(pod_observation(&pod(status)).unwrap().trouble.as_deref(), expected);
        }
    }

    #[test]
    fn a_trial_run_that_failed_tells_what_cassandra_said() {
        let outcome = |status: Value| check_observation(&pod(status)).unwrap().outcome;
        let ended = |code: i64, message: &str| {
            let terminated = json!({"exitCode": code, "message": message});
            json!({"phase": "Failed", "containerStatuses": [
                {"name": "cassandra", "state": {"terminated": terminated}}
            ]})
        };
        let refused = |words: &str| CheckOutcome::Refused(words.to_owned());
        let java = "Unrecognized VM option 'NoSuchOption'\nError: Could not create the Java Virtual Machine.\n";
        assert_eq!(outcome(ended(1, java)), refused("Unrecognized VM option 'NoSuchOption'"));
        let yaml = "Exception in thread \"main\" org.apache.cassandra.exceptions.ConfigurationException: Invalid yaml. \
                    Please remove properties [concurent_reads] from your cassandra.yaml\n";
        let said = "Invalid yaml. Please remove properties [concurent_reads] from your cassandra.yaml";
        assert_eq!(outcome(ended(1, yaml)), refused(said));
        let nested = "Exception in thread \"main\" java.lang.ExceptionInInitializerError\n\
                      Caused by: org.apache.cassandra.exceptions.ConfigurationException: no such snitch\n";
        assert_eq!(outcome(ended(1, nested)), refused("no such snitch"));
        assert_eq!(outcome(ended(3, "")), refused("container cassandra ended with exit code 3, see its log"));
        assert_eq!(outcome(ended(137, "")), CheckOutcome::Lost);
        assert_eq!(outcome(json!({"phase": "Failed", "reason": "Evicted"})), CheckOutcome::Lost);
        assert_eq!(outcome(json!({"phase": "Succeeded"})), CheckOutcome::Passed);
        let pulls = json!({"phase": "Pending", "containerStatuses": [waiting("ErrImagePull", "not found")]});
        assert_eq!(
            outcome(pulls),
            CheckOutcome::Running(Some(
                "container cassandra: its image cassandra:9 cannot be pulled: not found".into()
            ))
        );
    }

    #[test]
    fn a_container_that_ends_again_and_again_is_told_in_the_same_words_whatever_it_does_just_now() {
        let said = json!({
            "exitCode": 3, "reason": "Error",
            "message": "Exception (a.b.C) encountered during startup: Invalid yaml. Please remove properties [x]\n"
        });
        let expected = "container cassandra ended with exit code 3: Invalid yaml. Please remove properties [x]";
        let told = |state: Value, last: Value, restarts: i64| {
            let container = json!({
                "name": "cassandra", "ready": false, "restartCount": restarts, "state": state,
                "lastState": {"terminated": last},
            });
            pod_observation(&pod(json!({"containerStatuses": [container]}))).unwrap().trouble
        };
        let back_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}});
        for state in [back_off, json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}})] {
            assert_eq!(told(state.clone(), said.clone(), 4).as_deref(), Some(expected), "{state}");
        }
        assert_eq!(told(json!({"terminated": said}), said.clone(), 4).as_deref(), Some(expected));
        assert_eq!(told(json!({"running": {}}), said, 1), None, "once may be once");
        let killed = json!({"exitCode": 137, "reason": "OOMKilled"});
        let told = told(json!({"terminated": killed}), Value::Null, 0);
        assert_eq!(told.as_deref(), Some("container cassandra ended with exit code 137 (OOMKilled)"));
    }

    #[test]
    fn a_claim_is_read_in_full_and_what_is_not_there_yet_is_nothing() {
        let claim = |status: Value| -> DynamicObject {
            serde_json::from_value(json!({
                "metadata": {
                    "name": "data-shop-cassandra-a-1", "uid": "u-2", "deletionTimestamp": "2026-01-02T03:04:05Z",
                    "creationTimestamp": "2026-01-01T03:04:05Z",
                    "labels": {"storemanager.io/rack": "a"},
                    "annotations": {
                        "storemanager.io/left-ring": "host", "storemanager.io/datacenter": "dc1",
                        "storemanager.io/cassandra-version": "5.0.6", "storemanager.io/cluster-name": "default/shop"
                    }
                },
                "spec": {"resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "fast"},
                "status": status
            }))
            .unwrap()
        };
        let seen = claim_observation(&claim(json!({"capacity": {"storage": "1Gi"}, "phase": "Lost"}))).unwrap();
        let expected = ClaimObservation {
            uid: Uid::new("u-2").unwrap(),
            rack: "a".into(),
            ordinal: 1,
            requested_bytes: 2 << 30,
            capacity_bytes: 1 << 30,
            expandable: None,
            left: Some("host".into()),
            deleting: true,
            note: VolumeNote {
                datacenter: Some("dc1".into()),
                version: Some("5.0.6".into()),
                cluster_name: Some("default/shop".into()),
            },
            class: Some("fast".into()),
            lost: true,
            growth: Growth::Volume,
            created_at: "2026-01-01T03:04:05Z".parse().unwrap(),
        };
        assert_eq!(seen, expected);
        let unbound = ClaimObservation { capacity_bytes: 0, lost: false, ..expected };
        assert_eq!(claim_observation(&claim(Value::Null)), Some(unbound));
    }

    #[test]
    fn how_the_growth_of_a_volume_stands_is_read_from_the_conditions_of_its_claim() {
        let with = |kind: &str, state: &str| {
            growth(&json!({"conditions": [{"type": kind, "status": state, "message": "no such size"}]}))
        };
        assert_eq!(with("FileSystemResizePending", "True"), Growth::FileSystem);
        assert_eq!(with("FileSystemResizePending", "False"), Growth::Volume);
        assert_eq!(with("ControllerResizeError", "True"), Growth::Failed("no such size".into()));
        assert_eq!(growth(&Value::Null), Growth::Volume);
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({
            "name": "cassandra", "image": "cassandra:9", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}}
        })
    }
}
