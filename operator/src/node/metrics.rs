//! The metrics of one Cassandra node, as `/metrics` of its agent serves them: at each scrape one bulk
//! question to the Jolokia agent in the same pod, and the disk. What gives no answer has no series then.
//!
//! IO: HTTP POST on the loopback, the file system's figures.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::{CounterVec, Gauge, GaugeVec, Opts};
use serde_json::{Value, json};
use store_telemetry::Catalogue;
use tokio::sync::Mutex;

use super::readings::{Kind, Label, MOST_SERIES, READINGS, Reading};

/// How long Cassandra may take at most: longer than it takes under load.
pub const LONGEST: Duration = Duration::from_secs(5);

/// Where the node is asked.
#[derive(Clone, Debug)]
pub struct Source {
    /// The management agent in Cassandra.
    pub jolokia: SocketAddr,
    /// Holds `username` and `password` of the management port.
    pub credentials_dir: PathBuf,
    pub data_dir: PathBuf,
}

/// The figures of one node; a scrape fills and reads them alone.
pub struct NodeMetrics {
    catalogue: Catalogue,
    vectors: Vec<Vector>,
    up: Gauge,
    seconds: Gauge,
    volume: Gauge,
    free: Gauge,
    scraping: Mutex<()>,
}

enum Vector {
    Counter(CounterVec),
    Gauge(GaugeVec),
}

impl NodeMetrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have the same name, which a test excludes.
    pub fn new() -> Result<Self, prometheus::Error> {
        let catalogue = Catalogue::new();
        let gauge = |name: &str, help: &str| catalogue.add(Gauge::new(name, help)?);
        let vectors = READINGS.iter().map(|reading| Vector::register(reading, &catalogue)).collect::<Result<_, _>>()?;
        Ok(Self {
            vectors,
            up: gauge("cassandra_up", "1 when Cassandra answered this scrape, else 0.")?,
            seconds: gauge("cassandra_scrape_seconds", "How long Cassandra took to answer this scrape.")?,
            volume: gauge("cassandra_data_volume_bytes", "Size of the file system that holds the data.")?,
            free: gauge("cassandra_data_volume_free_bytes", "Of it free for Cassandra.")?,
            scraping: Mutex::default(),
            catalogue,
        })
    }

    /// Asks the node, which may take `patience` to answer, and writes what it told as text.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub async fn scrape(
        &self,
        client: &reqwest::Client,
        source: &Source,
        patience: Duration,
    ) -> Result<Vec<u8>, prometheus::Error> {
        let _alone = self.scraping.lock().await;
        let began = Instant::now();
        let answers = match ask(client, source, patience).await {
            Ok(answers) => Some(answers),
            Err(error) => {
                tracing::debug!(%error, "Cassandra did not answer a scrape");
                None
            }
        };
        self.seconds.set(began.elapsed().as_secs_f64());
        self.up.set(f64::from(u8::from(answers.is_some())));
        self.fill(&answers.unwrap_or_default());
        if let Ok(disk) = rustix::fs::statvfs(&source.data_dir) {
            self.volume.set(disk.f_blocks.saturating_mul(disk.f_frsize) as f64);
            self.free.set(disk.f_bavail.saturating_mul(disk.f_frsize) as f64);
        }
        self.catalogue.text()
    }

    /// Everything that may be told, as a table (committed as docs/metrics/node.md).
    pub fn reference(&self) -> String {
        self.catalogue.reference("Metrics of a Cassandra node")
    }

    fn fill(&self, answers: &[Value]) {
        self.vectors.iter().for_each(Vector::reset);
        let mut answers = answers.iter();
        for (reading, vector) in READINGS.iter().zip(&self.vectors) {
            let mut series: BTreeMap<String, f64> = BTreeMap::new();
            for (label, _) in questions_of(reading) {
                let Some(answer) = answers.next() else { return };
                for (label, value) in values(reading, label, answer) {
                    *series.entry(label).or_default() += value * reading.factor;
                }
            }
            for (label, value) in series.into_iter().take(MOST_SERIES) {
                vector.set(&label, value);
            }
        }
    }
}

impl Vector {
    fn register(reading: &Reading, catalogue: &Catalogue) -> Result<Vector, prometheus::Error> {
        let options = Opts::new(reading.name, reading.help);
        let labels: &[&str] = match &reading.label {
            Label::None => &[],
            Label::Each(label, _) | Label::Key(label, _) => &[label],
        };
        Ok(match reading.kind {
            Kind::Counter => Vector::Counter(catalogue.add(CounterVec::new(options, labels)?)?),
            Kind::Gauge => Vector::Gauge(catalogue.add(GaugeVec::new(options, labels)?)?),
        })
    }

    fn reset(&self) {
        match self {
            Vector::Counter(vector) => vector.reset(),
            Vector::Gauge(vector) => vector.reset(),
        }
    }

    fn set(&self, label: &str, value: f64) {
        let collector: &dyn Collector = match self {
            Vector::Counter(vector) => vector,
            Vector::Gauge(vector) => vector,
        };
        let labelled = collector.desc().first().is_some_and(|desc| !desc.variable_labels.is_empty());
        let labels: &[&str] = if labelled { &[label] } else { &[] };
        match self {
            // A counter that was reset begins at 0; Cassandra's own never fall while it runs.
            Vector::Counter(vector) => vector.with_label_values(labels).inc_by(value.max(0.0)),
            Vector::Gauge(vector) => vector.with_label_values(labels).set(value),
        }
    }
}

/// The questions of one metric: the value of its label, where that is known before, and the name.
fn questions_of(reading: &Reading) -> Vec<(&'static str, String)> {
    match reading.label {
        Label::Each(_, values) => {
            values.iter().map(|(value, text)| (*value, reading.mbean.replace("{}", text))).collect()
        }
        Label::None | Label::Key(..) => vec![("", reading.mbean.to_owned())],
    }
}

fn questions() -> Vec<Value> {
    let of = |reading: &Reading| {
        let mut all = Vec::new();
        for (_, mbean) in questions_of(reading) {
            let mut question = json!({ "type": "read", "mbean": mbean, "attribute": reading.attribute });
            if let Some(path) = reading.path {
                question["path"] = json!(path);
            }
            all.push(question);
        }
        all
    };
    READINGS.iter().flat_map(of).collect()
}

/// The values in one answer, with their labels. A name with a `*` is answered by a map of names with their attributes, an
/// attribute that is a map by its numbers.
fn values(reading: &Reading, label: &'static str, answer: &Value) -> Vec<(String, f64)> {
    if answer["status"] != 200 {
        return Vec::new();
    }
    let value = &answer["value"];
    if let Some(number) = value.as_f64() {
        return number.is_finite().then(|| (label.to_owned(), number)).into_iter().collect();
    }
    let parts = value.as_object().into_iter().flatten();
    let found = parts.filter_map(|(name, part)| {
        let number = part.as_f64().or_else(|| part[reading.attribute].as_f64()).filter(|number| number.is_finite())?;
        let label = match reading.label {
            Label::Key(_, key) => key_of(name, key)?.to_owned(),
            Label::None | Label::Each(..) => label.to_owned(),
        };
        Some((label, number))
    });
    found.collect()
}

/// The value of a key in the name of an MBean: `domain:key=value,key=value`.
fn key_of<'m>(mbean: &'m str, key: &str) -> Option<&'m str> {
    let (_, pairs) = mbean.split_once(':')?;
    pairs.split(',').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("reading {path}: {source}")]
    Credentials { path: String, source: std::io::Error },
    #[error("asking Jolokia: {0}")]
    Http(#[from] reqwest::Error),
}

async fn ask(client: &reqwest::Client, source: &Source, patience: Duration) -> Result<Vec<Value>, AskError> {
    let (user, password) =
        (credential(&source.credentials_dir, "username")?, credential(&source.credentials_dir, "password")?);
    let request = client
        .post(format!("http://{}/jolokia/", source.jolokia))
        .basic_auth(user, Some(password))
        .timeout(patience)
        .json(&questions());
    Ok(request.send().await?.error_for_status()?.json().await?)
}

fn credential(directory: &Path, name: &str) -> Result<String, AskError> {
    let path = directory.join(name);
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|source| AskError::Credentials { path: path.display().to_string(), source })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a node would answer: the questions with `value` for each exact name, and for each pattern
    /// two MBeans that it fits.
    fn answers(value: f64) -> Vec<Value> {
        let answer = |question: Value| {
            let mbean = question["mbean"].as_str().unwrap();
            let attribute = question["attribute"].as_str().unwrap();
            if attribute == "DroppedMessages" {
                return json!({ "status": 200, "value": { "MUTATION_REQ": value, "READ_REQ": value } });
            }
            if !mbean.contains('*') {
                return json!({ "status": 200, "value": value });
            }
            let beans = ["one", "two"].map(|name| (mbean.replace('*', name), json!({ attribute: value })));
            json!({ "status": 200, "value": Value::Object(beans.into_iter().collect()) })
        };
        questions().into_iter().map(answer).collect()
    }

    fn text(metrics: &NodeMetrics) -> String {
        String::from_utf8(metrics.catalogue.text().unwrap()).unwrap()
    }

    #[test]
    fn every_answer_becomes_the_series_of_its_label_in_the_unit_of_the_metric() {
        let metrics = NodeMetrics::new().unwrap();
        metrics.fill(&answers(2000.0));
        let text = text(&metrics);
        for line in [
            "cassandra_client_requests_total{operation=\"CASWrite\"} 2000",
            "cassandra_client_request_p99_seconds{operation=\"Read\"} 0.002",
            "cassandra_keyspace_disk_bytes{keyspace=\"two\"} 2000",
            "cassandra_gc_seconds_total{collector=\"one\"} 2",
            "cassandra_thread_pool_pending_tasks{pool=\"ReadStage\"} 2000",
            // all kinds of messages are added up
            "cassandra_dropped_messages_total 4000",
            "cassandra_heap_used_bytes 2000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        metrics.fill(&answers(2500.0));
        assert!(self::text(&metrics).contains("cassandra_heap_used_bytes 2500\n"), "not added to the last");
        assert!(self::text(&metrics).contains("cassandra_client_requests_total{operation=\"CASWrite\"} 2500\n"));
    }

    #[test]
    fn what_was_not_answered_has_no_series() {
        let metrics = NodeMetrics::new().unwrap();
        metrics.fill(&answers(1.0));
        let mut some = answers(1.0);
        some[0] = json!({ "status": 404, "error": "no such MBean" });
        metrics.fill(&some);
        assert!(!text(&metrics).contains("operation=\"Read\"} 1\ncassandra_client_requests_total"));
        assert!(!text(&metrics).contains("cassandra_client_requests_total{operation=\"Read\"}"));
        metrics.fill(&[]);
        assert!(!text(&metrics).contains("cassandra_client_request"));
    }

    #[test]
    fn a_keyspace_too_many_is_left_out() {
        let metrics = NodeMetrics::new().unwrap();
        let beans = (0..200).map(|n| {
            (format!("org.apache.cassandra.metrics:type=Keyspace,keyspace=k{n},name=L"), json!({ "Value": 1 }))
        });
        let many = json!({ "status": 200, "value": Value::Object(beans.collect()) });
        let all = questions()
            .iter()
            .map(
                |question| {
                    if question["mbean"].as_str().unwrap().contains("keyspace=") { many.clone() } else { json!({}) }
                },
            )
            .collect::<Vec<_>>();
        metrics.fill(&all);
        assert_eq!(text(&metrics).matches("cassandra_keyspace_disk_bytes{").count(), MOST_SERIES);
    }

    #[tokio::test]
    async fn a_node_that_does_not_answer_is_told_to_be_down_and_its_disk_all_the_same() {
        let metrics = NodeMetrics::new().unwrap();
        let source = Source {
            jolokia: ([127, 0, 0, 1], 1).into(),
            credentials_dir: "/nonexistent".into(),
            data_dir: "/".into(),
        };
        let client = crate::cassandra::jmx::http_client().unwrap();
        let text = String::from_utf8(metrics.scrape(&client, &source, LONGEST).await.unwrap()).unwrap();
        assert!(text.contains("cassandra_up 0\n"), "{text}");
        assert!(!text.contains("cassandra_data_volume_bytes 0\n"), "{text}");
    }

    #[test]
    fn the_metrics_and_their_labels_are_those_of_the_committed_table() {
        let reference = NodeMetrics::new().unwrap().reference();
        assert_eq!(reference, include_str!("../../../docs/metrics/node.md"), "run make generate");
    }
}
