//! The chart, installed with Helm as a user does it. IO.

use super::kubectl::Kubectl;
use crate::checks::root;
use crate::cluster::Cluster;
use crate::command::CommandError;

/// Namespace of the operator.
pub const OPERATOR_NAMESPACE: &str = "store-system";

/// Installs or upgrades the chart and waits until the operator is ready.
///
/// # Errors
/// [`CommandError`] with what kubectl or helm said.
pub async fn install(_cluster: &Cluster, kubectl: &Kubectl) -> Result<(), CommandError> {
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": OPERATOR_NAMESPACE, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    kubectl.run_with(&["apply", "--server-side", "-f", "-"], namespace.to_string()).await?;
    let chart = root().join("charts/store-manager");
    let chart = chart.to_string_lossy();
    kubectl
        .helm(&["upgrade", "--install", "store-manager", &chart, "-n", OPERATOR_NAMESPACE, "--wait", "--timeout", "180s"])
        .await?;
    Ok(())
}
