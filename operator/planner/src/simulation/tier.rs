//! The controllers of Jobs and Deployments in the model: a schema Job takes its time and may fail, an
//! API whose image never becomes ready hangs in its roll-out while the pods of before stay.

use serde_json::{Value, json};

use super::secrets;
use super::world::World;
use crate::identity::ChildKind;
use crate::observation::SecretPurpose;

/// Image whose pods never become ready.
pub const BROKEN_API: &str = "api:broken";

/// Ticks that a schema Job runs, a roll-out takes, and one that hangs is waited for.
const MIGRATES: u32 = 3;
const ROLLS: u32 = 2;
const HANGS: u32 = 8;

pub fn tick(world: &mut World) {
    run_deployments(world);
    run_jobs(world);
}

fn run_deployments(world: &mut World) {
    let login = secrets::login(world, SecretPurpose::Api);
    let World { objects, tier, version, .. } = world;
    for (_, deployment) in objects.iter_mut().filter(|(key, _)| key.kind == ChildKind::Deployment) {
        let generation = deployment["metadata"]["generation"].as_i64().unwrap();
        let uid = deployment["metadata"]["uid"].as_str().unwrap().to_owned();
        // a pod does not start while its Secret lacks a key
        if tier.started_with.is_none() || tier.rollouts.get(&uid).is_none_or(|(known, _)| *known != generation) {
            tier.started_with.clone_from(&login);
        }
        let rollout = tier.rollouts.entry(uid).or_insert((generation, 0));
        *rollout = if rollout.0 == generation {
            (generation, rollout.1.saturating_add(u32::from(tier.started_with.is_some())))
        } else {
            (generation, 0)
        };
        let ticks = rollout.1;
        let wanted = deployment["spec"]["replicas"].as_i64().unwrap();
        let broken = deployment["spec"]["template"]["spec"]["containers"][0]["image"] == BROKEN_API;
        let updated = if ticks >= ROLLS { wanted } else { 0 };
        let before = deployment["status"]["readyReplicas"].as_i64().unwrap_or(0);
        let ready = if ticks >= ROLLS && !broken { wanted } else { before.min(wanted) };
        let mut status = json!({
            "observedGeneration": generation,
            "replicas": wanted + i64::from(broken), "updatedReplicas": updated, "readyReplicas": ready,
        });
        if broken && ticks >= HANGS {
            let reason = "ProgressDeadlineExceeded";
            status["conditions"] = json!([{"type": "Progressing", "reason": reason, "message": "no pod is ready"}]);
        }
        if deployment["status"] != status {
            deployment["status"] = status;
            *version += 1;
        }
    }
}

fn run_jobs(world: &mut World) {
    let live = i32::try_from(world.live_members()).unwrap();
    let World { objects, tier, version, migrated, failing_jobs, hanging_jobs, now, ring, .. } = world;
    let under_way = objects.iter_mut().filter(|(key, job)| key.kind == ChildKind::Job && job["status"].is_null());
    for (_, job) in under_way {
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let variable = |name: &str| {
            let mut variables = container["env"].as_array().unwrap().iter();
            text(&variables.find(|variable| variable["name"] == name).unwrap()["value"])
        };
        let (image, keyspace) = (text(&container["image"]), variable("STORE_KEYSPACE"));
        let needed = if variable("STORE_CONSISTENCY") == "ONE" { 1 } else { ring.factor(&keyspace) / 2 + 1 };
        // until it can log in and has its level, it waits
        if *hanging_jobs || live < needed || !ring.granted.contains(&keyspace) {
            continue;
        }
        let ticks = tier.jobs.entry(job["metadata"]["uid"].as_str().unwrap().to_owned()).or_default();
        *ticks += 1;
        if *ticks < MIGRATES {
            continue;
        }
        *version += 1;
        let failed = *failing_jobs > 0;
        *failing_jobs = failing_jobs.saturating_sub(1);
        let kind = if failed { "Failed" } else { "Complete" };
        let condition = json!({"type": kind, "status": "True", "lastTransitionTime": now.to_string()});
        job["status"] = json!({"conditions": [condition]});
        if !failed {
            migrated.insert((image, keyspace));
        }
    }
}
