//! Answers of Jolokia agents, read and misread; and an agent that plays a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::routing::post;

use super::*;

/// An agent that gives each POST the next of these answers, after its pause.
pub async fn scripted(answers: Vec<(Duration, Vec<Value>)>) -> Jolokia {
    let script = Arc::new(Mutex::new(VecDeque::from(answers)));
    let answer = move || async move {
        let next = script.lock().unwrap().pop_front();
        let (pause, answers) = next.expect("no more questions than answers");
        tokio::time::sleep(pause).await;
        Json(Value::Array(answers))
    };
    let router = axum::Router::new().route("/jolokia/", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    let credentials = Credentials { username: "op".into(), password: "secret".into() };
    Jolokia::new(http_client().unwrap(), address.ip(), address.port(), vec![credentials])
}

#[tokio::test]
async fn a_slow_node_is_asked_twice_before_it_counts_as_silent() {
    let too_long = QUESTION_DEADLINE + Duration::from_millis(500);
    let once = scripted(vec![(too_long, answers()), (Duration::ZERO, answers())]).await;
    assert_eq!(once.view().await.unwrap().host_id, "id-1");
    let always = scripted(vec![(too_long, answers()), (too_long, answers())]).await;
    assert!(matches!(always.view().await, Err(JmxError::Transport { slow: true, .. })));
}

#[tokio::test]
async fn an_agent_that_knows_an_older_password_is_asked_with_that_and_one_that_knows_neither_is_no_silent_node() {
    let login = |password: &str| Credentials { username: "op".into(), password: password.into() };
    let answer = |headers: axum::http::HeaderMap| async move {
        // op:old
        let known = headers["authorization"] == "Basic b3A6b2xk";
        let status = if known { axum::http::StatusCode::OK } else { axum::http::StatusCode::UNAUTHORIZED };
        (status, Json(Value::Array(answers())))
    };
    let router = axum::Router::new().route("/jolokia/", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    let agent = |logins| Jolokia::new(http_client().unwrap(), address.ip(), address.port(), logins);

    let knows = agent(vec![login("new"), login("old")]);
    assert_eq!(knows.view().await.unwrap().host_id, "id-1");
    assert_eq!(knows.accepted(), Some(&login("old")));
    assert_eq!(knows.view().await.unwrap().host_id, "id-1", "and it goes on with that one");
    let neither = agent(vec![login("new"), login("newer")]).view().await.unwrap_err();
    assert!(neither.is_unauthorized(), "{neither}");
    assert!(agent(Vec::new()).view().await.unwrap_err().is_unauthorized());
}

fn ok(value: Value) -> Value {
    json!({"status": 200, "value": value})
}

fn failed() -> Value {
    json!({"status": 404, "error": "javax.management.InstanceNotFoundException"})
}

fn answers() -> Vec<Value> {
    vec![
        ok(json!("NORMAL")),
        ok(json!("id-1")),
        ok(json!({"/10.0.0.1": "id-1", "10.0.0.2": "id-2", "10.0.0.3": "id-3"})),
        ok(json!("schema-1")),
        ok(json!("5.0.6")),
        ok(json!(true)),
        ok(json!(4096)),
        ok(json!([
            {"host_id": "id-2", "total_files": "3", "oldest_timestamp": "1700000000000"},
            {"host_id": "id-3", "total_files": "5", "oldest_timestamp": "1600000000000"},
            {"host_id": "gone", "total_files": "9", "oldest_timestamp": "1500000000000"},
        ])),
        ok(json!(["10.0.0.1", "10.0.0.2"])),
        ok(json!([])),
        ok(json!(["10.0.0.3"])),
        ok(json!([])),
        ok(json!([])),
        ok(json!("store/shop")),
    ]
}

#[test]
fn as_many_questions_are_asked_as_answers_are_read() {
    assert_eq!(view_questions().len(), answers().len());
}

#[test]
fn a_joining_node_is_not_a_member_and_hints_for_departed_or_dead_hosts_do_not_count() {
    let view = read_view(&answers()).unwrap();
    assert_eq!(view.members.keys().collect::<Vec<_>>(), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(view.joining.iter().collect::<Vec<_>>(), ["10.0.0.3"]);
    assert_eq!(view.pending_hints, 3);
    assert_eq!(view.oldest_hint, Timestamp::from_millisecond(1_700_000_000_000).ok());
    assert_eq!(view.load_bytes, 4096);
    assert!(view.native_transport);
    assert_eq!(view.cluster_name, "store/shop");
}

#[test]
fn what_could_not_be_read_is_an_error_and_never_an_empty_list_or_zero() {
    for list in [0, 2, 6, 7, 8, 9, 10, 11, 12] {
        let mut answers = answers();
        answers[list] = failed();
        assert!(matches!(read_view(&answers), Err(JmxError::NotUp(_))), "answer {list}");
    }
}

#[test]
fn a_node_without_a_host_id_yet_still_has_a_view() {
    let mut answers = answers();
    answers[1] = failed();
    assert_eq!(read_view(&answers).unwrap().host_id, "");
}

#[test]
fn the_state_of_a_repair_is_the_first_line_of_its_status() {
    assert_eq!(read_repair_status(&json!(["IN_PROGRESS"])), RepairStatus::Running);
    assert_eq!(read_repair_status(&json!(["COMPLETED", "done"])), RepairStatus::Completed);
    assert_eq!(read_repair_status(&json!(["FAILED", "node died"])), RepairStatus::Failed("node died".into()));
    assert_eq!(read_repair_status(&Value::Null), RepairStatus::Unknown);
}

#[test]
fn stream_progress_adds_up_all_sessions() {
    let plans = json!([{"sessions": [
        {"sendingSummaries": [{"totalSize": 100}, {"totalSize": 50}], "receivingSummaries": [],
         "sendingFiles": [{"currentBytes": 30}], "receivingFiles": []},
        {"sendingSummaries": [{"totalSize": 50}], "sendingFiles": [{"currentBytes": 10}]}
    ]}]);
    assert_eq!(read_streams(&plans), Some((40, 200)));
    assert_eq!(read_streams(&json!([])), None);
}

#[test]
fn credentials_do_not_print_their_password() {
    let credentials = Credentials { username: "op".into(), password: "s3cret-canary".into() };
    let jolokia = Jolokia::new(http_client().unwrap(), IpAddr::from([127, 0, 0, 1]), 8778, vec![credentials.clone()]);
    let printed = format!("{credentials:?} {jolokia:?}");
    assert!(!printed.contains("canary"), "{printed}");
}
