//! The API on a real ring of three Cassandra nodes on loopback: the API's own integration tests, and
//! schemathesis against a running server. IO: child processes, HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::counts::Counting;
use crate::steps::Steps;
use crate::tools::Tools;
use store_load::child::{ChildError, Program, ready};
use store_testbed::checkout::{built, cargo, root};
use store_testbed::command::{CommandError, LONG, run};
use store_testbed::local_cassandra::{DATACENTER, LocalRing, Options, RingError};
use store_testbed::ports::free_port;
use store_testbed::progress::{WaitError, wait_until};

/// Environment variable by which the API's tests find a ring: `host:port`, separated by commas.
const RING_VARIABLE: &str = "STORE_TEST_CASSANDRA";
/// How many copies these tests ask for.
const REPLICATION_VARIABLE: &str = "STORE_TEST_REPLICATION";
/// The steps, by their names.
pub const STEPS: [&str; 4] =
    ["API tests on Cassandra", "bad inputs and traces on Cassandra", "schemathesis", "schemathesis tried enough"];
/// Who asks: each role has a token of its own.
const ROLES: [&str; 6] = ["admin", "seller", "director", "supplier", "payment", "auditor"];
/// The administrator while one of the three nodes is down.
const DOWN: &str = "down";
/// Who may be asked for in the long run.
pub const WHO: [&str; 7] = [ROLES[0], ROLES[1], ROLES[2], ROLES[3], ROLES[4], ROLES[5], DOWN];
/// Cases for each operation in the phase of random requests, and those that must have been tried at the least: of the
/// administrator in the short run, of each of the others, and of each in the long run.
const SHORT: (u32, u64) = (80, 2000);
const SHORT_OTHERS: (u32, u64) = (15, 200);
const LONG_EACH: (u32, u64) = (450, 4500);
/// In the long run in all.
const LONG_ALL: u64 = 20_000;
/// The same requests in every run.
const SEED: &str = "20240501";
/// With a node less some requests ask for more nodes than there are. Everywhere else, too, where an answer other than a
/// success is named for valid requests, 503 is another.
const NODE_DOWN: &str = "\n[checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"3xx\", \"4xx\", \"503\"]\n";
const EVERY_LIST: (&str, &str) = ("\"403\"", "\"403\", \"503\"");
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
    let options = Options { nodes: 3, lasting: false, ..Options::new(directory.path().join("ring")) };
    let ring = LocalRing::start(options).await?;
    let hosts: Vec<String> = ring.contact_points().iter().map(ToString::to_string).collect();
    let hosts = hosts.join(",");
    let mut tests = cargo(["test", "--workspace", "--lib", "dao::cassandra::tests", "--", "--test-threads", "1"]);
    tests.env(RING_VARIABLE, &hosts).env(REPLICATION_VARIABLE, "3");
    steps.command(STEPS[0], &mut tests, Counting::CargoTest, TESTS);
    let whole = ["writes_anything_on_cassandra", "down_to_the_statement_on_cassandra"];
    let mut api = cargo(["test", "--workspace", "--test", "api", "--"]);
    api.args(whole).env(RING_VARIABLE, &hosts).env(REPLICATION_VARIABLE, "3");
    steps.command(STEPS[1], &mut api, Counting::CargoTest, TESTS);
    let server = Server::start(&hosts, directory.path()).await?;
    let mut tried = Vec::new();
    for role in ROLES {
        let (examples, cases) = if role == ROLES[0] { SHORT } else { SHORT_OTHERS };
        let report = directory.path().join(format!("{role}.json"));
        let mut requests = server.schemathesis(tools, role, examples, &report)?;
        steps.command(STEPS[2], &mut requests, Counting::Exit, REQUESTS);
        tried.push((report, cases));
    }
    steps.checks(STEPS[3], || tried.iter().map(|(report, cases)| told(report, *cases)).collect());
    Ok(())
}

/// Sends every role's requests, many of them, to an API on a ring of its own; then the administrator's while one of the
/// three nodes is down. Or only those of `who`.
///
/// # Errors
/// [`ApiSuiteError`] when ring or server cannot be started; what they then show is counted in `steps`.
pub async fn run_long(steps: &mut Steps, tools: &Tools, directory: &Path, who: &[String]) -> Result<(), ApiSuiteError> {
    let mut ring = LocalRing::start(Options { nodes: 3, ..Options::new(directory.join("ring")) }).await?;
    let hosts: Vec<String> = ring.contact_points().iter().map(ToString::to_string).collect();
    let mut server = Server::start(&hosts.join(","), directory).await?;
    let mut reports = Vec::new();
    for name in WHO.into_iter().filter(|name| who.is_empty() || who.iter().any(|asked| asked == name)) {
        if name == DOWN {
            ring.stop_node(1).await?;
            server.node_down = true;
        }
        let role = if name == DOWN { ROLES[0] } else { name };
        let report = directory.join(format!("schemathesis-{name}.json"));
        let mut requests = server.schemathesis(tools, role, LONG_EACH.0, &report)?;
        steps.command(&format!("schemathesis: {name}"), &mut requests, Counting::Exit, REQUESTS * 2);
        reports.push(report);
    }
    steps.checks(STEPS[3], || reports.iter().map(|report| told(report, LONG_EACH.1)).collect());
    if reports.len() < WHO.len() {
        return Ok(());
    }
    steps.check("schemathesis: cases in all", || {
        let cases = reports.iter().map(|report| tried_enough(report, 0)).sum::<Result<u64, String>>()?;
        if cases < LONG_ALL { Err(format!("{cases} cases, {LONG_ALL} are wanted")) } else { Ok(()) }
    });
    Ok(())
}

/// A running store-api of the development profile, with a token for each role.
struct Server {
    url: String,
    directory: PathBuf,
    node_down: bool,
    _program: Program,
}

/// The token of a role.
fn token(role: &str) -> String {
    format!("the-token-of-the-{role}")
}

impl Server {
    async fn start(hosts: &str, directory: &Path) -> Result<Self, ApiSuiteError> {
        let tokens = directory.join("tokens");
        fs::create_dir(&tokens)?;
        for role in ROLES {
            fs::write(tokens.join(role), token(role))?;
        }
        let tokens = tokens.display().to_string();
        run(&mut cargo(["build", "--quiet", "--bin", "store-api"]), LONG)?;
        let program = built("store-api");
        let mut migrate = Command::new(&program);
        migrate.args(["migrate", "--create-keyspace", "--replication-factor", "3", "--datacenter", DATACENTER]);
        run(migrate.env("CASSANDRA_HOST", hosts), LONG)?;
        let (port, operations) = (free_port()?.to_string(), free_port()?.to_string());
        let environment = [
            ("CASSANDRA_HOST", hosts),
            ("STORE_LOCAL_DATACENTER", DATACENTER),
            ("STORE_LISTEN_ADDRESS", "127.0.0.1"),
            ("STORE_PORT", &port),
            ("STORE_OPERATIONS_PORT", &operations),
            ("STORE_AUTH", "tokens"),
            ("STORE_TOKENS_DIRECTORY", &tokens),
            ("RUST_LOG", "warn"),
        ];
        let program = Program::start_unheard(&program, &["serve"], &environment)?;
        let url = format!("http://127.0.0.1:{port}");
        wait_until("the API", READY, || ready(&operations)).await?;
        Ok(Server { url, directory: directory.to_owned(), node_down: false, _program: program })
    }

    fn schemathesis(&self, tools: &Tools, role: &str, examples: u32, report: &Path) -> Result<Command, ApiSuiteError> {
        let settings = self.directory.join("schemathesis.toml");
        let mut text = fs::read_to_string(root().join("api-server/schemathesis.toml"))?;
        if self.node_down {
            text = text.replace(EVERY_LIST.0, EVERY_LIST.1) + NODE_DOWN;
        }
        fs::write(&settings, text)?;
        let mut python = tools.python("schemathesis.cli");
        python.env("SCHEMATHESIS_HOOKS", root().join("api-server/schemathesis_hooks.py"));
        python.arg("--config-file").arg(settings).arg("run").arg(format!("{}/openapi.json", self.url));
        python.args(["--header", &format!("Authorization: Bearer {}", token(role))]);
        python.args(["--checks", "all", "--max-examples", &examples.to_string(), "--seed", SEED, "--workers", "1"]);
        python.args(["--request-timeout", "12", "--max-response-time", "9", "--no-color", "--warnings", "off"]);
        // Beside the report it would leave its database of examples in the working directory.
        python.current_dir(&self.directory);
        python.args(["--report", "json", "--report-json-path"]).arg(report);
        Ok(python)
    }
}

/// Whether a report tells enough, as a check with its file's name.
fn told(report: &Path, cases: u64) -> (String, Result<(), String>) {
    let name = report.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    (name, tried_enough(report, cases).map(drop))
}

/// The cases that a report tells, which must be so many at the least.
fn tried_enough(report: &Path, wanted: u64) -> Result<u64, String> {
    let text = fs::read_to_string(report).map_err(|error| format!("reading its report: {error}"))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| format!("reading its report: {error}"))?;
    let cases = report["test_cases"]["generated"].as_u64().unwrap_or_default();
    let all = report["operations"]["total"] == report["operations"]["tested"];
    if report["complete"] != true || !all {
        return Err(format!("it did not try every operation: {}", report["operations"]));
    }
    if cases < wanted { Err(format!("{cases} cases, {wanted} are wanted")) } else { Ok(cases) }
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
            tried_enough(&path, 2000)
        };
        assert_eq!(report(true, 3, 2000), Ok(2000));
        assert!(report(false, 3, 2000).is_err());
        assert!(report(true, 2, 2000).is_err());
        assert!(report(true, 3, 1999).is_err());
        assert!(tried_enough(&directory.path().join("missing"), 0).is_err());
    }
}
