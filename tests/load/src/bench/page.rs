//! `docs/bench.md` from the last figures. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::api::{ApiFigures, Comparison, Cost, Memory};
use super::audit::Requests;
use super::curve::{CurveFigures, Point};
use super::figures::Figure;
use super::orders::{OrderFigures, orders_part};
use super::overload::OverloadFigures;
use super::ring::{OperatorFigures, StartFigures};
use super::rush::{RushFigures, Rushes};
use super::writes::{HOT, WriteFigures};

/// The last figures of each part; a part that was never measured has none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Measured {
    /// When and where each part was measured, by its name.
    #[serde(default)]
    pub measured: BTreeMap<String, String>,
    /// The API.
    pub api: Option<ApiFigures>,
    /// Writes through the API.
    #[serde(default)]
    pub writes: Option<WriteFigures>,
    /// Orders beside the floor.
    #[serde(default)]
    pub orders: Option<OrderFigures>,
    /// A rush on what is sold out.
    #[serde(default)]
    pub rush: Option<Rushes>,
    /// Small and large stores.
    #[serde(default)]
    pub curve: Option<CurveFigures>,
    /// More than the API can do.
    #[serde(default)]
    pub overload: Vec<OverloadFigures>,
    /// Apply to ready.
    pub starts: Option<StartFigures>,
    /// The operator.
    pub operator: Option<OperatorFigures>,
}

/// The page.
pub fn render(measured: &Measured) -> String {
    let mut page = String::from(
        "# Figures\n\nWritten by `make bench`; do not edit. Ratios of one run on one machine are what counts here; the\n\
         figures themselves are those of a small machine that everything shared. Medians, ranges in parentheses.\n",
    );
    // Writing to a string cannot fail.
    let told = |page: &mut String, part: &str| {
        if let Some(text) = measured.measured.get(part) {
            let _ = writeln!(page, "\n{text}");
        }
    };
    if let Some(api) = &measured.api {
        api_part(&mut page, api);
        told(&mut page, "api");
    }
    if let Some(writes) = &measured.writes {
        writes_part(&mut page, writes);
        told(&mut page, "writes");
    }
    if let Some(orders) = &measured.orders {
        orders_part(&mut page, orders);
        told(&mut page, "orders");
    }
    if let Some(rush) = &measured.rush {
        rush_part(&mut page, rush);
        told(&mut page, "rush");
    }
    if let Some(curve) = &measured.curve {
        curve_part(&mut page, curve);
        told(&mut page, "curve");
    }
    if !measured.overload.is_empty() {
        overload_part(&mut page, &measured.overload);
        told(&mut page, "overload");
    }
    if let Some(starts) = &measured.starts {
        starts_part(&mut page, starts);
    }
    if let Some(operator) = &measured.operator {
        operator_part(&mut page, operator);
        told(&mut page, "operator");
    }
    page
}

fn api_part(page: &mut String, api: &ApiFigures) {
    let _ = writeln!(
        page,
        "\n## The API beside the bare driver and a bare server\n\n\
         `store-api` with all its layers, tokens among them; a loop around the scylla driver that does the same read and\n\
         decodes the same columns, without HTTP; a hyper server that answers the same bytes from memory; and such a server\n\
         that does the read before, in one process: one that sleeps until Cassandra answers, as the API does. 32 requests at\n\
         once, one Cassandra 5.0 on the same machine, {} reads of warm-up. All took turns in {} rounds. CPU is user and\n\
         system time of that process alone. Before, every product and the page were compared with the rows behind them.\n\n\
         | read | of | CPU µs per request | requests per second |\n|---|---|---|---|",
        api.warm_up,
        api.get.api.cpu_us.len()
    );
    for (name, comparison) in [("product by id", &api.get), ("page of 50", &api.page)] {
        let Comparison { api, driver, hyper, both, peers, bytes, refused: _ } = comparison;
        let peers = peers.iter().map(|(name, cost)| (name.as_str(), cost));
        let own =
            [("store-api", api), ("driver alone", driver), ("hyper alone", hyper), ("hyper with the driver", both)];
        for (who, cost) in own.into_iter().chain(peers) {
            let Cost { cpu_us, per_second } = cost;
            let _ = writeln!(
                page,
                "| {name} ({bytes} bytes) | {who} | {} | {} |",
                Figure::of(cpu_us).show(1),
                Figure::of(per_second).show(0)
            );
        }
    }
    let _ = writeln!(
        page,
        "\n| ratio within a round | product by id | page of 50 |\n|---|---|---|\n\
         | CPU of the API to (hyper + driver) | {} | {} |\n\
         | CPU of the API to hyper with the driver | {} | {} |\n\
         | throughput of the API to the driver alone | {} | {} |",
        api.get.ratio().show(2),
        api.page.ratio().show(2),
        api.get.to_both().show(2),
        api.page.to_both().show(2),
        api.get.share().show(2),
        api.page.share().show(2)
    );
    for (name, get) in &api.get.peers {
        let page_of = api.page.peers.get(name).map(|page| api.page.times(page).show(1)).unwrap_or_default();
        let _ = writeln!(page, "| CPU of {name} to that of the API | {} | {page_of} |", api.get.times(get).show(1));
    }
    if !api.get.peers.is_empty() {
        let _ = writeln!(
            page,
            "\nThe peers (`tests/bench/go`, `tests/bench/flask`) answer the same bytes, which is checked first. The one in\n\
             Go has the same duties (request id, recovery, deadline, metrics, access log), the one in Python has none of them."
        );
    }
    let refused = api.get.refused + api.page.refused;
    if refused > 0 {
        let _ = writeln!(page, "\n{refused} rounds in which something else had the CPUs were taken again.");
    }
    let Memory { idle, warm, last, crowd, most } = api.memory;
    let _ = writeln!(
        page,
        "\nMemory resident in `store-api`: {} idle, {} after the warm-up, {} after all measurements, {} after a load over\n\
         256 connections, {} at most.",
        mib(idle),
        mib(warm),
        mib(last),
        mib(crowd),
        mib(most)
    );
}

fn writes_part(page: &mut String, writes: &WriteFigures) {
    let WriteFigures { hot } = writes;
    let _ = writeln!(
        page,
        "\n## Writes\n\n\
         One hot product, {HOT} clients: changes of its stock through the API, and a loop around the same driver that reads\n\
         quantity and version, updates them if the version is still that, and begins again if not. One Cassandra, all took\n\
         turns in {} rounds. Before, both made the same changes and left the same quantity and version; after each turn the\n\
         stock had changed by exactly what was acknowledged.\n\n\
         | | changes per second | ratio to the loop within a round |\n|---|---|---|\n\
         | loop of conditional updates | {} | 1 |\n| one process of the API | {} | {} |\n| two processes | {} | {} |\n\n\
         The loop lost {} races for each change.",
        hot.naive.len(),
        Figure::of(&hot.naive).show(0),
        Figure::of(&hot.one).show(0),
        hot.times(&hot.one).show(1),
        Figure::of(&hot.two).show(0),
        hot.times(&hot.two).show(1),
        Figure::of(&hot.naive_lost).show(1)
    );
}

fn curve_part(page: &mut String, curve: &CurveFigures) {
    let mut sizes = curve.sizes.iter();
    let Some((least, base)) = sizes.next() else { return };
    let larger: Vec<_> = sizes.collect();
    let heads: String = larger.iter().map(|(rows, _)| format!(" API, {rows} | Cassandra, {rows} |")).collect();
    let _ = writeln!(
        page,
        "\n## Small and large stores\n\n\
         As many products with stocks, orders and users who spent something as the head says, few of them with much turnover\n\
         and many with little. Each list was gone through by its links first: every row is there once. CPU per request of\n\
         pages of 50 and of the reports; in the larger stores as ratios to that of the smallest.\n\n\
         | | API µs, {least} | Cassandra µs, {least} |{heads}\n|---|---|---|{}",
        "---|---|".repeat(larger.len())
    );
    for (name, Point { api, cassandra }) in base {
        let ratios: String = larger
            .iter()
            .map(|(_, points)| {
                let point = points.get(name).copied().unwrap_or_default();
                format!(" {:.2} | {:.2} |", point.api / api, point.cassandra / cassandra)
            })
            .collect();
        let _ = writeln!(page, "| {name} | {api:.0} | {cassandra:.0} |{ratios}");
    }
}

fn rush_part(page: &mut String, rushes: &Rushes) {
    let _ = writeln!(
        page,
        "\n## A rush on what is sold out\n\n\
         Ten thousand buyers of a hundred units, 400 at once through two processes of the API; one of four who gets a unit cancels\n\
         at once. Each answer is judged by the movements: what was sold was there, and whoever was refused was so at a moment\n\
         between question and answer at which nothing was there. Statements are those of both processes, without what orders and\n\
         cancellations cost beforehand.\n\n\
         | | confirmed | of these cancelled | refused | anything else | refused a second | statements for 100 refusals | half refused within, 99 % | wrong |\n\
         |---|---|---|---|---|---|---|---|---|"
    );
    for (name, rush) in [("this version", Some(&rushes.now)), ("the version before", rushes.before.as_ref())] {
        let Some(rush) = rush else { continue };
        let RushFigures { sold, cancelled, refused, others, refusals_per_second, statements_per_hundred, .. } = rush;
        let [half, most] = rush.millis;
        let _ = writeln!(
            page,
            "| {name} | {sold} | {cancelled} | {refused} | {others} | {refusals_per_second:.0} | {statements_per_hundred:.2} | {half:.0} ms, {most:.0} ms | {} |",
            rush.faults.len()
        );
    }
    if let Some(ratio) = rushes.ratio() {
        let _ = writeln!(page, "\nRefusals a second to those of the version before: {ratio:.1}.");
    }
}

fn overload_part(page: &mut String, all: &[OverloadFigures]) {
    let seconds = all.first().map(|one| one.crowd.seconds).unwrap_or_default();
    let _ = writeln!(
        page,
        "\n## Too much\n\n\
         Eight reads of products, a change of a stock and an order, again and again; a ring of three nodes and one process of the\n\
         API on one CPU or on two, the clients on those that are left. The capacity is the best of three numbers of clients who wait\n\
         for their answers. Then, for {seconds:.0} s each, several times as many requests, sent whatever becomes of them; and from ten\n\
         seconds after that on, half of the capacity. Bounds are `STORE_MAX_REQUESTS`, `STORE_MAX_WAITING`, `STORE_MAX_WAIT_MS` and\n\
         `STORE_CROWD_MS`.\n\n\
         | CPUs | times the capacity | bounds | answered, of the capacity | turned away (503 with `Retry-After`) | 503 for another reason | anything else | half turned away within, 99 % | half answered within, 99 % | memory before, after a quarter, at the end | afterwards answered |\n\
         |---|---|---|---|---|---|---|---|---|---|---|"
    );
    for one in all {
        let OverloadFigures { bounds, cpus, times, crowd, resident, calm, .. } = one;
        let bounds = bounds.map_or_else(|| "as they come".to_owned(), |bounds| bounds.to_string());
        let asked = crowd.answers().max(1) as f64;
        let share = |count: u64| format!("{:.1} %", count as f64 / asked * 100.0);
        let calm_asked = calm.answers().max(1) as f64;
        let _ = writeln!(
            page,
            "| {cpus} | {times} | {bounds} | {:.0} % | {} | {} | {} | {:.0} ms, {:.0} ms | {:.0} ms, {:.0} ms | {}, {}, {} | {:.2} % |",
            one.goodput() * 100.0,
            share(crowd.turned_away),
            share(crowd.unavailable),
            share(crowd.wrong),
            crowd.turned_away_ms.0,
            crowd.turned_away_ms.1,
            crowd.good_ms.0,
            crowd.good_ms.1,
            mib(resident.0),
            mib(resident.1),
            mib(resident.2),
            calm.good as f64 / calm_asked * 100.0
        );
    }
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn starts_part(page: &mut String, starts: &StartFigures) {
    let (script, operator) = (Figure::of(&starts.script), Figure::of(&starts.operator));
    let settled = Figure::of(&starts.settled);
    let _ = writeln!(
        page,
        "\n## Three nodes: by the operator and by hand\n\n\
         By hand: `tests/bench/plain-ring.yaml` for one rack after the other, each when the one before serves; no roles,\n\
         no tables, no API. By the operator: from applying a StoreCluster of three nodes and three copies until it is Ready,\n\
         that is, until the API serves; and until nothing is owed either, such as the copies of system keyspaces.\n\n\
         | | seconds |\n|---|---|\n| by hand | {} |\n| by the operator, Ready | {} |\n| by the operator, nothing owed | {} |\n\n\
         Ratio of Ready to by hand {:.2}, difference {:.1} s.",
        script.show(1),
        operator.show(1),
        settled.show(1),
        operator.median / script.median.max(f64::MIN_POSITIVE),
        operator.median - script.median,
    );
}

fn operator_part(page: &mut String, operator: &OperatorFigures) {
    let _ = writeln!(
        page,
        "\n## The operator\n\n\
         Memory resident: {} at rest, {} at most. Its requests to the API server, from the audit log:\n\n\
         | | seconds | requests | writes but leases and events | of these kinds |\n|---|---|---|---|---|",
        mib(operator.settled_resident_kib),
        mib(operator.most_resident_kib)
    );
    let mut row = |name: &str, seconds: f64, requests: &Requests| {
        let kinds: Vec<_> = requests.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let _ = writeln!(
            page,
            "| {name} | {seconds:.0} | {} | {} | {} |",
            requests.total(),
            requests.writes(),
            kinds.join(", ")
        );
    };
    row("bringing up three nodes", operator.converging_seconds, &operator.converging);
    row("settled", operator.settled_seconds, &operator.settled);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_were_not_measured_are_left_out_and_ratios_are_told() {
        let starts = StartFigures { script: vec![100.0, 120.0], operator: vec![121.0], settled: vec![130.0] };
        let page = render(&Measured { starts: Some(starts), ..Measured::default() });
        assert!(page.contains("Ratio of Ready to by hand 1.10, difference 11.0 s."), "{page}");
        assert!(!page.contains("## The API") && !page.contains("## The operator"), "{page}");
    }
}
