//! The spec that was last accepted: where it is kept, and how it is found again. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::identity::{ChildKey, ChildKind};

/// Annotation on the headless Service: the spec that was last accepted, as JSON. Rules about
/// changes compare with it, and it goes on counting while a newer spec is refused.
pub const ANNOTATION_ACCEPTED_SPEC: &str = "storemanager.io/accepted-spec";

/// The spec that was last accepted, from the cached headless Service. One that an earlier StoreCluster of
/// that name still owns goes away with it, and says nothing about this one.
pub fn accepted_spec(children: &BTreeMap<ChildKey, Value>, store: &str, uid: &str) -> Option<String> {
    let key = ChildKey { kind: ChildKind::Service, name: format!("{store}-cassandra") };
    let metadata = children.get(&key)?.get("metadata")?;
    if metadata["ownerReferences"][0]["uid"].as_str().is_some_and(|owner| owner != uid) {
        return None;
    }
    let annotations = metadata.get("annotations")?;
    Some(annotations.get(ANNOTATION_ACCEPTED_SPEC)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_accepted_spec_is_read_from_the_headless_service_of_this_store_and_of_no_earlier_one() {
        let key = |name: &str| ChildKey { kind: ChildKind::Service, name: name.into() };
        let service = json!({"metadata": {
            "annotations": {ANNOTATION_ACCEPTED_SPEC: "{}"}, "ownerReferences": [{"uid": "u-1"}],
        }});
        let mut children = BTreeMap::from([(key("shop-cassandra"), service)]);
        assert_eq!(accepted_spec(&children, "shop", "u-1").as_deref(), Some("{}"));
        assert_eq!(accepted_spec(&children, "shop", "u-2"), None);
        assert_eq!(accepted_spec(&children, "other", "u-1"), None);
        // one that was orphaned is taken up with all that it says
        children.values_mut().for_each(|service| service["metadata"]["ownerReferences"] = Value::Null);
        assert_eq!(accepted_spec(&children, "shop", "u-2").as_deref(), Some("{}"));
    }
}
