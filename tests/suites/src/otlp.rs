//! A collector for tests: takes OTLP traces as protobuf over HTTP, as a real one does, and keeps what
//! it was sent. It can also refuse, or never answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How long spans are waited for: programs send every five seconds.
const WAIT: Duration = Duration::from_secs(20);

/// Bytes of a batch that are looked at.
const LONGEST: u64 = 64 << 20;

/// What the collector does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// It keeps it.
    Takes = 0,
    /// It answers 503.
    Refuses = 1,
    /// It never answers.
    Hangs = 2,
}

/// A span as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Trace id in hexadecimal.
    pub trace: String,
    /// Span id in hexadecimal.
    pub id: String,
    /// Span id of the parent, empty for none.
    pub parent: String,
    /// Name.
    pub name: String,
    /// Number of the kind: 1 internal, 2 server, 3 client.
    pub kind: i32,
    /// Whether its status is an error.
    pub failed: bool,
    /// Attributes, each as text.
    pub attributes: BTreeMap<String, String>,
    /// Names of those that were sent as numbers.
    pub numbers: BTreeSet<String>,
    /// Attributes of the process that sent it.
    pub resource: BTreeMap<String, String>,
}

impl Seen {
    /// An attribute, empty where there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct State {
    spans: Mutex<Vec<Seen>>,
    bodies: Mutex<Vec<u8>>,
    headers: Mutex<Vec<http::HeaderMap>>,
    mood: AtomicU8,
    asked: AtomicUsize,
    /// Told of each batch that was kept.
    kept: Notify,
}

/// A running collector; it ends when this is dropped.
pub struct Collector {
    address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start() -> std::io::Result<Self> {
        Self::on(Ipv4Addr::LOCALHOST.into()).await
    }

    /// Listens on a free port of this address.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn on(address: IpAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::<State>::default();
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { address, state, serving })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The path that traces go to.
    pub fn traces_url(&self) -> String {
        format!("{}/v1/traces", self.endpoint())
    }

    /// From now on it does this with batches.
    pub fn become_one_that(&self, mood: Mood) {
        self.state.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// Batches that it was asked to take, whatever it did.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// Everything kept so far.
    pub fn spans(&self) -> Vec<Seen> {
        locked(&self.state.spans).clone()
    }

    /// Every byte that was sent, to look for what must not be there.
    pub fn bytes(&self) -> Vec<u8> {
        locked(&self.state.bodies).clone()
    }

    /// A header of the first batch.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = locked(&self.state.headers);
        Some(headers.first()?.get(name)?.to_str().ok()?.to_owned())
    }

    /// Waits until the spans satisfy a condition, and gives them back.
    ///
    /// # Errors
    /// With what is there when they do not within twenty seconds.
    pub async fn wait_for(&self, condition: impl Fn(&[Seen]) -> bool) -> Result<Vec<Seen>, Vec<Seen>> {
        let until = Instant::now() + WAIT;
        loop {
            let mut kept = pin!(self.state.kept.notified());
            // From here on no batch is missed.
            kept.as_mut().enable();
            let spans = self.spans();
            if condition(&spans) {
                return Ok(spans);
            }
            if timeout_at(until, kept).await.is_err() {
                return Err(spans);
            }
        }
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| take(Arc::clone(&state), request));
            // A client that goes away is no fault of the collector.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn take(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    state.asked.fetch_add(1, Ordering::Relaxed);
    let mood = state.mood.load(Ordering::Relaxed);
    if mood == Mood::Hangs as u8 {
        std::future::pending::<()>().await;
    }
    let answer = |status, body| {
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        Ok(response)
    };
    if mood == Mood::Refuses as u8 {
        return answer(StatusCode::SERVICE_UNAVAILABLE, Bytes::new());
    }
    let (head, body) = request.into_parts();
    let body = plain(&head.headers, body.collect().await?.to_bytes());
    let protobuf = head.headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    let (true, "/v1/traces", Ok(sent)) = (protobuf, head.uri.path(), ExportTraceServiceRequest::decode(body.clone()))
    else {
        return answer(StatusCode::BAD_REQUEST, Bytes::new());
    };
    locked(&state.bodies).extend_from_slice(&body);
    locked(&state.headers).push(head.headers);
    locked(&state.spans).extend(read(sent));
    state.kept.notify_waiters();
    answer(StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec().into())
}

/// What some exporters send compressed; nothing if it cannot be read.
fn plain(headers: &http::HeaderMap, body: Bytes) -> Bytes {
    if headers.get("content-encoding").is_none_or(|encoding| encoding != "gzip") {
        return body;
    }
    let mut text = Vec::new();
    let read = GzDecoder::new(&body[..]).take(LONGEST).read_to_end(&mut text);
    read.map(|_| text.into()).unwrap_or_default()
}

fn read(sent: ExportTraceServiceRequest) -> Vec<Seen> {
    let mut seen = Vec::new();
    for of_process in sent.resource_spans {
        let resource = of_process.resource.map(|resource| pairs(resource.attributes)).unwrap_or_default();
        for span in of_process.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            seen.push(read_span(span, &resource));
        }
    }
    seen
}

fn read_span(span: Span, resource: &BTreeMap<String, String>) -> Seen {
    let is_number =
        |pair: &&KeyValue| pair.value.as_ref().is_some_and(|value| matches!(value.value, Some(Value::IntValue(_))));
    Seen {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name,
        kind: span.kind,
        failed: span.status.is_some_and(|status| status.code == 2),
        numbers: span.attributes.iter().filter(is_number).map(|pair| pair.key.clone()).collect(),
        attributes: pairs(span.attributes),
        resource: resource.clone(),
    }
}

fn pairs(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
