//! The ids that tell log lines of one request, or of one pass, from the others.

use std::future::Future;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceId};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// What a unit of work is called in logs: `request_id` and its value.
#[derive(Debug, Clone)]
pub struct Name {
    key: &'static str,
    value: http::HeaderValue,
}

impl Name {
    /// A name that costs nothing to make; it is looked at when a line is written.
    pub const fn new(key: &'static str, value: http::HeaderValue) -> Self {
        Self { key, value }
    }

    /// Key and value, if they can stand in JSON as they are: visible ASCII without quotes and backslashes.
    pub(crate) fn pair(&self) -> Option<(&'static str, &str)> {
        let text = self.value.to_str().ok()?;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        plain.then_some((self.key, text))
    }
}

tokio::task_local! {
    static NAME: Name;
}

/// Runs work whose log lines carry its name.
pub fn named<F: Future>(name: Name, work: F) -> impl Future<Output = F::Output> {
    NAME.scope(name, work)
}

/// The name of the work that is done at this moment.
pub(crate) fn current_name() -> Option<Name> {
    NAME.try_with(Clone::clone).ok()
}

/// The id of the request that is worked on at this moment.
pub fn request_id() -> Option<String> {
    let name = current_name()?;
    name.pair().filter(|(key, _)| *key == "request_id").map(|(_, id)| id.to_owned())
}

/// A span's place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    pub trace: TraceId,
    pub span: SpanId,
}

impl Ids {
    /// Those of a span; `None` when nothing is traced.
    pub fn of(span: &Span) -> Option<Self> {
        if span.is_disabled() {
            return None;
        }
        Self::read(span.context().span().span_context())
    }

    /// Those of the span that is entered at this moment.
    pub(crate) fn current() -> Option<Self> {
        opentelemetry::Context::map_current(|context| Self::read(context.span().span_context()))
    }

    fn read(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self { trace: context.trace_id(), span: context.span_id() })
    }
}
