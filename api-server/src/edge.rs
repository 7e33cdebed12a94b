//! What every request passes on its way in and out, in one place and without a stack of layers:
//! request id, shedding, roles, panics, problems written out, metrics, access log.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use store_telemetry::ids::{self, Name};
use tracing::{Instrument as _, Span};

use crate::access_log::{AccessLog, Entry};
use crate::admission::rate::{self, Standing};
use crate::admission::slow_body::{Held, SlowBody};
use crate::app::App;
use crate::auth::{
    self, NotAdmitted, Principal,
    roles::{self, Role},
};
use crate::controllers::request::{COORDINATOR, TRACE};
use crate::cors::Origins;
use crate::models::TraceTurn;
use crate::packed;
use crate::problem::Problem;
use crate::proxies::{Proxies, lead_back};
use crate::route::Route;
use crate::router;
use crate::rules_of_http;
use crate::server::outgoing::Unsent;
use crate::trace;

/// Names a request in logs, answers and problems.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The way in and out of one process.
#[derive(Clone)]
pub struct Edge {
    app: Arc<App>,
    router: Router,
    log: AccessLog,
    ids: Arc<RequestIds>,
    proxies: Proxies,
    /// Whether this is the door of probes and metrics.
    operations: bool,
    /// Whether the console is served.
    console: bool,
    /// Whose pages may read answers.
    origins: Origins,
}

/// Makes request ids: a random beginning for the process, then a count.
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn make(&self) -> HeaderValue {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let number = (u128::from(self.process) << 64) | u128::from(count);
        let mut text = [0_u8; 32];
        for (digit, shift) in text.iter_mut().rev().zip((0_u32..).step_by(4)) {
            *digit = b"0123456789abcdef"[((number >> shift) & 15) as usize];
        }
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }
}

/// A request id that a proxy passes on is kept if it is short, visible ASCII. One of a stranger is not: lines of the log
/// would stand under the id of somebody else's request.
fn given_id(headers: &HeaderMap, proxies: Proxies) -> Option<HeaderValue> {
    if proxies == Proxies::default() {
        return None;
    }
    let value = headers.get(&REQUEST_ID)?;
    let bytes = value.as_bytes();
    let fits = (1..=64).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte));
    fits.then(|| value.clone())
}

/// Counts a request for as long as it lives, and tells of it when it ends: with its answer, or without one where the client
/// hangs up, which drops whatever works on it.
struct Told<'a> {
    edge: &'a Edge,
    started: Instant,
    method: Method,
    uri: Uri,
    route: Route,
    id: HeaderValue,
    client: Option<IpAddr>,
    by: Option<Principal>,
    span: Span,
    answered: bool,
}

/// The client has hung up before it was answered; nginx calls it so.
const HUNG_UP: u16 = 499;

impl Told<'_> {
    /// Notes an answer of so many bytes.
    fn answered(&mut self, status: StatusCode, bytes: Option<u64>) {
        self.answered = true;
        let Self { edge, method, route, client, by, .. } = self;
        let took = self.started.elapsed();
        edge.app.metrics.active.dec();
        edge.app.metrics.request(*route, method, status, took.as_secs_f64());
        edge.log.request(&Entry {
            id: &self.id,
            method,
            path: self.uri.path(),
            route: *route,
            status,
            took,
            bytes,
            client: *client,
            by: by.as_ref(),
            trace: trace::ended(&self.span, status),
        });
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.answered(StatusCode::from_u16(HUNG_UP).unwrap_or(StatusCode::REQUEST_TIMEOUT), None);
        }
    }
}

impl Edge {
    /// The edge of clients.
    pub fn new(app: Arc<App>, router: Router, log: AccessLog) -> Self {
        let ids = Arc::new(RequestIds { process: rand::random(), next: AtomicU64::new(0) });
        let (proxies, origins) = (Proxies::default(), Origins::default());
        Self { app, router, log, ids, proxies, operations: false, console: true, origins }
    }

    /// The edge of probes and metrics beside this one.
    #[must_use]
    pub fn of_operations(&self) -> Self {
        let router = router::operations(Arc::clone(&self.app));
        Self { router, proxies: Proxies::default(), operations: true, origins: Origins::default(), ..self.clone() }
    }

    /// What clients have not taken yet.
    pub fn unsent(&self) -> Unsent {
        self.app.unsent.clone()
    }

    /// The route of a path at this door.
    fn route(&self, path: &str) -> Route {
        let route = Route::of(path);
        let is_here = route.is_of_operations() == self.operations && (self.console || !route.is_of_console());
        if is_here { route } else { Route::Unmatched }
    }

    /// The same behind so many proxies.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// The same, with a console or without.
    #[must_use]
    pub fn with_console(self, console: bool) -> Self {
        Self { console, ..self }
    }

    /// The same, read by pages of these origins.
    #[must_use]
    pub fn read_by(self, origins: Origins) -> Self {
        Self { origins, ..self }
    }

    /// Answers one request; never fails.
    pub async fn answer<B>(&self, request: Request<B>, peer: Option<IpAddr>) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut request = request;
        let started = Instant::now();
        let method = request.method().clone();
        let uri = request.uri().clone();
        let route = self.route(uri.path());
        let id = given_id(request.headers(), self.proxies).unwrap_or_else(|| self.ids.make());
        let client = self.proxies.client(request.headers(), peer);
        let prefix = self.proxies.prefix(request.headers());
        let asked = self.origins.asked(&method, request.headers());
        let takes_gzip = packed::is_wanted(request.headers());
        let span = trace::request(route, &method, request.headers(), &id);
        self.app.metrics.active.inc();
        let mut told = Told { edge: self, started, method, uri, route, id, client, by: None, span, answered: false };
        let by_rule =
            rules_of_http::settled(route, told.uri.path(), &told.method, request.version(), request.headers());
        // Held until the answer is made. Probes and metrics are told of a full house, not turned away by it.
        let (mut turn, mut slot) = if route.is_operational() || route.is_listened_to() || !matches!(by_rule, Ok(None)) {
            (None, None)
        } else if self.app.unsent.is_full() {
            (None, Some(None))
        } else if route.is_wide(&told.method, told.uri.query()) {
            match self.app.wide.enter().await {
                Some(turn) => (Some(turn), Some(self.app.admission.enter().await)),
                None => (None, Some(None)),
            }
        } else {
            (None, Some(self.app.admission.enter().await))
        };
        let (mut held, mut rate) = (None, None);
        let mut response = match (by_rule, &slot) {
            (Ok(Some(response)), _) => response,
            (Err(problem), _) => problem.into_response(),
            (Ok(None), Some(None)) => {
                self.app.metrics.shed.inc();
                Problem::overloaded().into_response()
            }
            (Ok(None), None | Some(Some(_))) => {
                let admitted = self.app.gate.admit(route, &told.method, request.headers()).await;
                let refused = match admitted {
                    Ok(by) => {
                        told.by = by;
                        None
                    }
                    Err(NotAdmitted { problem, by }) => {
                        told.by = by;
                        Some(problem)
                    }
                };
                let role = role_of(told.by.as_ref());
                if self.is_too_many(told.by.as_ref(), &mut rate) {
                    self.app.metrics.limited.inc();
                    let again_in = rate.and_then(|rate| rate.again_in).unwrap_or_default();
                    Problem::too_many(rate::seconds(again_in)).into_response()
                } else if let Some(problem) = refused {
                    problem.into_response()
                } else {
                    match self.trace_turn(request.headers(), role) {
                        Err(problem) => problem.into_response(),
                        Ok(_traced) if turn.as_mut().is_some_and(|turn| !self.app.wide.is_let(turn, role)) => {
                            self.app.metrics.shed.inc();
                            Problem::overloaded().into_response()
                        }
                        Ok(_traced) => {
                            if let Some(by) = &told.by
                                && asks_who(route, &told.method)
                            {
                                request.extensions_mut().insert(by.clone());
                            }
                            // An import takes its time, and there are few at once.
                            if !request.body().is_end_stream() && !route.is_import() {
                                held = slot.take().flatten().map(Held::new);
                            }
                            if told.method.is_safe() || route.is_import() || route == Route::StockQuery {
                                self.routed(route, request, held.as_ref(), &told.span, &told.id).await
                            } else {
                                // What changes something is not left half done where its client hangs up.
                                let (edge, span, id) = (self.clone(), told.span.clone(), told.id.clone());
                                let (slot, held) = (slot.take(), held.take());
                                let work = async move {
                                    let response = edge.routed(route, request, held.as_ref(), &span, &id).await;
                                    drop((slot, held));
                                    response
                                };
                                self.app.writes.spawn(work).await.unwrap_or_else(|_| panicked())
                            }
                        }
                    }
                }
            }
        };
        if !response.status().is_success() {
            response = written_out(response, &told.id);
        }
        if takes_gzip || route.is_in_the_program() {
            // Apart, so that others do not carry what it needs.
            response = Box::pin(packed::pack(route, response, takes_gzip)).await;
        }
        drop((slot, held, turn));
        told.answered(response.status(), response.body().size_hint().exact());
        // The router counts the body that 304 to HEAD has not; what is meant is the one that the client has.
        let is_unchanged = response.status() == StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        // Moved here after its last use: a copy would be an allocation.
        headers.insert(REQUEST_ID, std::mem::replace(&mut told.id, HeaderValue::from_static("")));
        if is_unchanged {
            headers.remove(header::CONTENT_LENGTH);
        }
        if let Some(prefix) = prefix {
            lead_back(headers, &prefix);
        }
        if let Some(rate) = rate {
            rate.tell(headers);
        }
        guard(headers, route, role_of(told.by.as_ref()));
        self.origins.tell(asked, headers);
        if self.app.is_draining() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    /// The answer to a head that could not be read, counted and told as that of a request; its connection ends after it.
    pub fn refuse(&self, status: u16, peer: Option<IpAddr>) -> Response<Body> {
        let problem = rules_of_http::unread(status);
        let id = self.ids.make();
        let method = Method::from_bytes(b"_OTHER").unwrap_or_default();
        self.app.metrics.request(Route::Unmatched, &method, problem.status, 0.0);
        self.log.request(&Entry {
            id: &id,
            method: &method,
            path: "",
            route: Route::Unmatched,
            status: problem.status,
            took: std::time::Duration::ZERO,
            bytes: None,
            client: peer,
            by: None,
            trace: None,
        });
        let mut response = problem.render(id.to_str().unwrap_or_default());
        response.headers_mut().insert(REQUEST_ID, id);
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    /// Whether a principal has sent as many requests as they may; how it stands with that is told.
    fn is_too_many(&self, by: Option<&Principal>, rate: &mut Option<Standing>) -> bool {
        *rate = by.and_then(|by| self.app.rates.take(&by.name));
        rate.is_some_and(|rate| rate.again_in.is_some())
    }

    /// The turn of a request that asks Cassandra to trace, `None` for all others; who may not, or has to wait, is told. So is
    /// who may not choose a node.
    fn trace_turn(&self, headers: &HeaderMap, role: Option<Role>) -> Result<Option<TraceTurn>, Problem> {
        if headers.contains_key(&COORDINATOR) {
            auth::may_choose_node(role)?;
        }
        // Anything but true or false is refused where headers are read.
        if headers.get(&TRACE).is_none_or(|asked| asked != "true") {
            return Ok(None);
        }
        auth::may_trace(role)?;
        TraceTurn::enter()
            .map(Some)
            .ok_or_else(|| Problem::unavailable("trace_under_way", "another request is being traced, one is at a time"))
    }

    /// The controller's answer; what is logged meanwhile carries the ids of the request.
    async fn routed<B>(
        &self,
        route: Route,
        request: Request<B>,
        held: Option<&Held>,
        span: &Span,
        id: &HeaderValue,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        // Pinned where it is made: each wrapper would else move some kilobytes.
        let handled = pin!(async {
            match held {
                Some(held) => {
                    let slow = |body| SlowBody::new(Box::pin(body), Arc::clone(&self.app.admission), held.clone());
                    router::answer(&self.router, &self.app, route, request.map(slow)).await
                }
                None => router::answer(&self.router, &self.app, route, request).await,
            }
        });
        let handled = AssertUnwindSafe(handled).catch_unwind();
        let traced = handled.instrument(span.in_scope(|| trace::controller(route))).instrument(span.clone());
        ids::named(Name::new("request_id", id.clone()), traced).await.unwrap_or_else(|_| panicked())
    }
}

/// Whether a controller asks who sends a request: where something is changed, and where the answer depends on it.
fn asks_who(route: Route, method: &Method) -> bool {
    !method.is_safe() || route.is_listened_to() || matches!(route, Route::Whoami | Route::Operation | Route::Order)
}

fn role_of(by: Option<&Principal>) -> Option<Role> {
    by.map(|by| by.role)
}

/// What keeps an answer to those whom it is for: browsers take it for nothing else and tell no other site of it, caches
/// keep none of people and none of orders, and who may not read of the cluster is not told of its nodes.
fn guard(headers: &mut HeaderMap, route: Route, role: Option<Role>) {
    const LOCKED: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(LOCKED);
    let kept = if route.is_of_people() { "no-store" } else { "private, no-cache" };
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(kept));
    if role.is_some_and(|role| !roles::may(role, Route::ClusterNodes, &Method::GET)) {
        headers.remove(&COORDINATOR);
    }
}

/// Problems were left in the extensions by controllers; axum's own refusals have none.
fn written_out(mut response: Response<Body>, id: &HeaderValue) -> Response<Body> {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut rendered = problem.render(id.to_str().unwrap_or_default());
    // Allow comes from the router.
    for (name, value) in response.headers() {
        if *name == header::ALLOW {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    rendered
}

fn panicked() -> Response<Body> {
    // The panic hook has logged the place.
    let detail = "the request could not be worked on";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}
