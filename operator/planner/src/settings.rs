//! What the operator was installed with, as far as the objects it makes depend on it. Pure data.

use std::collections::BTreeMap;

/// Images and identity of the operator itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Image of this operator; its node-side commands run in every Cassandra pod.
    pub operator_image: String,
    /// Image of the REST API where a StoreCluster names none.
    pub api_image: String,
    /// Repository of the Cassandra images; the version becomes the tag.
    pub cassandra_repository: String,
    /// Namespace that the operator runs in; only from there Cassandra's management port is reached.
    pub operator_namespace: String,
    /// Labels of the operator's pods, as `key=value,…`, for the network policies of Cassandra.
    pub operator_pod_labels: Labels,
    /// Namespaces from which Cassandra's metrics are scraped, separated by commas; none: nobody may.
    pub metrics_namespaces: Vec<String>,
    /// Whose user and group the pods of shops run as: fixed, as their images have it, or assigned by the cluster.
    pub user_ids: UserIds,
    /// Where the operator's own traces go, by the standard variables alone; the APIs of shops follow.
    pub telemetry: Option<Telemetry>,
}

/// Who says which user and group a pod runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserIds {
    /// The operator, as the images have it.
    #[default]
    Fixed,
    /// The cluster, as OpenShift does by the ranges of a namespace.
    Assigned,
}

/// A collector of traces, as the APIs of shops are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`
    pub endpoint: String,
    /// `OTEL_TRACES_SAMPLER`
    pub sampler: Option<String>,
    /// `OTEL_TRACES_SAMPLER_ARG`
    pub sampler_arg: Option<String>,
}

/// Labels, by key.
pub type Labels = BTreeMap<String, String>;
