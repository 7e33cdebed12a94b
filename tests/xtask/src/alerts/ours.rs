//! That rules and dashboards look at our own series among those of others in the same Prometheus, and that the series of
//! their tests have the labels that ours have there. IO: runs promtool, reads a file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::known::Known;
use store_suites::monitoring::{Query, promql};
use store_testbed::command::{LONG, run};

/// The beginnings of names that nobody else has.
const OWN: [&str; 5] = ["storecluster_", "cassandra_", "store_", "namespace_store:", "build_info"];
/// Labels by which our series among those of a shared name are told from others: the election or the queue, the
/// controller, and the shop that the chart's monitor takes from the pod's label.
const OF_OURS: [&str; 3] = ["name", "controller", "store"];
/// By which the series of a process are joined with its election.
const JOIN: &str =
    "on (cluster, namespace, pod) group_left () max by (cluster, namespace, pod) (leader_election_master_status{";
/// Series of the operator's panels and what these show.
const PANELS: &str = "tests/monitoring/operator_panels.yaml";
/// What the chart's ServiceMonitor and PodMonitor add to every series of a target.
const TARGETS: [(&str, &[&str]); 3] = [
    ("operator", &["namespace", "pod", "container", "endpoint", "instance", "job", "service"]),
    ("api", &["namespace", "pod", "container", "endpoint", "instance", "job", "store"]),
    ("node-agent", &["namespace", "pod", "container", "endpoint", "instance", "job", "store"]),
];
/// Labels that a series may have besides: of who gathers several clusters, or overrides honorLabels.
const BESIDES: [&str; 2] = ["cluster", "exported_namespace"];

/// Whether every series that an expression looks at is one of ours.
pub fn check(expression: &str) -> Result<(), String> {
    let joined = expression.contains(JOIN);
    for (metric, matched) in promql::names(expression)?.uses {
        let own = OWN.iter().any(|own| metric.starts_with(own));
        if !own && !joined && !OF_OURS.iter().any(|label| matched.contains(*label)) {
            return Err(format!("{metric} of anybody in {expression}"));
        }
    }
    Ok(())
}

/// Whether each series of ours in a test has the labels of its program and of its target, and no others. What no monitor
/// of ours has scraped is somebody else's.
pub fn labelled(tests: &Value, known: &Known) -> Result<(), String> {
    let mut seen = 0;
    let series =
        tests["tests"].as_array().into_iter().flatten().filter_map(|test| test["input_series"].as_array()).flatten();
    for series in series.filter_map(|series| series["series"].as_str()) {
        let Some((metric, labels)) = parts(series) else { return Err(format!("{series} has no labels")) };
        let Some((_, target)) =
            TARGETS.iter().find(|(container, _)| series.contains(&format!("container=\"{container}\"")))
        else {
            if OWN.iter().any(|own| metric.starts_with(own)) {
                return Err(format!("{series} is ours and from no container of ours"));
            }
            continue;
        };
        let own = known.labels(metric).ok_or_else(|| format!("nobody serves {metric}"))?;
        let wanted: BTreeSet<&str> = own.iter().map(String::as_str).chain(target.iter().copied()).collect();
        let found: BTreeSet<&str> = labels.into_iter().filter(|label| !BESIDES.contains(label)).collect();
        if found != wanted {
            let differ: Vec<_> = found.symmetric_difference(&wanted).collect();
            return Err(format!("{series}: {differ:?} are missing or too many"));
        }
        seen += 1;
    }
    if seen == 0 { Err("no series of ours".to_owned()) } else { Ok(()) }
}

/// The metric of a series, and the names of its labels.
fn parts(series: &str) -> Option<(&str, Vec<&str>)> {
    let (metric, labels) = series.strip_suffix('}')?.split_once('{')?;
    Some((metric, labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)).collect()))
}

/// Panels of the operator's dashboard before series of ours and of others.
pub fn panels(root: &Path, promtool: &Path, queries: &[Query]) -> Result<(), String> {
    let told = fs::read_to_string(root.join(PANELS)).map_err(|error| error.to_string())?;
    let told: Value = serde_saphyr::from_str(&told).map_err(|error| error.to_string())?;
    let mut tests = Vec::new();
    for (panel, sample) in told["shown"].as_object().into_iter().flatten() {
        let name = format!("Store: the operator: {panel}");
        let query =
            queries.iter().find(|query| query.name == name).ok_or_else(|| format!("there is no panel {name}"))?;
        tests.push(json!({ "expr": query.of("", ""), "eval_time": "20m", "exp_samples": [sample] }));
    }
    let test = json!({ "interval": "1m", "input_series": told["input_series"], "promql_expr_test": tests });
    let file = tempfile::NamedTempFile::with_suffix(".yaml").map_err(|error| error.to_string())?;
    let document = json!({ "rule_files": [], "evaluation_interval": "1m", "tests": [test] });
    fs::write(file.path(), document.to_string()).map_err(|error| error.to_string())?;
    let mut command = Command::new(promtool);
    run(command.args(["test", "rules"]).arg(file.path()), LONG).map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_that_anybody_may_have_is_found() {
        assert!(check(r#"sum(leader_election_master_status{name="store-operator"})"#).is_ok());
        assert!(
            check(
                r#"sum(leader_election_master_status{name="store-operator"}) or absent(leader_election_master_status)"#
            )
            .is_err()
        );
        assert!(check("sum(workqueue_depth)").is_err());
        assert!(check(&format!("process_cpu_seconds_total * {JOIN}name=\"store-operator\"}})")).is_ok());
        assert!(check("max by (namespace) (storecluster_nodes)").is_ok());
    }

    #[test]
    fn a_series_with_a_label_too_many_or_too_few_is_found() {
        let mut known = Known::default();
        known.read("| metric | type |\n| `storecluster_nodes` | gauge | `namespace`, `name` | x |\n");
        let labelled = |labels: &str| {
            let series = format!("storecluster_nodes{{{labels}}}");
            labelled(&json!({ "tests": [{ "input_series": [{ "series": series }] }] }), &known)
        };
        let right =
            r#"namespace="a",name="b",pod="c",container="operator",endpoint="d",instance="e",job="f",service="g""#;
        assert_eq!(labelled(right), Ok(()));
        assert!(labelled(&format!("{right},cluster=\"h\"")).is_ok());
        assert!(labelled(&format!("{right},kind=\"h\"")).is_err());
        assert!(labelled(r#"namespace="a",name="b",pod="c",container="operator""#).is_err());
        assert!(labelled(r#"namespace="a",name="b""#).is_err(), "ours, from nowhere");
    }
}
