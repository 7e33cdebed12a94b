//! Whose an object is, by its metadata. Pure.
//!
//! The name of an object is no proof: `shop-api` may be anybody's, and the StatefulSet of rack `cassandra-a` of the
//! shop `s` has the name of that of rack `a` of the shop `s-cassandra`. What belongs to a shop says so by its
//! controller; nothing else is applied to or deleted.

use std::collections::BTreeMap;

use serde_json::Value;
use store_crds::{FIELD_MANAGER, GROUP, LABEL_STORE};

use crate::identity::{ChildKey, ChildKind};
use crate::observation::StoreIdentity;

/// Label by which the field tells what made an object.
const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Whose an object is, as seen by one StoreCluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its controller is this StoreCluster.
    Ours,
    /// It was made for a StoreCluster of this name and has no controller any more, as after
    /// `kubectl delete --cascade=orphan`: it is taken up again.
    Orphaned,
    /// Its controller was a StoreCluster of this name that is no more: Kubernetes takes it away soon.
    Former,
    /// Somebody else's; the owner in words.
    Foreign(String),
}

impl Standing {
    /// It may be applied to and deleted.
    pub fn is_ours(&self) -> bool {
        matches!(self, Standing::Ours | Standing::Orphaned)
    }
}

/// Whose the object is.
pub fn standing(store: &StoreIdentity, object: &Value) -> Standing {
    let metadata = &object["metadata"];
    let owners = metadata["ownerReferences"].as_array();
    let Some(owner) = owners.into_iter().flatten().find(|owner| owner["controller"] == true) else {
        return match is_of_this_operator(store, metadata) {
            true => Standing::Orphaned,
            false => Standing::Foreign("nobody that it names as its controller".to_owned()),
        };
    };
    let text = |field: &str| owner[field].as_str().unwrap_or_default();
    let of_a_store = text("kind") == "StoreCluster" && text("apiVersion").split('/').next() == Some(GROUP);
    if of_a_store && text("uid") == store.uid.as_str() {
        Standing::Ours
    } else if of_a_store && text("name") == store.name {
        Standing::Former
    } else {
        Standing::Foreign(format!("{} {}", text("kind"), text("name")))
    }
}

/// The marks that this operator leaves on what it keeps, for a StoreCluster of this name.
fn is_of_this_operator(store: &StoreIdentity, metadata: &Value) -> bool {
    let labels = &metadata["labels"];
    labels[LABEL_STORE] == store.name.as_str() && labels[LABEL_MANAGED_BY] == FIELD_MANAGER
}

/// Those that are this StoreCluster's. A label alone makes nothing its own, but for Secrets: one of them has no
/// owner, so that it outlives the shop with the volumes, and none of them is ever changed.
pub fn ours(store: &StoreIdentity, mut children: BTreeMap<ChildKey, Value>) -> BTreeMap<ChildKey, Value> {
    children.retain(|key, object| key.kind == ChildKind::Secret || standing(store, object).is_ours());
    children
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::identity::Uid;

    fn store() -> StoreIdentity {
        StoreIdentity { name: "shop".into(), uid: Uid::new("u-1").unwrap(), ..StoreIdentity::default() }
    }

    fn owned_by(kind: &str, api: &str, name: &str, uid: &str) -> Value {
        let owner = json!({"apiVersion": api, "kind": kind, "name": name, "uid": uid, "controller": true});
        json!({"metadata": {"ownerReferences": [owner]}})
    }

    #[test]
    fn an_object_is_a_shops_by_the_uid_of_its_controller_and_by_nothing_else() {
        let api = "storemanager.io/v1alpha1";
        let cases = [
            (owned_by("StoreCluster", api, "shop", "u-1"), Standing::Ours),
            (owned_by("StoreCluster", api, "shop", "u-0"), Standing::Former),
            (owned_by("StoreCluster", api, "s", "u-7"), Standing::Foreign("StoreCluster s".into())),
            (owned_by("StoreCluster", "example.com/v1", "shop", "u-7"), Standing::Foreign("StoreCluster shop".into())),
            (owned_by("Deployment", "apps/v1", "billing", "u-9"), Standing::Foreign("Deployment billing".into())),
        ];
        for (object, expected) in cases {
            assert_eq!(standing(&store(), &object), expected, "{object}");
        }
    }

    #[test]
    fn what_nobody_owns_is_taken_up_only_with_both_marks_of_this_operator() {
        let marked = json!({"metadata": {"labels": {LABEL_STORE: "shop", LABEL_MANAGED_BY: FIELD_MANAGER}}});
        assert_eq!(standing(&store(), &marked), Standing::Orphaned);
        for label in [LABEL_STORE, LABEL_MANAGED_BY] {
            let mut less = marked.clone();
            less["metadata"]["labels"][label] = Value::Null;
            assert!(!standing(&store(), &less).is_ours(), "without {label}");
        }
        let other = StoreIdentity { name: "s".into(), ..store() };
        assert!(!standing(&other, &marked).is_ours());
    }

    #[test]
    fn a_label_makes_nothing_a_shops_own_but_its_secrets() {
        let labelled = json!({"metadata": {"labels": {LABEL_STORE: "shop"}}});
        let key = |kind| ChildKey::new(kind, "shop-api");
        let seen = [(key(ChildKind::Ingress), labelled.clone()), (key(ChildKind::Secret), labelled)].into();
        let kept: Vec<ChildKey> = ours(&store(), seen).into_keys().collect();
        assert_eq!(kept, [key(ChildKind::Secret)]);
    }
}
