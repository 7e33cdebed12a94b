//! The only place that asks for the time of day. Decisions get it as `Observation::now`.

use jiff::Timestamp;

/// The time of day.
pub fn now() -> Timestamp {
    Timestamp::now()
}
