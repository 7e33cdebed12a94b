//! The chart suite: starts the testbed, and installs, upgrades, rolls back and removes the chart beside a
//! shop that serves, with Helm 3 and with Helm 4. Ends with `N passed, N failed`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use store_tests::cache::Cache;
use store_tests::cluster::Cluster;
use store_tests::suites::chart_life::{Stage, run_all};
use store_tests::suites::install::{OPERATOR_NAMESPACE, testbed};
use store_tests::suites::kubectl::Kubectl;
use store_tests::suites::tally::Tally;
use store_tests::tools;

/// Install, upgrade, roll back and remove the chart on the testbed.
#[derive(Debug, Parser)]
#[command(name = "chart-life")]
struct Arguments {
    /// Name of the testbed's cluster, started anew.
    #[arg(long, default_value = "chart")]
    cluster: String,
    /// Leave the cluster up at the end.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut tally = Tally::default();
    let result = suite(&arguments, &mut tally).await;
    if let Err(error) = &result {
        tally.check("the testbed", Err::<&str, _>(format!("{error:#}")));
    }
    if !arguments.keep {
        tally.check("nothing is left of the testbed", Cluster::down(&arguments.cluster).await.map(|()| "down"));
    }
    Ok(if tally.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn suite(arguments: &Arguments, tally: &mut Tally) -> anyhow::Result<()> {
    let tools = tools::ensure(&Cache::open()?)?;
    Cluster::down(&arguments.cluster).await.context("ending what an earlier run left")?;
    let (cluster, tag) = testbed(&arguments.cluster).await.context("starting the testbed")?;
    let kubectl = Kubectl::new(cluster.tools(), &cluster.kubeconfig());
    let stage = Stage {
        client: cluster.client(),
        kubectl: &kubectl,
        tools: &tools,
        tag: &tag,
        operator_namespace: OPERATOR_NAMESPACE,
    };
    run_all(&stage, tally).await;
    Ok(())
}
