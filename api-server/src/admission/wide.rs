//! Requests that read row by row what others read at once: reports, queries, lists with conditions. Few of them are worked
//! on at a time, and of one role fewer, so that none of them, and no role, takes the slots of all others. They wait for
//! their turn before they have a slot. No IO.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::roles::Role;

/// Worked on at once.
const AT_ONCE: usize = 32;
/// Of these for one role.
const OF_A_ROLE: usize = 24;
/// That may wait for one of these to end.
const WAITING: usize = 128;

/// The turns of one process.
#[derive(Debug)]
pub struct Wide {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    of_roles: [Arc<Semaphore>; Role::ALL.len()],
    patience: Duration,
}

/// Held while such a request is worked on.
#[derive(Debug)]
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    of_role: Option<OwnedSemaphorePermit>,
}

/// A place in the queue; it is free again also when the client goes away.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Wide {
    /// All turns free; a request waits so long for one.
    pub fn new(patience: Duration) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
            of_roles: std::array::from_fn(|_| Arc::new(Semaphore::new(OF_A_ROLE))),
            patience,
        }
    }

    /// A turn; `None`: the request is turned away.
    pub async fn enter(&self) -> Option<Turn> {
        let turn = |turn| Turn { _turn: turn, of_role: None };
        if let Ok(permit) = Arc::clone(&self.turns).try_acquire_owned() {
            return Some(turn(permit));
        }
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return None;
        }
        let permit = tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await;
        drop(place);
        permit.ok()?.ok().map(turn)
    }

    /// Whether the role of a request that has its turn may have one more.
    pub fn is_let(&self, turn: &mut Turn, role: Option<Role>) -> bool {
        let Some(role) = role else { return true };
        turn.of_role = Arc::clone(&self.of_roles[role as usize]).try_acquire_owned().ok();
        turn.of_role.is_some()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_role_has_all_turns_and_who_has_waited_for_too_long_is_turned_away() {
        let wide = Wide::new(Duration::from_secs(1));
        let mut held = Vec::new();
        for at in 0..AT_ONCE {
            let mut turn = wide.enter().now_or_never().flatten().expect("there are turns");
            let let_in = wide.is_let(&mut turn, Some(Role::Supplier));
            assert_eq!(let_in, at < OF_A_ROLE, "{at}");
            assert!(let_in || wide.is_let(&mut turn, Some(Role::Director)), "another role is let in");
            held.push(turn);
        }
        let began = tokio::time::Instant::now();
        let waiting: Vec<_> = (0..WAITING).map(|_| async { wide.enter().await.is_some() }).collect();
        let mut waiting = Box::pin(futures::future::join_all(waiting));
        assert!((&mut waiting).now_or_never().is_none());
        assert!(wide.enter().now_or_never().expect("at once").is_none(), "the queue is full");
        held.pop();
        let served = waiting.await.into_iter().filter(|served| *served).count();
        assert_eq!((served, began.elapsed()), (WAITING, Duration::ZERO), "one after the other");
        let mut turn = wide.enter().await.expect("a turn is free again");
        assert!(wide.is_let(&mut turn, Some(Role::Director)) && wide.is_let(&mut turn, None));
        let late = wide.enter();
        assert!(late.await.is_none());
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        held.clear();
        assert!(wide.enter().await.is_some_and(|mut turn| wide.is_let(&mut turn, Some(Role::Supplier))));
    }
}
