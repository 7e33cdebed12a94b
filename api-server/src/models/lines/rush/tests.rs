use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use uuid::Uuid;

use super::*;
use crate::dao::ledger::LedgerDao as _;
use crate::models::figures::Figures;
use crate::models::ledger::{Change, Outcome, Refusal, Want};
use crate::models::lines::Settled;
use crate::models::lines::tests::{Slow, cx, made, take, want};

fn process(dao: &Arc<Slow>) -> Lines {
    Lines::new(Arc::clone(dao) as _, Figures::unseen())
}

/// A stock that the process knows to be at this quantity.
async fn stock(lines: &Lines, quantity: i64) -> Account {
    let account = Account::stock(Uuid::now_v7());
    assert!(made(lines, account, want(Change::Set { quantity })).await);
    account
}

async fn short(lines: &Lines, account: Account, units: i64) -> Option<i64> {
    lines.certainly_short(&cx(), &[(account, units)]).await.unwrap().first().map(|(_, available)| *available)
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_before_a_read_begins_share_it_and_the_next_begins_in_good_time() {
    let dao = Slow::new(1);
    let lines = process(&dao);
    let account = stock(&lines, 2).await;
    dao.calls();
    let began = Instant::now();
    assert_eq!(join_all((0..50).map(|_| short(&lines, account, 3))).await, [Some(2); 50]);
    assert_eq!((dao.calls(), began.elapsed()), (vec!["load"], Duration::ZERO), "at once");
    tokio::time::sleep(Duration::from_millis(1)).await;
    let one = short(&lines, account, 3);
    let other = async {
        tokio::time::sleep(PACE / 2).await;
        short(&lines, account, 4).await
    };
    assert_eq!(tokio::join!(one, other), (Some(2), Some(2)));
    assert_eq!((dao.calls(), began.elapsed()), (vec!["load"], PACE));
    tokio::time::sleep(PACE * 2).await;
    assert!(lines.rush_is_over());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_had_begun_answers_nobody_who_asks_later() {
    let dao = Slow::new(1);
    let [ours, theirs] = [process(&dao), process(&dao)];
    let account = stock(&ours, 0).await;
    dao.calls();
    *dao.late.lock().unwrap() = Some(Duration::from_secs(1));
    let first = short(&ours, account, 1);
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(made(&theirs, account, want(Change::Add { delta: 5 })).await);
        (short(&ours, account, 1).await, short(&ours, account, 6).await)
    };
    assert_eq!(tokio::join!(first, second), (Some(0), (None, Some(5))));
}

#[tokio::test]
async fn what_seems_to_be_there_or_is_unknown_is_not_looked_at_unless_something_else_is_short() {
    let dao = Slow::new(1);
    let lines = process(&dao);
    let (enough, little) = (stock(&lines, 5).await, stock(&lines, 1).await);
    // Never counted, and counted by another process.
    let (none, unknown) = (Account::stock(Uuid::now_v7()), stock(&process(&dao), 4).await);
    dao.calls();
    let ask = async |wanted: &[(Account, i64)]| lines.certainly_short(&cx(), wanted).await.unwrap();
    assert_eq!(ask(&[(enough, 5), (unknown, 9), (none, 1)]).await, []);
    assert_eq!(dao.calls(), [""; 0]);
    assert_eq!(ask(&[(none, 1), (enough, 5), (little, 2), (unknown, 9)]).await, [(0, 0), (2, 1), (3, 4)]);
    assert_eq!(dao.calls().len(), 3);
    // Now they are known.
    assert_eq!(ask(&[(unknown, 4)]).await, []);
    assert_eq!(dao.calls(), [""; 0]);
    assert_eq!(ask(&[(none, 1)]).await, [], "it may be no product at all");
    // What was remembered is no answer.
    assert!(made(&process(&dao), little, want(Change::Add { delta: 7 })).await);
    assert_eq!(ask(&[(little, 2)]).await, []);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_nothing_and_too_many_are_turned_away() {
    let dao = Slow::new(1);
    let lines = process(&dao);
    let account = stock(&lines, 0).await;
    // Its read has begun when the first goes; the others wait for the next, which nobody wants any more.
    *dao.late.lock().unwrap() = Some(Duration::from_millis(300));
    let gone = (0..9).map(|at| {
        let asked = short(&lines, account, 1);
        async move {
            tokio::time::sleep(Duration::from_millis(at)).await;
            tokio::time::timeout(Duration::from_millis(100), asked).await
        }
    });
    assert!(join_all(gone).await.iter().all(Result::is_err));
    dao.calls();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(lines.rush_is_over());
    assert_eq!(dao.calls(), [""; 0]);
    let wanted = [(account, 1)];
    let ask = async || lines.certainly_short(&cx(), &wanted).await;
    let asked = join_all((0..=WAITING_MAX).map(|_| ask())).await;
    let overloaded = asked.iter().filter(|asked| matches!(asked, Err(ModelError::Overloaded(_)))).count();
    let told = asked.iter().filter(|asked| asked.as_ref().is_ok_and(|short| *short == [(0, 0)])).count();
    assert_eq!((told, overloaded), (WAITING_MAX, 1));
    assert_eq!(dao.calls(), ["load"]);
    tokio::time::sleep(PACE * 2).await;
    assert!(lines.rush_is_over());
    // Who waits too long is told so.
    *dao.late.lock().unwrap() = Some(Duration::from_secs(60));
    let hasty = Context::within(Duration::from_secs(1));
    let late = lines.certainly_short(&hasty, &wanted).await;
    assert!(matches!(late, Err(ModelError::Dao(DaoError::Busy(_)))), "{late:?}");
}

/// What a buyer was told: the versions before he asked and after he was answered, and what was available.
struct Told {
    asked: i64,
    answered: i64,
    available: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_sells_what_is_there_and_refuses_the_others_with_few_reads_and_never_wrongly() {
    const UNITS: usize = 100;
    const BUYERS: usize = 10_000;
    const AT_ONCE: usize = 500;
    let dao = Slow::new(1);
    let processes = [process(&dao), process(&dao)];
    let account = stock(&processes[0], i64::try_from(UNITS).unwrap()).await;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let (sold, cancelled) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    dao.calls();
    let buyers = (0..BUYERS).map(|buyer| {
        let (lines, dao, turns) = (processes[buyer % 2].clone(), Arc::clone(&dao), Arc::clone(&turns));
        let (sold, cancelled) = (Arc::clone(&sold), Arc::clone(&cancelled));
        tokio::spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let version = async || dao.inner.load(&cx(), account).await.unwrap().unwrap().version;
            let asked = version().await;
            let (available, bought) = loop {
                if let Some(available) = short(&lines, account, 1).await {
                    break (available, None);
                }
                let want = take(1);
                match lines.change(&cx(), account, want.clone()).await {
                    Ok(Settled { outcome: Outcome::Made(_), .. }) => break (0, Some(want.id)),
                    Ok(Settled { outcome: Outcome::Refused(Refusal::Short { available }), .. }) => {
                        break (available, None);
                    }
                    // He comes again, as he is told to.
                    Err(ModelError::Overloaded(_)) => tokio::task::yield_now().await,
                    other => panic!("{other:?}"),
                }
            };
            let Some(take) = bought else { return Some(Told { asked, answered: version().await, available }) };
            // Every eighth gives it back when many are refused already.
            if sold.fetch_add(1, Ordering::SeqCst).is_multiple_of(8) {
                tokio::time::sleep(Duration::from_millis(60)).await;
                let change = Change::Return { take };
                assert!(made(&lines, account, Want { fresh: false, ..want(change) }).await);
                cancelled.fetch_add(1, Ordering::SeqCst);
            }
            None
        })
    });
    let refused: Vec<Told> = join_all(buyers).await.into_iter().filter_map(Result::unwrap).collect();
    let loads = dao.calls().iter().filter(|call| **call == "load").count();
    let (sold, cancelled) = (sold.load(Ordering::SeqCst), cancelled.load(Ordering::SeqCst));
    assert_eq!((sold, refused.len()), (UNITS + cancelled, BUYERS - UNITS - cancelled));
    assert!(cancelled >= UNITS / 8, "{cancelled}");
    assert!(loads * 100 <= refused.len(), "{loads} reads for {} refusals", refused.len());
    let (movements, _) = dao.inner.movements(&cx(), account, i64::MAX, BUYERS).await.unwrap();
    let quantities: BTreeMap<i64, i64> = movements.iter().map(|made| (made.version, made.quantity)).collect();
    for Told { asked, answered, available } in refused {
        let was = quantities.range(asked..=answered).any(|(_, quantity)| *quantity == available);
        assert!(was && available < 1, "{available} was never there from version {asked} to {answered}");
    }
}
