//! How many requests are worked on at once. What comes above that waits in a short queue; what does not fit there, or has
//! waited for too long, is turned away while the client still listens, so that the process goes on at its full pace
//! instead of working for clients that have gone. A body that keeps the process waiting is waited for without a slot
//! ([`slow_body`]). No IO.

pub mod slow_body;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Requests worked on at once.
    pub working: usize,
    /// Requests that wait for one of these to end.
    pub waiting: usize,
    /// How long one waits at most.
    pub patience: Duration,
}

/// Held by whoever is worked on.
pub type Slot = OwnedSemaphorePermit;

/// The door of one process.
#[derive(Debug)]
pub struct Admission {
    slots: Arc<Semaphore>,
    /// For those whose bodies are waited for.
    outside: Arc<Semaphore>,
    waiting: AtomicUsize,
    bounds: Bounds,
}

/// A place in the queue; it is free again also when the client goes away.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// A door without anybody inside.
    pub fn new(bounds: Bounds) -> Self {
        let as_many = || Arc::new(Semaphore::new(bounds.working.min(Semaphore::MAX_PERMITS)));
        Self { slots: as_many(), outside: as_many(), waiting: AtomicUsize::new(0), bounds }
    }

    /// A slot for as long as the request is worked on; `None`: it is turned away.
    pub async fn enter(&self) -> Option<Slot> {
        // Whoever waits goes first: a freed slot is theirs before anybody can try for it here.
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot);
        }
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.bounds.waiting {
            return None;
        }
        let slot = tokio::time::timeout(self.bounds.patience, Arc::clone(&self.slots).acquire_owned()).await;
        drop(place);
        slot.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn door(working: usize, waiting: usize) -> Admission {
        Admission::new(Bounds { working, waiting, patience: Duration::from_millis(100) })
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_slot_that_becomes_free_and_before_those_who_come_later() {
        let door = door(1, 2);
        let inside = door.enter().await.unwrap();
        let mut first = Box::pin(door.enter());
        assert!((&mut first).now_or_never().is_none(), "waits");
        drop(inside);
        let mut later = Box::pin(door.enter());
        assert!((&mut later).now_or_never().is_none(), "the slot is not theirs");
        let slot = first.await.unwrap();
        drop(slot);
        assert!(later.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_queue_it_is_refused_at_once_and_in_it_after_a_while() {
        let door = door(1, 1);
        let _inside = door.enter().await.unwrap();
        let mut waiting = Box::pin(door.enter());
        assert!((&mut waiting).now_or_never().is_none());
        assert!(door.enter().now_or_never().expect("at once").is_none());
        let began = tokio::time::Instant::now();
        assert!(waiting.await.is_none());
        assert_eq!(began.elapsed(), Duration::from_millis(100));
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_goes_away_leaves_its_place() {
        let door = door(1, 1);
        let inside = door.enter().await.unwrap();
        let mut gone = Box::pin(door.enter());
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        let mut next = Box::pin(door.enter());
        assert!((&mut next).now_or_never().is_none(), "there is a place to wait in");
        drop(inside);
        assert!(next.await.is_some());
    }
}
