//! The life of a release beside a shop that serves: the chart's archive of the last release is installed, upgraded to
//! that of this checkout with another image of the operator, rolled back and removed, by Helm 3 and then by Helm 4.
//! The shop's pods must not notice, and the CRD must outlive everything. Both archives are made by what makes
//! releases. IO: git, helm, kubectl, the Kubernetes API.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use store_crds::LABEL_STORE;

use crate::manifests::CHART;
use crate::release::tree::Tree;
use crate::release::{CRD, Installables, ReleaseError, installables, last};
use crate::tally::Tally;
use crate::tools::Tools;
use store_testbed::checkout::root;
use store_testbed::command::CommandError;
use store_testbed::install;
use store_testbed::kubectl::Kubectl;
use store_testbed::progress::{WaitError, wait_until};
use store_testbed::shop::{SHORT_DELAYS, Shop, ShopError, ask, is_ready};

const RELEASE: &str = "store-manager";
const DEFINITION: &str = "storeclusters.storemanager.io";
/// Tag of the last release's operator: the testbed's nodes have today's under it, beside that of the content.
const EARLIER_TAG: &str = env!("CARGO_PKG_VERSION");
/// A node from nothing, with its API.
const FIRST: Duration = Duration::from_secs(8 * 60);
/// For pods of the operator to come and go, and for what Helm deletes in the background.
const SOON: Duration = Duration::from_secs(60);

/// The scenario could not be taken to its end.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ChartLifeError {
    #[error(transparent)]
    Shop(#[from] ShopError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The last release could not be made again.
    #[error(
        "the last release, of commit {commit}: {source} (a shallow clone does not have it: `git fetch --unshallow`)"
    )]
    Earlier { commit: String, source: Box<ReleaseError> },
    /// No directory to put the releases in.
    #[error("making a directory for the releases: {0}")]
    Directory(std::io::Error),
    /// What a step found is not as it should be.
    #[error("{0}")]
    Wrong(String),
}

/// Where it plays: a cluster without the chart, whose nodes have the images of `tag`.
pub struct Stage<'a> {
    /// The cluster's API.
    pub client: Client,
    /// kubectl and Helm 4 for it.
    pub kubectl: &'a Kubectl,
    /// Both Helms.
    pub tools: &'a Tools,
    /// Tag of the images built here.
    pub tag: &'a str,
    /// Namespace of the operator.
    pub operator_namespace: &'a str,
}

/// A pod by name: its uid, and how often its containers were restarted.
type Pods = BTreeMap<String, (Option<String>, i32)>;

/// One release under way.
struct Life<'a> {
    stage: &'a Stage<'a>,
    helm: &'a Path,
    earlier: &'a Installables,
    current: &'a Installables,
    shop: &'a Shop,
}

/// Takes all steps by both Helms; each step is a check.
pub async fn run_all(stage: &Stage<'_>, tally: &mut Tally) {
    if let Err(error) = lives(stage, tally).await {
        tally.check("the life of the chart goes on", Err::<&str, _>(format!("it stops here: {error}")));
    }
}

async fn lives(stage: &Stage<'_>, tally: &mut Tally) -> Result<(), ChartLifeError> {
    let directory = tempfile::tempdir().map_err(ChartLifeError::Directory)?;
    let [earlier, current] = releases(&stage.tools.helm, directory.path())?;
    let shop = Shop::new(stage.client.clone(), "chart-shop", "shop");
    shop.make_namespace().await?;
    install::restricted_namespace(stage.kubectl, stage.operator_namespace).await?;
    let manifests = current.manifests.to_string_lossy();
    let taken = stage.kubectl.run(&["apply", "--dry-run=server", "-f", &manifests]).await;
    tally.check("the manifests of a release are taken by the API server", taken.map(|_| "in a dry run"));
    for (version, helm) in [(3, &stage.tools.helm_3), (4, &stage.tools.helm)] {
        let life = Life { stage, helm, earlier: &earlier, current: &current, shop: &shop };
        life.run(version, tally).await?;
    }
    ask("deleting the shop", shop.api::<store_crds::StoreCluster>().delete(shop.name(), &DeleteParams::foreground()))
        .await?;
    Ok(())
}

/// Takes one step and puts its result down; the life ends where a step fails.
macro_rules! step {
    ($tally:ident, $version:expr, $name:expr, $step:expr) => {{
        let result: Result<String, ChartLifeError> = $step.await;
        let told = result.as_ref().map_err(ToString::to_string).cloned();
        $tally.check(&format!("Helm {}: {}", $version, $name), told);
        result?;
    }};
}

impl Life<'_> {
    async fn run(&self, version: u8, tally: &mut Tally) -> Result<(), ChartLifeError> {
        step!(tally, version, "the last release is installed", self.install(version));
        let pods = self.serving().await?;
        step!(tally, version, "upgraded, with the shop as a value", self.upgrade(&pods));
        step!(tally, version, "helm test", self.test());
        step!(tally, version, "rolled back", self.roll_back(&pods));
        step!(tally, version, "upgraded without the CRD, one of kubectl's in place", self.without_crd(&pods));
        step!(tally, version, "removed; the shop stays", self.uninstall(&pods));
        Ok(())
    }

    async fn install(&self, version: u8) -> Result<String, ChartLifeError> {
        // Helm 4 applies as server-side apply does; the CRD in place is kubectl's, from the life before.
        let over_kubectl: &[&str] = if version == 4 { &["--force-conflicts"] } else { &[] };
        self.helm("install", &self.earlier.chart, EARLIER_TAG, over_kubectl).await?;
        self.operators("").await
    }

    /// The shop settled, and its Cassandra pods.
    async fn serving(&self) -> Result<Pods, ChartLifeError> {
        wait_until("the API server to take the shop", SOON, || async {
            self.shop.apply(&spec()).await.map_err(|error| error.to_string())
        })
        .await?;
        self.taken_up(EARLIER_TAG).await?;
        self.pods().await
    }

    /// The operator has written what it wants of the shop's pods, its own image among it, and sees nothing left
    /// to do.
    async fn taken_up(&self, tag: &str) -> Result<(), ChartLifeError> {
        let sets = self.shop.api::<StatefulSet>();
        let params = ListParams::default().labels(&format!("{LABEL_STORE}={}", self.shop.name()));
        let image = format!("/store-operator:{tag}");
        wait_until("the operator to take up the shop", FIRST, || async {
            let sets = sets.list(&params).await.map_err(|error| error.to_string())?.items;
            let containers = sets.iter().filter_map(|set| Some(&set.spec.as_ref()?.template.spec.as_ref()?.containers));
            let images: Vec<&str> = containers.flatten().filter_map(|container| container.image.as_deref()).collect();
            if images.iter().any(|found| found.ends_with(&image)) { Ok(()) } else { Err(format!("images {images:?}")) }
        })
        .await?;
        self.shop.wait_settled(FIRST).await?;
        Ok(())
    }

    /// The operators are made anew, and the chart's Job owns the same spec: nothing of the shop moves.
    async fn upgrade(&self, before: &Pods) -> Result<String, ChartLifeError> {
        let generation = self.shop.get().await?.metadata.generation;
        let spec = format!("storeCluster.spec={}", spec());
        let namespace = format!("storeCluster.namespace={}", self.shop.namespace());
        let more = ["--set", "storeCluster.enabled=true,podAnnotations.upgraded=yes", "--set", &namespace];
        let more = [&more[..], &["--set-json", &spec]].concat();
        self.helm("upgrade", &self.current.chart, self.stage.tag, &more).await?;
        let operators = self.operators("yes").await?;
        self.taken_up(self.stage.tag).await?;
        self.unmoved(before).await?;
        let store = self.shop.get().await?;
        let by_chart = store
            .metadata
            .managed_fields
            .iter()
            .flatten()
            .any(|fields| fields.manager.as_deref() == Some("store-manager-chart"));
        match (store.metadata.generation == generation, by_chart) {
            (true, true) => Ok(format!("{operators}, no pod of the shop restarted")),
            (false, _) => Err(wrong(format!("the spec changed: generation {:?}", store.metadata.generation))),
            (_, false) => Err(wrong("the chart's Job has not applied the shop".to_owned())),
        }
    }

    async fn test(&self) -> Result<String, ChartLifeError> {
        self.program(&["test", RELEASE, "--namespace", self.stage.operator_namespace, "--timeout", "3m"]).await?;
        Ok("an operator is ready".to_owned())
    }

    async fn roll_back(&self, before: &Pods) -> Result<String, ChartLifeError> {
        let namespace = self.stage.operator_namespace;
        self.program(&["rollback", RELEASE, "1", "--namespace", namespace, "--wait", "--timeout", "3m"]).await?;
        let operators = self.operators("").await?;
        self.taken_up(EARLIER_TAG).await?;
        self.unmoved(before).await?;
        Ok(operators)
    }

    /// The CRD alone is put in place of the release's; then a release that has listed one does so no
    /// more. Helm deletes what has no annotation to keep it.
    async fn without_crd(&self, before: &Pods) -> Result<String, ChartLifeError> {
        self.stage.kubectl.run(&["replace", "-f", &self.current.crd.to_string_lossy()]).await?;
        self.helm("upgrade", &self.current.chart, self.stage.tag, &["--set", "crds.install=false"]).await?;
        self.definition_stays().await?;
        self.unmoved(before).await?;
        Ok("the CRD is there".to_owned())
    }

    async fn uninstall(&self, before: &Pods) -> Result<String, ChartLifeError> {
        let namespace = self.stage.operator_namespace;
        self.program(&["uninstall", RELEASE, "--namespace", namespace, "--wait", "--timeout", "3m"]).await?;
        self.definition_stays().await?;
        self.unmoved(before).await?;
        // The next install makes a CRD of its own: one that Helm does not know it would refuse to take over.
        let (release, place) =
            (format!("meta.helm.sh/release-name={RELEASE}"), format!("meta.helm.sh/release-namespace={namespace}"));
        let definition = format!("crd/{DEFINITION}");
        self.stage.kubectl.run(&["annotate", "--overwrite", &definition, &release, &place]).await?;
        self.stage.kubectl.run(&["label", "--overwrite", &definition, "app.kubernetes.io/managed-by=Helm"]).await?;
        Ok(format!("{} pods of the shop as before", before.len()))
    }

    async fn definition_stays(&self) -> Result<(), ChartLifeError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.stage.client.clone());
        let definition = ask("reading the CRD", api.get_opt(DEFINITION)).await?;
        // One with shops in it would be seen to go for a long time.
        match definition.map(|definition| definition.metadata.deletion_timestamp.is_some()) {
            Some(false) => Ok(()),
            Some(true) => Err(wrong("the CRD is being deleted".to_owned())),
            None => Err(wrong("the CRD is gone".to_owned())),
        }
    }

    /// Waits until the operators that run all have this annotation, and are ready.
    async fn operators(&self, upgraded: &str) -> Result<String, ChartLifeError> {
        let api: Api<Pod> = Api::namespaced(self.stage.client.clone(), self.stage.operator_namespace);
        let params = ListParams::default().labels("app.kubernetes.io/component=operator");
        let ready = wait_until("the operators", SOON, || async {
            let pods = api.list(&params).await.map_err(|error| error.to_string())?.items;
            let of_this = |pod: &&Pod| {
                let annotations = pod.metadata.annotations.as_ref();
                annotations.and_then(|all| all.get("upgraded")).map_or("", String::as_str) == upgraded
            };
            let ready = pods.iter().filter(of_this).filter(|pod| is_ready(pod)).count();
            if ready == 2 && pods.len() == 2 {
                Ok(ready)
            } else {
                Err(format!("{ready} of {} pods are as wanted", pods.len()))
            }
        })
        .await?;
        Ok(format!("{ready} operators ready"))
    }

    async fn pods(&self) -> Result<Pods, ChartLifeError> {
        let mut pods = self.shop.pods("cassandra").await?;
        if pods.is_empty() {
            return Err(wrong("the shop has no Cassandra pod".to_owned()));
        }
        pods.append(&mut self.shop.pods("api").await?);
        Ok(pods.into_iter().map(|(name, pod)| (name, (pod.metadata.uid.clone(), restarts(&pod)))).collect())
    }

    /// The pods of the shop are the same, and none of their containers was restarted.
    async fn unmoved(&self, before: &Pods) -> Result<(), ChartLifeError> {
        let after = self.pods().await?;
        if after == *before { Ok(()) } else { Err(wrong(format!("pods moved: {before:?} became {after:?}"))) }
    }

    /// The chart with the operator of this tag; the API's image is the same throughout.
    async fn helm(&self, verb: &str, chart: &Path, tag: &str, more: &[&str]) -> Result<String, CommandError> {
        let images = format!("image.tag={tag},apiImage.tag={}", self.stage.tag);
        let chart = chart.to_string_lossy();
        let mut arguments = vec![verb, RELEASE, &chart, "--namespace", self.stage.operator_namespace];
        arguments.extend(["--wait", "--timeout", "3m", "--set", &images]);
        arguments.extend(more);
        self.program(&arguments).await
    }

    async fn program(&self, arguments: &[&str]) -> Result<String, CommandError> {
        self.stage.kubectl.helm_of(self.helm, arguments).await
    }
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| status.restart_count).sum()
}

fn wrong(what: String) -> ChartLifeError {
    ChartLifeError::Wrong(what)
}

/// One node, one copy, one API pod: what must not move, in the least time.
fn spec() -> Value {
    json!({
        "cassandra": { "jvmOptions": SHORT_DELAYS },
        "api": { "replicas": 1 },
    })
}

/// What the last release and this checkout are installed from, below `directory`.
fn releases(helm: &Path, directory: &Path) -> Result<[Installables; 2], ChartLifeError> {
    let commit = last::read(&root())?.commit;
    let earlier = Tree::of_commit(&root(), &commit, &[CHART, CRD])
        .and_then(|tree| installables(helm, &tree, &directory.join("earlier")))
        .map_err(|source| ChartLifeError::Earlier { commit, source: Box::new(source) })?;
    let current = installables(helm, &Tree::of_checkout(&root())?, &directory.join("current"))?;
    Ok([earlier, current])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shop_of_the_scenario_keeps_the_rules() {
        let spec = serde_json::from_value(spec()).expect("a spec");
        assert_eq!(store_crds::validate("shop", &spec), []);
    }

    #[test]
    fn a_restarted_container_is_seen() {
        let status = |count| json!({"name": "a", "image": "b", "imageID": "c", "ready": true, "restartCount": count});
        let pod = json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [status(0), status(2)]}});
        assert_eq!(restarts(&serde_json::from_value(pod).expect("a pod")), 2);
    }
}
