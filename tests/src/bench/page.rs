//! `docs/bench.md` from the last figures. Pure.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::api::{ApiFigures, Comparison, Cost, Memory};
use super::audit::Requests;
use super::figures::Figure;
use super::ring::{OperatorFigures, StartFigures};

/// The last figures of each part; a part that was never measured has none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Where and when.
    pub machine: String,
    /// The API.
    pub api: Option<ApiFigures>,
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
    let _ = writeln!(page, "\n{}", measured.machine);
    if let Some(api) = &measured.api {
        api_part(&mut page, api);
    }
    if let Some(starts) = &measured.starts {
        starts_part(&mut page, starts);
    }
    if let Some(operator) = &measured.operator {
        operator_part(&mut page, operator);
    }
    page
}

fn api_part(page: &mut String, api: &ApiFigures) {
    let _ = writeln!(
        page,
        "\n## The API beside the bare driver and a bare server\n\n\
         `store-api` with all its layers, tokens among them; a loop around the scylla driver that does the same read and\n\
         decodes the same columns, without HTTP; a hyper server that answers the same bytes from memory. 32 requests at\n\
         once, one Cassandra 5.0 on the same machine, {} reads of warm-up. All took turns in {} rounds. CPU is user and\n\
         system time of that process alone. Before, every product and the page were compared with the rows behind them.\n\n\
         | read | of | CPU µs per request | requests per second |\n|---|---|---|---|",
        api.warm_up,
        api.get.api.cpu_us.len()
    );
    for (name, comparison) in [("product by id", &api.get), ("page of 50", &api.page)] {
        let Comparison { api, driver, hyper, peers, bytes, refused: _ } = comparison;
        let peers = peers.iter().map(|(name, cost)| (name.as_str(), cost));
        for (who, cost) in
            [("store-api", api), ("driver alone", driver), ("hyper alone", hyper)].into_iter().chain(peers)
        {
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
         | throughput of the API to the driver alone | {} | {} |",
        api.get.ratio().show(2),
        api.page.ratio().show(2),
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
