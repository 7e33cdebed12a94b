//! The way to the collector: OTLP as protobuf over HTTP. IO, on the program's own runtime.
//!
//! The SDK batches on a thread of its own and drops what does not fit into its queue, so a collector
//! that is slow or dead costs spans and nothing else. What it costs is told when it begins and when
//! it ends, not with each batch.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

use crate::traces::TracesError;

/// Longest answer of a collector that is read; it says how many spans it refused.
const MAX_ANSWER: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One try; the SDK tries a batch again for OTEL_EXPORTER_OTLP_TIMEOUT.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the last try failed, as the client saw it: the SDK itself passes on less.
type Cause = Arc<Mutex<Option<String>>>;

/// Sends batches.
#[derive(Debug)]
pub struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    cause: Cause,
    failing: AtomicBool,
    lost: AtomicUsize,
}

impl Exporter {
    /// An exporter to a URL, or to where the standard variables say. Call it within a runtime, which
    /// must be alive for as long as spans are to be sent.
    ///
    /// # Errors
    /// When a variable or the URL cannot be used.
    pub fn new(url: Option<&str>) -> Result<Self, TracesError> {
        use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};

        let cause = Cause::default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TRY_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let client = Client { http, runtime: Handle::current(), cause: Arc::clone(&cause) };
        let mut builder = opentelemetry_otlp::SpanExporter::builder().with_http().with_http_client(client);
        if let Some(url) = url {
            builder = builder.with_endpoint(url);
        }
        Ok(Self { inner: builder.build()?, cause, failing: AtomicBool::new(false), lost: AtomicUsize::new(0) })
    }

    fn tell(&self, spans: usize, result: &OTelSdkResult) {
        if let Err(error) = result {
            self.lost.fetch_add(spans, Ordering::Relaxed);
            if !self.failing.swap(true, Ordering::Relaxed) {
                let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take();
                let cause = cause.unwrap_or_else(|| error.to_string());
                tracing::warn!(cause, "could not export spans; they are dropped until the collector takes them again");
            }
        } else if self.failing.swap(false, Ordering::Relaxed) {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            tracing::info!(lost, "spans are exported again");
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.inner.export(batch).await;
        self.tell(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// The workspace's HTTP client. The SDK asks from its own thread, where no runtime is.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
    cause: Cause,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let sent = self.runtime.spawn(send(self.http.clone(), request)).await;
        let answer = sent.map_err(HttpError::from).and_then(|answer| answer.map_err(HttpError::from));
        let cause = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answered {}", answer.status())),
            Err(error) => Some(root_cause(&**error)),
        };
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
        answer
    }
}

async fn send(http: reqwest::Client, request: reqwest::Request) -> Result<Response<Bytes>, reqwest::Error> {
    let mut answer = http.execute(request).await?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    *response.body_mut() = body.freeze();
    Ok(response)
}

/// The innermost error: reqwest's own says only that the request failed, with the URL, which may
/// carry a password.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
