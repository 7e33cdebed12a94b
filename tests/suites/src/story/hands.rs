//! Somebody meddles with what the operator owns: each edit and each deletion is put right. IO.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Story, StoryError};
use store_testbed::progress::wait_until;
use store_testbed::shop::ask;

/// For the operator to notice and to mend.
const MEND: Duration = Duration::from_secs(60);

impl Story<'_> {
    /// Nothing here is in the way of a request: the load must not notice either.
    pub(super) async fn meddle(&mut self) -> Result<String, StoryError> {
        let name = self.shop.name().to_owned();
        let ring = format!("{name}-cassandra");
        let api = format!("{name}-api");
        self.deleted_comes_back::<PodDisruptionBudget>(&ring).await?;
        self.deleted_comes_back::<NetworkPolicy>(&api).await?;
        self.deleted_comes_back::<ConfigMap>(&ring).await?;
        self.deleted_comes_back::<Service>(&format!("{ring}-client")).await?;
        self.edit_is_undone::<Deployment>(&api, json!({ "spec": { "replicas": 3 } }), "/spec/replicas").await?;
        self.edit_is_undone::<PodDisruptionBudget>(
            &ring,
            json!({ "spec": { "maxUnavailable": 3 } }),
            "/spec/maxUnavailable",
        )
        .await?;
        let grace = json!({ "spec": { "template": { "spec": { "terminationGracePeriodSeconds": 7 } } } });
        self.edit_is_undone::<StatefulSet>(
            &format!("{ring}-a"),
            grace,
            "/spec/template/spec/terminationGracePeriodSeconds",
        )
        .await?;
        let label = json!({ "metadata": { "labels": { "storemanager.io/store": "another" } } });
        self.edit_is_undone::<Service>(&ring, label, "/metadata/labels/storemanager.io~1store").await?;
        self.settle(Duration::from_secs(120), 3, 2).await?;
        Ok("four deletions and four edits put right".into())
    }

    async fn deleted_comes_back<K>(&self, name: &str) -> Result<(), StoryError>
    where
        K: Resource<Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
        K::DynamicType: Default,
    {
        let api: Api<K> = self.shop.api();
        let what = format!("{} {name}", K::kind(&K::DynamicType::default()));
        let uid = ask(&format!("reading {what}"), api.get(name)).await?.uid();
        ask(&format!("deleting {what}"), api.delete(name, &DeleteParams::default())).await?;
        wait_until(&format!("{what} to be made again"), MEND, || async {
            let now = api.get_opt(name).await.map_err(|error| error.to_string())?;
            let again = now.is_some_and(|now| now.uid() != uid);
            if again { Ok(()) } else { Err("it is not there".to_owned()) }
        })
        .await?;
        Ok(())
    }

    /// Merges `edit` into the object and waits until the value at `pointer` is as before.
    async fn edit_is_undone<K>(&self, name: &str, edit: Value, pointer: &str) -> Result<(), StoryError>
    where
        K: Resource<Scope = NamespaceResourceScope> + DeserializeOwned + Serialize + Clone + Debug,
        K::DynamicType: Default,
    {
        let api: Api<K> = self.shop.api();
        let what = format!("{} {name}", K::kind(&K::DynamicType::default()));
        let value = |object: &K| serde_json::to_value(object).ok().and_then(|object| object.pointer(pointer).cloned());
        let before = value(&ask(&format!("reading {what}"), api.get(name)).await?);
        let edited =
            ask(&format!("editing {what}"), api.patch(name, &PatchParams::default(), &Patch::Merge(edit))).await?;
        let after = value(&edited);
        if before == after {
            return Err(StoryError::Wrong(format!("the edit of {what} changed nothing at {pointer}: {before:?}")));
        }
        wait_until(&format!("the edit of {what} to be undone"), MEND, || async {
            let now = value(&api.get(name).await.map_err(|error| error.to_string())?);
            if now == before { Ok(()) } else { Err(format!("{pointer} is {now:?}, it was {before:?}")) }
        })
        .await?;
        Ok(())
    }
}
