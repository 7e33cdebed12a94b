//! Wiring: which watches wake a pass, how many passes run at once, and the way to an orderly end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::controller::{Config, Controller, Error as ControllerError};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher;
use kube::runtime::{Predicate as _, WatchStreamExt as _, predicates};
use kube::{Client, Resource as _, ResourceExt as _};
use store_crds::{LABEL_STORE, StoreCluster};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::context::Context;
use crate::health::Heartbeat;
use crate::reconcile::{after_error, reconcile};

/// Touches that come together are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(200);
const BEAT_EVERY: Duration = Duration::from_secs(5);

type Store = PartialObjectMeta<StoreCluster>;

/// Runs passes over the StoreClusters of one namespace, or of all, until `stop`; passes under way
/// are then finished. `with_cache` makes the passes' context; `ended` tells UIDs of stores whose
/// node operations ended.
pub async fn run(
    client: Client,
    namespace: Option<String>,
    concurrency: u16,
    with_cache: impl FnOnce(Cache) -> Context,
    mut ended: mpsc::Receiver<String>,
    heartbeat: Heartbeat,
    stop: CancellationToken,
) {
    let (cache, triggers) = Cache::watch(&client, namespace.as_deref());
    let context = Arc::new(with_cache(cache));
    let api: Api<Store> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let (stores, writer) = reflector::store::<Store>();
    // The status is written by the passes themselves: a change of it is no reason for another one.
    let metrics = context.metrics.clone();
    let waits = move |store: &ObjectRef<Store>| {
        metrics.queue.touched(store.namespace.as_deref().unwrap_or_default(), &store.name);
    };
    let (spec_waits, nodes_wait) = (waits.clone(), waits.clone());
    let changed = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(|store| store.managed_fields_mut().clear())
        .reflect(writer)
        .applied_objects()
        .predicate_filter(predicates::generation.combine(predicates::finalizers), Default::default())
        .inspect_ok(move |store| spec_waits(&ObjectRef::from_obj(store)));
    let known = stores.clone();
    let ended = futures::stream::poll_fn(move |context| ended.poll_recv(context)).filter_map(move |uid| {
        let store = known.find(|store| store.meta().uid.as_deref() == Some(uid.as_str()));
        std::future::ready(store.map(|store| ObjectRef::from_obj(&*store)))
    });
    let ended = ended.inspect(move |store| nodes_wait(store));
    let mut controller = Controller::for_stream(changed, stores.clone())
        .reconcile_on(ended)
        .with_config(Config::default().concurrency(concurrency).debounce(DEBOUNCE))
        .graceful_shutdown_on(stop.cancelled_owned());
    for (touched, resource) in triggers {
        let waits = waits.clone();
        controller = controller.watches_stream_with(touched, move |object| owner(&object).inspect(&waits), resource);
    }
    let passes = controller.run(reconcile, after_error, context.clone());
    let mut passes = std::pin::pin!(passes);
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        tokio::select! {
            pass = passes.next() => match pass {
                None => return,
                Some(Err(ControllerError::QueueError(error))) => {
                    tracing::warn!(%error, "a watch broke off; it is begun again");
                }
                // Errors of passes are told by `after_error`; a touch of an object whose store is
                // gone is no error.
                Some(_) => {}
            },
            _ = beat.tick() => {
                heartbeat.beat();
                forget_gone(&context, namespace.as_deref(), &stores.state());
            }
        }
    }
}

/// The StoreCluster that an object names in its label.
fn owner(object: &kube::api::DynamicObject) -> Option<ObjectRef<Store>> {
    let store = object.labels().get(LABEL_STORE)?;
    Some(ObjectRef::new(store).within(&object.namespace()?))
}

/// Lets go of sessions, tasks, passwords and metrics of stores that are no more, also of those whose
/// finalizer somebody took off, so that no pass saw them go.
fn forget_gone(context: &Context, namespace: Option<&str>, stores: &[Arc<Store>]) {
    let uids: BTreeSet<String> = stores.iter().filter_map(|store| store.meta().uid.clone()).collect();
    let names: BTreeSet<(String, String)> =
        stores.iter().map(|store| (store.namespace().unwrap_or_default(), store.name_any())).collect();
    context.ring.retain(&uids);
    context.refused.retain(&uids);
    context.unmade.retain(&uids);
    context.secrets.retain(&names);
    context.evictions.retain(&names);
    context.secrets.retain_records(&uids);
    context.metrics.retain(namespace, &names);
}
