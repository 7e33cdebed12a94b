//! Names, labels, owner references and metadata that all objects of a StoreCluster share. Pure.

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde_json::{Value, json};
use store_crds::{ANNOTATION_APPLIED_HASH, FIELD_MANAGER, GROUP, LABEL_COMPONENT, LABEL_RACK, LABEL_STORE};

use super::child::{Child, Fill, Mode};
use crate::desired::{Desired, Placement};
use crate::digest::hash;
use crate::identity::{ChildKey, ChildKind};
use crate::settings::UserIds;

/// What a pod or object is for; the value of the label `app.kubernetes.io/component`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    Cassandra,
    Api,
    Schema,
    /// A trial run of a configuration.
    Check,
}

/// Value of the label on pods that try a configuration.
pub const CHECK: &str = "check";
/// Name of the component of the API's pods.
pub const API: &str = "api";

impl Component {
    pub fn name(self) -> &'static str {
        match self {
            Component::Cassandra => "cassandra",
            Component::Api => API,
            Component::Schema => "schema",
            Component::Check => CHECK,
        }
    }
}

/// Name of an object that there is one of per component: `shop-cassandra`, `shop-api`.
pub fn component_name(desired: &Desired, component: Component) -> String {
    format!("{}-{}", desired.name, component.name())
}

/// Name of the ConfigMap of what may change while nodes run.
pub fn config_map_name(desired: &Desired) -> String {
    component_name(desired, Component::Cassandra)
}

/// Name of the ConfigMap of a configuration.
pub fn configuration_name(desired: &Desired, hash: &str) -> String {
    format!("{}-{hash}", component_name(desired, Component::Cassandra))
}

/// Labels by which Services, policies and budgets find the pods of a component.
pub fn selector(desired: &Desired, component: Component) -> Value {
    json!({ LABEL_STORE: desired.name, LABEL_COMPONENT: component.name() })
}

/// All labels of an object.
pub fn labels(desired: &Desired, component: Component) -> Value {
    let mut labels = selector(desired, component);
    labels["app.kubernetes.io/name"] = json!("store-manager");
    labels["app.kubernetes.io/instance"] = json!(desired.name);
    labels["app.kubernetes.io/managed-by"] = json!(FIELD_MANAGER);
    labels
}

/// The selector of one rack's pods.
pub fn rack_selector(desired: &Desired, rack: &str) -> Value {
    with_rack(selector(desired, Component::Cassandra), rack)
}

/// All labels of a rack's objects.
pub fn rack_labels(desired: &Desired, rack: &str) -> Value {
    with_rack(labels(desired, Component::Cassandra), rack)
}

fn with_rack(mut labels: Value, rack: &str) -> Value {
    labels[LABEL_RACK] = json!(rack);
    labels
}

/// An object that is kept as rendered, owned by the StoreCluster.
pub fn applied(
    desired: &Desired,
    api_version: &str,
    kind: ChildKind,
    name: String,
    labels: Value,
    body: Value,
) -> Child {
    let mut object = object(desired, api_version, kind, &name, labels, body);
    object["metadata"]["ownerReferences"] = owner_references(desired);
    // over the whole object before the annotation itself is on it
    let digest = hash(&object);
    object["metadata"]["annotations"][ANNOTATION_APPLIED_HASH] = json!(digest);
    Child { key: ChildKey { kind, name }, object, mode: Mode::Apply }
}

/// An object that is made when it is missing and then left alone.
pub fn created_once(
    desired: &Desired,
    api_version: &str,
    kind: ChildKind,
    name: String,
    labels: Value,
    body: Value,
    (owned, fill): (bool, Fill),
) -> Child {
    let mut object = object(desired, api_version, kind, &name, labels, body);
    if owned {
        object["metadata"]["ownerReferences"] = owner_references(desired);
    }
    Child { key: ChildKey { kind, name }, object, mode: Mode::CreateOnce { fill } }
}

fn object(desired: &Desired, api_version: &str, kind: ChildKind, name: &str, labels: Value, body: Value) -> Value {
    let mut object = body;
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind.as_str());
    object["metadata"]["name"] = json!(name);
    object["metadata"]["namespace"] = json!(desired.namespace);
    object["metadata"]["labels"] = labels;
    object
}

fn owner_references(desired: &Desired) -> Value {
    json!([{
        "apiVersion": format!("{GROUP}/v1alpha1"),
        "kind": "StoreCluster",
        "name": desired.name,
        "uid": desired.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// The pod with the Secrets of the spec, if there are any: without them nothing is rendered, so that no pod
/// restarts for their absence.
pub fn with_pull_secrets(desired: &Desired, mut pod: Value) -> Value {
    if !desired.pull_secrets.is_empty() {
        let name = |name: &String| json!({ "name": name });
        pod["imagePullSecrets"] = desired.pull_secrets.iter().map(name).collect();
    }
    pod
}

/// The pod where the spec wants it to run; what it does not say is not rendered.
pub fn placed(placement: &Placement, mut pod: Value) -> Value {
    if !placement.node_selector.is_empty() {
        pod["nodeSelector"] = json!(placement.node_selector);
    }
    if !placement.tolerations.is_empty() {
        let own = pod["tolerations"].as_array().cloned().unwrap_or_default();
        let asked = placement.tolerations.iter().map(|toleration| json!(toleration));
        pod["tolerations"] = own.into_iter().chain(asked).collect();
    }
    if let Some(class) = &placement.priority_class_name {
        pod["priorityClassName"] = json!(class);
    }
    pod
}

/// Metadata of a pod with the labels and annotations that the spec adds; the operator's own win.
pub fn with_added(placement: &Placement, mut metadata: Value) -> Value {
    for (field, added) in [("labels", &placement.labels), ("annotations", &placement.annotations)] {
        for (key, value) in added {
            if metadata[field][key].is_null() {
                metadata[field][key] = json!(value);
            }
        }
    }
    metadata
}

/// Security context of a pod under the `restricted` Pod Security Standard; `user` is that of its image.
pub fn pod_security(user: i64, ids: UserIds) -> Value {
    let mut context = json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    if ids == UserIds::Fixed {
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            context[id] = json!(user);
        }
        context["fsGroupChangePolicy"] = json!("OnRootMismatch");
    }
    context
}

/// The end of a container's log becomes its termination message, so that the status can tell what it said last.
pub const LAST_WORDS: &str = "FallbackToLogsOnError";

/// Security context of every container.
pub fn container_security() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

/// Resources of a helper container: small requests, firm limits. It writes its log, and little into volumes.
pub fn small_resources(memory_request: &str, memory_limit: &str, cpu_limit: &str) -> Value {
    json!({
        "requests": { "cpu": "10m", "memory": memory_request, SCRATCH: "16Mi" },
        "limits": { "cpu": cpu_limit, "memory": memory_limit, SCRATCH: "128Mi" },
    })
}

/// What a container may write to its machine's disk: its log, and volumes that go with the pod.
const SCRATCH: &str = "ephemeral-storage";

/// Resources with a request and a limit of the machine's disk, where the user names none.
pub fn with_scratch(mut resources: Value, request: &str, limit: &str) -> Value {
    for (field, amount) in [("requests", request), ("limits", limit)] {
        if resources[field][SCRATCH].is_null() {
            resources[field][SCRATCH] = json!(amount);
        }
    }
    resources
}

/// Resources as the user wrote them.
pub fn resources(requirements: &ResourceRequirements) -> Value {
    let quantities = |map: &Option<std::collections::BTreeMap<String, _>>| match map {
        Some(map) if !map.is_empty() => json!(map),
        _ => Value::Null,
    };
    let mut resources = json!({});
    for (field, value) in
        [("requests", quantities(&requirements.requests)), ("limits", quantities(&requirements.limits))]
    {
        if !value.is_null() {
            resources[field] = value;
        }
    }
    resources
}

/// An environment variable with a plain value.
pub fn env(name: &str, value: impl Into<String>) -> Value {
    json!({ "name": name, "value": value.into() })
}

/// An environment variable from a field of the pod.
pub fn env_field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

/// Soft spread of a component's pods over a topology key.
pub fn spread(topology_key: &str, match_labels: &Value) -> Value {
    json!({
        "maxSkew": 1,
        "topologyKey": topology_key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": match_labels },
    })
}

/// Label of Kubernetes nodes: their zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// Label of Kubernetes nodes: their name.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
