//! What a refused spec is told: the field, the reason and the cure. One text for both the CEL rules
//! that the API server runs and the same rules in Rust.

/// Settings of cassandra.yaml that the operator decides.
pub const OPERATOR_SETTINGS: [&str; 28] = [
    "allocate_tokens_for_local_replication_factor",
    "authenticator",
    "authorizer",
    "auto_bootstrap",
    "broadcast_address",
    "broadcast_rpc_address",
    "cdc_raw_directory",
    "cluster_name",
    "commitlog_directory",
    "data_file_directories",
    "endpoint_snitch",
    "hints_directory",
    "initial_token",
    "internode_authenticator",
    "listen_address",
    "listen_interface",
    "native_transport_allow_older_protocols",
    "native_transport_port",
    "num_tokens",
    "partitioner",
    "paxos_variant",
    "role_manager",
    "rpc_address",
    "rpc_interface",
    "saved_caches_directory",
    "seed_provider",
    "ssl_storage_port",
    "storage_port",
];

/// The rule about them in CEL.
pub(crate) fn cassandra_yaml_rule() -> String {
    let present = OPERATOR_SETTINGS.map(|setting| format!("has(self.{setting})")).join(", ");
    format!("![{present}].exists(decided, decided)")
}

/// Beginnings of Java options that size the heap or a part of it.
pub const HEAP_OPTIONS: [&str; 11] = [
    "-Xmx",
    "-Xms",
    "-Xmn",
    "-XX:MaxHeapSize",
    "-XX:InitialHeapSize",
    "-XX:MinHeapSize",
    "-XX:NewSize",
    "-XX:MaxNewSize",
    "-XX:MaxRAM",
    "-XX:InitialRAM",
    "-XX:MinRAM",
];

/// The CEL rule against them.
pub fn jvm_heap_rule() -> String {
    let starts = HEAP_OPTIONS.map(|option| format!("o.startsWith('{option}')")).join(" || ");
    format!("!self.exists(o, {starts})")
}

pub const NAME_FORM: &str = "metadata.name must start with a letter and have only a-z, 0-9 and '-', since Services are named after it: choose such a name";
pub const NAME_LENGTH: &str =
    "metadata.name must have at most 40 characters, since the names of pods are made from it: choose a shorter name";
pub const NAME_AND_RACK_LENGTH: &str = "metadata.name and each of spec.cassandra.racks[].name together must have at most 41 characters, since the names of pods are made from both: choose shorter names";

pub const VERSION: &str = "spec.cassandra.version must be 4.1 or 5.0, with or without a patch number such as 5.0.6";
pub const VERSION_LOWERED: &str = "spec.cassandra.version cannot go back from 5.0 to 4.1, which cannot read the files that 5.0 writes: put the newer version back";
pub const IMAGE: &str = "spec.cassandra.image and spec.api.image must be image references without blanks, such as registry.example.com/name:tag";
pub const DATACENTER: &str =
    "spec.cassandra.datacenter must start with a letter and have at most 48 letters, digits, '_' or '-'";
pub const DATACENTER_CHANGED: &str = "spec.cassandra.datacenter cannot change: nodes that hold data refuse to start under another name; put the old name back, or make a new StoreCluster";
pub const RACKS_ABOVE_SIZE: &str =
    "spec.cassandra.racks must not name more racks than spec.cassandra.size has nodes: drop racks or raise the size";
pub const RACKS_CHANGED: &str = "spec.cassandra.racks can only be added to: a rack that holds data cannot be removed, renamed or moved to another zone; put it back";
pub const RACK_NAME: &str =
    "spec.cassandra.racks[].name must have at most 16 of a-z, 0-9 and '-', and start and end with a letter or digit";
pub const STORAGE_SIZE: &str = "spec.cassandra.storage.size must be a quantity above zero, such as 10Gi";
pub const STORAGE_SHRUNK: &str = "spec.cassandra.storage.size cannot shrink: volumes only grow; put the old size back";
pub const STORAGE_CLASS_CHANGED: &str = "spec.cassandra.storage.className cannot change: volumes keep their class; put the old one back, or make a new StoreCluster";
pub const HEAP: &str = "spec.cassandra.heap must be a quantity from 128Mi to 64Gi, such as 512Mi";
pub const HEAP_ABOVE_MEMORY: &str = "spec.cassandra.heap must be below spec.cassandra.resources.limits.memory, since Java needs memory beside its heap: lower the heap or raise the limit";
pub const CASSANDRA_YAML: &str = "spec.cassandra.cassandraYaml must not set what the operator decides (cluster_name, seed_provider, addresses and ports, endpoint_snitch, authenticator, authorizer, role_manager, num_tokens and token settings, partitioner, directories, paxos_variant, native_transport_allow_older_protocols, auto_bootstrap): remove that key";
pub const JVM_OPTION_FORM: &str = "spec.cassandra.jvmOptions must be single options that start with '-' and have no blank: write one list entry per option";
pub const JVM_OPTION_HEAP: &str = "spec.cassandra.jvmOptions must not size the heap or a part of it (-Xmx, -Xms, -Xmn, -XX:MaxHeapSize, -XX:NewSize and their like), with which Cassandra would not start or not have the heap of the spec: write it to spec.cassandra.heap; the collector divides it";
pub const RESOURCES_QUANTITY: &str =
    "resources.requests and resources.limits must have quantities for cpu and memory, such as 500m and 2Gi";
pub const REQUESTS_ABOVE_LIMITS: &str =
    "resources.requests must not be above resources.limits: lower the request or raise the limit";

pub const KEYSPACE_NAME: &str =
    "spec.keyspaces[].name must be a CQL identifier: a letter, then at most 47 of a-z, 0-9 and '_'";
pub const KEYSPACE_SYSTEM: &str = "spec.keyspaces[].name must not be a system keyspace: the operator keeps the replication of those itself; remove it";
pub const REPLICATION_ZERO: &str =
    "spec.keyspaces[].replicationFactor must be at least 1: 0 would keep no copy of the data";
pub const REPLICATION_ABOVE_SIZE: &str = "spec.keyspaces[].replicationFactor must not be above spec.cassandra.size: each copy needs a node of its own; lower the factor or raise the size";
pub const REPLICATION_ABOVE_THREE: &str = "spec.keyspaces[].replicationFactor above 3 costs disk and latency and rarely helps: lower it, or set spec.cassandra.allowReplicationAboveThree to true";

pub const API_KEYSPACE: &str =
    "spec.api.keyspace must be one of spec.keyspaces[].name: add the keyspace or name another one";
pub const AUTH_OIDC: &str =
    "spec.api.auth.oidc belongs to spec.api.auth.mode Oidc and to no other: give both, or neither";
pub const OIDC_URL: &str = "spec.api.auth.oidc.issuer and jwksUrl must be URLs that begin with https:// (or http://) and have no blank, such as https://id.example.com/shop";
pub const TRACING_URL: &str = "spec.api.tracing.endpoint must be a URL that begins with http:// or https:// and has neither a blank nor a user, such as http://collector.monitoring:4318: put a token into the Secret of headersSecretName";
pub const INGRESS_HOST: &str =
    "spec.api.ingress.host must be a DNS name in lower case without scheme, port or path, such as shop.example.com";
pub const GATEWAY_HOST: &str =
    "spec.api.gateway.hostnames must be DNS names in lower case without scheme, port or path, such as shop.example.com";
pub const SECRET_NAME: &str =
    "spec.imagePullSecrets[].name must be the name of a Secret: lower-case letters, digits, - and ., such as regcred";
pub const TLS_WITHOUT_HOST: &str =
    "spec.api.ingress.tlsSecretName needs spec.api.ingress.host: name the host that the certificate is for";
