//! Prometheus beside the story: it scrapes every pod of operator and shop as they come and go, and the chart's
//! alerts must fire for the story's faults and go quiet after them. IO: a Prometheus on the host, the Kubernetes API.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::task::JoinHandle;

use super::StoryError;
use crate::monitoring::hurry::hurried;
use crate::monitoring::pictures::{self, Subject};
use crate::monitoring::server::{Server, Settings, Target};
use crate::monitoring::{queries, shipped_rules};
use store_testbed::cache::Cache;
use store_testbed::checkout::root;
use store_testbed::progress::{say, wait_until};

/// How often every pod is scraped.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often it is looked which pods there are.
const LOOK: Duration = Duration::from_secs(1);
/// For an alert whose cause is there, and for one whose cause has gone: the ring's own view of its nodes takes
/// most of it.
const ALERT: Duration = Duration::from_secs(60);
/// The alert that must never be seen, and the figure that it looks at.
const NEVER: (&str, &str) = ("StoreStockOversold", "store_stock_oversold_total");
/// What is scraped, by the label of the component.
const SCRAPED: &str = "app.kubernetes.io/component in (operator,api,cassandra)";

/// A Prometheus with the chart's rules for a faster clock.
pub(super) struct Watch {
    server: Arc<Server>,
    /// Of which namespaces the alerts are the story's, as a matcher. That there is no operator is told without one.
    within: String,
    follower: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

/// The query that has data only once the operator has failed.
const OF_FAILURES: &str = "Store: the operator: Errors by reason";

impl Watch {
    /// Starts it on the pods that there are, and follows them from then on.
    pub(super) async fn start(client: &Client, shop: &str, operator: &str) -> Result<Watch, StoryError> {
        let rules = hurried(&shipped_rules(&root()).map_err(StoryError::Wrong)?);
        let cache = Cache::open().map_err(|error| StoryError::Wrong(error.to_string()))?;
        let pods: Api<Pod> = Api::all(client.clone());
        let targets = targets(&pods).await.map_err(|error| StoryError::Wrong(error.to_string()))?;
        let server = Arc::new(Server::start(&cache, &Settings { rules, interval: INTERVAL }, &targets).await?);
        let follower = tokio::spawn(follow(pods, Arc::clone(&server), targets));
        Ok(Watch { server, within: format!("namespace=~\"{shop}|{operator}|\""), follower })
    }

    /// Waits until each of these has fired at some time since `began`.
    pub(super) async fn fired(&self, began: Timestamp, due: &[&str]) -> Result<String, StoryError> {
        wait_until("alerts to fire", ALERT, || async {
            let since = Duration::try_from(Timestamp::now().duration_since(began)).unwrap_or_default();
            let fired = self.server.fired(since, &self.within).await.map_err(|error| error.to_string())?;
            let missing: Vec<_> = due.iter().filter(|alert| !fired.contains(**alert)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} have not fired, {fired:?} have")) }
        })
        .await?;
        Ok(format!("{} fired", due.join(", ")))
    }

    /// Waits until none of these fires.
    pub(super) async fn quiet(&self, over: &[&str]) -> Result<String, StoryError> {
        wait_until("alerts to go quiet", ALERT, || async {
            let firing = self.server.firing(&self.within).await.map_err(|error| error.to_string())?;
            let left: Vec<_> = over.iter().filter(|alert| firing.contains(**alert)).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?} still fire")) }
        })
        .await?;
        Ok(format!("{} quiet", over.join(", ")))
    }

    /// The alert that must never fire has not, though it could have: its figure is there.
    pub(super) async fn never(&self) -> Result<String, StoryError> {
        let (alert, figure) = NEVER;
        let fired = self.server.fired(self.server.age(), &self.within).await?;
        let seen = self.server.ask(&format!("count({figure})")).await?;
        let found = format!("{figure} is {}, fired: {fired:?}", if seen.is_empty() { "absent" } else { "scraped" });
        if seen.is_empty() || fired.contains(alert) { Err(StoryError::Wrong(found)) } else { Ok(found) }
    }

    /// Takes pictures of the dashboards as they are for this shop.
    pub(super) async fn pictures(&self, namespace: &str, store: &str, into: &Path) -> Result<String, StoryError> {
        let subject = Subject {
            prometheus: self.server.url().to_owned(),
            span: self.server.age(),
            namespace: namespace.to_owned(),
            store: store.to_owned(),
        };
        let into = into.to_owned();
        let taken = tokio::task::spawn_blocking(move || pictures::take(&root(), &subject, &into).map(|()| into)).await;
        let into = taken.map_err(|error| StoryError::Wrong(error.to_string()))??;
        Ok(format!("in {}", into.display()))
    }

    /// Every query of every dashboard had data for this shop, and every rule could be evaluated.
    /// The operator fails in the whole story alone.
    pub(super) async fn dashboards(&self, namespace: &str, store: &str, whole: bool) -> Result<String, StoryError> {
        let mut queries = queries(&root()).map_err(StoryError::Wrong)?;
        queries.retain(|query| whole || query.name != OF_FAILURES);
        let empty = self.server.empty(&queries, namespace, store).await?;
        let (broken, rules) = self.server.broken_rules().await?;
        if empty.is_empty() && broken.is_empty() {
            Ok(format!("{} queries with data, {rules} rules evaluated", queries.len()))
        } else {
            Err(StoryError::Wrong(format!("without data: {empty:#?}; broken rules: {broken:#?}")))
        }
    }
}

async fn targets(pods: &Api<Pod>) -> kube::Result<Vec<Target>> {
    Ok(Target::of_pods(&pods.list(&ListParams::default().labels(SCRAPED)).await?.items))
}

/// Tells Prometheus of every pod that comes, goes or gets another address.
async fn follow(pods: Api<Pod>, server: Arc<Server>, mut known: Vec<Target>) {
    let mut ticker = tokio::time::interval(LOOK);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticker.tick().await;
        // An API server that does not answer is asked again.
        let Ok(Ok(now)) = tokio::time::timeout(LOOK * 5, targets(&pods)).await else { continue };
        if now != known {
            match server.retarget(&now) {
                Ok(()) => known = now,
                Err(error) => say(format!("Prometheus could not be told of its targets: {error}")),
            }
        }
    }
}
