//! `spec` of a StoreCluster: what the user wants. Every field is documented here, since this is
//! what `kubectl explain` shows, and every field has a reader in the operator.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::placement::labels_schema;
use crate::{Amount, ResourcesSpec, TolerationSpec, carried_out, messages};

/// A whole shop: a Cassandra ring, its keyspaces, and the REST API in front of it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "storemanager.io",
    version = "v1alpha1",
    kind = "StoreCluster",
    plural = "storeclusters",
    shortname = "stc",
    doc = "A shop: a Cassandra ring, its keyspaces, and the REST API in front of it.",
    category = "all",
    namespaced,
    status = "crate::StoreClusterStatus",
    derive = "Default",
    derive = "PartialEq",
    scale(
        spec_replicas_path = ".spec.cassandra.size",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Nodes", type_ = "string", json_path = ".status.summary.nodes", description = "Cassandra nodes up and normal, of those wanted"),
    printcolumn(name = "RF", type_ = "string", json_path = ".status.summary.replication", description = "Replication factor of the API's keyspace, actual of wanted"),
    printcolumn(name = "API", type_ = "string", json_path = ".status.summary.api", description = "API pods ready, of those wanted"),
    printcolumn(name = "Available", type_ = "string", json_path = ".status.conditions[?(@.type=='Available')].status", description = "Whether clients are served at LOCAL_QUORUM"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether the shop is as wanted and serves"),
    printcolumn(name = "Degraded", type_ = "string", json_path = ".status.summary.degraded", description = "The worst of what is wrong, and how much there is besides"),
    printcolumn(name = "Doing", type_ = "string", json_path = ".status.conditions[?(@.type=='Progressing')].reason", description = "What is being done"),
    printcolumn(name = "Since", type_ = "date", json_path = ".status.summary.since", description = "How long the worst fault is there, or else what is being done goes on, or else nothing is left to do"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.summary.message", description = "The worst fault in words, or else what is being done", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 40").message(messages::NAME_LENGTH),
    validation = Rule::new("self.spec.cassandra.racks.all(r, size(self.metadata.name) + size(r.name) <= 41)").message(messages::NAME_AND_RACK_LENGTH),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(messages::NAME_FORM),
    validation = Rule::new(carried_out::racks_rule()).message(messages::RACKS_CHANGED),
    validation = Rule::new(carried_out::version_rule()).message(messages::VERSION_LOWERED),
    validation = Rule::new(carried_out::storage_rule()).message(messages::STORAGE_SHRUNK),
    validation = Rule::new(carried_out::class_rule()).message(messages::STORAGE_CLASS_CHANGED),
    validation = Rule::new(carried_out::datacenter_rule()).message(messages::DATACENTER_CHANGED)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = Rule::new("self.keyspaces.all(k, k.replicationFactor <= self.cassandra.size)").message(messages::REPLICATION_ABOVE_SIZE),
    validation = Rule::new("self.cassandra.allowReplicationAboveThree || self.keyspaces.all(k, k.replicationFactor <= 3)").message(messages::REPLICATION_ABOVE_THREE),
    validation = Rule::new("self.keyspaces.exists(k, k.name == self.api.keyspace)").message(messages::API_KEYSPACE)
)]
pub struct StoreClusterSpec {
    /// The Cassandra ring.
    #[serde(default)]
    pub cassandra: CassandraSpec,
    /// Keyspaces that the operator makes and keeps at their replication factor, by
    /// NetworkTopologyStrategy. One that is taken off this list stays as it is; nothing is dropped.
    /// Default: `store_manager` with one replica.
    #[serde(default = "default_keyspaces")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub keyspaces: Vec<KeyspaceSpec>,
    /// The REST API in front of the ring.
    #[serde(default)]
    pub api: ApiSpec,
    /// Secrets of type kubernetes.io/dockerconfigjson in the StoreCluster's namespace, by which every pod of
    /// the shop pulls its images. A change of the list restarts the pods, one node of the ring after another.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub image_pull_secrets: Vec<ImagePullSecretSpec>,
}

/// A Secret by which images are pulled.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImagePullSecretSpec {
    /// Name of the Secret.
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')").message(messages::SECRET_NAME))]
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The Cassandra ring.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = Rule::new("size(self.racks) <= self.size").message(messages::RACKS_ABOVE_SIZE),
    validation = Rule::new("!isQuantity(self.heap) || !has(self.resources.limits) || !('memory' in self.resources.limits) || quantity(self.heap).compareTo(quantity(string(self.resources.limits['memory']))) < 0").message(messages::HEAP_ABOVE_MEMORY)
)]
pub struct CassandraSpec {
    #[doc = concat!(
        "Version of Cassandra, as the tag of the official image: 4.1, ", cassandra_4_1!(), ", 5.0, ", cassandra_5_0!(),
        ". Default: 5.0."
    )]
    #[x_kube(validation = Rule::new("self.matches('^(4[.]1|5[.]0)([.][0-9]{1,3})?$')").message(messages::VERSION))]
    #[schemars(length(max = 16))]
    #[serde(default = "default_version")]
    pub version: String,
    /// Image to run in place of `cassandra:<version>`. It must have the layout and the entrypoint
    /// of the official image, and its Cassandra must be of `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[^ ]+$')").message(messages::IMAGE))]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// When the kubelet pulls the image. Default: IfNotPresent.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// Name of the datacenter, as in `LOCAL_QUORUM`'s "local". It cannot change once a node has started.
    /// Default: dc1.
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z][a-zA-Z0-9_-]{0,47}$')").message(messages::DATACENTER))]
    #[schemars(length(max = 64))]
    #[serde(default = "default_datacenter")]
    pub datacenter: String,
    /// Number of Cassandra nodes, spread evenly over the racks; `kubectl scale` sets it. Default: 1.
    #[schemars(range(min = 1, max = 300))]
    #[serde(default = "one")]
    pub size: i32,
    /// Racks; Cassandra places the replicas of a row on different ones. Each becomes a StatefulSet. One in
    /// which a node has started stays, with its zone; any other may change or go.
    /// Default: one rack, rack1, in any zone.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[serde(default = "default_racks")]
    pub racks: Vec<RackSpec>,
    /// Volume of each node.
    #[serde(default)]
    pub storage: StorageSpec,
    /// Resources of the Cassandra container. Default: requests of 250m CPU and 1Gi, limit 1Gi memory.
    #[serde(default = "default_cassandra_resources")]
    pub resources: ResourcesSpec,
    /// Java heap, `-Xms` and `-Xmx`, such as 512Mi or 4Gi. At most half of the memory limit leaves
    /// room for off-heap memory and the page cache. A heap below 1Gi is collected by the serial
    /// collector unless jvmOptions name another. Default: 256Mi.
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).compareTo(quantity('128Mi')) >= 0 && quantity(self).compareTo(quantity('64Gi')) <= 0").message(messages::HEAP))]
    #[schemars(length(max = 32))]
    #[serde(default = "default_heap")]
    pub heap: String,
    /// Settings merged over the version's own cassandra.yaml. What the operator itself decides
    /// (addresses, seeds, names, snitch, authentication, directories) cannot be set here.
    #[x_kube(validation = Rule::new(messages::cassandra_yaml_rule()).message(messages::CASSANDRA_YAML))]
    #[schemars(schema_with = "cassandra_yaml_schema")]
    #[serde(default)]
    pub cassandra_yaml: BTreeMap<String, Value>,
    /// Options added to the Java command line, such as `-Dcassandra.ring_delay_ms=10000`.
    #[schemars(length(max = 64), inner(length(min = 2, max = 256)))]
    #[x_kube(validation = Rule::new("self.all(o, o.startsWith('-') && !o.matches('[ \\\\t\\\\n]'))").message(messages::JVM_OPTION_FORM))]
    #[x_kube(validation = Rule::new(messages::jvm_heap_rule()).message(messages::JVM_OPTION_HEAP))]
    #[serde(default)]
    pub jvm_options: Vec<String>,
    /// What becomes of the volumes and the generated passwords when the StoreCluster is deleted, and
    /// of a node's volume once the node has left the ring. Retain keeps them, and a StoreCluster made
    /// again under the same name takes them up. Default: Retain.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// How nodes are restarted for a new version or configuration.
    #[serde(default, skip_serializing_if = "UpdateStrategySpec::is_default")]
    pub update_strategy: UpdateStrategySpec,
    /// Allows replication factors above 3, which cost disk and latency and rarely help.
    #[serde(default)]
    pub allow_replication_above_three: bool,
    /// Labels that a machine must have to run the nodes' pods. Default: any machine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new(messages::label_key_rule()).message(messages::LABEL_KEY))]
    #[schemars(schema_with = "labels_schema")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the nodes' pods tolerate, beside what Kubernetes tolerates by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<TolerationSpec>,
    /// PriorityClass of the nodes' pods, which must exist. Default: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::PRIORITY_CLASS))]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Labels added to the nodes' pods, for meshes, policies and bills. The operator's own win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new(messages::label_key_rule()).message(messages::LABEL_KEY))]
    #[schemars(schema_with = "labels_schema")]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations added to the nodes' pods. The operator's own win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new(messages::annotation_key_rule()).message(messages::ANNOTATION_KEY))]
    #[schemars(schema_with = "annotations_schema")]
    pub pod_annotations: BTreeMap<String, String>,
}

/// How nodes are restarted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateStrategySpec {
    /// Restarts nodes although some keyspace has one or two copies, so that its requests at LOCAL_QUORUM
    /// fail while a node is away. Where it is not set, a ring of three nodes or more waits until every
    /// keyspace has three copies; one of one or two nodes, which no factor would help, is restarted and the
    /// status says so. Default: false.
    #[serde(default)]
    pub allow_unavailable: bool,
}

impl UpdateStrategySpec {
    fn is_default(&self) -> bool {
        *self == UpdateStrategySpec::default()
    }
}

/// A rack of the ring.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RackSpec {
    /// Name of the rack, in lower case; it becomes part of the names of pods and volumes.
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]{0,14}[a-z0-9])?$')").message(messages::RACK_NAME))]
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Zone (`topology.kubernetes.io/zone`) that the nodes of this rack must run in. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')").message(messages::ZONE))]
    #[schemars(length(min = 1, max = 63))]
    pub zone: Option<String>,
}

/// Volume of a Cassandra node.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StorageSpec {
    /// Size of each node's volume. It can grow where the class allows it: one volume first, then the others.
    /// Down it goes only to what the largest volume has. Default: 1Gi.
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message(messages::STORAGE_SIZE))]
    #[schemars(length(max = 32))]
    #[serde(default = "default_storage_size")]
    pub size: String,
    /// StorageClass of the volumes. It cannot change once a volume is bound. Default: the cluster's default
    /// class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::STORAGE_CLASS_NAME))]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
}

/// A keyspace and its replication factor in the datacenter.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyspaceSpec {
    /// Name, a CQL identifier in lower case.
    #[x_kube(validation = Rule::new("self.matches('^[a-z][a-z0-9_]{0,47}$')").message(messages::KEYSPACE_NAME))]
    #[x_kube(validation = Rule::new("self != 'system' && !self.startsWith('system_')").message(messages::KEYSPACE_SYSTEM))]
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Number of copies of each row. 3 survives the loss of a node at LOCAL_QUORUM. Default: 1.
    #[x_kube(validation = Rule::new("self >= 1").message(messages::REPLICATION_ZERO))]
    #[schemars(range(max = 300))]
    #[serde(default = "one")]
    pub replication_factor: i32,
}

/// The REST API in front of the ring.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("self.auth.mode != 'Open' || self.auth.allowOpen || !(has(self.ingress) || has(self.gateway))").message(messages::OPEN_WAY_IN))]
pub struct ApiSpec {
    /// Number of API pods, spread over the zones. 0 stops the API and leaves the ring. Default: 1.
    #[schemars(range(min = 0, max = 100))]
    #[serde(default = "one")]
    pub replicas: i32,
    /// Image of the API. Default: the one that the operator was installed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[^ ]+$')").message(messages::IMAGE))]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// When the kubelet pulls the image. Default: IfNotPresent.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// Resources of the API container. Default: requests of 50m CPU and 32Mi, limit 128Mi memory.
    #[serde(default = "default_api_resources")]
    pub resources: ResourcesSpec,
    /// Keyspace of the API's tables, one of `spec.keyspaces`. Default: store_manager.
    #[schemars(length(min = 1, max = 64))]
    #[serde(default = "default_keyspace")]
    pub keyspace: String,
    /// Consistency of reads that name none; what is written is never below LOCAL_QUORUM. Default: LOCAL_QUORUM.
    #[serde(default)]
    pub consistency: Consistency,
    /// Consistency of the Paxos phase of conditional writes. Default: LOCAL_SERIAL.
    #[serde(default)]
    pub serial_consistency: SerialConsistency,
    /// How requests tell who sends them, and so what they may do. Default: by tokens.
    #[serde(default)]
    pub auth: AuthSpec,
    /// Way in from outside. Default: none, the API is reached at its Service only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressSpec>,
    /// Way in from outside by the Gateway API: an HTTPRoute, where the cluster serves that kind. Beside
    /// `ingress` or in its place. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewaySpec>,
    /// Proxies between the clients and the API's pods, such as 1 for an Ingress controller that clients reach
    /// directly, 2 with a load-balancer of layer 7 before it. What so many of them wrote is believed: the
    /// client's address in X-Forwarded-For, which the API logs, and the path in X-Forwarded-Prefix, which it
    /// puts before the links that it answers with. Too many let a client claim any address. Default: 0, nobody
    /// is believed.
    #[schemars(range(min = 0, max = 8))]
    #[serde(default, skip_serializing_if = "is_zero")]
    pub trusted_hops: i32,
    /// How many requests each principal (whoever a token names) may send. Default: as many as they like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitSpec>,
    /// Origins whose pages may call the API in a browser, each as browsers send it: scheme, host, and port unless it is the
    /// scheme's own, such as `https://shop.example.org`. Default: none, no page of another origin may.
    #[schemars(length(max = 16), inner(length(min = 1, max = 270)))]
    #[x_kube(validation = Rule::new(messages::cors_origin_rule()).message(messages::CORS_ORIGIN))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors_origins: Vec<String>,
    /// Whether the console is served at `/console`: a page over the API that may do what its viewer's token may.
    /// Default: true.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub console: bool,
    /// ConfigMap of this namespace whose key `ca.crt` has the certificates of the authorities that the API trusts, in
    /// place of those of its image: for an issuer of tokens or a collector behind a company's own. For the issuer it
    /// is read whenever its keys are asked for, for the collector when a pod starts. Default: those of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::CA_CONFIG_MAP))]
    #[schemars(length(min = 1, max = 253))]
    pub ca_config_map_name: Option<String>,
    /// Proxy by which the API reaches an issuer of tokens or a collector. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxySpec>,
    /// Addresses that events of the shop are sent to, signed as Standard Webhooks says. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub webhooks: Vec<WebhookSpec>,
    /// Where the API's traces go. Default: where the operator's go, if it was installed with a collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<TracingSpec>,
    /// Labels that a machine must have to run the API's pods and its schema Job. Default: any machine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new(messages::label_key_rule()).message(messages::LABEL_KEY))]
    #[schemars(schema_with = "labels_schema")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the API's pods and its schema Job tolerate, beside what Kubernetes tolerates by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<TolerationSpec>,
    /// PriorityClass of the API's pods and its schema Job, which must exist. Default: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::PRIORITY_CLASS))]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Labels added to the API's pods and its schema Job, for meshes, policies and bills. The operator's own win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new(messages::label_key_rule()).message(messages::LABEL_KEY))]
    #[schemars(schema_with = "labels_schema")]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations added to the API's pods and its schema Job. The operator's own win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new(messages::annotation_key_rule()).message(messages::ANNOTATION_KEY))]
    #[schemars(schema_with = "annotations_schema")]
    pub pod_annotations: BTreeMap<String, String>,
}

/// Requests of one principal. Each pod of the API counts those that it answers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimitSpec {
    /// Requests in a window.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub requests: i32,
    /// Seconds of the window; what was used comes back bit by bit. Default: 60.
    #[schemars(range(min = 1, max = 86_400))]
    #[serde(default = "default_rate_window")]
    pub window_seconds: i32,
}

/// A proxy for what the API asks of others. Cassandra is never asked by it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxySpec {
    /// The proxy, such as http://proxy.example.com:3128.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^ @]+$')").message(messages::PROXY_URL))]
    pub url: String,
    /// Hosts that are reached without it: names, ends of names such as .example.com, addresses. Default: .svc and
    /// .cluster.local.
    #[serde(default = "default_no_proxy")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 253)))]
    pub except: Vec<String>,
}

/// An address that events of the shop are sent to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("self.allowHttp || !self.url.startsWith('http:')").message(messages::WEBHOOK_IN_CLEAR))]
pub struct WebhookSpec {
    /// Name of the webhook, in logs and metrics. Another name begins at the end of the feed.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9-]+$')").message(messages::WEBHOOK_NAME))]
    pub name: String,
    /// Where the events are sent to. Redirects are not followed.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^ ]+$')").message(messages::WEBHOOK_URL))]
    pub url: String,
    /// Which events: stock.low, order.confirmed, order.paid, order.cancelled.
    #[schemars(length(min = 1, max = 16))]
    pub events: Vec<WebhookEvent>,
    /// Secret of this namespace whose key `key` has what messages are signed by: whsec_ and the base64 of 24 to 64
    /// bytes; while it changes two lines, of which both sign. It is read anew for each message.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::WEBHOOK_SECRET))]
    pub secret_name: String,
    /// Lets the address begin with http://: whoever is on the way could read the events. Default: false.
    #[serde(default)]
    pub allow_http: bool,
}

/// Something that happens in a shop.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookEvent {
    #[serde(rename = "stock.low")]
    StockLow,
    #[serde(rename = "order.confirmed")]
    OrderConfirmed,
    #[serde(rename = "order.paid")]
    OrderPaid,
    #[serde(rename = "order.cancelled")]
    OrderCancelled,
}

/// How requests to the API tell who sends them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(self.mode == 'Oidc') == has(self.oidc)").message(messages::AUTH_OIDC))]
pub struct AuthSpec {
    /// Tokens: secret tokens in the Secret NAME-api-tokens. One is made for each of the keys seller, director, supplier and
    /// admin, once; more keys ROLE.NAME (also of the roles payment and auditor) are yours, a token a line, and are good a minute
    /// after they are written. Oidc: signed tokens of an OpenID Connect issuer, one of
    /// whose claims tells the role. Open: none, everybody may do everything. Default: Tokens.
    #[serde(default)]
    pub mode: AuthMode,
    /// The issuer, with mode Oidc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcSpec>,
    /// Lets `ingress` and `gateway` lead to an API whose mode is Open: whoever comes that way may do everything.
    /// Default: false.
    #[serde(default)]
    pub allow_open: bool,
}

/// An OpenID Connect issuer whose tokens the API accepts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("self.allowHttp || !(self.issuer.startsWith('http:') || (has(self.jwksUrl) && self.jwksUrl.startsWith('http:')))").message(messages::OIDC_IN_CLEAR))]
pub struct OidcSpec {
    /// Claim `iss` of the tokens, exactly, with its path, and a slash at the end or none. Its discovery
    /// document tells where the keys are.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^ ]+$')").message(messages::OIDC_URL))]
    pub issuer: String,
    /// Claim `aud` that the tokens must have.
    #[schemars(length(min = 1, max = 256))]
    pub audience: String,
    /// The one algorithm that tokens are signed by. Default: RS256.
    #[serde(default)]
    pub algorithm: SigningAlgorithm,
    /// Where the keys are, if the discovery document shall not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^ ]+$')").message(messages::OIDC_URL))]
    pub jwks_url: Option<String>,
    /// Where the tokens' claims tell the role, a text or a list of texts, as a JSON pointer: /roles,
    /// /realm_access/roles, /resource_access/store/roles. In the name of a claim `/` is written `~1` and `~` is
    /// written `~0`: /https:~1~1shop.example.com~1roles. Default: /role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 256))]
    #[x_kube(validation = Rule::new("self.matches('^(/([^/~]|~[01])*)+$')").message(messages::OIDC_ROLE_CLAIM))]
    pub role_claim: Option<String>,
    /// Values of that claim and the role that each stands for: seller, director, supplier, admin, payment or auditor. With any here
    /// only these count; of several the first counts of admin, seller, director, payment, auditor and supplier. Default: each role's own name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "role_values_schema")]
    #[x_kube(validation = Rule::new("self.all(v, size(v) >= 1 && size(v) <= 256)").message(messages::OIDC_ROLE_VALUE))]
    pub role_values: BTreeMap<String, ApiRole>,
    /// Client of the issuer by which people sign in to the console, a public one by code with PKCE; without it they paste a
    /// token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub console_client_id: Option<String>,
    /// Takes ID tokens, too: of an issuer whose access tokens are none that anybody else can read. Whoever runs a program
    /// with such a log-in could use it here. Default: false.
    #[serde(default)]
    pub allow_id_tokens: bool,
    /// Lets issuer and keys be asked by http://: whoever is on the way could give itself any role. Default: false.
    #[serde(default)]
    pub allow_http: bool,
}

/// Ingress of the API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.tlsSecretName) || has(self.host)").message(messages::TLS_WITHOUT_HOST))]
pub struct IngressSpec {
    /// Host name to answer to. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$') && !self.matches('^[0-9.]+$')").message(messages::INGRESS_HOST))]
    #[schemars(length(min = 1, max = 253))]
    pub host: Option<String>,
    /// IngressClass. Default: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::INGRESS_CLASS))]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// Secret of type kubernetes.io/tls for `host`. Default: plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::TLS_SECRET))]
    #[schemars(length(min = 1, max = 253))]
    pub tls_secret_name: Option<String>,
    /// Annotations of the Ingress, for its controller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new(messages::annotation_key_rule()).message(messages::ANNOTATION_KEY))]
    #[schemars(schema_with = "annotations_schema")]
    pub annotations: BTreeMap<String, String>,
}

/// Route of the API through a Gateway.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewaySpec {
    /// Gateways that the route is attached to, if their listeners allow it.
    #[x_kube(validation = Rule::new(messages::gateway_parents_rule()).message(messages::GATEWAY_PARENTS))]
    #[schemars(length(min = 1, max = 8))]
    pub parents: Vec<GatewayParentSpec>,
    /// Host names to answer to. Default: those of the listeners.
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)))]
    #[x_kube(validation = Rule::new("self.all(h, h.matches('^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'))").message(messages::GATEWAY_HOST))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hostnames: Vec<String>,
}

/// A Gateway that the route is attached to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayParentSpec {
    /// Name of the Gateway.
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::GATEWAY_PARENT))]
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace. Default: that of the StoreCluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message(messages::GATEWAY_PARENT))]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Its listener. Default: all that allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::GATEWAY_PARENT))]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}

/// Export of the API's traces to an OpenTelemetry collector.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("self.allowHttp || !has(self.headersSecretName) || !has(self.endpoint) || !self.endpoint.startsWith('http:')").message(messages::TRACING_IN_CLEAR))]
pub struct TracingSpec {
    /// The collector's endpoint for OTLP over HTTP with protobuf, such as
    /// http://collector.monitoring:4318; `/v1/traces` is added to it. Default: the one that the operator
    /// was installed with; without either nothing is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^ @]+$')").message(messages::TRACING_URL))]
    #[schemars(length(min = 1, max = 512))]
    pub endpoint: Option<String>,
    /// Secret of this namespace whose key `headers` has what the collector asks for, as
    /// `authorization=Bearer%20TOKEN`, several with commas between. Default: no headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(messages::object_name_rule()).message(messages::HEADERS_SECRET))]
    #[schemars(length(min = 1, max = 253))]
    pub headers_secret_name: Option<String>,
    /// Traces in a hundred that are recorded, where the Ingress or client in front has not decided it for
    /// its own. 0 records none of the others. Default: as the operator was installed, all of them if it
    /// says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub sample_percent: Option<i32>,
    /// Lets the headers of `headersSecretName` go to a collector by http://, be it the shop's or the operator's.
    /// Default: false.
    #[serde(default)]
    pub allow_http: bool,
}

/// How requests to the API tell who sends them. None of the words is one that YAML reads as a boolean.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    #[default]
    Tokens,
    Oidc,
    Open,
}

/// What a person does in the store.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ApiRole {
    Seller,
    Director,
    Supplier,
    Admin,
    Payment,
    Auditor,
}

/// An algorithm by which an issuer signs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SigningAlgorithm {
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// When the kubelet pulls an image.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImagePullPolicy {
    Always,
    #[default]
    IfNotPresent,
    Never,
}

/// What becomes of volumes and generated passwords.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    #[default]
    Retain,
    Delete,
}

/// Consistency level of plain reads.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Consistency {
    One,
    Two,
    LocalOne,
    Quorum,
    #[default]
    LocalQuorum,
    All,
}

/// Consistency level of the Paxos phase of conditional writes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SerialConsistency {
    Serial,
    #[default]
    LocalSerial,
}

fn one() -> i32 {
    1
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_yes(switch: &bool) -> bool {
    *switch
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

fn default_no_proxy() -> Vec<String> {
    vec![".svc".into(), ".cluster.local".into()]
}

fn default_version() -> String {
    "5.0".into()
}

fn default_datacenter() -> String {
    "dc1".into()
}

fn default_racks() -> Vec<RackSpec> {
    vec![RackSpec { name: "rack1".into(), zone: None }]
}

fn default_heap() -> String {
    "256Mi".into()
}

fn default_storage_size() -> String {
    "1Gi".into()
}

fn default_keyspace() -> String {
    "store_manager".into()
}

fn default_cassandra_resources() -> ResourcesSpec {
    resources(&[("cpu", "250m"), ("memory", "1Gi")], &[("memory", "1Gi")])
}

fn default_api_resources() -> ResourcesSpec {
    resources(&[("cpu", "50m"), ("memory", "32Mi")], &[("memory", "128Mi")])
}

fn resources(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> ResourcesSpec {
    let amounts =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), Amount((*v).to_owned()))).collect();
    ResourcesSpec { requests: amounts(requests), limits: amounts(limits) }
}

fn default_keyspaces() -> Vec<KeyspaceSpec> {
    vec![KeyspaceSpec { name: "store_manager".into(), replication_factor: 1 }]
}

fn default_rate_window() -> i32 {
    60
}

/// At most 64 values, each with its role.
fn role_values_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": { "type": "string", "enum": ["seller", "director", "supplier", "admin", "payment", "auditor"] },
    })
}

fn annotations_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
    })
}

/// An object with any fields. CEL sees none of them but those that are declared: so the settings
/// that the operator decides are, for the rule that refuses them.
fn cassandra_yaml_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let decided = messages::OPERATOR_SETTINGS.map(|setting| {
        let mut schema = match setting {
            "auto_bootstrap" | "native_transport_allow_older_protocols" => serde_json::json!({ "type": "boolean" }),
            "data_file_directories" => serde_json::json!({
                "type": "array", "maxItems": 16, "items": { "type": "string", "maxLength": 1024 },
            }),
            "seed_provider" => serde_json::json!({
                "type": "array", "maxItems": 16,
                "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
            }),
            _ => serde_json::json!({ "x-kubernetes-int-or-string": true, "maxLength": 1024 }),
        };
        schema["description"] = "Decided by the operator; leave it out.".into();
        (setting.to_owned(), schema)
    });
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 128,
        "properties": decided.into_iter().collect::<serde_json::Map<_, _>>(),
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

impl Default for StoreClusterSpec {
    fn default() -> Self {
        StoreClusterSpec {
            cassandra: CassandraSpec::default(),
            keyspaces: default_keyspaces(),
            api: ApiSpec::default(),
            image_pull_secrets: Vec::new(),
        }
    }
}

impl Default for CassandraSpec {
    fn default() -> Self {
        CassandraSpec {
            version: default_version(),
            image: None,
            image_pull_policy: ImagePullPolicy::default(),
            datacenter: default_datacenter(),
            size: one(),
            racks: default_racks(),
            storage: StorageSpec::default(),
            resources: default_cassandra_resources(),
            heap: default_heap(),
            cassandra_yaml: BTreeMap::new(),
            jvm_options: Vec::new(),
            deletion_policy: DeletionPolicy::default(),
            update_strategy: UpdateStrategySpec::default(),
            allow_replication_above_three: false,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            priority_class_name: None,
            pod_labels: BTreeMap::new(),
            pod_annotations: BTreeMap::new(),
        }
    }
}

impl Default for StorageSpec {
    fn default() -> Self {
        StorageSpec { size: default_storage_size(), class_name: None }
    }
}

impl Default for ApiSpec {
    fn default() -> Self {
        ApiSpec {
            replicas: one(),
            image: None,
            image_pull_policy: ImagePullPolicy::default(),
            resources: default_api_resources(),
            keyspace: default_keyspace(),
            consistency: Consistency::default(),
            serial_consistency: SerialConsistency::default(),
            auth: AuthSpec::default(),
            ingress: None,
            gateway: None,
            trusted_hops: 0,
            rate_limit: None,
            cors_origins: Vec::new(),
            console: yes(),
            ca_config_map_name: None,
            proxy: None,
            webhooks: Vec::new(),
            tracing: None,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            priority_class_name: None,
            pod_labels: BTreeMap::new(),
            pod_annotations: BTreeMap::new(),
        }
    }
}
