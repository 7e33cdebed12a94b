//! The testbed: a real three-node Kubernetes on one machine, a Cassandra ring on loopback, and a shop on either, from packages
//! alone. `make up` and `make run` compile this crate, so it has what those two need and no more.

pub mod addons;
pub mod binaries;
pub mod cache;
pub mod cgroup;
pub mod checkout;
pub mod cluster;
pub mod command;
pub mod control_plane;
pub mod drill;
pub mod haproxy;
pub mod host;
pub mod image_builder;
pub mod image_names;
pub mod image_store;
pub mod images;
pub mod install;
pub mod kubectl;
pub mod kubernetes_versions;
pub mod labs;
pub mod layout;
pub mod local_cassandra;
pub mod log;
pub mod network;
pub mod node;
pub mod node_config;
pub mod node_init;
pub mod own_cluster;
mod own_place;
pub mod packages;
pub mod pki;
pub mod port_forward;
pub mod ports;
pub mod process;
pub mod programs;
pub mod progress;
pub mod project_images;
pub mod provisioner;
pub mod sample;
pub mod shop;
pub mod shop_down;
pub mod shop_up;

/// A signal to send to the processes of a container.
pub use rustix::process::Signal;
