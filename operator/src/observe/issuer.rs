//! What the API's pods say of the issuer whose signed tokens they check. IO: HTTP at their port of operations.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::core::v1::PodStatus;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde::Deserialize;
use store_crds::{API_OPERATIONS_PORT, AuthMode, LABEL_COMPONENT};
use store_planner::desired::Desired;
use store_planner::identity::ChildKind;
use store_planner::observation::IssuerAnswer;
use store_planner::resources::API;

use crate::context::Context;

/// For one answer.
const DEADLINE: Duration = Duration::from_secs(1);
/// Pods that are asked, the newest: a change of the spec shows in those first.
const ASKED: usize = 4;
/// Characters of what a pod says.
const LONGEST: usize = 600;

/// What `/identity` of the API tells.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    keys: u64,
    failure: Option<String>,
}

/// Asks a few pods at once, where tokens are signed by an issuer.
pub async fn ask(context: &Context, desired: &Desired) -> IssuerAnswer {
    if desired.api.auth.mode != AuthMode::Oidc {
        return IssuerAnswer::Unknown;
    }
    let pods = context.cache.of_store(ChildKind::Pod, &desired.namespace, &desired.name);
    let mut pods: Vec<_> =
        pods.iter().filter(|pod| pod.labels().get(LABEL_COMPONENT).is_some_and(|of| of == API)).collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.creation_timestamp()));
    let addresses = pods.into_iter().filter_map(|pod| address(pod)).take(ASKED);
    let answers = addresses.map(|ip| told(&context.http, ip));
    judge(futures::future::join_all(answers).await.into_iter().flatten())
}

/// Where a pod answers, if its program runs: one that has ended keeps its address for a while.
fn address(pod: &DynamicObject) -> Option<IpAddr> {
    let status: PodStatus = serde_json::from_value(pod.data.get("status")?.clone()).ok()?;
    let is_running = status.phase.as_deref() == Some("Running") && pod.metadata.deletion_timestamp.is_none();
    status.pod_ip.filter(|_| is_running)?.parse().ok()
}

async fn told(client: &reqwest::Client, ip: IpAddr) -> Option<Told> {
    let url = format!("http://{}/identity", SocketAddr::new(ip, u16::try_from(API_OPERATIONS_PORT).ok()?));
    let answer = client.get(url).timeout(DEADLINE).send().await.ok()?.error_for_status().ok()?;
    answer.json().await.ok()
}

/// The worst that any of them says: without keys first, then with old ones.
fn judge(answers: impl Iterator<Item = Told>) -> IssuerAnswer {
    answers.fold(IssuerAnswer::Unknown, |worst, told| {
        let failing = told.failure.map(|words| IssuerAnswer::Failing {
            words: words.chars().take(LONGEST).collect(),
            holds_keys: told.keys > 0,
        });
        match (worst, failing) {
            (worst @ IssuerAnswer::Failing { holds_keys: false, .. }, _) => worst,
            (_, Some(failing @ IssuerAnswer::Failing { holds_keys: false, .. })) => failing,
            (worst @ IssuerAnswer::Failing { .. }, _) => worst,
            (_, Some(failing)) => failing,
            (IssuerAnswer::Unknown, None) if told.keys == 0 => IssuerAnswer::Unknown,
            (_, None) => IssuerAnswer::Well,
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(answers: serde_json::Value) -> IssuerAnswer {
        judge(serde_json::from_value::<Vec<Told>>(answers).unwrap().into_iter())
    }

    #[test]
    fn the_worst_that_any_pod_says_counts() {
        let failing = |words: &str, holds_keys| IssuerAnswer::Failing { words: words.into(), holds_keys };
        for (answers, expected) in [
            (json!([]), IssuerAnswer::Unknown),
            // it is asking just now
            (json!([{"auth": "oidc", "keys": 0, "failure": null}]), IssuerAnswer::Unknown),
            // a pod of the time before the mode was changed
            (json!([{"auth": "tokens"}]), IssuerAnswer::Unknown),
            (json!([{"keys": 2, "failure": null}, {"keys": 0, "failure": null}]), IssuerAnswer::Well),
            (json!([{"keys": 2, "failure": null}, {"keys": 2, "failure": "a"}]), failing("a", true)),
            (json!([{"keys": 2, "failure": "a"}, {"keys": 0, "failure": "b"}]), failing("b", false)),
            (json!([{"keys": 0, "failure": "b"}, {"keys": 2, "failure": null}]), failing("b", false)),
        ] {
            assert_eq!(judged(answers.clone()), expected, "{answers}");
        }
        let IssuerAnswer::Failing { words, .. } = judged(json!([{"failure": "ö".repeat(5000)}])) else { panic!() };
        assert_eq!(words.chars().count(), LONGEST);
    }

    #[test]
    fn a_pod_is_asked_while_it_runs() {
        let pod = |status: serde_json::Value, deleting: bool| -> DynamicObject {
            let mut pod = json!({"metadata": {"name": "shop-api-1"}, "status": status});
            if deleting {
                pod["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
            }
            serde_json::from_value(pod).unwrap()
        };
        let running = json!({"phase": "Running", "podIP": "10.0.0.7"});
        assert_eq!(address(&pod(running.clone(), false)), Some(IpAddr::from([10, 0, 0, 7])));
        assert_eq!(address(&pod(running, true)), None);
        assert_eq!(address(&pod(json!({"phase": "Failed", "podIP": "10.0.0.7"}), false)), None);
        assert_eq!(address(&pod(json!({"phase": "Pending"}), false)), None);
    }

    #[tokio::test]
    async fn who_does_not_answer_says_nothing() {
        let client = crate::cassandra::jmx::http_client().unwrap();
        assert!(told(&client, IpAddr::from([127, 0, 0, 77])).await.is_none());
    }
}
