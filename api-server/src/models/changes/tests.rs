//! The feed of several processes over one store, of which some die between a change and its entry.

use std::collections::BTreeMap;

use super::*;
use crate::dao::memory::{self, MemoryChanges};
use crate::models::figures::Figures;
use crate::models::ledger::{Change as Movement, Outcome, Want};
use crate::models::lines::Lines;
use crate::models::precondition::Condition;

/// A store, and where its feed lies.
struct Ground {
    daos: crate::dao::Daos,
    feed: Arc<MemoryChanges>,
}

/// A process of it.
struct Process {
    lines: Lines,
    changes: Changes,
}

impl Ground {
    fn new() -> Self {
        Self::over(MemoryChanges::default())
    }

    fn over(feed: MemoryChanges) -> Self {
        let feed = Arc::new(feed);
        let changes: Arc<dyn ChangeDao> = Arc::clone(&feed) as _;
        Self { daos: crate::dao::Daos { changes, ..memory::daos() }, feed }
    }

    fn process(&self) -> Process {
        let daos = &self.daos;
        let of_feed = Daos {
            changes: Arc::clone(&daos.changes),
            ledger: Arc::clone(&daos.ledger),
            products: Arc::clone(&daos.products),
        };
        let changes = Changes::new(of_feed, Clock::default());
        let lines = Lines::new(Arc::clone(&daos.ledger), Figures::unseen()).telling(changes.clone());
        Process { lines, changes }
    }

    /// What the feed tells of each stock, in its order.
    async fn told(&self) -> BTreeMap<Uuid, Vec<i64>> {
        let mut told: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        let mut after = 0;
        loop {
            let entries = self.feed.entries(&cx(), after, 100).await.unwrap();
            if entries.is_empty() {
                return told;
            }
            for (number, entry) in entries {
                assert_eq!(number, after + 1, "numbers have no gaps");
                after = number;
                for change in entry.changes {
                    told.entry(change.id).or_default().push(change.version);
                }
            }
        }
    }
}

impl Process {
    async fn add(&self, product: Uuid, delta: i64) -> i64 {
        let change = if delta == 0 { Movement::Set { quantity: 10_000 } } else { Movement::Add { delta } };
        let want = Want {
            id: Uuid::new_v4(),
            change,
            condition: Condition::default(),
            reason: None,
            reference: None,
            fresh: true,
            by: None,
        };
        match self.lines.change(&cx(), Account::stock(product), want).await.unwrap().outcome {
            Outcome::Made(movement) => movement.version,
            other => panic!("{other:?}"),
        }
    }

    /// A movement that this process never tells.
    async fn adjust_untold(&self, product: Uuid) {
        self.add(product, -1).await;
        self.changes.0.as_ref().unwrap().queue().changes.clear();
    }

    /// The same as an adjustment of the API does it: under a note.
    async fn adjust(&self, product: Uuid, delta: i64) {
        let object = Object { kind: Kind::Stock, id: product };
        let cx = cx();
        self.changes.noted(&cx, object, None, async { Ok(self.add(product, delta).await) }).await.unwrap();
    }
}

fn cx() -> Context {
    Context::within(Duration::from_secs(5))
}

/// What a reader proves: versions from the first to the last, none of them first before the one below.
fn without_gaps(versions: &[i64]) -> i64 {
    let mut last: Option<i64> = None;
    for version in versions {
        match last {
            Some(seen) if *version > seen + 1 => panic!("{version} comes after {seen}: {versions:?}"),
            Some(seen) if *version <= seen => {}
            _ => last = Some(*version),
        }
    }
    last.unwrap_or(0)
}

#[tokio::test]
async fn what_a_process_did_that_died_before_it_told_is_told_with_the_next_version() {
    let ground = Ground::new();
    let (one, other, product) = (ground.process(), ground.process(), Uuid::now_v7());
    one.add(product, 0).await;
    one.changes.flush().await.unwrap();
    for _ in 0..3 {
        one.add(product, -1).await;
    }
    drop(one);
    assert_eq!(ground.told().await[&product], [1], "it died with them");
    other.add(product, -1).await;
    other.changes.flush().await.unwrap();
    assert_eq!(ground.told().await[&product], [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn who_is_the_first_to_tell_a_later_version_tells_those_below_it_too() {
    let ground = Ground::new();
    let (one, other, product) = (ground.process(), ground.process(), Uuid::now_v7());
    one.add(product, 0).await;
    other.add(product, -1).await;
    one.add(product, -1).await;
    other.changes.flush().await.unwrap();
    one.changes.flush().await.unwrap();
    assert_eq!(without_gaps(&ground.told().await[&product]), 3);
}

#[tokio::test]
async fn what_nobody_changes_again_a_sweep_finds_by_its_note() {
    let ground = Ground::new();
    let (one, other, product) = (ground.process(), ground.process(), Uuid::now_v7());
    one.adjust(product, 0).await;
    one.adjust(product, -3).await;
    drop(one);
    assert_eq!(ground.told().await, BTreeMap::new());
    other.changes.sweep(-1_000).await.unwrap();
    assert_eq!(ground.told().await[&product], [1, 2]);
    other.changes.sweep(-1_000).await.unwrap();
    assert_eq!(ground.told().await[&product], [1, 2], "the notes are gone");
}

#[tokio::test]
async fn two_processes_at_the_same_stocks_of_which_some_die_leave_no_gap() {
    let ground = Ground::new();
    let products: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    let mut made: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut processes = [ground.process(), ground.process()];
    for round in 0..60_usize {
        let process = &processes[round % 2];
        let product = products[(round / 2 + round % 3) % products.len()];
        let delta = if made.contains_key(&product) { -1 } else { 0 };
        let version = process.add(product, delta).await;
        assert_eq!(version, made.get(&product).unwrap_or(&0) + 1);
        made.insert(product, version);
        if round % 5 == 0 {
            process.changes.flush().await.unwrap();
        }
        if round % 7 == 0 {
            processes[round % 2] = ground.process();
        }
    }
    let last = ground.process();
    for product in &products {
        last.changes.complete_stock(&cx(), *product).await.unwrap();
    }
    last.changes.flush().await.unwrap();
    let told: BTreeMap<Uuid, i64> =
        ground.told().await.into_iter().map(|(product, versions)| (product, without_gaps(&versions))).collect();
    assert_eq!(told, made);
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_what_comes_goes_on_after_its_position_and_is_told_when_that_is_gone() {
    let ground = Ground::new();
    let (writer, reader) = (ground.process(), ground.process());
    let _tasks = (writer.changes.start(), reader.changes.start());
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut listener = reader.changes.listen().unwrap();
    let begin = listener.end().await.unwrap();
    writer.add(one, 0).await;
    writer.add(other, 0).await;
    let batch = listener.next(begin, Kinds::ALL, Duration::from_secs(5)).await.unwrap();
    let ids: Vec<Uuid> = batch.changes.iter().map(|(_, change)| change.id).collect();
    assert_eq!(ids, [one, other]);
    assert_eq!(batch.changes[1].0, batch.next);
    // After the first of them, on another process.
    let position: Position = batch.changes[0].0.to_string().parse().unwrap();
    let mut resumed = writer.changes.listen().unwrap();
    resumed.check(position).await.unwrap();
    let rest = resumed.next(position, Kinds::ALL, Duration::from_secs(5)).await.unwrap();
    assert_eq!(rest.changes, batch.changes[1..]);
    let none = resumed.next(rest.next, Kinds::ALL, Duration::from_secs(1)).await.unwrap();
    assert_eq!(none, Batch { changes: Vec::new(), next: rest.next });
    let orders = resumed.next(begin, Kinds::of("order,product").unwrap(), Duration::from_secs(1)).await.unwrap();
    assert_eq!(orders, Batch { changes: Vec::new(), next: rest.next }, "what was looked at is not looked at again");
    let beyond = Position { number: 1_000, changes: 0 };
    assert_eq!(resumed.check(beyond).await, Err(ReadError::Gone));
    writer.add(one, -1).await;
    let batch = listener.next(batch.next, Kinds::ALL, Duration::from_secs(5)).await.unwrap();
    ground.feed.expire(batch.next.number - 1);
    let late = ground.process();
    let _task = late.changes.start();
    let mut late = late.changes.listen().unwrap();
    assert_eq!(late.next(begin, Kinds::ALL, Duration::from_secs(5)).await, Err(ReadError::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_whose_kind_nothing_is_there_waits_no_longer_than_it_said_however_far_behind_it_is() {
    let ground = Ground::over(MemoryChanges::slow(Duration::from_millis(100)));
    let (process, product) = (ground.process(), Uuid::now_v7());
    for number in 1..=2_000 {
        let change = Change {
            kind: Kind::Stock,
            id: product,
            version: number,
            at: 0,
            what: "order".into(),
            quantity: None,
            delta: None,
        };
        let entry = Entry { operation: Uuid::new_v4(), changes: vec![change] };
        assert_eq!(ground.feed.append(&cx(), number, &entry).await.unwrap(), Appended::Done);
    }
    let _tasks = process.changes.start();
    let mut listener = process.changes.listen().unwrap();
    listener.check(Position::default()).await.unwrap();
    let began = Instant::now();
    let batch = listener.next(Position::default(), Kinds::of("order").unwrap(), Duration::from_secs(1)).await.unwrap();
    assert!(batch.changes.is_empty() && began.elapsed() <= Duration::from_millis(1_200), "{:?}", began.elapsed());
    assert!((500..1_000).contains(&batch.next.number), "{:?}", batch.next);
    let rest = listener.next(batch.next, Kinds::of("order").unwrap(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(rest.next.number, 2_000, "it goes on from there");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_wait_is_told_what_is_there_also_where_nobody_else_listens() {
    let ground = Ground::over(MemoryChanges::slow(Duration::from_millis(5)));
    let (process, product) = (ground.process(), Uuid::now_v7());
    process.add(product, 0).await;
    process.changes.flush().await.unwrap();
    let _tasks = process.changes.start();
    for _ in 0..3 {
        let mut listener = process.changes.listen().unwrap();
        listener.check(Position::default()).await.unwrap();
        let batch = listener.next(Position::default(), Kinds::ALL, Duration::ZERO).await.unwrap();
        assert_eq!(batch.changes.len(), 1);
        drop(listener);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn of_a_stock_of_which_many_versions_were_told_by_nobody_some_thousand_are_read_at_once() {
    let ground = Ground::new();
    let (one, other, product) = (ground.process(), ground.process(), Uuid::now_v7());
    one.add(product, 0).await;
    one.changes.finish().await.unwrap();
    let missing = fill::MISSING_AT_ONCE + 10;
    for _ in 0..missing {
        one.adjust_untold(product).await;
    }
    drop(one);
    other.add(product, 1).await;
    let shared = other.changes.0.as_ref().unwrap();
    let waiting = shared.queue().changes.clone();
    let filled = shared.fill(&cx(), &Writer::default(), &waiting).await.unwrap();
    let Filled::Below(below) = filled else { panic!("{filled:?}") };
    let versions: Vec<i64> = below.iter().map(|change| change.version).collect();
    assert!(versions.iter().copied().eq(2..=fill::MISSING_AT_ONCE + 1), "{} from {}", versions.len(), versions[0]);
    other.changes.flush().await.unwrap();
    let told = ground.told().await[&product].clone();
    assert!(told.iter().copied().eq(1..=missing + 2), "each once, in their order");
}

#[tokio::test]
async fn no_number_comes_twice_where_all_entries_went_while_a_shop_was_closed() {
    let ground = Ground::new();
    let (process, product) = (ground.process(), Uuid::now_v7());
    for delta in [0, -1, -1] {
        process.add(product, delta).await;
        process.changes.flush().await.unwrap();
    }
    process.changes.finish().await.unwrap();
    drop(process);
    assert_eq!(ground.feed.last(&cx()).await, Ok(3));
    ground.feed.expire(3);
    let process = ground.process();
    process.add(product, -1).await;
    process.changes.flush().await.unwrap();
    let entries = ground.feed.entries(&cx(), 0, 10).await.unwrap();
    let told: Vec<(i64, Vec<i64>)> = entries
        .iter()
        .map(|(number, entry)| (*number, entry.changes.iter().map(|change| change.version).collect()))
        .collect();
    assert_eq!(told, [(4, vec![4])]);
}

#[tokio::test]
async fn where_more_waits_than_there_is_room_for_no_note_is_removed() {
    let ground = Ground::new();
    let (process, product) = (ground.process(), Uuid::now_v7());
    process.adjust(product, 0).await;
    let shared = process.changes.0.as_ref().unwrap();
    let filler = shared.queue().changes[0].clone();
    shared.queue().changes.resize(WAITING_MAX, filler);
    process.adjust(product, -1).await;
    assert!(process.changes.flush().await.is_err(), "something is missing");
    let minute = Note::minute_of(now_ms());
    let cx = cx();
    let left = [minute - 1, minute].map(|minute| ground.feed.notes(&cx, minute));
    assert_eq!(futures::future::join_all(left).await.into_iter().map(|notes| notes.unwrap().len()).sum::<usize>(), 2);
    let other = ground.process();
    other.changes.sweep(-1_000).await.unwrap();
    assert_eq!(without_gaps(&ground.told().await[&product]), 2);
}

#[test]
fn a_position_is_what_was_handed_out() {
    for (text, position) in [
        ("12-3", Some(Position { number: 12, changes: 3 })),
        ("0-0", Some(Position { number: 0, changes: 0 })),
        ("", None),
        ("12", None),
        ("-1-2", None),
        ("1-+2", None),
        ("1-2-3", None),
        ("1234567890123456789-0", None),
    ] {
        assert_eq!(text.parse().ok(), position, "{text}");
    }
    assert_eq!(Position { number: 12, changes: 3 }.to_string(), "12-3");
}
