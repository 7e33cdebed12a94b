//! Examples of every operation's request and answer, and of each problem, put into the document.
//! Pure. `tests/api/examples.rs` sends the requests and compares the answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi as Document, RefOr, Response};

/// The examples as they are written down, by operation.
const EXAMPLES: &str = include_str!("examples.json");

/// What an operation is sent and answers.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Example {
    pub request: Option<Value>,
    pub answer: Option<Value>,
    /// The answer 202 to what begins it, of what is done later.
    pub accepted: Option<Value>,
}

/// The examples by operation id.
pub fn examples() -> BTreeMap<String, Example> {
    // A text that cannot be read leaves the document without examples, which a test refuses.
    serde_json::from_str(EXAMPLES).unwrap_or_default()
}

/// Puts the examples into the document.
pub fn add(document: &mut Document) {
    let examples = examples();
    for path in document.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        for operation in operations.into_iter().flatten() {
            let example = operation.operation_id.as_ref().and_then(|id| examples.get(id)).cloned();
            add_to(operation, &example.unwrap_or_default());
        }
    }
    let shared = document.components.iter_mut().flat_map(|components| components.responses.iter_mut());
    for (name, response) in shared {
        if let (RefOr::T(response), Some(problem)) = (response, problem_of(name)) {
            add_problem(response, &problem);
        }
    }
}

fn add_to(operation: &mut Operation, example: &Example) {
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for (media_type, content) in &mut body.content {
            match (media_type.as_str(), &example.request) {
                ("multipart/form-data", Some(file)) => set(content, Some(&json!({ "file": file }))),
                (_, request) => set(content, request.as_ref()),
            }
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        match problem_of(status) {
            Some(problem) => add_problem(response, &problem),
            None if status == "202" => {
                let accepted = examples().get("getImport").and_then(|example| example.accepted.clone());
                response.content.values_mut().for_each(|content| set(content, accepted.as_ref()));
            }
            None => response.content.values_mut().for_each(|content| set(content, example.answer.as_ref())),
        }
    }
}

fn add_problem(response: &mut Response, problem: &Value) {
    for (media_type, content) in &mut response.content {
        match media_type.as_str() {
            "application/problem+json" => set(content, Some(problem)),
            _ => {
                let refused = json!({ "errors": [{
                    "message": "Unknown field \"colour\" on type \"Product\".",
                    "locations": [{ "line": 1, "column": 3 }],
                    "extensions": { "code": "bad_query", "status": 400 },
                }] });
                set(content, Some(&refused));
            }
        }
    }
}

fn set(content: &mut RefOr<Content>, example: Option<&Value>) {
    if let RefOr::T(content) = content
        && content.example.is_none()
    {
        content.example = example.cloned();
    }
}

/// The problem of a status, or of a shared answer by its name; `None` where it is no problem.
fn problem_of(name: &str) -> Option<Value> {
    let at = |pointer: &'static str, code: &'static str, detail: &'static str| Some((pointer, code, detail));
    let (status, title, code, error) = match name {
        "400" | "Malformed" => {
            let error = at("query:limit", "out_of_range", "limit is a whole number from 1 to 100");
            (400, "Bad Request", "malformed_request", error)
        }
        "401" | "Unauthorized" => (401, "Unauthorized", "unauthorized", None),
        "403" | "Forbidden" => (403, "Forbidden", "forbidden", None),
        "404" | "NotFound" => (404, "Not Found", "not_found", None),
        "406" | "NotAcceptable" => (406, "Not Acceptable", "not_acceptable", None),
        "408" | "SlowBody" => (408, "Request Timeout", "body_too_slow", None),
        "SkuConflict" => (409, "Conflict", "conflict", at("/sku", "sku_taken", "another product has this sku")),
        "EmailConflict" => (409, "Conflict", "conflict", at("/email", "email_taken", "another user has this address")),
        "OrderConflict" => (409, "Conflict", "conflict", at("/status", "not_paid", "the order is not paid")),
        "409" => (409, "Conflict", "idempotency_key_in_flight", None),
        "410" | "Gone" => (410, "Gone", "position_expired", None),
        "412" | "VersionMoved" => (412, "Precondition Failed", "version_moved", None),
        "413" | "TooLarge" => (413, "Payload Too Large", "body_too_large", None),
        "415" | "UnsupportedMediaType" => (415, "Unsupported Media Type", "unsupported_media_type", None),
        "422" | "RuleBroken" => {
            let error = at("/price", "out_of_range", "price must have at most two decimal places");
            (422, "Unprocessable Entity", "rule_broken", error)
        }
        "429" | "TooManyRequests" => (429, "Too Many Requests", "rate_limited", None),
        "503" | "Unavailable" => (503, "Service Unavailable", "too_few_replicas", None),
        "504" | "UnknownOutcome" => (504, "Gateway Timeout", "unknown_outcome", None),
        _ => return None,
    };
    let detail = match (status, &error) {
        (_, Some((_, _, detail))) => *detail,
        (401, _) => "send a token as Authorization: Bearer",
        (403, _) => "a supplier may not do this",
        (404, _) => "no such product",
        (406, _) => "answers are application/json",
        (408, _) => "the body did not arrive within 8 s",
        (409, _) => "the first request under this Idempotency-Key is still running",
        (410, _) => {
            "changes after this position are no longer kept: read what you need anew, and go on from GET /changes without after"
        }
        (412, _) => "the product is at none of the versions that If-Match names, read it again",
        (413, _) => "a body has at most 65536 bytes",
        (415, _) => "send application/json",
        (429, _) => "you have sent as many requests as you may, the next is taken after 1 s",
        (503, _) => "LOCAL_QUORUM requires 2 replicas and 1 are alive, nothing was changed",
        _ => "the outcome could not be learnt in time, read before you try again",
    };
    let errors: Vec<Value> = error
        .map(|(pointer, code, detail)| json!({ "pointer": pointer, "code": code, "detail": detail }))
        .into_iter()
        .collect();
    let mut problem = json!({
        "type": format!("urn:store-manager:problem:{code}"),
        "title": title,
        "status": status,
        "detail": detail,
        "error": detail,
        "errors": errors,
        "request_id": "8c1f0b6de2a7453d0000000000000011",
    });
    if code == "too_few_replicas" {
        problem["required_replicas"] = 2.into();
        problem["alive_replicas"] = 1.into();
    }
    Some(problem)
}
