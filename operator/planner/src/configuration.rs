//! What a node is configured by: everything asked for that a running node takes up by a restart only. Pure.
//!
//! It has a hash, and an immutable ConfigMap whose name ends in it. There it can be read again when the
//! spec asks for something else by now.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store_crds::ImagePullPolicy;

use crate::desired::Desired;
use crate::digest;
use crate::settings::Settings;

/// Characters of the hash: names of objects end in it.
const HASH_LENGTH: usize = 10;

/// One configuration of the nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    pub version: String,
    /// Whole name of the image.
    pub image: String,
    pub image_pull_policy: ImagePullPolicy,
    pub resources: ResourceRequirements,
    pub heap_mib: u64,
    pub cassandra_yaml: BTreeMap<String, Value>,
    pub jvm_options: Vec<String>,
    pub pull_secrets: Vec<String>,
}

impl Configuration {
    /// What the spec asks for.
    pub fn wanted(desired: &Desired, settings: &Settings) -> Configuration {
        let cassandra = &desired.cassandra;
        Configuration {
            version: cassandra.version.clone(),
            image: cassandra.image(&settings.cassandra_repository),
            image_pull_policy: cassandra.image_pull_policy,
            resources: cassandra.resources.clone(),
            heap_mib: cassandra.heap_mib,
            cassandra_yaml: cassandra.cassandra_yaml.clone(),
            jvm_options: cassandra.jvm_options.clone(),
            pull_secrets: desired.pull_secrets.clone(),
        }
    }

    /// What was written into a ConfigMap, as JSON; `None`: another hand wrote it.
    pub fn read(json: &str) -> Option<Configuration> {
        serde_json::from_str(json).ok()
    }

    /// What tells it from every other.
    pub fn hash(&self) -> String {
        let mut hash = digest::hash(&json!(self));
        hash.truncate(HASH_LENGTH);
        hash
    }

    /// The store with nodes that are configured so.
    pub fn applied_to(&self, desired: &Desired) -> Desired {
        let mut desired = desired.clone();
        let cassandra = &mut desired.cassandra;
        cassandra.version.clone_from(&self.version);
        cassandra.image = Some(self.image.clone());
        cassandra.image_pull_policy = self.image_pull_policy;
        cassandra.resources.clone_from(&self.resources);
        cassandra.heap_mib = self.heap_mib;
        cassandra.cassandra_yaml.clone_from(&self.cassandra_yaml);
        cassandra.jvm_options.clone_from(&self.jvm_options);
        desired.pull_secrets.clone_from(&self.pull_secrets);
        desired
    }
}
