//! `make bench`: measures, prints the figures, and writes them to `docs/bench.md`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use store_load::bench::api::{self, Effort};
use store_load::bench::orders::{Customers, Plan};
use store_load::bench::overload::Bounds;
use store_load::bench::page::{Measured, render};
use store_load::bench::parts::Parts;
use store_load::bench::{curve, orders, overload, ring, rush, writes};
use store_testbed::checkout::{cargo, root};
use store_testbed::cluster::Cluster;
use store_testbed::command::{LONG, run};
use store_testbed::host::machine;
use store_testbed::install::install;
use store_testbed::progress::say;

/// Measure what the API and the operator cost.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Take store-api and store-bench from this directory in place of optimized builds: to see that it works. The figures
    /// are printed and not kept.
    #[arg(long, global = true)]
    built: Option<PathBuf>,
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
    /// Rows of the small and the large store.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1_000, 100_000])]
    rows: Vec<u64>,
    /// Nodes of the rings on which orders are measured.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1, 3])]
    nodes: Vec<u8>,
    /// Orders that are there before, ascending.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [100, 10_000, 1_000_000])]
    ages: Vec<u64>,
    /// Orders at once.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1, 8, 32, 128])]
    clients: Vec<usize>,
    /// Lines of an order, five at most.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1, 5])]
    lines: Vec<usize>,
    /// Whose the orders are: many, one.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [Customers::Many, Customers::One])]
    customers: Vec<Customers>,
    /// A store-api of the version before, beside which a rush is measured.
    #[arg(long, global = true)]
    before: Option<PathBuf>,
    /// How often orders are measured under the same conditions.
    #[arg(long, global = true, default_value_t = 1)]
    turns: usize,
    /// Seconds of each time of too much.
    #[arg(long, global = true, default_value_t = 60)]
    crowded: u64,
    /// How many times the capacity is asked for.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [2.0, 4.0, 16.0])]
    times: Vec<f64>,
    /// CPUs of the store that is asked for too much.
    #[arg(long, global = true, value_delimiter = ',', default_values_t = [1, 2])]
    cpus: Vec<usize>,
    /// Other bounds than those of a shop that are tried, too, like 64/64/100/500.
    #[arg(long, global = true, value_delimiter = ',')]
    bounds: Vec<Bounds>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Part {
    /// Reads through the API alone.
    Api,
    /// Writes through the API alone.
    Writes,
    /// Orders beside the floor alone.
    Orders,
    /// A rush on what is sold out alone.
    Rush,
    /// Small and large stores alone.
    Curve,
    /// Too much alone.
    Overload,
    /// The operator alone.
    Operator,
}

impl Part {
    /// As on the command line.
    const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Writes => "writes",
            Self::Orders => "orders",
            Self::Rush => "rush",
            Self::Curve => "curve",
            Self::Overload => "overload",
            Self::Operator => "operator",
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let target = target()?;
    let file = root().join("docs/bench.json");
    let mut measured = kept(&file)?;
    let all = [Part::Api, Part::Writes, Part::Orders, Part::Rush, Part::Curve, Part::Overload, Part::Operator];
    let chosen = all.into_iter().filter(|part| arguments.part.is_none_or(|only| only == *part));
    let mut built = None;
    for part in chosen {
        if part == Part::Operator {
            measure_operator(&arguments, &mut measured).await?;
        } else {
            let parts = match &built {
                Some(parts) => parts,
                None => built.insert(match &arguments.built {
                    Some(directory) => Parts::of(directory),
                    None => build(&target)?,
                }),
            };
            measure_api(part, parts, &arguments, &mut measured).await?;
        }
        measured.measured.insert(part.name().to_owned(), machine());
        if arguments.built.is_none() {
            keep(&file, &measured)?;
        }
    }
    println!("{}", render(&measured));
    Ok(())
}

/// Where cargo puts what it builds: this program is in a directory of it.
fn target() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    own.ancestors().nth(2).map(Path::to_owned).context("this program is not in a directory of cargo's")
}

/// The optimized builds.
fn build(target: &Path) -> anyhow::Result<Parts> {
    say("building store-api and store-bench (cargo build --release)");
    // With the operator among the packages, store-api gets what it has in its image: the features of
    // what both need.
    let mut build = cargo(["build", "--quiet", "--release", "--bin", "store-api", "--bin", "store-bench"]);
    run(build.args(["-p", "store-api", "-p", "store-operator", "-p", "store-bench"]), LONG)?;
    Ok(Parts::of(&target.join("release")))
}

async fn measure_api(part: Part, parts: &Parts, arguments: &Arguments, measured: &mut Measured) -> anyhow::Result<()> {
    let effort = Effort {
        rounds: arguments.rounds,
        time: Duration::from_secs(arguments.seconds),
        warm_up: arguments.warm_up,
        peers: !arguments.no_peers,
    };
    match part {
        Part::Writes => {
            measured.writes = Some(writes::measure(parts, effort).await.context("measuring writes")?);
        }
        Part::Orders => {
            let plan = Plan {
                nodes: arguments.nodes.clone(),
                ages: arguments.ages.clone(),
                clients: arguments.clients.clone(),
                lines: arguments.lines.clone(),
                customers: arguments.customers.clone(),
                turns: arguments.turns,
                time: effort.time,
            };
            measured.orders = Some(orders::measure(parts, &plan).await.context("measuring orders")?);
        }
        Part::Rush => {
            let nodes = arguments.nodes.iter().copied().max().unwrap_or(1);
            let rushes = rush::measure(parts, arguments.before.as_deref(), nodes).await;
            measured.rush = Some(rushes.context("measuring a rush")?);
        }
        Part::Curve => {
            let figures = curve::measure(parts, &arguments.rows, effort.time / 2).await;
            measured.curve = Some(figures.context("measuring small and large stores")?);
        }
        Part::Overload => {
            let bounds: Vec<_> = std::iter::once(None).chain(arguments.bounds.iter().copied().map(Some)).collect();
            let time = Duration::from_secs(arguments.crowded);
            measured.overload = overload::measure(parts, &bounds, (&arguments.cpus, &arguments.times), time)
                .await
                .context("measuring an overload")?;
        }
        Part::Api | Part::Operator => {
            measured.api = Some(api::measure(parts, effort).await.context("measuring the API")?);
        }
    }
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

/// The figures of earlier runs. Ones that cannot be read are not written over.
fn kept(file: &Path) -> anyhow::Result<Measured> {
    match fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{} has figures of another form: mend or delete it", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Measured::default()),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

/// The figures, for a later run of another part, and the page.
fn keep(file: &PathBuf, measured: &Measured) -> anyhow::Result<()> {
    fs::write(file, serde_json::to_vec_pretty(measured)?).with_context(|| format!("writing {}", file.display()))?;
    let page = root().join("docs/bench.md");
    fs::create_dir_all(root().join("docs")).context("making docs")?;
    fs::write(&page, render(measured)).with_context(|| format!("writing {}", page.display()))
}
