//! Objects of StoreClusters kept in memory by watches, selected by label. IO: lists and watches.
//!
//! Decisions are made from this cache and from a live read of the StoreCluster; whatever destroys
//! something is checked against live reads once more (`apply`).

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::core::{ApiResource, TypeMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{Store, store::Writer};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use store_crds::LABEL_STORE;

use crate::kinds::{Keep, Kind, WATCHED};

/// A stream of touched objects, each of which is a reason to look at its StoreCluster.
pub type Trigger = (BoxStream<'static, Result<DynamicObject, watcher::Error>>, ApiResource);

/// How long a pass waits for the first lists.
const FIRST_LISTS: Duration = Duration::from_secs(20);

/// The objects of one watched namespace, or of all.
#[derive(Clone)]
pub struct Cache {
    stores: Arc<Vec<(&'static str, Store<DynamicObject>)>>,
}

/// The first lists have not come.
#[derive(Debug, thiserror::Error)]
#[error("waited 20 s for the first list of {0} and got none: may the operator list and watch them?")]
pub struct NotSynced(&'static str);

impl Cache {
    /// Watches every kind in the namespace, or in all. The streams fill the cache as they are polled.
    pub fn watch(client: &Client, namespace: Option<&str>) -> (Cache, Vec<Trigger>) {
        let (stores, triggers) = WATCHED
            .iter()
            .map(|kind| {
                let resource = kind.resource();
                let writer = Writer::new(resource.clone());
                let store = (kind.kind, writer.as_reader());
                let types = types(&resource);
                let touched = events(client, namespace, kind)
                    .default_backoff()
                    .modify(move |object| {
                        object.managed_fields_mut().clear();
                        // Items of a list come without their type, those of a watch with it.
                        object.types = Some(types.clone());
                    })
                    .reflect(writer)
                    .touched_objects()
                    .boxed();
                (store, (touched, resource))
            })
            .unzip();
        (Cache { stores: Arc::new(stores) }, triggers)
    }

    /// Waits until every kind was listed once: before, absence of an object means nothing.
    pub async fn synced(&self) -> Result<(), NotSynced> {
        for (kind, store) in self.stores.iter() {
            tokio::time::timeout(FIRST_LISTS, store.wait_until_ready())
                .await
                .map_err(|_| NotSynced(kind))?
                .map_err(|_| NotSynced(kind))?;
        }
        Ok(())
    }

    /// Objects of that kind that belong to the store.
    pub fn of_store(&self, kind: &str, namespace: &str, store: &str) -> Vec<Arc<DynamicObject>> {
        let of_store = |object: &DynamicObject| {
            object.namespace().as_deref() == Some(namespace)
                && object.labels().get(LABEL_STORE).is_some_and(|name| name == store)
        };
        self.store(kind).map(|cached| cached.state_filter(of_store)).unwrap_or_default()
    }

    fn store(&self, kind: &str) -> Option<&Store<DynamicObject>> {
        self.stores.iter().find(|(name, _)| *name == kind).map(|(_, store)| store)
    }
}

/// Watch events of a kind, with what need not stay in memory left out.
fn events(
    client: &Client,
    namespace: Option<&str>,
    kind: &Kind,
) -> BoxStream<'static, Result<Event<DynamicObject>, watcher::Error>> {
    let config = watcher::Config::default().labels(LABEL_STORE);
    let resource = kind.resource();
    match kind.keep {
        Keep::Whole => watcher(api::<DynamicObject>(client, namespace, &resource), config).boxed(),
        Keep::PodStatus => watcher(api::<DynamicObject>(client, namespace, &resource), config)
            .modify(|pod| keep_pod_status(&mut pod.data))
            .boxed(),
        Keep::Metadata => {
            let api = api::<PartialObjectMeta<DynamicObject>>(client, namespace, &resource);
            watcher(api, config).map_ok(whole).boxed()
        }
    }
}

fn api<K>(client: &Client, namespace: Option<&str>, resource: &ApiResource) -> Api<K>
where
    K: kube::Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// An event about metadata as one about an object that has nothing else.
fn whole(event: Event<PartialObjectMeta<DynamicObject>>) -> Event<DynamicObject> {
    let object = |meta: PartialObjectMeta<DynamicObject>| DynamicObject {
        types: None,
        metadata: meta.metadata,
        data: json!({}),
    };
    match event {
        Event::Apply(meta) => Event::Apply(object(meta)),
        Event::Delete(meta) => Event::Delete(object(meta)),
        Event::InitApply(meta) => Event::InitApply(object(meta)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

fn types(resource: &ApiResource) -> TypeMeta {
    TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() }
}

fn keep_pod_status(data: &mut Value) {
    let node = data["spec"]["nodeName"].take();
    data["spec"] = json!({ "nodeName": node });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_pod_only_its_node_and_status_are_kept() {
        let mut pod = json!({
            "spec": {"nodeName": "node-1", "containers": [{"env": [{"name": "A", "value": "secret"}]}]},
            "status": {"podIP": "10.0.0.1"}
        });
        keep_pod_status(&mut pod);
        assert_eq!(pod, json!({"spec": {"nodeName": "node-1"}, "status": {"podIP": "10.0.0.1"}}));
    }
}
