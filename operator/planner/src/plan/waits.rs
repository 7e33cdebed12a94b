//! Since when each thing that is told holds, and until when it may: what lasts longer than its limit is a
//! fault, with what to do. The status remembers the beginnings. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::{Fault, OperationStatus, Wait};

use super::hold::Hold;
use super::world::Context;
use crate::procedure;
use crate::reason::Reason;
use crate::time;

/// Most faults and waits that are listed; more would be a status that nobody reads.
const LISTED_MAX: usize = 16;

/// A reason to wait: how long it may last, in seconds, and what to do then.
#[derive(Clone, Copy)]
pub struct Limit {
    pub reason: Reason,
    pub seconds: i64,
    /// Counted from when the operation in hand last came further.
    from_progress: bool,
    pub cure: &'static str,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

const fn limit(reason: Reason, seconds: i64, cure: &'static str) -> Limit {
    Limit { reason, seconds, from_progress: false, cure }
}

const fn moving(reason: Reason, seconds: i64, cure: &'static str) -> Limit {
    Limit { reason, seconds, from_progress: true, cure }
}

pub const LIMITS: [Limit; 34] = [
    limit(Reason::Starting, MINUTE, "see the operator's log"),
    limit(
        Reason::Deleting,
        10 * MINUTE,
        "see which of its StatefulSets and volume claims are left, and what keeps them",
    ),
    limit(Reason::SpecAccepted, MINUTE, "an object of the shop cannot be written: see the operator's log"),
    limit(Reason::StatefulSetMissing, MINUTE, "it cannot be written: see the operator's log"),
    limit(Reason::PodMissing, MINUTE, "see the events of its StatefulSet: kubectl describe statefulset"),
    limit(Reason::Bootstrapping, 10 * MINUTE, "see the log of its pod"),
    limit(Reason::NodeStarting, 10 * MINUTE, "see the log of its pod"),
    limit(Reason::NodeStopping, 10 * MINUTE, "see the events of its pod, and whether its machine answers"),
    limit(Reason::NodeAway, 15, "see the log of its pod"),
    limit(Reason::CqlUnreachable, 15, "see the log of the Cassandra pods"),
    limit(
        Reason::TopologyChanging,
        15 * MINUTE,
        "if no node joins or leaves any more, restart the one that still tells of it by deleting its pod",
    ),
    limit(
        Reason::RingViewsDiffer,
        5 * MINUTE,
        "compare nodetool gossipinfo on both, and restart the one that is wrong by deleting its pod",
    ),
    limit(
        Reason::SchemaDisagreement,
        5 * MINUTE,
        "see nodetool describecluster, and restart the node that differs by deleting its pod",
    ),
    limit(
        Reason::HintsPending,
        15 * MINUTE,
        "see nodetool listpendinghints for which node they wait, and the load of that one; they are writes that it \
         has missed, so keep them",
    ),
    limit(Reason::SettingUpRoles, 2 * MINUTE, "see the operator's log for what Cassandra answers"),
    limit(Reason::CreatingKeyspace, 2 * MINUTE, "see the operator's log for what Cassandra answers"),
    limit(Reason::AlteringReplication, 2 * MINUTE, "see the operator's log for what Cassandra answers"),
    limit(Reason::MigratingSchema, 6 * MINUTE, "see the log of the schema Job"),
    limit(Reason::RollingOut, 10 * MINUTE, "see the events of the pod"),
    moving(
        Reason::RolloutWaits,
        HOUR,
        "see what keeps the keyspace from its copies, or set spec.cassandra.updateStrategy.allowUnavailable",
    ),
    limit(Reason::RackGoes, 10 * MINUTE, "see what keeps its StatefulSet: kubectl describe statefulset"),
    limit(Reason::ClaimsMadeAgain, 10 * MINUTE, "see what still uses the volume claim: kubectl describe pvc"),
    limit(Reason::ApiDown, 2 * MINUTE, "see the log of the API's pods"),
    limit(Reason::EvictionRefused, 10 * MINUTE, "see which PodDisruptionBudget has nothing left"),
    limit(Reason::CheckingConfiguration, 10 * MINUTE, "see the events and the log of that pod"),
    limit(Reason::RollingOutApi, 10 * MINUTE, "see the events and the log of the API's pods"),
    moving(Reason::ScalingUp, HOUR, "see nodetool netstats on the node that joins, and its log"),
    moving(Reason::ScalingDown, HOUR, "see nodetool netstats on the node that leaves, and its log"),
    limit(Reason::ScaleDownWaits, 10 * MINUTE, "see whether the nodes and their agents answer"),
    moving(Reason::Repairing, 6 * HOUR, "see nodetool repair_admin on the node, and its log"),
    moving(Reason::CleaningUp, 6 * HOUR, "see nodetool compactionstats on the node, and its log"),
    limit(Reason::WorkOwed, HOUR, "see the operator's log for what keeps it from being begun"),
    limit(Reason::GrowingVolumes, 10 * MINUTE, "see the events of the volume claim: kubectl describe pvc"),
    limit(Reason::DeletingVolume, 10 * MINUTE, "see what still uses the volume claim: kubectl describe pvc"),
];

/// For reasons that the table does not know.
const OTHER: (i64, &str) = (30 * MINUTE, "see the operator's log");

fn limit_of(reason: Reason) -> Limit {
    let known = LIMITS.iter().find(|limit| limit.reason == reason).copied();
    known.unwrap_or(limit(reason, OTHER.0, OTHER.1))
}

/// What stands, with its times.
pub struct Standing {
    /// The worst first.
    pub faults: Vec<Fault>,
    /// As they were given.
    pub waits: Vec<Wait>,
    /// A wait has lasted longer than it may.
    pub overdue: bool,
}

impl Standing {
    /// Divides all that is told into faults and waits. Of waits the first of a reason and object counts, of faults
    /// each in other words.
    pub fn of<'h>(
        context: &Context,
        operations: &[OperationStatus],
        holds: impl Iterator<Item = &'h Hold>,
    ) -> Standing {
        let mut standing = Standing { faults: Vec::new(), waits: Vec::new(), overdue: false };
        for hold in holds {
            let since = since(context, hold);
            let (reason, object) = (hold.reason.to_string(), hold.object.clone());
            if standing.knows(hold) {
                continue;
            }
            if hold.wrong {
                standing.faults.push(Fault { reason, object, message: hold.message.clone(), since });
                continue;
            }
            let until = until(hold, &since, operations);
            if context.observation.now > until.0 {
                let limit = limit_of(hold.reason);
                let message = format!("{}; it takes too long: {}", hold.message, limit.cure);
                standing.overdue = true;
                standing.faults.push(Fault { reason, object, message, since });
            } else {
                standing.waits.push(Wait { reason, object, since, until });
            }
        }
        standing.faults.sort_by_key(|fault| Reason::find(&fault.reason).map(rank));
        standing.faults.truncate(LISTED_MAX);
        standing.waits.truncate(LISTED_MAX);
        standing
    }

    fn knows(&self, hold: &Hold) -> bool {
        let same = |reason: &str, object: &Option<String>| reason == hold.reason.as_str() && *object == hold.object;
        let told = |fault: &Fault| fault.message == hold.message || !hold.wrong;
        self.faults.iter().any(|fault| same(&fault.reason, &fault.object) && told(fault))
            || !hold.wrong && self.waits.iter().any(|wait| same(&wait.reason, &wait.object))
    }

    /// Since when, and until when, in words; empty for what is not among them.
    pub fn times(&self, hold: &Hold) -> String {
        let waits = self.waits.iter().find(|wait| wait.reason == hold.reason.as_str() && wait.object == hold.object);
        let faults =
            self.faults.iter().find(|fault| fault.reason == hold.reason.as_str() && fault.object == hold.object);
        match (waits, faults) {
            (Some(Wait { since, until, .. }), _) => {
                format!(", since {}; told as Degraded at {} if it lasts", time::told(since.0), time::told(until.0))
            }
            (None, Some(fault)) => format!(", since {}", time::told(fault.since.0)),
            (None, None) => String::new(),
        }
    }
}

/// Since when something holds: by its own word, by the last status, or from now.
fn since(context: &Context, hold: &Hold) -> Time {
    let status = &context.observation.status;
    let same = |reason: &str, object: &Option<String>| reason == hold.reason.as_str() && *object == hold.object;
    let faults = status.faults.iter().filter(|fault| same(&fault.reason, &fault.object)).map(|fault| &fault.since);
    let waits = status.waits.iter().filter(|wait| same(&wait.reason, &wait.object)).map(|wait| &wait.since);
    let known = faults.chain(waits).next().cloned();
    // an own word is remembered too, so that a status that stores whole seconds reads as it was written
    let own = hold.since.map(|since| known.clone().filter(|known| same_second(known.0, since)).unwrap_or(Time(since)));
    own.or(known).unwrap_or(Time(context.observation.now))
}

fn same_second(one: jiff::Timestamp, two: jiff::Timestamp) -> bool {
    one.as_second() == two.as_second()
}

/// Until when an operation that waits for this reason, and last came further then, may come no further; absent where
/// that is no question of how far it is.
pub fn deadline(reason: Reason, moved_at: &Time) -> Option<Time> {
    let limit = limit_of(reason);
    limit.from_progress.then(|| later(moved_at.0.as_second(), limit.seconds))
}

fn until(hold: &Hold, since: &Time, operations: &[OperationStatus]) -> Time {
    let limit = limit_of(hold.reason);
    let is_its = |operation: &&OperationStatus| procedure::of(operation.kind).reason == hold.reason;
    let its = operations.iter().find(is_its).or(operations.first());
    let moved_at = its.and_then(|operation| operation.moved_at.as_ref()).filter(|_| limit.from_progress);
    let from = moved_at.map_or(since.0, |moved_at| moved_at.0.max(since.0)).as_second();
    later(from, hold.limit.unwrap_or(limit.seconds))
}

fn later(from: i64, seconds: i64) -> Time {
    Time(jiff::Timestamp::from_second(from.saturating_add(seconds)).unwrap_or(jiff::Timestamp::MAX))
}

/// What is told first: data before clients, clients before single nodes, those before what was asked for and
/// is not done.
fn rank(reason: Reason) -> usize {
    RANKS.iter().position(|of| of.contains(&reason)).unwrap_or(OTHERS)
}

/// Where reasons stand that are in no other place.
const OTHERS: usize = 5;

const RANKS: [&[Reason]; 7] = [
    &[
        Reason::VolumeBeingDeleted,
        Reason::VolumeLost,
        Reason::UnknownMember,
        Reason::NodeAwayTooLong,
        Reason::VolumesOfNewerVersion,
        Reason::VolumesOfOtherDatacenter,
        Reason::VolumesOfOtherRacks,
    ],
    &[
        Reason::QuorumLost,
        Reason::ApiDown,
        Reason::CqlUnreachable,
        Reason::LoginRefused,
        Reason::SecretIncomplete,
        Reason::SecretMissing,
        Reason::SecretNotOurs,
        Reason::SecretUnreadable,
        Reason::SecretUnusable,
    ],
    &[Reason::NodeDown, Reason::PodNotRunning, Reason::PodNotMade, Reason::PodMissing],
    &[Reason::SpecRefused, Reason::WriteRefused, Reason::NameTaken],
    &[
        Reason::DecommissionUnproved,
        Reason::DecommissionFailed,
        Reason::JoinFailed,
        Reason::RepairFailed,
        Reason::CleanupFailed,
    ],
    // all others
    &[],
    &[Reason::VolumeCannotGrow, Reason::RouteRefused, Reason::GatewayApiMissing],
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The first words in quotes after each of these openings in the sources of the plan.
    fn reasons_in_the_sources() -> BTreeSet<String> {
        let openings = ["Hold::waiting(", "Hold::passing(", "reason: "];
        let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan");
        let mut reasons = BTreeSet::new();
        let files = [plan.clone(), plan.join("procedures")].into_iter().flat_map(|of| std::fs::read_dir(of).unwrap());
        for file in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(file).unwrap();
            for opening in openings {
                for after in text.split(opening).skip(1) {
                    let word = after.trim_start().strip_prefix("Reason::");
                    let reason = word.and_then(|rest| rest.split(|letter: char| !letter.is_alphabetic()).next());
                    let is_word =
                        |reason: &&str| !reason.is_empty() && reason.chars().all(|letter| letter.is_ascii_alphabetic());
                    reasons.extend(reason.filter(is_word).map(str::to_owned));
                }
            }
        }
        reasons
    }

    #[test]
    fn every_reason_to_wait_has_a_limit_and_says_what_to_do_when_it_is_over() {
        let known: BTreeSet<String> = LIMITS.iter().map(|limit| limit.reason.to_string()).collect();
        assert_eq!(known.len(), LIMITS.len(), "each once");
        let without: Vec<String> = reasons_in_the_sources().difference(&known).cloned().collect();
        assert!(without.is_empty(), "{without:?}");
        assert!(LIMITS.iter().all(|limit| limit.seconds > 0 && limit.cure.len() > 10));
        assert!(!LIMITS.iter().any(|limit| limit.cure.contains("truncatehints")), "it destroys data");
    }

    #[test]
    fn data_come_before_clients_and_those_before_single_nodes() {
        use Reason::{HintsPending, NodeDown, RouteRefused, SecretMissing, SpecRefused, VolumeBeingDeleted};
        let mut reasons = [RouteRefused, SpecRefused, NodeDown, VolumeBeingDeleted, HintsPending, SecretMissing];
        reasons.sort_by_key(|reason| rank(*reason));
        assert_eq!(reasons, [VolumeBeingDeleted, SecretMissing, NodeDown, SpecRefused, HintsPending, RouteRefused]);
    }
}
