//! The span of a statement, after OpenTelemetry's conventions for databases: one for each try, as the
//! metrics count. Values are never told, only the text that was prepared. No IO.

use scylla::response::query_result::QueryResult;
use scylla::statement::batch::{Batch, BatchStatement};
use scylla::statement::prepared::PreparedStatement;
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::execute::Failure;
use super::observe::{Meter, error_label};
use super::{lower_name, serial_name};

/// One statement that is about to be sent.
pub fn statement(keyspace: &str, meter: &Meter, prepared: &PreparedStatement) -> Span {
    info_span!(
        "statement",
        otel.name = format!("{} {}", meter.operation(), meter.table()),
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "cassandra",
        db.namespace = keyspace,
        db.operation.name = meter.operation(),
        db.collection.name = meter.table(),
        db.query.text = prepared.get_statement(),
        cassandra.consistency.level = prepared.get_consistency().map(lower_name),
        cassandra.serial_consistency.level = prepared.get_serial_consistency().map(serial_name),
        cassandra.query.idempotent = prepared.get_is_idempotent(),
        cassandra.coordinator.id = Empty,
        cassandra.coordinator.dc = Empty,
        network.peer.address = Empty,
        network.peer.port = Empty,
        error.type = Empty,
    )
}

/// Several statements that are about to be sent together.
pub fn batch(keyspace: &str, batch: &Batch) -> Span {
    info_span!(
        "statement",
        otel.name = "BATCH",
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "cassandra",
        db.namespace = keyspace,
        db.operation.name = "BATCH",
        db.operation.batch.size = i64::try_from(batch.statements.len()).ok(),
        db.query.text = texts(batch),
        cassandra.consistency.level = batch.get_consistency().map(lower_name),
        cassandra.serial_consistency.level = batch.get_serial_consistency().map(serial_name),
        cassandra.query.idempotent = batch.get_is_idempotent(),
        cassandra.coordinator.id = Empty,
        cassandra.coordinator.dc = Empty,
        network.peer.address = Empty,
        network.peer.port = Empty,
        error.type = Empty,
    )
}

/// The different statements of a batch.
fn texts(batch: &Batch) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for statement in &batch.statements {
        let text = match statement {
            BatchStatement::Query(statement) => statement.contents.as_str(),
            BatchStatement::PreparedStatement(prepared) => prepared.get_statement(),
            _ => continue,
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join("; ")
}

/// Who coordinated, or what failed. The words of an error are not told: Cassandra may quote values.
pub fn answered(span: &Span, result: &Result<QueryResult, Failure>) {
    if span.is_disabled() {
        return;
    }
    match result {
        Ok(result) => {
            let node = result.request_coordinator().node();
            span.record("cassandra.coordinator.id", tracing::field::display(node.host_id));
            span.record("cassandra.coordinator.dc", node.datacenter.as_deref());
            span.record("network.peer.address", tracing::field::display(node.address.ip()));
            span.record("network.peer.port", i64::from(node.address.port()));
        }
        Err(failure) => {
            span.record("error.type", error_label(failure));
            span.record("otel.status_code", "ERROR");
        }
    }
}
