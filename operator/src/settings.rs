//! What the operator is installed with, as its command line and environment tell it. What depends on it gets it as
//! plain data, `store_planner::settings::Settings`.

use clap::Args;
use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser as _};
use store_planner::settings::{Labels, Settings, Telemetry, UserIds};

/// Images and identity of the operator itself.
#[derive(Args, Clone, Debug)]
pub struct Installation {
    /// Image of this operator; its node-side commands run in every Cassandra pod.
    #[arg(long, env = "OPERATOR_IMAGE")]
    operator_image: String,
    /// Image of the REST API where a StoreCluster names none.
    #[arg(long = "api-image", env = "STORE_API_IMAGE")]
    api_image: String,
    /// Repository of the Cassandra images; the version becomes the tag.
    #[arg(long, env = "CASSANDRA_REPOSITORY", default_value = "docker.io/library/cassandra")]
    cassandra_repository: String,
    /// Namespace that the operator runs in; only from there Cassandra's management port is reached.
    #[arg(long = "operator-namespace", env = "POD_NAMESPACE", default_value = "store-system")]
    pub operator_namespace: String,
    /// Labels of the operator's pods, as `key=value,…`, for the network policies of Cassandra.
    #[arg(long, env = "OPERATOR_POD_LABELS", default_value = "app.kubernetes.io/name=store-operator",
          value_parser = parse_labels)]
    operator_pod_labels: Labels,
    /// Namespaces from which Cassandra's metrics are scraped, separated by commas; none: nobody may.
    #[arg(long, env = "METRICS_NAMESPACES", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    metrics_namespaces: Vec<String>,
    /// Whose user and group the pods of shops run as: fixed, as their images have it, or assigned by the cluster.
    #[arg(long, env = "USER_IDS", default_value = FIXED, value_parser = user_ids())]
    user_ids: UserIds,
}

const FIXED: &str = "fixed";
const ASSIGNED: &str = "assigned";

fn user_ids() -> impl clap::builder::TypedValueParser<Value = UserIds> {
    let known = [
        PossibleValue::new(FIXED).help("The operator, as the images have it"),
        PossibleValue::new(ASSIGNED).help("The cluster, as OpenShift does by the ranges of a namespace"),
    ];
    PossibleValuesParser::new(known).map(|name| if name == ASSIGNED { UserIds::Assigned } else { UserIds::Fixed })
}

impl Installation {
    /// The settings, with what OpenTelemetry's variables say. Headers are not among it: they are secrets, and a shop's
    /// namespace may be somebody else's.
    pub fn settings(self) -> Settings {
        let Installation {
            operator_image,
            api_image,
            cassandra_repository,
            operator_namespace,
            operator_pod_labels,
            metrics_namespaces,
            user_ids,
        } = self;
        let read = |name| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let telemetry = read("OTEL_EXPORTER_OTLP_ENDPOINT").map(|endpoint| Telemetry {
            endpoint,
            sampler: read("OTEL_TRACES_SAMPLER"),
            sampler_arg: read("OTEL_TRACES_SAMPLER_ARG"),
        });
        Settings {
            operator_image,
            api_image,
            cassandra_repository,
            operator_namespace,
            operator_pod_labels,
            metrics_namespaces,
            user_ids,
            telemetry,
        }
    }
}

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
        installation: Installation,
    }

    #[test]
    fn labels_come_as_pairs_and_a_bare_word_is_refused() {
        let line = ["x", "--operator-image", "o:1", "--api-image", "a:1", "--operator-pod-labels"];
        let asked = |more: &[&str]| Line::try_parse_from(line.iter().chain(more)).map(|line| line.installation);
        let settings = asked(&["app=operator,tier=control"]).unwrap().settings();
        assert_eq!(settings.operator_pod_labels["tier"], "control");
        assert_eq!(settings.cassandra_repository, "docker.io/library/cassandra");
        assert_eq!(settings.user_ids, UserIds::Fixed);
        let assigned = asked(&["app=operator", "--user-ids", "assigned"]).unwrap();
        assert_eq!(assigned.settings().user_ids, UserIds::Assigned);
        assert!(asked(&["app=operator", "--user-ids", "mine"]).is_err());
        let refused = asked(&["operator"]).err().unwrap().to_string();
        assert!(refused.contains("write labels as key=value"), "{refused}");
    }
}
