//! One line a request on standard output, without bodies, queries or secrets.
//!
//! Lines are put together in memory and written by one thread of its own, some milliseconds later
//! and many at once; a slow reader of the log costs lines (counted), never a request.

use std::io::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use prometheus::IntCounter;
use store_telemetry::ids::Ids;

use crate::auth::Principal;
use crate::route::Route;
use crate::settings::LogFormat;
use crate::views::json;

/// Bytes that may wait to be written.
const MAX_WAITING: usize = 1024 * 1024;
/// How long lines are collected before they are written.
const COLLECT: Duration = Duration::from_millis(20);

/// What is told of a request.
pub struct Entry<'a> {
    pub id: &'a HeaderValue,
    pub method: &'a Method,
    pub path: &'a str,
    pub route: Route,
    pub status: StatusCode,
    pub took: Duration,
    pub bytes: Option<u64>,
    /// Who sent it, as far as the proxies on the way are believed.
    pub client: Option<IpAddr>,
    /// Whoever sent it, where that had to be told.
    pub by: Option<&'a Principal>,
    /// Of the request's span, where there is a trace.
    pub trace: Option<Ids>,
}

/// Where the lines go.
#[derive(Clone)]
pub struct AccessLog(Option<Arc<Shared>>);

struct Shared {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    format: LogFormat,
    lost: IntCounter,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    closed: bool,
}

/// Ends the log: everything that waits is written.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl AccessLog {
    /// No lines, for tests.
    pub const fn silent() -> Self {
        Self(None)
    }

    /// Starts the writing thread.
    pub fn to_stdout(format: LogFormat, lost: IntCounter) -> std::io::Result<(Self, Writer)> {
        let shared = Arc::new(Shared { waiting: Mutex::default(), filled: Condvar::new(), format, lost });
        let writing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("access-log".into()).spawn(move || write_lines(&writing))?;
        let writer = Writer { shared: Arc::clone(&shared), thread: Some(thread) };
        Ok((Self(Some(shared)), writer))
    }

    /// Tells of a finished request.
    pub fn request(&self, entry: &Entry<'_>) {
        let Some(shared) = &self.0 else { return };
        let now = crate::models::now_ms();
        let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() > MAX_WAITING {
            drop(waiting);
            shared.lost.inc();
            return;
        }
        let first = waiting.lines.is_empty();
        write_line(&mut waiting.lines, shared.format, now, entry);
        drop(waiting);
        if first {
            shared.filled.notify_one();
        }
    }
}

fn write_lines(shared: &Shared) {
    let mut lines = Vec::new();
    loop {
        {
            let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.lines.is_empty() && !waiting.closed {
                waiting = shared.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if !waiting.closed {
                (waiting, _) = shared.filled.wait_timeout(waiting, COLLECT).unwrap_or_else(PoisonError::into_inner);
            }
            if waiting.lines.is_empty() && waiting.closed {
                return;
            }
            std::mem::swap(&mut waiting.lines, &mut lines);
        }
        let mut stdout = std::io::stdout().lock();
        if stdout.write_all(&lines).and_then(|()| stdout.flush()).is_err() {
            shared.lost.inc();
        }
        lines.clear();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.shared.lost.inc();
        }
    }
}

fn write_line(out: &mut Vec<u8>, format: LogFormat, now_ms: i64, entry: &Entry<'_>) {
    let id = entry.id.to_str().unwrap_or_default();
    let micros = i64::try_from(entry.took.as_micros()).unwrap_or(i64::MAX);
    let bytes = entry.bytes.and_then(|bytes| i64::try_from(bytes).ok());
    let path = shortened(entry.path);
    match format {
        LogFormat::Json => {
            out.extend_from_slice(b"{\"timestamp\":");
            json::write_time(out, now_ms);
            out.extend_from_slice(b",\"level\":\"INFO\",\"message\":\"request\",\"request_id\":");
            json::write_text(out, id);
            out.extend_from_slice(b",\"method\":");
            json::write_text(out, entry.method.as_str());
            out.extend_from_slice(b",\"route\":");
            json::write_text(out, entry.route.pattern());
            out.extend_from_slice(b",\"path\":");
            json::write_text(out, path);
            out.extend_from_slice(b",\"status\":");
            json::write_integer(out, i64::from(entry.status.as_u16()));
            out.extend_from_slice(b",\"duration_us\":");
            json::write_integer(out, micros);
            if let Some(bytes) = bytes {
                out.extend_from_slice(b",\"bytes\":");
                json::write_integer(out, bytes);
            }
            if let Some(by) = entry.by {
                out.extend_from_slice(b",\"role\":");
                json::write_text(out, by.role.name());
                out.extend_from_slice(b",\"principal\":");
                json::write_text(out, &by.name);
            }
            if let Some(client) = entry.client {
                // Writing to a Vec cannot fail.
                let _ = write!(out, ",\"client\":\"{client}\"");
            }
            if let Some(Ids { trace, span }) = entry.trace {
                let _ = write!(out, ",\"trace_id\":\"{trace}\",\"span_id\":\"{span}\"");
            }
            out.extend_from_slice(b"}\n");
        }
        LogFormat::Text => {
            json::write_time(out, now_ms);
            let method = entry.method.as_str();
            let status = entry.status.as_u16();
            let _ = write!(out, " INFO request {id} {method} ");
            // A terminal takes these for commands; JSON's escapes are of ASCII alone.
            json::write_text(out, &path.replace(char::is_control, "\u{fffd}"));
            let _ = write!(out, " {status} {micros}us ");
            match entry.by {
                Some(by) => {
                    let _ = write!(out, "{} ", by.role.name());
                    // Issuers' subjects are anything.
                    json::write_text(out, &by.name);
                    out.push(b'\n');
                }
                None => out.extend_from_slice(b"-\n"),
            }
        }
    }
}

/// Paths of strangers can be long.
fn shortened(path: &str) -> &str {
    let mut end = path.len().min(256);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    &path[..end]
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::auth::roles::Role;

    fn entry() -> Entry<'static> {
        static ID: HeaderValue = HeaderValue::from_static("r-1");
        static BY: LazyLock<Principal> =
            LazyLock::new(|| Principal { name: "ana \"\u{e9}".into(), role: Role::Seller });
        Entry {
            id: &ID,
            method: &Method::GET,
            path: "/products",
            route: Route::Products,
            status: StatusCode::OK,
            took: Duration::from_micros(1500),
            bytes: Some(12),
            client: Some(IpAddr::from([127, 0, 0, 1])),
            by: Some(&BY),
            trace: None,
        }
    }

    fn line(path: &str) -> serde_json::Value {
        let mut out = Vec::new();
        write_line(&mut out, LogFormat::Json, 0, &Entry { path, route: Route::of(path), ..entry() });
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_line_is_one_json_object_whatever_the_path() {
        let value = line("/products/\"x\\");
        assert_eq!(value["route"], "/products/{id}");
        assert_eq!(value["path"], "/products/\"x\\");
        assert_eq!(value["duration_us"], 1500);
        assert_eq!(value["client"], "127.0.0.1");
        assert_eq!(value["role"], "seller");
        assert_eq!(value["principal"], "ana \"é");
    }

    #[test]
    fn a_line_of_text_has_nothing_that_a_terminal_takes_for_a_command() {
        let mut out = Vec::new();
        let entry = Entry { path: "/products/\u{9b}31m\u{85}", ..entry() };
        write_line(&mut out, LogFormat::Text, 0, &entry);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("/products/\u{fffd}31m\u{fffd}"), "{text:?}");
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
    }

    #[test]
    fn long_paths_are_cut_at_a_character() {
        let value = line(&format!("/{}", "é".repeat(400)));
        assert!(value["path"].as_str().unwrap().len() <= 256);
    }
}
