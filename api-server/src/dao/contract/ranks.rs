//! Ranks: members by slot, slots in use from the highest, later versions over earlier ones.

use uuid::Uuid;

use super::cx;
use crate::dao::Daos;
use crate::dao::ledger::{Account, Book};
use crate::dao::ranks::Slot;

pub async fn hold(daos: &Daos) {
    members_come_and_go_by_version(daos).await;
    slots_in_use_are_listed_from_the_highest(daos).await;
}

/// A slot that no other run uses, with room for `more`.
fn unused() -> Slot {
    Slot(1_000_000_000 + i64::from(Uuid::new_v4().as_fields().0) * 100)
}

async fn members(daos: &Daos, slot: Slot) -> Vec<Uuid> {
    daos.ranks.members(&cx(), Book::Stock, slot, None, 100).await.unwrap()
}

async fn members_come_and_go_by_version(daos: &Daos) {
    let slot = unused();
    let mut accounts: Vec<Account> = (0..5).map(|_| Account::stock(Uuid::now_v7())).collect();
    for account in &accounts {
        daos.ranks.put(&cx(), *account, slot, 5).await.unwrap();
    }
    accounts.sort_by_key(|account| account.id);
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    assert_eq!(members(daos, slot).await, ids);
    let page = daos.ranks.members(&cx(), Book::Stock, slot, Some(ids[1]), 2).await.unwrap();
    assert_eq!(page, ids[2..4]);
    assert_eq!(daos.ranks.members(&cx(), Book::Spending, slot, None, 100).await.unwrap(), Vec::<Uuid>::new());
    daos.ranks.remove(&cx(), accounts[0], slot, 4).await.unwrap();
    assert_eq!(members(daos, slot).await, ids, "what a later version put there stays");
    daos.ranks.remove(&cx(), accounts[0], slot, 6).await.unwrap();
    assert_eq!(members(daos, slot).await, ids[1..]);
    daos.ranks.put(&cx(), accounts[0], slot, 7).await.unwrap();
    assert_eq!(members(daos, slot).await, ids, "it may come back");
}

async fn slots_in_use_are_listed_from_the_highest(daos: &Daos) {
    let (low, account) = (unused(), Account::stock(Uuid::now_v7()));
    for more in 0..4 {
        daos.ranks.put(&cx(), account, Slot(low.0 + more), 1).await.unwrap();
    }
    let below = async |slot, limit| daos.ranks.slots(&cx(), Book::Stock, slot, limit).await.unwrap();
    assert_eq!(below(Slot(low.0 + 4), 3).await, [Slot(low.0 + 3), Slot(low.0 + 2), Slot(low.0 + 1)]);
    daos.ranks.remove(&cx(), account, Slot(low.0 + 2), 2).await.unwrap();
    assert_eq!(below(Slot(low.0 + 3), 2).await, [Slot(low.0 + 1), low], "empty ones are not in use");
    daos.ranks.put(&cx(), account, Slot(low.0 + 2), 3).await.unwrap();
    assert_eq!(below(Slot(low.0 + 3), 1).await, [Slot(low.0 + 2)]);
}
