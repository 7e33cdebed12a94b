//! Names that other people's objects have, and shops whose names meet. IO.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use store_crds::{StoreCluster, conditions};

use super::{MENDED, Mishaps, TOLD, expect};
use crate::story::StoryError;
use store_testbed::progress::wait_until;
use store_testbed::shop::{Shop, ask, condition};

/// Where nothing may run: what is tried here is who writes what.
const NAMESPACE: &str = "names";

impl Mishaps<'_> {
    /// Another team's Service and ConfigMap have the names that a new shop wants. They stay as they are, and outlive it.
    pub(super) async fn names_taken(&self) -> Result<String, StoryError> {
        self.namespace_without_pods().await?;
        let taken = Shop::new(self.stage.cluster.client(), NAMESPACE, "taken");
        let (services, maps) = (taken.api::<Service>(), taken.api::<ConfigMap>());
        let service: Service = object(json!({
            "metadata": { "name": "taken-api", "labels": { "team": "billing" } },
            "spec": { "selector": { "team": "billing" }, "ports": [{ "port": 80 }] },
        }))?;
        let map: ConfigMap = object(json!({
            "metadata": { "name": "taken-cassandra", "labels": { "team": "billing" } }, "data": { "a": "b" },
        }))?;
        let params = PostParams::default();
        let service = ask("making another team's Service", services.create(&params, &service)).await?;
        let map = ask("making another team's ConfigMap", maps.create(&params, &map)).await?;
        taken.apply(&json!({})).await?;
        let told = told(&taken, &["NameTaken", "taken-api"]).await?;
        let kept = async || -> Result<bool, StoryError> {
            let service_now = ask("reading another team's Service", services.get("taken-api")).await?;
            let map_now = ask("reading another team's ConfigMap", maps.get("taken-cassandra")).await?;
            Ok(service_now.resource_version() == service.resource_version()
                && map_now.resource_version() == map.resource_version())
        };
        let untouched = kept().await?;
        self.delete_store(&taken).await?;
        let outlived = kept().await?;
        expect(untouched && outlived, format!("untouched: {untouched}, outlived the shop: {outlived}; {told}"))
    }

    /// `s` with a rack `cassandra-a` and `s-cassandra` with a rack `a` want one StatefulSet.
    pub(super) async fn names_that_meet(&self) -> Result<String, StoryError> {
        let first = Shop::new(self.stage.cluster.client(), NAMESPACE, "s");
        let second = Shop::new(self.stage.cluster.client(), NAMESPACE, "s-cassandra");
        let of = |rack: &str| json!({ "cassandra": { "size": 1, "racks": [{ "name": rack }] } });
        first.apply(&of("cassandra-a")).await?;
        let sets = first.api::<StatefulSet>();
        let name = "s-cassandra-cassandra-a";
        wait_until("the first shop's StatefulSet", MENDED, || async {
            let there = sets.get_opt(name).await.map_err(|error| error.to_string())?;
            if there.is_some() { Ok(()) } else { Err("it is not there".to_owned()) }
        })
        .await?;
        let before = ask("reading the StatefulSet", sets.get(name)).await?;
        second.apply(&of("a")).await?;
        let told = told(&second, &["NameTaken", name]).await?;
        let after = ask("reading the StatefulSet", sets.get(name)).await?;
        let same = before.uid() == after.uid()
            && before.metadata.generation == after.metadata.generation
            && before.metadata.owner_references == after.metadata.owner_references;
        for shop in [&second, &first] {
            self.delete_store(shop).await?;
        }
        self.kubectl().run(&["delete", "namespace", NAMESPACE, "--wait=false"]).await?;
        expect(same, format!("the first shop's StatefulSet is as it was: {same}; {told}"))
    }

    async fn namespace_without_pods(&self) -> Result<(), StoryError> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
        let quota = json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "no-pods", "namespace": NAMESPACE },
            "spec": { "hard": { "pods": "0" } },
        });
        for object in [namespace, quota] {
            self.kubectl().run_with(&["apply", "-f", "-"], object.to_string()).await?;
        }
        Ok(())
    }

    async fn delete_store(&self, shop: &Shop) -> Result<(), StoryError> {
        let stores = shop.api::<StoreCluster>();
        ask("deleting a StoreCluster", stores.delete(shop.name(), &DeleteParams::foreground())).await?;
        wait_until("the StoreCluster to be gone", MENDED, || async {
            let there = stores.get_opt(shop.name()).await.map_err(|error| error.to_string())?;
            if there.is_none() { Ok(()) } else { Err("it is there".to_owned()) }
        })
        .await?;
        Ok(())
    }
}

async fn told(shop: &Shop, words: &[&str]) -> Result<String, StoryError> {
    let text = shop
        .wait(&format!("Degraded to say {words:?}"), TOLD, |store| {
            let degraded = condition(store, conditions::DEGRADED).ok_or("no condition yet")?;
            let text = format!("{}: {}", degraded.reason, degraded.message);
            let says = degraded.status == "True" && words.iter().all(|word| text.contains(word));
            if says { Ok(text) } else { Err(text) }
        })
        .await?;
    Ok(text)
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> Result<K, StoryError> {
    serde_json::from_value(value).map_err(|error| StoryError::Wrong(error.to_string()))
}
