//! Services of a StoreCluster. Pure.

use serde_json::{Value, json};
use store_crds::{API_PORT, CQL_PORT, INTERNODE_PORT, JOLOKIA_PORT, NODE_AGENT_PORT};

use super::child::Child;
use super::meta::{self, Component};
use crate::accepted::ANNOTATION_ACCEPTED_SPEC;
use crate::desired::Desired;
use crate::identity::ChildKind;

/// Name of the headless Service that names every Cassandra pod, ready or not.
pub fn headless_name(desired: &Desired) -> String {
    meta::component_name(desired, Component::Cassandra)
}

/// Name of the Service of the Cassandra pods that serve CQL.
pub fn client_name(desired: &Desired) -> String {
    format!("{}-client", headless_name(desired))
}

/// Names of all Cassandra pods. Pods that are not ready are among them: they need each other's
/// addresses to become ready.
pub fn build_headless(desired: &Desired) -> Child {
    let ports =
        [("cql", CQL_PORT), ("internode", INTERNODE_PORT), ("jolokia", JOLOKIA_PORT), ("node-agent", NODE_AGENT_PORT)];
    let body = json!({
        "metadata": { "annotations": { ANNOTATION_ACCEPTED_SPEC: desired.accepted_spec } },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "publishNotReadyAddresses": true,
            "selector": meta::selector(desired, Component::Cassandra),
            "ports": ports.map(|(name, number)| port(name, number, number)),
        },
    });
    service(desired, headless_name(desired), Component::Cassandra, body)
}

/// Contact points for CQL drivers: the addresses of the pods that are ready. Headless, since drivers
/// find the other nodes themselves and take a list of addresses better than one that may be dead.
pub fn build_client(desired: &Desired) -> Child {
    let body = json!({
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "selector": meta::selector(desired, Component::Cassandra),
            "ports": [port("cql", CQL_PORT, CQL_PORT)],
        },
    });
    service(desired, client_name(desired), Component::Cassandra, body)
}

/// Port of the API's Service.
pub const API_SERVICE_PORT: i32 = 80;

/// The way to the REST API inside Kubernetes.
pub fn build_api(desired: &Desired) -> Child {
    let body = json!({
        "spec": {
            "type": "ClusterIP",
            "selector": meta::selector(desired, Component::Api),
            "ports": [port("http", API_SERVICE_PORT, API_PORT)],
        },
    });
    service(desired, meta::component_name(desired, Component::Api), Component::Api, body)
}

fn service(desired: &Desired, name: String, component: Component, body: Value) -> Child {
    meta::applied(desired, "v1", ChildKind::Service, name, meta::labels(desired, component), body)
}

fn port(name: &str, port: i32, target: i32) -> Value {
    json!({ "name": name, "port": port, "targetPort": target, "protocol": "TCP" })
}
