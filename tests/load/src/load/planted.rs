//! A small products API that fails on demand: the load must see each fault planted in it. Tests only.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;

/// What the server does wrong, and from which request on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Every answer has this status.
    Status(u16),
    /// Connections are closed in place of an answer.
    Hangup,
    /// No answer comes.
    Silence,
    /// Writes are acknowledged and forgotten.
    Amnesia,
    /// A write changes the description alone.
    Torn,
    /// Reads say that there is no such product.
    NotFound,
    /// Pages are empty.
    EmptyPage,
}

#[derive(Default)]
struct Store {
    products: BTreeMap<String, Value>,
    fault: Option<Fault>,
    served: usize,
}

type Shared = Arc<Mutex<Store>>;

async fn answer(store: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, String> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let fault = {
        let mut store = store.lock().unwrap();
        store.served += 1;
        store.fault
    };
    match fault {
        Some(Fault::Hangup) => return Err("hang up".into()),
        Some(Fault::Silence) => std::future::pending::<()>().await,
        _ => {}
    }
    let (status, body) = handle(&mut store.lock().unwrap(), &head.method, head.uri.path(), &body, fault);
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

fn handle(store: &mut Store, method: &Method, path: &str, body: &[u8], fault: Option<Fault>) -> (u16, Value) {
    if let Some(Fault::Status(status)) = fault {
        return (status, json!({ "error": "planted" }));
    }
    let id = path.strip_prefix("/products").unwrap_or_default().trim_start_matches('/').to_owned();
    let change: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    match *method {
        Method::POST => {
            let id = Uuid::new_v4().to_string();
            let mut product = change;
            product["id"] = json!(id);
            store.products.insert(id, product.clone());
            (201, product)
        }
        Method::GET if id.is_empty() => {
            let page: Vec<Value> = store.products.values().take(50).cloned().collect();
            (200, if fault == Some(Fault::EmptyPage) { json!([]) } else { json!(page) })
        }
        Method::GET if fault == Some(Fault::NotFound) => (404, json!({})),
        Method::GET => store.products.get(&id).map_or((404, json!({})), |product| (200, product.clone())),
        _ => {
            let product = store.products.get_mut(&id).expect("a product that was created");
            for (name, value) in change.as_object().expect("an object") {
                let kept = match fault {
                    Some(Fault::Amnesia) => false,
                    Some(Fault::Torn) => name == "description",
                    _ => true,
                };
                if kept {
                    product[name] = value.clone();
                }
            }
            (200, product.clone())
        }
    }
}

async fn serve() -> (SocketAddr, Shared) {
    let store = Shared::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shared = Arc::clone(&store);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let store = Arc::clone(&shared);
            let service = service_fn(move |request| answer(Arc::clone(&store), request));
            // A hang-up ends its connection with an error, as planted.
            tokio::spawn(
                async move { drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await) },
            );
        }
    });
    (address, store)
}

fn settings(address: SocketAddr) -> Settings {
    Settings { rate: 400.0, timeout: Duration::from_millis(300), ..Settings::new(format!("http://{address}")) }
}

/// Waits until the load has sent `more` requests than now, at most ten seconds; of the step that has begun, where one has:
/// those of the step before may still be on their way.
async fn requests(load: &Load, more: usize) {
    let sent = || {
        let report = load.report();
        report.steps.last().map_or(report.total.requests, |step| step.statistics.requests)
    };
    let have = sent();
    let many = async {
        while sent() < have + more {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), many).await.expect("the load goes on");
}

/// Kinds of failures that the load counts when `fault` is planted after a calm start, and what
/// reading everything back shows once the fault is gone.
async fn planted(fault: Fault) -> (BTreeMap<String, usize>, Verdict) {
    let (address, store) = serve().await;
    let load = Load::start(settings(address)).expect("a load");
    load.begin("calm");
    requests(&load, 200).await;
    load.begin("fault");
    store.lock().unwrap().fault = Some(fault);
    requests(&load, 200).await;
    let (report, ledger) = load.stop().await;
    assert_eq!(
        report.steps[0].statistics.failed,
        report.failures.iter().filter(|f| f.due < report.steps[1].began).count()
    );
    store.lock().unwrap().fault = None;
    let client = Client::new(&format!("http://{address}"), None, Duration::from_secs(1)).expect("a client");
    let verdict = verify_by_api(&client, &ledger, "ALL", Duration::from_secs(10)).await;
    (report.steps[1].statistics.kinds.clone(), verdict)
}

#[tokio::test]
async fn a_sound_api_shows_no_failure_at_the_rate_asked_for() {
    let (address, store) = serve().await;
    let load = Load::start(settings(address)).expect("a load");
    load.begin("calm");
    requests(&load, 400).await;
    let (report, ledger) = load.stop().await;
    assert_eq!(report.total.kinds, BTreeMap::new(), "{}", report.table());
    assert_eq!(store.lock().unwrap().served, report.total.requests, "a request was sent twice or never");
    let rate = report.total.requests as f64 / report.seconds;
    assert!((300.0..500.0).contains(&rate), "{rate} per second");
    let client = Client::new(&format!("http://{address}"), None, Duration::from_secs(1)).expect("a client");
    let verdict = verify_by_api(&client, &ledger, "ALL", Duration::from_secs(10)).await;
    assert!(verdict.is_clean() && verdict.asked > 50, "{verdict:?}");
    assert!(ledger.products().iter().any(|product| product.acknowledged > 0), "nothing was updated");
}

#[tokio::test]
async fn answers_that_are_no_success_are_counted_by_status() {
    let (kinds, verdict) = planted(Fault::Status(503)).await;
    assert!(kinds.get("status 503").is_some_and(|count| *count >= 190), "{kinds:?}");
    assert!(verdict.is_clean(), "a refused write is not a lost one: {verdict:?}");
}

#[tokio::test]
async fn connections_closed_without_an_answer_are_counted_and_not_tried_again() {
    let (kinds, _) = planted(Fault::Hangup).await;
    assert!(kinds.get("reset").is_some_and(|count| *count >= 190), "{kinds:?}");
}

#[tokio::test]
async fn requests_without_an_answer_are_counted_as_timeouts_and_crowding() {
    let (kinds, _) = planted(Fault::Silence).await;
    assert!(kinds.get("timeout").is_some_and(|count| *count >= 60), "{kinds:?}");
}

#[tokio::test]
async fn forgotten_writes_are_seen_by_the_load_and_by_the_last_check() {
    let (kinds, verdict) = planted(Fault::Amnesia).await;
    assert!(kinds.contains_key("older"), "{kinds:?}");
    assert!(verdict.wrong > 0 && !verdict.is_clean(), "{verdict:?}");
}

#[tokio::test]
async fn torn_writes_are_seen_by_the_load_and_by_the_last_check() {
    let (kinds, verdict) = planted(Fault::Torn).await;
    assert!(kinds.contains_key("foreign"), "{kinds:?}");
    assert!(verdict.wrong > 0, "{verdict:?}");
}

#[tokio::test]
async fn products_that_are_not_found_and_pages_that_miss_them_are_failures() {
    let (kinds, _) = planted(Fault::NotFound).await;
    assert!(kinds.contains_key("status 404"), "{kinds:?}");
    let (kinds, _) = planted(Fault::EmptyPage).await;
    assert!(kinds.contains_key("malformed"), "{kinds:?}");
}

#[tokio::test]
async fn products_that_vanished_are_missing_in_the_last_check() {
    let (address, store) = serve().await;
    let load = Load::start(settings(address)).expect("a load");
    requests(&load, 200).await;
    let (_, ledger) = load.stop().await;
    store.lock().unwrap().products.pop_first();
    let client = Client::new(&format!("http://{address}"), None, Duration::from_secs(1)).expect("a client");
    let verdict = verify_by_api(&client, &ledger, "ALL", Duration::from_secs(10)).await;
    assert_eq!((verdict.missing, verdict.asked - verdict.right), (1, 1), "{verdict:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_counted_as_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let load = Load::start(settings(address)).expect("a load");
    requests(&load, 50).await;
    let (report, ledger) = load.stop().await;
    assert_eq!(report.total.kinds.get("refused"), Some(&report.total.requests), "{}", report.table());
    assert!(ledger.is_empty());
}

#[tokio::test]
async fn more_requests_than_clients_are_failures_too() {
    let (address, store) = serve().await;
    store.lock().unwrap().fault = Some(Fault::Silence);
    let load = Load::start(Settings { clients: 10, ..settings(address) }).expect("a load");
    requests(&load, 50).await;
    let (report, _) = load.stop().await;
    assert!(report.total.kinds.get("crowded").is_some_and(|count| *count >= 40), "{:?}", report.total.kinds);
}
