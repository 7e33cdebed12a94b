//! The API suite: on a ring of three Cassandra nodes on loopback. Arguments are the names of the
//! steps to run; none: all. The last line are the counts.

use std::process::ExitCode;

use store_tests::cache::Cache;
use store_tests::steps::Steps;
use store_tests::{api_suite, tools};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let tools = tools::ensure(&Cache::open()?)?;
    let mut steps = Steps::only(std::env::args().skip(1).collect());
    if let Err(error) = api_suite::run_all(&mut steps, &tools).await {
        steps.check("ring and server", || Err(error));
    }
    Ok(if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
