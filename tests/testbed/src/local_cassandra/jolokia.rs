//! JMX over HTTP of the nodes of a local ring, for what CQL cannot do. IO: HTTP.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::progress::wait_until;

const STORAGE_SERVICE: &str = "org.apache.cassandra.db:type=StorageService";
const STORAGE_PROXY: &str = "org.apache.cassandra.db:type=StorageProxy";
const GOSSIPER: &str = "org.apache.cassandra.net:type=Gossiper";
/// A node that is asked how it is has this long.
const QUESTION: Duration = Duration::from_secs(3);
/// Of the keyspace of a local ring.
const REPAIR: Duration = Duration::from_secs(180);

/// A node's agent did not answer, or the node refused.
#[derive(Debug, thiserror::Error)]
#[error("{what} at {url}: {reason}")]
pub struct JolokiaError {
    what: &'static str,
    url: String,
    reason: String,
}

/// The agent of one node.
#[derive(Debug, Clone)]
pub struct Jolokia {
    client: reqwest::Client,
    url: String,
    login: (String, String),
}

/// How a node sees itself and its ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The nodes that it takes for up.
    pub live: BTreeSet<Ipv4Addr>,
    /// Whether it is a member of the ring and serves clients.
    pub serves: bool,
}

impl Jolokia {
    /// The agent at `url`.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(url: String, login: (String, String)) -> Result<Self, JolokiaError> {
        let client = reqwest::Client::builder().no_proxy().build();
        let failed =
            |error: reqwest::Error| JolokiaError { what: "asking", url: url.clone(), reason: error.to_string() };
        // Without a slash at its end nothing is there.
        Ok(Self { client: client.map_err(failed)?, url: format!("{url}/"), login })
    }

    /// How the node sees itself and its ring.
    ///
    /// # Errors
    /// [`JolokiaError`] when it does not answer in three seconds.
    pub async fn view(&self) -> Result<View, JolokiaError> {
        let attributes = json!(["LiveNodes", "OperationMode", "NativeTransportRunning"]);
        let question = json!({"type": "read", "mbean": STORAGE_SERVICE, "attribute": attributes});
        let told = self.ask("asking for its view", question, QUESTION).await?;
        Ok(read_view(&told))
    }

    /// Has the node give its rows to the others and leave the ring; returns once it has.
    ///
    /// # Errors
    /// [`JolokiaError`] when the node refuses.
    pub async fn decommission(&self, deadline: Duration) -> Result<(), JolokiaError> {
        let call = exec(STORAGE_SERVICE, "decommission(boolean)", json!([false]));
        self.ask("decommission", call, deadline).await.map(drop)
    }

    /// Has the node drop the rows that are not its any more.
    ///
    /// # Errors
    /// [`JolokiaError`] when the node refuses.
    pub async fn cleanup(&self, keyspace: &str, deadline: Duration) -> Result<(), JolokiaError> {
        let operation = "forceKeyspaceCleanup(int,java.lang.String,[Ljava.lang.String;)";
        let done = self.ask("cleanup", exec(STORAGE_SERVICE, operation, json!([1, keyspace, []])), deadline).await?;
        if done == json!(0) { Ok(()) } else { Err(self.refused("cleanup", format!("Cassandra answered {done}"))) }
    }

    /// Has the ring forget a node that is gone for good and was no member yet.
    ///
    /// # Errors
    /// [`JolokiaError`] when the node refuses.
    pub async fn forget(&self, address: Ipv4Addr, deadline: Duration) -> Result<(), JolokiaError> {
        let call = exec(GOSSIPER, "assassinateEndpoint(java.lang.String)", json!([address.to_string()]));
        self.ask("forgetting a node", call, deadline).await.map(drop)
    }

    /// Switches on or off whether the node keeps hints for others.
    ///
    /// # Errors
    /// [`JolokiaError`] when the node refuses.
    pub async fn hand_off(&self, on: bool) -> Result<(), JolokiaError> {
        let call = json!({"type": "write", "mbean": STORAGE_PROXY, "attribute": "HintedHandoffEnabled", "value": on});
        self.ask("switching hints", call, QUESTION).await.map(drop)
    }

    /// Compares all copies of the ranges that are the node's first, and brings them together; returns once that is done.
    ///
    /// # Errors
    /// [`JolokiaError`] when it fails or takes longer than three minutes.
    pub async fn repair(&self, keyspace: &str) -> Result<(), JolokiaError> {
        let options = json!({"parallelism": "parallel", "primaryRange": "true", "incremental": "false",
                             "jobThreads": "4", "trace": "false"});
        let call = exec(STORAGE_SERVICE, "repairAsync(java.lang.String,java.util.Map)", json!([keyspace, options]));
        let number = self.ask("repair", call, QUESTION).await?;
        if number == json!(0) {
            // Of one copy there is nothing to compare.
            return Ok(());
        }
        let look = || async {
            let question = exec(STORAGE_SERVICE, "getParentRepairStatus(int)", json!([number]));
            let told =
                self.ask("asking after the repair", question, QUESTION).await.map_err(|error| error.to_string())?;
            match read_repair(&told) {
                Some(ended) => Ok(ended),
                None => Err("copies are compared".to_owned()),
            }
        };
        let ended = wait_until("a repair", REPAIR, look).await;
        ended.map_err(|error| error.to_string()).flatten().map_err(|reason| self.refused("repair", reason))
    }

    async fn ask(&self, what: &'static str, question: Value, deadline: Duration) -> Result<Value, JolokiaError> {
        let (user, password) = &self.login;
        let request = self.client.post(&self.url).basic_auth(user, Some(password)).timeout(deadline).json(&question);
        let answer = async { request.send().await?.error_for_status()?.json::<Value>().await };
        let mut answer = answer.await.map_err(|error| self.refused(what, error.without_url().to_string()))?;
        if answer["status"] == json!(200) {
            return Ok(answer["value"].take());
        }
        Err(self.refused(what, answer["error"].as_str().unwrap_or("no reason given").to_owned()))
    }

    fn refused(&self, what: &'static str, reason: String) -> JolokiaError {
        JolokiaError { what, url: self.url.clone(), reason }
    }
}

fn exec(mbean: &str, operation: &str, arguments: Value) -> Value {
    json!({"type": "exec", "mbean": mbean, "operation": operation, "arguments": arguments})
}

fn read_view(told: &Value) -> View {
    let addresses = told["LiveNodes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    View {
        live: addresses.filter_map(|address| address.rsplit('/').next()?.parse().ok()).collect(),
        serves: told["OperationMode"] == json!("NORMAL") && told["NativeTransportRunning"] == json!(true),
    }
}

/// How a repair ended, if it has; the answer is a list of its state and of messages.
fn read_repair(told: &Value) -> Option<Result<(), String>> {
    match told[0].as_str() {
        Some("COMPLETED") => Some(Ok(())),
        Some("FAILED") => Some(Err(told[1].as_str().unwrap_or("no reason given").to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_read_with_and_without_a_name_before_the_address() {
        let told = json!({"LiveNodes": ["/127.0.0.1", "127.0.0.2"], "OperationMode": "NORMAL", "NativeTransportRunning": true});
        let live = BTreeSet::from([Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)]);
        assert_eq!(read_view(&told), View { live, serves: true });
        assert!(!read_view(&json!({"OperationMode": "JOINING", "NativeTransportRunning": true})).serves);
    }

    #[test]
    fn a_repair_has_ended_well_badly_or_not_at_all() {
        assert_eq!(read_repair(&json!(["COMPLETED", "done"])), Some(Ok(())));
        assert_eq!(read_repair(&json!(["FAILED", "a node is down"])), Some(Err("a node is down".to_owned())));
        assert_eq!(read_repair(&json!(["IN_PROGRESS"])), None);
        assert_eq!(read_repair(&json!(null)), None);
    }
}
