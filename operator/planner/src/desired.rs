//! The one reader of `spec`: what is wanted, checked and with every default filled in. Pure.
//!
//! A spec that breaks a rule is refused whole; the last accepted one goes on counting, so that the
//! running shop is neither changed by a mistake nor left alone while somebody mends it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Serialize;
use serde_json::Value;
use store_crds::{
    Amount, AuthSpec, Consistency, DeletionPolicy, GatewaySpec, ImagePullPolicy, IngressSpec, ProxySpec, RateLimitSpec,
    ResourcesSpec, SerialConsistency, StoreCluster, StoreClusterSpec, TolerationSpec, TracingSpec, Violation,
    WebhookSpec,
};

use crate::identity::{NodeId, Uid};
use crate::observation::Factors;

/// Keyspaces of Cassandra's own that are replicated, and kept at min(size, 3).
pub const SYSTEM_KEYSPACES: [&str; 3] = ["system_auth", "system_distributed", "system_traces"];

/// Highest replication factor of the system keyspaces.
const SYSTEM_REPLICATION_MAX: i32 = 3;

/// What is wanted of one StoreCluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    pub namespace: String,
    /// Name of the StoreCluster; names of its objects are made from it.
    pub name: String,
    /// UID of the StoreCluster, for owner references.
    pub uid: Uid,
    pub cassandra: DesiredCassandra,
    /// Keyspaces of the spec in their order, then the replicated system keyspaces.
    pub keyspaces: Vec<DesiredKeyspace>,
    pub api: DesiredApi,
    /// Names of the Secrets by which pods pull images.
    pub pull_secrets: Vec<String>,
    /// The spec all this was read from, as JSON with sorted keys: the value of
    /// `ANNOTATION_ACCEPTED_SPEC`.
    pub accepted_spec: String,
    /// Rules that the newest spec breaks; everything else here then comes from the last accepted one.
    pub refused: Vec<Violation>,
    /// False: the spec is refused and none was accepted before, so nothing may be built from this.
    pub usable: bool,
}

/// The Cassandra ring that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredCassandra {
    /// Such as 5.0 or 4.1.10.
    pub version: String,
    /// Image in place of `<repository>:<version>`.
    pub image: Option<String>,
    pub image_pull_policy: ImagePullPolicy,
    pub datacenter: String,
    pub size: i32,
    /// In the order of the spec; the targets add up to `size`.
    pub racks: Vec<DesiredRack>,
    /// Bytes of each node's volume.
    pub storage_bytes: u64,
    /// The same as a canonical quantity.
    pub storage_size: String,
    pub storage_class: Option<String>,
    /// With canonical quantities.
    pub resources: ResourceRequirements,
    /// Java heap in MiB.
    pub heap_mib: u64,
    /// Settings merged over cassandra.yaml.
    pub cassandra_yaml: BTreeMap<String, Value>,
    pub jvm_options: Vec<String>,
    pub deletion_policy: DeletionPolicy,
    /// A roll-out may take the quorum of keyspaces with one or two copies.
    pub allow_unavailable: bool,
    pub placement: Placement,
}

/// Where pods run, and what they bear beside what the operator gives them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<TolerationSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A rack and how many nodes it is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredRack {
    pub name: String,
    pub zone: Option<String>,
    pub target: i32,
}

/// A keyspace and the replication factors it is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredKeyspace {
    pub name: String,
    pub factors: Factors,
    /// One of Cassandra's own: it exists already and its factor follows the size.
    pub system: bool,
}

/// The API tier that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredApi {
    pub replicas: i32,
    /// Image in place of the one that the operator was installed with.
    pub image: Option<String>,
    pub image_pull_policy: ImagePullPolicy,
    /// With canonical quantities.
    pub resources: ResourceRequirements,
    pub keyspace: String,
    pub consistency: Consistency,
    pub serial_consistency: SerialConsistency,
    pub auth: AuthSpec,
    pub ingress: Option<IngressSpec>,
    pub gateway: Option<GatewaySpec>,
    /// Proxies before the API that are believed.
    pub trusted_hops: i32,
    /// How many requests each principal may send.
    pub rate_limit: Option<RateLimitSpec>,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Whether the console is served.
    pub console: bool,
    /// ConfigMap with the authorities that are trusted in place of the image's.
    pub ca_config_map: Option<String>,
    pub proxy: Option<ProxySpec>,
    pub webhooks: Vec<WebhookSpec>,
    pub tracing: Option<TracingSpec>,
    /// Of the schema Job, too.
    pub placement: Placement,
}

impl Desired {
    /// Reads the spec of a StoreCluster. `accepted` is the value of `ANNOTATION_ACCEPTED_SPEC` on
    /// the headless Service as observed, if there is one.
    pub fn read(store: &StoreCluster, uid: Uid, accepted: Option<&str>) -> Desired {
        // what cannot be read was not written by this operator: it counts as absent
        let accepted: Option<StoreClusterSpec> = accepted.and_then(|json| serde_json::from_str(json).ok());
        let mut refused = store_crds::validate(store.metadata.name.as_deref().unwrap_or_default(), &store.spec);
        if let Some(old) = &accepted {
            let carried_out = store.status.as_ref().and_then(|status| status.carried_out.as_ref());
            refused.extend(store_crds::validate_change(old, &store.spec, carried_out));
        }
        let usable = refused.is_empty() || accepted.is_some();
        let spec = match (&accepted, refused.is_empty()) {
            (Some(old), false) => old,
            _ => &store.spec,
        };
        Desired {
            namespace: store.metadata.namespace.clone().unwrap_or_default(),
            name: store.metadata.name.clone().unwrap_or_default(),
            uid,
            cassandra: desired_cassandra(spec),
            keyspaces: desired_keyspaces(spec),
            api: desired_api(spec),
            pull_secrets: spec.image_pull_secrets.iter().map(|secret| secret.name.clone()).collect(),
            accepted_spec: sorted_json(spec),
            refused,
            usable,
        }
    }

    /// Name of a rack's StatefulSet.
    pub fn stateful_set_name(&self, rack: &str) -> String {
        format!("{}-cassandra-{rack}", self.name)
    }

    /// Name of a Cassandra pod.
    pub fn pod_name(&self, rack: &str, ordinal: i32) -> String {
        format!("{}-cassandra-{rack}-{ordinal}", self.name)
    }

    /// The number of a Cassandra pod among those of its rack: `pod_name` read backwards; `None`: it is in another rack.
    pub fn ordinal_in(&self, rack: &str, pod: &str) -> Option<i32> {
        let ordinal = pod.strip_prefix(&self.stateful_set_name(rack))?.strip_prefix('-')?;
        ordinal.parse().ok().filter(|_| ordinal.chars().all(|digit| digit.is_ascii_digit()))
    }

    /// The node that a Cassandra pod is, if its rack is in the spec.
    pub fn find_node(&self, pod: &str) -> Option<NodeId> {
        let racks = self.cassandra.racks.iter();
        racks.map(|rack| &rack.name).find_map(|rack| Some(self.node(rack, self.ordinal_in(rack, pod)?)))
    }

    /// A node of the datacenter.
    pub fn node(&self, rack: &str, ordinal: i32) -> NodeId {
        NodeId { datacenter: self.cassandra.datacenter.clone(), rack: rack.to_owned(), ordinal }
    }

    /// Name of the volume claim of a Cassandra pod.
    pub fn claim_name(&self, pod: &str) -> String {
        format!("data-{pod}")
    }

    /// Pods that may serve as seeds, best first: the first node of each rack.
    pub fn seed_candidates(&self) -> Vec<String> {
        self.cassandra.racks.iter().map(|rack| self.pod_name(&rack.name, 0)).collect()
    }

    /// Replication factor wanted of a keyspace in the datacenter; `None` if it is not among those kept.
    pub fn replication_of(&self, keyspace: &str) -> Option<i32> {
        self.keyspaces.iter().find(|known| known.name == keyspace).map(|known| self.factor_of(known))
    }

    /// Replication factor wanted of a keyspace in the datacenter.
    pub fn factor_of(&self, keyspace: &DesiredKeyspace) -> i32 {
        keyspace.factors.get(&self.cassandra.datacenter).copied().unwrap_or(0)
    }

    /// A factor in the datacenter, and in no other.
    pub fn factors(&self, factor: i32) -> Factors {
        [(self.cassandra.datacenter.clone(), factor)].into()
    }
}

impl DesiredCassandra {
    /// The image to run, of `repository` unless the spec names one.
    pub fn image(&self, repository: &str) -> String {
        self.image.clone().unwrap_or_else(|| format!("{repository}:{}", self.version))
    }
}

fn desired_cassandra(spec: &StoreClusterSpec) -> DesiredCassandra {
    let cassandra = &spec.cassandra;
    DesiredCassandra {
        version: cassandra.version.clone(),
        image: cassandra.image.clone(),
        image_pull_policy: cassandra.image_pull_policy,
        datacenter: cassandra.datacenter.clone(),
        size: cassandra.size,
        racks: rack_targets(spec),
        storage_bytes: store_crds::quantity_units(&cassandra.storage.size).unwrap_or_default(),
        storage_size: canonical(&cassandra.storage.size),
        storage_class: cassandra.storage.class_name.clone(),
        resources: canonical_resources(&cassandra.resources),
        heap_mib: store_crds::quantity_units(&cassandra.heap).unwrap_or_default() >> 20,
        cassandra_yaml: cassandra.cassandra_yaml.clone(),
        jvm_options: cassandra.jvm_options.clone(),
        deletion_policy: cassandra.deletion_policy,
        allow_unavailable: cassandra.update_strategy.allow_unavailable,
        placement: Placement {
            node_selector: cassandra.node_selector.clone(),
            tolerations: cassandra.tolerations.clone(),
            priority_class_name: cassandra.priority_class_name.clone(),
            labels: cassandra.pod_labels.clone(),
            annotations: cassandra.pod_annotations.clone(),
        },
    }
}

/// Spreads the size over the racks, within one of each other; the first racks get what is left.
fn rack_targets(spec: &StoreClusterSpec) -> Vec<DesiredRack> {
    let racks = &spec.cassandra.racks;
    let count = i32::try_from(racks.len()).unwrap_or(i32::MAX).max(1);
    let (each, left) = (spec.cassandra.size / count, spec.cassandra.size % count);
    (0..)
        .zip(racks)
        .map(|(position, rack)| DesiredRack {
            name: rack.name.clone(),
            zone: rack.zone.clone(),
            target: each + i32::from(position < left),
        })
        .collect()
}

fn desired_keyspaces(spec: &StoreClusterSpec) -> Vec<DesiredKeyspace> {
    let factors = |factor| Factors::from([(spec.cassandra.datacenter.clone(), factor)]);
    let own = spec.keyspaces.iter().map(|keyspace| DesiredKeyspace {
        name: keyspace.name.clone(),
        factors: factors(keyspace.replication_factor),
        system: false,
    });
    let system = SYSTEM_KEYSPACES.iter().map(|name| DesiredKeyspace {
        name: (*name).to_owned(),
        factors: factors(spec.cassandra.size.min(SYSTEM_REPLICATION_MAX)),
        system: true,
    });
    own.chain(system).collect()
}

fn desired_api(spec: &StoreClusterSpec) -> DesiredApi {
    let api = &spec.api;
    DesiredApi {
        replicas: api.replicas,
        image: api.image.clone(),
        image_pull_policy: api.image_pull_policy,
        resources: canonical_resources(&api.resources),
        keyspace: api.keyspace.clone(),
        consistency: api.consistency,
        serial_consistency: api.serial_consistency,
        auth: api.auth.clone(),
        ingress: api.ingress.clone(),
        gateway: api.gateway.clone(),
        trusted_hops: api.trusted_hops,
        rate_limit: api.rate_limit.clone(),
        cors_origins: api.cors_origins.clone(),
        console: api.console,
        ca_config_map: api.ca_config_map_name.clone(),
        proxy: api.proxy.clone(),
        webhooks: api.webhooks.clone(),
        tracing: api.tracing.clone(),
        placement: Placement {
            node_selector: api.node_selector.clone(),
            tolerations: api.tolerations.clone(),
            priority_class_name: api.priority_class_name.clone(),
            labels: api.pod_labels.clone(),
            annotations: api.pod_annotations.clone(),
        },
    }
}

fn canonical(quantity: &str) -> String {
    store_crds::canonical_quantity(quantity).unwrap_or_else(|| quantity.to_owned())
}

fn canonical_resources(resources: &ResourcesSpec) -> ResourceRequirements {
    let quantities = |amounts: &BTreeMap<String, Amount>| {
        let one = |(name, amount): (&String, &Amount)| (name.clone(), Quantity(canonical(&amount.0)));
        (!amounts.is_empty()).then(|| amounts.iter().map(one).collect())
    };
    ResourceRequirements {
        requests: quantities(&resources.requests),
        limits: quantities(&resources.limits),
        claims: None,
    }
}

/// JSON with sorted keys, so that equal specs give equal text.
fn sorted_json(spec: &StoreClusterSpec) -> String {
    // serde_json's map sorts its keys; a spec has no value that cannot be JSON
    serde_json::to_value(spec).map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
#[path = "desired_tests.rs"]
mod tests;
