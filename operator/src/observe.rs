//! IO in: one live read of the StoreCluster, its objects from the cache, its nodes over JMX and CQL.
//! The result is an `Observation`, plain data; nothing is decided here.

mod issuer;
mod last_words;
mod reading;
pub mod secrets;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};
use store_crds::{FINALIZER, LABEL_COMPONENT, StoreCluster};
use store_planner::children::Children;
use store_planner::desired::Desired;
use store_planner::identity::{ChildKey, ChildKind, Uid};
use store_planner::logins::{Logins, StoreAccess};
use store_planner::observation::{
    CheckObservation, ClaimObservation, NodeAnswer, Observation, PodObservation, StoreIdentity,
};
use store_planner::{ownership, resources, unmade};

pub use reading::{check_observation, claim_observation, pod_observation};

use crate::cassandra::NodeTarget;
use crate::clock;
use crate::context::Context;
use crate::kinds::WATCHED;

/// Most events that are asked for at once.
const EVENTS_MAX: u32 = 200;

/// What could not be read, so that there is nothing to decide on.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("read the StoreCluster and failed: {0}")]
    Store(#[source] Box<kube::Error>),
    #[error(
        "read the StoreCluster and do not understand it: {0}; does the CustomResourceDefinition fit this operator?"
    )]
    Foreign(#[source] serde_json::Error),
    #[error("read {kind} {name} from the cache and do not understand it: {source}")]
    Object { kind: ChildKind, name: String, source: serde_json::Error },
    #[error("read the StoreCluster and it has no UID; does an API server answer?")]
    NoUid,
}

impl ObserveError {
    /// Closed label for metrics, events and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            ObserveError::Store(_) => "StoreUnreadable",
            ObserveError::Foreign(_) | ObserveError::NoUid => "StoreNotUnderstood",
            ObserveError::Object { .. } => "ObjectNotUnderstood",
        }
    }
}

/// A pass's view of the world, with the handles that its effects need.
pub struct Observed {
    pub observation: Observation,
    /// The owned objects as JSON, for comparison with what is rendered.
    pub live: BTreeMap<ChildKey, Value>,
    pub access: StoreAccess,
    /// Log-ins that the operator's record holds, or held when it was last there.
    pub kept: Logins,
    /// Pods that have an address.
    pub nodes: Vec<NodeTarget>,
    /// Those that serve CQL.
    pub serving: Vec<NodeTarget>,
}

/// The StoreCluster as the API server has it now; `None`: there is none.
///
/// # Errors
/// When it cannot be read or understood.
pub async fn find_store(context: &Context, namespace: &str, name: &str) -> Result<Option<StoreCluster>, ObserveError> {
    let resource = ApiResource::erase::<StoreCluster>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &resource);
    let object = api.get_opt(name).await.map_err(|error| ObserveError::Store(Box::new(error)))?;
    // Read loosely first: one object that is not understood must not stop the others.
    let value = object.map(serde_json::to_value).transpose().map_err(ObserveError::Foreign)?;
    value.map(serde_json::from_value).transpose().map_err(ObserveError::Foreign)
}

/// Owned objects as cached, but for pods and claims. What only bears the store's label is not among them.
///
/// # Errors
/// When an object is not JSON any more, which cannot be.
pub fn children(context: &Context, store: &StoreCluster) -> Result<BTreeMap<ChildKey, Value>, ObserveError> {
    let store = identity(store).ok_or(ObserveError::NoUid)?;
    let mut children = BTreeMap::new();
    for kind in WATCHED.iter().filter(|kind| ![ChildKind::Pod, ChildKind::PersistentVolumeClaim].contains(&kind.kind)) {
        for object in context.cache.of_store(kind.kind, &store.namespace, &store.name) {
            let name = object.name_any();
            let value = serde_json::to_value(&*object).map_err(|source| ObserveError::Object {
                kind: kind.kind,
                name: name.clone(),
                source,
            })?;
            children.insert(ChildKey { kind: kind.kind, name }, value);
        }
    }
    Ok(ownership::ours(&store, children))
}

/// Gathers everything that a pass decides on.
///
/// Nodes that do not answer and Secrets that cannot be read are no errors but part of the observation.
pub async fn observe(
    context: &Context,
    (store, identity): (&StoreCluster, StoreIdentity),
    desired: &Desired,
    live: BTreeMap<ChildKey, Value>,
) -> Observed {
    let (namespace, name) = (desired.namespace.as_str(), desired.name.as_str());
    let now = clock::now();
    let found = secrets::read(context, desired).await;
    let judged = store_planner::secrets::judge(name, &found, &context.secrets.remembered(&desired.uid));
    context.secrets.remember(&desired.uid, &judged.kept);
    let access = judged.access(desired);
    let pods = pods(context, namespace, name);
    let claims = claims(context, desired).await;
    let nodes: Vec<NodeTarget> = pods
        .iter()
        .filter_map(|(pod, seen)| Some(NodeTarget { pod: pod.clone(), ip: seen.ip.as_ref()?.parse::<IpAddr>().ok()? }))
        .collect();
    let mut views = context.ring.views(&access, &nodes).await;
    for pod in pods.keys() {
        let silent = || NodeAnswer::Unreachable("its pod has no address yet".to_owned());
        views.entry(pod.clone()).or_insert_with(silent);
    }
    let serves = |node: &&NodeTarget| match views.get(&node.pod) {
        Some(NodeAnswer::Reachable(view)) => view.native_transport,
        // by its readiness, which asks Cassandra itself
        Some(NodeAnswer::Locked(_)) => pods.get(&node.pod).is_some_and(|pod| pod.ready && !pod.deleting),
        Some(NodeAnswer::Unreachable(_)) | None => false,
    };
    let serving: Vec<NodeTarget> = nodes.iter().filter(serves).cloned().collect();
    let cql = context.ring.schema(&access, &serving).await;
    let children = Children::read(&live);
    let unmade = unmade(context, desired, &children, &pods, now).await;
    let issuer = issuer::ask(context, desired).await;
    let observation = Observation {
        now,
        store: identity,
        status: store.status.clone().unwrap_or_default(),
        children,
        secrets: judged.facts,
        record: judged.record,
        api_inputs: judged.api_inputs,
        serves_routes: context.cache.serves(ChildKind::HttpRoute),
        pods,
        claims,
        checks: checks(context, namespace, name),
        views,
        cql,
        tasks: context.ring.tasks(&desired.uid),
        eviction_refused: context.evictions.refused(namespace, name),
        refused: context.refused.of(&desired.uid).told(now),
        unmade,
        issuer,
    };
    Observed { observation, live, access, kept: judged.kept, nodes, serving }
}

/// The StoreCluster's own metadata; `None`: it has no UID, so no API server gave it.
pub fn identity(store: &StoreCluster) -> Option<StoreIdentity> {
    Some(StoreIdentity {
        namespace: store.namespace().unwrap_or_default(),
        name: store.name_any(),
        uid: Uid::new(store.uid()?)?,
        generation: store.meta().generation.unwrap_or_default(),
        deletion_requested: store.meta().deletion_timestamp.is_some(),
        has_finalizer: store.finalizers().iter().any(|finalizer| finalizer == FINALIZER),
    })
}

/// Why pods that are to be there cannot be made, as events of whoever makes them tell. What cannot be asked is not
/// known: the pod is missing all the same.
async fn unmade(
    context: &Context,
    desired: &Desired,
    children: &Children,
    pods: &BTreeMap<String, PodObservation>,
    now: Timestamp,
) -> BTreeMap<String, String> {
    let missing = unmade::missing(children, pods);
    let mut known = context.unmade.of(&desired.uid);
    for owner in known.due(&missing, now) {
        let events = events_of(context, &desired.namespace, &owner).await;
        if let Err(error) = &events {
            tracing::debug!(owner = owner.name, %error, "cannot ask why a pod is missing");
        }
        let names = missing.get(&owner).map(Vec::as_slice).unwrap_or_default();
        known.answered(&owner, names, &events.unwrap_or_default(), now);
    }
    let words = known.words(&missing);
    context.unmade.put(&desired.uid, known);
    words
}

async fn events_of(context: &Context, namespace: &str, owner: &ChildKey) -> Result<Vec<Value>, kube::Error> {
    let events = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Event"), "events");
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &events);
    let of = format!("involvedObject.kind={},involvedObject.name={}", owner.kind, owner.name);
    let found = api.list(&ListParams::default().fields(&of).limit(EVENTS_MAX)).await?;
    let with_metadata = |event: DynamicObject| {
        let mut value = event.data;
        value["metadata"] = json!({ "creationTimestamp": event.metadata.creation_timestamp });
        value
    };
    Ok(found.items.into_iter().map(with_metadata).collect())
}

fn pods(context: &Context, namespace: &str, store: &str) -> BTreeMap<String, PodObservation> {
    let pods = context.cache.of_store(ChildKind::Pod, namespace, store);
    let cassandra = |pod: &&Arc<DynamicObject>| pod.labels().get(LABEL_COMPONENT).is_some_and(|of| of == "cassandra");
    pods.iter().filter(cassandra).filter_map(|pod| Some((pod.name_any(), pod_observation(pod)?))).collect()
}

fn checks(context: &Context, namespace: &str, store: &str) -> BTreeMap<String, CheckObservation> {
    let pods = context.cache.of_store(ChildKind::Pod, namespace, store);
    let tries = |pod: &&Arc<DynamicObject>| pod.labels().get(LABEL_COMPONENT).is_some_and(|of| of == resources::CHECK);
    pods.iter().filter(tries).filter_map(|pod| Some((pod.name_any(), check_observation(pod)?))).collect()
}

async fn claims(context: &Context, desired: &Desired) -> BTreeMap<String, ClaimObservation> {
    let mut claims = BTreeMap::new();
    let mut classes: BTreeMap<String, Option<bool>> = BTreeMap::new();
    for claim in context.cache.of_store(ChildKind::PersistentVolumeClaim, &desired.namespace, &desired.name) {
        let Some(mut seen) = claim_observation(&claim) else { continue };
        let class = seen.class.clone();
        // Classes are asked for only when something is to grow.
        if let (true, Some(class)) = (seen.requested_bytes < desired.cassandra.storage_bytes, class) {
            seen.expandable = match classes.get(&class) {
                Some(known) => *known,
                None => {
                    let answer = expandable(context, &class).await;
                    *classes.entry(class).or_insert(answer)
                }
            };
        }
        claims.insert(claim.name_any(), seen);
    }
    claims
}

/// Whether volumes of the class can grow; `None` where that cannot be read, as in an operator that
/// is allowed to see its namespaces only.
async fn expandable(context: &Context, class: &str) -> Option<bool> {
    let api: Api<StorageClass> = Api::all(context.client.clone());
    let class = api.get_opt(class).await.ok()??;
    Some(class.allow_volume_expansion.unwrap_or(false))
}
