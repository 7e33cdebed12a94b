//! The operator against an API server of its own, without a node. Ends with `N passed, N failed`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use store_suites::alone::{self, OPERATOR};
use store_suites::api_server::ApiServer;
use store_suites::tally::Tally;
use store_testbed::binaries::kubectl_and_helm;
use store_testbed::cache::Cache;
use store_testbed::checkout::{built, cargo};
use store_testbed::command::{LONG, run};
use store_testbed::kubernetes_versions::KubernetesVersion;
use store_testbed::progress::say;

/// Lines of the operator's log that are shown when something failed.
const SHOWN: usize = 40;

#[derive(Debug, Parser)]
struct Arguments {
    /// The Kubernetes that the API server is of.
    #[arg(long, value_enum, default_value_t = KubernetesVersion::Testbed)]
    kubernetes: KubernetesVersion,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let version = Arguments::parse().kubernetes;
    run(&mut cargo(["build", "--quiet", "--bin", "store-operator"]), LONG).context("building the operator")?;
    let mut tally = Tally::default();
    let cache = Cache::open()?;
    let tools = kubectl_and_helm(&cache)?;
    let mut server = ApiServer::start(&cache, version).await.context("starting an API server")?;
    let told = alone::run(&mut server, version, &built(OPERATOR), &tools, &mut tally).await;
    if let Err(error) = &told {
        tally.check("the API server and the operator", Err::<&str, _>(format!("{error:#}")));
    }
    if tally.failed() {
        say(format!("the operator's last words:\n{}", server.last_words(OPERATOR, SHOWN)));
    }
    tally.check("nothing is left of the API server", server.end().await.map(|()| "ended"));
    Ok(if tally.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
