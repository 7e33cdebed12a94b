//! How many checks passed, failed and were skipped, and how to read it from what a program
//! printed. Pure.

use std::fmt;
use std::ops::AddAssign;

/// Checks of one step, or of a whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Held.
    pub passed: u64,
    /// Did not hold, or could not be run to the end.
    pub failed: u64,
    /// Were not run.
    pub skipped: u64,
}

impl Counts {
    /// One check, by its result.
    pub fn one(held: bool) -> Self {
        Counts { passed: u64::from(held), failed: u64::from(!held), skipped: 0 }
    }

    /// Makes a crash visible: a program that ended badly without counting a failure has one.
    #[must_use]
    pub fn with_exit(mut self, ended_well: bool) -> Self {
        if !ended_well && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// `N passed, N failed`, and `, N skipped` where there are any.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// How a program tells what it counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// It is one check: its exit status.
    Exit,
    /// By the `test result:` lines of cargo's test binaries.
    CargoTest,
    /// By its last line: `N passed, N failed` with or without `, N skipped`.
    LastLine,
}

/// Reads the counts from the lines that a program printed on standard output.
///
/// A program that ended badly has at least one failure; one that ended well without the line that
/// it owes has one, too, so that a suite that ran nothing is not a success.
pub fn read(counting: Counting, lines: &[String], ended_well: bool) -> Counts {
    let counts = match counting {
        Counting::Exit => return Counts::one(ended_well),
        Counting::CargoTest => cargo_test(lines),
        Counting::LastLine => {
            lines.iter().rev().find(|line| !line.trim().is_empty()).and_then(|line| counts_line(line))
        }
    };
    counts.unwrap_or_default().with_exit(ended_well && counts.is_some())
}

/// The sum of the lines `test result: ok. 5 passed; 0 failed; 1 ignored; …`, if there are any.
fn cargo_test(lines: &[String]) -> Option<Counts> {
    let mut sum = None;
    for line in lines {
        let Some((_, rest)) = line.split_once("test result: ") else { continue };
        let figure = |name: &str| -> Option<u64> {
            let part = rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(name))?;
            part.trim().parse().ok()
        };
        let counts = Counts { passed: figure("passed")?, failed: figure("failed")?, skipped: figure("ignored")? };
        *sum.get_or_insert_with(Counts::default) += counts;
    }
    sum
}

/// The counts in `N passed, N failed, N skipped`, the last part optional.
fn counts_line(line: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    let mut seen = 0;
    for part in line.trim().split(", ") {
        let (figure, name) = part.split_once(' ')?;
        let figure = figure.parse().ok()?;
        match name {
            "passed" => counts.passed = figure,
            "failed" => counts.failed = figure,
            "skipped" => counts.skipped = figure,
            _ => return None,
        }
        seen += 1;
    }
    (seen >= 2).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_results_of_every_test_binary_are_added_up() {
        let printed = lines(
            "running 2 tests\ntest a ... ok\n\
             test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        );
        let counts = read(Counting::CargoTest, &printed, false);
        assert_eq!(counts, Counts { passed: 5, failed: 1, skipped: 1 });
    }

    #[test]
    fn tests_that_do_not_compile_are_a_failure() {
        assert_eq!(read(Counting::CargoTest, &lines("error[E0425]: no value"), false).failed, 1);
    }

    #[test]
    fn a_suite_that_crashes_after_a_good_start_counts_as_failed() {
        let counts = read(Counting::LastLine, &lines("12 passed, 0 failed\n"), false);
        assert_eq!(counts, Counts { passed: 12, failed: 1, skipped: 0 });
    }

    #[test]
    fn a_suite_that_ends_well_but_counts_nothing_is_a_failure() {
        assert_eq!(read(Counting::LastLine, &lines("all is fine"), true).failed, 1);
        assert_eq!(read(Counting::CargoTest, &[], true).failed, 1);
    }

    #[test]
    fn the_last_line_may_name_skipped_checks_and_is_written_the_same_way() {
        let line = "3 passed, 0 failed, 2 skipped";
        let counts = read(Counting::LastLine, &lines(&format!("step one\n{line}\n\n")), true);
        assert_eq!(counts, Counts { passed: 3, failed: 0, skipped: 2 });
        assert_eq!(counts.to_string(), line);
        assert_eq!(Counts::one(true).to_string(), "1 passed, 0 failed");
    }
}
