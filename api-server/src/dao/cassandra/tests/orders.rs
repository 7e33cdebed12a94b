//! Lists of orders: spread over partitions, read by few statements, and the queues among them.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _};
use uuid::{NoContext, Timestamp};

use super::*;
use crate::dao::orders::{Filter, Line, Order, OrderDao, Status, Stored};
use crate::dao::page::PageEnd;

/// An order of one unit that is confirmed.
fn order_at(user: Uuid, created_ms: i64) -> Order {
    let (seconds, millis) = (created_ms / 1000, created_ms % 1000);
    let nanos = u32::try_from(millis).unwrap() * 1_000_000;
    let time = Timestamp::from_unix(NoContext, u64::try_from(seconds).unwrap(), nanos);
    Order {
        id: Uuid::new_v7(time),
        user,
        status: Status::Confirmed,
        lines: vec![Line { product: Uuid::now_v7(), quantity: 1, unit_price: Price::new(100, 2).unwrap() }],
        total: 100,
        is_paid: false,
        payment_id: None,
        version: 2,
        created_at: created_ms,
        updated_at: created_ms,
    }
}

async fn place(dao: &CassandraOrders, order: &Order) -> Stored {
    let crate::dao::orders::Inserted::Done(stored, _) = dao.insert(&cx(), order, Uuid::new_v4()).await.unwrap() else {
        panic!("{order:?}")
    };
    dao.list(&cx(), &stored).await.unwrap();
    stored
}

async fn page(
    dao: &CassandraOrders,
    filter: &Filter,
    limit: usize,
    after: Option<crate::dao::page::Position>,
) -> (Vec<Uuid>, PageEnd) {
    let (orders, end) = dao.page(&cx(), filter, limit, after).await.unwrap();
    (orders.into_iter().map(|order| order.id).collect(), end)
}

async fn all(dao: &CassandraOrders, filter: &Filter, limit: usize) -> Vec<Uuid> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (some, end) = page(dao, filter, limit, after).await;
        assert!(some.len() <= limit);
        found.extend(some);
        after = end.next;
        if after.is_none() {
            return found;
        }
    }
}

/// Statements so far.
fn statements(catalogue: &store_telemetry::Catalogue) -> u64 {
    let text = String::from_utf8(catalogue.text().unwrap()).unwrap();
    let counts = text.lines().filter(|line| line.starts_with("db_client_operation_duration_seconds_count"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

async fn open(dao: &CassandraOrders, begin: i64) {
    let newest = *dao.buckets().begins(&cx()).await.unwrap().last().unwrap();
    dao.buckets().open(&cx(), newest, begin).await.unwrap();
    dao.buckets().read_again(&cx()).await;
    assert_eq!(dao.buckets().begins(&cx()).await.unwrap().last(), Some(&begin));
}

fn filters(user: Uuid, day: i32) -> [Filter; 6] {
    let all = Filter { user: None, status: None, day: None };
    let confirmed = Some(Status::Confirmed);
    [
        all,
        Filter { user: Some(user), ..all },
        Filter { status: confirmed, ..all },
        Filter { user: Some(user), status: confirmed, ..all },
        Filter { day: Some(day), ..all },
        Filter { status: confirmed, day: Some(day), ..all },
    ]
}

#[tokio::test]
async fn a_list_is_spread_over_partitions_and_what_older_processes_have_put_there_is_in_it() {
    let Some(ground) = Ground::new().await else { return };
    let (dao, _) = ground.orders().await;
    let user = Uuid::now_v7();
    // One day, far from its ends.
    let noon = now_ms() / 86_400_000 * 86_400_000 - 43_200_000;
    let mut made = Vec::new();
    for at in 0..40 {
        made.push(place(&dao, &order_at(user, noon + at)).await);
    }
    // As an older process opens one; this one knows that it is a single partition.
    let single = noon + 1_007;
    open(&dao, single).await;
    for at in 0..5 {
        made.push(place(&dao, &order_at(user, single + at)).await);
    }
    assert!(made[40..].iter().all(|stored| stored.bucket == single));
    // And one that looks as if it were spread. An older process puts its orders, and what is known of them, under its begin.
    let spread = noon + 16 * 200;
    open(&dao, spread).await;
    for at in 0..30 {
        made.push(place(&dao, &order_at(user, spread + 2 * at)).await);
        let theirs = order_at(user, spread + 2 * at + 1);
        let bucket = spread;
        let done = dao.insert(&cx(), &theirs, Uuid::new_v4()).await.unwrap();
        let crate::dao::orders::Inserted::Done(stored, _) = done else { panic!() };
        let stored = Stored { bucket, ..stored };
        dao.list(&cx(), &stored).await.unwrap();
        made.push(stored);
    }
    for (begin, partitions) in [(0, 8..=16), (single, 1..=1), (spread, 8..=16)] {
        let of = |stored: &&Stored| (begin..begin + 16).contains(&stored.bucket);
        let used: BTreeSet<i64> = made.iter().filter(of).map(|stored| stored.bucket).collect();
        assert!(partitions.contains(&used.len()), "{begin}: {used:?}");
    }
    let index = ground.cql("SELECT bucket FROM {ks}.order_user_buckets").await.into_rows_result().unwrap();
    assert_eq!(index.rows_num(), 3, "one row a bucket");
    // An older process lists an order of a newer one again, under the partition in which it lies.
    let again = made.iter().find(|stored| stored.bucket > spread).unwrap();
    for (table, key, value) in [("user", "user_id", user.to_string()), ("status", "status", "'confirmed'".to_owned())] {
        let (id, bucket) = (again.order.id, again.bucket);
        let row = format!("INSERT INTO {{ks}}.orders_by_{table} ({key}, bucket, id) VALUES ({value}, {bucket}, {id})");
        ground.cql(&row).await;
        let noted = format!("INSERT INTO {{ks}}.order_{table}_buckets ({key}, bucket) VALUES ({value}, {bucket})");
        ground.cql(&noted).await;
    }
    made.reverse();
    let made: Vec<Uuid> = made.iter().map(|stored| stored.order.id).collect();
    for filter in filters(user, i32::try_from(noon / 86_400_000).unwrap()) {
        for limit in [1, 7, 50, 200] {
            assert_eq!(all(&dao, &filter, limit).await, made, "limit {limit}: {filter:?}");
        }
        let serial = Context { level: Some(Level::Serial), ..cx() };
        let (found, _) = dao.page(&serial, &filter, 200, None).await.unwrap();
        assert_eq!(found.iter().map(|order| order.id).collect::<Vec<_>>(), made, "SERIAL: {filter:?}");
        let other = Filter { day: Some(1), ..filter };
        assert_eq!(all(&dao, &other, 50).await, Vec::<Uuid>::new(), "{other:?}");
    }
    assert!(!dao.buckets().open_if_full(&cx()).await.unwrap(), "few are in it");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_page_of_fifty_orders_is_read_by_four_statements() {
    let Some(ground) = Ground::new().await else { return };
    let (dao, catalogue) = ground.orders().await;
    let user = Uuid::now_v7();
    let noon = now_ms() / 86_400_000 * 86_400_000 - 43_200_000;
    stream::iter(0..130).for_each_concurrent(16, async |at| drop(place(&dao, &order_at(user, noon + at)).await)).await;
    // The newest has just been opened.
    open(&dao, noon + 160).await;
    for filter in filters(user, i32::try_from(noon / 86_400_000).unwrap()) {
        let mut after = None;
        for rows in [50, 50, 30] {
            let before = statements(&catalogue);
            let (found, end) = page(&dao, &filter, 50, after).await;
            let cost = statements(&catalogue) - before;
            assert_eq!(found.len(), rows, "{filter:?}");
            assert!(cost <= 4, "{cost} statements: {filter:?}");
            after = end.next;
        }
        assert_eq!(after, None);
    }
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn one_order_that_waits_is_found_behind_ten_thousand_that_have_been_fulfilled() {
    let Some(ground) = Ground::new().await else { return };
    let (dao, catalogue) = ground.orders().await;
    let hours_ago = |hours: i64| now_ms() / 16 * 16 - hours * 3_600_000;
    let begins = [hours_ago(5), hours_ago(4), hours_ago(3)];
    let waits = place(&dao, &order_at(Uuid::now_v7(), begins[0] - 1)).await;
    for begin in begins {
        open(&dao, begin).await;
    }
    // All in buckets that ended long ago. Of these the lists are enough: nobody looks further.
    let done = stream::iter(0..10_000_i64).for_each_concurrent(64, async |at| {
        let begin = begins[usize::try_from(at % 2).unwrap()];
        let order = order_at(Uuid::now_v7(), begin + at);
        let bucket = dao.buckets().of_new(&cx(), order.created_at, order.id).await.unwrap();
        let mut stored = Stored { order, bucket, operations: Vec::new() };
        dao.list(&cx(), &stored).await.unwrap();
        (stored.order.status, stored.order.version) = (Status::Fulfilled, 4);
        dao.list(&cx(), &stored).await.unwrap();
    });
    done.await;
    let queue = Filter { status: Some(Status::Confirmed), user: None, day: None };
    let now = Context { now_ms: now_ms(), ..cx() };
    // Whoever writes a bucket down at this moment prevails.
    assert_eq!(dao.page(&now, &queue, 50, None).await.unwrap().0, std::slice::from_ref(&waits.order));
    let buckets = async || {
        let cql = "SELECT bucket FROM {ks}.order_status_buckets WHERE status = 'confirmed'";
        ground.cql(cql).await.into_rows_result().unwrap().rows_num()
    };
    assert_eq!(buckets().await, 3);
    let later = Context { now_ms: now_ms() + 600_001, ..cx() };
    assert_eq!(dao.page(&later, &queue, 50, None).await.unwrap().0, std::slice::from_ref(&waits.order));
    assert_eq!(buckets().await, 1, "what is empty is looked into no more");
    let before = statements(&catalogue);
    assert_eq!(page(&dao, &queue, 50, None).await.0, [waits.order.id]);
    let cost = statements(&catalogue) - before;
    assert!(cost <= 4, "{cost} statements");
    // What comes back into such a bucket is seen.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let late = place(&dao, &order_at(Uuid::now_v7(), begins[0] + 20_000)).await;
    assert_eq!(page(&dao, &queue, 50, None).await.0, [late.order.id, waits.order.id]);
    ground.drop_keyspace().await;
}
