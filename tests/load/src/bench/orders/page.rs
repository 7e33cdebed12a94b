//! The part of the page on orders. Pure.

use std::fmt::Write as _;

use super::{Cost, Customers, OrderFigures, Run, floor_of};
use crate::bench::figures::Figure;

/// The middle of a figure of each turn.
fn middle(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    Figure::of(&costs.iter().map(of).collect::<Vec<_>>()).median
}

/// The figures of both sides with the ratio of the API to the floor within a turn.
fn beside(run: &Run, places: usize, of: impl Fn(&Cost) -> f64) -> String {
    let values = |costs: &[Cost]| costs.iter().map(&of).collect::<Vec<_>>();
    let (api, floor) = (values(&run.api), values(&run.floor));
    let ratio = Figure::of_ratios(&api, &floor).median;
    format!("{:.places$} / {:.places$} = {ratio:.2}", Figure::of(&api).median, Figure::of(&floor).median)
}

/// One combination for the log.
pub fn line(run: &Run) -> String {
    let case = &run.case;
    format!(
        "{} nodes, {} orders before, {} at once, {} lines, {} customers: statements {:.2} of {}, orders a second {}, ms {}",
        case.nodes,
        case.age,
        case.clients,
        case.lines,
        case.customers,
        middle(&run.api, |cost| cost.statements),
        floor_of(case.lines),
        beside(run, 0, |cost| cost.per_second),
        beside(run, 1, |cost| cost.latency.p50_ms),
    )
}

/// Appends the part.
pub fn orders_part(page: &mut String, figures: &OrderFigures) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "\n## Orders beside the floor\n\n\
         An order through the API, and the floor: what no order can do without, by the driver alone, in the same run on the same\n\
         ring. That is one conditional batch a line as the ledger writes it, two conditional writes of the order, three rows of\n\
         lists, and a note made and removed: lines + 7 statements in four rounds. An order of each was compared first, as the\n\
         API shows it with its lists and movements. What the API does after its answers is counted: a look is taken {} s after the\n\
         last of them. Figures are `API / floor = ratio within a turn`; CPU is that of the process or of all nodes together\n\
         without what they use at rest.\n\n\
         Statements are those that the API counts, and in parentheses what Cassandra counts as requests of its connections.\n\
         Replicas' writes and reads are those of all nodes to the shop's tables and to that of Paxos. The hottest partition is\n\
         the one that a replica wrote most, in writes for each order: 1 is a partition that every order writes.\n\n\
         | nodes | orders before | lines | customers | at once | statements (requests) | to lines + 7 | orders a second | half within, ms | 99 % within, ms | CPU µs of the sender | CPU µs of the ring | replicas' writes | replicas' reads | hottest partition |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        super::BACKGROUND.as_secs()
    );
    for run in &figures.runs {
        let case = &run.case;
        let statements = middle(&run.api, |cost| cost.statements);
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {statements:.2} ({:.2}) | {:.2} | {} | {} | {} | {} | {} | {} | {} | {} |",
            case.nodes,
            case.age,
            case.lines,
            case.customers,
            case.clients,
            middle(&run.api, |cost| cost.requests),
            statements / floor_of(case.lines) as f64,
            beside(run, 0, |cost| cost.per_second),
            beside(run, 1, |cost| cost.latency.p50_ms),
            beside(run, 1, |cost| cost.latency.p99_ms),
            beside(run, 0, |cost| cost.cpu_us),
            beside(run, 0, Cost::cassandra_us),
            beside(run, 1, |cost| cost.replica_writes),
            beside(run, 1, |cost| cost.replica_reads),
            run.hot.first().map(|hot| format!("{} {:.2}", hot.table, hot.share)).unwrap_or_default(),
        );
    }
    nodes_part(page, figures);
}

/// Whether more nodes share the work: CPU of each node for an order, where rings of several sizes were measured.
fn nodes_part(page: &mut String, figures: &OrderFigures) {
    let busiest = figures.runs.iter().filter(|run| run.case.customers == Customers::Many);
    let most = busiest.clone().map(|run| (run.case.age, run.case.clients, run.case.lines)).max();
    let same: Vec<&Run> =
        busiest.filter(|run| Some((run.case.age, run.case.clients, run.case.lines)) == most).collect();
    let Some((age, clients, lines)) = most.filter(|_| same.len() > 1) else { return };
    let _ = writeln!(
        page,
        "\nCPU µs of each node for an order of {lines} lines, {clients} at once, {age} orders before:\n\n\
         | nodes | least | most | orders a second |\n|---|---|---|---|"
    );
    for run in same {
        let each: Vec<f64> = run.api.last().map(|cost| cost.nodes_us.clone()).unwrap_or_default();
        let Figure { least, most, .. } = Figure::of(&each);
        let rate = middle(&run.api, |cost| cost.per_second);
        let _ = writeln!(page, "| {} | {least:.0} | {most:.0} | {rate:.0} |", run.case.nodes);
    }
}

#[cfg(test)]
mod tests {
    use store_bench::latency::Percentiles;

    use super::*;
    use crate::bench::orders::{Case, Hot};

    fn run(nodes: u8) -> Run {
        let cost = |times: f64| Cost {
            per_second: 100.0 / times,
            latency: Percentiles { p50_ms: 10.0 * times, p99_ms: 20.0 * times },
            statements: 8.0 * times,
            requests: 8.5 * times,
            replica_writes: 30.0,
            replica_reads: 10.0,
            cpu_us: 200.0 * times,
            nodes_us: vec![500.0 * times; usize::from(nodes)],
        };
        Run {
            case: Case { nodes, age: 100, clients: 8, lines: 1, customers: Customers::Many },
            api: vec![cost(1.1)],
            floor: vec![cost(1.0)],
            hot: vec![Hot { table: "orders_by_time".into(), partition: "1".into(), share: 0.06 }],
        }
    }

    #[test]
    fn ratios_to_the_floor_and_the_hottest_partition_are_told() {
        let mut page = String::new();
        orders_part(&mut page, &OrderFigures { runs: vec![run(1), run(3)] });
        assert!(
            page.contains("| 1 | 100 | 1 | many | 8 | 8.80 (9.35) | 1.10 | 91 / 100 = 0.91 | 11.0 / 10.0 = 1.10 |"),
            "{page}"
        );
        assert!(page.contains("orders_by_time 0.06 |"), "{page}");
        assert!(page.contains("| 3 | 550 | 550 | 91 |"), "{page}");
    }
}
