use proptest::prelude::*;

use super::*;
use crate::models::precondition::Tags;

fn want(id: u128, change: Change) -> Want {
    let id = Uuid::from_u128(id);
    Want { id, change, condition: Condition::default(), reason: None, reference: None, by: None, fresh: true }
}

fn known(quantity: i64, version: i64) -> Known {
    let balance = Balance { quantity, turnover: 0, version, updated_at: 5 };
    Known { balance: Some(balance), days: HashMap::new() }
}

fn decided(known: &Known, wants: &[Want]) -> Decision {
    decide(known, HashMap::new(), wants.iter(), 10)
}

const fn take(units: i64) -> Change {
    Change::Take { units, turned: units, day: 3 }
}

#[test]
fn changes_of_one_batch_see_each_other_and_make_one_version_each() {
    let wants = [want(1, take(3)), want(2, take(3)), want(3, Change::Add { delta: 2 }), want(4, take(4))];
    let decision = decided(&known(5, 7), &wants);
    let posting = decision.posting.unwrap();
    assert_eq!(decision.outcomes[1], Outcome::Refused(Refusal::Short { available: 2 }));
    let versions: Vec<i64> = posting.movements.iter().map(|movement| movement.version).collect();
    assert_eq!(versions, [8, 9, 10]);
    let quantities: Vec<i64> = posting.movements.iter().map(|movement| movement.quantity).collect();
    assert_eq!(quantities, [2, 4, 0]);
    assert_eq!(posting.after, Balance { quantity: 0, turnover: 7, version: 10, updated_at: 10 });
    assert_eq!(posting.days, [DayTurnover { day: 3, before: None, after: 7 }]);
}

#[test]
fn the_same_id_is_used_once_also_within_one_batch() {
    let wants = [want(1, take(2)), want(1, take(2))];
    let decision = decided(&known(5, 1), &wants);
    assert_eq!(decision.posting.unwrap().movements.len(), 1);
    assert_eq!(decision.outcomes[0], decision.outcomes[1]);
}

#[test]
fn what_was_made_before_is_answered_again_and_not_made_again() {
    let first = decided(&known(5, 1), &[want(1, take(2))]).posting.unwrap();
    let made = first.movements.iter().map(|movement| (movement.id, movement.clone())).collect();
    let again = decide(&known(3, 2), made, [want(1, take(2))].iter(), 20);
    assert_eq!(again.posting, None);
    assert_eq!(again.outcomes, [Outcome::Made(first.movements[0].clone())]);
}

#[test]
fn a_return_gives_back_what_was_taken_on_its_day_and_once() {
    let wants = [
        want(1, take(2)),
        want(2, Change::Return { take: Uuid::from_u128(1) }),
        want(2, Change::Return { take: Uuid::from_u128(1) }),
    ];
    let posting = decided(&known(5, 1), &wants).posting.unwrap();
    assert_eq!(posting.movements.len(), 2);
    assert_eq!((posting.after.quantity, posting.after.turnover), (5, 0));
    assert_eq!(posting.days, [DayTurnover { day: 3, before: None, after: 0 }]);
}

#[test]
fn a_take_that_was_given_up_first_is_never_made() {
    let wants = [want(9, Change::Return { take: Uuid::from_u128(1) }), want(1, take(2))];
    let decision = decided(&known(5, 1), &wants);
    assert_eq!(decision.outcomes, [Outcome::Nothing, Outcome::Refused(Refusal::GivenUp)]);
    let posting = decision.posting.unwrap();
    assert_eq!((posting.after.quantity, posting.after.version), (5, 2));
    assert_eq!(posting.movements[0].kind, Kind::Void);
}

#[test]
fn what_was_never_counted_is_given_up_and_stays_without_movements() {
    let wants = [want(9, Change::Return { take: Uuid::from_u128(1) }), want(1, take(0))];
    let decision = decided(&Known::default(), &wants);
    assert_eq!(decision.outcomes, [Outcome::Nothing, Outcome::Refused(Refusal::GivenUp)]);
    let posting = decision.posting.unwrap();
    assert_eq!((posting.movements.len(), posting.after.version), (0, 0));
    assert_eq!(posting.closed, [Uuid::from_u128(1)]);
    let mut known = Known::default();
    known.follow(&posting);
    assert_eq!(known.balance, None);
}

#[test]
fn conditions_hold_against_the_version_that_the_change_would_meet() {
    let at = |version: &str| Condition { if_match: Tags::parse(version), ..Condition::default() };
    let pinned = |id, version: &str| Want { condition: at(version), ..want(id, Change::Add { delta: 1 }) };
    let wants = [pinned(1, "\"7\""), pinned(2, "\"7\""), pinned(3, "\"8\"")];
    let decision = decided(&known(0, 7), &wants);
    assert_eq!(decision.outcomes[1], Outcome::Refused(Refusal::VersionMoved));
    assert_eq!(decision.posting.unwrap().after.version, 9);
    let nothing = Known::default();
    let set = |condition| [Want { condition, ..want(1, Change::Set { quantity: 1 }) }];
    assert_eq!(decided(&nothing, &set(at("\"1\""))).outcomes, [Outcome::Refused(Refusal::VersionMoved)]);
    assert_eq!(decided(&nothing, &set(at("*"))).outcomes, [Outcome::Refused(Refusal::VersionMoved)]);
    let new = || Condition { if_none_match: Tags::Any, ..Condition::default() };
    assert!(matches!(decided(&nothing, &set(new())).outcomes[..], [Outcome::Made(_)]));
    assert_eq!(decided(&known(0, 7), &set(new())).outcomes, [Outcome::Refused(Refusal::VersionMoved)]);
    let adjusted = Want { condition: at("\"1\""), ..want(1, Change::Add { delta: 1 }) };
    assert_eq!(decided(&nothing, &[adjusted]).outcomes, [Outcome::Refused(Refusal::Absent)]);
}

#[test]
fn amounts_stay_in_their_range_and_a_stock_begins_by_being_set() {
    let nothing = Known::default();
    let add = decided(&nothing, &[want(1, Change::Add { delta: 1 })]);
    assert_eq!(add.outcomes, [Outcome::Refused(Refusal::Absent)]);
    let taken = decided(&nothing, &[want(1, take(1))]);
    assert_eq!(taken.outcomes, [Outcome::Refused(Refusal::Short { available: 0 })]);
    let full = decided(&known(QUANTITY_MAX, 1), &[want(1, Change::Add { delta: 1 })]);
    assert_eq!(full.outcomes, [Outcome::Refused(Refusal::OutOfRange)]);
    let turned = want(1, Change::Take { units: 0, turned: i64::MAX, day: 1 });
    let more = want(2, Change::Take { units: 0, turned: 1, day: 1 });
    assert_eq!(decided(&nothing, &[turned, more]).outcomes[1], Outcome::Refused(Refusal::OutOfRange));
}

fn any_change() -> impl Strategy<Value = (u128, Change)> {
    let ids = 1_u128..12;
    prop_oneof![
        (0_i64..20).prop_map(|quantity| Change::Set { quantity }),
        (-9_i64..9).prop_map(|delta| Change::Add { delta }),
        (1_i64..9, 0_i32..3).prop_map(|(units, day)| Change::Take { units, turned: units, day }),
        ids.clone().prop_map(|take| Change::Return { take: Uuid::from_u128(take) }),
    ]
    .prop_flat_map(move |change| (ids.clone(), Just(change)))
}

proptest! {
    #[test]
    fn in_any_order_and_cut_into_any_batches_the_books_are_right(
        changes in prop::collection::vec(any_change(), 1..60), cut in 1_usize..9
    ) {
        let mut known = Known::default();
        let mut all: HashMap<Uuid, Movement> = HashMap::new();
        let mut closed: Vec<Uuid> = Vec::new();
        for (at, batch) in changes.chunks(cut).enumerate() {
            let wants: Vec<Want> = batch.iter().map(|(id, change)| want(*id, change.clone())).collect();
            let made = all.iter().map(|(id, movement)| (*id, movement.clone()));
            let made = made.chain(closed.iter().map(|id| (*id, Movement::closed(*id)))).collect();
            let decision = decide(&known, made, wants.iter(), i64::try_from(at).unwrap());
            let Some(posting) = decision.posting else { continue };
            for movement in &posting.movements {
                prop_assert_eq!(movement.version, i64::try_from(all.len()).unwrap() + 1);
                prop_assert!(all.insert(movement.id, movement.clone()).is_none());
            }
            prop_assert!(posting.closed.iter().all(|id| !all.contains_key(id) && !closed.contains(id)));
            closed.extend(&posting.closed);
            known.follow(&posting);
        }
        let balance = known.balance.unwrap_or(Balance { quantity: 0, turnover: 0, version: 0, updated_at: 0 });
        prop_assert_eq!(all.values().map(|movement| movement.delta).sum::<i64>(), balance.quantity);
        prop_assert_eq!(all.values().map(|movement| movement.turned).sum::<i64>(), balance.turnover);
        prop_assert_eq!(known.days.values().flatten().sum::<i64>(), balance.turnover);
        prop_assert!(all.values().all(|movement| movement.quantity >= 0));
    }
}
