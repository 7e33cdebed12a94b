//! Names that more than one crate must agree on.

/// API group of the StoreCluster resource.
pub const GROUP: &str = "storemanager.io";
/// Finalizer that the operator sets on a StoreCluster.
pub const FINALIZER: &str = "storemanager.io/cleanup";
/// Field manager of every server-side apply that the operator makes.
pub const FIELD_MANAGER: &str = "store-operator";
/// Label: name of the StoreCluster that an object belongs to.
pub const LABEL_STORE: &str = "storemanager.io/store";
/// Label: rack of a Cassandra pod or volume claim.
pub const LABEL_RACK: &str = "storemanager.io/rack";
/// Label: `cassandra`, `api`, `schema` or `check`.
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// Annotation on applied objects: SHA-256 of what the operator rendered, in hex.
pub const ANNOTATION_APPLIED_HASH: &str = "storemanager.io/applied-hash";
/// Annotation on Cassandra pods: SHA-256 of the pod template they were made from, in hex.
pub const ANNOTATION_TEMPLATE_HASH: &str = "storemanager.io/template-hash";
/// Annotation on Cassandra pods and on the ConfigMaps that they are configured by: the configuration's hash.
pub const ANNOTATION_CONFIGURATION: &str = "storemanager.io/configuration";

/// Port of the Cassandra native protocol.
pub const CQL_PORT: i32 = 9042;
/// Port between Cassandra nodes.
pub const INTERNODE_PORT: i32 = 7000;
/// Port of the Jolokia agent (JMX over HTTP) in a Cassandra pod.
pub const JOLOKIA_PORT: i32 = 8778;
/// Port of the node agent (disk space) in a Cassandra pod.
pub const NODE_AGENT_PORT: i32 = 8779;
/// Port of the REST API in its pods and of its Service.
pub const API_PORT: i32 = 5000;
/// Port of probes and metrics in the API's pods. No Service and no way in leads to it.
pub const API_OPERATIONS_PORT: i32 = 5001;
