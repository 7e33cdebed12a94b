//! The OpenAPI document and its page, all from this binary: no other host is asked.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
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
    let mut response = Response::new(Body::from(text.as_str()));
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
    static CONFIG: OnceLock<Arc<Config<'static>>> = OnceLock::new();
    // Relative to the page, which a proxy may serve below a path of its own.
    let config = CONFIG.get_or_init(|| Arc::new(Config::new(["../openapi.json"])));
    let name = request.uri().path().trim_start_matches("/docs/");
    match utoipa_swagger_ui::serve(name, Arc::clone(config)) {
        Ok(Some(file)) => {
            let mut response = Response::new(Body::from(file.bytes.into_owned()));
            let headers = response.headers_mut();
            if let Ok(value) = HeaderValue::try_from(file.content_type) {
                headers.insert(header::CONTENT_TYPE, value);
            }
            headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(
                    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
                ),
            );
            Ok(response)
        }
        _ => Err(Problem::not_found("file")),
    }
}
