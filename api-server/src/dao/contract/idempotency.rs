//! Idempotency keys: one winner, one answer, no confusion with another request.

use uuid::Uuid;

use super::{cx, unique};
use crate::dao::idempotency::{Answer, Begun, Claim, Remembered};
use crate::dao::{Context, Daos};

pub async fn hold(daos: &Daos) {
    the_first_try_works_and_the_second_gets_its_answer(daos).await;
    another_request_under_the_key_is_refused(daos).await;
    a_running_try_is_waited_for_and_a_dead_one_taken_over(daos).await;
    a_released_key_is_taken_over_at_once(daos).await;
    of_many_tries_at_once_one_works(daos).await;
    a_key_tells_what_became_of_its_request(daos).await;
}

async fn a_key_tells_what_became_of_its_request(daos: &Daos) {
    let first = claim(&unique("key"), 1);
    let find = async || daos.idempotency.find(&cx(), &first.key).await.unwrap();
    assert_eq!(find().await, None);
    let begun = cx();
    begin(daos, &begun, &first).await;
    let remembered = |started_ms, answer| {
        Some(Remembered { operation: first.operation, resource: first.resource, started_ms, answer })
    };
    assert_eq!(find().await, remembered(begun.now_ms, None));
    daos.idempotency.release(&begun, &first).await.unwrap();
    assert_eq!(find().await, remembered(0, None));
    let answer = Answer { status: 201, etag: None, location: Some("/a".into()), body: b"{}".to_vec() };
    daos.idempotency.finish(&begun, &first, &answer).await.unwrap();
    let found = find().await.unwrap();
    assert_eq!((found.operation, found.answer), (first.operation, Some(answer)));
}

const LEASE: i64 = 10_000;

fn claim(key: &str, request: u8) -> Claim {
    Claim { key: key.to_owned(), request: [request; 32], operation: Uuid::new_v4(), resource: Uuid::now_v7() }
}

fn ours(claim: &Claim) -> Begun {
    Begun::Ours { operation: claim.operation, resource: claim.resource }
}

async fn begin(daos: &Daos, cx: &Context, claim: &Claim) -> Begun {
    daos.idempotency.begin(cx, claim, LEASE).await.unwrap()
}

async fn the_first_try_works_and_the_second_gets_its_answer(daos: &Daos) {
    let first = claim(&unique("key"), 1);
    assert_eq!(begin(daos, &cx(), &first).await, ours(&first));
    let answer =
        Answer { status: 201, etag: Some("\"1\"".into()), location: None, body: b"{\"a\":\"\xc3\xa9\"}".to_vec() };
    let finished = daos.idempotency.finish(&cx(), &first, &answer).await;
    assert_eq!(finished, Ok(()));
    let second = claim(&first.key, 1);
    assert_eq!(begin(daos, &cx(), &second).await, Begun::Answered(answer.clone()));
    // The answer stays the first one.
    let other = Answer { status: 409, ..answer.clone() };
    let finished = daos.idempotency.finish(&cx(), &first, &other).await;
    assert_eq!(finished, Ok(()));
    assert_eq!(begin(daos, &cx(), &second).await, Begun::Answered(answer));
}

async fn another_request_under_the_key_is_refused(daos: &Daos) {
    let first = claim(&unique("key"), 1);
    assert_eq!(begin(daos, &cx(), &first).await, ours(&first));
    let other = claim(&first.key, 2);
    assert_eq!(begin(daos, &cx(), &other).await, Begun::OtherRequest);
}

async fn a_running_try_is_waited_for_and_a_dead_one_taken_over(daos: &Daos) {
    let first = claim(&unique("key"), 1);
    assert_eq!(begin(daos, &cx(), &first).await, ours(&first));
    let second = claim(&first.key, 1);
    assert_eq!(begin(daos, &cx(), &second).await, Begun::InFlight);
    let later = Context { now_ms: cx().now_ms + LEASE + 1, ..cx() };
    // Under the identities of the first, so that its effects are found and not made twice.
    assert_eq!(begin(daos, &later, &second).await, ours(&first));
    let third = claim(&first.key, 1);
    assert_eq!(begin(daos, &later, &third).await, Begun::InFlight);
}

async fn a_released_key_is_taken_over_at_once(daos: &Daos) {
    let first = claim(&unique("key"), 1);
    assert_eq!(begin(daos, &cx(), &first).await, ours(&first));
    let released = daos.idempotency.release(&cx(), &first).await;
    assert_eq!(released, Ok(()));
    let second = claim(&first.key, 1);
    assert_eq!(begin(daos, &cx(), &second).await, ours(&first));
}

async fn of_many_tries_at_once_one_works(daos: &Daos) {
    let key = unique("key");
    let tries: Vec<Claim> = (0..8).map(|_| claim(&key, 1)).collect();
    let begun = futures::future::join_all(tries.iter().map(|claim| async { begin(daos, &cx(), claim).await }));
    let begun = begun.await;
    let working = begun.iter().filter(|begun| matches!(begun, Begun::Ours { .. }));
    assert_eq!(working.count(), 1, "{begun:?}");
    let waiting = begun.iter().filter(|begun| **begun == Begun::InFlight);
    assert_eq!(waiting.count(), 7, "{begun:?}");
}
