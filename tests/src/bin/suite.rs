//! `make test`: `make check`, the API on a Cassandra ring, the tests that start rings of their own.
//! Arguments are the names of the steps to run, as the table at the end has them; none: all. The last
//! line are the counts.

use std::process::ExitCode;
use std::time::Duration;

use store_tests::api_suite;
use store_tests::cache::Cache;
use store_tests::checks::{self, cargo};
use store_tests::counts::Counting;
use store_tests::steps::Steps;
use store_tests::tools;

/// Tests that start Cassandra nodes of their own, or make images.
const RINGS: Duration = Duration::from_secs(20 * 60);
/// Three faults under traffic, some four minutes.
const SOAK: Duration = Duration::from_secs(15 * 60);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut steps = Steps::only(std::env::args().skip(1).collect());
    checks::lint(&mut steps);
    checks::run(&mut steps);
    if api_suite::STEPS.iter().any(|step| steps.wants(step)) {
        let tools = tools::ensure(&Cache::open()?)?;
        if let Err(error) = api_suite::run_all(&mut steps, &tools).await {
            steps.check(api_suite::STEPS[0], || Err(error));
        }
    }
    let mut rings = cargo(["test", "-p", "store-operator", "-p", "store-api", "-p", "store-tests"]);
    rings.args([
        "--test",
        "cassandra",
        "--test",
        "silence",
        "--test",
        "local_ring",
        "--test",
        "images",
        "--test",
        "linearizability",
    ]);
    // One ring at a time.
    rings.args(["--no-fail-fast", "--", "--ignored", "--test-threads", "1"]);
    steps.command("rings and images", &mut rings, Counting::CargoTest, RINGS);
    let mut soak = cargo(["run", "--quiet", "--package", "store-tests", "--bin", "soak", "--", "--short"]);
    steps.command("faults under traffic", &mut soak, Counting::LastLine, SOAK);
    Ok(if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
