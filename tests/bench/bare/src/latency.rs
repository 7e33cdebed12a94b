//! How long requests took, one by one. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Latencies of one loop, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<u32>);

/// Milliseconds within which so many were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of them.
    pub p50_ms: f64,
    /// All but one of a hundred.
    pub p99_ms: f64,
}

impl Latencies {
    /// Notes one.
    pub fn add(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Those of many loops.
    pub fn of(all: impl IntoIterator<Item = Self>) -> Self {
        Self(all.into_iter().flat_map(|one| one.0).collect())
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Zeros of none.
    pub fn percentiles(mut self) -> Percentiles {
        self.0.sort_unstable();
        let at = |share: usize| {
            let last = self.0.len().saturating_sub(1);
            let micros = self.0.get(self.0.len() * share / 100).or(self.0.get(last)).copied().unwrap_or_default();
            f64::from(micros) / 1000.0
        };
        Percentiles { p50_ms: at(50), p99_ms: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_nearly_all_of_many_loops_are_told() {
        let mut one = Latencies::default();
        (1..=60).for_each(|millis| one.add(Duration::from_millis(millis)));
        let mut other = Latencies::default();
        (61..=100).for_each(|millis| other.add(Duration::from_millis(millis)));
        let both = Latencies::of([other, one]);
        assert_eq!(both.count(), 100);
        assert_eq!(both.percentiles(), Percentiles { p50_ms: 51.0, p99_ms: 100.0 });
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
    }
}
