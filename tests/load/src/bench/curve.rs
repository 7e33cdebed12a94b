//! What pages and reports cost in a small and in a large store. IO: child processes, HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store_bench::process_time::cpu_time;

use super::api::ApiBenchError;
use super::parts::{Asked, Parts, Until};
use super::store::Store;
use store_testbed::progress::{say, wait_until};

/// Connections of the clients.
const AT_ONCE: usize = 8;
/// Rows of the pages that the lists are gone through with.
const STEP: usize = 100;
/// The lists, by what is before the limit.
const LISTS: [&str; 3] = ["/products", "/stocks/reports/overview-stocks", "/orders"];
/// The reports.
const REPORTS: [&str; 2] = ["/orders/reports/highest-spenders", "/orders/reports/best-sellers"];
/// Cassandra is at rest when it used less than so much of a CPU in a second.
const AT_REST: f64 = 0.05;
/// How long it may compact what was written.
const COMPACTING: Duration = Duration::from_secs(300);

/// CPU microseconds a request.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Point {
    /// Of the API.
    pub api: f64,
    /// Of Cassandra.
    pub cassandra: f64,
}

/// The figures, for each number of rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CurveFigures {
    /// By rows, by what was asked for.
    pub sizes: BTreeMap<u64, BTreeMap<String, Point>>,
}

/// Fills a store up to each of the sizes and measures there.
///
/// # Errors
/// [`ApiBenchError`] when something fails, or a list is not whole.
pub async fn measure(parts: &Parts, sizes: &[u64], time: Duration) -> Result<CurveFigures, ApiBenchError> {
    let store = Store::start(parts).await?;
    let mut figures = CurveFigures::default();
    let mut there = 0;
    for rows in sizes {
        let filled = parts.fill(store.node, there, *rows).await?;
        there = *rows;
        say(format!("{rows} rows: {} written to tables in {:.0} s", filled.rows, filled.seconds));
        // The API knows new buckets after some seconds; here it begins with them.
        let (api, address) = store.another(&[]).await?;
        let mut asked: Vec<(String, String)> = Vec::new();
        for list in LISTS {
            let [middle, last] = walk(&store, address, list, *rows).await?;
            asked.push((format!("{list}, first page"), format!("{list}?limit=50")));
            asked.push((format!("{list}, in the middle"), middle));
            asked.push((format!("{list}, last pages"), last));
        }
        asked.extend(REPORTS.map(|report| (report.to_owned(), report.to_owned())));
        at_rest(&store).await?;
        let mut points = BTreeMap::new();
        for (name, path) in asked {
            let file = store.file("page", &path)?;
            let asked = Asked { requests: &file, connections: AT_ONCE };
            parts.load(address, asked, Until::Time(time / 3)).await?;
            let cpu = |pid| cpu_time(pid).map_err(|error| ApiBenchError::Io("reading a CPU time", error));
            let (api, cassandra) = (api.pid()?, store.cassandra()?);
            let before = (cpu(api)?, cpu(cassandra)?);
            let done = parts.load(address, asked, Until::Time(time)).await?;
            let each = |used: Duration| used.as_secs_f64() * 1e6 / (done.requests as f64).max(1.0);
            let point = Point {
                api: each(cpu(api)?.saturating_sub(before.0)),
                cassandra: each(cpu(cassandra)?.saturating_sub(before.1)),
            };
            say(format!("{rows} rows: {name}: CPU µs: API {:.0}, Cassandra {:.0}", point.api, point.cassandra));
            points.insert(name, point);
        }
        figures.sizes.insert(*rows, points);
    }
    Ok(figures)
}

/// Goes through a list by its links; the pages of fifty in the middle and at the end. Each row must be there once.
async fn walk(
    store: &Store,
    address: std::net::SocketAddr,
    list: &str,
    rows: u64,
) -> Result<[String; 2], ApiBenchError> {
    let mut next = Some(format!("{list}?limit={STEP}"));
    let (mut seen, mut before) = (0_u64, None::<String>);
    let [mut middle, mut last] = [const { String::new() }; 2];
    while let Some(path) = next {
        if seen <= rows / 2 {
            middle.clone_from(&path);
        }
        if seen + STEP as u64 <= rows {
            last.clone_from(&path);
        }
        let (page, link) = store.page(address, &path).await?;
        for row in page {
            let id = [&row["id"], &row["product_id"]].into_iter().find_map(Value::as_str).unwrap_or_default();
            if before.as_deref().is_some_and(|before| before <= id) {
                return Err(ApiBenchError::Wrong(format!("{path}: {id} comes after {before:?}")));
            }
            before = Some(id.to_owned());
            seen += 1;
        }
        next = link;
    }
    if seen != rows {
        return Err(ApiBenchError::Wrong(format!("{list} has {seen} rows, {rows} were written")));
    }
    Ok([middle, last].map(|path| path.replace(&format!("limit={STEP}"), "limit=50")))
}

async fn at_rest(store: &Store) -> Result<(), ApiBenchError> {
    let pid = store.cassandra()?;
    let cpu = || cpu_time(pid).map_err(|error| error.to_string());
    wait_until("Cassandra to have compacted what was written", COMPACTING, || async {
        let before = cpu()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let used = cpu()?.saturating_sub(before).as_secs_f64();
        if used < AT_REST { Ok(()) } else { Err(format!("it uses {:.0} % of a CPU", used * 100.0)) }
    })
    .await?;
    Ok(())
}
