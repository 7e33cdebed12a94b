//! Snapshots of all objects of a minimal and of a production store, and what must hold for any.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use store_crds::{Consistency, StoreCluster};

use super::*;
use crate::decision::{ApiShape, Origin};
use crate::identity::{ChildKey, ChildKind, Uid};
use crate::observation::SecretPurpose;
use crate::settings::UserIds;

const UID: &str = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";

pub fn settings() -> Settings {
    Settings {
        user_ids: UserIds::Fixed,
        operator_image: "store-operator:1".into(),
        api_image: "store-api:1".into(),
        cassandra_repository: "docker.io/library/cassandra".into(),
        operator_namespace: "store-system".into(),
        operator_pod_labels: [("app.kubernetes.io/name".to_owned(), "store-operator".to_owned())].into(),
        metrics_namespaces: Vec::new(),
        telemetry: None,
    }
}

pub fn desired(spec: Value) -> Desired {
    let store: StoreCluster = serde_json::from_value(json!({
        "apiVersion": "storemanager.io/v1alpha1",
        "kind": "StoreCluster",
        "metadata": {"name": "shop", "namespace": "default", "uid": UID},
        "spec": spec,
    }))
    .unwrap();
    Desired::read(&store, Uid::new(UID).unwrap(), None)
}

pub fn production() -> Desired {
    desired(json!({
        "cassandra": {
            "version": "4.1.10",
            "datacenter": "eu_west",
            "size": 4,
            "racks": [{"name": "a", "zone": "z1"}, {"name": "b", "zone": "z2"}, {"name": "c", "zone": "z3"}],
            "storage": {"size": "100Gi", "className": "fast"},
            "resources": {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "4", "memory": "8192Mi"}},
            "heap": "4Gi",
            "cassandraYaml": {"concurrent_reads": 64, "audit_logging_options": {"enabled": true}},
            "jvmOptions": ["-XX:+UseG1GC"],
            "deletionPolicy": "Delete",
        },
        "keyspaces": [{"name": "store_manager", "replicationFactor": 3}],
        "api": {
            "replicas": 3,
            "image": "registry.example.com/store-api:7",
            "consistency": "QUORUM",
            "serialConsistency": "SERIAL",
            "ingress": {
                "host": "shop.example.com",
                "className": "traefik",
                "tlsSecretName": "shop-tls",
                "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
            },
            "gateway": {
                "parents": [{"name": "main", "namespace": "gateways", "sectionName": "https"}],
                "hostnames": ["shop.example.com"],
            },
        },
    }))
}

pub fn all_secrets() -> BTreeMap<SecretPurpose, Origin> {
    let others = [SecretPurpose::CursorKey, SecretPurpose::ApiTokens];
    SecretPurpose::LOGINS.into_iter().chain(others).map(|purpose| (purpose, Origin::Random)).collect()
}

pub fn shape(replicas: &[(&str, i32)], seeds: &[&str]) -> Shape {
    Shape {
        secrets: all_secrets(),
        api_inputs: Some("digest".into()),
        replicas: replicas.iter().map(|(rack, number)| ((*rack).to_owned(), *number)).collect(),
        seeds: seeds.iter().map(|pod| (*pod).to_owned()).collect(),
        cluster_name: "shop".into(),
        migrate: Some(Consistency::LocalQuorum),
        route: true,
        api: Some(ApiShape { image: "store-api:migrated".into(), keyspace: "store_manager".into() }),
        ..Shape::default()
    }
}

fn minimal_children() -> Vec<Child> {
    build(&desired(json!({})), &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings())
}

fn production_children() -> Vec<Child> {
    let seeds = ["shop-cassandra-a-0", "shop-cassandra-b-0", "shop-cassandra-c-0"];
    build(&production(), &shape(&[("a", 2), ("b", 1), ("c", 1)], &seeds), &settings())
}

/// All objects as one list, the way `kubectl get -o yaml` shows them.
fn snapshot(store: &str, children: Vec<Child>) {
    let items: Vec<Value> = children.into_iter().map(|child| child.object).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_yaml_snapshot!(store, json!({ "apiVersion": "v1", "kind": "List", "items": items }));
    });
}

#[test]
fn objects_of_a_minimal_store() {
    snapshot("minimal", minimal_children());
}

#[test]
fn objects_of_a_production_store() {
    snapshot("production", production_children());
}

/// The object after a round through its Kubernetes type, which drops fields that do not exist.
fn through_type<T: Serialize + DeserializeOwned>(object: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(object.clone()).unwrap()).unwrap()
}

#[test]
fn every_field_exists_in_its_kubernetes_type() {
    for child in minimal_children().into_iter().chain(production_children()) {
        let object = &child.object;
        let typed = match child.key.kind.as_str() {
            "ConfigMap" => through_type::<ConfigMap>(object),
            "Deployment" => through_type::<Deployment>(object),
            "Ingress" => through_type::<Ingress>(object),
            "Job" => through_type::<Job>(object),
            "NetworkPolicy" => through_type::<NetworkPolicy>(object),
            "PodDisruptionBudget" => through_type::<PodDisruptionBudget>(object),
            "Secret" => through_type::<Secret>(object),
            "Service" => through_type::<Service>(object),
            "ServiceAccount" => through_type::<ServiceAccount>(object),
            "StatefulSet" => through_type::<StatefulSet>(object),
            // The Gateway API has no types here; the snapshot has the whole object.
            "HTTPRoute" => object.clone(),
            kind => panic!("no type for {kind}"),
        };
        assert!(typed == *object, "{:?} has a field that its type has not, or an order of its own", child.key);
    }
}

/// Pod specs of all objects that make pods.
fn pod_specs() -> Vec<(ChildKey, Value)> {
    let children = minimal_children().into_iter().chain(production_children());
    children.filter_map(|child| Some((child.key, child.object.pointer("/spec/template/spec")?.clone()))).collect()
}

fn containers(pod: &Value) -> Vec<Value> {
    ["initContainers", "containers"].iter().filter_map(|list| pod[*list].as_array()).flatten().cloned().collect()
}

#[test]
fn every_container_runs_restricted_on_a_read_only_root() {
    let pods = pod_specs();
    assert_eq!(pods.len(), 3 + 5);
    for (key, pod) in pods {
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true, "{key:?}");
        assert!(context["runAsUser"].as_i64().is_some_and(|user| user > 0), "{key:?}");
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault", "{key:?}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{key:?}");
        for container in containers(&pod) {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{key:?}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{key:?}");
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{key:?}");
            for resource in ["/resources/requests/cpu", "/resources/requests/memory", "/resources/limits/memory"] {
                assert!(container.pointer(resource).is_some(), "{key:?} {} {resource}", container["name"]);
            }
        }
    }
}

#[test]
fn no_password_is_in_any_object_but_as_a_name_of_a_key() {
    for child in production_children() {
        let text = child.object.to_string();
        let named = text.replace("CASSANDRA_PASSWORD_FILE", "").replace("/password\"", "");
        assert!(!named.contains("password"), "{:?}", child.key);
        if let Mode::CreateOnce { fill } = &child.mode {
            assert!(child.key.kind != ChildKind::Secret || *fill != Fill::Nothing);
        }
    }
}

#[test]
fn random_values_go_into_their_keys_and_leave_the_rest() {
    let superuser = minimal_children().into_iter().find(|child| child.key.name == "shop-superuser").unwrap();
    let Mode::CreateOnce { fill: Fill::Random(random) } = &superuser.mode else { panic!("not made once") };
    let secret = with_random_values(superuser.object, random, || "r4nd0m".into());
    assert_eq!(secret["stringData"], json!({"username": "store_operator", "password": "r4nd0m"}));
}

#[test]
fn the_superuser_secret_has_no_owner_so_that_it_outlives_the_store_with_its_volumes() {
    let owned = |children: Vec<Child>| {
        let child = children.into_iter().find(|child| child.key.name == "shop-superuser").unwrap();
        child.object["metadata"].get("ownerReferences").is_some()
    };
    assert!(!owned(minimal_children()) && !owned(production_children()));
}

#[test]
fn everything_else_is_owned_by_the_store() {
    for child in minimal_children() {
        let owner = child.object.pointer("/metadata/ownerReferences/0/uid");
        assert!(owner.is_some() || child.key.name == "shop-superuser", "{:?}", child.key);
    }
}

#[test]
fn another_image_or_keyspace_is_another_schema_job() {
    let name = |desired: &Desired| api::schema_job_name(desired, &settings());
    let (base, mut image, mut keyspace) = (production(), production(), production());
    image.api.image = Some("store-api:8".into());
    keyspace.api.keyspace = "other".into();
    assert_ne!(name(&base), name(&image));
    assert_ne!(name(&base), name(&keyspace));
    assert_eq!(name(&base).len(), "shop-schema-".len() + 8);
}

#[test]
fn every_pod_gets_the_pull_secrets_and_the_api_is_told_of_the_proxies() {
    let asked = desired(json!({"api": {"trustedHops": 2}, "imagePullSecrets": [{"name": "regcred"}]}));
    assert!(asked.refused.is_empty(), "{:?}", asked.refused);
    let children = build(&asked, &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
    let pods: Vec<&Value> = children.iter().filter_map(|child| child.object.pointer("/spec/template/spec")).collect();
    assert_eq!(pods.len(), 3, "the ring's, the API's and the schema's");
    assert!(pods.iter().all(|pod| pod["imagePullSecrets"] == json!([{"name": "regcred"}])), "{pods:#?}");
    let told = pods.iter().filter(|pod| pod.to_string().contains(r#""name":"STORE_TRUSTED_HOPS","value":"2""#));
    assert_eq!(told.count(), 1);
    for (_, pod) in pod_specs() {
        assert!(pod.get("imagePullSecrets").is_none(), "nothing is rendered for shops that name none");
    }
}

#[test]
fn every_pod_runs_where_the_spec_wants_it_and_bears_what_it_adds() {
    let wanted = json!({
        "nodeSelector": {"pool": "shops"}, "priorityClassName": "high",
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "shops", "effect": "NoSchedule"}],
        "podLabels": {"team": "shops", "app.kubernetes.io/component": "mine"}, "podAnnotations": {"a": "b"},
    });
    let asked = desired(json!({"cassandra": wanted, "api": wanted}));
    assert!(asked.refused.is_empty(), "{:?}", asked.refused);
    let children = build(&asked, &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
    let check = check::build(&asked, &settings()).object;
    let templates: Vec<&Value> = children.iter().filter_map(|child| child.object.pointer("/spec/template")).collect();
    let pods: Vec<&Value> = templates.into_iter().chain([&check]).collect();
    assert_eq!(pods.len(), 4, "the ring's, the API's, the schema's and that of the trial");
    for pod in pods {
        let (spec, metadata) = (&pod["spec"], &pod["metadata"]);
        assert_eq!(spec["nodeSelector"], wanted["nodeSelector"]);
        assert_eq!(spec["priorityClassName"], "high");
        let tolerations = spec["tolerations"].as_array().unwrap();
        assert!(tolerations.contains(&wanted["tolerations"][0]), "{tolerations:?}");
        assert_eq!((&metadata["labels"]["team"], &metadata["annotations"]["a"]), (&json!("shops"), &json!("b")));
        assert_ne!(metadata["labels"]["app.kubernetes.io/component"], "mine", "the operator's own win");
    }
}

#[test]
fn the_api_trusts_the_authorities_and_asks_by_the_proxy_that_the_spec_names() {
    let api = |spec: Value| {
        let children = build(&desired(spec), &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &settings());
        let of = |kind: ChildKind| {
            children.iter().find(|child| child.key.kind == kind).unwrap().object["spec"]["template"].clone()
        };
        (of(ChildKind::Deployment).to_string(), of(ChildKind::Job).to_string())
    };
    let (pod, job) = api(json!({"api": {"caConfigMapName": "company-ca", "proxy": {"url": "http://proxy:3128"}}}));
    for told in [
        r#"{"configMap":{"name":"company-ca"},"name":"ca"}"#,
        r#"{"name":"SSL_CERT_FILE","value":"/var/run/store/ca/ca.crt"}"#,
        r#"{"name":"HTTPS_PROXY","value":"http://proxy:3128"}"#,
        r#"{"name":"NO_PROXY","value":".svc,.cluster.local"}"#,
    ] {
        assert!(pod.contains(told), "{told} is not in {pod}");
    }
    assert!(!job.contains("company-ca") && !job.contains("PROXY"), "the schema Job asks Cassandra alone");
    let (pod, _) = api(json!({}));
    assert!(!pod.contains("SSL_CERT_FILE") && !pod.contains("PROXY"));
}

#[test]
fn the_ids_of_users_are_the_clusters_where_it_assigns_them() {
    let assigned = Settings { user_ids: UserIds::Assigned, ..settings() };
    let children = build(&desired(json!({})), &shape(&[("rack1", 1)], &["shop-cassandra-rack1-0"]), &assigned);
    let check = check::build(&desired(json!({})), &assigned);
    let told = children.iter().chain([&check]).map(|child| child.object.to_string());
    let fixed: Vec<String> = told.filter(|object| object.contains("runAsUser") || object.contains("fsGroup")).collect();
    assert!(fixed.is_empty(), "{fixed:?}");
}

#[test]
fn nothing_is_built_from_a_shape_that_says_so() {
    let nothing = Shape { nothing: true, ..shape(&[("rack1", 1)], &[]) };
    assert!(build(&desired(json!({})), &nothing, &settings()).is_empty());
}

#[test]
fn api_and_schema_job_come_when_the_shape_has_them() {
    let early = Shape { migrate: None, api: None, ..shape(&[("rack1", 1)], &[]) };
    let kinds: BTreeMap<ChildKind, usize> =
        build(&desired(json!({})), &early, &settings()).into_iter().fold(BTreeMap::new(), |mut kinds, child| {
            *kinds.entry(child.key.kind).or_default() += 1;
            kinds
        });
    assert_eq!(
        [ChildKind::Job, ChildKind::Deployment, ChildKind::StatefulSet].map(|kind| kinds.get(&kind).copied()),
        [None, None, Some(1)]
    );
}
