//! `/products/export`, `/stocks/export` and `/orders/export`: whole tables as CSV, streamed. An export holds a page.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::request::Parts;
use http::{HeaderValue, header};
use tracing::{Instrument as _, Span};

use super::super::answer;
use super::super::request::{self, Access, MAX_LIMIT, Query};
use super::CSV;
use crate::app::App;
use crate::models::cursor::PageOf;
use crate::models::{Filter, LOOKED_AT_MAX, Receipt};
use crate::problem::Problem;
use crate::views::csv::{Form, orders, products, stocks};
use crate::views::order::StatusDoc;

/// Export products
///
/// All products as CSV with the columns that an import reads, the newest first. The file is written
/// page by page while it is read; one that breaks off is not whole. Texts stand in it as they are kept:
/// a spreadsheet takes those that begin with `=`, `+`, `-` or `@` for formulas, unless `formulas=quoted`
/// puts an apostrophe before them, which an import does not take away.
#[utoipa::path(
    get, path = "/products/export", tag = "products", operation_id = "exportProducts",
    params(ExportParameters, crate::openapi::ReadHeaders),
    responses(
        (status = 200, description = "The whole table", body = String, content_type = "text/csv"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn export_products(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let form = read_form(&parts)?;
    let page = move |app: Arc<App>, parts: Arc<Parts>, cursor: Option<String>| async move {
        let cx = request::context(&app, &parts, Access::Read)?;
        let mut lines = products::Lines::new(form, cursor.is_none());
        let page = request::services(&app)?.products.page(
            &cx,
            Filter::default(),
            (MAX_LIMIT, LOOKED_AT_MAX),
            cursor.as_deref(),
            &mut lines,
        );
        Ok((page.await?, lines.out))
    };
    export(app, parts, "products.csv", page).await
}

/// Export stocks
///
/// All stocks as CSV with the columns that an import reads, that of the newest product first;
/// products whose stock was never set are left out. The file is written page by page while it is
/// read; one that breaks off is not whole.
#[utoipa::path(
    get, path = "/stocks/export", tag = "stocks", operation_id = "exportStocks",
    params(ExportParameters, crate::openapi::ReadHeaders),
    responses(
        (status = 200, description = "The whole table", body = String, content_type = "text/csv"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn export_stocks(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let form = read_form(&parts)?;
    let page = move |app: Arc<App>, parts: Arc<Parts>, cursor: Option<String>| async move {
        let cx = request::context(&app, &parts, Access::Read)?;
        let stocks = &request::services(&app)?.stocks;
        let (rows, page) = stocks.page(&cx, "stocks", (MAX_LIMIT, LOOKED_AT_MAX), cursor.as_deref()).await?;
        let mut out = if cursor.is_none() { form.head(&stocks::COLUMNS) } else { Vec::new() };
        stocks::lines(form, &mut out, &rows);
        Ok((page, out))
    };
    export(app, parts, "stocks.csv", page).await
}

/// Export orders
///
/// Orders as CSV, the newest first, a line of the file for each line of an order: the sum of `line_total` is what was taken.
/// All given filters hold; `day` with `status=paid` is what was paid of the orders of a day. The file is written page
/// by page while it is read; one that breaks off is not whole.
#[utoipa::path(
    get, path = "/orders/export", tag = "orders", operation_id = "exportOrders",
    params(
        ("user_id" = Option<Uuid>, Query, description = "Orders of this user", nullable = false),
        ("status" = Option<StatusDoc>, Query, description = "Orders in this status", nullable = false),
        ("day" = Option<String>, Query, description = "Orders made on this day, by UTC", nullable = false, format = Date, example = "2026-11-22"),
        ExportParameters, crate::openapi::ReadHeaders,
    ),
    responses(
        (status = 200, description = "All orders that were asked for", body = String, content_type = "text/csv"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn export_orders(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let allowed = &["user_id", "status", "day", "bom", "separator", "formulas"];
    let mut query = Query::read(&parts, allowed, &[])?;
    let form = form_of(&mut query)?;
    let filter = super::super::orders::filter_of(&mut query, &mut String::new())?;
    let page = move |app: Arc<App>, parts: Arc<Parts>, cursor: Option<String>| async move {
        let cx = request::context(&app, &parts, Access::Read)?.of_many();
        let found = request::services(&app)?.orders.page(&cx, &filter, MAX_LIMIT, cursor.as_deref()).await?;
        let (rows, page) = found;
        let mut out = if cursor.is_none() { form.head(&orders::COLUMNS) } else { Vec::new() };
        orders::lines(form, &mut out, &rows);
        Ok((page, out))
    };
    export(app, parts, "orders.csv", page).await
}

/// How an export is written.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "documents the parameters; they are read by `read_form`")]
pub struct ExportParameters {
    /// Begin with a byte order mark, by which Excel knows UTF-8.
    #[param(nullable = false)]
    bom: Option<bool>,
    /// `semicolon`: as Excel reads and writes in much of Europe, with a comma in prices; an import takes it, too.
    #[param(nullable = false, inline)]
    separator: Option<SeparatorDoc>,
    /// `quoted`: an apostrophe before texts that a spreadsheet would take for a formula.
    #[param(nullable = false, inline)]
    formulas: Option<FormulasDoc>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a parameter")]
enum SeparatorDoc {
    Comma,
    Semicolon,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a parameter")]
enum FormulasDoc {
    Plain,
    Quoted,
}

fn read_form(parts: &Parts) -> Result<Form, Problem> {
    form_of(&mut Query::read(parts, &["bom", "separator", "formulas"], &[])?)
}

fn form_of(query: &mut Query) -> Result<Form, Problem> {
    Ok(Form {
        mark: query.flag("bom")?,
        semicolons: query.one_of("separator", ["comma", "semicolon"])?,
        formulas_quoted: query.one_of("formulas", ["plain", "quoted"])?,
    })
}

/// Answers with the pages of a table one after the other. The first is read before the answer begins,
/// so that a database that cannot be read is told by the status; each has a deadline of its own.
async fn export<F>(
    app: Arc<App>,
    parts: Parts,
    file: &'static str,
    page: impl Fn(Arc<App>, Arc<Parts>, Option<String>) -> F + Send + 'static,
) -> Result<Response, Problem>
where
    F: Future<Output = Result<(PageOf, Vec<u8>), Problem>> + Send + 'static,
{
    request::accepts(&parts.headers, CSV)?;
    let turn = Arc::clone(&app.exports).try_acquire_owned();
    let turn = turn.map_err(|_| Problem::unavailable("overloaded", "too many files are being exported"))?;
    let parts = Arc::new(parts);
    let (first, lines) = page(Arc::clone(&app), Arc::clone(&parts), None).await?;
    let receipt: Receipt = first.receipt;
    let services = request::services(&app)?.clone();
    // The pages to come belong to the request, though it is answered by then.
    let span = Span::current();
    let rest = stream::try_unfold(first.next, move |cursor| {
        // Held until the last page has gone.
        let _turn = &turn;
        let next = cursor.map(|cursor| page(Arc::clone(&app), Arc::clone(&parts), Some(cursor)));
        let next = next.map(|next| next.instrument(span.clone()));
        async move {
            let Some(next) = next else { return Ok(None) };
            match next.await {
                Ok((page, lines)) => Ok(Some((Bytes::from(lines), page.next))),
                // The status is told already: breaking off is what is left to say.
                Err(problem) => {
                    tracing::warn!(code = problem.code, file, "an export broke off");
                    Err(std::io::Error::other(problem.detail))
                }
            }
        }
    });
    let lines = stream::once(std::future::ready(Ok(Bytes::from(lines))));
    let mut response = Response::new(Body::from_stream(lines.chain(rest)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{file}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    answer::tell_receipt(headers, &receipt);
    answer::tell_trace(&services, headers, &receipt).await;
    Ok(response)
}
