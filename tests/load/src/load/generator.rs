//! The load itself: begins a request whenever one is due, and takes down how it ended. IO: HTTP.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Settings;
use super::client::{Answer, Client, ClientError};
use super::ledger::{Ledger, Product, Reading, Refuted, body, change};
use super::recorder::{Failure, FailureKind, Operation, Recorder, Statistics};
use super::report::LoadReport;

/// Length of the page that a list asks for.
const PAGE: usize = 50;
/// Longest detail of a failure kept, in bytes.
const DETAIL: usize = 300;

/// A load that runs until it is stopped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    stop: CancellationToken,
    driver: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    settings: Settings,
    /// Makes the skus of this run differ from those of any other.
    prefix: String,
    began: Instant,
    ledger: Mutex<Ledger>,
    recorder: Mutex<Recorder>,
}

/// A poisoned lock is taken all the same: the data is a log, whole after each call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// Starts the load.
    ///
    /// # Errors
    /// [`ClientError`] when the base URL cannot be used.
    pub fn start(settings: Settings) -> Result<Self, ClientError> {
        let mut client = Client::new(&settings.base_url, settings.host.as_deref(), settings.timeout)?;
        if let Some(token) = &settings.token {
            client = client.with_token(token)?;
        }
        let prefix = format!("load-{}", Uuid::new_v4().simple());
        let shared = Arc::new(Shared {
            client,
            settings,
            prefix,
            began: Instant::now(),
            ledger: Mutex::default(),
            recorder: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let driver = tokio::spawn(drive(Arc::clone(&shared), stop.clone()));
        Ok(Load { shared, stop, driver })
    }

    /// Time since the load began.
    pub fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Begins a step of the story and ends the one before.
    pub fn begin(&self, step: &str) {
        lock(&self.shared.recorder).begin(step, self.now());
    }

    /// Statistics of the requests due from `from` on and before `to`.
    pub fn statistics(&self, from: Duration, to: Duration) -> Statistics {
        lock(&self.shared.recorder).statistics(from, to)
    }

    /// The failures so far.
    pub fn failures(&self) -> Vec<Failure> {
        lock(&self.shared.recorder).failures().to_vec()
    }

    /// The products acknowledged so far.
    pub fn products(&self) -> Vec<Product> {
        lock(&self.shared.ledger).products().to_vec()
    }

    /// Number of writes acknowledged so far.
    pub fn acknowledged_writes(&self) -> u64 {
        lock(&self.shared.ledger).acknowledged_writes()
    }

    /// The report so far.
    pub fn report(&self) -> LoadReport {
        self.shared.report()
    }

    /// Stops, waits for the requests under way (each is bounded by its timeout), and reports.
    pub async fn stop(self) -> (LoadReport, Ledger) {
        self.stop.cancel();
        // The driver cannot fail but by a panic; what it had taken down is reported all the same.
        let _ = self.driver.await;
        let report = self.shared.report();
        let ledger = std::mem::take(&mut *lock(&self.shared.ledger));
        (report, ledger)
    }
}

async fn drive(shared: Arc<Shared>, stop: CancellationToken) {
    let mut random = StdRng::seed_from_u64(shared.settings.seed);
    let period = Duration::from_secs_f64(1.0 / shared.settings.rate.max(0.001));
    let mut next = Instant::now();
    let mut under_way = JoinSet::new();
    loop {
        // What a stall of this machine made late is still due, and its lateness counts as latency.
        let due = next;
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(due) => {}
        }
        // In step with a proxy's tries, every try of one request would meet the dead one of two pods, and
        // the requests between them the other: no crowd of clients is so regular.
        next += period.mul_f64(random.random_range(0.5..1.5));
        while under_way.try_join_next().is_some() {}
        let request = shared.choose(&mut random);
        if under_way.len() >= shared.settings.clients {
            shared.give_up(request, due);
            continue;
        }
        under_way.spawn(run(Arc::clone(&shared), request, due));
    }
    while under_way.join_next().await.is_some() {}
    lock(&shared.recorder).end(shared.began.elapsed());
}

/// A request chosen, not sent yet.
#[derive(Debug)]
enum Request {
    Get(Reading),
    List,
    Create(String),
    /// PUT of the whole product (true) or PATCH of what changes (false).
    Update(Product, u64, bool),
}

impl Request {
    fn operation(&self) -> Operation {
        match self {
            Request::Get(_) => Operation::Get,
            Request::List => Operation::List,
            Request::Create(_) => Operation::Create,
            Request::Update(_, _, true) => Operation::Put,
            Request::Update(_, _, false) => Operation::Patch,
        }
    }
}

impl Shared {
    /// Half reads by id, a tenth pages, the rest creations and updates.
    fn choose(&self, random: &mut StdRng) -> Request {
        let mut ledger = lock(&self.ledger);
        let dice = if ledger.len() < self.settings.first { 100 } else { random.random_range(0..100) };
        let full = ledger.len() >= self.settings.products;
        match dice {
            0..50 => ledger.choose_reading(random).map(Request::Get),
            50..60 => Some(Request::List),
            60..80 => {
                ledger.choose_write(random).map(|(product, revision)| Request::Update(product, revision, dice < 70))
            }
            _ if full => ledger.choose_reading(random).map(Request::Get),
            _ => None,
        }
        .unwrap_or_else(|| Request::Create(ledger.next_sku(&self.prefix)))
    }

    /// Takes down a request that was due while too many were under way.
    fn give_up(&self, request: Request, due: Instant) {
        if let Request::Update(product, revision, _) = &request {
            lock(&self.ledger).written(product.id, *revision, false);
        }
        let due = due.saturating_duration_since(self.began);
        let detail = format!("{} requests under way", self.settings.clients);
        lock(&self.recorder).failed(due, Duration::ZERO, request.operation(), FailureKind::Crowded, detail);
    }

    fn report(&self) -> LoadReport {
        let ledger = lock(&self.ledger);
        LoadReport::new(&lock(&self.recorder), &ledger, self.began.elapsed())
    }
}

async fn run(shared: Arc<Shared>, request: Request, due: Instant) {
    let operation = request.operation();
    let result = match request {
        Request::Get(reading) => get(&shared, &reading).await,
        Request::List => list(&shared).await,
        Request::Create(sku) => create(&shared, sku).await,
        Request::Update(product, revision, whole) => update(&shared, &product, revision, whole).await,
    };
    let took = due.elapsed();
    let due = due.saturating_duration_since(shared.began);
    let mut recorder = lock(&shared.recorder);
    match result {
        Ok(()) => recorder.succeeded(due, took),
        Err((kind, mut detail)) => {
            detail.truncate(detail.floor_char_boundary(DETAIL));
            recorder.failed(due, took, operation, kind, detail);
        }
    }
}

type Outcome = Result<(), (FailureKind, String)>;

async fn get(shared: &Shared, reading: &Reading) -> Outcome {
    let answer = shared.client.send(Method::GET, &format!("/products/{}", reading.id), &[], None).await?;
    let product = expect(answer, StatusCode::OK)?.body;
    lock(&shared.ledger).check(reading, &product).map_err(|refuted| {
        let kind = if matches!(refuted, Refuted::Older { .. }) { FailureKind::Older } else { FailureKind::Foreign };
        (kind, format!("product {}: {refuted}", reading.id))
    })
}

async fn list(shared: &Shared) -> Outcome {
    // At least so many must be on the page: nothing is ever deleted.
    let known = lock(&shared.ledger).len().min(PAGE);
    let answer = shared.client.send(Method::GET, &format!("/products?limit={PAGE}"), &[], None).await?;
    let page = expect(answer, StatusCode::OK)?.body;
    let length = page.as_array().map(Vec::len);
    match length {
        Some(length) if length >= known && length <= PAGE => Ok(()),
        _ => Err((FailureKind::Malformed, format!("a page of {length:?} products, of {known} known"))),
    }
}

async fn create(shared: &Shared, sku: String) -> Outcome {
    let key = Uuid::new_v4().to_string();
    let headers = [("idempotency-key", key.as_str())];
    let sent = shared.client.send(Method::POST, "/products", &headers, Some(&body(&sku, 0))).await;
    let acknowledged = sent.and_then(|answer| expect(answer, StatusCode::CREATED)).and_then(|answer| {
        let id = answer.body.get("id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
        id.ok_or_else(|| (FailureKind::Malformed, format!("a creation answered without an id: {}", answer.body)))
    });
    let mut ledger = lock(&shared.ledger);
    match acknowledged {
        Ok(id) => {
            ledger.created(id, sku);
            Ok(())
        }
        Err(failure) => {
            ledger.creation_unknown(sku);
            Err(failure)
        }
    }
}

async fn update(shared: &Shared, product: &Product, revision: u64, whole: bool) -> Outcome {
    let path = format!("/products/{}", product.id);
    let (method, change) =
        if whole { (Method::PUT, body(&product.sku, revision)) } else { (Method::PATCH, change(revision)) };
    let sent = shared.client.send(method, &path, &[], Some(&change)).await;
    let result = sent.and_then(|answer| expect(answer, StatusCode::OK)).map(drop);
    lock(&shared.ledger).written(product.id, revision, result.is_ok());
    result
}

/// The answer, if it has the status that the API promises.
fn expect(answer: Answer, status: StatusCode) -> Result<Answer, (FailureKind, String)> {
    if answer.status == status {
        return Ok(answer);
    }
    let kind =
        if answer.status.is_success() { FailureKind::Malformed } else { FailureKind::Status(answer.status.as_u16()) };
    let id = answer.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
    Err((kind, format!("status {}, request id {id}: {}", answer.status, answer.body)))
}
