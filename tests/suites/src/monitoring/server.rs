//! A real Prometheus on loopback that scrapes what a test serves, with the chart's rules, and answers the
//! dashboards' queries. In the testbed it runs on the host, which reaches pods under their own addresses:
//! Debian's Prometheus cannot ask Kubernetes, so its targets are made of the pods that a suite lists.
//! IO: a child process, files in a directory of its own, HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use store_crds::{LABEL_COMPONENT, LABEL_STORE};
use tokio::process::{Child, Command};

use super::{Query, programs};
use store_testbed::cache::Cache;

/// For the server to start, and for two scrapes of every target.
const PATIENCE: Duration = Duration::from_secs(60);
/// The file with the targets.
const TARGETS: &str = "targets.json";
/// The file with the rules; JSON is YAML.
const RULES: &str = "rules.yaml";
const PERIOD: Duration = Duration::from_millis(200);
/// Points of a dashboard's query over the whole time.
const POINTS: u32 = 200;

/// Prometheus did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program could not be had.
    #[error(transparent)]
    Programs(#[from] programs::ProgramsError),
    /// The file system refused, or the program did not start.
    #[error("starting Prometheus: {0}")]
    Io(#[from] std::io::Error),
    /// It did not answer, or answered what is not JSON.
    #[error("asking Prometheus: {0}")]
    Http(#[from] reqwest::Error),
    /// It refused a question.
    #[error("Prometheus refused {question}: {answer}")]
    Refused {
        /// What was asked.
        question: String,
        /// What it said.
        answer: String,
    },
    /// Something did not come about in time.
    #[error("waited {PATIENCE:?} for {what}; the log of Prometheus:\n{log}")]
    Late {
        /// What was waited for.
        what: &'static str,
        /// The end of its log.
        log: String,
    },
}

/// What the chart's monitors have scraped: the component, the name of its port, and whether it is a shop's.
pub const SCRAPED: [(&str, &str, bool); 3] =
    [("operator", "metrics", false), ("api", "operations", true), ("cassandra", "node-agent", true)];

/// What is scraped, and the labels that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where `/metrics` is.
    pub address: SocketAddr,
    /// Labels of the target.
    pub labels: BTreeMap<String, String>,
}

impl Target {
    /// A target with these labels.
    pub fn new(address: SocketAddr, labels: &[(&str, &str)]) -> Target {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Target { address, labels: labels.collect() }
    }

    /// The targets among pods, chosen and labelled as the chart's monitors do it.
    pub fn of_pods(pods: &[Pod]) -> Vec<Target> {
        pods.iter().filter_map(Target::of_pod).collect()
    }

    fn of_pod(pod: &Pod) -> Option<Target> {
        let labels = pod.metadata.labels.as_ref()?;
        let component = labels.get(LABEL_COMPONENT)?.as_str();
        let store = labels.get(LABEL_STORE);
        let (_, port, _) =
            SCRAPED.into_iter().find(|(wanted, _, of_a_shop)| component == *wanted && store.is_some() == *of_a_shop)?;
        let ports =
            pod.spec.iter().flat_map(|spec| &spec.containers).flat_map(|container| container.ports.iter().flatten());
        let port = ports.into_iter().find(|found| found.name.as_deref() == Some(port))?.container_port;
        let ip: IpAddr = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
        let (namespace, name) = (pod.metadata.namespace.as_deref()?, pod.metadata.name.as_deref()?);
        let address = SocketAddr::new(ip, u16::try_from(port).ok()?);
        let mut target = Target::new(address, &[("job", component), ("namespace", namespace), ("pod", name)]);
        target.labels.extend(store.map(|store| ("store".to_owned(), store.clone())));
        Some(target)
    }
}

/// A running Prometheus; it ends when this is dropped.
pub struct Server {
    _child: Child,
    url: String,
    client: reqwest::Client,
    directory: tempfile::TempDir,
    began: Instant,
}

/// What a Prometheus does.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its rules: the chart's, or those for a faster clock.
    pub rules: Value,
    /// How often it scrapes each target, and how long that may take.
    pub interval: Duration,
}

impl Server {
    /// Starts one, and waits until it has scraped each of the targets twice.
    ///
    /// # Errors
    /// [`ServerError`] when it does not start, or a target does not answer.
    pub async fn start(cache: &Cache, settings: &Settings, targets: &[Target]) -> Result<Server, ServerError> {
        let programs = programs::ensure(cache)?;
        let directory = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let file = |name: &str| -> PathBuf { directory.path().join(name) };
        std::fs::write(file(RULES), settings.rules.to_string())?;
        std::fs::write(file("prometheus.yaml"), configuration(settings.interval, directory.path()).to_string())?;
        std::fs::write(file(TARGETS), groups(targets).to_string())?;
        let log = std::fs::File::create(file("log"))?;
        let child = Command::new(programs.join("prometheus"))
            .arg(format!("--config.file={}", file("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", file("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let url = format!("http://127.0.0.1:{port}/api/v1");
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let began = Instant::now();
        let server = Server { _child: child, url, client, directory, began };
        let scraped = format!("count(count_over_time(up[1m]) >= 2 and up == 1) == {}", targets.len());
        // Until it listens, it refuses connections.
        while !server.ask(&scraped).await.is_ok_and(|series| !series.is_empty()) {
            if began.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(server.directory.path().join("log")).unwrap_or_default();
                let tail = log.len().saturating_sub(2000);
                let log = log.get(tail..).unwrap_or_default().to_owned();
                return Err(ServerError::Late { what: "two scrapes of every target", log });
            }
            tokio::time::sleep(PERIOD).await;
        }
        Ok(server)
    }

    /// Scrapes these from now on: pods come and go. Prometheus sees the change within seconds.
    ///
    /// # Errors
    /// [`ServerError::Io`] when the file system refuses.
    pub fn retarget(&self, targets: &[Target]) -> Result<(), ServerError> {
        let next = self.directory.path().join("next.json");
        std::fs::write(&next, groups(targets).to_string())?;
        Ok(std::fs::rename(&next, self.directory.path().join(TARGETS))?)
    }

    /// Where its API answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For how long it has been running.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// The series that an expression gives now.
    ///
    /// # Errors
    /// [`ServerError`] when it is refused.
    pub async fn ask(&self, expression: &str) -> Result<Vec<Value>, ServerError> {
        let answer = self.get("query", &[("query", expression)]).await?;
        let result = &answer["data"]["result"];
        match answer["data"]["resultType"].as_str() {
            Some("vector" | "matrix") => Ok(result.as_array().cloned().unwrap_or_default()),
            _ => Ok(vec![result.clone()]),
        }
    }

    /// The series that an expression gave from the start until now, as a dashboard draws them.
    ///
    /// # Errors
    /// [`ServerError`] when it is refused.
    pub async fn draw(&self, expression: &str) -> Result<Vec<Value>, ServerError> {
        let now = jiff::Timestamp::now().as_duration().as_secs_f64();
        let long = self.began.elapsed();
        let (start, end) = ((now - long.as_secs_f64()).to_string(), now.to_string());
        let step = (long / POINTS).max(Duration::from_secs(1)).as_secs_f64().to_string();
        let query = [("query", expression), ("start", start.as_str()), ("end", end.as_str()), ("step", step.as_str())];
        let answer = self.get("query_range", &query).await?;
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// Those of the queries that never gave a number for this shop.
    ///
    /// # Errors
    /// [`ServerError`] when one is refused.
    pub async fn empty(&self, queries: &[Query], namespace: &str, store: &str) -> Result<Vec<String>, ServerError> {
        let mut empty = Vec::new();
        for query in queries {
            let expression = query.of(namespace, store);
            let series = self.draw(&expression).await?;
            let mut points = series.iter().filter_map(|series| series["values"].as_array()).flatten();
            if !points.any(|point| point[1].as_str().is_some_and(|value| value != "NaN")) {
                empty.push(format!("{}: {expression}", query.name));
            }
        }
        Ok(empty)
    }

    /// The alerts that have fired at some time within the last `span`; `within` is a matcher of their labels.
    ///
    /// # Errors
    /// [`ServerError`] when Prometheus does not tell.
    pub async fn fired(&self, span: Duration, within: &str) -> Result<BTreeSet<String>, ServerError> {
        // A range of less than an evaluation holds no sample.
        let span = span.max(Duration::from_secs(2)).as_millis();
        self.alerts(&format!("count_over_time(ALERTS{{alertstate=\"firing\",{within}}}[{span}ms])")).await
    }

    /// The alerts that fire now; `within` is a matcher of their labels.
    ///
    /// # Errors
    /// As [`Server::fired`].
    pub async fn firing(&self, within: &str) -> Result<BTreeSet<String>, ServerError> {
        self.alerts(&format!("ALERTS{{alertstate=\"firing\",{within}}}")).await
    }

    async fn alerts(&self, expression: &str) -> Result<BTreeSet<String>, ServerError> {
        let series = self.ask(&format!("group by (alertname) ({expression})")).await?;
        Ok(series.iter().filter_map(|series| Some(series["metric"]["alertname"].as_str()?.to_owned())).collect())
    }

    /// The rules that could not be evaluated, and how many there are in all.
    ///
    /// # Errors
    /// [`ServerError`] when Prometheus does not tell.
    pub async fn broken_rules(&self) -> Result<(Vec<String>, usize), ServerError> {
        let answer = self.get("rules", &[]).await?;
        let rules: Vec<&Value> = super::rules_of(&answer["data"]).collect();
        let broken = rules.iter().filter(|rule| rule["health"] == "err");
        Ok((broken.map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect(), rules.len()))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ServerError> {
        let answer = self.client.get(format!("{}/{path}", self.url)).query(query).send().await?;
        let answer: Value = answer.json().await?;
        if answer["status"] == "success" {
            return Ok(answer);
        }
        let question = query.first().map_or(path, |(_, value)| value).to_owned();
        Err(ServerError::Refused { question, answer: answer["error"].to_string() })
    }
}

fn configuration(interval: Duration, directory: &Path) -> Value {
    let interval = format!("{}ms", interval.as_millis());
    json!({
        "global": { "scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": "1s" },
        "rule_files": [directory.join(RULES)],
        "scrape_configs": [{
            "job_name": "all",
            // The operator's figures name the namespaces of shops, as the chart's monitor says.
            "honor_labels": true,
            "file_sd_configs": [{ "files": [directory.join(TARGETS)], "refresh_interval": "5s" }],
        }],
    })
}

fn groups(targets: &[Target]) -> Value {
    let group = |target: &Target| json!({ "targets": [target.address.to_string()], "labels": target.labels });
    targets.iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(labels: Value, port: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n", "labels": labels },
            "spec": { "containers": [{ "name": "c", "ports": [{ "name": port, "containerPort": 8779 }] }] },
            "status": { "podIP": "10.0.0.1" },
        }))
        .expect("a pod")
    }

    #[test]
    fn pods_are_chosen_by_the_labels_and_ports_that_the_monitors_name() {
        let cassandra = pod(json!({ LABEL_COMPONENT: "cassandra", LABEL_STORE: "shop" }), "node-agent");
        let operator = pod(json!({ LABEL_COMPONENT: "operator" }), "metrics");
        let without_port = pod(json!({ LABEL_COMPONENT: "api", LABEL_STORE: "shop" }), "other");
        let schema = pod(json!({ LABEL_COMPONENT: "schema", LABEL_STORE: "shop" }), "operations");
        let address = SocketAddr::from(([10, 0, 0, 1], 8779));
        let expected = [
            Target::new(address, &[("job", "cassandra"), ("namespace", "n"), ("pod", "p"), ("store", "shop")]),
            Target::new(address, &[("job", "operator"), ("namespace", "n"), ("pod", "p")]),
        ];
        assert_eq!(Target::of_pods(&[cassandra, operator, without_port, schema]), expected);
    }
}
