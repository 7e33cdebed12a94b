//! People with each role who ask for the dearest that they may, again and again, and some of whom hang up. IO: HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::pod::{MannersError, Pod, ROLES, token_of};

/// One of so many hangs up after a tenth of a second.
const HANGS_UP: usize = 5;
/// Between two requests of a person: they are not quicker than a client that is in a hurry.
const PAUSE: Duration = Duration::from_millis(20);

/// What a role asks for, one after the other.
fn dearest(role: &str) -> Vec<(Method, String, Option<serde_json::Value>)> {
    let get = |path: &str| (Method::GET, path.to_owned(), None);
    let query = |text: String| (Method::POST, "/stocks/graphql-query".to_owned(), Some(json!({ "query": text })));
    let many = |count: usize, field: &str| {
        let fields: Vec<String> = (0..count).map(|at| format!("a{at}: {field}")).collect();
        format!("{{ {} }}", fields.join(" "))
    };
    match role {
        "supplier" => vec![
            query(many(11, "products(first: 1, namePrefix: \"load\", category: \"rare\") { nodes { id } }")),
            query(many(11, "products(first: 1, namePrefix: \"load\") { nodes { id } }")),
            query(many(2, "stockLevels(first: 100) { nodes { quantity } }")),
            query(many(250, "products(first: 1, category: \"rare\") { nodes { id } }")),
            get("/stocks/reports/overview-stocks?limit=100"),
        ],
        "director" => vec![
            get("/orders/reports/best-sellers?limit=100&from=2024-01-01&to=2026-12-31"),
            get("/orders/reports/highest-spenders?limit=100"),
            get("/users?limit=100"),
        ],
        "seller" => vec![
            get("/products?limit=100&name_prefix=load&category=rare"),
            get("/products?limit=100&name_prefix=load"),
            get("/orders?limit=100&status=cancelled"),
            get("/orders?limit=100"),
            get("/stocks?limit=100"),
            get("/products/export"),
        ],
        _ => vec![
            get("/stocks/export"),
            get("/orders?limit=100&status=confirmed"),
            get("/products?limit=100&name_prefix=l"),
            get("/cluster/ring"),
        ],
    }
}

/// So many people of each role until the end; how often they were answered what. 0 stands for no answer.
pub async fn ask_all(
    pod: &Arc<Pod>,
    of_each: usize,
    end: Instant,
) -> Result<Vec<(&'static str, u16, usize)>, MannersError> {
    let mut people = JoinSet::new();
    for role in ROLES {
        for person in 0..of_each {
            let pod = Arc::clone(pod);
            let client = pod.client(person, Duration::from_secs(15))?;
            people.spawn(async move {
                let mut told = Vec::new();
                let dearest = dearest(role);
                for turn in person.. {
                    if Instant::now() >= end {
                        break;
                    }
                    let (method, path, body) = &dearest[turn % dearest.len()];
                    let request = client.request(method.clone(), pod.url(path)).bearer_auth(token_of(role));
                    let request = if let Some(body) = body { request.json(body) } else { request };
                    let until = if turn % HANGS_UP == 0 { Instant::now() + Duration::from_millis(100) } else { end };
                    told.push((role, timeout_at(until, status(request)).await.unwrap_or(0)));
                    sleep(PAUSE).await;
                }
                told
            });
        }
    }
    let mut counts = BTreeMap::new();
    for answer in people.join_all().await.into_iter().flatten() {
        *counts.entry(answer).or_insert(0) += 1;
    }
    Ok(counts.into_iter().map(|((role, status), count)| (role, status, count)).collect())
}

/// The status of a request whose answer is read to its end; 0 where there is none.
async fn status(request: RequestBuilder) -> u16 {
    let Ok(answer) = request.send().await else { return 0 };
    let status = answer.status().as_u16();
    if answer.bytes().await.is_ok() { status } else { 0 }
}
