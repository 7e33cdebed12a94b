//! Two processes over one store whose clocks are apart: one stands still in the middle of an order, the request is sent again
//! through the other one, a sweeper that is ahead comes by, and the first goes on. Run on the store in memory, and by the tests
//! of the store in Cassandra on that.

use std::collections::BTreeSet;

use super::*;

/// What happens while the first process stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    Retried,
    Swept,
    RetriedThenSwept,
    SweptThenRetried,
}

/// One way in which it comes.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub quantities: [i64; 2],
    /// By how much the clock of the first process is ahead, in seconds.
    pub ahead_s: i64,
    /// Whether it knows.
    pub corrected: bool,
    /// Writes after which it stands still.
    pub writes: i64,
    /// Whether it stands still beyond its deadline.
    pub late: bool,
    pub meanwhile: Meanwhile,
}

impl Shop {
    /// Sweeps the shards in which orders of a request can be, up to so far before and after now.
    async fn sweep_around(&self, known: &[Uuid], around_ms: i64) {
        let now = crate::dao::now_ms();
        let shards: BTreeSet<u8> = known.iter().map(|id| Note::shard_of(*id)).collect();
        for shard in shards {
            let (from, upto) = (now - 60_000 - around_ms, now + 1_000 + around_ms);
            sweep::sweep_shard(&self.process(), shard, from, upto, &mut Aside::unseen()).await.unwrap();
        }
    }
}

/// Plays one case and judges what comes of it.
pub async fn play(daos: &crate::dao::Daos, case: Case) {
    let what = format!("{case:?}");
    let products = [Uuid::now_v7(), Uuid::now_v7()];
    let shop = Shop::over(daos.clone(), Uuid::now_v7(), &products, 0).await;
    let identity = keyed();
    let known: Vec<Uuid> = (0..4).map(|attempt| id_of_attempt(identity.resource, attempt)).collect();
    // Its notes are where others look for them; else they are found where its clock was.
    let around_ms = if case.corrected { 0 } else { case.ahead_s.abs() * 1_000 };
    let life = Life::paused_after(case.writes);
    let mut slow = shop.mortal(&life);
    if case.corrected {
        slow.clock = Clock::with_offset(-case.ahead_s * 1_000);
    }
    let patience = if case.late { Duration::from_millis(200) } else { Duration::from_secs(20) };
    let slow_cx = Context { now_ms: crate::dao::now_ms() + case.ahead_s * 1_000, ..Context::within(patience) };
    let draft = shop.draft(&case.quantities);
    let first = tokio::spawn({
        let (draft, slow_cx) = (draft.clone(), slow_cx.clone());
        async move { slow.create(&slow_cx, draft, identity).await }
    });
    while !life.is_over() && !first.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let other = shop.process();
    let retry = async || Some(other.create(&cx(), draft.clone(), taken_over(identity)).await);
    let second = match case.meanwhile {
        Meanwhile::Retried => retry().await,
        Meanwhile::Swept => {
            shop.sweep_around(&known, around_ms).await;
            None
        }
        Meanwhile::RetriedThenSwept => {
            let told = retry().await;
            shop.sweep_around(&known, around_ms).await;
            told
        }
        Meanwhile::SweptThenRetried => {
            shop.sweep_around(&known, around_ms).await;
            retry().await
        }
    };
    if case.late {
        while slow_cx.remaining().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    life.go_on();
    let first = first.await.unwrap();
    shop.sweep_around(&known, around_ms).await;
    let live = shop.books(&known, &what).await;
    assert!(live.len() <= 1, "{what}: two orders of one request");
    for told in [Some(first), second].into_iter().flatten() {
        match told {
            Ok((order, _)) => assert_eq!(live.first().map(|live| live.id), Some(order.id), "{what}"),
            Err(ModelError::Short(_)) => assert!(live.is_empty(), "{what}: told that it is short"),
            Err(ModelError::Conflict(_) | ModelError::Dao(_)) => {}
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn however_far_apart_two_clocks_are_an_order_is_made_once_and_nothing_leaks() {
    let daos = memory::daos();
    let mut played = 0;
    for ahead_s in [5, 40, 4_000, -5, -40, -4_000] {
        for (quantities, writes) in
            [[2, 3], [2, 11]].into_iter().flat_map(|all| (0..6).map(move |writes| (all, writes)))
        {
            for meanwhile in
                [Meanwhile::Retried, Meanwhile::Swept, Meanwhile::RetriedThenSwept, Meanwhile::SweptThenRetried]
            {
                for (corrected, late) in [(true, true), (true, false), (false, true), (false, false)] {
                    play(&daos, Case { quantities, ahead_s, corrected, writes, late, meanwhile }).await;
                    played += 1;
                }
            }
        }
    }
    println!("{played} cases");
}

#[tokio::test]
async fn the_clock_is_measured_against_the_database() {
    let clock = Clock::with_offset(4_000_000);
    let daos = memory::daos();
    clock.measure(&Context::within(Duration::from_secs(5)), &*daos.orders).await.unwrap();
    assert!((clock.of(1_000) - 1_000).abs() < 100, "its own clock is the database's here");
}
