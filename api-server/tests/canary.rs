//! The program as it is run, with secrets and bodies that are easy to find again: none of them may be in
//! its output, and each request has one line.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground does not hold")]

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// In every secret and every body.
const CANARY: &str = "canary-7f3a";

/// A running program; it is killed with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn no_secret_and_no_body_is_in_any_log_and_each_request_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let token = format!("{CANARY}-token-of-the-seller");
    std::fs::write(directory.path().join("seller"), &token).unwrap();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let child = Command::new(env!("CARGO_BIN_EXE_store-api"))
        // Nobody listens there: connecting fails again and again, and is told.
        .env("CASSANDRA_HOST", "127.0.0.1:1")
        .env("CASSANDRA_USERNAME", "store")
        .env("CASSANDRA_PASSWORD", format!("{CANARY}-password"))
        .env("STORE_CURSOR_KEY", format!("{CANARY}-cursor-key"))
        .env("STORE_AUTH", "tokens")
        .env("STORE_TOKENS_DIRECTORY", directory.path())
        .env("STORE_LISTEN_ADDRESS", "127.0.0.1")
        .env("STORE_PORT", port.to_string())
        .env("STORE_DRAIN_SECONDS", "0")
        .env("LOG_FORMAT", "json")
        .env("RUST_LOG", "debug")
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Program(child);
    let url = format!("http://127.0.0.1:{port}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while client.get(format!("{url}/livez")).header("x-request-id", "waiting").send().await.is_err() {
        assert!(Instant::now() < until, "the program does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

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
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.body(body.clone()).send().await.unwrap();
        assert!(!answer.status().is_success(), "{id}: there is no database");
    }

    let pid = program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(program.0.wait().unwrap().success());
    let mut output = String::new();
    program.0.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    program.0.stderr.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(!output.contains(CANARY), "{output}");
    for (id, ..) in requests {
        let lines = output.lines().filter(|line| line.contains(&format!("\"request_id\":\"{id}\"")));
        assert_eq!(lines.count(), 1, "{id}: {output}");
    }
    for line in output.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["level"].is_string() && value["timestamp"].is_string(), "{line}");
    }
}
