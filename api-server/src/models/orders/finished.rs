//! Notes of orders that are done. What their accounts turned over is ranked anew together, each account once, and the notes
//! go with it: a crash before leaves them to the sweepers, which do the same.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Orders;
use crate::dao::orders::Note;
use crate::dao::ranks::Turned;
use crate::dao::{Context, DaoError};

/// Between two settlements, a fifth more or less: well before a sweeper takes a note for one that a crash left.
const PERIOD: Duration = Duration::from_secs(10);
/// Accounts that the notes of the list may name. Beyond it notes are left to the sweepers.
const ACCOUNTS_MAX: usize = 100_000;
/// Notes that are settled together: each account is ranked once, and what fails leaves few of them.
const AT_ONCE: usize = 2_000;
/// Deadline of a settlement.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct List {
    /// Each with whether its accounts are to be ranked.
    notes: Vec<(Note, bool)>,
    /// Accounts that they name.
    accounts: usize,
}

/// The list of one process.
#[derive(Debug, Default)]
pub struct Finished {
    list: Mutex<List>,
    half_full: Notify,
}

impl Finished {
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a note on the list; where that is full it stays in the database, and the sweeper does what is left.
    pub fn put(&self, note: Note, turned: bool) {
        let accounts = note.turned().count().max(1);
        let mut list = self.list();
        if list.accounts + accounts > ACCOUNTS_MAX {
            return;
        }
        list.accounts += accounts;
        list.notes.push((note, turned));
        if list.accounts > ACCOUNTS_MAX / 2 {
            self.half_full.notify_one();
        }
    }

    fn take(&self) -> Vec<(Note, bool)> {
        mem::take(&mut *self.list()).notes
    }
}

impl Orders {
    /// Ranks what the orders that are done have turned over and removes their notes. What fails is left to the sweepers.
    pub async fn settle_finished(&self) {
        let finished = self.finished.take();
        if finished.is_empty() {
            return;
        }
        for some in finished.chunks(AT_ONCE) {
            let turned = some.iter().filter(|(_, turned)| *turned).flat_map(|(note, _)| note.turned()).collect();
            let notes: Vec<Note> = some.iter().map(|(note, _)| note.clone()).collect();
            if let Err(error) = self.settle(&Context::within(DEADLINE), &notes, turned).await {
                tracing::debug!(%error, "notes of finished orders are left to the sweepers");
            }
        }
    }

    /// Ranks accounts, each once, and removes the notes that named them.
    pub(super) async fn settle(&self, cx: &Context, notes: &[Note], turned: BTreeSet<Turned>) -> Result<(), DaoError> {
        let turned: Vec<Turned> = turned.into_iter().collect();
        if !turned.is_empty() {
            self.ranker.rank(cx, &turned).await?;
        }
        // By their notes it is found what was not told.
        self.lines.changes().flush().await?;
        self.daos.orders.forget_all(cx, notes).await
    }
}

/// A task that settles now and then; it ends when this is dropped.
pub struct Settler(JoinHandle<()>);

impl Drop for Settler {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Settler {
    /// Starts settling what the process finishes.
    pub fn start(orders: Orders) -> Self {
        Self(tokio::spawn(async move {
            loop {
                // All processes at once would meet at the same rows.
                let pause = PERIOD.mul_f64(rand::rng().random_range(0.8..1.2));
                let _ = tokio::time::timeout(pause, orders.finished.half_full.notified()).await;
                orders.settle_finished().await;
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::dao::orders::Contents;

    fn note(lines: usize) -> Note {
        let lines = (0..lines).map(|_| (Uuid::new_v4(), 1)).collect();
        let contents = Some(Contents { user: Uuid::from_u128(1), created_at: 0, lines });
        Note { at: 0, operation: Uuid::new_v4(), order: Uuid::now_v7(), contents }
    }

    #[test]
    fn a_full_list_leaves_notes_to_the_sweepers_and_is_free_again_once_it_was_taken() {
        let finished = Finished::default();
        for _ in 0..2_000 {
            finished.put(note(99), true);
        }
        assert_eq!(finished.take().len(), ACCOUNTS_MAX / 100);
        assert_eq!(finished.take().len(), 0);
        finished.put(note(1), false);
        assert_eq!(finished.take().len(), 1);
    }
}
