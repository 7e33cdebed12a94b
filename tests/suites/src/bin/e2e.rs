//! The end-to-end suite: starts the testbed, installs the chart, tells the story on both versions of
//! Cassandra under load, and takes the chart through its life on the same cluster. Ends with `N passed, N failed`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use store_load::load::LoadReport;
use store_suites::chart_life;
use store_suites::mishaps;
use store_suites::story::page::page;
use store_suites::story::{Plan, Stage, Timeline, tell};
use store_suites::tally::Tally;
use store_suites::tools;
use store_testbed::cache::Cache;
use store_testbed::checkout::root;
use store_testbed::cluster::Cluster;
use store_testbed::host::machine;
use store_testbed::images::Profile;
use store_testbed::install::{OPERATOR_NAMESPACE, chart, testbed};
use store_testbed::kubectl::Kubectl;
use store_testbed::progress::say;

/// Tell the end-to-end story on the testbed.
#[derive(Debug, Parser)]
#[command(name = "e2e")]
struct Arguments {
    /// Which stories.
    #[arg(long, value_enum, default_value_t = Versions::Both)]
    cassandra: Versions,
    /// Name of the testbed's cluster, started anew.
    #[arg(long, default_value = "test")]
    cluster: String,
    /// Leave the cluster up at the end.
    #[arg(long)]
    keep: bool,
    /// Which suites.
    #[arg(long, value_enum, default_value_t = Suites::All)]
    only: Suites,
    /// Requests per second.
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Of the mishaps only those with this in their names; may be given several times.
    #[arg(long)]
    mishap: Vec<String>,
    /// Take pictures of the dashboards at the end of the story on 5.0, into this directory.
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// Where the reports go, as JSON.
    #[arg(long, default_value = "target/e2e")]
    reports: PathBuf,
    /// Write a page with the figures of the last reports, whichever run they are of.
    #[arg(long)]
    document: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Versions {
    /// The whole story on 5.0.
    #[value(name = "5.0")]
    V5_0,
    /// The first half on 4.1, with Cassandra's own delays.
    #[value(name = "4.1")]
    V4_1,
    /// One after the other.
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suites {
    All,
    /// The stories.
    Stories,
    /// A shop under load that is treated as users and neighbours treat things.
    Mishaps,
    /// The life of the chart beside a small shop.
    Chart,
    /// Nothing but the page of the last reports.
    Document,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.only == Suites::Document {
        document(&arguments)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut tally = Tally::default();
    let result = suites(&arguments, &mut tally).await;
    if let Err(error) = &result {
        tally.check("the testbed and the chart", Err::<&str, _>(format!("{error:#}")));
    }
    if !arguments.keep {
        tally.check("nothing is left of the testbed", Cluster::down(&arguments.cluster).await.map(|()| "down"));
    }
    if result.is_ok() {
        document(&arguments)?;
    }
    Ok(if tally.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn suites(arguments: &Arguments, tally: &mut Tally) -> anyhow::Result<()> {
    // What an earlier run left behind would be part of the story: volumes are kept by policy.
    Cluster::down(&arguments.cluster).await.context("ending what an earlier run left")?;
    let (cluster, tag) = testbed(&arguments.cluster, Profile::Dev).await.context("starting the testbed")?;
    let kubectl = Kubectl::new(cluster.tools(), &cluster.kubeconfig());
    let wants = |suite| arguments.only == Suites::All || arguments.only == suite;
    if wants(Suites::Stories) || wants(Suites::Mishaps) {
        chart(&kubectl, Some(&tag), None).await.context("installing the chart")?;
        let stage =
            Stage { cluster: &cluster, kubectl: kubectl.clone(), operator_namespace: OPERATOR_NAMESPACE.to_owned() };
        if wants(Suites::Stories) && arguments.cassandra != Versions::V4_1 {
            let pictures = arguments.pictures.as_ref().map(|directory| root().join(directory));
            one(arguments, &stage, &Plan { pictures, ..Plan::whole("5.0", arguments.rate) }, tally).await?;
        }
        if wants(Suites::Stories) && arguments.cassandra != Versions::V5_0 {
            one(arguments, &stage, &Plan::half("4.1", arguments.rate), tally).await?;
        }
        if wants(Suites::Mishaps) {
            let (timeline, report) = mishaps::tell(&stage, arguments.rate, arguments.mishap.clone(), tally).await;
            take_down(arguments, "mishaps", &timeline, report.as_ref())?;
        }
        let uninstall = ["uninstall", "store-manager", "--namespace", OPERATOR_NAMESPACE, "--wait", "--timeout", "3m"];
        kubectl.helm(&uninstall).await.context("removing the chart")?;
    }
    if wants(Suites::Chart) {
        let tools = tools::ensure(&Cache::open()?)?;
        let stage = chart_life::Stage {
            client: cluster.client(),
            kubectl: &kubectl,
            tools: &tools,
            tag: &tag,
            operator_namespace: OPERATOR_NAMESPACE,
        };
        chart_life::run_all(&stage, tally).await;
    }
    Ok(())
}

async fn one(arguments: &Arguments, stage: &Stage<'_>, plan: &Plan, tally: &mut Tally) -> anyhow::Result<()> {
    let (timeline, report) = tell(stage, plan, tally).await;
    say(format!("the story on Cassandra {}:\n{}", plan.version, timeline.table()));
    if let Some(report) = &report {
        say(format!("the load on it:\n{}", report.table()));
    }
    take_down(arguments, &format!("story-{}", plan.version), &timeline, report.as_ref())
}

/// Writes a report.
fn take_down(
    arguments: &Arguments,
    name: &str,
    timeline: &Timeline,
    report: Option<&LoadReport>,
) -> anyhow::Result<()> {
    let directory = root().join(&arguments.reports);
    std::fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    let file = report_file(arguments, name);
    let text = serde_json::json!({ "timeline": timeline, "load": report });
    std::fs::write(&file, format!("{text:#}")).with_context(|| format!("writing {}", file.display()))
}

/// The page of the reports that there are, if one is wanted.
fn document(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(path) = &arguments.document else { return Ok(()) };
    let mut stories = Vec::new();
    let titles = [
        ("story-5.0", "Cassandra 5.0"),
        ("story-4.1", "Cassandra 4.1, with Cassandra's own delays"),
        ("mishaps", "As users and their neighbours treat things, on Cassandra 5.0"),
    ];
    for (name, title) in titles {
        let file = report_file(arguments, name);
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let told = serde_json::from_slice(&bytes).with_context(|| format!("reading {}", file.display()))?;
        stories.push((title, told));
    }
    std::fs::write(path, page(&machine(), &stories)).with_context(|| format!("writing {}", path.display()))
}

fn report_file(arguments: &Arguments, name: &str) -> PathBuf {
    root().join(&arguments.reports).join(format!("{name}.json"))
}
