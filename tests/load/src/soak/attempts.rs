//! What single requests met, and what of it may not be. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

/// Deadline of a request in the API, its default.
pub const DEADLINE: Duration = Duration::from_secs(8);
/// How much longer an answer may take to be here.
const SLACK: Duration = Duration::from_secs(1);
/// How long after a fault answers may be refusals.
pub const GRACE: Duration = Duration::from_secs(10);
/// The share that must succeed from then on, in percent.
const SUCCESS: f64 = 99.0;

/// One request and its answer; times are since the run began.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// What was asked, like `POST /orders`.
    pub kind: &'static str,
    /// When it was sent.
    pub began: Duration,
    /// How long until the answer was there.
    pub took: Duration,
    /// What came.
    pub end: End,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// An answer with this status; whether it said when to come back; its words when it was no success.
    Answer {
        /// The status.
        status: u16,
        /// Whether `Retry-After` was there.
        retry_after: bool,
        /// The beginning of a refusal's body.
        text: String,
    },
    /// The connection ended because its process was killed.
    Cut,
    /// No answer although the process lived.
    Silence(String),
}

impl Attempt {
    /// 2xx, or a refusal that the state of the store asks for.
    fn succeeded(&self) -> bool {
        matches!(&self.end, End::Answer { status: 200..=299 | 409, .. })
    }

    /// What is wrong with it whatever the fault, if something is.
    fn fault(&self) -> Option<String> {
        let told = |what: &str| Some(format!("{} at {:.1} s: {what}", self.kind, self.began.as_secs_f64()));
        if self.took > DEADLINE + SLACK {
            return told(&format!("took {:.1} s", self.took.as_secs_f64()));
        }
        match &self.end {
            End::Cut | End::Answer { status: 200..=299 | 409 | 504, .. } => None,
            End::Answer { status: 503, retry_after: true, .. } => None,
            End::Answer { status, text, .. } => told(&format!("{status} {text}")),
            End::Silence(why) => told(why),
        }
    }
}

/// When requests must succeed again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// From here on.
    pub from: Duration,
    /// Up to here.
    pub to: Duration,
}

/// What the requests of one phase met.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// How many.
    pub requests: usize,
    /// By status; 0 is none.
    pub statuses: BTreeMap<u16, usize>,
    /// How many began when they had to succeed.
    pub in_window: usize,
    /// The share of those that did, in percent.
    pub success: f64,
    /// The slowest answer.
    pub slowest: Duration,
    /// What may not be.
    pub faults: Vec<String>,
}

/// Counts and judges.
pub fn tally(attempts: &[Attempt], window: Window) -> Tally {
    let mut tally = Tally { requests: attempts.len(), ..Tally::default() };
    for attempt in attempts {
        let status = if let End::Answer { status, .. } = attempt.end { status } else { 0 };
        *tally.statuses.entry(status).or_default() += 1;
        tally.slowest = tally.slowest.max(attempt.took);
        tally.faults.extend(attempt.fault());
    }
    let inside = attempts.iter().filter(|one| one.began >= window.from && one.began < window.to);
    let (good, bad): (Vec<_>, Vec<_>) = inside.partition(|one| one.succeeded());
    tally.in_window = good.len() + bad.len();
    // Nothing in the window shows nothing: that is 0 %.
    #[allow(clippy::cast_precision_loss, reason = "counts of requests are small")]
    let share = 100.0 * good.len() as f64 / tally.in_window.max(1) as f64;
    tally.success = share;
    if share < SUCCESS {
        let first = bad.first().map(|one| format!(", the first {} {:?}", one.kind, one.end)).unwrap_or_default();
        tally.faults.push(format!("{share:.1} % of {} requests succeeded, {SUCCESS} % must{first}", tally.in_window));
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { from: Duration::from_secs(20), to: Duration::from_secs(40) };

    fn attempt(second: u64, status: u16) -> Attempt {
        let end = End::Answer { status, retry_after: status == 503, text: String::new() };
        Attempt { kind: "GET /stocks/{id}", began: Duration::from_secs(second), took: Duration::from_millis(20), end }
    }

    fn good() -> Vec<Attempt> {
        (0..200).map(|number| attempt(number / 5, if number % 7 == 0 { 409 } else { 200 })).collect()
    }

    #[test]
    fn refusals_right_after_a_fault_are_no_fault() {
        let mut attempts = good();
        attempts.push(attempt(15, 503));
        attempts.push(attempt(16, 504));
        let tally = tally(&attempts, WINDOW);
        assert_eq!((tally.faults.as_slice(), tally.in_window, tally.requests), (&[][..], 100, 202));
        assert_eq!(tally.statuses[&503], 1);
    }

    #[test]
    fn more_than_one_in_a_hundred_in_the_window_is() {
        let mut attempts = good();
        attempts.push(attempt(25, 503));
        assert_eq!(tally(&attempts, WINDOW).faults, Vec::<String>::new());
        attempts.push(attempt(26, 503));
        assert_eq!(tally(&attempts, WINDOW).faults.len(), 1);
        assert_eq!(tally(&[], WINDOW).faults.len(), 1, "nothing asked shows nothing");
    }

    #[test]
    fn an_answer_that_may_never_be_is_a_fault_at_any_time() {
        for (status, retry_after) in [(500, false), (503, false), (404, false), (400, true)] {
            let mut attempts = good();
            attempts[1].end = End::Answer { status, retry_after, text: String::new() };
            assert_eq!(tally(&attempts, WINDOW).faults.len(), 1, "{status}");
        }
        let mut attempts = good();
        attempts[1].end = End::Silence("no answer".into());
        attempts[2].took = Duration::from_millis(9_001);
        attempts[3].end = End::Cut;
        assert_eq!(tally(&attempts, WINDOW).faults.len(), 2);
    }
}
