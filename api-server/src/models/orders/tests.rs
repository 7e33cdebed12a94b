pub mod clocks;
mod mortal;
mod payments;
pub mod sweeps;
mod walk;

use std::collections::BTreeMap;
use std::time::Duration;

use self::mortal::{Life, Mortal};
use super::*;
use crate::dao::ledger::{Account, Book, Kind};
use crate::dao::memory;
use crate::dao::orders::{NOTE_SHARDS, OLD_NOTES, day_of};
use crate::dao::products::Product;
use crate::dao::ranks::{bound_of, class_of};
use crate::dao::set_aside::Aside;
use crate::dao::users::User;
use crate::models::figures::Figures;
use crate::models::ledger::{Change as Movement, Want};
use crate::models::reports::Reports;

/// A shop with some products in stock; processes come and go.
struct Shop {
    daos: crate::dao::Daos,
    user: Uuid,
    products: Vec<Uuid>,
}

const STOCK: i64 = 10;

/// Of a request under an idempotency key.
fn keyed() -> Identity {
    Identity { alone: false, ..Identity::generate() }
}

/// The same request, sent again.
fn taken_over(identity: Identity) -> Identity {
    Identity { fresh: false, alone: false, ..identity }
}

/// Looks through all shards; up to where nothing is left.
async fn sweep_all(orders: &Orders, from: i64, upto: i64, aside: &mut Aside) -> Result<i64, DaoError> {
    let mut position = upto;
    for shard in 0..=OLD_NOTES {
        position = position.min(sweep::sweep_shard(orders, shard, from, upto, aside).await?);
    }
    Ok(position)
}

fn cx() -> Context {
    Context::within(Duration::from_secs(5))
}

impl Shop {
    async fn open(products: usize) -> Self {
        let products: Vec<Uuid> = (0..products).map(|_| Uuid::now_v7()).collect();
        Self::of(Uuid::now_v7(), &products, 0).await
    }

    /// The stocks of the first products are not counted yet.
    async fn of(user: Uuid, products: &[Uuid], uncounted: usize) -> Self {
        Self::over(memory::daos(), user, products, uncounted).await
    }

    async fn over(daos: crate::dao::Daos, user: Uuid, products: &[Uuid], uncounted: usize) -> Self {
        let user = User {
            id: user,
            name: "Ana".into(),
            email: format!("{user}@example.org"),
            version: 1,
            created_at: 0,
            updated_at: 0,
        };
        daos.users.insert(&cx(), &user, Uuid::new_v4()).await.unwrap();
        let mut shop = Self { daos, user: user.id, products: Vec::new() };
        for (at, id) in products.iter().enumerate() {
            let product = crate::models::product::Draft {
                sku: format!("sku {at} of {}", shop.user),
                name: "Tea".into(),
                price: Price::new(1050, 2).unwrap(),
                brand: None,
                low_stock: None,
                description: None,
                category: None,
            };
            let product: Product = product.into_product(*id, 0);
            shop.daos.products.insert(&cx(), &product, Uuid::new_v4()).await.unwrap();
            if at >= uncounted {
                shop.set(product.id, STOCK).await;
            }
            shop.products.push(product.id);
        }
        shop
    }

    async fn set(&self, product: Uuid, quantity: i64) {
        let change = Movement::Set { quantity };
        let want = Want {
            id: Uuid::new_v4(),
            change,
            condition: Condition::default(),
            reason: None,
            reference: None,
            by: None,
            fresh: true,
        };
        let lines = Lines::new(Arc::clone(&self.daos.ledger), Figures::unseen());
        lines.change(&cx(), Account::stock(product), want).await.unwrap();
    }

    fn process(&self) -> Orders {
        let daos = &self.daos;
        self.orders(Arc::clone(&daos.orders), Arc::clone(&daos.ledger), Arc::clone(&daos.blocks))
    }

    /// A process that dies after some writes.
    fn mortal(&self, life: &Arc<Life>) -> Orders {
        self.orders(
            Arc::new(Mortal(Arc::clone(&self.daos.orders), Arc::clone(life))),
            Arc::new(Mortal(Arc::clone(&self.daos.ledger), Arc::clone(life))),
            Arc::new(Mortal(Arc::clone(&self.daos.blocks), Arc::clone(life))),
        )
    }

    fn orders(&self, orders: Arc<dyn OrderDao>, ledger: Arc<dyn LedgerDao>, blocks: Arc<dyn BlockDao>) -> Orders {
        let (products, users) = (Arc::clone(&self.daos.products), Arc::clone(&self.daos.users));
        let payments = Arc::clone(&self.daos.payments);
        let turnovers = Arc::clone(&self.daos.turnovers);
        let daos = Daos { orders, ledger: Arc::clone(&ledger), payments, blocks, turnovers, products, users };
        Orders::new(Lines::new(ledger, Figures::unseen()), daos, CursorKey::new(b"0123456789abcdef"), Clock::default())
    }

    /// As a process has them: what notes still tell of is looked at.
    fn reports(&self) -> Reports {
        let unranked = Arc::clone(&self.daos.orders) as _;
        Reports::new(Arc::clone(&self.daos.blocks), Arc::clone(&self.daos.turnovers), unranked)
    }

    fn draft(&self, quantities: &[i64]) -> Draft {
        // Against the order in which lines are taken.
        let items = self.products.iter().copied().zip(quantities.iter().copied()).rev();
        let items = items.filter(|(_, units)| *units > 0).collect();
        Draft { user: self.user, items }
    }

    async fn quantity(&self, product: Uuid) -> i64 {
        self.daos.ledger.load(&cx(), Account::stock(product)).await.unwrap().unwrap().quantity
    }

    async fn listed(&self) -> Vec<Order> {
        self.daos.orders.page(&cx(), &Filter::default(), 100, None).await.unwrap().0
    }

    /// Everything that must hold once nothing is under way and what was left is swept: the stock, the movements, the lists
    /// and the reports say the same as the orders. `known` are the orders there may be.
    async fn audit(&self, known: &[Uuid], what: &str) {
        self.sweep().await;
        assert_eq!(self.notes().await, 0, "{what}: notes");
        let live = self.books(known, what).await;
        let reports = self.reports();
        let mut sold = BTreeMap::<Uuid, i64>::new();
        for line in live.iter().flat_map(|order| &order.lines) {
            *sold.entry(line.product).or_default() += line.quantity;
        }
        let spent: i64 = live.iter().map(|order| order.total).sum();
        for days in [None, Some(day_of(crate::dao::now_ms()) - 1..=i32::MAX)] {
            let (sellers, _) = reports.top(&cx(), Book::Stock, 100, days.clone()).await.unwrap();
            assert_eq!(sellers.into_iter().collect::<BTreeMap<_, _>>(), sold, "{what}: best sellers");
            let (spenders, _) = reports.top(&cx(), Book::Spending, 100, days).await.unwrap();
            let expected: Vec<(Uuid, i64)> = (spent > 0).then_some((self.user, spent)).into_iter().collect();
            assert_eq!(spenders, expected, "{what}: spenders");
        }
    }

    /// The stock, the movements and the lists say the same as the orders, which are returned if they live.
    async fn books(&self, known: &[Uuid], what: &str) -> Vec<Order> {
        let mut live = Vec::new();
        for id in known {
            let Some(stored) = self.daos.orders.load(&cx(), *id).await.unwrap() else { continue };
            assert_ne!(stored.order.status, Status::Pending, "{what}");
            if matches!(stored.order.status, Status::Confirmed | Status::Paid | Status::Fulfilled) {
                live.push(stored.order);
            }
        }
        for product in &self.products {
            let lines = live.iter().flat_map(|order| &order.lines).filter(|line| line.product == *product);
            let units: i64 = lines.map(|line| line.quantity).sum();
            let (movements, _) =
                self.daos.ledger.movements(&cx(), Account::stock(*product), i64::MAX, 100).await.unwrap();
            assert_eq!(self.quantity(*product).await, STOCK - units, "{what}: stock, {movements:?}");
            assert_eq!(movements.iter().map(|movement| movement.delta).sum::<i64>(), STOCK - units, "{what}");
            let of = |kind| movements.iter().filter(|movement| movement.kind == kind).count();
            assert!(of(Kind::Return) <= of(Kind::Order), "{what}: {movements:?}");
        }
        let mut listed: Vec<Uuid> = self.listed().await.into_iter().map(|order| order.id).collect();
        listed.retain(|id| live.iter().any(|order| order.id == *id));
        assert_eq!(listed.len(), live.len(), "{what}: lists");
        live
    }

    /// What a sweeper of another process does once the notes are old enough.
    async fn sweep(&self) {
        let now = crate::dao::now_ms();
        sweep_all(&self.process(), now - 60_000, now + 1_000, &mut Aside::unseen()).await.unwrap();
    }

    async fn notes(&self) -> usize {
        let now = crate::dao::now_ms();
        let mut count = 0;
        for shard in 0..=OLD_NOTES {
            count += self.daos.orders.notes(&cx(), shard, now - 120_000, now + 1_000).await.unwrap().0.len();
        }
        count
    }
}

#[tokio::test]
async fn an_order_takes_all_its_lines_at_the_prices_of_the_moment() {
    let shop = Shop::open(3).await;
    let orders = shop.process();
    let (order, _) = orders.create(&cx(), shop.draft(&[1, 2, 3]), Identity::generate()).await.unwrap();
    assert_eq!((order.status, order.total, order.version), (Status::Confirmed, 6300, 1));
    shop.books(&[order.id], "created").await;
    assert_eq!(shop.notes().await, 1, "it goes when the accounts are ranked");
    let named: Vec<Account> =
        shop.daos.orders.unranked(&cx()).await.unwrap().iter().map(|turned| turned.account).collect();
    assert_eq!(named.len(), 4);
    assert!(named.contains(&Account::spending(shop.user)) && named.contains(&Account::stock(shop.products[2])));
    orders.settle_finished().await;
    assert_eq!(shop.notes().await, 0);
    assert_eq!(shop.daos.orders.unranked(&cx()).await, Ok(Vec::new()));
    shop.audit(&[order.id], "created").await;
}

#[tokio::test]
async fn a_short_order_takes_nothing_and_names_every_short_line() {
    for identity in [Identity::generate(), keyed()] {
        let shop = Shop::open(3).await;
        let orders = shop.process();
        let error = orders.create(&cx(), shop.draft(&[2, 11, 12]), identity).await.unwrap_err();
        let ModelError::Short(short) = error else { panic!("{error}") };
        let asked: Vec<(&str, i64, i64)> = short
            .iter()
            .map(|short| {
                let shortage = short.shortage.unwrap();
                (short.pointer.as_ref(), shortage.requested, shortage.available)
            })
            .collect();
        assert_eq!(asked, [("/items/0", 12, 10), ("/items/1", 11, 10)]);
        shop.books(&[identity.resource], "refused").await;
        let shown = shop.process().find(&cx(), identity.resource).await.unwrap().0;
        assert!(shown.is_none(), "a refused order is not shown");
        orders.settle_finished().await;
        assert_eq!(shop.notes().await, 0);
        shop.audit(&[identity.resource], "refused").await;
    }
}

#[tokio::test]
async fn an_order_that_is_certainly_short_is_turned_away_before_anything_else_is_looked_at() {
    let shop = Shop::open(3).await;
    let orders = shop.process();
    let all = orders.create(&cx(), shop.draft(&[STOCK, STOCK - 1, 0]), Identity::generate()).await.unwrap();
    orders.settle_finished().await;
    // Nobody has such an id, and nobody looks.
    let draft = Draft { user: Uuid::now_v7(), ..shop.draft(&[1, 2, 11]) };
    let identity = Identity::generate();
    let error = orders.create(&cx(), draft.clone(), identity).await.unwrap_err();
    let ModelError::Short(short) = error else { panic!("{error}") };
    let asked: Vec<(&str, i64, i64)> = short
        .iter()
        .map(|short| (short.pointer.as_ref(), short.shortage.unwrap().requested, short.shortage.unwrap().available))
        .collect();
    assert_eq!(asked, [("/items/0", 11, STOCK), ("/items/1", 2, 1), ("/items/2", 1, 0)]);
    assert_eq!((shop.notes().await, shop.daos.orders.load(&cx(), identity.resource).await), (0, Ok(None)));
    // What was tried before may have been taken, so that goes the whole way.
    let again = orders.create(&cx(), draft, taken_over(identity)).await;
    assert!(matches!(again, Err(ModelError::Invalid(_))), "{again:?}");
    // What comes back can be had again, also through who remembers that nothing was there.
    shop.process().cancel(&cx(), all.0.id, &Condition::default()).await.unwrap();
    let bought = orders.create(&cx(), shop.draft(&[1, 2, 0]), Identity::generate()).await.unwrap();
    shop.audit(&[all.0.id, bought.0.id], "sold again").await;
}

#[tokio::test]
async fn an_order_that_breaks_a_rule_takes_nothing_and_leaves_no_note() {
    let shop = Shop::open(1).await;
    let orders = shop.process();
    let draft = shop.draft(&[1]);
    let nobody = Draft { user: Uuid::now_v7(), ..draft.clone() };
    let nothing = Draft { items: vec![(shop.products[0], 1), (Uuid::now_v7(), 1)], ..draft };
    for (draft, pointer) in [(nobody, "/user_id"), (nothing, "/items/1/product_id")] {
        let identity = keyed();
        let error = orders.create(&cx(), draft, identity).await.unwrap_err();
        let ModelError::Invalid(broken) = error else { panic!("{error}") };
        assert_eq!(broken.iter().map(|broken| broken.pointer.as_ref()).collect::<Vec<_>>(), [pointer]);
        assert_eq!(shop.daos.orders.load(&cx(), identity.resource).await, Ok(None));
    }
    orders.settle_finished().await;
    assert_eq!(shop.notes().await, 0);
    let balance = shop.daos.ledger.load(&cx(), Account::stock(shop.products[0])).await.unwrap().unwrap();
    assert_eq!((balance.version, balance.quantity), (1, STOCK));
}

#[tokio::test]
async fn a_refused_order_leaves_alone_the_stocks_that_were_short() {
    let versions = async |shop: &Shop| {
        let mut versions = Vec::new();
        for product in &shop.products {
            let balance = shop.daos.ledger.load(&cx(), Account::stock(*product)).await.unwrap().unwrap();
            versions.push((balance.version, balance.quantity));
        }
        versions
    };
    for identity in [Identity::generate(), keyed()] {
        let shop = Shop::open(3).await;
        shop.process().create(&cx(), shop.draft(&[2, 11, 1]), identity).await.unwrap_err();
        // Taken and given back; short.
        assert_eq!(versions(&shop).await, [(3, STOCK), (1, STOCK), (3, STOCK)]);
        // A second try of a request cannot know what the first one is still at.
        shop.process().create(&cx(), shop.draft(&[2, 11, 1]), taken_over(Identity::generate())).await.unwrap_err();
        let (movements, _) = shop.daos.ledger.movements(&cx(), Account::stock(shop.products[1]), 9, 9).await.unwrap();
        assert_eq!(movements[0].kind, Kind::Void);
    }
    // Nobody else can confirm an order without a key, so there is nothing to be written down.
    for (identity, written) in [(Identity::generate(), false), (keyed(), true)] {
        let shop = Shop::open(1).await;
        shop.process().create(&cx(), shop.draft(&[11]), identity).await.unwrap_err();
        assert_eq!(versions(&shop).await, [(1, STOCK)]);
        let stored = shop.daos.orders.load(&cx(), identity.resource).await.unwrap();
        assert_eq!(stored.map(|stored| stored.order.status), written.then_some(Status::Refused));
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_written_down_is_not_told_as_certain_where_another_try_may_confirm() {
    for (identity, certain) in [(Identity::generate(), true), (keyed(), false)] {
        let shop = Shop::open(2).await;
        // It notes and takes the second line; the first is short, and the refusal fails.
        let life = Life::of(2, false);
        let ended = shop.mortal(&life).create(&cx(), shop.draft(&[11, 1]), identity).await;
        match ended {
            Err(ModelError::Short(_)) => assert!(certain),
            Err(ModelError::Dao(DaoError::Unknown { .. })) => assert!(!certain),
            other => panic!("{other:?}"),
        }
        shop.audit(&[identity.resource], "swept").await;
    }
}

#[tokio::test]
async fn a_process_that_dies_between_any_two_steps_of_a_creation_leaves_nothing_wrong() {
    // All there, the last line short, the middle line short.
    for (quantities, alone) in
        [[2, 3, 4], [2, 3, 11], [2, 11, 4]].into_iter().flat_map(|all| [(all, false), (all, true)])
    {
        let mut steps = 0;
        for (writes, done) in (0..100).flat_map(|writes| [(writes, false), (writes, true)]) {
            let what = format!("{quantities:?}, alone {alone}, dies at write {writes}, done {done}");
            let shop = Shop::open(3).await;
            let life = Life::of(writes, done);
            let identity = Identity { alone, ..keyed() };
            let ended = shop.mortal(&life).create(&cx(), shop.draft(&quantities), identity).await;
            shop.sweep().await;
            shop.audit(&[identity.resource], &what).await;
            if let Ok((order, _)) = &ended {
                let stored = shop.daos.orders.load(&cx(), order.id).await.unwrap().unwrap();
                assert_eq!(stored.order.lines, order.lines, "{what}: an acknowledged order is there");
                assert_eq!(stored.order.status, Status::Confirmed, "{what}");
            }
            // The same request again: one order or the same refusal, never two.
            let again = shop.process().create(&cx(), shop.draft(&quantities), taken_over(identity)).await;
            let again_id = again.as_ref().ok().map(|(order, _)| order.id);
            let short = quantities.iter().any(|quantity| *quantity > STOCK);
            assert_eq!(again.is_ok(), !short, "{what}: {again:?}");
            let known: Vec<Uuid> = (0..4).map(|attempt| id_of_attempt(identity.resource, attempt)).collect();
            assert!(again_id.is_none_or(|id| known.contains(&id)));
            shop.audit(&known, &what).await;
            assert_eq!(shop.listed().await.len(), usize::from(!short), "{what}");
            if !life.is_over() {
                steps = writes;
                break;
            }
        }
        assert!(steps >= 6, "{steps} steps");
    }
}

#[tokio::test]
async fn a_process_that_dies_between_any_two_steps_of_a_cancellation_gives_everything_back_once() {
    let mut steps = 0;
    for (writes, done) in (0..100).flat_map(|writes| [(writes, false), (writes, true)]) {
        let what = format!("dies at write {writes}, done {done}");
        let shop = Shop::open(3).await;
        let created = shop.process().create(&cx(), shop.draft(&[2, 3, 4]), Identity::generate()).await;
        let id = created.unwrap().0.id;
        let life = Life::of(writes, done);
        let ended = shop.mortal(&life).cancel(&cx(), id, &Condition::default()).await;
        shop.sweep().await;
        shop.audit(&[id], &what).await;
        let status = shop.daos.orders.load(&cx(), id).await.unwrap().unwrap().order.status;
        assert!(ended.is_err() || status == Status::Cancelled, "{what}: {status:?}");
        shop.process().cancel(&cx(), id, &Condition::default()).await.unwrap();
        shop.audit(&[id], &what).await;
        assert_eq!(shop.quantity(shop.products[0]).await, STOCK, "{what}");
        if !life.is_over() {
            steps = writes;
            break;
        }
    }
    assert!(steps >= 6, "{steps} steps");
}

#[tokio::test]
async fn racing_cancellations_give_back_once() {
    let shop = Shop::open(2).await;
    let created = shop.process().create(&cx(), shop.draft(&[4, 5]), Identity::generate()).await;
    let id = created.unwrap().0.id;
    let processes = [shop.process(), shop.process(), shop.process()];
    let runs = (0..30).map(|at| {
        let orders = processes[at % 3].clone();
        tokio::spawn(async move { orders.cancel(&cx(), id, &Condition::default()).await })
    });
    for ended in futures::future::join_all(runs).await {
        ended.unwrap().unwrap();
    }
    shop.sweep().await;
    shop.audit(&[id], "cancelled").await;
    let (movements, _) = shop.daos.ledger.movements(&cx(), Account::stock(shop.products[0]), 100, 100).await.unwrap();
    assert_eq!(movements.len(), 3, "set, order, return: {movements:?}");
}

#[tokio::test]
async fn a_slow_process_cannot_go_on_with_an_order_that_the_sweeper_gave_up() {
    let shop = Shop::open(2).await;
    let identity = keyed();
    // It noted the order and took the first line, then stood still.
    let life = Life::paused_after(2);
    let (slow, draft) = (shop.mortal(&life), shop.draft(&[1, 1]));
    let late = tokio::spawn(async move { slow.create(&cx(), draft, identity).await });
    while !life.is_over() {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.quantity(shop.products[1]).await, STOCK - 1);
    shop.sweep().await;
    let stored = shop.daos.orders.load(&cx(), identity.resource).await.unwrap().unwrap();
    assert_eq!((stored.order.status, stored.order.lines.len()), (Status::Refused, 2), "its note told what it takes");
    life.go_on();
    let late = late.await.unwrap();
    assert!(matches!(late, Err(ModelError::Conflict(_))), "{late:?}");
    shop.audit(&[identity.resource], "given up").await;
    assert_eq!(shop.listed().await, []);
}

#[tokio::test]
async fn what_a_process_of_the_version_before_left_pending_is_undone_or_finished_by_a_retry() {
    for (taken, retried) in [(0, false), (1, false), (2, false), (0, true), (1, true), (2, true)] {
        let what = format!("{taken} taken, retried {retried}");
        let shop = Shop::open(2).await;
        let identity = keyed();
        let (id, now) = (identity.resource, crate::dao::now_ms());
        let old = Note { at: now, operation: identity.operation, order: id, contents: None };
        shop.daos.orders.note(&cx(), &old).await.unwrap();
        let prices = [Price::new(1050, 2).unwrap(); 2];
        let order = shop.draft(&[2, 3]).into_order(id, &prices, identity.created_ms(now)).unwrap();
        let pending = Order { status: Status::Pending, ..order };
        shop.daos.orders.insert(&cx(), &pending, identity.operation).await.unwrap();
        let lines = Lines::new(Arc::clone(&shop.daos.ledger), Figures::unseen());
        for line in &pending.lines[..taken] {
            let want = Want {
                id: crate::models::order::Ids(id).take(line.product),
                change: Movement::Take { units: line.quantity, turned: line.quantity, day: pending.day() },
                condition: Condition::default(),
                reason: None,
                reference: None,
                by: None,
                fresh: true,
            };
            lines.change(&cx(), Account::stock(line.product), want).await.unwrap();
        }
        if retried {
            let (made, _) = shop.process().create(&cx(), shop.draft(&[2, 3]), taken_over(identity)).await.unwrap();
            assert_eq!((made.id, made.status, made.version), (id, Status::Confirmed, 2), "{what}");
        }
        shop.audit(&[id], &what).await;
        let status = shop.daos.orders.load(&cx(), id).await.unwrap().unwrap().order.status;
        assert_eq!(status, if retried { Status::Confirmed } else { Status::Refused }, "{what}");
    }
}

#[tokio::test]
async fn reports_are_right_after_an_order_is_refused_that_others_met_in_the_books() {
    // The first order takes its units and stands still, or finds its second line short.
    for short in [false, true] {
        let shop = Shop::open(2).await;
        let identity = keyed();
        let life = Life::of(2, false);
        let ended = shop.mortal(&life).create(&cx(), shop.draft(&[3, 11]), identity).await;
        assert!(ended.is_err());
        assert_eq!(shop.quantity(shop.products[0]).await, STOCK - 3);
        let orders = shop.process();
        let other = orders.create(&cx(), shop.draft(&[2, 1]), Identity::generate()).await;
        let other = other.unwrap().0.id;
        orders.settle_finished().await;
        if short {
            let ended = orders.create(&cx(), shop.draft(&[3, 11]), taken_over(identity)).await;
            assert!(matches!(ended, Err(ModelError::Short(_))), "{ended:?}");
        }
        shop.audit(&[identity.resource, other], if short { "short" } else { "swept" }).await;
    }
}

#[tokio::test]
async fn a_product_that_a_refused_order_moved_to_another_class_is_still_in_the_report() {
    let shop = Shop::open(1).await;
    let product = shop.products[0];
    shop.set(product, 1_000_000).await;
    // One below the next class.
    let first = bound_of(class_of(10_000).unwrap()) - 1;
    let orders = shop.process();
    orders.create(&cx(), shop.draft(&[first]), Identity::generate()).await.unwrap();
    // It moves the product into the next class and stands still before it is written down.
    let life = Life::of(2, false);
    shop.mortal(&life).create(&cx(), shop.draft(&[5]), Identity::generate()).await.unwrap_err();
    orders.create(&cx(), shop.draft(&[7]), Identity::generate()).await.unwrap();
    orders.settle_finished().await;
    shop.sweep().await;
    let reports = shop.reports();
    assert_eq!(reports.top(&cx(), Book::Stock, 10, None).await.unwrap().0, [(product, first + 7)]);
}

#[tokio::test]
async fn an_order_that_is_told_of_and_in_no_list_is_put_there_by_the_sweeper() {
    let shop = Shop::open(1).await;
    // It ends with the order written down, before anything is published.
    let life = Life::of(3, false);
    let made = shop.mortal(&life).create(&cx(), shop.draft(&[1]), Identity::generate()).await.unwrap();
    assert!(life.is_over());
    assert_eq!(shop.listed().await, []);
    shop.audit(&[made.0.id], "swept").await;
    assert_eq!(shop.listed().await.len(), 1);
}

#[tokio::test]
async fn orders_of_the_same_products_in_opposite_order_neither_deadlock_nor_leak() {
    let shop = Shop::open(3).await;
    let processes = [shop.process(), shop.process()];
    let runs = (0..40).map(|at| {
        let mut draft = shop.draft(&[1, 1, 1]);
        if at % 2 == 0 {
            draft.items.reverse();
        }
        let orders = processes[at % 2].clone();
        tokio::spawn(async move { orders.create(&cx(), draft, Identity::generate()).await.ok() })
    });
    let made = futures::future::join_all(runs).await;
    let made: Vec<Uuid> = made.into_iter().filter_map(|ended| Some(ended.unwrap()?.0.id)).collect();
    assert!(!made.is_empty() && made.len() <= 10, "{}", made.len());
    shop.audit(&made, "crossing orders").await;
}

#[tokio::test]
async fn reports_follow_the_orders_day_by_day() {
    let shop = Shop::open(2).await;
    let orders = shop.process();
    let mut made = Vec::new();
    for quantities in [[1, 4], [2, 1], [3, 1]] {
        made.push(orders.create(&cx(), shop.draft(&quantities), Identity::generate()).await.unwrap().0.id);
    }
    let reports = shop.reports();
    let (one, two) = (shop.products[0], shop.products[1]);
    let top = async |limit, days| {
        orders.settle_finished().await;
        reports.top(&cx(), Book::Stock, limit, days).await.unwrap().0
    };
    assert_eq!(top(10, None).await, [(one, 6), (two, 6)], "equal ones by id");
    orders.cancel(&cx(), made[0], &Condition::default()).await.unwrap();
    assert_eq!(top(10, None).await, [(one, 5), (two, 2)]);
    assert_eq!(top(1, None).await, [(one, 5)]);
    let today = day_of(crate::dao::now_ms());
    assert_eq!(top(10, Some(today - 1..=today + 1)).await, [(one, 5), (two, 2)]);
    assert_eq!(top(10, Some(today + 2..=today + 9)).await, []);
    shop.audit(&made, "reported").await;
}

/// Units that an earlier program, or a fault, may have left in a stock.
async fn fill(shop: &Shop, product: Uuid, quantity: i64) {
    let account = Account::stock(product);
    let before = shop.daos.ledger.load(&cx(), account).await.unwrap().unwrap();
    let version = before.version + 1;
    let movement = crate::dao::ledger::Movement {
        id: Uuid::new_v4(),
        version,
        kind: Kind::Set,
        delta: quantity - before.quantity,
        quantity,
        turned: 0,
        day: None,
        reason: None,
        reference: None,
        by: None,
        at: before.updated_at,
    };
    let after = crate::dao::ledger::Balance { quantity, version, ..before };
    let posting =
        crate::dao::ledger::Posting { movements: vec![movement], closed: Vec::new(), after, days: Vec::new() };
    shop.daos.ledger.post(&cx(), account, before.version, &posting).await.unwrap();
}

#[tokio::test]
async fn what_comes_back_of_a_cancelled_order_is_taken_into_a_stock_that_is_full() {
    let shop = Shop::open(1).await;
    let orders = shop.process();
    let full = crate::models::ledger::QUANTITY_MAX;
    let made = orders.create(&cx(), shop.draft(&[3]), Identity::generate()).await.unwrap().0.id;
    shop.set(shop.products[0], full).await;
    orders.cancel(&cx(), made, &Condition::default()).await.unwrap();
    assert_eq!(shop.quantity(shop.products[0]).await, full + 3);
    orders.settle_finished().await;
    assert_eq!(shop.notes().await, 0, "nothing is left to be done");
    // More cannot be asked for, and what is there can be sold.
    let want = |change| Want {
        id: Uuid::new_v4(),
        change,
        condition: Condition::default(),
        reason: None,
        reference: None,
        by: None,
        fresh: true,
    };
    let lines = Lines::new(Arc::clone(&shop.daos.ledger), Figures::unseen());
    let account = Account::stock(shop.products[0]);
    let more = lines.change(&cx(), account, want(Movement::Add { delta: 1 })).await.unwrap();
    assert!(matches!(more.outcome, crate::models::ledger::Outcome::Refused(_)), "{more:?}");
    orders.create(&cx(), shop.draft(&[1]), Identity::generate()).await.unwrap();
    assert_eq!(shop.quantity(shop.products[0]).await, full + 2);
}

#[tokio::test]
async fn an_order_that_cannot_be_finished_keeps_no_other_waiting_and_is_tried_again_later() {
    let shop = Shop::open(2).await;
    let began = crate::dao::now_ms();
    let mut cancelled = Vec::new();
    for quantities in [[1, 0], [0, 4]] {
        let items = shop.products.iter().copied().zip(quantities).filter(|(_, units)| *units > 0).collect();
        let draft = Draft { user: shop.user, items };
        let orders = shop.process();
        let id = orders.create(&cx(), draft, Identity::generate()).await.unwrap().0.id;
        orders.settle_finished().await;
        // The process dies when the order is cancelled, with all that follows from it still to be done.
        let _ = shop.mortal(&Life::of(2, false)).cancel(&cx(), id, &Condition::default()).await;
        cancelled.push(id);
    }
    fill(&shop, shop.products[0], i64::MAX).await;
    let mut aside = Aside::unseen();
    let upto = crate::dao::now_ms() + 1;
    let position = sweep_all(&shop.process(), began - 1, upto, &mut aside).await.unwrap();
    assert_eq!(position, upto, "the sweep goes on");
    assert_eq!(aside.len(), 1, "and it is told");
    assert_eq!(shop.quantity(shop.products[1]).await, STOCK, "the other order is finished");
    // Later it can be.
    fill(&shop, shop.products[0], STOCK - 1).await;
    let again = upto + 61_000;
    let position = sweep_all(&shop.process(), position, again, &mut aside).await.unwrap();
    assert_eq!(position, again);
    assert!(aside.is_empty());
    assert_eq!(shop.quantity(shop.products[0]).await, STOCK);
    let left = sweep_all(&shop.process(), began - 1, again + 7_200_000, &mut aside).await.unwrap();
    assert_eq!(left, again + 7_200_000, "no note is left");
    shop.audit(&cancelled, "both cancelled").await;
}

#[tokio::test]
async fn while_the_database_is_away_notes_stay_where_they_are() {
    let shop = Shop::open(1).await;
    let orders = shop.process();
    let id = orders.create(&cx(), shop.draft(&[1]), Identity::generate()).await.unwrap().0.id;
    orders.settle_finished().await;
    let began = crate::dao::now_ms();
    let _ = shop.mortal(&Life::of(2, false)).cancel(&cx(), id, &Condition::default()).await;
    // Its reads still come through, its writes do not.
    let mut aside = Aside::unseen();
    let away = shop.mortal(&Life::of(0, false));
    let (shard, upto) = (Note::shard_of(id), crate::dao::now_ms() + 1);
    let position = sweep::sweep_shard(&away, shard, began - 1, upto, &mut aside).await.unwrap();
    assert!(position < crate::dao::now_ms(), "the next sweep looks at it again");
    assert!(aside.is_empty());
    sweep_all(&shop.process(), position, crate::dao::now_ms() + 1, &mut aside).await.unwrap();
    shop.audit(&[id], "finished").await;
}
