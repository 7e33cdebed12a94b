use proptest::prelude::*;

use super::*;
use crate::dao::ledger::{Balance, DayTurnover, Kind, Movement, Posting};
use crate::dao::memory::{MemoryLedger, MemoryRanks};

fn cx() -> Context {
    Context::within(std::time::Duration::from_secs(20))
}

/// Reports over accounts with these turnovers by day.
async fn reports_on(accounts: &[Vec<(i32, i64)>]) -> (Reports, Vec<Account>) {
    let (ledger, ranks) = (Arc::new(MemoryLedger::default()), Arc::new(MemoryRanks::default()));
    let mut made = Vec::new();
    for (at, days) in accounts.iter().enumerate() {
        let account = Account::stock(Uuid::from_u128(u128::try_from(at).unwrap() + 1));
        let turnover = days.iter().map(|(_, turnover)| turnover).sum();
        let after = Balance { quantity: 0, turnover, version: 1, updated_at: 0 };
        let movement = Movement {
            id: Uuid::new_v4(),
            version: 1,
            kind: Kind::Order,
            delta: 0,
            quantity: 0,
            turned: turnover,
            day: None,
            reason: None,
            reference: None,
            at: 0,
        };
        let days = days.iter().map(|(day, after)| DayTurnover { day: *day, before: None, after: *after }).collect();
        let posting = Posting { movements: vec![movement], closed: Vec::new(), after, days };
        ledger.post(&cx(), account, 0, &posting).await.unwrap();
        if let Some(slot) = Slot::of(account.id, turnover) {
            ranks.put(&cx(), account, slot, 1).await.unwrap();
        }
        made.push(account);
    }
    (Reports::new(ledger, ranks), made)
}

fn truth(accounts: &[Vec<(i32, i64)>], limit: usize, days: &RangeInclusive<i32>) -> Vec<i64> {
    let sums =
        accounts.iter().map(|turned| turned.iter().filter(|(day, _)| days.contains(day)).map(|(_, by)| by).sum());
    let mut sums: Vec<i64> = sums.filter(|sum| *sum > 0).collect();
    sums.sort_unstable_by_key(|sum| Reverse(*sum));
    sums.truncate(limit);
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_report_is_what_a_scan_of_everything_would_say(
        turned in prop::collection::vec(prop::collection::btree_map(0_i32..12, 1_i64..2_000, 0..6), 0..120),
        limit in 1_usize..12,
        from in 0_i32..12,
        length in 0_i32..12,
    ) {
        let accounts: Vec<Vec<(i32, i64)>> = turned.into_iter().map(|days| days.into_iter().collect()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (reports, _) = reports_on(&accounts).await;
            for days in [None, Some(from..=from + length)] {
                let (rows, _) = reports.top(&cx(), Book::Stock, limit, days.clone()).await.unwrap();
                let told: Vec<i64> = rows.into_iter().map(|(_, turnover)| turnover).collect();
                let days = days.unwrap_or(i32::MIN..=i32::MAX);
                assert_eq!(told, truth(&accounts, limit, &days), "limit {limit}, {days:?}");
            }
        });
    }
}

#[tokio::test]
async fn what_lies_in_a_wrong_slot_is_not_told_twice_and_taken_out() {
    let (reports, accounts) = reports_on(&[vec![(1, 700)], vec![(1, 500)]]).await;
    let stale = Slot::of(accounts[1].id, 90_000).unwrap();
    reports.ranks.put(&cx(), accounts[1], stale, 1).await.unwrap();
    for _ in 0..2 {
        let (rows, _) = reports.top(&cx(), Book::Stock, 5, None).await.unwrap();
        assert_eq!(rows, [(accounts[0].id, 700), (accounts[1].id, 500)]);
    }
    assert_eq!(reports.ranks.members(&cx(), Book::Stock, stale, None, 5).await.unwrap(), Vec::<Uuid>::new());
}

#[tokio::test]
async fn a_range_that_too_many_have_overtaken_since_is_refused_and_not_answered_wrong() {
    let mut accounts = vec![vec![(9, 1_000_000)]; LOOKED_AT_MAX + 10];
    accounts.push(vec![(1, 5)]);
    let (reports, _) = reports_on(&accounts).await;
    let refused = reports.top(&cx(), Book::Stock, 1, Some(1..=1)).await;
    assert!(matches!(refused, Err(ModelError::Invalid(_))), "{refused:?}");
}
