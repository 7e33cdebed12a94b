//! A registry of metrics that can tell what may be scraped, also what has no value yet: rules and
//! dashboards are checked against it.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::proto::MetricType;
use prometheus::{Encoder as _, Registry, TextEncoder};

/// Metrics of one process.
#[derive(Clone, Default)]
pub struct Catalogue {
    registry: Registry,
    families: Arc<Mutex<Vec<Family>>>,
}

/// What is known of a metric without any value of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    name: String,
    kind: &'static str,
    labels: Vec<String>,
    help: String,
}

impl Catalogue {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds metrics, and gives them back.
    ///
    /// # Errors
    /// When one of that name is there already.
    pub fn add<C: Collector + Clone + 'static>(&self, metrics: C) -> Result<C, prometheus::Error> {
        self.register(metrics.clone())?;
        Ok(metrics)
    }

    /// Adds metrics that nobody needs a handle of.
    ///
    /// # Errors
    /// When one of that name is there already.
    pub fn register(&self, metrics: impl Collector + 'static) -> Result<(), prometheus::Error> {
        let values = metrics.collect();
        let families = metrics.desc().into_iter().map(|desc| {
            let kind = values.iter().find(|family| family.name() == desc.fq_name).map(|family| family.get_field_type());
            let fixed = desc.const_label_pairs.iter().map(|label| label.name().to_owned());
            Family {
                name: desc.fq_name.clone(),
                kind: word(kind),
                labels: fixed.chain(desc.variable_labels.iter().cloned()).collect(),
                help: desc.help.clone(),
            }
        });
        let families: Vec<Family> = families.collect();
        self.registry.register(Box::new(metrics))?;
        self.families.lock().unwrap_or_else(PoisonError::into_inner).extend(families);
        Ok(())
    }

    /// The text that a scraper reads.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }

    /// Every metric with its labels, as a table in Markdown.
    pub fn reference(&self, title: &str) -> String {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner).clone();
        families.sort();
        let mut text = format!("# {title}\n\nGenerated from the program by `make generate`.\n\n");
        text += "| metric | type | labels | what it tells |\n|---|---|---|---|\n";
        for Family { name, kind, labels, help } in families {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            text += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
        }
        text
    }
}

fn word(kind: Option<MetricType>) -> &'static str {
    match kind {
        Some(MetricType::COUNTER) => "counter",
        Some(MetricType::GAUGE) => "gauge",
        Some(MetricType::HISTOGRAM) => "histogram",
        Some(MetricType::SUMMARY) => "summary",
        _ => "untyped",
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, HistogramVec, IntCounter};

    use super::*;

    #[test]
    fn a_metric_without_a_value_is_told_and_none_is_there_twice() {
        let catalogue = Catalogue::new();
        let vec = HistogramVec::new(HistogramOpts::new("b_seconds", "How long."), &["route", "code"]).unwrap();
        catalogue.add(vec).unwrap();
        let counter = catalogue.add(IntCounter::new("a_total", "How many.").unwrap()).unwrap();
        counter.inc();
        assert!(catalogue.register(IntCounter::new("a_total", "How many.").unwrap()).is_err());
        let table = catalogue.reference("It");
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(
            rows,
            ["| `a_total` | counter |  | How many. |", "| `b_seconds` | histogram | `route`, `code` | How long. |"]
        );
        assert_eq!(String::from_utf8(catalogue.text().unwrap()).unwrap().lines().last(), Some("a_total 1"));
    }
}
