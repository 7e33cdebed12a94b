//! Orders: written down once, changed only from what was read, listed when they are told to be,
//! and their notes found again.

use uuid::Uuid;

use super::cx;
use crate::dao::Daos;
use crate::dao::orders::{DAY_MS, Filter, Inserted, Line, Note, Order, Replaced, Status, Stored};
use crate::dao::price::Price;

const NONE: [Uuid; 0] = [];

pub async fn hold(daos: &Daos) {
    an_order_is_written_down_once(daos).await;
    a_change_needs_the_version_that_was_read(daos).await;
    lists_show_what_was_listed_and_what_became_of_it(daos).await;
    pages_lead_through_a_list_newest_first(daos).await;
    notes_are_found_by_their_minute_until_they_are_forgotten(daos).await;
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
        status: Status::Pending,
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

async fn notes_are_found_by_their_minute_until_they_are_forgotten(daos: &Daos) {
    // A minute that no other run uses.
    let minute = i64::from(Uuid::new_v4().as_fields().0);
    let at = minute * 60_000 + 5;
    let notes: Vec<Note> =
        (0..3).map(|more| Note { at: at + more, operation: Uuid::new_v4(), order: Uuid::now_v7() }).collect();
    for note in &notes {
        daos.orders.note(&cx(), note).await.unwrap();
    }
    let found = async |after, upto| daos.orders.notes(&cx(), minute, after, upto).await.unwrap();
    assert_eq!(found(0, i64::from(u32::MAX) * 100_000).await, (notes.clone(), true));
    assert_eq!(found(at, at + 1).await.0, [notes[1]]);
    daos.orders.forget(&cx(), &notes[1]).await;
    assert_eq!(found(0, at + 9).await.0, [notes[0], notes[2]]);
    daos.orders.set_swept_until(&cx(), 1_700_000_000_000).await.unwrap();
    assert_eq!(daos.orders.swept_until(&cx()).await, Ok(Some(1_700_000_000_000)));
}
