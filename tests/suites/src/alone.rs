//! The operator as a process against a real API server without a single node: what Kubernetes itself answers
//! (rules, refusals, names that are taken, quotas), which no model of it can be trusted for. IO.

mod chart;
mod leaving;
mod objects;
mod rules;
mod stories;

use std::path::Path;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client};

use crate::api_server::ApiServer;
use crate::tally::Tally;
use store_testbed::kubectl::Kubectl;
use store_testbed::kubernetes_versions::KubernetesVersion;
use store_testbed::ports::free_port;
use store_testbed::progress::wait_until;

const CRD: &str = "storeclusters.storemanager.io";
const SERVED: Duration = Duration::from_secs(30);
/// The operator in the logs of [`ApiServer`].
pub const OPERATOR: &str = "store-operator";

/// Everything on the testbed's Kubernetes; on an older or newer one, which `version` says, what depends on it. `operator` is
/// its program, `tools` the directory with kubectl and helm.
///
/// # Errors
/// When the API server fails in something else than refusing.
pub async fn run(
    server: &mut ApiServer,
    version: KubernetesVersion,
    operator: &Path,
    tools: &Path,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let client = server.client();
    let told = client.apiserver_version().await?.git_version;
    tally.holds("the API server is of the version that is asked for", told == version.tag(), told);
    let kubectl = Kubectl::new(tools, &server.kubeconfig());
    tally.check("the API server takes the chart", chart::install(&kubectl).await);
    tally.check("the API server takes the CRD with all its rules", served(&client).await);
    chart::samples(&client, tally).await?;
    rules::run(&client, tally).await?;
    start(server, operator, &[]).await?;
    match version {
        KubernetesVersion::Testbed => stories::all(&client, tally).await?,
        KubernetesVersion::Oldest | KubernetesVersion::Newest => {
            stories::of_another_version(&client, version, tally).await?;
        }
    }
    ends(server, tally).await?;
    if matches!(version, KubernetesVersion::Testbed) {
        start(server, operator, &[format!("--watch-namespaces={}", leaving::WATCHED.join(","))]).await?;
        leaving::watched_one_goes(&client, tally).await?;
        ends(server, tally).await?;
        start(server, operator, &[]).await?;
        let left = leaving::begin(&client, tally).await?;
        ends(server, tally).await?;
        leaving::without_an_operator(&left, tally).await?;
        start(server, operator, &[]).await?;
        leaving::with_one_again(&left, tally).await;
        ends(server, tally).await?;
    }
    Ok(())
}

async fn ends(server: &mut ApiServer, tally: &mut Tally) -> anyhow::Result<()> {
    let ended = server.end_one(OPERATOR).await?;
    tally.holds("the operator ends in good order", ended.success(), format!("it ended with {ended}"));
    Ok(())
}

/// The API server estimates what the rules may cost at worst, and refuses a CRD whose rules cost too much.
async fn served(client: &Client) -> anyhow::Result<String> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    wait_until("the CRD", SERVED, || async {
        let found = definitions.get(CRD).await.map_err(|error| error.to_string())?;
        let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
        let served = conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True");
        if served { Ok(()) } else { Err("it is not served yet".to_owned()) }
    })
    .await?;
    Ok("it is served".to_owned())
}

/// Starts the operator and waits until it is ready, so that what follows waits for what it does alone.
async fn start(server: &mut ApiServer, operator: &Path, more: &[String]) -> anyhow::Result<()> {
    let port = free_port()?;
    let mut flags = vec![
        "run".to_owned(),
        "--leader-election=false".to_owned(),
        "--log-format=text".to_owned(),
        format!("--metrics-port={port}"),
        "--operator-image=example.com/store-operator:1".to_owned(),
        "--api-image=example.com/store-api:1".to_owned(),
    ];
    flags.extend_from_slice(more);
    server.spawn(OPERATOR, operator, &flags)?;
    let ready = format!("http://127.0.0.1:{port}/readyz");
    wait_until("the operator to be ready", SERVED, || async {
        let answer = reqwest::get(&ready).await.and_then(reqwest::Response::error_for_status);
        answer.map(|_| ()).map_err(|error| error.to_string())
    })
    .await?;
    Ok(())
}
