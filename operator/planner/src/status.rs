//! What is written to the StoreCluster's status: pure, deterministic, and equal to what is there when
//! there is nothing new to tell, so that a settled shop costs no write.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use store_crds::conditions::{AVAILABLE, DEGRADED, PROGRESSING, READY, REPLICATION_SYNCED, TOKENS_IN_CLEAR};
use store_crds::{
    ApiStatus, AuthMode, AuthSpec, IngressSpec, LABEL_COMPONENT, LABEL_STORE, NodeState, NodeStatus,
    StoreClusterStatus, Summary,
};

use crate::decision::{Plan, Report, Told};
use crate::desired::Desired;
use crate::observation::Observation;
use crate::reason::Reason;
use crate::resources;

/// A load that differs less than this from the one last told, in MiB or in tenths of it, is not news.
const LOAD_NEWS_MIB: i64 = 16;

/// The status after a pass.
pub fn status(desired: &Desired, observation: &Observation, plan: &Plan) -> StoreClusterStatus {
    let before = &observation.status;
    StoreClusterStatus {
        observed_generation: Some(observation.store.generation),
        conditions: conditions(desired, observation, plan),
        summary: summary(desired, observation, plan),
        faults: plan.report.faults.clone(),
        waits: plan.report.waits.clone(),
        changes: plan.memory.changes.clone(),
        replicas: i32::try_from(observation.pods.len()).unwrap_or(i32::MAX),
        selector: format!("{LABEL_STORE}={},{LABEL_COMPONENT}=cassandra", desired.name),
        nodes: plan.report.nodes.iter().map(|node| quiet_load(before, node)).collect(),
        cluster_name: plan.memory.cluster_name.clone(),
        keyspaces: plan.report.keyspaces.clone(),
        configuration: plan.memory.configuration.clone(),
        carried_out: Some(plan.report.carried_out.clone()),
        operations: plan.memory.operations.clone(),
        operation: plan.memory.operations.first().cloned(),
        owed: plan.memory.owed.clone(),
        lost: plan.memory.lost.clone(),
        roles_ready: plan.memory.roles_ready,
        api: api(desired, observation, plan),
    }
}

fn conditions(desired: &Desired, observation: &Observation, plan: &Plan) -> Vec<Condition> {
    let report = &plan.report;
    let good = |reason: Reason, message: &str| (reason, message.to_owned());
    // (type, status while there is something to tell, what there is, what is said otherwise)
    let rows: [(&str, &str, &Told, (Reason, String)); 5] = [
        (
            AVAILABLE,
            "False",
            &report.unavailable,
            good(Reason::Serving, "an API pod is ready, and of every row enough copies answer at LOCAL_QUORUM"),
        ),
        (READY, "False", &report.not_ready, ready(report)),
        (
            PROGRESSING,
            "True",
            &report.progressing,
            good(Reason::Settled, "everything owed for this generation is done"),
        ),
        (DEGRADED, "True", &report.degraded, good(Reason::AsExpected, "nothing is wrong")),
        (
            REPLICATION_SYNCED,
            "False",
            &report.replication,
            good(Reason::Synced, "every keyspace has its replication factor and no repair is owed"),
        ),
    ];
    rows.into_iter()
        .map(|(kind, when_told, told, otherwise)| {
            let opposite = if when_told == "True" { "False" } else { "True" };
            let status = if told.is_some() { when_told } else { opposite };
            let (reason, message) = told.clone().unwrap_or(otherwise);
            condition(observation, kind, status, reason, message)
        })
        .chain(
            in_clear(&desired.api.auth, desired.api.ingress.as_ref())
                .map(|(reason, message)| condition(observation, TOKENS_IN_CLEAR, "True", reason, message)),
        )
        .collect()
}

/// Why tokens travel in clear; whether a Gateway's listener has TLS is not known here.
fn in_clear(auth: &AuthSpec, ingress: Option<&IngressSpec>) -> Told {
    let plain = ingress.is_some_and(|ingress| ingress.tls_secret_name.is_none()) && auth.mode != AuthMode::Open;
    let message = "spec.api.ingress has no tlsSecretName: whoever is on the way reads the tokens of all who come by it, unless \
         a load-balancer before it ends TLS; name a Secret with a certificate, and a host";
    plain.then(|| (Reason::IngressWithoutTls, message.to_owned()))
}

/// What is said of a shop that is ready: it says no more than is true while something is being done.
fn ready(report: &Report) -> (Reason, String) {
    let words = match &report.progressing {
        None => "every node is up and the API pods are ready".to_owned(),
        Some((doing, _)) => format!("the shop serves while {doing} goes on"),
    };
    (Reason::Serving, words)
}

fn condition(observation: &Observation, kind: &str, status: &str, reason: Reason, message: String) -> Condition {
    let before = observation.status.conditions.iter().find(|condition| condition.type_ == kind);
    let since = before.filter(|before| before.status == status).map(|before| before.last_transition_time.clone());
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_string(),
        message,
        observed_generation: Some(observation.store.generation),
        last_transition_time: since.unwrap_or(Time(observation.now)),
    }
}

fn summary(desired: &Desired, observation: &Observation, plan: &Plan) -> Summary {
    let normal = plan.report.nodes.iter().filter(|node| node.state == NodeState::Normal).count();
    let keyspace = plan.report.keyspaces.iter().find(|keyspace| keyspace.name == desired.api.keyspace);
    let replication = keyspace.map(|keyspace| match keyspace.replication {
        Some(actual) if actual == keyspace.wanted_replication => actual.to_string(),
        Some(actual) => format!("{actual}→{}", keyspace.wanted_replication),
        None => format!("-→{}", keyspace.wanted_replication),
    });
    let report = &plan.report;
    let degraded = match report.faults.split_first() {
        None => "No".to_owned(),
        Some((worst, [])) => worst.reason.clone(),
        Some((worst, others)) => format!("{} +{}", worst.reason, others.len()),
    };
    let operation = plan.memory.operations.first().map(|operation| &operation.started_at);
    let doing = operation.or(report.waits.first().map(|wait| &wait.since));
    let since = report.faults.first().map(|fault| &fault.since).or(doing.filter(|_| report.progressing.is_some()));
    let settled = || {
        let condition = condition(observation, PROGRESSING, "False", Reason::Settled, String::new());
        condition.last_transition_time
    };
    let told = report.degraded.as_ref().or(report.progressing.as_ref());
    Summary {
        degraded,
        since: Some(since.cloned().unwrap_or_else(settled)),
        message: told.map(|(_, message)| message.clone()).unwrap_or_default(),
        nodes: format!("{normal}/{}", desired.cassandra.size),
        replication: replication.unwrap_or_default(),
        api: format!("{}/{}", ready_api_pods(desired, observation), desired.api.replicas),
    }
}

/// The node, with the load last told while that is near enough.
fn quiet_load(before: &StoreClusterStatus, node: &NodeStatus) -> NodeStatus {
    let mut node = node.clone();
    let told = before.nodes.iter().find(|known| known.pod == node.pod).and_then(|known| known.load_mib);
    if let (Some(told), Some(now)) = (told, node.load_mib)
        && (now - told).abs() <= (told / 10).max(LOAD_NEWS_MIB)
    {
        node.load_mib = Some(told);
    }
    node
}

fn api(desired: &Desired, observation: &Observation, plan: &Plan) -> ApiStatus {
    let migrated = plan.memory.migrated.as_ref();
    let (ready, before) = (ready_api_pods(desired, observation), &observation.status.api);
    ApiStatus {
        ready_replicas: ready,
        first_ready_at: before.first_ready_at.clone().or_else(|| (ready > 0).then_some(Time(observation.now))),
        url: plan.shape.api.as_ref().map(|_| url(desired, observation)),
        migrated_image: migrated.map(|api| api.image.clone()),
        migrated_keyspace: migrated.map(|api| api.keyspace.clone()),
        postponed_job: plan.memory.postponed_job.clone(),
    }
}

fn ready_api_pods(desired: &Desired, observation: &Observation) -> i32 {
    let deployment = observation.children.deployments.get(&resources::api_name(desired));
    deployment.map_or(0, |deployment| deployment.pods.ready)
}

/// Where the API is reached: the Ingress's host, else the address that its controller gave it, else
/// the Service inside Kubernetes.
fn url(desired: &Desired, observation: &Observation) -> String {
    let inside = format!("http://{}.{}.svc", resources::api_name(desired), desired.namespace);
    let Some(ingress) = &desired.api.ingress else { return inside };
    let scheme = if ingress.tls_secret_name.is_some() { "https" } else { "http" };
    if let Some(host) = ingress.host.as_ref().filter(|host| !host.starts_with("*.")) {
        return format!("{scheme}://{host}");
    }
    let address = observation.children.ingresses.get(&resources::api_name(desired));
    address.and_then(Option::as_ref).map_or(inside, |address| format!("{scheme}://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_travel_in_clear_where_an_ingress_has_no_certificate_and_there_are_tokens() {
        let tls = IngressSpec { tls_secret_name: Some("shop-tls".into()), ..IngressSpec::default() };
        let (plain, open) = (IngressSpec::default(), AuthSpec { mode: AuthMode::Open, ..AuthSpec::default() });
        let tokens = AuthSpec::default();
        for (auth, ingress, told) in [
            (&tokens, Some(&plain), true),
            (&tokens, Some(&tls), false),
            (&tokens, None, false),
            (&open, Some(&plain), false),
        ] {
            assert_eq!(in_clear(auth, ingress).is_some(), told, "{:?} {ingress:?}", auth.mode);
        }
    }
}
