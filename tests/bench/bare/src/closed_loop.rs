//! A closed loop of HTTP requests over kept connections: as many as the server answers. IO: HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A request that should have been answered with success was not.
#[derive(Debug, thiserror::Error)]
#[error("{path} at {address}: {reason}")]
pub struct LoopError {
    /// The server.
    pub address: SocketAddr,
    /// What was asked.
    pub path: String,
    /// What went wrong.
    pub reason: String,
}

/// What to send.
#[derive(Debug)]
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Gone round, each connection from a place of its own.
    pub paths: Vec<String>,
    /// Who asks.
    pub authorization: Option<HeaderValue>,
    /// Sent by POST; GET without it.
    pub post: Option<Bytes>,
    /// The end.
    pub until: Until,
}

/// What a loop did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Requests answered.
    pub requests: u64,
    /// Bytes of the bodies.
    pub bytes: u64,
    /// Seconds it took.
    pub seconds: f64,
}

/// When a loop ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time.
    Time(Duration),
    /// After so many requests on each connection.
    Requests(u64),
}

/// Sends requests.
///
/// # Errors
/// [`LoopError`] at the first answer that is no success: a figure of failures would be worthless.
pub async fn run(load: &Load) -> Result<Done, LoopError> {
    let began = Instant::now();
    let counts = try_join_all((0..load.connections).map(|number| one(load, number, began))).await?;
    let (requests, bytes) = counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Ok(Done { requests, bytes, seconds: began.elapsed().as_secs_f64() })
}

async fn one(load: &Load, number: usize, began: Instant) -> Result<(u64, u64), LoopError> {
    let wrong = |path: &str, reason: String| LoopError { address: load.address, path: path.to_owned(), reason };
    let stream = TcpStream::connect(load.address).await.map_err(|error| wrong("/", error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| wrong("/", error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| wrong("/", error.to_string()))?;
    // Ends when the sender is dropped.
    tokio::spawn(async move { drop(connection.await) });
    let first = load.paths.len() * number / load.connections.max(1);
    let (mut requests, mut bytes) = (0, 0);
    for path in load.paths.iter().cycle().skip(first) {
        let enough = match load.until {
            Until::Time(time) => began.elapsed() >= time,
            Until::Requests(count) => requests >= count,
        };
        if enough {
            break;
        }
        let request = request(path, load).map_err(|error| wrong(path, error.to_string()))?;
        let response = sender.send_request(request).await.map_err(|error| wrong(path, error.to_string()))?;
        let status = response.status();
        let mut body = response.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| wrong(path, error.to_string()))?;
            length += frame.data_ref().map_or(0, Bytes::len);
        }
        if !status.is_success() {
            return Err(wrong(path, format!("status {status}")));
        }
        requests += 1;
        bytes += length as u64;
    }
    Ok((requests, bytes))
}

fn request(path: &str, load: &Load) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::builder().uri(path).header(HOST, HeaderValue::from_static("bench"));
    if let Some(authorization) = &load.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    if load.post.is_some() {
        request = request.method(Method::POST).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request.body(Full::new(load.post.clone().unwrap_or_default()))
}
