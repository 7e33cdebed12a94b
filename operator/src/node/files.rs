//! Paths inside a Cassandra pod, on which the pod's builder and the node-side commands agree.

/// Configuration directory of Cassandra, a writable copy of the image's.
pub const CONFIG_DIR: &str = "/etc/cassandra";
/// Data of the node, on its volume.
pub const DATA_DIR: &str = "/var/lib/cassandra";
/// Number of the node's tokens, in [`DATA_DIR`]: Cassandra does not start with another one.
pub const TOKENS: &str = "num_tokens";
/// Management agent with its settings.
pub const AGENT_DIR: &str = "/agent";
/// The operator's ConfigMap.
pub const SETTINGS_DIR: &str = "/var/run/store/settings";
/// User and password of the management port.
pub const CREDENTIALS_DIR: &str = "/var/run/store/jolokia";
/// The management agent in the operator's image.
pub const AGENT_JAR: &str = "/opt/store-operator/jolokia-agent.jar";

/// Key of the ConfigMap: the user's cassandra.yaml settings, as YAML.
pub const OVERRIDES: &str = "cassandra.yaml";
/// Key of the ConfigMap: the user's Java options, one per line.
pub const JVM_OPTIONS: &str = "jvm.options";
/// Key of the ConfigMap: names of the pods to ask for the ring, one per line; none for a new ring.
pub const SEEDS: &str = "seeds";
/// Key of the ConfigMap: replication factor that a new node chooses its tokens for.
pub const TOKEN_REPLICATION: &str = "token-replication";
