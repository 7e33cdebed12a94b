//! The figures of a soak as people read them. Pure.

use super::{Phase, Plan};

/// One phase in one line.
pub fn line(phase: &Phase) -> String {
    let Phase { name, tally, verdict, settled, .. } = phase;
    let statuses: Vec<String> = tally.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    format!(
        "{name}: {} requests ({}), {:.2} % of {} ok in time, slowest {:.1} s, {} operations checked, books right after {:.0} s, {} faults",
        tally.requests,
        statuses.join(", "),
        tally.success,
        tally.in_window,
        tally.slowest.as_secs_f64(),
        verdict.checked,
        settled.as_secs_f64(),
        phase.faults().len(),
    )
}

/// The figures of a run as a page of the documentation.
pub fn document(plan: &Plan<'_>, phases: &[Phase]) -> String {
    let checked: usize = phases.iter().map(|phase| phase.verdict.checked).sum();
    let requests: usize = phases.iter().map(|phase| phase.tally.requests).sum();
    let wrong: usize = phases.iter().map(|phase| phase.faults().len()).sum();
    let linearizable: usize = phases.iter().map(|phase| phase.verdict.linearizable).sum();
    let mut page = format!(
        "# Soak\n\nMade by `make soak`: {} people work on two processes of the API over a ring of three nodes while it breaks; \
         seed {}. What is checked stands in [testing.md](testing.md).\n\n\
         **{requests} requests, {checked} operations checked, {linearizable} histories linearizable by porcupine, {wrong} faults.**\n\n\
         | what happened | requests | 2xx | 409 | 503 | 504 | ok in time, % | slowest, s | checked | books right after, s | faults |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        plan.size.people, plan.seed
    );
    page.extend(phases.iter().map(row));
    page += "\nOk in time: of the requests that began ten seconds or more after the fault (after its end where no majority was \
             left, or an order's conditional writes cannot fit into its deadline), those answered with 2xx or a refusal for \
             want of stock.\n";
    page
}

fn row(phase: &Phase) -> String {
    let Phase { name, tally, verdict, settled, .. } = phase;
    let of =
        |wanted: std::ops::RangeInclusive<u16>| -> usize { tally.statuses.range(wanted).map(|(_, count)| count).sum() };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {:.2} | {:.1} | {} | {:.0} | {} |\n",
        tally.requests,
        of(200..=299),
        of(409..=409),
        of(503..=503),
        of(504..=504),
        tally.success,
        tally.slowest.as_secs_f64(),
        verdict.checked,
        settled.as_secs_f64(),
        phase.faults().len(),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::soak::attempts::Tally;
    use crate::soak::books::Verdict;
    use crate::soak::traffic::Size;

    #[test]
    fn a_page_has_the_sums_and_a_row_for_each_fault() {
        let tally = Tally {
            requests: 10,
            statuses: BTreeMap::from([(200, 5), (201, 3), (503, 2)]),
            faults: vec!["500".into()],
            ..Tally::default()
        };
        let verdict = Verdict { checked: 7, linearizable: 3, ..Verdict::default() };
        let phase = Phase { name: "stop".into(), tally, verdict, settled: Duration::from_secs(2), lost_replies: 0 };
        let size = Size { people: 12, products: 8, counted: 3, pause_ms: 300 };
        let page = document(
            &Plan { faults: &[], rounds: 1, size, seed: 1, fake_clock: "none".as_ref() },
            &[phase.clone(), phase],
        );
        assert!(
            page.contains("**20 requests, 14 operations checked, 6 histories linearizable by porcupine, 2 faults.**")
        );
        assert!(page.contains("| stop | 10 | 8 | 0 | 2 | 0 | 0.00 | 0.0 | 7 | 2 | 1 |\n"), "{page}");
    }
}
