//! What must hold of the chart, of `k8s/` and of the samples, as far as helm, the Kubernetes
//! schemas and the StoreCluster types can tell without a cluster. IO: runs helm and Python
//! programs, reads files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use store_crds::{LABEL_COMPONENT, LABEL_STORE, StoreCluster};

use crate::chart_cases;
use crate::values;
use store_suites::monitoring::server::SCRAPED;
use store_suites::steps::Check;
use store_suites::tools::Tools;
use store_testbed::command::{SHORT, run};

/// The version of Kubernetes whose schemas the manifests must keep to.
pub(crate) const KUBERNETES: &str = "1.35";
/// Kinds that Kubernetes itself has no schema for.
const FOREIGN: [&str; 6] =
    ["StoreCluster", "ServiceMonitor", "PodMonitor", "PrometheusRule", "Kustomization", "CustomResourceDefinition"];

/// Values that somebody may well set, each named and as arguments of helm.
const CASES: &[(&str, &[&str])] = &[
    ("defaults", &[]),
    ("two namespaces", &["--set", "watchNamespaces={shops,more-shops}"]),
    (
        "nothing that is optional",
        &[
            "--set",
            "crds.install=false,rbac.create=false,rbac.aggregate=false,serviceAccount.create=false,serviceAccount.name=given,podDisruptionBudget.enabled=false,networkPolicy.enabled=false",
        ],
    ),
    (
        "everything that is optional",
        &[
            "--set",
            "metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.labels.release=prometheus,priorityClassName=high,replicas=1",
            "--set",
            "metrics.podMonitor.enabled=true,metrics.namespaces={monitoring},monitoring.dashboards.enabled=true,monitoring.dashboards.namespace=grafana,monitoring.rules.enabled=true,monitoring.rules.runbookUrl=https://example.com/runbooks/",
            "--set",
            "imagePullSecrets[0].name=registry,nodeSelector.pool=system,tolerations[0].operator=Exists,podLabels.team=shops",
            "--set",
            "commonLabels.team=shops,commonAnnotations.owner=shops,serviceAccount.annotations.role=x,podAnnotations.a=b",
            "--set-json",
            r#"affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]}}}"#,
        ],
    ),
    (
        "images of one's own",
        &[
            "--set",
            "image.repository=registry.example.com:5000/a/b,image.tag=dev,apiImage.repository=c,cassandraRepository=d/cassandra",
            "--set",
            "image.digest=sha256:0123456789012345678901234567890123456789012345678901234567890123",
        ],
    ),
    ("a long name", &["--set", "fullnameOverride=a-name-that-is-as-long-as-a-name-of-an-object-may-ever-be-hmm"]),
    ("no limits", &["--set", "resources=null"]),
    (
        "a shop",
        &[
            "--set",
            "storeCluster.enabled=true,storeCluster.name=corner-shop,storeCluster.namespace=shops,watchNamespaces={shops}",
            "--set",
            "storeCluster.spec.cassandra.size=3,storeCluster.spec.cassandra.heap=512Mi,rbac.create=false,imagePullSecrets[0].name=registry",
        ],
    ),
    (
        "closed doors",
        &[
            "--set",
            "networkPolicy.egress.enabled=true,networkPolicy.egress.apiServerPorts={8443}",
            "--set-json",
            r#"networkPolicy={"metricsFrom":[{"namespaceSelector":{"matchLabels":{"a":"b"}}}],"egress":{"more":[{"ports":[{"port":4317}]}]}}"#,
            "--set-json",
            r#"topologySpreadConstraints=[{"maxSkew":2,"topologyKey":"rack","whenUnsatisfiable":"DoNotSchedule"}]"#,
        ],
    ),
    (
        "traces",
        &[
            "--set",
            "telemetry.otlp.endpoint=http://collector.monitoring:4318,telemetry.otlp.headersSecretName=collector",
            "--set",
            "telemetry.traces.sampler=parentbased_traceidratio,networkPolicy.egress.enabled=true",
            "--set-string",
            "telemetry.traces.samplerArg=0.05",
        ],
    ),
];

/// Values that can never work, as one `--set` each: the chart's schema must refuse them.
const REFUSED: &[&str] = &[
    "replicas=-1",
    "replicas=many",
    "replica=2",
    "image.pullPolicy=Sometimes",
    "image.tag=no blanks",
    "image.digest=sha256:short",
    "image.repository=",
    "watchNamespaces=shops",
    "watchNamespaces={Shops}",
    "log.format=xml",
    "log.level=",
    "crds.install=perhaps",
    "metrics.serviceMonitor.interval=soon",
    "metrics.podMonitor.interval=soon",
    "metrics.namespaces={Monitoring}",
    "monitoring.rules.runbookUrl=here",
    "monitoring.alerts.enabled=true",
    "resources.memory=1Gi",
    "serviceAccount.name=-",
    "networkPolicy.egress.apiServerPorts={}",
    "networkPolicy.egress.apiServerPorts={0}",
    "networkPolicy.metricsFrom=all",
    "telemetry.otlp.endpoint=collector:4317",
    "telemetry.otlp.endpoint=http://user:password@collector:4318",
    "telemetry.traces.sampler=half",
    "topologySpreadConstraints[0].topologyKey=zone",
    "priorityClassName=High",
    "storeCluster.name=My_Shop",
    "storeCluster.spec=3",
    "storeCluster.size=3",
];

/// Runs all of them.
pub fn checks(root: &Path, tools: &Tools) -> Vec<Check> {
    let chart = root.join("charts/store-manager");
    let mut checks = Vec::new();
    for (version, helm) in [("4", &tools.helm), ("3", &tools.helm_3)] {
        checks.push((format!("helm {version} lint"), lint(helm, &chart)));
        let refused = |values: &&str| (format!("helm {version} refuses --set {values}"), refuses(helm, &chart, values));
        checks.extend(REFUSED.iter().map(refused));
    }
    for (case, values) in CASES {
        let both =
            template(&tools.helm, &chart, values).and_then(|four| Ok((four, template(&tools.helm_3, &chart, values)?)));
        let (rendered, by_helm_3) = match both {
            Ok(both) => both,
            Err(error) => {
                checks.push((format!("chart renders with {case}"), Err(error)));
                continue;
            }
        };
        let same =
            if rendered == by_helm_3 { Ok(()) } else { Err("helm 3 and helm 4 render different objects".to_owned()) };
        checks.push((format!("chart renders alike by helm 3 and 4 with {case}"), same));
        checks.push((format!("objects rendered with {case} keep to the rules"), rules(&rendered, case)));
        if rendered.iter().any(|object| kind(object) == "PodMonitor") {
            checks.push(("the suites scrape what the chart's monitors select".to_owned(), monitored(&rendered)));
        }
        if *case == "a shop" {
            checks.push(("the chart's shop is a StoreCluster that is accepted".to_owned(), shop(&rendered)));
        }
        if ["defaults", "traces"].contains(case) {
            let what = format!("with {case} the operator is told of a collector and may reach it, or neither");
            checks.push((what, told_of_a_collector(&rendered, *case == "traces")));
        }
        checks.push((format!("objects rendered with {case} fit Kubernetes {KUBERNETES}"), fits(tools, &rendered)));
    }
    checks.push(("values.yaml and its schema have the same values".to_owned(), same_values(&chart)));
    checks.push(("a shop that no operator would look after is refused".to_owned(), unwatched(&tools.helm, &chart)));
    checks.extend(chart_cases::checks(root, tools));
    checks.extend(kustomization(root, tools));
    checks.extend(samples(root, tools));
    checks
}

/// Whether the operator has OpenTelemetry's variables and a way out to the collector's port.
fn told_of_a_collector(objects: &[Value], wanted: bool) -> Result<(), String> {
    let of = |kind: &str| objects.iter().find(|object| object["kind"] == kind).ok_or(format!("no {kind}"));
    let variables = &of("Deployment")?["spec"]["template"]["spec"]["containers"][0]["env"];
    let names = variables.as_array().into_iter().flatten().filter_map(|variable| variable["name"].as_str());
    let told: Vec<&str> = names.filter(|name| name.starts_with("OTEL_")).collect();
    let all = [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_RESOURCE_ATTRIBUTES",
    ];
    let expected: &[&str] = if wanted { &all } else { &[] };
    if told != expected {
        return Err(format!("it is told {told:?}"));
    }
    let egress = of("NetworkPolicy")?["spec"]["egress"].to_string();
    let open = egress.contains(r#"[{"port":4318,"protocol":"TCP"}]"#);
    if open == wanted { Ok(()) } else { Err(format!("its way out is {egress}")) }
}

fn helm(helm: &Path, command: &str, chart: &Path) -> Command {
    let mut command_line = Command::new(helm);
    command_line.arg(command);
    if command == "template" {
        // A Helm that was not built for a release takes Kubernetes for version 1.20.
        command_line.args(["release", "--namespace", "operators", "--kube-version", KUBERNETES]);
    }
    command_line.arg(chart);
    command_line
}

fn lint(program: &Path, chart: &Path) -> Result<(), String> {
    run(helm(program, "lint", chart).arg("--strict"), SHORT).map(drop).map_err(text)
}

fn refuses(program: &Path, chart: &Path, values: &str) -> Result<(), String> {
    match run(helm(program, "template", chart).args(["--set", values]), SHORT) {
        Ok(_) => Err("it renders".to_owned()),
        Err(error) if error.to_string().contains("values don't meet the specifications of the schema") => Ok(()),
        Err(error) => Err(format!("refused, but not by the schema: {error}")),
    }
}

fn template(program: &Path, chart: &Path, values: &[&str]) -> Result<Vec<Value>, String> {
    documents(&run(helm(program, "template", chart).args(values), SHORT).map_err(text)?)
}

fn same_values(chart: &Path) -> Result<(), String> {
    let read = |name: &str| fs::read_to_string(chart.join(name)).map_err(text);
    let values: Value = serde_saphyr::from_str(&read("values.yaml")?).map_err(text)?;
    let schema: Value = serde_json::from_str(&read("values.schema.json")?).map_err(text)?;
    let unknown = values::unknown(&values, &schema);
    if unknown.is_empty() { Ok(()) } else { Err(unknown.join("; ")) }
}

/// The StoreCluster that the chart's Job applies.
fn shop(objects: &[Value]) -> Result<(), String> {
    let json = objects.iter().find_map(|object| object["data"]["storecluster.json"].as_str());
    let store: Value = serde_json::from_str(json.ok_or("no ConfigMap has it")?).map_err(text)?;
    let metadata = &store["metadata"];
    if metadata["name"] != "corner-shop" || metadata["namespace"] != "shops" || store["spec"]["cassandra"]["size"] != 3
    {
        return Err(format!("it is not as the values say: {store}"));
    }
    accepted(&store)
}

/// The monitors' components, ports and labels are those by which the suites choose targets.
fn monitored(objects: &[Value]) -> Result<(), String> {
    let found = |wanted: &str| objects.iter().find(|object| kind(object) == wanted).ok_or(format!("no {wanted}"));
    let (pods, service) = (&found("PodMonitor")?["spec"], &found("ServiceMonitor")?["spec"]);
    let of = |shop: bool| SCRAPED.into_iter().filter(move |(_, _, of_a_shop)| *of_a_shop == shop);
    let components: Vec<&str> = of(true).map(|(component, ..)| component).collect();
    let selector = json!([
        { "key": LABEL_STORE, "operator": "Exists" },
        { "key": LABEL_COMPONENT, "operator": "In", "values": components },
    ]);
    let endpoints = |shop: bool| {
        let relabel =
            json!([{ "sourceLabels": ["__meta_kubernetes_pod_label_storemanager_io_store"], "targetLabel": "store" }]);
        of(shop)
            .map(move |(_, port, _)| (json!(port), if shop { relabel.clone() } else { Value::Null }))
            .collect::<Vec<_>>()
    };
    let told = |list: &Value| -> Vec<(Value, Value)> {
        let list = list.as_array().into_iter().flatten();
        list.map(|endpoint| (endpoint["port"].clone(), endpoint["relabelings"].clone())).collect()
    };
    let right = pods["selector"]["matchExpressions"] == selector
        && told(&pods["podMetricsEndpoints"]) == endpoints(true)
        && service["selector"]["matchLabels"][LABEL_COMPONENT] == "operator"
        && told(&service["endpoints"]) == endpoints(false);
    if right { Ok(()) } else { Err(format!("{SCRAPED:?} is not what these say: {pods:#} {service:#}")) }
}

fn unwatched(program: &Path, chart: &Path) -> Result<(), String> {
    let values = "storeCluster.enabled=true,storeCluster.namespace=a,watchNamespaces={b}";
    match run(helm(program, "template", chart).args(["--set", values]), SHORT) {
        Ok(_) => Err("it renders".to_owned()),
        Err(error) if error.to_string().contains("no operator would look after the shop") => Ok(()),
        Err(error) => Err(format!("refused in other words: {error}")),
    }
}

/// Whether the operator would take this StoreCluster.
fn accepted(object: &Value) -> Result<(), String> {
    let store: StoreCluster = serde_json::from_value(object.clone()).map_err(text)?;
    let name = store.metadata.name.as_deref().unwrap_or_default();
    match store_crds::validate(name, &store.spec).first() {
        Some(first) => Err(format!("{}: {}", first.field, first.message)),
        None => Ok(()),
    }
}

pub(crate) fn documents(yaml: &str) -> Result<Vec<Value>, String> {
    let values: Vec<Value> = serde_saphyr::from_multiple(yaml).map_err(text)?;
    Ok(values.into_iter().filter(|value| !value.is_null()).collect())
}

pub(crate) fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

/// The schema of each kind, unknown fields refused.
fn fits(tools: &Tools, objects: &[Value]) -> Result<(), String> {
    let known: Vec<&Value> = objects.iter().filter(|object| !FOREIGN.contains(&kind(object))).collect();
    let directory = tempfile::tempdir().map_err(text)?;
    let mut python = tools.python("kubernetes_validate");
    python.args(["--kubernetes-version", KUBERNETES, "--strict", "--quiet"]);
    for (number, object) in known.iter().enumerate() {
        let file = directory.path().join(format!("{number}-{}.yaml", kind(object)));
        fs::write(&file, object.to_string()).map_err(text)?;
        python.arg(file);
    }
    run(&mut python, SHORT).map(drop).map_err(text)
}

/// Rules of the house that no schema knows.
fn rules(objects: &[Value], case: &str) -> Result<(), String> {
    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let complain = |what: &str| Err(format!("{} {name}: {what}", kind(object)));
        if name.len() > 63 {
            return complain("its name is too long");
        }
        match kind(object) {
            "Role" | "ClusterRole" => {
                if let Some(right) = too_much(object) {
                    return complain(&format!("it grants {right}"));
                }
                let aggregated = object["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"] == "true";
                if kind(object) == "ClusterRole" && case == "two namespaces" && !aggregated {
                    return complain("an operator of some namespaces has rights in all of them");
                }
            }
            "Deployment" | "Job" => {
                let pod = &object["spec"]["template"]["spec"];
                let container = &pod["containers"][0]["securityContext"];
                let restricted = pod["securityContext"]["runAsNonRoot"] == true
                    && pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
                    && container["allowPrivilegeEscalation"] == false
                    && container["readOnlyRootFilesystem"] == true
                    && container["capabilities"]["drop"] == serde_json::json!(["ALL"]);
                if !restricted {
                    return complain("its pods do not keep to the restricted Pod Security Standard");
                }
            }
            _ => {}
        }
    }
    let crd = objects.iter().any(|object| kind(object) == "CustomResourceDefinition");
    if crd == (case == "nothing that is optional") {
        return Err(
            "the CustomResourceDefinition is rendered where it should not be, or the other way round".to_owned()
        );
    }
    Ok(())
}

/// A right in a role that no operator of shops needs.
fn too_much(role: &Value) -> Option<String> {
    let rules = role["rules"].as_array()?;
    let strings = |rule: &Value, field: &str| -> Vec<String> {
        rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    rules.iter().find_map(|rule| {
        let all =
            ["apiGroups", "resources", "verbs"].iter().any(|field| strings(rule, field).iter().any(|item| item == "*"));
        // What may be written of a StoreCluster: finalizers, by patch, and the status. An aggregated role is
        // for people, and one with a single name is of the Job that applies the chart's shop.
        let of_people = role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"] == "true";
        let of_shop = role["metadata"]["labels"]["app.kubernetes.io/component"] == "store-cluster";
        let stores = strings(rule, "resources").iter().any(|resource| resource == "storeclusters");
        let written = ["create", "update", "delete", "deletecollection"];
        if stores
            && !of_people
            && !of_shop
            && strings(rule, "verbs").iter().any(|verb| written.contains(&verb.as_str()))
        {
            return Some("the writing of StoreClusters".to_owned());
        }
        let forbidden =
            ["pods/exec", "pods/attach", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "nodes"];
        let resource = strings(rule, "resources").into_iter().find(|resource| forbidden.contains(&resource.as_str()));
        if all { Some("everything, by a wildcard".to_owned()) } else { resource }
    })
}

/// `k8s/` as kubectl would apply it.
fn kustomization(root: &Path, tools: &Tools) -> Vec<Check> {
    let built = run(Command::new(&tools.kubectl).arg("kustomize").arg(root.join("k8s")), SHORT).map_err(text);
    let objects = built.and_then(|yaml| documents(&yaml));
    let check = |result| vec![("k8s/ is built by kubectl and fits Kubernetes".to_owned(), result)];
    match objects {
        Ok(objects) if objects.len() < 10 => check(Err(format!("only {} objects", objects.len()))),
        Ok(objects) => check(rules(&objects, "k8s/").and_then(|()| fits(tools, &objects))),
        Err(error) => check(Err(error)),
    }
}

/// Every sample is a StoreCluster that the operator takes, or a namespace.
fn samples(root: &Path, tools: &Tools) -> Vec<Check> {
    let directory = root.join("k8s/samples");
    let files = match sample_files(&directory) {
        Ok(files) => files,
        Err(error) => return vec![("samples are there".to_owned(), Err(error))],
    };
    let check = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (format!("sample {name} is accepted"), sample(tools, file))
    };
    files.iter().map(check).collect()
}

fn sample_files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let list =
        || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>();
    let mut files = list().map_err(text)?;
    files.sort();
    if files.is_empty() { Err("none".to_owned()) } else { Ok(files) }
}

fn sample(tools: &Tools, file: &Path) -> Result<(), String> {
    let objects = documents(&fs::read_to_string(file).map_err(text)?)?;
    for object in &objects {
        if kind(object) != "StoreCluster" {
            continue;
        }
        accepted(object)?;
    }
    fits(tools, &objects)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_role_with_a_wildcard_or_with_a_shell_in_pods_is_too_much() {
        let role = |resource: &str, verb: &str| json!({"rules": [{"apiGroups": [""], "resources": [resource], "verbs": [verb]}]});
        assert!(too_much(&role("pods", "*")).is_some());
        assert!(too_much(&role("*", "get")).is_some());
        assert_eq!(too_much(&role("pods/exec", "create")).as_deref(), Some("pods/exec"));
        assert_eq!(too_much(&role("pods", "get")), None);
        assert!(too_much(&role("storeclusters", "update")).is_some());
        assert_eq!(too_much(&role("storeclusters", "patch")), None);
    }

    #[test]
    fn an_operator_pod_that_could_write_its_file_system_is_found() {
        let context = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": false, "capabilities": {"drop": ["ALL"]}});
        let pod = json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"securityContext": context}]});
        let deployment = json!({"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": pod}}});
        let error = rules(&[deployment], "nothing that is optional").expect_err("refused");
        assert!(error.contains("restricted"), "{error}");
    }
}
