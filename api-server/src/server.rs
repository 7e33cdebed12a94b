//! Listening, connections, and the order of a graceful end. IO.
//!
//! Two doors: one for clients, and one of its own for probes and metrics, which no crowd before the other keeps waiting.
//! What a client may hold in the process is bounded at the first: connections, the bytes of heads, the time until the
//! first head has come, and the time that an answer waits to be read.
//!
//! After the signal: `/readyz` is false at once; for `drain` new connections and requests are still
//! taken, because endpoints take time to spread; then the listener closes, idle connections are
//! closed, running requests may end until `shutdown`. Probes are answered to the end.

mod arriving;
pub mod outgoing;
mod patient;
mod refusal;
mod seats;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::edge::Edge;
use crate::route::Route;
use arriving::Arriving;
use outgoing::Outgoing;
use patient::Patient;
use seats::{Seats, Taken};

/// How the server begins and ends.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Connections open at once.
    pub max_connections: usize,
    /// How long a connection may take for the head of its first request.
    pub first_head_timeout: Duration,
    /// How long an answer waits for its client to read on.
    pub write_timeout: Duration,
    /// Serving on after the signal.
    pub drain: Duration,
    /// Running requests after that.
    pub shutdown: Duration,
}

/// A listener, and who answers there.
pub struct Door {
    pub listener: TcpListener,
    pub edge: Edge,
}

/// Idle connections and slow headers: longer than proxies keep idle connections (90 s), so that
/// the proxy closes first and never sends into a closing connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(100);
/// How long a connection may take for the head of its first request.
pub const FIRST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's head, and of an answer that are gathered for one write.
pub const MAX_HEAD: usize = 16 * 1024;
/// Connections of probes and scrapers at once.
const OPERATIONS_CONNECTIONS: usize = 64;
/// What the kernel takes of an answer before its client has; it doubles this. Its own bound would be megabytes, which
/// count as this process's memory.
const SEND_BUFFER: u32 = 64 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Listens at an address.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `signal`, then ends gracefully.
pub async fn serve(
    public: Door,
    operations: Door,
    app: Arc<App>,
    pace: Pace,
    signal: impl Future<Output = &'static str>,
) {
    let (closing, closed) = watch::channel(false);
    let connections = TaskTracker::new();
    let seats = Seats::new(pace.max_connections);
    // Its connections are closed with the process.
    let (_open, open) = watch::channel(false);
    let probes = accept(operations, TaskTracker::new(), Seats::new(OPERATIONS_CONNECTIONS), pace, open);
    let mut probes = pin!(probes);
    let mut accepting = Box::pin(accept(public, connections.clone(), seats, pace, closed));
    let cause = tokio::select! {
        () = &mut accepting => "the listener ended",
        () = &mut probes => "the listener of probes ended",
        cause = signal => cause,
    };
    tracing::info!(cause, drain = ?pace.drain, "shutting down: not ready any more, still serving");
    app.drain();
    tokio::select! {
        () = tokio::time::sleep(pace.drain) => {}
        () = &mut probes => tracing::warn!("the listener of probes ended while draining"),
        () = &mut accepting => tracing::warn!("the listener ended while draining"),
    }
    drop(accepting);
    tracing::info!(open = connections.len(), "listener closed, waiting for running requests");
    closing.send_replace(true);
    connections.close();
    app.jobs.close();
    app.writes.close();
    // What goes on without a connection has been told to end, too, and keeps what became of it.
    let ended = async {
        connections.wait().await;
        app.jobs.wait().await;
        app.writes.wait().await;
    };
    tokio::select! {
        () = ended => {}
        () = tokio::time::sleep(pace.shutdown) => {
            tracing::warn!(left = connections.len() + app.jobs.len() + app.writes.len(), "requests were still running at the end of the shutdown time");
        }
        () = &mut probes => {}
    }
    tracing::info!("stopped");
}

/// Accepts whoever comes: to leave them in the kernel's queue would keep those behind them waiting.
async fn accept(
    Door { listener, edge }: Door,
    connections: TaskTracker,
    seats: Arc<Seats>,
    pace: Pace,
    closed: watch::Receiver<bool>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match seats.take() {
                Some(seat) => {
                    connections.spawn(connection(stream, edge.clone(), Arc::new(seat), pace, closed.clone()));
                }
                None => {
                    tracing::debug!("closed a new connection: all others are at work");
                    drop(stream);
                }
            },
            Err(error) => {
                // Out of file descriptors, usually: going on at once would spin.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, edge: Edge, seat: Arc<Taken>, pace: Pace, mut closed: watch::Receiver<bool>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let peer = stream.peer_addr().ok().map(|address| address.ip());
    let unsent = edge.unsent();
    let service = {
        let (seat, edge) = (Arc::clone(&seat), edge.clone());
        service_fn(move |request: Request<Incoming>| {
            let (edge, busy) = (edge.clone(), seat.busy());
            let seat = Arc::clone(&seat);
            let counted = (!Route::of(request.uri().path()).is_in_the_program()).then(|| unsent.clone());
            async move {
                let answer = edge.answer(request.map(|body| Arriving::new(body, seat)), peer).await;
                answer.map(|response| response.map(|body| Outgoing::new(body, counted, busy)))
            }
        })
    };
    // Without pipeline_flush, for which hyper copies every body into its own buffer: an answer that nobody reads would be
    // in memory once more for each connection.
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Patient::new(stream, pace.write_timeout, Arc::clone(&seat))), service);
    let mut first_head = pin!(tokio::time::sleep(pace.first_head_timeout));
    let mut waits = true;
    let mut leaving = false;
    let end = loop {
        tokio::select! {
            end = &mut serving => break end,
            () = seat.lost() => return,
            () = &mut first_head, if waits => {
                if !seat.spoke() {
                    return;
                }
                waits = false;
            }
            () = until_closed(&mut closed), if !leaving => {
                std::pin::Pin::new(&mut serving).graceful_shutdown();
                leaving = true;
            }
        }
    };
    let Err(error) = end else { return };
    tracing::debug!(%error, "connection ended early");
    let mut stream = serving.into_parts().io.into_inner();
    // What hyper gives no answer to is the beginning of HTTP/2.
    if let Some(status) = stream.refused().or_else(|| error.is_parse().then_some(400)) {
        let answer = edge.refuse(status, peer);
        let answered = async {
            stream.write_all(&refusal::written(answer).await).await?;
            stream.shutdown().await
        };
        tokio::select! {
            answered = answered => if let Err(error) = answered {
                tracing::debug!(%error, "a head that could not be read was not answered");
            },
            () = seat.lost() => {}
        }
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
