//! `/users` and `/users/{id}`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use uuid::Uuid;

use super::answer;
use super::once::{Created, Once};
use super::request::{self, Access, JSON, JSON_OR_PATCH, Query};
use crate::app::{App, Services};
use crate::models::cursor::PageOf;
use crate::models::idempotency::Keyed;
use crate::models::{Context, Identity, ModelError, user as rules};
use crate::problem::{Problem, ProblemDoc};
use crate::views::json;
use crate::views::user::{self as view, NewUserDoc, UserChangeDoc, UserDoc};

/// Create a user
///
/// The e-mail address must be free, whatever its case. With an `Idempotency-Key` a request that is
/// sent again is answered again and not done again.
#[utoipa::path(
    post, path = "/users", tag = "users", operation_id = "createUser",
    request_body(content = NewUserDoc, content_type = "application/json"),
    params(crate::openapi::WriteHeaders, crate::openapi::IdempotencyHeader),
    responses(
        (status = 201, description = "Created; it is on the first page of the list", body = UserDoc, headers(
            ("Location" = String, description = "Path of the user"),
            ("ETag" = String, description = "Version in quotes"),
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated"),
            ("Idempotency-Replayed" = String, description = "`true` on an answer given before"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, description = "The e-mail address is taken, or the first request under this key is still running", body = ProblemDoc, content_type = "application/problem+json"),
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
    request::condition_of_new(&parts.headers, "user")?;
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, JSON).await?;
    let draft = view::read_draft(&body)?;
    let services = request::services(&app)?;
    let once = Once {
        services,
        cx: &cx,
        route: Keyed::Users,
        key,
        identity: Identity::generate(),
        headers: &parts.headers,
        body: &body,
    };
    // The answer would outlive an erasure for as long as keys are remembered. The same body comes
    // with the key again, so the id is enough to answer alike.
    let again = draft.clone();
    let recall = |kept: Vec<u8>| match Uuid::from_slice(&kept) {
        Ok(id) => view::created(&again.recall(id, cx.now_ms)),
        Err(_) => kept,
    };
    once.create(|identity| create_once(services, &cx, draft, identity), recall).await
}

async fn create_once(
    services: &Services,
    cx: &Context,
    draft: rules::Draft,
    identity: Identity,
) -> Result<Created, ModelError> {
    let (user, receipt) = services.users.create(cx, draft, identity).await?;
    let created = Created::at(format!("/users/{}", user.id), user.version, view::created(&user), Some(receipt));
    Ok(Created { kept: Some(user.id.as_bytes().to_vec()), ..created })
}

/// List users, newest first
///
/// A page with a `Link` to the next one may hold fewer users than `limit`; the list ends where
/// there is no such link.
#[utoipa::path(
    get, path = "/users", tag = "users", operation_id = "listUsers",
    params(
        ("limit" = Option<u32>, Query, description = "Users of a page", minimum = 1, maximum = 100, nullable = false),
        ("cursor" = Option<String>, Query, description = "From the `Link` of the page before; of this list only", nullable = false, pattern = "^[A-Za-z0-9_-]{55}$"),
        ("email" = Option<String>, Query, description = "The user who has exactly this address, whatever its case; without a cursor", nullable = false, max_length = 254, example = "ana@example.org"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "One page", body = [UserDoc], headers(
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
    let mut query = Query::read(&parts, &["limit", "cursor", "email"], &[])?;
    let (limit, cursor) = query.window()?;
    let email = query.checked("email", |text| rules::read_email(text, rules::EMAIL_MAX))?;
    if email.is_some() && cursor.is_some() {
        let detail = "an address has one user, leave the cursor out";
        return Err(Problem::malformed_at("query:email", "stands_alone", detail));
    }
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    let mut rows = json::List::with_room_for(limit);
    if let Some(email) = email {
        let receipt = services.users.find_by_email(&cx, &email, &mut rows).await?;
        let page = PageOf { next: None, looked_at: 0, receipt };
        return Ok(answer::page(services, rows.finish(), page, "").await);
    }
    let page = services.users.page(&cx, limit, cursor.as_deref(), &mut rows).await?;
    let link = format!("/users?limit={limit}&cursor=");
    Ok(answer::page(services, rows.finish(), page, &link).await)
}

/// Read a user
#[utoipa::path(
    get, path = "/users/{id}", tag = "users", operation_id = "getUser",
    params(
        ("id" = Uuid, Path, description = "Id of the user"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has", nullable = false, example = "\"3\""),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the versions that are asked for, or `*`", nullable = false, example = "*"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "The user", body = UserDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated"),
        ), links(
            ("change" = (operation_id = "changeUser", parameters(("id" = "$response.body#/id")))),
            ("erase" = (operation_id = "eraseUser", parameters(("id" = "$response.body#/id")))),
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
    let id = request::path_id(&parts, "user")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    let mut row = json::One::default();
    let receipt = services.users.find(&cx, id, &mut row).await?;
    let version = row.version.ok_or_else(|| Problem::not_found("user"))?;
    answer::resource(services, row.body, version, &condition, &receipt).await
}

/// Change a user
///
/// A merge patch: absent members stay. A change that changes nothing makes no new version.
#[utoipa::path(
    patch, path = "/users/{id}", tag = "users", operation_id = "changeUser",
    request_body(content(
        (UserChangeDoc = "application/merge-patch+json"),
        (UserChangeDoc = "application/json"),
    )),
    params(
        ("id" = Uuid, Path, description = "Id of the user"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
    ),
    responses(
        (status = 200, description = "The user after the change", body = UserDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, response = crate::openapi::EmailConflict),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn change(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let id = request::path_id(&parts, "user")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, JSON_OR_PATCH).await?;
    let change = view::read_change(&body)?;
    let services = request::services(&app)?;
    let (user, receipt) = services.users.change(&cx, id, &condition, &change).await?;
    Ok(answer::changed(services, view::shown(&user), user.version, receipt).await)
}

/// Erase a user
///
/// Name and e-mail address are erased. The id stays, so that orders and reports that name it stay
/// true; it is never used again.
#[utoipa::path(
    delete, path = "/users/{id}", tag = "users", operation_id = "eraseUser",
    params(
        ("id" = Uuid, Path, description = "Id of the user"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
    ),
    responses(
        (status = 204, description = "Erased; the e-mail address is free again"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn erase(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let id = request::path_id(&parts, "user")?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let services = request::services(&app)?;
    let receipt = services.users.erase(&cx, id, &condition).await?;
    Ok(answer::removed(services, &receipt).await)
}
