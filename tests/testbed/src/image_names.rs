//! The names under which the nodes find the testbed's base images. Pure.

/// The sandbox of every pod.
pub const PAUSE: &str = "docker.io/store-testbed/pause:1";
/// Debian with a shell, Python 3, curl and DNS tools, for test pods.
pub const BASE: &str = "docker.io/store-testbed/base:1";
/// The cluster's DNS.
pub const COREDNS: &str = "docker.io/store-testbed/coredns:1";
/// The Ingress controller.
pub const TRAEFIK: &str = "docker.io/store-testbed/traefik:1";
