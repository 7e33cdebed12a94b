//! CSV as RFC 4180 has it: records out of chunks of a body however they are cut, and rows into one.
//! Pure. What a line is about is told by [`table`].

pub mod products;
pub mod report;
pub mod stocks;
pub mod table;

use csv_core::{ReadRecordResult, WriteResult};

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
}

/// Why a line has no fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    TooLong,
    TooManyColumns,
    /// A quotation mark has no partner.
    OpenQuotes,
}

impl Unreadable {
    /// Code and what to send instead.
    pub fn rule(self) -> (&'static str, String) {
        match self {
            Self::TooLong => ("line_too_long", format!("a line has at most {LINE_MAX} bytes")),
            Self::TooManyColumns => ("too_many_columns", format!("a line has at most {COLUMNS_MAX} columns")),
            Self::OpenQuotes => {
                let detail = "a quotation mark has no partner; fields with quotation marks stand in quotation marks \
                              and double their own";
                ("open_quotes", detail.to_owned())
            }
        }
    }
}

/// Reads records from chunks; holds one line at most.
pub struct Reader {
    core: csv_core::Reader,
    text: Vec<u8>,
    ends: [usize; COLUMNS_MAX],
    /// Bytes and ends of the line so far.
    filled: (usize, usize),
    fault: Option<Unreadable>,
    quotes: u64,
    /// Line breaks so far, and whether those before the line's first byte are being read.
    line: u64,
    before_line: bool,
    began_at: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            core: csv_core::Reader::new(),
            text: vec![0; LINE_MAX],
            ends: [0; COLUMNS_MAX],
            filled: (0, 0),
            fault: None,
            quotes: 0,
            line: 1,
            before_line: true,
            began_at: 1,
        }
    }
}

impl Reader {
    /// The next record of a chunk, which is consumed as far as it was read; `None` when more is needed.
    pub fn next(&mut self, chunk: &mut &[u8]) -> Option<Record> {
        while !chunk.is_empty() {
            if let Some(record) = self.step(chunk) {
                return Some(record);
            }
        }
        None
    }

    /// The last record after the last chunk, if it was not ended by a line break.
    pub fn finish(&mut self) -> Option<Record> {
        // Nothing to read means the end; a buffer that was full has to be emptied before.
        for _ in 0..3 {
            if let Some(record) = self.step(&mut &[][..]) {
                return Some(record);
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
            ReadRecordResult::Record => Some(self.take()),
        }
    }

    fn count(&mut self, read: &[u8]) {
        for byte in read {
            match byte {
                b'\n' => self.line += 1,
                b'\r' => {}
                byte => {
                    self.quotes += u64::from(*byte == b'"');
                    if self.before_line {
                        self.before_line = false;
                        self.began_at = self.line;
                    }
                }
            }
        }
    }

    fn take(&mut self) -> Record {
        if self.quotes % 2 == 1 {
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
        self.quotes = 0;
        self.before_line = true;
        Record { line: self.began_at, fields }
    }
}

/// Appends one line; fields stand in quotation marks where they must.
pub fn write_line<'f>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = &'f str>) {
    let mut core = csv_core::WriterBuilder::new().terminator(csv_core::Terminator::CRLF).build();
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            with_room(out, 2, |room| core.delimiter(room));
        }
        let mut rest = field.as_bytes();
        while !rest.is_empty() {
            with_room(out, 2 * rest.len() + 2, |room| {
                let (result, read, written) = core.field(rest, room);
                rest = &rest[read..];
                (result, written)
            });
        }
    }
    with_room(out, 4, |room| core.terminator(room));
}

fn with_room(out: &mut Vec<u8>, room: usize, write: impl FnOnce(&mut [u8]) -> (WriteResult, usize)) {
    let at = out.len();
    out.resize(at + room, 0);
    let (_, written) = write(&mut out[at..]);
    out.truncate(at + written);
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
            ("a\n19\" screen,1\nb,c\n".to_owned(), Unreadable::OpenQuotes),
        ] {
            let found = read(&[text.as_bytes()]);
            assert_eq!(found.len(), 3, "{fault:?}");
            assert!(
                matches!(found[1], Record { line: 2, fields: Err(found) } if found == fault || fault == Unreadable::TooLong),
                "{:?}",
                found[1]
            );
            assert_eq!(found[2], Record { line: 3, fields: Ok(vec![b"b".to_vec(), b"c".to_vec()]) });
        }
        let cut_off = read(&[b"a,b\n1,\"half of it"]);
        assert_eq!(cut_off[1], Record { line: 2, fields: Err(Unreadable::OpenQuotes) });
        let without_end = format!("a,b\n1,\"{}", "x\n".repeat(LINE_MAX));
        assert!(read(&[without_end.as_bytes()])[1].fields.is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_however_it_is_cut(
            rows in prop::collection::vec(prop::collection::vec("[a-c\",\r\n é🦀]{0,12}", 2..6), 1..6),
            cut in 1_usize..40,
        ) {
            let mut text = Vec::new();
            for row in &rows {
                write_line(&mut text, row.iter().map(String::as_str));
            }
            let chunks: Vec<&[u8]> = text.chunks(cut).collect();
            let found: Vec<Vec<Vec<u8>>> = read(&chunks).into_iter().map(|record| record.fields.unwrap()).collect();
            let rows: Vec<Vec<Vec<u8>>> =
                rows.into_iter().map(|row| row.into_iter().map(String::into_bytes).collect()).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_stand_still(text in prop::collection::vec(any::<u8>(), 0..300), cut in 1_usize..50) {
            let chunks: Vec<&[u8]> = text.chunks(cut).collect();
            prop_assert!(read(&chunks).len() <= text.len());
        }
    }
}
