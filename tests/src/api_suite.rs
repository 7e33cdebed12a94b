//! The API on a real ring of three Cassandra nodes on loopback: the API's own integration tests, and
//! schemathesis against a running server. IO: child processes, HTTP.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::bench::child::{ChildError, Program};
use crate::checks::{built, cargo, root};
use crate::command::{CommandError, LONG, run};
use crate::counts::Counting;
use crate::local_cassandra::{DATACENTER, LocalRing, Options, RingError};
use crate::progress::{WaitError, wait_until};
use crate::steps::Steps;
use crate::tools::Tools;

/// Environment variable by which the API's tests find a ring: `host:port`, separated by commas.
const RING_VARIABLE: &str = "STORE_TEST_CASSANDRA";
/// How many copies these tests ask for.
const REPLICATION_VARIABLE: &str = "STORE_TEST_REPLICATION";
/// The steps, by their names.
pub const STEPS: [&str; 4] =
    ["API tests on Cassandra", "bad inputs and traces on Cassandra", "schemathesis", "schemathesis tried enough"];
/// Cases that schemathesis has to try at the least.
const CASES: u64 = 2000;
/// Cases for each operation of the API in its phase of random requests.
const CASES_PER_OPERATION: &str = "250";
/// The same requests in every run.
const SEED: &str = "20240501";
const TESTS: Duration = Duration::from_secs(20 * 60);
const REQUESTS: Duration = Duration::from_secs(15 * 60);
const READY: Duration = Duration::from_secs(60);

/// The suite could not be run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ApiSuiteError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error("making a place for the suite's files: {0}")]
    Io(#[from] std::io::Error),
}

/// Runs both on a ring of its own.
///
/// # Errors
/// [`ApiSuiteError`] when ring or server cannot be started; what they then show is counted in `steps`.
pub async fn run_all(steps: &mut Steps, tools: &Tools) -> Result<(), ApiSuiteError> {
    let directory = tempfile::tempdir()?;
    let ring = LocalRing::start(Options { nodes: 3, ..Options::new(directory.path().join("ring")) }).await?;
    let hosts: Vec<String> = ring.contact_points().iter().map(ToString::to_string).collect();
    let hosts = hosts.join(",");
    let mut tests = cargo(["test", "--workspace", "--lib", "dao::cassandra::tests", "--", "--test-threads", "1"]);
    tests.env(RING_VARIABLE, &hosts).env(REPLICATION_VARIABLE, "3");
    steps.command(STEPS[0], &mut tests, Counting::CargoTest, TESTS);
    let whole = ["writes_anything_on_cassandra", "down_to_the_statement_on_cassandra"];
    let mut api = cargo(["test", "--workspace", "--test", "api", "--"]);
    api.args(whole).env(RING_VARIABLE, &hosts).env(REPLICATION_VARIABLE, "3");
    steps.command(STEPS[1], &mut api, Counting::CargoTest, TESTS);
    let server = Server::start(&hosts).await?;
    let report = directory.path().join("schemathesis.json");
    let mut requests = schemathesis(tools, &server.url, &report);
    steps.command(STEPS[2], &mut requests, Counting::Exit, REQUESTS);
    steps.check(STEPS[3], || tried_enough(&report));
    Ok(())
}

/// A running store-api of the development profile.
struct Server {
    url: String,
    _program: Program,
}

impl Server {
    async fn start(hosts: &str) -> Result<Self, ApiSuiteError> {
        run(&mut cargo(["build", "--quiet", "--bin", "store-api"]), LONG)?;
        let program = built("store-api");
        let mut migrate = Command::new(&program);
        migrate.args(["migrate", "--create-keyspace", "--replication-factor", "3", "--datacenter", DATACENTER]);
        run(migrate.env("CASSANDRA_HOST", hosts), LONG)?;
        let port = free_port()?.to_string();
        let environment = [
            ("CASSANDRA_HOST", hosts),
            ("STORE_LOCAL_DATACENTER", DATACENTER),
            ("STORE_LISTEN_ADDRESS", "127.0.0.1"),
            ("STORE_PORT", &port),
            ("RUST_LOG", "warn"),
        ];
        let program = Program::start_unheard(&program, &["serve"], &environment)?;
        let url = format!("http://127.0.0.1:{port}");
        wait_until("the API", READY, || ready(&url)).await?;
        Ok(Server { url, _program: program })
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

pub(crate) async fn ready(url: &str) -> Result<(), String> {
    let answer = reqwest::get(format!("{url}/readyz")).await.map_err(|error| error.to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("/readyz answers {}", answer.status())) }
}

fn schemathesis(tools: &Tools, url: &str, report: &Path) -> Command {
    let mut python = tools.python("schemathesis.cli");
    python.env("SCHEMATHESIS_HOOKS", root().join("api-server/schemathesis_hooks.py"));
    python.arg("--config-file").arg(root().join("api-server/schemathesis.toml"));
    python.arg("run").arg(format!("{url}/openapi.json"));
    python.args(["--checks", "all", "--max-examples", CASES_PER_OPERATION, "--seed", SEED, "--workers", "1"]);
    python.args(["--request-timeout", "12", "--max-response-time", "9", "--no-color", "--warnings", "off"]);
    // Beside the report it would leave its database of examples in the working directory.
    python.current_dir(report.parent().unwrap_or(Path::new("/")));
    python.args(["--report", "json", "--report-json-path"]).arg(report);
    python
}

fn tried_enough(report: &Path) -> Result<(), String> {
    let text = fs::read_to_string(report).map_err(|error| format!("reading its report: {error}"))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| format!("reading its report: {error}"))?;
    let cases = report["test_cases"]["generated"].as_u64().unwrap_or_default();
    let all = report["operations"]["total"] == report["operations"]["tested"];
    if report["complete"] != true || !all {
        return Err(format!("it did not try every operation: {}", report["operations"]));
    }
    if cases < CASES { Err(format!("{cases} cases, {CASES} are wanted")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_stopped_early_or_tried_little_is_not_enough() {
        let directory = tempfile::tempdir().expect("a directory");
        let report = |complete: bool, tested: u64, cases: u64| {
            let path = directory.path().join("report.json");
            let text = format!(
                r#"{{"complete":{complete},"operations":{{"total":3,"tested":{tested}}},"test_cases":{{"generated":{cases}}}}}"#
            );
            fs::write(&path, text).expect("written");
            tried_enough(&path)
        };
        assert!(report(true, 3, 2000).is_ok());
        assert!(report(false, 3, 2000).is_err());
        assert!(report(true, 2, 2000).is_err());
        assert!(report(true, 3, 1999).is_err());
        assert!(tried_enough(&directory.path().join("missing")).is_err());
    }
}
