//! What changes of one hot product cost beside a loop of conditional updates. IO: child processes, HTTP.

use std::net::SocketAddr;

use futures::future::try_join;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store_bench::naive::{self, BEGIN};

use super::api::{ApiBenchError, Effort};
use super::figures::Figure;
use super::parts::{Asked, Parts, Until};
use super::store::Store;
use store_testbed::progress::say;

/// Clients that change the hot product.
pub const HOT: usize = 64;
/// The figures of writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WriteFigures {
    /// One hot product.
    pub hot: Hot,
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
    Ok(WriteFigures { hot: bench.hot().await? })
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
}
