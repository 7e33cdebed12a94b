//! Steps that change the spec: nodes, copies, and the end. IO.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::{DeleteParams, ListParams};
use store_crds::{LABEL_STORE, NodeState, StoreCluster};

use super::{KEYSPACE, READ_BACK, Story, StoryError};
use crate::cassandra_log::FollowedLogs;
use store_load::load::{CqlAccess, verify_by_cql};
use store_testbed::progress::wait_until;
use store_testbed::shop::{ask, is_ready, settled};

/// For a single node, its roles, its tables and the API.
const FIRST: Duration = Duration::from_secs(400);
/// For two nodes more.
const GROW: Duration = Duration::from_secs(600);
/// For a change of copies or of one node.
const CHANGE: Duration = Duration::from_secs(400);
/// For the end of everything.
const DELETE: Duration = Duration::from_secs(180);

impl Story<'_> {
    async fn apply(&self, size: u32, racks: usize, copies: u32, deadline: Duration) -> Result<String, StoryError> {
        self.shop.apply(&self.plan.spec(size, racks, copies)).await?;
        self.settle(deadline, size, copies).await
    }

    /// Waits until nothing is owed and the status says what was asked for. A node that was killed a moment ago changes no
    /// condition: it is its state that tells.
    pub(super) async fn settle(&self, deadline: Duration, size: u32, copies: u32) -> Result<String, StoryError> {
        let found = self.shop.wait("the shop to be as asked, with nothing owed", deadline, |store| {
            let status = settled(store)?;
            let normal = status.nodes.iter().filter(|node| node.state == NodeState::Normal).count();
            let keyspace = status.keyspaces.iter().find(|keyspace| keyspace.name == KEYSPACE);
            let replication = keyspace.and_then(|keyspace| keyspace.replication);
            let found = format!("{normal} nodes normal, {replication:?} copies, {} debts", status.owed.len());
            let right = normal == size as usize && replication == i32::try_from(copies).ok() && status.owed.is_empty();
            if right { Ok(found) } else { Err(found) }
        });
        Ok(found.await?)
    }

    pub(super) async fn one_node(&mut self) -> Result<String, StoryError> {
        self.shop.make_namespace().await?;
        self.apply(1, 1, 1, FIRST).await
    }

    pub(super) async fn three_nodes(&mut self) -> Result<String, StoryError> {
        self.apply(3, 3, 1, GROW).await
    }

    pub(super) async fn three_copies(&mut self) -> Result<String, StoryError> {
        self.apply(3, 3, 3, CHANGE).await
    }

    /// Every product acknowledged by now, from every replica.
    pub(super) async fn all_at_all(&mut self) -> Result<String, StoryError> {
        let products = self.load()?.products();
        let access = CqlAccess::of(&self.shop, KEYSPACE).await?;
        // The load goes on: a product may meanwhile be newer than taken down, so only older is wrong.
        let products: Vec<_> = products.into_iter().map(|product| product.with_any_later()).collect();
        let verdict = verify_by_cql(&access, &products, READ_BACK).await?;
        if verdict.is_clean() {
            Ok(format!("{} products", verdict.asked))
        } else {
            Err(StoryError::Wrong(format!("{verdict:?}")))
        }
    }

    pub(super) async fn two_copies(&mut self) -> Result<String, StoryError> {
        self.apply(3, 3, 2, CHANGE).await
    }

    pub(super) async fn four_nodes(&mut self) -> Result<String, StoryError> {
        self.scale(4).await?;
        self.shop.wait("the fourth node to begin to join", CHANGE, four_pods).await?;
        self.kill_operator().await?;
        self.settle(CHANGE, 4, 2).await
    }

    pub(super) async fn back_to_three(&mut self) -> Result<String, StoryError> {
        let logs = FollowedLogs::of(&self.shop).await?;
        self.scale(3).await?;
        let found = self.settle(CHANGE, 3, 2).await?;
        self.leaving = logs.work();
        if self.leaving.is_empty() {
            return Err(StoryError::Wrong(format!("{found}, but no log told of a node that left")));
        }
        let pods = self.shop.pods("cassandra").await?;
        if pods.len() == 3 { Ok(found) } else { Err(StoryError::Wrong(format!("pods {:?}", pods.keys()))) }
    }

    async fn scale(&self, replicas: u32) -> Result<(), StoryError> {
        let store = format!("stc/{}", self.shop.name());
        let replicas = format!("--replicas={replicas}");
        self.stage.kubectl.run(&["-n", self.shop.namespace(), "scale", &store, &replicas]).await?;
        Ok(())
    }

    /// Deletes the StoreCluster and waits until what it owned is gone; volumes by policy.
    pub(super) async fn delete(&mut self) -> Result<String, StoryError> {
        let api = self.shop.api::<StoreCluster>();
        let foreground = DeleteParams::foreground();
        ask("deleting the StoreCluster", api.delete(self.shop.name(), &foreground)).await?;
        let params = ListParams::default().labels(&format!("{LABEL_STORE}={}", self.shop.name()));
        let (sets, deployments) = (self.shop.api::<StatefulSet>(), self.shop.api::<Deployment>());
        let claims = self.shop.api::<PersistentVolumeClaim>();
        wait_until("the shop to be gone", DELETE, || async {
            let gone = match api.get_opt(self.shop.name()).await {
                Ok(None) => true,
                Ok(Some(_)) => false,
                Err(error) => return Err(error.to_string()),
            };
            let text = |error: kube::Error| error.to_string();
            let sets = sets.list(&params).await.map_err(text)?.items.len();
            let deployments = deployments.list(&params).await.map_err(text)?.items.len();
            let pods = self.shop.pods("cassandra").await.map_err(|error| error.to_string())?.len();
            let claims = claims.list(&params).await.map_err(text)?.items.len();
            let claims_right = self.plan.policy() == "Retain" || claims == 0;
            if gone && sets + deployments + pods == 0 && claims_right {
                Ok(())
            } else {
                Err(format!("StoreCluster gone {gone}, {sets} StatefulSets, {deployments} Deployments, {pods} pods, {claims} claims"))
            }
        })
        .await?;
        let claims = ask("listing claims", claims.list(&params)).await?.items.len();
        let secrets = self.shop.api::<Secret>();
        let superuser = ask("looking for the password", secrets.get_opt(&format!("{}-superuser", self.shop.name())))
            .await?
            .is_some();
        let found = format!("policy {}: {claims} claims, superuser's Secret kept: {superuser}", self.plan.policy());
        let right = if self.plan.policy() == "Retain" { claims >= 3 && superuser } else { claims == 0 && !superuser };
        if right { Ok(found) } else { Err(StoryError::Wrong(found)) }
    }

    /// Deletes the operator's pods, all of them, and waits until one is ready again.
    pub(super) async fn kill_operator(&self) -> Result<(), StoryError> {
        let pods: kube::Api<k8s_openapi::api::core::v1::Pod> =
            kube::Api::namespaced(self.stage.cluster.client(), &self.stage.operator_namespace);
        let params = ListParams::default().labels("app.kubernetes.io/component=operator");
        let before = ask("listing the operator's pods", pods.list(&params)).await?.items;
        if before.is_empty() {
            return Err(StoryError::Wrong("no pod of the operator".into()));
        }
        for pod in &before {
            let name = pod.metadata.name.clone().unwrap_or_default();
            ask("deleting a pod of the operator", pods.delete(&name, &DeleteParams::default().grace_period(0))).await?;
        }
        let old: Vec<_> = before.into_iter().map(|pod| pod.metadata.uid).collect();
        wait_until("a new operator", Duration::from_secs(60), || async {
            let now = pods.list(&params).await.map_err(|error| error.to_string())?.items;
            let new = now.iter().any(|pod| !old.contains(&pod.metadata.uid) && is_ready(pod));
            if new { Ok(()) } else { Err("no new pod is ready".to_owned()) }
        })
        .await?;
        Ok(())
    }
}

/// Whether status knows of a fourth node and work is under way.
fn four_pods(store: &StoreCluster) -> Result<(), String> {
    let nodes = store.status.as_ref().map_or(0, |status| status.nodes.len());
    if nodes >= 4 && settled(store).is_err() { Ok(()) } else { Err(format!("{nodes} nodes in status")) }
}
