//! Every spec of the table of bad ones, applied with kubectl to the real API server: each is refused
//! with the field and the cure, and the shop that runs does not notice. IO: kubectl, Kubernetes API.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use store_crds::bad_specs::{BadSpec, bad_specs};
use store_crds::{StoreCluster, StoreClusterSpec, validate};

use crate::tally::Tally;
use store_testbed::kubectl::Kubectl;
use store_testbed::shop::{MANAGER, Shop, ShopError, ask};

/// Where specs are stored whose change is what is wrong. No pod may run there.
const NAMESPACE: &str = "bad-specs";

/// Applies the table. Specs that are bad by themselves go to the running `shop`, the others to
/// objects of their own.
///
/// # Errors
/// [`ShopError`] when the API server fails in something else than refusing.
pub async fn run(client: &Client, kubectl: &Kubectl, shop: &Shop, tally: &mut Tally) -> Result<(), ShopError> {
    let table = bad_specs().map_err(|error| ShopError::Missing(format!("reading the table of bad specs: {error}")))?;
    make_namespace(client).await?;
    let before = state(shop).await?;
    // What a status decides is shown on an API server without an operator: this one writes the status itself.
    let free = table.iter().filter(|bad| bad.carried_out.is_none());
    for (position, bad) in free.enumerate() {
        let result = try_one(client, kubectl, shop, bad, position).await?;
        tally.check(&format!("refused: {}", bad.name), result);
    }
    let after = state(shop).await?;
    tally.holds("the running shop did not notice", before == after, format!("{before:?} became {after:?}"));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    ask("deleting the namespace of bad specs", namespaces.delete(NAMESPACE, &DeleteParams::default())).await?;
    Ok(())
}

/// What must not change: the generation, and name and uid of every pod.
async fn state(shop: &Shop) -> Result<(Option<i64>, BTreeMap<String, Option<String>>), ShopError> {
    let mut pods = shop.pods("cassandra").await?;
    pods.append(&mut shop.pods("api").await?);
    // A pod that an earlier step made superfluous may still be ending.
    pods.retain(|_, pod| pod.metadata.deletion_timestamp.is_none());
    let uids = pods.into_iter().map(|(name, pod)| (name, pod.metadata.uid)).collect();
    Ok((shop.get().await?.metadata.generation, uids))
}

async fn make_namespace(client: &Client) -> Result<(), ShopError> {
    let params = PatchParams::apply(MANAGER).force();
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": NAMESPACE, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    let namespaces: Api<Namespace> = Api::all(client.clone());
    ask("making a namespace", namespaces.patch(NAMESPACE, &params, &Patch::Apply(namespace))).await?;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "no-pods", "namespace": NAMESPACE },
        "spec": { "hard": { "pods": "0" } },
    });
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), NAMESPACE);
    ask("forbidding pods", quotas.patch("no-pods", &params, &Patch::Apply(quota))).await.map(drop)
}

async fn try_one(
    client: &Client,
    kubectl: &Kubectl,
    shop: &Shop,
    bad: &BadSpec,
    position: usize,
) -> Result<Result<String, String>, ShopError> {
    // A name of its own: the one before may still be on its way out.
    let changed = format!("change-{position}");
    let running = shop.get().await?.spec;
    let (namespace, name, spec) = match (&bad.old, change_of(&running, bad)) {
        (Some(_), _) => (NAMESPACE, changed.as_str(), bad.spec.clone()),
        (None, Some(change)) => (shop.namespace(), shop.name(), change),
        (None, None) => (NAMESPACE, bad.store.as_str(), bad.spec.clone()),
    };
    let stores: Api<StoreCluster> = Api::namespaced(client.clone(), namespace);
    if let Some(old) = &bad.old {
        let params = PatchParams::apply(MANAGER).force();
        ask(
            "storing the spec before the change",
            stores.patch(name, &params, &Patch::Apply(object(namespace, name, old))),
        )
        .await?;
    }
    let text = object(namespace, name, &spec).to_string();
    let arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager", MANAGER, "-f", "-"];
    let answer = kubectl.run_with(&arguments, text).await;
    if bad.old.is_some() {
        ask("deleting the spec before the change", stores.delete(name, &DeleteParams::background())).await?;
    }
    Ok(match answer {
        Ok(accepted) => Err(format!("accepted: {accepted}")),
        Err(error) => judge(bad, &error.to_string()),
    })
}

/// What the running shop's spec becomes with the bad one written over it, where that is bad for the
/// same reason; otherwise the bad spec has to be tried on an object of its own.
fn change_of(running: &StoreClusterSpec, bad: &BadSpec) -> Option<Value> {
    let message = bad.message.as_ref().filter(|_| bad.store == "shop" && bad.server.is_none())?;
    let mut change = serde_json::to_value(running).ok()?;
    write_over(&mut change, &bad.spec);
    let typed = serde_json::from_value(change.clone()).ok()?;
    let found = validate("shop", &typed);
    found.iter().any(|violation| violation.field == bad.field && violation.message.contains(message)).then_some(change)
}

/// Objects are merged, anything else is replaced.
fn write_over(value: &mut Value, with: &Value) {
    match (value, with) {
        (Value::Object(value), Value::Object(with)) => {
            for (name, with) in with {
                write_over(value.entry(name.clone()).or_insert(Value::Null), with);
            }
        }
        (value, with) => *value = with.clone(),
    }
}

fn object(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster",
        "metadata": { "name": name, "namespace": namespace }, "spec": spec,
    })
}

/// Whether a refusal names the field and says what the table promises.
pub(super) fn judge(bad: &BadSpec, refusal: &str) -> Result<String, String> {
    let field = without_positions(&bad.field);
    let found = without_positions(refusal);
    // An entry of a list that cannot even be merged is told of by the list's name and its own key.
    let (list, rest) = field.split_once("[]").unwrap_or((&field, ""));
    let in_list = found.contains(list) && refusal.contains(rest.trim_start_matches('.'));
    let named = found.contains(&field) || (bad.server.is_some() && in_list);
    if !named {
        return Err(format!("the refusal does not name {field}: {refusal}"));
    }
    // What the types cannot hold is refused before the schema is asked, in words of kubectl's own;
    // so is a list that has one key twice.
    let said = bad.types || refusal.contains(bad.server_message()) || refusal.contains("duplicate entries for key");
    if said {
        Ok(format!("names {field}"))
    } else {
        Err(format!("the refusal does not say {:?}: {refusal}", bad.server_message()))
    }
}

/// `spec.racks[2].name` → `spec.racks[].name`, and so for `spec.racks[name="a"].name`.
fn without_positions(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut inside = false;
    for character in text.chars() {
        match character {
            '[' => {
                inside = true;
                kept.push('[');
            }
            ']' => inside = false,
            _ => {}
        }
        if !inside {
            kept.push(character);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad() -> BadSpec {
        bad_specs()
            .expect("the table")
            .into_iter()
            .find(|bad| bad.name == "a negative replication factor")
            .expect("there")
    }

    #[test]
    fn a_refusal_must_name_the_field_and_the_cure() {
        let good = r#"The StoreCluster "shop" is invalid: spec.keyspaces[0].replicationFactor: Invalid value: -1: it must be at least 1"#;
        assert!(judge(&bad(), good).is_ok());
        assert!(judge(&bad(), &good.replace("replicationFactor", "factor")).is_err());
        assert!(judge(&bad(), &good.replace("at least", "above")).is_err());
    }

    #[test]
    fn a_bad_spec_goes_to_the_running_shop_only_where_it_is_bad_there_too() {
        let size = |size| {
            let mut running = StoreClusterSpec::default();
            running.cassandra.size = size;
            running
        };
        let table = bad_specs().expect("the table");
        let copies = table.iter().find(|bad| bad.name == "more copies than the default single node").expect("there");
        assert!(change_of(&size(3), copies).is_none(), "two copies on three nodes are good");
        assert_eq!(change_of(&size(1), copies).expect("a change")["cassandra"]["size"], 1);
        assert_eq!(change_of(&size(3), &bad()).expect("a change")["cassandra"]["size"], 3);
    }

    #[test]
    fn positions_in_lists_do_not_matter() {
        assert_eq!(without_positions(r#"a[0].b[name="x"].c"#), "a[].b[].c");
    }
}
