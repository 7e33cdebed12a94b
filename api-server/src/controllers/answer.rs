//! Putting answers together by one set of rules: entity tags, links, how the database answered.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::request::{CONSISTENCY_LEVEL, COORDINATOR, TRACE};
use crate::app::Services;
use crate::models::cursor::PageOf;
use crate::models::precondition::Condition;
use crate::models::{ModelError, Receipt};
use crate::problem::Problem;

/// Tells in headers how the database answered.
pub fn tell_receipt(headers: &mut HeaderMap, receipt: &Receipt) {
    headers.insert(CONSISTENCY_LEVEL, HeaderValue::from_static(receipt.level.name()));
    if let Some(coordinator) = receipt.coordinator
        && let Ok(value) = HeaderValue::from_str(&coordinator.to_string())
    {
        headers.insert(COORDINATOR, value);
    }
}

/// Tells the trace, if one was asked for.
pub async fn tell_trace(services: &Services, headers: &mut HeaderMap, receipt: &Receipt) {
    let Some(trace) = receipt.trace else { return };
    let summary = services.cluster.trace_summary(trace).await;
    let text = match summary {
        Some(summary) => format!("{trace}; {summary}"),
        None => trace.to_string(),
    };
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(TRACE, value);
    }
}

/// An answer of JSON bytes.
pub fn json(status: StatusCode, body: Vec<u8>) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The entity tag of a version.
pub fn etag(version: i64) -> HeaderValue {
    let mut text = Vec::with_capacity(12);
    text.push(b'"');
    crate::views::json::write_integer(&mut text, version);
    text.push(b'"');
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// One page of a list; `link` is the path of the next one up to its cursor.
pub async fn page(services: &Services, body: Vec<u8>, page: PageOf, link: &str) -> Response {
    let mut response = json(StatusCode::OK, body);
    let headers = response.headers_mut();
    if let Some(next) = page.next
        && let Ok(value) = HeaderValue::try_from(format!("<{link}{next}>; rel=\"next\""))
    {
        headers.insert(header::LINK, value);
    }
    tell_receipt(headers, &page.receipt);
    tell_trace(services, headers, &page.receipt).await;
    response
}

/// A resource that was read, 304 where the client has this version, or 412 where it asks for another one.
pub async fn resource(
    services: &Services,
    body: Vec<u8>,
    version: i64,
    condition: &Condition,
    receipt: &Receipt,
) -> Result<Response, Problem> {
    if !condition.matches(Some(version)) {
        return Err(ModelError::PreconditionFailed("resource").into());
    }
    let has = condition.if_none_match.has(Some(version));
    let mut response = if has { empty(StatusCode::NOT_MODIFIED) } else { json(StatusCode::OK, body) };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag(version));
    tell_receipt(headers, receipt);
    tell_trace(services, headers, receipt).await;
    Ok(response)
}

/// A resource after a change; without a receipt nothing had to be changed.
pub async fn changed(services: &Services, body: Vec<u8>, version: i64, receipt: Option<Receipt>) -> Response {
    let mut response = json(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag(version));
    if let Some(receipt) = receipt {
        tell_receipt(headers, &receipt);
        tell_trace(services, headers, &receipt).await;
    }
    response
}

/// Something that is no versioned resource.
pub async fn done(services: &Services, body: Vec<u8>, receipt: Option<Receipt>) -> Response {
    let mut response = json(StatusCode::OK, body);
    if let Some(receipt) = receipt {
        let headers = response.headers_mut();
        tell_receipt(headers, &receipt);
        tell_trace(services, headers, &receipt).await;
    }
    response
}

/// A resource that is gone.
pub async fn removed(services: &Services, receipt: &Receipt) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    tell_receipt(response.headers_mut(), receipt);
    tell_trace(services, response.headers_mut(), receipt).await;
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
