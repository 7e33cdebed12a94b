//! What a person at the terminal sees: lines with the seconds since the program began, tasks that say how far they are, and
//! waits that say what they wait for. Writes to standard error; every wait has a deadline.

mod tasks;

use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) use tasks::process_seconds;
pub use tasks::{Figure, Figures, Task, machine_seconds, remember_in, spent, task, waiting, write_figures};

/// How often a wait says again that it is still waiting.
const REMINDER: Duration = Duration::from_secs(5);
/// How often a condition is asked.
const PERIOD: Duration = Duration::from_millis(200);

/// A condition did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("gave up after {waited:.1?} waiting for {what}: {last}")]
pub struct WaitError {
    /// What was awaited.
    pub what: String,
    /// How long.
    pub waited: Duration,
    /// What the last look showed.
    pub last: String,
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Seconds since the first line (or the first call of this function).
pub fn elapsed() -> Duration {
    start().elapsed()
}

/// Prints one line: `[  12.3s] text`.
pub fn say(text: impl AsRef<str>) {
    tasks::say(text.as_ref());
}

/// Asks `look` until it answers `Ok`, at most for `deadline`.
///
/// `look` says in its `Err` what is still missing; a change of that text, and every few seconds an
/// unchanged one, is a line on the terminal. A single look is bounded by the same deadline.
///
/// # Errors
/// [`WaitError`] with the last thing missing once `deadline` has passed.
pub async fn wait_until<T, F, Fut>(what: &str, deadline: Duration, mut look: F) -> Result<T, WaitError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    let mut last = String::from("no answer yet");
    let mut shown = String::new();
    let mut said = began;
    let mut ticker = tokio::time::interval(PERIOD);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while began.elapsed() < deadline {
        ticker.tick().await;
        let left = deadline.saturating_sub(began.elapsed());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(missing)) => last = missing,
            Err(_) => break,
        }
        let due = said.elapsed() >= REMINDER;
        // The first second passes in silence: most waits are over by then.
        if began.elapsed() > Duration::from_secs(1) && (due || last != shown) && said.elapsed() > PERIOD {
            say(format!("waiting for {what}: {last}"));
            shown.clone_from(&last);
            said = Instant::now();
        }
    }
    Err(WaitError { what: what.to_owned(), waited: began.elapsed(), last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_value_once_the_condition_holds() {
        let mut looks = 0;
        let value = wait_until("three looks", Duration::from_secs(5), || {
            looks += 1;
            let answer = if looks < 3 { Err(format!("look {looks}")) } else { Ok(looks) };
            async move { answer }
        })
        .await;
        assert_eq!(value.ok(), Some(3));
    }

    #[tokio::test]
    async fn a_wait_gives_up_at_its_deadline_and_says_what_was_missing() {
        let error =
            wait_until::<(), _, _>("rain", Duration::from_millis(500), || async { Err("the sky is blue".to_owned()) })
                .await
                .expect_err("it never rains");
        assert_eq!(error.last, "the sky is blue");
        assert!(error.waited >= Duration::from_millis(500) && error.waited < Duration::from_secs(3));
    }

    #[tokio::test]
    async fn a_look_that_never_returns_does_not_outlive_the_deadline() {
        let error = wait_until::<(), _, _>("nothing", Duration::from_millis(300), std::future::pending).await;
        assert!(error.expect_err("pending").waited < Duration::from_secs(3));
    }
}
