//! `/orders` and `/orders/{id}`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use uuid::Uuid;

use super::answer;
use super::once::{Created, Once};
use super::request::{self, Access, JSON, JSON_OR_PATCH, Query};
use crate::app::App;
use crate::auth;
use crate::models::idempotency::Keyed;
use crate::models::order::Change;
use crate::models::orders::Filter;
use crate::models::payments::Paid;
use crate::models::precondition::Tags;
use crate::models::{Identity, ModelError};
use crate::problem::{Problem, ProblemDoc};
use crate::views::json;
use crate::views::order::{
    self as view, DeletedDoc, NewOrderDoc, OrderChangeDoc, OrderDoc, OrderPaymentDoc, StatusDoc,
};

/// Create an order
///
/// All lines or nothing: each product's units leave its stock, at the price the product has now.
/// With an `Idempotency-Key` a request that is sent again is answered again and makes no second
/// order, whatever became of the first try.
#[utoipa::path(
    post, path = "/orders", tag = "orders", operation_id = "createOrder",
    request_body(content = NewOrderDoc, content_type = "application/json"),
    params(crate::openapi::WriteHeaders, crate::openapi::IdempotencyHeader),
    responses(
        (status = 201, description = "Created and confirmed", body = OrderDoc, headers(
            ("Location" = String, description = "Path of the order"),
            ("ETag" = String, description = "Version in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` on an answer given before"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, description = "Not enough is in stock: `errors` names each short line with `requested` and `available`. Or the first request under this key is still running", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let key = request::idempotency_key(&parts.headers)?;
    request::condition_of_new(&parts.headers, "order")?;
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, JSON).await?;
    let asked = view::read_draft(&body)?;
    let cx = &cx;
    let services = request::services(&app)?;
    let once = Once {
        services,
        cx,
        route: Keyed::Orders,
        key,
        identity: Identity::generate(),
        headers: &parts.headers,
        body: &body,
    };
    let cx = &cx;
    let work = |identity| async move {
        let draft = services.orders.named(cx, asked).await?;
        let (order, receipt) = services.orders.create(cx, draft, identity).await?;
        Ok(Created::at(format!("/orders/{}", order.id), order.version, view::shown(&order, &Paid::NOTHING), receipt))
    };
    once.create(work, |kept| kept).await
}

/// List orders, newest first
///
/// Confirmed ones and what became of them; all given filters hold. A page with a `Link` to the
/// next one may hold fewer orders than `limit`; the list ends where there is no such link.
#[utoipa::path(
    get, path = "/orders", tag = "orders", operation_id = "listOrders",
    params(
        ("limit" = Option<u32>, Query, description = "Orders of a page", minimum = 1, maximum = 100, nullable = false),
        ("cursor" = Option<String>, Query, description = "From the `Link` of the page before; of this list only", nullable = false, pattern = "^[A-Za-z0-9_-]{55}$"),
        ("user_id" = Option<Uuid>, Query, description = "Orders of this user", nullable = false),
        ("status" = Option<StatusDoc>, Query, description = "Orders in this status", nullable = false),
        ("day" = Option<String>, Query, description = "Orders made on this day, by UTC", nullable = false, format = Date, example = "2026-11-22"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "One page", body = [OrderDoc], headers(
            ("Link" = String, description = "`rel=\"next\"` when there is a next page"),
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn list(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    let mut query = Query::read(&parts, &["limit", "cursor", "user_id", "status", "day"], &[])?;
    let (limit, cursor) = query.window()?;
    let mut link = format!("/orders?limit={limit}");
    let filter = filter_of(&mut query, &mut link)?;
    link.push_str("&cursor=");
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    let (orders, page) = services.orders.page(&cx, &filter, limit, cursor.as_deref()).await?;
    Ok(answer::page(services, view::list(&orders), page, &link).await)
}

/// Which orders a list shows; what was given is appended to the query of `link`.
pub fn filter_of(query: &mut Query, link: &mut String) -> Result<Filter, Problem> {
    Ok(Filter {
        user: query.parsed("user_id", "is a UUID of 36 characters", link, json::parse_uuid)?,
        status: query.parsed("status", "is no status of an order", link, view::read_status)?,
        day: query.parsed("day", "is a day like 2026-11-22", link, view::read_day)?,
    })
}

/// Read an order
///
/// With what was paid for it. A payment that does not count (another one was faster, or the order was cancelled) makes no
/// version of the order; one that has such payments is answered in full whatever `If-None-Match` says.
#[utoipa::path(
    get, path = "/orders/{id}", tag = "orders", operation_id = "getOrder",
    params(
        ("id" = Uuid, Path, description = "Id of the order"),
        ("expand" = Option<String>, Query, description = "`products`: each line with its product as it is now, and so without an entity tag", nullable = false, pattern = "^products$"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has", nullable = false, example = "\"3\""),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the versions that are asked for, or `*`", nullable = false, example = "*"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "The order", body = OrderDoc, headers(
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
    let id = request::path_id(&parts, "order")?;
    request::accepts_json(&parts.headers)?;
    let expands = Query::read(&parts, &["expand"], &[])?.expands("products")?;
    if expands && let Some(caller) = request::caller(&parts) {
        auth::may_see_products(caller.role)?;
    }
    let mut condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    let (shown, receipt) = services.orders.find(&cx, id).await?;
    let (order, paid) = shown.ok_or_else(|| Problem::not_found("order"))?;
    if expands {
        let products = services.orders.products_of(&cx, &order).await?;
        let body = view::shown_with_products(&order, &paid, &products);
        return Ok(answer::done(services, body, Some(receipt)).await);
    }
    if !paid.follows_from_order {
        condition.if_none_match = Tags::default();
    }
    answer::resource(services, view::shown(&order, &paid), order.version, &condition, &receipt).await
}

/// Change an order
///
/// Marks it paid, names its payment, marks it fulfilled. Absent members stay; a change that
/// changes nothing makes no new version. A payment (`is_paid` with a `payment_id`) is never lost: another one than
/// that by which the order is paid, and one of an order that was cancelled, is 409 and kept among `payments`.
#[utoipa::path(
    patch, path = "/orders/{id}", tag = "orders", operation_id = "changeOrder",
    request_body(content(
        (OrderChangeDoc = "application/merge-patch+json"),
        (OrderChangeDoc = "application/json"),
    )),
    params(
        ("id" = Uuid, Path, description = "Id of the order"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
    ),
    responses(
        (status = 200, description = "The order after the change", body = OrderDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, response = crate::openapi::OrderConflict),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn patch(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let id = request::path_id_of(&request, "order")?;
    change(app, request, JSON_OR_PATCH, |body| Ok((id, view::read_change(body)?))).await
}

/// Change an order that is named in the body
///
/// As payment services do; who has that role can tell of payments alone. 404 for an unknown order; never creates one. No payment is lost: see there.
#[utoipa::path(
    put, path = "/orders", tag = "orders", operation_id = "payOrder",
    request_body(content = OrderPaymentDoc, content_type = "application/json"),
    params(crate::openapi::ConditionHeaders, crate::openapi::WriteHeaders),
    responses(
        (status = 200, description = "The order after the change", body = OrderDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, response = crate::openapi::OrderConflict),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn put(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    change(app, request, JSON, view::read_named_change).await
}

async fn change(
    app: Arc<App>,
    request: Request,
    media_types: &[&str],
    read: impl FnOnce(&[u8]) -> Result<(Uuid, Change), ModelError>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, media_types).await?;
    let (id, change) = read(&body)?;
    if let Some(caller) = request::caller(&parts) {
        auth::may_change(caller.role, &change)?;
    }
    let services = request::services(&app)?;
    let (order, receipt) = services.orders.change(&cx, id, &condition, &change).await.inspect_err(|error| {
        if let Some(payment) = &change.payment_id {
            // Somebody has to pay it back, or to tell it again.
            tracing::warn!(order = %id, payment, %error, "a payment does not count");
        }
    })?;
    let paid = services.orders.paid(&cx, &order).await;
    Ok(answer::changed(services, view::shown(&order, &paid), order.version, receipt).await)
}

/// Cancel an order
///
/// What it took comes back to the stock, exactly once however often it is cancelled. A cancelled
/// order stays readable.
#[utoipa::path(
    delete, path = "/orders/{id}", tag = "orders", operation_id = "cancelOrder",
    params(
        ("id" = Uuid, Path, description = "Id of the order"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
    ),
    responses(
        (status = 200, description = "Cancelled, now or before", body = DeletedDoc),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 409, response = crate::openapi::OrderConflict),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn cancel(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let id = request::path_id(&parts, "order")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let services = request::services(&app)?;
    let receipt = services.orders.cancel(&cx, id, &condition).await?;
    Ok(answer::done(services, view::DELETED.to_vec(), receipt).await)
}
