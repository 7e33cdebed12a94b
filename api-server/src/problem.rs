//! Errors as clients see them: RFC 9457 problem details with the members that older clients read.
//! Pure.
//!
//! A controller returns a [`Problem`]; it travels in the extensions of an empty response, and the
//! edge writes it out together with the request's id.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use utoipa::ToSchema;

use crate::models::{DaoError, ModelError, Violation};
use crate::views::json;

/// A failed request.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable, machine-readable; the end of `type`.
    pub code: &'static str,
    pub detail: Cow<'static, str>,
    pub errors: Vec<Violation>,
    /// Seconds after which a second try may succeed.
    pub retry_after: Option<u32>,
    /// Replicas that the level requires and that are alive.
    pub replicas: Option<(i32, i32)>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What became of a file that was not done in full, as JSON; boxed, since hardly any problem has one.
    pub report: Option<Box<Bytes>>,
}

/// The members of a problem.
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "documents the answer; it is written by `Problem::render`")]
pub struct ProblemDoc {
    #[schema(example = "urn:store-manager:problem:sku_taken")]
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    /// The same as `detail`, for older clients.
    error: String,
    errors: Vec<ViolationDoc>,
    request_id: String,
    /// Replicas that the consistency level requires, where too few are alive.
    #[schema(nullable = false)]
    required_replicas: Option<i32>,
    #[schema(nullable = false)]
    alive_replicas: Option<i32>,
    /// Of an import: what became of its lines.
    #[schema(nullable = false)]
    report: Option<crate::views::csv::report::ReportDoc>,
}

/// One broken rule.
#[derive(ToSchema)]
#[schema(as = ProblemError)]
#[allow(dead_code, reason = "documents the answer; it is written by `Problem::render`")]
pub struct ViolationDoc {
    /// JSON pointer into the body, or `query:NAME`, `header:NAME`.
    pointer: String,
    code: String,
    detail: String,
    /// The product of which less is in stock than was asked for, where that is the reason.
    #[schema(nullable = false)]
    product_id: Option<uuid::Uuid>,
    /// Units that were asked for.
    #[schema(nullable = false)]
    requested: Option<i64>,
    /// Units that are in stock.
    #[schema(nullable = false)]
    available: Option<i64>,
}

impl Problem {
    /// A problem without broken rules.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            replicas: None,
            headers: Vec::new(),
            report: None,
        }
    }

    /// A request that cannot be understood, with the places where.
    pub fn malformed(errors: Vec<Violation>) -> Self {
        Self::of_violations(StatusCode::BAD_REQUEST, "malformed_request", errors)
    }

    /// 400 at one place.
    pub fn malformed_at(
        pointer: impl Into<Cow<'static, str>>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::malformed(vec![Violation::new(pointer, code, detail)])
    }

    /// 404 for a path that leads nowhere.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("no such {what}"))
    }

    /// 503 with a hint when to come back.
    pub fn unavailable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        problem.retry_after = Some(1);
        problem
    }

    /// The process has as much to do as it can.
    pub fn overloaded() -> Self {
        Self::unavailable("overloaded", "too many requests are being worked on")
    }

    /// 429: whoever sends it has sent as many as they may, and may send one more after so many seconds.
    pub fn too_many(seconds: u32) -> Self {
        let detail = format!("you have sent as many requests as you may, the next is taken after {seconds} s");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        problem.retry_after = Some(seconds);
        problem
    }

    fn of_violations(status: StatusCode, code: &'static str, errors: Vec<Violation>) -> Self {
        let detail = match errors.as_slice() {
            [only] => only.detail.clone(),
            _ => Cow::Borrowed("see errors"),
        };
        let mut problem = Self::new(status, code, detail);
        problem.errors = errors;
        problem
    }

    /// The same with other words for people.
    #[must_use]
    pub fn with_detail(mut self, detail: &'static str) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The problem as JSON.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(b"{\"type\":\"urn:store-manager:problem:");
        out.extend_from_slice(self.code.as_bytes());
        out.extend_from_slice(b"\",\"title\":");
        json::write_text(&mut out, self.status.canonical_reason().unwrap_or("Error"));
        out.extend_from_slice(b",\"status\":");
        json::write_integer(&mut out, i64::from(self.status.as_u16()));
        out.extend_from_slice(b",\"detail\":");
        json::write_text(&mut out, &self.detail);
        out.extend_from_slice(b",\"error\":");
        json::write_text(&mut out, &self.detail);
        out.extend_from_slice(b",\"errors\":[");
        for (at, error) in self.errors.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"pointer\":");
            json::write_text(&mut out, &error.pointer);
            out.extend_from_slice(b",\"code\":");
            json::write_text(&mut out, &error.code);
            out.extend_from_slice(b",\"detail\":");
            json::write_text(&mut out, &error.detail);
            if let Some(shortage) = &error.shortage {
                out.extend_from_slice(b",\"product_id\":");
                json::write_uuid(&mut out, shortage.product_id);
                out.extend_from_slice(b",\"requested\":");
                json::write_integer(&mut out, shortage.requested);
                out.extend_from_slice(b",\"available\":");
                json::write_integer(&mut out, shortage.available);
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"request_id\":");
        json::write_text(&mut out, request_id);
        if let Some((required, alive)) = self.replicas {
            out.extend_from_slice(b",\"required_replicas\":");
            json::write_integer(&mut out, i64::from(required));
            out.extend_from_slice(b",\"alive_replicas\":");
            json::write_integer(&mut out, i64::from(alive));
        }
        if let Some(report) = &self.report {
            out.extend_from_slice(b",\"report\":");
            out.extend_from_slice(report);
        }
        out.push(b'}');
        out
    }

    /// The answer as it goes to the client.
    pub fn render(&self, request_id: &str) -> Response {
        let mut response = Response::new(Body::from(self.body(request_id)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Malformed(errors) => Self::malformed(errors),
            ModelError::Invalid(errors) => Self::of_violations(StatusCode::UNPROCESSABLE_ENTITY, "rule_broken", errors),
            ModelError::NotFound(what) => Self::not_found(what),
            ModelError::PreconditionFailed(what) => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "version_moved",
                format!(
                    "the {what} is not as If-Match and If-None-Match ask, read it again; a weak tag (W/\"…\") never matches"
                ),
            ),
            ModelError::Conflict(violation) => Self::of_violations(StatusCode::CONFLICT, "conflict", vec![violation]),
            ModelError::Busy(violation) => {
                let mut problem = Self::of_violations(StatusCode::CONFLICT, "conflict", vec![violation]);
                problem.retry_after = Some(1);
                problem
            }
            ModelError::Short(errors) => Self::of_violations(StatusCode::CONFLICT, "insufficient_stock", errors),
            ModelError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "the Idempotency-Key was used for another request, choose a new one",
            ),
            ModelError::KeyInFlight => {
                let mut problem = Self::new(
                    StatusCode::CONFLICT,
                    "idempotency_key_in_flight",
                    "the first request under this Idempotency-Key is still running",
                );
                problem.retry_after = Some(1);
                problem
            }
            ModelError::Overloaded(what) => Self::unavailable("overloaded", format!("{what}, nothing was changed")),
            ModelError::Dao(error) => Self::from(error),
        }
    }
}

impl From<DaoError> for Problem {
    fn from(error: DaoError) -> Self {
        match &error {
            DaoError::Unavailable { level, required, alive } => {
                let detail = format!("{level} requires {required} replicas and {alive} are alive, nothing was changed");
                let mut problem = Self::unavailable("too_few_replicas", detail);
                problem.replicas = Some((*required, *alive));
                problem
            }
            DaoError::RolesUnread(_) => {
                let detail =
                    "too few replicas of the database's own roles and permissions are alive, nothing was changed";
                Self::unavailable("too_few_replicas", detail)
            }
            DaoError::Unreachable(_) => {
                Self::unavailable("database_unreachable", "no node of the database can be reached, nothing was changed")
            }
            DaoError::Busy(_) => Self::unavailable(
                "database_overloaded",
                "there is more to do than the database gets done in time, nothing was changed",
            ),
            DaoError::Contended => {
                Self::unavailable("contended", "others changed the same thing at every try, nothing was changed")
            }
            DaoError::Timeout { .. } => {
                Self::unavailable("database_timeout", "the database did not answer in time, nothing was changed")
            }
            DaoError::Unknown { .. } => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "unknown_outcome",
                "the outcome could not be learnt in time, read before you try again",
            ),
            DaoError::Level { level, detail } => Self::malformed_at(
                "header:Consistency-Level",
                "level_not_usable",
                format!("{level} cannot be used here: {detail}"),
            ),
            DaoError::Node { node, state } => Self::malformed_at(
                "header:Cassandra-Coordinator",
                "node_not_usable",
                format!("{node} {state}, /cluster/nodes lists all"),
            ),
            DaoError::Broken(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "database_answer",
                "the database answered something unexpected",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_problem_says_which_replicas_are_missing_and_when_to_come_back() {
        let problem = Problem::from(DaoError::Unavailable { level: "ALL", required: 3, alive: 2 });
        let response = problem.render("r-1");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["required_replicas"], 3);
        assert_eq!(body["alive_replicas"], 2);
        assert_eq!(body["request_id"], "r-1");
        assert_eq!(body["error"], body["detail"]);
    }

    #[test]
    fn without_a_quorum_for_its_roles_the_database_is_away_for_now_and_without_a_right_something_is_wrong() {
        let words = "Unable to perform authorization of permissions: Cannot achieve consistency level LOCAL_QUORUM";
        let away = Problem::from(DaoError::RolesUnread(words.into()));
        assert_eq!((away.status.as_u16(), away.code, away.retry_after), (503, "too_few_replicas", Some(1)));
        assert_eq!(Problem::from(DaoError::Broken("User store has no permission".into())).status, 500);
    }

    /// The codes of problems, as they stand in the program's text.
    fn codes() -> BTreeSet<String> {
        fn below(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => below(&path, found),
                    false => found.push(path),
                }
            }
        }
        let named = r#"(?:Problem|Self)::(?:(?:new|of_violations)\(\s*(?:StatusCode::)?\w+,|unavailable\()\s*"(\w+)""#;
        // Where status and code are chosen before the problem is made.
        let chosen = r#"\(\s*StatusCode::\w+,\s*"(\w+)","#;
        let forms = [named, chosen].map(|form| regex::Regex::new(form).unwrap());
        let mut files = Vec::new();
        below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        let mut codes = BTreeSet::new();
        for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            codes.extend(forms.iter().flat_map(|form| form.captures_iter(text)).map(|found| found[1].to_owned()));
        }
        codes
    }

    #[test]
    fn each_code_has_a_page_and_each_page_a_code() {
        let codes = codes();
        assert!(codes.len() > 30, "{codes:?}");
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/problems");
        let found = std::fs::read_dir(&pages).unwrap().flatten().map(|page| page.path());
        let found: BTreeSet<String> = found
            .map(|page| page.file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name != "README")
            .collect();
        assert_eq!(found, codes, "docs/problems/CODE.md tells what each code of a problem means, and what to do");
        let index = std::fs::read_to_string(pages.join("README.md")).unwrap();
        for code in codes {
            let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).unwrap();
            assert!(page.starts_with(&format!("# {code}\n")) && page.contains("\n## What to do\n"), "{code}");
            assert!(index.contains(&format!("[{code}]({code}.md)")), "{code}");
        }
    }

    #[test]
    fn text_of_the_database_never_reaches_the_client() {
        for error in [
            DaoError::Unreachable("secret host".into()),
            DaoError::Busy("secret stream".into()),
            DaoError::Broken("secret row".into()),
            DaoError::RolesUnread("secret role".into()),
            DaoError::Timeout { level: "ONE", detail: "secret".into() },
        ] {
            assert!(!Problem::from(error).detail.contains("secret"));
        }
    }
}
