//! The operator's registry of repairs, clean-ups and decommissions in the model, and what they do to
//! the ring when they end.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ring::{JOINS, Process, STREAMS};
use super::world::World;
use crate::decision::Plan;
use crate::observation::{TaskKey, TaskKind, TaskState};

/// A repair, clean-up or decommission in the operator's registry.
#[derive(Clone, Debug)]
struct Task {
    started: Timestamp,
    host: String,
    ticks: u32,
    /// ALTERs or moves of ranges that it knows of.
    knows: u32,
    state: TaskState,
}

/// All that run, and results that no pass has settled yet.
#[derive(Default)]
pub struct Tasks(BTreeMap<TaskKey, Task>);

impl Tasks {
    pub fn states(&self) -> BTreeMap<TaskKey, TaskState> {
        self.0.iter().map(|(key, task)| (key.clone(), task.state.clone())).collect()
    }

    /// The operator dies.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Background operations go on for a tick.
    pub fn tick(&mut self, world: &mut World) {
        for (key, task) in &mut self.0 {
            if !matches!(task.state, TaskState::Running(_)) {
                continue;
            }
            if key.kind == TaskKind::Decommission {
                let process = world.pods.get(&key.pod).map(|pod| pod.process.kept());
                match process {
                    Some(Process::Leaving(..)) => {}
                    Some(Process::Decommissioned(_)) | None => task.state = TaskState::Succeeded,
                    Some(Process::LeaveFailed(_)) => task.state = TaskState::Failed("a stream broke".into()),
                    Some(_) => task.state = TaskState::Failed("the decommission was broken off".into()),
                }
                continue;
            }
            if key.kind == TaskKind::Join {
                let process = world.pods.get(&key.pod).map(|pod| pod.process.kept());
                match process {
                    Some(Process::Joining(..)) => {}
                    Some(Process::Normal(_)) => task.state = TaskState::Succeeded,
                    Some(_) | None => task.state = TaskState::Failed("a stream broke again".into()),
                }
                continue;
            }
            let runs = world.pods.get(&key.pod).is_some_and(|pod| pod.process.host() == Some(&task.host));
            if !runs {
                task.state = TaskState::Failed("the node went away".into());
            } else if task.ticks > 0 {
                task.ticks -= 1;
            } else {
                // Cassandra repairs with all replicas or not at all; what changed meanwhile is not done
                let all_up = world.live_members() == world.ring.members.len();
                let current = task.knows == knows(world, key);
                let there = key.keyspace.as_ref().is_none_or(|keyspace| world.ring.keyspaces.contains_key(keyspace));
                task.state = match (key.kind, all_up) {
                    (TaskKind::Repair, _) if !there => TaskState::Failed(String::new()),
                    (TaskKind::Repair, false) => TaskState::Failed("an endpoint is dead".into()),
                    (TaskKind::Repair, true) if world.failing_repairs > 0 => {
                        world.failing_repairs -= 1;
                        TaskState::Failed("no space left on device".into())
                    }
                    _ => TaskState::Succeeded,
                };
                match (&task.state, key.kind) {
                    (TaskState::Succeeded, TaskKind::Repair) if current => {
                        world.ring.repaired(key.keyspace.as_deref().unwrap(), &task.host);
                    }
                    (TaskState::Succeeded, TaskKind::Cleanup) if current => {
                        world.ring.cleaned(key.keyspace.as_deref(), &task.host);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Drops results that the memory does not wait for, as the driver's registry does.
    pub fn settle(&mut self, plan: &Plan) {
        self.0.retain(|key, task| {
            let awaited = plan.memory.awaits(key, task.started, Some(task.host.as_str()));
            matches!(task.state, TaskState::Running(_)) || awaited
        });
    }

    pub fn begin(&mut self, world: &mut World, pod: &str, kind: TaskKind, keyspace: Option<String>) {
        let key = TaskKey { pod: pod.to_owned(), kind, keyspace };
        if self.0.get(&key).is_some_and(|task| matches!(task.state, TaskState::Running(_))) {
            return;
        }
        let Some(host) = world.pods.get(pod).and_then(|pod| pod.process.host().cloned()) else { return };
        let mut state = TaskState::Running(None);
        if kind == TaskKind::Decommission {
            let busy = world.pods.iter().any(|(other, seen)| other != pod && seen.process.is_moving());
            match world.pods.get_mut(pod) {
                Some(pod) if !busy && matches!(pod.process, Process::Normal(_) | Process::LeaveFailed(_)) => {
                    pod.process = Process::Leaving(STREAMS, host.clone());
                }
                // one that is under way is followed
                Some(pod) if matches!(pod.process, Process::Leaving(..)) => {}
                _ => state = TaskState::Failed("the node is busy".into()),
            }
        }
        if kind == TaskKind::Join {
            match world.pods.get_mut(pod) {
                Some(pod) if matches!(pod.process, Process::JoinFailed(_)) => {
                    pod.process = Process::Joining(JOINS, host.clone());
                }
                _ => state = TaskState::Failed("there is no bootstrap to resume".into()),
            }
        }
        let knows = knows(world, &key);
        self.0.insert(key, Task { started: world.now, host, ticks: STREAMS, knows, state });
    }
}

/// ALTERs of its keyspace, or moves of ranges, that an operation that begins now knows of.
fn knows(world: &World, key: &TaskKey) -> u32 {
    match (key.kind, &key.keyspace) {
        (TaskKind::Repair, Some(keyspace)) => world.ring.alters.get(keyspace).copied().unwrap_or(0),
        _ => world.ring.moves,
    }
}
