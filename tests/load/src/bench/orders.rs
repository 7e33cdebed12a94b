//! What an order costs beside the floor: the statements that no order can do without, by the driver alone, in the same
//! run on the same ring. On rings of several sizes, in young and old shops, of one line and of more, by few and many at once.
//!
//! What the API does after its answer counts, too: each look is taken when that is done. IO: child processes, HTTP, CQL,
//! JMX over HTTP.

mod carts;
mod counters;
mod page;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store_bench::latency::Percentiles;
use store_bench::process_time::{cpu_time, cpu_time_of_tree};
use tokio::time::Instant;

use super::api::ApiBenchError;
use super::parts::{Asked, Parts, Until};
use super::store::Store;
pub(super) use carts::{Carts, LINES_MAX};
use counters::{Counted, Counters};
pub(super) use page::orders_part;
use store_testbed::progress::{say, wait_until};

/// After the last answer, until what the API does then is done: it ranks accounts every ten seconds.
const BACKGROUND: Duration = Duration::from_secs(13);
/// How long a ring at rest is looked at.
const AT_REST: Duration = Duration::from_secs(4);
/// A ring is at rest when it uses less of a CPU.
const RESTING: f64 = 0.08;
/// How long it may compact what was written.
const COMPACTING: Duration = Duration::from_secs(600);

/// Whose orders they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Customers {
    /// Each cart has a customer of its own.
    Many,
    /// All are of one, as in a shop with a till.
    One,
}

impl std::str::FromStr for Customers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "many" => Ok(Self::Many),
            "one" => Ok(Self::One),
            other => Err(format!("{other}: many or one")),
        }
    }
}

impl std::fmt::Display for Customers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Many => "many",
            Self::One => "one",
        })
    }
}

/// What is measured: all combinations.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Nodes of a ring, each ring with three copies at most.
    pub nodes: Vec<u8>,
    /// Orders, products and customers that are there before, ascending.
    pub ages: Vec<u64>,
    /// Orders at once.
    pub clients: Vec<usize>,
    /// Lines of an order.
    pub lines: Vec<usize>,
    /// Whose they are.
    pub customers: Vec<Customers>,
    /// How often each.
    pub turns: usize,
    /// For how long each.
    pub time: Duration,
}

/// One combination.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Case {
    /// Nodes of the ring.
    pub nodes: u8,
    /// Orders before.
    pub age: u64,
    /// Orders at once.
    pub clients: usize,
    /// Lines of an order.
    pub lines: usize,
    /// Whose they are.
    pub customers: Customers,
}

/// What one turn of one side cost; all but the rate is of an order, on the average.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Orders a second.
    pub per_second: f64,
    /// Of those who order.
    pub latency: Percentiles,
    /// Statements and batches as the sender counts them, those after the answer among them.
    pub statements: f64,
    /// The same as Cassandra counts what came from the API; of the floor as it counts itself.
    pub requests: f64,
    /// Writes of all replicas to the shop's tables and to that of Paxos.
    pub replica_writes: f64,
    /// Reads of the same.
    pub replica_reads: f64,
    /// CPU microseconds of the sender, without what the API uses at rest.
    pub cpu_us: f64,
    /// CPU microseconds of each node, without what it uses at rest.
    pub nodes_us: Vec<f64>,
}

impl Cost {
    /// CPU microseconds of all nodes.
    pub fn cassandra_us(&self) -> f64 {
        self.nodes_us.iter().sum()
    }
}

/// A partition that many orders wrote to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hot {
    /// Its table.
    pub table: String,
    /// Its key, as Cassandra shows it.
    pub partition: String,
    /// Writes of a replica for each order.
    pub share: f64,
}

/// The figures of one combination.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Which.
    pub case: Case,
    /// Through the API, turn by turn.
    pub api: Vec<Cost>,
    /// By the floor, in the same turns.
    pub floor: Vec<Cost>,
    /// Where the API's orders wrote most, the hottest first.
    pub hot: Vec<Hot>,
}

/// All of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrderFigures {
    /// In the order in which they were measured.
    pub runs: Vec<Run>,
}

/// Statements of an order of so many lines that none can do without.
pub const fn floor_of(lines: usize) -> usize {
    lines + 7
}

/// Starts a ring of each size and measures there.
///
/// # Errors
/// [`ApiBenchError`] when something fails, or the floor's orders are not those of the API.
pub async fn measure(parts: &Parts, plan: &Plan) -> Result<OrderFigures, ApiBenchError> {
    let mut figures = OrderFigures::default();
    for nodes in &plan.nodes {
        let mut store = Store::start_watched(parts, *nodes).await?;
        store.make_products().await?;
        let carts = Carts::make(&store).await?;
        let mut there = 0;
        for age in &plan.ages {
            if *age > there {
                let filled = parts.fill(store.node, there, *age).await?;
                say(format!("{age} orders before: {} rows in {:.0} s", filled.rows, filled.seconds));
                there = *age;
            }
            // It knows the buckets that were filled.
            store.restart().await?;
            let mut bench = Bench {
                parts,
                store: &store,
                carts: &carts,
                plan,
                counters: Counters::of(&store).await?,
                at_rest: AtRest::default(),
            };
            bench.same_order().await?;
            bench.rest().await?;
            figures.runs.extend(bench.all(*nodes, *age).await?);
        }
    }
    Ok(figures)
}

struct Bench<'a> {
    parts: &'a Parts,
    store: &'a Store,
    carts: &'a Carts,
    plan: &'a Plan,
    counters: Counters,
    at_rest: AtRest,
}

/// Of a CPU, when nobody orders.
#[derive(Debug, Clone, Default)]
struct AtRest {
    nodes: Vec<f64>,
    api: f64,
}

/// CPU time that was used up to a moment.
struct Cpus {
    nodes: Vec<Duration>,
    api: Duration,
}

/// What was counted up to a moment.
struct Look {
    at: Instant,
    /// By the API.
    statements: f64,
    cassandra: Counted,
    cpus: Cpus,
}

/// What a loop did.
struct Loop {
    orders: u64,
    seconds: f64,
    latency: Percentiles,
    /// Statements and CPU of the floor's process; of the API they are looked at.
    floor: Option<(f64, f64)>,
}

impl Bench<'_> {
    async fn all(&self, nodes: u8, age: u64) -> Result<Vec<Run>, ApiBenchError> {
        let mut runs = Vec::new();
        for customers in &self.plan.customers {
            for lines in &self.plan.lines {
                let (requests, _) = self.carts.requests(self.store, *lines, *customers)?;
                for clients in &self.plan.clients {
                    let case = Case { nodes, age, clients: *clients, lines: *lines, customers: *customers };
                    runs.push(self.run(case, &requests).await?);
                }
            }
        }
        Ok(runs)
    }

    async fn run(&self, case: Case, requests: &PathBuf) -> Result<Run, ApiBenchError> {
        let mut run = Run { case, api: Vec::new(), floor: Vec::new(), hot: Vec::new() };
        for turn in 0..self.plan.turns {
            for second in [false, true] {
                let is_api = (turn % 2 == 0) != second;
                // Java compiles what is hot, and the API has what it remembers.
                self.order(is_api, requests, run.case.clients, self.plan.time / 4).await?;
                let (cost, hot) = self.cost(is_api, requests, run.case.clients).await?;
                let costs = if is_api { &mut run.api } else { &mut run.floor };
                costs.push(cost);
                if is_api {
                    run.hot = hot;
                }
            }
        }
        say(page::line(&run));
        Ok(run)
    }

    async fn cost(&self, is_api: bool, requests: &PathBuf, clients: usize) -> Result<(Cost, Vec<Hot>), ApiBenchError> {
        let before = self.look().await?;
        self.counters.begin_sampling(self.plan.time + BACKGROUND * 2).await?;
        let done = self.order(is_api, requests, clients, self.plan.time).await?;
        tokio::time::sleep(BACKGROUND).await;
        let hot = self.counters.finish_sampling(done.orders).await?;
        let after = self.look().await?;
        let orders = done.orders as f64;
        if done.orders == 0 {
            return Err(ApiBenchError::Wrong("no order was made in the time of a turn".into()));
        }
        let took = after.at.duration_since(before.at).as_secs_f64();
        let micros = |after: Duration, before: Duration| after.saturating_sub(before).as_secs_f64() * 1e6;
        let nodes = after.cpus.nodes.iter().zip(&before.cpus.nodes).zip(&self.at_rest.nodes);
        let without = |used: f64, rest: f64| (used - rest * took * 1e6).max(0.0);
        let nodes_us = nodes.map(|((after, before), rest)| without(micros(*after, *before), *rest) / orders);
        let (statements, requests, cpu_us) = match done.floor {
            Some((statements, cpu)) => (statements, statements, cpu * 1e6),
            None => (
                after.statements - before.statements,
                after.cassandra.requests - before.cassandra.requests,
                without(micros(after.cpus.api, before.cpus.api), self.at_rest.api),
            ),
        };
        let cost = Cost {
            per_second: orders / done.seconds,
            latency: done.latency,
            statements: statements / orders,
            requests: requests / orders,
            replica_writes: (after.cassandra.writes - before.cassandra.writes) / orders,
            replica_reads: (after.cassandra.reads - before.cassandra.reads) / orders,
            cpu_us: cpu_us / orders,
            nodes_us: nodes_us.collect(),
        };
        Ok((cost, hot))
    }

    async fn order(
        &self,
        is_api: bool,
        requests: &PathBuf,
        clients: usize,
        time: Duration,
    ) -> Result<Loop, ApiBenchError> {
        let until = Until::Time(time);
        if is_api {
            let asked = Asked { requests, connections: clients };
            let done = self.parts.load(self.store.address, asked, until).await?;
            return Ok(Loop { orders: done.requests, seconds: done.seconds, latency: done.latency, floor: None });
        }
        let done = self.parts.order(self.store.node, requests, clients, until).await?;
        let floor = Some((done.statements as f64, done.cpu_seconds));
        Ok(Loop { orders: done.requests, seconds: done.seconds, latency: done.latency, floor })
    }

    async fn look(&self) -> Result<Look, ApiBenchError> {
        let cpus = self.cpus()?;
        let cassandra = self.counters.counted().await?;
        Ok(Look { at: Instant::now(), statements: self.store.statements().await?, cassandra, cpus })
    }

    /// Waits until the ring has compacted what was written, and notes what it and the API use then.
    async fn rest(&mut self) -> Result<(), ApiBenchError> {
        let used = async || {
            let before = self.cpus().map_err(|error| error.to_string())?;
            tokio::time::sleep(AT_REST).await;
            let after = self.cpus().map_err(|error| error.to_string())?;
            let of_a_cpu =
                |after: Duration, before: Duration| after.saturating_sub(before).as_secs_f64() / AT_REST.as_secs_f64();
            Ok::<AtRest, String>(AtRest {
                nodes: after.nodes.iter().zip(before.nodes).map(|(after, before)| of_a_cpu(*after, before)).collect(),
                api: of_a_cpu(after.api, before.api),
            })
        };
        self.at_rest = wait_until("the ring to be at rest", COMPACTING, || async {
            let used = used().await?;
            let most = used.nodes.iter().copied().fold(0.0, f64::max);
            if most < RESTING { Ok(used) } else { Err(format!("a node uses {:.0} % of a CPU", most * 100.0)) }
        })
        .await?;
        say(format!("at rest the API uses {:.2} % of a CPU", self.at_rest.api * 100.0));
        Ok(())
    }

    fn cpus(&self) -> Result<Cpus, ApiBenchError> {
        let failed = |error| ApiBenchError::Io("reading a CPU time", error);
        let nodes = self.store.cassandras().into_iter().map(cpu_time).collect::<Result<_, _>>().map_err(failed)?;
        Ok(Cpus { nodes, api: cpu_time_of_tree(self.store.api.pid()?).map_err(failed)? })
    }

    /// Whether an order of the floor is one: the API shows it, lists it and its movements as one of its own.
    async fn same_order(&self) -> Result<(), ApiBenchError> {
        let (_, carts) = self.carts.requests(self.store, LINES_MAX, Customers::Many)?;
        let cart = &carts[0];
        let ours = self.store.create("/orders", cart).await?;
        let one = self.store.file("cart", format!("/orders\t{cart}"))?;
        let theirs = self.parts.order(self.store.node, &one, 1, Until::Requests(1)).await?.last.to_string();
        let (ours, theirs) = (self.shown(&ours, cart).await?, self.shown(&theirs, cart).await?);
        if ours == theirs {
            return Ok(());
        }
        Err(ApiBenchError::Wrong(format!("an order through the API is {ours}, one of the floor {theirs}")))
    }

    /// What is to be seen of an order, without what is its own and without prices: the floor has one for all.
    async fn shown(&self, id: &str, cart: &Value) -> Result<Value, ApiBenchError> {
        let store = self.store;
        let order = store.json(&format!("/orders/{id}")).await?;
        let user = cart["user_id"].as_str().unwrap_or_default();
        let mut lists = Vec::new();
        for filter in ["", "&status=confirmed", &format!("&user_id={user}")] {
            let list = store.json(&format!("/orders?limit=100{filter}")).await?;
            lists.push(list.as_array().is_some_and(|list| list.iter().any(|listed| listed["id"] == id)));
        }
        let mut lines = Vec::new();
        for (item, wanted) in
            order["items"].as_array().into_iter().flatten().zip(cart["items"].as_array().into_iter().flatten())
        {
            let product = wanted["product_id"].as_str().unwrap_or_default();
            let all = store.json(&format!("/stocks/{product}/movements?limit=10")).await?;
            let mut of = all.as_array().into_iter().flatten().filter(|movement| movement["reference"] == id);
            let movement = of.next().cloned().unwrap_or_default();
            lines.push(json!([item["product_id"], item["quantity"], movement["kind"], movement["delta"], of.count()]));
        }
        Ok(json!({"status": order["status"], "user": order["user_id"], "listed": lists, "lines": lines}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_read_as_they_are_written() {
        for customers in [Customers::Many, Customers::One] {
            assert_eq!(customers.to_string().parse(), Ok(customers));
        }
        assert!("two".parse::<Customers>().is_err());
    }
}
