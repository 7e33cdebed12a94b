//! What everybody may know of an operation without knowing how it is done: one row a kind. How it is done is in
//! `plan/procedures`; when its steps are asked is the runbook of `plan`.

#![deny(clippy::wildcard_enum_match_arm)]

use store_crds::{DebtKind, Lane, NodeState, OperationKind, OperationStatus, StoreClusterStatus};

use crate::reason::Reason;

/// What everybody may know of the operations of a kind.
pub struct Procedure {
    pub kind: OperationKind,
    pub lane: Lane,
    /// Said of it while a step waits for the ring.
    pub reason: Reason,
    /// Fields of the spec whose change asks for it.
    pub asked_by: &'static [&'static str],
    pub footprint: Footprint,
    /// The gate of the runbook behind which it is over unless it is taken up again. `None`: its own steps end it.
    pub over_behind: Option<Gate>,
    /// What it was to reach is there, by the status in which it is no longer in hand.
    pub is_done: fn(&OperationStatus, &StoreClusterStatus) -> bool,
}

/// What an operation leaves on the world while it is in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Whose absence is no trouble.
    pub away: Away,
    /// Its node comes up for the first time.
    pub brings_in: bool,
    /// Its node leaves the ring.
    pub takes_out: bool,
    /// Nobody but its node is in the ring yet: whatever else runs is none of it, and it alone is the seed.
    pub founds: bool,
    pub place: Place,
    /// Why the pod of its node ends, where it ends it.
    pub ends_pod: Option<&'static str>,
}

/// Whose absence an operation plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    Nobody,
    /// That of the node that it works on.
    ItsNode,
    /// That of the first node, which has more to do at its first start than to answer.
    FirstNode,
}

/// What becomes of the place of the node that it works on, whatever is seen of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It goes by what is seen.
    AsSeen,
    Kept,
    /// Kept until its claim says that what is on it has left the ring.
    KeptUntilMarked,
}

/// Where the runbook stops everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// The StatefulSets are there.
    Sets,
    /// The ring is calm.
    Calm,
    /// No schema Job runs.
    NoJob,
    /// No repair or clean-up of a node runs.
    NoUnit,
    /// The schema can be read.
    Schema,
    /// An ALTER in hand is seen.
    Altered,
}

/// The operation works on what it works on, and the world stays as it is.
const NONE: Footprint = Footprint {
    away: Away::Nobody,
    brings_in: false,
    takes_out: false,
    founds: false,
    place: Place::AsSeen,
    ends_pod: None,
};

const BOOTSTRAP: Procedure = Procedure {
    kind: OperationKind::Bootstrap,
    lane: Lane::Ring,
    reason: Reason::Bootstrapping,
    asked_by: &[],
    footprint: Footprint { away: Away::ItsNode, brings_in: true, founds: true, place: Place::Kept, ..NONE },
    over_behind: Some(Gate::Calm),
    is_done: is_up,
};

const JOIN: Procedure = Procedure {
    kind: OperationKind::Join,
    lane: Lane::Ring,
    reason: Reason::ScalingUp,
    asked_by: &["spec.cassandra.size", "spec.cassandra.racks"],
    footprint: Footprint { away: Away::ItsNode, brings_in: true, place: Place::Kept, ..NONE },
    over_behind: Some(Gate::Calm),
    is_done: is_up,
};

const DECOMMISSION: Procedure = Procedure {
    kind: OperationKind::Decommission,
    lane: Lane::Ring,
    reason: Reason::ScalingDown,
    asked_by: &["spec.cassandra.size", "spec.cassandra.racks"],
    footprint: Footprint {
        away: Away::ItsNode,
        takes_out: true,
        place: Place::KeptUntilMarked,
        ends_pod: Some("since its node has left the ring"),
        ..NONE
    },
    over_behind: None,
    is_done: |operation, after| node(operation, after).is_none_or(|node| node.host_id.is_none()),
};

const START: Procedure = Procedure {
    kind: OperationKind::Start,
    lane: Lane::Ring,
    reason: Reason::StartingAll,
    asked_by: &[],
    footprint: NONE,
    over_behind: Some(Gate::Calm),
    is_done: |_, after| after.nodes.iter().all(|node| node.state == NodeState::Normal),
};

const ROLLOUT: Procedure = Procedure {
    kind: OperationKind::Rollout,
    lane: Lane::Ring,
    reason: Reason::RollingOut,
    asked_by: &[
        "spec.cassandra.version",
        "spec.cassandra.image",
        "spec.cassandra.imagePullPolicy",
        "spec.cassandra.resources",
        "spec.cassandra.heap",
        "spec.cassandra.cassandraYaml",
        "spec.cassandra.jvmOptions",
        "spec.cassandra.racks",
        "spec.imagePullSecrets",
    ],
    footprint: Footprint { away: Away::ItsNode, ends_pod: Some("for the roll-out"), ..NONE },
    over_behind: Some(Gate::Calm),
    is_done: is_up,
};

const ROLES: Procedure = Procedure {
    kind: OperationKind::Roles,
    lane: Lane::Schema,
    reason: Reason::SettingUpRoles,
    asked_by: &[],
    footprint: Footprint { away: Away::FirstNode, ..NONE },
    over_behind: Some(Gate::Schema),
    is_done: |_, _| true,
};

const ALTER_REPLICATION: Procedure = Procedure {
    kind: OperationKind::AlterReplication,
    lane: Lane::Schema,
    reason: Reason::AlteringReplication,
    asked_by: &["spec.keyspaces", "spec.cassandra.size"],
    footprint: Footprint { away: Away::FirstNode, ..NONE },
    over_behind: Some(Gate::Altered),
    is_done: |operation, after| {
        let named = |name: &String| operation.keyspace.as_ref() == Some(name);
        let keyspace = after.keyspaces.iter().find(|keyspace| named(&keyspace.name));
        keyspace.is_some_and(|keyspace| keyspace.replication == operation.replication)
    },
};

const MIGRATE: Procedure = Procedure {
    kind: OperationKind::Migrate,
    lane: Lane::Schema,
    reason: Reason::MigratingSchema,
    asked_by: &["spec.api.image", "spec.api.keyspace"],
    footprint: Footprint { away: Away::FirstNode, ..NONE },
    over_behind: Some(Gate::NoJob),
    is_done: |_, after| after.api.migrated_image.is_some(),
};

const REPAIR: Procedure = Procedure {
    kind: OperationKind::Repair,
    lane: Lane::Data,
    reason: Reason::Repairing,
    asked_by: &["spec.keyspaces", "spec.cassandra.size"],
    footprint: NONE,
    over_behind: Some(Gate::NoUnit),
    is_done: |operation, after| !owes(operation, after, DebtKind::Repair),
};

const CLEANUP: Procedure = Procedure {
    kind: OperationKind::Cleanup,
    lane: Lane::Data,
    reason: Reason::CleaningUp,
    asked_by: &["spec.keyspaces", "spec.cassandra.size", "spec.cassandra.racks"],
    footprint: NONE,
    over_behind: Some(Gate::NoUnit),
    is_done: |operation, after| !owes(operation, after, DebtKind::Cleanup),
};

const GROW_VOLUMES: Procedure = Procedure {
    kind: OperationKind::GrowVolumes,
    lane: Lane::Volumes,
    reason: Reason::GrowingVolumes,
    asked_by: &["spec.cassandra.storage"],
    footprint: NONE,
    over_behind: Some(Gate::Sets),
    is_done: |_, _| true,
};

/// All of them.
pub const PROCEDURES: [&Procedure; 11] = [
    &BOOTSTRAP,
    &JOIN,
    &DECOMMISSION,
    &START,
    &ROLLOUT,
    &ROLES,
    &ALTER_REPLICATION,
    &MIGRATE,
    &REPAIR,
    &CLEANUP,
    &GROW_VOLUMES,
];

/// The row of a kind.
pub fn of(kind: OperationKind) -> &'static Procedure {
    match kind {
        OperationKind::Bootstrap => &BOOTSTRAP,
        OperationKind::Join => &JOIN,
        OperationKind::Decommission => &DECOMMISSION,
        OperationKind::Start => &START,
        OperationKind::Rollout => &ROLLOUT,
        OperationKind::Roles => &ROLES,
        OperationKind::AlterReplication => &ALTER_REPLICATION,
        OperationKind::Migrate => &MIGRATE,
        OperationKind::Repair => &REPAIR,
        OperationKind::Cleanup => &CLEANUP,
        OperationKind::GrowVolumes => &GROW_VOLUMES,
    }
}

/// The operations of a status that work on that pod.
pub fn on<'a>(status: &'a StoreClusterStatus, pod: &'a str) -> impl Iterator<Item = &'static Footprint> + 'a {
    let of_pod = status.in_hand().iter().filter(move |operation| operation.pod.as_deref() == Some(pod));
    of_pod.map(|operation| &of(operation.kind).footprint)
}

/// What one lane does with the beginning of something in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// They go on side by side.
    No,
    /// It waits for the unit in hand, one node's, and comes before the next.
    Unit,
    /// It waits until what is in hand is over.
    Whole,
}

/// What is in hand in one lane (row) does with the beginning of something in another (column), both in the order of
/// [`Lane`]: Ring, Schema, Data, Volumes, Api.
const CONFLICTS: [[Conflict; 5]; 5] = {
    use Conflict::{No, Unit, Whole};
    [
        // a node that moves or restarts knows no change of the schema, has no part in a repair, and its place no size
        [Whole, Whole, Whole, Whole, No],
        // a node that joins while a table is made may not know it; a repair is good for the copies that there were
        [Whole, Whole, Whole, Whole, No],
        [Unit, Unit, Unit, No, No],
        // a StatefulSet that is made again has no number of pods for a moment
        [Whole, Whole, Whole, Whole, No],
        [No, No, No, No, Whole],
    ]
};

pub const LANES: [Lane; 5] = [Lane::Ring, Lane::Schema, Lane::Data, Lane::Volumes, Lane::Api];

/// What `in_hand` does with the beginning of something of `lane`.
pub fn conflict(in_hand: Lane, lane: Lane) -> Conflict {
    let place = |lane: Lane| match lane {
        Lane::Ring => 0,
        Lane::Schema => 1,
        Lane::Data => 2,
        Lane::Volumes => 3,
        Lane::Api => 4,
    };
    let row: &[Conflict; 5] = &CONFLICTS[place(in_hand)];
    row[place(lane)]
}

fn node<'a>(operation: &OperationStatus, after: &'a StoreClusterStatus) -> Option<&'a store_crds::NodeStatus> {
    after.nodes.iter().find(|node| Some(&node.pod) == operation.pod.as_ref())
}

fn is_up(operation: &OperationStatus, after: &StoreClusterStatus) -> bool {
    node(operation, after).is_some_and(|node| node.state == NodeState::Normal && node.host_id.is_some())
}

fn owes(operation: &OperationStatus, after: &StoreClusterStatus, kind: DebtKind) -> bool {
    let host = node(operation, after).and_then(|node| node.host_id.as_ref());
    after.owed.iter().any(|debt| {
        let same = debt.kind == kind && debt.keyspace == operation.keyspace;
        same && host.is_some_and(|host| debt.host_ids.contains(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_and_finds_its_row() {
        for (index, row) in PROCEDURES.iter().enumerate() {
            assert_eq!(of(row.kind).kind, row.kind);
            assert!(!PROCEDURES[..index].iter().any(|other| other.kind == row.kind), "{:?} twice", row.kind);
        }
        // what is no kind is told with all that there are
        let told = serde_json::from_str::<OperationKind>("\"none\"").unwrap_err().to_string();
        assert_eq!(told.matches('`').count(), 2 + 2 * PROCEDURES.len(), "{told}");
    }

    #[test]
    fn ring_and_schema_exclude_one_another_both_ways() {
        assert_eq!(conflict(Lane::Ring, Lane::Schema), Conflict::Whole);
        assert_eq!(conflict(Lane::Schema, Lane::Ring), Conflict::Whole);
    }

    #[test]
    fn no_lane_has_two_operations_in_hand() {
        for lane in LANES {
            assert_ne!(conflict(lane, lane), Conflict::No, "{lane:?}");
        }
    }

    #[test]
    fn repairs_and_clean_ups_keep_others_waiting_for_a_unit_at_most_and_volumes_and_the_api_not_at_all() {
        for lane in LANES {
            assert_ne!(conflict(Lane::Data, lane), Conflict::Whole, "{lane:?}");
            if lane != Lane::Api {
                assert_eq!(conflict(Lane::Api, lane), Conflict::No, "{lane:?}");
                assert_eq!(conflict(lane, Lane::Api), Conflict::No, "{lane:?}");
            }
        }
        assert_eq!(conflict(Lane::Data, Lane::Volumes), Conflict::No);
    }
}
