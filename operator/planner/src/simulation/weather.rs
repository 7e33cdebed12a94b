//! Foul weather: faults that come tick after tick, drawn from a seed, so that they also meet the few
//! ticks in which an operation is vulnerable.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::operator::Fault;
use super::ring::Process;
use super::world::World;

/// One spell of it.
pub struct Weather(StdRng);

impl Weather {
    pub fn new(seed: u64) -> Weather {
        Weather(StdRng::seed_from_u64(seed))
    }

    /// What goes wrong in the next pass.
    pub fn fault(&mut self) -> Fault {
        let mut silent = 0;
        for bit in 0..7 {
            silent |= u8::from(self.one_in(8)) << bit;
        }
        Fault {
            crash_after: self.one_in(12).then(|| self.0.random_range(0..5)),
            silent: silent | u8::from(self.one_in(16)) << 7,
            stale: self.one_in(10),
            lag: if self.one_in(4) { self.0.random_range(1..4) } else { 0 },
            late: self.one_in(5),
        }
    }

    /// Now and then a process dies or is paused, or a machine is drained; what happened.
    pub fn strike(&mut self, world: &mut World) -> Option<String> {
        if !self.one_in(30) || world.pods.is_empty() {
            return None;
        }
        let number = self.0.random_range(0..world.pods.len());
        let (name, pod) = world.pods.iter_mut().nth(number)?;
        let name = name.clone();
        let ticks = self.0.random_range(1..40);
        match self.0.random_range(0..4) {
            0 | 1 => {
                pod.process = Process::Down(ticks);
                Some(format!("{name} dies"))
            }
            2 => {
                world.pause(&name, ticks);
                Some(format!("{name} is paused for {ticks} ticks"))
            }
            _ => world.may_evict().then(|| {
                world.terminate(&name);
                format!("{name} is evicted by somebody")
            }),
        }
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.0.random_ratio(1, count)
    }
}
