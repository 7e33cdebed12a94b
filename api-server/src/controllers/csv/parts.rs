//! A file that comes as the one part of a form, as browsers and `curl -F` send it. Reads the body; no other IO.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, StatusCode, header};
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::app::IMPORT_MAX;
use crate::problem::Problem;

/// What stands around a file in its form.
const AROUND: u64 = 64 * 1024;

/// A form with something behind its file.
#[derive(Debug, thiserror::Error)]
#[error("the form has more than one part")]
pub struct MoreParts;

/// The file of a form, or the body itself where it is no form.
///
/// # Errors
/// 400 for a form without a part, 408 for one whose first part does not begin within `patience`.
pub async fn file(headers: &HeaderMap, body: Body, patience: Duration) -> Result<Body, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !super::is_form(media_type) {
        return Ok(body);
    }
    let boundary =
        multer::parse_boundary(media_type).map_err(|_| broken("the form's Content-Type names no boundary"))?;
    let bounds = Constraints::new().size_limit(SizeLimit::new().whole_stream(IMPORT_MAX as u64 + AROUND));
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, bounds);
    match tokio::time::timeout(patience, form.next_field()).await {
        Ok(Ok(Some(field))) => Ok(Body::from_stream(stream::try_unfold((form, Some(field)), next))),
        Ok(Ok(None)) => Err(broken("the form has no part, send the file as one")),
        Ok(Err(_)) => Err(broken("the body is no form of the boundary that its Content-Type names")),
        Err(_) => {
            let detail = format!("the body stood still for {} s", patience.as_secs_f32());
            Err(super::closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)))
        }
    }
}

type Form = (Multipart<'static>, Option<Field<'static>>);

/// The next bytes of the file, which is the form's only part.
async fn next((mut form, field): Form) -> Result<Option<(Bytes, Form)>, axum::BoxError> {
    let Some(mut field) = field else { return Ok(None) };
    if let Some(chunk) = field.chunk().await? {
        return Ok(Some((chunk, (form, Some(field)))));
    }
    drop(field);
    match form.next_field().await? {
        None => Ok(None),
        Some(_) => Err(MoreParts.into()),
    }
}

fn broken(detail: &'static str) -> Problem {
    Problem::malformed_at("", "bad_form", detail)
}
