//! A closed loop of HTTP requests over kept connections: as many as the server answers. IO: HTTP.
//!
//! Its own CPU time is not counted: it runs in another process than what is measured.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A request that should have been answered with 200 was not.
#[derive(Debug, thiserror::Error)]
#[error("measuring {path} at {address}: {reason}")]
pub struct LoopError {
    /// The server.
    pub address: SocketAddr,
    /// What was asked.
    pub path: String,
    /// What went wrong.
    pub reason: String,
}

/// What a loop did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Done {
    /// Requests answered.
    pub requests: u64,
    /// Bytes of the bodies.
    pub bytes: u64,
    /// Time it took.
    pub took: Duration,
}

/// When a loop ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time.
    Time(Duration),
    /// After so many requests on each connection.
    Requests(u64),
}

/// Sends GET requests over `connections` connections, going round `paths`, each connection from a
/// place of its own.
///
/// # Errors
/// [`LoopError`] at the first answer that is not 200: a figure of failures would be worthless.
pub async fn run(address: SocketAddr, connections: usize, paths: &[String], until: Until) -> Result<Done, LoopError> {
    let began = Instant::now();
    let each =
        (0..connections).map(|number| one(address, paths, paths.len() * number / connections.max(1), began, until));
    let counts = try_join_all(each).await?;
    let (requests, bytes) = counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Ok(Done { requests, bytes, took: began.elapsed() })
}

async fn one(
    address: SocketAddr,
    paths: &[String],
    first: usize,
    began: Instant,
    until: Until,
) -> Result<(u64, u64), LoopError> {
    let wrong = |path: &str, reason: String| LoopError { address, path: path.to_owned(), reason };
    let stream = TcpStream::connect(address).await.map_err(|error| wrong("/", error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| wrong("/", error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| wrong("/", error.to_string()))?;
    // Ends when the sender is dropped.
    tokio::spawn(async move { drop(connection.await) });
    let (mut requests, mut bytes) = (0, 0);
    for path in paths.iter().cycle().skip(first) {
        let enough = match until {
            Until::Time(time) => began.elapsed() >= time,
            Until::Requests(count) => requests >= count,
        };
        if enough {
            break;
        }
        let request = Request::get(path).header(HOST, "bench").body(Empty::<Bytes>::new());
        let request = request.map_err(|error| wrong(path, error.to_string()))?;
        let response = sender.send_request(request).await.map_err(|error| wrong(path, error.to_string()))?;
        let status = response.status();
        let mut body = response.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| wrong(path, error.to_string()))?;
            length += frame.data_ref().map_or(0, Bytes::len);
        }
        if status != StatusCode::OK {
            return Err(wrong(path, format!("status {status}")));
        }
        requests += 1;
        bytes += length as u64;
    }
    Ok((requests, bytes))
}
