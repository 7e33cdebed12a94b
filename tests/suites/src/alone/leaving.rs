//! Namespaces that go: one of those that an operator watches, and one with a shop in it while no operator runs.

use kube::Client;
use serde_json::json;

use super::objects::Namespace;
use super::stories::{CLAIM, COLLECTED};
use crate::tally::Tally;
use store_testbed::shop::ShopError;

/// The namespaces of the first story, which an operator that watches no others has to be started for.
pub const WATCHED: [&str; 2] = ["stays", "goes"];
const FIRST_CLAIM: &str = "data-shop-cassandra-rack1-0";

/// Of two namespaces that an operator watches one goes with its shop, and the shop in the other is looked after.
pub async fn watched_one_goes(client: &Client, tally: &mut Tally) -> Result<(), ShopError> {
    let [stays, goes] = WATCHED;
    let (stays, goes_too) = (Namespace::make(client, stays).await?, Namespace::make(client, goes).await?);
    for namespace in [&stays, &goes_too] {
        namespace.store("shop", class("fast-sdd")).await?;
        tally.check("a watched namespace's shop begins", namespace.there("v1", CLAIM, FIRST_CLAIM, true).await);
    }
    goes_too.delete("v1", "Namespace", goes).await?;
    let gone = goes_too.gone_within(COLLECTED, "v1", "Namespace", goes).await;
    tally.check("a watched namespace goes with its shop", gone);
    stays.store("shop", class("fast-ssd")).await?;
    let asked = stays
        .until("a claim of the new class", async |stays| {
            let found = stays.find("v1", CLAIM, FIRST_CLAIM).await?.unwrap_or_default();
            let asked = found["spec"]["storageClassName"].as_str().unwrap_or("none").to_owned();
            Ok(if asked == "fast-ssd" { Ok(asked) } else { Err(format!("it asks for {asked}")) })
        })
        .await;
    tally.check("the shop in the other one is looked after", asked);
    Ok(())
}

/// A shop that the next story finds; an operator runs.
pub async fn begin(client: &Client, tally: &mut Tally) -> Result<Namespace, ShopError> {
    let left = Namespace::make(client, "left").await?;
    left.store("shop", class("standard")).await?;
    tally.check("a shop begins", left.there("v1", CLAIM, FIRST_CLAIM, true).await);
    Ok(left)
}

/// A namespace that is deleted while no operator runs waits for its shop, and says so.
pub async fn without_an_operator(left: &Namespace, tally: &mut Tally) -> Result<(), ShopError> {
    left.delete("v1", "Namespace", "left").await?;
    let waits = left
        .until("the namespace to name what it waits for", async |left| {
            let namespace = left.find("v1", "Namespace", "left").await?.unwrap_or_default();
            let conditions = namespace["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let remaining = conditions
                .into_iter()
                .find(|condition| condition["type"] == "NamespaceFinalizersRemaining" && condition["status"] == "True");
            let told = remaining.map(|condition| condition["message"].to_string()).unwrap_or_default();
            Ok(if told.contains("storemanager.io") { Ok(told) } else { Err(format!("it says {told:?}")) })
        })
        .await;
    tally.check("without an operator a namespace waits for its shop", waits);
    Ok(())
}

/// It goes once an operator runs again.
pub async fn with_one_again(left: &Namespace, tally: &mut Tally) {
    let gone = left.gone_within(COLLECTED, "v1", "Namespace", "left").await;
    tally.check("with an operator again it goes", gone);
}

fn class(name: &str) -> serde_json::Value {
    json!({ "cassandra": { "storage": { "className": name } } })
}
