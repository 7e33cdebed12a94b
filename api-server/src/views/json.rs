//! Strict reading and quick writing of JSON. Pure.
//!
//! Reading refuses what serde_json would let pass in a flat request: repeated members, members
//! beyond a bound. Values stay as they were written, so numbers never pass through a float.
//! Writing appends to one buffer.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::models::Violation;

/// Members that an object of a request may have.
const MAX_MEMBERS: usize = 64;

/// The members of an object in their order, each value as its text.
pub type Members<'a> = Vec<(String, &'a RawValue)>;

/// Reads a body that must be one JSON object without repeated members.
pub fn read_object(body: &[u8]) -> Result<Members<'_>, Violation> {
    let text = std::str::from_utf8(body).map_err(|_| Violation::new("", "not_utf8", "the body is not UTF-8"))?;
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        let detail = "the body must be a JSON object";
        return Err(Violation::new("", "not_an_object", detail));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader
        .deserialize_map(ObjectVisitor)
        .and_then(|members| reader.end().map(|()| members))
        .map_err(|error| Violation::new("", "malformed_json", describe(&error)))?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let pointer = format!("/{}", escape_pointer(pair[0]));
        let detail = "the member is given more than once";
        return Err(Violation::new(pointer, "duplicate_member", detail));
    }
    Ok(members)
}

/// Text of a JSON string; `None` when the value is of another type or not valid Unicode.
pub fn read_text<'a>(value: &'a RawValue) -> Option<Cow<'a, str>> {
    struct TextVisitor;
    impl<'de> Visitor<'de> for TextVisitor {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }
    }
    let mut reader = serde_json::Deserializer::from_str(value.get());
    reader.deserialize_str(TextVisitor).ok()
}

/// Literal of a JSON number; `None` when the value is of another type.
pub fn read_number(value: &RawValue) -> Option<&str> {
    let text = value.get();
    matches!(text.as_bytes().first(), Some(b'-' | b'0'..=b'9')).then_some(text)
}

/// A whole number, also written as `5.0`; `None` for every other value.
pub fn read_whole(value: &RawValue) -> Option<i64> {
    let literal = read_number(value)?;
    let whole = match literal.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => literal,
    };
    whole.parse().ok()
}

/// A UUID in its usual form of 36 characters.
pub fn read_uuid(value: &RawValue) -> Option<Uuid> {
    let text = read_text(value)?;
    parse_uuid(&text)
}

/// An id as it is written everywhere here: the UUID's form of 36 characters, and no other.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

/// A JSON array of rows, each written by `write`.
pub fn array<T>(rows: impl Iterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 * rows.size_hint().0 + 2);
    out.push(b'[');
    for row in rows {
        if out.len() > 1 {
            out.push(b',');
        }
        write(&mut out, row);
    }
    out.push(b']');
    out
}

/// Whether the value is `null`.
pub fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// A member name as it stands in a JSON pointer, shortened where it is long.
pub fn escape_pointer(name: &str) -> String {
    let short: String = name.chars().take(64).collect();
    short.replace('~', "~0").replace('/', "~1")
}

fn describe(error: &serde_json::Error) -> String {
    // serde_json's text names the place and what was expected there, and quotes no content.
    format!("not valid JSON at line {} column {}", error.line(), error.column())
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
            if members.len() == MAX_MEMBERS {
                return Err(serde::de::Error::custom("too many members"));
            }
            members.push(member);
        }
        Ok(members)
    }
}

/// Appends a JSON string.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (clean, after) = rest.split_at(clean_prefix(rest));
        out.extend_from_slice(clean);
        let Some((byte, left)) = after.split_first() else { break };
        rest = left;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let escape = [b'\\', b'u', b'0', b'0', HEX[usize::from(other >> 4)], HEX[usize::from(other & 15)]];
                out.extend_from_slice(&escape);
            }
        }
    }
    out.push(b'"');
}

/// Bytes before the first that needs an escape, looked for in eight at once.
fn clean_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk() {
        let dirty = dirty_bytes(u64::from_le_bytes(*eight));
        if dirty != 0 {
            return at + dirty.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    // The last eight once more rather than fewer one by one: what was seen of them already is clean.
    if let Some(eight) = bytes.last_chunk() {
        let dirty = dirty_bytes(u64::from_le_bytes(*eight));
        return if dirty == 0 { bytes.len() } else { bytes.len() - 8 + dirty.trailing_zeros() as usize / 8 };
    }
    bytes.iter().position(|byte| needs_escape(*byte)).unwrap_or(bytes.len())
}

/// The lowest bit that is set is the highest of the first byte that needs an escape; what stands above it says nothing.
const fn dirty_bytes(eight: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    const HIGHEST: u64 = EACH * 0x80;
    const fn below(word: u64, bound: u64) -> u64 {
        word.wrapping_sub(EACH * bound) & !word
    }
    const QUOTES: u64 = EACH * b'"' as u64;
    const BACKSLASHES: u64 = EACH * b'\\' as u64;
    (below(eight, 0x20) | below(eight ^ QUOTES, 1) | below(eight ^ BACKSLASHES, 1)) & HIGHEST
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Appends a string, or `null`.
pub fn write_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a UUID in quotes.
pub fn write_uuid(out: &mut Vec<u8>, id: Uuid) {
    let mut buffer = [0_u8; 36];
    out.push(b'"');
    out.extend_from_slice(id.hyphenated().encode_lower(&mut buffer).as_bytes());
    out.push(b'"');
}

/// Appends a whole number.
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends milliseconds since 1970 as an RFC 3339 time in quotes, such as
/// `"2026-11-22T17:38:36.000Z"`. Years beyond 9999 are shown as the end of that year.
pub fn write_time(out: &mut Vec<u8>, millis: i64) {
    const END: i64 = 253_402_300_799_999;
    let millis = millis.clamp(0, END);
    // Both fit, and small unsigned numbers are divided faster; a page has a hundred times.
    let (days, rest) = ((millis / 86_400_000) as u32, (millis % 86_400_000) as u32);
    // Civil date from days since 1970, after Howard Hinnant's algorithm.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    let mut text = *b"\"0000-00-00T00:00:00.000Z\"";
    let thousandths = rest % 1000;
    for (at, two) in [
        (1, year / 100),
        (3, year % 100),
        (6, month),
        (9, day),
        (12, rest / 3_600_000),
        (15, rest / 60_000 % 60),
        (18, rest / 1000 % 60),
        (21, thousandths / 10),
    ] {
        text[at..at + 2].copy_from_slice(two_digits(two));
    }
    text[23] = b'0' + (thousandths % 10) as u8;
    out.extend_from_slice(&text);
}

/// Appends two times with what stands between them, as [`write_time`]: most rows were never changed, so both are the same.
pub fn write_times(out: &mut Vec<u8>, first: i64, between: &[u8], second: i64) {
    let begin = out.len();
    write_time(out, first);
    let written = begin..out.len();
    out.extend_from_slice(between);
    if first == second {
        out.extend_from_within(written);
    } else {
        write_time(out, second);
    }
}

/// The digits of a number below a hundred.
fn two_digits(value: u32) -> &'static [u8] {
    static DIGITS: [u8; 200] = {
        let mut digits = [b'0'; 200];
        let mut at = 0;
        while at < 100 {
            digits[2 * at] += at as u8 / 10;
            digits[2 * at + 1] += at as u8 % 10;
            at += 1;
        }
        digits
    };
    let at = 2 * (value as usize % 100);
    &DIGITS[at..at + 2]
}

/// One resource, written as it arrives.
#[derive(Debug, Default)]
pub struct One {
    /// The JSON text, empty when there was no resource.
    pub body: Vec<u8>,
    /// Version of the resource that was written.
    pub version: Option<i64>,
}

impl One {
    /// Writes the resource.
    pub fn set(&mut self, version: i64, write: impl FnOnce(&mut Vec<u8>)) {
        self.body.clear();
        self.body.reserve(512);
        write(&mut self.body);
        self.version = Some(version);
    }
}

/// A bare array, written row by row as they arrive.
#[derive(Debug)]
pub struct List {
    body: Vec<u8>,
}

impl List {
    /// An empty list with room for `rows` rows of usual size.
    pub fn with_room_for(rows: usize) -> Self {
        let mut body = Vec::with_capacity(rows * 320 + 2);
        body.push(b'[');
        Self { body }
    }

    /// Writes one row.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.body.len() > 1 {
            self.body.push(b',');
        }
        write(&mut self.body);
    }

    /// The JSON text.
    pub fn finish(mut self) -> Vec<u8> {
        self.body.push(b']');
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(millis: i64) -> String {
        let mut out = Vec::new();
        write_time(&mut out, millis);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn two_times_are_written_as_each_by_itself() {
        for (first, second) in [(0, 0), (1_700_000_000_000, 1_700_000_000_000), (5, 1_700_000_000_001)] {
            let mut out = b"before".to_vec();
            write_times(&mut out, first, b",between:", second);
            assert_eq!(String::from_utf8(out).unwrap(), format!("before{},between:{}", time(first), time(second)));
        }
    }

    #[test]
    fn repeated_members_and_other_shapes_are_refused() {
        let code = |body: &str| read_object(body.as_bytes()).unwrap_err().code.into_owned();
        assert_eq!(code(r#"{"a":1,"a":2}"#), "duplicate_member");
        assert_eq!(code(r#"{"a":1,"\u0061":2}"#), "duplicate_member");
        assert_eq!(code("[]"), "not_an_object");
        assert_eq!(code("null"), "not_an_object");
        assert_eq!(code(""), "not_an_object");
        assert_eq!(code("{"), "malformed_json");
        assert_eq!(code("{} {}"), "malformed_json");
        assert_eq!(code(r#"{"a":01}"#), "malformed_json");
        assert_eq!(read_object(b"{\"a\":\"\xff\"}").unwrap_err().code, "not_utf8");
        let many: Vec<String> = (0..65).map(|n| format!("\"k{n}\":1")).collect();
        assert_eq!(code(&format!("{{{}}}", many.join(","))), "malformed_json");
    }

    #[test]
    fn deeply_nested_values_do_not_grow_the_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        let members = read_object(deep.as_bytes()).unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!(read_text(members[0].1), None);
    }

    #[test]
    fn a_lone_surrogate_is_no_text() {
        let members = read_object(br#"{"a":"\ud800"}"#).unwrap();
        assert_eq!(read_text(members[0].1), None);
    }

    proptest! {
        #[test]
        fn written_texts_are_read_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut out = Vec::new();
            write_text(&mut out, &text);
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn what_needs_no_escape_is_found_at_every_length(bytes: Vec<u8>) {
            let first = bytes.iter().position(|byte| needs_escape(*byte)).unwrap_or(bytes.len());
            prop_assert_eq!(clean_prefix(&bytes), first);
        }

        #[test]
        fn written_times_are_those_of_the_calendar(millis in 0_i64..253_402_300_799_999) {
            let expected = jiff::Timestamp::from_millisecond(millis).unwrap();
            prop_assert_eq!(time(millis), format!("\"{expected:.3}\""));
        }

        #[test]
        fn written_integers_are_read_back(value: i64) {
            let mut out = Vec::new();
            write_integer(&mut out, value);
            prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
