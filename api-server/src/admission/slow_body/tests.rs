use std::time::Duration;

use futures::SinkExt as _;
use futures::channel::mpsc;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::{Instant, sleep};

use super::*;
use crate::admission::Bounds;

const PATIENCE: Duration = Duration::from_millis(100);

fn door(working: usize) -> Arc<Admission> {
    Admission::new(Bounds { working, calm: working, waiting: 1, patience: PATIENCE, turn: PATIENCE })
}

type Sender = mpsc::Sender<Result<Frame<Bytes>, std::io::Error>>;

/// A request inside, its body, and who sends that.
async fn request(door: &Arc<Admission>) -> (Held, impl Future<Output = Result<Bytes, axum::BoxError>> + use<>, Sender) {
    let (sender, receiver) = mpsc::channel(4);
    let held = Held::new(door.enter().await.expect("a free slot"));
    let body = SlowBody::new(StreamBody::new(receiver), Arc::clone(door), held.clone());
    (held, async move { body.collect().await.map(http_body_util::Collected::to_bytes) }, sender)
}

async fn send(sender: &mut Sender, text: &'static str) {
    sender.send(Ok(Frame::data(Bytes::from_static(text.as_bytes())))).await.expect("somebody reads");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_in_time_keeps_its_slot() {
    let door = door(1);
    let (held, body, mut sender) = request(&door).await;
    let sent = async {
        send(&mut sender, "a").await;
        sleep(PATIENCE / 2).await;
        send(&mut sender, "b").await;
        assert_eq!(door.slots.available_permits(), 0);
        drop(sender);
    };
    let (body, ()) = tokio::join!(body, sent);
    assert_eq!(body.expect("whole"), "ab");
    assert!(held.exchange(None).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_leaves_its_slot_to_others_and_takes_one_again_at_its_end() {
    let door = door(1);
    let (held, body, mut sender) = request(&door).await;
    let others = async {
        send(&mut sender, "a").await;
        sleep(PATIENCE + Duration::from_millis(1)).await;
        let other = door.enter().await.expect("the slow one is outside");
        send(&mut sender, "b").await;
        sleep(PATIENCE).await;
        drop(other);
        drop(sender);
    };
    let (body, ()) = tokio::join!(body, others);
    assert_eq!(body.expect("whole"), "ab");
    assert!(door.enter().await.is_none(), "it is in again");
    drop(held.exchange(None));
    assert!(door.enter().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_that_finds_no_slot_at_its_end_is_turned_away() {
    let door = door(1);
    let (_held, body, sender) = request(&door).await;
    let others = async {
        sleep(PATIENCE * 2).await;
        let other = door.enter().await.expect("the slow one is outside");
        drop(sender);
        sleep(PATIENCE * 2).await;
        drop(other);
    };
    let began = Instant::now();
    let (body, ()) = tokio::join!(async { (body.await, began.elapsed()) }, others);
    let (body, took) = body;
    assert!(TurnedAway::is(&*body.expect_err("turned away")));
    assert_eq!(took, PATIENCE * 3);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_slow_bodies_are_waited_for() {
    let door = door(2);
    let slow = async |door: &Arc<Admission>| {
        let (held, body, sender) = request(door).await;
        let task = tokio::spawn(body);
        sleep(PATIENCE + Duration::from_millis(1)).await;
        (held, task, sender)
    };
    let (first, second, third) = (slow(&door).await, slow(&door).await, slow(&door).await);
    assert!(!first.1.is_finished() && !second.1.is_finished());
    let ended = third.1.await.expect("no panic");
    assert!(TurnedAway::is(&*ended.expect_err("turned away")));
}
