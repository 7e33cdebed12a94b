//! What decisions need of the objects of a store, read out of their JSON: plain data. Pure.
//!
//! Beside this, only the comparison with what is rendered (`resources::diff`) and the question whose an object is
//! (`ownership`) look at JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use store_crds::{ANNOTATION_CONFIGURATION, LABEL_RACK};

use crate::accepted::ANNOTATION_ACCEPTED_SPEC;
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::node::files;

/// Annotation on the API's pods: digest of what they read of Secrets when they start. Another one makes
/// another pod, which is how a changed log-in or token reaches them all. It leads back to no value: the
/// signing key, which is long and random, goes into it, too.
pub const ANNOTATION_INPUTS: &str = "storemanager.io/inputs";

/// The objects of a store that decisions look at, each kind by name. Pods and claims are read by themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Children {
    pub stateful_sets: BTreeMap<String, StatefulSet>,
    pub deployments: BTreeMap<String, Deployment>,
    pub jobs: BTreeMap<String, Job>,
    pub config_maps: BTreeMap<String, ConfigMap>,
    /// Their UIDs; what is in them is judged elsewhere (`secrets`).
    pub secrets: BTreeMap<String, Uid>,
    /// Addresses that their controllers gave the Ingresses; absent: none yet.
    pub ingresses: BTreeMap<String, Option<String>>,
    pub routes: BTreeMap<String, Route>,
    pub services: BTreeMap<String, Service>,
}

/// The StatefulSet of a rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulSet {
    pub uid: Uid,
    /// UID of the StoreCluster that it is of, if it names one.
    pub owner: Option<String>,
    pub rack: String,
    /// Pods that it is to have.
    pub replicas: i32,
    /// Size of the volumes in its claim template, as a quantity.
    pub storage_size: Option<String>,
    /// StorageClass in its claim template; absent: the cluster's default.
    pub storage_class: Option<String>,
    /// Zone that its pods are made for, by its template of now.
    pub zone: Option<String>,
    /// Hash of the configuration that its pods get.
    pub configuration: Option<String>,
    pub created_at: Option<Timestamp>,
}

/// The Deployment of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// Pods that it is to have.
    pub asked: i32,
    /// Its controller has taken up its newest template.
    pub is_observed: bool,
    pub pods: PodCounts,
    /// `ANNOTATION_INPUTS` of its template.
    pub inputs: Option<String>,
    /// Why its pods cannot be made, in the words of whoever refuses them.
    pub failure: Option<String>,
    /// Its pods do not become ready in time, in the words of its controller.
    pub stuck: Option<String>,
}

/// Pods of a Deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    pub all: i32,
    /// Of the newest template.
    pub updated: i32,
    pub ready: i32,
}

/// A schema Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub uid: Uid,
    pub deleting: bool,
    pub created_at: Option<Timestamp>,
    pub state: JobState,
    /// It has not ended, and there is no pod of it.
    pub lacks_pod: bool,
}

/// How a Job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    Running,
    Complete,
    /// Why, in the words of its controller, and when.
    Failed {
        words: Option<String>,
        at: Option<Timestamp>,
    },
}

/// A ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMap {
    pub uid: Uid,
    pub deleting: bool,
    /// Hash of the configuration that it holds; absent: it holds none, but what changes while nodes run.
    pub hash: Option<String>,
    /// That configuration, as JSON.
    pub configuration: Option<String>,
}

/// An HTTPRoute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// A Gateway that does not take it, and why.
    pub refused: Option<(String, String)>,
}

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// `ANNOTATION_ACCEPTED_SPEC`, which the headless one has.
    pub accepted_spec: Option<String>,
}

impl Children {
    /// Reads the objects. One without UID is none that the API server gave.
    pub fn read(objects: &BTreeMap<ChildKey, Value>) -> Children {
        let mut children = Children::default();
        for (key, object) in objects {
            let name = key.name.clone();
            match key.kind {
                ChildKind::StatefulSet => insert(&mut children.stateful_sets, name, stateful_set(object)),
                ChildKind::Job => insert(&mut children.jobs, name, job(object)),
                ChildKind::ConfigMap => insert(&mut children.config_maps, name, config_map(object)),
                ChildKind::Secret => insert(&mut children.secrets, name, uid(object)),
                ChildKind::Deployment => insert(&mut children.deployments, name, Some(deployment(object))),
                ChildKind::Ingress => insert(&mut children.ingresses, name, Some(address(object))),
                ChildKind::HttpRoute => insert(&mut children.routes, name, Some(route(object))),
                ChildKind::Service => insert(&mut children.services, name, Some(service(object))),
                ChildKind::NetworkPolicy
                | ChildKind::PersistentVolumeClaim
                | ChildKind::Pod
                | ChildKind::PodDisruptionBudget
                | ChildKind::ServiceAccount => {}
            }
        }
        children
    }
}

fn insert<T>(all: &mut BTreeMap<String, T>, name: String, read: Option<T>) {
    if let Some(read) = read {
        all.insert(name, read);
    }
}

fn stateful_set(object: &Value) -> Option<StatefulSet> {
    let claim = &object["spec"]["volumeClaimTemplates"][0]["spec"];
    Some(StatefulSet {
        uid: uid(object)?,
        owner: text(&object["metadata"]["ownerReferences"][0]["uid"]),
        rack: text(&object["metadata"]["labels"][LABEL_RACK]).unwrap_or_default(),
        replicas: count(&object["spec"]["replicas"]),
        storage_size: text(&claim["resources"]["requests"]["storage"]),
        storage_class: text(&claim["storageClassName"]),
        zone: zone(&object["spec"]["template"]["spec"]),
        configuration: text(&object["spec"]["template"]["metadata"]["annotations"][ANNOTATION_CONFIGURATION]),
        created_at: time(&object["metadata"]["creationTimestamp"]),
    })
}

/// The zone that a pod must be placed in, by its spec; absent: any.
pub fn zone(pod_spec: &Value) -> Option<String> {
    let terms = &pod_spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    text(terms.pointer("/nodeSelectorTerms/0/matchExpressions/0/values/0")?)
}

fn deployment(object: &Value) -> Deployment {
    let status = &object["status"];
    let generation = |of: &Value| of.as_i64().unwrap_or(0);
    let refused = find(status, |condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True");
    let late =
        |condition: &Value| condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded";
    Deployment {
        asked: count(&object["spec"]["replicas"]),
        is_observed: generation(&status["observedGeneration"]) >= generation(&object["metadata"]["generation"]),
        pods: PodCounts {
            all: count(&status["replicas"]),
            updated: count(&status["updatedReplicas"]),
            ready: count(&status["readyReplicas"]),
        },
        inputs: text(&object["spec"]["template"]["metadata"]["annotations"][ANNOTATION_INPUTS]),
        failure: refused.and_then(|condition| text(&condition["message"])),
        stuck: find(status, late).map(|condition| text(&condition["message"]).unwrap_or_default()),
    }
}

fn job(object: &Value) -> Option<Job> {
    let status = &object["status"];
    let holds = |kind: &str| find(status, |condition| condition["type"] == kind && condition["status"] == "True");
    let ended = find(status, |condition| condition["status"] == "True").is_some();
    let state = match (holds("Complete"), holds("Failed")) {
        (Some(_), _) => JobState::Complete,
        (None, Some(failed)) => {
            JobState::Failed { words: text(&failed["message"]), at: time(&failed["lastTransitionTime"]) }
        }
        (None, None) => JobState::Running,
    };
    Some(Job {
        uid: uid(object)?,
        deleting: object["metadata"]["deletionTimestamp"].is_string(),
        created_at: time(&object["metadata"]["creationTimestamp"]),
        state,
        // none was made yet, or none can be made again
        lacks_pod: !ended && count(&status["active"]) == 0 && count(&status["succeeded"]) == 0,
    })
}

fn config_map(object: &Value) -> Option<ConfigMap> {
    Some(ConfigMap {
        uid: uid(object)?,
        deleting: object["metadata"]["deletionTimestamp"].is_string(),
        hash: text(&object["metadata"]["annotations"][ANNOTATION_CONFIGURATION]),
        configuration: text(&object["data"][files::CONFIGURATION]),
    })
}

fn service(object: &Value) -> Service {
    Service { accepted_spec: text(&object["metadata"]["annotations"][ANNOTATION_ACCEPTED_SPEC]) }
}

fn address(object: &Value) -> Option<String> {
    let entry = &object["status"]["loadBalancer"]["ingress"][0];
    text(&entry["hostname"]).or_else(|| text(&entry["ip"]))
}

fn route(object: &Value) -> Route {
    let parents = object["status"]["parents"].as_array();
    let refused = parents.into_iter().flatten().find_map(|parent| {
        let refused = find(parent, |condition| {
            ["Accepted", "ResolvedRefs"].iter().any(|kind| condition["type"] == *kind) && condition["status"] == "False"
        })?;
        let (gateway, why) = (text(&parent["parentRef"]["name"]), text(&refused["message"]));
        Some((gateway.unwrap_or_default(), why.unwrap_or_default()))
    });
    Route { refused }
}

/// The first of the conditions of a status of which that is so.
fn find(status: &Value, is_so: impl Fn(&Value) -> bool) -> Option<&Value> {
    status["conditions"].as_array()?.iter().find(|condition| is_so(condition))
}

fn uid(object: &Value) -> Option<Uid> {
    Uid::new(object["metadata"]["uid"].as_str()?)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn count(value: &Value) -> i32 {
    value.as_i64().and_then(|count| i32::try_from(count).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: ChildKind, object: Value) -> Children {
        Children::read(&[(ChildKey::new(kind, "one"), object)].into())
    }

    #[test]
    fn an_object_without_uid_is_none() {
        for kind in [ChildKind::StatefulSet, ChildKind::Job, ChildKind::ConfigMap, ChildKind::Secret] {
            assert_eq!(read(kind, json!({"metadata": {"uid": ""}})), Children::default(), "{kind}");
        }
    }

    #[test]
    fn a_stateful_set_is_read_in_full() {
        let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [{"values": ["zone-1"]}]}]});
        let set = json!({
            "metadata": {"uid": "u-1", "labels": {LABEL_RACK: "a"}, "ownerReferences": [{"uid": "s-1"}],
                "creationTimestamp": "2026-01-02T03:04:05Z"},
            "spec": {
                "replicas": 2,
                "template": {
                    "metadata": {"annotations": {ANNOTATION_CONFIGURATION: "abc"}},
                    "spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}},
                },
                "volumeClaimTemplates": [
                    {"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "10Gi"}}}}
                ],
            },
        });
        let expected = StatefulSet {
            uid: Uid::new("u-1").unwrap(),
            owner: Some("s-1".into()),
            rack: "a".into(),
            replicas: 2,
            storage_size: Some("10Gi".into()),
            storage_class: Some("fast".into()),
            zone: Some("zone-1".into()),
            configuration: Some("abc".into()),
            created_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        };
        assert_eq!(read(ChildKind::StatefulSet, set).stateful_sets["one"], expected);
    }

    #[test]
    fn a_deployment_tells_what_its_controller_has_seen_and_what_keeps_its_pods() {
        let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "words"});
        let deployment = |seen: i64, conditions: Vec<Value>| {
            let object = json!({
                "metadata": {"generation": 2},
                "spec": {"replicas": 3, "template": {"metadata": {"annotations": {ANNOTATION_INPUTS: "in"}}}},
                "status": {"observedGeneration": seen, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 1,
                    "conditions": conditions},
            });
            read(ChildKind::Deployment, object).deployments["one"].clone()
        };
        let seen = deployment(2, vec![]);
        assert_eq!((seen.asked, seen.is_observed, seen.inputs.as_deref()), (3, true, Some("in")));
        assert_eq!(seen.pods, PodCounts { all: 3, updated: 2, ready: 1 });
        assert!(!deployment(1, vec![]).is_observed, "an older template");
        let failing = deployment(2, vec![condition("ReplicaFailure", "True", "")]);
        assert_eq!((failing.failure.as_deref(), failing.stuck), (Some("words"), None));
        let stuck = deployment(2, vec![condition("Progressing", "False", "ProgressDeadlineExceeded")]);
        assert_eq!((stuck.failure, stuck.stuck.as_deref()), (None, Some("words")));
    }

    #[test]
    fn a_job_has_a_pod_has_ended_or_lacks_one() {
        let job = |status: Value| {
            read(ChildKind::Job, json!({"metadata": {"uid": "u"}, "status": status})).jobs["one"].clone()
        };
        let ended = |kind: &str| {
            job(json!({"conditions": [{"type": kind, "status": "True", "message": "words",
                "lastTransitionTime": "1970-01-01T00:00:07Z"}]}))
        };
        assert!(job(json!({})).lacks_pod);
        assert!(!job(json!({"active": 1})).lacks_pod);
        assert_eq!((ended("Complete").state, ended("Complete").lacks_pod), (JobState::Complete, false));
        let failed = JobState::Failed { words: Some("words".into()), at: "1970-01-01T00:00:07Z".parse().ok() };
        assert_eq!((ended("Failed").state, ended("Failed").lacks_pod), (failed, false));
        let pending = job(json!({"conditions": [{"type": "Complete", "status": "False"}]}));
        assert_eq!((pending.state, pending.lacks_pod), (JobState::Running, true));
    }

    #[test]
    fn a_route_tells_which_gateway_refuses_it_and_why() {
        let parent = |kind: &str, status: &str| json!({"parentRef": {"name": "main"}, "conditions": [{"type": kind, "status": status, "message": "no listener"}]});
        let refused = |parents: Vec<Value>| {
            read(ChildKind::HttpRoute, json!({"status": {"parents": parents}})).routes["one"].refused.clone()
        };
        assert_eq!(refused(vec![]), None, "no Gateway has looked at it yet");
        assert_eq!(refused(vec![parent("Accepted", "True")]), None);
        let told = refused(vec![parent("Accepted", "True"), parent("ResolvedRefs", "False")]);
        assert_eq!(told, Some(("main".into(), "no listener".into())));
    }

    #[test]
    fn an_ingress_is_reached_by_the_host_that_its_controller_gave_it_or_else_by_the_address() {
        let reached = |entry: Value| {
            read(ChildKind::Ingress, json!({"status": {"loadBalancer": {"ingress": [entry]}}})).ingresses["one"].clone()
        };
        assert_eq!(reached(json!({"hostname": "lb.example", "ip": "10.0.0.1"})).as_deref(), Some("lb.example"));
        assert_eq!(reached(json!({"ip": "10.0.0.1"})).as_deref(), Some("10.0.0.1"));
        assert_eq!(reached(Value::Null), None);
    }
}
