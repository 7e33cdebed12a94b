//! `make bench`: measures, prints the figures, and writes them to `docs/bench.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use store_tests::bench::api::{self, Effort};
use store_tests::bench::page::{Measured, render};
use store_tests::bench::parts::Parts;
use store_tests::bench::ring;
use store_tests::checks::{cargo, root};
use store_tests::cluster::Cluster;
use store_tests::command::{LONG, run};
use store_tests::progress::say;
use store_tests::suites::install::install;

/// Measure what the API and the operator cost.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Rounds of each comparison of the API.
    #[arg(long, global = true, default_value_t = 6)]
    rounds: usize,
    /// Seconds of each measurement of the API.
    #[arg(long, global = true, default_value_t = 8)]
    seconds: u64,
    /// Reads before the API is measured.
    #[arg(long, global = true, default_value_t = 300_000)]
    warm_up: u64,
    /// Leave out the API's peers in Go and Python.
    #[arg(long, global = true)]
    no_peers: bool,
    /// Rounds of bringing three nodes up.
    #[arg(long, global = true, default_value_t = 2)]
    starts: usize,
    /// Seconds of rest in which the operator is watched.
    #[arg(long, global = true, default_value_t = 600)]
    settled: u64,
    /// Name of the testbed's cluster.
    #[arg(long, global = true, default_value = "bench")]
    cluster: String,
    /// Leave the cluster up at the end.
    #[arg(long, global = true)]
    keep: bool,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The API alone.
    Api,
    /// The operator alone.
    Operator,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let target = target()?;
    let file = target.join("bench.json");
    let mut measured: Measured =
        fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    measured.machine = machine();
    if !matches!(arguments.part, Some(Part::Operator)) {
        measure_api(&target, &arguments, &mut measured).await?;
        keep(&file, &measured)?;
    }
    if !matches!(arguments.part, Some(Part::Api)) {
        measure_operator(&arguments, &mut measured).await?;
        keep(&file, &measured)?;
    }
    println!("{}", render(&measured));
    Ok(())
}

/// Where cargo puts what it builds: this program is in a directory of it.
fn target() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    own.ancestors().nth(2).map(Path::to_owned).context("this program is not in a directory of cargo's")
}

async fn measure_api(target: &Path, arguments: &Arguments, measured: &mut Measured) -> anyhow::Result<()> {
    say("building store-api and store-bench (cargo build --release)");
    // With the operator among the packages, store-api gets what it has in its image: the features of
    // what both need.
    let mut build = cargo(["build", "--quiet", "--release", "--bin", "store-api", "--bin", "store-bench"]);
    run(build.args(["-p", "store-api", "-p", "store-operator", "-p", "store-bench"]), LONG)?;
    let release = target.join("release");
    let parts = Parts { store_api: release.join("store-api"), store_bench: release.join("store-bench") };
    let effort = Effort {
        rounds: arguments.rounds,
        time: Duration::from_secs(arguments.seconds),
        warm_up: arguments.warm_up,
        peers: !arguments.no_peers,
    };
    measured.api = Some(api::measure(&parts, effort).await.context("measuring the API")?);
    Ok(())
}

async fn measure_operator(arguments: &Arguments, measured: &mut Measured) -> anyhow::Result<()> {
    let (cluster, kubectl) = install(&arguments.cluster).await.context("installing the chart on the testbed")?;
    let settled = Duration::from_secs(arguments.settled);
    let result = ring::measure(&cluster, &kubectl, arguments.starts, settled).await;
    if !arguments.keep {
        Cluster::down(&arguments.cluster).await.context("ending the testbed")?;
    }
    let (starts, operator) = result.context("measuring the operator")?;
    measured.starts = Some(starts);
    measured.operator = Some(operator);
    Ok(())
}

/// The figures for a later run of the other part, and the page.
fn keep(file: &PathBuf, measured: &Measured) -> anyhow::Result<()> {
    fs::write(file, serde_json::to_vec_pretty(measured)?).with_context(|| format!("writing {}", file.display()))?;
    let page = root().join("docs/bench.md");
    fs::create_dir_all(root().join("docs")).context("making docs")?;
    fs::write(&page, render(measured)).with_context(|| format!("writing {}", page.display()))
}

/// In words: when, on how many CPUs of which kind.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    format!("Measured on {} with {cpus} CPUs ({model}).", jiff::Timestamp::now().strftime("%Y-%m-%d"))
}
