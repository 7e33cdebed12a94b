//! The network of a cluster: a bridge on the host, and for each node a network namespace with one
//! link to it. Pods keep their addresses everywhere (routes, no translation), and nothing leads out
//! of the machine: what has no place to go is refused at once. IO through `ip`; idempotent.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{CommandError, SHORT, run, succeeds};
use crate::layout::{Layout, NodeLayout};

fn ip(arguments: &str) -> Result<String, CommandError> {
    run(Command::new("ip").args(arguments.split(' ')), SHORT)
}

fn exists(link: &str) -> bool {
    Path::new("/sys/class/net").join(link).exists()
}

fn namespace_file(node: &NodeLayout) -> PathBuf {
    Path::new("/run/netns").join(&node.link)
}

/// Makes the bridge, with the host's address on it.
///
/// # Errors
/// [`CommandError`] when `ip` refuses.
pub fn create_bridge(layout: &Layout) -> Result<(), CommandError> {
    let bridge = layout.bridge();
    if !exists(&bridge) {
        ip(&format!("link add {bridge} type bridge"))?;
    }
    ip(&format!("address replace {}/24 dev {bridge}", layout.host()))?;
    ip(&format!("link set {bridge} up"))?;
    // The host has no Service rules: an attempt to use one fails at once instead of timing out.
    ip(&format!("route replace unreachable {}", layout.services()))?;
    Ok(())
}

/// Makes a node's namespace and link anew, as switching a machine on does: whatever an earlier life
/// left in it (bridges, rules, connections) is gone.
///
/// # Errors
/// [`CommandError`] when `ip` refuses.
pub fn create_node(layout: &Layout, node: &NodeLayout) -> Result<(), CommandError> {
    remove_node(node)?;
    let NodeLayout { link, address, mac, .. } = node;
    ip(&format!("netns add {link}"))?;
    ip(&format!("link add {link} type veth peer name eth0 address {mac} netns {link}"))?;
    ip(&format!("link set {link} master {}", layout.bridge()))?;
    ip(&format!("-n {link} link set lo up"))?;
    ip(&format!("-n {link} address add {address}/24 dev eth0"))?;
    ip(&format!("-n {link} link set eth0 up"))?;
    // Service addresses are translated on the node; the route only has to exist.
    ip(&format!("-n {link} route add {} via {}", layout.services(), layout.host()))?;
    ip(&format!("-n {link} route add unreachable default"))?;
    for other in layout.nodes().iter().filter(|other| other.index != node.index) {
        ip(&format!("-n {link} route add {} via {}", other.pods, other.address))?;
    }
    let inside = |program: &str| {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", namespace_file(node).display())).arg(program);
        command
    };
    // Pods of one node reach each other through its bridge, and Service rules must see that.
    run(inside("sysctl").args(["-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1"]), SHORT)?;
    for chain in ["OUTPUT", "FORWARD"] {
        // Before kube-proxy has written its rules, Service addresses are refused: who starts early
        // tries again instead of sitting out a long connect time-out.
        run(inside("iptables").args(["-w", "-A", chain, "-d", &layout.services(), "-j", "REJECT"]), SHORT)?;
    }
    set_link(node, true)?;
    ip(&format!("route replace {} via {address}", node.pods))?;
    Ok(())
}

/// Plugs a node's cable in or out. Out is silent: nothing it sends arrives, nothing is answered.
///
/// # Errors
/// [`CommandError`] when `ip` refuses.
pub fn set_link(node: &NodeLayout, up: bool) -> Result<(), CommandError> {
    ip(&format!("link set {} {}", node.link, if up { "up" } else { "down" })).map(drop)
}

/// Whether the node's namespace is there.
pub fn node_exists(node: &NodeLayout) -> bool {
    namespace_file(node).exists() && exists(&node.link)
}

/// Deletes a node's namespace, link and route.
///
/// # Errors
/// [`CommandError`] when `ip` refuses.
pub fn remove_node(node: &NodeLayout) -> Result<(), CommandError> {
    // The link first: the namespace itself lives on while a dying process still holds it.
    if exists(&node.link) {
        ip(&format!("link delete {}", node.link))?;
    }
    if namespace_file(node).exists() {
        ip(&format!("netns delete {}", node.link))?;
    }
    // The route went with the link if it was the last on the bridge; either way it must be gone.
    let _ = succeeds(Command::new("ip").args(["route", "delete", &node.pods]), SHORT);
    Ok(())
}

/// Deletes the bridge and the host's routes.
///
/// # Errors
/// [`CommandError`] when `ip` refuses.
pub fn remove_bridge(layout: &Layout) -> Result<(), CommandError> {
    if exists(&layout.bridge()) {
        ip(&format!("link delete {}", layout.bridge()))?;
    }
    let _ = succeeds(Command::new("ip").args(["route", "delete", "unreachable", &layout.services()]), SHORT);
    Ok(())
}

/// What of the cluster's network is still there, in words.
///
/// # Errors
/// [`CommandError`] when `ip` refuses.
pub fn remains(layout: &Layout) -> Result<Vec<String>, CommandError> {
    let prefix = |text: &str| text == layout.bridge() || text.starts_with(&format!("{}-", layout.bridge()));
    let mut found = Vec::new();
    for (what, directory) in [("link", "/sys/class/net"), ("network namespace", "/run/netns")] {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| prefix(name)).map(|name| format!("{what} {name}")));
    }
    let routes = ip("route show table all")?;
    let mut ranges = vec![layout.services()];
    ranges.extend(layout.nodes().into_iter().map(|node| node.pods));
    for range in ranges {
        if routes.lines().any(|line| line.split(' ').any(|word| word == range)) {
            found.push(format!("route to {range}"));
        }
    }
    Ok(found)
}
