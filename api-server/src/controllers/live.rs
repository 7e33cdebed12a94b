//! `/cluster/live`: the nodes of the ring as they change.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::answer;
use super::changes::{EVENTS, LAST_EVENT_ID, LOOK, SILENCE, event_stream, place, read_wait};
use super::request::{self, Query};
use crate::admission::listeners::Place;
use crate::app::App;
use crate::models::live::Viewer;
use crate::models::ring::Node;
use crate::problem::Problem;
use crate::views::cluster::NodeView;

/// How long the first look may take.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// The nodes, and what they are known by.
#[derive(Serialize, ToSchema)]
#[schema(as = ClusterLive)]
pub struct LiveView {
    /// Another one as soon as anything of the nodes is.
    pub id: String,
    pub nodes: Vec<NodeView>,
}

impl LiveView {
    fn of(nodes: &[Node]) -> Self {
        let nodes: Vec<NodeView> = nodes.iter().map(NodeView::from).collect();
        let text = serde_json::to_vec(&nodes).unwrap_or_default();
        let digest = Sha256::digest(text);
        Self { id: digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect(), nodes }
    }
}

/// Watch the nodes of the ring
///
/// The nodes as the process that answers sees them. With `after`, the `id` of the answer before, it comes as soon as
/// anything of them is another, or after `wait` seconds.
///
/// With `Accept: text/event-stream` the same comes as server-sent events named `nodes`; `Last-Event-ID` leaves out what the
/// viewer has.
#[utoipa::path(
    get, path = "/cluster/live", tag = "cluster", operation_id = "watchNodes",
    params(
        ("after" = Option<String>, Query, description = "The `id` that the viewer has", nullable = false, pattern = "^[0-9a-f]{24}$"),
        ("wait" = Option<u32>, Query, description = "Seconds to wait for a change, 20 by default", minimum = 0, maximum = 60, nullable = false),
    ),
    responses(
        (status = 200, description = "The nodes", body = LiveView, content_type = "application/json"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn nodes(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let media_type = request::accepts(&parts.headers, &["application/json", EVENTS])?;
    let mut query = Query::read(&parts, &["after", "wait"], &[])?;
    let wait = read_wait(&mut query)?;
    let given = query.take("after");
    if given.as_ref().is_some_and(|id| id.len() != 24 || !id.bytes().all(|byte| b"0123456789abcdef".contains(&byte))) {
        let detail = "after is the id of an answer before, leave it out to be answered at once";
        return Err(Problem::malformed_at("query:after", "not_readable", detail));
    }
    let told = parts.headers.get(&LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let after = told.or(given);
    let mut viewer = request::services(&app)?.live.watch();
    let place = place(&app, &parts)?;
    if media_type == EVENTS {
        let watcher = Watcher { app, viewer, has: after, first: true, last_word: Instant::now(), _place: place };
        return Ok(events(parts, watcher));
    }
    let unseen = || Problem::unavailable("database_unreachable", "the nodes could not be looked at in time");
    let mut view = LiveView::of(&viewer.next(FIRST_LOOK).await.ok_or_else(unseen)?);
    let until = Instant::now() + wait;
    while after.as_ref() == Some(&view.id) && Instant::now() < until && !app.is_draining() {
        let left = until.saturating_duration_since(Instant::now()).min(LOOK);
        if let Some(nodes) = viewer.changed(left).await {
            view = LiveView::of(&nodes);
        }
    }
    let body = serde_json::to_vec(&view).unwrap_or_default();
    let mut response = answer::json(StatusCode::OK, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A viewer of events.
struct Watcher {
    app: Arc<App>,
    viewer: Viewer,
    /// What it has.
    has: Option<String>,
    first: bool,
    last_word: Instant,
    _place: Place,
}

fn events(parts: Parts, watcher: Watcher) -> Response {
    let app = Arc::clone(&watcher.app);
    let events = stream::unfold(watcher, |mut watcher| async move {
        loop {
            // The client comes again, to another process.
            if watcher.app.is_draining() {
                return None;
            }
            let seen = if watcher.first { watcher.viewer.next(LOOK).await } else { watcher.viewer.changed(LOOK).await };
            if let Some(nodes) = seen {
                watcher.first = false;
                let view = LiveView::of(&nodes);
                if watcher.has.as_ref() != Some(&view.id) {
                    let data = serde_json::to_string(&view.nodes).unwrap_or_default();
                    let event = format!("id: {}\nevent: nodes\ndata: {data}\n\n", view.id);
                    watcher.has = Some(view.id);
                    watcher.last_word = Instant::now();
                    return Some((Ok::<_, Infallible>(Bytes::from(event)), watcher));
                }
            }
            if watcher.last_word.elapsed() >= SILENCE {
                watcher.last_word = Instant::now();
                return Some((Ok(Bytes::from(":\n\n")), watcher));
            }
        }
    });
    event_stream(app, parts, events)
}
