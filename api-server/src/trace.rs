//! The span of a request, after OpenTelemetry's conventions for HTTP servers. No IO.
//!
//! Without an exporter there is none and nothing here does more than look for one. What identifies
//! people is left out: the path (ids), the query, the client's address, its headers. Numbers are i64:
//! any other kind is exported as text.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use store_telemetry::ids::Ids;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::metrics::method_label;
use crate::route::Route;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The span of a request that begins, below the one that the client names. Probes and scrapes have none.
pub fn request(route: Route, method: &Method, headers: &HeaderMap, id: &HeaderValue) -> Span {
    if route.is_operational() {
        return Span::none();
    }
    let span = info_span!(
        target: store_telemetry::ROOT,
        "request",
        otel.name = name(route, method),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method_label(method),
        http.route = (route != Route::Unmatched).then(|| route.pattern()),
        http.response.status_code = Empty,
        "http.response.header.x-request-id" = id.to_str().unwrap_or_default(),
        url.scheme = "http",
        error.type = Empty,
    );
    if !span.is_disabled() {
        // Two of them are none: nobody could say which is true.
        let mut parents = headers.get_all(TRACEPARENT).iter();
        if let (Some(parent), None) = (parents.next(), parents.next()) {
            store_telemetry::follow(&span, parent.to_str().unwrap_or_default());
        }
    }
    span
}

fn name(route: Route, method: &Method) -> String {
    format!("{} {}", method_label(method), route.pattern()).trim_end().to_owned()
}

/// The span of the controller's work on a request.
pub fn controller(route: Route) -> Span {
    info_span!("controller", otel.name = route.controller())
}

/// Tells how the request ended, and returns what the log line says of its trace. Only a fault of the
/// server is an error of it.
pub fn ended(span: &Span, status: StatusCode) -> Option<Ids> {
    if span.is_disabled() {
        return None;
    }
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
    Ids::of(span)
}
