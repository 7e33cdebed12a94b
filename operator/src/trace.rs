//! Spans of a pass and of the calls it makes, after OpenTelemetry's conventions. Without an exporter
//! none is made. Statements, bodies and the words of errors are not told: there are passwords among
//! them. No IO.

use std::net::SocketAddr;

use http::Uri;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use serde_json::Value;
use tracing::field::{Empty, display};
use tracing::{Span, info_span};

/// A pass over one StoreCluster: a trace of its own.
pub fn pass(namespace: &str, name: &str) -> Span {
    info_span!(
        target: store_telemetry::ROOT,
        "reconcile",
        otel.status_code = Empty,
        k8s.namespace.name = namespace,
        storemanager.store = name,
        error.type = Empty,
    )
}

/// Marks a span as failed, by a word of a closed list.
pub fn failed(span: &Span, kind: &str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
}

/// Questions or a command to a node's Jolokia agent, named by the first of them.
pub fn jmx(address: &str, questions: &[Value]) -> Span {
    let address: Option<SocketAddr> = address.parse().ok();
    info_span!(
        "jmx",
        otel.name = format!("JMX {}", operation(questions.first())),
        otel.kind = "client",
        otel.status_code = Empty,
        rpc.system.name = "jolokia",
        rpc.method = operation(questions.first()),
        storemanager.jmx.questions = i64::try_from(questions.len()).ok(),
        server.address = address.map(|address| display(address.ip())),
        server.port = address.map(|address| i64::from(address.port())),
        error.type = Empty,
    )
}

/// `read`, or the name of the operation without the types of its arguments.
fn operation(question: Option<&Value>) -> &str {
    let called = question.and_then(|question| question["operation"].as_str());
    called.map_or("read", |operation| operation.split('(').next().unwrap_or(operation))
}

/// A statement to a ring. Its first word is told and what it is for; the rest may hold a password.
pub fn cql(what: &'static str, statement: &str) -> Span {
    let operation = statement.split_whitespace().next().unwrap_or_default();
    info_span!(
        "cql",
        otel.name = operation,
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "cassandra",
        db.operation.name = operation,
        db.query.summary = what,
        cassandra.coordinator.id = Empty,
        network.peer.address = Empty,
        network.peer.port = Empty,
        error.type = Empty,
    )
}

/// A session that is opened.
pub fn log_in(contacts: &[SocketAddr]) -> Span {
    info_span!(
        "cql",
        otel.name = "log in",
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "cassandra",
        server.address = contacts.first().map(|contact| display(contact.ip())),
        error.type = Empty,
    )
}

/// Who coordinated a statement, or that it failed.
pub fn answered(span: &Span, result: &Result<QueryResult, ExecutionError>) {
    if span.is_disabled() {
        return;
    }
    match result {
        Ok(result) => {
            let node = result.request_coordinator().node();
            span.record("cassandra.coordinator.id", display(node.host_id));
            span.record("network.peer.address", display(node.address.ip()));
            span.record("network.peer.port", i64::from(node.address.port()));
        }
        Err(_) => failed(span, "query_failed"),
    }
}

/// A call of the Kubernetes API. Its query is left out: a list's may hold selectors of any length.
pub fn kubernetes(method: &'static str, uri: &Uri) -> Span {
    info_span!(
        "kubernetes",
        otel.name = format!("{method} {}", kind_of(uri.path())),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method,
        url.path = uri.path(),
        http.response.status_code = Empty,
        error.type = Empty,
    )
}

/// The plural of the kind that a path is about.
fn kind_of(path: &str) -> &str {
    let mut segments = path.trim_matches('/').split('/');
    match (segments.next(), segments.next(), segments.next()) {
        // /api/v1/… and /apis/GROUP/VERSION/…
        (Some("api"), _, Some("namespaces")) => segments.nth(1).unwrap_or("namespaces"),
        (Some("api"), _, Some(kind)) => kind,
        (Some("apis"), _, _) => match segments.next() {
            Some("namespaces") => segments.nth(1).unwrap_or("namespaces"),
            Some(kind) => kind,
            None => "resources",
        },
        _ => "resources",
    }
}

/// How a call of the Kubernetes API ended. A refusal is the caller's to judge, so it is no error here.
pub fn replied(span: &Span, status: Option<u16>) {
    match status {
        Some(status) => {
            span.record("http.response.status_code", i64::from(status));
            if status >= 500 {
                failed(span, "5xx");
            }
        }
        None => failed(span, "no_answer"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_are_named_by_what_they_are_about_and_not_by_whom() {
        for (path, kind) in [
            ("/api/v1/namespaces/store/secrets/shop-superuser", "secrets"),
            ("/api/v1/namespaces/store/pods", "pods"),
            ("/api/v1/namespaces/store", "namespaces"),
            ("/apis/storemanager.io/v1alpha1/namespaces/store/storeclusters/shop/status", "storeclusters"),
            ("/apis/storage.k8s.io/v1/storageclasses/fast", "storageclasses"),
            ("/apis/storemanager.io/v1alpha1", "resources"),
            ("/version", "resources"),
        ] {
            assert_eq!(kind_of(path), kind, "{path}");
        }
        let command = json!({"type": "exec", "operation": "decommission(boolean)"});
        assert_eq!(operation(Some(&command)), "decommission");
        assert_eq!(operation(Some(&json!({"type": "read"}))), "read");
    }
}
