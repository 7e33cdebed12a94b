//! `/products/import`, `/products/export` and the same of stocks: whole tables as CSV, streamed.
//!
//! An import holds a chunk of its body and a few lines at a time, and answers once everything that it
//! began has ended, so that whatever it did is told. An export holds a page.

mod body;

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, FuturesUnordered, StreamExt as _};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use self::body::{Broken, Records};
use super::answer;
use super::request::{self, Access, MAX_LIMIT, Query};
use crate::app::{App, IMPORT_MAX, LONG_REQUEST};
use crate::models::bulk::{Became, Fault, LINES_MAX, Line, StockLine, Stop, Tally};
use crate::models::cursor::PageOf;
use crate::models::product::{Change, check_line};
use crate::models::{Context, Filter, ModelError, Receipt};
use crate::problem::{Problem, ProblemDoc};
use crate::views::csv::report::{self, ReportDoc};
use crate::views::csv::table::Columns;
use crate::views::csv::{Record, products, stocks};
use crate::views::stock::REFERENCE_MAX;

const CSV: &[&str] = &["text/csv"];
/// Lines that one import works on at once.
const AT_ONCE: usize = 8;

/// Import products
///
/// A file of CSV in UTF-8 whose first line names its columns: `sku`, `name` and `price`, and `brand`,
/// `category` and `description` if wanted. The product of a sku becomes as its line says, and is
/// created if there is none; columns that the file does not have stay as they are. So a file that is
/// sent again changes nothing. Lines are done by themselves: a wrong one is told and the others are
/// done. At most 20,000 lines and 16 MiB.
#[utoipa::path(
    post, path = "/products/import", tag = "products", operation_id = "importProducts",
    request_body(content = String, content_type = "text/csv"),
    params(
        ("dry_run" = Option<bool>, Query, description = "Only say what would be done", nullable = false),
    ),
    responses(
        (status = 200, description = "Every line was done", body = ReportDoc),
        (status = 400, description = "The request cannot be understood, or the body broke off; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, description = "The body did not go on in time; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 413, description = "More than 16 MiB or 20,000 lines; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, description = "Lines failed; `report` tells each, and what was done with the others", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 503, description = "The database took no more; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn import_products(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut query = read_import(&parts, &["dry_run"])?;
    let dry_run = dry_run(&mut query)?;
    let head = |record: &Record| Columns::read(record, &products::COLUMNS, &products::NEEDED);
    let store = request::services(&app)?.products.clone();
    let apply = move |cx: Context, line: Change| {
        let store = store.clone();
        async move { store.put(&cx, &line, dry_run).await }
    };
    let import = Import { app, dry_run };
    import.run(body, head, products::read, |line| line.sku.as_deref().unwrap_or_default(), apply).await
}

/// Import stocks
///
/// A file of CSV in UTF-8 whose first line names its columns: `sku` and either `quantity`, which the
/// stock is set to, or `delta`, which it is adjusted by. Each line is a movement under the
/// `reference`, and a reference moves a stock once: a file that is sent again under it changes
/// nothing, also if units were sold since. Lines are done by themselves: a wrong one is told and the
/// others are done. At most 20,000 lines and 16 MiB.
#[utoipa::path(
    post, path = "/stocks/import", tag = "stocks", operation_id = "importStocks",
    request_body(content = String, content_type = "text/csv"),
    params(
        ("reference" = String, Query, description = "What the file is, such as a delivery note or the date of a count; kept with each movement", min_length = 1, max_length = 100, pattern = r"^[^\u0000-\u0020\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u009f])?$", example = "DN-2041"),
        ("dry_run" = Option<bool>, Query, description = "Only say what would be done", nullable = false),
    ),
    responses(
        (status = 200, description = "Every line was done", body = ReportDoc),
        (status = 400, description = "The request cannot be understood, or the body broke off; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 408, description = "The body did not go on in time; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 413, description = "More than 16 MiB or 20,000 lines; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 415, response = crate::openapi::UnsupportedMediaType),
        (status = 422, description = "Lines failed; `report` tells each, and what was done with the others", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 503, description = "The database took no more; `report` tells what was done", body = ProblemDoc, content_type = "application/problem+json"),
        (status = 504, response = crate::openapi::UnknownOutcome),
    )
)]
pub async fn import_stocks(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let mut query = read_import(&parts, &["dry_run", "reference"])?;
    let dry_run = dry_run(&mut query)?;
    let Some(reference) = query.take("reference") else {
        let detail = "reference is required: what the file is, such as a delivery note";
        return Err(Problem::malformed_at("query:reference", "required", detail));
    };
    if let Err((code, detail)) = check_line(&reference, REFERENCE_MAX) {
        return Err(Problem::malformed_at("query:reference", code, format!("reference {detail}")));
    }
    let store = request::services(&app)?.stocks.clone();
    let apply = move |cx: Context, line: StockLine| {
        let (store, reference) = (store.clone(), reference.clone());
        async move { store.put(&cx, &line, &reference, dry_run).await }
    };
    let import = Import { app, dry_run };
    import.run(body, stocks::read_head, stocks::read, |line| &line.sku, apply).await
}

/// What an import's request says before its body is read.
fn read_import(parts: &Parts, allowed: &[&'static str]) -> Result<Query, Problem> {
    request::accepts_json(&parts.headers)?;
    let query = Query::read(parts, allowed, &[])?;
    request::check_media_type(&parts.headers, CSV)?;
    Ok(query)
}

fn dry_run(query: &mut Query) -> Result<bool, Problem> {
    match query.take("dry_run").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::malformed_at("query:dry_run", "not_a_boolean", "dry_run is true or false")),
    }
}

/// An import under way.
struct Import {
    app: Arc<App>,
    dry_run: bool,
}

/// Why a file is not read on.
enum Ended {
    Broken(Broken),
    Head(Vec<Fault>),
    Stopped(Stop),
    Draining,
    TooLong,
}

impl Import {
    /// Does each line of a body with `apply` and tells what has become of all.
    async fn run<T, F>(
        &self,
        body: Body,
        head: impl Fn(&Record) -> Result<Columns, Vec<Fault>>,
        read: impl Fn(&Columns, &Record) -> Result<Line<T>, Vec<Fault>>,
        sku: impl Fn(&T) -> &str,
        apply: impl Fn(Context, T) -> F,
    ) -> Result<Response, Problem>
    where
        F: Future<Output = Result<Became, ModelError>>,
    {
        let Ok(_turn) = Arc::clone(&self.app.imports).try_acquire_owned() else {
            let detail = "other imports are under way, nothing was changed";
            return Err(Problem::unavailable("overloaded", detail));
        };
        let until = Instant::now() + LONG_REQUEST;
        let mut records = Records::new(body, self.app.limits.request_timeout);
        let mut tally = Tally::new(self.dry_run);
        let columns = match records.next().await {
            Ok(Some(record)) => head(&record).map_err(Ended::Head),
            Ok(None) => Err(Ended::Head(vec![Fault::of(1, None, ("empty", "the file has no first line".into()))])),
            Err(broken) => Err(Ended::Broken(broken)),
        };
        let mut ended = None;
        let columns = match columns {
            Ok(columns) => columns,
            Err(ended) => return Err(self.problem(ended, tally)),
        };
        let mut work = FuturesUnordered::new();
        let mut more = true;
        loop {
            more = more && ended.is_none();
            if more && self.app.is_draining() {
                ended = Some(Ended::Draining);
                continue;
            }
            tokio::select! {
                record = records.next(), if more && work.len() < AT_ONCE => match record {
                    Ok(Some(record)) => match tally.read(record.line, read(&columns, &record), &sku) {
                        Ok(None) => {}
                        Ok(Some(line)) => {
                            let cx = Context::within(self.app.limits.request_timeout);
                            let done = apply(cx, line.says);
                            work.push(async move { (line.number, done.await) });
                        }
                        Err(stop) => ended = Some(Ended::Stopped(stop)),
                    },
                    Ok(None) => more = false,
                    Err(broken) => ended = Some(Ended::Broken(broken)),
                },
                Some((line, became)) = work.next(), if !work.is_empty() => {
                    if let Err(stop) = tally.done(line, became) {
                        ended.get_or_insert(Ended::Stopped(stop));
                    }
                }
                () = tokio::time::sleep_until(until), if more => ended = Some(Ended::TooLong),
                else => break,
            }
        }
        match ended {
            Some(ended) => Err(self.problem(ended, tally)),
            None => self.report(tally),
        }
    }

    fn report(&self, tally: Tally) -> Result<Response, Problem> {
        let report = tally.finish();
        let body = report::write(&report);
        if report.failed == 0 {
            return Ok(answer::json(StatusCode::OK, body));
        }
        let detail = format!("{} of {} lines failed, see report", report.failed, report.lines);
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "lines_failed", detail);
        problem.report = Some(Box::new(body.into()));
        Err(problem)
    }

    /// A file that was not read to its end.
    fn problem(&self, ended: Ended, tally: Tally) -> Problem {
        let mut report = tally.finish();
        let mut problem = match ended {
            Ended::Head(faults) => {
                report.faults = faults;
                let detail = "the first line names the columns, see report; nothing was changed";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_columns", detail)
            }
            Ended::Broken(broken) => broken.problem(),
            Ended::Stopped(Stop::TooManyLines) => {
                let detail = format!("a file has at most {LINES_MAX} lines, send the rest as another one");
                closing(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_lines", detail))
            }
            Ended::Stopped(Stop::TooManyFaults) => {
                let detail = "too many lines failed, the rest was not looked at";
                closing(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_errors", detail))
            }
            Ended::Stopped(Stop::Failed(error)) => {
                let mut problem = closing(Problem::from(error));
                problem.detail = "the database took no more, send the file again".into();
                problem
            }
            Ended::Draining => {
                closing(Problem::unavailable("stopping", "this process is leaving, send the file again"))
            }
            Ended::TooLong => {
                let detail = format!("the file took longer than {} s, send the rest again", LONG_REQUEST.as_secs());
                closing(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail))
            }
        };
        problem.report = Some(Box::new(report::write(&report).into()));
        problem
    }
}

/// The rest of the body is not read.
fn closing(problem: Problem) -> Problem {
    problem.with_header(header::CONNECTION, HeaderValue::from_static("close"))
}

/// Export products
///
/// All products as CSV with the columns that an import reads, the newest first. The file is written
/// page by page while it is read; one that breaks off is not whole.
#[utoipa::path(
    get, path = "/products/export", tag = "products", operation_id = "exportProducts",
    params(crate::openapi::ReadHeaders),
    responses(
        (status = 200, description = "The whole table", body = String, content_type = "text/csv"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn export_products(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let page = |app: Arc<App>, parts: Arc<Parts>, cursor: Option<String>| async move {
        let cx = request::context(&app, &parts.headers, Access::Read)?;
        let mut lines = if cursor.is_none() { products::Lines::with_head() } else { products::Lines::default() };
        let page = request::services(&app)?.products.page(
            &cx,
            Filter::default(),
            (MAX_LIMIT, 0),
            cursor.as_deref(),
            &mut lines,
        );
        Ok((page.await?, lines.0))
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
    params(crate::openapi::ReadHeaders),
    responses(
        (status = 200, description = "The whole table", body = String, content_type = "text/csv"),
        (status = 400, response = crate::openapi::Malformed),
        (status = 406, response = crate::openapi::NotAcceptable),
        (status = 503, response = crate::openapi::Unavailable),
    )
)]
pub async fn export_stocks(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let page = |app: Arc<App>, parts: Arc<Parts>, cursor: Option<String>| async move {
        let cx = request::context(&app, &parts.headers, Access::Read)?;
        let stocks = &request::services(&app)?.stocks;
        let (rows, page) = stocks.page(&cx, "stocks", MAX_LIMIT, cursor.as_deref()).await?;
        let mut out = if cursor.is_none() { stocks::head() } else { Vec::new() };
        stocks::lines(&mut out, &rows);
        Ok((page, out))
    };
    export(app, parts, "stocks.csv", page).await
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
    Query::read(&parts, &[], &[])?;
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

/// What an import may have in bytes, as it is told.
fn too_large() -> Problem {
    let detail = format!("a file has at most {} MiB, send the rest as another one", IMPORT_MAX / 1024 / 1024);
    closing(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
}
