//! IO out: status, owned objects, deletions. Whatever takes something away is checked against live
//! reads first, and carries the uid and resourceVersion it was decided on.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::ApiResource;
use kube::{Resource as _, ResourceExt as _};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde_json::{Value, json};
use store_crds::{FIELD_MANAGER, FINALIZER, LABEL_COMPONENT, LABEL_STORE, StoreCluster, StoreClusterStatus};
use store_planner::decision::{ClaimChange, ClaimEdit, Delete};
use store_planner::desired::Desired;
use store_planner::identity::{ChildKey, ChildKind, Uid};
use store_planner::logins::{Credentials, Logins, StoreAccess};
use store_planner::observation::{
    ANNOTATION_CLUSTER_NAME, ANNOTATION_DATACENTER, ANNOTATION_LEFT_RING, ANNOTATION_VERSION, PodObservation,
    SecretPurpose, StoreIdentity,
};
use store_planner::ownership::{Standing, standing};
use store_planner::resources::{self, Fill, Write, access};

use crate::context::Context;
use crate::kinds::resource;
use crate::observe::{identity, pod_observation};

/// A write that was not made.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("wrote {what} and failed: {source}")]
    Kube { what: String, source: Box<kube::Error> },
    #[error("{what} has changed since this pass looked; looking again")]
    Stale { what: String },
    #[error("{what} is there already and belongs to {owner}; nothing of it was changed")]
    Taken { what: String, owner: String },
    #[error("{what} still belongs to a StoreCluster of this name that is no more; waiting until it is gone")]
    Former { what: String },
    #[error("the system has no randomness for a password: {0}")]
    Randomness(#[source] rand::rand_core::OsError),
}

impl ApplyError {
    /// Closed label for metrics, events and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            ApplyError::Kube { source, .. } => match &**source {
                kube::Error::Api(status) if status.code == 409 => "Conflict",
                kube::Error::Api(status) if status.code == 403 => "Forbidden",
                kube::Error::Api(status) if status.code == 422 => "Invalid",
                kube::Error::Api(_) => "ApiRefused",
                _ => "ApiUnreachable",
            },
            ApplyError::Stale { .. } => "Stale",
            ApplyError::Taken { .. } => "NameTaken",
            ApplyError::Former { .. } => "FormerObject",
            ApplyError::Randomness(_) => "NoRandomness",
        }
    }

    /// Somebody else wrote first: no fault, the next pass sees it.
    pub fn is_race(&self) -> bool {
        matches!(self.reason(), "Conflict" | "Stale")
    }

    fn kube(what: impl Into<String>) -> impl FnOnce(kube::Error) -> ApplyError {
        let what = what.into();
        move |source| ApplyError::Kube { what, source: Box::new(source) }
    }
}

/// Writes the status if it differs. The resourceVersion of `store` makes a pass that looked before
/// somebody else wrote fail instead of overwriting a newer memory.
///
/// # Errors
/// On a conflict or when the API server refuses.
pub async fn write_status(
    context: &Context,
    store: &StoreCluster,
    status: &StoreClusterStatus,
) -> Result<Option<StoreCluster>, ApplyError> {
    if store.status.as_ref() == Some(status) {
        return Ok(None);
    }
    let mut changed = store.clone();
    changed.status = Some(status.clone());
    changed.meta_mut().managed_fields = None;
    let written = stores(context, store)
        .replace_status(&store.name_any(), &PostParams::default(), &changed)
        .await
        .map_err(ApplyError::kube("the status"))?;
    context.metrics.write("StoreCluster", "status");
    Ok(Some(written))
}

/// Tells of a StoreCluster that this operator does not understand, in the part of it that it can write.
///
/// # Errors
/// When the API server refuses.
pub async fn tell_unreadable(context: &Context, namespace: &str, name: &str, words: &str) -> Result<(), ApplyError> {
    let resource = ApiResource::erase::<StoreCluster>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &resource);
    let Some(mut store) = api.get_opt(name).await.map_err(ApplyError::kube("the StoreCluster"))? else { return Ok(()) };
    let generation = store.metadata.generation.unwrap_or_default();
    if !store_planner::unreadable::mark_unreadable(&mut store.data["status"], generation, words, crate::clock::now()) {
        return Ok(());
    }
    store.metadata.managed_fields = None;
    let written = api.replace_status(name, &PostParams::default(), &store).await;
    written.map_err(ApplyError::kube("the status"))?;
    context.metrics.write("StoreCluster", "status");
    Ok(())
}

/// Puts the finalizer on or takes it off.
///
/// # Errors
/// On a conflict or when the API server refuses.
pub async fn set_finalizer(context: &Context, store: &StoreCluster, present: bool) -> Result<StoreCluster, ApplyError> {
    let patch = finalizer_patch(store, present);
    let written = stores(context, store)
        .patch(&store.name_any(), &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map_err(ApplyError::kube("the finalizer"))?;
    context.metrics.write("StoreCluster", "finalizer");
    Ok(written)
}

/// All that the operator ever writes to a StoreCluster beside its status. The spec is its user's, or a
/// GitOps tool would undo and the operator redo for ever.
fn finalizer_patch(store: &StoreCluster, present: bool) -> Value {
    let mut finalizers = store.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    if present {
        finalizers.push(FINALIZER.to_owned());
    }
    json!({ "metadata": { "finalizers": finalizers, "resourceVersion": store.resource_version() } })
}

/// Writes one owned object, never one that is somebody else's: the first write of a name is a POST, and what is
/// there is looked at live before it is applied to. A StatefulSet is made smaller only if the pods are still as
/// observed.
///
/// # Errors
/// `Taken` and `Former` when the name is not free; otherwise what the API server refused.
pub async fn write_child(
    context: &Context,
    store: &StoreCluster,
    pods: &BTreeMap<String, PodObservation>,
    kept: &Logins,
    write: &Write,
) -> Result<(), ApplyError> {
    match write {
        Write::Apply { key, object, live: None } => match create(context, store, key, object.clone()).await? {
            Created::New => Ok(()),
            // its label was taken off, or the cache is behind
            Created::WasThere => apply_to_own(context, store, pods, key, object.clone()).await,
        },
        Write::Apply { key, object, live: Some(_) } => apply_to_own(context, store, pods, key, object.clone()).await,
        Write::Create { key, object, fill } => {
            let object = match fill {
                Fill::Nothing => object.clone(),
                Fill::Random(keys) => with_secrets(object.clone(), keys)?,
                Fill::Kept(purpose) => with_login(object.clone(), access::LOGIN_KEYS, kept.get(purpose)),
            };
            match create(context, store, key, object).await? {
                Created::New => Ok(()),
                // Secrets are the plan's to judge: they are read, not changed
                Created::WasThere if key.kind == ChildKind::Secret => Ok(()),
                Created::WasThere => own(context, store, key).await.map(drop),
            }
        }
        Write::Delete { key, uid } => {
            let delete = Delete { kind: key.kind, name: key.name.clone(), uid: uid.clone(), orphan: false };
            remove(context, store, pods, &delete).await
        }
    }
}

/// Whether a POST made an object.
enum Created {
    New,
    WasThere,
}

async fn create(context: &Context, store: &StoreCluster, key: &ChildKey, object: Value) -> Result<Created, ApplyError> {
    let api = objects(context, store, &resource(key.kind));
    let what = key.to_string();
    if key.kind == ChildKind::StatefulSet {
        guard_claims(context, store, &object, 0).await?;
    }
    let object = serde_json::from_value(object)
        .map_err(|error| ApplyError::kube(what.clone())(kube::Error::SerdeError(error)))?;
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&params, &object).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists" => {
            return Ok(Created::WasThere);
        }
        Err(error) => return Err(ApplyError::kube(what)(error)),
    }
    context.metrics.write(key.kind.as_str(), "create");
    tracing::info!(kind = %key.kind, object = key.name, "created");
    Ok(Created::New)
}

/// The live object of that name, if it is this store's.
async fn own(context: &Context, store: &StoreCluster, key: &ChildKey) -> Result<DynamicObject, ApplyError> {
    let what = key.to_string();
    let api = objects(context, store, &resource(key.kind));
    let live = api.get_opt(&key.name).await.map_err(ApplyError::kube(what.clone()))?;
    let live = live.ok_or_else(|| ApplyError::Stale { what: what.clone() })?;
    let identity = identity(store).ok_or_else(|| ApplyError::Stale { what: what.clone() })?;
    match standing(&identity, &json!({ "metadata": live.metadata })) {
        Standing::Ours | Standing::Orphaned => Ok(live),
        Standing::Former => Err(ApplyError::Former { what }),
        Standing::Foreign(owner) => Err(ApplyError::Taken { what, owner }),
    }
}

async fn apply_to_own(
    context: &Context,
    store: &StoreCluster,
    pods: &BTreeMap<String, PodObservation>,
    key: &ChildKey,
    mut object: Value,
) -> Result<(), ApplyError> {
    let what = key.to_string();
    let api = objects(context, store, &resource(key.kind));
    let live = own(context, store, key).await?;
    // the API server refuses it for another object of that name
    object["metadata"]["uid"] = json!(live.uid());
    if key.kind == ChildKind::StatefulSet {
        guard_size(context, store, &live, pods, &mut object).await?;
    }
    if let Some(patch) = as_applied(&live) {
        let taken_over = api.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        let taken_over = taken_over.map_err(ApplyError::kube(what.clone()))?;
        if object["metadata"].get("resourceVersion").is_some() {
            object["metadata"]["resourceVersion"] = json!(taken_over.resource_version());
        }
    }
    api.patch(&key.name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object))
        .await
        .map_err(ApplyError::kube(what))?;
    context.metrics.write(key.kind.as_str(), "apply");
    tracing::info!(kind = %key.kind, object = key.name, "applied");
    Ok(())
}

/// The fields of an object that was made by a POST belong to an `Update`, and an apply would never take one of
/// them away again. So they become those of an apply first, as `kubectl apply --server-side` does it.
fn as_applied(live: &DynamicObject) -> Option<Value> {
    let mut entries = live.metadata.managed_fields.clone()?;
    let is_ours = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.subresource.as_deref().unwrap_or_default().is_empty()
    };
    let with = |operation: &str| {
        entries.iter().position(|entry| is_ours(entry) && entry.operation.as_deref() == Some(operation))
    };
    let (None, Some(made)) = (with("Apply"), with("Update")) else { return None };
    entries[made].operation = Some("Apply".to_owned());
    Some(json!({ "metadata": { "managedFields": entries, "resourceVersion": live.resource_version() } }))
}

/// Writes log-ins that were seen to work into the operator's record, beside those that are in it. A record
/// that is there is changed only if it is still as it was read.
///
/// # Errors
/// On a conflict or when the API server refuses.
pub async fn keep_log_ins(
    context: &Context,
    store: &StoreCluster,
    desired: &Desired,
    access: &StoreAccess,
    kept: &Logins,
    keep: &BTreeSet<SecretPurpose>,
) -> Result<(), ApplyError> {
    if keep.is_empty() {
        return Ok(());
    }
    let proved = keep.iter().filter_map(|purpose| Some((*purpose, access.login(*purpose)?.secret.clone()?)));
    let mut record = kept.clone();
    record.extend(proved);
    let name = access::record_name(desired);
    let what = format!("Secret {name}");
    let mut object = access::build_record(desired);
    for (purpose, credentials) in &record {
        let keys = access::record_keys(*purpose);
        object = with_login(object, [keys[0].as_str(), keys[1].as_str()], Some(credentials));
    }
    let api = objects(context, store, &resource(ChildKind::Secret));
    let verb = match api.get_opt(&name).await.map_err(ApplyError::kube(what.clone()))? {
        None => {
            let object = serde_json::from_value(object)
                .map_err(|error| ApplyError::kube(what.clone())(kube::Error::SerdeError(error)))?;
            api.create(&PostParams::default(), &object).await.map_err(ApplyError::kube(what))?;
            "create"
        }
        Some(live) if live.labels().get(LABEL_STORE) == Some(&desired.name) => {
            let patch = json!({
                "metadata": { "resourceVersion": live.resource_version() },
                "stringData": object["stringData"],
            });
            let patch = Patch::Merge(patch);
            api.patch(&name, &PatchParams::default(), &patch).await.map_err(ApplyError::kube(what))?;
            "patch"
        }
        Some(_) => return Err(ApplyError::Stale { what }),
    };
    context.metrics.write("Secret", verb);
    tracing::info!(secret = name, log_ins = ?keep, "kept the log-ins that work");
    Ok(())
}

/// Deletes one object, if it is still the one that was decided on and, for pods, if all the other
/// pods are still as observed. A pod that serves is evicted, so that the budget of disruptions counts.
///
/// # Errors
/// `Stale` when the world has moved on; otherwise what the API server refused.
pub async fn remove(
    context: &Context,
    store: &StoreCluster,
    pods: &BTreeMap<String, PodObservation>,
    delete: &Delete,
) -> Result<(), ApplyError> {
    let what = format!("{} {}", delete.kind, delete.name);
    let api = objects(context, store, &resource(delete.kind));
    let Some(live) = api.get_opt(&delete.name).await.map_err(ApplyError::kube(what.clone()))? else {
        return Ok(());
    };
    if live.uid().as_deref() != Some(delete.uid.as_str()) {
        return Err(ApplyError::Stale { what });
    }
    if live.meta().deletion_timestamp.is_some() {
        return Ok(());
    }
    let judged = ![ChildKind::Pod, ChildKind::PersistentVolumeClaim, ChildKind::Secret].contains(&delete.kind);
    let is_ours = |store: StoreIdentity| standing(&store, &json!({ "metadata": live.metadata })).is_ours();
    if judged && !identity(store).is_some_and(is_ours) {
        return Err(ApplyError::Stale { what });
    }
    match delete.kind {
        ChildKind::Pod => guard_pods(context, store, pods).await?,
        ChildKind::PersistentVolumeClaim => guard_claim(context, store, &delete.name, &live).await?,
        // with its pods, of which none has started by what was seen; a whole store goes whatever runs
        ChildKind::StatefulSet if !delete.orphan && store.meta().deletion_timestamp.is_none() => {
            guard_pods(context, store, pods).await?;
        }
        _ => {}
    }
    if delete.kind == ChildKind::Pod && pod_observation(&live).is_some_and(|pod| pod.ready) {
        return evict(context, store, &api, &live).await;
    }
    let mut params = match delete.kind {
        _ if delete.orphan => DeleteParams::orphan(),
        // it is gone once its pods are, which may still write
        ChildKind::Job => DeleteParams::foreground(),
        _ => DeleteParams::background(),
    };
    params.preconditions = Some(Preconditions { uid: live.uid(), resource_version: live.resource_version() });
    match api.delete(&delete.name, &params).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(ApplyError::kube(what)(error)),
    }
    context.metrics.write(delete.kind.as_str(), "delete");
    tracing::info!(kind = %delete.kind, object = delete.name, uid = %delete.uid, "deleted");
    Ok(())
}

/// Evicts a pod. That a budget has nothing left is no error: somebody else has taken a pod away, and the
/// next pass waits, with the server's words.
async fn evict(
    context: &Context,
    store: &StoreCluster,
    api: &Api<DynamicObject>,
    pod: &DynamicObject,
) -> Result<(), ApplyError> {
    let (namespace, name) = (store.namespace().unwrap_or_default(), store.name_any());
    let pod_name = pod.name_any();
    let uid = pod.uid().and_then(Uid::new).ok_or_else(|| ApplyError::Stale { what: format!("Pod {pod_name}") })?;
    let answer: Result<Value, kube::Error> =
        api.create_subresource("eviction", &pod_name, &PostParams::default(), &eviction(pod)).await;
    match answer {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(kube::Error::Api(status)) if status.code == 429 => {
            tracing::info!(pod = pod_name, %uid, words = status.message, "eviction refused");
            context.evictions.refuse(&namespace, &name, &uid, &status.message, crate::clock::now());
            return Ok(());
        }
        Err(error) => return Err(ApplyError::kube(format!("the eviction of Pod {pod_name}"))(error)),
    }
    context.evictions.forget(&namespace, &name);
    context.metrics.write("Pod", "evict");
    tracing::info!(pod = pod_name, %uid, "evicted");
    Ok(())
}

/// The request to evict this very pod, as it was read just now.
fn eviction(pod: &DynamicObject) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": { "name": pod.name_any(), "namespace": pod.namespace() },
        "deleteOptions": {
            "preconditions": { "uid": pod.uid(), "resourceVersion": pod.resource_version() },
        },
    })
}

/// Changes a claim: asks for a larger volume, or notes that its node has left.
///
/// # Errors
/// A conflict when the claim is another one by now; otherwise what the API server refused.
pub async fn change_claim(context: &Context, store: &StoreCluster, change: &ClaimChange) -> Result<(), ApplyError> {
    let (verb, mut patch) = match &change.edit {
        ClaimEdit::Grow(bytes) => {
            ("grow", json!({ "spec": { "resources": { "requests": { "storage": bytes.to_string() } } } }))
        }
        ClaimEdit::MarkLeft(host_id) => {
            ("mark-left", json!({ "metadata": { "annotations": { ANNOTATION_LEFT_RING: host_id } } }))
        }
        ClaimEdit::Note(note) => {
            let annotations = json!({
                ANNOTATION_DATACENTER: note.datacenter,
                ANNOTATION_VERSION: note.version,
                ANNOTATION_CLUSTER_NAME: note.cluster_name,
            });
            ("note", json!({ "metadata": { "annotations": annotations } }))
        }
    };
    // The uid in the patch makes the API server refuse it for another claim of that name.
    patch["metadata"]["uid"] = json!(change.uid);
    objects(context, store, &resource(ChildKind::PersistentVolumeClaim))
        .patch(&change.name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map_err(ApplyError::kube(format!("PersistentVolumeClaim {}", change.name)))?;
    context.metrics.write("PersistentVolumeClaim", verb);
    tracing::info!(claim = change.name, edit = ?change.edit, "claim changed");
    Ok(())
}

/// A StatefulSet that gets smaller loses its highest pod: that is checked against live pods, and
/// the write carries the version that was checked. One that grows takes up claims by their name.
async fn guard_size(
    context: &Context,
    store: &StoreCluster,
    live: &DynamicObject,
    pods: &BTreeMap<String, PodObservation>,
    object: &mut Value,
) -> Result<(), ApplyError> {
    let live_replicas = live.data["spec"]["replicas"].as_i64().unwrap_or(1);
    if object["spec"]["replicas"].as_i64().unwrap_or(1) < live_replicas {
        guard_pods(context, store, pods).await?;
        object["metadata"]["resourceVersion"] = json!(live.resource_version());
    }
    guard_claims(context, store, object, live_replicas).await
}

/// A pod takes up the claim of its name, whosever it is: the volume of another shop must not become one of this.
async fn guard_claims(context: &Context, store: &StoreCluster, set: &Value, from: i64) -> Result<(), ApplyError> {
    let kind = ChildKind::PersistentVolumeClaim;
    let api = objects(context, store, &resource(kind));
    for ordinal in from..set["spec"]["replicas"].as_i64().unwrap_or(1) {
        let name = format!("data-{}-{ordinal}", set["metadata"]["name"].as_str().unwrap_or_default());
        let what = format!("{kind} {name}");
        let Some(claim) = api.get_opt(&name).await.map_err(ApplyError::kube(what.clone()))? else { continue };
        match claim.labels().get(LABEL_STORE) {
            Some(of) if *of == store.name_any() => {}
            Some(of) => return Err(ApplyError::Taken { what, owner: format!("StoreCluster {of}") }),
            None => return Err(ApplyError::Taken { what, owner: "no StoreCluster that it names".to_owned() }),
        }
    }
    Ok(())
}

/// The decision was made for these pods in these states; any difference and it is made anew.
///
/// # Errors
/// `Stale` when a pod came, went, began to end or changed its readiness since; otherwise what the API
/// server refused.
pub async fn guard_pods(
    context: &Context,
    store: &StoreCluster,
    observed: &BTreeMap<String, PodObservation>,
) -> Result<(), ApplyError> {
    let api = objects(context, store, &resource(ChildKind::Pod));
    let selector = format!("{LABEL_STORE}={},{LABEL_COMPONENT}=cassandra", store.name_any());
    let live =
        api.list(&ListParams::default().labels(&selector)).await.map_err(ApplyError::kube("the list of pods"))?;
    let live: BTreeMap<String, PodObservation> =
        live.items.iter().filter_map(|pod| Some((pod.name_any(), pod_observation(pod)?))).collect();
    if same_pods(observed, &live) {
        return Ok(());
    }
    Err(ApplyError::Stale { what: "the set of Cassandra pods".to_owned() })
}

fn same_pods(observed: &BTreeMap<String, PodObservation>, live: &BTreeMap<String, PodObservation>) -> bool {
    observed.len() == live.len()
        && observed.iter().zip(live).all(|((name, seen), (live_name, live))| {
            name == live_name
                && seen.uid == live.uid
                && seen.ready == live.ready
                && seen.deleting == live.deleting
                && seen.ip == live.ip
        })
}

/// A claim is not deleted while its pod exists, but for one that never got a volume: its pod runs nowhere. The
/// deletion carries the version that was looked at, so one that is bound meanwhile stays.
async fn guard_claim(
    context: &Context,
    store: &StoreCluster,
    claim: &str,
    live: &DynamicObject,
) -> Result<(), ApplyError> {
    if is_unbound(live) {
        return Ok(());
    }
    let Some(pod) = claim.strip_prefix("data-") else { return Ok(()) };
    let api = objects(context, store, &resource(ChildKind::Pod));
    match api.get_opt(pod).await.map_err(ApplyError::kube(format!("Pod {pod}")))? {
        None => Ok(()),
        Some(_) => Err(ApplyError::Stale { what: format!("Pod {pod}, which still uses its claim,") }),
    }
}

/// No volume was ever given to the claim.
fn is_unbound(claim: &DynamicObject) -> bool {
    let named = claim.data["spec"]["volumeName"].as_str().is_some_and(|name| !name.is_empty());
    !named && claim.data["status"]["phase"] == "Pending" && claim.data["status"]["capacity"].is_null()
}

/// Fills generated passwords: 32 random bytes each, in hex.
fn with_secrets(object: Value, keys: &[&'static str]) -> Result<Value, ApplyError> {
    let mut values = Vec::with_capacity(keys.len());
    for _ in keys {
        let mut bytes = [0_u8; 32];
        OsRng.try_fill_bytes(&mut bytes).map_err(ApplyError::Randomness)?;
        values.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    Ok(resources::with_random_values(object, keys, || values.pop().unwrap_or_default()))
}

/// Fills a log-in.
fn with_login(mut object: Value, [username, password]: [&str; 2], login: Option<&Credentials>) -> Value {
    if let Some(login) = login {
        object["stringData"][username] = json!(login.username);
        object["stringData"][password] = json!(login.password);
    }
    object
}

fn stores(context: &Context, store: &StoreCluster) -> Api<StoreCluster> {
    Api::namespaced(context.client.clone(), &store.namespace().unwrap_or_default())
}

fn objects(context: &Context, store: &StoreCluster, resource: &ApiResource) -> Api<DynamicObject> {
    Api::namespaced_with(context.client.clone(), &store.namespace().unwrap_or_default(), resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(list: &[(&str, &str, bool)]) -> BTreeMap<String, PodObservation> {
        let pod = |uid: &str, ready: bool| {
            let conditions = json!([{"type": "Ready", "status": if ready { "True" } else { "False" }}]);
            let pod = json!({"metadata": {"uid": uid}, "status": {"conditions": conditions}});
            pod_observation(&serde_json::from_value(pod).unwrap()).unwrap()
        };
        list.iter().map(|(name, uid, ready)| ((*name).to_owned(), pod(uid, *ready))).collect()
    }

    #[test]
    fn a_pod_that_changed_since_the_decision_stops_a_deletion() {
        let observed = pods(&[("a-0", "u0", true), ("a-1", "u1", true)]);
        assert!(same_pods(&observed, &observed));
        assert!(!same_pods(&observed, &pods(&[("a-0", "u0", true)])));
        assert!(!same_pods(&observed, &pods(&[("a-0", "u0", false), ("a-1", "u1", true)])));
        assert!(!same_pods(&observed, &pods(&[("a-0", "u0", true), ("a-1", "other", true)])));
        assert!(!same_pods(&observed, &pods(&[("a-0", "u0", true), ("b-1", "u1", true)])));
    }

    #[test]
    fn a_pod_that_began_to_end_since_the_decision_stops_the_next_one() {
        let observed = pods(&[("a-0", "u0", true), ("b-0", "u1", true)]);
        let mut live = observed.clone();
        live.entry("b-0".to_owned()).and_modify(|pod| pod.deleting = true);
        assert!(!same_pods(&observed, &live));
    }

    #[test]
    fn an_eviction_is_of_the_very_pod_that_was_looked_at() {
        let pod: DynamicObject = serde_json::from_value(json!({
            "metadata": {"name": "shop-cassandra-a-0", "namespace": "store", "uid": "u0", "resourceVersion": "7"}
        }))
        .unwrap();
        let expected = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": "shop-cassandra-a-0", "namespace": "store"},
            "deleteOptions": {"preconditions": {"uid": "u0", "resourceVersion": "7"}},
        });
        assert_eq!(eviction(&pod), expected);
    }

    #[test]
    fn only_a_claim_that_never_got_a_volume_goes_beside_its_pod() {
        let claim = |spec: Value, status: Value| -> DynamicObject {
            serde_json::from_value(json!({"metadata": {"name": "c"}, "spec": spec, "status": status})).unwrap()
        };
        assert!(is_unbound(&claim(json!({}), json!({"phase": "Pending"}))));
        assert!(!is_unbound(&claim(json!({"volumeName": "v"}), json!({"phase": "Pending"}))));
        assert!(!is_unbound(&claim(json!({}), json!({"phase": "Bound", "capacity": {"storage": "1Gi"}}))));
        assert!(!is_unbound(&claim(json!({}), json!({"phase": "Lost"}))));
        assert!(!is_unbound(&claim(json!({}), Value::Null)));
    }

    #[test]
    fn the_operator_writes_nothing_of_a_spec() {
        let mut store = StoreCluster::new("shop", store_crds::StoreClusterSpec::default());
        store.metadata.finalizers = Some(vec!["other/one".into(), FINALIZER.into()]);
        store.metadata.resource_version = Some("7".into());
        let on = finalizer_patch(&store, true);
        assert_eq!(on, json!({"metadata": {"finalizers": ["other/one", FINALIZER], "resourceVersion": "7"}}));
        assert_eq!(finalizer_patch(&store, false)["metadata"]["finalizers"], json!(["other/one"]));
        // Whoever writes a StoreCluster in another way adds it here, and to the roles of the chart.
        let source = include_str!("apply.rs");
        let writes = source.matches("stores(context, store)\n        .").count();
        assert_eq!(writes, 2, "the status and the finalizers");
    }

    #[test]
    fn what_a_post_made_becomes_what_an_apply_made() {
        let entry = |manager: &str, operation: &str, subresource: &str| {
            json!({
                "manager": manager, "operation": operation, "apiVersion": "v1", "subresource": subresource,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}
            })
        };
        let live = |entries: Vec<Value>| -> DynamicObject {
            let metadata = json!({"name": "shop-api", "resourceVersion": "7", "managedFields": entries});
            serde_json::from_value(json!({"metadata": metadata})).unwrap()
        };
        let (made, other, status) = (
            entry(FIELD_MANAGER, "Update", ""),
            entry("kubectl", "Update", ""),
            entry(FIELD_MANAGER, "Update", "status"),
        );
        let patch = as_applied(&live(vec![other.clone(), made.clone()])).unwrap();
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!(patch["metadata"]["managedFields"][1]["operation"], "Apply");
        assert_eq!(patch["metadata"]["managedFields"][0]["operation"], "Update", "those of others stay theirs");
        let applied = entry(FIELD_MANAGER, "Apply", "");
        assert_eq!(as_applied(&live(vec![applied, made])), None, "it has been applied since");
        assert_eq!(as_applied(&live(vec![other, status])), None);
    }

    #[test]
    fn generated_passwords_are_long_and_never_the_same() {
        let fill = || with_secrets(json!({"stringData": {"username": "u"}}), &["password", "key"]).unwrap();
        let (one, two) = (fill(), fill());
        let password = one["stringData"]["password"].as_str().unwrap();
        assert_eq!(password.len(), 64);
        assert_ne!(one["stringData"]["password"], one["stringData"]["key"]);
        assert_ne!(one["stringData"]["password"], two["stringData"]["password"]);
        assert_eq!(one["stringData"]["username"], "u");
    }
}
