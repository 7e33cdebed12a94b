//! `/changes`: the feed, as a list that is waited for or as server-sent events. And `/audit`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use super::answer;
use super::request::{self, Access, Query};
use crate::admission::listeners::Place;
use crate::app::App;
use crate::models::change::AuditFilter;
use crate::models::changes::{Batch, Kinds, Listener, Position, ReadError};
use crate::models::now_ms;
use crate::problem::Problem;
use crate::route::Route;
use crate::views::change::{self as view, AuditDoc, ChangesDoc};
use crate::views::{json, order};

const MEDIA_TYPES: &[&str] = &["application/json", EVENTS];
pub(super) const EVENTS: &str = "text/event-stream";
/// Where a reader that was cut off has been; browsers send it by themselves.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How long a list is waited for unless the client says otherwise, and at most, in seconds.
const WAIT: u64 = 20;
const WAIT_MAX: u64 = 60;
/// Between two looks whether the process is leaving.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Between two looks whether whoever listens may still do so: a token ends, or is taken back.
const ADMITTED_FOR: Duration = Duration::from_secs(15);
/// Without a word for so long a proxy may take a connection for dead.
pub(super) const SILENCE: Duration = Duration::from_secs(15);

/// Read the feed of changes
///
/// What has changed of products, stocks and orders after a position, oldest first. Each version of an object comes at least
/// once, and never first before the version below it; the versions of a stock have no gaps. Without `after` the answer is the end of the feed, where a reader begins that has read all
/// else. With it the answer comes as soon as there is a change, or after `wait` seconds without one. `next` is where to go on.
///
/// With `Accept: text/event-stream` the same comes as server-sent events, one a change, named by its kind; their ids are
/// positions, and `Last-Event-ID` goes on after one.
#[utoipa::path(
    get, path = "/changes", tag = "changes", operation_id = "listChanges",
    params(
        ("after" = Option<String>, Query, description = "A position of this feed: `next`, or the id of an event", nullable = false, pattern = "^[0-9]{1,18}-[0-9]{1,6}$"),
        ("kinds" = Option<String>, Query, description = "Which changes, a comma list; all unless given", nullable = false, pattern = "^(product|stock|order)(,(product|stock|order)){0,2}$", example = "stock,order"),
        ("wait" = Option<u32>, Query, description = "Seconds to wait for a change, 20 by default", minimum = 0, maximum = 60, nullable = false),
    ),
    responses(
        (status = 200, description = "Changes, or none", body = ChangesDoc, content_type = "application/json"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 410, response = crate::openapi::Gone),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn changes(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let media_type = request::accepts(&parts.headers, MEDIA_TYPES)?;
    let mut query = Query::read(&parts, &["after", "kinds", "wait"], &[])?;
    let kinds = match query.take("kinds") {
        None => Kinds::ALL,
        Some(list) => Kinds::of(&list).ok_or_else(|| {
            let detail = "kinds is a comma list of product, stock and order";
            Problem::malformed_at("query:kinds", "not_readable", detail)
        })?,
    };
    let wait = read_wait(&mut query)?;
    let after = position(&parts, &mut query)?;
    let services = request::services(&app)?;
    let place = place(&app, &parts)?;
    let mut listener = services.changes.listen().ok_or_else(Problem::overloaded)?;
    let position = match after {
        Some(position) => {
            listener.check(position).await.map_err(unread)?;
            position
        }
        None => listener.end().await.map_err(unread)?,
    };
    if media_type == EVENTS {
        let last_word = Instant::now();
        let reader = Reader { app, listener, position, kinds, last_word, begun: false, _place: place };
        return Ok(events(parts, reader));
    }
    let mut batch = Batch { changes: Vec::new(), next: position };
    let until = Instant::now() + wait;
    while after.is_some() && batch.changes.is_empty() {
        let left = until.saturating_duration_since(Instant::now()).min(LOOK);
        batch = listener.next(batch.next, kinds, left).await.map_err(unread)?;
        if left.is_zero() || app.is_draining() {
            break;
        }
    }
    let mut response = answer::json(StatusCode::OK, view::batch(&batch));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub(super) fn read_wait(query: &mut Query) -> Result<Duration, Problem> {
    let Some(text) = query.take("wait") else { return Ok(Duration::from_secs(WAIT)) };
    let seconds = text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    seconds.filter(|seconds| *seconds <= WAIT_MAX).map(Duration::from_secs).ok_or_else(|| {
        let detail = format!("wait is a whole number of seconds from 0 to {WAIT_MAX}");
        Problem::malformed_at("query:wait", "out_of_range", detail)
    })
}

/// Where to go on: the later word of a browser that was cut off counts before that in its address.
fn position(parts: &Parts, query: &mut Query) -> Result<Option<Position>, Problem> {
    let read = |text: &str, place: &'static str| {
        text.parse::<Position>().map(Some).map_err(|_| {
            let detail = "this is no position of the feed, leave it out to begin at the feed's end";
            Problem::malformed_at(place, "bad_position", detail)
        })
    };
    let told = query.take("after");
    match (parts.headers.get(&LAST_EVENT_ID), told) {
        (Some(id), _) => read(id.to_str().unwrap_or_default(), "header:Last-Event-ID"),
        (None, Some(text)) => read(&text, "query:after"),
        (None, None) => Ok(None),
    }
}

/// A place of somebody who listens.
pub(super) fn place(app: &App, parts: &Parts) -> Result<Place, Problem> {
    let place = app.listeners.enter(request::caller(parts).map(|caller| caller.name));
    place.ok_or_else(|| Problem::unavailable("overloaded", "too many listen already"))
}

fn unread(error: ReadError) -> Problem {
    match error {
        ReadError::Gone => {
            let detail = "changes after this position are no longer kept: read what you need of products, stocks and orders \
                          anew, and go on from the answer to GET /changes without after";
            Problem::new(StatusCode::GONE, "position_expired", detail)
        }
        ReadError::Dao(error) => error.into(),
    }
}

/// A reader of events.
struct Reader {
    app: Arc<App>,
    listener: Listener,
    position: Position,
    kinds: Kinds,
    last_word: Instant,
    begun: bool,
    _place: Place,
}

/// An answer of events, each piece made when the client has taken the one before. It ends when a new request of the same
/// head would be refused.
pub(super) fn event_stream(
    app: Arc<App>,
    parts: Parts,
    events: impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static,
) -> Response {
    let refused = async move {
        let route = Route::of(parts.uri.path());
        loop {
            tokio::time::sleep(ADMITTED_FOR).await;
            if app.gate.admit(route, &parts.method, &parts.headers).await.is_err() {
                break;
            }
        }
    };
    let mut response = Response::new(Body::from_stream(events.take_until(refused)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would gather them.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn events(parts: Parts, reader: Reader) -> Response {
    let app = Arc::clone(&reader.app);
    let events = stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        if !reader.begun {
            reader.begun = true;
            let first = format!("retry: 1000\nid: {}\n\n", reader.position);
            return Some((Ok(Bytes::from(first)), Some(reader)));
        }
        loop {
            // The client comes again, to another process.
            if reader.app.is_draining() {
                return None;
            }
            match reader.listener.next(reader.position, reader.kinds, LOOK).await {
                Ok(batch) => {
                    reader.position = batch.next;
                    if !batch.changes.is_empty() {
                        reader.last_word = Instant::now();
                        return Some((Ok(Bytes::from(view::events(&batch))), Some(reader)));
                    }
                    if reader.last_word.elapsed() >= SILENCE {
                        reader.last_word = Instant::now();
                        let word = format!(":\nid: {}\n\n", reader.position);
                        return Some((Ok(Bytes::from(word)), Some(reader)));
                    }
                }
                Err(ReadError::Gone) => {
                    let last = "event: gone\ndata: {\"code\":\"position_expired\"}\n\n";
                    return Some((Ok(Bytes::from(last)), None));
                }
                // The client comes again after its position.
                Err(ReadError::Dao(error)) => {
                    tracing::debug!(%error, "a reader of the feed is cut off");
                    return None;
                }
            }
        }
    });
    event_stream(app, parts, events)
}

/// Read the audit trail
///
/// Who has changed what on one day, by UTC: the last change first. A line is written some tenths of a second after its
/// change; one without a principal was completed after a crash, or stands for a time when nobody had to say who they are.
#[utoipa::path(
    get, path = "/audit", tag = "changes", operation_id = "listAudit",
    params(
        ("day" = Option<String>, Query, description = "The day, by UTC; today unless given", nullable = false, format = Date, example = "2026-11-22"),
        ("principal" = Option<String>, Query, description = "Who did it, as the lines tell it", nullable = false, min_length = 1, max_length = 256),
        ("object" = Option<uuid::Uuid>, Query, description = "Id of what was changed; that of a stock is its product's", nullable = false),
        ("limit" = Option<u32>, Query, description = "Lines of the page, 50 by default", minimum = 1, maximum = 100, nullable = false),
        ("cursor" = Option<String>, Query, description = "Where the page before ended, from its Link", nullable = false),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "Lines, the last change first; `Link` leads to the next page, a page may be empty", body = [AuditDoc]),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn audit(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    let mut query = Query::read(&parts, &["day", "principal", "object", "limit", "cursor"], &[])?;
    let (limit, cursor) = query.window()?;
    let mut link = format!("/audit?limit={limit}");
    let given = query.parsed("day", "is a day like 2026-11-22", &mut link, order::read_day)?;
    let day = given.unwrap_or_else(|| view::day_of(now_ms()));
    if given.is_none() {
        // The next page is of the same day, also after midnight.
        link.push_str(&format!("&day={}", order::day_text(day)));
    }
    let object = query.parsed("object", "is an id", &mut link, json::parse_uuid)?;
    let by = query.principal()?;
    if let Some(by) = &by {
        link.push_str("&principal=");
        link.extend(by.bytes().map(encoded));
    }
    let cx = request::context(&app, &parts, Access::Read)?;
    let filter = AuditFilter { by, object };
    let (lines, next) = request::services(&app)?.audit.page(&cx, day, &filter, limit, cursor.as_deref()).await?;
    let mut response = answer::json(StatusCode::OK, view::audit(&lines));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(next) = next
        && let Ok(value) = HeaderValue::try_from(format!("<{link}&cursor={next}>; rel=\"next\""))
    {
        headers.insert(header::LINK, value);
    }
    Ok(response)
}

/// A byte of a query.
fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
