//! Spans to an OpenTelemetry collector where `OTEL_EXPORTER_OTLP_ENDPOINT` names one, and nothing at
//! all where it does not: then no span of the project is ever made, which costs a load and a branch.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::exporter::Exporter;
use crate::sampler;

/// Target of spans that may begin a trace. All others are made only below one of these: a probe's or
/// a background task's statement is no trace of its own.
pub const ROOT: &str = "store_telemetry::root";

/// How long the end of the program waits for the last spans.
const FLUSH: Duration = Duration::from_secs(3);

/// A setting of traces that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    #[error(
        "OTEL_TRACES_SAMPLER={0} is not known: use always_on, always_off, traceidratio or one of these after parentbased_"
    )]
    Sampler(String),
    #[error("OTEL_TRACES_SAMPLER_ARG={0} is not a share of traces: write a number from 0 to 1")]
    Ratio(String),
    #[error("{variable}={value} is not spoken here: use http/protobuf, at the collector's port for it (4318)")]
    Protocol { variable: &'static str, value: String },
    #[error("could not make the exporter of traces, look at the OTEL_EXPORTER_OTLP_* variables: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("could not make the client of the collector: {0}")]
    Client(#[from] reqwest::Error),
}

/// The export of spans of one process.
pub struct Traces {
    provider: SdkTracerProvider,
    service: &'static str,
}

impl Traces {
    /// What the standard variables ask for; `None` where `OTEL_EXPORTER_OTLP_ENDPOINT` is not set.
    /// Starts a thread. Call it within the runtime that spans are to be sent on.
    ///
    /// # Errors
    /// When one of the variables cannot be used.
    pub fn from_environment(service: &'static str, version: &'static str) -> Result<Option<Self>, TracesError> {
        let read = |name| std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let disabled = read("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if disabled || read("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
            return Ok(None);
        }
        for variable in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            match read(variable) {
                None => {}
                Some(value) if value == "http/protobuf" => break,
                Some(value) => return Err(TracesError::Protocol { variable, value }),
            }
        }
        let sampler =
            sampler::read(read("OTEL_TRACES_SAMPLER").as_deref(), read("OTEL_TRACES_SAMPLER_ARG").as_deref())?;
        Ok(Some(Self::new(None, sampler, service, version)?))
    }

    /// Every trace to a collector at `url`, path included, whatever the environment says.
    ///
    /// # Errors
    /// When that is no URL.
    pub fn to(url: &str, service: &'static str) -> Result<Self, TracesError> {
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        Self::new(Some(url), sampler, service, env!("CARGO_PKG_VERSION"))
    }

    fn new(
        url: Option<&str>,
        sampler: Sampler,
        service: &'static str,
        version: &'static str,
    ) -> Result<Self, TracesError> {
        // Its queue holds OTEL_BSP_MAX_QUEUE_SIZE spans, 2048 by default; what comes then is dropped.
        let batches = BatchSpanProcessor::builder(Exporter::new(url)?).build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(resource(service, version))
            .with_span_processor(batches)
            .build();
        Ok(Self { provider, service })
    }

    /// The part of a subscriber that makes spans of the project's own, and of nobody else's: what
    /// libraries put into theirs is not known here.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let filter = dynamic_filter_fn(|metadata, context| {
            is_ours(metadata) && (metadata.target() == ROOT || context.lookup_current().is_some())
        })
        .with_callsite_filter(|metadata| if is_ours(metadata) { Interest::sometimes() } else { Interest::never() })
        .with_max_level_hint(LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(self.service))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter)
    }

    /// Sends what waits, for three seconds at most.
    pub async fn end(self) {
        // The last batch goes over this runtime, so its thread must not be the one that waits.
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH)).await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not exported"),
            Err(error) => tracing::warn!(%error, "the export of spans broke off"),
        }
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("store_")
}

/// Who exports: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over what the program says.
fn resource(service: &'static str, version: &'static str) -> Resource {
    let given = Resource::builder().build();
    let named = given.get(&"service.name".into()).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let versioned = given.get(&"service.version".into()).is_some();
    let mut resource = Resource::builder();
    if !named {
        resource = resource.with_service_name(service);
    }
    if !versioned {
        resource = resource.with_attribute(KeyValue::new("service.version", version));
    }
    resource.build()
}

/// Whether spans are made.
pub fn are_on() -> bool {
    tracing::span_enabled!(target: ROOT, tracing::Level::INFO)
}

/// Makes a span that was not entered yet the child of the one that a W3C `traceparent` names. One
/// that is malformed begins a trace of its own, as if there were none. A `tracestate` is not read: it
/// would be exported with every span, and is up to 32 KiB of whatever a stranger writes.
pub fn follow(span: &Span, traceparent: &str) {
    let parent = TraceContextPropagator::new().extract_with_context(&opentelemetry::Context::new(), &Only(traceparent));
    // It fails only for a span that is not exported.
    let _ = span.set_parent(parent);
}

struct Only<'a>(&'a str);

impl Extractor for Only<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}
