//! The testbed's volumes: directories on the disk of the node that a pod was scheduled to, made for claims of the class
//! in `testbed/manifests/storage.yaml` and taken away with them. It runs as a process of the control plane, which
//! sees every node's disk. Gather (watches) → [`decide`] → commit (directories, PersistentVolumes).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use crate::layout::Layout;
use crate::node_init::disk;

/// Its name among the processes of the control plane, and that of its user.
pub const NAME: &str = "volume-provisioner";
/// What the StorageClass names as its provisioner.
const PROVISIONER: &str = "store-testbed/directories";
/// The StorageClass.
const CLASS: &str = "local-path";
/// Where nodes mount the disk that volumes lie on.
const PLACE: &str = "/var/lib/local-path";
/// The scheduler's word on where the first pod of a claim runs.
const SELECTED: &str = "volume.kubernetes.io/selected-node";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// After this what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// The provisioner could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionerError {
    /// The API server refused or did not answer.
    #[error("{action}: {source}")]
    Kubernetes {
        /// What was attempted.
        action: String,
        /// Why not.
        source: Box<kube::Error>,
    },
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A claim is for a node that the testbed does not have.
    #[error("a volume is wanted on {0}, which is no node of this cluster")]
    NoNode(String),
    /// The watches ended, which they do not.
    #[error("the watches on claims and volumes have ended")]
    Ended,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
enum Step {
    /// Make the volume of a claim: its node, and the object.
    Make { node: String, volume: Box<PersistentVolume> },
    /// Take away a volume that nobody claims any more.
    Remove { node: String, volume: String, uid: String },
}

/// What claims and volumes ask for. A claim whose volume is there is not asked for again, however old the list of
/// volumes is: a volume is named by its claim's uid, and the API server takes the name once.
fn decide(claims: &[Arc<PersistentVolumeClaim>], volumes: &[Arc<PersistentVolume>]) -> Vec<Step> {
    let known: BTreeMap<String, &PersistentVolume> =
        volumes.iter().map(|volume| (volume.name_any(), volume.as_ref())).collect();
    let made =
        claims.iter().filter_map(|claim| wanted(claim)).filter(|(_, volume)| !known.contains_key(&volume.name_any()));
    let made = made.map(|(node, volume)| Step::Make { node, volume: Box::new(volume) });
    made.chain(known.values().filter_map(|volume| released(volume))).collect()
}

/// The node and the volume that an unbound claim of the class asks for, once the scheduler has chosen the node.
fn wanted(claim: &PersistentVolumeClaim) -> Option<(String, PersistentVolume)> {
    let spec = claim.spec.as_ref()?;
    let open = spec.volume_name.is_none() && claim.metadata.deletion_timestamp.is_none();
    if !open || spec.storage_class_name.as_deref() != Some(CLASS) {
        return None;
    }
    let node = claim.annotations().get(SELECTED)?.clone();
    let name = format!("pvc-{}", claim.uid()?);
    let volume = json!({
        "metadata": { "name": name, "annotations": { PROVISIONED_BY: PROVISIONER } },
        "spec": {
            "capacity": { "storage": spec.resources.as_ref()?.requests.as_ref()?.get("storage")? },
            "accessModes": spec.access_modes,
            "volumeMode": "Filesystem",
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace(), "name": claim.name_any(), "uid": claim.uid(),
            },
            "hostPath": { "path": format!("{PLACE}/{name}"), "type": "Directory" },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
                { "key": "kubernetes.io/hostname", "operator": "In", "values": [node] },
            ]}]}},
        },
    });
    Some((node, serde_json::from_value(volume).ok()?))
}

/// A volume of ours whose claim is gone and that is not to be kept.
fn released(volume: &PersistentVolume) -> Option<Step> {
    let spec = volume.spec.as_ref()?;
    let ours = volume.annotations().get(PROVISIONED_BY).is_some_and(|by| by == PROVISIONER);
    let over = volume.status.as_ref()?.phase.as_deref() == Some("Released");
    let goes = spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete");
    if !(ours && over && goes) || volume.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let terms = &spec.node_affinity.as_ref()?.required.as_ref()?.node_selector_terms;
    let node = terms.first()?.match_expressions.as_ref()?.first()?.values.as_ref()?.first()?.clone();
    Some(Step::Remove { node, volume: volume.name_any(), uid: volume.uid()? })
}

/// Provisions until the process ends. What fails is logged on standard error and tried again.
///
/// # Errors
/// [`ProvisionerError::Ended`].
pub async fn run(client: Client, layout: &Layout) -> Result<(), ProvisionerError> {
    let (claims, claim_writer) = reflector::store::<PersistentVolumeClaim>();
    let (volumes, volume_writer) = reflector::store::<PersistentVolume>();
    let claim_events = watcher(Api::all(client.clone()), watcher::Config::default()).default_backoff();
    let volume_events = watcher(Api::all(client.clone()), watcher::Config::default()).default_backoff();
    let claim_events = claim_events.reflect(claim_writer).map(|event| event.map(drop));
    let volume_events = volume_events.reflect(volume_writer).map(|event| event.map(drop));
    let mut events = pin!(futures::stream::select(claim_events, volume_events));
    let mut again = tokio::time::interval(AGAIN);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failed = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(())) => {}
                Some(Err(error)) => eprintln!("watching: {error}"),
                None => return Err(ProvisionerError::Ended),
            },
            _ = again.tick(), if failed => {}
        }
        failed = pass(&client, layout, &claims, &volumes).await;
    }
}

/// Carries out what is to be done; whether something of it failed.
async fn pass(
    client: &Client,
    layout: &Layout,
    claims: &Store<PersistentVolumeClaim>,
    volumes: &Store<PersistentVolume>,
) -> bool {
    let mut failed = false;
    for step in decide(&claims.state(), &volumes.state()) {
        if let Err(error) = commit(client, layout, &step).await {
            eprintln!("{error}");
            failed = true;
        }
    }
    failed
}

async fn commit(client: &Client, layout: &Layout, step: &Step) -> Result<(), ProvisionerError> {
    let api: Api<PersistentVolume> = Api::all(client.clone());
    let refused = |action: String| |error| ProvisionerError::Kubernetes { action, source: Box::new(error) };
    match step {
        Step::Make { node, volume } => {
            let name = volume.name_any();
            make_directory(&directory(layout, node, &name)?)?;
            match api.create(&PostParams::default(), volume).await {
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
                made => made.map(drop).map_err(refused(format!("making volume {name}"))),
            }
        }
        Step::Remove { node, volume, uid } => {
            // First the object, by its uid: a directory must not go under a volume that somebody can still claim.
            let only = Preconditions { uid: Some(uid.clone()), resource_version: None };
            let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
            match api.delete(volume, &params).await {
                Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => {}
                deleted => drop(deleted.map_err(refused(format!("deleting volume {volume}")))?),
            }
            let path = directory(layout, node, volume)?;
            match fs::remove_dir_all(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    Err(ProvisionerError::Io { action: "deleting", path, source })
                }
                _ => Ok(()),
            }
        }
    }
}

/// Where a volume lies, as the host sees it.
fn directory(layout: &Layout, node: &str, volume: &str) -> Result<PathBuf, ProvisionerError> {
    let nodes = layout.nodes();
    let found = nodes.iter().find(|known| known.name == node);
    let found = found.ok_or_else(|| ProvisionerError::NoNode(node.to_owned()))?;
    Ok(disk(found, PLACE).join(volume))
}

/// Writable by every user: pods run as users of their own.
fn make_directory(path: &Path) -> Result<(), ProvisionerError> {
    let failed = |action| move |source| ProvisionerError::Io { action, path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(failed("creating"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).map_err(failed("opening"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn claim(change: impl FnOnce(&mut Value)) -> Arc<PersistentVolumeClaim> {
        let mut claim = json!({
            "metadata": { "name": "data-a-0", "namespace": "n", "uid": "u1", "annotations": { SELECTED: "node-b" } },
            "spec": {
                "storageClassName": CLASS, "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "2Gi" } },
            },
        });
        change(&mut claim);
        Arc::new(serde_json::from_value(claim).expect("a claim"))
    }

    /// The volume of [`claim`], as it became.
    fn volume(phase: &str) -> PersistentVolume {
        let Some(Step::Make { mut volume, .. }) = decide(&[claim(|_| {})], &[]).pop() else { panic!("no volume") };
        volume.metadata.uid = Some("v1".to_owned());
        volume.status = serde_json::from_value(json!({ "phase": phase })).expect("a status");
        *volume
    }

    #[test]
    fn a_claim_gets_a_directory_on_the_node_that_the_scheduler_chose() {
        let steps = decide(&[claim(|_| {})], &[]);
        let [Step::Make { node, volume }] = &steps[..] else { panic!("{steps:?}") };
        let spec = volume.spec.as_ref().expect("a spec");
        assert_eq!((node.as_str(), volume.name_any().as_str()), ("node-b", "pvc-u1"));
        assert_eq!(spec.host_path.as_ref().map(|path| path.path.as_str()), Some("/var/lib/local-path/pvc-u1"));
        assert_eq!(spec.claim_ref.as_ref().and_then(|claim| claim.uid.as_deref()), Some("u1"));
    }

    #[test]
    fn a_claim_that_waits_for_the_scheduler_has_a_volume_or_is_of_another_class_gets_none() {
        let others: [fn(&mut Value); 4] = [
            |claim| claim["metadata"]["annotations"] = json!({}),
            |claim| claim["spec"]["volumeName"] = json!("pvc-u1"),
            |claim| claim["spec"]["storageClassName"] = json!("fast"),
            |claim| claim["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z"),
        ];
        for change in others {
            assert_eq!(decide(&[claim(change)], &[]), []);
        }
        assert_eq!(decide(&[claim(|_| {})], &[Arc::new(volume("Available"))]), [], "it is made already");
    }

    #[test]
    fn a_released_volume_goes_unless_somebody_keeps_it_or_else_made_it() {
        let gone = Step::Remove { node: "node-b".into(), volume: "pvc-u1".into(), uid: "v1".into() };
        assert_eq!(decide(&[], &[Arc::new(volume("Released"))]), [gone]);
        let mut kept = volume("Released");
        kept.spec.as_mut().expect("a spec").persistent_volume_reclaim_policy = Some("Retain".into());
        let mut foreign = volume("Released");
        foreign.metadata.annotations = None;
        for volume in [volume("Bound"), kept, foreign] {
            assert_eq!(decide(&[], &[Arc::new(volume)]), []);
        }
    }
}
