//! Creating something once, however often the request is sent under its idempotency key.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::answer;
use super::request::CONSISTENCY_LEVEL;
use crate::app::Services;
use crate::models::idempotency::{self, Answer, Keyed, Turn};
use crate::models::{Context, Identity, ModelError, Receipt};
use crate::problem::Problem;

/// A request that creates something.
pub struct Once<'a> {
    pub services: &'a Services,
    pub cx: &'a Context,
    /// What keys belong to.
    pub route: Keyed,
    pub key: Option<&'a str>,
    /// Of what is made, if nobody has begun it before.
    pub identity: Identity,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// A creation that was done.
pub struct Created {
    pub answer: Answer,
    /// Kept under the key in place of the answer's body, where that must not be kept for a day.
    pub kept: Option<Vec<u8>>,
    /// `None` where nothing was left to be done.
    pub receipt: Option<Receipt>,
}

impl Created {
    /// The answer 201 with what was created, at its path and version.
    pub fn at(location: String, version: i64, body: Vec<u8>, receipt: Option<Receipt>) -> Self {
        let answer = Answer {
            status: StatusCode::CREATED.as_u16(),
            etag: Some(format!("\"{version}\"")),
            location: Some(location),
            body,
        };
        Self { answer, kept: None, receipt }
    }
}

impl Once<'_> {
    /// Does the work, or gives the answer of the first time again; `recall` makes the body of what
    /// was kept of it.
    pub async fn create<F>(
        self,
        work: impl FnOnce(Identity) -> F,
        recall: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Result<Response, Problem>
    where
        F: Future<Output = Result<Created, ModelError>>,
    {
        let Self { services, cx, route, key, identity, headers, body } = self;
        let Some(key) = key else {
            let created = work(identity).await?;
            return Ok(tell(services, created.answer, created.receipt).await);
        };
        let scope = route.scope(cx.by.as_deref());
        let request = whole(headers, body);
        let claimed = match services.idempotency.begin(cx, &scope, key, &request, identity).await? {
            Turn::Work(claimed) => claimed,
            Turn::Replay(answer) => return replay(services, answer, recall).await,
        };
        match work(claimed.identity).await {
            Ok(Created { answer, kept, receipt }) => {
                let body = kept.unwrap_or_else(|| answer.body.clone());
                services.idempotency.finish(cx, &claimed, &Answer { body, ..answer.clone() }).await;
                Ok(tell(services, answer, receipt).await)
            }
            Err(error) => {
                match idempotency::refusal(&error) {
                    Some(refusal) => services.idempotency.finish(cx, &claimed, &refusal).await,
                    None => services.idempotency.release(cx, &claimed).await,
                }
                Err(error.into())
            }
        }
    }
}

/// What makes two requests under one key the same: the body, and the headers that decide what is done with it.
fn whole(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut whole = body.to_vec();
    for name in [header::IF_MATCH, header::IF_NONE_MATCH, CONSISTENCY_LEVEL] {
        for value in headers.get_all(&name) {
            whole.extend_from_slice(b"\0");
            whole.extend_from_slice(name.as_str().as_bytes());
            whole.extend_from_slice(b"\0");
            whole.extend_from_slice(value.as_bytes());
        }
    }
    whole
}

async fn replay(
    services: &Services,
    answer: Answer,
    recall: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Result<Response, Problem> {
    if let Some(refusal) = idempotency::refused(&answer) {
        return Err(refusal.into());
    }
    let answer = Answer { body: recall(answer.body), ..answer };
    let mut response = tell(services, answer, None).await;
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

async fn tell(services: &Services, answer: Answer, receipt: Option<Receipt>) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = answer::json(status, answer.body);
    let headers = response.headers_mut();
    for (name, value) in [(header::ETAG, answer.etag), (header::LOCATION, answer.location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    if let Some(receipt) = receipt {
        answer::tell_receipt(headers, &receipt);
        answer::tell_trace(services, headers, &receipt).await;
    }
    response
}
