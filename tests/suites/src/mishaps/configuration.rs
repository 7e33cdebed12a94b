//! A configuration that no Cassandra starts with, and an image that nobody has. IO.

use kube::api::DeleteParams;
use serde_json::json;

use super::ring::one_at_a_time;
use super::{MENDED, Mishaps, ROLLED, expect, spec};
use crate::story::StoryError;

impl Mishaps<'_> {
    /// The setting is told by Cassandra's own words; a pod that is killed meanwhile comes back with the old one.
    pub(super) async fn unknown_setting(&self) -> Result<String, StoryError> {
        let watch = self.watch();
        let mut wrong = spec();
        wrong["cassandra"]["cassandraYaml"] = json!({ "concurent_reads": 64 });
        self.shop.apply(&wrong).await?;
        let told = self.told(&["concurent_reads"]).await?;
        self.lose("c", &DeleteParams::default().grace_period(0)).await?;
        self.shop.apply(&spec()).await?;
        self.settle(ROLLED).await?;
        one_at_a_time(&watch.seen())?;
        Ok(told)
    }

    /// Told before a healthy node is touched, and taken back.
    pub(super) async fn image_that_cannot_be_pulled(&self) -> Result<String, StoryError> {
        let watch = self.watch();
        self.patch(json!({ "cassandra": { "image": "docker.io/library/cassandra:5.0.99" } })).await?;
        let told = self.told(&["5.0.99"]).await?;
        self.patch(json!({ "cassandra": { "image": null } })).await?;
        self.settle(MENDED).await?;
        let seen = watch.seen();
        let touched: Vec<_> = seen.uids.iter().filter(|(_, uids)| uids.len() > 1).map(|(pod, _)| pod).collect();
        expect(touched.is_empty(), format!("pods made again: {touched:?}; {told}"))
    }
}
