//! How many requests a process should work on at once, from how many of them end and how soon.
//!
//! By Little's law as many are inside as end in the mean time of one. Where a crowd waits at the door of a store that is
//! as busy as it can be, letting in as many as end within the time that a client waits gladly keeps it busy, and most of
//! them below that time; more would be as many later answers, and not one more.
//!
//! Whether the store is that busy is told by most of those who end, not by their mean: a lost node holds some for seconds,
//! and the others end as soon as ever. Then more are let in, since those who are held need their slots, too. So the least
//! number can be small, as small machines need it, and nobody is shut out by the few. The rule needs no knowledge of what
//! the requests are, nor of their times when nobody else is there. No IO.

use std::time::Duration;

use tokio::time::Instant;

use super::Bounds;

/// Never fewer at once, where the setting allows as many: a busy store needs some to be busy with.
pub const LEAST: usize = 8;
/// How long is looked at a time, unless enough have ended before.
const LOOK: Duration = Duration::from_millis(500);
/// How long is looked at least.
const GLANCE: Duration = Duration::from_millis(100);
/// So many that ended in time tell enough.
const ENOUGH: u32 = 32;
/// Longer than so many turns is too late for some of those who wait for more than one thing.
const LATE_TURNS: u32 = 8;

/// What is allowed at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Requests worked on at once.
    pub working: usize,
    /// Requests that wait: not more than get in while they have patience.
    pub waiting: usize,
}

/// What was seen in a while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests that ended.
    pub finished: u32,
    /// Of these, within half a turn.
    pub quick: u32,
    /// Of these, within a turn.
    pub in_time: u32,
    /// Of these, after many turns.
    pub late: u32,
    /// The most that were inside at once.
    pub inside: usize,
    /// Whether somebody had to wait.
    pub crowded: bool,
    /// How long the while was.
    pub took: Duration,
}

/// How those fare who are inside while others wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fare {
    /// Most end within half a turn.
    Quick,
    /// Most end within a turn.
    InTime,
    /// Most do, and some are nearly too late.
    SomeLate,
    /// Most need longer: the store is as busy as it can be.
    Slow,
}

/// Counts what is seen.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    seen: Seen,
}

impl Pace {
    /// Nothing seen yet.
    pub fn new(now: Instant) -> Self {
        Self { since: now, seen: Seen::default() }
    }

    /// Somebody has to wait.
    pub const fn crowded(&mut self) {
        self.seen.crowded = true;
    }

    /// A request ended, which was one of so many inside and there for so long.
    pub fn finished(&mut self, inside: usize, took: Duration, turn: Duration) {
        let seen = &mut self.seen;
        seen.finished = seen.finished.saturating_add(1);
        seen.quick += u32::from(took <= turn / 2);
        seen.in_time += u32::from(took <= turn);
        // Not the turn multiplied: a setting may be as long as it likes.
        seen.late += u32::from(took / LATE_TURNS > turn);
        seen.inside = seen.inside.max(inside);
    }

    /// What was seen since the last look, if that tells enough.
    pub fn look(&mut self, now: Instant) -> Option<Seen> {
        let took = now.duration_since(self.since);
        // Slow ones end in bursts, as they were let in: of these a short while tells no rate.
        let tells_enough = self.seen.finished >= ENOUGH && self.seen.fare() != Fare::Slow;
        if took < if tells_enough { GLANCE } else { LOOK } {
            return None;
        }
        let seen = Seen { took, ..self.seen };
        *self = Self::new(now);
        Some(seen)
    }
}

impl Seen {
    /// Most are half: a lost node holds a third of them, of some looks more.
    fn fare(&self) -> Fare {
        let most = |count: u32| self.finished > 0 && count >= self.finished.div_ceil(2);
        if !most(self.in_time) {
            return Fare::Slow;
        }
        if self.late.saturating_mul(20) > self.finished {
            return Fare::SomeLate;
        }
        if most(self.quick) { Fare::Quick } else { Fare::InTime }
    }
}

impl Allowed {
    /// What is allowed before anything was seen.
    pub fn first(bounds: &Bounds) -> Self {
        Self { working: bounds.calm.min(bounds.working), waiting: bounds.waiting }
    }

    /// What is allowed next.
    pub fn after(&self, seen: &Seen, bounds: &Bounds) -> Self {
        let Bounds { working: most, calm, waiting, patience, turn } = bounds;
        let twice = self.working.saturating_mul(2);
        if !seen.crowded {
            let grown = if seen.fare() == Fare::Slow { 0 } else { seen.inside.saturating_mul(2) };
            // A crowd that comes to a slow store finds no more slots than the store gets through within the deadline.
            let room = grown.max(*calm).min(*most);
            return Self { working: twice.min(room), waiting: *waiting };
        }
        let in_time = |time: Duration| {
            let count = f64::from(seen.finished) * time.as_secs_f64() / seen.took.as_secs_f64();
            // Saturates; never negative, never NaN, since a look takes some time.
            count.ceil() as usize
        };
        let working = match seen.fare() {
            Fare::Quick => twice,
            Fare::InTime => self.working + self.working.div_ceil(4),
            Fare::SomeLate => self.working.min(*calm).max(self.working / 2),
            // Half of the way each time: what ends in one while is a matter of chance, too.
            Fare::Slow => usize::midpoint(self.working, in_time(*turn)),
        };
        Self {
            working: working.clamp(LEAST.min(*most), *most),
            waiting: in_time(*patience).clamp(1.min(*waiting), *waiting),
        }
    }
}

#[cfg(test)]
mod crowds;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        working: 256,
        calm: 64,
        waiting: 200,
        patience: Duration::from_millis(50),
        turn: Duration::from_millis(500),
    };

    /// Half a second in a crowd.
    fn crowd(finished: u32, quick: u32, in_time: u32, late: u32) -> Seen {
        Seen { finished, quick, in_time, late, inside: 256, crowded: true, took: LOOK }
    }

    /// What is allowed after some time of the same.
    fn settled(seen: &Seen) -> Allowed {
        let most = Allowed { working: BOUNDS.working, waiting: BOUNDS.waiting };
        (0..20).fold(most, |allowed, _| allowed.after(seen, &BOUNDS))
    }

    #[test]
    fn a_crowd_before_a_busy_store_is_let_in_as_far_as_it_ends_in_time() {
        assert_eq!(settled(&crowd(100, 0, 40, 0)), Allowed { working: 100, waiting: 10 });
        assert_eq!(settled(&crowd(10, 0, 0, 0)), Allowed { working: 10, waiting: 1 });
        assert_eq!(settled(&crowd(0, 0, 0, 0)), Allowed { working: LEAST, waiting: 1 });
        assert_eq!(settled(&crowd(5_000, 0, 0, 0)), Allowed { working: 256, waiting: 200 });
    }

    #[test]
    fn where_most_end_soon_more_are_let_in_whatever_holds_the_others() {
        let few = Allowed { working: LEAST, waiting: 1 };
        // A third is held.
        let next = few.after(&crowd(30, 20, 20, 0), &BOUNDS);
        assert_eq!(next, Allowed { working: 2 * LEAST, waiting: 3 });
        assert_eq!(few.after(&crowd(30, 10, 20, 0), &BOUNDS).working, 10, "in time and not quick");
        assert_eq!(few.after(&crowd(30, 14, 14, 0), &BOUNDS).working, 19, "most are slow: as many as end in a turn");
        assert_eq!(settled(&crowd(30, 20, 20, 0)).working, 256);
    }

    #[test]
    fn where_some_are_nearly_too_late_no_more_are_let_in_and_not_below_a_calm_number() {
        let many = Allowed { working: 200, waiting: 9 };
        assert_eq!(many.after(&crowd(100, 80, 80, 6), &BOUNDS).working, 100);
        assert_eq!(settled(&crowd(100, 80, 80, 6)).working, BOUNDS.calm);
        assert_eq!(many.after(&crowd(100, 80, 80, 5), &BOUNDS).working, 256, "these are few");
        let few = Allowed { working: 10, waiting: 9 };
        assert_eq!(few.after(&crowd(100, 80, 80, 6), &BOUNDS).working, 10);
    }

    #[test]
    fn without_a_crowd_there_is_room_for_a_small_one_and_for_twice_what_was_there() {
        let calm = |inside| Seen { finished: 9, in_time: 9, inside, took: LOOK, ..Seen::default() };
        let low = Allowed { working: 10, waiting: 1 };
        assert_eq!(low.after(&calm(3), &BOUNDS), Allowed { working: 20, waiting: 200 });
        let room = |inside| (0..9).fold(low, |allowed, _| allowed.after(&calm(inside), &BOUNDS)).working;
        assert_eq!((room(3), room(50), room(200)), (BOUNDS.calm, 100, 256));
        let many = Allowed { working: 256, waiting: 9 };
        assert_eq!(many.after(&calm(3), &BOUNDS).working, BOUNDS.calm);
        assert_eq!(
            many.after(&Seen { in_time: 4, ..calm(200) }, &BOUNDS).working,
            BOUNDS.calm,
            "most of these are slow"
        );
    }

    #[test]
    fn settings_below_the_least_are_kept() {
        let bounds = Bounds { working: 3, waiting: 0, ..BOUNDS };
        let first = Allowed::first(&bounds);
        for seen in [crowd(0, 0, 0, 0), crowd(900, 900, 900, 0), crowd(900, 0, 0, 0), Seen::default()] {
            assert_eq!(first.after(&seen, &bounds), Allowed { working: 3, waiting: 0 }, "{seen:?}");
        }
    }

    #[test]
    fn a_while_is_looked_at_once_and_when_it_tells_enough() {
        let (began, turn) = (Instant::now(), BOUNDS.turn);
        let mut pace = Pace::new(began);
        pace.crowded();
        for (inside, took) in [(3, turn / 2), (5, turn), (4, turn * 9)] {
            pace.finished(inside, took, turn);
        }
        assert_eq!(pace.look(began + LOOK / 2), None);
        let seen = Seen { finished: 3, quick: 1, in_time: 2, late: 1, inside: 5, crowded: true, took: LOOK };
        assert_eq!(pace.look(began + LOOK), Some(seen));
        assert_eq!(pace.look(began + LOOK * 2), Some(Seen { took: LOOK, ..Seen::default() }));
        let began = began + LOOK * 2;
        for _ in 0..ENOUGH {
            assert_eq!(pace.look(began + GLANCE), None);
            pace.finished(1, turn, turn);
        }
        assert_eq!(pace.look(began + GLANCE / 2), None);
        assert_eq!(pace.look(began + GLANCE).map(|seen| seen.finished), Some(ENOUGH));
        let began = began + GLANCE;
        (0..ENOUGH).for_each(|_| pace.finished(1, turn * 2, turn));
        assert_eq!(pace.look(began + GLANCE), None, "a burst of slow ones");
    }
}
