//! Requests to the API server by one user, from the audit log. IO: reads one file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event as the API server writes it; only what is counted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    user: User,
    object_ref: Option<ObjectRef>,
    request_received_timestamp: Timestamp,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Debug, Deserialize)]
struct ObjectRef {
    resource: Option<String>,
    subresource: Option<String>,
}

/// Requests by what they did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Number by `verb resource/subresource`.
    pub kinds: BTreeMap<String, u64>,
}

impl Requests {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// Those that change something, the leader's lease and events left out.
    pub fn writes(&self) -> u64 {
        let writes = |kind: &&str| {
            let (verb, resource) = kind.split_once(' ').unwrap_or((kind, ""));
            !["get", "list", "watch"].contains(&verb) && !["leases", "events"].contains(&resource)
        };
        self.kinds.iter().filter(|(kind, _)| writes(&kind.as_str())).map(|(_, count)| count).sum()
    }
}

/// Counts the requests that `user` made from `from` on and before `to`.
///
/// # Errors
/// When the log cannot be read. A line that is no event (the log is being written) is passed over.
pub fn requests(log: &Path, user: &str, from: Timestamp, to: Timestamp) -> io::Result<Requests> {
    let mut requests = Requests::default();
    for line in BufReader::new(File::open(log)?).lines() {
        count(&mut requests, &line?, user, from, to);
    }
    Ok(requests)
}

fn count(requests: &mut Requests, line: &str, user: &str, from: Timestamp, to: Timestamp) {
    // Most lines are of others: the text is looked at before it is parsed.
    if !line.contains(user) {
        return;
    }
    let Ok(event) = serde_json::from_str::<Event>(line) else { return };
    // A watch completes when it ends; what counts is that it began. Others have one event more.
    let stage = if event.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
    let inside = event.request_received_timestamp >= from && event.request_received_timestamp < to;
    if event.user.username != user || event.stage != stage || !inside {
        return;
    }
    let object = event.object_ref;
    let resource = object.as_ref().and_then(|object| object.resource.clone()).unwrap_or_else(|| "path".into());
    let kind = match object.and_then(|object| object.subresource) {
        Some(subresource) => format!("{} {resource}/{subresource}", event.verb),
        None => format!("{} {resource}", event.verb),
    };
    *requests.kinds.entry(kind).or_insert(0) += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verb: &str, stage: &str, user: &str, second: u32, object: &str) -> String {
        format!(
            r#"{{"kind":"Event","stage":"{stage}","verb":"{verb}","user":{{"username":"{user}","groups":[]}},"objectRef":{object},"requestReceivedTimestamp":"2026-01-01T00:00:{second:02}.5Z"}}"#
        )
    }

    #[test]
    fn requests_of_one_user_within_a_time_are_counted_once_by_kind() {
        let pods = r#"{"resource":"pods"}"#;
        let status = r#"{"resource":"storeclusters","subresource":"status"}"#;
        let lease = r#"{"resource":"leases"}"#;
        let lines = [
            line("list", "ResponseComplete", "me", 1, pods),
            line("list", "ResponseComplete", "you", 1, pods),
            line("watch", "ResponseStarted", "me", 1, pods),
            line("watch", "ResponseComplete", "me", 1, pods),
            line("patch", "ResponseComplete", "me", 2, status),
            line("update", "ResponseComplete", "me", 2, lease),
            line("list", "ResponseComplete", "me", 30, pods),
            "half a line, of me".to_owned(),
        ];
        let at = |second: i64| Timestamp::from_second(1_767_225_600 + second).expect("a time");
        let mut requests = Requests::default();
        for line in lines {
            count(&mut requests, &line, "me", at(0), at(10));
        }
        let kinds: Vec<_> = requests.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        assert_eq!(
            kinds,
            [("list pods", 1), ("patch storeclusters/status", 1), ("update leases", 1), ("watch pods", 1)]
        );
        assert_eq!((requests.total(), requests.writes()), (4, 1));
    }
}
