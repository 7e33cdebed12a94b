//! The feed: a number is one entry's, entries are read in their order, the highest that is kept counts, notes and lines are
//! found again, and one process at a time is a reader.

use std::time::Duration;

use uuid::Uuid;

use super::{cx, unique};
use crate::dao::Daos;
use crate::dao::changes::{Appended, Audited, Change, ENTRIES_OF_A_BLOCK, Entry, Kind, Note, Object};

pub async fn hold(daos: &Daos) {
    of_two_that_want_a_number_one_gets_it(daos).await;
    entries_are_read_in_their_order_from_block_to_block(daos).await;
    what_is_told_of_an_object_only_rises(daos).await;
    a_note_is_found_by_its_minute_until_it_is_removed(daos).await;
    lines_of_an_hour_come_newest_first(daos).await;
    one_process_at_a_time_is_a_reader_and_the_next_goes_on(daos).await;
}

fn change(version: i64) -> Change {
    let (what, quantity, delta) = ("adjustment".to_owned(), Some(7), Some(-2));
    Change { kind: Kind::Stock, id: Uuid::now_v7(), version, at: 1_764_000_000_000, what, quantity, delta }
}

fn entry(changes: usize) -> Entry {
    Entry { operation: Uuid::new_v4(), changes: (1..).take(changes).map(change).collect() }
}

async fn of_two_that_want_a_number_one_gets_it(daos: &Daos) {
    let (feed, number) = (&daos.changes, daos.changes.last(&cx()).await.unwrap() + 1);
    let (one, other) = (entry(2), entry(1));
    let (cx_of_one, cx_of_other) = (cx(), cx());
    let (first, second) =
        tokio::join!(feed.append(&cx_of_one, number, &one), feed.append(&cx_of_other, number, &other));
    let both = [first.unwrap(), second.unwrap()];
    assert!(both.contains(&Appended::Done) && both.contains(&Appended::Taken), "{both:?}");
    let winner = if both[0] == Appended::Done { &one } else { &other };
    assert_eq!(feed.append(&cx(), number, winner).await.unwrap(), Appended::Done, "again");
    assert_eq!(feed.entries(&cx(), number - 1, 10).await.unwrap(), [(number, winner.clone())]);
    assert_eq!(feed.last(&cx()).await.unwrap(), number);
}

async fn entries_are_read_in_their_order_from_block_to_block(daos: &Daos) {
    let (feed, first) = (&daos.changes, daos.changes.last(&cx()).await.unwrap() + 1);
    let end = (first.div_euclid(ENTRIES_OF_A_BLOCK) + 1) * ENTRIES_OF_A_BLOCK + 3;
    for number in first..end {
        assert_eq!(feed.append(&cx(), number, &entry(1)).await.unwrap(), Appended::Done);
    }
    let mut after = first - 1;
    loop {
        let entries = feed.entries(&cx(), after, 200).await.unwrap();
        if entries.is_empty() {
            break;
        }
        for (number, _) in entries {
            assert_eq!(number, after + 1);
            after = number;
        }
    }
    assert_eq!((after, feed.last(&cx()).await.unwrap()), (end - 1, end - 1));
}

async fn what_is_told_of_an_object_only_rises(daos: &Daos) {
    let object = |kind| Object { kind, id: Uuid::now_v7() };
    let (stock, product, unknown) = (object(Kind::Stock), object(Kind::Product), object(Kind::Stock));
    let last = daos.changes.last(&cx()).await.unwrap();
    for told in [(stock, 5), (stock, 9), (product, 1), (stock, 7)] {
        daos.changes.keep_told(&cx(), &[told], last).await.unwrap();
    }
    let mut told = daos.changes.told(&cx(), &[stock, unknown, product]).await.unwrap();
    told.sort_unstable();
    assert_eq!(told, [(product, 1), (stock, 9)]);
    assert_eq!(daos.changes.last(&cx()).await.unwrap(), last);
}

async fn a_note_is_found_by_its_minute_until_it_is_removed(daos: &Daos) {
    let minute = Note::minute_of(cx().now_ms) + i64::from(Uuid::new_v4().as_bytes()[0]) + 1_000;
    let note = |ms: i64, version| {
        let object = Object { kind: Kind::Product, id: Uuid::now_v7() };
        Note { at: minute * 60_000 + ms, operation: Uuid::new_v4(), object, version }
    };
    let notes = [note(0, None), note(59_999, Some(4)), note(60_000, None)];
    for one in &notes {
        daos.changes.note(&cx(), one).await.unwrap();
    }
    assert_eq!(daos.changes.notes(&cx(), minute).await.unwrap(), notes[..2]);
    daos.changes.forget(&cx(), &notes[1..]).await.unwrap();
    assert_eq!(daos.changes.notes(&cx(), minute).await.unwrap(), notes[..1]);
    assert_eq!(daos.changes.notes(&cx(), minute + 1).await.unwrap(), []);
    daos.changes.set_swept_until(&cx(), minute).await.unwrap();
    assert_eq!(daos.changes.swept_until(&cx()).await.unwrap(), Some(minute));
}

async fn lines_of_an_hour_come_newest_first(daos: &Daos) {
    let hour = cx().now_ms.div_euclid(3_600_000) - 5;
    let line = |at: i64, by: Option<&str>| Audited {
        id: uuid::Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap(), &rand::random()).into_uuid(),
        at,
        by: by.map(str::to_owned),
        object: Object { kind: Kind::User, id: Uuid::now_v7() },
        what: "erased".into(),
        version: 3,
        request: by.map(|_| "r-1".to_owned()),
    };
    let begin = hour * 3_600_000;
    let lines = [line(begin, Some("ana")), line(begin + 5, None), line(begin + 3_599_999, Some("bob"))];
    for _ in 0..2 {
        daos.changes.audit(&cx(), &lines).await.unwrap();
    }
    let found = daos.changes.audited(&cx(), hour, None, 2).await.unwrap();
    assert_eq!(found, [lines[2].clone(), lines[1].clone()]);
    assert_eq!(daos.changes.audited(&cx(), hour, Some(found[1].id), 2).await.unwrap(), lines[..1]);
    assert_eq!(daos.changes.audited(&cx(), hour + 1, None, 2).await.unwrap(), []);
}

async fn one_process_at_a_time_is_a_reader_and_the_next_goes_on(daos: &Daos) {
    let (feed, name) = (&daos.changes, unique("hook"));
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    assert_eq!(feed.claim(&cx(), &name, one, 2).await.unwrap().as_deref(), Some(""));
    assert!(feed.advance(&cx(), &name, one, 2, "4-1").await.unwrap());
    assert_eq!(feed.claim(&cx(), &name, other, 2).await.unwrap(), None);
    assert!(!feed.advance(&cx(), &name, other, 2, "9-9").await.unwrap());
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    let position = loop {
        if let Some(position) = feed.claim(&cx(), &name, other, 60).await.unwrap() {
            break position;
        }
        assert!(tokio::time::Instant::now() < until, "its time has ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(position, "4-1");
    assert!(!feed.advance(&cx(), &name, one, 2, "5-0").await.unwrap(), "it is another's");
    assert!(feed.advance(&cx(), &name, other, 60, "5-0").await.unwrap());
}
