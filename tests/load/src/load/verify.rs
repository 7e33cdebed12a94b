//! The last check: every acknowledged product is read back, through the API or from every replica by
//! CQL. IO: HTTP, CQL.
//!
//! A question without an answer is asked again until a deadline: here only the data is judged, the
//! answers of the API have been judged before.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use http::{Method, StatusCode};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::host_filter::{AcceptAllHostFilter, AllowListHostFilter, HostFilter};
use scylla::statement::Consistency;
use serde::Serialize;
use tokio::time::Instant;

use super::client::Client;
use super::ledger::{Ledger, Product, Reading, compare};
use store_testbed::shop::{Shop, ShopError, address, is_ready};

const CQL_PORT: u16 = 9042;
/// Products read at once.
const AT_ONCE: usize = 16;
/// Time for one CQL statement at ALL.
const STATEMENT: Duration = Duration::from_secs(5);
/// Pause before a question without an answer is asked again.
const AGAIN: Duration = Duration::from_millis(500);
/// Contradictions kept with their text.
const KEPT: usize = 50;

/// The check itself could not begin.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No session with the ring.
    #[error("logging in to Cassandra at {addresses:?} to check the products: {reason}")]
    Session {
        /// Contact points.
        addresses: Vec<IpAddr>,
        /// Why.
        reason: String,
    },
    /// The statement of the check is refused.
    #[error("preparing the check of the products: {0}")]
    Prepare(String),
}

/// Where and as whom the ring is asked.
#[derive(Debug, Clone)]
pub struct CqlAccess {
    /// Addresses of Cassandra pods.
    pub addresses: Vec<IpAddr>,
    /// Role.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Keyspace of the API's tables.
    pub keyspace: String,
}

impl CqlAccess {
    /// How to ask the ring of a shop: the addresses of the ready Cassandra pods and the superuser.
    ///
    /// # Errors
    /// [`ShopError`] when the Secret is not there or no pod is ready.
    pub async fn of(shop: &Shop, keyspace: &str) -> Result<Self, ShopError> {
        let pods = shop.pods("cassandra").await?;
        let addresses: Vec<IpAddr> = pods.values().filter(|pod| is_ready(pod)).filter_map(address).collect();
        if addresses.is_empty() {
            return Err(ShopError::Missing("no Cassandra pod is ready".into()));
        }
        let secret = format!("{}-superuser", shop.name());
        Ok(CqlAccess {
            addresses,
            username: shop.secret(&secret, "username").await?,
            password: shop.secret(&secret, "password").await?,
            keyspace: keyspace.into(),
        })
    }

    /// A session whose statements run at `consistency`.
    ///
    /// # Errors
    /// [`VerifyError::Session`] when no node lets us in.
    pub async fn session(&self, consistency: Consistency) -> Result<Session, VerifyError> {
        self.connect(consistency, None).await
    }

    /// A session that asks no other node than `only`.
    ///
    /// # Errors
    /// [`VerifyError::Session`] when it does not let us in.
    pub async fn session_with(&self, only: IpAddr, consistency: Consistency) -> Result<Session, VerifyError> {
        self.connect(consistency, Some(only)).await
    }

    async fn connect(&self, consistency: Consistency, only: Option<IpAddr>) -> Result<Session, VerifyError> {
        let failed = |reason: String| VerifyError::Session { addresses: self.addresses.clone(), reason };
        let filter: Arc<dyn HostFilter> = match only {
            Some(address) => {
                Arc::new(AllowListHostFilter::new([(address, CQL_PORT)]).map_err(|error| failed(error.to_string()))?)
            }
            None => Arc::new(AcceptAllHostFilter),
        };
        let profile = ExecutionProfile::builder().consistency(consistency).request_timeout(Some(STATEMENT)).build();
        SessionBuilder::new()
            .known_nodes_addr(
                self.addresses.iter().map(|address| (*address, CQL_PORT).into()).collect::<Vec<std::net::SocketAddr>>(),
            )
            .user(&self.username, &self.password)
            .default_execution_profile_handle(profile.into_handle())
            .connection_timeout(STATEMENT)
            .host_filter(filter)
            .build()
            .await
            .map_err(|error| failed(error.to_string()))
    }
}

/// What reading everything back showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// Products asked for.
    pub asked: usize,
    /// Those that are as acknowledged, or as a later write of unknown outcome left them.
    pub right: usize,
    /// Acknowledged products that do not exist.
    pub missing: usize,
    /// Products older than acknowledged, or never written so.
    pub wrong: usize,
    /// Products without any answer by the deadline.
    pub unanswered: usize,
    /// What was found in place of the first of them.
    pub details: Vec<String>,
}

impl Verdict {
    /// Whether every product is there and right.
    pub fn is_clean(&self) -> bool {
        self.right == self.asked
    }
}

/// What one product turned out to be.
enum Found {
    Right,
    Missing,
    Wrong(String),
    /// Ask again.
    NoAnswer(String),
}

/// Reads every product of `ledger` by the API at `consistency` (a `Consistency-Level` such as
/// `LOCAL_QUORUM` or `ALL`) within `deadline` for all of them.
pub async fn verify_by_api(client: &Client, ledger: &Ledger, consistency: &str, deadline: Duration) -> Verdict {
    judge(ledger.products(), deadline, |product| async move {
        let path = format!("/products/{}", product.id);
        match client.send(Method::GET, &path, &[("consistency-level", consistency)], None).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let reading = Reading { id: product.id, sku: product.sku.clone(), at_least: product.acknowledged };
                ledger
                    .check(&reading, &answer.body)
                    .map_or_else(|refuted| Found::Wrong(refuted.to_string()), |()| Found::Right)
            }
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => Found::Missing,
            Ok(answer) => Found::NoAnswer(format!("status {}: {}", answer.status, answer.body)),
            Err((kind, detail)) => Found::NoAnswer(format!("{kind}: {detail}")),
        }
    })
    .await
}

/// Reads every product from all of its replicas (consistency ALL) within `deadline` for all of them.
///
/// # Errors
/// [`VerifyError`] when nobody lets us in or the table is not as expected.
pub async fn verify_by_cql(
    access: &CqlAccess,
    products: &[Product],
    deadline: Duration,
) -> Result<Verdict, VerifyError> {
    let session = access.session(Consistency::All).await?;
    let text = format!("SELECT description, CAST(price AS double) FROM {}.products WHERE id = ?", access.keyspace);
    let statement = session.prepare(text).await.map_err(|error| VerifyError::Prepare(error.to_string()))?;
    let (session, statement) = (&session, &statement);
    Ok(judge(products, deadline, |product| async move {
        let rows = match session.execute_unpaged(statement, (product.id,)).await {
            Ok(result) => result.into_rows_result().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let row = rows.and_then(|rows| {
            rows.maybe_first_row::<(Option<String>, Option<f64>)>().map_err(|error| error.to_string())
        });
        match row {
            Ok(None) => Found::Missing,
            Ok(Some((description, price))) => {
                let cents = (price.unwrap_or(f64::NAN) * 100.0).round();
                compare(&description.unwrap_or_default(), cents, product.acknowledged, product.sent)
                    .map_or_else(|refuted| Found::Wrong(refuted.to_string()), |()| Found::Right)
            }
            Err(error) => Found::NoAnswer(error),
        }
    })
    .await)
}

async fn judge<'a, F, Fut>(products: &'a [Product], deadline: Duration, look: F) -> Verdict
where
    F: Fn(&'a Product) -> Fut,
    Fut: Future<Output = Found>,
{
    let until = Instant::now() + deadline;
    let look = &look;
    let ask = |product: &'a Product| async move {
        loop {
            let found = match tokio::time::timeout_at(until, look(product)).await {
                Ok(Found::NoAnswer(_)) if Instant::now() + AGAIN < until => {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Ok(found) => found,
                Err(_) => Found::NoAnswer("the deadline of the whole check passed".into()),
            };
            return (product, found);
        }
    };
    let mut verdict = Verdict { asked: products.len(), ..Verdict::default() };
    let mut answers = futures::stream::iter(products).map(ask).buffer_unordered(AT_ONCE);
    while let Some((product, found)) = answers.next().await {
        let (count, detail) = match found {
            Found::Right => (&mut verdict.right, None),
            Found::Missing => (&mut verdict.missing, Some("missing".to_owned())),
            Found::Wrong(text) => (&mut verdict.wrong, Some(text)),
            Found::NoAnswer(text) => (&mut verdict.unanswered, Some(text)),
        };
        *count += 1;
        if let Some(detail) = detail.filter(|_| verdict.details.len() < KEPT) {
            verdict.details.push(format!("product {} ({}): {detail}", product.id, product.sku));
        }
    }
    verdict
}
