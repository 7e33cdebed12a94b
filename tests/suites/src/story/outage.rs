//! What only a shop without customers can be put through: the ring stands still, the operator is away or may not
//! write. Each is the cause of alerts that the story before has not shown. IO.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use jiff::Timestamp;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use rustix::process::Signal;
use serde_json::{Value, json};
use store_crds::API_PORT;

use super::{ROLE, Story, StoryError};
use store_load::load::Client;
use store_testbed::shop::{address, ask, is_ready};

/// Nodes that stand still: two of three, so that the third tells of them and nothing has a quorum.
const STILL: [&str; 2] = ["a", "b"];
/// The alerts of it.
pub(super) const ALERTS: [&str; 7] = [
    "StoreRequestsShed",
    "StoreApiErrorBudgetBurn",
    "StoreApiLatencyBudgetBurn",
    "StoreNodeUnmeasured",
    "StoreNodeDown",
    "StoreQuorumLost",
    "StoreDegraded",
];
/// More at once than an API pod works on and lets wait (`STORE_MAX_REQUESTS`, `STORE_MAX_WAITING`).
const CROWD: usize = 640;
/// For an answer to one of the crowd: more than the API's own deadline.
const ANSWER: Duration = Duration::from_secs(15);
/// The operator's Deployment and ClusterRole.
const OPERATOR: &str = "store-manager";

impl Story<'_> {
    /// Two nodes stop answering without a word, while a crowd comes.
    pub(super) async fn ring_stands_still(&mut self) -> Result<String, StoryError> {
        let began = Timestamp::now();
        let (watch, client) = (self.watch()?, self.one_pod().await?);
        self.signal_still(Signal::STOP).await?;
        let seen = tokio::join!(crowd(&client), watch.fired(began, &ALERTS),);
        // Whatever was seen: they go on.
        self.signal_still(Signal::CONT).await?;
        let (refused, fired) = seen;
        let fired = fired?;
        Ok(format!("{refused} of {CROWD} requests were not served, {fired}"))
    }

    async fn signal_still(&self, signal: Signal) -> Result<(), StoryError> {
        for rack in STILL {
            let pod = format!("{}-cassandra-{rack}-0", self.shop.name());
            self.stage.cluster.signal(self.shop.namespace(), &pod, "cassandra", signal).await?;
        }
        Ok(())
    }

    /// A client of one API pod alone.
    async fn one_pod(&self) -> Result<Client, StoryError> {
        let pods = self.shop.pods("api").await?;
        let ready = pods.values().find(|pod| is_ready(pod)).and_then(address);
        let ready = ready.ok_or_else(|| StoryError::Wrong("no API pod is ready".into()))?;
        let client = Client::new(&format!("http://{ready}:{API_PORT}"), None, ANSWER)?;
        Ok(client.with_token(&self.shop.token(ROLE).await?)?)
    }

    /// No operator at all, and then two again.
    pub(super) async fn operator_away(&mut self) -> Result<String, StoryError> {
        let began = Timestamp::now();
        self.scale_operator(0).await?;
        let fired = self.watch()?.fired(began, &["StoreOperatorAbsent"]).await;
        self.scale_operator(2).await?;
        fired
    }

    async fn scale_operator(&self, replicas: u32) -> Result<(), StoryError> {
        let (deployment, replicas) = (format!("deployment/{OPERATOR}"), format!("--replicas={replicas}"));
        self.stage.kubectl.run(&["-n", &self.stage.operator_namespace, "scale", &deployment, &replicas]).await?;
        Ok(())
    }

    /// The operator may no longer write one kind of object, and one of them is deleted: the shop tells it. Then it may not
    /// even write what it has to tell, and its passes fail.
    pub(super) async fn operator_without_a_right(&mut self) -> Result<String, StoryError> {
        let roles: Api<ClusterRole> = Api::all(self.stage.cluster.client());
        let role = ask("reading the operator's role", roles.get(OPERATOR)).await?;
        let fired = self.without_rights(&roles, &role).await;
        let now = ask("reading the operator's role", roles.get(OPERATOR)).await?;
        let back = ClusterRole { metadata: now.metadata, ..role };
        ask("giving the rights back", roles.replace(OPERATOR, &PostParams::default(), &back)).await?;
        fired
    }

    async fn without_rights(&self, roles: &Api<ClusterRole>, role: &ClusterRole) -> Result<String, StoryError> {
        let params = PostParams::default();
        let (watch, began) = (self.watch()?, Timestamp::now());
        let no_budgets = only(role, "poddisruptionbudgets", &["list", "watch"])?;
        let less = ask("taking a right from the operator", roles.replace(OPERATOR, &params, &no_budgets)).await?;
        let budgets = self.shop.api::<PodDisruptionBudget>();
        let ring = format!("{}-cassandra", self.shop.name());
        ask("deleting a PodDisruptionBudget", budgets.delete(&ring, &DeleteParams::default())).await?;
        let told = watch.fired(began, &["StoreDegraded"]).await?;
        let began = Timestamp::now();
        let no_status = only(&less, "storeclusters/status", &["get"])?;
        ask("taking another right from the operator", roles.replace(OPERATOR, &params, &no_status)).await?;
        // What is new to tell.
        let spec =
            serde_json::json!({ "spec": { "api": { "ingress": { "annotations": { "example.com/colour": "red" } } } } });
        let store = format!("stc/{}", self.shop.name());
        let patch = ["-n", self.shop.namespace(), "patch", &store, "--type=merge", "-p", &spec.to_string()];
        self.stage.kubectl.run(&patch).await?;
        Ok(format!("{told}; {}", watch.fired(began, &["StoreOperatorFailing"]).await?))
    }

    /// A little of everything that the shop's dashboard counts.
    pub(super) async fn some_business(&self) -> Result<String, StoryError> {
        let token = self.shop.token("admin").await?;
        let client = Client::new(&self.stage.cluster.url(), None, ANSWER)?.with_token(&token)?;
        let made = async |path: &str, body: Value| {
            let answer = client.send(Method::POST, path, &[], Some(&body)).await;
            let answer = answer.map_err(|(kind, detail)| StoryError::Wrong(format!("{path}: {kind}: {detail}")))?;
            Ok::<_, StoryError>((answer.status.as_u16(), answer.body))
        };
        let (_, user) = made("/users", json!({ "name": "Ana Banana", "email": "ana@example.org" })).await?;
        let product = json!({ "name": "Desk lamp", "sku": "LAMP-1", "price": 39.90 });
        let (_, product) = made("/products", product).await?;
        let (user, product) = (&user["id"], &product["id"]);
        made("/stocks", json!({ "product_id": product, "quantity": 12 })).await?;
        let order = json!({ "user_id": user, "items": [{ "product_id": product, "quantity": 8 }] });
        let statuses = [made("/orders", order.clone()).await?.0, made("/orders", order).await?.0];
        let found = format!("orders answered {statuses:?}");
        if statuses == [201, 409] { Ok(found) } else { Err(StoryError::Wrong(found)) }
    }
}

/// Everybody at once; how many were not served.
async fn crowd(client: &Client) -> usize {
    let one = || client.send(Method::GET, "/products", &[], None);
    let answers = join_all((0..CROWD).map(|_| one())).await;
    answers.iter().filter(|answer| !answer.as_ref().is_ok_and(|answer| answer.status.is_success())).count()
}

/// The role with these verbs alone in the rules about `resource`.
fn only(role: &ClusterRole, resource: &str, verbs: &[&str]) -> Result<ClusterRole, StoryError> {
    let mut less = role.clone();
    for rule in less.rules.iter_mut().flatten() {
        if rule.resources.iter().flatten().any(|named| named == resource) {
            rule.verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
        }
    }
    if less.rules == role.rules {
        return Err(StoryError::Wrong(format!("the operator's role names no {resource}")));
    }
    Ok(less)
}
