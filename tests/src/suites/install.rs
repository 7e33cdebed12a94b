//! The chart, installed with Helm as a user does it, with images built from the sources. IO.

use super::kubectl::Kubectl;
use crate::checks::root;
use crate::cluster::{Cluster, ClusterError};
use crate::command::CommandError;
use crate::progress::say;
use crate::project_images;

/// Namespace of the operator.
pub const OPERATOR_NAMESPACE: &str = "store-system";

/// The operator could not be installed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum InstallError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Starts the cluster `name` unless it runs, builds the images, installs or upgrades the chart in a
/// namespace where only restricted pods may run, and waits until the operator is ready.
///
/// # Errors
/// [`InstallError`] with what the testbed, the compiler, kubectl or helm said.
pub async fn install(name: &str) -> Result<(Cluster, Kubectl), InstallError> {
    let (cluster, archive) = tokio::try_join!(Cluster::start(name), project_images::build())?;
    let tag = project_images::import(&cluster, &archive).await?;
    let kubectl = Kubectl::new(cluster.tools(), &cluster.kubeconfig());
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": OPERATOR_NAMESPACE, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    kubectl.run_with(&["apply", "--server-side", "-f", "-"], namespace.to_string()).await?;
    say("installing the chart");
    let chart = root().join("charts/store-manager");
    let chart = chart.to_string_lossy();
    let images = format!("image.tag={tag},apiImage.tag={tag}");
    let place = ["upgrade", "--install", "store-manager", &chart, "-n", OPERATOR_NAMESPACE];
    kubectl.helm(&[&place[..], &["--wait", "--timeout", "180s", "--set", &images]].concat()).await?;
    Ok((cluster, kubectl))
}
