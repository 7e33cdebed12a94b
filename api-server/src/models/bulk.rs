//! Many lines in one request: what became of each, and when to stop. Pure.
//!
//! Each line is done or told. What happens to one does not touch the others, so a file is sent again
//! after its wrong lines were put right, and lines that were done are then left as they are.

#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::error::{ModelError, Violation};
use super::ledger::Change;
use super::text::Broken;
use crate::dao::DaoError;

/// Lines that one request may have.
pub const LINES_MAX: u64 = 20_000;
/// Wrong things after which a file is not read on.
const FAULTS_MAX: usize = 1000;

/// Something wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The first line of a file is 1.
    pub line: u64,
    /// `None` where it is about the line as a whole.
    pub column: Option<&'static str>,
    pub code: Cow<'static, str>,
    pub detail: String,
}

impl Fault {
    /// A broken rule of a line.
    pub fn of(line: u64, column: Option<&'static str>, (code, detail): Broken) -> Self {
        let detail = match column {
            Some(column) => format!("{column} {detail}"),
            None => detail,
        };
        Self { line, column, code: Cow::Borrowed(code), detail }
    }

    fn of_violation(line: u64, violation: &Violation) -> Self {
        let column = ["sku", "name", "price", "quantity", "delta"];
        let column = column.into_iter().find(|column| violation.pointer.strip_prefix('/') == Some(column));
        Self { line, column, code: violation.code.clone(), detail: violation.detail.clone().into_owned() }
    }
}

/// A line that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<T> {
    pub number: u64,
    pub says: T,
}

/// What a line of stocks says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLine {
    pub sku: String,
    /// [`Change::Set`] or [`Change::Add`].
    pub change: Change,
}

/// What a line did, or would do in a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    Created,
    Changed,
    /// It was so already.
    Unchanged,
}

/// How an import ends before its file does.
#[derive(Debug)]
pub enum Stop {
    TooManyLines,
    TooManyFaults,
    /// Trying the lines that follow would not help.
    Failed(ModelError),
}

/// What has become of a file so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub dry_run: bool,
    /// Lines that were read, the one with the columns' names left out; each is in one of the counts.
    pub lines: u64,
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub failed: u64,
    /// Where the last line that was read begins.
    pub last_line: u64,
    /// At least one for each line that failed, by line.
    pub faults: Vec<Fault>,
}

/// Lines of a file so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub lines: u64,
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub failed: u64,
}

/// Lines of a file that is read to its end before anything is done, so that of a sku that stands twice nothing is: the
/// file with both lines in one is then the same file to come, not another one.
#[derive(Debug)]
pub struct Held<T> {
    lines: Vec<Line<T>>,
    read: u64,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), read: 0 }
    }
}

impl<T> Held<T> {
    /// Holds a line; one that could not be read is noted at once.
    pub fn read(&mut self, line: u64, read: Result<Line<T>, Vec<Fault>>, tally: &mut Tally) -> Result<(), Stop> {
        if self.read == LINES_MAX {
            return Err(Stop::TooManyLines);
        }
        self.read += 1;
        match read {
            Ok(read) => self.lines.push(read),
            Err(faults) => tally.refuse(line, faults)?,
        }
        Ok(())
    }

    /// The lines that can be done. Each line of a sku that stands twice is noted.
    pub fn whole(self, tally: &mut Tally, sku: impl Fn(&T) -> &str) -> Result<VecDeque<Line<T>>, Stop> {
        let mut times: HashMap<String, usize> = HashMap::new();
        for line in &self.lines {
            *times.entry(sku(&line.says).to_owned()).or_default() += 1;
        }
        let mut once = VecDeque::with_capacity(self.lines.len());
        for line in self.lines {
            if times.get(sku(&line.says)).is_some_and(|times| *times > 1) {
                let detail = "stands in several lines of this file: nothing of it was done, make them one line and send \
                              the file again";
                tally
                    .refuse(line.number, vec![Fault::of(line.number, Some("sku"), ("repeated_sku", detail.into()))])?;
            } else {
                once.push_back(line);
            }
        }
        Ok(once)
    }
}

/// Counts lines and decides when to stop.
#[derive(Debug, Default)]
pub struct Tally {
    report: Report,
    skus: HashSet<String>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(dry_run: bool) -> Self {
        Self { report: Report { dry_run, ..Report::default() }, skus: HashSet::new() }
    }

    /// Notes a line that was read; one that can be done comes back.
    pub fn read<T>(
        &mut self,
        line: u64,
        read: Result<Line<T>, Vec<Fault>>,
        sku: impl Fn(&T) -> &str,
    ) -> Result<Option<Line<T>>, Stop> {
        if self.report.lines == LINES_MAX {
            return Err(Stop::TooManyLines);
        }
        self.report.lines += 1;
        self.report.last_line = self.report.last_line.max(line);
        let faults = match read {
            Ok(read) if self.skus.insert(sku(&read.says).to_owned()) => return Ok(Some(read)),
            Ok(_) => {
                let detail = "stands in an earlier line of this file already".to_owned();
                vec![Fault::of(line, Some("sku"), ("repeated_sku", detail))]
            }
            Err(faults) => faults,
        };
        self.fail(faults)?;
        Ok(None)
    }

    /// Notes a line of a file that was held, which is done now.
    pub fn begin(&mut self, line: u64) {
        self.report.lines += 1;
        self.report.last_line = self.report.last_line.max(line);
    }

    /// Notes a line that is not done.
    fn refuse(&mut self, line: u64, faults: Vec<Fault>) -> Result<(), Stop> {
        self.report.lines += 1;
        self.report.last_line = self.report.last_line.max(line);
        self.fail(faults)
    }

    /// Notes what became of a line.
    pub fn done(&mut self, line: u64, became: Result<Became, ModelError>) -> Result<(), Stop> {
        let error = match became {
            Ok(Became::Created) => {
                self.report.created += 1;
                return Ok(());
            }
            Ok(Became::Changed) => {
                self.report.changed += 1;
                return Ok(());
            }
            Ok(Became::Unchanged) => {
                self.report.unchanged += 1;
                return Ok(());
            }
            Err(error) => error,
        };
        let (faults, stop) = match error {
            ModelError::Malformed(broken) | ModelError::Invalid(broken) | ModelError::Short(broken) => {
                (broken.iter().map(|violation| Fault::of_violation(line, violation)).collect(), None)
            }
            ModelError::Conflict(broken) | ModelError::Busy(broken) => (vec![Fault::of_violation(line, &broken)], None),
            ModelError::NotFound(what) => {
                (vec![Fault::of(line, None, ("not_found", format!("there is no such {what}")))], None)
            }
            ModelError::Dao(error @ DaoError::Unknown { .. }) => {
                let detail = "whether this line was done could not be learnt in time, send it again".to_owned();
                (vec![Fault::of(line, None, ("unknown_outcome", detail))], Some(error.into()))
            }
            error => {
                let detail = "this line was not done, send it again".to_owned();
                (vec![Fault::of(line, None, ("not_done", detail))], Some(error))
            }
        };
        let counted = self.fail(faults);
        stop.map_or(counted, |error| Err(Stop::Failed(error)))
    }

    fn fail(&mut self, faults: Vec<Fault>) -> Result<(), Stop> {
        self.report.failed += 1;
        self.report.faults.extend(faults);
        if self.report.faults.len() >= FAULTS_MAX { Err(Stop::TooManyFaults) } else { Ok(()) }
    }

    /// What has become of the lines so far.
    pub const fn counts(&self) -> Counts {
        let Report { lines, created, changed, unchanged, failed, .. } = self.report;
        Counts { lines, created, changed, unchanged, failed }
    }

    /// What has become of all lines that were read.
    pub fn finish(mut self) -> Report {
        self.report.faults.sort_by_key(|fault| fault.line);
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Result<Line<String>, Vec<Fault>> {
        Ok(Line { number, says: format!("sku {number}") })
    }

    #[test]
    fn every_line_that_was_read_is_in_one_count() {
        let mut tally = Tally::new(true);
        for number in 2..7 {
            assert!(tally.read(number, line(number), |sku| sku).unwrap().is_some());
        }
        assert!(tally.read(7, line(2), |sku| sku).unwrap().is_none(), "the sku of line 2 again");
        let wrong = Fault::of(8, Some("price"), ("out_of_range", "must be greater than 0".into()));
        assert!(tally.read(8, Err::<Line<String>, _>(vec![wrong]), |sku| sku).unwrap().is_none());
        tally.done(4, Ok(Became::Created)).unwrap();
        tally.done(3, Ok(Became::Changed)).unwrap();
        tally.done(2, Ok(Became::Unchanged)).unwrap();
        tally.done(6, Err(ModelError::NotFound("stock"))).unwrap();
        let taken = Violation::new("/sku", "sku_taken", "another product has this sku");
        tally.done(5, Err(ModelError::Conflict(taken))).unwrap();
        let report = tally.finish();
        assert_eq!((report.lines, report.last_line, report.dry_run), (7, 8, true));
        assert_eq!((report.created, report.changed, report.unchanged, report.failed), (1, 1, 1, 4));
        let told: Vec<_> = report.faults.iter().map(|fault| (fault.line, fault.column, &*fault.code)).collect();
        let expected = [
            (5, Some("sku"), "sku_taken"),
            (6, None, "not_found"),
            (7, Some("sku"), "repeated_sku"),
            (8, Some("price"), "out_of_range"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn of_a_sku_that_stands_twice_in_a_file_that_is_held_nothing_is_done() {
        let (mut tally, mut held) = (Tally::new(false), Held::default());
        for (number, sku) in [(2, "A"), (3, "B"), (4, "A"), (5, "C")] {
            held.read(number, Ok(Line { number, says: sku.to_owned() }), &mut tally).unwrap();
        }
        let wrong = Fault::of(6, Some("delta"), ("zero", "must not be 0".into()));
        held.read(6, Err(vec![wrong]), &mut tally).unwrap();
        let lines = held.whole(&mut tally, |sku| sku).unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 5]);
        let report = tally.finish();
        assert_eq!((report.lines, report.failed, report.last_line), (3, 3, 6));
        let told: Vec<_> = report.faults.iter().map(|fault| (fault.line, &*fault.code)).collect();
        assert_eq!(told, [(2, "repeated_sku"), (4, "repeated_sku"), (6, "zero")]);
        let mut held = Held::default();
        let mut tally = Tally::new(false);
        for number in 0..LINES_MAX {
            held.read(number, line(number), &mut tally).unwrap();
        }
        assert!(matches!(held.read(LINES_MAX, line(LINES_MAX), &mut tally), Err(Stop::TooManyLines)));
    }

    #[test]
    fn a_database_that_takes_nothing_stops_the_file_and_the_line_is_told() {
        for (error, code) in
            [(DaoError::Unreachable("x".into()), "not_done"), (DaoError::Unknown { operation: "x" }, "unknown_outcome")]
        {
            let mut tally = Tally::new(false);
            tally.read(2, line(2), |sku| sku).unwrap();
            assert!(matches!(tally.done(2, Err(error.into())), Err(Stop::Failed(ModelError::Dao(_)))));
            let report = tally.finish();
            assert_eq!((report.failed, &*report.faults[0].code), (1, code));
        }
    }

    #[test]
    fn files_without_an_end_are_stopped() {
        let mut tally = Tally::new(false);
        for number in 0..LINES_MAX {
            tally.read(number, line(number), |sku| sku).unwrap();
        }
        assert!(matches!(tally.read(LINES_MAX, line(LINES_MAX), |sku| sku), Err(Stop::TooManyLines)));
        let mut tally = Tally::new(false);
        let mut wrong = |number: u64| {
            let fault = Fault::of(number, None, ("wrong", "wrong".into()));
            tally.read(number, Err::<Line<String>, _>(vec![fault]), |sku| sku)
        };
        for number in 1..FAULTS_MAX as u64 {
            wrong(number).unwrap();
        }
        assert!(matches!(wrong(FAULTS_MAX as u64), Err(Stop::TooManyFaults)));
    }
}
