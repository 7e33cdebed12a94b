//! What the operator tells the API of its work: a ConfigMap that the API's pods have as a file. It differs from the last one when
//! there is something new to tell, so a settled pass writes nothing. Pure.

use serde_json::{Value, json};
use store_crds::{DebtKind, OperationKind, OperationStatus, Retry};

use super::child::Child;
use super::meta::{self, Component};
use crate::decision::Plan;
use crate::desired::Desired;
use crate::identity::{ChildKey, ChildKind};

/// The one file in it.
pub const FILE: &str = "operation.json";
const SUFFIX: &str = "-operation";

/// Name of the ConfigMap.
pub fn name(desired: &Desired) -> String {
    format!("{}{SUFFIX}", meta::component_name(desired, Component::Api))
}

/// Whether an object is it: telling of work is no work.
pub fn is_it(key: &ChildKey) -> bool {
    key.kind == ChildKind::ConfigMap && key.name.ends_with(SUFFIX)
}

/// The ConfigMap with what is told.
pub fn build(desired: &Desired, told: &str) -> Child {
    let labels = meta::labels(desired, Component::Api);
    meta::applied(desired, "v1", ChildKind::ConfigMap, name(desired), labels, json!({ "data": { FILE: told } }))
}

/// What a plan tells, as the API reads it.
pub fn told(desired: &Desired, plan: &Plan) -> String {
    let (report, memory) = (&plan.report, &plan.memory);
    let message = report.degraded.as_ref().or(report.progressing.as_ref()).map_or("", |(_, message)| message);
    let waits = report
        .waits
        .iter()
        .map(|wait| json!({ "reason": wait.reason, "object": wait.object, "since": wait.since, "until": wait.until }));
    let faults = report.faults.iter().map(|fault| {
        json!({ "reason": fault.reason, "object": fault.object, "message": fault.message, "since": fault.since })
    });
    let owed = memory.owed.iter().map(|debt| {
        let kind = match debt.kind {
            DebtKind::Repair => OperationKind::Repair,
            DebtKind::Cleanup => OperationKind::Cleanup,
        };
        json!({ "kind": kind, "keyspace": debt.keyspace, "nodes": debt.host_ids.len(), "since": debt.since })
    });
    let changes = memory
        .changes
        .iter()
        .map(|change| json!({ "generation": change.generation, "fields": change.fields, "at": change.at }));
    let told = json!({
        "shop": desired.name,
        "message": message,
        "operations": memory.operations.iter().map(in_hand).collect::<Vec<_>>(),
        "waits": waits.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "owed": owed.collect::<Vec<_>>(),
        "changes": changes.collect::<Vec<_>>(),
    });
    told.to_string()
}

fn in_hand(operation: &OperationStatus) -> Value {
    json!({
        "kind": operation.kind,
        "lane": operation.lane,
        "step": operation.step,
        "pod": operation.pod,
        "keyspace": operation.keyspace,
        "replication": operation.replication,
        "started_at": operation.started_at,
        "moved_at": operation.moved_at,
        "until": operation.deadline,
        "progress": operation.progress,
        "cause": operation.cause,
        "generation": operation.generation,
        "failed": operation.retry.as_ref().map(failed),
    })
}

fn failed(retry: &Retry) -> Value {
    json!({ "attempts": retry.attempts, "cause": retry.cause, "again_at": retry.at })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use store_crds::{Change, Debt, Fault, Lane, Wait};

    use super::*;
    use crate::decision::{Memory, Report, Shape};
    use crate::reason::Reason;
    use crate::resources::tests as sample;

    fn at(minute: u8) -> Time {
        Time(format!("2026-12-01T{:02}:{:02}:00Z", minute / 60, minute % 60).parse().unwrap())
    }

    fn plan() -> Plan {
        let joining = || Some("shop-cassandra-b-1".to_owned());
        let operation = OperationStatus {
            kind: OperationKind::Join,
            lane: Lane::Ring,
            step: "b-1 joins".into(),
            pod: joining(),
            host_id: None,
            keyspace: None,
            replication: None,
            started_at: at(60),
            progress: Some("12 MiB streamed".into()),
            moved_at: Some(at(61)),
            cause: Some("spec.cassandra.size".into()),
            generation: Some(4),
            streamed: None,
            retry: Some(Retry { attempts: 1, cause: "the stream broke off".into(), at: Some(at(63)) }),
            deadline: Some(at(75)),
        };
        let owed = Debt {
            kind: DebtKind::Cleanup,
            keyspace: None,
            host_ids: vec!["1".into(), "2".into()],
            since: at(60),
            before: None,
            retry: None,
        };
        let change = Change { generation: 4, fields: vec!["spec.cassandra.size".into()], at: at(59) };
        let wait = Wait { reason: "NodeJoining".into(), object: joining(), since: at(60), until: at(75) };
        let fault = Fault {
            reason: "NodeDown".into(),
            object: Some("shop-cassandra-a-0".into()),
            message: "shop-cassandra-a-0 is Down".into(),
            since: at(62),
        };
        Plan {
            shape: Shape::default(),
            deletes: Vec::new(),
            claims: Vec::new(),
            keep: BTreeSet::new(),
            ring: None,
            memory: Memory {
                operations: vec![operation],
                owed: vec![owed],
                changes: vec![change],
                ..Memory::default()
            },
            report: Report {
                progressing: Some((Reason::ScalingUp, "spec.cassandra.size asked for a node more".into())),
                faults: vec![fault],
                waits: vec![wait],
                ..Report::default()
            },
            finalizer: None,
            requeue: Duration::from_secs(1),
            rungs: Vec::new(),
        }
    }

    #[test]
    fn what_is_told_is_the_example_of_the_api() {
        let examples = include_str!("../../../../api-server/src/openapi/examples.json");
        let examples: Value = serde_json::from_str(examples).unwrap();
        let mut desired = sample::production();
        desired.name = "shop".into();
        let told: Value = serde_json::from_str(&told(&desired, &plan())).unwrap();
        assert_eq!(told, examples["getClusterOperation"]["answer"]["told"]);
    }

    #[test]
    fn the_same_is_told_by_the_same_object_and_only_that_one_is_it() {
        let desired = sample::production();
        let child = build(&desired, &told(&desired, &plan()));
        assert_eq!(child.object, build(&desired, &told(&desired, &plan())).object);
        assert!(is_it(&child.key));
        for (kind, name) in [(ChildKind::ConfigMap, "shop-cassandra"), (ChildKind::Secret, "shop-api-operation")] {
            assert!(!is_it(&ChildKey::new(kind, name)), "{kind} {name}");
        }
    }
}
