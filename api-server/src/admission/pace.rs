//! How many requests a process should work on at once, from how many of them end.
//!
//! By Little's law as many are inside as end in the mean time of one. Where a crowd waits at the door, letting in as many
//! as end within the time that a client waits gladly keeps the database busy, and each of them below that time on the
//! average; more would be as many later answers, and not one more. The rule needs no knowledge of what the requests are,
//! nor of their times when nobody else is there. No IO.

use std::time::Duration;

use tokio::time::Instant;

use super::Bounds;

/// Never fewer at once, where the setting allows as many: a fault that holds some for seconds must not shut out the others.
pub const LEAST: usize = 64;
/// How long is looked at a time, at least.
const LOOK: Duration = Duration::from_millis(500);

/// What is allowed at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Requests worked on at once.
    pub working: usize,
    /// Requests that wait: not more than get in while they have patience.
    pub waiting: usize,
}

/// What was seen in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Requests that ended.
    pub finished: u32,
    /// How long the while was.
    pub took: Duration,
    /// Whether somebody had to wait.
    pub crowded: bool,
}

/// Counts what is seen.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    finished: u32,
    crowded: bool,
}

impl Pace {
    /// Nothing seen yet.
    pub const fn new(now: Instant) -> Self {
        Self { since: now, finished: 0, crowded: false }
    }

    /// Somebody has to wait.
    pub const fn crowded(&mut self) {
        self.crowded = true;
    }

    /// A request ended.
    pub const fn finished(&mut self) {
        self.finished = self.finished.saturating_add(1);
    }

    /// What was seen since the last look, if that is long enough ago.
    pub fn look(&mut self, now: Instant) -> Option<Seen> {
        let took = now.duration_since(self.since);
        if took < LOOK {
            return None;
        }
        let seen = Seen { finished: self.finished, took, crowded: self.crowded };
        *self = Self::new(now);
        Some(seen)
    }
}

impl Allowed {
    /// As many as the settings allow.
    pub const fn most(bounds: &Bounds) -> Self {
        Self { working: bounds.working, waiting: bounds.waiting }
    }

    /// What is allowed next.
    pub fn after(&self, seen: &Seen, bounds: &Bounds) -> Self {
        let Bounds { working, waiting, patience, turn } = bounds;
        if !seen.crowded {
            return Self { working: self.working.saturating_mul(2).min(*working), waiting: *waiting };
        }
        let in_time = |time: Duration| {
            let count = f64::from(seen.finished) * time.as_secs_f64() / seen.took.as_secs_f64();
            // Saturates; never negative, never NaN, since a look takes some time.
            count.ceil() as usize
        };
        Self {
            // Half of the way each time: what ends in one while is a matter of chance, too.
            working: usize::midpoint(self.working, in_time(*turn)).clamp(LEAST.min(*working), *working),
            waiting: in_time(*patience).clamp(1.min(*waiting), *waiting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { working: 256, waiting: 200, patience: Duration::from_millis(100), turn: Duration::from_millis(500) };

    fn seen(finished: u32, crowded: bool) -> Seen {
        Seen { finished, took: Duration::from_millis(500), crowded }
    }

    /// What is allowed after some time of the same.
    fn settled(seen: &Seen) -> Allowed {
        (0..20).fold(Allowed::most(&BOUNDS), |allowed, _| allowed.after(seen, &BOUNDS))
    }

    #[test]
    fn a_crowd_is_let_in_as_far_as_it_ends_in_time() {
        assert_eq!(settled(&seen(100, true)), Allowed { working: 100, waiting: 20 });
        assert_eq!(settled(&seen(0, true)), Allowed { working: LEAST, waiting: 1 });
        assert_eq!(settled(&seen(5_000, true)), Allowed::most(&BOUNDS));
    }

    #[test]
    fn without_a_crowd_all_is_allowed_again_within_a_few_looks() {
        let low = settled(&seen(10, true));
        let calm = seen(10, false);
        assert_eq!(low.after(&calm, &BOUNDS), Allowed { working: 2 * LEAST, waiting: 200 });
        assert_eq!(low.after(&calm, &BOUNDS).after(&calm, &BOUNDS), Allowed::most(&BOUNDS));
    }

    #[test]
    fn settings_below_the_least_are_kept() {
        let bounds = Bounds { working: 3, waiting: 0, ..BOUNDS };
        assert_eq!(Allowed::most(&bounds).after(&seen(0, true), &bounds), Allowed { working: 3, waiting: 0 });
        assert_eq!(Allowed::most(&bounds).after(&seen(900, true), &bounds), Allowed { working: 3, waiting: 0 });
    }

    #[test]
    fn a_while_is_looked_at_once_and_when_it_is_over() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        pace.finished();
        pace.crowded();
        assert_eq!(pace.look(began + LOOK / 2), None);
        pace.finished();
        let seen = Seen { finished: 2, took: LOOK * 2, crowded: true };
        assert_eq!(pace.look(began + LOOK * 2), Some(seen));
        assert_eq!(pace.look(began + LOOK * 3), Some(Seen { finished: 0, took: LOOK, crowded: false }));
    }
}
