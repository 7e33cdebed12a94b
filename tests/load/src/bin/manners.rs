//! Bad manners against one pod of the API: how others fare meanwhile. The last line are the counts; `--rows` and `--seconds`
//! make the small run of `make test` the large one of `make soak`.

use std::process::ExitCode;

use clap::Parser;
use store_load::manners::{self, Plan};
use store_testbed::checkout::{built, cargo};
use store_testbed::command::{LONG, run};
use store_testbed::progress::say;

/// Ten thousand connections as nobody should make them, and every role's dearest requests, against one API of 128 MiB.
#[derive(Debug, Parser)]
struct Arguments {
    /// Connections of each kind.
    #[arg(long, default_value_t = 850)]
    connections: usize,
    /// How long, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Rows of each list in the ring.
    #[arg(long, default_value_t = 5_000)]
    rows: u64,
    /// People of each role who ask for the dearest at once.
    #[arg(long, default_value_t = 4)]
    greedy: usize,
    /// Memory of the pod in MiB.
    #[arg(long, default_value_t = 128)]
    memory: u64,
    /// A setting of the API in place of a shop's, as NAME=VALUE: to see what happens without a bound.
    #[arg(long)]
    with: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let settings = arguments.with.iter().filter_map(|pair| pair.split_once('='));
    let plan = Plan {
        of_each_kind: arguments.connections,
        seconds: arguments.seconds,
        rows: arguments.rows,
        greedy: arguments.greedy,
        memory: arguments.memory << 20,
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    run(&mut cargo(["build", "--quiet", "--bin", "store-api"]), LONG)?;
    let directory = tempfile::tempdir()?;
    let outcome = manners::run(&plan, &built("store-api"), directory.path()).await?;
    println!("{outcome}");
    let faults = outcome.faults(&plan);
    for fault in &faults {
        say(format!("FAILED {fault}"));
    }
    println!("{} passed, {} failed", usize::from(faults.is_empty()), faults.len());
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
