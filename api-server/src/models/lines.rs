//! Lining up: the changes of one account that meet in this process wait in one queue and are
//! committed together, many in one posting. IO only through the DAO's trait.
//!
//! Rival postings on one partition starve each other, so a process sends one at a time for each
//! account. Several processes are right together because a posting names the version it was
//! decided on; the one that lost is told the account as it is, and decides again.
//!
//! Of the accounts that were used last the process remembers how they were ([`cache`]), so most changes are one posting
//! and no read; and a rush for what is sold out is answered by few reads ([`rush`]).
//!
//! Most accounts are changed by one at a time: who finds nobody before him commits by himself, and a task of its own
//! takes over where others have lined up behind him.

mod cache;
mod rush;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use self::cache::Cache;
use self::rush::Rush;
use super::changes::Changes;
use super::error::ModelError;
use super::figures::Figures;
use super::ledger::{Known, Outcome, Want, days_of, decide};
use crate::dao::ledger::{Account, LedgerDao, Movement, Posted};
use crate::dao::{Context, DaoError, Receipt, TraceAsk};

/// Changes that may wait for one account.
const WAITING_MAX: usize = 256;
/// Changes that are committed together.
const TOGETHER_MAX: usize = 64;
/// Lost races after which a pause is made before the next try.
const RACES_AT_ONCE: u32 = 2;
/// Longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The queues of one process.
#[derive(Clone)]
pub struct Lines {
    dao: Arc<dyn LedgerDao>,
    figures: Figures,
    changes: Changes,
    waiting: Arc<Mutex<HashMap<Account, VecDeque<Job>>>>,
    cache: Arc<Cache>,
    rush: Arc<Rush>,
}

/// What became of a change, and how the database answered if it was asked to commit.
#[derive(Debug, Clone)]
pub struct Settled {
    pub outcome: Outcome,
    pub receipt: Option<Receipt>,
}

type Reply = Result<Settled, DaoError>;

/// A change that waits, and who waits for it.
struct Job {
    want: Want,
    deadline: Instant,
    trace: TraceAsk,
    /// Of the one who waits: the first of those that are committed together shows the statements.
    span: Span,
    stage: Arc<AtomicU8>,
    reply: oneshot::Sender<Reply>,
}

/// Stages of a job: whoever moves it on from waiting has it.
const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const LEFT: u8 = 2;

impl Job {
    /// Begins it, unless nobody waits any more. From here on its outcome may be unknown, so
    /// nothing is begun after its deadline.
    fn begin(&self, now: Instant) -> bool {
        now < self.deadline
            && !self.reply.is_closed()
            && self.stage.compare_exchange(WAITING, BEGUN, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// Leaves a queue when the one who waits goes away.
struct Place(Arc<AtomicU8>);

impl Place {
    /// True when the job had not begun; it never will.
    fn leave(&self) -> bool {
        self.0.compare_exchange(WAITING, LEFT, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Who commits what is first in a queue. When that is done, or given up, the queue ends or goes to a task of its own.
struct Head<'a> {
    lines: &'a Lines,
    account: Account,
}

impl Drop for Head<'_> {
    fn drop(&mut self) {
        let account = self.account;
        let mut waiting = self.lines.waiting();
        if waiting.get(&account).is_none_or(VecDeque::is_empty) {
            waiting.remove(&account);
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // At the end of the process. Nobody is there to be told.
            waiting.remove(&account);
            return;
        };
        drop(waiting);
        let lines = self.lines.clone();
        runtime.spawn(async move { lines.work(account).await });
    }
}

impl Lines {
    /// Queues over a DAO; what they commit is counted.
    pub fn new(dao: Arc<dyn LedgerDao>, figures: Figures) -> Self {
        Self {
            dao,
            figures,
            changes: Changes::none(),
            waiting: Arc::default(),
            cache: Arc::default(),
            rush: Arc::default(),
        }
    }

    /// The same, and what they commit is told.
    #[must_use]
    pub fn telling(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    /// Where the process tells its changes.
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Where the process counts.
    pub const fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Makes one change of an account, together with those that wait with it.
    #[tracing::instrument(name = "model.lines.change", skip_all)]
    pub async fn change(&self, cx: &Context, account: Account, want: Want) -> Result<Settled, ModelError> {
        let Some((place, answer)) = self.line_up(cx, account, &want)? else {
            let _head = Head { lines: self, account };
            let cx = Context { level: None, now_ms: crate::dao::now_ms(), ..cx.clone() };
            let settled = self.commit(&cx, account, &[&want]).await?;
            return settled
                .into_iter()
                .next()
                .ok_or_else(|| DaoError::Broken("a change without an outcome".into()).into());
        };
        match tokio::time::timeout_at(cx.deadline, answer).await {
            Ok(Ok(settled)) => Ok(settled?),
            Ok(Err(_)) | Err(_) if place.leave() => {
                Err(ModelError::Overloaded("the changes of this stock wait too long"))
            }
            // Too late, or the queue was given up as at the end of the process.
            Ok(Err(_)) | Err(_) => Err(DaoError::Unknown { operation: "change of an account" }.into()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Account, VecDeque<Job>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the queue of an account and where its answer comes; `None` for who is the first and opens the queue.
    fn line_up(
        &self,
        cx: &Context,
        account: Account,
        want: &Want,
    ) -> Result<Option<(Place, oneshot::Receiver<Reply>)>, ModelError> {
        let mut waiting = self.waiting();
        let Some(queue) = waiting.get_mut(&account) else {
            waiting.insert(account, VecDeque::new());
            return Ok(None);
        };
        if queue.len() == WAITING_MAX {
            return Err(ModelError::Overloaded("too many changes of this stock wait"));
        }
        let (reply, answer) = oneshot::channel();
        let stage = Arc::new(AtomicU8::new(WAITING));
        let place = Place(Arc::clone(&stage));
        let (want, span) = (want.clone(), Span::current());
        queue.push_back(Job { want, deadline: cx.deadline, trace: cx.trace, span, stage, reply });
        Ok(Some((place, answer)))
    }

    /// The next changes to be committed together.
    fn next(&self, account: Account) -> Option<Vec<Job>> {
        let mut waiting = self.waiting();
        let queue = waiting.get_mut(&account).filter(|queue| !queue.is_empty())?;
        let together = queue.len().min(TOGETHER_MAX);
        Some(queue.drain(..together).collect())
    }

    /// Commits what waits for one account until nothing does.
    async fn work(&self, account: Account) {
        let _head = Head { lines: self, account };
        while let Some(mut jobs) = self.next(account) {
            let now = Instant::now();
            jobs.retain(|job| job.begin(now));
            let Some(deadline) = jobs.iter().map(|job| job.deadline).max() else { continue };
            let trace = jobs.iter().map(|job| job.trace).find(|trace| trace.is_wanted()).unwrap_or(TraceAsk::NONE);
            let cx = Context {
                deadline,
                enough_at: deadline,
                now_ms: crate::dao::now_ms(),
                level: None,
                via: None,
                trace,
                of_many: false,
                // Those who wait together may be several: each movement names its own.
                by: None,
            };
            let span = jobs.first().map_or_else(Span::none, |job| job.span.clone());
            let wants: Vec<&Want> = jobs.iter().map(|job| &job.want).collect();
            match self.commit(&cx, account, &wants).instrument(span).await {
                Ok(settled) => {
                    for (job, settled) in jobs.into_iter().zip(settled) {
                        // Whoever has gone meanwhile finds the movement under its id.
                        let _ = job.reply.send(Ok(settled));
                    }
                }
                Err(error) => {
                    for job in jobs {
                        let _ = job.reply.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// Commits changes together. What that has told of the account is remembered.
    async fn commit(&self, cx: &Context, account: Account, wants: &[&Want]) -> Result<Vec<Settled>, DaoError> {
        let settled = self.decide_and_post(cx, account, wants).await;
        if settled.is_err() {
            self.cache.forget(account);
        }
        settled
    }

    /// Decides changes together, starting from what is known of the account, or else from a glimpse of it. Either may be
    /// behind what other processes have posted: a posting names all that it was decided on and so finds out, and nobody is
    /// told anything else on the strength of it. So does a change whose id was used by whoever tried the same request.
    ///
    /// A posting that lost tells the account as it is, so it is decided anew at once. What it told is old after a pause, so
    /// the account is read again then.
    async fn decide_and_post(&self, cx: &Context, account: Account, wants: &[&Want]) -> Result<Vec<Settled>, DaoError> {
        let mut races = 0;
        let mut used = false;
        let days = days_of(wants.iter().copied(), &HashMap::new());
        let mut perhaps = match self.cache.get(account, &days) {
            Some(known) => Some(known),
            None => self.glimpse(cx, account, &days).await?,
        };
        let mut told = None;
        loop {
            let (mut before, certain) = match (told.take(), perhaps.take()) {
                (Some(told), _) => (told, true),
                (None, Some(perhaps)) => (perhaps, false),
                (None, None) => (Known { balance: self.dao.load(cx, account).await?, days: HashMap::new() }, true),
            };
            let made = self.made(cx, account, wants, used).await?;
            // Made after the balance was read: what it gives back is not in that yet.
            let behind = made.values().any(|movement| movement.version > before.version());
            self.learn_days(cx, account, wants, &made, &mut before).await?;
            let decision = decide(&before, made, wants.iter().copied(), cx.now_ms);
            let Some(posting) = decision.posting else {
                // What was found under its id is made, whatever the account has become since.
                let found = decision.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Made(_)));
                if (!certain || behind) && !found {
                    continue;
                }
                if certain {
                    self.cache.put(account, &before);
                }
                // By an earlier try of the same change, which may not have come to tell it.
                for outcome in &decision.outcomes {
                    if let Outcome::Made(movement) = outcome {
                        self.changes.moved(account, std::slice::from_ref(movement));
                    }
                }
                let settled = decision.outcomes.into_iter();
                let settled = settled.map(|outcome| Settled { outcome, receipt: None });
                return Ok(settled.collect());
            };
            match self.dao.post(cx, account, before.version(), &posting).await? {
                Posted::Done(receipt) => {
                    let quantity = before.balance.map(|balance| balance.quantity);
                    self.figures.moved(account.book, quantity, &posting.movements);
                    self.changes.moved(account, &posting.movements);
                    before.follow(&posting);
                    self.cache.put(account, &before);
                    let settled = decision.outcomes.into_iter();
                    return Ok(settled.map(|outcome| Settled { outcome, receipt: Some(receipt) }).collect());
                }
                lost => {
                    races += 1;
                    match lost {
                        Posted::Moved(Some(met)) if races <= RACES_AT_ONCE => told = Some(Known::from(met)),
                        lost => {
                            used |= lost == Posted::Used;
                            pause_after(races).await;
                        }
                    }
                    if cx.remaining().is_none() {
                        return Err(DaoError::Contended);
                    }
                }
            }
        }
    }

    /// The account at the price of a plain read, if that can tell all that the jobs need. A SERIAL read costs Cassandra as
    /// much as the posting itself.
    async fn glimpse(&self, cx: &Context, account: Account, days: &[i32]) -> Result<Option<Known>, DaoError> {
        let known = match *days {
            [] => {
                let (balance, _) = self.dao.find(cx, account).await?;
                balance.map(|balance| Known { balance: Some(balance), days: HashMap::new() })
            }
            [day] => {
                let seen = match self.dao.glimpse(cx, account, day).await? {
                    Some(seen) => Some(seen),
                    // Nothing was ever turned over up to that day, if there is an account.
                    None => self.dao.find(cx, account).await?.0.map(|balance| (balance, None)),
                };
                seen.map(|(balance, on_day)| Known { balance: Some(balance), days: HashMap::from([(day, on_day)]) })
            }
            // At midnight, or for the orders that a sweep finishes.
            _ => None,
        };
        Ok(known)
    }

    /// What was made under the ids of changes. Asked after the balance was read, for what returns give back is counted on
    /// top of it.
    async fn made(
        &self,
        cx: &Context,
        account: Account,
        wants: &[&Want],
        used: bool,
    ) -> Result<HashMap<Uuid, Movement>, DaoError> {
        let ids: Vec<Uuid> = wants.iter().flat_map(|want| want.ids(used)).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let made = self.dao.made(cx, account, &ids).await?;
        let mut made: HashMap<Uuid, Movement> = made.into_iter().map(|movement| (movement.id, movement)).collect();
        if used {
            for id in self.dao.closed(cx, account, &ids).await? {
                made.entry(id).or_insert_with(|| Movement::closed(id));
            }
        }
        Ok(made)
    }

    async fn learn_days(
        &self,
        cx: &Context,
        account: Account,
        wants: &[&Want],
        made: &HashMap<Uuid, Movement>,
        known: &mut Known,
    ) -> Result<(), DaoError> {
        let mut days = days_of(wants.iter().copied(), made);
        days.retain(|day| !known.days.contains_key(day));
        if days.is_empty() || known.balance.is_none() {
            return Ok(());
        }
        let found = self.dao.load_days(cx, account, &days).await?;
        known.days.extend(days.into_iter().map(|day| (day, None)));
        known.days.extend(found.into_iter().map(|(day, turnover)| (day, Some(turnover))));
        Ok(())
    }
}

/// Another process is at the same account; with jitter both get their turns.
async fn pause_after(races: u32) {
    if races > RACES_AT_ONCE {
        let longest = LONGEST_PAUSE.min(Duration::from_millis(5) * races);
        let pause = longest.mul_f64(rand::rng().random_range(0.2..1.0));
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
