//! Tables of what is decided, each row a change of what is seen of a shop that is settled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use store_crds::conditions::{AVAILABLE, DEGRADED, PROGRESSING, READY, REPLICATION_SYNCED};
use store_crds::{Lane, OperationKind, OperationStatus, Wait};

use super::draft::{Draft, operation};
use super::engine::{self, Rung, gate, passage, step, step_for};
use super::hold::Hold;
use super::procedures::{alter, decommission};
use super::ring::Membership;
use super::waits::{LIMITS, Standing};
use super::world::Context;
use super::{carried_out, gather, plan, room, standing};
use crate::decision::{Plan, Report, RingAction, Told};
use crate::desired::Desired;
use crate::observation::{CqlAnswer, NodeAnswer, NodeView, Observation, Replication};
use crate::procedure::Gate;
use crate::reason::Reason;
use crate::settings::Settings;
use crate::simulation::{seen, stories};
use crate::status::status;

/// What is known of a settled shop of so many nodes in a rack, after a change of what is seen of it.
fn known<T>(size: i32, factor: i32, change: impl Fn(&mut Observation), ask: impl Fn(&Context) -> T) -> T {
    type Seen = Arc<(Desired, Observation, Settings)>;
    static SEEN: Mutex<BTreeMap<(i32, i32), Seen>> = Mutex::new(BTreeMap::new());
    // what a shop is like once it is settled is found out once
    let settled = || Arc::new(seen(stories::spec(size, 1, factor)));
    let settled = SEEN.lock().unwrap().entry((size, factor)).or_insert_with(settled).clone();
    let (desired, observation, settings) = settled.as_ref();
    let mut observation = observation.clone();
    change(&mut observation);
    ask(&gather(desired, &observation, settings))
}

fn pod(number: usize) -> String {
    format!("shop-cassandra-a-{number}")
}

fn silent(observation: &mut Observation, number: usize) {
    observation.views.insert(pod(number), NodeAnswer::Unreachable("time-out".into()));
}

fn view(observation: &mut Observation, number: usize) -> &mut NodeView {
    match observation.views.get_mut(&pod(number)) {
        Some(NodeAnswer::Reachable(view)) => view,
        other => panic!("{other:?}"),
    }
}

/// A peer no longer has a node among its members.
fn forgets(observation: &mut Observation, peer: usize, number: usize) {
    let host = view(observation, number).host_id.clone();
    view(observation, peer).members.retain(|_, member| *member != host);
}

#[test]
fn a_node_is_a_member_by_its_own_word_or_a_peers_and_none_by_that_of_enough_peers() {
    use Membership::{Member, NotMember, Unknown};
    type Change = fn(&mut Observation);
    let rows: [(&str, Change, [Membership; 3]); 7] = [
        ("all answer", |_| {}, [Member, Member, Member]),
        ("one is silent", |seen| silent(seen, 2), [Member, Member, Member]),
        ("two are silent", |seen| [1, 2].into_iter().for_each(|number| silent(seen, number)), [Member, Member, Member]),
        ("all are silent", |seen| (0..3).for_each(|number| silent(seen, number)), [Unknown, Unknown, Unknown]),
        (
            "two peers do not have it",
            |seen| {
                [0, 1].into_iter().for_each(|peer| forgets(seen, peer, 2));
                silent(seen, 2);
            },
            [Member, Member, NotMember],
        ),
        (
            "one of two peers does not have it",
            |seen| {
                forgets(seen, 0, 2);
                silent(seen, 2);
            },
            [Member, Member, Member],
        ),
        (
            "the only peer that answers does not have it",
            |seen| {
                forgets(seen, 0, 2);
                silent(seen, 1);
                silent(seen, 2);
            },
            [Member, Member, Unknown],
        ),
    ];
    for (what, change, expected) in rows {
        let told =
            known(3, 3, change, |context| context.ring.nodes.iter().map(|node| node.membership).collect::<Vec<_>>());
        assert_eq!(told, expected, "{what}");
    }
}

#[test]
fn a_node_leaves_where_the_copies_and_the_disks_of_the_others_allow_it() {
    type Change = fn(&mut Observation);
    let no_schema: Change = |seen| seen.cql = CqlAnswer::Unreachable("time-out".into());
    let no_figure: Change = |seen| view(seen, 0).free_bytes = None;
    let full: Change = |seen| view(seen, 0).free_bytes = Some(1 << 10);
    let silent_itself: Change = |seen| silent(seen, 2);
    for (size, factor, change, expected) in [
        (3, 2, (|_| {}) as Change, None),
        (3, 3, |_| {}, Some((Reason::ScaleDownRefused, true, "has replication factor 3 and 2 nodes would be left"))),
        (1, 1, |_| {}, Some((Reason::ScaleDownRefused, true, "is the last node"))),
        (3, 2, no_schema, Some((Reason::ScaleDownWaits, false, "cannot be read"))),
        (3, 2, no_figure, Some((Reason::ScaleDownWaits, false, "free disk space of shop-cassandra-a-0 is not known"))),
        (3, 2, full, Some((Reason::ScaleDownRefused, true, "can take 0 MiB"))),
        (3, 2, silent_itself, Some((Reason::ScaleDownWaits, false, "load of shop-cassandra-a-2 is not known"))),
    ] {
        // the log-ins have as many copies as the ring has nodes, up to three: they are not asked for here
        let change = |seen: &mut Observation| {
            change(seen);
            if let CqlAnswer::Reachable(cql) = &mut seen.cql {
                cql.keyspaces.retain(|name, _| name == "store_manager");
            }
        };
        let told = known(size, factor, change, |context| {
            context.ring.nodes.last().and_then(|node| room::cannot_leave(context, node))
        });
        let told = told.map(|hold| (hold.reason, hold.wrong, hold.message));
        match (&told, expected) {
            (None, None) => {}
            (Some((reason, wrong, message)), Some((expected, fault, words))) => {
                assert_eq!((*reason, *wrong), (expected, fault), "{message}");
                assert!(message.contains(words), "{message}");
            }
            _ => panic!("{size} nodes, factor {factor}: {told:?}, and not {expected:?}"),
        }
    }
}

#[test]
fn a_factor_moves_by_one_with_what_it_owes_and_a_strategy_that_knows_no_racks_is_a_step_of_its_own() {
    let network = |factor: i32| Replication::Network(BTreeMap::from([("dc1".to_owned(), factor)]));
    // (nodes, as it is, factor wanted) → (next factor, it owes a repair, a clean-up, where it may go back to)
    for (nodes, is, wanted, expected) in [
        (3, network(1), 1, None),
        (3, network(1), 3, Some((2, true, false, Some(1)))),
        (3, network(2), 3, Some((3, true, false, Some(2)))),
        (3, network(3), 1, Some((2, true, true, Some(3)))),
        (3, network(2), 1, Some((1, false, true, Some(2)))),
        (3, Replication::Simple(1), 1, Some((1, false, false, Some(1)))),
        (3, Replication::Simple(2), 3, Some((2, true, true, None))),
        (1, Replication::Simple(1), 1, Some((1, false, false, Some(1)))),
        (1, network(1), 3, Some((2, false, false, Some(1)))),
    ] {
        let told = known(
            nodes,
            1,
            |_| {},
            |context| {
                let mut keyspace = context.desired.keyspaces[0].clone();
                keyspace.factors = BTreeMap::from([("dc1".to_owned(), wanted)]);
                alter::next_step(context, &keyspace, &is)
                    .map(|step| (step.replication, step.repair, step.cleanup, step.before))
            },
        );
        assert_eq!(told, expected, "{nodes} nodes, {is:?} to {wanted}");
    }
}

/// An operation as a status of before lanes has it.
fn begun(kind: OperationKind, step: &str, pod: Option<String>) -> OperationStatus {
    OperationStatus {
        kind,
        lane: Lane::default(),
        step: step.to_owned(),
        pod,
        host_id: Some("h".to_owned()),
        keyspace: None,
        replication: None,
        started_at: Time(Timestamp::UNIX_EPOCH),
        progress: None,
        moved_at: None,
        cause: None,
        generation: None,
        streamed: None,
        retry: None,
        deadline: None,
    }
}

/// What a runbook comes to, and the draft after it, with a join and a repair in hand.
fn run(runbook: &[Rung]) -> (Vec<&'static str>, Vec<OperationKind>, Option<RingAction>) {
    let in_hand = |seen: &mut Observation| {
        seen.status.operations =
            vec![begun(OperationKind::Join, "a-2 joins", None), begun(OperationKind::Repair, "a-0 repairs", None)];
    };
    known(3, 3, in_hand, |context| {
        let mut draft = standing::draft(context);
        let held = engine::run(runbook, context, &mut draft);
        let kinds = draft.memory.operations.iter().map(|operation| operation.kind).collect();
        (held.rungs, kinds, draft.ring)
    })
}

fn nothing(_: &Context, _: &mut Draft) -> Option<Hold> {
    None
}

fn waits(_: &Context, _: &mut Draft) -> Option<Hold> {
    Some(Hold::waiting(Reason::NodeStarting, "it starts"))
}

fn yields(_: &Context, _: &mut Draft) -> Option<Hold> {
    waits_for_others()
}

fn waits_for_others() -> Option<Hold> {
    Some(Hold::waiting(Reason::RolloutWaits, "others come first").yielding())
}

fn refused(_: &Context, _: &mut Draft) -> Option<Hold> {
    Some(Hold::wrong(Reason::ScaleDownRefused, "it cannot leave"))
}

fn repairs(context: &Context, draft: &mut Draft) -> Option<Hold> {
    draft.ring = Some(RingAction::Repair { pod: pod(0), keyspace: "store_manager".into() });
    draft.operate(context, operation(context, OperationKind::Repair, "a-0 repairs"));
    Some(Hold::waiting(Reason::Repairing, "it repairs"))
}

fn alters(_: &Context, draft: &mut Draft) -> Option<Hold> {
    assert_eq!(draft.ring, None, "one change of the ring in a pass");
    draft.ring = Some(RingAction::EnsureRoles);
    Some(Hold::waiting(Reason::SettingUpRoles, "roles"))
}

#[test]
fn what_is_in_hand_is_kept_while_a_gate_holds_and_is_over_behind_its_own() {
    let all = vec![OperationKind::Join, OperationKind::Repair];
    assert_eq!(run(&[gate("gate", waits), step("step", Lane::Ring, waits)]), (vec!["gate"], all.clone(), None));
    assert_eq!(run(&[passage("calm", Gate::Calm, waits)]), (vec!["calm"], all, None));
    assert_eq!(run(&[passage("calm", Gate::Calm, nothing)]), (vec![], vec![OperationKind::Repair], None));
    assert_eq!(run(&[passage("unit", Gate::NoUnit, nothing)]), (vec![], vec![OperationKind::Join], None));
}

#[test]
fn what_is_refused_or_waits_for_others_in_one_lane_keeps_no_other_from_going_on() {
    for stopped in [refused, yields] {
        let (rungs, _, action) = run(&[
            step("nodes leave", Lane::Ring, stopped),
            step("nodes join", Lane::Ring, waits),
            step("repairs", Lane::Data, repairs),
        ]);
        // what is done comes first
        assert_eq!(rungs, ["repairs", "nodes leave"]);
        assert!(matches!(action, Some(RingAction::Repair { .. })));
    }
}

#[test]
fn what_is_begun_stops_what_must_not_meet_it_and_so_does_what_goes_on() {
    let (rungs, ..) = run(&[step("repairs", Lane::Data, repairs), step("roles", Lane::Schema, alters)]);
    assert_eq!(rungs, ["repairs"]);
    let (rungs, _, action) = run(&[step("nodes join", Lane::Ring, waits), step("repairs", Lane::Data, repairs)]);
    assert_eq!((rungs, action), (vec!["nodes join"], None));
    let (rungs, ..) = run(&[
        step_for("log-ins", Lane::Schema, &[Lane::Ring], yields),
        step("nodes join", Lane::Ring, waits),
        step("roles", Lane::Schema, alters),
    ]);
    assert_eq!(rungs, ["roles", "log-ins"]);
}

#[test]
fn a_status_of_before_lanes_is_taken_up_with_its_operation() {
    let of_before = |seen: &mut Observation| {
        seen.status.operation = Some(begun(OperationKind::Decommission, "a-2 leaves", Some(pod(2))));
        seen.status.operations.clear();
        seen.now += SignedDuration::from_secs(2);
    };
    let (taken, in_hand) =
        known(3, 3, of_before, |context| (context.taken.clone(), standing::draft(context).memory.operations));
    assert_eq!(taken, BTreeMap::from([("a".to_owned(), 3)]));
    assert_eq!(in_hand.iter().map(|operation| operation.kind).collect::<Vec<_>>(), [OperationKind::Decommission]);
}

/// Cassandra tells its peers that it has left, and may fail after that, where it ends its connections.
#[test]
fn a_decommission_that_failed_once_the_node_was_out_of_the_ring_is_done_and_not_begun_again() {
    for (peers_know, marked) in [(true, true), (false, false)] {
        let change = |seen: &mut Observation| {
            seen.status.operations = vec![OperationStatus {
                host_id: Some(view(seen, 3).host_id.clone()),
                ..begun(OperationKind::Decommission, "a-3 leaves", Some(pod(3)))
            }];
            if peers_know {
                (0..3).for_each(|peer| forgets(seen, peer, 3));
            }
            view(seen, 3).operation_mode = "DECOMMISSION_FAILED".into();
        };
        let claims = known(4, 3, change, |context| {
            let mut draft = standing::draft(context);
            assert!(decommission::finish(context, &mut draft).is_some());
            draft.claims.len()
        });
        assert_eq!(claims == 1, marked, "{claims} claims are marked");
    }
}

#[test]
fn each_wait_becomes_a_fault_right_after_its_limit_and_says_what_to_do() {
    for limit in LIMITS {
        for (seconds, overdue) in [(limit.seconds, false), (limit.seconds + 1, true)] {
            let later = |seen: &mut Observation| {
                let since = Time(seen.now);
                let reason = limit.reason.to_string();
                seen.status.waits = vec![Wait { reason, object: None, since: since.clone(), until: since }];
                seen.now += SignedDuration::from_secs(seconds);
            };
            let hold = Hold::waiting(limit.reason, "it is waited for");
            let told = known(1, 1, later, |context| Standing::of(context, &[], std::iter::once(&hold)));
            assert_eq!((told.overdue, told.waits.is_empty()), (overdue, overdue), "{}", limit.reason);
            let fault = told.faults.first().map(|fault| fault.message.clone());
            let words = format!("it is waited for; it takes too long: {}", limit.cure);
            assert_eq!(fault, overdue.then_some(words));
        }
    }
}

#[test]
fn each_thing_that_is_told_turns_one_condition_and_no_other() {
    let (desired, observation, settings) = seen(stories::spec(1, 1, 1));
    let plan = plan(&desired, &observation, &settings);
    let told = |plan: &Plan| {
        let of = |condition: Condition| (condition.type_, condition.status, condition.reason);
        status(&desired, &observation, plan).conditions.into_iter().map(of).take(5).collect::<Vec<_>>()
    };
    let settled = [
        (AVAILABLE, "True", "Serving"),
        (READY, "True", "Serving"),
        (PROGRESSING, "False", "Settled"),
        (DEGRADED, "False", "AsExpected"),
        (REPLICATION_SYNCED, "True", "Synced"),
    ];
    let texts = |rows: [(&str, &str, &str); 5]| {
        rows.map(|(kind, status, reason)| (kind.to_owned(), status.to_owned(), reason.to_owned())).to_vec()
    };
    assert_eq!(told(&plan), texts(settled));
    type Tell = fn(&mut Report, Told);
    let turns: [(&str, &str, Tell); 5] = [
        (AVAILABLE, "False", |report, told| report.unavailable = told),
        (READY, "False", |report, told| report.not_ready = told),
        (PROGRESSING, "True", |report, told| report.progressing = told),
        (DEGRADED, "True", |report, told| report.degraded = told),
        (REPLICATION_SYNCED, "False", |report, told| report.replication = told),
    ];
    for (turned, status, tell) in turns {
        let mut plan = plan.clone();
        tell(&mut plan.report, Some((Reason::NodeDown, "a-0 is down".to_owned())));
        let expected = settled.map(|row| if row.0 == turned { (turned, status, "NodeDown") } else { row });
        assert_eq!(told(&plan), texts(expected), "{turned}");
    }
}

#[test]
fn a_rack_is_carried_out_in_the_zone_that_its_pod_was_made_for_whatever_its_set_says_since() {
    let change = |seen: &mut Observation| {
        seen.status.carried_out = None;
        seen.children.stateful_sets.values_mut().for_each(|set| set.zone = Some("newer".into()));
    };
    assert_eq!(known(1, 1, change, carried_out::carried_out).racks[0].zone, None);
    let without_pod = |seen: &mut Observation| {
        change(seen);
        seen.pods.clear();
    };
    assert_eq!(known(1, 1, without_pod, carried_out::carried_out).racks[0].zone.as_deref(), Some("newer"));
}

#[test]
fn zone_and_class_are_told_as_carried_out_only_where_what_asked_for_them_is_seen() {
    for (is_seen, racks, class) in [(true, 1, Some(None)), (false, 0, None)] {
        let change = |seen: &mut Observation| {
            seen.status.carried_out = None;
            if !is_seen {
                seen.children.stateful_sets.clear();
                seen.pods.clear();
            }
        };
        let told = known(1, 1, change, carried_out::carried_out);
        assert_eq!((told.racks.len(), told.storage.map(|storage| storage.class_name)), (racks, class));
    }
}
