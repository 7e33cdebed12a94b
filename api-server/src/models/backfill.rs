//! Ranks what the ranks of earlier versions have listed, and lists products by words that they listed by none: once before processes of this version serve, and again for what
//! processes of the version before have changed meanwhile. When the last of them goes is known to nobody here, so that is
//! done a minute, ten minutes and an hour after the first of this version. Harmless to repeat. IO only through the DAOs' traits.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::ranker::Ranker;
use crate::dao::backfill::{BackfillDao, Part, Progress, Run};
use crate::dao::blocks::{Place, SHARDS};
use crate::dao::ledger::Book;
use crate::dao::{Context, DaoError};

/// Accounts that are ranked together, products that are listed together.
const AT_ONCE: usize = 100;
/// Deadline of these.
const DEADLINE: Duration = Duration::from_secs(60);
/// When a roll-out may have ended, from the start of a process on: at the last of them it has.
const ROLLED_OUT: [(Run, Duration); 3] = [
    (Run::Soon, Duration::from_secs(60)),
    (Run::Later, Duration::from_secs(600)),
    (Run::After, Duration::from_secs(3_600)),
];
/// Between two looks whether a run is done, and after a failure.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Clone)]
pub struct Backfill {
    dao: Arc<dyn BackfillDao>,
    ranker: Ranker,
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// Every account was ranked and every product listed, now or before.
    Done,
    /// Another worker is at it.
    Held,
    /// The time was up; the next walk goes on.
    OutOfTime,
}

impl Backfill {
    /// A backfill over DAOs.
    pub fn new(dao: Arc<dyn BackfillDao>, ranker: Ranker) -> Self {
        Self { dao, ranker }
    }

    /// Goes on with a run until it is done or time is up.
    pub async fn walk(&self, run: Run, deadline: Instant) -> Result<Walked, DaoError> {
        let worker = Uuid::new_v4();
        for part in Part::ALL {
            let mut at = self.dao.progress(&Context::within(DEADLINE), run, part).await?;
            // What a process of an earlier version undoes it takes off its own ranks, so those of this version are looked at.
            if let Part::Ranks(book) = part
                && run != Run::Before
                && at == Progress::START
                && !self.walk_ranked(run, book, worker).await?
            {
                return Ok(Walked::Held);
            }
            while at != Progress::Done {
                let cx = Context::within(DEADLINE);
                if Instant::now() >= deadline {
                    return Ok(Walked::OutOfTime);
                }
                if !self.dao.hold(&cx, run, worker).await? {
                    return Ok(Walked::Held);
                }
                let next = match part {
                    Part::Ranks(book) => {
                        let (ids, next) = self.dao.accounts(&cx, book, at, AT_ONCE).await?;
                        self.ranker.rank_all(&cx, book, &ids).await?;
                        next
                    }
                    Part::Words => self.dao.list_by_words(&cx, at, AT_ONCE).await?,
                };
                self.dao.set_progress(&cx, run, part, next).await?;
                at = next;
            }
        }
        Ok(Walked::Done)
    }

    /// Ranks anew what this version has ranked; false where another worker is at it.
    async fn walk_ranked(&self, run: Run, book: Book, worker: Uuid) -> Result<bool, DaoError> {
        for shard in 0..SHARDS {
            let mut after = Some(Place::TOP);
            while let Some(place) = after {
                let cx = Context::within(DEADLINE);
                if !self.dao.hold(&cx, run, worker).await? {
                    return Ok(false);
                }
                let (ids, next) = self.ranker.ranked(&cx, book, shard, place).await?;
                self.ranker.rank_all(&cx, book, &ids).await?;
                after = next;
            }
        }
        Ok(true)
    }

    /// Does what is left of the first run, and the others when a roll-out may have ended.
    pub async fn finish(&self) {
        let began = Instant::now();
        self.finish_run(Run::Before).await;
        for (run, after) in ROLLED_OUT {
            tokio::time::sleep_until(began + after).await;
            self.finish_run(run).await;
        }
    }

    async fn finish_run(&self, run: Run) {
        loop {
            match self.walk(run, Instant::now() + LOOK_AGAIN).await {
                Ok(Walked::Done) => return,
                Ok(Walked::OutOfTime) => {}
                Ok(Walked::Held) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(error) => {
                    tracing::warn!(%error, run = run.name(), "what earlier versions left is not all done yet, going on later");
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::dao::blocks::{Block, BlockDao, shard_of};
    use crate::dao::ledger::Account;
    use crate::models::ranker::tests::{Books, Counted, cx};

    /// Accounts of one slot and products of three buckets; fails at every third page.
    #[derive(Default)]
    struct Old {
        accounts: Vec<Uuid>,
        listed: Mutex<Vec<i64>>,
        progress: Mutex<BTreeMap<(&'static str, Part), Progress>>,
        pages: Mutex<usize>,
        worker: Mutex<Option<Uuid>>,
    }

    #[async_trait]
    impl BackfillDao for Old {
        async fn accounts(
            &self,
            _cx: &Context,
            _book: Book,
            at: Progress,
            limit: usize,
        ) -> Result<(Vec<Uuid>, Progress), DaoError> {
            let mut pages = self.pages.lock().unwrap();
            *pages += 1;
            if pages.is_multiple_of(3) {
                return Err(DaoError::Contended);
            }
            let Progress::At { after, .. } = at else { return Ok((Vec::new(), at)) };
            let ids: Vec<Uuid> = self.accounts.iter().copied().filter(|id| *id > after).take(limit).collect();
            let next = ids.last().map_or(Progress::Done, |last| Progress::At { slot: 1, after: *last });
            Ok((ids, next))
        }

        async fn list_by_words(&self, _cx: &Context, at: Progress, _limit: usize) -> Result<Progress, DaoError> {
            let Progress::At { slot, .. } = at else { return Ok(at) };
            let bucket = slot.min(2);
            self.listed.lock().unwrap().push(bucket);
            Ok(if bucket == 0 { Progress::Done } else { Progress::At { slot: bucket - 1, after: Uuid::nil() } })
        }

        async fn progress(&self, _cx: &Context, run: Run, part: Part) -> Result<Progress, DaoError> {
            Ok(self.progress.lock().unwrap().get(&(run.name(), part)).copied().unwrap_or(Progress::START))
        }

        async fn set_progress(&self, _cx: &Context, run: Run, part: Part, progress: Progress) -> Result<(), DaoError> {
            self.progress.lock().unwrap().insert((run.name(), part), progress);
            Ok(())
        }

        async fn hold(&self, _cx: &Context, _run: Run, worker: Uuid) -> Result<bool, DaoError> {
            let mut held = self.worker.lock().unwrap();
            Ok(*held.get_or_insert(worker) == worker)
        }
    }

    #[tokio::test]
    async fn a_walk_goes_on_where_another_broke_off_and_leaves_nothing_out() {
        let (books, blocks) = (Arc::new(Books::default()), Arc::new(Counted::in_memory()));
        let accounts: Vec<Uuid> = (1..=450_u128).map(Uuid::from_u128).collect();
        for id in &accounts {
            books.add(Account::stock(*id), 7, 5);
        }
        let old = Arc::new(Old { accounts: accounts.clone(), ..Old::default() });
        let backfill = Backfill::new(Arc::clone(&old) as _, Ranker::new(Arc::clone(&blocks) as _, books));
        let soon = Instant::now() + DEADLINE;
        assert_eq!(backfill.walk(Run::Before, Instant::now()).await, Ok(Walked::OutOfTime));
        let mut walks = 1;
        while backfill.walk(Run::Before, soon).await != Ok(Walked::Done) {
            walks += 1;
            // The lease of the walk that broke off ends by itself.
            *old.worker.lock().unwrap() = None;
        }
        assert!(walks > 2, "{walks} walks");
        for id in &accounts {
            assert_eq!(shard_of(*id), id.as_bytes()[15] % 4);
            let known = blocks.turnovers(&cx(), Book::Stock, &[Block::ALL], &[*id]).await.unwrap();
            assert_eq!(known[0].2.amount, 5);
        }
        assert_eq!(backfill.walk(Run::Before, soon).await, Ok(Walked::Done), "it is done for good");
        assert_eq!(*old.listed.lock().unwrap(), [2, 1, 0], "products of each bucket, once");
        *old.worker.lock().unwrap() = Some(Uuid::nil());
        assert_eq!(backfill.walk(Run::After, soon).await, Ok(Walked::Held));
    }
}
