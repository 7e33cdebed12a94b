//! A rush on what is sold out: thousands of buyers of a few units through two processes, some of whom cancel at once.
//! Figures beside those of the version before, and whether every answer was right. IO: child processes, HTTP.

mod judge;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::judge::{Moved, Refused, Sale, judge};
use super::api::ApiBenchError;
use super::parts::Parts;
use super::store::{Store, TOKEN};
use crate::load::Client;
use store_testbed::progress::say;

/// Buyers, each of one unit.
const BUYERS: usize = 10_000;
/// Units.
const UNITS: i64 = 100;
/// Buyers at the same time, half of them at each process.
const AT_ONCE: usize = 400;
/// One of so many who got a unit gives it back at once.
const CANCELS: usize = 4;
/// Longer than a request may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One rush.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RushFigures {
    /// Orders that were confirmed.
    pub sold: usize,
    /// Of these cancelled.
    pub cancelled: usize,
    /// Told that too little is there.
    pub refused: usize,
    /// Told anything else: 503, 504, nothing.
    pub others: usize,
    /// Refusals a second, from the first to the last of them.
    pub refusals_per_second: f64,
    /// Statements of both processes for each hundred refusals, without those of orders that were confirmed: these are
    /// counted at the statements of an order beforehand.
    pub statements_per_hundred: f64,
    /// How long half of the refusals took, and 99 of 100, in milliseconds.
    pub millis: [f64; 2],
    /// What was wrong.
    pub faults: Vec<String>,
}

/// A rush on this version and, where a program of it is given, one on the version before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rushes {
    /// This one.
    pub now: RushFigures,
    /// The version before.
    pub before: Option<RushFigures>,
}

impl Rushes {
    /// How many times as many refusals a second.
    pub fn ratio(&self) -> Option<f64> {
        let before = self.before.as_ref()?;
        Some(self.now.refusals_per_second / before.refusals_per_second)
    }
}

/// Lets people rush, first at `earlier`, then at this version, each on a ring of `nodes` of its own.
///
/// # Errors
/// [`ApiBenchError`] when something does not start or a set-up is refused.
pub async fn measure(parts: &Parts, earlier: Option<&Path>, nodes: u8) -> Result<Rushes, ApiBenchError> {
    let before = match earlier {
        Some(program) => {
            let parts = Parts { store_api: program.to_owned(), ..parts.clone() };
            Some(rush(&parts, nodes).await?)
        }
        None => None,
    };
    Ok(Rushes { now: rush(parts, nodes).await?, before })
}

/// What became of one buyer.
struct Bought {
    began: u64,
    ended: u64,
    end: End,
}

enum End {
    Order(String),
    Short,
    Other(String),
}

async fn rush(parts: &Parts, nodes: u8) -> Result<RushFigures, ApiBenchError> {
    let store = Store::start_of(parts, nodes).await?;
    let (_second, addresses) = store.another_told(&[]).await?;
    let user = store.create("/users", &json!({"name": "Everybody", "email": "everybody@example.org"})).await?;
    let product = store.create("/products", &json!({"name": "Wanted", "sku": "wanted", "price": 10.5})).await?;
    let one = |product: &str| json!({"user_id": user, "items": [{"product_id": product, "quantity": 1}]});
    let clients: Vec<Client> = [store.address, addresses[0]]
        .into_iter()
        .map(|address| {
            let client =
                Client::new(&format!("http://{address}"), None, PATIENCE).and_then(|client| client.with_token(TOKEN));
            client.map_err(|error| ApiBenchError::Wrong(error.to_string()))
        })
        .collect::<Result<_, _>>()?;
    let statements = async || -> Result<f64, ApiBenchError> {
        Ok(store.statements_of(store.operations).await? + store.statements_of(addresses[1]).await?)
    };
    // What an order and its cancellation cost by themselves, on a product of their own.
    let calm = store.create("/products", &json!({"name": "Calm", "sku": "calm", "price": 10.5})).await?;
    store.post("/stocks", &json!({"product_id": calm, "quantity": 1000})).await?;
    let mut cost = [0.0; 2];
    let before = statements().await?;
    let mut orders = Vec::new();
    for number in 0..20 {
        let answer = send(&clients[number % 2], Method::POST, "/orders", Some(&one(&calm))).await;
        orders.extend(answer.and_then(|answer| Some(answer.1["id"].as_str()?.to_owned())));
    }
    cost[0] = (statements().await? - before) / 20.0;
    let before = statements().await?;
    for (number, order) in orders.iter().enumerate() {
        send(&clients[number % 2], Method::DELETE, &format!("/orders/{order}"), None).await;
    }
    cost[1] = (statements().await? - before) / 20.0;
    store.post("/stocks", &json!({"product_id": product, "quantity": UNITS})).await?;

    say(format!("{BUYERS} buyers of {UNITS} units"));
    let (next, bought, given) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(HashMap::new()));
    let began = Instant::now();
    let at = || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let before = statements().await?;
    let order = one(&product);
    let buyers = (0..AT_ONCE).map(|buyer| {
        let (client, next, bought, given, order, at) = (&clients[buyer % 2], &next, &bought, &given, &order, &at);
        async move {
            while next.fetch_add(1, Ordering::Relaxed) < BUYERS {
                let from = at();
                let answer = send(client, Method::POST, "/orders", Some(order)).await;
                let (ended, end) = (at(), ended(answer));
                if let End::Order(id) = &end
                    && buyer.is_multiple_of(CANCELS)
                {
                    let from = at();
                    let answer = send(client, Method::DELETE, &format!("/orders/{id}"), None).await;
                    let done = answer.is_some_and(|(status, _)| status.is_success());
                    lock(given).insert(id.clone(), (from, at(), done));
                }
                lock(bought).push(Bought { began: from, ended, end });
            }
            Ok::<_, ApiBenchError>(())
        }
    });
    try_join_all(buyers).await?;
    let spent = statements().await? - before;
    let (bought, given) = (into(bought), into(given));
    let mut movements = Vec::new();
    let mut page = Some(format!("/stocks/{product}/movements?limit=100"));
    while let Some(path) = page {
        let (rows, next) = store.page(store.address, &path).await?;
        movements.extend(rows.iter().map(moved));
        page = next;
    }
    Ok(figures(&bought, &given, &movements, spent, cost))
}

fn figures(
    bought: &[Bought],
    given: &HashMap<String, (u64, u64, bool)>,
    movements: &[Moved],
    spent: f64,
    cost: [f64; 2],
) -> RushFigures {
    let (mut sales, mut refusals, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for Bought { began, ended, end } in bought {
        match end {
            End::Order(id) => {
                sales.push(Sale { order: id.clone(), asked: (*began, *ended), given: given.get(id).copied() });
            }
            End::Short => refusals.push(Refused { asked: (*began, *ended) }),
            End::Other(text) => others.push(text.clone()),
        }
    }
    let mut faults = judge(UNITS, &sales, &refusals, movements);
    let mut told: Vec<&String> = others.iter().collect();
    told.dedup();
    faults.extend(told.into_iter().take(3).map(|text| format!("a buyer was told: {text}")));
    let cancelled = sales.iter().filter(|sale| sale.given.is_some_and(|(_, _, done)| done)).count();
    let mut millis: Vec<f64> = refusals.iter().map(|one| (one.asked.1 - one.asked.0) as f64 / 1e6).collect();
    millis.sort_by(f64::total_cmp);
    let of = |share: usize| millis.get(millis.len() * share / 100).or(millis.last()).copied().unwrap_or_default();
    let span = |pick: fn(&Refused) -> u64| refusals.iter().map(pick);
    let first = span(|one| one.asked.0).min().unwrap_or_default();
    let last = span(|one| one.asked.1).max().unwrap_or_default();
    let orders = sales.len() as f64 * cost[0] + cancelled as f64 * cost[1];
    let refused = refusals.len();
    RushFigures {
        sold: sales.len(),
        cancelled,
        refused,
        others: others.len(),
        refusals_per_second: refused as f64 / ((last.saturating_sub(first)) as f64 / 1e9).max(1e-3),
        statements_per_hundred: (spent - orders).max(0.0) * 100.0 / (refused as f64).max(1.0),
        millis: [of(50), of(99)],
        faults,
    }
}

fn lock<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn into<T>(lock: Mutex<T>) -> T {
    lock.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Status and body, `None` where no answer came.
async fn send(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Option<(StatusCode, Value)> {
    let answer = client.send(method, path, &[], body).await.ok()?;
    Some((answer.status, answer.body))
}

fn ended(answer: Option<(StatusCode, Value)>) -> End {
    let Some((status, body)) = answer else { return End::Other("nothing".to_owned()) };
    let id = body["id"].as_str().filter(|_| status == StatusCode::CREATED);
    let short = status == StatusCode::CONFLICT
        && body["type"].as_str().is_some_and(|kind| kind.ends_with("insufficient_stock"));
    match id {
        Some(id) => End::Order(id.to_owned()),
        None if short => End::Short,
        None => End::Other(format!("{status} {body}").chars().take(200).collect()),
    }
}

fn moved(row: &Value) -> Moved {
    let number = |name: &str| row[name].as_i64().unwrap_or_default();
    Moved {
        version: number("version"),
        quantity: number("quantity"),
        delta: number("delta"),
        kind: row["kind"].as_str().unwrap_or_default().to_owned(),
        order: row["reference"].as_str().map(str::to_owned),
    }
}
