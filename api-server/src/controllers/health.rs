//! Probes and metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer;
use super::request;
use crate::app::App;
use crate::auth::Gate;
use crate::models::Context;
use crate::problem::Problem;

/// How long a readiness probe waits for the database.
const PROBE: Duration = Duration::from_millis(1500);

/// State of the process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    #[schema(example = "ok")]
    status: &'static str,
}

fn ok(status: &'static str) -> Response {
    let body = format!("{{\"status\":\"{status}\"}}");
    answer::json(StatusCode::OK, body.into_bytes())
}

/// Is the service healthy
#[utoipa::path(get, path = "/health", tag = "operations", operation_id = "health",
    responses((status = 200, description = "The process serves", body = Status)))]
pub async fn health() -> Response {
    ok("healthy")
}

/// Is the service healthy, by its older name
#[utoipa::path(get, path = "/health-check", tag = "operations", operation_id = "healthCheck",
    responses((status = 200, description = "The process serves", body = Status)))]
pub async fn health_check() -> Response {
    ok("ok")
}

/// Liveness: never depends on Cassandra.
pub async fn livez() -> Response {
    ok("ok")
}

/// How requests tell who sends them, and how it stands with the keys that signed tokens are checked by.
#[derive(Serialize)]
struct Identity<'a> {
    /// `off`, `tokens` or `oidc`.
    auth: &'static str,
    /// Of `oidc` alone.
    #[serde(flatten)]
    issuer: Option<Issuer<'a>>,
}

#[derive(Serialize)]
struct Issuer<'a> {
    issuer: &'a str,
    /// Keys that tokens are checked by now.
    keys: usize,
    /// Why the issuer's keys were not had when they were last asked for; null: they were.
    failure: Option<String>,
}

/// Whether signed tokens can be checked, for whoever runs the store.
pub async fn identity(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let (auth, issuer) = match &app.gate {
        Gate::Off => ("off", None),
        Gate::Tokens(_) => ("tokens", None),
        Gate::Oidc(oidc) => {
            let state = oidc.state();
            ("oidc", Some(Issuer { issuer: oidc.issuer(), keys: state.keys, failure: state.failure }))
        }
    };
    let body = serde_json::to_vec(&Identity { auth, issuer }).map_err(|error| {
        tracing::error!(%error, "could not write how it stands with the keys");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_writable", "the answer could not be written")
    })?;
    Ok(answer::json(StatusCode::OK, body))
}

/// Readiness: Cassandra answers, the schema was found to be the expected one, no shutdown is under way, and the keys
/// that signed tokens are checked by were had once: a pod without them must not take the place of one that has them.
pub async fn readyz(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    if app.is_draining() {
        return Err(Problem::unavailable("draining", "the process is shutting down"));
    }
    let services = request::services(&app)?;
    let look = || async { Ok(services.cluster.ready(&Context::within(PROBE)).await?) };
    app.readiness.of(look).await?;
    if let Some(awaited) = app.gate.awaits() {
        return Err(awaited);
    }
    Ok(ok("ready"))
}

/// Metrics in Prometheus' text form.
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.metrics.allowed.set(i64::try_from(app.admission.allowed()).unwrap_or(i64::MAX));
    let text = app.metrics.render().map_err(|error| {
        tracing::error!(%error, "could not render metrics");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_writable", "the metrics could not be written")
    })?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    Ok(response)
}
