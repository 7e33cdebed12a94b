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

/// The CEL rule that a text is the name of an object.
pub(crate) fn object_name_rule() -> String {
    "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')".to_owned()
}

/// The CEL rule that each text of a list is what browsers send as the origin of a page.
pub(crate) fn cors_origin_rule() -> String {
    let name = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
    let address = "\\\\[[0-9a-f:]+\\\\]";
    format!(
        "self.all(o, o.matches('^https?://({name}|{address})(:[1-9][0-9]{{0,4}})?$') && \
         !o.matches('^(http://.*[^:]:80|https://.*[^:]:443)$'))"
    )
}

/// The CEL rule that every key of a map can be that of an annotation.
pub(crate) fn annotation_key_rule() -> String {
    let name = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
    let prefix = "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*";
    format!("self.all(k, size(k) <= 317 && k.matches('^({prefix}/)?{name}$'))")
}

/// The same of a label, whose values the schema checks.
pub(crate) fn label_key_rule() -> String {
    annotation_key_rule()
}

/// The CEL rule about the names of what a container asks for.
pub(crate) fn resource_names_rule(part: &str) -> String {
    format!(
        "!has(self.{part}) || self.{part}.all(k, k in ['cpu', 'memory', 'ephemeral-storage'] || \
         k.startsWith('hugepages-') || k.contains('/'))"
    )
}

/// The CEL rule that no listener of a Gateway is named twice, also not by leaving its name out. CEL keeps the
/// word `namespace` for itself: the API server reads a field of that name as `__namespace__`.
pub(crate) fn gateway_parents_rule() -> String {
    let text = |parent: &str, field: &str| format!("(has({parent}.{field}) ? {parent}.{field} : '')");
    let same = format!("a.name == b.name && {} == {}", text("a", "__namespace__"), text("b", "__namespace__"));
    let section = |parent: &str| text(parent, "sectionName");
    format!(
        "self.all(a, self.exists_one(b, {same}) || \
         (has(a.sectionName) && self.exists_one(b, {same} && {} == {})))",
        section("a"),
        section("b")
    )
}

pub const NAME_FORM: &str = "metadata.name must start with a letter and have only a-z, 0-9 and '-', since Services are named after it: choose such a name";
pub const NAME_LENGTH: &str =
    "metadata.name must have at most 40 characters, since the names of pods are made from it: choose a shorter name";
pub const NAME_AND_RACK_LENGTH: &str = "metadata.name and each of spec.cassandra.racks[].name together must have at most 41 characters, since the names of pods are made from both: choose shorter names";

pub const VERSION: &str =
    concat!("spec.cassandra.version must be 4.1 or 5.0, with or without a patch number such as ", cassandra_5_0!());
pub const VERSION_LOWERED: &str = "spec.cassandra.version cannot go back from 5.0 to 4.1 once a node has run 5.0 (status.carriedOut.version): Cassandra offers no way back for a ring that serves; put 5.0 back";
pub const IMAGE: &str = "spec.cassandra.image and spec.api.image must be image references without blanks, such as registry.example.com/name:tag";
pub const DATACENTER: &str =
    "spec.cassandra.datacenter must start with a letter and have at most 48 letters, digits, '_' or '-'";
pub const DATACENTER_CHANGED: &str = "spec.cassandra.datacenter cannot change once a node has started or a volume is bound: nodes that hold data refuse to start under another name; put the old name back, or make a new StoreCluster";
pub const RACKS_ABOVE_SIZE: &str = "spec.cassandra.racks must not name more racks than spec.cassandra.size has nodes: raise the size, or drop racks in which no node has started (status.carriedOut.racks has the others)";
pub const RACKS_CHANGED: &str = "spec.cassandra.racks must keep each rack in which a node has started, with its zone (status.carriedOut.racks): such a rack cannot be removed, renamed or moved to another zone; put it back as it is there, the others may change";
pub const ZONE: &str = "spec.cassandra.racks[].zone must be the value of a label: at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends; write the value that machines have at topology.kubernetes.io/zone";
pub const RACK_NAME: &str =
    "spec.cassandra.racks[].name must have at most 16 of a-z, 0-9 and '-', and start and end with a letter or digit";
pub const STORAGE_SIZE: &str = "spec.cassandra.storage.size must be a quantity above zero, such as 10Gi";
pub const STORAGE_CLASS_NAME: &str = "spec.cassandra.storage.className must be the name of a StorageClass: lower-case letters, digits, - and ., such as fast-ssd";
pub const STORAGE_SHRUNK: &str = "spec.cassandra.storage.size must not be below what the largest volume has (status.carriedOut.storage.size): volumes only grow; write at least that size";
pub const STORAGE_CLASS_CHANGED: &str = "spec.cassandra.storage.className cannot change once a volume is bound: volumes keep their class (status.carriedOut.storage.className, absent: the default class); put that one back, or make a new StoreCluster";
pub const HEAP: &str = "spec.cassandra.heap must be a quantity from 128Mi to 64Gi, such as 512Mi";
pub const HEAP_ABOVE_MEMORY: &str = "spec.cassandra.heap must be below spec.cassandra.resources.limits.memory, since Java needs memory beside its heap: lower the heap or raise the limit";
pub const CASSANDRA_YAML: &str = "spec.cassandra.cassandraYaml must not set what the operator decides (cluster_name, seed_provider, addresses and ports, endpoint_snitch, authenticator, authorizer, role_manager, num_tokens and token settings, partitioner, directories, paxos_variant, native_transport_allow_older_protocols, auto_bootstrap): remove that key";
pub const JVM_OPTION_FORM: &str = "spec.cassandra.jvmOptions must be single options that start with '-' and have no blank: write one list entry per option";
pub const JVM_OPTION_HEAP: &str = "spec.cassandra.jvmOptions must not size the heap or a part of it (-Xmx, -Xms, -Xmn, -XX:MaxHeapSize, -XX:NewSize and their like), with which Cassandra would not start or not have the heap of the spec: write it to spec.cassandra.heap; the collector divides it";
pub const RESOURCES_QUANTITY: &str =
    "resources.requests and resources.limits must have quantities for cpu and memory, such as 500m and 2Gi";
pub const RESOURCES_NAME: &str = "resources.requests and resources.limits must name what a container can have: cpu, memory, ephemeral-storage, hugepages-SIZE, or a device with a slash such as example.com/gpu; correct the name";
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
pub const OIDC_ROLE_CLAIM: &str = "spec.api.auth.oidc.roleClaim must be a JSON pointer, such as /realm_access/roles: a slash before each name, and in a name ~1 for a slash and ~0 for ~, such as /https:~1~1shop.example.com~1roles";
pub const OIDC_ROLE_VALUE: &str = "spec.api.auth.oidc.roleValues must have values of 1 to 256 characters, each with its role, such as store-admins: admin";
pub const OIDC_IN_CLEAR: &str = "spec.api.auth.oidc.issuer and jwksUrl begin with http://, by which whoever is on the way could give itself any role: give https:// addresses, or set spec.api.auth.oidc.allowHttp to true";
pub const OPEN_WAY_IN: &str = "spec.api.ingress and spec.api.gateway would lead everybody to an API that asks nobody for a token, as spec.api.auth.mode is Open: choose another mode, or set spec.api.auth.allowOpen to true";
pub const TRACING_IN_CLEAR: &str = "spec.api.tracing.endpoint begins with http://, by which the headers of headersSecretName travel in clear: give an https:// address, or set spec.api.tracing.allowHttp to true";
pub const TRACING_URL: &str = "spec.api.tracing.endpoint must be a URL that begins with http:// or https:// and has neither a blank nor a user, such as http://collector.monitoring:4318: put a token into the Secret of headersSecretName";
pub const INGRESS_HOST: &str = "spec.api.ingress.host must be a DNS name in lower case without scheme, port or path, and no address, such as shop.example.com";
pub const INGRESS_CLASS: &str = "spec.api.ingress.className must be the name of an IngressClass: lower-case letters, digits, - and ., such as nginx";
pub const TLS_SECRET: &str = "spec.api.ingress.tlsSecretName must be the name of a Secret: lower-case letters, digits, - and ., such as shop-tls";
pub const ANNOTATION_KEY: &str = "annotations must have keys such as nginx.ingress.kubernetes.io/proxy-body-size: a name of at most 63 letters, digits, '-', '_' and '.', with a DNS name and one slash before it or without; correct the key";
pub const CA_CONFIG_MAP: &str =
    "spec.api.caConfigMapName must be the name of a ConfigMap: lower-case letters, digits, - and ., such as company-ca";
pub const PROXY_URL: &str = "spec.api.proxy.url must be http:// or https:// with host and port and without a password, such as http://proxy.example.com:3128";
pub const WEBHOOK_NAME: &str =
    "spec.api.webhooks[].name must be 1 to 63 small letters, digits and hyphens, such as erp";
pub const WEBHOOK_URL: &str = "spec.api.webhooks[].url must be an address such as https://erp.example.com/events";
pub const WEBHOOK_IN_CLEAR: &str = "spec.api.webhooks[].url begins with http://, by which whoever is on the way could read the events: give an https:// address, or set allowHttp to true";
pub const WEBHOOK_SECRET: &str =
    "spec.api.webhooks[].secretName must be the name of a Secret: lower-case letters, digits, - and ., such as erp-key";
pub const LABEL_KEY: &str = "labels must have keys such as example.com/team: a name of at most 63 letters, digits, '-', '_' and '.', with a DNS name and one slash before it or without; correct the key";
pub const LABEL_VALUE: &str = "labels must have values of at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends; correct the value";
pub const TOLERATION_KEY: &str = "tolerations[] without a key must have operator Exists: name the key of the taint, or write operator: Exists to tolerate all";
pub const TOLERATION_VALUE: &str =
    "tolerations[].value belongs to operator Equal: leave the value out, or write operator: Equal";
pub const TOLERATION_SECONDS: &str =
    "tolerations[].tolerationSeconds belongs to effect NoExecute: leave it out, or write effect: NoExecute";
pub const PRIORITY_CLASS: &str =
    "priorityClassName must be the name of a PriorityClass: lower-case letters, digits, - and ., such as high";
pub const GATEWAY_PARENT: &str = "spec.api.gateway.parents[].name, namespace and sectionName must be names of a Gateway, a Namespace and a listener: lower-case letters, digits and - (and . but for the namespace), such as https";
pub const GATEWAY_PARENTS: &str = "spec.api.gateway.parents must differ: give each reference to one Gateway a sectionName of its own, or name that Gateway once";
pub const GATEWAY_HOST: &str =
    "spec.api.gateway.hostnames must be DNS names in lower case without scheme, port or path, such as shop.example.com";
pub const CORS_ORIGIN: &str = "spec.api.corsOrigins must be origins as browsers send them: http:// or https://, a host in lower case, and a port unless it is the scheme's own, such as https://shop.example.org, without path, user or wildcard";
pub const SECRET_NAME: &str =
    "spec.imagePullSecrets[].name must be the name of a Secret: lower-case letters, digits, - and ., such as regcred";
pub const HEADERS_SECRET: &str = "spec.api.tracing.headersSecretName must be the name of a Secret: lower-case letters, digits, - and ., such as collector-headers";
pub const SPEC_WEIGHT: &str = "spec must have at most 192 KiB as JSON, since the operator notes it in an annotation: shorten spec.cassandra.cassandraYaml or spec.api.ingress.annotations";
pub const TLS_WITHOUT_HOST: &str =
    "spec.api.ingress.tlsSecretName needs spec.api.ingress.host: name the host that the certificate is for";
