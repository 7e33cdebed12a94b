//! Policies and quotas of a neighbour refuse what the operator writes. IO.

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::{MENDED, Mishaps, TOLD, spec};
use crate::story::StoryError;
use store_testbed::progress::wait_until;
use store_testbed::shop::ask;

/// What the policy says.
const WORDS: &str = "no Ingress is changed on a Monday";

impl Mishaps<'_> {
    /// A policy refuses changes of Ingresses. That is told in its words, and the ring goes on.
    pub(super) async fn ingress_refused(&self) -> Result<String, StoryError> {
        let (policy, binding) = policy(self.shop.namespace());
        for object in [&policy, &binding] {
            self.kubectl().run_with(&["apply", "-f", "-"], object.to_string()).await?;
        }
        let refused = self.refused().await;
        for object in [&binding, &policy] {
            self.kubectl().run_with(&["delete", "-f", "-"], object.to_string()).await?;
        }
        let told = refused?;
        self.shop.apply(&spec()).await?;
        self.settle(MENDED).await?;
        // What was made by the way stays, as a keyspace that is taken off the spec does.
        Ok(told)
    }

    async fn refused(&self) -> Result<String, StoryError> {
        wait_until("the policy to be in force", MENDED, || async {
            let name = format!("ingress/{}-api", self.shop.name());
            let edit = ["annotate", "--overwrite", "--dry-run=server", &name, "a=b"];
            match self.run(&edit).await {
                Ok(_) => Err("it is not heeded yet".to_owned()),
                Err(error) if error.to_string().contains(WORDS) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await?;
        let mut changed = spec();
        changed["api"]["ingress"] = json!({ "annotations": { "example.com/colour": "green" } });
        changed["keyspaces"].as_array_mut().into_iter().for_each(|list| {
            list.push(json!({ "name": "reports", "replicationFactor": 3 }));
        });
        self.shop.apply(&changed).await?;
        let told = self.told(&["Ingress", WORDS]).await?;
        // The ring goes on: the keyspace of the same generation is made.
        self.shop
            .wait("the keyspace to be made meanwhile", TOLD * 3, |store| {
                let keyspaces = store.status.iter().flat_map(|status| &status.keyspaces);
                let made = keyspaces.filter(|one| one.name == "reports").any(|one| one.replication == Some(3));
                if made { Ok(()) } else { Err("it is not there".to_owned()) }
            })
            .await?;
        Ok(told)
    }

    /// A quota forbids the pod that takes a dead one's place.
    pub(super) async fn pod_forbidden(&self) -> Result<String, StoryError> {
        let quotas: Api<ResourceQuota> = self.shop.api();
        let quota = serde_json::from_value(json!({
            "metadata": { "name": "no-more-pods" }, "spec": { "hard": { "pods": "0" } },
        }));
        let quota: ResourceQuota = quota.map_err(|error| StoryError::Wrong(error.to_string()))?;
        ask("making a quota", quotas.create(&PostParams::default(), &quota)).await?;
        let pod = self.pod("b");
        ask("deleting a Cassandra pod", self.shop.api::<Pod>().delete(&pod, &DeleteParams::default())).await?;
        let pods = self.shop.api::<Pod>();
        let gone = wait_until("the pod to be gone", MENDED, || async {
            let there = pods.get_opt(&pod).await.map_err(|error| error.to_string())?;
            if there.is_none() { Ok(()) } else { Err("it ends".to_owned()) }
        });
        gone.await?;
        let told = self.told(&[&pod, "exceeded quota"]).await;
        ask("taking the quota away", quotas.delete("no-more-pods", &DeleteParams::default())).await?;
        let told = told?;
        self.settle(MENDED).await?;
        Ok(told)
    }
}

/// A policy of the cluster's that refuses every change of an Ingress in the namespace, and its binding.
fn policy(namespace: &str) -> (Value, Value) {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "no-ingress-on-mondays" },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "resources": ["ingresses"],
                "operations": ["CREATE", "UPDATE"],
            }] },
            "validations": [{ "expression": "false", "message": WORDS }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "no-ingress-on-mondays" },
        "spec": {
            "policyName": "no-ingress-on-mondays", "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } },
        },
    });
    (policy, binding)
}
