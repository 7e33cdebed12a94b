//! An import that is not waited for: its file is read, its request is answered 202, and the work goes on. Every process
//! can be asked what became of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::watch;
use uuid::Uuid;

use super::body::{self, Broken};
use crate::app::{App, LONG_REQUEST, Services};
use crate::controllers::answer;
use crate::controllers::request::{self, Access, Query};
use crate::models::Context;
use crate::models::bulk::Counts;
use crate::models::import::Kind;
use crate::models::imports::BEAT;
use crate::problem::{Problem, ProblemDoc};
use crate::views::csv::import::{self, ImportDoc};

/// When to ask again, in seconds.
const ASK_AGAIN: u32 = 2;

/// Whether a request asks to be answered before its work is done (RFC 7240, 4.1).
pub fn is_asked(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|preference| {
        preference.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("respond-async"))
    })
}

/// Reads the file, answers 202 and lets `work` go on with it, which tells how far it is.
///
/// # Errors
/// 503 where other files are held already, and what may be wrong with a body, before anything is done.
pub async fn begin<F>(
    app: &Arc<App>,
    kind: Kind,
    file: Body,
    work: impl FnOnce(Body, watch::Sender<Counts>) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    let Ok(room) = Arc::clone(&app.held_files).try_acquire_owned() else {
        let detail = "other files are being worked on, nothing was changed";
        return Err(Problem::unavailable("overloaded", detail));
    };
    let read = tokio::time::timeout(LONG_REQUEST, body::whole(file, app.limits.request_timeout));
    let file = read.await.unwrap_or(Err(Broken::TooSlow(LONG_REQUEST))).map_err(Broken::problem)?;
    let services = request::services(app)?.clone();
    let timeout = app.limits.request_timeout;
    let begun = services.imports.begin(&Context::within(timeout), kind).await?;
    let (id, counts) = (begun.id, watch::Sender::new(Counts::default()));
    let work = work(file, counts.clone());
    app.jobs.spawn(async move {
        let done = {
            let mut work = pin!(work);
            tokio::select! {
                done = &mut work => done,
                () = beats(&services, id, &counts, timeout) => work.await,
            }
        };
        let all = *counts.borrow();
        services.imports.beat(&Context::within(timeout), id, &import::progress(all)).await;
        let (status, answer) = ended(done, id).await;
        tracing::info!(import = %id, kind = kind.name(), status, "an import has ended that nobody waited for");
        services.imports.end(id, timeout, status, answer).await;
        drop(room);
    });
    let mut response = answer::json(StatusCode::ACCEPTED, import::shown(&begun));
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(format!("/imports/{id}")) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN));
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    Ok(response)
}

/// Tells again and again how far an import is.
async fn beats(services: &Services, id: Uuid, counts: &watch::Sender<Counts>, timeout: Duration) {
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let now = *counts.borrow();
        services.imports.beat(&Context::within(timeout), id, &import::progress(now)).await;
    }
}

/// What an import would have been answered with.
async fn ended(done: Result<Response, Problem>, id: Uuid) -> (u16, Vec<u8>) {
    match done {
        Ok(response) => {
            let status = response.status().as_u16();
            // It lies in memory whole.
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
            (status, body.to_vec())
        }
        Err(problem) => (problem.status.as_u16(), problem.body(&id.to_string())),
    }
}

/// Read what became of an import
///
/// Of one that was sent with `Prefer: respond-async`: how far it is, and in the end what it would have been answered with.
/// Remembered for a day.
#[utoipa::path(
    get, path = "/imports/{id}", tag = "operations", operation_id = "getImport",
    params(("id" = Uuid, Path, description = "Id of the import, from the `Location` of its answer 202")),
    responses(
        (status = 200, description = "The import; while it runs with `Retry-After`", body = ImportDoc),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, description = "No such import, or none of the last day", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn show(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    let id = request::path_id(&parts, "import")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let import = request::services(&app)?.imports.find(&cx, id).await?;
    let mut response = answer::json(StatusCode::OK, import::shown(&import));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if import.ended.is_none() && import.alive {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn respond_async_is_asked_for_among_other_preferences() {
        for (lines, asked) in [
            (&["respond-async"][..], true),
            (&["Respond-Async; wait=10"], true),
            (&["return=minimal, respond-async"], true),
            (&["return=minimal", "respond-async"], true),
            (&["wait=10"], false),
            (&["respond-asynchronously"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("prefer", HeaderValue::from_static(line));
            }
            assert_eq!(is_asked(&headers), asked, "{lines:?}");
        }
    }
}
