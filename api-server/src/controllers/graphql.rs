//! `/stocks/graphql-query`: the supplier's view of products and stocks in GraphQL.
//!
//! HTTP's side keeps to "GraphQL over HTTP": a query that is refused is 400 under
//! `application/graphql-response+json` and 200 under `application/json`, a field that could not be
//! read is an error in the answer. What goes wrong before there is a query is a problem, as
//! everywhere; so is a query none of whose fields the database could answer.

mod schema;

use std::sync::Arc;

use async_graphql::{Response as Outcome, Value};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use self::schema::{COST_MAX, Reads, SCHEMA};
use super::answer;
use super::request::{self, Access, JSON, Query};
use crate::app::App;
use crate::problem::Problem;
use crate::views::graphql::fields::Reader;
use crate::views::graphql::{self as view, RequestDoc, ResponseDoc};

/// The media types of answers, the preferred one first.
const MEDIA_TYPES: [&str; 2] = ["application/graphql-response+json", "application/json"];

/// The schema in GraphQL's schema language, as it is committed.
pub fn sdl() -> String {
    SCHEMA.sdl()
}

/// Ask in GraphQL
///
/// Products, stocks and their movements, read as everywhere else; the schema is in
/// `api-server/schema.graphql`. A query costs 10 for each row or page that is read and 1 for each
/// value, lists counted as full; it may cost 3000.
#[utoipa::path(
    post, path = "/stocks/graphql-query", tag = "stocks", operation_id = "queryStocks",
    request_body(content = RequestDoc, content_type = "application/json"),
    params(crate::openapi::ReadHeaders),
    responses(
        (status = 200, description = "Answered, each field that could not be read with an error", headers(
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated the last read"),
        ), content(
            (ResponseDoc = "application/graphql-response+json"),
            (ResponseDoc = "application/json"),
        )),
        (status = 400, description = "The request cannot be understood (a problem), or the query is refused (errors without data)", content(
            (crate::problem::ProblemDoc = "application/problem+json"),
            (ResponseDoc = "application/graphql-response+json"),
        )),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn query(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let media_type = request::accepts(&parts.headers, &MEDIA_TYPES)?;
    Query::read(&parts, &[], &[])?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let body = request::body(&app, &cx, &parts.headers, body, JSON).await?;
    let asked = view::read(&body)?;
    let services = request::services(&app)?;
    let reader = Reader(request::caller(&parts).map(|caller| caller.role));
    let reads = Arc::new(Reads::new(Arc::clone(&app), cx));
    let view::Answer { body, refused } = match asked {
        None => view::not_persisted(),
        Some(asked) => {
            let outcome = match view::parsed(asked) {
                Ok(asked) => SCHEMA.execute(asked.data(Arc::clone(&reads)).data(reader)).await,
                Err(refused) => Outcome::from_errors(vec![refused]),
            };
            if let Some(problem) = unanswered(&outcome) {
                return Err(problem);
            }
            view::answer(outcome, COST_MAX)
        }
    };
    let status = if refused && media_type == MEDIA_TYPES[0] { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut response = answer::json(status, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Some(receipt) = reads.receipt() {
        answer::tell_receipt(headers, &receipt);
        answer::tell_trace(services, headers, &receipt).await;
    }
    Ok(response)
}

/// The problem of a query of which the database answered nothing: trying again later is the whole
/// request's business, and what stands between knows it by the status.
fn unanswered(outcome: &Outcome) -> Option<Problem> {
    let nothing = match &outcome.data {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(|value| *value == Value::Null),
        _ => false,
    };
    let problem =
        outcome.errors.iter().find_map(|error| error.source::<Problem>().filter(|p| p.status.is_server_error()));
    problem.filter(|_| nothing).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_that_is_served() {
        let committed = include_str!("../../schema.graphql");
        assert!(
            committed == sdl(),
            "schema.graphql is stale, run: cargo run --bin store-api -- graphql > api-server/schema.graphql"
        );
    }
}
