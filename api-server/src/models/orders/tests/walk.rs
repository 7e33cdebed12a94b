//! A walk over every order in which the statements of two tries of one request, of a sweeper and of somebody who counts a
//! stock can come. It is the real code over the store in memory: each call of a DAO waits until it is let through. Two ways
//! that lead to the same state are followed once.
//!
//! Whoever has not come to his end yet may have died: so in each state it is judged what there would be, were all dead and
//! the store swept. That one dies and others go on is among the ways in which he waits and they go on.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::channel::oneshot;
use futures::task::noop_waker_ref;
use uuid::Uuid;

use super::{Order, STOCK, Shop, cx, keyed, sweep_all, taken_over};
use crate::dao::ledger::{Account, Balance, Glimpse, LedgerDao, Movement, Posted, Posting};
use crate::dao::orders::{Filter, Inserted, Note, OrderDao, Replaced, Status, Stored, Swept};
use crate::dao::page::{PageEnd, Position};
use crate::dao::ranks::{Turned, Unranked};
use crate::dao::set_aside::Aside;
use crate::dao::{Context, DaoError, Receipt};
use crate::models::ModelError;
use crate::models::create::Identity;
use crate::models::order::{Ids, id_of_attempt};
use crate::models::orders::{Orders, sweep};
use crate::models::ranker::Ranker;

/// Where the statements of one actor wait, and what it has seen so far.
#[derive(Default)]
struct Turnstile {
    waiting: Mutex<VecDeque<oneshot::Sender<()>>>,
    seen: Mutex<u64>,
}

impl Turnstile {
    async fn pass(&self) {
        let (let_through, turn) = oneshot::channel();
        self.waiting.lock().unwrap().push_back(let_through);
        turn.await.unwrap();
    }

    /// Remembers an answer: what an actor does next follows from what it has seen.
    fn saw<T>(&self, answer: T, digest: impl FnOnce(&T) -> u64) -> T {
        let mut seen = self.seen.lock().unwrap();
        *seen = hash_of(&(*seen, digest(&answer)));
        answer
    }

    fn waits(&self) -> bool {
        !self.waiting.lock().unwrap().is_empty()
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Times and random ids differ from one run to the next, and nothing is decided by them.
fn of_order(stored: Option<&Stored>) -> u64 {
    hash_of(&stored.map(|stored| (stored.order.status, stored.order.version, stored.order.lines.len())))
}

fn of_balance(balance: Option<&Balance>) -> u64 {
    hash_of(&balance.map(|balance| (balance.quantity, balance.turnover, balance.version)))
}

fn of_movements(movements: &[Movement]) -> u64 {
    let movements =
        movements.iter().map(|movement| (movement.id, movement.version, movement.kind.name(), movement.delta));
    hash_of(&movements.collect::<Vec<_>>())
}

fn of_result<T>(result: &Result<T, DaoError>, digest: impl FnOnce(&T) -> u64) -> u64 {
    result.as_ref().map_or(1, digest)
}

/// A DAO whose statements wait for their turn.
struct Gated<D: ?Sized>(Arc<D>, Arc<Turnstile>);

#[async_trait]
impl LedgerDao for Gated<dyn LedgerDao> {
    async fn find(&self, cx: &Context, account: Account) -> Result<(Option<Balance>, Receipt), DaoError> {
        self.1.pass().await;
        let found = self.0.find(cx, account).await;
        self.1.saw(found, |found| of_result(found, |(balance, _)| of_balance(balance.as_ref())))
    }

    async fn glimpse(&self, cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError> {
        self.1.pass().await;
        let seen = self.0.glimpse(cx, account, day).await;
        self.1.saw(seen, |seen| {
            of_result(seen, |seen| hash_of(&seen.as_ref().map(|(balance, day)| (of_balance(Some(balance)), *day))))
        })
    }

    async fn load(&self, cx: &Context, account: Account) -> Result<Option<Balance>, DaoError> {
        self.1.pass().await;
        let found = self.0.load(cx, account).await;
        self.1.saw(found, |found| of_result(found, |balance| of_balance(balance.as_ref())))
    }

    async fn made(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError> {
        self.1.pass().await;
        let made = self.0.made(cx, account, ids).await;
        self.1.saw(made, |made| of_result(made, |made| of_movements(made)))
    }

    async fn closed(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError> {
        self.1.pass().await;
        let closed = self.0.closed(cx, account, ids).await;
        self.1.saw(closed, |closed| of_result(closed, hash_of))
    }

    async fn load_days(&self, cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError> {
        self.1.pass().await;
        let found = self.0.load_days(cx, account, days).await;
        self.1.saw(found, |found| of_result(found, hash_of))
    }

    async fn turnover(&self, cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError> {
        self.0.turnover(cx, account, days).await
    }

    async fn post(&self, cx: &Context, account: Account, before: i64, posting: &Posting) -> Result<Posted, DaoError> {
        self.1.pass().await;
        let posted = self.0.post(cx, account, before, posting).await;
        self.1.saw(posted, |posted| {
            of_result(posted, |posted| match posted {
                Posted::Done(_) => 2,
                // What it is told decides what it does next.
                Posted::Moved(met) => {
                    3 ^ met.as_ref().map_or(0, |met| of_balance(met.balance.as_ref()) ^ hash_of(&met.days))
                }
                Posted::Used => 4,
            })
        })
    }

    async fn movements(
        &self,
        cx: &Context,
        account: Account,
        before: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError> {
        self.0.movements(cx, account, before, limit).await
    }
}

#[async_trait]
impl OrderDao for Gated<dyn OrderDao> {
    async fn find(&self, cx: &Context, id: Uuid) -> Result<(Option<Order>, Receipt), DaoError> {
        self.0.find(cx, id).await
    }

    async fn load(&self, cx: &Context, id: Uuid) -> Result<Option<Stored>, DaoError> {
        self.1.pass().await;
        let stored = self.0.load(cx, id).await;
        self.1.saw(stored, |stored| of_result(stored, |stored| of_order(stored.as_ref())))
    }

    async fn insert(&self, cx: &Context, order: &Order, operation: Uuid) -> Result<Inserted, DaoError> {
        self.1.pass().await;
        let inserted = self.0.insert(cx, order, operation).await;
        self.1.saw(inserted, |inserted| {
            of_result(inserted, |inserted| match inserted {
                Inserted::Done(stored, _) => of_order(Some(stored)),
                Inserted::Exists => 2,
            })
        })
    }

    async fn replace(
        &self,
        cx: &Context,
        before: &Stored,
        after: &Order,
        operation: Uuid,
    ) -> Result<Replaced, DaoError> {
        self.1.pass().await;
        let replaced = self.0.replace(cx, before, after, operation).await;
        self.1.saw(replaced, |replaced| {
            of_result(replaced, |replaced| match replaced {
                Replaced::Done(stored, _) => of_order(Some(stored)),
                Replaced::Moved => 2,
            })
        })
    }

    // Whoever lists does it again until it is done, and nothing else depends on it.
    async fn list(&self, cx: &Context, stored: &Stored) -> Result<(), DaoError> {
        self.0.list(cx, stored).await
    }

    async fn page(
        &self,
        cx: &Context,
        filter: &Filter,
        limit: usize,
        after: Option<Position>,
    ) -> Result<(Vec<Order>, PageEnd), DaoError> {
        self.0.page(cx, filter, limit, after).await
    }

    async fn note(&self, cx: &Context, note: &Note) -> Result<(), DaoError> {
        self.1.pass().await;
        self.0.note(cx, note).await
    }

    async fn forget_all(&self, cx: &Context, notes: &[Note]) -> Result<(), DaoError> {
        self.1.pass().await;
        self.0.forget_all(cx, notes).await
    }

    async fn notes(&self, cx: &Context, shard: u8, after: i64, upto: i64) -> Result<(Vec<Note>, i64), DaoError> {
        self.1.pass().await;
        let notes = self.0.notes(cx, shard, after, upto).await;
        self.1.saw(notes, |notes| {
            of_result(notes, |(notes, until)| hash_of(&(notes.iter().map(|note| note.at).collect::<Vec<_>>(), *until)))
        })
    }

    async fn sweeps(&self, cx: &Context) -> Result<Vec<Swept>, DaoError> {
        self.0.sweeps(cx).await
    }

    async fn claim_sweep(&self, cx: &Context, shard: u8, seconds: i32) -> Result<bool, DaoError> {
        self.0.claim_sweep(cx, shard, seconds).await
    }

    async fn set_swept_until(&self, cx: &Context, shard: u8, until: i64) -> Result<(), DaoError> {
        self.0.set_swept_until(cx, shard, until).await
    }

    async fn clock(&self, cx: &Context) -> Result<i64, DaoError> {
        self.0.clock(cx).await
    }
}

#[async_trait]
impl Unranked for Gated<dyn OrderDao> {
    async fn unranked(&self, cx: &Context) -> Result<Vec<Turned>, DaoError> {
        self.0.unranked(cx).await
    }
}

/// What an actor came to: `Err` tells only that it was no success.
type Ended = Result<Option<Uuid>, ()>;
type Work = Pin<Box<dyn Future<Output = Ended>>>;

struct Actor {
    turnstile: Arc<Turnstile>,
    /// `None` once it has ended.
    work: Option<Work>,
    ended: Option<Ended>,
}

impl Actor {
    fn of(work: impl FnOnce(Arc<Turnstile>) -> Work) -> Self {
        let turnstile = Arc::<Turnstile>::default();
        // Its share of the runtime's turns is not used up by those who go the way before it.
        let work: Work = Box::pin(tokio::task::unconstrained(work(Arc::clone(&turnstile))));
        Self { work: Some(work), turnstile, ended: None }
    }

    /// Lets its next statement through, if one waits, and lets it work until another does.
    async fn step(&mut self) {
        let next = self.turnstile.waiting.lock().unwrap().pop_front();
        if let Some(let_through) = next {
            let_through.send(()).unwrap();
        }
        let mut pauses = 0;
        while let Some(work) = &mut self.work {
            if let Poll::Ready(ended) = work.as_mut().poll(&mut TaskContext::from_waker(noop_waker_ref())) {
                self.work = None;
                self.ended = Some(ended);
            } else if self.turnstile.waits() {
                return;
            } else {
                // A pause between two tries.
                pauses += 1;
                assert!(pauses < 9, "it waits for nothing that comes");
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What is tried, of two products: how many units of each, and whether the stock of the first is counted only meanwhile.
#[derive(Debug, Clone, Copy)]
struct Scene {
    quantities: [i64; 2],
    counted_late: bool,
    /// Of the request.
    tries: usize,
    /// Whether a sweeper is about from the beginning, as one whose clock is ahead.
    sweeper: bool,
    /// Ways in which it is more often another actor's turn are not followed.
    turns_max: Option<usize>,
}

/// What is the same in all runs.
#[derive(Clone, Copy)]
struct Cast {
    user: Uuid,
    products: [Uuid; 2],
    identity: Identity,
    now_ms: i64,
}

struct World {
    shop: Arc<Shop>,
    cast: Cast,
    actors: Vec<Actor>,
}

impl World {
    async fn of(scene: Scene, cast: Cast) -> Self {
        let shop = Shop::of(cast.user, &cast.products, usize::from(scene.counted_late)).await;
        let shop = Arc::new(shop);
        let mut actors = Vec::new();
        for at in 0..scene.tries {
            let identity = if at == 0 { cast.identity } else { taken_over(cast.identity) };
            // So that their notes are told apart.
            let now_ms = cast.now_ms + i64::try_from(at).unwrap();
            let draft = shop.draft(&scene.quantities);
            actors.push(Actor::of(|turnstile| {
                let orders = gated(&shop, &turnstile);
                Box::pin(async move {
                    let created = orders.create(&Context { now_ms, ..cx() }, draft, identity).await;
                    orders.settle_finished().await;
                    created.map(|(order, _)| Some(order.id)).map_err(|error| {
                        assert!(matches!(error, ModelError::Conflict(_) | ModelError::Short(_)), "{error}");
                    })
                })
            }));
        }
        if scene.sweeper {
            actors.push(Actor::of(|turnstile| {
                let orders = gated(&shop, &turnstile);
                Box::pin(async move {
                    // The other shards are empty.
                    let shard = Note::shard_of(cast.identity.resource);
                    let (from, upto) = (cast.now_ms - 1, cast.now_ms + 9);
                    let swept = sweep::sweep_shard(&orders, shard, from, upto, &mut Aside::unseen()).await;
                    swept.map(|_| None).map_err(|_| ())
                })
            }));
        }
        if scene.counted_late {
            let product = cast.products[0];
            actors.push(Actor::of(|turnstile| {
                let shop = Arc::clone(&shop);
                Box::pin(async move {
                    turnstile.pass().await;
                    shop.set(product, STOCK).await;
                    Ok(None)
                })
            }));
        }
        let mut world = Self { shop, cast, actors };
        for actor in &mut world.actors {
            actor.step().await;
        }
        world
    }

    /// Who can go on.
    fn living(&self) -> impl Iterator<Item = usize> {
        self.actors.iter().enumerate().filter(|(_, actor)| actor.work.is_some()).map(|(at, _)| at)
    }

    /// After so many steps of these actors.
    async fn after(scene: Scene, cast: Cast, way: &[usize]) -> Self {
        let mut world = Self::of(scene, cast).await;
        for at in way {
            world.actors[*at].step().await;
        }
        world
    }

    fn orders(&self) -> [Uuid; 3] {
        [0, 1, 2].map(|attempt| id_of_attempt(self.cast.identity.resource, attempt))
    }

    /// What there is, and what those who have ended were told.
    async fn rows(&self) -> u64 {
        let daos = &self.shop.daos;
        let mut parts: Vec<u64> = self.actors.iter().map(|actor| hash_of(&actor.ended)).collect();
        let accounts = self.cast.products.map(Account::stock);
        for id in self.orders() {
            parts.push(of_order(daos.orders.load(&cx(), id).await.unwrap().as_ref()));
            for account in accounts {
                let take = Ids(id).take(account.id);
                parts.push(hash_of(&daos.ledger.closed(&cx(), account, &[take]).await.unwrap()));
            }
        }
        for account in accounts {
            parts.push(of_balance(daos.ledger.load(&cx(), account).await.unwrap().as_ref()));
            let (movements, _) = daos.ledger.movements(&cx(), account, i64::MAX, 100).await.unwrap();
            let known = movements.into_iter().map(|movement| match movement.kind {
                // Under a random id.
                crate::dao::ledger::Kind::Set => Movement { id: Uuid::nil(), ..movement },
                _ => movement,
            });
            parts.push(of_movements(&known.collect::<Vec<_>>()));
        }
        // A note lies in its order's shard, and all there is are these orders: the other shards are empty.
        for shard in BTreeSet::from(self.orders().map(Note::shard_of)) {
            let (notes, _) = daos.orders.notes(&cx(), shard, 0, i64::MAX).await.unwrap();
            parts.push(hash_of(&notes.iter().map(|note| (note.at, note.order)).collect::<Vec<_>>()));
        }
        hash_of(&parts)
    }

    /// What anybody still does follows from what he has seen.
    fn seen(&self) -> u64 {
        let seen = self.actors.iter().map(|actor| {
            let waiting = actor.turnstile.waiting.lock().unwrap().len();
            (*actor.turnstile.seen.lock().unwrap(), waiting, actor.work.is_some())
        });
        hash_of(&seen.collect::<Vec<_>>())
    }

    /// What holds once everybody has ended or died and what was left is swept.
    async fn judge(&self, way: &[usize]) {
        let what = format!("{way:?}");
        let cast = self.cast;
        if self.shop.daos.ledger.load(&cx(), Account::stock(cast.products[0])).await.unwrap().is_none() {
            self.shop.set(cast.products[0], STOCK).await;
        }
        let process = self.shop.process();
        sweep_all(&process, cast.now_ms - 1, cast.now_ms + 9, &mut Aside::unseen()).await.unwrap();
        self.shop.audit(&self.orders(), &what).await;
        let listed = self.shop.listed().await;
        assert!(listed.len() <= 1, "two orders of one request: {what}");
        for told in self.actors.iter().filter_map(|actor| actor.ended.and_then(Result::ok).flatten()) {
            assert!(listed.iter().any(|order| order.id == told && order.status == Status::Confirmed), "{what}");
        }
    }
}

fn gated(shop: &Shop, turnstile: &Arc<Turnstile>) -> Orders {
    let mut orders = shop.orders(
        Arc::new(Gated(Arc::clone(&shop.daos.orders), Arc::clone(turnstile))),
        Arc::new(Gated(Arc::clone(&shop.daos.ledger), Arc::clone(turnstile))),
        // Where an account is ranked is looked at again by each report.
        Arc::clone(&shop.daos.blocks),
    );
    orders.ranker = Ranker::new(Arc::clone(&shop.daos.blocks), Arc::clone(&shop.daos.turnovers));
    orders
}

/// How often it is another actor's turn.
fn turns_of(way: &[usize]) -> usize {
    way.chunk_by(|one, other| one == other).count()
}

/// Follows every way; how many states there are, and in how many of them the rows differ.
async fn walk(scene: Scene) -> (usize, usize) {
    let identity = keyed();
    let cast = Cast {
        user: Uuid::now_v7(),
        products: [Uuid::now_v7(), Uuid::now_v7()],
        identity,
        now_ms: crate::dao::now_ms(),
    };
    let (mut states, mut judged) = (HashSet::new(), HashSet::new());
    let mut to_try: Vec<Vec<usize>> = vec![Vec::new()];
    while let Some(mut way) = to_try.pop() {
        let mut world = World::after(scene, cast, &way).await;
        loop {
            let rows = world.rows().await;
            // Where turns are counted it matters how many are left, and whose this one is.
            let turns = scene.turns_max.map(|_| (turns_of(&way), way.last().copied()));
            if !states.insert((rows, world.seen(), turns)) {
                break;
            }
            if judged.insert(rows) {
                World::after(scene, cast, &way).await.judge(&way).await;
            }
            assert!(way.len() < 200, "no end: {way:?}");
            let living: Vec<usize> = world.living().collect();
            let last = way.last().copied().filter(|last| living.contains(last));
            let Some(next) = last.or(living.first().copied()) else { break };
            if scene.turns_max.is_none_or(|max| turns_of(&way) < max) {
                let others = living.into_iter().filter(|other| *other != next);
                to_try.extend(others.map(|other| way.iter().copied().chain([other]).collect()));
            } else if last.is_none() {
                break;
            }
            world.actors[next].step().await;
            way.push(next);
        }
    }
    (states.len(), judged.len())
}

/// Every scene in a thread of its own, with a clock of its own that stands still.
fn walk_through(scenes: &[Scene]) {
    std::thread::scope(|scope| {
        for scene in scenes {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
                let began = std::time::Instant::now();
                let (states, ends) = runtime.unwrap().block_on(walk(*scene));
                println!("{scene:?}: {states} states, {ends} of them with other rows, {:?}", began.elapsed());
                assert!(ends > 1);
            });
        }
    });
}

const SCENE: Scene = Scene { quantities: [2, 0], counted_late: false, tries: 1, sweeper: false, turns_max: None };

#[test]
fn however_two_tries_or_a_sweeper_come_between_each_other_an_order_is_made_once_or_not_at_all() {
    let two = Scene { quantities: [2, 2], ..SCENE };
    let short = Scene { quantities: [2, 11], ..SCENE };
    walk_through(&[
        Scene { tries: 2, ..SCENE },
        Scene { sweeper: true, ..SCENE },
        Scene { tries: 2, ..two },
        Scene { sweeper: true, ..two },
        Scene { tries: 2, ..short },
        Scene { sweeper: true, ..short },
    ]);
}

#[test]
fn nor_does_it_matter_when_a_stock_is_counted_first() {
    // Short for one try, and there for the next.
    let late = Scene { counted_late: true, ..SCENE };
    walk_through(&[Scene { tries: 2, ..late }, Scene { sweeper: true, ..late }]);
}

#[test]
#[ignore = "some minutes"]
fn nor_of_two_stocks() {
    let two = Scene { quantities: [2, 2], counted_late: true, ..SCENE };
    walk_through(&[Scene { sweeper: true, ..two }, Scene { tries: 2, ..two }]);
}

#[test]
#[ignore = "some minutes"]
fn nor_how_two_tries_and_a_sweeper_come_between_each_other_together() {
    // Every way would take far longer.
    walk_through(&[Scene { tries: 2, sweeper: true, turns_max: Some(6), ..SCENE }]);
}
