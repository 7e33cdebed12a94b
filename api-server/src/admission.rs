//! How many requests are worked on at once. What comes above that waits in a short queue; what does not fit there, or has
//! waited for too long, is turned away while the client still listens, so that the process goes on at its full pace
//! instead of working for clients that have gone. How many that are follows the pace itself ([`pace`]): a crowd in front of
//! a slow database is kept outside, since inside everybody would be too late. A body that keeps the process waiting is
//! waited for without a slot ([`slow_body`]). No IO.

pub mod listeners;
mod pace;
pub mod rate;
pub mod slow_body;
pub mod wide;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use pace::{Allowed, Pace};

/// How much is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Requests worked on at once, at most.
    pub working: usize,
    /// Of these, as many as may come at once out of a calm.
    pub calm: usize,
    /// Requests that wait for one of these to end, at most.
    pub waiting: usize,
    /// How long one waits at most.
    pub patience: Duration,
    /// In a crowd before a busy store as many are worked on as end within this time.
    pub turn: Duration,
}

/// The door of one process.
#[derive(Debug)]
pub struct Admission {
    slots: Arc<Semaphore>,
    /// For those whose bodies are waited for.
    outside: Arc<Semaphore>,
    waiting: AtomicUsize,
    bounds: Bounds,
    crowd: Mutex<Crowd>,
}

/// What the door has seen, and what follows from it.
#[derive(Debug)]
struct Crowd {
    pace: Pace,
    allowed: Allowed,
    /// Slots that are to go as soon as somebody leaves them.
    owed: usize,
}

/// Held by whoever is worked on.
#[derive(Debug)]
pub struct Slot {
    door: Arc<Admission>,
    permit: Option<OwnedSemaphorePermit>,
    since: Instant,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.door.leave(permit, self.since.elapsed());
        }
    }
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
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let bounds = Bounds { working: bounds.working.min(Semaphore::MAX_PERMITS), ..bounds };
        let allowed = Allowed::first(&bounds);
        let crowd = Crowd { pace: Pace::new(Instant::now()), allowed, owed: 0 };
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(allowed.working)),
            outside: Arc::new(Semaphore::new(bounds.working)),
            waiting: AtomicUsize::new(0),
            bounds,
            crowd: Mutex::new(crowd),
        })
    }

    /// A slot for as long as the request is worked on; `None`: it is turned away.
    pub async fn enter(self: &Arc<Self>) -> Option<Slot> {
        let slot = |permit| Slot { door: Arc::clone(self), permit: Some(permit), since: Instant::now() };
        // Whoever waits goes first: a freed slot is theirs before anybody can try for it here.
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot(permit));
        }
        let places = self.look(|pace, _| pace.crowded()).allowed.waiting;
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= places {
            return None;
        }
        let permit = tokio::time::timeout(self.bounds.patience, Arc::clone(&self.slots).acquire_owned()).await;
        drop(place);
        permit.ok()?.ok().map(slot)
    }

    /// Requests that may be worked on at once now.
    pub fn allowed(&self) -> usize {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner).allowed.working
    }

    fn leave(&self, permit: OwnedSemaphorePermit, took: Duration) {
        let mut crowd = self.look(|pace, inside| pace.finished(inside, took, self.bounds.turn));
        if crowd.owed > 0 {
            crowd.owed -= 1;
            permit.forget();
        }
    }

    /// Notes something, told how many are inside, and changes how many are let in when it is time for that.
    fn look(&self, note: impl FnOnce(&mut Pace, usize)) -> std::sync::MutexGuard<'_, Crowd> {
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = (crowd.allowed.working + crowd.owed).saturating_sub(self.slots.available_permits());
        note(&mut crowd.pace, inside);
        if let Some(seen) = crowd.pace.look(Instant::now()) {
            let next = crowd.allowed.after(&seen, &self.bounds);
            let now = std::mem::replace(&mut crowd.allowed, next).working;
            if next.working < now {
                let fewer = now - next.working;
                crowd.owed += fewer - self.slots.forget_permits(fewer);
            } else {
                let more = next.working - now;
                let kept = more.min(crowd.owed);
                crowd.owed -= kept;
                self.slots.add_permits(more - kept);
            }
        }
        crowd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn door(working: usize, waiting: usize) -> Arc<Admission> {
        Admission::new(Bounds {
            working,
            calm: 64,
            waiting,
            patience: Duration::from_millis(50),
            turn: Duration::from_millis(500),
        })
    }

    /// Lets `clients` in again and again, each for `takes`, and counts those who were served.
    async fn crowd(door: &Arc<Admission>, clients: usize, takes: Duration, time: Duration) -> usize {
        let end = Instant::now() + time;
        let served = futures::future::join_all((0..clients).map(|_| async {
            let mut served = 0;
            while Instant::now() < end {
                match door.enter().await {
                    Some(_slot) => {
                        tokio::time::sleep(takes).await;
                        served += 1;
                    }
                    None => tokio::time::sleep(Duration::from_millis(400)).await,
                }
            }
            served
        }));
        served.await.into_iter().sum()
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
        assert_eq!(began.elapsed(), Duration::from_millis(50));
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

    #[tokio::test(start_paused = true)]
    async fn a_crowd_before_a_slow_store_is_kept_outside_and_let_in_again_when_that_is_fast() {
        let door = door(256, 256);
        let later = async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            door.allowed()
        };
        let (_, allowed) = tokio::join!(crowd(&door, 600, Duration::from_secs(2), Duration::from_secs(20)), later);
        assert!((pace::LEAST..=2 * pace::LEAST).contains(&allowed), "{allowed}");
        assert_eq!(door.slots.available_permits(), door.allowed(), "all have left");
        crowd(&door, 300, Duration::from_millis(10), Duration::from_secs(5)).await;
        assert_eq!(door.slots.available_permits(), door.allowed(), "all have left");
        assert_eq!(door.allowed(), 256);
    }

    #[tokio::test(start_paused = true)]
    async fn slots_that_were_owed_are_not_lost_when_the_pace_rises_before_they_have_gone() {
        let door = door(256, 256);
        let (slow, fast) = (Duration::from_secs(2), Duration::from_millis(5));
        tokio::join!(crowd(&door, 300, slow, Duration::from_secs(6)), async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            crowd(&door, 600, fast, Duration::from_secs(8)).await
        });
        let crowd = door.crowd.lock().unwrap();
        assert_eq!((crowd.owed, door.slots.available_permits()), (0, crowd.allowed.working));
    }
}
