//! Why an operation goes on: the fields of the spec that were changed, and in which generation. A change is
//! remembered from when it is taken up until everything it owes is done. Pure.

use serde_json::Value;
use store_crds::{OperationKind, OperationStatus};

use super::world::Context;

/// Most fields of one change that are remembered.
const FIELDS_MAX: usize = 16;
/// Most fields that are named in one sentence.
const NAMED_MAX: usize = 4;

/// Says of an operation that begins which change asks for it.
pub fn explain(context: &Context, operation: &mut OperationStatus) {
    let wanted = |field: &&String| fields_of(operation.kind).iter().any(|of| is_below(field, of));
    let newest = context.observation.status.changes.iter().rev();
    let found = newest.map(|change| (change, change.fields.iter().filter(wanted).collect::<Vec<_>>()));
    let Some((change, fields)) = found.into_iter().find(|(_, fields)| !fields.is_empty()) else {
        // pods follow their template, which also comes from the operator
        operation.cause = (operation.kind == OperationKind::Rollout)
            .then(|| "it was made from another template than this operator's".to_owned());
        return;
    };
    let named: Vec<&str> = fields.iter().take(NAMED_MAX).map(|field| field.as_str()).collect();
    let more = match fields.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    operation.cause = Some(format!("{}{more} changed (generation {})", named.join(", "), change.generation));
    operation.generation = Some(change.generation);
}

/// Fields whose change asks for operations of a kind.
fn fields_of(kind: OperationKind) -> &'static [&'static str] {
    match kind {
        OperationKind::Rollout => &[
            "spec.cassandra.version",
            "spec.cassandra.image",
            "spec.cassandra.imagePullPolicy",
            "spec.cassandra.resources",
            "spec.cassandra.heap",
            "spec.cassandra.cassandraYaml",
            "spec.cassandra.jvmOptions",
            "spec.cassandra.racks",
            "spec.imagePullSecrets",
        ],
        OperationKind::Join | OperationKind::Decommission => &["spec.cassandra.size", "spec.cassandra.racks"],
        OperationKind::AlterReplication | OperationKind::Repair => &["spec.keyspaces", "spec.cassandra.size"],
        OperationKind::Cleanup => &["spec.keyspaces", "spec.cassandra.size", "spec.cassandra.racks"],
        OperationKind::GrowVolumes => &["spec.cassandra.storage"],
        OperationKind::Migrate => &["spec.api.image", "spec.api.keyspace"],
        OperationKind::Bootstrap | OperationKind::Start | OperationKind::Roles => &[],
    }
}

/// `field` is `of`, or a part of it.
fn is_below(field: &str, of: &str) -> bool {
    field.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

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

    #[test]
    fn a_change_explains_what_it_asks_for_and_nothing_else() {
        for (field, kind, explains) in [
            ("spec.cassandra.cassandraYaml.concurrent_reads", OperationKind::Rollout, true),
            ("spec.cassandra.sizes", OperationKind::Join, false),
            ("spec.cassandra.size", OperationKind::Join, true),
            ("spec.cassandra.size", OperationKind::Rollout, false),
            ("spec.keyspaces[shop].replicationFactor", OperationKind::AlterReplication, true),
            ("spec.api.image", OperationKind::Migrate, true),
            ("spec.cassandra.imagePullPolicy", OperationKind::Rollout, true),
        ] {
            let found = fields_of(kind).iter().any(|of| is_below(field, of));
            assert_eq!(found, explains, "{field} {kind:?}");
        }
    }
}
