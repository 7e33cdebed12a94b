//! The control plane: etcd, API server, controller manager, scheduler and provisioner of volumes as processes of the host,
//! listening on the cluster's bridge. IO.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::layout::Layout;
use crate::process::{Launch, ProcessError, launch};
use crate::provisioner;

/// How long Kubernetes lets a silent node be Ready.
pub const NODE_GRACE: &str = "20s";
/// How many seconds pods stay bound to a node that is not Ready.
pub const EVICTION_SECONDS: &str = "30";

/// The programs, in the order in which they are started.
pub const PROGRAMS: [&str; 5] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", provisioner::NAME];

/// Where the API server writes its audit log: one JSON event per line, at level Metadata.
pub fn audit_log(layout: &Layout) -> PathBuf {
    layout.state.join("logs").join("audit.log")
}

/// Starts etcd and the API server unless they run.
///
/// # Errors
/// [`ProcessError`] when one cannot be started.
pub fn start_api(layout: &Layout, etcd: &Path, kubernetes: &Path) -> Result<(), ProcessError> {
    let policy = layout.state.join("audit-policy.json");
    let text = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}],
    });
    fs::write(&policy, text.to_string()).map_err(|source| ProcessError::Io {
        action: "writing",
        path: policy.clone(),
        source,
    })?;
    start(layout, etcd, PROGRAMS[0], &etcd_flags(layout))?;
    start(layout, &kubernetes.join(PROGRAMS[1]), PROGRAMS[1], &api_server_flags(layout, &policy))
}

/// Starts the controller manager, the scheduler and the provisioner unless they run. The API server must be ready:
/// the first two end for good when the roles that it makes at its first start are not there.
///
/// # Errors
/// [`ProcessError`] when one cannot be started.
pub fn start_controllers(layout: &Layout, kubernetes: &Path) -> Result<(), ProcessError> {
    start(layout, &kubernetes.join(PROGRAMS[2]), PROGRAMS[2], &controller_manager_flags(layout))?;
    start(layout, &kubernetes.join(PROGRAMS[3]), PROGRAMS[3], &component_flags(layout, PROGRAMS[3]))?;
    let plan = Layout::file(&layout.state).display().to_string();
    start(layout, &layout.launcher(), PROGRAMS[4], &["provision-volumes".to_owned(), plan])
}

fn start(layout: &Layout, program: &Path, name: &str, flags: &[String]) -> Result<(), ProcessError> {
    let how = Launch {
        launcher: &layout.launcher(),
        name,
        cgroup: &layout.control_plane_cgroup(),
        log: &layout.log(name),
        pid_file: &layout.pid_file(name),
    };
    launch(&how, Command::new(program).args(flags)).map(drop)
}

fn flags<const N: usize>(pairs: [(&str, String); N]) -> Vec<String> {
    pairs.into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

fn etcd_flags(layout: &Layout) -> Vec<String> {
    let host = layout.host();
    let pki = |file: &str| layout.pki().join(file).display().to_string();
    let (clients, peers) = (format!("https://{host}:2379"), format!("http://127.0.0.1:{}", layout.etcd_peer_port()));
    flags([
        ("name", "testbed".to_owned()),
        ("data-dir", layout.state.join("etcd").display().to_string()),
        ("listen-client-urls", clients.clone()),
        ("advertise-client-urls", clients),
        ("listen-peer-urls", peers.clone()),
        ("initial-advertise-peer-urls", peers.clone()),
        ("initial-cluster", format!("testbed={peers}")),
        ("client-cert-auth", "true".to_owned()),
        ("trusted-ca-file", pki("etcd-ca.crt")),
        ("cert-file", pki("etcd.crt")),
        ("key-file", pki("etcd.key")),
        ("auto-compaction-retention", "1h".to_owned()),
        ("log-level", "warn".to_owned()),
        // A testbed may lose its last second when the machine loses power.
        ("unsafe-no-fsync", "true".to_owned()),
    ])
}

fn api_server_flags(layout: &Layout, audit_policy: &Path) -> Vec<String> {
    let pki = |file: &str| layout.pki().join(file).display().to_string();
    let text = ToOwned::to_owned;
    flags([
        ("bind-address", layout.host().to_string()),
        ("advertise-address", layout.host().to_string()),
        ("secure-port", text("6443")),
        ("etcd-servers", format!("https://{}:2379", layout.host())),
        ("etcd-cafile", pki("etcd-ca.crt")),
        ("etcd-certfile", pki("etcd.crt")),
        ("etcd-keyfile", pki("etcd.key")),
        ("client-ca-file", pki("ca.crt")),
        ("tls-cert-file", pki("kube-apiserver.crt")),
        ("tls-private-key-file", pki("kube-apiserver.key")),
        ("kubelet-certificate-authority", pki("ca.crt")),
        ("kubelet-client-certificate", pki("kubelet-client.crt")),
        ("kubelet-client-key", pki("kubelet-client.key")),
        ("kubelet-preferred-address-types", text("InternalIP")),
        ("service-account-issuer", text("https://kubernetes.default.svc.cluster.local")),
        ("service-account-key-file", pki("service-account.pub")),
        ("service-account-signing-key-file", pki("service-account.key")),
        ("requestheader-client-ca-file", pki("front-proxy-ca.crt")),
        ("requestheader-allowed-names", text("front-proxy-client")),
        ("requestheader-username-headers", text("X-Remote-User")),
        ("requestheader-group-headers", text("X-Remote-Group")),
        ("requestheader-extra-headers-prefix", text("X-Remote-Extra-")),
        ("proxy-client-cert-file", pki("front-proxy.crt")),
        ("proxy-client-key-file", pki("front-proxy.key")),
        // The host has routes to pods but no Service rules: webhooks are dialled at their pods.
        ("enable-aggregator-routing", text("true")),
        ("authorization-mode", text("Node,RBAC")),
        ("enable-admission-plugins", text("NodeRestriction")),
        ("allow-privileged", text("true")),
        ("default-not-ready-toleration-seconds", text(EVICTION_SECONDS)),
        ("default-unreachable-toleration-seconds", text(EVICTION_SECONDS)),
        ("service-cluster-ip-range", layout.services()),
        ("audit-policy-file", audit_policy.display().to_string()),
        ("audit-log-path", audit_log(layout).display().to_string()),
        ("audit-log-maxsize", text("200")),
        ("audit-log-maxbackup", text("3")),
        ("v", text("1")),
    ])
}

/// What controller manager and scheduler have in common: no leader election, which would only cost
/// seconds at the start.
fn component_flags(layout: &Layout, name: &str) -> Vec<String> {
    let kubeconfig = layout.pki().join(format!("{name}.conf")).display().to_string();
    flags([
        ("kubeconfig", kubeconfig.clone()),
        ("authentication-kubeconfig", kubeconfig.clone()),
        ("authorization-kubeconfig", kubeconfig),
        ("bind-address", layout.host().to_string()),
        ("leader-elect", "false".to_owned()),
        ("v", "1".to_owned()),
    ])
}

fn controller_manager_flags(layout: &Layout) -> Vec<String> {
    let pki = |file: &str| layout.pki().join(file).display().to_string();
    let mut all = component_flags(layout, PROGRAMS[2]);
    all.extend(flags([
        ("use-service-account-credentials", "true".to_owned()),
        ("root-ca-file", pki("ca.crt")),
        ("service-account-private-key-file", pki("service-account.key")),
        ("cluster-signing-cert-file", pki("ca.crt")),
        ("cluster-signing-key-file", pki("ca.key")),
        ("allocate-node-cidrs", "false".to_owned()),
        ("service-cluster-ip-range", layout.services()),
        ("node-monitor-period", "2s".to_owned()),
        ("node-monitor-grace-period", NODE_GRACE.to_owned()),
    ]));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_control_plane_listens_where_another_clusters_does() {
        let layout = |slot| Layout { name: "x".to_owned(), slot, state: PathBuf::from(format!("/s/{slot}")) };
        let all = |slot| {
            let layout = layout(slot);
            let policy = layout.state.join("policy");
            [
                etcd_flags(&layout),
                api_server_flags(&layout, &policy),
                controller_manager_flags(&layout),
                component_flags(&layout, PROGRAMS[3]),
            ]
            .concat()
        };
        let addresses = |flags: Vec<String>| {
            let listens = |flag: &String| flag.contains("bind-address") || flag.contains("listen");
            flags.into_iter().filter(listens).collect::<Vec<_>>()
        };
        let (first, second) = (addresses(all(0)), addresses(all(1)));
        assert_eq!(first.len(), 5);
        assert!(first.iter().all(|flag| !flag.contains("0.0.0.0") && !second.contains(flag)), "{first:?}");
    }
}
