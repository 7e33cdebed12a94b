//! What writes cost: changes of one hot product beside a loop of conditional updates, and an order of three lines beside
//! the driver doing the same statements. IO: child processes, HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use futures::future::try_join;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store_bench::naive::{self, BEGIN};
use store_bench::process_time::cpu_time_of_tree;

use super::api::{ApiBenchError, Cost, Effort, Sample};
use super::figures::Figure;
use super::parts::{Asked, Parts, Until};
use super::store::Store;
use crate::child::Program;
use store_testbed::progress::say;

/// Clients that change the hot product.
pub const HOT: usize = 64;
/// Clients that order, and workers of the driver's loop.
pub const BUYERS: usize = 32;
/// Carts that the orders go round, each with products and a user of its own.
const CARTS: usize = 320;
/// Lines of a cart.
pub const LINES: usize = 3;
/// Units that each product has.
const UNITS: i64 = 900_000_000;
/// Units of each line of the first orders: what follows seldom moves a product to another class of the reports.
const FIRST_UNITS: i64 = 500_000;
/// Users and stocks that are made at once.
const MADE_AT_ONCE: usize = 16;
/// How much more or less statements than the driver's loop the API may send for an order, on the average: it reads
/// buckets and moves accounts between classes now and then.
const STATEMENTS_SLACK: f64 = 0.1;

/// The figures of writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WriteFigures {
    /// One hot product.
    pub hot: Hot,
    /// Orders of three lines.
    pub order: Order,
}

/// Changes of one product a second, round by round.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Hot {
    /// The loop of conditional updates.
    pub naive: Vec<f64>,
    /// Its tries that others were faster than, for each change that was applied.
    pub naive_lost: Vec<f64>,
    /// Through one process of the API.
    pub one: Vec<f64>,
    /// Through two.
    pub two: Vec<f64>,
}

impl Hot {
    /// Throughput of the API to that of the loop, within a round.
    pub fn times(&self, api: &[f64]) -> Figure {
        Figure::of_ratios(api, &self.naive)
    }
}

/// Orders of three lines.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Order {
    /// Through the API.
    pub api: Cost,
    /// By the driver alone.
    pub driver: Cost,
    /// Statements of an order through the API, on the average.
    pub api_statements: f64,
    /// By the driver alone.
    pub driver_statements: f64,
}

impl Order {
    /// CPU of the API to that of the driver, within a round.
    pub fn ratio(&self) -> Figure {
        Figure::of_ratios(&self.api.cpu_us, &self.driver.cpu_us)
    }

    /// Throughput of the API to that of the driver, within a round.
    pub fn share(&self) -> Figure {
        Figure::of_ratios(&self.api.per_second, &self.driver.per_second)
    }
}

struct Bench<'a> {
    parts: &'a Parts,
    store: &'a Store,
    effort: Effort,
}

/// Starts Cassandra and the API, checks that both ways leave the same in the database, and measures.
///
/// # Errors
/// [`ApiBenchError`] when something fails, or the ways do not do the same.
pub async fn measure(parts: &Parts, effort: Effort) -> Result<WriteFigures, ApiBenchError> {
    let mut store = Store::start(parts).await?;
    store.make_products().await?;
    let bench = Bench { parts, store: &store, effort };
    Ok(WriteFigures { hot: bench.hot().await?, order: bench.order().await? })
}

/// Carts of products with plenty in stock and of users; as requests in a file.
pub(super) async fn carts(store: &Store) -> Result<(PathBuf, Vec<Value>), ApiBenchError> {
    say(format!("making {CARTS} users, and stocks"));
    let products = store.ids.iter().take(CARTS * LINES);
    let stocks =
        products.map(|id| async move { store.post("/stocks", &json!({"product_id": id, "quantity": UNITS})).await });
    let _: Vec<Value> = stream::iter(stocks).buffer_unordered(MADE_AT_ONCE).try_collect().await?;
    let users = (0..CARTS).map(|number| async move {
        let user = json!({"name": format!("Buyer {number}"), "email": format!("buyer-{number}@example.org")});
        store.create("/users", &user).await
    });
    let users: Vec<String> = stream::iter(users).buffered(MADE_AT_ONCE).try_collect().await?;
    let cart = |(lines, user): (&[String], String), units: i64| {
        let items = lines.iter().enumerate();
        let items = items.map(|(line, id)| json!({"product_id": id, "quantity": units.max(line as i64 + 1)}));
        json!({"user_id": user, "items": items.collect::<Vec<_>>()})
    };
    let of = |units| -> Vec<Value> {
        store.ids.chunks_exact(LINES).zip(users.clone()).map(|(lines, user)| cart((lines, user), units)).collect()
    };
    let firsts = of(FIRST_UNITS);
    let firsts = firsts.iter().map(|cart| store.post("/orders", cart));
    let _: Vec<Value> = stream::iter(firsts).buffer_unordered(MADE_AT_ONCE).try_collect().await?;
    let carts = of(1);
    let lines: Vec<String> = carts.iter().map(|cart| format!("/orders\t{cart}")).collect();
    Ok((store.file("carts", lines.join("\n"))?, carts))
}

impl Bench<'_> {
    async fn hot(&self) -> Result<Hot, ApiBenchError> {
        let store = self.store;
        let product = store.ids.last().ok_or_else(|| ApiBenchError::Wrong("no products".into()))?;
        store.post("/stocks", &json!({"product_id": product, "quantity": BEGIN.0})).await?;
        let line = format!("/stocks/{product}/adjustments\t{}", json!({"delta": 1, "reason": "bench"}));
        let changes = store.file("changes", line)?;
        let asked = |connections| Asked { requests: &changes, connections };
        let each = Until::Requests(4);
        self.parts.load(store.address, asked(HOT), each).await?;
        let (api, loops) = (self.row(product).await?, self.parts.naive(store.node, HOT, each).await?);
        if api != (loops.quantity, loops.version) {
            return Err(ApiBenchError::Wrong(format!(
                "after the same changes quantity and version are {api:?} through the API, {:?} by the loop",
                (loops.quantity, loops.version)
            )));
        }
        say("the API and the loop leave the same quantity and version");
        let (_second, other) = store.another(&[]).await?;
        let time = Until::Time(self.effort.time);
        let mut hot = Hot::default();
        for round in 0..self.effort.rounds {
            for turn in 0..3 {
                let before = self.row(product).await?;
                let mut made = 0;
                match if round % 2 == 0 { turn } else { 2 - turn } {
                    0 => {
                        let naive::Done { requests, lost, seconds, .. } =
                            self.parts.naive(store.node, HOT, time).await?;
                        hot.naive.push(requests as f64 / seconds);
                        hot.naive_lost.push(lost as f64 / (requests as f64).max(1.0));
                    }
                    1 => {
                        let done = self.parts.load(store.address, asked(HOT), time).await?;
                        made = done.requests;
                        hot.one.push(made as f64 / done.seconds);
                    }
                    _ => {
                        let half = |address: SocketAddr| self.parts.load(address, asked(HOT / 2), time);
                        let (one, two) = try_join(half(store.address), half(other)).await?;
                        made = one.requests + two.requests;
                        hot.two.push(one.requests as f64 / one.seconds + two.requests as f64 / two.seconds);
                    }
                }
                let after = self.row(product).await?;
                let grown = (after.0 - before.0, after.1 - before.1);
                let made = i64::try_from(made).unwrap_or_default();
                if grown != (made, made) {
                    let told = format!("{made} changes were acknowledged, quantity and version grew by {grown:?}");
                    return Err(ApiBenchError::Wrong(told));
                }
            }
            let last = |all: &[f64]| all.last().copied().unwrap_or_default();
            let (naive, one, two) = (last(&hot.naive), last(&hot.one), last(&hot.two));
            say(format!(
                "hot product, round {round}: changes a second: loop {naive:.0}, API {one:.0}, two APIs {two:.0}"
            ));
        }
        Ok(hot)
    }

    /// Quantity and version of a stock.
    async fn row(&self, product: &str) -> Result<(i64, i64), ApiBenchError> {
        let stock = self.store.json(&format!("/stocks/{product}")).await?;
        let number = |name: &str| stock[name].as_i64().unwrap_or(-1);
        Ok((number("quantity"), number("version")))
    }

    async fn order(&self) -> Result<Order, ApiBenchError> {
        let store = self.store;
        let (requests, carts) = carts(store).await?;
        self.same_order(&carts[0]).await?;
        say("an order through the API and one by the driver alone leave the same");
        let mut order = Order::default();
        // Java compiles what is hot, and the API its caches.
        let warm = Until::Time(self.effort.time);
        let asked = Asked { requests: &requests, connections: BUYERS };
        let before = self.statements().await?;
        let warmed = self.parts.load(store.address, asked, warm).await?;
        order.api_statements = (self.statements().await? - before) / (warmed.requests as f64).max(1.0);
        let loops = self.parts.order(store.node, &requests, BUYERS, warm).await?;
        order.driver_statements = loops.statements as f64 / (loops.requests as f64).max(1.0);
        if (order.api_statements / order.driver_statements - 1.0).abs() > STATEMENTS_SLACK {
            return Err(ApiBenchError::Wrong(format!(
                "an order has {:.1} statements through the API and {:.1} by the loop: they do not do the same",
                order.api_statements, order.driver_statements
            )));
        }
        for round in 0..self.effort.rounds {
            for turn in 0..2 {
                let api = (round + turn) % 2 == 0;
                let sample = if api {
                    self.buy(&store.api, asked).await?
                } else {
                    let until = Until::Time(self.effort.time);
                    let done = self.parts.order(store.node, &requests, BUYERS, until).await?;
                    Sample { requests: done.requests, seconds: done.seconds, cpu_seconds: done.cpu_seconds }
                };
                if sample.is_starved() {
                    let who = if api { "the API" } else { "the loop" };
                    let why =
                        format!("orders, round {round}: {who} was starved ({sample:?}): measure on a quieter machine");
                    return Err(ApiBenchError::Wrong(why));
                }
                let cost = if api { &mut order.api } else { &mut order.driver };
                cost.add(sample);
            }
            let last = |cost: &Cost| cost.cpu_us.last().copied().unwrap_or_default();
            let (api, driver) = (last(&order.api), last(&order.driver));
            say(format!("order of {LINES} lines, round {round}: CPU µs: API {api:.0}, driver {driver:.0}"));
        }
        Ok(order)
    }

    async fn buy(&self, api: &Program, asked: Asked<'_>) -> Result<Sample, ApiBenchError> {
        let pid = api.pid()?;
        let cpu = || cpu_time_of_tree(pid).map_err(|error| ApiBenchError::Io("reading a CPU time", error));
        let before = cpu()?;
        let done = self.parts.load(self.store.address, asked, Until::Time(self.effort.time)).await?;
        let cpu_seconds = cpu()?.saturating_sub(before).as_secs_f64();
        Ok(Sample { requests: done.requests, seconds: done.seconds, cpu_seconds })
    }

    /// Whether both ways make the same of a cart: order, lists and movements, as the API shows them.
    async fn same_order(&self, cart: &Value) -> Result<(), ApiBenchError> {
        let store = self.store;
        let ours = store.create("/orders", cart).await?;
        let one = store.file("cart", format!("/orders\t{cart}"))?;
        let theirs = self.parts.order(store.node, &one, 1, Until::Requests(1)).await?.last.to_string();
        let (ours, theirs) = (self.all_of(&ours, cart).await?, self.all_of(&theirs, cart).await?);
        if ours == theirs {
            return Ok(());
        }
        Err(ApiBenchError::Wrong(format!("an order through the API is {ours}, by the driver alone {theirs}")))
    }

    /// What is to be seen of an order, without what is its own.
    async fn all_of(&self, id: &str, cart: &Value) -> Result<Value, ApiBenchError> {
        let mut order = self.store.json(&format!("/orders/{id}")).await?;
        let user = cart["user_id"].as_str().unwrap_or_default();
        let mut lists = Vec::new();
        for filter in ["", "&status=confirmed", &format!("&user_id={user}")] {
            let list = self.store.json(&format!("/orders?limit=100{filter}")).await?;
            let place = list.as_array().and_then(|list| list.iter().find(|listed| listed["id"] == id));
            lists.push(place == Some(&order));
        }
        let mut movements = Vec::new();
        for item in cart["items"].as_array().into_iter().flatten() {
            let product = item["product_id"].as_str().unwrap_or_default();
            let all = self.store.json(&format!("/stocks/{product}/movements?limit=10")).await?;
            let mut of = all.as_array().into_iter().flatten().filter(|movement| movement["reference"] == id);
            let movement = of.next().cloned().unwrap_or_default();
            movements.push(json!([movement["kind"], movement["delta"], of.count()]));
        }
        let spenders = self.store.json("/orders/reports/highest-spenders?limit=100").await?;
        let is_spender = spenders.as_array().into_iter().flatten().any(|spender| spender["user_id"] == user);
        for own in ["id", "order_id", "created_at", "updated_at"] {
            order.as_object_mut().and_then(|order| order.remove(own));
        }
        Ok(json!({"order": order, "listed": lists, "movements": movements, "spender": is_spender}))
    }

    /// Statements that the API has sent since it began.
    async fn statements(&self) -> Result<f64, ApiBenchError> {
        let metrics = self.store.get(self.store.operations, "/metrics").await?;
        let metrics = String::from_utf8_lossy(&metrics);
        let counts = metrics.lines().filter(|line| line.starts_with("db_client_operation_duration_seconds_count"));
        Ok(counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
    }
}
