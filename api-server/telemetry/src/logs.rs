//! Log lines in one form: a JSON object each, with the ids of the request and of its trace, or text
//! for people.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::ids::{Ids, current_name};
use crate::traces::Traces;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Json,
    /// For people.
    Text {
        /// With the colours of a terminal.
        colours: bool,
    },
}

/// A subscriber that logs, and makes spans if there is somewhere to send them. Spans are never logged
/// and so not made without an exporter, whatever `filter` says.
pub fn subscriber<W>(
    form: Form,
    filter: EnvFilter,
    writer: W,
    traces: Option<&Traces>,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match form {
        Form::Json => {
            let json = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            json.map_event_format(WithIds).boxed()
        }
        Form::Text { colours } => lines.with_ansi(colours).boxed(),
    };
    let events = tracing_subscriber::filter::filter_fn(|metadata| metadata.is_event());
    let logged = tracing_subscriber::registry().with(lines.with_filter(filter.and(events)));
    match traces {
        None => Box::new(logged),
        Some(traces) => Box::new(logged.with(traces.layer())),
    }
}

/// A JSON format that ends each object with the ids of the moment.
struct WithIds<F>(F);

impl<S, N, F> FormatEvent<S, N> for WithIds<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (name, ids) = (current_name(), Ids::current());
        if name.is_none() && ids.is_none() {
            return self.0.format_event(context, out, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        out.write_str(line.strip_suffix('}').unwrap_or(line))?;
        if let Some((key, value)) = name.as_ref().and_then(|name| name.pair()) {
            write!(out, ",\"{key}\":\"{value}\"")?;
        }
        if let Some(Ids { trace, span }) = ids {
            write!(out, ",\"trace_id\":\"{trace}\",\"span_id\":\"{span}\"")?;
        }
        out.write_str("}\n")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::ids::{Name, named};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a warning looks like within a span and as part of a named piece of work.
    async fn logged(traces: Option<&Traces>, name: &'static str) -> serde_json::Value {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(Form::Json, EnvFilter::new("info"), move || writer.clone(), traces);
        let _guard = tracing::subscriber::set_default(subscriber);
        let span = tracing::info_span!(target: crate::ROOT, "work");
        let name = Name::new("request_id", http::HeaderValue::from_static(name));
        named(name, async { span.in_scope(|| tracing::warn!(of = "}", "it broke")) }).await;
        let bytes = written.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_line_carries_the_ids_that_there_are() {
        let line = logged(None, "r-1").await;
        assert_eq!(
            (&line["message"], &line["of"], &line["request_id"]),
            (&"it broke".into(), &"}".into(), &"r-1".into())
        );
        assert!(line["trace_id"].is_null() && line["level"] == "WARN");
        let traces = Traces::to("http://127.0.0.1:1/v1/traces", "it").unwrap();
        let line = logged(Some(&traces), "r-1").await;
        let length = |name: &str| line[name].as_str().map(str::len);
        assert_eq!((length("trace_id"), length("span_id"), length("request_id")), (Some(32), Some(16), Some(3)));
        let line = logged(None, "\"},{").await;
        assert!(line["request_id"].is_null(), "{line}");
    }
}
