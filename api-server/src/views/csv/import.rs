//! Imports that nobody waits for, as they are shown. Pure.

use utoipa::ToSchema;
use uuid::Uuid;

use crate::models::bulk::Counts;
use crate::models::import::Import;
use crate::models::imports::{State, state};
use crate::views::json;

/// An import that is not waited for.
#[derive(ToSchema)]
#[schema(as = Import)]
#[allow(dead_code, reason = "documents the answer; it is written by `shown`")]
pub struct ImportDoc {
    id: Uuid,
    #[schema(value_type = KindDoc, inline)]
    kind: String,
    #[schema(value_type = StateDoc, inline)]
    state: String,
    /// What that means, for people.
    detail: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: String,
    /// `null` until it has ended.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    ended_at: Option<String>,
    /// What has become of its lines; some seconds old while it runs.
    progress: ProgressDoc,
    /// The status that it would have been answered with; `null` until it has ended.
    #[schema(required = true)]
    status: Option<u16>,
    /// What it would have been answered with: its report, or a problem with its report in it. `null` until it has ended.
    #[schema(required = true, value_type = Option<Object>)]
    answer: Option<()>,
}

/// The table that the file goes into.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a member")]
enum KindDoc {
    Products,
    Stocks,
}

/// `lost`: the process that worked on it is gone.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "documents a member")]
enum StateDoc {
    Running,
    Ended,
    Lost,
}

/// Lines of a file so far.
#[derive(ToSchema)]
#[schema(as = ImportProgress)]
#[allow(dead_code, reason = "documents a member; it is written by `progress`")]
pub struct ProgressDoc {
    /// Lines that were read. Each that has been worked on is in one of the four counts.
    lines: u64,
    created: u64,
    changed: u64,
    unchanged: u64,
    failed: u64,
}

/// How far an import is, as JSON.
pub fn progress(counts: Counts) -> Vec<u8> {
    let Counts { lines, created, changed, unchanged, failed } = counts;
    format!(
        "{{\"lines\":{lines},\"created\":{created},\"changed\":{changed},\"unchanged\":{unchanged},\"failed\":{failed}}}"
    )
    .into_bytes()
}

/// An import as JSON.
pub fn shown(import: &Import) -> Vec<u8> {
    let state = state(import);
    let detail = match state {
        State::Running => "its lines are being done, ask again",
        State::Ended => "it has ended, status and answer tell how",
        State::Lost => {
            "the process that worked on it is gone: send the file again, what was done changes nothing and the rest is done"
        }
    };
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"{\"id\":");
    json::write_uuid(&mut out, import.id);
    for (name, text) in [("kind", import.kind.name()), ("state", state.name()), ("detail", detail)] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        json::write_text(&mut out, text);
    }
    out.extend_from_slice(b",\"started_at\":");
    json::write_time(&mut out, import.started_at);
    out.extend_from_slice(b",\"ended_at\":");
    match &import.ended {
        Some(ended) => json::write_time(&mut out, ended.at),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"progress\":");
    out.extend_from_slice(import.progress.as_deref().unwrap_or(&progress(Counts::default())));
    match &import.ended {
        Some(ended) => {
            out.extend_from_slice(format!(",\"status\":{},\"answer\":", ended.status).as_bytes());
            out.extend_from_slice(&ended.answer);
        }
        None => out.extend_from_slice(b",\"status\":null,\"answer\":null"),
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::import::{Ended, Kind};

    #[test]
    fn an_import_is_one_json_object_at_each_of_its_times() {
        let begun = Import {
            id: Uuid::from_u128(7),
            kind: Kind::Stocks,
            started_at: 1_764_518_400_000,
            alive: true,
            progress: None,
            ended: None,
        };
        let read = |import: &Import| serde_json::from_slice::<serde_json::Value>(&shown(import)).unwrap();
        let value = read(&begun);
        assert_eq!(
            (&value["state"], &value["kind"], &value["status"]),
            (&"running".into(), &"stocks".into(), &().into())
        );
        assert_eq!(value["progress"]["lines"], 0);
        let counts = Counts { lines: 3, failed: 1, ..Counts::default() };
        let lost = Import { alive: false, progress: Some(progress(counts)), ..begun };
        let value = read(&lost);
        assert_eq!((&value["state"], &value["progress"]["lines"]), (&"lost".into(), &3.into()));
        let ended = Ended { at: 1_764_518_401_000, status: 422, answer: b"{\"code\":\"x\"}".to_vec() };
        let value = read(&Import { ended: Some(ended), ..lost });
        assert_eq!(
            (&value["state"], &value["status"], &value["answer"]["code"]),
            (&"ended".into(), &422.into(), &"x".into())
        );
        assert_eq!(value["ended_at"], "2025-11-30T16:00:01.000Z");
    }
}
