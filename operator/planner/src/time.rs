//! How a time is told. No clock: decisions get the time as `Observation::now`.

use jiff::Timestamp;

/// A time in a message, to the second, as the status stores it.
pub fn told(at: Timestamp) -> String {
    at.strftime("%-d %b %H:%M:%SZ").to_string()
}
