//! `docs/story.md` from the last reports. Pure.

use std::fmt::Write as _;

use serde::Deserialize;

/// A report as it is kept: what each step took, and what the load saw in it.
#[derive(Debug, Deserialize)]
pub struct Told {
    timeline: Times,
    load: Option<Load>,
}

#[derive(Debug, Deserialize)]
struct Times {
    rows: Vec<Time>,
}

#[derive(Debug, Deserialize)]
struct Time {
    step: String,
    seconds: f64,
    cassandra: f64,
}

#[derive(Debug, Deserialize)]
struct Load {
    total: Seen,
    steps: Vec<Step>,
    products: u64,
}

#[derive(Debug, Deserialize)]
struct Step {
    step: String,
    #[serde(flatten)]
    seen: Seen,
}

#[derive(Debug, Deserialize)]
struct Seen {
    requests: u64,
    failed: u64,
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
}

impl Seen {
    fn cells(&self) -> String {
        let Self { requests, failed, p50_ms, p99_ms, worst_ms } = self;
        format!("{requests} | {failed} | {p50_ms:.0} | {p99_ms:.0} | {worst_ms:.0}")
    }
}

/// The page; `machine` says where and when, each story has its title.
pub fn page(machine: &str, stories: &[(&str, Told)]) -> String {
    let mut page = format!(
        "# The story in figures\n\nWritten by `make e2e`; do not edit. {machine} Everything shared it: Kubernetes, the ring, the \
         shop, the load, Prometheus. What each step does and what may fail in \
         it stands in [testing.md](testing.md). The nodes wait 5 s for gossip when they join, in place of Cassandra's 30 \
         (`-Dcassandra.ring_delay_ms`), and do not wait for it to settle when they start; those of the story on 4.1 wait as \
         Cassandra does by default.\n"
    );
    for (title, told) in stories {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "\n## {title}\n\n{HEAD}");
        for Time { step, seconds, cassandra } in &told.timeline.rows {
            let of_step = |load: &Load| load.steps.iter().find(|seen| seen.step == *step).map(|step| step.seen.cells());
            let seen = told.load.as_ref().and_then(of_step).unwrap_or_else(|| " | | | | ".into());
            let _ = writeln!(page, "| {step} | {seconds:.1} | {cassandra:.1} | {seen} |");
        }
        if let Some(Load { total, products, .. }) = &told.load {
            let _ = writeln!(page, "| all | | | {} |", total.cells());
            let _ = writeln!(
                page,
                "\n{products} products were acknowledged; the story ends with reading back each of them."
            );
        }
    }
    page
}

const HEAD: &str = "| step | seconds | of them Cassandra's | requests | failed | p50 ms | p99 ms | worst ms |\n\
                    |---|---|---|---|---|---|---|---|";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_step_has_its_times_and_what_the_load_saw() {
        let seen =
            json!({ "requests": 20, "failed": 1, "p50_ms": 6.9, "p99_ms": 50.2, "worst_ms": 151.0, "kinds": {} });
        let mut step = seen.clone();
        step["step"] = "kill".into();
        let told = json!({
            "timeline": { "rows": [
                { "step": "apply", "seconds": 31.0, "cassandra": 9.5 },
                { "step": "kill", "seconds": 18.5, "cassandra": 13.44 },
            ]},
            "load": { "total": seen, "steps": [step], "products": 364, "failures": [] },
        });
        let page = page("Measured here.", &[("Cassandra 5.0", serde_json::from_value(told).expect("a report"))]);
        assert!(page.contains("\n| apply | 31.0 | 9.5 |  | | | |  |\n"), "{page}");
        assert!(page.contains("\n| kill | 18.5 | 13.4 | 20 | 1 | 7 | 50 | 151 |\n"), "{page}");
        assert!(page.contains("\n| all | | | 20 | 1 |") && page.contains("364 products"), "{page}");
    }
}
