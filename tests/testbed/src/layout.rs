//! The plan of a cluster: names, addresses, ports and files, all derived from its name and a slot
//! number so that clusters run side by side. Pure.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How many clusters one machine can hold.
pub const SLOTS: u8 = 16;
/// The zones, one node in each.
pub const ZONES: [&str; 3] = ["a", "b", "c"];

const NODE_NETWORK: u8 = 100;
const POD_NETWORK: u8 = 120;
const SERVICE_NETWORK: u8 = 140;
const ENTRY_PORT: u16 = 18080;
const ETCD_PEER_PORT: u16 = 23800;

/// A cluster's name cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` cannot name a cluster: use 1 to 20 lower-case letters, digits or `-`, a letter first")]
pub struct NameError(pub String);

/// Checks a cluster's name.
///
/// # Errors
/// [`NameError`] unless it is 1 to 20 lower-case letters, digits or dashes, starting with a letter.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let shaped = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if shaped && (1..=20).contains(&name.len()) && name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Ok(());
    }
    Err(NameError(name.to_owned()))
}

/// The slot that a name takes if it is free; other names take any free one from 2 on.
pub fn preferred_slot(name: &str) -> Option<u8> {
    match name {
        "shop" => Some(0),
        "test" => Some(1),
        _ => None,
    }
}

/// Where everything of one cluster is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The cluster's name.
    pub name: String,
    /// Its slot, below [`SLOTS`]; names of kernel objects and addresses follow from it.
    pub slot: u8,
    /// The directory with all that the cluster writes.
    pub state: PathBuf,
}

/// Where everything of one node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLayout {
    /// 1 for the node in zone a, and so on.
    pub index: u8,
    /// The name of the Kubernetes Node, `node-a`.
    pub name: String,
    /// Its zone, `a`.
    pub zone: String,
    /// Its address on the cluster's bridge.
    pub address: Ipv4Addr,
    /// The MAC address of its link: kept over a power cut, as a real machine's.
    pub mac: String,
    /// The range of its pods' addresses, in CIDR notation.
    pub pods: String,
    /// Its network namespace, and the host's end of its link.
    pub link: String,
    /// Its cgroup, below the root of every hierarchy.
    pub cgroup: String,
    /// Its directory, with its disk.
    pub directory: PathBuf,
}

impl Layout {
    /// The name of the host's bridge, the prefix of all kernel objects of this cluster.
    pub fn bridge(&self) -> String {
        format!("stb{}", self.slot)
    }

    /// The cgroup of everything of this cluster, below the root of every hierarchy.
    pub fn cgroup(&self) -> String {
        self.bridge()
    }

    /// The cgroup of the control plane and the load-balancer.
    pub fn control_plane_cgroup(&self) -> String {
        format!("{}/control-plane", self.cgroup())
    }

    /// The host's address on the bridge: control plane and load-balancer.
    pub fn host(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, NODE_NETWORK + self.slot, 0, 1)
    }

    /// The URL of the API server.
    pub fn api_server(&self) -> String {
        format!("https://{}:6443", self.host())
    }

    /// The range of all pods, in CIDR notation.
    pub fn pods(&self) -> String {
        format!("10.{}.0.0/16", POD_NETWORK + self.slot)
    }

    /// The range of Services, in CIDR notation.
    pub fn services(&self) -> String {
        format!("10.{}.0.0/16", SERVICE_NETWORK + self.slot)
    }

    /// The Service address of the API server.
    pub fn api_service(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, SERVICE_NETWORK + self.slot, 0, 1)
    }

    /// The Service address of the cluster's DNS.
    pub fn dns_service(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, SERVICE_NETWORK + self.slot, 0, 10)
    }

    /// The port for etcd's members among themselves, on 127.0.0.1; there is only one member.
    pub fn etcd_peer_port(&self) -> u16 {
        ETCD_PEER_PORT + u16::from(self.slot)
    }

    /// The port of the load-balancer on 127.0.0.1.
    pub fn entry_port(&self) -> u16 {
        ENTRY_PORT + u16::from(self.slot)
    }

    /// The URL at which the cluster's Ingresses answer.
    pub fn entry_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.entry_port())
    }

    /// The nodes, in order of zone.
    pub fn nodes(&self) -> Vec<NodeLayout> {
        ZONES.iter().zip(1..).map(|(zone, index)| self.node(zone, index)).collect()
    }

    fn node(&self, zone: &str, index: u8) -> NodeLayout {
        let name = format!("node-{zone}");
        NodeLayout {
            index,
            zone: zone.to_owned(),
            address: Ipv4Addr::new(10, NODE_NETWORK + self.slot, 0, 10 + index),
            mac: format!("02:00:0a:{:02x}:00:{:02x}", NODE_NETWORK + self.slot, 10 + index),
            pods: format!("10.{}.{index}.0/24", POD_NETWORK + self.slot),
            link: format!("{}-{zone}", self.bridge()),
            cgroup: format!("{}/{name}", self.cgroup()),
            directory: self.state.join("nodes").join(&name),
            name,
        }
    }

    /// The directory of keys, certificates and kubeconfigs.
    pub fn pki(&self) -> PathBuf {
        self.state.join("pki")
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.pki().join("admin.conf")
    }

    /// The log file of `what` (`etcd`, `kube-apiserver`, `node-a-kubelet`, …).
    pub fn log(&self, what: &str) -> PathBuf {
        self.state.join("logs").join(format!("{what}.log"))
    }

    /// The pid file of `what`.
    pub fn pid_file(&self, what: &str) -> PathBuf {
        self.state.join("pids").join(what)
    }

    /// The copy of this program that started the cluster; its nodes run it too.
    pub fn launcher(&self) -> PathBuf {
        self.state.join("bin").join("testbed")
    }

    /// The file that holds this plan.
    pub fn file(state: &Path) -> PathBuf {
        state.join("cluster.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn layout(name: &str, slot: u8) -> Layout {
        Layout { name: name.to_owned(), slot, state: PathBuf::from("/s").join(name) }
    }

    #[test]
    fn two_clusters_share_no_name_address_port_or_file() {
        let facts = |layout: &Layout| -> BTreeSet<String> {
            let mut all = vec![
                layout.bridge(),
                layout.host().to_string(),
                layout.pods(),
                layout.services(),
                layout.entry_port().to_string(),
                layout.state.display().to_string(),
            ];
            for node in layout.nodes() {
                all.extend([node.address.to_string(), node.mac, node.pods, node.link, node.cgroup]);
                all.push(node.directory.display().to_string());
            }
            all.into_iter().collect()
        };
        for slot in 1..SLOTS {
            let shared: Vec<_> = facts(&layout("shop", 0)).intersection(&facts(&layout("x", slot))).cloned().collect();
            assert!(shared.is_empty(), "slot {slot}: {shared:?}");
        }
    }

    #[test]
    fn every_range_of_every_slot_is_private_and_apart() {
        let firsts: BTreeSet<u8> =
            (0..SLOTS).flat_map(|s| [NODE_NETWORK + s, POD_NETWORK + s, SERVICE_NETWORK + s]).collect();
        assert_eq!(firsts.len(), usize::from(SLOTS) * 3);
    }

    #[test]
    fn link_names_fit_the_kernels_fifteen_characters() {
        let layout = layout("a-name-of-20-letters", SLOTS - 1);
        assert!(layout.nodes().iter().all(|node| node.link.len() <= 15));
    }

    #[test]
    fn a_node_has_its_address_in_the_hosts_subnet_and_its_zone_in_its_name() {
        let node = layout("shop", 0).nodes().remove(1);
        assert_eq!((node.name.as_str(), node.zone.as_str(), node.cgroup.as_str()), ("node-b", "b", "stb0/node-b"));
        assert_eq!(node.address, Ipv4Addr::new(10, 100, 0, 12));
        assert_eq!(node.pods, "10.120.2.0/24");
    }

    #[test]
    fn names_that_are_no_file_or_host_names_are_refused() {
        for name in ["", "Shop", "../x", "1st", "a b", "a-name-of-21-letterss"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert_eq!(check_name("shop-2"), Ok(()));
    }
}
