//! What failed is begun again after a pause that grows with each failure; how often it failed, why and when
//! it is due is in the status. Pure.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use store_crds::Retry;

use super::world::Context;

/// The first pause, in seconds; each is twice as long as the one before.
const FIRST_PAUSE: i64 = 30;
/// The longest pause, in seconds.
const LONGEST_PAUSE: i64 = 600;

/// How an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It has not failed, or was begun again since.
    UnderWay,
    /// It failed, and its pause is not over.
    Waits,
    /// It failed, and is due again.
    Due,
}

pub fn stands(context: &Context, retry: Option<&Retry>) -> Stands {
    match retry.and_then(|retry| retry.at.as_ref()) {
        None => Stands::UnderWay,
        Some(at) if at.0 > context.observation.now => Stands::Waits,
        Some(_) => Stands::Due,
    }
}

/// How an attempt stands after what is seen of it: a failure of one that is under way is counted, and its pause begins.
pub fn note(context: &Context, retry: &mut Option<Retry>, failure: Option<String>) -> Stands {
    if let Some(cause) = failure.filter(|_| stands(context, retry.as_ref()) == Stands::UnderWay) {
        *retry = Some(failed(context, retry.as_ref(), &cause));
    }
    stands(context, retry.as_ref())
}

/// One failure more.
pub fn failed(context: &Context, before: Option<&Retry>, cause: &str) -> Retry {
    let attempts = before.map_or(0, |before| before.attempts).saturating_add(1);
    let at = context.observation.now + SignedDuration::from_secs(pause(attempts));
    // to the second, as it is stored
    let at = at.round(jiff::Unit::Second).unwrap_or(at);
    Retry { attempts, cause: cause.to_owned(), at: Some(Time(at)) }
}

/// What failed is begun again now.
pub fn begun(before: Option<&Retry>) -> Option<Retry> {
    before.map(|before| Retry { at: None, ..before.clone() })
}

/// How often, why, and until when, for a message.
pub fn told(retry: &Retry) -> String {
    let times = if retry.attempts == 1 { "once".to_owned() } else { format!("{} times in a row", retry.attempts) };
    let next = retry.at.as_ref().map(|at| format!(", next attempt at {}", at.0)).unwrap_or_default();
    format!("failed {times}{next}: {}", retry.cause)
}

fn pause(attempts: i32) -> i64 {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        assert_eq!([1, 2, 3, 4, 5, 6, 100].map(pause), [30, 60, 120, 240, 480, 600, 600]);
    }

    #[test]
    fn a_failure_is_told_with_its_cause_and_the_next_attempt() {
        let at = Time("2026-01-02T03:04:05Z".parse().unwrap());
        let retry = |attempts, at| Retry { attempts, cause: "a peer died".into(), at };
        assert_eq!(
            told(&retry(2, Some(at))),
            "failed 2 times in a row, next attempt at 2026-01-02T03:04:05Z: a peer died"
        );
        assert_eq!(told(&retry(1, None)), "failed once: a peer died");
    }
}
