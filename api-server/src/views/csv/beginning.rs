//! The first bytes of a file: what lies before its first line, and what its columns are separated by. Pure.

use super::{LINE_MAX, Unreadable};

/// What the first line of a file tells before it is read as one.
#[derive(Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Bytes before the first line: a byte order mark, and a line that says `sep=`.
    pub skip: usize,
    /// A comma, or what spreadsheets write where the comma stands in numbers.
    pub separator: u8,
    /// It is no file of CSV in UTF-8.
    pub foreign: Option<Unreadable>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What columns may be separated by, the usual one first.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Bytes of a file of which the first line has ended; `None` while more is needed.
pub fn first_line(bytes: &[u8]) -> Option<usize> {
    let begins = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let ends = bytes[begins..].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    ends.map(|at| begins + at + 1).or((bytes.len() >= LINE_MAX).then_some(bytes.len()))
}

/// Looks at the first line, with what may follow it.
pub fn read(bytes: &[u8]) -> Beginning {
    let mark = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let line = &bytes[mark..];
    let told = line.strip_prefix(b"sep=").and_then(|rest| rest.split_first());
    if let Some((separator, rest)) = told
        && SEPARATORS.contains(separator)
        && rest.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    {
        return Beginning { skip: bytes.len(), separator: *separator, foreign: None };
    }
    let (mut within, mut counts) = (false, [0_usize; SEPARATORS.len()]);
    for byte in line {
        within ^= *byte == b'"';
        if let Some(at) = SEPARATORS.iter().position(|separator| separator == byte).filter(|_| !within) {
            counts[at] += 1;
        }
    }
    // A comma in a head is hardly anything else; of a file without one the others are looked for.
    let at = counts.iter().position(|count| *count > 0).unwrap_or(0);
    let foreign = if line.starts_with(b"PK\x03\x04") || line.starts_with(b"\xd0\xcf\x11\xe0") {
        Some(Unreadable::Workbook)
    } else if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") || line.contains(&0) {
        Some(Unreadable::Utf16)
    } else {
        None
    };
    Beginning { skip: mark, separator: SEPARATORS[at], foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_tells_its_separator_and_what_it_is_not() {
        let begin = |skip, separator, foreign| Beginning { skip, separator, foreign };
        for (bytes, expected) in [
            (&b"sku,name,price\r"[..], begin(0, b',', None)),
            (b"\xef\xbb\xbfsku;name;price\n", begin(3, b';', None)),
            (b"sku\tname\n", begin(0, b'\t', None)),
            (b"sku\n", begin(0, b',', None)),
            (b"\"sku;1\",name\n", begin(0, b',', None)),
            (b"\"sku,1\";name\n", begin(0, b';', None)),
            (b"sep=;\r", begin(6, b';', None)),
            (b"\xef\xbb\xbfsep=,\n", begin(9, b',', None)),
            (b"sep=;,name\n", begin(0, b',', None)),
            (b"sep=|\n", begin(0, b',', None)),
            (b"\xff\xfes\0k\0u\0", begin(0, b',', Some(Unreadable::Utf16))),
            (b"PK\x03\x04abc", begin(0, b',', Some(Unreadable::Workbook))),
        ] {
            assert_eq!(read(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_first_line_ends_after_something() {
        assert_eq!(first_line(b"\r\n\nsku,name"), None);
        assert_eq!(first_line(b"\r\n\nsku\r\n"), Some(7));
        assert_eq!(first_line(b"sku\nA"), Some(4));
        assert_eq!(first_line(&[b'x'; LINE_MAX]), Some(LINE_MAX));
    }
}
