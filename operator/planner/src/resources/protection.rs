//! Disruption budgets and network policies. Pure.

use serde_json::{Value, json};
use store_crds::{
    API_OPERATIONS_PORT, API_PORT, CQL_PORT, INTERNODE_PORT, JOLOKIA_PORT, LABEL_COMPONENT, LABEL_STORE,
    NODE_AGENT_PORT,
};

use super::child::Child;
use super::meta::{self, Component};
use crate::desired::Desired;
use crate::identity::ChildKind;
use crate::settings::Settings;

/// At most one pod of a component is evicted at a time.
pub fn build_disruption_budgets(desired: &Desired) -> [Child; 2] {
    [Component::Cassandra, Component::Api].map(|component| {
        let body = json!({
            "spec": {
                "maxUnavailable": 1,
                "unhealthyPodEvictionPolicy": match component {
                    // one that is not ready may be streaming its data
                    Component::Cassandra => "IfHealthyBudget",
                    // one that is not ready serves nobody, and must not keep a machine from being drained
                    Component::Api | Component::Schema | Component::Check => "AlwaysAllow",
                },
                "selector": { "matchLabels": meta::selector(desired, component) },
            },
        });
        meta::applied(
            desired,
            "policy/v1",
            ChildKind::PodDisruptionBudget,
            meta::component_name(desired, component),
            meta::labels(desired, component),
            body,
        )
    })
}

/// Who may reach what: Cassandra nodes each other, the API and the schema writer CQL, and only the
/// operator the management ports.
pub fn build_network_policies(desired: &Desired, settings: &Settings) -> [Child; 3] {
    let pods = |component| json!({ "podSelector": { "matchLabels": meta::selector(desired, component) } });
    let operator = json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": settings.operator_namespace } },
        "podSelector": { "matchLabels": settings.operator_pod_labels },
    });
    let mut cassandra = json!([
        { "from": [pods(Component::Cassandra)], "ports": ports(&[INTERNODE_PORT]) },
        {
            "from": [pods(Component::Cassandra), pods(Component::Api), pods(Component::Schema), operator],
            "ports": ports(&[CQL_PORT]),
        },
        { "from": [operator], "ports": ports(&[JOLOKIA_PORT, NODE_AGENT_PORT]) },
    ]);
    let mut api = json!([
        { "ports": ports(&[API_PORT]) },
        // which asks whether signed tokens can be checked
        { "from": [operator], "ports": ports(&[API_OPERATIONS_PORT]) },
    ]);
    if !settings.metrics_namespaces.is_empty() {
        let scrapers: Value = settings.metrics_namespaces.iter().map(|name| namespace(name)).collect();
        for (rules, port) in [(&mut cassandra, NODE_AGENT_PORT), (&mut api, API_OPERATIONS_PORT)] {
            if let Some(rules) = rules.as_array_mut() {
                rules.push(json!({ "from": scrapers, "ports": ports(&[port]) }));
            }
        }
    }
    // Pods that do one thing and end: nobody has to reach them.
    let passing = [Component::Schema, Component::Check].map(Component::name);
    let selectors = [
        (Component::Cassandra, json!({ "matchLabels": meta::selector(desired, Component::Cassandra) }), cassandra),
        (Component::Api, json!({ "matchLabels": meta::selector(desired, Component::Api) }), api),
        (
            Component::Schema,
            json!({
                "matchLabels": { LABEL_STORE: desired.name },
                "matchExpressions": [{ "key": LABEL_COMPONENT, "operator": "In", "values": passing }],
            }),
            json!([]),
        ),
    ];
    selectors.map(|(component, selector, ingress)| {
        let body = json!({
            "spec": {
                "podSelector": selector,
                "policyTypes": ["Ingress"],
                "ingress": ingress,
            },
        });
        meta::applied(
            desired,
            "networking.k8s.io/v1",
            ChildKind::NetworkPolicy,
            meta::component_name(desired, component),
            meta::labels(desired, component),
            body,
        )
    })
}

fn namespace(name: &str) -> Value {
    json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } } })
}

fn ports(numbers: &[i32]) -> Value {
    numbers.iter().map(|number| json!({ "port": number, "protocol": "TCP" })).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{production, settings};
    use super::*;

    #[test]
    fn only_the_named_namespaces_may_scrape_and_they_reach_no_other_port_of_management() {
        for (at, port) in [(0, NODE_AGENT_PORT), (1, API_OPERATIONS_PORT)] {
            let rules = |settings: &Settings| {
                let policies = build_network_policies(&production(), settings);
                policies[at].object["spec"]["ingress"].as_array().unwrap().clone()
            };
            let without = rules(&settings());
            let with = rules(&Settings { metrics_namespaces: vec!["monitoring".into()], ..settings() });
            assert_eq!(with[..without.len()], without[..]);
            let expected = json!({ "from": [namespace("monitoring")], "ports": ports(&[port]) });
            assert_eq!(with[without.len()..], [expected]);
        }
    }

    #[test]
    fn pods_that_only_pass_are_reached_by_nobody() {
        let [.., passing] = build_network_policies(&production(), &settings());
        let spec = &passing.object["spec"];
        assert_eq!((&spec["ingress"], &spec["policyTypes"]), (&json!([]), &json!(["Ingress"])));
        assert_eq!(spec["podSelector"]["matchExpressions"][0]["values"], json!(["schema", "check"]));
    }

    #[test]
    fn clients_of_the_api_reach_its_port_and_the_operator_alone_that_of_probes_and_metrics() {
        let policies = build_network_policies(&production(), &settings());
        let ingress = &policies[1].object["spec"]["ingress"];
        assert_eq!(ingress[0], json!({ "ports": ports(&[API_PORT]) }));
        assert_eq!(ingress[1]["ports"], ports(&[API_OPERATIONS_PORT]));
        let from = ingress[1]["from"].as_array().unwrap();
        assert_eq!((from.len(), &from[0]["podSelector"]["matchLabels"]), (1, &json!(settings().operator_pod_labels)));
        assert_eq!(ingress.as_array().unwrap().len(), 2);
    }
}
