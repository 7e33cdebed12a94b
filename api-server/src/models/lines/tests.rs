use std::ops::RangeInclusive;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use super::*;
use crate::dao::ledger::{Balance, Glimpse, Posting};
use crate::dao::memory::MemoryLedger;
use crate::models::ledger::{Change, Refusal};
use crate::models::precondition::Condition;

pub(super) fn cx() -> Context {
    Context::within(Duration::from_secs(10))
}

pub(super) fn want(change: Change) -> Want {
    Want {
        id: Uuid::new_v4(),
        change,
        condition: Condition::default(),
        reason: None,
        reference: None,
        by: None,
        fresh: true,
    }
}

pub(super) fn take(units: i64) -> Want {
    want(Change::Take { units, turned: units, day: 1 })
}

pub(super) async fn made(lines: &Lines, account: Account, want: Want) -> bool {
    matches!(lines.change(&cx(), account, want).await.unwrap().outcome, Outcome::Made(_))
}

/// A ledger that yields in every call, remembers them, and can lose answers or stand still.
pub(super) struct Slow {
    pub(super) inner: MemoryLedger,
    /// The names of all calls.
    calls: std::sync::Mutex<Vec<&'static str>>,
    gate: tokio::sync::Semaphore,
    lose_next_answer: AtomicBool,
    intrude: AtomicBool,
    /// Of a posting that lost nothing is told.
    silent: AtomicBool,
    /// The next balance is read so much later.
    dawdle: std::sync::Mutex<Option<Duration>>,
    /// The next balance that is read for certain is told so much later.
    pub(super) late: std::sync::Mutex<Option<Duration>>,
    /// What a plain read shows instead, as a replica that is behind would.
    behind: std::sync::Mutex<Option<Balance>>,
}

impl Slow {
    pub(super) fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryLedger::default(),
            calls: std::sync::Mutex::default(),
            gate: tokio::sync::Semaphore::new(permits),
            lose_next_answer: false.into(),
            intrude: false.into(),
            silent: false.into(),
            dawdle: std::sync::Mutex::default(),
            late: std::sync::Mutex::default(),
            behind: std::sync::Mutex::default(),
        })
    }

    fn called(&self, name: &'static str) {
        self.calls.lock().unwrap().push(name);
    }

    /// The calls since this was asked before.
    pub(super) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// Postings since the calls were asked for.
    fn postings(&self) -> usize {
        self.calls.lock().unwrap().iter().filter(|name| **name == "post").count()
    }

    /// Bounded by the deadline, as every method of a DAO.
    async fn dawdle(&self, cx: &Context) -> Result<(), DaoError> {
        let dawdle = self.dawdle.lock().unwrap().take();
        let Some(time) = dawdle else { return Ok(()) };
        let slept = tokio::time::timeout_at(cx.deadline, tokio::time::sleep(time)).await;
        slept.map_err(|_| DaoError::Timeout { level: "SERIAL", detail: "test".into() })
    }
}

#[async_trait]
impl LedgerDao for Slow {
    async fn find(&self, cx: &Context, account: Account) -> Result<(Option<Balance>, Receipt), DaoError> {
        self.called("find");
        let (balance, receipt) = self.inner.find(cx, account).await?;
        let behind = *self.behind.lock().unwrap();
        Ok((behind.or(balance), receipt))
    }

    async fn glimpse(&self, cx: &Context, account: Account, day: i32) -> Result<Option<Glimpse>, DaoError> {
        self.called("glimpse");
        let behind = *self.behind.lock().unwrap();
        let seen = self.inner.glimpse(cx, account, day).await?;
        Ok(behind.map(|balance| (balance, None)).or(seen))
    }

    async fn load(&self, cx: &Context, account: Account) -> Result<Option<Balance>, DaoError> {
        self.called("load");
        tokio::task::yield_now().await;
        self.dawdle(cx).await?;
        let read = self.inner.load(cx, account).await;
        let late = self.late.lock().unwrap().take();
        if let Some(late) = late {
            tokio::time::sleep(late).await;
        }
        read
    }

    async fn made(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Movement>, DaoError> {
        self.called("made");
        tokio::task::yield_now().await;
        self.inner.made(cx, account, ids).await
    }

    async fn closed(&self, cx: &Context, account: Account, ids: &[Uuid]) -> Result<Vec<Uuid>, DaoError> {
        self.called("closed");
        self.inner.closed(cx, account, ids).await
    }

    async fn load_days(&self, cx: &Context, account: Account, days: &[i32]) -> Result<Vec<(i32, i64)>, DaoError> {
        self.called("load_days");
        tokio::task::yield_now().await;
        self.inner.load_days(cx, account, days).await
    }

    async fn turnover(&self, cx: &Context, account: Account, days: RangeInclusive<i32>) -> Result<i64, DaoError> {
        self.inner.turnover(cx, account, days).await
    }

    async fn post(&self, cx: &Context, account: Account, before: i64, posting: &Posting) -> Result<Posted, DaoError> {
        let passed = tokio::time::timeout_at(cx.deadline, self.gate.acquire()).await;
        drop(passed.map_err(|_| DaoError::Unknown { operation: "test" })?.unwrap());
        tokio::task::yield_now().await;
        self.called("post");
        let posted = self.inner.post(cx, account, before, posting).await;
        if self.intrude.swap(false, Ordering::SeqCst) {
            let known = Known { balance: Some(posting.after), days: HashMap::new() };
            let change = [want(Change::Add { delta: 3 })];
            let theirs = decide(&known, HashMap::new(), change.iter(), 0).posting.unwrap();
            self.inner.post(cx, account, known.version(), &theirs).await.unwrap();
            tokio::task::yield_now().await;
        }
        if self.lose_next_answer.swap(false, Ordering::SeqCst) {
            return Err(DaoError::Unknown { operation: "test" });
        }
        match posted {
            Ok(Posted::Moved(_)) if self.silent.load(Ordering::SeqCst) => Ok(Posted::Moved(None)),
            posted => posted,
        }
    }

    async fn movements(
        &self,
        cx: &Context,
        account: Account,
        before: i64,
        limit: usize,
    ) -> Result<(Vec<Movement>, Receipt), DaoError> {
        self.inner.movements(cx, account, before, limit).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_sell_each_unit_once_and_no_more() {
    for (buyers, units) in [(50, 1), (200, 10), (200, 150)] {
        let dao = Slow::new(1);
        let processes = [
            Lines::new(Arc::clone(&dao) as _, Figures::unseen()),
            Lines::new(Arc::clone(&dao) as _, Figures::unseen()),
        ];
        let account = Account::stock(Uuid::now_v7());
        assert!(made(&processes[0], account, want(Change::Set { quantity: units })).await);
        let runs = (0..buyers).map(|buyer| {
            let lines = processes[buyer % 2].clone();
            tokio::spawn(async move { made(&lines, account, take(1)).await })
        });
        let sold = futures::future::join_all(runs).await.into_iter().filter(|sold| *sold.as_ref().unwrap()).count();
        assert_eq!(i64::try_from(sold).unwrap(), units, "{buyers} buyers");
        let balance = dao.load(&cx(), account).await.unwrap().unwrap();
        assert_eq!((balance.quantity, balance.turnover, balance.version), (0, units, units + 1));
    }
}

#[tokio::test]
async fn changes_that_wait_are_committed_together() {
    let dao = Slow::new(1);
    let lines = Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    let account = Account::stock(Uuid::now_v7());
    assert!(made(&lines, account, want(Change::Set { quantity: 1000 })).await);
    let takes = (0..128).map(|_| made(&lines, account, take(1)));
    assert!(futures::future::join_all(takes).await.into_iter().all(|made| made));
    let postings = dao.postings();
    assert!(postings <= 1 + 3, "{postings} postings");
}

#[tokio::test]
async fn a_full_queue_turns_changes_away_at_once_and_a_late_one_is_never_begun() {
    let dao = Slow::new(0);
    let lines = Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    let account = Account::stock(Uuid::now_v7());
    let hasty = Context::within(Duration::from_millis(200));
    let waiting =
        (0..WAITING_MAX + TOGETHER_MAX + 10).map(|_| lines.change(&hasty, account, want(Change::Set { quantity: 5 })));
    let ended = futures::future::join_all(waiting).await;
    let overloaded = ended.iter().filter(|ended| matches!(ended, Err(ModelError::Overloaded(_)))).count();
    let unknown = ended.iter().filter(|ended| matches!(ended, Err(ModelError::Dao(DaoError::Unknown { .. })))).count();
    assert_eq!((overloaded, unknown), (ended.len() - 1, 1), "the first had begun");
    dao.gate.add_permits(1);
    assert!(made(&lines, account, want(Change::Set { quantity: 7 })).await);
    let balance = dao.load(&cx(), account).await.unwrap().unwrap();
    assert_eq!(balance.version, 1, "none of those who went away came after all");
    assert!(lines.waiting().is_empty());
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_found_again_under_its_id() {
    let dao = Slow::new(1);
    let lines = Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    let account = Account::stock(Uuid::now_v7());
    assert!(made(&lines, account, want(Change::Set { quantity: 5 })).await);
    dao.lose_next_answer.store(true, Ordering::SeqCst);
    let first = take(2);
    let lost = lines.change(&cx(), account, first.clone()).await;
    assert!(matches!(lost, Err(ModelError::Dao(DaoError::Unknown { .. }))), "{lost:?}");
    let again = Want { fresh: false, ..first };
    for _ in 0..2 {
        assert!(made(&lines, account, again.clone()).await);
    }
    assert_eq!(dao.load(&cx(), account).await.unwrap().unwrap().quantity, 3);
}

#[tokio::test]
async fn nobody_is_refused_from_memory() {
    let dao = Slow::new(1);
    let lines = Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    let account = Account::stock(Uuid::now_v7());
    dao.intrude.store(true, Ordering::SeqCst);
    // While both wait in one queue the first posting leaves 0 in this process's memory, and
    // another process fills the stock right after it.
    let first = made(&lines, account, want(Change::Set { quantity: 0 }));
    let second = async {
        while dao.postings() == 0 {
            tokio::task::yield_now().await;
        }
        made(&lines, account, take(3)).await
    };
    assert_eq!(tokio::join!(first, second), (true, true));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_outlived_its_request_is_not_made_again_after_the_next_try_has_made_it() {
    let dao = Slow::new(1);
    let [ours, theirs] = [(); 2].map(|()| Lines::new(Arc::clone(&dao) as _, Figures::unseen()));
    let account = Account::stock(Uuid::now_v7());
    assert!(made(&ours, account, want(Change::Set { quantity: 9 })).await);
    // Two wait behind it. What is remembered for them is behind what another process makes of it, and to read again takes
    // longer than one of them has.
    let opening = made(&ours, account, want(Change::Set { quantity: 10 }));
    dao.intrude.store(true, Ordering::SeqCst);
    dao.silent.store(true, Ordering::SeqCst);
    *dao.dawdle.lock().unwrap() = Some(Duration::from_secs(3));
    let (first, beside) = (take(1), take(2));
    let again = Want { fresh: false, ..first.clone() };
    let short = Context::within(Duration::from_secs(1));
    let next_try = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        made(&theirs, account, again).await
    };
    let (opened, gone, other, tried_again) =
        tokio::join!(opening, ours.change(&short, account, first), made(&ours, account, beside), next_try);
    assert!(opened && gone.is_err() && other && tried_again);
    assert_eq!(dao.load(&cx(), account).await.unwrap().unwrap().quantity, 10 + 3 - 1 - 2);
}

#[tokio::test]
async fn a_read_that_is_behind_costs_a_race_and_no_answer() {
    let dao = Slow::new(1);
    // Each of them knows nothing yet.
    let process = || Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    let account = Account::stock(Uuid::now_v7());
    assert!(made(&process(), account, want(Change::Set { quantity: 0 })).await);
    let empty = dao.load(&cx(), account).await.unwrap();
    assert!(made(&process(), account, want(Change::Set { quantity: 10 })).await);
    let first = take(1);
    let returned = want(Change::Return { take: first.id });
    assert!(made(&process(), account, first).await);
    let is_behind = |balance| *dao.behind.lock().unwrap() = balance;
    // Of nothing a take would be refused.
    is_behind(empty);
    assert!(made(&process(), account, take(3)).await);
    // On ten units a count would make version 3 again.
    is_behind(Some(Balance { quantity: 10, turnover: 0, version: 2, updated_at: 0 }));
    let before = dao.postings();
    assert!(made(&process(), account, want(Change::Add { delta: -6 })).await);
    assert_eq!(dao.postings() - before, 2, "one that lost, one that was made");
    assert!(!made(&process(), account, take(1)).await, "nothing is left");
    assert!(made(&process(), account, returned).await);
    let balance = dao.load(&cx(), account).await.unwrap().unwrap();
    assert_eq!((balance.quantity, balance.turnover, balance.version), (1, 3, 6));
}

#[tokio::test]
async fn who_lost_a_race_decides_on_what_he_was_told_and_reads_only_where_he_was_told_nothing() {
    let account = Account::stock(Uuid::now_v7());
    let dao = Slow::new(1);
    // Each of them knows nothing yet.
    let process = || Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    assert!(made(&process(), account, want(Change::Set { quantity: 9 })).await);
    assert!(made(&process(), account, take(4)).await);
    *dao.behind.lock().unwrap() = Some(Balance { quantity: 9, turnover: 0, version: 1, updated_at: 0 });
    dao.calls();
    assert!(made(&process(), account, take(3)).await);
    assert_eq!(dao.calls(), ["glimpse", "post", "post"]);
    let refused = process().change(&cx(), account, take(3)).await.unwrap();
    assert_eq!(refused.outcome, Outcome::Refused(Refusal::Short { available: 2 }));
    assert_eq!(dao.calls(), ["glimpse", "post"], "what it was told is certain");
    dao.silent.store(true, Ordering::SeqCst);
    assert!(made(&process(), account, take(1)).await);
    assert_eq!(dao.calls(), ["glimpse", "post", "load", "load_days", "post"]);
    assert!(!made(&process(), account, take(2)).await);
    assert_eq!(dao.calls(), ["glimpse", "post", "load", "load_days"]);
}

#[tokio::test]
async fn what_is_remembered_saves_reads_and_where_it_is_behind_it_costs_a_lost_posting() {
    let dao = Slow::new(1);
    let [ours, theirs] = [(); 2].map(|()| Lines::new(Arc::clone(&dao) as _, Figures::unseen()));
    let account = Account::stock(Uuid::now_v7());
    assert!(made(&ours, account, want(Change::Set { quantity: 20 })).await);
    dao.calls();
    assert!(made(&ours, account, take(1)).await);
    for _ in 0..3 {
        assert!(made(&ours, account, take(1)).await);
    }
    assert_eq!(dao.calls(), ["post"; 4], "nothing is read, not even for the first of a day");
    assert!(made(&theirs, account, take(1)).await);
    assert_eq!(dao.calls(), ["glimpse", "post"]);
    // From here on each is behind whenever the other has changed something.
    for _ in 0..3 {
        for lines in [&ours, &theirs] {
            assert!(made(lines, account, take(1)).await);
            assert_eq!(dao.calls(), ["post", "post"]);
        }
    }
    // Nor is anybody refused or served by what is behind.
    assert!(made(&ours, account, want(Change::Set { quantity: 0 })).await);
    assert!(!made(&theirs, account, take(9)).await);
    assert!(made(&theirs, account, want(Change::Set { quantity: 9 })).await);
    dao.calls();
    assert!(made(&ours, account, take(9)).await);
    assert_eq!(dao.calls(), ["load", "load_days", "post"], "remembered as sold out: read, not refused");
    // An older day, or two of them, are not what is remembered.
    let old = want(Change::Take { units: 0, turned: 1, day: 0 });
    assert!(made(&ours, account, old).await);
    assert!(made(&ours, account, want(Change::Add { delta: 5 })).await);
    assert!(made(&ours, account, take(5)).await);
    let balance = dao.load(&cx(), account).await.unwrap().unwrap();
    assert_eq!((balance.quantity, balance.turnover, balance.version), (0, 11 + 9 + 1 + 5, 18));
    assert_eq!(dao.turnover(&cx(), account, 1..=1).await, Ok(11 + 9 + 5));
}

#[tokio::test]
async fn a_change_that_ended_unknown_is_not_remembered() {
    let dao = Slow::new(1);
    let lines = Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    let account = Account::stock(Uuid::now_v7());
    assert!(made(&lines, account, want(Change::Set { quantity: 5 })).await);
    dao.lose_next_answer.store(true, Ordering::SeqCst);
    assert!(lines.change(&cx(), account, want(Change::Add { delta: 1 })).await.is_err());
    dao.calls();
    assert!(made(&lines, account, want(Change::Add { delta: 1 })).await);
    assert_eq!(dao.calls(), ["find", "post"]);
    assert_eq!(dao.load(&cx(), account).await.unwrap().unwrap().quantity, 7);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_the_others_in_their_queue() {
    let dao = Slow::new(0);
    let lines = Lines::new(Arc::clone(&dao) as _, Figures::unseen());
    let account = Account::stock(Uuid::now_v7());
    let first = tokio::time::timeout(Duration::from_secs(1), made(&lines, account, want(Change::Set { quantity: 5 })));
    let second = made(&lines, account, want(Change::Set { quantity: 6 }));
    let opened = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        dao.gate.add_permits(1);
    };
    let (first, second, ()) = tokio::join!(first, second, opened);
    assert!(first.is_err() && second);
    assert_eq!(dao.load(&cx(), account).await.unwrap().unwrap().version, 1);
    tokio::task::yield_now().await;
    assert!(lines.waiting().is_empty());
}
