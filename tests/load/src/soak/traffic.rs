//! The people of the store: they count and read stocks, order, cancel, pay, add users and products, and ask again under
//! the same key until they know what became of it. IO: HTTP.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use uuid::Uuid;

use super::SoakError;
use super::front::{Front, Request, held, is_open};
use crate::load::Answer;

/// How long somebody asks again before giving up.
const PERSISTENCE: Duration = Duration::from_secs(90);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(700);
/// Units that each product begins with.
pub const UNITS: i64 = 60;

/// How much traffic.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// People at the same time.
    pub people: usize,
    /// Products that they fight over.
    pub products: usize,
    /// How many of these are counted and never ordered.
    pub counted: usize,
    /// The longest pause of one of them between two requests, in milliseconds.
    pub pause_ms: u64,
}

/// What people know of what they did; times are since the run began, in nanoseconds.
#[derive(Debug, Default)]
pub struct Seen {
    /// The products.
    pub products: Vec<String>,
    /// How many of them, the first, are only counted and never ordered: everything that changes them is asked for and
    /// answered here, so their histories are whole.
    pub counted: usize,
    /// The users who ordered.
    pub users: Vec<String>,
    /// Reads and counts of stocks.
    pub stocks: Vec<StockSeen>,
    /// Counts that were refused, since less was there.
    pub refused: Vec<Refused>,
    /// Orders that were acknowledged.
    pub orders: Vec<OrderSeen>,
    /// Orders that somebody wanted to cancel.
    pub to_cancel: Vec<String>,
    /// Orders whose cancellation was acknowledged.
    pub cancelled: Vec<String>,
    /// Orders whose payment was acknowledged.
    pub paid: Vec<String>,
    /// Rows of other kinds that were acknowledged, by path, with a field that must be there.
    pub rows: Vec<(String, &'static str, String)>,
    /// Requests of which nobody ever learnt what became of them.
    pub open: Vec<String>,
}

/// An answer on a stock.
#[derive(Debug, Clone)]
pub struct StockSeen {
    /// Which.
    pub product: String,
    /// When it was first asked.
    pub began: u64,
    /// When the answer was there.
    pub ended: u64,
    /// Of the answer.
    pub version: i64,
    /// Of the answer.
    pub quantity: i64,
    /// The change and its reference; `None` for a read.
    pub change: Option<(i64, String)>,
}

/// A count that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Of which product.
    pub product: String,
    /// When it was first asked.
    pub began: u64,
    /// When the answer was there.
    pub ended: u64,
    /// What was asked.
    pub delta: i64,
}

/// An order that was acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderSeen {
    /// Its id.
    pub id: String,
    /// Who ordered.
    pub user: String,
    /// Product and units, sorted.
    pub lines: Vec<(String, i64)>,
    /// When it was first asked for.
    pub began: u64,
    /// When it was acknowledged.
    pub ended: u64,
}

/// Sends a request until its outcome is known. The answer, and when the first try began and the last one ended.
async fn ask(front: &Front, wish: usize, kind: &'static str, request: &Request) -> Option<(Answer, u64, u64)> {
    let began = front.now();
    let nanos = |at: Duration| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    let mut turn = wish;
    while front.now().saturating_sub(began) < PERSISTENCE {
        match front.send(turn, kind, request).await {
            Some(answer) if !is_open(&answer) => return Some((answer, nanos(began), nanos(front.now()))),
            _ => {
                tokio::time::sleep(AGAIN).await;
                // As a proxy may do.
                turn += 1;
            }
        }
    }
    None
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn posted(path: &str, body: Value) -> Request {
    let key = Some(Uuid::new_v4().to_string());
    Request { method: Method::POST, path: path.to_owned(), key, body: Some(body) }
}

/// Creates something that must be accepted; its id.
async fn create(front: &Front, kind: &'static str, path: &str, body: Value) -> Result<String, SoakError> {
    let (answer, ..) = ask(front, 0, kind, &posted(path, body)).await.ok_or(SoakError::Setup(kind))?;
    text_of(&answer.body, "id").or_else(|| text_of(&answer.body, "product_id")).ok_or(SoakError::Setup(kind))
}

/// Products with stock and users of their own.
///
/// # Errors
/// [`SoakError::Setup`] when the store does not take them.
pub async fn prepare(front: &Front, size: Size) -> Result<Seen, SoakError> {
    let product = async || {
        let name = Uuid::new_v4().simple().to_string();
        let body = json!({"name": "Fought over", "sku": name, "price": 10.50});
        let id = create(front, "POST /products", "/products", body).await?;
        create(front, "POST /stocks", "/stocks", json!({"product_id": id, "quantity": UNITS})).await?;
        Ok::<_, SoakError>(id)
    };
    let user = async || {
        let name = Uuid::new_v4().simple().to_string();
        create(front, "POST /users", "/users", json!({"name": name, "email": format!("{name}@example.org")})).await
    };
    let products = try_join_all((0..size.products).map(|_| product())).await?;
    let users = try_join_all((0..4).map(|_| user())).await?;
    Ok(Seen { products, counted: size.counted, users, ..Seen::default() })
}

/// Lets people do until `stop`; each of them ends with what it began.
pub async fn run(front: &Front, size: Size, seed: u64, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let people = (0..size.people).map(|number| async move {
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1000).wrapping_add(number as u64));
        let (products, users) = {
            let seen = held(seen);
            (seen.products.clone(), seen.users.clone())
        };
        let mut person = Person { front, seen, products, counted: size.counted, users, number, own: Vec::new() };
        while !stop.load(Ordering::Relaxed) {
            person.act(&mut random).await;
            tokio::time::sleep(Duration::from_millis(random.random_range(1..=size.pause_ms))).await;
        }
    });
    join_all(people).await;
}

struct Person<'a> {
    front: &'a Front,
    seen: &'a Mutex<Seen>,
    products: Vec<String>,
    counted: usize,
    users: Vec<String>,
    number: usize,
    /// Orders of this person that live.
    own: Vec<String>,
}

impl Person<'_> {
    async fn act(&mut self, random: &mut StdRng) {
        match random.random_range(0..100) {
            0..=34 => self.read(random).await,
            35..=54 => self.count(random).await,
            55..=77 => self.order(random).await,
            78..=85 => self.cancel(random).await,
            86..=89 => self.pay().await,
            90..=93 => self.list(random).await,
            94..=96 => self.add("POST /users", random).await,
            _ => self.add("POST /products", random).await,
        }
    }

    fn product(&self, random: &mut StdRng) -> String {
        self.products[random.random_range(0..self.products.len())].clone()
    }

    fn ordered_product(&self, random: &mut StdRng) -> String {
        self.products[random.random_range(self.counted..self.products.len())].clone()
    }

    /// Asks; what never got an outcome is remembered.
    async fn ask(&self, kind: &'static str, request: &Request) -> Option<(Answer, u64, u64)> {
        let answer = ask(self.front, self.number, kind, request).await;
        if answer.is_none() {
            held(self.seen).open.push(format!("{kind} {}", request.path));
        }
        answer
    }

    async fn read(&self, random: &mut StdRng) {
        let product = self.product(random);
        let kind = "GET /stocks/{id}";
        let Some((answer, began, ended)) = self.ask(kind, &Request::get(format!("/stocks/{product}"))).await else {
            return;
        };
        self.saw(&answer, StockSeen { product, began, ended, version: 0, quantity: 0, change: None });
    }

    async fn count(&self, random: &mut StdRng) {
        let product = self.product(random);
        // Small stocks are soon empty, and refusals are part of what is checked.
        let delta = [-9, -4, 2, 4, 5][random.random_range(0..5)];
        let reference = Uuid::new_v4().to_string();
        let body = json!({"delta": delta, "reason": "count", "reference": reference});
        let request = posted(&format!("/stocks/{product}/adjustments"), body);
        let Some((answer, began, ended)) = self.ask("POST /stocks/{id}/adjustments", &request).await else { return };
        if answer.status == StatusCode::CONFLICT {
            held(self.seen).refused.push(Refused { product, began, ended, delta });
            return;
        }
        let change = Some((delta, reference));
        self.saw(&answer, StockSeen { product, began, ended, version: 0, quantity: 0, change });
    }

    fn saw(&self, answer: &Answer, seen: StockSeen) {
        if answer.status.is_success() {
            let number = |name: &str| answer.body[name].as_i64().unwrap_or(-1);
            let (version, quantity) = (number("version"), number("quantity"));
            held(self.seen).stocks.push(StockSeen { version, quantity, ..seen });
        }
    }

    async fn order(&mut self, random: &mut StdRng) {
        let mut lines: Vec<(String, i64)> = Vec::new();
        // In any order: two carts may have the same products the other way round.
        for _ in 0..random.random_range(1..=3) {
            let product = self.ordered_product(random);
            if lines.iter().all(|(other, _)| *other != product) {
                lines.push((product, random.random_range(1..=3)));
            }
        }
        let items: Vec<Value> =
            lines.iter().map(|(product, units)| json!({"product_id": product, "quantity": units})).collect();
        let user = self.users[random.random_range(0..self.users.len())].clone();
        let request = posted("/orders", json!({"user_id": user, "items": items}));
        let Some((answer, began, ended)) = self.ask("POST /orders", &request).await else { return };
        if let (true, Some(id)) = (answer.status.is_success(), text_of(&answer.body, "id")) {
            lines.sort();
            held(self.seen).orders.push(OrderSeen { id: id.clone(), user, lines, began, ended });
            self.own.push(id);
        }
    }

    async fn cancel(&mut self, random: &mut StdRng) {
        if self.own.is_empty() {
            return;
        }
        let id = self.own.swap_remove(random.random_range(0..self.own.len()));
        held(self.seen).to_cancel.push(id.clone());
        let request = Request { method: Method::DELETE, path: format!("/orders/{id}"), key: None, body: None };
        let kind = "DELETE /orders/{id}";
        // Two at once, through both processes: what was taken comes back once.
        let racing = if random.random_bool(0.5) { 2 } else { 1 };
        let answers = join_all((0..racing).map(|more| ask(self.front, self.number + more, kind, &request))).await;
        let mut seen = held(self.seen);
        for answer in answers {
            match answer {
                Some((answer, ..)) if answer.status.is_success() => seen.cancelled.push(id.clone()),
                Some(_) => {}
                None => seen.open.push(format!("{kind} {id}")),
            }
        }
    }

    async fn pay(&mut self) {
        let Some(id) = self.own.last().cloned() else { return };
        let body = Some(json!({"is_paid": true, "payment_id": "P-1"}));
        let request = Request { method: Method::PATCH, path: format!("/orders/{id}"), key: None, body };
        if let Some((answer, ..)) = self.ask("PATCH /orders/{id}", &request).await
            && answer.status.is_success()
        {
            held(self.seen).paid.push(id);
        }
    }

    async fn list(&self, random: &mut StdRng) {
        let (kind, path) = [
            ("GET /products", "/products?limit=10"),
            ("GET /orders", "/orders?limit=10"),
            ("GET /orders/reports/best-sellers", "/orders/reports/best-sellers"),
        ][random.random_range(0..3)];
        self.ask(kind, &Request::get(path)).await;
    }

    async fn add(&self, kind: &'static str, random: &mut StdRng) {
        let name = Uuid::from_u128(random.random()).simple().to_string();
        let (path, field, body) = match kind {
            "POST /users" => ("/users", "email", json!({"name": "N", "email": format!("{name}@example.org")})),
            _ => ("/products", "sku", json!({"name": "N", "sku": name, "price": 1.5})),
        };
        let value = body[field].as_str().unwrap_or_default().to_owned();
        if let Some((answer, ..)) = self.ask(kind, &posted(path, body)).await
            && let (true, Some(id)) = (answer.status.is_success(), text_of(&answer.body, "id"))
        {
            held(self.seen).rows.push((format!("{path}/{id}"), field, value));
        }
    }
}
