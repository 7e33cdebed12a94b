//! The program as it is run, with secrets and bodies that are easy to find again: none of them may be in
//! its output or in what it exports, and each request has one line.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground does not hold")]

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use store_suites::otlp::{Collector, Mood};
use store_telemetry::logs::{self, Form};
use tracing_subscriber::EnvFilter;

/// In every secret and every body.
const CANARY: &str = "canary-7f3a";

/// A running program; it is killed with the test.
struct Program {
    child: Child,
    url: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts it without a database and waits until it listens.
    async fn start(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let child = command(directory).env("STORE_PORT", port.to_string()).envs(variables.iter().copied()).spawn();
        let program = Self { child: child.unwrap(), url: format!("http://127.0.0.1:{port}") };
        let until = Instant::now() + Duration::from_secs(30);
        let client = client();
        let health = format!("{}/health", program.url);
        while client.get(&health).header("x-request-id", "waiting").send().await.is_err() {
            assert!(Instant::now() < until, "the program does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        program
    }

    /// Ends it by SIGTERM and gives back all that it wrote.
    fn end(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let mut output = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut output).unwrap();
        output
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store-api"));
    command
        // Nobody listens there: connecting fails again and again, and is told.
        .env("CASSANDRA_HOST", "127.0.0.1:1")
        .env("CASSANDRA_USERNAME", "store")
        .env("CASSANDRA_PASSWORD", format!("{CANARY}-password"))
        .env("STORE_CURSOR_KEY", format!("{CANARY}-cursor-key"))
        .env("STORE_LISTEN_ADDRESS", "127.0.0.1")
        .env("STORE_TRUSTED_HOPS", "1")
        .env("STORE_OPERATIONS_PORT", "0")
        .env("STORE_DRAIN_SECONDS", "0")
        .env("LOG_FORMAT", "json")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .current_dir(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn lines(output: &str) -> Vec<serde_json::Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

// The collector answers while this test waits for the program's end.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_no_body_is_in_any_log_or_span_and_each_request_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let token = format!("{CANARY}-token-of-the-seller");
    std::fs::write(directory.path().join("seller"), &token).unwrap();
    let collector = Collector::start().await.unwrap();
    let variables = [
        ("STORE_AUTH", "tokens"),
        ("STORE_TOKENS_DIRECTORY", directory.path().to_str().unwrap()),
        ("RUST_LOG", "debug"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20canary-7f3a-collector"),
        ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=shop-api-0"),
    ];
    let program = Program::start(directory.path(), &variables).await;
    let (url, client) = (&program.url, client());

    let body = format!(r#"{{"name":"{CANARY}","sku":"{CANARY}","price":1}}"#);
    let broken = format!(r#"{{"name":"{CANARY}","sku":{CANARY}}}"#);
    let requests = [
        ("good", Some(token.clone()), body.clone(), ""),
        ("bad-body", Some(token.clone()), broken, ""),
        ("bad-token", Some(format!("{CANARY}-not-a-token")), body.clone(), ""),
        ("no-token", None, body.clone(), ""),
        ("bad-query", Some(token), body, "?cursor=canary-7f3a&nothing=canary-7f3a"),
    ];
    for (id, token, body, query) in &requests {
        let mut request = client.post(format!("{url}/products{query}")).header("x-request-id", *id);
        request = request.header("idempotency-key", format!("{CANARY}-key")).header("content-type", "application/json");
        request = request.header("tracestate", format!("store={CANARY}")).header("baggage", format!("user={CANARY}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.body(body.clone()).send().await.unwrap();
        assert!(!answer.status().is_success(), "{id}: there is no database");
    }

    let output = program.end();
    assert!(!output.contains(CANARY), "{output}");
    let lines = lines(&output);
    for line in &lines {
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    let spans = collector.spans();
    assert!(!String::from_utf8_lossy(&collector.bytes()).contains(CANARY), "{spans:#?}");
    assert_eq!(collector.header("authorization").unwrap(), format!("Bearer {CANARY}-collector"));
    for (id, ..) in requests {
        let told: Vec<_> =
            lines.iter().filter(|line| line["request_id"] == id && line["message"] == "request").collect();
        assert_eq!(told.len(), 1, "{id}: {output}");
        let of = |span: &&store_suites::otlp::Seen| span.attribute("http.response.header.x-request-id") == id;
        let span = spans.iter().find(of).unwrap_or_else(|| panic!("{id}: {spans:#?}"));
        assert_eq!((&told[0]["trace_id"], &told[0]["span_id"]), (&span.trace.clone().into(), &span.id.clone().into()));
        assert_eq!(span.resource["service.name"], "store-api");
        assert_eq!(span.resource["k8s.pod.name"], "shop-api-0");
    }
}

#[tokio::test]
async fn a_dead_collector_is_told_once_and_ends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:canary-7f3a@127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "50"),
        ("RUST_LOG", "info"),
    ];
    let program = Program::start(directory.path(), &variables).await;
    let client = client();
    for _ in 0..10 {
        client.get(format!("{}/products", program.url)).send().await.unwrap();
        // Longer than a batch waits, so that there are several.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let output = program.end();
    assert!(!output.contains(CANARY), "{output}");
    assert_eq!(output.matches("could not export spans").count(), 1, "{output}");
    assert!(output.contains("Connection refused"), "{output}");
    let requests = lines(&output).into_iter().filter(|line| line["route"] == "/products");
    assert_eq!(requests.count(), 10);
}

#[tokio::test]
async fn a_collector_that_takes_spans_again_is_told_of_with_what_it_cost() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::start().await.unwrap();
    collector.become_one_that(Mood::Refuses);
    let endpoint = collector.endpoint();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_EXPORTER_OTLP_TIMEOUT", "50")];
    let program = Program::start(directory.path(), &variables).await;
    let (client, target) = (client(), format!("{}/products", program.url));
    let ask = async || client.get(&target).send().await.unwrap();
    for _ in 0..3 {
        ask().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(collector.asked() >= 2, "{}", collector.asked());
    collector.become_one_that(Mood::Takes);
    ask().await;
    collector.wait_for(|spans| !spans.is_empty()).await.unwrap();
    let output = program.end();
    let told = |what: &str| -> Vec<serde_json::Value> {
        lines(&output).into_iter().filter(|line| line["message"].as_str().unwrap().contains(what)).collect()
    };
    let (broke, works) = (told("could not export spans"), told("spans are exported again"));
    assert_eq!((broke.len(), works.len()), (1, 1), "{output}");
    assert_eq!(broke[0]["cause"], "the collector answered 503 Service Unavailable");
    assert!(works[0]["lost"].as_u64().unwrap() >= 2, "{output}");
}

#[tokio::test]
async fn what_is_not_sampled_is_not_exported_and_still_has_a_trace_id_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::start().await.unwrap();
    let endpoint = collector.endpoint();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_TRACES_SAMPLER", "always_off")];
    let program = Program::start(directory.path(), &variables).await;
    client().get(format!("{}/products", program.url)).send().await.unwrap();
    let output = program.end();
    let line = lines(&output).into_iter().find(|line| line["route"] == "/products").unwrap();
    assert_eq!(line["trace_id"].as_str().map(str::len), Some(32), "{line}");
    assert_eq!(collector.asked(), 0);
}

#[tokio::test]
async fn without_an_endpoint_no_line_has_a_trace_id_and_no_thread_exports() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path(), &[("OTEL_TRACES_SAMPLER", "not looked at")]).await;
    client().get(format!("{}/products", program.url)).send().await.unwrap();
    let threads = std::fs::read_dir(format!("/proc/{}/task", program.child.id())).unwrap();
    let names = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default());
    let names: Vec<String> = names.collect();
    assert!(names.iter().any(|name| name.starts_with("access-log")), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("OpenTelemetry")), "{names:?}");
    assert!(!program.end().contains("trace_id"));
}

#[test]
fn telemetry_that_cannot_work_ends_the_program_and_says_what_to_write() {
    let directory = tempfile::tempdir().unwrap();
    for (variable, value, advice) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_TRACES_SAMPLER", "some", "always_on"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not a URL", "OTEL_EXPORTER_OTLP_"),
    ] {
        let mut command = command(directory.path());
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").env(variable, value);
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(2), "{variable}: {told}");
        assert!(told.contains(advice), "{variable}: {told}");
    }
}

/// Here, since no other test of this process has a subscriber: whether a span is made is remembered for the process.
#[test]
fn without_an_exporter_no_span_is_made_whatever_is_logged() {
    let subscriber = logs::subscriber(Form::Json, EnvFilter::new("trace"), std::io::sink, None);
    let _guard = tracing::subscriber::set_default(subscriber);
    assert!(!store_telemetry::are_on());
    let headers = http::HeaderMap::new();
    let id = http::HeaderValue::from_static("r-1");
    let span = store_api::trace::request(store_api::route::Route::Products, &http::Method::GET, &headers, &id);
    assert!(span.is_disabled());
    assert_eq!(store_api::trace::ended(&span, http::StatusCode::OK), None);
    assert!(store_api::trace::controller(store_api::route::Route::Products).is_disabled());
}
