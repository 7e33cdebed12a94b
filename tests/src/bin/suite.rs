//! `make test`: the checks, then every suite. Ends with a table and the counts.

use std::process::ExitCode;

use store_tests::checks;
use store_tests::steps::Steps;

fn main() -> ExitCode {
    let mut steps = Steps::default();
    checks::run(&mut steps);
    if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
