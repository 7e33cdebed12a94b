//! The server on real sockets, as strangers treat it: answers that nobody reads, connections that say nothing, and what is
//! not for them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use store_api::server::{self, Pace};
use tokio::sync::oneshot;

use super::client::Store;

/// Patient with everybody.
pub const PACE: Pace = Pace {
    max_connections: 100,
    first_head_timeout: Duration::from_secs(60),
    write_timeout: Duration::from_secs(60),
    drain: Duration::ZERO,
    shutdown: Duration::from_secs(1),
};

/// The bytes of the page's script are these at least.
const SCRIPT: usize = 1_000_000;

/// A server on loopback; it ends when this is dropped.
struct Server {
    store: Store,
    public: SocketAddr,
    operations: SocketAddr,
    _end: oneshot::Sender<()>,
}

fn start(pace: Pace) -> Server {
    let store = Store::new();
    let ([public, operations], [at_public, at_operations]) = store.doors();
    let (end, ended) = oneshot::channel::<()>();
    let signal = async move {
        let _ = ended.await;
        "the end of the test"
    };
    tokio::spawn(server::serve(public, operations, std::sync::Arc::clone(&store.app), pace, signal));
    Server { store, public: at_public, operations: at_operations, _end: end }
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn asked(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = connected(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// Status of a request that is answered at once.
async fn status(address: SocketAddr, path: &'static str) -> u16 {
    let answer = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        asked(address, path).read_to_string(&mut text).map(|_| text)
    });
    let text = answer.await.unwrap().unwrap();
    text.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_else(|_| panic!("{text}"))
}

/// What is left to be read until the connection ends, however it does.
async fn rest(mut stream: TcpStream) -> usize {
    let read = tokio::task::spawn_blocking(move || {
        let (mut count, mut buffer) = (0, [0; 65536]);
        while let Ok(read) = stream.read(&mut buffer)
            && read > 0
        {
            count += read;
        }
        count
    });
    read.await.unwrap()
}

/// Memory of this process in KiB.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_downloads_that_nobody_reads_cost_no_memory_and_are_cut() {
    let server = start(Pace { max_connections: 300, write_timeout: Duration::from_secs(3), ..PACE });
    let whole = rest(asked(server.public, "/docs/swagger-ui-bundle.js")).await;
    assert!(whole > SCRIPT, "{whole}");
    let before = memory();
    let unread: Vec<TcpStream> = (0..100).map(|_| asked(server.public, "/docs/swagger-ui-bundle.js")).collect();
    for stream in &unread {
        let stream = stream.try_clone().unwrap();
        let begun = tokio::task::spawn_blocking(move || stream.peek(&mut [0; 1]));
        assert_eq!(begun.await.unwrap().unwrap(), 1, "the answer has begun");
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 30_000, "{grown} KiB for 100 downloads of {whole} bytes");
    assert_eq!(server.store.app.unsent.bytes(), 0, "what lies in the program is not counted");
    assert_eq!(status(server.public, "/health").await, 200);
    tokio::time::sleep(Duration::from_secs(5)).await;
    for stream in unread {
        let read = rest(stream).await;
        assert!(read < whole, "{read} of {whole} bytes: it should have been cut");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_times_as_many_idle_connections_as_there_are_seats_keep_neither_probes_nor_clients_out() {
    let server = start(PACE);
    let first = connected(server.public);
    let idle: Vec<TcpStream> = (0..4 * PACE.max_connections + 20).map(|_| connected(server.public)).collect();
    for path in ["/livez", "/readyz", "/metrics"] {
        let asked = Instant::now();
        assert_eq!(status(server.operations, path).await, 200, "{path}");
        assert!(asked.elapsed() < Duration::from_secs(2), "{path} took {:?}", asked.elapsed());
    }
    let asked = Instant::now();
    assert_eq!(status(server.public, "/products").await, 200);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(rest(first).await, 0, "its seat went to a newcomer");
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_sends_the_first_head_is_let_go_and_a_long_head_is_refused() {
    let server = start(Pace { first_head_timeout: Duration::from_millis(500), ..PACE });
    let silent = connected(server.public);
    let mut slow = connected(server.public);
    write!(slow, "GET /products HTTP/1.1\r\nHost: st").unwrap();
    let began = Instant::now();
    assert_eq!((rest(silent).await, rest(slow).await), (0, 0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let mut long = connected(server.public);
    // It may be closed before all of it is written.
    let _ = write!(long, "GET /products HTTP/1.1\r\nHost: store\r\nX-Long: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(rest(long).await < 1024);
    // Once a request has come, its connection may idle.
    let mut kept = connected(server.public);
    for _ in 0..2 {
        write!(kept, "GET /health HTTP/1.1\r\nHost: store\r\n\r\n").unwrap();
        let mut answer = [0; 4096];
        let read = kept.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_metrics_are_at_their_own_door_and_nothing_else_is() {
    let server = start(PACE);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(status(server.public, path).await, 404, "{path}");
        assert_eq!(status(server.operations, path).await, 200, "{path}");
    }
    for path in ["/products", "/docs", "/openapi.json", "/health"] {
        assert_eq!(status(server.operations, path).await, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_answered_before_all_of_the_body_has_come_gets_the_answer() {
    let server = start(PACE);
    let address = server.public;
    for (head, bytes, expected) in [
        ("POST /products/import HTTP/1.1\r\nContent-Type: text/plain", 20_000_000, "HTTP/1.1 415"),
        ("POST /products HTTP/1.1\r\nContent-Type: application/json", 20_000_000, "HTTP/1.1 413"),
        ("POST /nowhere HTTP/1.1", 20_000_000, "HTTP/1.1 404"),
        ("POST /products/import HTTP/1.1\r\nContent-Type: text/csv", 16_800_000, "HTTP/1.1 413"),
    ] {
        let sent = tokio::task::spawn_blocking(move || {
            let mut stream = connected(address);
            write!(stream, "{head}\r\nHost: store\r\nContent-Length: {bytes}\r\n\r\n").unwrap();
            // As clients do that read only once all is written.
            let wrote = stream.write_all(&vec![b'a'; bytes]);
            let mut text = String::new();
            (wrote, stream.read_to_string(&mut text).map(|_| text))
        });
        let (wrote, text) = sent.await.unwrap();
        assert!(wrote.is_ok(), "{head}: {wrote:?}");
        let text = text.unwrap_or_else(|error| panic!("{head}: {error}"));
        assert!(text.starts_with(expected) && text.contains("request_id"), "{head}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_cannot_be_read_is_told_so() {
    let server = start(PACE);
    let address = server.public;
    let many: String = (0..120).map(|at| format!("X-{at}: 1\r\n")).collect();
    let (long, path) = ("x".repeat(70_000), "p".repeat(70_000));
    let first = "GET /health HTTP/1.1\r\nHost: store\r\n\r\n";
    for (head, status) in [
        ("hello\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}".to_owned(), 400),
        ("GET /health HTTP/1.1\r\nHost: store\r\nBad name: 1\r\n\r\n".to_owned(), 400),
        ("GET /health HTTP/1.1\r\nHost: store\r\n : 1\r\n\r\n".to_owned(), 400),
        ("POST /users HTTP/1.1\r\nHost: store\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned(), 400),
        ("POST /users HTTP/1.1\r\nHost: store\r\nContent-Length: -1\r\n\r\n".to_owned(), 400),
        ("POST /users HTTP/1.1\r\nHost: store\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(), 400),
        ("GET /health HTTP/3.7\r\nHost: store\r\n\r\n".to_owned(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        (format!("GET /health HTTP/1.1\r\nHost: store\r\n{many}\r\n"), 431),
        (format!("GET /health HTTP/1.1\r\nHost: store\r\nX-Long: {long}\r\n\r\n"), 431),
        (format!("GET /{path} HTTP/1.1\r\nHost: store\r\n\r\n"), 431),
        (format!("{first}hello\r\n\r\n"), 400),
        (format!("{first}{first}GET /health HTTP/1.1\r\nHost: store\r\n{many}\r\n"), 431),
    ] {
        let told = head.chars().take(80).collect::<String>();
        let before = head.matches(first).count();
        let read = tokio::task::spawn_blocking(move || {
            let mut stream = connected(address);
            stream.write_all(head.as_bytes())?;
            let mut text = String::new();
            stream.read_to_string(&mut text).map(|_| text)
        });
        let text = read.await.unwrap().unwrap_or_else(|error| panic!("{told}: {error}"));
        let answers: Vec<&str> = text.split("HTTP/1.1 ").skip(1).collect();
        assert_eq!(answers.len(), before + 1, "{told}: {text}");
        assert!(answers[..before].iter().all(|answer| answer.starts_with("200")), "{told}: {text}");
        let last = answers[before];
        assert!(last.starts_with(&status.to_string()), "{told}: {text}");
        assert!(
            last.contains("connection: close") && last.contains("date: ") && last.contains("application/problem+json"),
            "{told}: {text}"
        );
        let (head, body) = last.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(body["status"], status, "{told}");
        assert!(head.contains(body["request_id"].as_str().unwrap()), "{told}: {text}");
    }
    let metrics = server.store.get("/metrics").await.text();
    let counted = metrics.lines().find(|line| {
        line.starts_with("http_server_request_duration_seconds_count")
            && line.contains("\"_OTHER\"")
            && line.contains("\"400\"")
    });
    assert!(counted.is_some(), "{metrics}");
}

#[tokio::test]
async fn what_a_client_has_asked_for_is_done_though_it_hangs_up() {
    let store = Store::new();
    // It goes while the last bytes of its request are still on their way.
    let (rest, came) = tokio::sync::oneshot::channel::<()>();
    let body = futures::stream::once(async move {
        came.await.ok();
        Ok::<_, std::io::Error>(bytes::Bytes::from(r#"{"sku": "HANG-1", "name": "Tea", "price": 1}"#))
    });
    let call = store.call("POST", "/products").header("content-type", "application/json");
    let sent = call.body(axum::body::Body::from_stream(body)).send();
    assert!(tokio::time::timeout(Duration::from_millis(50), sent).await.is_err(), "it waits for its body");
    rest.send(()).unwrap();
    store.app.writes.close();
    store.app.writes.wait().await;
    let found = store.get("/products?sku=HANG-1").await.json();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
}

#[tokio::test]
async fn a_client_that_hangs_up_is_counted_as_one() {
    let store = Store::new();
    let silent = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let call = store.call("POST", "/products").header("content-type", "application/json");
    let sent = call.body(axum::body::Body::from_stream(silent)).send();
    assert!(tokio::time::timeout(Duration::from_millis(50), sent).await.is_err(), "it waits for its body");
    let metrics = store.get("/metrics").await.text();
    let counted = metrics
        .lines()
        .find(|line| line.starts_with("http_server_request_duration_seconds_count") && line.contains("\"499\""));
    assert!(counted.is_some_and(|line| line.contains("/products") && line.ends_with(" 1")), "{counted:?}");
    let active = metrics.lines().find(|line| line.starts_with("http_server_active_requests "));
    assert_eq!(active, Some("http_server_active_requests 1"), "the scrape itself alone");
}
