//! What must hold of alerts and dashboards: every metric and label that they name is one that API,
//! operator or nodes serve (docs/metrics), promtool takes every expression and tries every alert, and
//! each alert has its page. IO: runs promtool and the programs, reads files.

mod known;
mod ours;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::generate::GenerateError;
use known::Known;
use store_suites::manifests::Files;
use store_suites::monitoring::{DASHBOARDS, Query, RULES, programs, queries, rules_of};
use store_suites::steps::Check;
use store_suites::tools::Tools;
use store_testbed::cache::Cache;
use store_testbed::checkout::cargo;
use store_testbed::command::{LONG, SHORT, run};

const RULES_TESTS: [&str; 3] = [
    "tests/monitoring/rules_test.yaml",
    "tests/monitoring/slow_rules_test.yaml",
    "tests/monitoring/foreign_rules_test.yaml",
];
const RUNBOOKS: &str = "docs/runbooks";
/// Where each program's metrics are told, and the command that tells them.
const REFERENCES: [(&str, &[&str]); 3] = [
    ("docs/metrics/api.md", &["store-api", "--", "metrics"]),
    ("docs/metrics/operator.md", &["store-operator", "--", "metrics"]),
    ("docs/metrics/node.md", &["store-operator", "--", "metrics", "--of", "node"]),
];

/// The generated files: references of the metrics, and the dashboards.
///
/// # Errors
/// [`GenerateError`] when a program fails, or its output cannot be read.
pub fn files(root: &Path, tools: &Tools) -> Result<Files, GenerateError> {
    let mut files = Files::new();
    for (path, arguments) in REFERENCES {
        files.insert(path.into(), run(cargo(["run", "--quiet", "--bin"]).args(arguments), LONG)?);
    }
    let io = |action| move |source| GenerateError::Io { action, path: DASHBOARDS.into(), source };
    let made = tempfile::tempdir().map_err(io("making room for"))?;
    run(tools.python_script(&root.join("tests/monitoring/dashboards.py")).arg(made.path()), SHORT)?;
    for file in fs::read_dir(made.path()).map_err(io("listing"))? {
        let file = file.map_err(io("listing"))?;
        let text = fs::read_to_string(file.path()).map_err(io("reading"))?;
        files.insert(Path::new(DASHBOARDS).join(file.file_name()), text);
    }
    Ok(files)
}

/// Runs all checks.
pub fn checks(root: &Path, cache: &Cache) -> Vec<Check> {
    let setting = || {
        let promtool = programs::ensure(cache).map_err(text)?.join("promtool");
        let rules = yaml(&root.join(RULES))?;
        let mut known = Known::default();
        for (path, _) in REFERENCES {
            known.read(&read(&root.join(path))?);
        }
        known.record(&rules);
        Ok::<_, String>((promtool, rules, known))
    };
    let (promtool, rules, known) = match setting() {
        Ok(setting) => setting,
        Err(error) => return vec![("alerts and dashboards can be looked at".to_owned(), Err(error))],
    };
    let mut checks = vec![
        ("promtool takes the rules".to_owned(), lint(&promtool, &root.join(RULES))),
        ("promtool tries every alert".to_owned(), try_alerts(&promtool, root)),
        ("every alert is shown to fire and to be quiet".to_owned(), tried(&rules, root)),
        ("every alert has a page, and every page an alert".to_owned(), pages(&rules, root)),
    ];
    for (name, expression) in expressions(&rules) {
        checks.push((format!("{name} names metrics that are served"), known.check(&expression, &[])));
        checks.push((format!("{name} looks at our own series"), ours::check(&expression)));
    }
    for file in RULES_TESTS {
        let labelled = yaml(&root.join(file)).and_then(|tests| ours::labelled(&tests, &known));
        checks.push((format!("the series of {file} have the labels that they have in a Prometheus"), labelled));
    }
    checks.extend(dashboards(root, &promtool, &known));
    checks
}

fn lint(promtool: &Path, rules: &Path) -> Result<(), String> {
    let mut command = Command::new(promtool);
    run(command.args(["check", "rules", "--lint=all", "--lint-fatal"]).arg(rules), SHORT).map(drop).map_err(text)
}

/// promtool reads the rules from beside the tests.
fn try_alerts(promtool: &Path, root: &Path) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(text)?;
    let mut command = Command::new(promtool);
    command.args(["test", "rules"]);
    for file in std::iter::once(RULES).chain(RULES_TESTS) {
        let file = root.join(file);
        let copy = directory.path().join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy).map_err(text)?;
        if !file.ends_with(RULES) {
            command.arg(copy);
        }
    }
    run(&mut command, LONG).map(drop).map_err(text)
}

fn alerts(rules: &Value) -> BTreeSet<&str> {
    rules_of(rules).filter_map(|rule| rule["alert"].as_str()).collect()
}

/// Every rule's expression, under its name.
fn expressions(rules: &Value) -> Vec<(String, String)> {
    let expression = |rule: &Value| {
        let name = rule["alert"].as_str().or(rule["record"].as_str())?;
        Some((name.to_owned(), rule["expr"].as_str()?.to_owned()))
    };
    rules_of(rules).filter_map(expression).collect()
}

fn tried(rules: &Value, root: &Path) -> Result<(), String> {
    let (mut fired, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for file in RULES_TESTS {
        let tests = yaml(&root.join(file))?;
        let cases = tests["tests"].as_array().into_iter().flatten();
        for case in cases.filter_map(|test| test["alert_rule_test"].as_array()).flatten() {
            let expected = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
            let seen = if expected { &mut fired } else { &mut quiet };
            seen.extend(case["alertname"].as_str().map(str::to_owned));
        }
    }
    for alert in alerts(rules) {
        if !fired.contains(alert) || !quiet.contains(alert) {
            return Err(format!("tests/monitoring must show {alert} both fired by its cause and quiet without it"));
        }
    }
    Ok(())
}

fn pages(rules: &Value, root: &Path) -> Result<(), String> {
    let wanted: BTreeSet<String> = alerts(rules).into_iter().map(|alert| format!("{alert}.md")).collect();
    let mut there = BTreeSet::new();
    for file in fs::read_dir(root.join(RUNBOOKS)).map_err(text)? {
        there.insert(file.map_err(text)?.file_name().to_string_lossy().into_owned());
    }
    there.remove("README.md");
    if let Some(page) = wanted.symmetric_difference(&there).next() {
        return Err(format!("{RUNBOOKS}/{page} is missing, or there is no such alert"));
    }
    for page in there {
        let content = read(&root.join(RUNBOOKS).join(&page))?;
        if ["\n## What it means\n", "\n## Look\n", "\n## Do\n"].iter().any(|chapter| !content.contains(chapter)) {
            return Err(format!("{RUNBOOKS}/{page} must say what the alert means, where to look and what to do"));
        }
    }
    Ok(())
}

fn dashboards(root: &Path, promtool: &Path, known: &Known) -> Vec<Check> {
    let queries = match queries(root) {
        Ok(queries) if queries.len() > 50 => queries,
        Ok(queries) => return vec![("dashboards".to_owned(), Err(format!("only {} queries", queries.len())))],
        Err(error) => return vec![("dashboards".to_owned(), Err(error))],
    };
    let mut checks = vec![
        ("promtool takes every query of the dashboards".to_owned(), parse(promtool, &queries)),
        (
            "the operator's panels show its own figures beside those of others".to_owned(),
            ours::panels(root, promtool, &queries),
        ),
    ];
    for query in &queries {
        let legend = labels_of_legend(&query.legend);
        let name = format!("\"{}\" names metrics that are served", query.name);
        checks.push((name, known.check(&query.expression, &legend)));
        checks.push((format!("\"{}\" looks at our own series", query.name), ours::check(&query.expression)));
    }
    checks
}

/// promtool parses expressions only in rules.
fn parse(promtool: &Path, queries: &[Query]) -> Result<(), String> {
    let rule = |(number, query): (usize, &Query)| serde_json::json!({ "record": format!("query:{number}"), "expr": query.expression });
    let rules: Vec<Value> = queries.iter().enumerate().map(rule).collect();
    let file = tempfile::NamedTempFile::with_suffix(".yaml").map_err(text)?;
    let groups = serde_json::json!({ "groups": [{ "name": "queries", "rules": rules }] });
    fs::write(file.path(), groups.to_string()).map_err(text)?;
    run(Command::new(promtool).args(["check", "rules", "--lint=none"]).arg(file.path()), SHORT).map(drop).map_err(text)
}

/// `{{pod}} {{pool}}` → pod, pool.
fn labels_of_legend(legend: &str) -> Vec<&str> {
    legend.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim())).collect()
}

fn yaml(path: &Path) -> Result<Value, String> {
    serde_saphyr::from_str(&read(path)?).map_err(text)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_a_legend_are_those_in_double_braces() {
        assert_eq!(labels_of_legend("{{operation}} timed out by {{ pod }}"), ["operation", "pod"]);
        assert!(labels_of_legend("leader").is_empty());
    }

    #[test]
    fn every_rule_with_an_expression_is_looked_at() {
        let root = store_testbed::checkout::root();
        let rules = yaml(&root.join(RULES)).expect("rules");
        assert_eq!(expressions(&rules).len(), rules_of(&rules).count());
        assert!(alerts(&rules).contains("StoreStockOversold"));
    }
}
