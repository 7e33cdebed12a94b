//! A client without a network: requests go into the edge as a connection would hand them over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use store_api::access_log::AccessLog;
use store_api::admission::Bounds;
use store_api::admission::rate::Quota;
use store_api::app::{App, Limits};
use store_api::auth::Gate;
use store_api::cors::Origins;
use store_api::dao::{Daos, memory};
use store_api::edge::Edge;
use store_api::metrics::Metrics;
use store_api::models::Level;
use store_api::models::cursor::CursorKey;
use store_api::proxies::Proxies;
use store_api::route::Route;
use store_api::router;
use store_api::server::{self, Door};

/// For tests of one request after another.
const SMALL: Limits = Limits { request_timeout: Duration::from_millis(500), bounds: at_most(100), quota: None };

/// So many requests at once, and none that wait.
const fn at_most(working: usize) -> Bounds {
    Bounds { working, calm: working, waiting: 0, patience: Duration::ZERO, turn: Duration::MAX }
}

/// A store with its client.
pub struct Store {
    pub app: Arc<App>,
    edge: Edge,
    operations: Edge,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A request under construction.
pub struct Call<'a> {
    store: &'a Store,
    request: http::request::Builder,
    body: Body,
}

impl Store {
    pub fn new() -> Self {
        let store = Self::without_database(100);
        store.app.connect(memory::daos());
        store
    }

    /// A store behind a gate.
    pub fn behind(gate: Gate) -> Self {
        let store = Self::build(SMALL, gate);
        store.app.connect(memory::daos());
        store
    }

    /// The same with a deadline for its requests.
    pub fn behind_within(gate: Gate, request_timeout: Duration) -> Self {
        let store = Self::build(Limits { request_timeout, ..SMALL }, gate);
        store.app.connect(memory::daos());
        store
    }

    /// One of several processes over the same database, patient enough for a crowd.
    pub fn over(daos: Daos) -> Self {
        Self::within(daos, Duration::from_secs(60))
    }

    /// A store behind a gate over a database, with a deadline for its requests.
    pub fn behind_over(gate: Gate, daos: Daos, request_timeout: Duration) -> Self {
        let store = Self::build(Limits { request_timeout, ..SMALL }, gate);
        store.app.connect(daos);
        store
    }

    /// A store behind a gate over a database whose clients may send so much.
    pub fn limited(gate: Gate, daos: Daos, quota: Quota) -> Self {
        let store = Self::build(Limits { quota: Some(quota), ..SMALL }, gate);
        store.app.connect(daos);
        store
    }

    /// A store over a database with a deadline for its requests.
    pub fn within(daos: Daos, request_timeout: Duration) -> Self {
        let store = Self::build(Limits { request_timeout, bounds: at_most(1000), quota: None }, Gate::Off);
        store.app.connect(daos);
        store
    }

    pub fn without_database(max_requests: usize) -> Self {
        Self::build(Limits { bounds: at_most(max_requests), ..SMALL }, Gate::Off)
    }

    fn build(limits: Limits, gate: Gate) -> Self {
        let cursors = CursorKey::new(b"0123456789abcdef");
        let metrics = Metrics::new(10).unwrap();
        let app = App::new(limits, Level::LocalQuorum, None, cursors, metrics, gate);
        let router = router::build(Arc::clone(&app));
        let edge = Edge::new(Arc::clone(&app), router, AccessLog::silent());
        let operations = edge.of_operations();
        Self { app, edge, operations }
    }

    /// The same behind so many proxies.
    pub fn trusting(self, hops: u8) -> Self {
        Self { edge: self.edge.behind(Proxies(hops)), ..self }
    }

    /// The same without a console.
    pub fn without_console(self) -> Self {
        Self { edge: self.edge.with_console(false), ..self }
    }

    /// The same, read by pages of these origins.
    pub fn read_by(self, origins: Origins) -> Self {
        Self { edge: self.edge.read_by(origins), ..self }
    }

    /// Its doors on loopback, that of clients first, for a server of its own; and where they are.
    pub fn doors(&self) -> ([Door; 2], [SocketAddr; 2]) {
        let doors = [&self.edge, &self.operations].map(|edge| Door {
            listener: server::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap(),
            edge: edge.clone(),
        });
        let addresses = [0, 1].map(|at: usize| doors[at].listener.local_addr().unwrap());
        (doors, addresses)
    }

    pub fn call(&self, method: &str, target: &str) -> Call<'_> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Call {
            store: self,
            request: Request::builder().method(method).uri(target).header("host", "store"),
            body: Body::empty(),
        }
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.call("GET", target).send().await
    }

    /// Creates a product and returns the answer.
    pub async fn create(&self, body: &str) -> Answer {
        self.call("POST", "/products").json(body).send().await
    }

    /// Creates a product that must be accepted and returns its path.
    pub async fn created(&self, sku: &str) -> String {
        let body = format!(r#"{{"name":"Product {sku}","sku":"{sku}","price":10.50}}"#);
        let answer = self.create(&body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.header("location").unwrap().to_owned()
    }

    /// Number of products on the first page.
    pub async fn count(&self) -> usize {
        self.get("/products?limit=100").await.json().as_array().unwrap().len()
    }
}

impl Call<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value.as_bytes());
        self
    }

    pub fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body.to_owned())
    }

    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub async fn send(self) -> Answer {
        let request = self.request.body(self.body).unwrap();
        let at_operations = Route::of(request.uri().path()).is_of_operations();
        let edge = if at_operations { &self.store.operations } else { &self.store.edge };
        let Ok(response) = edge.answer(request, None).await;
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }
}
