//! `make test`: the checks, then every suite. Arguments are the names of the steps to run, as the
//! table at the end has them; none: all. The last line are the counts.

use std::process::{Command, ExitCode};
use std::time::Duration;

use store_tests::checks::{self, cargo};
use store_tests::counts::Counting;
use store_tests::steps::Steps;

/// Longer than the longest suite takes on two cores that do nothing else.
const SUITE: Duration = Duration::from_secs(40 * 60);

fn main() -> ExitCode {
    let mut steps = Steps::only(std::env::args().skip(1).collect());
    checks::run(&mut steps);
    for (name, mut command, counting) in suites() {
        steps.command(name, &mut command, counting, SUITE);
    }
    if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The suites that need a real Cassandra or a real Kubernetes, in order: what fails soonest first.
fn suites() -> [(&'static str, Command, Counting); 1] {
    let program = |name| cargo(["run", "--quiet", "--package", "store-tests", "--bin", name]);
    [("API suite", program("api_suite"), Counting::LastLine)]
}
