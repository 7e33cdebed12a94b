//! `/products` and `/products/{id}`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;

use super::answer;
use super::once::{Created, Once};
use super::request::{self, Access, JSON, JSON_OR_PATCH, Query};
use crate::app::{App, Services};
use crate::models::idempotency::Keyed;
use crate::models::text::Text;
use crate::models::{
    Context, Filter, Identity, LOOKED_AT_MAX, ModelError, ProductSink as _, product as rules, words_of,
};
use crate::problem::{Problem, ProblemDoc};
use crate::views::json;
use crate::views::product::{self as view, NewProductDoc, ProductChangeDoc, ProductDoc};

/// Create a product
///
/// The sku must be free. With an `Idempotency-Key` a request that is sent again is answered again
/// and not done again.
#[utoipa::path(
    post, path = "/products", tag = "products", operation_id = "createProduct",
    request_body(content = NewProductDoc, content_type = "application/json"),
    params(crate::openapi::WriteHeaders, crate::openapi::IdempotencyHeader),
    responses(
        (status = 201, description = "Created; it is on the first page of the list", body = ProductDoc, headers(
            ("Location" = String, description = "Path of the product"),
            ("ETag" = String, description = "Version in quotes"),
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated"),
            ("Idempotency-Replayed" = String, description = "`true` on an answer given before"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, description = "The sku is taken, or the first request under this key is still running", body = ProblemDoc, content_type = "application/problem+json"),
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
    request::condition_of_new(&parts.headers, "product")?;
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, JSON).await?;
    let draft = view::read_draft(&body)?;
    let services = request::services(&app)?;
    let once = Once {
        services,
        cx: &cx,
        route: Keyed::Products,
        key,
        identity: Identity::generate(),
        headers: &parts.headers,
        body: &body,
    };
    once.create(|identity| create_once(services, &cx, draft, identity), |kept| kept).await
}

async fn create_once(
    services: &Services,
    cx: &Context,
    draft: rules::Draft,
    identity: Identity,
) -> Result<Created, ModelError> {
    let (product, receipt) = services.products.create(cx, draft, identity).await?;
    let location = format!("/products/{}", product.id);
    Ok(Created::at(location, product.version, view::created(&product), Some(receipt)))
}

/// List products, newest first
///
/// All given filters hold. A page with a `Link` to the next one may hold fewer products than
/// `limit`; the list ends where there is no such link.
#[utoipa::path(
    get, path = "/products", tag = "products", operation_id = "listProducts",
    params(
        ("limit" = Option<u32>, Query, description = "Products of a page", minimum = 1, maximum = 100, nullable = false),
        ("cursor" = Option<String>, Query, description = "From the `Link` of the page before; of this list only", nullable = false, pattern = "^[A-Za-z0-9_-]{55}$"),
        ("sku" = Option<String>, Query, description = "Exactly this sku", min_length = 1, max_length = 64, nullable = false, pattern = "Identifier"),
        ("name_prefix" = Option<String>, Query, description = "Beginning of the name, without regard to case", min_length = 1, max_length = 150, nullable = false, pattern = "Beginning"),
        ("category" = Option<String>, Query, description = "Exactly this category", min_length = 1, max_length = 100, nullable = false, pattern = "Name"),
        ("words" = Option<String>, Query, description = "Words that the name has, all of them, without regard to case and accents; at least one letter or digit", min_length = 1, max_length = 150, nullable = false, pattern = "Beginning"),
        ("archived" = Option<bool>, Query, description = "`true`: those that are archived, and no others; without another filter", nullable = false),
        ("sort" = Option<String>, Query, description = "`name`: in the order of the names, of a `category`, `name_prefix` or `words` that has 250 products at most", nullable = false, pattern = "^name$"),
        ("expand" = Option<String>, Query, description = "`stock`: each with what is there of it", nullable = false, pattern = "^stock$"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "One page", body = [ProductDoc], headers(
            ("Link" = String, description = "`rel=\"next\"` when there is a next page"),
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn list(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    request::accepts_json(&parts.headers)?;
    let allowed = &["limit", "cursor", "sku", "name_prefix", "category", "words", "archived", "sort", "expand"];
    let mut query = Query::read(&parts, allowed, &[])?;
    let (limit, cursor) = query.window()?;
    let filter = Filter {
        sku: query.checked("sku", |text| Text::Identifier.read(text, rules::SKU_MAX))?,
        name_prefix: query.checked("name_prefix", |text| Text::Beginning.read(text, rules::NAME_MAX))?,
        category: query.checked("category", |text| Text::Name.read(text, rules::CATEGORY_MAX))?,
        words: query.checked("words", |text| Text::Beginning.read(text, rules::NAME_MAX))?,
        archived: query.flag("archived")?,
    };
    if filter.words.as_deref().is_some_and(|words| words_of(words).is_empty()) {
        let detail = "words has neither a letter nor a digit, give one word of the name at least";
        return Err(Problem::malformed_at("query:words", "no_word", detail));
    }
    if filter.archived && filter != (Filter { archived: true, ..Filter::default() }) {
        let detail = "archived=true lists all that are archived, leave the other filter out";
        return Err(Problem::malformed_at("query:archived", "stands_alone", detail));
    }
    let by_name = match query.take("sort").as_deref() {
        None => false,
        Some("name") if filter.category.is_some() || filter.name_prefix.is_some() || filter.words.is_some() => true,
        Some("name") => {
            let detail = "a category, a name_prefix or words are put into the order of names, and not all products";
            return Err(Problem::malformed_at("query:sort", "needs_filter", detail));
        }
        Some(_) => return Err(Problem::malformed_at("query:sort", "not_readable", "sort is name")),
    };
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    let mut link = next_link(&filter, limit);
    if by_name {
        link.insert_str("/products?".len(), "sort=name&");
    }
    if query.expands("stock")? {
        link.insert_str("/products?".len(), "expand=stock&");
        let mut products = Vec::with_capacity(limit);
        let window = (limit, LOOKED_AT_MAX);
        let page = if by_name {
            let (sorted, page) = services.products.sorted(&cx, filter, limit, cursor.as_deref()).await?;
            products = sorted;
            page
        } else {
            services.products.page(&cx, filter, window, cursor.as_deref(), &mut products).await?
        };
        let rows = services.stocks.with_balances(&cx, products).await?;
        return Ok(answer::page(services, view::list_with_stock(&rows), page, &link).await);
    }
    let mut rows = json::List::with_room_for(limit);
    if by_name {
        let (sorted, page) = services.products.sorted(&cx, filter, limit, cursor.as_deref()).await?;
        sorted.iter().for_each(|product| rows.product(product.borrowed()));
        return Ok(answer::page(services, rows.finish(), page, &link).await);
    }
    let page = services.products.page(&cx, filter, (limit, LOOKED_AT_MAX), cursor.as_deref(), &mut rows).await?;
    Ok(answer::page(services, rows.finish(), page, &link).await)
}

/// The path of the next page up to its cursor.
fn next_link(filter: &Filter, limit: usize) -> String {
    let mut link = format!("/products?limit={limit}");
    let conditions = [
        ("sku", &filter.sku),
        ("name_prefix", &filter.name_prefix),
        ("category", &filter.category),
        ("words", &filter.words),
    ];
    for (name, value) in conditions {
        if let Some(value) = value {
            link.push('&');
            link.push_str(name);
            link.push('=');
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    link.push(char::from(byte));
                } else {
                    link.push_str(&format!("%{byte:02X}"));
                }
            }
        }
    }
    link.push_str(if filter.archived { "&archived=true&cursor=" } else { "&cursor=" });
    link
}

/// Read a product
#[utoipa::path(
    get, path = "/products/{id}", tag = "products", operation_id = "getProduct",
    params(
        ("id" = Uuid, Path, description = "Id of the product"),
        ("expand" = Option<String>, Query, description = "`stock`: with what is there of it, and so without an entity tag", nullable = false, pattern = "^stock$"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has", nullable = false, example = "\"3\""),
        ("If-Match" = Option<String>, Header, description = "Entity tags of the versions that are asked for, or `*`", nullable = false, example = "*"),
        crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "The product", body = ProductDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
            ("Consistency-Level" = String, description = "Level that decided"),
            ("Cassandra-Coordinator" = String, description = "Node that coordinated"),
        ), links(
            ("replace" = (operation_id = "replaceProduct", parameters(("id" = "$response.body#/id")))),
            ("remove" = (operation_id = "deleteProduct", parameters(("id" = "$response.body#/id")))),
        )),
        (status = 304, description = "The client has this version"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn show(State(app): State<Arc<App>>, parts: Parts) -> Result<Response, Problem> {
    let id = request::path_id(&parts, "product")?;
    request::accepts_json(&parts.headers)?;
    let mut query = Query::read(&parts, &["expand"], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Read)?;
    let services = request::services(&app)?;
    if query.expands("stock")? {
        let mut found = Vec::with_capacity(1);
        let receipt = services.products.find(&cx, id, &mut found).await?;
        let row =
            services.stocks.with_balances(&cx, found).await?.pop().ok_or_else(|| Problem::not_found("product"))?;
        return Ok(answer::done(services, view::shown_with_stock(&row), Some(receipt)).await);
    }
    let mut row = json::One::default();
    let receipt = services.products.find(&cx, id, &mut row).await?;
    let version = row.version.ok_or_else(|| Problem::not_found("product"))?;
    answer::resource(services, row.body, version, &condition, &receipt).await
}

/// Replace a product
///
/// Optional members that are absent are cleared. Never creates a product.
#[utoipa::path(
    put, path = "/products/{id}", tag = "products", operation_id = "replaceProduct",
    request_body(content = NewProductDoc, content_type = "application/json"),
    params(
        ("id" = Uuid, Path, description = "Id of the product"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
    ),
    responses(
        (status = 200, description = "The product after the change", body = ProductDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, response = crate::openapi::SkuConflict),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn replace(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    change(app, request, JSON, |body| Ok(view::read_draft(body)?.into())).await
}

/// Change a product
///
/// A merge patch: absent members stay, `null` clears an optional one. A change that changes
/// nothing makes no new version. `"archived_at": null` restores an archived product.
#[utoipa::path(
    patch, path = "/products/{id}", tag = "products", operation_id = "changeProduct",
    request_body(content(
        (ProductChangeDoc = "application/merge-patch+json"),
        (ProductChangeDoc = "application/json"),
    )),
    params(
        ("id" = Uuid, Path, description = "Id of the product"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
    ),
    responses(
        (status = 200, description = "The product after the change", body = ProductDoc, headers(
            ("ETag" = String, description = "Version in quotes"),
        )),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, response = crate::openapi::SlowBody),
        (status = 409, response = crate::openapi::SkuConflict),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 413, response = crate::openapi::TooLarge),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, response = crate::openapi::RuleBroken),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn patch(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    change(app, request, JSON_OR_PATCH, view::read_change).await
}

async fn change(
    app: Arc<App>,
    request: Request,
    media_types: &[&str],
    read: fn(&[u8]) -> Result<rules::Change, ModelError>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let id = request::path_id(&parts, "product")?;
    request::accepts_json(&parts.headers)?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let body = request::body(&app, &cx, &parts.headers, body, media_types).await?;
    let change = read(&body)?;
    let services = request::services(&app)?;
    let (product, receipt) = services.products.change(&cx, id, &condition, &change).await?;
    Ok(answer::changed(services, view::shown(&product), product.version, receipt).await)
}

/// Remove a product
///
/// Its sku is free again. A product that has or had a stock is archived: it leaves every list but that of archived
/// ones, cannot be ordered, is still read by its id, and is restored by PATCH.
#[utoipa::path(
    delete, path = "/products/{id}", tag = "products", operation_id = "deleteProduct",
    params(
        ("id" = Uuid, Path, description = "Id of the product"),
        crate::openapi::ConditionHeaders,
        crate::openapi::WriteHeaders,
    ),
    responses(
        (status = 204, description = "Removed or archived"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 404, response = crate::openapi::NotFound),
        (status = 412, response = crate::openapi::VersionMoved),
        (status = 503, response = crate::openapi::Unavailable),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn remove(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let id = request::path_id(&parts, "product")?;
    Query::read(&parts, &[], &[])?;
    let condition = request::condition(&parts.headers);
    let cx = request::context(&app, &parts, Access::Write)?;
    let services = request::services(&app)?;
    let receipt = services.products.remove(&cx, id, &condition).await?;
    Ok(answer::removed(services, &receipt).await)
}
