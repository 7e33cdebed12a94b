//! The table of bad specs against the rules in Rust and against the CEL rules of the schema, and the
//! shape of the schema itself.

#![allow(clippy::unwrap_used)] // a test file as a whole

use kube::core::cel::Validator;
use serde_json::{Value, json};
use store_crds::bad_specs::{BadSpec, GoodChange, bad_specs, good_changes};
use store_crds::{CarriedOut, StoreClusterSpec, validate, validate_change};

fn schema() -> Value {
    let crd = serde_json::to_value(store_crds::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn object(store: &str, spec: &Value) -> Value {
    json!({"apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster", "metadata": {"name": store}, "spec": spec})
}

/// The object with the status that an API server keeps over a change of the spec.
fn with_status(mut object: Value, carried_out: Option<&CarriedOut>) -> Value {
    if let Some(carried_out) = carried_out {
        object["status"] = json!({"carriedOut": carried_out});
    }
    object
}

/// What the CEL rules say about an object after the API server's defaulting.
fn cel_errors(store: &str, spec: &Value, old: Option<(&Value, Option<&CarriedOut>)>) -> Vec<String> {
    let carried_out = old.and_then(|(_, carried_out)| carried_out);
    let old = old.map(|(old, carried_out)| with_status(object(store, old), carried_out));
    let new = with_status(object(store, spec), carried_out);
    match Validator::new().validate_with_defaults(&schema(), &new, old.as_ref()) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.as_slice().iter().map(|error| error.message.clone()).collect(),
    }
}

fn typed(spec: &Value) -> Result<StoreClusterSpec, serde_json::Error> {
    serde_json::from_value(spec.clone())
}

#[test]
fn every_bad_spec_is_refused_by_the_rules_in_rust_with_its_field_and_cure() {
    for BadSpec { name, store, old, carried_out, spec, field, message, types, .. } in bad_specs().unwrap() {
        if types {
            assert!(typed(&spec).is_err(), "{name}: the types hold it");
            continue;
        }
        let new = typed(&spec).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut found = validate(&store, &new);
        if let Some(old) = old {
            let old = typed(&old).unwrap();
            assert_eq!(validate(&store, &old), [], "{name}: the old spec is bad itself");
            found.extend(validate_change(&old, &new, carried_out.as_ref()));
        }
        let message = message.unwrap_or_else(|| panic!("{name}: no message"));
        assert!(found.iter().any(|v| v.field == field && v.message.contains(&message)), "{name}: {found:#?}");
    }
}

#[test]
fn every_bad_spec_is_refused_by_the_schema_in_the_same_words() {
    for BadSpec { name, store, old, carried_out, spec, field, message, server, .. } in bad_specs().unwrap() {
        // where the server has its own words, its schema refuses before any CEL rule is asked; and
        // `has()` of lists and numbers is false in this evaluator, other than on an API server
        let string = spec["cassandra"]["cassandraYaml"]["authenticator"].is_string();
        if server.is_some() || (field == "spec.cassandra.cassandraYaml" && !string) {
            continue;
        }
        let errors = cel_errors(&store, &spec, old.as_ref().map(|old| (old, carried_out.as_ref())));
        assert!(errors.iter().any(|error| error.contains(&message.clone().unwrap())), "{name}: {errors:#?}");
    }
}

#[test]
fn the_table_has_a_bad_spec_for_every_message() {
    let table = bad_specs().unwrap();
    assert!(table.len() >= 40);
    let source = include_str!("../src/messages.rs");
    let texts = source.split('"').filter(|text| text.contains(": ") || text.contains("must be"));
    for text in texts
        .filter(|text| text.starts_with("spec.") || text.starts_with("metadata.") || text.starts_with("resources."))
    {
        let covered = table.iter().filter_map(|bad| bad.message.as_deref()).any(|part| text.contains(part));
        assert!(covered, "no bad spec is refused with: {text}");
    }
}

#[test]
fn what_was_never_carried_out_can_be_taken_back() {
    for GoodChange { name, old, carried_out, spec } in good_changes().unwrap() {
        let by_cel = cel_errors("shop", &spec, Some((&old, carried_out.as_ref())));
        assert_eq!(by_cel, Vec::<String>::new(), "{name}");
        let (old, new) = (typed(&old).unwrap(), typed(&spec).unwrap());
        let carried_out = carried_out.unwrap_or_default();
        assert_eq!(validate("shop", &old), [], "{name}: before");
        assert_eq!(validate("shop", &new), [], "{name}: after");
        assert_eq!(validate_change(&old, &new, Some(&carried_out)), [], "{name}");
    }
}

#[test]
fn a_status_that_does_not_tell_what_was_carried_out_holds_all_of_it_fast() {
    let old = json!({"cassandra": {"racks": [{"name": "a", "zone": "z1"}], "storage": {"size": "10Gi"}}});
    let status = json!({"roles_ready": true});
    for spec in [
        json!({"cassandra": {"racks": [{"name": "a", "zone": "z2"}], "storage": {"size": "10Gi"}}}),
        json!({"cassandra": {"racks": [{"name": "a", "zone": "z1"}], "storage": {"size": "9Gi"}}}),
        json!({"cassandra": {"racks": [{"name": "a", "zone": "z1"}], "storage": {"size": "10Gi", "className": "x"}}}),
        json!({"cassandra": {"racks": [{"name": "a", "zone": "z1"}], "storage": {"size": "10Gi"}, "version": "4.1"}}),
        json!({"cassandra": {"racks": [{"name": "a", "zone": "z1"}], "storage": {"size": "10Gi"}, "datacenter": "x"}}),
    ] {
        let [mut before, mut after] = [object("shop", &old), object("shop", &spec)];
        before["status"] = status.clone();
        after["status"] = status.clone();
        assert!(Validator::new().validate_with_defaults(&schema(), &after, Some(&before)).is_err(), "{spec}");
        assert_ne!(validate_change(&typed(&old).unwrap(), &typed(&spec).unwrap(), None), [], "{spec}");
    }
}

#[test]
fn a_spec_that_no_annotation_can_hold_is_refused() {
    let settings: serde_json::Map<String, Value> =
        (0..100).map(|number| (format!("setting_{number}"), json!("x".repeat(2000)))).collect();
    let spec = typed(&json!({"cassandra": {"cassandraYaml": settings}})).unwrap();
    assert!(validate("shop", &spec).iter().any(|violation| violation.message.contains("192 KiB")));
}

#[test]
fn good_specs_pass_both_kinds_of_rules() {
    let racks = json!([{"name": "a", "zone": "z1"}, {"name": "b", "zone": "z2"}, {"name": "c", "zone": "z3"}]);
    let production = json!({
        "cassandra": {"size": 3, "racks": racks, "heap": "4Gi", "storage": {"size": "100Gi", "className": "ssd"},
            "resources": {"requests": {"cpu": 2, "memory": "8Gi"}, "limits": {"memory": "8Gi"}},
            "cassandraYaml": {"concurrent_reads": 64, "memtable": {"configurations": {"default": {"inherits": "x"}}}},
            "jvmOptions": ["-Dcassandra.ring_delay_ms=10000"]},
        "keyspaces": [{"name": "store_manager", "replicationFactor": 3}],
        "api": {"replicas": 2,
            "corsOrigins": ["https://shop.example.com", "http://localhost:3000", "https://[2001:db8::443]:8443", "http://[::80]"],
            "ingress": {"host": "shop.example.com", "tlsSecretName": "shop-tls"},
            "gateway": {"parents": [{"name": "main", "namespace": "gateways", "sectionName": "https"}],
                "hostnames": ["shop.example.com", "*.shops.example.com"]}},
    });
    let larger = {
        let mut larger = production.clone();
        larger["cassandra"]["size"] = json!(5);
        larger["cassandra"]["storage"]["size"] = json!("0.2Ti");
        larger["cassandra"]["allowReplicationAboveThree"] = json!(true);
        larger["keyspaces"][0]["replicationFactor"] = json!(5);
        larger
    };
    for (old, spec) in [
        (None, json!({})),
        (None, json!({"cassandra": {"size": 3}})),
        (Some(&production), larger),
        (None, production.clone()),
    ] {
        assert_eq!(cel_errors("shop", &spec, old.map(|old| (old, None))), Vec::<String>::new(), "{spec}");
        let typed_spec = typed(&spec).unwrap();
        assert_eq!(validate("shop", &typed_spec), [], "{spec}");
        if let Some(old) = old {
            assert_eq!(validate_change(&typed(old).unwrap(), &typed_spec, None), [], "{spec}");
        }
    }
}

#[test]
fn an_empty_spec_is_filled_in_by_the_schema_as_by_the_types() {
    let filled = kube::core::cel::apply_defaults(&schema()["properties"]["spec"], &json!({}));
    let of_types = serde_json::to_value(StoreClusterSpec::default()).unwrap();
    assert_eq!(filled, of_types);
    for part in ["cassandra", "api"] {
        let filled = kube::core::cel::apply_defaults(&schema()["properties"]["spec"], &json!({ part: {} }));
        assert_eq!(filled, of_types, "{part}: {{}}");
    }
    let storage = json!({"cassandra": {"storage": {}}});
    assert_eq!(kube::core::cel::apply_defaults(&schema()["properties"]["spec"], &storage), of_types);
}

#[test]
fn the_committed_yaml_is_what_the_types_generate() {
    let committed = include_str!("../storeclusters.storemanager.io.yaml");
    assert!(committed == store_crds::crd_yaml().unwrap(), "run `make generate` and commit the result");
}

#[test]
fn helm_keeps_every_copy_of_the_crd_whoever_has_applied_it() {
    let annotations = store_crds::crd().metadata.annotations.unwrap_or_default();
    assert_eq!(annotations.get("helm.sh/resource-policy").map(String::as_str), Some("keep"));
}

/// Walks the schema and calls `visit` with each node and its path.
fn walk(node: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    for (name, child) in node["properties"].as_object().into_iter().flatten() {
        walk(child, &format!("{path}.{name}"), visit);
    }
    for (part, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if node[part].is_object() {
            walk(&node[part], &format!("{path}{suffix}"), visit);
        }
    }
}

#[test]
fn every_field_is_described_and_none_is_nullable() {
    walk(&schema(), "", &mut |path, node| {
        assert!(node["nullable"].is_null(), "{path} is nullable");
        let element = path.ends_with("[]") || path.ends_with("{}");
        assert!(element || node["description"].is_string(), "{path} has no description");
    });
}

#[test]
fn every_size_in_the_spec_is_bounded_so_that_the_cost_of_rules_is_too() {
    walk(&schema()["properties"]["spec"], "spec", &mut |path, node| {
        let bounded = match node["type"].as_str() {
            Some("array") => node["maxItems"].is_number(),
            Some("string") => node["maxLength"].is_number() || node["enum"].is_array(),
            Some("integer") => node["maximum"].is_number(),
            Some("object") => node["additionalProperties"].is_null() || node["maxProperties"].is_number(),
            _ => true,
        };
        assert!(bounded, "{path} has no bound");
    });
}
