//! The database's clock as a process knows it: its own, corrected. Notes bear times of it, so that whoever sweeps finds them
//! wherever they were written. Only how soon hangs on it: what is decided is decided by conditions in the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::dao::orders::OrderDao;
use crate::dao::{Context, DaoError, now_ms};

/// Looks that are taken for one measurement.
const LOOKS: usize = 5;

/// One look at the database's clock, all in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    /// By the own clock, when it was asked for.
    sent: i64,
    /// By the own clock, when the answer came.
    received: i64,
    /// What the database said.
    told: i64,
}

/// What is to be added to the own clock to have the database's, by the quickest of the looks: it is wrong by half of its
/// time at most. `None` where there is no look during which the own clock went forward.
fn offset_of(looks: &[Look]) -> Option<i64> {
    let sound = looks.iter().filter(|look| look.received >= look.sent);
    let best = sound.min_by_key(|look| look.received - look.sent)?;
    Some(best.told - (best.sent + (best.received - best.sent) / 2))
}

/// The own clock's offset, as it was last measured; 0 before.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A moment of the own clock by the database's.
    pub fn of(&self, own_ms: i64) -> i64 {
        own_ms + self.0.load(Ordering::Relaxed)
    }

    /// Measures it anew.
    pub async fn measure(&self, cx: &Context, database: &dyn OrderDao) -> Result<(), DaoError> {
        let mut looks = Vec::with_capacity(LOOKS);
        for _ in 0..LOOKS {
            let sent = now_ms();
            let told = database.clock(cx).await?;
            looks.push(Look { sent, received: now_ms(), told });
        }
        if let Some(offset) = offset_of(&looks) {
            self.0.store(offset, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
impl Clock {
    /// As it was measured by a process whose clock is wrong.
    pub fn with_offset(offset_ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(offset_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn look(sent: i64, took: i64, told: i64) -> Look {
        Look { sent, received: sent + took, told }
    }

    #[test]
    fn the_quickest_look_tells_how_far_the_own_clock_is_off() {
        for (looks, offset) in [
            (vec![], None),
            (vec![look(1_000, 0, 1_000)], Some(0)),
            // Behind and ahead by an hour.
            (vec![look(1_000, 4, 3_601_002)], Some(3_600_000)),
            (vec![look(3_601_000, 4, 1_002)], Some(-3_600_000)),
            // The slow ones were held up on one of their ways.
            (vec![look(1_000, 500, 1_999), look(2_000, 2, 2_501), look(3_000, 90, 3_589)], Some(500)),
            // The own clock was set back meanwhile.
            (vec![look(9_000, -5_000, 9_001), look(4_001, 10, 4_006)], Some(0)),
            (vec![look(9_000, -5_000, 9_001)], None),
        ] {
            assert_eq!(offset_of(&looks), offset, "{looks:?}");
        }
    }

    #[test]
    fn a_look_is_wrong_by_half_of_its_time_at_most() {
        let truth = 70_000;
        for took in 0..50 {
            for there in 0..=took {
                let offset = offset_of(&[look(1_000, took, 1_000 + truth + there)]).unwrap();
                assert!((offset - truth).abs() <= took / 2 + 1, "{took} {there}: {offset}");
            }
        }
    }
}
