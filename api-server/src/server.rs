//! Listening, connections, and the order of a graceful end. IO.
//!
//! After the signal: `/readyz` is false at once; for `drain` new connections and requests are still
//! taken, because endpoints take time to spread; then the listener closes, idle connections are
//! closed, running requests may end until `shutdown`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::edge::Edge;

/// How the server begins and ends.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Connections open at once.
    pub max_connections: usize,
    /// Serving on after the signal.
    pub drain: Duration,
    /// Running requests after that.
    pub shutdown: Duration,
}

/// Idle connections and slow headers: longer than proxies keep idle connections (90 s), so that
/// the proxy closes first and never sends into a closing connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(100);
/// Bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;

/// Serves until `signal`, then ends gracefully.
pub async fn serve(
    listener: TcpListener,
    edge: Edge,
    app: Arc<App>,
    pace: Pace,
    signal: impl Future<Output = &'static str>,
) {
    let (closing, closed) = watch::channel(false);
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(pace.max_connections));
    let mut accepting = Box::pin(accept(listener, edge, connections.clone(), slots, closed));
    let cause = tokio::select! {
        () = &mut accepting => "the listener ended",
        cause = signal => cause,
    };
    tracing::info!(cause, drain = ?pace.drain, "shutting down: not ready any more, still serving");
    app.drain();
    if tokio::time::timeout(pace.drain, &mut accepting).await.is_ok() {
        tracing::warn!("the listener ended while draining");
    }
    drop(accepting);
    tracing::info!(open = connections.len(), "listener closed, waiting for running requests");
    closing.send_replace(true);
    connections.close();
    if tokio::time::timeout(pace.shutdown, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "requests were still running at the end of the shutdown time");
    }
    tracing::info!("stopped");
}

async fn accept(
    listener: TcpListener,
    edge: Edge,
    connections: TaskTracker,
    slots: Arc<Semaphore>,
    closed: watch::Receiver<bool>,
) {
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = connection(stream, edge.clone(), closed.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of file descriptors, usually: going on at once would spin.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, edge: Edge, mut closed: watch::Receiver<bool>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let peer = stream.peer_addr().ok().map(|address| address.ip());
    let service = service_fn(move |request| {
        let edge = edge.clone();
        async move { edge.answer(request, peer).await }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let end = tokio::select! {
        end = &mut serving => end,
        () = until_closed(&mut closed) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = end {
        tracing::debug!(%error, "connection ended early");
    }
}

/// The end of the process closes connections too: the sender is gone then.
async fn until_closed(closed: &mut watch::Receiver<bool>) {
    drop(closed.wait_for(|closed| *closed).await);
}

/// The first of SIGTERM and SIGINT.
pub async fn signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::error!(%error, "could not listen for SIGTERM");
            return "no signals";
        }
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = tokio::signal::ctrl_c() => "SIGINT",
    }
}
