//! What the API's pods are told of traces: the standard variables of OpenTelemetry. Pure.

use serde_json::{Value, json};
use store_crds::TracingSpec;

use super::meta::{env, env_field};
use crate::desired::Desired;
use crate::settings::Settings;

/// Key of the Secret that a StoreCluster names for its collector.
const HEADERS_KEY: &str = "headers";

/// The variables; none where neither the StoreCluster nor the operator knows a collector.
pub fn variables(desired: &Desired, settings: &Settings) -> Vec<Value> {
    let nothing = TracingSpec::default();
    let asked = desired.api.tracing.as_ref().unwrap_or(&nothing);
    let installed = settings.telemetry.as_ref();
    let Some(endpoint) = asked.endpoint.as_ref().or(installed.map(|telemetry| &telemetry.endpoint)) else {
        return Vec::new();
    };
    let mut variables = vec![env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)];
    // The operator's collector may be one by http://, which the rules of the StoreCluster cannot know.
    let in_clear = endpoint.starts_with("http:") && !asked.allow_http;
    if let Some(secret) = asked.headers_secret_name.as_ref().filter(|_| !in_clear) {
        // Optional: a shop without traces is better than one whose pods wait for a Secret.
        let key = json!({ "name": secret, "key": HEADERS_KEY, "optional": true });
        variables.push(json!({ "name": "OTEL_EXPORTER_OTLP_HEADERS", "valueFrom": { "secretKeyRef": key } }));
    }
    match (asked.sample_percent, installed) {
        (Some(percent), _) => variables.extend([
            env("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            env("OTEL_TRACES_SAMPLER_ARG", format!("{}.{:02}", percent / 100, percent % 100)),
        ]),
        (None, Some(telemetry)) => {
            variables.extend(telemetry.sampler.as_ref().map(|name| env("OTEL_TRACES_SAMPLER", name)));
            variables.extend(telemetry.sampler_arg.as_ref().map(|argument| env("OTEL_TRACES_SAMPLER_ARG", argument)));
        }
        (None, None) => {}
    }
    let who = format!(
        "service.namespace={0},service.instance.id=$(POD_NAME),k8s.namespace.name={0},k8s.pod.name=$(POD_NAME),\
         storemanager.store={1}",
        desired.namespace, desired.name
    );
    variables.extend([env_field("POD_NAME", "metadata.name"), env("OTEL_RESOURCE_ATTRIBUTES", who)]);
    variables
}

#[cfg(test)]
mod tests {
    use super::super::tests::{desired, settings};
    use super::*;
    use crate::settings::Telemetry;

    fn told(spec: Value, settings: &Settings) -> Vec<String> {
        let desired = desired(spec);
        assert!(desired.refused.is_empty(), "{:?}", desired.refused);
        let shown = |variable: &Value| {
            let value = variable["value"].as_str().map_or_else(|| variable["valueFrom"].to_string(), str::to_owned);
            format!("{}={value}", variable["name"].as_str().unwrap())
        };
        variables(&desired, settings).iter().map(shown).collect()
    }

    fn installed() -> Settings {
        let telemetry = Telemetry {
            endpoint: "http://all:4318".into(),
            sampler: Some("traceidratio".into()),
            sampler_arg: Some("0.5".into()),
        };
        Settings { telemetry: Some(telemetry), ..settings() }
    }

    #[test]
    fn without_a_collector_nothing_is_told_whatever_else_is_asked() {
        assert!(told(json!({}), &settings()).is_empty());
        assert!(told(json!({"api": {"tracing": {"samplePercent": 5}}}), &settings()).is_empty());
    }

    #[test]
    fn the_operators_collector_counts_for_every_shop_and_the_shops_own_wins() {
        let of_all = told(json!({}), &installed());
        assert_eq!(
            of_all[..3],
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT=http://all:4318",
                "OTEL_TRACES_SAMPLER=traceidratio",
                "OTEL_TRACES_SAMPLER_ARG=0.5"
            ]
        );
        // Kubernetes puts in only what stands before.
        let names: Vec<&str> = of_all[3..].iter().filter_map(|text| Some(text.split_once('=')?.0)).collect();
        assert_eq!(names, ["POD_NAME", "OTEL_RESOURCE_ATTRIBUTES"]);
        assert!(of_all[4].contains("k8s.pod.name=$(POD_NAME)") && of_all[4].contains("storemanager.store=shop"));

        let own = json!({"endpoint": "https://own:4318", "headersSecretName": "collector", "samplePercent": 5});
        let of_one = told(json!({"api": {"tracing": own}}), &installed());
        assert_eq!(of_one[0], "OTEL_EXPORTER_OTLP_ENDPOINT=https://own:4318");
        assert!(of_one[1].contains(r#""key":"headers","name":"collector","optional":true"#), "{}", of_one[1]);
        for (allowed, given) in [(true, true), (false, false)] {
            let headers = json!({"headersSecretName": "collector", "allowHttp": allowed});
            let of_shop = told(json!({"api": {"tracing": headers}}), &installed());
            assert_eq!(of_shop.iter().any(|text| text.starts_with("OTEL_EXPORTER_OTLP_HEADERS=")), given, "in clear");
        }
        assert_eq!(of_one[2..4], ["OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.05"]);
    }

    #[test]
    fn shares_are_written_as_the_sampler_reads_them() {
        for (percent, written) in [(0, "0.00"), (7, "0.07"), (50, "0.50"), (100, "1.00")] {
            let told = told(json!({"api": {"tracing": {"samplePercent": percent}}}), &installed());
            assert_eq!(told[2], format!("OTEL_TRACES_SAMPLER_ARG={written}"));
        }
    }
}
