//! Lines as an export writes them. Pure.

use std::borrow::Cow;

use csv_core::WriteResult;

use crate::models::Price;

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form {
    /// Begins with a byte order mark, by which Excel knows UTF-8.
    pub mark: bool,
    /// With semicolons between columns and a comma in prices, as Excel reads and writes in much of Europe.
    pub semicolons: bool,
    /// Texts that a spreadsheet would take for a formula have an apostrophe before them.
    pub formulas_quoted: bool,
}

impl Form {
    /// A price as text.
    pub fn price(self, price: Price) -> String {
        let text = price.to_string();
        if self.semicolons { text.replace('.', ",") } else { text }
    }

    /// A text that people have written.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        match self.formulas_quoted && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            true => Cow::Owned(format!("'{text}")),
            false => Cow::Borrowed(text),
        }
    }

    /// The names of the columns as the first line.
    pub fn head(self, columns: &[&str]) -> Vec<u8> {
        let mut out = if self.mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        self.write_line(&mut out, columns.iter().copied());
        out
    }

    /// Appends one line; fields stand in quotation marks where they must.
    pub fn write_line<'f>(self, out: &mut Vec<u8>, fields: impl IntoIterator<Item = &'f str>) {
        let separator = if self.semicolons { b';' } else { b',' };
        let terminator = csv_core::Terminator::CRLF;
        let mut core = csv_core::WriterBuilder::new().delimiter(separator).terminator(terminator).build();
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
}

fn with_room(out: &mut Vec<u8>, room: usize, write: impl FnOnce(&mut [u8]) -> (WriteResult, usize)) {
    let at = out.len();
    out.resize(at + room, 0);
    let (_, written) = write(&mut out[at..]);
    out.truncate(at + written);
}
