//! How many requests a principal may send: a quota for each window, counted by the process that answers. What was used comes
//! back bit by bit (the generic cell rate algorithm), so that nobody waits for the end of a window. No IO.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// What a principal may send, on every answer to them (draft-ietf-httpapi-ratelimit-headers).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of it.
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Principals that are remembered; whoever comes beyond them shares one quota with the others who do.
const REMEMBERED: usize = 10_000;

/// Requests for each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub requests: u32,
    pub window: Duration,
}

impl Quota {
    /// Time in which one request comes back.
    fn interval(self) -> Duration {
        self.window / self.requests.max(1)
    }
}

/// How it stands with a principal's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    quota: Quota,
    /// Requests that may be sent now.
    left: u32,
    /// Until all of the quota is there again.
    whole_in: Duration,
    /// `None` where the request may be sent; else when one may.
    pub again_in: Option<Duration>,
}

impl Standing {
    /// Tells it in the headers of an answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let Quota { requests, window } = self.quota;
        let texts = [
            (POLICY, format!("\"principal\";q={requests};w={}", window.as_secs())),
            (LEFT, format!("\"principal\";r={};t={}", self.left, seconds(self.whole_in))),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whole seconds after which a time has passed.
pub fn seconds(time: Duration) -> u32 {
    let up = u64::from(time.subsec_nanos() > 0);
    u32::try_from(time.as_secs() + up).unwrap_or(u32::MAX)
}

/// The quotas of all principals; none are kept where there is no quota.
#[derive(Debug)]
pub struct Rates {
    quota: Option<Quota>,
    /// When all of a principal's quota is there again.
    whole_at: Mutex<HashMap<Arc<str>, Instant>>,
}

impl Rates {
    /// Nobody has used anything yet.
    pub fn new(quota: Option<Quota>) -> Self {
        Self { quota, whole_at: Mutex::default() }
    }

    /// Takes one request of a principal's quota, or says when there is one. `None`: there are no quotas.
    pub fn take(&self, principal: &Arc<str>) -> Option<Standing> {
        let quota = self.quota?;
        let now = Instant::now();
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if whole_at.len() >= REMEMBERED && !whole_at.contains_key(principal) {
            // Who has all of it needs not be remembered.
            whole_at.retain(|_, at| *at > now);
        }
        let shared: Arc<str> = Arc::from("");
        let name = if whole_at.len() < REMEMBERED || whole_at.contains_key(principal) { principal } else { &shared };
        let before = whole_at.get(name).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let standing = decide(quota, before);
        whole_at.insert(Arc::clone(name), now + standing.whole_in);
        Some(standing)
    }
}

/// One request more of a principal whose quota is whole again in so long.
fn decide(quota: Quota, whole_in: Duration) -> Standing {
    let (interval, window) = (quota.interval(), quota.window);
    let after = whole_in + interval;
    let room = |whole_in: Duration| {
        let units = window.saturating_sub(whole_in).as_nanos() / interval.as_nanos().max(1);
        u32::try_from(units).unwrap_or(u32::MAX).min(quota.requests)
    };
    if room(whole_in) == 0 {
        let again_in = Some(after.saturating_sub(window));
        return Standing { quota, left: 0, whole_in, again_in };
    }
    Standing { quota, left: room(whole_in) - 1, whole_in: after, again_in: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { requests: 10, window: Duration::from_secs(5) };

    fn told(standing: &Standing) -> [String; 2] {
        let mut headers = HeaderMap::new();
        standing.tell(&mut headers);
        [POLICY, LEFT].map(|name| headers[&name].to_str().unwrap().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_may_be_used_at_once_and_comes_back_bit_by_bit_for_each_by_themselves() {
        let rates = Rates::new(Some(QUOTA));
        let (ana, bob): (Arc<str>, Arc<str>) = ("ana".into(), "bob".into());
        let take = |who: &Arc<str>| rates.take(who).unwrap();
        for left in (0..10).rev() {
            let standing = take(&ana);
            assert_eq!((standing.left, standing.again_in), (left, None));
        }
        let none = take(&ana);
        assert_eq!(none.again_in, Some(Duration::from_millis(500)));
        assert_eq!(told(&none), ["\"principal\";q=10;w=5", "\"principal\";r=0;t=5"]);
        assert_eq!(take(&bob).left, 9, "another has all of theirs");
        tokio::time::advance(Duration::from_millis(499)).await;
        assert_eq!(take(&ana).again_in, Some(Duration::from_millis(1)), "to be refused uses nothing");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(take(&ana).again_in, None);
        assert!(take(&ana).again_in.is_some());
        tokio::time::advance(QUOTA.window).await;
        assert_eq!(take(&ana).left, 9);
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_as_are_remembered_have_quotas_of_their_own_and_who_has_all_of_it_is_forgotten() {
        let rates = Rates::new(Some(QUOTA));
        let name = |at: usize| Arc::<str>::from(format!("p-{at}"));
        for at in 0..REMEMBERED - 1 {
            rates.take(&name(at));
        }
        let left = |at: usize| rates.take(&name(at)).unwrap().left;
        assert_eq!([left(REMEMBERED), left(REMEMBERED + 1), left(REMEMBERED + 2)], [9, 9, 8], "the last two share");
        assert_eq!(left(0), 8);
        assert!(rates.whole_at.lock().unwrap().len() <= REMEMBERED + 1);
        tokio::time::advance(QUOTA.window).await;
        assert_eq!(left(2 * REMEMBERED), 9);
        assert_eq!(rates.whole_at.lock().unwrap().len(), 1);
    }

    #[test]
    fn nothing_is_counted_without_a_quota() {
        let rates = Rates::new(None);
        assert_eq!(rates.take(&"ana".into()), None);
        assert!(rates.whole_at.lock().unwrap().is_empty());
    }
}
