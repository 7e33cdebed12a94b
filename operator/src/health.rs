//! /livez, /readyz and /metrics. IO: an HTTP server on all addresses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Without a beat for this long the process counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// A sign of life: whoever must not get stuck beats, and the probe looks at the last beat.
#[derive(Clone)]
pub struct Heartbeat {
    started: Instant,
    last: Arc<AtomicU64>,
}

impl Heartbeat {
    pub fn new() -> Self {
        Heartbeat { started: Instant::now(), last: Arc::default() }
    }

    /// Alive now.
    pub fn beat(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
    }

    /// Time since the last beat.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}

/// What the probes look at.
#[derive(Clone)]
pub struct Health {
    /// Beaten by the loop that leads or waits to lead.
    pub work: Heartbeat,
    /// Beaten by the answers about the Lease; `None` for a process that takes none.
    pub api_server: Option<Heartbeat>,
    pub metrics: Metrics,
}

/// The routes.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// Serves until `stop`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, health: Health, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router(health)).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn livez(State(health): State<Health>) -> Response {
    verdict("the controller loop", health.work.silence())
}

async fn readyz(State(health): State<Health>) -> Response {
    match health.api_server {
        Some(api_server) => verdict("the Kubernetes API", api_server.silence()),
        None => verdict("the controller loop", health.work.silence()),
    }
}

fn verdict(of: &str, silence: Duration) -> Response {
    if silence < STUCK_AFTER {
        return "ok\n".into_response();
    }
    let text = format!("no sign of life of {of} for {} s\n", silence.as_secs());
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    match health.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_is_silent_for_a_minute_fails_its_probe() {
        assert_eq!(verdict("it", Duration::from_secs(59)).status(), StatusCode::OK);
        assert_eq!(verdict("it", Duration::from_secs(60)).status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_beat_ends_the_silence() {
        let heartbeat = Heartbeat { started: Instant::now() - Duration::from_secs(100), last: Arc::default() };
        assert!(heartbeat.silence() >= Duration::from_secs(99));
        heartbeat.beat();
        assert!(heartbeat.silence() < Duration::from_secs(1));
    }
}
