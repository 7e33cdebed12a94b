//! What differs between two specs. Pure.

use serde_json::Value;

/// Most fields of one change that are told.
const FIELDS_MAX: usize = 16;

/// Paths of the fields in which two specs differ, as their JSON.
pub fn changed_fields(before: &str, after: &str) -> Vec<String> {
    let read = |json: &str| serde_json::from_str::<Value>(json).unwrap_or(Value::Null);
    let mut fields = Vec::new();
    differences("spec", &read(before), &read(after), &mut fields);
    fields.truncate(FIELDS_MAX);
    fields
}

fn differences(path: &str, before: &Value, after: &Value, fields: &mut Vec<String>) {
    if before == after || fields.len() >= FIELDS_MAX {
        return;
    }
    let absent = Value::Null;
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                let of = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
                differences(&format!("{path}.{name}"), &of(old), &of(new), fields);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.iter().chain(new).all(|item| item["name"].is_string()) => {
            let named = |items: &'_ [Value], name: &Value| items.iter().find(|item| &item["name"] == name).cloned();
            let added = new.iter().filter(|item| named(old, &item["name"]).is_none());
            let count = fields.len();
            for item in old.iter().chain(added) {
                let name = item["name"].as_str().unwrap_or_default();
                let of = |items: &[Value]| named(items, &item["name"]).unwrap_or(absent.clone());
                differences(&format!("{path}[{name}]"), &of(old), &of(new), fields);
            }
            if fields.len() == count {
                fields.push(path.to_owned()); // the same in another order
            }
        }
        _ => fields.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(before: Value, after: Value) -> Vec<String> {
        changed_fields(&before.to_string(), &after.to_string())
    }

    #[test]
    fn the_fields_that_differ_are_named() {
        let spec = |heap: &str, yaml: Value, factor: i32| {
            json!({
                "cassandra": {"heap": heap, "cassandraYaml": yaml, "jvmOptions": []},
                "keyspaces": [{"name": "shop", "replicationFactor": factor}],
            })
        };
        let base = spec("1Gi", json!({"concurrent_reads": 32}), 1);
        assert_eq!(changed(base.clone(), base.clone()), [] as [&str; 0]);
        assert_eq!(changed(base.clone(), spec("2Gi", json!({"concurrent_reads": 32}), 1)), ["spec.cassandra.heap"]);
        let both = changed(base.clone(), spec("1Gi", json!({"concurrent_writes": 8}), 3));
        assert_eq!(
            both,
            [
                "spec.cassandra.cassandraYaml.concurrent_reads",
                "spec.cassandra.cassandraYaml.concurrent_writes",
                "spec.keyspaces[shop].replicationFactor"
            ]
        );
        let mut options = base.clone();
        options["cassandra"]["jvmOptions"] = json!(["-Xlog:gc"]);
        assert_eq!(changed(base.clone(), options), ["spec.cassandra.jvmOptions"]);
        let mut more = base.clone();
        more["keyspaces"].as_array_mut().unwrap().push(json!({"name": "more", "replicationFactor": 1}));
        assert_eq!(changed(base, more), ["spec.keyspaces[more]"]);
        let racks = |names: [&str; 2]| json!({"racks": names.map(|name| json!({"name": name}))});
        assert_eq!(changed(racks(["a", "b"]), racks(["b", "a"])), ["spec.racks"]);
    }
}
