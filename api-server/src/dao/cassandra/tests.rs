//! The DAOs on a real Cassandra, named by STORE_TEST_CASSANDRA (a comma list of `host[:port]`, with
//! STORE_TEST_REPLICATION replicas, 1 by default). Each test makes a keyspace of its own and drops
//! it. Without the variable they are skipped and say so.

mod levels;
mod orders;
mod users;

use std::sync::Arc;
use std::time::Duration;

use scylla::response::query_result::QueryResult;
use scylla::statement::SerialConsistency;
use scylla::statement::unprepared::Statement;
use tokio::time::Instant;
use uuid::Uuid;

use super::migrations::{KeyspaceToCreate, Migrator, expected_version};
use super::products::Intent;
use super::session::{Connected, Target, connect};
use super::{
    BackfillDaos, CassandraBlocks, CassandraIdempotency, CassandraLedger, CassandraOrders, CassandraProducts,
    CassandraUsers, Observer, Usage, execute, sweeper,
};
use crate::dao::backfill::{Part, Progress, Run};
use crate::dao::cluster::{PlacementError, Replication};
use crate::dao::contract::{self, ledger as contract_ledger, lists, orders as contract_orders, products};
use crate::dao::idempotency::{Answer, Begun, Claim, IdempotencyDao};
use crate::dao::ledger::{Account, Book, DayTurnover, Posted};
use crate::dao::orders::{Order, Replaced, Status, Stored};
use crate::dao::price::Price;
use crate::dao::products::{Filter, Inserted, LOOKED_AT_MAX, PageQuery, Product, ProductDao};
use crate::dao::ranks::Turned;
use crate::dao::set_aside::Aside;
use crate::dao::{Context, DaoError, Daos, Level, TraceTurn, now_ms};
use crate::models::backfill::{Backfill, Walked};
use crate::models::orders::tests::clocks::{self, Case, Meanwhile};
use crate::models::orders::tests::sweeps;
use crate::models::ranker::Ranker;
use crate::models::ranker::tests::Counted;
use crate::models::reports::Reports;
use crate::models::reports::tests::{every_report_is_right, fill, orders_of};

/// A keyspace for one test.
struct Ground {
    connected: Connected,
    keyspace: String,
}

const LEASE: Duration = Duration::from_millis(400);

impl Ground {
    async fn new() -> Option<Self> {
        let ground = Self::bare().await?;
        let done = ground.migrator().migrate(Some(&ground.to_create())).await;
        assert_eq!(done.unwrap().to, expected_version());
        Some(ground)
    }

    /// One whose keyspace is still to be made.
    async fn bare() -> Option<Self> {
        let Ok(hosts) = std::env::var("STORE_TEST_CASSANDRA") else {
            eprintln!("SKIPPED: STORE_TEST_CASSANDRA names no Cassandra, nothing was tested here");
            return None;
        };
        let target = Target {
            hosts: hosts.split(',').map(str::to_owned).collect(),
            credentials: None,
            datacenter: None,
            rack: None,
            statement_timeout: Duration::from_secs(10),
        };
        let connected = connect(&target).await.expect("STORE_TEST_CASSANDRA answers");
        Some(Self { connected, keyspace: format!("t_{}", Uuid::new_v4().simple()) })
    }

    fn migrator(&self) -> Migrator<'_> {
        let deadline = Instant::now() + Duration::from_secs(120);
        let serial = SerialConsistency::LocalSerial;
        Migrator::new(&self.connected.session, &self.keyspace, serial, deadline)
    }

    fn to_create(&self) -> KeyspaceToCreate {
        let state = self.connected.session.get_cluster_state();
        let datacenter = state.get_nodes_info()[0].datacenter.clone().unwrap();
        let replicas = std::env::var("STORE_TEST_REPLICATION").ok();
        KeyspaceToCreate { datacenter, replication_factor: replicas.and_then(|text| text.parse().ok()).unwrap_or(1) }
    }

    fn usage(&self) -> Usage {
        Usage {
            keyspace: self.keyspace.clone(),
            level: Level::LocalQuorum,
            serial: SerialConsistency::LocalSerial,
            statement_timeout: Duration::from_secs(10),
            conditional_timeout: Duration::from_secs(10),
            lease: LEASE,
            changes_kept: Duration::from_secs(3600),
            audit_kept: Duration::from_secs(3600),
        }
    }

    fn observer() -> Observer {
        Observer::register(&store_telemetry::Catalogue::new()).unwrap()
    }

    /// DAOs as a process has them, without its sweepers.
    async fn daos(&self) -> Daos {
        let (daos, sweepers) = super::daos(self.connected.clone(), &self.usage(), &Self::observer()).await.unwrap();
        drop(sweepers);
        daos
    }

    async fn products(&self) -> Arc<CassandraProducts> {
        let database = execute::Database::new(self.connected.clone(), &self.usage(), &Self::observer());
        Arc::new(CassandraProducts::prepare(Arc::new(database)).await.unwrap())
    }

    async fn users(&self) -> Arc<CassandraUsers> {
        let database = execute::Database::new(self.connected.clone(), &self.usage(), &Self::observer());
        Arc::new(CassandraUsers::prepare(Arc::new(database)).await.unwrap())
    }

    async fn ledger(&self) -> CassandraLedger {
        let database = execute::Database::new(self.connected.clone(), &self.usage(), &Self::observer());
        CassandraLedger::prepare(Arc::new(database)).await.unwrap()
    }

    /// One whose statements are counted.
    async fn orders(&self) -> (CassandraOrders, store_telemetry::Catalogue) {
        let catalogue = store_telemetry::Catalogue::new();
        let observer = Observer::register(&catalogue).unwrap();
        let database = execute::Database::new(self.connected.clone(), &self.usage(), &observer);
        (CassandraOrders::prepare(Arc::new(database)).await.unwrap(), catalogue)
    }

    async fn cql(&self, cql: &str) -> QueryResult {
        let cql = cql.replace("{ks}", &self.keyspace);
        self.connected.session.query_unpaged(cql, ()).await.unwrap()
    }

    async fn drop_keyspace(self) {
        // On a busy machine that takes longer than a statement may.
        let mut drop = Statement::new(format!("DROP KEYSPACE {}", self.keyspace));
        drop.set_request_timeout(Some(Duration::from_secs(120)));
        self.connected.session.query_unpaged(drop, ()).await.unwrap();
    }
}

fn cx() -> Context {
    Context::within(Duration::from_secs(20))
}

fn product(name: &str) -> Product {
    let id = Uuid::now_v7();
    let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
    let now = i64::try_from(seconds * 1000).unwrap() + i64::from(nanos / 1_000_000);
    Product {
        id,
        sku: Uuid::new_v4().to_string(),
        name: name.to_owned(),
        price: Price::new(1050, 2).unwrap(),
        brand: None,
        description: None,
        category: Some("tea".into()),
        version: 1,
        created_at: now,
        updated_at: now,
        low_stock: None,
        archived_at: None,
    }
}

async fn everything(daos: &Daos, limit: usize) -> Vec<Product> {
    lists::all(daos, Filter::default(), limit).await
}

#[tokio::test]
async fn the_store_in_cassandra_keeps_the_contract() {
    let Some(ground) = Ground::new().await else { return };
    contract::hold(&ground.daos().await).await;
    ground.drop_keyspace().await;
}

/// Until its answer goes a key has one, though its first try began long before.
#[tokio::test]
async fn a_key_that_was_taken_over_late_is_answered_until_all_of_it_is_forgotten() {
    let Some(ground) = Ground::new().await else { return };
    let database = execute::Database::new(ground.connected.clone(), &ground.usage(), &Ground::observer());
    let keys = CassandraIdempotency::keeping(Arc::new(database), 5).await.unwrap();
    let claim = Claim { key: "nightly".into(), request: [7; 32], operation: Uuid::new_v4(), resource: Uuid::now_v7() };
    let ours = Begun::Ours { operation: claim.operation, resource: claim.resource };
    assert_eq!(keys.begin(&cx(), &claim, 0).await, Ok(ours.clone()));
    // The first try is nearly forgotten when the next one works.
    let age = "SELECT TTL(request) FROM {ks}.idempotency_keys WHERE key = 'nightly'";
    let left = async || {
        let rows = ground.cql(age).await.into_rows_result().unwrap();
        rows.maybe_first_row::<(Option<i32>,)>().unwrap().and_then(|(left,)| left)
    };
    while left().await.is_some_and(|left| left > 2) {
        tokio::task::yield_now().await;
    }
    let next = Claim { operation: Uuid::new_v4(), ..claim.clone() };
    assert_eq!(keys.begin(&cx(), &next, -1).await, Ok(ours));
    let answer = Answer { status: 201, etag: None, location: None, body: b"{}".to_vec() };
    keys.finish(&cx(), &claim, &answer).await.unwrap();
    let began = Instant::now();
    loop {
        match keys.begin(&cx(), &next, i64::MAX / 4).await.unwrap() {
            Begun::Answered(told) => assert_eq!(told, answer),
            other => {
                assert_eq!(other, Begun::Ours { operation: next.operation, resource: next.resource });
                break;
            }
        }
    }
    assert!(began.elapsed() > Duration::from_secs(3), "it was kept for its time");
    // What programs before left of a key is free, too.
    ground.cql("UPDATE {ks}.idempotency_keys SET status = 201 WHERE key = 'half'").await;
    let half = Claim { key: "half".into(), ..next };
    let begun = keys.begin(&cx(), &half, 0).await;
    assert_eq!(begun, Ok(Begun::Ours { operation: half.operation, resource: half.resource }));
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn migrations_are_applied_once_and_a_second_run_changes_nothing() {
    let Some(ground) = Ground::new().await else { return };
    let again = ground.migrator().migrate(Some(&ground.to_create())).await.unwrap();
    assert_eq!((again.from, again.to), (expected_version(), expected_version()));
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn of_many_migrating_writers_each_ends_well_and_one_does_the_work() {
    let Some(fresh) = Ground::bare().await else { return };
    let create = fresh.to_create();
    fresh.migrator().create_keyspace_for_tests(&create).await;
    let writers = (0..4).map(|_| async { fresh.migrator().migrate(None).await.unwrap().from });
    let from = futures::future::join_all(writers).await;
    assert!(from.contains(&0), "{from:?}");
    assert_eq!(fresh.migrator().version().await.unwrap(), Some(expected_version()));
    let result = fresh.cql("SELECT owner FROM {ks}.schema_lease").await;
    assert_eq!(result.into_rows_result().unwrap().rows_num(), 0, "the lease was given back");
    fresh.drop_keyspace().await;
}

#[tokio::test]
async fn a_keyspace_whose_nodes_are_still_to_come_is_migrated_at_one() {
    let Some(ground) = Ground::bare().await else { return };
    let nodes = u16::try_from(ground.connected.session.get_cluster_state().get_nodes_info().len()).unwrap();
    let create = KeyspaceToCreate { replication_factor: 2 * nodes, ..ground.to_create() };
    let done = ground.migrator().at(Level::One).migrate(Some(&create)).await.unwrap();
    assert_eq!((done.from, done.to), (0, expected_version()));
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_list_of_many_buckets_is_walked_in_order_and_each_page_is_bounded() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let dao = ground.products().await;
    let mut made = Vec::new();
    for round in 0..3 {
        for at in 0..4 {
            let product = product(&format!("Round {round} number {at}"));
            let done = dao.insert(&cx(), &product, Uuid::new_v4()).await;
            assert!(matches!(done, Ok(Inserted::Done(_))), "{done:?}");
            made.push(product);
        }
        // A bucket that begins now, as one that was opened some seconds ago.
        let begins = dao.buckets().begins(&cx()).await.unwrap();
        let newest = *begins.last().unwrap();
        dao.buckets().open(&cx(), newest, now_ms()).await.unwrap();
        dao.buckets().read_again(&cx()).await;
        assert_eq!(dao.buckets().begins(&cx()).await.unwrap().len(), round + 2);
    }
    made.reverse();
    let daos = Daos { products: dao, ..daos };
    for limit in [1, 3, 4, 5, 12, 100] {
        assert_eq!(everything(&daos, limit).await, made, "limit {limit}");
        let filters = [
            Filter { category: Some("tea".into()), ..Filter::default() },
            Filter { name_prefix: Some("ROUND".into()), ..Filter::default() },
        ];
        for filter in filters {
            assert_eq!(lists::all(&daos, filter, limit).await, made, "limit {limit}");
        }
    }
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn two_processes_open_one_bucket_after_the_newest() {
    let Some(ground) = Ground::new().await else { return };
    let (one, other) = (ground.products().await, ground.products().await);
    let begin = now_ms();
    one.buckets().open(&cx(), 0, begin).await.unwrap();
    // The other does not know yet; its bucket after 0 is not opened.
    other.buckets().open(&cx(), 0, begin + 5).await.unwrap();
    other.buckets().read_again(&cx()).await;
    assert_eq!(*other.buckets().begins(&cx()).await.unwrap(), vec![0, begin]);
    assert!(!one.buckets().open_if_full(&cx()).await.unwrap());
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_change_that_a_crash_left_half_way_is_finished_by_the_sweeper() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let dao = ground.products().await;
    let (made, changed, removed) = (product("Made"), product("Changed"), product("Removed"));
    for product in [&changed, &removed] {
        products::insert(&daos, product).await;
    }
    // What a process leaves that dies right after its LWT: the truth and the intent.
    let set = format!(
        "INSERT INTO {{ks}}.products (id, sku, name, price, category, version, created_at, \
         updated_at, bucket, sku_claim, operations) VALUES ({0}, '{1}', 'Made', 10.50, 'tea', 1, \
         {2}, {2}, 0, {0}, [{0}]) IF NOT EXISTS",
        made.id, made.sku, made.created_at
    );
    ground.cql(&set).await;
    let change = format!(
        "UPDATE {{ks}}.products SET name = 'Renamed', category = 'coffee', version = 2 \
         WHERE id = {} IF version = 1",
        changed.id
    );
    ground.cql(&change).await;
    let remove = format!("DELETE FROM {{ks}}.products WHERE id = {} IF EXISTS", removed.id);
    ground.cql(&remove).await;
    let cx = cx();
    dao.intents.write(&cx, &Intent::of_new(&cx, made.id, made.id)).await.unwrap();
    for before in [&changed, &removed] {
        let place = super::listing::copies::Place::of(before, 0);
        let intent = Intent::of_change(&cx, place, Uuid::new_v4());
        dao.intents.write(&cx, &intent).await.unwrap();
    }
    let names = |products: Vec<Product>| -> Vec<String> { products.into_iter().map(|product| product.name).collect() };
    assert_eq!(names(everything(&daos, 10).await), ["Removed", "Changed"]);
    let next = sweeper::sweep(&*dao, Some(cx.now_ms - 1000), now_ms(), &mut Aside::unseen()).await.unwrap();
    assert!(next > cx.now_ms);
    assert_eq!(names(everything(&daos, 10).await), ["Renamed", "Made"]);
    let kind = |name: &str| Filter { category: Some(name.into()), ..Filter::default() };
    assert_eq!(names(lists::all(&daos, kind("tea"), 10).await), ["Made"]);
    assert_eq!(names(lists::all(&daos, kind("coffee"), 10).await), ["Renamed"]);
    let prefix = |text: &str| Filter { name_prefix: Some(text.into()), ..Filter::default() };
    assert!(lists::all(&daos, prefix("changed"), 10).await.is_empty());
    let words = |text: &str| Filter { words: Some(text.into()), ..Filter::default() };
    assert_eq!(names(lists::all(&daos, words("RENAMED"), 10).await), ["Renamed"]);
    assert_eq!(names(lists::all(&daos, words("made"), 10).await), ["Made"]);
    for gone in ["changed", "removed"] {
        let result =
            ground.cql(&format!("SELECT id FROM {{ks}}.products_by_word WHERE word = '{gone}' AND bucket = 0")).await;
        assert_eq!(result.into_rows_result().unwrap().rows_num(), 0, "{gone}");
    }
    let result = ground.cql("SELECT at FROM {ks}.product_intents").await;
    assert_eq!(result.into_rows_result().unwrap().rows_num(), 0, "no intent is left");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn the_sweeper_of_a_process_sweeps_and_keeps_its_position() {
    let Some(ground) = Ground::new().await else { return };
    let dao = ground.products().await;
    let _sweeper = sweeper::Sweeper::start(&dao, LEASE, Ground::observer().sweeps());
    let mut kept = None;
    for _ in 0..200 {
        kept = dao.intents.done_until(&cx()).await.unwrap();
        if kept.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kept = kept.expect("the first sweep begins at once");
    assert!((now_ms() - kept) < 60_000, "{kept}");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn an_intent_of_a_creation_that_may_still_come_is_kept() {
    let Some(ground) = Ground::new().await else { return };
    let dao = ground.products().await;
    let cx = cx();
    let intent = Intent::of_new(&cx, Uuid::now_v7(), Uuid::new_v4());
    dao.intents.write(&cx, &intent).await.unwrap();
    let next = sweeper::sweep(&*dao, Some(cx.now_ms - 1000), now_ms(), &mut Aside::unseen()).await.unwrap();
    assert_eq!(next, intent.at - 1, "the next sweep looks at it again");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_sku_claimed_by_a_dead_creation_is_taken_over_behind_a_fence() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let dead = product("Dead");
    let heir = Product { sku: dead.sku.clone(), ..product("Heir") };
    // The dead request came as far as its claim.
    let operation = Uuid::new_v4();
    let claim = format!(
        "INSERT INTO {{ks}}.product_skus (sku, product_id, claim, claimed_at) \
         VALUES ('{}', {}, {operation}, {}) IF NOT EXISTS",
        dead.sku,
        dead.id,
        now_ms()
    );
    ground.cql(&claim).await;
    let early = daos.products.insert(&cx(), &heir, Uuid::new_v4()).await;
    assert_eq!(early, Ok(Inserted::InFlight));
    tokio::time::sleep(LEASE * 2).await;
    products::insert(&daos, &heir).await;
    // It was not dead, only slow: it goes on with its next step and is stopped by the fence.
    let late = daos.products.insert(&cx(), &dead, operation).await;
    assert_eq!(late, Ok(Inserted::Taken));
    assert_eq!(products::find(&daos, dead.id).await, None);
    let skus = Filter { sku: Some(dead.sku.clone()), ..Filter::default() };
    assert_eq!(lists::all(&daos, skus, 10).await, [heir]);
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_used_up_product_id_is_never_created() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let slow = product("Slow");
    let fence = format!(
        "INSERT INTO {{ks}}.products (id, operations) VALUES ({}, [{}]) IF NOT EXISTS",
        slow.id,
        Uuid::new_v4()
    );
    ground.cql(&fence).await;
    let done = daos.products.insert(&cx(), &slow, Uuid::new_v4()).await;
    assert_eq!(done, Ok(Inserted::InFlight));
    assert_eq!(products::find(&daos, slow.id).await, None);
    assert_eq!(daos.products.load(&cx(), slow.id).await, Ok(None));
    assert!(everything(&daos, 10).await.is_empty());
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_sku_that_a_dead_change_claimed_is_taken_over_and_the_change_stopped() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let owner = product("Owner");
    products::insert(&daos, &owner).await;
    let before = daos.products.load(&cx(), owner.id).await.unwrap().unwrap();
    let wanted = Uuid::new_v4().to_string();
    let operation = Uuid::new_v4();
    let claim = format!(
        "INSERT INTO {{ks}}.product_skus (sku, product_id, claim, claimed_at) \
         VALUES ('{wanted}', {}, {operation}, 1000) IF NOT EXISTS",
        owner.id
    );
    ground.cql(&claim).await;
    let heir = Product { sku: wanted.clone(), ..product("Heir") };
    products::insert(&daos, &heir).await;
    let after = Product { sku: wanted, version: 2, ..owner.clone() };
    let late = daos.products.replace(&cx(), &before, &after, operation).await;
    assert_eq!(late, Ok(crate::dao::products::Replaced::Taken));
    // Read again it can be changed as ever, with the fence known.
    let before = daos.products.load(&cx(), owner.id).await.unwrap().unwrap();
    assert!(before.marks.fence.is_some());
    let renamed = Product { name: "Renamed".into(), version: 2, ..owner };
    let done = daos.products.replace(&cx(), &before, &renamed, Uuid::new_v4()).await;
    assert!(matches!(done, Ok(crate::dao::products::Replaced::Done(_))), "{done:?}");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_read_at_a_level_that_can_never_be_reached_is_the_clients_mistake() {
    let Some(ground) = Ground::new().await else { return };
    if ground.to_create().replication_factor != 1 {
        ground.drop_keyspace().await;
        return;
    }
    let daos = ground.daos().await;
    let product = product("Two");
    let two = Context { level: Some(Level::Two), ..cx() };
    products::insert(&daos, &product).await;
    // One replica can never be two: no second try would help.
    let refused = DaoError::Level { level: Level::Two, detail: "the keyspace has fewer replicas" };
    let mut found = Vec::new();
    let read = daos.products.find(&two, product.id, &mut found).await;
    assert_eq!(read.err(), Some(refused));
    for level in [Level::One, Level::LocalOne, Level::Quorum, Level::All, Level::Serial] {
        let cx = Context { level: Some(level), ..cx() };
        let mut found = Vec::new();
        let receipt = daos.products.find(&cx, product.id, &mut found).await.unwrap();
        assert_eq!((found.len(), receipt.level), (1, level));
        assert!(receipt.coordinator.is_some());
        let query = PageQuery { filter: Filter::default(), limit: 5, after: None, look_at: LOOKED_AT_MAX };
        daos.products.page(&cx, &query, &mut found).await.unwrap();
        assert_eq!(found.len(), 2);
    }
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn settled_movements_move_on_to_the_history_and_their_ids_stay_refused() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let ledger = ground.ledger().await;
    let account = Account::stock(Uuid::now_v7());
    let mut all = Vec::new();
    // Each a little over what is kept, and the last over the end of a block.
    for before in (0..1_200).step_by(60) {
        let posting = contract_ledger::posting(before, 60);
        contract_ledger::post(&daos, account, before, &posting).await;
        all.extend(posting.movements);
    }
    let count = |part| {
        let id = account.id;
        format!("SELECT count(*) FROM {{ks}}.ledgers WHERE book = 'stock' AND id = {id} AND part = {part}")
    };
    let rows_of = async |part: i8| {
        let rows = ground.cql(&count(part)).await.into_rows_result().unwrap();
        rows.first_row::<(i64,)>().unwrap().0
    };
    // Postings settle in the background, too: who meets another one at it leaves the rest to that one.
    let deadline = Instant::now() + Duration::from_secs(30);
    let left = loop {
        ledger.settle(&cx(), account).await;
        let left = rows_of(0).await;
        if left < 512 || Instant::now() > deadline {
            break left;
        }
    };
    assert!((256..512).contains(&left), "{left} movements stayed with their account");
    all.reverse();
    let mut found = Vec::new();
    let mut before = i64::MAX;
    loop {
        let (page, _) = daos.ledger.movements(&cx(), account, before, 97).await.unwrap();
        let Some(last) = page.last() else { break };
        before = last.version;
        found.extend(page);
    }
    assert_eq!(found, all);
    for movement in [&all[0], &all[700], all.last().unwrap()] {
        let made = daos.ledger.made(&cx(), account, &[movement.id, Uuid::new_v4()]).await;
        assert_eq!(made.as_deref(), Ok(std::slice::from_ref(movement)));
    }
    assert_eq!(daos.ledger.load(&cx(), account).await.unwrap().unwrap().version, 1_200);
    assert_eq!(rows_of(2).await, 1_200, "each id has its row");
    for used in [&all[0], &all[700], all.last().unwrap()] {
        let mut again = contract_ledger::posting(1_200, 3);
        again.movements[1].id = used.id;
        assert_eq!(daos.ledger.post(&cx(), account, 1_200, &again).await, Ok(Posted::Used), "{}", used.version);
    }
    // How a posting of unknown outcome learns it: by its own movements, wherever those are.
    let oldest = all.len() - 5;
    for movements in [&all[..5], &all[oldest..]] {
        let movements: Vec<_> = movements.iter().rev().cloned().collect();
        let version = movements[0].version;
        assert_eq!(ledger.is_made(&cx(), account, &movements).await, Ok(true), "{version}");
        for other in [0, 4] {
            let mut rival = movements.clone();
            rival[other].id = Uuid::new_v4();
            assert_eq!(ledger.is_made(&cx(), account, &rival).await, Ok(false), "{version} but for one");
        }
    }
    let never = contract_ledger::posting(1_200, 1).movements;
    assert_eq!(ledger.is_made(&cx(), account, &never).await, Ok(false));
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_thousand_orders_that_are_cut_at_once_are_settled_by_two_processes_together() {
    let Some(ground) = Ground::new().await else { return };
    let (one, other) = (ground.daos().await, ground.daos().await);
    sweeps::divide([&one, &other], 1_000).await;
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn however_far_apart_two_clocks_are_an_order_is_made_once() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let (mut played, quantities) = (0, [2, 3]);
    for ahead_s in [5, 40, 4_000, -40] {
        for writes in 0..5 {
            for meanwhile in [Meanwhile::Retried, Meanwhile::RetriedThenSwept, Meanwhile::SweptThenRetried] {
                let case = Case { quantities, ahead_s, corrected: true, writes, late: false, meanwhile };
                clocks::play(&daos, case).await;
                played += 1;
            }
        }
    }
    // Its notes lie where nobody looks at first. Past its deadline it sends nothing but what was on its way.
    for writes in 0..5 {
        for late in [false, true] {
            let meanwhile = Meanwhile::RetriedThenSwept;
            clocks::play(&daos, Case { quantities, ahead_s: 4_000, corrected: false, writes, late, meanwhile }).await;
            played += 1;
        }
    }
    println!("{played} cases");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn what_a_user_has_spent_stands_in_the_list_of_the_user() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let order = contract::orders::order(Uuid::now_v7());
    let done = daos.orders.insert(&cx(), &order, Uuid::new_v4()).await;
    let Ok(crate::dao::orders::Inserted::Done(made, _)) = done else { panic!("{done:?}") };
    daos.orders.list(&cx(), &made).await.unwrap();
    let spent = async || {
        let rows = ground.cql("SELECT id, spent, version FROM {ks}.orders_by_user").await.into_rows_result().unwrap();
        rows.rows::<(Uuid, i64, i64)>().unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(spent().await, [(order.id, order.total, 1)]);
    let cancelled =
        crate::dao::orders::Order { status: crate::dao::orders::Status::Cancelled, version: 2, ..order.clone() };
    let done = daos.orders.replace(&cx(), &made, &cancelled, Uuid::new_v4()).await;
    let Ok(crate::dao::orders::Replaced::Done(cancelled, _)) = done else { panic!("{done:?}") };
    daos.orders.list(&cx(), &cancelled).await.unwrap();
    // What was decided before may be listed after it.
    daos.orders.list(&cx(), &made).await.unwrap();
    assert_eq!(spent().await, [(order.id, 0, 2)]);
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn notes_of_the_version_before_are_swept_and_removed_where_they_lie() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let (order, operation, at) = (Uuid::now_v7(), Uuid::new_v4(), now_ms() - 130_000);
    let minute = at.div_euclid(60_000);
    let insert = format!(
        "INSERT INTO {{ks}}.order_intents (minute, at, operation, order_id) VALUES ({minute}, {at}, {operation}, {order})"
    );
    ground.cql(&insert).await;
    let old = crate::dao::orders::OLD_NOTES;
    let note = crate::dao::orders::Note { at, operation, order, contents: None };
    let found = async || daos.orders.notes(&cx(), old, at - 1, now_ms()).await.unwrap().0;
    assert_eq!(found().await, std::slice::from_ref(&note));
    assert!(daos.orders.note(&cx(), &note).await.is_err(), "nothing new is written there");
    daos.orders.forget_all(&cx(), &[note]).await.unwrap();
    assert_eq!(found().await, []);
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_read_is_coordinated_by_the_node_that_was_chosen_or_by_none() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let product = product("Chosen");
    daos.products.insert(&cx(), &product, Uuid::new_v4()).await.unwrap();
    let nodes: Vec<_> = daos.cluster.nodes(&cx()).await.unwrap().into_iter().map(|node| node.address).collect();
    for node in nodes {
        let via = Context { via: Some(node), ..cx() };
        for _ in 0..3 {
            let mut found: Vec<Product> = Vec::new();
            let receipt = daos.products.find(&via, product.id, &mut found).await.unwrap();
            assert_eq!((found.as_slice(), receipt.coordinator), (std::slice::from_ref(&product), Some(node)));
        }
    }
    let stranger = "192.0.2.1".parse().unwrap();
    let via = Context { via: Some(stranger), ..cx() };
    let mut found: Vec<Product> = Vec::new();
    let refused = daos.products.find(&via, product.id, &mut found).await;
    assert!(matches!(refused, Err(DaoError::Node { node, .. }) if node == stranger), "{refused:?}");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn a_trace_is_taken_and_summed_up() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let turn = TraceTurn::enter().unwrap();
    let traced = Context { trace: turn.ask(), ..cx() };
    let mut found = Vec::new();
    let receipt = daos.products.find(&traced, Uuid::now_v7(), &mut found).await.unwrap();
    let summary = daos.cluster.trace_summary(receipt.trace.unwrap()).await.unwrap();
    assert!(summary.starts_with("coordinator=127."), "{summary}");
    assert!(summary.contains("duration_us="), "{summary}");
    let trace = daos.cluster.trace(&cx(), receipt.trace.unwrap()).await.unwrap().unwrap();
    assert_eq!((Some(trace.id), trace.coordinator), (receipt.trace, receipt.coordinator));
    assert!(
        trace.events.iter().any(|event| event.node == receipt.coordinator && event.activity.is_some()),
        "{trace:?}"
    );
    assert_eq!(daos.cluster.trace(&cx(), Uuid::now_v7()).await, Ok(None), "of a statement that nobody traced");
    let mut again = Vec::new();
    let receipt = daos.products.find(&traced, Uuid::now_v7(), &mut again).await.unwrap();
    assert_eq!(receipt.trace, None, "of one request one statement is traced");
    drop(turn);
    let turn = TraceTurn::enter().unwrap();
    let traced = Context { trace: turn.ask(), ..cx() };
    let product = product("Traced");
    let done = daos.products.insert(&traced, &product, Uuid::new_v4()).await;
    let Ok(Inserted::Done(receipt)) = done else { panic!("{done:?}") };
    assert!(receipt.trace.is_some());
    drop(turn);
    let turn = TraceTurn::enter().unwrap();
    let traced = Context { trace: turn.ask(), ..cx() };
    let person = contract::users::user("Nobody reads this");
    let done = daos.users.insert(&traced, &person, Uuid::new_v4()).await;
    let Ok(Inserted::Done(receipt)) = done else { panic!("{done:?}") };
    assert_eq!(receipt.trace, None, "nothing of people is in a trace");
    assert_eq!(daos.users.find(&traced, person.id, &mut Vec::new()).await.unwrap().trace, None);
    assert!(traced.trace.take(), "nobody took it");
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn the_ring_is_shown_with_its_nodes_keyspaces_and_placement() {
    let Some(ground) = Ground::new().await else { return };
    let cluster = ground.daos().await.cluster;
    let nodes = cluster.nodes(&cx()).await.unwrap();
    assert!(!nodes.is_empty());
    for node in &nodes {
        assert!(node.up && !node.tokens.is_empty(), "{node:?}");
        assert!(node.release_version.is_some() && node.schema_version.is_some());
        assert!(node.tokens.is_sorted());
    }
    let keyspaces = cluster.keyspaces(&cx()).await.unwrap();
    let ours = keyspaces.iter().find(|found| found.name == ground.keyspace).unwrap();
    let factor = usize::from(ground.to_create().replication_factor);
    let Replication::NetworkTopology(factors) = &ours.strategy else { panic!("{:?}", ours.strategy) };
    assert_eq!(factors.values().copied().collect::<Vec<_>>(), [factor]);
    assert_eq!(
        ours.tables["products_by_category"],
        [("category".into(), "text".into()), ("bucket".into(), "bigint".into())]
    );
    let ring = cluster.ring(&cx(), &ground.keyspace).await.unwrap().unwrap();
    let tokens: usize = nodes.iter().map(|node| node.tokens.len()).sum();
    assert_eq!(ring.ranges.len(), tokens);
    for (at, range) in ring.ranges.iter().enumerate() {
        assert_eq!(range.replicas.len(), factor);
        let before = (at + tokens - 1) % tokens;
        assert_eq!(range.start, ring.ranges[before].end);
    }
    assert_eq!(cluster.ring(&cx(), "nowhere").await.unwrap(), None);
    let id = Uuid::now_v7().to_string();
    let place = cluster.placement(&cx(), "products", std::slice::from_ref(&id)).await.unwrap();
    assert_eq!(place.replicas.len(), factor);
    ground.cql(&format!("SELECT token(id) FROM {{ks}}.products WHERE id = {id}")).await;
    let two = ["tea".to_owned(), "0".to_owned()];
    assert!(cluster.placement(&cx(), "products_by_category", &two).await.is_ok());
    for (table, key) in [("nothing", &two[..1]), ("products", &two), ("products", &two[..1])] {
        let refused = cluster.placement(&cx(), table, key).await.unwrap_err();
        assert!(!matches!(refused, PlacementError::Dao(_)), "{refused}");
    }
    assert_eq!(cluster.ready(&cx()).await, Ok(()));
    // As it is on a replica that has just become one.
    ground.cql("TRUNCATE {ks}.schema_migrations").await;
    assert_eq!(cluster.ready(&cx()).await, Ok(()));
    let session = Arc::clone(&ground.connected.session);
    ground.drop_keyspace().await;
    session.await_schema_agreement().await.unwrap();
    assert!(cluster.ready(&cx()).await.is_err());
}

/// As a process of the version before makes the next version of an order: its list by user says nothing of what it counts for.
async fn become_of_old(ground: &Ground, daos: &Daos, before: &Stored, status: Status) -> Stored {
    let after = Order { status, version: before.order.version + 1, ..before.order.clone() };
    let Ok(Replaced::Done(stored, _)) = daos.orders.replace(&cx(), before, &after, Uuid::new_v4()).await else {
        panic!("moved")
    };
    let (user, bucket, id) = (stored.order.user, stored.bucket, stored.order.id);
    ground
        .cql(&format!("INSERT INTO {{ks}}.orders_by_user (user_id, bucket, id) VALUES ({user}, {bucket}, {id})"))
        .await;
    ground.cql(&format!("INSERT INTO {{ks}}.order_user_buckets (user_id, bucket) VALUES ({user}, {bucket})")).await;
    stored
}

/// As a process of the version before ranks an account.
async fn rank_as_before(ground: &Ground, account: Account, slot: i64) {
    let (book, id) = (account.book.name(), account.id);
    ground.cql(&format!("INSERT INTO {{ks}}.rank_slots (book, slot, used) VALUES ('{book}', {slot}, true)")).await;
    ground.cql(&format!("INSERT INTO {{ks}}.rank_members (book, slot, id) VALUES ('{book}', {slot}, {id})")).await;
}

#[tokio::test]
async fn what_processes_of_the_version_before_sold_is_in_the_reports_once_it_was_gone_through() {
    let Some(ground) = Ground::new().await else { return };
    let daos = ground.daos().await;
    let made = super::backfill(ground.connected.clone(), &ground.usage(), &Ground::observer()).await;
    let BackfillDaos { backfill: old, blocks, turnovers } = made.unwrap();
    let mut users = Vec::new();
    for at in 0..230_i64 {
        // Two slots of users; every tenth has ordered.
        let user = Account::spending(Uuid::now_v7());
        rank_as_before(&ground, user, 5 + at % 2).await;
        users.push(user.id);
    }
    let mut orders = Vec::new();
    for (at, user) in users.iter().enumerate().filter(|(at, _)| at % 10 == 0) {
        let total = i64::try_from(at).unwrap() * 100 + 100;
        let order = Order { total, ..contract_orders::order(*user) };
        let stored = contract_orders::insert(&daos, &order).await;
        orders.push(become_of_old(&ground, &daos, &stored, Status::Confirmed).await);
    }
    let product = Account::stock(Uuid::now_v7());
    let mut sold = contract_ledger::posting(0, 1);
    sold.days = vec![DayTurnover { day: 20_000, before: None, after: 9 }];
    contract_ledger::post(&daos, product, 0, &sold).await;
    rank_as_before(&ground, product, 3).await;

    let ranker = Ranker::new(Arc::clone(&blocks), Arc::clone(&turnovers));
    let reports = Reports::new(blocks, Arc::clone(&turnovers), Arc::new(Vec::<Turned>::new()));
    let top = async |book| reports.top(&cx(), book, 100, None).await.unwrap().0;
    assert_eq!(top(Book::Spending).await, []);
    let backfill = Backfill::new(Arc::clone(&old), ranker.clone());
    let in_time = || Instant::now() + Duration::from_secs(60);
    assert_eq!(backfill.walk(Run::Before, in_time()).await, Ok(Walked::Done));
    let truth = |orders: &[Stored]| {
        let spent = orders.iter().filter(|stored| stored.order.status != Status::Cancelled);
        let mut spent: Vec<(Uuid, i64)> = spent.map(|stored| (stored.order.user, stored.order.total)).collect();
        spent.sort_by_key(|(id, spent)| (std::cmp::Reverse(*spent), *id));
        spent
    };
    assert_eq!(top(Book::Spending).await, truth(&orders));
    assert_eq!(top(Book::Stock).await, [(product.id, 9)]);
    assert_eq!(old.progress(&cx(), Run::Before, Part::Ranks(Book::Spending)).await, Ok(Progress::Done));

    // While the new version is rolled out one of before cancels an order, which no note tells of.
    let last = orders.pop().unwrap();
    orders.push(become_of_old(&ground, &daos, &last, Status::Cancelled).await);
    // It was the only one of its user, who is off the old ranks now.
    let user = last.order.user;
    for slot in [5, 6] {
        ground
            .cql(&format!("DELETE FROM {{ks}}.rank_members WHERE book = 'spending' AND slot = {slot} AND id = {user}"))
            .await;
    }
    assert_eq!(top(Book::Spending).await[0], (last.order.user, last.order.total));
    let worker = Uuid::new_v4();
    assert_eq!(old.hold(&cx(), Run::After, worker).await, Ok(true));
    assert_eq!(old.hold(&cx(), Run::After, worker).await, Ok(true), "renewed");
    assert_eq!(backfill.walk(Run::After, in_time()).await, Ok(Walked::Held));
    ground.cql("DELETE worker FROM {ks}.backfills WHERE name = 'after'").await;
    assert_eq!(backfill.walk(Run::After, in_time()).await, Ok(Walked::Done));
    assert_eq!(top(Book::Spending).await, truth(&orders));

    // One of this version that an old process lists once more, under its shard, counts once.
    let mine = loop {
        let order = Order { total: 2_000_000, ..contract_orders::order(Uuid::now_v7()) };
        let stored = contract_orders::insert(&daos, &order).await;
        if stored.bucket % 16 != 0 {
            break stored;
        }
    };
    daos.orders.list(&cx(), &mine).await.unwrap();
    let today = [Turned { account: Account::spending(mine.order.user), day: mine.order.day() }];
    ranker.rank(&cx(), &today).await.unwrap();
    assert_eq!(top(Book::Spending).await[0], (mine.order.user, 2_000_000));
    let paid = become_of_old(&ground, &daos, &mine, Status::Paid).await;
    ranker.rank(&cx(), &today).await.unwrap();
    assert_eq!(top(Book::Spending).await[0], (mine.order.user, 2_000_000));
    become_of_old(&ground, &daos, &paid, Status::Cancelled).await;
    assert_eq!(backfill.walk(Run::Later, in_time()).await, Ok(Walked::Done));
    assert_eq!(top(Book::Spending).await, truth(&orders));

    // What says nothing is counted by whoever ranks the day, too.
    let first = &orders[0].order;
    let again = contract_orders::insert(&daos, &Order { total: 1_000_000, ..contract_orders::order(first.user) }).await;
    let again = become_of_old(&ground, &daos, &again, Status::Confirmed).await;
    ranker.rank(&cx(), &[Turned { account: Account::spending(first.user), day: again.order.day() }]).await.unwrap();
    assert_eq!(top(Book::Spending).await[0], (first.user, 1_000_000 + first.total));
    ground.drop_keyspace().await;
}

#[tokio::test]
async fn products_of_the_version_before_are_found_by_their_words_once_they_were_gone_through() {
    let Some(ground) = Ground::new().await else { return };
    let dao = ground.products().await;
    let mut made = Vec::new();
    let mut newest = 0;
    for many in [101, 3] {
        // One that has read where buckets begin.
        let daos = ground.daos().await;
        for at in 0..many {
            let product = product(&format!("Lamp {at} of {many}"));
            products::insert(&daos, &product).await;
            made.push(product.id);
        }
        dao.buckets().read_again(&cx()).await;
        let begin = now_ms();
        dao.buckets().open(&cx(), newest, begin).await.unwrap();
        newest = begin;
    }
    let daos = ground.daos().await;
    let gone = daos.products.load(&cx(), made[7]).await.unwrap().unwrap();
    daos.products.remove(&cx(), &gone, Uuid::new_v4()).await.unwrap();
    made.remove(7);
    // As if processes of before had made them.
    ground.cql("TRUNCATE {ks}.products_by_word").await;
    ground.cql("TRUNCATE {ks}.product_word_buckets").await;
    let lamps = || async {
        let filter = Filter { words: Some("lamp".into()), ..Filter::default() };
        let found = lists::all(&daos, filter, 100).await;
        let mut ids: Vec<Uuid> = found.into_iter().map(|product| product.id).collect();
        ids.sort_unstable();
        ids
    };
    assert!(lamps().await.is_empty());
    let backfilled = super::backfill(ground.connected.clone(), &ground.usage(), &Ground::observer()).await.unwrap();
    let ranker = Ranker::new(backfilled.blocks, backfilled.turnovers);
    let backfill = Backfill::new(Arc::clone(&backfilled.backfill), ranker);
    let in_time = Instant::now() + Duration::from_secs(60);
    assert_eq!(backfill.walk(Run::Before, in_time).await, Ok(Walked::Done));
    made.sort_unstable();
    assert_eq!(lamps().await, made);
    let done = backfilled.backfill.progress(&cx(), Run::Before, Part::Words).await;
    assert_eq!(done, Ok(Progress::Done));
    ground.drop_keyspace().await;
}

/// With STORE_TEST_ACCOUNTS accounts.
#[tokio::test]
#[ignore = "fills tables for minutes"]
async fn every_kind_of_report_over_a_million_accounts_takes_few_statements() {
    let Some(ground) = Ground::new().await else { return };
    let accounts = std::env::var("STORE_TEST_ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let database = execute::Database::new(ground.connected.clone(), &ground.usage(), &Ground::observer());
    let blocks = CassandraBlocks::prepare(Arc::new(database)).await.unwrap();
    let days = orders_of(accounts, accounts + accounts / 2);
    let began = Instant::now();
    fill(&blocks, Book::Stock, &days).await;
    println!("filled in {} s", began.elapsed().as_secs());
    every_report_is_right(&Arc::new(Counted::over(blocks)), &days, accounts).await;
    ground.drop_keyspace().await;
}
