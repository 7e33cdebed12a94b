//! Lines of a file with a head: which column is which, and what is wrong with a line. Pure.

use super::Record;
use crate::models::bulk::{Fault, Line};
use crate::models::product::Rule;

/// The columns of a file, by the names in its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<&'static str>);

impl Columns {
    /// Reads the first line: every name is known, none is given twice, those that are needed are there.
    pub fn read(head: &Record, known: &[&'static str], needed: &[&'static str]) -> Result<Self, Vec<Fault>> {
        let fields = head.fields.as_ref().map_err(|fault| vec![Fault::of(head.line, None, fault.rule())])?;
        let mut faults = Vec::new();
        let mut columns: Vec<&'static str> = Vec::with_capacity(fields.len());
        for (at, field) in fields.iter().enumerate() {
            // A byte order mark that came in pieces is still there.
            let name = String::from_utf8_lossy(field);
            let name = if at == 0 { name.trim_start_matches('\u{feff}') } else { &name };
            match known.iter().find(|known| **known == name) {
                None => {
                    let detail = format!("column {} has no known name, known are {}", at + 1, known.join(", "));
                    faults.push(Fault::of(head.line, None, ("unknown_column", detail)));
                }
                Some(name) if columns.contains(name) => {
                    faults.push(Fault::of(
                        head.line,
                        Some(name),
                        ("repeated_column", "is given more than once".into()),
                    ));
                }
                Some(name) => columns.push(name),
            }
        }
        for name in needed.iter().filter(|name| !columns.contains(name)) {
            faults.push(Fault::of(head.line, Some(name), ("missing_column", "is needed".into())));
        }
        if faults.is_empty() { Ok(Self(columns)) } else { Err(faults) }
    }

    /// Whether the file has a column.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// The cells of a line.
    pub fn cells<'r>(&'r self, record: &'r Record) -> Result<Cells<'r>, Vec<Fault>> {
        let fields = record.fields.as_ref().map_err(|fault| vec![Fault::of(record.line, None, fault.rule())])?;
        if fields.len() != self.0.len() {
            let detail = format!("the line has {} columns, the first line has {}", fields.len(), self.0.len());
            return Err(vec![Fault::of(record.line, None, ("wrong_number_of_columns", detail))]);
        }
        Ok(Cells { columns: self, fields, line: record.line, faults: Vec::new() })
    }
}

/// The cells of one line, each wrong one noted as it is read.
pub struct Cells<'r> {
    columns: &'r Columns,
    fields: &'r [Vec<u8>],
    line: u64,
    faults: Vec<Fault>,
}

impl Cells<'_> {
    /// The text of a column that the file has.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let at = self.columns.0.iter().position(|column| *column == name)?;
        match std::str::from_utf8(&self.fields[at]) {
            Ok(text) => Some(text.to_owned()),
            Err(_) => {
                self.wrong(name, ("not_utf8", "is not UTF-8".into()));
                None
            }
        }
    }

    /// The same, keeping a rule.
    pub fn checked(&mut self, name: &'static str, check: impl Fn(&str) -> Rule) -> Option<String> {
        let text = self.text(name)?;
        match check(&text) {
            Ok(()) => Some(text),
            Err(rule) => {
                self.wrong(name, rule);
                None
            }
        }
    }

    /// The same of a column that may be empty: `Some(None)` clears what it is about.
    pub fn optional(&mut self, name: &'static str, check: impl Fn(&str) -> Rule) -> Option<Option<String>> {
        match self.text(name)? {
            text if text.is_empty() => Some(None),
            text => match check(&text) {
                Ok(()) => Some(Some(text)),
                Err(rule) => {
                    self.wrong(name, rule);
                    None
                }
            },
        }
    }

    /// Notes a wrong cell.
    pub fn wrong(&mut self, name: &'static str, rule: (&'static str, String)) {
        self.faults.push(Fault::of(self.line, Some(name), rule));
    }

    /// What the line says, unless a cell was wrong.
    pub fn finish<T>(self, says: Option<T>) -> Result<Line<T>, Vec<Fault>> {
        match says {
            Some(says) if self.faults.is_empty() => Ok(Line { number: self.line, says }),
            _ => Err(self.faults),
        }
    }
}
