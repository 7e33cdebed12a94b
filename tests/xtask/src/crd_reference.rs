//! The reference of the StoreCluster: a table of its fields, out of the CRD's schema. Pure.

use serde_json::Value;

use crate::generate::GenerateError;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use store_suites::manifests::ManifestsError;

/// The page of all fields of `spec` and `status`, and of the rules.
///
/// # Errors
/// [`GenerateError::Manifests`] when the CRD cannot be read as JSON.
pub fn page(crd: &CustomResourceDefinition) -> Result<String, GenerateError> {
    let crd = serde_json::to_value(crd)
        .map_err(|error| ManifestsError::Serialize { what: "the CRD".to_owned(), reason: error.to_string() })?;
    let version = &crd["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut text = format!(
        "# StoreCluster\n\nGenerated from the types in `crds/src` by `make generate`. `{}/{}`, short name `{}`. The same is told by\n`kubectl explain storecluster.spec`.\n",
        string(&crd["spec"]["group"]),
        string(&version["name"]),
        string(&crd["spec"]["names"]["shortNames"][0]),
    );
    for part in ["spec", "status"] {
        text += &format!("\n## {part}\n\n| field | type | default | |\n|---|---|---|---|\n");
        rows(&schema["properties"][part], part, &mut text);
    }
    text += "\n## Rules\n\nThe API server refuses what breaks one, with this text.\n\n";
    let mut rules = Vec::new();
    messages(schema, &mut rules);
    for rule in rules {
        text += &format!("- {}\n", prose(&rule));
    }
    Ok(text)
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Fields below `node`, each with what is in it after it.
fn rows(node: &Value, path: &str, text: &mut String) {
    for (name, child) in node["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let (shown, inner) = match (child["items"].is_object(), child["additionalProperties"].is_object()) {
            (true, _) => (format!("{path}[]"), &child["items"]),
            (_, true) => (format!("{path}.*"), &child["additionalProperties"]),
            _ => (path.clone(), child),
        };
        // What is refused in any case is no field.
        if string(&child["description"]) == "Decided by the operator; leave it out." {
            continue;
        }
        let default = if child["default"].is_null() || inner["properties"].is_object() {
            String::new()
        } else {
            format!("`{}`", child["default"])
        };
        let described = prose(string(&child["description"]));
        *text += &format!("| `{path}` | {} | {default} | {described} |\n", kind(child));
        rows(inner, &shown, text);
    }
}

fn kind(node: &Value) -> String {
    if let Some(words) = node["enum"].as_array() {
        return words.iter().map(|word| format!("`{}`", string(word))).collect::<Vec<_>>().join(", ");
    }
    if node["items"].is_object() {
        return format!("list of {}", kind(&node["items"]));
    }
    if node["additionalProperties"].is_object() {
        return format!("map of {}", kind(&node["additionalProperties"]));
    }
    if node["x-kubernetes-int-or-string"] == true {
        return "integer or string".to_owned();
    }
    string(&node["type"]).to_owned()
}

/// The messages of all rules, each once, in the order of the schema.
fn messages(node: &Value, found: &mut Vec<String>) {
    for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = string(&rule["message"]).to_owned();
        if !found.contains(&message) {
            found.push(message);
        }
    }
    let inner = [&node["items"], &node["additionalProperties"]].into_iter().filter(|inner| inner.is_object());
    for child in node["properties"].as_object().into_iter().flat_map(|map| map.values()).chain(inner) {
        messages(child, found);
    }
}

fn prose(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_and_every_rule_of_the_crd_is_on_the_page() {
        let page = page(&store_crds::crd()).expect("a page");
        for field in
            ["spec.cassandra.size", "spec.keyspaces[].replicationFactor", "spec.api.ingress.host", "status.conditions"]
        {
            assert!(page.contains(&format!("| `{field}` |")), "no {field}");
        }
        assert!(page.contains("| `spec.cassandra.size` | integer | `1` | Number of Cassandra nodes"));
        assert!(!page.contains("seed_provider` |"), "what may not be set is no field");
        for message in
            [store_crds::messages::RACKS_CHANGED, store_crds::messages::API_KEYSPACE, store_crds::messages::HEAP]
        {
            assert!(page.contains(&prose(message)), "{message}");
        }
    }
}
