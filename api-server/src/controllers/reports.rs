//! `/orders/reports/…`.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use uuid::Uuid;

use super::answer;
use super::request::{self, Access, MAX_LIMIT, Query};
use crate::app::App;
use crate::models::ledger::Book;
use crate::problem::Problem;
use crate::views::order::{self as view, SellerDoc, SpenderDoc};

/// Rows of a report unless the client says otherwise.
const DEFAULT_ROWS: usize = 10;

/// Report who spent most
///
/// The totals of all orders that are not cancelled, by user, descending; without `from` and `to`
/// of all time.
#[utoipa::path(
    get, path = "/orders/reports/highest-spenders", tag = "orders", operation_id = "reportSpenders",
    params(
        ("limit" = Option<u32>, Query, description = "Rows of the report, 10 by default", minimum = 1, maximum = 100, nullable = false),
        ("from" = Option<String>, Query, description = "First day on which orders were made, by UTC", nullable = false, format = Date, example = "2026-11-01"),
        ("to" = Option<String>, Query, description = "Last day on which orders were made, by UTC", nullable = false, format = Date, example = "2026-11-30"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "The report", body = [SpenderDoc]),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn highest_spenders(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    report(&app, request, Book::Spending, view::spenders).await
}

/// Report what sold most
///
/// The units in all orders that are not cancelled, by product, descending; without `from` and `to`
/// of all time.
#[utoipa::path(
    get, path = "/orders/reports/best-sellers", tag = "orders", operation_id = "reportSellers",
    params(
        ("limit" = Option<u32>, Query, description = "Rows of the report, 10 by default", minimum = 1, maximum = 100, nullable = false),
        ("from" = Option<String>, Query, description = "First day on which orders were made, by UTC", nullable = false, format = Date, example = "2026-11-01"),
        ("to" = Option<String>, Query, description = "Last day on which orders were made, by UTC", nullable = false, format = Date, example = "2026-11-30"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "The report", body = [SellerDoc]),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn best_sellers(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    report(&app, request, Book::Stock, view::sellers).await
}

async fn report(
    app: &App,
    request: Request,
    book: Book,
    write: fn(&[(Uuid, i64)]) -> Vec<u8>,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    let mut query = Query::read(&parts, &["limit", "from", "to"], &[])?;
    let limit = query.limit(DEFAULT_ROWS, MAX_LIMIT)?;
    let mut given = String::new();
    let from = query.parsed("from", "is a day like 2026-11-22", &mut given, view::read_day)?;
    let to = query.parsed("to", "is a day like 2026-11-22", &mut given, view::read_day)?;
    if let (Some(first), Some(last)) = (from, to)
        && first > last
    {
        return Err(Problem::malformed_at("query:from", "out_of_range", "from is the first day and to the last one"));
    }
    let cx = request::context(app, &parts, Access::Read)?;
    let services = request::services(app)?;
    let days: Option<RangeInclusive<i32>> =
        (from.is_some() || to.is_some()).then(|| from.unwrap_or(i32::MIN)..=to.unwrap_or(i32::MAX));
    let (rows, receipt) = services.reports.top(&cx, book, limit, days).await?;
    Ok(answer::done(services, write(&rows), receipt).await)
}
