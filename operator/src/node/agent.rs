//! `node-agent`: a small HTTP server beside Cassandra. `/ready` is the readiness probe of the pod,
//! `/disk` tells the operator how full the volume is, `/metrics` tells a Prometheus how the node does.
//!
//! IO: listens on one port, asks Cassandra on the loopback, reads the file system's figures.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use clap::Args;
use serde::Serialize;
use store_crds::{CQL_PORT, JOLOKIA_PORT, NODE_AGENT_PORT};
use store_planner::node::files;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::metrics::{LONGEST, NodeMetrics, Source};
use crate::cassandra::jmx;

/// How long Cassandra may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// How long an answer counts, so that however many ask, Cassandra is asked a few times a second.
const FRESH: Duration = Duration::from_millis(300);

/// Where the agent listens and what it looks at.
#[derive(Args, Clone, Debug)]
pub struct AgentArgs {
    /// Port to listen on.
    #[arg(long, default_value_t = port(NODE_AGENT_PORT))]
    pub port: u16,
    /// Port on which Cassandra serves CQL.
    #[arg(long, default_value_t = port(CQL_PORT))]
    pub cql_port: u16,
    /// Volume of the node.
    #[arg(long, default_value = files::DATA_DIR)]
    pub data_dir: PathBuf,
    /// Port of the management agent in Cassandra.
    #[arg(long, default_value_t = port(JOLOKIA_PORT))]
    pub jolokia_port: u16,
    /// Credentials of that port: the files `username` and `password`.
    #[arg(long, default_value = files::CREDENTIALS_DIR)]
    pub credentials_dir: PathBuf,
}

fn port(number: i32) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

/// Why the agent could not serve.
#[derive(Debug, Error)]
pub enum AgentError {
    #[error("listening on port {port}: {source}; is another agent running in this pod?")]
    Listen { port: u16, source: io::Error },
    #[error("serving: {0}")]
    Serve(io::Error),
    #[error("registering the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("making the client of Cassandra's management agent: {0}")]
    Client(#[from] reqwest::Error),
}

/// Serves until `shutdown` is done.
///
/// # Errors
/// The port is taken, or the listener broke.
pub async fn node_agent(
    args: AgentArgs,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), AgentError> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, args.port));
    let listener = TcpListener::bind(address).await.map_err(|source| AgentError::Listen { port: args.port, source })?;
    axum::serve(listener, router(&args)?).with_graceful_shutdown(shutdown).await.map_err(AgentError::Serve)
}

/// What the requests share.
struct Node {
    cql: SocketAddr,
    data_dir: PathBuf,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
    client: reqwest::Client,
    source: Source,
    metrics: NodeMetrics,
}

fn router(args: &AgentArgs) -> Result<Router, AgentError> {
    let node = Node {
        cql: SocketAddr::from((Ipv4Addr::LOCALHOST, args.cql_port)),
        data_dir: args.data_dir.clone(),
        last: Mutex::new(None),
        client: jmx::http_client()?,
        source: Source {
            jolokia: SocketAddr::from((Ipv4Addr::LOCALHOST, args.jolokia_port)),
            credentials_dir: args.credentials_dir.clone(),
            data_dir: args.data_dir.clone(),
        },
        metrics: NodeMetrics::new()?,
    };
    let routes = Router::new().route("/ready", get(ready)).route("/disk", get(disk)).route("/metrics", get(metrics));
    Ok(routes.with_state(Arc::new(node)))
}

/// 200 when Cassandra answers CQL, else 503 with the reason.
async fn ready(State(node): State<Arc<Node>>) -> Response {
    // those who come while Cassandra is being asked wait for that one answer
    let mut last = node.last.lock().await;
    let answer = match &*last {
        Some((at, answer)) if at.elapsed() < FRESH => answer.clone(),
        _ => {
            let answer = ask_cassandra(node.cql).await;
            *last = Some((Instant::now(), answer.clone()));
            answer
        }
    };
    match answer {
        Ok(()) => (StatusCode::OK, "ready\n").into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n").into_response(),
    }
}

/// A frame of the native protocol, version 4: OPTIONS, which is answered before log-in.
const OPTIONS: [u8; 9] = [0x04, 0, 0, 0, 0x05, 0, 0, 0, 0];
/// Version byte of an answer, and the operation SUPPORTED.
const RESPONSE_V4: u8 = 0x84;
const SUPPORTED: u8 = 0x06;

async fn ask_cassandra(address: SocketAddr) -> Result<(), String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&OPTIONS).await?;
        let mut header = [0; 9];
        stream.read_exact(&mut header).await?;
        Ok::<_, io::Error>(header)
    };
    match timeout(ANSWER, exchange).await {
        Ok(Ok([RESPONSE_V4, _, _, _, SUPPORTED, ..])) => Ok(()),
        Ok(Ok(header)) => Err(format!("asking Cassandra for its options: answer {header:02x?} is not one of CQL v4")),
        Ok(Err(error)) => Err(format!("asking Cassandra for its options: {error}")),
        Err(_) => Err(format!("asking Cassandra for its options: no answer within {ANSWER:?}")),
    }
}

/// Bytes of the file system that holds the data.
#[derive(Serialize)]
struct Disk {
    total: u64,
    /// Of them free for Cassandra.
    free: u64,
}

/// 200 with total and free bytes of the volume, 500 if it cannot be looked at.
async fn disk(State(node): State<Arc<Node>>) -> Response {
    match rustix::fs::statvfs(&node.data_dir) {
        Ok(figures) => Json(Disk {
            total: figures.f_blocks.saturating_mul(figures.f_frsize),
            free: figures.f_bavail.saturating_mul(figures.f_frsize),
        })
        .into_response(),
        Err(error) => {
            let text = format!("asking for the space of {}: {error}\n", node.data_dir.display());
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

/// What Cassandra and its disk tell now, in Prometheus' text form.
async fn metrics(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    match node.metrics.scrape(&node.client, &node.source, patience(&headers)).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// How long the scraper says that it waits, in seconds; without such a word, the least that is usual.
const SCRAPER_WAITS: &str = "x-prometheus-scrape-timeout-seconds";

/// How long Cassandra is waited for: short enough that a scraper hears that it does not answer.
fn patience(headers: &HeaderMap) -> Duration {
    let told = headers.get(SCRAPER_WAITS).and_then(|value| value.to_str().ok()?.parse::<f32>().ok());
    told.and_then(|seconds| Duration::try_from_secs_f32(seconds * 0.8).ok()).map_or(LONGEST, |told| told.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tower::ServiceExt;

    /// A listener that answers each connection with `reply`, and counts them; none: it stays silent.
    async fn fake_cassandra(reply: Option<Vec<u8>>) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut request = [0; 9];
                let asked = stream.read_exact(&mut request).await.is_ok() && request == OPTIONS;
                if let Some(reply) = reply.as_ref().filter(|_| asked) {
                    stream.write_all(reply).await.unwrap();
                }
                open.push(stream);
            }
        });
        (port, count)
    }

    fn args(port: u16, cql_port: u16) -> AgentArgs {
        AgentArgs { port, cql_port, data_dir: "/".into(), jolokia_port: 1, credentials_dir: "/nonexistent".into() }
    }

    fn agent(cql_port: u16) -> Router {
        router(&args(0, cql_port)).unwrap()
    }

    async fn get(router: &Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_pod_is_ready_when_cassandra_answers_cql() {
        let (port, _) = fake_cassandra(Some(vec![0x84, 0, 0, 0, 0x06, 0, 0, 0, 2, 0, 0])).await;
        assert_eq!(get(&agent(port), "/ready").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn the_pod_is_not_ready_while_nothing_or_something_else_answers() {
        let (port, _) = fake_cassandra(Some(b"HTTP/1.1 400".to_vec())).await;
        let (status, reason) = get(&agent(port), "/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reason.contains("not one of CQL v4"), "{reason}");

        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
        let (status, reason) = get(&agent(closed), "/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reason.contains("refused"), "{reason}");
    }

    #[tokio::test]
    async fn a_silent_cassandra_is_waited_for_a_second_only() {
        let (port, _) = fake_cassandra(None).await;
        let start = Instant::now();
        let (status, reason) = get(&agent(port), "/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reason.contains("no answer within 1s"), "{reason}");
        assert!(start.elapsed() < Duration::from_secs(3));
    }

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_question() {
        let (port, count) = fake_cassandra(Some(vec![0x84, 0, 0, 0, 0x06, 0, 0, 0, 0])).await;
        let agent = agent(port);
        let answers = futures::future::join_all((0..50).map(|_| get(&agent, "/ready"))).await;
        assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_disk_is_told_in_bytes() {
        let (status, body) = get(&agent(1), "/disk").await;
        assert_eq!(status, StatusCode::OK);
        let figures: serde_json::Value = serde_json::from_str(&body).unwrap();
        let (total, free) = (figures["total"].as_u64().unwrap(), figures["free"].as_u64().unwrap());
        assert!(total > 1 << 20 && free <= total, "{body}");
    }

    #[tokio::test]
    async fn the_metrics_are_served_also_while_cassandra_is_down() {
        let (status, body) = get(&agent(1), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("\ncassandra_up 0\n"), "{body}");
    }

    #[test]
    fn a_scraper_that_waits_shortly_hears_in_time_that_cassandra_is_silent() {
        for (told, expected) in [("2", 1600), ("10", 5000), ("-1", 5000), ("soon", 5000)] {
            let headers = [(SCRAPER_WAITS.parse().unwrap(), told.parse().unwrap())].into_iter().collect();
            assert_eq!(patience(&headers).as_millis(), expected, "{told}");
        }
        assert_eq!(patience(&HeaderMap::new()), LONGEST);
    }

    #[tokio::test]
    async fn the_agent_ends_when_it_is_told_to() {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
        let agent = tokio::spawn(node_agent(args(free, 1), async move { drop(stopped.await) }));
        stop.send(()).unwrap();
        let end = timeout(Duration::from_secs(5), agent).await.unwrap().unwrap();
        assert!(end.is_ok());
    }
}
