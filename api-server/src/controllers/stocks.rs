//! `/stocks`, `/stocks/{product_id}` with its adjustments and movements, and the stock report.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use uuid::Uuid;

use super::answer;
use super::once::{Created, Once};
use super::request::{self, Access, JSON, Query};
use crate::app::App;
use crate::models::cursor::PageOf;
use crate::models::idempotency::Keyed;
use crate::models::ledger::Movement;
use crate::models::stocks::{Below, Row};
use crate::models::{Identity, LOOKED_AT_MAX, Receipt};
use crate::problem::{Problem, ProblemDoc};
use crate::views::stock::{self as view, MovementDoc, NewAdjustmentDoc, NewStockDoc, OverviewDoc, StockDoc};

/// Set a stock
///
/// The quantity becomes what is said, by a movement of its own; the stock of a product begins with
/// it. With an `Idempotency-Key` a request that is sent again is answered again and not done again.
#[utoipa::path(
    post, path = "/stocks", tag = "stocks", operation_id = "setStock",
    request_body(content = NewStockDoc, content_type = "application/json"),
    params(crate::openapi::ConditionHeaders, crate::openapi::WriteHeaders, crate::openapi::IdempotencyHeader),
    responses(
        (status = 201, description = "Set; the stock as it is then", body = StockDoc, headers(
            ("Location" = String, description = "Path of the stock"),
            ("ETag" = String, description = "Version in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` on an answer given before"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, description = "The first request under this key is still running", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn set(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let key = request::idempotency_key(&parts.headers)?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, JSON).await?;
    let (product, quantity) = view::read_setting(&body)?;
    let cx = &cx;
    let services = request::services(&app)?;
    let once = Once {
        services,
        cx,
        route: Keyed::Stocks,
        key,
        identity: Identity::about(product),
        headers: &parts.headers,
        body: &body,
    };
    let cx = &cx;
    let work = |identity| async move {
        let set = services.stocks.set(cx, product, quantity, condition, identity);
        Ok(created(product, set.await?))
    };
    once.create(work, |kept| kept).await
}

/// Adjust a stock
///
/// Adds units or takes some away. The quantity is never below 0.
#[utoipa::path(
    post, path = "/stocks/{product_id}/adjustments", tag = "stocks", operation_id = "adjustStock",
    request_body(content = NewAdjustmentDoc, content_type = "application/json"),
    params(
        ("product_id" = Uuid, Path, description = "Id of the product"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
        crate::openapi::IdempotencyHeader,
    ),
    responses(
        (status = 201, description = "Adjusted; the stock as it is then", body = StockDoc, headers(
            ("Location" = String, description = "Path of the stock"),
            ("ETag" = String, description = "Version in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` on an answer given before"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, description = "Less is there than is to go, or more would be there than can be; or the first request under this key is still running", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn adjust(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let product = request::owner_id(&parts, "stock")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let key = request::idempotency_key(&parts.headers)?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, JSON).await?;
    let adjustment = view::read_adjustment(&body)?;
    let cx = &cx;
    let services = request::services(&app)?;
    // The product is part of the request although it stands in the path.
    let whole = [product.as_bytes(), &body[..]].concat();
    let once = Once {
        services,
        cx,
        route: Keyed::Adjustments,
        key,
        identity: Identity::about(product),
        headers: &parts.headers,
        body: &whole,
    };
    let cx = &cx;
    let work = |identity| async move {
        let adjusted = services.stocks.adjust(cx, product, adjustment, condition, identity);
        Ok(created(product, adjusted.await?))
    };
    once.create(work, |kept| kept).await
}

fn created(product: Uuid, (movement, receipt): (Movement, Option<Receipt>)) -> Created {
    Created::at(format!("/stocks/{product}"), movement.version, view::changed(product, &movement), receipt)
}

/// Read a stock
#[utoipa::path(
    get, path = "/stocks/{product_id}", tag = "stocks", operation_id = "getStock",
    params(
        ("product_id" = Uuid, Path, description = "Id of the product"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has", nullable = false, example = "\"3\""),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the versions that are asked for, or `*`", nullable = false, example = "*"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "The stock", body = StockDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated"),
        )),
        (status = 304, description = "The client has this version"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn show(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let product = request::path_id(&parts, "stock")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    let (balance, receipt) = services.stocks.find(&cx, product).await?;
    let balance = balance.ok_or_else(|| Problem::not_found("stock"))?;
    answer::resource(services, view::shown(product, &balance), balance.version, &condition, &receipt).await
}

/// List stocks
///
/// By product, the newest product first. A page with a `Link` to the next one may hold fewer
/// stocks than `limit`; the list ends where there is no such link.
#[utoipa::path(
    get, path = "/stocks", tag = "stocks", operation_id = "listStocks",
    params(
        ("limit" = Option<u32>, Query, description = "Products that a page looks at", minimum = 1, maximum = 100, nullable = false),
        ("cursor" = Option<String>, Query, description = "From the `Link` of the page before; of this list only", nullable = false, pattern = "^[A-Za-z0-9_-]{55}$"),
        ("below" = Option<String>, Query, description = "`threshold`: stocks with fewer units than the `low_stock_threshold` of their product; a number: with fewer units than that", nullable = false, pattern = "^(threshold|[1-9][0-9]{0,9})$", example = "threshold"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "One page", body = [StockDoc], headers(
            ("Link" = String, description = "`rel=\"next\"` when there is a next page"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn list(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    by_product(&app, request, "stocks", "/stocks", view::list).await
}

/// Report what is in stock
///
/// One row a product, the newest first.
#[utoipa::path(
    get, path = "/stocks/reports/overview-stocks", tag = "stocks", operation_id = "reportStocks",
    params(
        ("limit" = Option<u32>, Query, description = "Products of a page", minimum = 1, maximum = 100, nullable = false),
        ("cursor" = Option<String>, Query, description = "From the `Link` of the page before; of this list only", nullable = false, pattern = "^[A-Za-z0-9_-]{55}$"),
        ("below" = Option<String>, Query, description = "`threshold`: products of which fewer units are there than their `low_stock_threshold`; a number: than that", nullable = false, pattern = "^(threshold|[1-9][0-9]{0,9})$", example = "threshold"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "One page", body = [OverviewDoc], headers(
            ("Link" = String, description = "`rel=\"next\"` when there is a next page"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn overview(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    by_product(&app, request, "overview-stocks", "/stocks/reports/overview-stocks", view::overview).await
}

async fn by_product(
    app: &App,
    request: Request,
    list: &'static str,
    path: &'static str,
    write: fn(&[Row]) -> Vec<u8>,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    let mut query = Query::read(&parts, &["limit", "cursor", "below"], &[])?;
    let (limit, cursor) = query.window()?;
    let mut link = format!("{path}?limit={limit}");
    let below =
        query.parsed("below", "is threshold, or a number of units from 1 to 9999999999", &mut link, read_below)?;
    link.push_str("&cursor=");
    let cx = request::context(app, &parts, Access::Read)?;
    let services = request::services(app)?;
    let window = (limit, LOOKED_AT_MAX);
    let (rows, page) = match below {
        None => services.stocks.page(&cx, list, window, cursor.as_deref()).await?,
        Some(below) => services.stocks.below(&cx, (list, below), window, cursor.as_deref()).await?,
    };
    Ok(answer::page(services, write(&rows), page, &link).await)
}

fn read_below(text: &str) -> Option<Below> {
    let digits = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        "threshold" => Some(Below::Threshold),
        _ if digits && !text.starts_with('0') => text.parse().ok().map(Below::Units),
        _ => None,
    }
}

/// List the movements of a stock
///
/// Newest first, all of them since the stock began; the quantity is the sum of all `delta`.
#[utoipa::path(
    get, path = "/stocks/{product_id}/movements", tag = "stocks", operation_id = "listMovements",
    params(
        ("product_id" = Uuid, Path, description = "Id of the product"),
        ("limit" = Option<u32>, Query, description = "Movements of a page", minimum = 1, maximum = 100, nullable = false),
        ("cursor" = Option<String>, Query, description = "From the `Link` of the page before; of this list only", nullable = false, pattern = "^[A-Za-z0-9_-]{55}$"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "One page", body = [MovementDoc], headers(
            ("Link" = String, description = "`rel=\"next\"` when there is a next page"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn movements(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let product = request::owner_id(&parts, "stock")?;
    request::accepts_json(&parts.headers)?;
    let (limit, cursor) = Query::read(&parts, &["limit", "cursor"], &[])?.window()?;
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    let (rows, page): (Vec<Movement>, PageOf) =
        services.stocks.movements(&cx, product, limit, cursor.as_deref()).await?;
    let link = format!("/stocks/{product}/movements?limit={limit}&cursor=");
    Ok(answer::page(services, view::movements(&rows), page, &link).await)
}
