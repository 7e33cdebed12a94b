//! Alerts and dashboards as the chart ships them, and the programs that try them: a Prometheus, its promtool, and a page that
//! draws what the dashboards ask. IO: reads files; child processes.

pub mod hurry;
pub mod pictures;
pub mod programs;
pub mod promql;
pub mod server;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where the rules are in the checkout.
pub const RULES: &str = "charts/store-manager/monitoring/rules.yaml";
/// Where the dashboards are.
pub const DASHBOARDS: &str = "charts/store-manager/monitoring/dashboards";

/// The rules as the chart ships them.
///
/// # Errors
/// The file cannot be read.
pub fn shipped_rules(root: &Path) -> Result<Value, String> {
    serde_saphyr::from_str(&read(&root.join(RULES))?).map_err(text)
}

/// The rules of all groups.
pub fn rules_of(rules: &Value) -> impl Iterator<Item = &Value> {
    rules["groups"].as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten()
}

/// A query of a dashboard.
#[derive(Debug, Clone)]
pub struct Query {
    /// `dashboard: panel`.
    pub name: String,
    /// With Grafana's own variables filled in; those of the dashboard are left.
    pub expression: String,
    /// How it names its series, with `{{label}}` for what differs.
    pub legend: String,
}

impl Query {
    /// What is asked for this shop.
    pub fn of(&self, namespace: &str, store: &str) -> String {
        self.expression.replace("$namespace", namespace).replace("$store", store).replace("$cluster", ".*")
    }

    /// Whether the API alone serves what the query needs.
    ///
    /// # Errors
    /// The query names no metric.
    pub fn is_of_the_api(&self) -> Result<bool, String> {
        let others =
            ["storecluster_", "cassandra_", "controller_", "workqueue_", "rest_", "leader_", "store_operator_"];
        let names = promql::names(&self.expression)?;
        Ok(!names.metrics.keys().any(|metric| others.iter().any(|other| metric.starts_with(other))))
    }
}

/// The queries of every dashboard.
///
/// # Errors
/// A dashboard that cannot be read.
pub fn queries(root: &Path) -> Result<Vec<Query>, String> {
    let mut files: Vec<PathBuf> = Vec::new();
    for file in fs::read_dir(root.join(DASHBOARDS)).map_err(text)? {
        files.push(file.map_err(text)?.path());
    }
    files.sort();
    let mut queries = Vec::new();
    for file in files {
        let dashboard: Value = serde_json::from_str(&read(&file)?).map_err(text)?;
        for panel in dashboard["panels"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap_or_default();
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap_or_default();
                queries.push(Query {
                    name: format!("{}: {title}", dashboard["title"].as_str().unwrap_or_default()),
                    expression: expression.replace("$__rate_interval", "5m").replace("$__range", "1h"),
                    legend: target["legendFormat"].as_str().unwrap_or_default().to_owned(),
                });
            }
        }
    }
    Ok(queries)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
