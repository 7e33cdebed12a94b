//! Reading the feed: one task of the process looks for new entries while anybody listens, and all who listen read what it
//! has found. Whoever is further behind than that reads by himself. Nobody has a queue: who reads slowly is behind.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{Changes, Shared};
use crate::dao::changes::{Change, Entry, Kind};
use crate::dao::{Context, DaoError};

/// Between two looks for new entries, while anybody listens.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Entries that the process has at hand.
const AT_HAND: usize = 256;
/// Entries of one look.
const ENTRIES_AT_ONCE: usize = 64;
/// Changes of a batch, or those of one entry.
const CHANGES_AT_ONCE: usize = 200;
/// Deadline of a look.
const DEADLINE: Duration = Duration::from_secs(5);
/// Looks that find a number missing: a read may come between the writes of two entries, and see the later one alone.
const LOOKS_AT_A_GAP: u32 = 10;

/// Up to where a reader has read: all entries up to a number, and so many changes of the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub number: i64,
    pub changes: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.changes)
    }
}

/// The text is no position of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPosition;

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let number = |text: &str| {
            let digits = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<i64>().ok()).flatten()
        };
        let (entry, changes) = text.split_once('-').ok_or(BadPosition)?;
        let changes = number(changes).filter(|changes| *changes < 1_000_000).ok_or(BadPosition)?;
        let changes = usize::try_from(changes).map_err(|_| BadPosition)?;
        Ok(Self { number: number(entry).ok_or(BadPosition)?, changes })
    }
}

/// Which changes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    pub product: bool,
    pub stock: bool,
    pub order: bool,
}

impl Kinds {
    /// All of them.
    pub const ALL: Self = Self { product: true, stock: true, order: true };

    /// Those of a list of names; `None` where it has another one.
    pub fn of(list: &str) -> Option<Self> {
        let mut kinds = Self { product: false, stock: false, order: false };
        for name in list.split(',') {
            match name {
                "product" => kinds.product = true,
                "stock" => kinds.stock = true,
                "order" => kinds.order = true,
                _ => return None,
            }
        }
        Some(kinds)
    }

    const fn admits(self, kind: Kind) -> bool {
        match kind {
            Kind::Product => self.product,
            Kind::Stock => self.stock,
            Kind::Order => self.order,
            Kind::User => false,
        }
    }
}

/// Changes with the position after each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub changes: Vec<(Position, Change)>,
    /// After the last that was looked at.
    pub next: Position,
}

/// The feed could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// What follows the position is no longer kept, or never was.
    Gone,
    Dao(DaoError),
}

impl From<DaoError> for ReadError {
    fn from(error: DaoError) -> Self {
        Self::Dao(error)
    }
}

/// What the process has found.
pub(super) struct Tail {
    /// Number of the last entry; `None` while nobody looks.
    last: watch::Sender<Option<i64>>,
    recent: Mutex<VecDeque<(i64, Arc<Entry>)>>,
    listeners: AtomicUsize,
    wake: Notify,
}

impl Default for Tail {
    fn default() -> Self {
        let (last, _) = watch::channel(None);
        Self { last, recent: Mutex::default(), listeners: AtomicUsize::new(0), wake: Notify::new() }
    }
}

impl Tail {
    /// There is something to be found.
    pub fn wake(&self) {
        if self.listeners.load(Ordering::Relaxed) > 0 {
            self.wake.notify_one();
        }
    }

    /// The entries after a number, as far as they are at hand.
    fn at_hand(&self, after: i64) -> Vec<(i64, Arc<Entry>)> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.front().is_none_or(|(first, _)| *first > after + 1) {
            return Vec::new();
        }
        recent.iter().filter(|(number, _)| *number > after).take(ENTRIES_AT_ONCE).cloned().collect()
    }

    fn found(&self, entries: Vec<(i64, Entry)>) {
        let Some(last) = entries.last().map(|(number, _)| *number) else { return };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.extend(entries.into_iter().map(|(number, entry)| (number, Arc::new(entry))));
        while recent.len() > AT_HAND {
            recent.pop_front();
        }
        drop(recent);
        self.last.send_replace(Some(last));
    }

    fn begin(&self, last: i64) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.last.send_replace(Some(last));
    }
}

/// Somebody who listens; the process looks for entries while there is one.
pub struct Listener {
    shared: Arc<Shared>,
    last: watch::Receiver<Option<i64>>,
    /// The last entry that it knows of by itself: the process may not have looked yet since somebody listens.
    known: i64,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.tail.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Changes {
    /// Somebody more who listens; `None` where nothing is told.
    pub fn listen(&self) -> Option<Listener> {
        let shared = Arc::clone(self.0.as_ref()?);
        shared.tail.listeners.fetch_add(1, Ordering::SeqCst);
        shared.tail.wake.notify_one();
        let last = shared.tail.last.subscribe();
        Some(Listener { shared, last, known: 0 })
    }

    /// Looks for new entries as long as anybody listens, and then again.
    pub(super) async fn tail(&self) {
        let Some(shared) = &self.0 else { return };
        let tail = &shared.tail;
        let (mut last, mut looks) = (None, 0);
        loop {
            if tail.listeners.load(Ordering::SeqCst) == 0 {
                // What comes meanwhile is not looked at.
                last = None;
                tail.last.send_replace(None);
                tail.wake.notified().await;
                continue;
            }
            match shared.look(last).await {
                Ok((now, whole)) => {
                    looks = if whole { 0 } else { looks + 1 };
                    last = (looks < LOOKS_AT_A_GAP).then_some(now);
                }
                Err(error) => tracing::debug!(%error, "the feed could not be looked at"),
            }
            let _ = tokio::time::timeout(LOOK_EVERY, tail.wake.notified()).await;
        }
    }
}

impl Shared {
    /// One look after the entries that were found; the number of the last one, and whether none is missing.
    async fn look(&self, last: Option<i64>) -> Result<(i64, bool), DaoError> {
        let cx = Context::within(DEADLINE);
        let Some(mut last) = last else {
            let last = self.dao.last(&cx).await?;
            self.tail.begin(last);
            return Ok((last, true));
        };
        loop {
            let mut entries = self.dao.entries(&cx, last, ENTRIES_AT_ONCE).await?;
            let read = entries.len();
            contiguous(&mut entries, last);
            let whole = entries.len() == read;
            let Some(now) = entries.last().map(|(number, _)| *number) else { return Ok((last, whole)) };
            self.tail.found(entries);
            last = now;
            if !whole {
                return Ok((last, false));
            }
        }
    }
}

/// Leaves those out that do not follow one another.
fn contiguous<E>(entries: &mut Vec<(i64, E)>, after: i64) {
    let whole = (after + 1..).zip(entries.iter()).take_while(|(number, (there, _))| number == there).count();
    entries.truncate(whole);
}

impl Listener {
    /// Where the feed ends now.
    pub async fn end(&self) -> Result<Position, ReadError> {
        let number = self.shared.dao.last(&Context::within(DEADLINE)).await?;
        Ok(Position { number, changes: 0 })
    }

    /// Whether a position may be gone on from: it is not beyond the end of the feed.
    pub async fn check(&mut self, position: Position) -> Result<(), ReadError> {
        if self.last.borrow().is_some_and(|last| position.number <= last) {
            return Ok(());
        }
        self.known = self.shared.dao.last(&Context::within(DEADLINE)).await?;
        if position.number > self.known { Err(ReadError::Gone) } else { Ok(()) }
    }

    /// Changes after a position, once there are any; none when that takes too long. Who is far behind, and finds none of
    /// the kinds that are asked for, goes on from where this got to.
    pub async fn next(&mut self, after: Position, kinds: Kinds, wait: Duration) -> Result<Batch, ReadError> {
        let until = Instant::now() + wait;
        let mut batch = Batch { changes: Vec::new(), next: after };
        loop {
            let number = batch.next.number;
            if number >= self.known {
                let news = self.last.wait_for(|last| last.is_some_and(|last| last > number));
                if !matches!(tokio::time::timeout_at(until, news).await, Ok(Ok(_))) {
                    return Ok(batch);
                }
            }
            for (number, entry) in self.entries(number).await? {
                let skip = if number == batch.next.number + 1 { batch.next.changes } else { 0 };
                let all = entry.changes.len();
                for (at, change) in entry.changes.iter().enumerate().skip(skip) {
                    let end = at + 1 == all;
                    let position = if end {
                        Position { number, changes: 0 }
                    } else {
                        Position { number: number - 1, changes: at + 1 }
                    };
                    if kinds.admits(change.kind) {
                        batch.changes.push((position, change.clone()));
                    }
                }
                batch.next = Position { number, changes: 0 };
                if batch.changes.len() >= CHANGES_AT_ONCE {
                    return Ok(batch);
                }
            }
            if !batch.changes.is_empty() || Instant::now() >= until {
                return Ok(batch);
            }
        }
    }

    /// Entries after a number, which is known not to be the last.
    async fn entries(&self, after: i64) -> Result<Vec<(i64, Arc<Entry>)>, ReadError> {
        let at_hand = self.shared.tail.at_hand(after);
        if !at_hand.is_empty() {
            return Ok(at_hand);
        }
        for _ in 0..LOOKS_AT_A_GAP {
            let cx = Context::within(DEADLINE).of_many();
            let mut entries = self.shared.dao.entries(&cx, after, ENTRIES_AT_ONCE).await?;
            contiguous(&mut entries, after);
            if !entries.is_empty() {
                return Ok(entries.into_iter().map(|(number, entry)| (number, Arc::new(entry))).collect());
            }
            tokio::time::sleep(LOOK_EVERY / 10).await;
        }
        Err(ReadError::Gone)
    }
}
