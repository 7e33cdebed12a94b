//! What became of an import, as it is answered. Pure.

use utoipa::ToSchema;

use crate::models::bulk::{Fault, Report};
use crate::views::json;

/// What became of a file.
#[derive(ToSchema)]
#[schema(as = ImportReport)]
#[allow(dead_code, reason = "documents the answer; it is written by `write`")]
pub struct ReportDoc {
    /// Whether nothing was to be done but this report.
    dry_run: bool,
    /// Lines that were read, the first one left out. Each of them is in one of the four counts.
    lines: u64,
    created: u64,
    changed: u64,
    /// Lines that were done before, or ask for what is so already.
    unchanged: u64,
    failed: u64,
    /// Where the last line that was read begins; nothing after it was looked at.
    last_line: u64,
    /// Each wrong thing of each line that failed.
    errors: Vec<LineErrorDoc>,
}

/// What is wrong with a line.
#[derive(ToSchema)]
#[schema(as = ImportLineError)]
#[allow(dead_code, reason = "documents the answer; it is written by `write`")]
pub struct LineErrorDoc {
    /// The first line of a file is 1.
    #[schema(minimum = 1)]
    line: u64,
    /// `null` where it is about the line as a whole.
    #[schema(required = true)]
    column: Option<String>,
    #[schema(example = "sku_taken")]
    code: String,
    detail: String,
}

/// The report as JSON.
pub fn write(report: &Report) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + 128 * report.faults.len());
    out.extend_from_slice(b"{\"dry_run\":");
    out.extend_from_slice(if report.dry_run { b"true" } else { b"false" });
    for (name, count) in [
        ("lines", report.lines),
        ("created", report.created),
        ("changed", report.changed),
        ("unchanged", report.unchanged),
        ("failed", report.failed),
        ("last_line", report.last_line),
    ] {
        out.extend_from_slice(format!(",\"{name}\":{count}").as_bytes());
    }
    out.extend_from_slice(b",\"errors\":");
    out.extend_from_slice(&json::array(report.faults.iter(), write_fault));
    out.push(b'}');
    out
}

fn write_fault(out: &mut Vec<u8>, fault: &Fault) {
    out.extend_from_slice(format!("{{\"line\":{},\"column\":", fault.line).as_bytes());
    json::write_optional(out, fault.column);
    out.extend_from_slice(b",\"code\":");
    json::write_text(out, &fault.code);
    out.extend_from_slice(b",\"detail\":");
    json::write_text(out, &fault.detail);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_json_object() {
        let fault = Fault::of(3, Some("sku"), ("repeated_sku", "stands in \"an\" earlier line".into()));
        let report = Report {
            dry_run: true,
            lines: 2,
            created: 1,
            failed: 1,
            last_line: 3,
            faults: vec![fault],
            ..Report::default()
        };
        let value: serde_json::Value = serde_json::from_slice(&write(&report)).unwrap();
        assert_eq!((&value["dry_run"], &value["lines"], &value["created"]), (&true.into(), &2.into(), &1.into()));
        assert_eq!(value["errors"][0]["detail"], "sku stands in \"an\" earlier line");
    }
}
