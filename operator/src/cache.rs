//! Objects of StoreClusters kept in memory by watches, selected by label. IO: lists and watches.
//!
//! Decisions are made from this cache and from a live read of the StoreCluster; whatever destroys
//! something is checked against live reads once more (`apply`).

use std::sync::Arc;
use std::time::Duration;

use futures::future::FutureExt as _;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::core::{ApiResource, TypeMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{Store, store::Writer};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use store_crds::LABEL_STORE;
use store_planner::identity::ChildKind;
use tokio::sync::watch;

use crate::kinds::{Keep, Kind, WATCHED};

/// A stream of touched objects, each of which is a reason to look at its StoreCluster.
pub type Trigger = (BoxStream<'static, Result<DynamicObject, watcher::Error>>, ApiResource);

/// How long a pass waits for the first lists.
const FIRST_LISTS: Duration = Duration::from_secs(20);
/// Between looks for a kind that the API server does not serve.
const NOT_SERVED: Duration = Duration::from_secs(60);

/// The objects of one watched namespace, or of all.
#[derive(Clone)]
pub struct Cache {
    stores: Arc<Vec<Watched>>,
}

struct Watched {
    kind: &'static Kind,
    store: Store<DynamicObject>,
    /// Whether the API server has said that it does not serve the kind.
    missing: watch::Receiver<bool>,
}

/// The first lists have not come.
#[derive(Debug, thiserror::Error)]
#[error("waited 20 s for the first list of {0} and got none: may the operator list and watch them?")]
pub struct NotSynced(ChildKind);

impl Cache {
    /// Watches every kind in the namespace, or in all. The streams fill the cache as they are polled.
    pub fn watch(client: &Client, namespace: Option<&str>) -> (Cache, Vec<Trigger>) {
        let (stores, triggers) = WATCHED
            .iter()
            .map(|kind| {
                let resource = kind.resource();
                let writer = Writer::new(resource.clone());
                let (tell_missing, missing) = watch::channel(false);
                let store = Watched { kind, store: writer.as_reader(), missing };
                let types = types(&resource);
                let absent = |event: &watcher::Result<_>| event.as_ref().is_err_and(is_not_served);
                let touched = events(client, namespace, kind)
                    .default_backoff()
                    .inspect(move |event| {
                        let absent = kind.optional && absent(event);
                        if absent || matches!(event, Ok(Event::InitDone)) {
                            tell_missing.send_replace(absent);
                        }
                    })
                    // A kind that is not served is asked for again, for ever: its CRD may come at any time.
                    // The backoff above does not hold that back, since each try begins with an event.
                    .then(move |event| async move {
                        if kind.optional && absent(&event) {
                            tokio::time::sleep(NOT_SERVED).await;
                        }
                        event
                    })
                    // That it is not there yet is no error.
                    .filter(move |event| std::future::ready(!(kind.optional && absent(event))))
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

    /// Waits until every kind was listed once, or is known not to be served: before, absence of an object
    /// means nothing.
    pub async fn synced(&self) -> Result<(), NotSynced> {
        for Watched { kind, store, missing } in self.stores.iter() {
            let mut missing = missing.clone();
            let known = async {
                tokio::select! {
                    listed = store.wait_until_ready() => listed.is_ok(),
                    missing = missing.wait_for(|missing| *missing) => missing.is_ok(),
                }
            };
            match tokio::time::timeout(FIRST_LISTS, known).await {
                Ok(true) => {}
                _ => return Err(NotSynced(kind.kind)),
            }
        }
        Ok(())
    }

    /// Whether the API server serves the kind, as far as is known.
    pub fn serves(&self, kind: ChildKind) -> bool {
        let watched = self.stores.iter().find(|watched| watched.kind.kind == kind);
        watched.is_some_and(|watched| {
            !*watched.missing.borrow()
                && watched.store.wait_until_ready().now_or_never().is_some_and(|ready| ready.is_ok())
        })
    }

    /// Objects of that kind that belong to the store.
    pub fn of_store(&self, kind: ChildKind, namespace: &str, store: &str) -> Vec<Arc<DynamicObject>> {
        let of_store = |object: &DynamicObject| {
            object.namespace().as_deref() == Some(namespace)
                && object.labels().get(LABEL_STORE).is_some_and(|name| name == store)
        };
        self.store(kind).map(|cached| cached.state_filter(of_store)).unwrap_or_default()
    }

    fn store(&self, kind: ChildKind) -> Option<&Store<DynamicObject>> {
        self.stores.iter().find(|watched| watched.kind.kind == kind).map(|watched| &watched.store)
    }
}

fn is_not_served(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => {
            // Who may not look at a kind is told so before it is looked for.
            matches!(error, kube::Error::Api(status) if status.code == 404 || status.code == 403)
        }
        _ => false,
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
            .modify(|pod| keep_of_pod(&mut pod.data))
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

fn keep_of_pod(data: &mut Value) {
    let (node, place) = (data["spec"]["nodeName"].take(), data["spec"]["affinity"]["nodeAffinity"].take());
    data["spec"] = json!({ "nodeName": node, "affinity": { "nodeAffinity": place } });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// An API server that answers every list with this status and nothing in it, and no watch at all.
    fn answering(code: u16) -> Client {
        counting(code, &Arc::default())
    }

    /// The same, which counts what it is asked.
    fn counting(code: u16, asked: &Arc<AtomicUsize>) -> Client {
        let asked = Arc::clone(asked);
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            asked.fetch_add(1, Ordering::Relaxed);
            answer(code, request)
        });
        Client::new(service, "default")
    }

    async fn answer(
        code: u16,
        request: http::Request<kube::client::Body>,
    ) -> Result<http::Response<kube::client::Body>, std::convert::Infallible> {
        if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
            std::future::pending::<()>().await;
        }
        let body = if code == 200 {
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})
        } else {
            json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": "x", "message": "y"})
        };
        let body = kube::client::Body::from(body.to_string().into_bytes());
        Ok(http::Response::builder().status(code).body(body).unwrap())
    }

    /// The stream of the kind that a cluster may have or not.
    fn route(triggers: Vec<Trigger>) -> BoxStream<'static, Result<DynamicObject, watcher::Error>> {
        let is_route = |trigger: &Trigger| trigger.1.kind == ChildKind::HttpRoute.as_str();
        triggers.into_iter().find(is_route).unwrap().0
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_that_is_not_served_is_asked_for_once_a_minute() {
        let asked = Arc::default();
        let (_cache, triggers) = Cache::watch(&counting(404, &asked), None);
        let mut touched = route(triggers);
        let ten_minutes = tokio::time::timeout(Duration::from_secs(600), touched.next()).await;
        assert!(ten_minutes.is_err());
        let asked = asked.load(Ordering::Relaxed);
        assert!((5..=11).contains(&asked), "{asked}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_that_is_not_served_is_waited_for_in_silence_and_others_are_not() {
        for (code, route_served, silent) in
            [(404, false, true), (403, false, true), (200, true, true), (500, false, false)]
        {
            let (cache, triggers) = Cache::watch(&answering(code), None);
            let mut touched = route(triggers);
            let first = tokio::time::timeout(Duration::from_secs(5), touched.next()).await;
            assert_eq!(first.is_err(), silent, "{code}: an event or an error comes only where it is news");
            assert_eq!(cache.serves(ChildKind::HttpRoute), route_served, "{code}");
        }
    }

    #[test]
    fn of_a_pod_only_its_node_its_place_and_status_are_kept() {
        let mut pod = json!({
            "spec": {"nodeName": "node-1", "affinity": {"nodeAffinity": {"a": 1}, "podAffinity": {}}, "containers": [{"env": [{"name": "A", "value": "secret"}]}]},
            "status": {"podIP": "10.0.0.1"}
        });
        keep_of_pod(&mut pod);
        let spec = json!({"nodeName": "node-1", "affinity": {"nodeAffinity": {"a": 1}}});
        assert_eq!(pod, json!({"spec": spec, "status": {"podIP": "10.0.0.1"}}));
    }
}
