//! The labs: does what their pages say on a ring of its own. Arguments are the names of the labs to do; none: all. The last
//! line are the counts.

use std::process::ExitCode;

use store_suites::labs::run_labs;
use store_suites::steps::Steps;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let mut steps = Steps::default();
    run_labs(&mut steps, &names).await?;
    Ok(if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
