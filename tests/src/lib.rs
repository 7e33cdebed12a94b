//! The testbed (a real three-node Kubernetes on one machine, from packages alone) and what the
//! suites that run on it share.

pub mod addons;
pub mod api_server;
pub mod api_suite;
pub mod bench;
pub mod binaries;
pub mod cache;
pub mod cgroup;
pub mod chart;
pub mod checks;
pub mod cluster;
pub mod command;
pub mod control_plane;
pub mod counts;
pub mod cql_proxy;
pub mod crd_reference;
pub mod docs;
pub mod drill;
pub mod generate;
pub mod gitops;
pub mod haproxy;
pub mod history;
pub mod host;
pub mod image_names;
pub mod image_store;
pub mod images;
pub mod layout;
pub mod linearizability;
pub mod linters;
pub mod load;
pub mod local_cassandra;
pub mod log;
pub mod monitoring;
pub mod network;
pub mod node;
pub mod node_config;
pub mod node_init;
pub mod otlp;
pub mod packages;
pub mod pki;
pub mod process;
pub mod progress;
pub mod project_images;
pub mod provisioner;
pub mod readme;
pub mod schemas;
pub mod shop_up;
pub mod soak;
pub mod start;
pub mod steps;
pub mod suites;
pub mod tools;
pub mod values;

/// A signal to send to the processes of a container.
pub use rustix::process::Signal;
