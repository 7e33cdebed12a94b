//! `/products/import` and `/stocks/import`: whole tables as CSV, streamed.
//!
//! An import holds a chunk of its body and a few lines at a time, of stocks all lines, and answers once everything that it
//! began has ended, so that whatever it did is told.

mod body;
pub mod export;
pub mod later;
mod parts;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use tokio::sync::watch;
use tokio::time::Instant;

use self::body::{Broken, Records};
use super::answer;
use super::request::{self, Query};
use crate::app::{App, IMPORT_MAX, LONG_REQUEST};
use crate::models::bulk::{Became, Counts, Fault, Held, LINES_MAX, Line, StockLine, Stop, Tally};
use crate::models::import::Kind;
use crate::models::product::Change;
use crate::models::text::Text;
use crate::models::{Context, ModelError};
use crate::problem::{Problem, ProblemDoc};
use crate::views::csv::import::ImportDoc;
use crate::views::csv::report::{self, ReportDoc};
use crate::views::csv::table::Columns;
use crate::views::csv::{Record, products, stocks};
use crate::views::stock::REFERENCE_MAX;

const CSV: &[&str] = &["text/csv"];
/// Media types of a file that comes; the second is what Windows says of CSV where Excel is installed.
const FILES: &[&str] = &["text/csv", "application/vnd.ms-excel", FORM];
const FORM: &str = "multipart/form-data";
/// A file under its usual media type, or as the part of a form.
const SENT_AS: &str = "send text/csv, or the file as the one part of multipart/form-data";
/// Lines that one import works on at once.
const AT_ONCE: usize = 8;

/// Import products
///
/// A file of CSV in UTF-8 whose first line names its columns: `sku`, and any of `name`, `price`, `brand`,
/// `category` and `description`. The product of a sku becomes as its line says; columns that the file
/// does not have stay as they are. If there is none it is created, which needs `name` and `price`, unless
/// `update_only`. So a file that is sent again changes nothing. Lines are done by themselves: a wrong one
/// is told and the others are done. Columns may be separated by semicolons, with a comma in prices then,
/// or by tabs. At most 20,000 lines and 16 MiB. With `Prefer: respond-async` nobody waits: it is answered
/// 202 when the file has come, and its `Location` tells what becomes of it.
#[utoipa::path(
    post, path = "/products/import", tag = "products", operation_id = "importProducts",
    request_body(content(
        (String = "text/csv"),
        (String = "application/vnd.ms-excel"),
        (FormDoc = "multipart/form-data"),
    )),
    params(
        ("update_only" = Option<bool>, Query, description = "Tell of skus that are not there instead of creating their products", nullable = false),
        ("dry_run" = Option<bool>, Query, description = "Only say what would be done", nullable = false),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait for the end of the import", nullable = false, example = "wait=600"),
    ),
    responses(
        (status = 200, description = "Every line was done", body = ReportDoc),
        (status = 202, description = "The file has come and is being worked on; only with `Prefer: respond-async`", body = ImportDoc, headers(
            ("Location" = String, description = "Where to ask what becomes of it"),
            ("Retry-After" = u32, description = "When to ask, in seconds"),
            ("Preference-Applied" = String, description = "`respond-async`"),
        )),
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
    let mut query = read_import(&parts, &["dry_run", "update_only"])?;
    let dry_run = query.flag("dry_run")?;
    let new_too = !query.flag("update_only")?;
    let store = request::services(&app)?.products.clone();
    let apply = move |cx: Context, line: Change| {
        let store = store.clone();
        async move { store.put(&cx, &line, new_too, dry_run).await }
    };
    let body = parts::file(&parts.headers, body, app.limits.request_timeout).await?;
    let import = Import { app, dry_run, whole: false, counts: None };
    let way = Way { head: products::read_head, read: products::read, sku: sku_of_product, apply };
    import.answer(Kind::Products, &parts, body, way).await
}

/// Import stocks
///
/// A file of CSV in UTF-8 whose first line names its columns: `sku` and either `quantity`, which the
/// stock is set to, or `delta`, which it is adjusted by. Each line is a movement under the
/// `reference`, and a reference moves a stock once, for good: a file that is sent again under it changes
/// nothing, also if units were sold since, and also a year later. So a count has its date in its
/// reference. The file is read to its end before anything is done; then lines are done by themselves: a
/// wrong one is told and the others are done. Of a sku that stands in several lines nothing is done.
/// Columns may be separated by semicolons or tabs, too. At most 20,000 lines and 16 MiB. With
/// `Prefer: respond-async` it is answered 202 when the file has come, and its `Location` tells what becomes of it.
#[utoipa::path(
    post, path = "/stocks/import", tag = "stocks", operation_id = "importStocks",
    request_body(content(
        (String = "text/csv"),
        (String = "application/vnd.ms-excel"),
        (FormDoc = "multipart/form-data"),
    )),
    params(
        ("reference" = String, Query, description = "What the file is, such as a delivery note, or a count with its date; kept with each movement. Each moves a stock once, for good", min_length = 1, max_length = 100, pattern = "Identifier", example = "DN-2041"),
        ("dry_run" = Option<bool>, Query, description = "Only say what would be done", nullable = false),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait for the end of the import", nullable = false, example = "wait=600"),
    ),
    responses(
        (status = 200, description = "Every line was done", body = ReportDoc),
        (status = 202, description = "The file has come and is being worked on; only with `Prefer: respond-async`", body = ImportDoc, headers(
            ("Location" = String, description = "Where to ask what becomes of it"),
            ("Retry-After" = u32, description = "When to ask, in seconds"),
            ("Preference-Applied" = String, description = "`respond-async`"),
        )),
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
    let dry_run = query.flag("dry_run")?;
    let Some(reference) = query.take("reference") else {
        let detail = "reference is required: what the file is, such as a delivery note";
        return Err(Problem::malformed_at("query:reference", "required", detail));
    };
    let reference = Text::Identifier
        .read(&reference, REFERENCE_MAX)
        .map_err(|(code, detail)| Problem::malformed_at("query:reference", code, format!("reference {detail}")))?;
    let store = request::services(&app)?.stocks.clone();
    let apply = move |cx: Context, line: StockLine| {
        let (store, reference) = (store.clone(), reference.clone());
        async move { store.put(&cx, &line, &reference, dry_run).await }
    };
    let body = parts::file(&parts.headers, body, app.limits.request_timeout).await?;
    let import = Import { app, dry_run, whole: true, counts: None };
    let way = Way { head: stocks::read_head, read: stocks::read, sku: sku_of_stock, apply };
    import.answer(Kind::Stocks, &parts, body, way).await
}

fn sku_of_product(line: &Change) -> &str {
    line.sku.as_deref().unwrap_or_default()
}

fn sku_of_stock(line: &StockLine) -> &str {
    &line.sku
}

/// What an import's request says before its body is read.
fn read_import(parts: &Parts, allowed: &[&'static str]) -> Result<Query, Problem> {
    request::accepts_json(&parts.headers)?;
    let query = Query::read(parts, allowed, &[])?;
    request::no_condition(&parts.headers)?;
    request::check_media_type(&parts.headers, FILES).map_err(|problem| {
        if problem.code == "unsupported_media_type" { problem.with_detail(SENT_AS) } else { problem }
    })?;
    let given = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match charset(given) {
        Some(charset) if !["utf-8", "utf8", "us-ascii"].contains(&charset.as_str()) => {
            let detail = "a file is UTF-8: save it as \"CSV UTF-8\", or leave charset out if it is";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_charset", detail))
        }
        _ => Ok(query),
    }
}

/// The charset that a media type names, in lower case.
fn charset(media_type: &str) -> Option<String> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let named = name.trim().eq_ignore_ascii_case("charset");
        named.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    })
}

/// Whether a body of this media type is a form with a file.
fn is_form(media_type: &str) -> bool {
    media_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))
}

/// A form with one part.
#[derive(utoipa::ToSchema)]
#[schema(as = FileForm)]
#[allow(dead_code, reason = "documents the request; it is read by `parts::file`")]
pub struct FormDoc {
    /// The file; its part may have any name.
    #[schema(format = Binary, content_media_type = "text/csv")]
    file: String,
}

/// An import under way.
struct Import {
    app: Arc<App>,
    dry_run: bool,
    /// Whether the file is read to its end before anything is done.
    whole: bool,
    /// Who is told how far it is.
    counts: Option<watch::Sender<Counts>>,
}

/// A line that could be read, or what is wrong with it.
type Read<T> = Result<Line<T>, Vec<Fault>>;

/// What is done with the lines of a file.
struct Way<T, A> {
    head: fn(&Record) -> Result<Columns, Vec<Fault>>,
    read: fn(&Columns, &Record) -> Read<T>,
    sku: fn(&T) -> &str,
    apply: A,
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
    /// Does a file while its client waits, or later if it asks for that.
    async fn answer<T, A, F>(self, kind: Kind, parts: &Parts, body: Body, way: Way<T, A>) -> Result<Response, Problem>
    where
        T: Send + 'static,
        A: Fn(Context, T) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Became, ModelError>> + Send + 'static,
    {
        let Ok(turn) = Arc::clone(&self.app.imports).try_acquire_owned() else {
            let detail = "other imports are under way, nothing was changed";
            return Err(Problem::unavailable("overloaded", detail));
        };
        let by = request::caller(parts).map(|caller| caller.name);
        if !later::is_asked(&parts.headers) {
            return self.run(by, body, &way).await;
        }
        let app = Arc::clone(&self.app);
        let work = move |body, counts| async move {
            let _turn = turn;
            Self { counts: Some(counts), ..self }.run(by, body, &way).await
        };
        later::begin(&app, kind, body, work).await
    }

    /// Does each line of a body and tells what has become of all.
    async fn run<T, A, F>(&self, by: Option<Arc<str>>, body: Body, way: &Way<T, A>) -> Result<Response, Problem>
    where
        A: Fn(Context, T) -> F,
        F: Future<Output = Result<Became, ModelError>>,
    {
        let Way { head, read, sku, apply } = way;
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
        let mut held = VecDeque::new();
        if self.whole {
            match self
                .hold(&mut records, &columns, read, until, &mut tally)
                .await
                .and_then(|lines| lines.whole(&mut tally, sku).map_err(Ended::Stopped))
            {
                Ok(lines) => held = lines,
                Err(end) => ended = Some(end),
            }
        }
        let begin = |line: Line<T>| {
            let cx = Context { by: by.clone(), ..Context::within(self.app.limits.request_timeout) };
            let done = apply(cx, line.says);
            async move { (line.number, done.await) }
        };
        let mut work = FuturesUnordered::new();
        let mut more = !self.whole;
        loop {
            if let Some(counts) = &self.counts {
                counts.send_replace(tally.counts());
            }
            if ended.is_some() {
                (more, held) = (false, VecDeque::new());
            }
            if (more || !held.is_empty()) && self.app.is_draining() {
                ended = Some(Ended::Draining);
                continue;
            }
            while work.len() < AT_ONCE
                && let Some(line) = held.pop_front()
            {
                tally.begin(line.number);
                work.push(begin(line));
            }
            tokio::select! {
                record = records.next(), if more && work.len() < AT_ONCE => match record {
                    Ok(Some(record)) => match tally.read(record.line, read(&columns, &record), sku) {
                        Ok(None) => {}
                        Ok(Some(line)) => work.push(begin(line)),
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
                () = tokio::time::sleep_until(until), if more || !held.is_empty() => ended = Some(Ended::TooLong),
                else => break,
            }
        }
        match ended {
            Some(ended) => Err(self.problem(ended, tally)),
            None => self.report(tally),
        }
    }

    /// Reads a file to its end.
    async fn hold<T>(
        &self,
        records: &mut Records,
        columns: &Columns,
        read: impl Fn(&Columns, &Record) -> Result<Line<T>, Vec<Fault>>,
        until: Instant,
        tally: &mut Tally,
    ) -> Result<Held<T>, Ended> {
        let mut held = Held::default();
        loop {
            if self.app.is_draining() {
                return Err(Ended::Draining);
            }
            match tokio::time::timeout_at(until, records.next()).await {
                Ok(Ok(Some(record))) => {
                    held.read(record.line, read(columns, &record), tally).map_err(Ended::Stopped)?;
                }
                Ok(Ok(None)) => return Ok(held),
                Ok(Err(broken)) => return Err(Ended::Broken(broken)),
                Err(_) => return Err(Ended::TooLong),
            }
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
                let rest =
                    if self.whole { "nothing was done, send it in parts" } else { "send the rest as another one" };
                let detail = format!("a file has at most {LINES_MAX} lines, {rest}");
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

/// What an import may have in bytes, as it is told.
fn too_large() -> Problem {
    let detail = format!("a file has at most {} MiB, send the rest as another one", IMPORT_MAX / 1024 / 1024);
    closing(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail))
}
