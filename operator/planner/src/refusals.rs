//! What was refused, as one operator process remembers it for one StoreCluster between its passes. Pure.
//!
//! A refused write is an observation of the next pass, which tells it. It is tried again, less and less often,
//! until it goes through or is no longer wanted; another content of the same object is tried at once.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::identity::ChildKey;
use crate::observation::{Cause, Refusal};

/// Until the second try.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a failure that may pass by itself is kept back before it is told, in seconds.
const MAY_PASS: i64 = 8;
/// How long objects of a former shop of that name may take to go, in seconds.
const FORMER_GO: i64 = 60;
/// Longest words that are kept of an answer, in characters.
const WORDS: usize = 400;
/// Most refusals that are remembered; a shop has some thirty objects.
const MOST: usize = 64;

/// What is done to what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deed {
    /// Such as `write`, `delete`, `grow`; of a change of the ring all that is done.
    pub verb: String,
    /// The object; of a change of the ring none.
    pub object: Option<ChildKey>,
}

impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{} {object}", self.verb),
            None => f.write_str(&self.verb),
        }
    }
}

#[derive(Clone, Debug)]
struct Known {
    refusal: Refusal,
    /// Of what was refused.
    digest: u64,
    tries: u32,
    next: Timestamp,
}

/// The memory of one StoreCluster.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    known: BTreeMap<Deed, Known>,
    /// A pass has come to its end in this process: what is not known here was not refused.
    tried: bool,
}

impl Refusals {
    /// What is to be told at this time, in a steady order; `None`: this process has tried nothing yet.
    pub fn told(&self, now: Timestamp) -> Option<Vec<Refusal>> {
        let told = self.known.values().filter(|known| now >= tell_at(&known.refusal));
        self.tried.then(|| told.map(|known| known.refusal.clone()).collect())
    }

    /// Whether it was refused a moment ago just as it is, and is not to be tried yet.
    pub fn holds_back(&self, deed: &Deed, content: &impl Hash, now: Timestamp) -> bool {
        self.known.get(deed).is_some_and(|known| known.digest == digest(content) && now < known.next)
    }

    /// Whether anything of this is refused.
    pub fn knows(&self, deed: &Deed) -> bool {
        self.known.contains_key(deed)
    }

    /// It went through.
    pub fn done(&mut self, deed: &Deed) {
        self.known.remove(deed);
    }

    /// It was refused.
    pub fn refused(&mut self, deed: &Deed, content: &impl Hash, cause: Cause, words: &str, now: Timestamp) {
        let before = self.known.remove(deed);
        if self.known.len() >= MOST {
            return;
        }
        let words = shorten(words);
        let tries = before.as_ref().map_or(0, |before| before.tries).saturating_add(1);
        let same = before.filter(|before| before.refusal.cause == cause);
        let since = same.as_ref().map_or(now, |before| before.refusal.since);
        // counts and times in an answer are no news
        let words = match same {
            Some(before) if without_figures(&before.refusal.words) == without_figures(&words) => before.refusal.words,
            _ => words,
        };
        let refusal = Refusal { deed: deed.to_string(), object: deed.object.clone(), cause, words, since };
        let next = now + SignedDuration::try_from(pause(tries)).unwrap_or(SignedDuration::from_secs(60));
        self.known.insert(deed.clone(), Known { refusal, digest: digest(content), tries, next });
    }

    /// The pass has come to its end: what it did not want to do is refused no more.
    pub fn end_of_pass(&mut self, wanted: &BTreeSet<Deed>) {
        self.known.retain(|deed, _| wanted.contains(deed));
        self.tried = true;
    }

    /// How long until there is something to tell or to try again.
    pub fn next(&self, now: Timestamp, told: &[Refusal]) -> Option<Duration> {
        let untold = |known: &&Known| !told.contains(&known.refusal);
        let tell = self.known.values().filter(untold).map(|known| tell_at(&known.refusal));
        let next = self.known.values().map(|known| known.next).chain(tell).min()?;
        Some(Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO).max(Duration::from_millis(500)))
    }
}

fn tell_at(refusal: &Refusal) -> Timestamp {
    let after = match refusal.cause {
        Cause::Taken(_) | Cause::Refused => 0,
        Cause::Failed => MAY_PASS,
        Cause::Former => FORMER_GO,
    };
    refusal.since + SignedDuration::from_secs(after)
}

fn digest(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

fn pause(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST_PAUSE)
}

fn shorten(words: &str) -> String {
    let one_line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{} …", &one_line[..end]),
        None => one_line,
    }
}

fn without_figures(words: &str) -> String {
    words.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ChildKind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn deed(kind: ChildKind) -> Deed {
        let object = ChildKey::new(kind, "shop-api");
        Deed { verb: "write".into(), object: Some(object) }
    }

    fn words(refusals: &Refusals, now: i64) -> Vec<String> {
        refusals
            .told(at(now))
            .unwrap()
            .into_iter()
            .map(|refusal| format!("{}: {}", refusal.deed, refusal.words))
            .collect()
    }

    #[test]
    fn a_refusal_is_told_at_once_and_a_failure_that_may_pass_once_it_lasts() {
        let mut refusals = Refusals::default();
        refusals.refused(&deed(ChildKind::Ingress), &1, Cause::Refused, "admission webhook \"x\"\n denied it", at(0));
        refusals.refused(&deed(ChildKind::Service), &1, Cause::Failed, "etcd: leader changed", at(0));
        refusals.end_of_pass(&[deed(ChildKind::Ingress), deed(ChildKind::Service)].into());
        let ingress = "write Ingress shop-api: admission webhook \"x\" denied it";
        assert_eq!(words(&refusals, 1), [ingress]);
        assert_eq!(words(&refusals, 8), [ingress, "write Service shop-api: etcd: leader changed"]);
    }

    #[test]
    fn it_is_tried_again_less_and_less_often_and_at_once_with_another_content() {
        let mut refusals = Refusals::default();
        let mut now = 0;
        for pause in [2, 4, 8, 16, 32, 60, 60] {
            refusals.refused(&deed(ChildKind::Ingress), &"as it is", Cause::Refused, "no", at(now));
            assert!(refusals.holds_back(&deed(ChildKind::Ingress), &"as it is", at(now + pause - 1)));
            assert!(!refusals.holds_back(&deed(ChildKind::Ingress), &"mended", at(now)));
            now += pause;
            assert!(!refusals.holds_back(&deed(ChildKind::Ingress), &"as it is", at(now)), "{pause}");
        }
    }

    #[test]
    fn counts_in_an_answer_are_no_news_and_since_is_that_of_the_first_refusal() {
        let mut refusals = Refusals::default();
        for (seconds, used) in [(0, 3), (5, 4)] {
            let answer = format!("exceeded quota: used {used}");
            refusals.refused(&deed(ChildKind::Job), &1, Cause::Refused, &answer, at(seconds));
        }
        refusals.end_of_pass(&[deed(ChildKind::Job)].into());
        let told = refusals.told(at(5)).unwrap();
        assert_eq!((told[0].words.as_str(), told[0].since), ("exceeded quota: used 3", at(0)));
    }

    #[test]
    fn what_went_through_or_is_no_longer_wanted_is_refused_no_more() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.told(at(0)), None, "nothing was tried yet");
        for kind in [ChildKind::Ingress, ChildKind::Job, ChildKind::Service] {
            refusals.refused(&deed(kind), &1, Cause::Refused, "no", at(0));
        }
        refusals.done(&deed(ChildKind::Job));
        refusals.end_of_pass(&[deed(ChildKind::Service), deed(ChildKind::Job)].into());
        assert_eq!(words(&refusals, 1), ["write Service shop-api: no"]);
        assert!(refusals.next(at(0), &[]).unwrap() <= Duration::from_millis(500), "it is to be told");
        assert_eq!(refusals.next(at(0), &refusals.told(at(0)).unwrap()), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_long_answer_is_cut_and_the_memory_has_its_bound() {
        let mut refusals = Refusals::default();
        for number in 0..200 {
            let deed = Deed { verb: number.to_string(), object: None };
            refusals.refused(&deed, &1, Cause::Refused, &"ä".repeat(5000), at(0));
        }
        refusals.end_of_pass(&refusals.known.keys().cloned().collect());
        let told = refusals.told(at(0)).unwrap();
        assert!(told.len() == MOST && told[0].words.chars().count() == WORDS + 2);
    }
}
