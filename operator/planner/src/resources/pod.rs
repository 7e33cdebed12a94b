//! The pod of a Cassandra node. Pure.
//!
//! Two init containers make the configuration out of the image's own: the first copies it out of
//! the Cassandra image, the second (`node-config`) merges the operator's settings and the user's
//! over it and lays the management agent beside it. Then the image's unchanged entrypoint starts
//! Cassandra, with `node-agent` beside it, which tells when CQL is served and how full the disk is.

use serde_json::{Value, json};
use store_crds::{CQL_PORT, INTERNODE_PORT, JOLOKIA_PORT, NODE_AGENT_PORT};

use super::meta::{self, Component, env, env_field};
use super::{access, services};
use crate::configuration::Configuration;
use crate::desired::{Desired, DesiredRack};
use crate::node::files;
use crate::observation::SecretPurpose;
use crate::settings::Settings;

/// User and group `cassandra` of the official image.
pub(super) const CASSANDRA_USER: i64 = 999;

/// Time for `PRE_STOP` and Cassandra's own shutdown.
const GRACE_SECONDS: i64 = 180;

/// Clients are sent away, then the peers are told, then the memtables are flushed, so that no
/// request is cut off and the commit log is empty. A node that does not answer is only stopped.
const PRE_STOP: &str = "\
timeout 20 nodetool disablebinary || exit 0
sleep 2
timeout 20 nodetool disablegossip
timeout 120 nodetool drain
";

/// Copies made in an earlier life of the pod are no originals any more.
const COPY_CONFIG: &str = "\
rm -f /config/*.image
cp -R /etc/cassandra/. /config/
";

/// The pod's spec.
/// `cluster_name` is the name of the ring, for a volume that does not tell it.
pub fn build(desired: &Desired, rack: &DesiredRack, cluster_name: &str, settings: &Settings) -> Value {
    let selector = meta::selector(desired, Component::Cassandra);
    let pod = json!({
        "serviceAccountName": meta::component_name(desired, Component::Cassandra),
        "automountServiceAccountToken": false,
        // the variables of other Services could be taken for Cassandra's
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": meta::pod_security(CASSANDRA_USER, settings.user_ids),
        "affinity": affinity(rack, &selector),
        "topologySpreadConstraints": [meta::spread(meta::HOSTNAME, &selector), meta::spread(meta::ZONE, &selector)],
        "initContainers": [copy_config(desired, settings), node_config(desired, rack, cluster_name, settings)],
        "containers": [cassandra_container(desired, settings), node_agent(settings)],
        "volumes": volumes(desired, settings),
    });
    meta::placed(&desired.cassandra.placement, meta::with_pull_secrets(desired, pod))
}

/// The rack's zone is a must. That two nodes of a ring do not share a machine is as strong a wish
/// as there is: a must would keep rings from small Kubernetes clusters.
fn affinity(rack: &DesiredRack, selector: &Value) -> Value {
    let mut affinity = json!({
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": { "topologyKey": meta::HOSTNAME, "labelSelector": { "matchLabels": selector } },
            }],
        },
    });
    if let Some(zone) = &rack.zone {
        affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] =
            json!([{ "matchExpressions": [{ "key": meta::ZONE, "operator": "In", "values": [zone] }] }]);
    }
    affinity
}

pub(super) fn copy_config(desired: &Desired, settings: &Settings) -> Value {
    json!({
        "name": "copy-config",
        "image": desired.cassandra.image(&settings.cassandra_repository),
        "imagePullPolicy": desired.cassandra.image_pull_policy,
        "command": ["sh", "-ec", COPY_CONFIG],
        "resources": meta::small_resources("16Mi", "64Mi", "500m"),
        "terminationMessagePolicy": meta::LAST_WORDS,
        "securityContext": meta::container_security(),
        "volumeMounts": [mount("config", "/config")],
    })
}

pub(super) fn node_config(desired: &Desired, rack: &DesiredRack, cluster_name: &str, settings: &Settings) -> Value {
    let cassandra = &desired.cassandra;
    json!({
        "name": "node-config",
        "image": settings.operator_image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["node-config"],
        "env": [
            env("STORE_CLUSTER_NAME", cluster_name),
            env("STORE_DATACENTER", &cassandra.datacenter),
            env("STORE_RACK", &rack.name),
            env("STORE_CASSANDRA_VERSION", &cassandra.version),
            env("STORE_HEADLESS_SERVICE", services::headless_name(desired)),
            env("STORE_CONFIGURATION", Configuration::wanted(desired, settings).hash()),
            env_field("POD_NAME", "metadata.name"),
            env_field("POD_NAMESPACE", "metadata.namespace"),
            env_field("POD_IP", "status.podIP"),
        ],
        "resources": meta::small_resources("16Mi", "64Mi", "500m"),
        "terminationMessagePolicy": meta::LAST_WORDS,
        "securityContext": meta::container_security(),
        "volumeMounts": [
            mount("config", files::CONFIG_DIR),
            mount("agent", files::AGENT_DIR),
            read_only_mount("settings", files::SETTINGS_DIR),
            read_only_mount("configuration", files::CONFIGURATION_DIR),
            read_only_mount("credentials", files::CREDENTIALS_DIR),
            mount("data", files::DATA_DIR),
        ],
    })
}

fn cassandra_container(desired: &Desired, settings: &Settings) -> Value {
    let cassandra = &desired.cassandra;
    json!({
        "name": "cassandra",
        "image": cassandra.image(&settings.cassandra_repository),
        "imagePullPolicy": cassandra.image_pull_policy,
        "env": [
            env("MAX_HEAP_SIZE", format!("{}M", cassandra.heap_mib)),
            // read by the CMS collector only, Cassandra 4.1's default
            env("HEAP_NEWSIZE", format!("{}M", (cassandra.heap_mib / 4).clamp(32, 1600))),
        ],
        "ports": [port("cql", CQL_PORT), port("internode", INTERNODE_PORT), port("jolokia", JOLOKIA_PORT)],
        "resources": scratch(meta::resources(&cassandra.resources)),
        // opened before the node joins, however long its data takes to stream
        "startupProbe": {
            "tcpSocket": { "port": INTERNODE_PORT },
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "failureThreshold": 600,
        },
        "readinessProbe": {
            "httpGet": { "path": "/ready", "port": NODE_AGENT_PORT },
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
        "lifecycle": { "preStop": { "exec": { "command": ["sh", "-c", PRE_STOP] } } },
        "terminationMessagePolicy": meta::LAST_WORDS,
        "securityContext": meta::container_security(),
        "volumeMounts": [
            mount("config", files::CONFIG_DIR),
            read_only_mount("agent", files::AGENT_DIR),
            mount("data", files::DATA_DIR),
            mount("logs", "/var/log/cassandra"),
            mount("tmp", "/tmp"),
        ],
    })
}

/// With room on the machine's disk for what is no data: logs and temporary files have a volume of 1Gi each.
pub(super) fn scratch(resources: Value) -> Value {
    meta::with_scratch(resources, "128Mi", "2560Mi")
}

fn node_agent(settings: &Settings) -> Value {
    json!({
        "name": "node-agent",
        "image": settings.operator_image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["node-agent"],
        "ports": [port("node-agent", NODE_AGENT_PORT)],
        "resources": meta::small_resources("16Mi", "32Mi", "100m"),
        "livenessProbe": { "tcpSocket": { "port": NODE_AGENT_PORT }, "periodSeconds": 10, "timeoutSeconds": 5 },
        "terminationMessagePolicy": meta::LAST_WORDS,
        "securityContext": meta::container_security(),
        "volumeMounts": [
            read_only_mount("data", files::DATA_DIR),
            read_only_mount("credentials", files::CREDENTIALS_DIR),
        ],
    })
}

fn volumes(desired: &Desired, settings: &Settings) -> Value {
    json!([
        { "name": "config", "emptyDir": { "sizeLimit": "16Mi" } },
        // in memory: the password of the management port never reaches a disk
        { "name": "agent", "emptyDir": { "medium": "Memory", "sizeLimit": "16Mi" } },
        { "name": "settings", "configMap": { "name": meta::config_map_name(desired) } },
        configuration_volume(desired, settings),
        { "name": "credentials", "secret": { "secretName": access::secret_name(desired, SecretPurpose::Jolokia), "defaultMode": 0o440 } },
        { "name": "logs", "emptyDir": { "sizeLimit": "1Gi" } },
        { "name": "tmp", "emptyDir": { "sizeLimit": "1Gi" } },
    ])
}

/// The ConfigMap of this configuration and no other.
pub(super) fn configuration_volume(desired: &Desired, settings: &Settings) -> Value {
    let hash = Configuration::wanted(desired, settings).hash();
    json!({ "name": "configuration", "configMap": { "name": meta::configuration_name(desired, &hash) } })
}

pub(super) fn mount(volume: &str, path: &str) -> Value {
    json!({ "name": volume, "mountPath": path })
}

pub(super) fn read_only_mount(volume: &str, path: &str) -> Value {
    json!({ "name": volume, "mountPath": path, "readOnly": true })
}

fn port(name: &str, number: i32) -> Value {
    json!({ "name": name, "containerPort": number, "protocol": "TCP" })
}
