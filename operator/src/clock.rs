//! The only place that asks for the time of day, and how it is told. Decisions get it as `Observation::now`.

use jiff::Timestamp;

/// The time of day.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A time in a message, to the second, as the status stores it.
pub fn told(at: Timestamp) -> String {
    at.strftime("%-d %b %H:%M:%SZ").to_string()
}
