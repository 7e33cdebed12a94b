//! `make up`: a cluster (the testbed's, or that of the current kubectl context), the chart on it, the sample shop that
//! suits it, and a first product through its API. IO; says on the terminal what it waits for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::{Api, Client};
use serde::Deserialize;
use serde_json::json;
use store_crds::{StoreCluster, conditions};

use crate::checkout::root;
use crate::cluster::{ClusterError, io_error, state_root};
use crate::command::CommandError;
use crate::image_builder::{Builder, BuilderError};
use crate::images::Profile;
use crate::install;
use crate::kubectl::Kubectl;
use crate::own_cluster::OwnClusterError;
use crate::own_place::{self, write_private};
use crate::port_forward::{PortForward, PortForwardError, SERVICE_PORT};
use crate::programs::ProgramsError;
use crate::progress::{WaitError, say, wait_until, waiting, write_figures};
use crate::sample::{LOCAL_PORT, NAMESPACE, SAMPLES, Sample, Target, WayIn, way_in};
use crate::shop::{Shop, condition};

/// For three Cassandra nodes one after another on two busy cores.
const READY: Duration = Duration::from_secs(15 * 60);
const FIRST_ANSWER: Duration = Duration::from_secs(60);
/// The product that shows that the shop works.
const SKU: &str = "HELLO-1";

/// The shop could not be brought up.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum ShopUpError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The HTTP client could not be made.
    #[error("making an HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Builder(#[from] BuilderError),
    #[error(transparent)]
    OwnCluster(#[from] OwnClusterError),
    #[error(transparent)]
    PortForward(#[from] PortForwardError),
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// kubectl has no current context.
    #[error(
        "kubectl has no current context: choose a cluster with `kubectl config use-context NAME`, or set KUBECONFIG"
    )]
    NoContext,
}

/// What `make up` is asked for.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The cluster.
    pub target: Target,
    /// A file of Helm values for the chart.
    pub values: Option<PathBuf>,
    /// What builds images for a cluster of kind, k3d or minikube; none: what is there.
    pub builder: Option<Builder>,
    /// By which profile they are compiled.
    pub profile: Profile,
}

/// A cluster that the shop can be installed on.
struct Place {
    kubectl: Kubectl,
    client: Client,
    kubeconfig: PathBuf,
    tools: PathBuf,
    sample: Sample,
    /// Where its Ingresses answer, if that is known without asking.
    url: Option<String>,
    /// Tag of images built here, if they were.
    tag: Option<String>,
}

/// Brings the shop up; quick and harmless when it is up.
///
/// # Errors
/// [`ShopUpError`], with what was attempted.
pub async fn up(wishes: &Wishes) -> Result<(), ShopUpError> {
    let place = match wishes.target {
        Target::Testbed => testbed().await?,
        Target::CurrentContext | Target::Own(_) => own(wishes).await?,
    };
    install(&place, wishes.values.as_deref()).await?;
    let store = ready(&place).await?;
    let address = store.status.and_then(|status| status.api.url);
    let told = std::env::var("STORE_URL").ok();
    let way = match &place.url {
        Some(url) => WayIn::Url(url.clone()),
        None => way_in(wishes.target, told.as_deref(), address.as_deref()),
    };
    let shop = Shop::new(place.client.clone(), NAMESPACE, place.sample.name);
    // A shop of an earlier operator gets its tokens from the one that was just installed.
    let token = wait_until("the token of its API", FIRST_ANSWER, || async {
        shop.token("admin").await.map_err(|error| error.to_string())
    });
    let token = token.await?;
    let (product, url) = match &way {
        WayIn::Url(url) => (first_product(url, &token).await?, url.clone()),
        WayIn::PortForward => {
            let service = place.sample.service();
            let forward =
                PortForward::open(&place.tools.join("kubectl"), &place.kubeconfig, NAMESPACE, &service).await?;
            (first_product(&forward.url(), &token).await?, format!("http://127.0.0.1:{LOCAL_PORT}"))
        }
    };
    let env = write_env(&place, &url, &token)?;
    write_figures().map_err(io_error("writing", Path::new("the figures")))?;
    say(format!("the shop is up: it has {product}"));
    println!("{}", how_to_use(env.strip_prefix(root()).unwrap_or(&env), &way, &place.sample));
    Ok(())
}

async fn testbed() -> Result<Place, ShopUpError> {
    let (cluster, tag) = install::testbed("shop", Profile::Dev).await?;
    let [sample, _] = SAMPLES;
    Ok(Place {
        kubectl: Kubectl::new(cluster.tools(), &cluster.kubeconfig()),
        client: cluster.client(),
        kubeconfig: cluster.kubeconfig(),
        tools: cluster.tools().to_owned(),
        sample,
        url: Some(cluster.url()),
        tag: Some(tag),
    })
}

async fn own(wishes: &Wishes) -> Result<Place, ShopUpError> {
    let tool = wishes.target.tool();
    let place = own_place::attach(tool).await?;
    let sample = place.sample().await?;
    let tag = place.load(wishes.builder, wishes.profile).await?;
    let own_place::OwnPlace { kubectl, client, kubeconfig, programs, .. } = place;
    Ok(Place { kubectl, client, kubeconfig, tools: programs, sample, url: None, tag })
}

/// The chart, and the sample on it.
async fn install(place: &Place, values: Option<&Path>) -> Result<(), ShopUpError> {
    install::chart(&place.kubectl, place.tag.as_deref(), values).await?;
    say(format!("applying k8s/samples/{}", place.sample.file));
    for file in ["namespace.yaml", place.sample.file] {
        let sample = path(&root().join("k8s/samples").join(file));
        place.kubectl.run(&["apply", "-f", &sample]).await?;
    }
    Ok(())
}

/// Waits until the shop is Ready in its newest generation; every change of what it says is a line.
async fn ready(place: &Place) -> Result<StoreCluster, ShopUpError> {
    let api: Api<StoreCluster> = Api::namespaced(place.client.clone(), NAMESPACE);
    let starting = waiting("starting the shop");
    let store = wait_until("the shop", READY, || async {
        let store = api.get(place.sample.name).await.map_err(|error| error.to_string())?;
        let generation = store.metadata.generation;
        let current = |kind| condition(&store, kind).filter(|found| found.observed_generation == generation);
        let Some(ready) = current(conditions::READY) else {
            return Err("its operator has not looked at it yet".to_owned());
        };
        if ready.status == "True" {
            return Ok(store);
        }
        let progress = current(conditions::PROGRESSING).filter(|found| found.status == "True").unwrap_or(ready);
        let nodes = store.status.as_ref().map(|status| status.summary.nodes.as_str()).unwrap_or_default();
        Err(format!("nodes {nodes}, {}: {}", progress.reason, progress.message))
    })
    .await?;
    starting.done();
    Ok(store)
}

/// A product as the API shows it, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Product {
    id: String,
    name: String,
}

/// Finds or makes a product, and reads it back by its id.
async fn first_product(url: &str, token: &str) -> Result<String, ShopUpError> {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build()?;
    let text = |error: reqwest::Error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let made = wait_until("a product of its API", FIRST_ANSWER, || async {
        let found = http.get(format!("{url}/products?sku={SKU}")).bearer_auth(token).send().await.map_err(text)?;
        let found: Vec<Product> = found.error_for_status().map_err(text)?.json().await.map_err(text)?;
        let id = if let Some(product) = found.into_iter().next() {
            product.id
        } else {
            let new = json!({"name": "Hello", "sku": SKU, "price": 1.5});
            let made = http.post(format!("{url}/products")).bearer_auth(token).json(&new).send().await.map_err(text)?;
            made.error_for_status().map_err(text)?.json::<Product>().await.map_err(text)?.id
        };
        let read = http.get(format!("{url}/products/{id}")).bearer_auth(token).send().await.map_err(text)?;
        let product: Product = read.error_for_status().map_err(text)?.json().await.map_err(text)?;
        Ok(format!("the product `{}` at {url}/products/{id}", product.name))
    });
    Ok(made.await?)
}

/// Writes `.testbed/env`, to be sourced.
fn write_env(place: &Place, url: &str, token: &str) -> Result<PathBuf, ShopUpError> {
    let file = state_root().join("env");
    let text = env_file(&place.kubeconfig, url, token, &place.tools);
    write_private(&file, &text).map_err(io_error("writing", &file))?;
    Ok(file)
}

/// What people type next.
fn how_to_use(env: &Path, way: &WayIn, sample: &Sample) -> String {
    let env = env.display();
    let mut text = String::new();
    if *way == WayIn::PortForward {
        text += &format!(
            "\nThe shop is inside the cluster. This leads to it, for as long as it runs, in a terminal of its own:\n  \
             . {env}\n  kubectl port-forward -n {NAMESPACE} service/{} {LOCAL_PORT}:{SERVICE_PORT}\n",
            sample.service()
        );
    }
    text += &format!(
        "\nTry it:\n  . {env}\n  curl -fsS --oauth2-bearer \"$STORE_TOKEN\" \"$STORE_URL/products\"\n  curl -fsS --oauth2-bearer \
         \"$STORE_TOKEN\" \"$STORE_URL/products\" --json '{{\"name\": \"Desk lamp\", \"sku\": \"LAMP-2\", \"price\": 39.90}}'"
    );
    text
}

fn env_file(kubeconfig: &Path, url: &str, token: &str, tools: &Path) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    format!(
        "# Written by `make up`, to be sourced.\nexport KUBECONFIG={}\nexport STORE_URL={}\nexport STORE_TOKEN={}\nexport PATH={}:\"$PATH\"\n",
        quoted(&path(kubeconfig)),
        quoted(url),
        quoted(token),
        quoted(&path(tools))
    )
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{SHORT, run};
    use std::fs;
    use std::process::Command;

    #[test]
    fn the_env_file_gives_a_shell_exactly_what_it_names() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("env");
        let odd = Path::new("/a dir/with 'quotes' and $HOME");
        fs::write(&file, env_file(odd, "http://127.0.0.1:18080", "a-token", Path::new("/tools"))).expect("write");
        let script = format!(". '{}'; echo \"$KUBECONFIG|$STORE_URL|$STORE_TOKEN|${{PATH%%:*}}\"", file.display());
        let printed = run(Command::new("sh").args(["-c", &script]), SHORT).expect("sourced");
        assert_eq!(printed.trim(), format!("{}|http://127.0.0.1:18080|a-token|/tools", odd.display()));
    }

    #[test]
    fn who_has_to_forward_a_port_is_told_so_and_nobody_else() {
        let [_, minimal] = SAMPLES;
        let told = |way: &WayIn| how_to_use(Path::new(".testbed/env"), way, &minimal);
        let forward = "kubectl port-forward -n store service/minimal-api 15000:80";
        assert!(told(&WayIn::PortForward).contains(forward));
        assert!(!told(&WayIn::Url("http://h".to_owned())).contains("port-forward"));
    }
}
