//! Tests of `diff`. `diff_cases.json` holds objects as rendered and as a kube-apiserver 1.35 served
//! them after a server-side apply: with its defaults, its own order, and without empty values.

use super::super::child::Fill;
use super::*;
use serde_json::json;

#[derive(Clone, serde::Deserialize)]
struct Case {
    rendered: Value,
    live: Value,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("diff_cases.json")).unwrap()
}

fn case(kind: &str) -> Case {
    cases().into_iter().find(|case| case.rendered["kind"] == kind).unwrap()
}

fn child(object: &Value, mode: Mode) -> Child {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let kind = ChildKind::ALL.into_iter().find(|kind| object["kind"] == kind.as_str()).unwrap();
    let key = ChildKey::new(kind, text(&object["metadata"]["name"]));
    Child { key, object: object.clone(), mode }
}

fn writes(case: &Case) -> Vec<Write> {
    let child = child(&case.rendered, Mode::Apply);
    diff(std::slice::from_ref(&child), &[(child.key.clone(), case.live.clone())].into())
}

/// Pointers to all values of a JSON tree below `at`, inner ones included.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let pointer = format!("{at}/{}", escaped(key));
                found.push(pointer.clone());
                pointers(value, &pointer, found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Where a rendered value is in the live object: both list the same items in the same order in all
/// cases, so the pointers agree.
fn rendered_pointers(case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    pointers(&case.rendered, "", &mut found);
    found.retain(|pointer| !pointer.starts_with("/spec/volumeClaimTemplates"));
    found
}

#[test]
fn nothing_is_written_where_the_server_holds_what_is_rendered() {
    for case in cases() {
        assert_eq!(writes(&case), [], "{}", case.rendered["kind"]);
    }
}

#[test]
fn every_value_that_is_taken_away_by_hand_is_put_back() {
    let mut tried = 0;
    for case in cases() {
        for pointer in rendered_pointers(&case) {
            let mut edited = case.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let key = key.replace("~1", "/").replace("~0", "~");
            let removed = edited.live.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&key).unwrap();
            tried += 1;
            let right = is_empty(&removed);
            assert_eq!(writes(&edited).is_empty(), right, "{} without {pointer}", case.rendered["kind"]);
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn every_value_that_is_changed_by_hand_is_put_right() {
    for case in cases() {
        for pointer in rendered_pointers(&case) {
            let mut edited = case.clone();
            let value = edited.live.pointer_mut(&pointer).unwrap();
            let other = match &*value {
                Value::String(text) => json!(format!("{text}0")),
                Value::Number(number) => json!(number.as_i64().unwrap() + 1),
                Value::Bool(truth) => json!(!truth),
                Value::Array(_) | Value::Object(_) | Value::Null => continue,
            };
            *value = other;
            assert!(!writes(&edited).is_empty(), "{} with another {pointer}", case.rendered["kind"]);
        }
    }
}

#[test]
fn what_others_add_is_left_alone() {
    let mut case = case("StatefulSet");
    case.live["metadata"]["labels"]["team"] = json!("shop");
    case.live["metadata"]["annotations"]["example.com/note"] = json!("hands off");
    case.live["metadata"]["resourceVersion"] = json!("4711");
    case.live["status"] = json!({"replicas": 1, "readyReplicas": 0});
    assert_eq!(writes(&case), []);
}

#[test]
fn another_item_in_a_list_without_names_is_taken_out() {
    let mut case = case("NetworkPolicy");
    let rules = case.live.pointer_mut("/spec/ingress").unwrap().as_array_mut().unwrap();
    rules.push(json!({}));
    assert_eq!(writes(&case).len(), 1);
}

#[test]
fn init_containers_in_another_order_are_put_right() {
    let mut case = case("StatefulSet");
    let list = case.live.pointer_mut("/spec/template/spec/initContainers").unwrap().as_array_mut().unwrap();
    list.reverse();
    assert_eq!(writes(&case).len(), 1);
}

#[test]
fn a_value_that_is_no_longer_rendered_is_written_since_the_hash_differs() {
    let mut case = case("Ingress");
    case.rendered["metadata"]["annotations"].as_object_mut().unwrap().remove("cert-manager.io/cluster-issuer");
    assert_eq!(writes(&case), [], "as long as the hash is the same");
    case.rendered["metadata"]["annotations"][ANNOTATION_APPLIED_HASH] = json!("another");
    assert_eq!(writes(&case).len(), 1);
}

#[test]
fn quantities_are_compared_by_value_where_they_are_quantities() {
    let mut quantities = case("StatefulSet");
    let limits = quantities.live.pointer_mut("/spec/template/spec/containers/0/resources/limits").unwrap();
    *limits = json!({"cpu": "4000m", "memory": "8192Mi"});
    assert_eq!(writes(&quantities), []);
    let mut word = case("ConfigMap");
    word.rendered["data"]["token-replication"] = json!("1");
    word.live["data"]["token-replication"] = json!("1000m");
    assert_eq!(writes(&word).len(), 1);
}

#[test]
fn a_stateful_set_is_never_written_with_other_claim_templates() {
    let mut case = case("StatefulSet");
    case.rendered["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = json!("200Gi");
    assert_eq!(writes(&case), []);
    case.rendered["spec"]["replicas"] = json!(5);
    let [Write::Apply { object, .. }] = &writes(&case)[..] else { panic!("no apply") };
    assert_eq!(object["spec"]["replicas"], 5);
    assert_eq!(object["spec"]["volumeClaimTemplates"], case.live["spec"]["volumeClaimTemplates"]);
}

#[test]
fn what_is_missing_is_made_in_the_order_it_is_rendered() {
    let children: Vec<Child> = cases().iter().map(|case| child(&case.rendered, Mode::Apply)).collect();
    let made: Vec<ChildKey> = diff(&children, &BTreeMap::new())
        .into_iter()
        .map(|write| match write {
            Write::Apply { key, live: None, .. } => key,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(made, children.into_iter().map(|child| child.key).collect::<Vec<_>>());
}

#[test]
fn what_is_made_once_is_never_touched_again() {
    let secret = json!({"kind": "Secret", "metadata": {"name": "shop-api"}, "stringData": {"username": "store_api"}});
    let child = child(&secret, Mode::CreateOnce { fill: Fill::Random(vec!["password"]) });
    let made = diff(std::slice::from_ref(&child), &BTreeMap::new());
    assert_eq!(made, [Write::Create { key: child.key.clone(), object: secret, fill: Fill::Random(vec!["password"]) }]);
    let live = json!({"metadata": {"name": "shop-api", "uid": "u"}, "data": {"password": "b3RoZXI="}});
    assert_eq!(diff(std::slice::from_ref(&child), &[(child.key.clone(), live)].into()), []);
}

#[test]
fn an_ingress_that_is_no_longer_wanted_goes_by_its_uid_and_nothing_else_does() {
    let live: BTreeMap<ChildKey, Value> =
        cases().into_iter().map(|case| (child(&case.live, Mode::Apply).key, case.live)).collect();
    let policy = case("NetworkPolicy");
    let wanted = [child(&policy.rendered, Mode::Apply)];
    let ingress = case("Ingress").live;
    let uid = Uid::new(ingress["metadata"]["uid"].as_str().unwrap()).unwrap();
    assert_eq!(diff(&wanted, &live), [Write::Delete { key: child(&ingress, Mode::Apply).key, uid }]);
    assert_eq!(diff(&[], &live), [], "an empty rendering says nothing about what is wanted");
}
