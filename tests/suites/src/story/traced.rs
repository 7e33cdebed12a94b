//! One trace from the controller of Ingresses down to the statement, as a collector of OTLP is told it. IO: HTTP,
//! the controller's settings.

use std::time::Duration;

use http::Method;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{ROLE, Story, StoryError};
use crate::otlp::{Collector, Seen};
use store_load::load::Client;
use store_testbed::shop::ask;

/// Namespace and name of the controller's DaemonSet and of its settings, and the file in these.
const CONTROLLER: &str = "traefik";
const SETTINGS: &str = "traefik.yaml";
/// Number of the kind of a span around a call that a process makes.
const CALL: i32 = 3;
/// What stands between the request in the API's process and the statement.
const LAYERS: [&str; 4] = ["SELECT products", "dao.products.find", "model.products.find", "controller.products"];

impl Story<'_> {
    /// Controller and shop send their traces to one collector, and a product is read.
    pub(super) async fn one_trace(&mut self) -> Result<String, StoryError> {
        let collector = Collector::on(self.stage.cluster.layout().host().into()).await;
        let collector = collector.map_err(|error| StoryError::Wrong(format!("a collector: {error}")))?;
        let mut spec = self.plan.spec(3, 3, 2);
        spec["api"]["tracing"] = json!({ "endpoint": collector.endpoint() });
        // Applied over a fuller one; taking out all of an object's fields would leave null in its place.
        spec["api"]["ingress"] = json!({ "className": "traefik" });
        self.shop.apply(&spec).await?;
        let settings: Api<ConfigMap> = Api::namespaced(self.stage.cluster.client(), CONTROLLER);
        let before = ask("reading the controller's settings", settings.get(CONTROLLER)).await?;
        let before = before.data.and_then(|mut data| data.remove(SETTINGS)).unwrap_or_default();
        let tracing = json!({ "otlp": { "http": { "endpoint": collector.traces_url() } } });
        self.set_controller(&settings, &format!("{before}tracing: {tracing}\n")).await?;
        // Also waits for the API's pods that know the collector.
        let told = async {
            self.settle(Duration::from_secs(90), 3, 2).await?;
            self.whole_trace(&collector).await
        }
        .await;
        self.set_controller(&settings, &before).await?;
        told
    }

    async fn set_controller(&self, settings: &Api<ConfigMap>, text: &str) -> Result<(), StoryError> {
        let patch = Patch::Merge(json!({ "data": { SETTINGS: text } }));
        let params = PatchParams::default();
        ask("changing the controller's settings", settings.patch(CONTROLLER, &params, &patch)).await?;
        let kubectl = &self.stage.kubectl;
        kubectl.run(&["-n", CONTROLLER, "delete", "pods", "--selector=app=traefik", "--wait=true"]).await?;
        let status = ["-n", CONTROLLER, "rollout", "status", "daemonset/traefik", "--timeout=60s"];
        kubectl.run(&status).await?;
        Ok(())
    }

    async fn whole_trace(&self, collector: &Collector) -> Result<String, StoryError> {
        let client = Client::new(&self.stage.cluster.url(), None, Duration::from_secs(15))?;
        let client = client.with_token(&self.shop.token(ROLE).await?)?;
        let product = json!({ "name": "Traced", "sku": "TRACED-1", "price": 1.5 });
        let failed = |(kind, detail): (_, String)| StoryError::Wrong(format!("{kind:?}: {detail}"));
        let made = client.send(Method::POST, "/products", &[], Some(&product)).await.map_err(failed)?;
        let path = format!("/products/{}", made.body["id"].as_str().unwrap_or_default());
        let read = client.send(Method::GET, &path, &[], None).await.map_err(failed)?;
        let told = |name: &str| read.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let coordinator = told("cassandra-coordinator").to_owned();
        let of_it = |span: &Seen| span.attribute("network.peer.address") == coordinator;
        let found = collector.wait_for(|spans| spans.iter().any(|span| of_it(span) && !way(spans, span).is_empty()));
        let spans = found.await.map_err(|spans| {
            let names: Vec<_> = spans.iter().map(|span| (&span.resource["service.name"], &span.name)).collect();
            StoryError::Wrong(format!("no span of the statement by {coordinator} is below the controller's: {names:?}"))
        })?;
        let statement = spans.iter().find(|span| of_it(span) && !way(&spans, span).is_empty());
        let level = statement.map_or("", |span| span.attribute("cassandra.consistency.level"));
        let way = statement.map(|span| way(&spans, span)).unwrap_or_default();
        let text = format!("{} by {coordinator} at {level}", way.join(" < "));
        if level == "local_quorum" { Ok(text) } else { Err(StoryError::Wrong(text)) }
    }
}

/// The names from a statement up to the span of the controller of Ingresses; none if a layer is missing.
fn way<'a>(spans: &'a [Seen], statement: &'a Seen) -> Vec<&'a str> {
    let up = |span: &Seen| spans.iter().find(|above| above.trace == span.trace && above.id == span.parent);
    let whole: Vec<&Seen> = std::iter::successors(Some(statement), |span| up(span)).collect();
    let of = |span: &Seen| span.resource.get("service.name").cloned().unwrap_or_default();
    let names: Vec<&str> = whole.iter().map(|span| span.name.as_str()).collect();
    let is_whole = statement.kind == CALL
        && names.starts_with(&LAYERS)
        && whole.get(LAYERS.len()).is_some_and(|span| of(span) == "store-api")
        && whole.last().is_some_and(|span| of(span) == CONTROLLER);
    if is_whole { names } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn spans() -> Vec<Seen> {
        let mut names = LAYERS.to_vec();
        names.extend(["GET /products/{id}", "ReverseProxy", "GET"]);
        let span = |(number, name): (usize, &&str)| Seen {
            trace: "t".into(),
            id: number.to_string(),
            parent: (number + 1).to_string(),
            name: (*name).to_owned(),
            kind: if number == 0 { CALL } else { 1 },
            failed: false,
            attributes: BTreeMap::new(),
            numbers: BTreeSet::new(),
            resource: BTreeMap::from([(
                "service.name".to_owned(),
                if number < 5 { "store-api" } else { CONTROLLER }.to_owned(),
            )]),
        };
        names.iter().enumerate().map(span).collect()
    }

    #[test]
    fn a_trace_without_one_of_its_layers_is_not_whole() {
        let whole = spans();
        assert_eq!(way(&whole, &whole[0]).len(), whole.len());
        for missing in 1..whole.len() {
            let mut less = whole.clone();
            less.remove(missing);
            // The controller's innermost span is what the API's hangs below.
            let expected = if missing == whole.len() - 1 { missing } else { 0 };
            assert_eq!(way(&less, &less[0]).len(), expected, "{missing}");
        }
    }
}
