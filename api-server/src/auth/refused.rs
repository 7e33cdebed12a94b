//! Why a token is refused, in words for whoever sent it and for the log. Pure, but for the clock of the log's bound.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

/// Between two lines of the log for one reason.
const BETWEEN_LINES: Duration = Duration::from_secs(60);
/// Characters of an `error_description`.
const LONGEST: usize = 400;

/// Why a token tells no role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// One word of a closed set, for the log.
    pub reason: &'static str,
    /// What is wrong and what to do. Nothing of the token is in it.
    pub words: Cow<'static, str>,
}

impl Refused {
    /// A refusal of a reason.
    pub fn new(reason: &'static str, words: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, words: words.into() }
    }

    /// The challenge that answers it (RFC 6750, section 3), whose description may have visible ASCII alone, without
    /// quotes and backslashes.
    pub fn challenge(&self) -> HeaderValue {
        let plain = |letter: char| match letter {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => letter,
            _ => '?',
        };
        let description: String = self.words.chars().take(LONGEST).map(plain).collect();
        HeaderValue::try_from(format!("Bearer error=\"invalid_token\", error_description=\"{description}\""))
            .unwrap_or(HeaderValue::from_static("Bearer error=\"invalid_token\""))
    }
}

/// Lines of the log about refused tokens: one for each reason in [`BETWEEN_LINES`], however many tokens come.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<&'static str, Last>>);

#[derive(Debug)]
struct Last {
    at: Instant,
    untold: u64,
}

impl Told {
    /// Writes the line, or counts it for the next one.
    pub fn tell(&self, refused: &Refused) {
        if let Some(before) = self.turn(refused.reason) {
            let Refused { reason, words } = refused;
            tracing::info!(reason, %words, not_told_before = before, "refused a token");
        }
    }

    /// How many were not told since the last line, if it is time for one.
    fn turn(&self, reason: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = lines.get_mut(reason) else {
            lines.insert(reason, Last { at: now, untold: 0 });
            return Some(0);
        };
        if now.duration_since(last.at) < BETWEEN_LINES {
            last.untold += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_tells_the_words_as_a_header_can() {
        let refused = Refused::new("role", "no \"role\" in /rôle\\x\n");
        let header = "Bearer error=\"invalid_token\", error_description=\"no 'role' in /r?le/x?\"";
        assert_eq!(refused.challenge(), header);
        let long = Refused::new("role", "a".repeat(5000));
        assert!(long.challenge().len() < LONGEST + 100);
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_tokens_are_refused_a_reason_is_told_once_a_minute() {
        let told = Told::default();
        assert_eq!(told.turn("expired"), Some(0));
        assert_eq!(told.turn("expired"), None);
        assert_eq!(told.turn("expired"), None);
        assert_eq!(told.turn("role"), Some(0));
        tokio::time::advance(BETWEEN_LINES).await;
        assert_eq!(told.turn("expired"), Some(2));
        assert_eq!(told.turn("expired"), None);
    }
}
