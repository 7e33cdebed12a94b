//! Paths inside a Cassandra pod, on which the pod's builder and the node-side commands agree.

/// Configuration directory of Cassandra, a writable copy of the image's.
pub const CONFIG_DIR: &str = "/etc/cassandra";
/// Data of the node, on its volume.
pub const DATA_DIR: &str = "/var/lib/cassandra";
/// Number of the node's tokens, in [`DATA_DIR`]: Cassandra does not start with another one.
pub const TOKENS: &str = "num_tokens";
/// Name of the ring that the node is of, in [`DATA_DIR`]: Cassandra does not start with another one.
pub const CLUSTER_NAME: &str = "cluster_name";
/// Management agent with its settings.
pub const AGENT_DIR: &str = "/agent";
/// The operator's ConfigMap of what may change while nodes run.
pub const SETTINGS_DIR: &str = "/var/run/store/settings";
/// The immutable ConfigMap of the configuration that the pod was made for.
pub const CONFIGURATION_DIR: &str = "/var/run/store/configuration";
/// User and password of the management port.
pub const CREDENTIALS_DIR: &str = "/var/run/store/jolokia";
/// The management agent in the operator's image.
pub const AGENT_JAR: &str = "/opt/store-operator/jolokia-agent.jar";

/// Key of the immutable ConfigMap: all of the configuration, as JSON, for the operator itself.
pub const CONFIGURATION: &str = "configuration.json";
/// Key of the immutable ConfigMap: the user's cassandra.yaml settings, as YAML.
pub const OVERRIDES: &str = "cassandra.yaml";
/// Key of the immutable ConfigMap: the user's Java options, one per line.
pub const JVM_OPTIONS: &str = "jvm.options";
/// Key of the ConfigMap: names of the pods to ask for the ring, one per line; none for a new ring.
pub const SEEDS: &str = "seeds";
/// Key of the ConfigMap: replication factor that a new node chooses its tokens for.
pub const TOKEN_REPLICATION: &str = "token-replication";
/// Key of the ConfigMap: a configuration that no node has come up with yet, by its hash, and then the pods that may
/// start with it, one per line; empty when there is none.
pub const TRIAL: &str = "trial";

/// Where a trial run finds a `java` that only loads the configuration, in [`CONFIG_DIR`].
pub const CHECK_JAVA: &str = "check/bin/java";
/// The class that it runs, in [`CONFIG_DIR`], which is on the class path.
pub const CHECK_CLASS: &str = "StoreCheck";
