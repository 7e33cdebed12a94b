//! Who is connected: so many at once. A newcomer gets the place of the connection that has been idle for longest, first
//! of all of one that never sent a request, and where all are at work that of one that lets the process wait, for its
//! body or until it reads its answer: so nobody shuts others out by sitting still. No IO.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// A peer that was waited for, or has said nothing, for so many milliseconds may lose its seat to a newcomer.
const GRACE_MS: u64 = 500;

/// The seats of one listener.
#[derive(Debug)]
pub struct Seats {
    most: usize,
    taken: Mutex<HashMap<u64, Arc<Seat>>>,
    next: AtomicU64,
    opened: Instant,
}

/// One connection.
#[derive(Debug, Default)]
struct Seat {
    /// Requests that are worked on and answers that are sent.
    busy: AtomicUsize,
    spoke: AtomicBool,
    /// Milliseconds after the opening, of its beginning or its last answer.
    since: AtomicU64,
    /// The same of when its peer stopped to read or to send; 0 while it is not waited for.
    stuck: AtomicU64,
    leave: Notify,
}

/// A connection's hold on its seat.
#[derive(Debug)]
pub struct Taken {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    id: u64,
}

/// A connection is at work while one of these is there.
#[derive(Debug)]
pub struct Busy {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
}

impl Seats {
    /// So many empty seats.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default(), next: AtomicU64::new(0), opened: Instant::now() })
    }

    /// A seat for a newcomer; `None` while all others are at work, and none of their peers is waited for.
    pub fn take(self: &Arc<Self>) -> Option<Taken> {
        let mut taken = self.taken();
        if taken.len() >= self.most {
            let id = give_way(&taken, self.now())?;
            if let Some(seat) = taken.remove(&id) {
                seat.leave.notify_one();
            }
        }
        let (id, seat) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::<Seat>::default());
        seat.since.store(self.now(), Ordering::Relaxed);
        taken.insert(id, Arc::clone(&seat));
        Some(Taken { seats: Arc::clone(self), seat, id })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose seat a newcomer gets.
fn give_way(taken: &HashMap<u64, Arc<Seat>>, now: u64) -> Option<u64> {
    let read = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let idle = |spoke: bool| {
        let idle = taken.iter().filter(|(_, seat)| seat.busy.load(Ordering::Relaxed) == 0);
        let such = idle.filter(|(_, seat)| seat.spoke.load(Ordering::Relaxed) == spoke);
        such.map(|(id, seat)| (read(&seat.since), *id)).min()
    };
    let is_old = |since: u64| since + GRACE_MS <= now;
    let stuck =
        taken.iter().map(|(id, seat)| (read(&seat.stuck), *id)).filter(|(since, _)| *since > 0 && is_old(*since));
    let silent = idle(false);
    // Of those who have just come nobody knows yet whether they are silent: their requests may be there and not read yet.
    let chosen = silent.filter(|(since, _)| is_old(*since)).or_else(|| idle(true)).or_else(|| stuck.min()).or(silent);
    chosen.map(|(_, id)| id)
}

impl Taken {
    /// A request has come; the connection is at work until the guard is dropped.
    pub fn busy(&self) -> Busy {
        self.seat.spoke.store(true, Ordering::Relaxed);
        self.seat.busy.fetch_add(1, Ordering::Relaxed);
        Busy { seats: Arc::clone(&self.seats), seat: Arc::clone(&self.seat) }
    }

    /// Notes whether its peer is waited for.
    pub fn is_stuck(&self, stuck: bool) {
        let since = if stuck { self.seats.now().max(1) } else { 0 };
        self.seat.stuck.store(since, Ordering::Relaxed);
    }

    /// Whether it ever sent a request.
    pub fn spoke(&self) -> bool {
        self.seat.spoke.load(Ordering::Relaxed)
    }

    /// Until a newcomer has got the seat.
    pub async fn lost(&self) {
        self.seat.leave.notified().await;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.seats.taken().remove(&self.id);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.seat.since.store(self.seats.now(), Ordering::Relaxed);
        self.seat.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_gets_the_seat_of_who_never_spoke_then_of_who_is_idle_for_longest_and_nobodys_at_work() {
        let seats = Seats::new(3);
        let at_work = seats.take().unwrap();
        let busy = at_work.busy();
        let silent = seats.take().unwrap();
        let idle = seats.take().unwrap();
        drop(idle.busy());
        tokio::time::advance(Duration::from_millis(499)).await;
        let early = seats.take().unwrap();
        assert!(idle.lost().now_or_never().is_some(), "a request of who has just come may be on its way");
        drop(idle);
        let idle = early;
        drop(idle.busy());
        tokio::time::advance(Duration::from_secs(1)).await;
        let first = seats.take().unwrap();
        assert!(silent.lost().now_or_never().is_some(), "it never spoke");
        drop(silent);
        drop(first.busy());
        let second = seats.take().unwrap();
        assert!(idle.lost().now_or_never().is_some(), "it is idle for longest");
        assert!(first.lost().now_or_never().is_none());
        let (_first, _second) = (first.busy(), second.busy());
        drop(idle);
        assert!(seats.take().is_none(), "all are at work");
        second.is_stuck(true);
        first.is_stuck(true);
        first.is_stuck(false);
        tokio::time::advance(Duration::from_millis(499)).await;
        assert!(seats.take().is_none(), "a moment is nothing");
        tokio::time::advance(Duration::from_millis(1)).await;
        let third = seats.take().unwrap();
        assert!(second.lost().now_or_never().is_some(), "its peer is waited for");
        let _third = third.busy();
        assert!(seats.take().is_none(), "all are at work");
        drop(busy);
        assert!(seats.take().is_some());
        assert!(at_work.lost().now_or_never().is_some());
    }
}
