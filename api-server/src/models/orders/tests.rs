mod mortal;
mod walk;

use std::collections::BTreeMap;
use std::time::Duration;

use self::mortal::{Life, Mortal};
use super::*;
use crate::dao::ledger::{Account, Book, Kind};
use crate::dao::memory;
use crate::dao::orders::day_of;
use crate::dao::products::Product;
use crate::dao::ranks::{Turned, bound_of, class_of};
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

/// The same request, sent again.
fn taken_over(identity: Identity) -> Identity {
    Identity { fresh: false, ..identity }
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
        let daos = memory::daos();
        let user = User {
            id: user,
            name: "Ana".into(),
            email: "ana@example.org".into(),
            version: 1,
            created_at: 0,
            updated_at: 0,
        };
        daos.users.insert(&cx(), &user, Uuid::new_v4()).await.unwrap();
        let mut shop = Self { daos, user: user.id, products: Vec::new() };
        for (at, id) in products.iter().enumerate() {
            let product = crate::models::product::Draft {
                sku: format!("sku {at}"),
                name: "Tea".into(),
                price: Price::new(1050, 2).unwrap(),
                brand: None,
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
            fresh: true,
        };
        let lines = Lines::new(Arc::clone(&self.daos.ledger), Figures::unseen());
        lines.change(&cx(), Account::stock(product), want).await.unwrap();
    }

    fn process(&self) -> Orders {
        let daos = &self.daos;
        self.over(Arc::clone(&daos.orders), Arc::clone(&daos.ledger), Arc::clone(&daos.ranks))
    }

    /// A process that dies after some writes.
    fn mortal(&self, life: &Arc<Life>) -> Orders {
        self.over(
            Arc::new(Mortal(Arc::clone(&self.daos.orders), Arc::clone(life))),
            Arc::new(Mortal(Arc::clone(&self.daos.ledger), Arc::clone(life))),
            Arc::new(Mortal(Arc::clone(&self.daos.ranks), Arc::clone(life))),
        )
    }

    fn over(&self, orders: Arc<dyn OrderDao>, ledger: Arc<dyn LedgerDao>, ranks: Arc<dyn RankDao>) -> Orders {
        let (products, users) = (Arc::clone(&self.daos.products), Arc::clone(&self.daos.users));
        let daos = Daos { orders, ledger: Arc::clone(&ledger), ranks, products, users };
        Orders::new(Lines::new(ledger, Figures::unseen()), daos, CursorKey::new(b"0123456789abcdef"))
    }

    /// Reports that look at everything of yesterday and today.
    fn reports(&self) -> Reports {
        let accounts = self.products.iter().map(|product| Account::stock(*product));
        let today = day_of(crate::dao::now_ms());
        let accounts = accounts.chain([Account::spending(self.user)]);
        let turned: Vec<Turned> =
            accounts.flat_map(|account| [today - 1, today].map(|day| Turned { account, day })).collect();
        Reports::new(Arc::clone(&self.daos.blocks), Arc::clone(&self.daos.turnovers), Arc::new(turned))
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

    /// Everything that must hold once nothing is under way: the stock, the movements, the lists
    /// and the reports say the same as the orders. `known` are the orders there may be.
    async fn audit(&self, known: &[Uuid], what: &str) {
        let mut live = Vec::new();
        for id in known {
            let Some(stored) = self.daos.orders.load(&cx(), *id).await.unwrap() else { continue };
            assert_ne!(stored.order.status, Status::Pending, "{what}");
            if matches!(stored.order.status, Status::Confirmed | Status::Paid | Status::Fulfilled) {
                live.push(stored.order);
            }
        }
        let (mut sold, mut spent) = (BTreeMap::<Uuid, i64>::new(), 0);
        for order in &live {
            spent += order.total;
            for line in &order.lines {
                *sold.entry(line.product).or_default() += line.quantity;
            }
        }
        for product in &self.products {
            let units = sold.get(product).copied().unwrap_or(0);
            assert_eq!(self.quantity(*product).await, STOCK - units, "{what}: stock");
            let (movements, _) =
                self.daos.ledger.movements(&cx(), Account::stock(*product), i64::MAX, 100).await.unwrap();
            assert_eq!(movements.iter().map(|movement| movement.delta).sum::<i64>(), STOCK - units, "{what}");
            let of = |kind| movements.iter().filter(|movement| movement.kind == kind).count();
            assert!(of(Kind::Return) <= of(Kind::Order), "{what}: {movements:?}");
        }
        let mut listed: Vec<Uuid> = self.listed().await.into_iter().map(|order| order.id).collect();
        listed.retain(|id| live.iter().any(|order| order.id == *id));
        assert_eq!(listed.len(), live.len(), "{what}: lists");
        let reports = self.reports();
        for days in [None, Some(day_of(crate::dao::now_ms()) - 1..=i32::MAX)] {
            let (sellers, _) = reports.top(&cx(), Book::Stock, 100, days.clone()).await.unwrap();
            assert_eq!(sellers.into_iter().collect::<BTreeMap<_, _>>(), sold, "{what}: best sellers");
            let (spenders, _) = reports.top(&cx(), Book::Spending, 100, days).await.unwrap();
            let expected: Vec<(Uuid, i64)> = (spent > 0).then_some((self.user, spent)).into_iter().collect();
            assert_eq!(spenders, expected, "{what}: spenders");
        }
    }

    /// What a sweeper of another process does once the notes are old enough.
    async fn sweep(&self) {
        let now = crate::dao::now_ms();
        sweep::sweep(&self.process(), Some(now - 60_000), now + 1_000, &mut Aside::unseen()).await.unwrap();
    }

    async fn notes(&self) -> usize {
        let now = crate::dao::now_ms();
        let mut count = 0;
        for minute in Note::minute_of(now) - 2..=Note::minute_of(now) {
            count += self.daos.orders.notes(&cx(), minute, 0, i64::MAX).await.unwrap().0.len();
        }
        count
    }
}

#[tokio::test]
async fn an_order_takes_all_its_lines_at_the_prices_of_the_moment() {
    let shop = Shop::open(3).await;
    let (order, _) = shop.process().create(&cx(), shop.draft(&[1, 2, 3]), Identity::generate()).await.unwrap();
    assert_eq!((order.status, order.total, order.version), (Status::Confirmed, 6300, 2));
    shop.audit(&[order.id], "created").await;
    assert_eq!(shop.notes().await, 0);
}

#[tokio::test]
async fn a_short_order_takes_nothing_and_names_every_short_line() {
    let shop = Shop::open(3).await;
    let identity = Identity::generate();
    let error = shop.process().create(&cx(), shop.draft(&[2, 11, 12]), identity).await.unwrap_err();
    let ModelError::Short(short) = error else { panic!("{error}") };
    let asked: Vec<(&str, i64, i64)> = short
        .iter()
        .map(|short| {
            let shortage = short.shortage.unwrap();
            (short.pointer.as_ref(), shortage.requested, shortage.available)
        })
        .collect();
    assert_eq!(asked, [("/items/0", 12, 10), ("/items/1", 11, 10)]);
    shop.audit(&[identity.resource], "refused").await;
    assert!(shop.process().find(&cx(), identity.resource).await.unwrap().0.is_none(), "a refused order is not shown");
    assert_eq!(shop.notes().await, 0);
}

#[tokio::test]
async fn a_refused_order_leaves_alone_the_stocks_that_nobody_tried_to_take() {
    let shop = Shop::open(3).await;
    let identity = Identity::generate();
    shop.process().create(&cx(), shop.draft(&[2, 11, 1]), identity).await.unwrap_err();
    let mut versions = Vec::new();
    for product in &shop.products {
        let balance = shop.daos.ledger.load(&cx(), Account::stock(*product)).await.unwrap().unwrap();
        versions.push((balance.version, balance.quantity));
    }
    // Taken and given back; refused; never tried.
    assert_eq!(versions, [(3, STOCK), (1, STOCK), (1, STOCK)]);
    let spending = shop.daos.ledger.load(&cx(), Account::spending(shop.user)).await.unwrap();
    assert_eq!(spending, None, "nothing was spent");
    // A second try of a request cannot know what the first one is still at.
    shop.process().create(&cx(), shop.draft(&[2, 11, 1]), taken_over(Identity::generate())).await.unwrap_err();
    let (movements, _) = shop.daos.ledger.movements(&cx(), Account::stock(shop.products[2]), 9, 9).await.unwrap();
    assert_eq!(movements[0].kind, Kind::Void);
}

#[tokio::test]
async fn a_process_that_dies_between_any_two_steps_of_a_creation_leaves_nothing_wrong() {
    // All there, the last line short, the middle line short.
    for quantities in [[2, 3, 4], [2, 3, 11], [2, 11, 4]] {
        let mut steps = 0;
        for (writes, done) in (0..100).flat_map(|writes| [(writes, false), (writes, true)]) {
            let what = format!("{quantities:?}, dies at write {writes}, done {done}");
            let shop = Shop::open(3).await;
            let life = Life::of(writes, done);
            let identity = Identity::generate();
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
    let identity = Identity::generate();
    // It wrote the order down and took the first line, then stood still.
    let life = Life::of(3, false);
    let ended = shop.mortal(&life).create(&cx(), shop.draft(&[1, 1]), identity).await;
    assert!(ended.is_err());
    let stored = shop.daos.orders.load(&cx(), identity.resource).await.unwrap().unwrap();
    assert_eq!(stored.order.status, Status::Pending);
    shop.sweep().await;
    let note = Note { at: crate::dao::now_ms(), operation: identity.operation, order: identity.resource };
    let late = shop.process().complete(&cx(), stored, &note, false).await;
    assert!(matches!(late, Err(ModelError::Conflict(_))), "{late:?}");
    shop.audit(&[identity.resource], "given up").await;
    assert_eq!(shop.listed().await, []);
}

#[tokio::test]
async fn reports_are_right_after_an_order_is_refused_that_others_met_in_the_books() {
    // The first order takes its units and stands still, or finds its second line short.
    for short in [false, true] {
        let shop = Shop::open(2).await;
        let identity = Identity::generate();
        let life = Life::of(3, false);
        let ended = shop.mortal(&life).create(&cx(), shop.draft(&[3, 11]), identity).await;
        assert!(ended.is_err());
        let other = shop.process().create(&cx(), shop.draft(&[2, 1]), Identity::generate()).await;
        let other = other.unwrap().0.id;
        if short {
            let ended = shop.process().create(&cx(), shop.draft(&[3, 11]), taken_over(identity)).await;
            assert!(matches!(ended, Err(ModelError::Short(_))), "{ended:?}");
        } else {
            shop.sweep().await;
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
    // It moves the product into the next class and stands still before it says so.
    let life = Life::of(3, false);
    shop.mortal(&life).create(&cx(), shop.draft(&[5]), Identity::generate()).await.unwrap_err();
    orders.create(&cx(), shop.draft(&[7]), Identity::generate()).await.unwrap();
    shop.sweep().await;
    let reports = shop.reports();
    assert_eq!(reports.top(&cx(), Book::Stock, 10, None).await.unwrap().0, [(product, first + 7)]);
}

#[tokio::test]
async fn who_is_told_of_an_order_finds_what_was_spent_for_it_in_the_books() {
    let shop = Shop::open(1).await;
    // It ends with the confirmation, before anything is published.
    let life = Life::of(5, false);
    shop.mortal(&life).create(&cx(), shop.draft(&[1]), Identity::generate()).await.unwrap();
    assert!(life.is_over());
    let spending = shop.daos.ledger.load(&cx(), Account::spending(shop.user)).await.unwrap().unwrap();
    assert_eq!(spending.turnover, 1050);
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
    let top = async |limit, days| reports.top(&cx(), Book::Stock, limit, days).await.unwrap().0;
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
    assert_eq!(shop.notes().await, 0, "nothing is left to be done");
    // More cannot be asked for, and what is there can be sold.
    let want = |change| Want {
        id: Uuid::new_v4(),
        change,
        condition: Condition::default(),
        reason: None,
        reference: None,
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
        let id = shop.process().create(&cx(), draft, Identity::generate()).await.unwrap().0.id;
        // The process dies when the order is cancelled, with all that follows from it still to be done.
        let _ = shop.mortal(&Life::of(2, false)).cancel(&cx(), id, &Condition::default()).await;
        cancelled.push(id);
    }
    fill(&shop, shop.products[0], i64::MAX).await;
    let mut aside = Aside::unseen();
    let upto = crate::dao::now_ms() + 1;
    let position = sweep::sweep(&shop.process(), Some(began - 1), upto, &mut aside).await.unwrap();
    assert_eq!(position, upto, "the sweep goes on");
    assert_eq!(aside.len(), 1, "and it is told");
    assert_eq!(shop.quantity(shop.products[1]).await, STOCK, "the other order is finished");
    // Later it can be.
    fill(&shop, shop.products[0], STOCK - 1).await;
    let again = upto + 61_000;
    let position = sweep::sweep(&shop.process(), Some(position), again, &mut aside).await.unwrap();
    assert_eq!(position, again);
    assert!(aside.is_empty());
    assert_eq!(shop.quantity(shop.products[0]).await, STOCK);
    let left = sweep::sweep(&shop.process(), Some(began - 1), again + 7_200_000, &mut aside).await.unwrap();
    assert_eq!(left, again + 7_200_000, "no note is left");
    shop.audit(&cancelled, "both cancelled").await;
}

#[tokio::test]
async fn while_the_database_is_away_notes_stay_where_they_are() {
    let shop = Shop::open(1).await;
    let id = shop.process().create(&cx(), shop.draft(&[1]), Identity::generate()).await.unwrap().0.id;
    let began = crate::dao::now_ms();
    let _ = shop.mortal(&Life::of(2, false)).cancel(&cx(), id, &Condition::default()).await;
    // Its reads still come through, its writes do not.
    let mut aside = Aside::unseen();
    let away = shop.mortal(&Life::of(0, false));
    let position = sweep::sweep(&away, Some(began - 1), crate::dao::now_ms() + 1, &mut aside).await.unwrap();
    assert!(position < crate::dao::now_ms(), "the next sweep looks at it again");
    assert!(aside.is_empty());
    sweep::sweep(&shop.process(), Some(position), crate::dao::now_ms() + 1, &mut aside).await.unwrap();
    shop.audit(&[id], "finished").await;
}
