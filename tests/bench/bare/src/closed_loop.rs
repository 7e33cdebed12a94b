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

use super::latency::{Latencies, Percentiles};

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
    pub requests: Vec<Asked>,
    /// Who asks.
    pub authorization: Option<HeaderValue>,
    /// The end.
    pub until: Until,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Path and query.
    pub path: String,
    /// Sent by POST; GET without it.
    pub body: Option<Bytes>,
}

impl Asked {
    /// A line of a file: a path, or a path, a tabulator and a body.
    pub fn read(line: &str) -> Self {
        match line.split_once('\t') {
            Some((path, body)) => Self { path: path.to_owned(), body: Some(body.to_owned().into()) },
            None => Self { path: line.to_owned(), body: None },
        }
    }

    /// As it is sent.
    ///
    /// # Errors
    /// When the path is none.
    pub fn request(&self, authorization: Option<&HeaderValue>) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder().uri(&self.path).header(HOST, HeaderValue::from_static("bench"));
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if self.body.is_some() {
            request = request.method(Method::POST).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request.body(Full::new(self.body.clone().unwrap_or_default()))
    }
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
    /// From a request to the last byte of its answer.
    pub latency: Percentiles,
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
    let seconds = began.elapsed().as_secs_f64();
    let bytes = counts.iter().map(|one| one.1).sum();
    let latencies = Latencies::of(counts.into_iter().map(|one| one.0));
    Ok(Done { requests: latencies.count(), bytes, seconds, latency: latencies.percentiles() })
}

async fn one(load: &Load, number: usize, began: Instant) -> Result<(Latencies, u64), LoopError> {
    let wrong = |path: &str, reason: String| LoopError { address: load.address, path: path.to_owned(), reason };
    let stream = TcpStream::connect(load.address).await.map_err(|error| wrong("/", error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| wrong("/", error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| wrong("/", error.to_string()))?;
    // Ends when the sender is dropped.
    tokio::spawn(async move { drop(connection.await) });
    let first = load.requests.len() * number / load.connections.max(1);
    let (mut latencies, mut bytes) = (Latencies::default(), 0);
    for asked in load.requests.iter().cycle().skip(first) {
        let path = asked.path.as_str();
        let enough = match load.until {
            Until::Time(time) => began.elapsed() >= time,
            Until::Requests(count) => latencies.count() >= count,
        };
        if enough {
            break;
        }
        let request = asked.request(load.authorization.as_ref()).map_err(|error| wrong(path, error.to_string()))?;
        let sent = Instant::now();
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
        latencies.add(sent.elapsed());
        bytes += length as u64;
    }
    Ok((latencies, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_path_or_a_path_with_a_body() {
        assert_eq!(Asked::read("/a?b=c"), Asked { path: "/a?b=c".into(), body: None });
        let asked = Asked::read("/a\t{\"b\": 1}");
        let request = asked.request(None).expect("a request");
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/a"));
        assert_eq!(asked.body.as_deref(), Some(&b"{\"b\": 1}"[..]));
    }
}
