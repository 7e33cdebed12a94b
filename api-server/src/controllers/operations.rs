//! What became of a request that was sent under an idempotency key.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer;
use super::request::{self, Access, Query};
use crate::app::App;
use crate::auth::Principal;
use crate::auth::roles::Role;
use crate::models::Violation;
use crate::models::operations::{Became, Sent};
use crate::problem::{Problem, ProblemDoc, ViolationDoc};

/// When to ask again, in seconds.
const ASK_AGAIN: u32 = 1;

/// What was sent under a key in the last day
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operation)]
pub struct OperationDoc {
    /// The key.
    #[schema(example = "7d5c2f0e")]
    key: String,
    /// One for each kind of request that it was sent with.
    requests: Vec<RequestDoc>,
}

/// A request under the key
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SentRequest)]
struct RequestDoc {
    /// Method and path.
    #[schema(example = "POST /orders")]
    request: &'static str,
    state: StateDoc,
    /// What follows from that.
    #[schema(example = "it was done")]
    detail: &'static str,
    /// Path of what it made, where it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/orders/0190a0a0-0000-7000-8000-000000000000")]
    location: Option<String>,
    /// Version that it made, in quotes, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "\"1\"")]
    etag: Option<String>,
    /// Why it was refused, as its answer said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ViolationDoc>, required = false)]
    errors: Vec<Reason>,
}

/// What became of a request
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SentRequestState)]
enum StateDoc {
    Done,
    Refused,
    UnderWay,
    NotDone,
    Unknown,
}

/// A violation as problems show it.
#[derive(Debug, Serialize)]
struct Reason {
    pointer: String,
    code: String,
    detail: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    shortage: Option<crate::models::error::Shortage>,
}

impl From<Violation> for Reason {
    fn from(violation: Violation) -> Self {
        let Violation { pointer, code, detail, shortage } = violation;
        Self { pointer: pointer.into_owned(), code: code.into_owned(), detail: detail.into_owned(), shortage }
    }
}

impl From<Sent> for RequestDoc {
    fn from(sent: Sent) -> Self {
        let (state, detail) = match sent.became {
            Became::Done { .. } => (StateDoc::Done, "it was done"),
            Became::Refused(_) => (StateDoc::Refused, "it was refused for good, nothing was changed"),
            Became::UnderWay => (StateDoc::UnderWay, "it may still be running, ask again"),
            Became::NotDone => (StateDoc::NotDone, "nothing of it was done, nor will be unless it is sent again"),
            Became::Unknown => {
                (StateDoc::Unknown, "it ended without an answer: send it again under the same key, it is done once")
            }
        };
        let request = sent.request.name();
        let doc = Self { request, state, detail, location: None, etag: None, errors: Vec::new() };
        match sent.became {
            Became::Done { location, etag } => Self { location, etag, ..doc },
            Became::Refused(violations) => Self { errors: violations.into_iter().map(Reason::from).collect(), ..doc },
            Became::UnderWay | Became::NotDone | Became::Unknown => doc,
        }
    }
}

/// Read what became of a request
///
/// Of one that was sent under an `Idempotency-Key` in the last day: so that an answer that was lost, or 504, is not the end.
/// What is told is settled: the database is read at SERIAL. Keys are those of whoever sends them; admins and auditors may
/// name somebody else.
#[utoipa::path(
    get, path = "/operations/{key}", tag = "operations", operation_id = "getOperation",
    params(
        ("key" = String, Path, description = "The key, percent-encoded", min_length = 1, max_length = 255, pattern = "^[!-~]+$", example = "7d5c2f0e"),
        ("principal" = Option<String>, Query, description = "Whose key it is, as `/whoami` names them; only for admins and auditors", nullable = false, min_length = 1, max_length = 256, example = "seller.till-1"),
    ),
    responses(
        (status = 200, description = "What was sent; while it may be running with `Retry-After`", body = OperationDoc),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, description = "Nothing was begun under this key in the last day: send the request", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn show(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    let key = request::path_text(&parts).filter(|key| request::is_key(key)).ok_or_else(unknown)?;
    request::accepts_json(&parts.headers)?;
    let mut query = Query::read(&parts, &["principal"], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let by = whose(request::caller(&parts), query.principal()?)?;
    let sent = request::services(&app)?.operations.find(&cx, by.as_deref(), &key).await?;
    if sent.is_empty() {
        return Err(unknown());
    }
    let runs = sent.iter().any(|sent| sent.became == Became::UnderWay);
    let doc = OperationDoc { key, requests: sent.into_iter().map(RequestDoc::from).collect() };
    let body = serde_json::to_vec(&doc).map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "not_writable", "the answer could not be written")
    })?;
    let mut response = answer::json(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if runs {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN));
    }
    Ok(response)
}

/// Whose key is asked about: one's own, or somebody else's by those who look after others.
fn whose(caller: Option<Principal>, asked: Option<String>) -> Result<Option<String>, Problem> {
    let Some(asked) = asked else { return Ok(caller.map(|caller| caller.name.to_string())) };
    match caller.as_ref().map(|caller| caller.role) {
        Some(Role::Admin | Role::Auditor) => Ok(Some(asked)),
        Some(_) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "only admins and auditors may ask about the keys of others, leave principal out",
        )),
        None => {
            let detail = "nobody says here who they are, leave principal out";
            Err(Problem::malformed_at("query:principal", "not_usable", detail))
        }
    }
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "no such operation: nothing was begun under this key in the last day, send the request",
    )
}
