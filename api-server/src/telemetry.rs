//! Structured logs and traces of the program itself (requests have [`crate::access_log`]).

use store_telemetry::logs::{self, Form};
use store_telemetry::{Traces, TracesError};
use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// Begins to log to standard output; panics are logged as well. A second call changes nothing.
pub fn start(format: LogFormat, traces: Option<&Traces>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,scylla=warn"));
    let form = match format {
        LogFormat::Json => Form::Json,
        LogFormat::Text => Form::Text { colours: false },
    };
    if tracing::subscriber::set_global_default(logs::subscriber(form, filter, std::io::stdout, traces)).is_err() {
        tracing::debug!("logging was started before");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a task panicked: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
}

/// The export of traces that the environment asks for. Call it within the runtime.
///
/// # Errors
/// When a variable cannot be used.
pub fn traces() -> Result<Option<Traces>, TracesError> {
    Traces::from_environment("store-api", env!("CARGO_PKG_VERSION"))
}
