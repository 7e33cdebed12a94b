//! Logs on standard error: one JSON object a line, or text for people, coloured only on a terminal.

use std::io::IsTerminal as _;

use store_telemetry::Traces;
use store_telemetry::logs::{self, Form};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::LogFormat;

/// Sets the process's logs up, once, and its spans where they are exported.
pub fn to_stderr(format: LogFormat, traces: Option<&Traces>) {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| "info".to_owned());
    let subscriber = subscriber(format, &wanted, std::io::stderr().is_terminal(), std::io::stderr, traces);
    // it fails only where somebody has set logs up before
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// What the libraries say is said by every failed pass in other words, so they are quiet unless
/// `wanted` names them.
fn subscriber<W>(
    format: LogFormat,
    wanted: &str,
    colours: bool,
    writer: W,
    traces: Option<&Traces>,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse_lossy(format!("scylla=off,kube_runtime=warn,kube_client=warn,{wanted}"));
    let form = match format {
        LogFormat::Json => Form::Json,
        LogFormat::Text => Form::Text { colours },
    };
    logs::subscriber(form, filter, writer, traces)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

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

    fn logged(format: LogFormat, colours: bool) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(format, "info", colours, move || writer.clone(), None);
        tracing::subscriber::with_default(subscriber, || tracing::warn!(name = "shop", "pass failed"));
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_has_colours_on_a_terminal_only() {
        assert!(logged(LogFormat::Text, true).contains('\u{1b}'));
        let plain = logged(LogFormat::Text, false);
        assert!(plain.contains("pass failed name=\"shop\"") && !plain.contains('\u{1b}'), "{plain:?}");
    }

    #[test]
    fn json_is_an_object_a_line_with_its_fields_beside_the_message() {
        let line: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, false)).unwrap();
        assert_eq!((&line["message"], &line["name"]), (&"pass failed".into(), &"shop".into()));
    }
}
