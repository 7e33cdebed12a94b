//! Counts the checks of a suite, says each on the terminal, and ends with `N passed, N failed`.

use std::fmt::Display;

use crate::counts::Counts;
use store_testbed::progress::say;

/// The checks of one suite.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Counts,
    failures: Vec<String>,
}

impl Tally {
    /// Takes down one check: what it found, or what is wrong. Answers whether it passed.
    pub fn check<T: Display, E: Display>(&mut self, what: &str, result: Result<T, E>) -> bool {
        let passed = result.is_ok();
        self.counts += Counts::one(passed);
        match result {
            Ok(found) => say(format!("✓ {what}: {found}")),
            Err(error) => {
                say(format!("✗ {what}: {error}"));
                self.failures.push(format!("{what}: {error}"));
            }
        }
        passed
    }

    /// Takes down one check that has nothing more to tell than whether it holds.
    pub fn holds(&mut self, what: &str, holds: bool, otherwise: impl Display) -> bool {
        self.check(what, if holds { Ok("yes") } else { Err(otherwise) })
    }

    /// Whether a check has failed so far.
    pub fn failed(&self) -> bool {
        self.counts.failed > 0
    }

    /// Prints the failures and, as the last line, the counts. True when nothing failed.
    pub fn finish(&self) -> bool {
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
        println!("{}", self.counts);
        self.counts.failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_fails_the_suite() {
        let mut tally = Tally::default();
        assert!(tally.check("sums", Ok::<_, String>(2)));
        assert!(tally.finish());
        assert!(!tally.holds("pigs fly", false, "they walk"));
        assert!(!tally.finish());
        assert_eq!(tally.counts.to_string(), "1 passed, 1 failed");
    }
}
