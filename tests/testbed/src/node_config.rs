//! The configuration files of a node: containerd, CNI, kubelet and kube-proxy. What each holds is
//! pure; [`write`] puts them into the node's directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::image_names::PAUSE;
use crate::layout::{Layout, NodeLayout};
use crate::node_init::NodeSpec;

/// Where containerd listens, in the node.
pub const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";

/// Where each file is.
#[derive(Debug, Clone)]
pub struct Files {
    /// containerd's.
    pub containerd: PathBuf,
    /// The kubelet's.
    pub kubelet: PathBuf,
    /// kube-proxy's.
    pub kube_proxy: PathBuf,
}

/// Writes all files of the node.
///
/// # Errors
/// The path that could not be written, and why.
pub fn write(spec: &NodeSpec) -> Result<Files, (PathBuf, io::Error)> {
    let directory = spec.node.directory.join("etc");
    let network = directory.join("cni");
    let machine_mib = machine_memory_mib().map_err(|error| (PathBuf::from("/proc/meminfo"), error))?;
    let put =
        |path: PathBuf, text: String| fs::write(&path, text).map(|()| path.clone()).map_err(|error| (path, error));
    fs::create_dir_all(&network).map_err(|error| (network.clone(), error))?;
    put(network.join("10-testbed.conflist"), pretty(&pod_network(&spec.node)))?;
    // Pods that ask for the node's own resolver get none: nothing outside is known here.
    let resolver = put(directory.join("resolv.conf"), "nameserver 127.0.0.1\n".to_owned())?;
    Ok(Files {
        containerd: put(directory.join("containerd.toml"), containerd(&network))?,
        kubelet: put(directory.join("kubelet.json"), pretty(&kubelet(spec, &resolver, machine_mib)))?,
        kube_proxy: put(directory.join("kube-proxy.json"), pretty(&kube_proxy(&spec.cluster, &spec.node)))?,
    })
}

/// The machine's memory in MiB.
///
/// # Errors
/// When /proc/meminfo cannot be read or understood.
pub fn machine_memory_mib() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse::<u64>().ok());
    kib.map(|kib| kib / 1024).ok_or_else(|| io::Error::other("no MemTotal in it"))
}

/// How much each of three nodes may offer of the machine's memory: the rest is for the control plane
/// and the programs beside it.
pub fn memory_per_node_mib(machine_mib: u64) -> u64 {
    (machine_mib.saturating_sub(4096) / 3).clamp(1024, 6144)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn pod_network(node: &NodeLayout) -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "testbed",
        "plugins": [
            {
                "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true, "mtu": 1500,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": node.pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

/// `restrict_oom_score_adj`: the machine may not let us lower the score of a pod's sandbox.
fn containerd(network: &Path) -> String {
    let disabled = [
        "snapshotter.v1.aufs",
        "snapshotter.v1.btrfs",
        "snapshotter.v1.devmapper",
        "snapshotter.v1.zfs",
        "internal.v1.opt",
    ];
    let disabled = disabled.map(|plugin| format!("\"io.containerd.{plugin}\"")).join(", ");
    format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [{disabled}, "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
disable_apparmor = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{}"
"#,
        network.display()
    )
}

fn kubelet(spec: &NodeSpec, resolver: &Path, machine_mib: u64) -> Value {
    let NodeSpec { cluster, node, memory_mib, .. } = spec;
    let pki = cluster.pki();
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.join(format!("{}.crt", node.name)),
        "tlsPrivateKeyFile": pki.join(format!("{}.key", node.name)),
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD_SOCKET}"),
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        // Without a root of its own each kubelet deletes the pods of the others.
        "cgroupRoot": format!("/{}", node.cgroup),
        "enforceNodeAllocatable": [],
        "systemReserved": {"memory": format!("{}Mi", machine_mib.saturating_sub(*memory_mib))},
        "failSwapOn": false,
        "clusterDNS": [cluster.dns_service()],
        "clusterDomain": "cluster.local",
        "resolvConf": resolver,
        "nodeStatusUpdateFrequency": "4s",
        "nodeStatusReportFrequency": "60s",
        "evictionHard": {
            "memory.available": "100Mi", "nodefs.available": "2%", "imagefs.available": "2%", "nodefs.inodesFree": "2%",
        },
        // Images come from archives only; one that is collected cannot be pulled again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "imageMinimumGCAge": "8760h",
        "serializeImagePulls": false,
        "maxPods": 60,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        // A kernel that lets root neither lower oom scores nor raise limits is taken as it is.
        "featureGates": {"KubeletInUserNamespace": true},
    })
}

fn kube_proxy(cluster: &Layout, node: &NodeLayout) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": cluster.pki().join("kube-proxy.conf")},
        "hostnameOverride": node.name,
        "mode": "iptables",
        "clusterCIDR": cluster.pods(),
        // The settings of connection tracking belong to the machine, not to a network namespace.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "nodePortAddresses": [format!("{}/32", node.address)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> NodeSpec {
        let cluster = Layout { name: "shop".to_owned(), slot: 0, state: PathBuf::from("/s") };
        let node = cluster.nodes().remove(2);
        NodeSpec { cluster, node, binaries: PathBuf::from("/b"), memory_mib: 4096 }
    }

    #[test]
    fn a_kubelet_keeps_to_its_own_cgroup_address_and_share_of_the_memory() {
        let config = kubelet(&spec(), Path::new("/r"), 16384);
        assert_eq!(config["cgroupRoot"], "/stb0/node-c");
        assert_eq!(config["address"], "10.100.0.13");
        assert_eq!(config["systemReserved"]["memory"], "12288Mi");
        assert_eq!(config["clusterDNS"][0], "10.140.0.10");
    }

    #[test]
    fn pods_of_a_node_get_addresses_of_its_own_range() {
        let network = pod_network(&spec().node);
        assert_eq!(network["plugins"][0]["ipam"]["ranges"][0][0]["subnet"], "10.120.3.0/24");
    }

    #[test]
    fn nodes_share_the_memory_of_a_small_machine_and_take_no_more_than_they_need_of_a_large_one() {
        assert_eq!(memory_per_node_mib(24_000), 6144);
        assert_eq!(memory_per_node_mib(16_096), 4000);
        assert_eq!(memory_per_node_mib(2_000), 1024);
    }
}
