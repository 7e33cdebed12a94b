//! The chart, installed with Helm as a user does it, with images built from the sources. IO.

use std::path::Path;

use crate::checkout::root;
use crate::cluster::{Cluster, ClusterError};
use crate::command::CommandError;
use crate::images::Profile;
use crate::kubectl::Kubectl;
use crate::progress::waiting;
use crate::project_images;

/// Namespace of the operator.
pub const OPERATOR_NAMESPACE: &str = "store-system";
/// The chart's release.
pub const RELEASE: &str = "store-manager";
/// The CustomResourceDefinition that the chart installs.
pub const DEFINITION: &str = "storeclusters.storemanager.io";

/// The operator could not be installed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum InstallError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// The chart on the testbed's cluster `name`, with the programs as they are shipped.
///
/// # Errors
/// [`InstallError`] with what the testbed, the compiler, kubectl or helm said.
pub async fn install(name: &str) -> Result<(Cluster, Kubectl), InstallError> {
    let (cluster, tag) = testbed(name, Profile::Release).await?;
    let kubectl = Kubectl::new(cluster.tools(), &cluster.kubeconfig());
    chart(&kubectl, Some(&tag), None).await?;
    Ok((cluster, kubectl))
}

/// Starts the cluster `name` unless it runs, builds the images meanwhile, and puts them on its nodes;
/// the tag that they have there.
///
/// # Errors
/// [`ClusterError`] with what the testbed or the compiler said.
pub async fn testbed(name: &str, profile: Profile) -> Result<(Cluster, String), ClusterError> {
    let (cluster, archive) = tokio::try_join!(Cluster::start(name), project_images::build(profile))?;
    let tag = project_images::import(&cluster, &archive).await?;
    Ok((cluster, tag))
}

/// Makes the namespace of an operator, where only restricted pods may run.
///
/// # Errors
/// [`CommandError`] with what kubectl said.
pub async fn restricted_namespace(kubectl: &Kubectl, name: &str) -> Result<(), CommandError> {
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    kubectl.run_with(&["apply", "--server-side", "-f", "-"], namespace.to_string()).await.map(drop)
}

/// Installs or upgrades the chart in a namespace where only restricted pods may run, and waits until
/// the operator is ready and the API server serves StoreClusters. `tag` is that of images built here;
/// without it the chart's own are pulled, or those that the Helm `values` file names.
///
/// # Errors
/// [`CommandError`] with what kubectl or helm said.
pub async fn chart(kubectl: &Kubectl, tag: Option<&str>, values: Option<&Path>) -> Result<(), CommandError> {
    restricted_namespace(kubectl, OPERATOR_NAMESPACE).await?;
    let installing = waiting("installing the chart");
    let chart = root().join("charts/store-manager");
    let chart = chart.to_string_lossy();
    let mut arguments = vec!["upgrade", "--install", RELEASE, &chart, "--namespace", OPERATOR_NAMESPACE];
    // Without --reset-values an upgrade that sets nothing keeps what an earlier one has set.
    arguments.extend(["--reset-values", "--wait", "--timeout", "3m"]);
    let values = values.map(|file| file.to_string_lossy());
    if let Some(file) = &values {
        arguments.extend(["--values", file]);
    }
    let images = tag.map(|tag| format!("image.tag={tag},apiImage.tag={tag}"));
    if let Some(images) = &images {
        arguments.extend(["--set", images]);
    }
    kubectl.helm(&arguments).await?;
    // Helm does not wait until the API server serves the new kind.
    let definition = format!("crd/{DEFINITION}");
    kubectl.run(&["wait", "--for=condition=Established", "--timeout=15s", &definition]).await?;
    installing.done();
    Ok(())
}
