//! CSV as RFC 4180 has it, or with semicolons or tabs in the place of commas: records out of chunks of a body however
//! they are cut, and rows into one. Pure. What a line is about is told by [`table`].

mod beginning;
mod form;
pub mod import;
pub mod orders;
pub mod products;
pub mod report;
pub mod stocks;
pub mod table;

use csv_core::ReadRecordResult;

pub use form::Form;

/// Bytes of a line without its quotation marks: all fields of a product at their longest.
const LINE_MAX: usize = 16 * 1024;
/// Columns of a line.
const COLUMNS_MAX: usize = 16;

/// One line of a file, which may have line breaks in its quotation marks.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it begins; the first line of a file is 1.
    pub line: u64,
    pub fields: Result<Vec<Vec<u8>>, Unreadable>,
    /// What the fields of this file are separated by.
    pub separator: u8,
}

impl Record {
    fn is_blank(&self) -> bool {
        let blank = |field: &Vec<u8>| field.iter().all(|byte| *byte == b' ');
        self.fields.as_ref().is_ok_and(|fields| fields.iter().all(blank))
    }
}

/// Why a line has no fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    TooLong,
    TooManyColumns,
    /// A quotation mark has no partner.
    OpenQuotes,
    /// A quotation mark stands within a field, or something behind the one that ends a field.
    StrayQuotes,
    /// Excel's "Unicode text".
    Utf16,
    /// A file of Excel or OpenDocument itself.
    Workbook,
}

impl Unreadable {
    /// Code and what to send instead.
    pub fn rule(self) -> (&'static str, String) {
        match self {
            Self::TooLong => ("line_too_long", format!("a line has at most {LINE_MAX} bytes")),
            Self::TooManyColumns => ("too_many_columns", format!("a line has at most {COLUMNS_MAX} columns")),
            Self::StrayQuotes => {
                let detail = "a quotation mark stands within a field: what was meant is not known; a field with quotation \
                              marks stands in quotation marks and doubles its own, \"19\"\" screen\"";
                ("stray_quotes", detail.to_owned())
            }
            Self::Utf16 => {
                ("not_utf8", "the file is UTF-16 or has bytes of no text: save it as \"CSV UTF-8\"".to_owned())
            }
            Self::Workbook => ("not_csv", "the file is a workbook: save it as \"CSV UTF-8\" and send that".to_owned()),
            Self::OpenQuotes => {
                let detail = "a quotation mark has no partner; fields with quotation marks stand in quotation marks \
                              and double their own";
                ("open_quotes", detail.to_owned())
            }
        }
    }
}

/// Where in a field the reader is, as far as quotation marks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Before,
    Plain,
    Within,
    /// Behind a quotation mark that ends the field, or is the first of two.
    Closed,
}

/// Reads records from chunks; holds one line at most. Lines of empty fields alone, which spreadsheets write below a
/// table, are left out.
pub struct Reader {
    core: csv_core::Reader,
    separator: u8,
    /// The first line, until all of it is there.
    beginning: Option<Vec<u8>>,
    text: Vec<u8>,
    ends: [usize; COLUMNS_MAX],
    /// Bytes and ends of the line so far.
    filled: (usize, usize),
    fault: Option<Unreadable>,
    quoting: Quoting,
    /// Line breaks so far, and whether those before the line's first byte are being read.
    line: u64,
    before_line: bool,
    began_at: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            core: csv_core::Reader::new(),
            separator: b',',
            beginning: Some(Vec::new()),
            text: vec![0; LINE_MAX],
            ends: [0; COLUMNS_MAX],
            filled: (0, 0),
            fault: None,
            quoting: Quoting::Before,
            line: 1,
            before_line: true,
            began_at: 1,
        }
    }
}

impl Reader {
    /// The next record of a chunk, which is consumed as far as it was read; `None` when more is needed.
    pub fn next(&mut self, chunk: &mut &[u8]) -> Option<Record> {
        while let Some(first) = &mut self.beginning {
            let (byte, rest) = chunk.split_first()?;
            *chunk = rest;
            first.push(*byte);
            if beginning::first_line(first).is_some() {
                let record = self.begin();
                if record.is_some() {
                    return record;
                }
            }
        }
        while !chunk.is_empty() {
            if let Some(record) = self.step(chunk) {
                return Some(record);
            }
        }
        None
    }

    /// The last record after the last chunk, if it was not ended by a line break.
    pub fn finish(&mut self) -> Option<Record> {
        let record = self.begin();
        if record.is_some() {
            return record;
        }
        // Nothing to read means the end; a buffer that was full has to be emptied before.
        for _ in 0..3 {
            if let Some(record) = self.step(&mut &[][..]) {
                return Some(record);
            }
        }
        None
    }

    /// Learns from the first line how lines are written, and reads it.
    fn begin(&mut self) -> Option<Record> {
        let first = self.beginning.take()?;
        let beginning::Beginning { skip, separator, foreign } = beginning::read(&first);
        self.separator = separator;
        self.core = csv_core::ReaderBuilder::new().delimiter(separator).build();
        self.fault = foreign;
        let (before, mut line) = first.split_at(skip);
        self.line += before.iter().filter(|byte| **byte == b'\n').count() as u64;
        while !line.is_empty() {
            let record = self.step(&mut line);
            if record.is_some() {
                return record;
            }
        }
        None
    }

    fn step(&mut self, chunk: &mut &[u8]) -> Option<Record> {
        let (text, ends) = self.filled;
        let (result, read, written, ended) =
            self.core.read_record(chunk, &mut self.text[text..], &mut self.ends[ends..]);
        self.count(&chunk[..read]);
        *chunk = &chunk[read..];
        self.filled = (text + written, ends + ended);
        match result {
            ReadRecordResult::InputEmpty | ReadRecordResult::End => None,
            ReadRecordResult::OutputFull => {
                self.fault = Some(Unreadable::TooLong);
                self.filled.0 = 0;
                None
            }
            ReadRecordResult::OutputEndsFull => {
                self.fault.get_or_insert(Unreadable::TooManyColumns);
                self.filled.1 = 0;
                None
            }
            ReadRecordResult::Record => Some(self.take()).filter(|record| !record.is_blank()),
        }
    }

    fn count(&mut self, read: &[u8]) {
        for byte in read {
            self.follow(*byte);
            match byte {
                b'\n' => self.line += 1,
                b'\r' => {}
                _ => {
                    if self.before_line {
                        self.before_line = false;
                        self.began_at = self.line;
                    }
                }
            }
        }
    }

    /// csv-core reads whatever stands around quotation marks; what nobody can have meant is told here.
    fn follow(&mut self, byte: u8) {
        self.quoting = match (self.quoting, byte) {
            (Quoting::Before, b'"') => Quoting::Within,
            (Quoting::Within, b'"') => Quoting::Closed,
            (Quoting::Closed, b'"') | (Quoting::Within, _) => Quoting::Within,
            (_, b'\r' | b'\n') => Quoting::Before,
            (_, byte) if byte == self.separator => Quoting::Before,
            (Quoting::Closed, _) | (Quoting::Plain, b'"') => {
                self.fault.get_or_insert(Unreadable::StrayQuotes);
                Quoting::Plain
            }
            (Quoting::Before | Quoting::Plain, _) => Quoting::Plain,
        };
    }

    fn take(&mut self) -> Record {
        let foreign = matches!(self.fault, Some(Unreadable::Utf16 | Unreadable::Workbook));
        if self.quoting == Quoting::Within && !foreign {
            self.fault = Some(Unreadable::OpenQuotes);
        }
        let fields = match self.fault {
            Some(fault) => Err(fault),
            None => {
                let ends = &self.ends[..self.filled.1];
                let starts = std::iter::once(&0).chain(ends);
                Ok(starts.zip(ends).map(|(from, to)| self.text[*from..*to].to_vec()).collect())
            }
        };
        self.filled = (0, 0);
        self.fault = None;
        self.quoting = Quoting::Before;
        self.before_line = true;
        Record { line: self.began_at, fields, separator: self.separator }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<Record> {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        for chunk in chunks {
            let mut rest = *chunk;
            while let Some(record) = reader.next(&mut rest) {
                found.push(record);
            }
        }
        found.extend(reader.finish());
        found
    }

    fn lines(text: &str) -> Vec<(u64, Vec<String>)> {
        let text_of = |field: Vec<u8>| String::from_utf8(field).unwrap();
        let records = read(&[text.as_bytes()]).into_iter();
        records.map(|record| (record.line, record.fields.unwrap().into_iter().map(text_of).collect())).collect()
    }

    #[test]
    fn records_are_read_with_the_lines_on_which_they_begin() {
        let text = "\u{feff}a,b\r\n1,\"x\r\ny\"\r\n\r\n\n2,\"say \"\"hi\"\"\"\n3,";
        let expected: [(u64, &[&str]); 4] =
            [(1, &["a", "b"]), (2, &["1", "x\r\ny"]), (6, &["2", "say \"hi\""]), (7, &["3", ""])];
        let expected = expected.map(|(line, fields)| (line, fields.iter().map(|f| (*f).to_owned()).collect()));
        assert_eq!(lines(text), expected);
        for (text, expected) in [
            ("\u{feff}\"a\",\"b\"\r\n\"1\",\"2\"\r\n", [(1, "a", "b"), (2, "1", "2")]),
            ("a;b\n1,5;2", [(1, "a", "b"), (2, "1,5", "2")]),
            ("sep=;\r\na;b\r\n1;2\r\n", [(2, "a", "b"), (3, "1", "2")]),
            ("a\tb\r\n1\t2", [(1, "a", "b"), (2, "1", "2")]),
            ("\n,,\n a,b\n,\n1,2\n,\n", [(3, " a", "b"), (5, "1", "2")]),
        ] {
            let expected = expected.map(|(line, one, two)| (line, vec![one.to_owned(), two.to_owned()]));
            assert_eq!(lines(text), expected, "{text:?}");
        }
        assert_eq!(lines(""), []);
        assert_eq!(lines("\n\r\n"), []);
    }

    #[test]
    fn lines_that_cannot_be_read_are_told_and_the_next_one_is_read() {
        let long = format!("a\n{}\nb,c\n", "x".repeat(LINE_MAX + 1));
        let wide = format!("a\n{}\nb,c\n", ",".repeat(COLUMNS_MAX));
        for (text, fault) in [
            (long, Unreadable::TooLong),
            (format!("a\n{}\nb,c\n", "x,".repeat(LINE_MAX)), Unreadable::TooLong),
            (wide, Unreadable::TooManyColumns),
            ("a\n19\" screen,1\nb,c\n".to_owned(), Unreadable::StrayQuotes),
            ("a\n\"Mug\" blue,1\nb,c\n".to_owned(), Unreadable::StrayQuotes),
            ("a\n\"32\"\" TV\" big,1\nb,c\n".to_owned(), Unreadable::StrayQuotes),
            ("a\n5\" pipe\" steel,1\nb,c\n".to_owned(), Unreadable::StrayQuotes),
        ] {
            let found = read(&[text.as_bytes()]);
            assert_eq!(found.len(), 3, "{fault:?}");
            assert!(
                matches!(found[1], Record { line: 2, fields: Err(found), .. } if found == fault || fault == Unreadable::TooLong),
                "{:?}",
                found[1]
            );
            let next = Record { line: 3, fields: Ok(vec![b"b".to_vec(), b"c".to_vec()]), separator: b',' };
            assert_eq!(found[2], next);
        }
        let cut_off = read(&[b"a,b\n1,\"half of it"]);
        assert_eq!(cut_off[1], Record { line: 2, fields: Err(Unreadable::OpenQuotes), separator: b',' });
        let without_end = format!("a,b\n1,\"{}", "x\n".repeat(LINE_MAX));
        assert!(read(&[without_end.as_bytes()])[1].fields.is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_however_it_is_cut(
            // The first line of a file names its columns.
            rows in prop::collection::vec(prop::collection::vec("[a-c\",;\r\n é🦀]{0,12}x", 2..6), 1..6),
            cut in 1_usize..40,
            (mark, semicolons) in any::<(bool, bool)>(),
        ) {
            let form = Form { mark, semicolons, formulas_quoted: false };
            let mut text = form.head(&["sku", "name"]);
            for row in &rows {
                form.write_line(&mut text, row.iter().map(String::as_str));
            }
            let chunks: Vec<&[u8]> = text.chunks(cut).collect();
            let found: Vec<Vec<Vec<u8>>> = read(&chunks).into_iter().map(|record| record.fields.unwrap()).collect();
            let rows = std::iter::once(vec!["sku".to_owned(), "name".to_owned()]).chain(rows);
            let rows: Vec<Vec<Vec<u8>>> =
                rows.map(|row| row.into_iter().map(String::into_bytes).collect()).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_stand_still(text in prop::collection::vec(any::<u8>(), 0..300), cut in 1_usize..50) {
            let chunks: Vec<&[u8]> = text.chunks(cut).collect();
            prop_assert!(read(&chunks).len() <= text.len());
        }
    }
}
