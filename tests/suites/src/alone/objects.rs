//! Objects of a namespace as the stories make, read and change them.

use std::time::Duration;

use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};
use store_crds::StoreCluster;

use store_testbed::progress::wait_until;
use store_testbed::shop::{MANAGER, ShopError, ask};

/// What the operator must have told after so long.
pub const TOLD: Duration = Duration::from_secs(20);

/// One namespace.
#[derive(Clone)]
pub struct Namespace {
    client: Client,
    name: String,
}

impl Namespace {
    /// Makes it.
    pub async fn make(client: &Client, name: &str) -> Result<Namespace, ShopError> {
        let namespace = Namespace { client: client.clone(), name: name.to_owned() };
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        namespace.apply(object).await?;
        Ok(namespace)
    }

    fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if kind == "Ingress" {
            resource.plural = "ingresses".to_owned();
        }
        match kind {
            "Namespace" | "StorageClass" | "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding" => {
                Api::all_with(self.client.clone(), &resource)
            }
            _ => Api::namespaced_with(self.client.clone(), &self.name, &resource),
        }
    }

    fn api_of(&self, object: &Value) -> Api<DynamicObject> {
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        self.api(&text("apiVersion"), &text("kind"))
    }

    /// Applies an object.
    pub async fn apply(&self, object: Value) -> Result<(), ShopError> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let what = format!("applying {} {name}", object["kind"]);
        let params = PatchParams::apply(MANAGER).force();
        ask(&what, self.api_of(&object).patch(&name, &params, &Patch::Apply(object))).await.map(drop)
    }

    /// Applies an object that is in no namespace.
    pub async fn apply_cluster(&self, object: Value) -> Result<(), ShopError> {
        self.apply(object).await
    }

    /// Merges into an object.
    pub async fn merge(&self, api_version: &str, kind: &str, name: &str, change: Value) -> Result<(), ShopError> {
        let (api, params) = (self.api(api_version, kind), PatchParams::default());
        ask(&format!("changing {kind} {name}"), api.patch(name, &params, &Patch::Merge(change))).await.map(drop)
    }

    /// Merges into the status of an object, as its own controller would.
    pub async fn status(&self, api_version: &str, kind: &str, name: &str, status: Value) -> Result<(), ShopError> {
        let (api, params) = (self.api(api_version, kind), PatchParams::default());
        let change = json!({ "status": status });
        let what = format!("writing the status of {kind} {name}");
        ask(&what, api.patch_status(name, &params, &Patch::Merge(change))).await.map(drop)
    }

    /// Binds a pod to a machine, as the scheduler would.
    pub async fn bind_pod(&self, pod: &str, machine: &str) -> Result<(), ShopError> {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": pod, "namespace": self.name },
            "target": { "apiVersion": "v1", "kind": "Node", "name": machine },
        });
        let question = http::Request::post(format!("/api/v1/namespaces/{}/pods/{pod}/binding", self.name))
            .header("content-type", "application/json")
            .body(binding.to_string().into_bytes());
        let question = question.map_err(|error| ShopError::Missing(format!("binding {pod}: {error}")))?;
        ask(&format!("binding {pod}"), self.client.request::<Value>(question)).await.map(drop)
    }

    /// Makes or changes a StoreCluster.
    pub async fn store(&self, name: &str, spec: Value) -> Result<(), ShopError> {
        self.apply(json!({
            "apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster", "metadata": { "name": name }, "spec": spec,
        }))
        .await
    }

    /// The object of this name, if there is one.
    pub async fn find(&self, api_version: &str, kind: &str, name: &str) -> Result<Option<Value>, ShopError> {
        let found = ask(&format!("reading {kind} {name}"), self.api(api_version, kind).get_opt(name)).await?;
        Ok(found.and_then(|object| serde_json::to_value(object).ok()))
    }

    /// All objects of a kind.
    pub async fn list(&self, api_version: &str, kind: &str) -> Result<Vec<Value>, ShopError> {
        let found = ask(&format!("listing {kind}"), self.api(api_version, kind).list(&ListParams::default())).await?;
        Ok(found.items.into_iter().filter_map(|object| serde_json::to_value(object).ok()).collect())
    }

    /// Deletes an object.
    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) -> Result<(), ShopError> {
        let api = self.api(api_version, kind);
        ask(&format!("deleting {kind} {name}"), api.delete(name, &DeleteParams::background())).await.map(drop)
    }

    /// Waits until the condition of a StoreCluster has this status and its reason and message all of `words`.
    pub async fn condition(&self, store: &str, kind: &str, status: &str, words: &[&str]) -> Result<String, String> {
        let stores: Api<StoreCluster> = Api::namespaced(self.client.clone(), &self.name);
        let what = format!("{store}: {kind}={status} {words:?}");
        let told = wait_until(&what, TOLD, || async {
            let found = stores.get(store).await.map_err(|error| error.to_string())?;
            let conditions = found.status.map(|status| status.conditions).unwrap_or_default();
            let condition = conditions.into_iter().find(|condition| condition.type_ == kind);
            let condition = condition.ok_or_else(|| format!("there is no {kind}"))?;
            let text = format!("{}: {}", condition.reason, condition.message);
            let says = condition.status == status && words.iter().all(|word| text.contains(word));
            if says { Ok(text) } else { Err(format!("{kind} is {} {text}", condition.status)) }
        });
        told.await.map_err(|error| error.to_string())
    }

    /// Waits until `look` finds what it looks for.
    pub async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn(&Namespace) -> Result<Result<T, String>, ShopError>,
    ) -> Result<T, String> {
        self.until_within(TOLD, what, look).await
    }

    async fn until_within<T>(
        &self,
        deadline: Duration,
        what: &str,
        look: impl AsyncFn(&Namespace) -> Result<Result<T, String>, ShopError>,
    ) -> Result<T, String> {
        let found = wait_until(what, deadline, || async { look(self).await.map_err(|error| error.to_string())? });
        match found.await {
            Ok(found) => Ok(found),
            Err(error) => Err(format!("{error}; the shop says {}", self.says().await)),
        }
    }

    /// The conditions of the shop `shop`, for whoever looks for why something did not come.
    async fn says(&self) -> String {
        let store = self.find("storemanager.io/v1alpha1", "StoreCluster", "shop").await;
        let conditions = store.ok().flatten().map(|store| store["status"]["conditions"].clone()).unwrap_or_default();
        let told = conditions.as_array().into_iter().flatten().map(|condition| {
            let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}: {}", text("type"), text("status"), text("reason"), text("message"))
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// Waits so long until no object of this name is there.
    pub async fn gone_within(
        &self,
        deadline: Duration,
        api_version: &str,
        kind: &str,
        name: &str,
    ) -> Result<String, String> {
        self.until_within(deadline, &format!("{kind} {name} to be gone"), async |namespace| {
            let found = namespace.find(api_version, kind, name).await?;
            Ok(if found.is_none() { Ok("gone".to_owned()) } else { Err("it is there".to_owned()) })
        })
        .await
    }

    /// Waits until an object of this name is there, or is gone.
    pub async fn there(&self, api_version: &str, kind: &str, name: &str, there: bool) -> Result<String, String> {
        let what = format!("{kind} {name} to be {}", if there { "there" } else { "gone" });
        self.until(&what, async |namespace| {
            let found = namespace.find(api_version, kind, name).await?.is_some();
            Ok(if found == there {
                Ok(what.clone())
            } else {
                Err(format!("it is {}", if found { "there" } else { "gone" }))
            })
        })
        .await
    }
}
