//! Accounts: changed only from the version that was read, all movements of a posting or none,
//! every id found again for ever.

use uuid::Uuid;

use super::cx;
use crate::dao::Daos;
use crate::dao::ledger::{Account, Balance, DayTurnover, Kind, Met, Movement, Posted, Posting};

pub async fn hold(daos: &Daos) {
    an_account_begins_with_its_first_posting(daos).await;
    a_posting_needs_the_version_that_was_read(daos).await;
    of_many_postings_on_one_version_one_is_done(daos).await;
    movements_are_listed_newest_first_and_found_by_their_ids(daos).await;
    turnover_is_kept_by_day(daos).await;
    a_glimpse_shows_the_balance_and_one_day(daos).await;
    a_posting_needs_the_turnover_that_was_read(daos).await;
    an_account_without_movements_is_told_as_such(daos).await;
    an_id_is_used_once_whatever_the_version(daos).await;
    an_id_that_was_closed_is_used_and_the_account_stays_without_movements(daos).await;
}

/// A posting of `count` movements of one unit each after a version.
pub fn posting(before: i64, count: i64) -> Posting {
    let movements: Vec<Movement> = (1..=count)
        .map(|at| Movement {
            id: Uuid::new_v4(),
            version: before + at,
            kind: if at % 2 == 0 { Kind::Adjustment } else { Kind::Set },
            delta: 1,
            quantity: before + at,
            turned: 0,
            day: None,
            reason: (at % 2 == 0).then(|| "found behind the shelf".to_owned()),
            reference: Some(format!("note {at}")),
            by: (at % 2 == 1).then(|| "seller.till-1".into()),
            at: 1_700_000_000_000 + before + at,
        })
        .collect();
    let version = before + count;
    let after = Balance { quantity: version, turnover: 0, version, updated_at: 1_700_000_000_000 + version };
    Posting { movements, closed: Vec::new(), after, days: Vec::new() }
}

/// Posts on a version that must be the current one.
pub async fn post(daos: &Daos, account: Account, before: i64, posting: &Posting) {
    let done = daos.ledger.post(&cx(), account, before, posting).await;
    assert!(matches!(done, Ok(Posted::Done(_))), "{done:?}");
}

async fn an_account_begins_with_its_first_posting(daos: &Daos) {
    let account = Account::stock(Uuid::now_v7());
    assert_eq!(daos.ledger.load(&cx(), account).await, Ok(None));
    assert_eq!(daos.ledger.find(&cx(), account).await.unwrap().0, None);
    assert_eq!(daos.ledger.movements(&cx(), account, i64::MAX, 10).await.unwrap().0, []);
    assert_eq!(daos.ledger.made(&cx(), account, &[Uuid::new_v4()]).await, Ok(vec![]));
    let first = posting(0, 1);
    post(daos, account, 0, &first).await;
    assert_eq!(daos.ledger.load(&cx(), account).await, Ok(Some(first.after)));
    assert_eq!(daos.ledger.find(&cx(), account).await.unwrap().0, Some(first.after));
    let other = Account::spending(account.id);
    assert_eq!(daos.ledger.load(&cx(), other).await, Ok(None), "books are kept apart");
}

async fn a_posting_needs_the_version_that_was_read(daos: &Daos) {
    let account = Account::stock(Uuid::now_v7());
    let first = posting(0, 2);
    post(daos, account, 0, &first).await;
    for before in [0, 1, 3] {
        let done = daos.ledger.post(&cx(), account, before, &posting(before, 1)).await;
        assert_eq!(done, Ok(told(daos, account, &[]).await), "{before}");
    }
    assert_eq!(daos.ledger.load(&cx(), account).await, Ok(Some(first.after)));
    let (movements, _) = daos.ledger.movements(&cx(), account, i64::MAX, 10).await.unwrap();
    assert_eq!(movements.len(), 2, "nothing of a refused posting is there");
}

async fn of_many_postings_on_one_version_one_is_done(daos: &Daos) {
    let account = Account::stock(Uuid::now_v7());
    post(daos, account, 0, &posting(0, 1)).await;
    let runs = (0..8).map(|_| async {
        let posting = posting(1, 3);
        let done = daos.ledger.post(&cx(), account, 1, &posting).await.unwrap();
        matches!(done, Posted::Done(_)).then_some(posting)
    });
    let done: Vec<Posting> = futures::future::join_all(runs).await.into_iter().flatten().collect();
    assert_eq!(done.len(), 1);
    let (mut movements, _) = daos.ledger.movements(&cx(), account, i64::MAX, 3).await.unwrap();
    movements.reverse();
    assert_eq!(movements, done[0].movements);
}

async fn movements_are_listed_newest_first_and_found_by_their_ids(daos: &Daos) {
    let account = Account::stock(Uuid::now_v7());
    let mut all = Vec::new();
    for before in [0, 30] {
        let posting = posting(before, 30);
        post(daos, account, before, &posting).await;
        all.extend(posting.movements);
    }
    all.reverse();
    let mut found = Vec::new();
    let mut before = i64::MAX;
    loop {
        let (page, _) = daos.ledger.movements(&cx(), account, before, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        before = last.version;
        found.extend(page);
    }
    assert_eq!(found, all);
    let ids = [all[3].id, Uuid::new_v4(), all[59].id];
    let mut made = daos.ledger.made(&cx(), account, &ids).await.unwrap();
    made.sort_by_key(|movement| -movement.version);
    assert_eq!(made, [all[3].clone(), all[59].clone()]);
}

async fn turnover_is_kept_by_day(daos: &Daos) {
    let account = Account::spending(Uuid::now_v7());
    let mut first = posting(0, 1);
    first.days = vec![turnover_of(20_000, None, 5), turnover_of(20_001, None, 7)];
    first.movements[0].day = Some(20_000);
    first.movements[0].turned = 12;
    post(daos, account, 0, &first).await;
    let mut second = posting(1, 1);
    second.days = vec![turnover_of(20_001, Some(7), 9)];
    post(daos, account, 1, &second).await;
    let turnover = async |from, to| daos.ledger.turnover(&cx(), account, from..=to).await;
    assert_eq!(turnover(19_000, 30_000).await, Ok(14));
    assert_eq!(turnover(20_000, 20_000).await, Ok(5));
    assert_eq!(turnover(20_002, 30_000).await, Ok(0));
    let mut days = daos.ledger.load_days(&cx(), account, &[20_000, 20_001, 20_002]).await.unwrap();
    days.sort_unstable();
    assert_eq!(days, [(20_000, 5), (20_001, 9)]);
    let (movements, _) = daos.ledger.movements(&cx(), account, 2, 1).await.unwrap();
    assert_eq!((movements[0].day, movements[0].turned), (Some(20_000), 12));
}

async fn a_glimpse_shows_the_balance_and_one_day(daos: &Daos) {
    let account = Account::spending(Uuid::now_v7());
    let glimpse = async |day| daos.ledger.glimpse(&cx(), account, day).await;
    assert_eq!(glimpse(20_000).await, Ok(None), "no movement yet");
    let first = posting(0, 1);
    post(daos, account, 0, &first).await;
    assert_eq!(glimpse(20_000).await, Ok(None), "no turnover yet");
    let mut second = posting(1, 2);
    second.days = vec![turnover_of(20_000, None, 5), turnover_of(20_003, None, 0)];
    post(daos, account, 1, &second).await;
    let seen = [19_999, 20_000, 20_001, 20_003, 30_000].map(glimpse);
    let seen = futures::future::try_join_all(seen).await.unwrap();
    let on = |turnover| Some((second.after, turnover));
    assert_eq!(seen, [None, on(Some(5)), on(None), on(Some(0)), on(None)]);
}

async fn a_posting_needs_the_turnover_that_was_read(daos: &Daos) {
    let account = Account::spending(Uuid::now_v7());
    let mut first = posting(0, 1);
    first.days = vec![turnover_of(20_000, None, 0), turnover_of(20_001, None, 7)];
    post(daos, account, 0, &first).await;
    let on = |days: &[DayTurnover]| Posting { days: days.to_vec(), ..posting(1, 1) };
    for stale in [
        &[turnover_of(20_000, None, 5)][..],
        &[turnover_of(20_001, Some(6), 9)],
        &[turnover_of(20_002, Some(0), 9)],
        &[turnover_of(20_000, Some(0), 5), turnover_of(20_001, None, 9)],
    ] {
        for before in [0, 1, 7] {
            let met = told(daos, account, stale).await;
            assert_eq!(daos.ledger.post(&cx(), account, before, &on(stale)).await, Ok(met), "{before}: {stale:?}");
        }
    }
    assert_eq!(daos.ledger.load(&cx(), account).await, Ok(Some(first.after)), "nothing of a refused posting is there");
    let days = [turnover_of(20_000, Some(0), 5), turnover_of(20_001, Some(7), 9), turnover_of(20_002, None, 1)];
    post(daos, account, 1, &on(&days)).await;
    assert_eq!(daos.ledger.turnover(&cx(), account, 19_000..=30_000).await, Ok(15));
}

async fn an_id_is_used_once_whatever_the_version(daos: &Daos) {
    let account = Account::stock(Uuid::now_v7());
    let first = posting(0, 3);
    post(daos, account, 0, &first).await;
    let mut again = posting(3, 3);
    again.movements[1].id = first.movements[2].id;
    assert_eq!(daos.ledger.post(&cx(), account, 3, &again).await, Ok(Posted::Used));
    assert_eq!(daos.ledger.load(&cx(), account).await, Ok(Some(first.after)), "nothing of a refused posting is there");
    post(daos, account, 3, &posting(3, 1)).await;
    post(daos, Account::spending(account.id), 0, &first).await;
}

async fn an_id_that_was_closed_is_used_and_the_account_stays_without_movements(daos: &Daos) {
    let account = Account::stock(Uuid::now_v7());
    let ids = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let after = Balance { quantity: 0, turnover: 0, version: 0, updated_at: 0 };
    let close = |ids: &[Uuid]| Posting { movements: Vec::new(), closed: ids.to_vec(), after, days: Vec::new() };
    post(daos, account, 0, &close(&ids[..1])).await;
    assert_eq!(daos.ledger.load(&cx(), account).await, Ok(None));
    assert_eq!(daos.ledger.find(&cx(), account).await.unwrap().0, None);
    assert_eq!(daos.ledger.glimpse(&cx(), account, 20_000).await, Ok(None));
    assert_eq!(daos.ledger.movements(&cx(), account, i64::MAX, 10).await.unwrap().0, []);
    assert_eq!(daos.ledger.post(&cx(), account, 0, &close(&ids[..2])).await, Ok(Posted::Used));
    let mut first = posting(0, 2);
    first.movements[0].id = ids[0];
    assert_eq!(daos.ledger.post(&cx(), account, 0, &first).await, Ok(Posted::Used));
    first.movements[0].id = ids[1];
    first.closed = vec![ids[2]];
    post(daos, account, 0, &first).await;
    assert_eq!(daos.ledger.load(&cx(), account).await, Ok(Some(first.after)));
    let mut closed = daos.ledger.closed(&cx(), account, &ids).await.unwrap();
    closed.sort_by_key(|id| ids.iter().position(|one| one == id));
    assert_eq!(closed, [ids[0], ids[2]]);
    assert_eq!(daos.ledger.made(&cx(), account, &ids).await.unwrap(), first.movements[..1]);
}

/// What a posting on these days is told when it is not made: all that reads for certain would tell.
async fn told(daos: &Daos, account: Account, days: &[DayTurnover]) -> Posted {
    let balance = daos.ledger.load(&cx(), account).await.unwrap();
    let names: Vec<i32> = days.iter().map(|on| on.day).collect();
    let found = daos.ledger.load_days(&cx(), account, &names).await.unwrap();
    let on = |day| found.iter().find(|(found, _)| *found == day).map(|(_, turnover)| *turnover);
    Posted::Moved(Some(Met { balance, days: names.iter().map(|day| (*day, on(*day))).collect() }))
}

async fn an_account_without_movements_is_told_as_such(daos: &Daos) {
    let account = Account::stock(Uuid::now_v7());
    let mut late = posting(4, 1);
    late.days = vec![turnover_of(20_000, Some(5), 6)];
    let nothing = Posted::Moved(Some(Met { balance: None, days: vec![(20_000, None)] }));
    assert_eq!(daos.ledger.post(&cx(), account, 4, &late).await, Ok(nothing.clone()));
    let after = Balance { quantity: 0, turnover: 0, version: 0, updated_at: 0 };
    let closed = Posting { movements: Vec::new(), closed: vec![Uuid::new_v4()], after, days: Vec::new() };
    post(daos, account, 0, &closed).await;
    assert_eq!(daos.ledger.post(&cx(), account, 4, &late).await, Ok(nothing), "an id that was closed is no movement");
}

const fn turnover_of(day: i32, before: Option<i64>, after: i64) -> DayTurnover {
    DayTurnover { day, before, after }
}
