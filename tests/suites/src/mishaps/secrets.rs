//! The Secrets of a ring that lives are deleted, edited, stripped of a key or of their label. IO.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use store_crds::NodeState;

use super::{MENDED, Mishaps, TOLD, expect};
use crate::story::StoryError;
use store_testbed::progress::wait_until;
use store_testbed::shop::{ask, is_ready};

/// The label that the operator finds its objects by.
const LABEL: &str = "storemanager.io/store";

impl Mishaps<'_> {
    pub(super) async fn superuser_without_password(&self) -> Result<String, StoryError> {
        let name = self.secret_name("superuser");
        let saved = self.secret(&name).await?;
        let gone = json!([{ "op": "remove", "path": "/data/password" }]).to_string();
        self.run(&["patch", "secret", &name, "--type=json", "-p", &gone]).await?;
        let told = self.told(&[&name, "password"]).await?;
        // The status lives: a node that dies meanwhile is told.
        let dead = self.pod("b");
        let kill = DeleteParams::default().grace_period(0);
        ask("killing a Cassandra pod", self.shop.api::<Pod>().delete(&dead, &kill)).await?;
        self.shop
            .wait("the dead node to be told", TOLD, |store| {
                let nodes = store.status.iter().flat_map(|status| &status.nodes);
                let state = nodes.filter(|node| node.pod == dead).map(|node| node.state).next();
                if state == Some(NodeState::Normal) { Err("it is told as Normal".to_owned()) } else { Ok(()) }
            })
            .await?;
        self.put_back(&saved).await?;
        self.settle(MENDED).await?;
        no_advice_to_delete(&told)
    }

    /// Each log-in that is deleted comes back with the password that the ring knows, never with another.
    pub(super) async fn log_ins_deleted(&self) -> Result<String, StoryError> {
        for purpose in ["superuser", "jolokia", "schema", "api"] {
            let name = self.secret_name(purpose);
            let before = self.secret(&name).await?;
            ask("deleting a Secret", self.shop.api::<Secret>().delete(&name, &DeleteParams::default())).await?;
            wait_until(&format!("Secret {name} to be back"), TOLD, || async {
                let now = self.shop.api::<Secret>().get_opt(&name).await.map_err(|error| error.to_string())?;
                let now = now.ok_or("it is not there")?;
                // What it holds is looked at below: another password would not become right by waiting.
                if now.uid() != before.uid() { Ok(()) } else { Err("it is still the one of before".to_owned()) }
            })
            .await?;
            if self.secret(&name).await?.data != before.data {
                return Err(StoryError::Wrong(format!("Secret {name} came back with another log-in")));
            }
        }
        self.settle(MENDED).await?;
        Ok("four log-ins are back as they were".into())
    }

    /// Another password of the management port: told by name, and no node counts as down for it.
    pub(super) async fn jolokia_edited(&self) -> Result<String, StoryError> {
        let name = self.secret_name("jolokia");
        let saved = self.secret(&name).await?;
        let watch = self.watch();
        let patch = json!({ "stringData": { "password": "another" } }).to_string();
        self.run(&["patch", "secret", &name, "--type=merge", "-p", &patch]).await?;
        let told = self.told(&[&name]).await?;
        let nodes = self.shop.get().await?.status.map(|status| status.summary.nodes).unwrap_or_default();
        self.put_back(&saved).await?;
        self.settle(MENDED).await?;
        let seen = watch.seen();
        let down: Vec<&str> =
            seen.changes.iter().map(|change| change.text.as_str()).filter(|text| text.contains("NodeDown")).collect();
        expect(down.is_empty() && nodes == "3/3", format!("{nodes} nodes meanwhile, told as down: {down:?}; {told}"))
    }

    /// A new password in the API's Secret reaches Cassandra and every API pod by itself. The superuser's Secret has lost
    /// its label meanwhile: the operator reads its Secrets by name, and one without the label is as good as before.
    pub(super) async fn api_log_in_changed(&self) -> Result<String, StoryError> {
        let superuser = self.secret_name("superuser");
        let labelled = self.secret(&superuser).await?;
        self.run(&["label", "secret", &superuser, &format!("{LABEL}-")]).await?;
        let name = self.secret_name("api");
        let before = self.api_pods().await?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let patch = json!({ "stringData": { "password": password } }).to_string();
        self.run(&["patch", "secret", &name, "--type=merge", "-p", &patch]).await?;
        wait_until("every API pod to be another one", MENDED, || async {
            let now = self.shop.pods("api").await.map_err(|error| error.to_string())?;
            let ready = now.values().filter(|pod| is_ready(pod)).count();
            let old = now.values().filter(|pod| before.values().any(|uid| pod.uid() == *uid)).count();
            if old == 0 && ready == before.len() { Ok(()) } else { Err(format!("{ready} ready, {old} of before")) }
        })
        .await?;
        self.settle(MENDED).await?;
        // A node that starts anew asks for everything again, and knows only what the ring knows: the API must log in
        // there, too.
        self.lose("a", &DeleteParams::default()).await?;
        self.settle(MENDED).await?;
        let now = self.secret(&superuser).await?;
        let same = now.data == labelled.data && now.uid() == labelled.uid();
        self.put_back(&labelled).await?;
        let pods = before.len();
        expect(
            same,
            format!("{pods} API pods made again by themselves; the Secret without its label is the same: {same}"),
        )
    }

    async fn api_pods(&self) -> Result<BTreeMap<String, Option<String>>, StoryError> {
        let pods = self.shop.pods("api").await?;
        Ok(pods.into_iter().map(|(name, pod)| (name, pod.uid())).collect())
    }

    fn secret_name(&self, purpose: &str) -> String {
        format!("{}-{purpose}", self.shop.name())
    }

    async fn secret(&self, name: &str) -> Result<Secret, StoryError> {
        Ok(ask("reading a Secret", self.shop.api::<Secret>().get(name)).await?)
    }

    /// As somebody does who saved it with `kubectl get -o yaml`.
    async fn put_back(&self, saved: &Secret) -> Result<(), StoryError> {
        let mut again = saved.clone();
        again.metadata.resource_version = None;
        again.metadata.uid = None;
        again.metadata.creation_timestamp = None;
        again.metadata.managed_fields = None;
        let (secrets, name) = (self.shop.api::<Secret>(), saved.name_any());
        if ask("looking for the Secret", secrets.get_opt(&name)).await?.is_none() {
            ask("making the Secret again", secrets.create(&PostParams::default(), &again)).await?;
            return Ok(());
        }
        let params = PatchParams::apply(store_testbed::shop::MANAGER).force();
        let all = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "labels": again.labels() }, "data": again.data });
        ask("putting the Secret back", secrets.patch(&name, &params, &Patch::Apply(all))).await?;
        Ok(())
    }
}

fn no_advice_to_delete(told: &str) -> Result<String, StoryError> {
    expect(!told.contains("delete it"), told)
}
