//! A volume is lost under a shop that serves; a shop is made again beside its volumes, with other racks. IO.

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::DeleteParams;
use store_crds::StoreCluster;
use store_crds::conditions::REPLICATION_SYNCED;

use super::ring::one_at_a_time;
use super::{FOUNDED, KEYSPACE, MENDED, Mishaps, READ_BACK, ROLLED, TOLD, expect, spec, spec_of};
use crate::story::StoryError;
use store_load::load::{CqlAccess, verify_by_cql};
use store_testbed::progress::wait_until;
use store_testbed::shop::ask;

impl Mishaps<'_> {
    /// What the status advises is done, and nothing else; in the end every replica has every product.
    pub(super) async fn volume_lost(&self) -> Result<String, StoryError> {
        let watch = self.watch();
        let pod = self.pod("c");
        let status = self.shop.get().await?.status.unwrap_or_default();
        let lost = status.nodes.iter().find(|node| node.pod == pod).and_then(|node| node.host_id.clone());
        let lost = lost.ok_or_else(|| StoryError::Wrong(format!("{pod} has no host id")))?;
        let claim = format!("data-{pod}");
        let claims = self.shop.api::<PersistentVolumeClaim>();
        ask("deleting a claim", claims.delete(&claim, &DeleteParams::default())).await?;
        let told = self.told(&[&claim]).await?;
        ask("deleting its pod", self.shop.api::<Pod>().delete(&pod, &DeleteParams::default())).await?;
        // The advice stays while the node is gone, and names what is to be done.
        let advice = self.told_within(MENDED, &["removenode", &lost]).await?;
        // Cassandra takes it once its peers have noticed that the node is gone.
        let peer = self.pod("a");
        let remove = ["exec", &peer, "-c", "cassandra", "--", "nodetool", "removenode", &lost];
        wait_until("the lost node to be taken out of the ring", MENDED, || async {
            self.run(&remove).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        self.settle(ROLLED).await?;
        let seen = watch.seen();
        one_at_a_time(&seen)?;
        let unsynced = seen.to(REPLICATION_SYNCED, "False").len();
        let products: Vec<_> = self.load.as_ref().map(|load| load.products()).unwrap_or_default();
        let products: Vec<_> = products.into_iter().map(|product| product.with_any_later()).collect();
        let verdict = verify_by_cql(&CqlAccess::of(&self.shop, KEYSPACE).await?, &products, READ_BACK).await?;
        let found = format!(
            "{} products on every replica, replication not synced {unsynced} time(s) meanwhile; {told}; {advice}",
            verdict.asked
        );
        expect(unsynced > 0 && verdict.is_clean() && verdict.asked > 0, found)
    }

    /// Beside the volumes of other racks nothing is founded; with the old racks all is there again.
    pub(super) async fn made_again_with_other_racks(&self) -> Result<String, StoryError> {
        self.delete_shop().await?;
        self.shop.apply(&spec_of(&["x", "y", "z"])).await?;
        let claims: Vec<String> = ["a", "b", "c"].iter().map(|rack| format!("data-{}", self.pod(rack))).collect();
        let words: Vec<&str> = claims.iter().map(String::as_str).collect();
        let told = self.told(&words).await?;
        // Nothing may come of it later either: what is waited for is that nothing happens.
        tokio::time::sleep(TOLD).await;
        let pods = self.shop.pods("cassandra").await?;
        if !pods.is_empty() {
            return Err(StoryError::Wrong(format!("{:?} were started beside the volumes", pods.keys())));
        }
        self.delete_shop().await?;
        self.shop.apply(&spec()).await?;
        let status = self.shop.wait_settled(FOUNDED).await?;
        let nodes: Vec<&str> = status.nodes.iter().map(|node| node.pod.as_str()).collect();
        let back = self.read_back().await?;
        expect(nodes.len() == 3, format!("{back} products are back on {nodes:?}; {told}"))
    }

    pub(super) async fn deleted(&self) -> Result<String, StoryError> {
        self.delete_shop().await?;
        self.kubectl().run(&["delete", "namespace", self.shop.namespace(), "--wait=false"]).await?;
        Ok("and its namespace".into())
    }

    async fn delete_shop(&self) -> Result<(), StoryError> {
        let stores = self.shop.api::<StoreCluster>();
        ask("deleting the StoreCluster", stores.delete(self.shop.name(), &DeleteParams::foreground())).await?;
        wait_until("the shop to be gone", Duration::from_secs(180), || async {
            let there = stores.get_opt(self.shop.name()).await.map_err(|error| error.to_string())?.is_some();
            let pods = self.shop.pods("cassandra").await.map_err(|error| error.to_string())?.len();
            if !there && pods == 0 { Ok(()) } else { Err(format!("StoreCluster {there}, {pods} pods")) }
        })
        .await?;
        Ok(())
    }
}
