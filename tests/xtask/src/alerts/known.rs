//! The metrics and labels that there are. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use store_suites::monitoring::{promql, rules_of};

/// Labels that every series gets from where it was scraped, or from whoever gathers series of several clusters, or
/// where a Prometheus overrides honorLabels.
const OF_THE_TARGET: [&str; 10] = [
    "namespace",
    "pod",
    "store",
    "job",
    "instance",
    "container",
    "endpoint",
    "service",
    "cluster",
    "exported_namespace",
];

/// Metrics with their labels.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<String, BTreeSet<String>>);

impl Known {
    /// Learns the metrics of a table in Markdown, as the programs print it.
    pub fn read(&mut self, table: &str) {
        for line in table.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, name, kind, labels, ..] = cells[..] else { continue };
            let name = name.trim_matches('`');
            let labels = labels.split(',').map(|label| label.trim().trim_matches('`'));
            let labels: BTreeSet<String> = labels.filter(|label| !label.is_empty()).map(str::to_owned).collect();
            if kind == "histogram" {
                let mut bucket = labels.clone();
                bucket.insert("le".to_owned());
                self.0.insert(format!("{name}_bucket"), bucket);
                self.0.insert(format!("{name}_sum"), labels.clone());
                self.0.insert(format!("{name}_count"), labels);
            } else {
                self.0.insert(name.to_owned(), labels);
            }
        }
    }

    /// The labels that a program sets on a metric.
    pub fn labels(&self, metric: &str) -> Option<&BTreeSet<String>> {
        self.0.get(metric)
    }

    /// Learns what rules record, and what every Prometheus writes itself.
    pub fn record(&mut self, rules: &Value) {
        self.0.insert("up".to_owned(), BTreeSet::new());
        let names = rules_of(rules).filter_map(|rule| rule["record"].as_str());
        self.0.extend(names.map(|name| (name.to_owned(), BTreeSet::new())));
    }

    /// Whether an expression names known metrics and labels alone; `more` are labels that are expected
    /// in its result.
    pub fn check(&self, expression: &str, more: &[&str]) -> Result<(), String> {
        let names = promql::names(expression)?;
        if names.metrics.is_empty() {
            return Err(format!("no metric in {expression}"));
        }
        let mut all: BTreeSet<&str> = OF_THE_TARGET.into();
        for (metric, matched) in &names.metrics {
            let labels = self.0.get(metric).ok_or_else(|| format!("nobody serves {metric}"))?;
            if let Some(label) = matched.iter().find(|l| !labels.contains(*l) && !OF_THE_TARGET.contains(&l.as_str())) {
                return Err(format!("{metric} has no label {label}"));
            }
            all.extend(labels.iter().map(String::as_str));
        }
        let wanted = names.labels.iter().map(String::as_str).chain(more.iter().copied());
        match wanted.into_iter().find(|label| !all.contains(label)) {
            Some(label) => Err(format!("nothing in {expression} has the label {label}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_or_a_label_that_nobody_serves_is_found() {
        let mut known = Known::default();
        known.read("# Metrics\n| metric | type |\n|---|---|\n| `a_seconds` | histogram | `route` | x |\n| `b` | gauge |  | y |\n");
        let ok = r#"sum by (le, route) (rate(a_seconds_bucket{route="/",pod="x"}[5m])) / on (store) group_left b"#;
        assert_eq!(known.check(ok, &["route"]), Ok(()));
        for (wrong, told) in [
            ("a_seconds > 1", "nobody serves a_seconds"),
            ("rate(c_total[5m])", "nobody serves c_total"),
            (r#"b{route="/"}"#, "b has no label route"),
            ("sum by (code) (b)", "has the label code"),
            ("vector(1)", "no metric"),
        ] {
            let error = known.check(wrong, &[]).expect_err(wrong);
            assert!(error.contains(told), "{error}");
        }
        assert!(known.check("b", &["route"]).is_err(), "a legend without its label");
    }
}
