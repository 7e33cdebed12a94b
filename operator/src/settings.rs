//! What the operator was installed with, as far as the objects it makes depend on it. Pure data.

use std::collections::BTreeMap;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

/// Images and identity of the operator itself.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Image of this operator; its node-side commands run in every Cassandra pod.
    #[arg(long, env = "OPERATOR_IMAGE")]
    pub operator_image: String,
    /// Image of the REST API where a StoreCluster names none.
    #[arg(long = "api-image", env = "STORE_API_IMAGE")]
    pub api_image: String,
    /// Repository of the Cassandra images; the version becomes the tag.
    #[arg(long, env = "CASSANDRA_REPOSITORY", default_value = "docker.io/library/cassandra")]
    pub cassandra_repository: String,
    /// Namespace that the operator runs in; only from there Cassandra's management port is reached.
    #[arg(long = "operator-namespace", env = "POD_NAMESPACE", default_value = "store-system")]
    pub operator_namespace: String,
    /// Labels of the operator's pods, as `key=value,…`, for the network policies of Cassandra.
    #[arg(long, env = "OPERATOR_POD_LABELS", default_value = "app.kubernetes.io/name=store-operator",
          value_parser = parse_labels)]
    pub operator_pod_labels: Labels,
    /// Namespaces from which Cassandra's metrics are scraped, separated by commas; none: nobody may.
    #[arg(long, env = "METRICS_NAMESPACES", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub metrics_namespaces: Vec<String>,
    /// Whose user and group the pods of shops run as: fixed, as their images have it, or assigned by the cluster.
    #[arg(long, env = "USER_IDS", value_enum, default_value_t = UserIds::Fixed)]
    pub user_ids: UserIds,
    /// Where the operator's own traces go, by the standard variables alone; the APIs of shops follow.
    #[arg(skip)]
    pub telemetry: Option<Telemetry>,
}

/// Who says which user and group a pod runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
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

impl Settings {
    /// Takes what OpenTelemetry's variables say. Headers are not among it: they are secrets, and a shop's
    /// namespace may be somebody else's.
    pub fn with_telemetry_of_the_environment(mut self) -> Self {
        let read = |name| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        self.telemetry = read("OTEL_EXPORTER_OTLP_ENDPOINT").map(|endpoint| Telemetry {
            endpoint,
            sampler: read("OTEL_TRACES_SAMPLER"),
            sampler_arg: read("OTEL_TRACES_SAMPLER_ARG"),
        });
        self
    }
}

/// Labels, by key.
pub type Labels = BTreeMap<String, String>;

fn parse_labels(text: &str) -> Result<Labels, String> {
    let labels = text
        .split(',')
        .map(|pair| match pair.trim().split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(format!("'{pair}' is not key=value: write labels as key=value,key=value")),
        })
        .collect::<Result<Labels, String>>()?;
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn labels_come_as_pairs_and_a_bare_word_is_refused() {
        let line = ["x", "--operator-image", "o:1", "--api-image", "a:1", "--operator-pod-labels"];
        let settings = Line::try_parse_from(line.iter().chain(&["app=operator,tier=control"])).unwrap().settings;
        assert_eq!(settings.operator_pod_labels["tier"], "control");
        assert_eq!(settings.cassandra_repository, "docker.io/library/cassandra");
        let refused = Line::try_parse_from(line.iter().chain(&["operator"])).err().unwrap().to_string();
        assert!(refused.contains("write labels as key=value"), "{refused}");
    }
}
