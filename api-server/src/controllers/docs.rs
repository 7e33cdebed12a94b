//! The OpenAPI document and its page, all from this binary: no other host is asked.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use utoipa_swagger_ui::Config;

use crate::app::App;
use crate::openapi;
use crate::problem::Problem;

/// The OpenAPI document
#[utoipa::path(get, path = "/openapi.json", tag = "operations", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub async fn document(State(app): State<Arc<App>>) -> Response {
    static OPEN: OnceLock<String> = OnceLock::new();
    static GUARDED: OnceLock<String> = OnceLock::new();
    let text = match app.gate.is_on() {
        true => GUARDED.get_or_init(|| openapi::text(true)),
        false => OPEN.get_or_init(|| openapi::text(false)),
    };
    // From where it lies: a copy for each download would be memory for whoever does not read it.
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Sends browsers to the page.
pub async fn index() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/docs/index.html"));
    response
}

/// A file of the page.
pub async fn file(request: Request) -> Result<Response, Problem> {
    let name = request.uri().path().trim_start_matches("/docs/");
    let (bytes, content_type) = of_page(name).ok_or_else(|| Problem::not_found("file"))?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    // Of this version of the program; a browser need not fetch it for each page.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        ),
    );
    Ok(response)
}

/// A file and its type. All downloads share the same bytes: a copy for each would be memory for whoever does not read.
fn of_page(name: &str) -> Option<(Bytes, HeaderValue)> {
    static CONFIG: OnceLock<Arc<Config<'static>>> = OnceLock::new();
    static READ: Mutex<BTreeMap<String, (Bytes, HeaderValue)>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = read.get(name) {
        return Some(found.clone());
    }
    // Relative to the page, which a proxy may serve below a path of its own.
    let config = CONFIG.get_or_init(|| Arc::new(Config::new(["../openapi.json"])));
    let file = utoipa_swagger_ui::serve(name, Arc::clone(config)).ok().flatten()?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let found = (bytes, HeaderValue::try_from(file.content_type).ok()?);
    // No more than the page has files.
    read.insert(name.to_owned(), found.clone());
    Some(found)
}
