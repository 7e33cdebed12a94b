//! `make check`: what must hold before each commit. Arguments are the names of the steps to run, as the table at the end
//! has them; none: all. The last line are the counts.

use std::process::ExitCode;

use store_suites::steps::Steps;
use xtask::checks;

fn main() -> ExitCode {
    let mut steps = Steps::only(std::env::args().skip(1).collect());
    checks::lint(&mut steps);
    checks::run(&mut steps);
    if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
