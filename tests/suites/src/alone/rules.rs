//! Both tables against the CEL rules as the API server runs them, before any operator is there: what must be
//! refused is, in the words of the table, and what was never carried out can be taken back.

use kube::api::{DeleteParams, Patch, PatchParams, ValidationDirective};
use kube::{Api, Client};
use serde_json::{Value, json};
use store_crds::bad_specs::{BadSpec, GoodChange, bad_specs, good_changes};
use store_crds::{CarriedOut, StoreCluster};

use crate::bad_specs::judge;
use crate::tally::Tally;
use store_testbed::shop::{MANAGER, ShopError, ask};

const NAMESPACE: &str = "default";

pub async fn run(client: &Client, tally: &mut Tally) -> anyhow::Result<()> {
    let stores: Api<StoreCluster> = Api::namespaced(client.clone(), NAMESPACE);
    for (position, bad) in bad_specs()?.iter().enumerate() {
        let result = refused(&stores, bad, position).await?;
        tally.check(&format!("refused: {}", bad.name), result);
    }
    for (position, good) in good_changes()?.iter().enumerate() {
        let result = allowed(&stores, good, position).await?;
        tally.check(&format!("allowed: {}", good.name), result);
    }
    Ok(())
}

async fn refused(
    stores: &Api<StoreCluster>,
    bad: &BadSpec,
    position: usize,
) -> Result<Result<String, String>, ShopError> {
    let changed = format!("bad-{position}");
    let name = if bad.old.is_some() { changed.as_str() } else { bad.store.as_str() };
    if let Some(old) = &bad.old {
        store(stores, name, old, bad.carried_out.as_ref()).await?;
    }
    let answer = apply(stores, name, &bad.spec).await;
    if bad.old.is_some() || answer.is_ok() {
        ask("deleting a StoreCluster", stores.delete(name, &DeleteParams::default())).await?;
    }
    Ok(match answer {
        Ok(_) => Err("accepted".to_owned()),
        Err(error) => judge(bad, &words(&error)),
    })
}

/// A refusal as kubectl prints it: each cause with its field.
fn words(error: &kube::Error) -> String {
    let kube::Error::Api(status) = error else { return error.to_string() };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let lines: Vec<String> = causes.map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    if lines.is_empty() { status.message.clone() } else { lines.join("\n") }
}

async fn allowed(
    stores: &Api<StoreCluster>,
    good: &GoodChange,
    position: usize,
) -> Result<Result<&'static str, kube::Error>, ShopError> {
    let name = format!("good-{position}");
    store(stores, &name, &good.old, good.carried_out.as_ref()).await?;
    let answer = apply(stores, &name, &good.spec).await;
    ask("deleting a StoreCluster", stores.delete(&name, &DeleteParams::default())).await?;
    Ok(answer.map(|_| "yes"))
}

/// Stores the spec before a change, with what the operator would have told of it.
async fn store(
    stores: &Api<StoreCluster>,
    name: &str,
    spec: &Value,
    carried_out: Option<&CarriedOut>,
) -> Result<(), ShopError> {
    ask("storing the spec before the change", apply(stores, name, spec)).await?;
    let Some(carried_out) = carried_out else { return Ok(()) };
    let status = json!({ "status": { "carriedOut": carried_out } });
    let params = PatchParams::default();
    ask("telling what was carried out", stores.patch_status(name, &params, &Patch::Merge(status))).await.map(drop)
}

async fn apply(stores: &Api<StoreCluster>, name: &str, spec: &Value) -> Result<StoreCluster, kube::Error> {
    let params =
        PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply(MANAGER).force() };
    let object = json!({
        "apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster",
        "metadata": { "name": name, "namespace": NAMESPACE }, "spec": spec,
    });
    stores.patch(name, &params, &Patch::Apply(object)).await
}
