//! Changes and lines of the audit trail as JSON. Pure.

use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::change::{Audited, Change};
use crate::models::changes::Batch;
use crate::views::json;

/// One version of something.
#[derive(ToSchema)]
#[schema(as = Change)]
#[allow(dead_code, reason = "documents the answer; it is written by `change`")]
pub struct ChangeDoc {
    kind: KindDoc,
    /// Of the product, or the order; a stock has that of its product.
    id: Uuid,
    version: i64,
    /// When the version was made.
    at: String,
    /// `created`, `changed`, `archived`, `restored` or `removed` of a product, the kind of movement of a stock, the status of
    /// an order. `changed` of an order stands for a version of which only that is known.
    what: String,
    /// Of a stock: units after it.
    #[schema(nullable = false)]
    quantity: Option<i64>,
    /// Of a stock: units that came, or went.
    #[schema(nullable = false)]
    delta: Option<i64>,
}

#[derive(ToSchema)]
#[schema(as = ChangeKind, rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a member")]
enum KindDoc {
    Product,
    Stock,
    Order,
}

/// Changes, and where to go on.
#[derive(ToSchema)]
#[schema(as = Changes)]
#[allow(dead_code, reason = "documents the answer; it is written by `batch`")]
pub struct ChangesDoc {
    changes: Vec<ChangeDoc>,
    /// The position after them.
    next: String,
}

/// A line of the audit trail.
#[derive(ToSchema)]
#[schema(as = AuditLine)]
#[allow(dead_code, reason = "documents the answer; it is written by `audit`")]
pub struct AuditDoc {
    id: Uuid,
    at: String,
    /// Who did it: the subject of a token, or its name.
    principal: Option<String>,
    kind: AuditKindDoc,
    object_id: Uuid,
    what: String,
    /// The version after it.
    version: i64,
    request_id: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = AuditKind, rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a member")]
enum AuditKindDoc {
    Product,
    Stock,
    Order,
    User,
}

/// The day of a moment, in days since 1970.
pub fn day_of(at_ms: i64) -> i32 {
    i32::try_from(at_ms.div_euclid(86_400_000)).unwrap_or(i32::MAX)
}

/// Writes one change.
pub fn change(out: &mut Vec<u8>, change: &Change) {
    out.extend_from_slice(b"{\"kind\":\"");
    out.extend_from_slice(change.kind.name().as_bytes());
    out.extend_from_slice(b"\",\"id\":");
    json::write_uuid(out, change.id);
    out.extend_from_slice(b",\"version\":");
    json::write_integer(out, change.version);
    out.extend_from_slice(b",\"at\":");
    json::write_time(out, change.at);
    out.extend_from_slice(b",\"what\":");
    json::write_text(out, &change.what);
    for (name, value) in [(&b",\"quantity\":"[..], change.quantity), (b",\"delta\":", change.delta)] {
        if let Some(value) = value {
            out.extend_from_slice(name);
            json::write_integer(out, value);
        }
    }
    out.push(b'}');
}

/// An answer of changes.
pub fn batch(batch: &Batch) -> Vec<u8> {
    let mut out = b"{\"changes\":".to_vec();
    out.extend(json::array(batch.changes.iter(), |out, (_, of)| change(out, of)));
    out.extend_from_slice(format!(",\"next\":\"{}\"}}", batch.next).as_bytes());
    out
}

/// The same as events. JSON has no line break.
pub fn events(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.changes.len() * 200);
    for (position, of) in &batch.changes {
        out.extend_from_slice(format!("id: {position}\nevent: {}\ndata: ", of.kind.name()).as_bytes());
        change(&mut out, of);
        out.extend_from_slice(b"\n\n");
    }
    out
}

/// Lines of the audit trail.
pub fn audit(lines: &[Audited]) -> Vec<u8> {
    json::array(lines.iter(), |out, line| {
        out.extend_from_slice(b"{\"id\":");
        json::write_uuid(out, line.id);
        out.extend_from_slice(b",\"at\":");
        json::write_time(out, line.at);
        out.extend_from_slice(b",\"principal\":");
        json::write_optional(out, line.by.as_deref());
        out.extend_from_slice(b",\"kind\":\"");
        out.extend_from_slice(line.object.kind.name().as_bytes());
        out.extend_from_slice(b"\",\"object_id\":");
        json::write_uuid(out, line.object.id);
        out.extend_from_slice(b",\"what\":");
        json::write_text(out, &line.what);
        out.extend_from_slice(b",\"version\":");
        json::write_integer(out, line.version);
        out.extend_from_slice(b",\"request_id\":");
        json::write_optional(out, line.request.as_deref());
        out.push(b'}');
    })
}
