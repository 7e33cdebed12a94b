//! Crowds before stores of several speeds, step by step in simulated time: how much is answered, how late the last one is,
//! and how soon the others are turned away.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::super::Bounds;
use super::{Allowed, Pace};

/// As the settings are unless they are changed.
const BOUNDS: Bounds = Bounds {
    working: 256,
    calm: 64,
    waiting: 256,
    patience: Duration::from_millis(50),
    turn: Duration::from_millis(500),
};
/// Milliseconds that a client waits for an answer.
const DEADLINE: u64 = 8_000;
/// Milliseconds that a lost node holds a request.
const HELD: u64 = 2_000;

/// A store that gets through so many requests a second, all of them at the same time.
struct World {
    capacity: f64,
    /// Milliseconds of one that has the store for itself.
    alone: f64,
    /// Requests that come in a second.
    load: f64,
    /// From when to when a node is lost, which holds a third of those who come.
    lost: std::ops::Range<u64>,
    dice: u64,
}

struct Inside {
    came: u64,
    entered: u64,
    held_until: u64,
    /// 1 is the work of a request on the average.
    left: f64,
}

#[derive(Debug, Default)]
struct Told {
    /// The end of each that was answered in time.
    good: Vec<u64>,
    /// The longest time of one that was let in.
    worst: u64,
    /// The longest wait of one that was turned away.
    away: u64,
    /// How many were.
    turned_away: usize,
    /// How many were allowed inside, at each millisecond.
    allowed: Vec<usize>,
}

impl Told {
    /// Answers a second between two moments.
    fn goodput(&self, between: std::ops::Range<u64>) -> f64 {
        let good = self.good.iter().filter(|end| between.contains(end)).count();
        good as f64 * 1000.0 / (between.end - between.start) as f64
    }
}

impl World {
    fn of(capacity: f64, times: f64) -> Self {
        Self { capacity, alone: 20.0, load: capacity * times, lost: 0..0, dice: 0x9E37_79B9_7F4A_7C15 }
    }

    /// Between 0 and 1.
    fn dice(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// What happens within so many milliseconds.
    fn run(mut self, time: u64) -> Told {
        let began = Instant::now();
        let mut told = Told::default();
        let (mut pace, mut allowed) = (Pace::new(began), Allowed::first(&BOUNDS));
        let mut inside: Vec<Inside> = Vec::new();
        let mut queue: VecDeque<u64> = VecDeque::new();
        let mut next = 0.0;
        for now in 0..time {
            let look = |pace: &mut Pace, allowed: &mut Allowed| {
                if let Some(seen) = pace.look(began + Duration::from_millis(now)) {
                    *allowed = allowed.after(&seen, &BOUNDS);
                }
            };
            let at_work = inside.iter().filter(|one| one.held_until <= now).count();
            let share = (self.capacity / 1000.0 / at_work.max(1) as f64).min(1.0 / self.alone);
            let before = inside.len();
            inside.retain_mut(|one| {
                if one.held_until <= now {
                    one.left -= share;
                }
                let goes_on = one.left > 0.0;
                if !goes_on {
                    let took = now - one.came;
                    told.worst = told.worst.max(took);
                    if took <= DEADLINE {
                        told.good.push(now);
                    }
                    pace.finished(before, Duration::from_millis(now - one.entered), BOUNDS.turn);
                    look(&mut pace, &mut allowed);
                }
                goes_on
            });
            while queue.front().is_some_and(|came| now - came >= u64::try_from(BOUNDS.patience.as_millis()).unwrap()) {
                let came = queue.pop_front().unwrap();
                told.away = told.away.max(now - came);
                told.turned_away += 1;
            }
            let mut come: Vec<u64> = Vec::new();
            while next <= now as f64 {
                come.push(now);
                // As they come by themselves: at any moment, whoever came before.
                next += -(1.0 - self.dice()).ln() * 1000.0 / self.load;
            }
            for came in come {
                queue.push_back(came);
                let free = allowed.working.saturating_sub(inside.len());
                if free < queue.len() {
                    pace.crowded();
                    look(&mut pace, &mut allowed);
                    if queue.len() - free > allowed.waiting {
                        queue.pop_back();
                        told.turned_away += 1;
                    }
                }
            }
            while inside.len() < allowed.working
                && let Some(came) = queue.pop_front()
            {
                let is_held = self.lost.contains(&now) && self.dice() < 1.0 / 3.0;
                let held_until = if is_held { now + HELD } else { now };
                inside.push(Inside { came, entered: now, held_until, left: 0.5 + self.dice() });
            }
            told.allowed.push(allowed.working);
        }
        // Those who are still inside are no later than they would be.
        told.worst = inside.iter().map(|one| time - one.came).fold(told.worst, u64::max);
        told
    }
}

#[test]
fn too_many_at_any_speed_are_turned_away_at_once_and_the_store_goes_on_at_its_pace() {
    for capacity in [20.0, 140.0, 2_000.0] {
        for times in [2.0, 4.0, 16.0] {
            let told = World::of(capacity, times).run(20_000);
            let goodput = told.goodput(2_000..20_000) / capacity;
            assert!(goodput >= 0.9, "{capacity}/s, {times} times: {goodput:.2} of the capacity");
            assert!(told.worst < DEADLINE, "{capacity}/s, {times} times: {} ms", told.worst);
            assert!(told.away <= 100, "{capacity}/s, {times} times: turned away after {} ms", told.away);
        }
    }
}

#[test]
fn in_a_crowd_that_lasts_most_are_answered_within_two_turns() {
    for capacity in [20.0, 140.0, 2_000.0] {
        let told = World::of(capacity, 4.0).run(20_000);
        let inside = *told.allowed[10_000..].iter().max().unwrap() as f64;
        assert!(inside / capacity <= 1.0, "{capacity}/s: {inside} inside");
    }
}

#[test]
fn a_lost_node_that_holds_a_third_shuts_nobody_out() {
    for capacity in [20.0, 140.0] {
        let calm = World { lost: 5_000..15_000, ..World::of(capacity, 0.7) }.run(20_000);
        assert_eq!(calm.turned_away, 0, "{capacity}/s");
        for times in [2.0, 4.0] {
            let world = World { lost: 5_000..15_000, ..World::of(capacity, times) };
            let told = world.run(20_000);
            // Those who are held end, too, once as many are held as come.
            let goodput = told.goodput(8_000..15_000) / capacity;
            assert!(goodput >= 0.9, "{capacity}/s, {times} times: {goodput:.2}");
            assert!(told.worst < DEADLINE, "{capacity}/s, {times} times: {} ms", told.worst);
            let after = told.goodput(17_000..20_000) / capacity;
            assert!(after >= 0.9, "{capacity}/s, {times} times: {after:.2} after it");
        }
    }
    // So many are held then that all slots are: the setting bounds what can be done.
    let told = World { lost: 5_000..15_000, ..World::of(2_000.0, 2.0) }.run(20_000);
    let bound = 256.0 / (2.0 / 3.0 * 0.02 + 1.0 / 3.0 * 2.02);
    assert!(told.goodput(8_000..15_000) >= 0.8 * bound, "{} of {bound}", told.goodput(8_000..15_000));
    assert!(told.goodput(18_000..20_000) >= 1_800.0, "{}", told.goodput(18_000..20_000));
}

#[test]
fn a_crowd_that_comes_out_of_a_calm_is_let_in_within_a_second_where_the_store_is_fast() {
    let told = World::of(2_000.0, 4.0).run(3_000);
    assert!(told.goodput(0..1_000) >= 1_500.0, "{}", told.goodput(0..1_000));
}
