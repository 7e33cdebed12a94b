//! One Cassandra and the API in front of it with products to read: what the API is measured on.
//! IO: child processes, HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::TryStreamExt as _;
use serde_json::{Value, json};

use super::api::ApiBenchError;
use super::parts::Parts;
use crate::child::Program;
use store_testbed::local_cassandra::{DATACENTER, LocalRing, Options};
use store_testbed::ports;
use store_testbed::progress::{say, wait_until};

/// The keyspace of the store.
pub const KEYSPACE: &str = "store_manager";
/// The administrator's token.
pub const TOKEN: &str = "a-token-for-the-bench-alone";
/// User and password of the nodes' JMX over HTTP, where they are watched.
pub const JOLOKIA: (&str, &str) = ("bench", "bench");
/// Copies of a row at most.
const COPIES: u8 = 3;
/// Products that the reads go round.
const PRODUCTS: usize = 1000;
/// Of which so many are made at once.
const MADE_AT_ONCE: usize = 8;

/// The store under measurement; its processes end when this is dropped.
pub struct Store {
    /// Cassandra's CQL address.
    pub node: SocketAddr,
    /// The API's process.
    pub api: Program,
    /// Where the API answers.
    pub address: SocketAddr,
    /// Where it tells its metrics.
    pub operations: SocketAddr,
    /// Ids of the products, in the order in which they were made but for those made at once.
    pub ids: Vec<String>,
    client: reqwest::Client,
    directory: tempfile::TempDir,
    store_api: PathBuf,
    ring: LocalRing,
}

impl Store {
    /// Starts all of it, with one Cassandra.
    ///
    /// # Errors
    /// [`ApiBenchError`] when something does not start.
    pub async fn start(parts: &Parts) -> Result<Self, ApiBenchError> {
        Self::start_of(parts, 1).await
    }

    /// The same with so many Cassandras, each with everything.
    ///
    /// # Errors
    /// [`ApiBenchError`] when something does not start.
    pub async fn start_of(parts: &Parts, nodes: u8) -> Result<Self, ApiBenchError> {
        Self::start_with(parts, nodes, None).await
    }

    /// The same with JMX over HTTP on each node, as [`JOLOKIA`]; of more than three nodes each has a part of everything.
    ///
    /// # Errors
    /// [`ApiBenchError`] when something does not start.
    pub async fn start_watched(parts: &Parts, nodes: u8) -> Result<Self, ApiBenchError> {
        Self::start_with(parts, nodes, Some((JOLOKIA.0.to_owned(), JOLOKIA.1.to_owned()))).await
    }

    async fn start_with(parts: &Parts, nodes: u8, jolokia: Option<(String, String)>) -> Result<Self, ApiBenchError> {
        let directory = tempfile::tempdir().map_err(|error| ApiBenchError::Io("making a directory", error))?;
        let data = directory.path().join("cassandra");
        let ring = LocalRing::start(Options {
            nodes,
            heap_mib: if nodes == 1 { 1024 } else { 512 },
            optimized: true,
            jolokia,
            ..Options::new(data)
        })
        .await?;
        let node = *ring.contact_points().first().ok_or_else(|| ApiBenchError::Wrong("the ring has no node".into()))?;
        migrate(&parts.store_api, node, nodes.min(COPIES)).await?;
        let tokens = tokens(directory.path())?;
        let (api, [address, operations]) = start_api(&parts.store_api, node, &tokens, &[])?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build()?;
        let store_api = parts.store_api.clone();
        let store = Self { node, api, address, operations, ids: Vec::new(), client, directory, store_api, ring };
        store.ready(store.address).await?;
        Ok(store)
    }

    /// Starts another process of the API, with settings of its own, perhaps.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it does not get ready.
    pub async fn another(&self, settings: &[(&str, &str)]) -> Result<(Program, SocketAddr), ApiBenchError> {
        let (api, [address, _]) = self.another_told(settings).await?;
        Ok((api, address))
    }

    /// The same, and where it tells its metrics.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it does not get ready.
    pub async fn another_told(&self, settings: &[(&str, &str)]) -> Result<(Program, [SocketAddr; 2]), ApiBenchError> {
        let tokens = self.directory.path().join("tokens");
        let (api, addresses) = start_api(&self.store_api, self.node, &tokens, settings)?;
        self.ready(addresses[0]).await?;
        Ok((api, addresses))
    }

    /// Puts another process of the API into the place of the one that is there: it knows nothing of what was before.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it does not get ready.
    pub async fn restart(&mut self) -> Result<(), ApiBenchError> {
        let tokens = self.directory.path().join("tokens");
        let (api, [address, operations]) = start_api(&self.store_api, self.node, &tokens, &[])?;
        self.ready(address).await?;
        (self.api, self.address, self.operations) = (api, address, operations);
        Ok(())
    }

    /// The CQL addresses of all nodes.
    pub fn nodes(&self) -> Vec<SocketAddr> {
        self.ring.contact_points()
    }

    /// Where each node answers JMX over HTTP, if they are watched.
    pub fn jolokia_urls(&self) -> Vec<String> {
        self.ring.jolokia_urls()
    }

    /// Statements that the API has sent since it began, as it counts them.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it does not tell.
    pub async fn statements(&self) -> Result<f64, ApiBenchError> {
        self.statements_of(self.operations).await
    }

    /// Statements that a process has sent since it began, by its metrics.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it does not tell them.
    pub async fn statements_of(&self, operations: SocketAddr) -> Result<f64, ApiBenchError> {
        let metrics = self.get(operations, "/metrics").await?;
        let metrics = String::from_utf8_lossy(&metrics);
        let counts = metrics.lines().filter(|line| line.starts_with("db_client_operation_duration_seconds_count"));
        Ok(counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
    }

    /// The processes of Cassandra.
    pub fn cassandras(&self) -> Vec<u32> {
        self.ring.pids()
    }

    /// The process of the one Cassandra.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it has ended.
    pub fn cassandra(&self) -> Result<u32, ApiBenchError> {
        self.cassandras().first().copied().ok_or_else(|| ApiBenchError::Wrong("Cassandra has ended".into()))
    }

    /// Makes the products that are read.
    ///
    /// # Errors
    /// [`ApiBenchError`] when one is refused.
    pub async fn make_products(&mut self) -> Result<(), ApiBenchError> {
        say(format!("making {PRODUCTS} products"));
        let made = futures::stream::iter(0..PRODUCTS).map(|number| self.make_product(number));
        let ids = made.buffered(MADE_AT_ONCE).try_collect().await?;
        self.ids = ids;
        Ok(())
    }

    /// A file of the measurement with this content.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it cannot be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf, ApiBenchError> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).map_err(|error| ApiBenchError::Io("writing a file", error))?;
        Ok(path)
    }

    /// The body of a 200 from the API or another server.
    ///
    /// # Errors
    /// [`ApiBenchError`] when that is not the answer.
    pub async fn get(&self, address: SocketAddr, path: &str) -> Result<Bytes, ApiBenchError> {
        let answer = self.client.get(format!("http://{address}{path}")).bearer_auth(TOKEN).send().await?;
        Ok(answer.error_for_status()?.bytes().await?)
    }

    /// The rows of a page, and the path of the next one.
    ///
    /// # Errors
    /// [`ApiBenchError`] when that is not the answer.
    pub async fn page(&self, address: SocketAddr, path: &str) -> Result<(Vec<Value>, Option<String>), ApiBenchError> {
        let answer = self.client.get(format!("http://{address}{path}")).bearer_auth(TOKEN).send().await?;
        let answer = answer.error_for_status()?;
        let link = answer.headers().get(http::header::LINK).and_then(|link| link.to_str().ok());
        let next = link.and_then(|link| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned()));
        Ok((answer.json().await?, next))
    }

    /// What a POST of this body to the API creates.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it is refused.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiBenchError> {
        let request = self.client.post(format!("http://{}{path}", self.address)).bearer_auth(TOKEN).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// What the API answers.
    ///
    /// # Errors
    /// [`ApiBenchError`] when that is no JSON of a 200.
    pub async fn json(&self, path: &str) -> Result<Value, ApiBenchError> {
        let body = self.get(self.address, path).await?;
        serde_json::from_slice(&body).map_err(|error| ApiBenchError::Wrong(format!("{path} is no JSON: {error}")))
    }

    async fn ready(&self, address: SocketAddr) -> Result<(), ApiBenchError> {
        wait_until("the API to be ready", Duration::from_secs(60), || async {
            self.get(address, "/products?limit=1").await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        Ok(())
    }

    /// Texts of all kinds, so that equal answers mean equal treatment of each.
    async fn make_product(&self, number: usize) -> Result<String, ApiBenchError> {
        let price = (number % 9_973 + 1) as f64 / 100.0;
        let brand = (!number.is_multiple_of(3)).then_some("Müller & \"Söhne\"");
        let body = json!({
            "name": format!("Product {number}"), "sku": format!("bench-{number}"), "price": price,
            "brand": brand, "category": "bench", "description": "a product to be read\nmany times",
        });
        self.create("/products", &body).await
    }

    /// The id of what a POST creates.
    ///
    /// # Errors
    /// [`ApiBenchError`] when it is refused.
    pub async fn create(&self, path: &str, body: &Value) -> Result<String, ApiBenchError> {
        let made = self.post(path, body).await?;
        let id = made.get("id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| ApiBenchError::Wrong(format!("POST {path} made something without an id: {made}")))
    }
}

/// Starts an API process; it gets ready by itself. Tells where it answers and where it tells its metrics.
fn start_api(
    store_api: &Path,
    node: SocketAddr,
    tokens: &Path,
    settings: &[(&str, &str)],
) -> Result<(Program, [SocketAddr; 2]), ApiBenchError> {
    let (host, port) = (node.to_string(), free_port()?);
    let operations = free_port()?;
    let operations_text = operations.to_string();
    let (port_text, tokens) = (port.to_string(), tokens.display().to_string());
    let mut environment = vec![
        ("CASSANDRA_HOST", host.as_str()),
        ("STORE_KEYSPACE", KEYSPACE),
        ("STORE_LISTEN_ADDRESS", "127.0.0.1"),
        ("STORE_PORT", &port_text),
        ("STORE_OPERATIONS_PORT", &operations_text),
        ("STORE_LOCAL_DATACENTER", DATACENTER),
        ("STORE_CURSOR_KEY", "a key for the bench alone"),
        // As in a shop: who asks is looked at in each request.
        ("STORE_AUTH", "tokens"),
        ("STORE_TOKENS_DIRECTORY", &tokens),
    ];
    environment.extend(settings);
    let api = Program::start_unheard(store_api, &["serve"], &environment)?;
    Ok((api, [port, operations].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))))
}

fn tokens(directory: &Path) -> Result<PathBuf, ApiBenchError> {
    let tokens = directory.join("tokens");
    std::fs::create_dir(&tokens)
        .and_then(|()| std::fs::write(tokens.join("admin"), TOKEN))
        .map_err(|error| ApiBenchError::Io("writing a token", error))?;
    Ok(tokens)
}

async fn migrate(store_api: &Path, node: SocketAddr, copies: u8) -> Result<(), ApiBenchError> {
    let mut command = tokio::process::Command::new(store_api);
    command.args(["migrate", "--create-keyspace", "--datacenter", DATACENTER]);
    command.args(["--replication-factor", &copies.to_string()]);
    command.env("CASSANDRA_HOST", node.to_string()).env("STORE_KEYSPACE", KEYSPACE);
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(180), command.output()).await;
    let output = match ended {
        Ok(output) => output.map_err(|error| ApiBenchError::Io("running the migrations", error))?,
        Err(_) => return Err(ApiBenchError::Wrong("the migrations took longer than 180 s".into())),
    };
    if output.status.success() {
        return Ok(());
    }
    Err(ApiBenchError::Wrong(format!("the migrations failed: {}", String::from_utf8_lossy(&output.stderr))))
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> Result<u16, ApiBenchError> {
    ports::free_port().map_err(|error| ApiBenchError::Io("looking for a free port", error))
}
