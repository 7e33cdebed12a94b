//! `make up`: a cluster (the testbed's, or that of the current kubectl context), the chart on it, the
//! sample shop, and a first product through the Ingress. IO; says on the terminal what it waits for.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::{Api, Client};
use serde::Deserialize;
use serde_json::json;
use store_crds::{StoreCluster, conditions};

use crate::binaries;
use crate::cache::Cache;
use crate::checkout::root;
use crate::cluster::{ClusterError, blocking, io_error, kube_error, state_root};
use crate::command::CommandError;
use crate::images::Profile;
use crate::install;
use crate::kubectl::Kubectl;
use crate::progress::{WaitError, say, wait_until, waiting, write_figures};
use crate::shop::{Shop, condition};

/// The sample shop.
const NAMESPACE: &str = "store";
const SHOP: &str = "shop";
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
    /// The shop has no address that could be used from here.
    #[error(
        "the shop is Ready but its status names no address: give its API an Ingress host, or say where it is with STORE_URL"
    )]
    NoAddress,
}

/// Which cluster the shop comes up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The testbed's cluster `shop`, with images built here.
    Testbed,
    /// The cluster of the current kubectl context; it must be able to pull the images. Where the shop
    /// is on it is told by its status, or by `STORE_URL` in the environment.
    CurrentContext,
}

/// A cluster that the shop can be installed on.
struct Place {
    kubectl: Kubectl,
    client: Client,
    kubeconfig: PathBuf,
    tools: PathBuf,
    /// Where its Ingresses answer, if that is known without asking.
    url: Option<String>,
    /// Tag of images built here, if they were.
    tag: Option<String>,
}

/// Brings the shop up; quick and harmless when it is up. The chart gets the Helm `values` file.
///
/// # Errors
/// [`ShopUpError`], with what was attempted.
pub async fn up(target: Target, values: Option<&Path>) -> Result<(), ShopUpError> {
    let place = match target {
        Target::Testbed => testbed().await?,
        Target::CurrentContext => current_context().await?,
    };
    install(&place, values).await?;
    let store = ready(&place.client).await?;
    let address = store.status.and_then(|status| status.api.url);
    let told = std::env::var("STORE_URL").ok().filter(|url| target == Target::CurrentContext && !url.is_empty());
    let url = place.url.clone().or(told).or(address).ok_or(ShopUpError::NoAddress)?;
    let url = url.trim_end_matches('/');
    let shop = Shop::new(place.client.clone(), NAMESPACE, SHOP);
    // A shop of an earlier operator gets its tokens from the one that was just installed.
    let token = wait_until("the token of its API", FIRST_ANSWER, || async {
        shop.token("admin").await.map_err(|error| error.to_string())
    });
    let token = token.await?;
    let product = first_product(url, &token).await?;
    let env = write_env(&place, url, &token)?;
    write_figures().map_err(io_error("writing", Path::new("the figures")))?;
    say(format!("the shop is up: it has {product}"));
    println!(
        "\nTry it:\n  . {env}\n  curl -fsS --oauth2-bearer \"$STORE_TOKEN\" \"$STORE_URL/products\"\n  curl -fsS --oauth2-bearer \
         \"$STORE_TOKEN\" \"$STORE_URL/products\" --json '{{\"name\": \"Desk lamp\", \"sku\": \"LAMP-2\", \"price\": 39.90}}'",
        env = env.strip_prefix(root()).unwrap_or(&env).display()
    );
    Ok(())
}

async fn testbed() -> Result<Place, ShopUpError> {
    let (cluster, tag) = install::testbed("shop", Profile::Dev).await?;
    Ok(Place {
        kubectl: Kubectl::new(cluster.tools(), &cluster.kubeconfig()),
        client: cluster.client(),
        kubeconfig: cluster.kubeconfig(),
        tools: cluster.tools().to_owned(),
        url: Some(cluster.url()),
        tag: Some(tag),
    })
}

async fn current_context() -> Result<Place, ShopUpError> {
    let tools = blocking(|| Ok(binaries::kubectl_and_helm(&Cache::open()?)?)).await?;
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".kube/config"));
    let kubeconfig = std::env::var_os("KUBECONFIG").map(PathBuf::from).or(home).unwrap_or_default();
    let client = Client::try_default().await.map_err(kube_error("connecting to the current kubectl context"))?;
    let kubectl = Kubectl::new(&tools, &kubeconfig);
    Ok(Place { kubectl, client, kubeconfig, tools, url: None, tag: None })
}

/// The chart, and the sample on it.
async fn install(place: &Place, values: Option<&Path>) -> Result<(), ShopUpError> {
    install::chart(&place.kubectl, place.tag.as_deref(), values).await?;
    say("applying k8s/samples/storecluster.yaml");
    for file in ["namespace.yaml", "storecluster.yaml"] {
        let sample = path(&root().join("k8s/samples").join(file));
        place.kubectl.run(&["apply", "-f", &sample]).await?;
    }
    Ok(())
}

/// Waits until the shop is Ready in its newest generation; every change of what it says is a line.
async fn ready(client: &Client) -> Result<StoreCluster, ShopUpError> {
    let api: Api<StoreCluster> = Api::namespaced(client.clone(), NAMESPACE);
    let starting = waiting("starting the shop");
    let store = wait_until("the shop", READY, || async {
        let store = api.get(SHOP).await.map_err(|error| error.to_string())?;
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
    let made = wait_until("a product through the Ingress", FIRST_ANSWER, || async {
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
    let directory = state_root();
    let file = directory.join("env");
    let write = || {
        fs::create_dir_all(&directory)?;
        let mut options = fs::OpenOptions::new();
        // It holds a token: nobody else's to read, also where it was another's before.
        let mut kept = options.create(true).write(true).truncate(true).mode(0o600).open(&file)?;
        kept.set_permissions(fs::Permissions::from_mode(0o600))?;
        kept.write_all(env_file(&place.kubeconfig, url, token, &place.tools).as_bytes())
    };
    write().map_err(io_error("writing", &file))?;
    Ok(file)
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
}
