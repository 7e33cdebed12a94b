//! Places of those who wait for what is to come, each a connection that is held and no more: so many in a process, of which
//! one principal has three quarters at most, so that nobody keeps all others out. No IO.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Places of a process.
const MOST: usize = 256;
/// Those of one principal.
const MOST_OF_ONE: usize = MOST / 4 * 3;

/// The places of one process.
#[derive(Debug, Default)]
pub struct Listeners(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// By those who have any.
    of_one: HashMap<Arc<str>, usize>,
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    listeners: Arc<Listeners>,
    by: Option<Arc<str>>,
}

impl Listeners {
    /// A place of a principal, or of somebody where nobody says who they are; `None` where they have as many as they may.
    pub fn enter(self: &Arc<Self>, by: Option<Arc<str>>) -> Option<Place> {
        let mut taken = self.taken();
        let theirs = by.as_ref().and_then(|by| taken.of_one.get(by)).copied().unwrap_or_default();
        if taken.all >= MOST || theirs >= MOST_OF_ONE {
            return None;
        }
        taken.all += 1;
        if let Some(by) = &by {
            taken.of_one.insert(Arc::clone(by), theirs + 1);
        }
        drop(taken);
        Some(Place { listeners: Arc::clone(self), by })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.listeners.taken();
        taken.all -= 1;
        let Some(by) = &self.by else { return };
        if let Some(theirs) = taken.of_one.get_mut(by) {
            *theirs -= 1;
            if *theirs == 0 {
                taken.of_one.remove(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_principal_leaves_places_to_others_and_whoever_goes_leaves_theirs() {
        let listeners = Arc::new(Listeners::default());
        let enter = |by: &str| listeners.enter(Some(by.into()));
        let mut of_ana: Vec<Place> = (0..MOST_OF_ONE).map_while(|_| enter("ana")).collect();
        assert_eq!(of_ana.len(), 192);
        assert!(enter("ana").is_none());
        let of_others: Vec<Place> = (0..).map_while(|at| enter(if at % 2 == 0 { "bob" } else { "eve" })).collect();
        assert_eq!(of_others.len(), MOST - MOST_OF_ONE);
        assert!(listeners.enter(None).is_none(), "all are taken");
        of_ana.pop();
        assert!(enter("bob").is_some());
        drop((of_ana, of_others));
        assert!(listeners.taken().of_one.is_empty() && listeners.taken().all == 0);
        let of_nobody: Vec<Place> = (0..).map_while(|_| listeners.enter(None)).collect();
        assert_eq!(of_nobody.len(), MOST, "where nobody says who they are all are for all");
    }
}
