//! Orders: written down once, changed only from what was read, listed when they are told to be,
//! and their notes found again, by one sweeper at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::cx;
use crate::dao::Daos;
use crate::dao::ledger::Account;
use crate::dao::orders::{
    Contents, DAY_MS, Filter, Inserted, Line, NOTES_AT_ONCE, Note, OLD_NOTES, Order, Replaced, Status, Stored, day_of,
};
use crate::dao::price::Price;

const NONE: [Uuid; 0] = [];

pub async fn hold(daos: &Daos) {
    an_order_is_written_down_once(daos).await;
    a_change_needs_the_version_that_was_read(daos).await;
    lists_show_what_was_listed_and_what_became_of_it(daos).await;
    pages_lead_through_a_list_newest_first(daos).await;
    notes_are_found_by_their_time_until_they_are_forgotten(daos).await;
    of_many_notes_some_are_read_at_once_and_none_is_passed_over(daos).await;
    what_notes_name_is_told_until_they_are_forgotten(daos).await;
    a_shard_is_swept_by_one_at_a_time(daos).await;
}

pub fn order(user: Uuid) -> Order {
    let id = Uuid::now_v7();
    let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
    let now = i64::try_from(seconds * 1000).unwrap() + i64::from(nanos / 1_000_000);
    let line =
        |quantity, scale| Line { product: Uuid::now_v7(), quantity, unit_price: Price::new(1050, scale).unwrap() };
    Order {
        id,
        user,
        status: Status::Confirmed,
        lines: vec![line(2, 2), line(1, 1)],
        total: 12_600,
        is_paid: false,
        payment_id: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

pub async fn insert(daos: &Daos, order: &Order) -> Stored {
    match daos.orders.insert(&cx(), order, Uuid::new_v4()).await {
        Ok(Inserted::Done(stored, _)) => stored,
        other => panic!("{other:?}"),
    }
}

pub async fn become_of(daos: &Daos, before: &Stored, status: Status) -> Stored {
    let after = Order { status, version: before.order.version + 1, ..before.order.clone() };
    let stored = match daos.orders.replace(&cx(), before, &after, Uuid::new_v4()).await {
        Ok(Replaced::Done(stored, _)) => stored,
        other => panic!("{other:?}"),
    };
    daos.orders.list(&cx(), &stored).await.unwrap();
    stored
}

async fn ids(daos: &Daos, filter: Filter) -> Vec<Uuid> {
    let (orders, end) = daos.orders.page(&cx(), &filter, 100, None).await.unwrap();
    assert_eq!(end.next, None);
    orders.into_iter().map(|order| order.id).collect()
}

async fn an_order_is_written_down_once(daos: &Daos) {
    let order = order(Uuid::now_v7());
    assert_eq!(daos.orders.load(&cx(), order.id).await, Ok(None));
    let operation = Uuid::new_v4();
    for _ in 0..2 {
        let done = daos.orders.insert(&cx(), &order, operation).await;
        assert!(matches!(done, Ok(Inserted::Done(..))), "{done:?}");
    }
    let other = daos.orders.insert(&cx(), &order, Uuid::new_v4()).await;
    assert_eq!(other, Ok(Inserted::Exists));
    assert_eq!(daos.orders.find(&cx(), order.id).await.unwrap().0.as_ref(), Some(&order));
    assert_eq!(daos.orders.load(&cx(), order.id).await.unwrap().unwrap().order, order);
    assert_eq!(ids(daos, Filter { user: Some(order.user), ..Filter::default() }).await, NONE, "in no list yet");
}

async fn a_change_needs_the_version_that_was_read(daos: &Daos) {
    let before = insert(daos, &order(Uuid::now_v7())).await;
    let paid = Order {
        status: Status::Paid,
        is_paid: true,
        payment_id: Some("p-1".into()),
        version: 2,
        updated_at: before.order.updated_at + 5,
        ..before.order.clone()
    };
    let cx = cx();
    let runs = (0..6).map(|_| daos.orders.replace(&cx, &before, &paid, Uuid::new_v4()));
    let done = futures::future::join_all(runs).await;
    assert_eq!(done.into_iter().filter(|done| matches!(done, Ok(Replaced::Done(..)))).count(), 1);
    assert_eq!(daos.orders.find(&cx, paid.id).await.unwrap().0, Some(paid.clone()));
    let late = daos.orders.replace(&cx, &before, &paid, Uuid::new_v4()).await;
    assert_eq!(late, Ok(Replaced::Moved));
    let nowhere = Stored { order: order(Uuid::now_v7()), ..before };
    let done = daos.orders.replace(&cx, &nowhere, &nowhere.order, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Replaced::Moved), "never a phantom");
    assert_eq!(daos.orders.load(&cx, nowhere.order.id).await, Ok(None));
}

async fn lists_show_what_was_listed_and_what_became_of_it(daos: &Daos) {
    let user = Uuid::now_v7();
    let of_user = |status| Filter { user: Some(user), status, ..Filter::default() };
    let (one, two) = (insert(daos, &order(user)).await, insert(daos, &order(user)).await);
    let one = become_of(daos, &one, Status::Confirmed).await;
    let two = become_of(daos, &two, Status::Confirmed).await;
    assert_eq!(ids(daos, of_user(None)).await, [two.order.id, one.order.id]);
    let cancelled = become_of(daos, &one, Status::Cancelled).await;
    // What was decided before may be listed after it.
    daos.orders.list(&cx(), &one).await.unwrap();
    assert_eq!(ids(daos, of_user(Some(Status::Confirmed))).await, [two.order.id]);
    assert_eq!(ids(daos, of_user(Some(Status::Cancelled))).await, [cancelled.order.id]);
    assert_eq!(ids(daos, of_user(Some(Status::Paid))).await, NONE);
    let by_status = Filter { status: Some(Status::Cancelled), ..Filter::default() };
    let (found, _) = daos.orders.page(&cx(), &by_status, 1, None).await.unwrap();
    assert_eq!(found.first().map(|order| order.id), Some(cancelled.order.id));
    let day = one.order.day();
    for (offset, count) in [(-1, 0), (0, 2), (1, 0)] {
        let filter = Filter { day: Some(day + offset), ..of_user(None) };
        assert_eq!(ids(daos, filter).await.len(), count, "{offset} days later");
    }
    let today = Filter { day: Some(day), ..Filter::default() };
    let (found, _) = daos.orders.page(&cx(), &today, 2, None).await.unwrap();
    assert_eq!(found.iter().map(|order| order.id).collect::<Vec<_>>(), [two.order.id, one.order.id]);
    let first_day = Filter { day: Some(i32::try_from(one.order.created_at / DAY_MS).unwrap() - 400), ..today };
    assert_eq!(ids(daos, first_day).await, NONE);
    // Before all buckets, and after all.
    for day in [-719_162, -402_485, -1, 2_932_896] {
        for user in [None, Some(two.order.user)] {
            assert_eq!(ids(daos, Filter { day: Some(day), user, status: None }).await, NONE, "{day}");
        }
    }
}

async fn pages_lead_through_a_list_newest_first(daos: &Daos) {
    let user = Uuid::now_v7();
    let mut made = Vec::new();
    for at in 0..7 {
        let stored = insert(daos, &order(user)).await;
        let status = if at % 2 == 0 { Status::Paid } else { Status::Confirmed };
        made.push(become_of(daos, &stored, status).await.order);
    }
    made.reverse();
    for limit in [1, 3, 7, 8] {
        for status in [None, Some(Status::Paid)] {
            let filter = Filter { user: Some(user), status, ..Filter::default() };
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let (page, end) = daos.orders.page(&cx(), &filter, limit, after).await.unwrap();
                assert!(page.len() <= limit);
                found.extend(page);
                after = end.next;
                if after.is_none() {
                    break;
                }
            }
            let expected: Vec<Order> = made.iter().filter(|order| filter.admits(order)).cloned().collect();
            assert_eq!(found, expected, "limit {limit}, {status:?}");
        }
    }
}

fn note(shard: u8, at: i64) -> Note {
    let mut order = *Uuid::now_v7().as_bytes();
    order[15] = order[15] & 0xf0 | shard;
    let contents =
        Contents { user: Uuid::new_v4(), created_at: at - 3, lines: vec![(Uuid::now_v7(), 2), (Uuid::now_v7(), 1)] };
    Note { at, operation: Uuid::new_v4(), order: Uuid::from_bytes(order), contents: Some(contents) }
}

/// The beginning of a minute that no other run uses.
fn a_minute() -> i64 {
    i64::from(Uuid::new_v4().as_fields().0) * 60_000
}

async fn notes_are_found_by_their_time_until_they_are_forgotten(daos: &Daos) {
    let at = a_minute() + 5;
    // The third one lies in the next minute, the last in another shard.
    let mut notes: Vec<Note> = [at, at + 1, at + 60_000].map(|at| note(3, at)).to_vec();
    notes.push(note(4, at));
    for note in &notes {
        daos.orders.note(&cx(), note).await.unwrap();
    }
    let found = async |shard, after, upto| daos.orders.notes(&cx(), shard, after, upto).await.unwrap();
    assert_eq!(found(3, at - 1, at + 90_000).await, (notes[..3].to_vec(), at + 90_000));
    assert_eq!(found(4, at - 1, at + 90_000).await, (notes[3..].to_vec(), at + 90_000));
    assert_eq!(found(3, at, at + 1).await.0, notes[1..2]);
    assert_eq!(found(5, at - 1, at + 90_000).await.0, []);
    assert_eq!(found(OLD_NOTES, at - 1, at + 90_000).await.0, []);
    // Written again it is the same.
    daos.orders.note(&cx(), &notes[0]).await.unwrap();
    daos.orders.forget_all(&cx(), &[notes[1].clone(), notes[3].clone()]).await.unwrap();
    assert_eq!(found(3, at - 1, at + 90_000).await.0, [notes[0].clone(), notes[2].clone()]);
    assert_eq!(found(4, at - 1, at + 90_000).await.0, []);
    daos.orders.forget_all(&cx(), &notes).await.unwrap();
    assert_eq!(found(3, at - 1, at + 90_000).await.0, []);
}

async fn of_many_notes_some_are_read_at_once_and_none_is_passed_over(daos: &Daos) {
    let began = a_minute();
    let minute = i64::try_from(NOTES_AT_ONCE).unwrap() + 50;
    let times = (0..minute).chain([90_000, 3_600_000]).map(|more| began + more);
    let notes: Vec<Note> = times.map(|at| note(7, at)).collect();
    let cx = cx();
    for some in notes.chunks(50) {
        futures::future::try_join_all(some.iter().map(|note| daos.orders.note(&cx, note))).await.unwrap();
    }
    let (mut found, mut after, mut reads) = (Vec::new(), began - 1, 0);
    let upto = began + 7_200_000;
    while after < upto {
        let (some, until) = daos.orders.notes(&cx, 7, after, upto).await.unwrap();
        assert!(until > after && some.iter().all(|note| note.at > after && note.at <= until));
        found.extend(some);
        after = until;
        reads += 1;
    }
    assert_eq!((found.len(), after), (notes.len(), upto));
    assert!(found == notes && reads > 1);
    daos.orders.forget_all(&cx, &notes).await.unwrap();
    assert_eq!(daos.orders.notes(&cx, 7, began - 1, began + 60_000).await.unwrap().0, []);
}

async fn what_notes_name_is_told_until_they_are_forgotten(daos: &Daos) {
    let now = crate::dao::now_ms();
    let (one, other) = (note(1, now), note(2, now));
    for note in [&one, &other] {
        daos.orders.note(&cx(), note).await.unwrap();
    }
    let named = async || -> BTreeSet<_> { daos.orders.unranked(&cx()).await.unwrap().into_iter().collect() };
    let told = named().await;
    assert!(one.turned().chain(other.turned()).all(|turned| told.contains(&turned)));
    let of_one: Vec<Account> = one.turned().map(|turned| turned.account).collect();
    let contents = one.contents.as_ref().unwrap();
    let expected =
        [Account::stock(contents.lines[0].0), Account::stock(contents.lines[1].0), Account::spending(contents.user)];
    assert_eq!(of_one, expected);
    assert!(one.turned().all(|turned| turned.day == day_of(now - 3)));
    daos.orders.forget_all(&cx(), std::slice::from_ref(&one)).await.unwrap();
    let told = named().await;
    assert!(one.turned().all(|turned| !told.contains(&turned)));
    assert!(other.turned().all(|turned| told.contains(&turned)));
    daos.orders.forget_all(&cx(), &[other]).await.unwrap();
}

async fn a_shard_is_swept_by_one_at_a_time(daos: &Daos) {
    let before = daos.orders.sweeps(&cx()).await.unwrap();
    assert_eq!(before.len(), usize::from(OLD_NOTES) + 1);
    let cx = cx();
    for shard in [9, OLD_NOTES] {
        let claims = (0..4).map(|_| daos.orders.claim_sweep(&cx, shard, 2));
        let claimed = futures::future::join_all(claims).await;
        assert_eq!(claimed.iter().filter(|claimed| **claimed == Ok(true)).count(), 1, "{claimed:?}");
        assert!(daos.orders.sweeps(&cx).await.unwrap()[usize::from(shard)].is_claimed);
        daos.orders.set_swept_until(&cx, shard, 1_700_000_000_000).await.unwrap();
        let swept = daos.orders.sweeps(&cx).await.unwrap()[usize::from(shard)];
        assert_eq!((swept.until, swept.is_claimed), (Some(1_700_000_000_000), true));
        // Until its time is over.
        while daos.orders.sweeps(&cx).await.unwrap()[usize::from(shard)].is_claimed {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(daos.orders.claim_sweep(&cx, shard, 1).await, Ok(true));
    }
    let clock = daos.orders.clock(&cx).await.unwrap();
    assert!((clock - crate::dao::now_ms()).abs() < 5_000, "{clock}");
}
