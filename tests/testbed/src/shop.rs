//! A shop as its user sees it: the StoreCluster, its conditions, its pods and its Secrets. IO: the
//! Kubernetes API.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use store_crds::{LABEL_COMPONENT, LABEL_STORE, StoreCluster, StoreClusterStatus, conditions};

use crate::progress::{WaitError, wait_until};

/// Field manager of what the suites apply.
pub const MANAGER: &str = "store-tests";
/// Options for Cassandra with which a node that joins waits 5 s for gossip in place of 30, and one that starts does not
/// wait for it to settle: on the network of one machine it has settled at once.
pub const SHORT_DELAYS: [&str; 2] = ["-Dcassandra.ring_delay_ms=5000", "-Dcassandra.skip_wait_for_gossip_to_settle=0"];
/// Time for one question to the API server.
const QUESTION: Duration = Duration::from_secs(10);

/// The shop could not be asked or told.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// The API server refused or did not answer.
    #[error("{action}: {source}")]
    Kubernetes {
        /// What was attempted.
        action: String,
        /// Why not.
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    #[error("{0}: no answer within {QUESTION:?}")]
    Silent(String),
    /// A condition did not come true in time.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// Something that the operator owes is not there.
    #[error("{0}")]
    Missing(String),
}

/// One StoreCluster.
#[derive(Clone)]
pub struct Shop {
    client: Client,
    namespace: String,
    name: String,
}

impl Shop {
    /// A handle; nothing is made.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Shop { client, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The typed API of `K` in the shop's namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Makes the namespace, where only pods of the restricted Pod Security Standard may run.
    ///
    /// # Errors
    /// [`ShopError`] when the API server refuses.
    pub async fn make_namespace(&self) -> Result<(), ShopError> {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": self.namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/enforce-version": "latest",
            }},
        });
        let api: Api<Namespace> = Api::all(self.client.clone());
        ask(
            "making the namespace",
            api.patch(&self.namespace, &PatchParams::apply(MANAGER).force(), &Patch::Apply(namespace)),
        )
        .await
        .map(drop)
    }

    /// Applies a whole spec; the answer is the generation that it became.
    ///
    /// # Errors
    /// [`ShopError`] when the API server refuses.
    pub async fn apply(&self, spec: &Value) -> Result<i64, ShopError> {
        let object = json!({
            "apiVersion": "storemanager.io/v1alpha1", "kind": "StoreCluster",
            "metadata": { "name": self.name, "namespace": self.namespace },
            "spec": spec,
        });
        let api: Api<StoreCluster> = self.api();
        let params = PatchParams::apply(MANAGER).force();
        let store = ask("applying the StoreCluster", api.patch(&self.name, &params, &Patch::Apply(object))).await?;
        Ok(store.metadata.generation.unwrap_or_default())
    }

    /// The StoreCluster as it is.
    ///
    /// # Errors
    /// [`ShopError`] when it cannot be read.
    pub async fn get(&self) -> Result<StoreCluster, ShopError> {
        let api: Api<StoreCluster> = self.api();
        ask("reading the StoreCluster", api.get(&self.name)).await
    }

    /// Asks the StoreCluster until `look` answers `Ok`.
    ///
    /// # Errors
    /// [`ShopError::Wait`] after `deadline`.
    pub async fn wait<T>(
        &self,
        what: &str,
        deadline: Duration,
        look: impl Fn(&StoreCluster) -> Result<T, String>,
    ) -> Result<T, ShopError> {
        let look = &look;
        let ask = || async move { look(&self.get().await.map_err(|error| error.to_string())?) };
        Ok(wait_until(what, deadline, ask).await?)
    }

    /// Waits until the newest generation is served, replicated as wanted, and nothing is owed.
    ///
    /// # Errors
    /// [`ShopError::Wait`] after `deadline`.
    pub async fn wait_settled(&self, deadline: Duration) -> Result<StoreClusterStatus, ShopError> {
        self.wait("the shop to be ready with nothing owed", deadline, settled).await
    }

    /// Waits until the shop serves: Ready for the newest generation of its spec.
    ///
    /// # Errors
    /// [`ShopError::Wait`] after `deadline`.
    pub async fn wait_ready(&self, deadline: Duration) -> Result<(), ShopError> {
        let ready = |store: &StoreCluster| {
            let found = condition(store, conditions::READY)
                .filter(|found| found.observed_generation == store.metadata.generation);
            match found {
                Some(found) if found.status == "True" => Ok(()),
                Some(found) => Err(format!("{}: {}", found.reason, found.message)),
                None => Err("its operator has not looked at it yet".to_owned()),
            }
        };
        self.wait("the shop to be ready", deadline, ready).await
    }

    /// The pods of one component (`cassandra`, `api`), by name.
    ///
    /// # Errors
    /// [`ShopError`] when they cannot be listed.
    pub async fn pods(&self, component: &str) -> Result<BTreeMap<String, Pod>, ShopError> {
        let api: Api<Pod> = self.api();
        let params =
            ListParams::default().labels(&format!("{LABEL_STORE}={},{LABEL_COMPONENT}={component}", self.name));
        let list = ask("listing pods", api.list(&params)).await?;
        Ok(list.items.into_iter().map(|pod| (pod.name_any(), pod)).collect())
    }

    /// The API's token of a role.
    ///
    /// # Errors
    /// [`ShopError`] when its Secret is not there.
    pub async fn token(&self, role: &str) -> Result<String, ShopError> {
        self.secret(&format!("{}-api-tokens", self.name), role).await
    }

    /// The text under `key` of a Secret in the shop's namespace.
    ///
    /// # Errors
    /// [`ShopError`] when it is not there.
    pub async fn secret(&self, name: &str, key: &str) -> Result<String, ShopError> {
        let api: Api<Secret> = self.api();
        let secret = ask(&format!("reading the Secret {name}"), api.get(name)).await?;
        let data = secret.data.unwrap_or_default();
        let bytes = data.get(key).ok_or_else(|| ShopError::Missing(format!("Secret {name} has no {key}")))?;
        Ok(String::from_utf8_lossy(&bytes.0).into_owned())
    }
}

/// One question to the API server, bounded.
///
/// # Errors
/// [`ShopError`] with what was attempted.
pub async fn ask<T>(action: &str, question: impl Future<Output = kube::Result<T>>) -> Result<T, ShopError> {
    match tokio::time::timeout(QUESTION, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(ShopError::Kubernetes { action: action.to_owned(), source: Box::new(source) }),
        Err(_) => Err(ShopError::Silent(action.to_owned())),
    }
}

/// The condition of this type, if there is one.
pub fn condition<'a>(store: &'a StoreCluster, kind: &str) -> Option<&'a Condition> {
    store.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind)
}

/// The status, if the newest generation is Ready, ReplicationSynced, not Degraded and no longer
/// Progressing; otherwise what is missing.
///
/// # Errors
/// The first condition that is not as it should be, in words.
pub fn settled(store: &StoreCluster) -> Result<StoreClusterStatus, String> {
    let wanted = [
        (conditions::PROGRESSING, "False"),
        (conditions::READY, "True"),
        (conditions::REPLICATION_SYNCED, "True"),
        (conditions::DEGRADED, "False"),
    ];
    for (kind, status) in wanted {
        let Some(condition) = condition(store, kind) else { return Err(format!("no condition {kind} yet")) };
        if condition.observed_generation != store.metadata.generation {
            return Err(format!("{kind} is of generation {:?}", condition.observed_generation));
        }
        if condition.status != status {
            return Err(format!("{kind} {}: {}", condition.reason, condition.message));
        }
    }
    store.status.clone().ok_or_else(|| "no status yet".to_owned())
}

/// Whether the pod passes its readiness probe and is not being deleted.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|list| list.iter().any(|one| one.type_ == "Ready" && one.status == "True"));
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// The pod's address, once it has one.
pub fn address(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use store_crds::StoreClusterSpec;

    use super::*;

    fn store(generation: i64, statuses: [(&str, &str); 4]) -> StoreCluster {
        let mut store = StoreCluster::new("shop", StoreClusterSpec::default());
        store.metadata.generation = Some(2);
        let condition = |(kind, status): (&str, &str)| Condition {
            type_: kind.into(),
            status: status.into(),
            reason: "Why".into(),
            message: "because".into(),
            observed_generation: Some(generation),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        };
        let conditions = statuses.map(condition).to_vec();
        store.status = Some(StoreClusterStatus { conditions, ..StoreClusterStatus::default() });
        store
    }

    const CALM: [(&str, &str); 4] =
        [("Ready", "True"), ("Progressing", "False"), ("Degraded", "False"), ("ReplicationSynced", "True")];

    #[test]
    fn a_shop_is_settled_only_when_all_conditions_are_of_the_newest_generation() {
        assert!(settled(&store(2, CALM)).is_ok());
        assert!(settled(&store(1, CALM)).is_err());
        for position in 0..4 {
            let mut statuses = CALM;
            statuses[position].1 = "Unknown";
            assert!(settled(&store(2, statuses)).is_err(), "{statuses:?}");
        }
        assert!(settled(&StoreCluster::new("shop", StoreClusterSpec::default())).is_err());
    }
}
