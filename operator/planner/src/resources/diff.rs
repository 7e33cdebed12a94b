//! What to write so that live objects become as rendered. Pure.
//!
//! A live object is right when it holds everything that is rendered: the API server adds defaults,
//! drops empty values, and others may add labels and annotations of their own. The hash of what was
//! rendered last tells when something was taken out of the rendering, which only an apply can see.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use store_crds::{ANNOTATION_APPLIED_HASH, canonical_quantity};

use super::child::{Child, Mode, Write};
use crate::identity::{ChildKey, ChildKind, Uid};

/// Fields that tell the items of a list apart, the most telling first. Lists of other items are
/// one value to the API server.
const ITEM_KEYS: [&str; 4] = ["mountPath", "name", "uid", "topologyKey"];

/// Fields whose values, at any depth, are quantities.
const QUANTITIES: [&str; 4] = ["requests", "limits", "sizeLimit", "storage"];

/// Kinds that are deleted when they are no longer rendered.
const PRUNED: [ChildKind; 2] = [ChildKind::Ingress, ChildKind::HttpRoute];

/// Requests that make the live objects as rendered, in the order of `wanted`. Nothing is deleted
/// when nothing is rendered, which is how a pass says that it leaves the objects alone.
pub fn diff(wanted: &[Child], live: &BTreeMap<ChildKey, Value>) -> Vec<Write> {
    let pruned = live.iter().filter(|(key, _)| {
        !wanted.is_empty() && PRUNED.contains(&key.kind) && !wanted.iter().any(|child| child.key == **key)
    });
    let deletes = pruned.filter_map(|(key, object)| Some(Write::Delete { key: key.clone(), uid: uid(object)? }));
    wanted.iter().filter_map(|child| write(child, live.get(&child.key))).chain(deletes).collect()
}

fn write(child: &Child, live: Option<&Value>) -> Option<Write> {
    let key = child.key.clone();
    match (&child.mode, live) {
        (Mode::CreateOnce { fill }, None) => {
            Some(Write::Create { key, object: child.object.clone(), fill: fill.clone() })
        }
        (Mode::CreateOnce { .. }, Some(_)) => None,
        (Mode::Apply, None) => Some(Write::Apply { key, object: child.object.clone(), live: None }),
        (Mode::Apply, Some(live)) => {
            let object = with_immutable_fields(&child.object, live);
            let same_rendering = applied_hash(&object).is_some() && applied_hash(&object) == applied_hash(live);
            (!same_rendering || !holds(live, &object)).then(|| Write::Apply { key, object, live: uid(live) })
        }
    }
}

fn uid(object: &Value) -> Option<Uid> {
    Uid::new(object.pointer("/metadata/uid")?.as_str()?)
}

fn applied_hash(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION_APPLIED_HASH)?.as_str()
}

/// A StatefulSet's claim templates cannot be changed: an apply with other ones would be refused and
/// take every other change down with it. Larger volumes come by making the set again.
fn with_immutable_fields(rendered: &Value, live: &Value) -> Value {
    let mut object = rendered.clone();
    let templates = live.pointer("/spec/volumeClaimTemplates").filter(|_| rendered["kind"] == "StatefulSet");
    if let (Some(spec), Some(templates)) = (object.get_mut("spec"), templates) {
        spec["volumeClaimTemplates"] = templates.clone();
    }
    object
}

/// Whether `live` holds everything that is in `rendered`.
fn holds(live: &Value, rendered: &Value) -> bool {
    value_holds(Some(live), rendered, false)
}

fn value_holds(live: Option<&Value>, rendered: &Value, quantity: bool) -> bool {
    let Some(live) = live else {
        return is_empty(rendered);
    };
    match (live, rendered) {
        (Value::Object(live), Value::Object(rendered)) => object_holds(live, rendered, quantity),
        (Value::Array(live), Value::Array(rendered)) => array_holds(live, rendered),
        (Value::String(live), Value::String(rendered)) if quantity => live == rendered || same_quantity(live, rendered),
        (Value::Number(live), Value::Number(rendered)) => live.as_f64() == rendered.as_f64(),
        _ => live == rendered || (is_empty(live) && is_empty(rendered)),
    }
}

fn object_holds(live: &Map<String, Value>, rendered: &Map<String, Value>, quantity: bool) -> bool {
    rendered.iter().all(|(key, value)| {
        let quantity = quantity || QUANTITIES.contains(&key.as_str());
        value_holds(live.get(key), value, quantity)
    })
}

/// Lists of named items may have more of them; their order counts. Other lists must be equal.
fn array_holds(live: &[Value], rendered: &[Value]) -> bool {
    let Some(key) = item_key(rendered) else {
        return live.len() == rendered.len()
            && live.iter().zip(rendered).all(|(live, rendered)| value_holds(Some(live), rendered, false));
    };
    let mut rest = live.iter();
    rendered.iter().all(|wanted| {
        rest.find(|item| item_name(item, key) == item_name(wanted, key))
            .is_some_and(|item| value_holds(Some(item), wanted, false))
    })
}

/// The field that tells the items apart, if they are objects that all have it, each its own.
fn item_key(items: &[Value]) -> Option<&'static str> {
    ITEM_KEYS.into_iter().find(|key| {
        let names: Option<Vec<&str>> = items.iter().map(|item| item_name(item, key)).collect();
        names.is_some_and(|mut names| {
            names.sort_unstable();
            names.dedup();
            !names.is_empty() && names.len() == items.len()
        })
    })
}

fn item_name<'a>(item: &'a Value, key: &str) -> Option<&'a str> {
    item.get(key)?.as_str()
}

/// Values that the API server drops.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn same_quantity(left: &str, right: &str) -> bool {
    matches!((canonical_quantity(left), canonical_quantity(right)), (Some(left), Some(right)) if left == right)
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
