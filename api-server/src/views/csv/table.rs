//! Lines of a file with a head: which column is which, and what is wrong with a line. Pure.

use super::Record;
use crate::models::bulk::{Fault, Line};
use crate::models::text::{Broken, Read};

/// The columns of a file, by the names in its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    names: Vec<&'static str>,
    /// Whether cents stand behind a comma, as they do where columns are separated by semicolons.
    comma: bool,
}

/// Characters of a name that are told again.
const TOLD_MAX: usize = 40;

/// What is wrong with a name that is not known.
fn unknown(at: usize, name: Option<&str>, known: &[&'static str]) -> Broken {
    let number = at + 1;
    let all = known.join(", ");
    let Some(name) = name else {
        return ("not_utf8", format!("the name of column {number} is not UTF-8: save the file as \"CSV UTF-8\""));
    };
    let shown: String = name.chars().take(TOLD_MAX).collect();
    let meant = known.iter().find(|known| name.trim().eq_ignore_ascii_case(known));
    let detail = match meant {
        _ if name.trim().is_empty() => format!("column {number} has no name: take it out, known are {all}"),
        Some(meant) => format!("column {number} is called {shown:?}: names are in lower case, {meant}"),
        None => format!("column {number} is called {shown:?}, which is no known name, known are {all}"),
    };
    ("unknown_column", detail)
}

impl Columns {
    /// Reads the first line: every name is known, none is given twice, those that are needed are there.
    pub fn read(head: &Record, known: &[&'static str], needed: &[&'static str]) -> Result<Self, Vec<Fault>> {
        let fields = head.fields.as_ref().map_err(|fault| vec![Fault::of(head.line, None, fault.rule())])?;
        let mut faults = Vec::new();
        let mut columns: Vec<&'static str> = Vec::with_capacity(fields.len());
        for (at, field) in fields.iter().enumerate() {
            let name = std::str::from_utf8(field);
            match known.iter().find(|known| name == Ok(**known)) {
                None => faults.push(Fault::of(head.line, None, unknown(at, name.ok(), known))),
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
        let comma = head.separator == b';';
        if faults.is_empty() { Ok(Self { names: columns, comma }) } else { Err(faults) }
    }

    /// Whether the file has a column.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// The cells of a line.
    pub fn cells<'r>(&'r self, record: &'r Record) -> Result<Cells<'r>, Vec<Fault>> {
        let fields = record.fields.as_ref().map_err(|fault| vec![Fault::of(record.line, None, fault.rule())])?;
        if fields.len() != self.names.len() {
            let detail = format!("the line has {} columns, the first line has {}", fields.len(), self.names.len());
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
        let at = self.columns.names.iter().position(|column| *column == name)?;
        match std::str::from_utf8(&self.fields[at]) {
            Ok(text) => Some(text.to_owned()),
            Err(_) => {
                self.wrong(name, ("not_utf8", "is not UTF-8: save the file as \"CSV UTF-8\"".into()));
                None
            }
        }
    }

    /// The text of a column of numbers, with a point where the file has a comma.
    pub fn number(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        let once = text.matches(',').count() == 1 && !text.contains('.');
        Some(if self.columns.comma && once { text.replace(',', ".") } else { text })
    }

    /// The same, in the form that `read` gives it.
    pub fn checked(&mut self, name: &'static str, read: impl Fn(&str) -> Read) -> Option<String> {
        let text = self.text(name)?;
        match read(&text) {
            Ok(text) => Some(text),
            Err(rule) => {
                self.wrong(name, rule);
                None
            }
        }
    }

    /// The same of a column that may be empty: `Some(None)` clears what it is about.
    pub fn optional(&mut self, name: &'static str, read: impl Fn(&str) -> Read) -> Option<Option<String>> {
        match self.text(name)? {
            text if text.is_empty() => Some(None),
            text => match read(&text) {
                Ok(text) => Some(Some(text)),
                Err(rule) => {
                    self.wrong(name, rule);
                    None
                }
            },
        }
    }

    /// Notes a wrong cell.
    pub fn wrong(&mut self, name: &'static str, rule: Broken) {
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
