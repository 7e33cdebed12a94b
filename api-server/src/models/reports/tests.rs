use std::cmp::Reverse;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::dao::blocks::{Change, batches};
use crate::dao::ledger::Account;
use crate::dao::ranks::Turned;
use crate::models::ranker::Ranker;
use crate::models::ranker::tests::{Books, Counted, cx};

fn account(at: usize) -> Account {
    Account::stock(Uuid::from_u128(u128::try_from(at).unwrap() + 1))
}

fn truth(books: &Books, accounts: usize, limit: usize, days: Option<&RangeInclusive<i32>>) -> Vec<(Uuid, i64)> {
    let sums = (0..accounts).map(|at| (account(at).id, books.sum(account(at), days)));
    let mut sums: Vec<(Uuid, i64)> = sums.filter(|(_, sum)| *sum > 0).collect();
    sums.sort_by_key(|(id, sum)| (Reverse(*sum), *id));
    sums.truncate(limit);
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_report_is_what_a_sum_over_everything_would_say(
        ranked in prop::collection::vec((0_usize..30, 0_i32..200, 1_i64..2_000), 0..120),
        since in prop::collection::vec((0_usize..34, 0_i32..200, 1_i64..2_000), 0..12),
        stale in prop::collection::vec((0_usize..30, 0_i32..200, 1_i64..9_000), 0..6),
        limit in 1_usize..12, from in -3_i32..210, length in 0_i32..230,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (books, blocks) = (Arc::new(Books::default()), Arc::new(Counted::in_memory()));
            // Left in two classes by processes that have since written something of a higher version.
            for (at, day, amount) in stale {
                let after = Turnover { amount, version: 0 };
                let change = Change { account: account(at), block: Block::day(day), before: 0, after };
                blocks.write(&cx(), &[change]).await.unwrap();
                blocks.write(&cx(), &[Change { after: Turnover::default(), before: 1, ..change }]).await.unwrap();
            }
            let ranker = Ranker::new(Arc::clone(&blocks) as _, Arc::clone(&books) as _);
            let turned = |orders: &[(usize, i32, i64)]| -> Vec<Turned> {
                let of = |(at, day, amount): &(usize, i32, i64)| {
                    books.add(account(*at), *day, *amount);
                    Turned { account: account(*at), day: *day }
                };
                orders.iter().map(of).collect()
            };
            ranker.rank(&cx(), &turned(&ranked)).await.unwrap();
            let since = turned(&since);
            let reports = Reports::new(Arc::clone(&blocks) as _, Arc::clone(&books) as _, Arc::new(since.clone()));
            for days in [None, Some(from..=from + length), Some(i32::MIN..=from), Some(from..=i32::MAX)] {
                let (rows, _) = reports.top(&cx(), Book::Stock, limit, days.clone()).await.unwrap();
                assert_eq!(rows, truth(&books, 34, limit, days.as_ref()), "limit {limit}, {days:?}");
            }
            // Half-way or done, it is the same to whoever asks.
            ranker.rank(&cx(), &since).await.unwrap();
            let after = Reports::new(Arc::clone(&blocks) as _, Arc::clone(&books) as _, Arc::new(Vec::<Turned>::new()));
            for days in [None, Some(from..=from + length)] {
                let told = (reports.top(&cx(), Book::Stock, limit, days.clone()).await.unwrap().0,
                    after.top(&cx(), Book::Stock, limit, days.clone()).await.unwrap().0);
                assert_eq!(told.0, told.1, "{days:?}");
                assert_eq!(told.0, truth(&books, 34, limit, days.as_ref()), "{days:?}");
            }
            assert_eq!(after.top(&cx(), Book::Spending, limit, None).await.unwrap().0, []);
        });
    }
}

#[tokio::test]
async fn what_lies_in_a_wrong_class_is_not_told_twice_and_taken_out() {
    let (books, blocks) = (Arc::new(Books::default()), Arc::new(Counted::in_memory()));
    let ranker = Ranker::new(Arc::clone(&blocks) as _, Arc::clone(&books) as _);
    let stale =
        Change { account: account(1), block: Block::ALL, before: 0, after: Turnover { amount: 90_000, version: 0 } };
    blocks.write(&cx(), &[stale]).await.unwrap();
    blocks.write(&cx(), &[Change { before: 1, after: Turnover::default(), ..stale }]).await.unwrap();
    for (at, amount) in [(0, 700), (1, 500)] {
        books.add(account(at), 1, amount);
        ranker.rank(&cx(), &[Turned { account: account(at), day: 1 }]).await.unwrap();
    }
    let reports = Reports::new(Arc::clone(&blocks) as _, Arc::clone(&books) as _, Arc::new(Vec::<Turned>::new()));
    let all = Lists {
        book: Book::Stock,
        blocks: vec![Block::ALL],
        shards: (0..SHARDS).collect(),
        after: Place::TOP,
        limit: 9,
    };
    for rows in [3, 2, 2] {
        assert_eq!(blocks.rows(&cx(), &all).await.unwrap().0.len(), rows);
        let (told, _) = reports.top(&cx(), Book::Stock, 5, None).await.unwrap();
        assert_eq!(told, [(account(0).id, 700), (account(1).id, 500)]);
    }
}

/// A shop of so many accounts whose orders over 400 days are spread as customers' are: the one at place n orders about
/// 1/n^0.7 as often as the first. Returns what each account turned over on each day.
pub fn orders_of(accounts: usize, orders: usize) -> HashMap<(usize, i32), i64> {
    let mut random = StdRng::seed_from_u64(7);
    let mut days: HashMap<(usize, i32), i64> = HashMap::new();
    let top = f64::from(u32::try_from(accounts).unwrap());
    for _ in 0..orders {
        // The inverse of the distribution of places.
        let place = top * random.random::<f64>().powf(1.0 / 0.3);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
        let at = (place as usize).min(accounts - 1);
        // Scattered over the ids.
        let at = (at * 7_919 + 13) % accounts;
        *days.entry((at, 20_000 + random.random_range(0..400))).or_default() += random.random_range(500..20_000);
    }
    days
}

/// Writes blocks as they are once everything is ranked.
pub async fn fill(blocks: &dyn BlockDao, book: Book, days: &HashMap<(usize, i32), i64>) {
    let mut sums: HashMap<(usize, Block), Turnover> = HashMap::new();
    for ((at, day), amount) in days {
        for block in std::iter::successors(Some(Block::day(*day)), |block| block.parent()) {
            let sum = sums.entry((*at, block)).or_default();
            *sum = sum.plus(Turnover { amount: *amount, version: 1 });
        }
    }
    let spans: BTreeSet<Block> = days.keys().map(|(_, day)| Block::span(*day)).collect();
    for span in spans {
        blocks.use_span(&cx(), book, span).await.unwrap();
    }
    let changes = sums.into_iter().map(|((at, block), after)| {
        let account = Account { book, id: account(at).id };
        Change { account, block, before: 0, after }
    });
    let writes = stream::iter(batches(changes.collect()))
        .map(|batch| async move { blocks.write(&Context::within(std::time::Duration::from_secs(600)), &batch).await });
    writes.buffer_unordered(16).try_collect::<Vec<()>>().await.unwrap();
}

/// The kinds of ranges that people ask for.
const RANGES: [(&str, Option<(i32, i32)>); 9] = [
    ("all time", None),
    ("a day", Some((20_201, 20_201))),
    ("a week", Some((20_203, 20_209))),
    ("a month", Some((20_205, 20_234))),
    ("a quarter", Some((20_101, 20_191))),
    ("a year", Some((20_017, 20_381))),
    ("until a day", Some((i32::MIN, 20_302))),
    ("from a day on", Some((20_099, i32::MAX))),
    ("any days", Some((20_003, 20_396))),
];

/// Every kind of report is right, by at most 60 statements.
pub async fn every_report_is_right<B: BlockDao + 'static>(
    blocks: &Arc<Counted<B>>,
    days: &HashMap<(usize, i32), i64>,
    accounts: usize,
) {
    let reports = Reports::new(Arc::clone(blocks) as _, Arc::new(Books::default()), Arc::new(Vec::<Turned>::new()));
    for (name, range) in RANGES {
        let range = range.map(|(from, to)| from..=to);
        let mut sums: HashMap<usize, i64> = HashMap::new();
        for ((at, day), amount) in days {
            if range.as_ref().is_none_or(|range| range.contains(day)) {
                *sums.entry(*at).or_default() += amount;
            }
        }
        let mut truth: Vec<(Uuid, i64)> = sums.into_iter().map(|(at, sum)| (account(at).id, sum)).collect();
        truth.sort_by_key(|(id, sum)| (Reverse(*sum), *id));
        for limit in [10, 100] {
            let (statements, rows) = (blocks.statements.load(Ordering::Relaxed), blocks.rows.load(Ordering::Relaxed));
            let began = std::time::Instant::now();
            let (told, _) = reports.top(&cx(), Book::Stock, limit, range.clone()).await.unwrap();
            let statements = blocks.statements.load(Ordering::Relaxed) - statements;
            let rows = blocks.rows.load(Ordering::Relaxed) - rows;
            println!(
                "{accounts} accounts, {name}, first {limit}: {statements} statements, {rows} rows, {} ms",
                began.elapsed().as_millis()
            );
            assert_eq!(told, truth[..limit], "{name}, {limit}");
            assert!(statements <= 60, "{name}, {limit}: {statements}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_report_takes_few_statements() {
    let (accounts, blocks) = (100_000, Arc::new(Counted::in_memory()));
    let days = orders_of(accounts, 200_000);
    fill(&blocks.blocks, Book::Stock, &days).await;
    every_report_is_right(&blocks, &days, accounts).await;
}

/// Minutes without optimization, so only where it is asked for by name.
#[tokio::test]
#[ignore = "takes minutes"]
async fn every_kind_of_report_over_a_million_accounts_takes_few_statements() {
    let (accounts, blocks) = (1_000_000, Arc::new(Counted::in_memory()));
    let days = orders_of(accounts, 2_500_000);
    fill(&blocks.blocks, Book::Stock, &days).await;
    every_report_is_right(&blocks, &days, accounts).await;
}
