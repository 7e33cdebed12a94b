//! Slips of a spec that nothing came of are taken back. IO.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;
use store_crds::LABEL_STORE;

use super::{MENDED, Mishaps, expect, spec};
use crate::story::StoryError;
use store_testbed::shop::ask;

impl Mishaps<'_> {
    /// A rack in a zone without a machine goes again.
    pub(super) async fn zone_mistyped(&self) -> Result<String, StoryError> {
        let mut wrong = spec();
        wrong["cassandra"]["size"] = json!(4);
        wrong["cassandra"]["racks"].as_array_mut().into_iter().for_each(|racks| {
            racks.push(json!({ "name": "d", "zone": "aa" }));
        });
        self.shop.apply(&wrong).await?;
        let told = self.told(&["cassandra-d-0", "aa"]).await?;
        self.shop.apply(&spec()).await?;
        self.settle(MENDED).await?;
        Ok(told)
    }

    /// The class of the testbed's volumes cannot grow them: told, and the size comes back.
    pub(super) async fn size_mistyped(&self) -> Result<String, StoryError> {
        let before = self.requests().await?;
        self.patch(json!({ "cassandra": { "storage": { "size": "100Ti" } } })).await?;
        let told = self.told(&["100Ti"]).await?;
        self.patch(json!({ "cassandra": { "storage": { "size": null } } })).await?;
        self.settle(MENDED).await?;
        let after = self.requests().await?;
        expect(before == after, format!("claims ask for {after:?}, before {before:?}; {told}"))
    }

    async fn requests(&self) -> Result<Vec<(String, Option<Quantity>)>, StoryError> {
        let params = ListParams::default().labels(&format!("{LABEL_STORE}={}", self.shop.name()));
        let claims = ask("listing claims", self.shop.api::<PersistentVolumeClaim>().list(&params)).await?;
        let asked = |claim: &PersistentVolumeClaim| {
            let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
            requests.get("storage").cloned()
        };
        Ok(claims.items.iter().map(|claim| (claim.name_any(), asked(claim))).collect())
    }
}
