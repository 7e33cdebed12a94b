//! How soon what a crash leaves is settled, and that sweepers divide the work. On the store in memory, whose time passes as the
//! runtime's; and by the tests of the store in Cassandra on that.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::*;
use crate::models::orders::sweep::Sweeps;

/// Products of the shop, each with as many units.
const PRODUCTS: usize = 40;
const UNITS: i64 = 10_000;
/// Orders of which processes die at the same time.
const ORDERS_AT_ONCE: usize = 16;

/// A shop with much of much, and orders whose processes died at different steps.
pub struct Cut {
    shop: Shop,
    orders: Vec<Uuid>,
}

impl Cut {
    /// An open shop.
    pub async fn open(daos: &crate::dao::Daos) -> Self {
        let products: Vec<Uuid> = (0..PRODUCTS).map(|_| Uuid::now_v7()).collect();
        let shop = Shop::over(daos.clone(), Uuid::now_v7(), &products, 0).await;
        for product in products {
            shop.set(product, UNITS).await;
        }
        Self { shop, orders: Vec::new() }
    }

    /// So many orders are cut after one to five of their writes; how many of them took something.
    pub async fn cut(&mut self, orders: usize) {
        let shop = &self.shop;
        let cut = (0..orders).map(|at| async move {
            let pair = [shop.products[at % PRODUCTS], shop.products[(at + 1) % PRODUCTS]];
            let draft = Draft { user: shop.user, items: pair.map(|product| (product, 1)).to_vec() };
            let writes = i64::try_from(at % 5).unwrap() + 1;
            let identity = keyed();
            let _ = shop.mortal(&Life::of(writes, at % 2 == 0)).create(&cx(), draft, identity).await;
            identity.resource
        });
        let ids: Vec<Uuid> = stream::iter(cut).buffer_unordered(ORDERS_AT_ONCE).collect().await;
        self.orders.extend(ids);
        let noted: usize = self.left().await;
        assert!(noted >= orders, "{noted} notes");
    }

    /// Notes that are left, of the last minutes.
    pub async fn left(&self) -> usize {
        let now = crate::dao::now_ms();
        let mut left = 0;
        for shard in 0..NOTE_SHARDS {
            left += self.shop.daos.orders.notes(&cx(), shard, now - 120_000, now + 60_000).await.unwrap().0.len();
        }
        left
    }

    /// Each order is there, confirmed or refused, and the stocks say the same; how many are confirmed.
    pub async fn judge(&self) -> usize {
        let mut stocks: BTreeMap<Uuid, i64> = self.shop.products.iter().map(|id| (*id, UNITS)).collect();
        let mut confirmed = 0;
        let (mut told, mut listed) = (BTreeSet::new(), BTreeSet::new());
        for id in &self.orders {
            let stored = self.shop.daos.orders.load(&cx(), *id).await.unwrap();
            // One that came no further than to its note may have written none.
            let Some(Stored { order, .. }) = stored else { continue };
            match order.status {
                Status::Confirmed => {
                    confirmed += 1;
                    told.insert(*id);
                    for line in order.lines {
                        *stocks.get_mut(&line.product).unwrap() -= line.quantity;
                    }
                }
                status => assert_eq!(status, Status::Refused),
            }
        }
        for (product, expected) in stocks {
            assert_eq!(self.shop.quantity(product).await, expected);
        }
        let filter = Filter { user: Some(self.shop.user), ..Filter::default() };
        let mut after = None;
        loop {
            let (page, end) = self.shop.daos.orders.page(&cx(), &filter, 100, after).await.unwrap();
            listed.extend(page.into_iter().map(|order| order.id));
            after = end.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, told, "what is confirmed is listed");
        confirmed
    }
}

/// Two sweepers settle what was cut; how many shards each of them swept meanwhile.
pub async fn settle(cut: &Cut, sweepers: [Orders; 2], old_enough_ms: i64) -> [usize; 2] {
    let at_work = sweepers.map(|orders| {
        let mut sweeps = Sweeps::new(old_enough_ms, Aside::unseen());
        async move {
            let mut swept = 0;
            while cut.left().await > 0 {
                swept += sweeps.round(&orders).await;
                tokio::time::sleep(sweep::pause() / 100).await;
            }
            swept
        }
    });
    let [one, other] = at_work;
    let (one, other) = tokio::join!(one, other);
    [one, other]
}

/// Of a store of its own: what is cut at once is settled by two sweepers together.
pub async fn divide(daos: [&crate::dao::Daos; 2], orders: usize) {
    let mut cut = Cut::open(daos[0]).await;
    cut.cut(orders).await;
    let other = Shop { daos: daos[1].clone(), user: cut.shop.user, products: cut.shop.products.clone() };
    let began = Instant::now();
    let swept = settle(&cut, [cut.shop.process(), other.process()], 0).await;
    let took = began.elapsed();
    let confirmed = cut.judge().await;
    println!("{orders} orders that were cut: settled in {took:?} by sweeps of {swept:?} shards, {confirmed} confirmed");
    assert!(swept.iter().all(|shards| *shards > 0), "{swept:?}");
    assert!(confirmed > orders / 10 && confirmed < orders / 2);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_orders_that_are_cut_at_once_are_settled_within_45_seconds() {
    // At different moments of the sweepers' periods.
    for after in [0, 3, 6, 9] {
        let daos = memory::daos();
        let mut cut = Cut::open(&daos).await;
        // Each statement takes long.
        let life = Life::slow(Duration::from_millis(10));
        let sweepers = [cut.shop.mortal(&life), cut.shop.mortal(&life)].map(|orders| {
            let mut sweeps = Sweeps::new(sweep::OLD_ENOUGH_MS, Aside::unseen());
            tokio::spawn(async move {
                loop {
                    sweeps.round(&orders).await;
                    tokio::time::sleep(sweep::pause()).await;
                }
            })
        });
        tokio::time::sleep(Duration::from_secs(20 + after)).await;
        let began = Instant::now();
        cut.cut(1_000).await;
        while cut.left().await > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // Ten seconds less than they may take: these statements are quick.
            assert!(began.elapsed() < Duration::from_secs(35), "{} notes left", cut.left().await);
        }
        println!("settled {:?} after the crash", began.elapsed());
        cut.judge().await;
        for sweeper in sweepers {
            sweeper.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_sweepers_divide_the_shards_among_themselves() {
    let daos = memory::daos();
    let mut cut = Cut::open(&daos).await;
    cut.cut(1_000).await;
    let life = Life::slow(Duration::from_millis(10));
    let sweepers = [cut.shop.mortal(&life), cut.shop.mortal(&life)];
    let swept = settle(&cut, sweepers, 0).await;
    let confirmed = cut.judge().await;
    println!("sweeps of {swept:?} shards, {confirmed} confirmed");
    // Seventeen, and none twice within a claim.
    assert!(swept.iter().all(|shards| *shards >= 5) && swept.iter().sum::<usize>() <= 34, "{swept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_hours_behind_is_found_by_a_look_back() {
    let shop = Shop::open(1).await;
    let identity = keyed();
    let mut sweeps = Sweeps::new(sweep::OLD_ENOUGH_MS, Aside::unseen());
    let orders = shop.process();
    sweeps.round(&orders).await;
    let behind = Context { now_ms: crate::dao::now_ms() - 7_200_000, ..cx() };
    shop.mortal(&Life::of(2, false)).create(&behind, shop.draft(&[1]), identity).await.unwrap_err();
    // A shard looks back at any moment of the first hour, so how long it takes tells nothing of this.
    shop.sweep().await;
    assert_ne!(shop.quantity(shop.products[0]).await, STOCK, "not by the sweeps of the last minutes");
    let began = Instant::now();
    while shop.quantity(shop.products[0]).await != STOCK {
        tokio::time::sleep(sweep::pause()).await;
        sweeps.round(&orders).await;
        assert!(began.elapsed() < Duration::from_secs(7_300));
    }
}
