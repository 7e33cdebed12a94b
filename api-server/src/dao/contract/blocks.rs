//! Blocks of days: later versions over earlier ones in any order, lists from their tops; and the turnover that they are
//! made of.

use uuid::Uuid;

use super::cx;
use super::ledger::{post, posting};
use super::orders::{become_of, insert, order};
use crate::dao::Daos;
use crate::dao::blocks::{Block, Change, Lists, Place, Row, SHARDS, Turnover};
use crate::dao::ledger::{Account, Book, DayTurnover};
use crate::dao::orders::Status;
use crate::dao::turnovers::OnDay;

pub async fn hold(daos: &Daos) {
    the_turnover_of_the_latest_version_stays(daos).await;
    a_removal_leaves_what_the_same_version_put(daos).await;
    lists_are_read_from_their_tops(daos).await;
    spans_are_told_once_they_are_used(daos).await;
    what_sold_is_summed_up_by_day(daos).await;
    what_was_spent_is_summed_up_by_day(daos).await;
}

/// A block that no other run uses.
fn unused() -> Block {
    Block::day(i32::try_from(Uuid::new_v4().as_fields().0 >> 3).unwrap())
}

fn change(account: Account, block: Block, before: i64, (amount, version): (i64, i64)) -> Change {
    Change { account, block, before, after: Turnover { amount, version } }
}

async fn write(daos: &Daos, changes: &[Change]) {
    daos.blocks.write(&cx(), changes).await.unwrap();
}

async fn known(daos: &Daos, block: Block, id: Uuid) -> Option<(i64, i64)> {
    let found = daos.blocks.turnovers(&cx(), Book::Stock, &[block, unused()], &[id]).await.unwrap();
    assert!(found.len() < 2, "{found:?}");
    found.first().map(|(of, at, turnover)| {
        assert_eq!((*of, *at), (id, block));
        (turnover.amount, turnover.version)
    })
}

async fn rows(daos: &Daos, block: Block) -> Vec<(Uuid, i64)> {
    let shards = (0..SHARDS).collect();
    let lists = Lists { book: Book::Stock, blocks: vec![block], shards, after: Place::TOP, limit: 100 };
    let (rows, _) = daos.blocks.rows(&cx(), &lists).await.unwrap();
    rows.into_iter().map(|row| (row.place.id, row.amount)).collect()
}

async fn the_turnover_of_the_latest_version_stays(daos: &Daos) {
    let (block, account) = (unused(), Account::stock(Uuid::new_v4()));
    assert_eq!(known(daos, block, account.id).await, None);
    write(daos, &[change(account, block, 0, (900, 5))]).await;
    assert_eq!(rows(daos, block).await, [(account.id, 900)]);
    // One that has read less comes later.
    write(daos, &[change(account, block, 0, (100, 4))]).await;
    assert_eq!(known(daos, block, account.id).await, Some((900, 5)));
    // It has left a row that the next one does not know of, beside the right one.
    write(daos, &[change(account, block, 900, (901, 6))]).await;
    assert_eq!(rows(daos, block).await, [(account.id, 901), (account.id, 100)]);
    let stale = Row { block, place: Place::of(account.id, 100).unwrap(), amount: 100 };
    daos.blocks.remove(&cx(), Book::Stock, &stale, 6).await.unwrap();
    assert_eq!(rows(daos, block).await, [(account.id, 901)]);
    write(daos, &[change(account, block, 901, (0, 7))]).await;
    assert_eq!(rows(daos, block).await, []);
    assert_eq!(known(daos, block, account.id).await, Some((0, 7)));
    write(daos, &[change(account, block, 0, (900, 8))]).await;
    assert_eq!(rows(daos, block).await, [(account.id, 900)], "it may come back");
}

async fn a_removal_leaves_what_the_same_version_put(daos: &Daos) {
    let (block, account) = (unused(), Account::stock(Uuid::new_v4()));
    write(daos, &[change(account, block, 0, (900, 5))]).await;
    let row = Row { block, place: Place::of(account.id, 900).unwrap(), amount: 900 };
    daos.blocks.remove(&cx(), Book::Stock, &row, 5).await.unwrap();
    assert_eq!(rows(daos, block).await, [(account.id, 900)]);
    daos.blocks.remove(&cx(), Book::Stock, &row, 6).await.unwrap();
    assert_eq!(rows(daos, block).await, []);
}

async fn lists_are_read_from_their_tops(daos: &Daos) {
    let (one, other) = (unused(), unused());
    let mut accounts: Vec<Account> = (0..40).map(|_| Account::stock(Uuid::new_v4())).collect();
    accounts.sort_by_key(|account| account.id);
    // Three of each turnover.
    let amount = |at: usize| i64::try_from(at / 3 + 1).unwrap();
    let mut changes: Vec<Change> = Vec::new();
    for (at, account) in accounts.iter().enumerate() {
        changes.push(change(*account, one, 0, (amount(at), 1)));
        if at % 2 == 0 {
            changes.push(change(*account, other, 0, (1_000_000, 1)));
        }
    }
    for batch in crate::dao::blocks::batches(changes) {
        write(daos, &batch).await;
    }
    let read = async |shards: &[u8], after, limit| {
        let lists = Lists { book: Book::Stock, blocks: vec![one, other], shards: shards.to_vec(), after, limit };
        daos.blocks.rows(&cx(), &lists).await.unwrap().0
    };
    let place = |at: usize| Place::of(accounts[at].id, amount(at)).unwrap();
    for shard in 0..SHARDS {
        let mut places: Vec<Place> =
            (0..40).map(place).filter(|place| crate::dao::blocks::shard_of(place.id) == shard).collect();
        places.sort_unstable();
        let of_one =
            |rows: &[Row]| -> Vec<Place> { rows.iter().filter(|row| row.block == one).map(|row| row.place).collect() };
        let all = read(&[shard], Place::TOP, 100).await;
        assert_eq!(of_one(&all), places, "descending, equal ones by id");
        assert!(all.iter().all(|row| row.amount == 1_000_000 || row.block == one));
        let few = read(&[shard], Place::TOP, 2).await;
        assert_eq!(of_one(&few), places.iter().copied().take(2).collect::<Vec<_>>(), "so many of each block");
        if let [_, second, rest @ ..] = places.as_slice() {
            assert_eq!(of_one(&read(&[shard], *second, 100).await), rest);
        }
    }
    let shards: Vec<u8> = (0..SHARDS).collect();
    assert_eq!(read(&shards, Place::TOP, 100).await.len(), 60);
    let lists = Lists { book: Book::Spending, blocks: vec![one], shards, after: Place::TOP, limit: 9 };
    assert_eq!(daos.blocks.rows(&cx(), &lists).await.unwrap().0, []);
}

async fn spans_are_told_once_they_are_used(daos: &Daos) {
    let span = Block::span(30_000_000 + i32::from(Uuid::new_v4().as_fields().1));
    for _ in 0..2 {
        daos.blocks.use_span(&cx(), Book::Stock, span).await.unwrap();
    }
    let spans = daos.blocks.spans(&cx(), Book::Stock).await.unwrap();
    assert_eq!(spans.iter().filter(|known| **known == span).count(), 1);
    assert!(!daos.blocks.spans(&cx(), Book::Spending).await.unwrap().contains(&span));
}

async fn what_sold_is_summed_up_by_day(daos: &Daos) {
    let (account, other) = (Account::stock(Uuid::now_v7()), Account::stock(Uuid::now_v7()));
    let sell = async |before, day, (was, is)| {
        let mut sold = posting(before, 1);
        sold.days = vec![DayTurnover { day, before: was, after: is }];
        post(daos, account, before, &sold).await;
    };
    sell(0, 20_000, (None, 4)).await;
    sell(1, 20_003, (None, 7)).await;
    let on_day = async |day| daos.turnovers.on_day(&cx(), Book::Stock, day, &[account.id, other.id]).await.unwrap();
    let before = on_day(20_000).await;
    assert!(
        matches!(before.as_slice(), [OnDay { id, day: 20_000, turnover: Turnover { amount: 4, .. } }] if *id == account.id)
    );
    assert_eq!(on_day(20_001).await, []);
    sell(2, 20_000, (Some(4), 3)).await;
    let after = on_day(20_000).await;
    assert_eq!(after[0].turnover.amount, 3);
    assert!(after[0].turnover.version > before[0].turnover.version, "of more movements");
    let mut all = daos.turnovers.on_all_days(&cx(), Book::Stock, &[other.id, account.id]).await.unwrap();
    all.sort_by_key(|on_day| on_day.day);
    let told: Vec<(i32, i64)> = all.iter().map(|on_day| (on_day.day, on_day.turnover.amount)).collect();
    assert_eq!(told, [(20_000, 3), (20_003, 7)]);
}

async fn what_was_spent_is_summed_up_by_day(daos: &Daos) {
    let (user, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut made = Vec::new();
    for _ in 0..2 {
        let stored = insert(daos, &order(user)).await;
        made.push(become_of(daos, &stored, Status::Confirmed).await);
    }
    let day = made[0].order.day();
    let on_day = async |day| daos.turnovers.on_day(&cx(), Book::Spending, day, &[user, other]).await.unwrap();
    let both = on_day(day).await;
    // They are of two days where midnight comes between them.
    if made[1].order.day() == day {
        assert_eq!(both.len(), 1);
        assert_eq!((both[0].id, both[0].turnover.amount), (user, 25_200));
    }
    become_of(daos, &made[0], Status::Cancelled).await;
    let one: Vec<OnDay> = on_day(day).await;
    let rest = if made[1].order.day() == day { 12_600 } else { 0 };
    assert_eq!(one[0].turnover.amount, rest, "what is cancelled is not spent");
    assert!(one[0].turnover.version > both[0].turnover.version, "of more changes");
    assert_eq!(on_day(day - 1).await, []);
    let all = daos.turnovers.on_all_days(&cx(), Book::Spending, &[user, other]).await.unwrap();
    assert_eq!(all.iter().map(|on_day| on_day.turnover.amount).sum::<i64>(), 12_600);
    assert!(all.contains(&one[0]), "the same, whoever sums it up: {all:?}, {one:?}");
}
