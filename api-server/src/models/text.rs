//! What a text may be, so that two that look alike are one: read into one form, or refused with the reason. Pure.
//!
//! Whatever is read is composed (Unicode's NFC). Of what stands on one line every kind of space becomes the usual one,
//! and characters that nobody sees are refused: a sku pasted from a spreadsheet or a web page often ends in one. The
//! patterns of the OpenAPI document are made of the same tables.

#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use icu_normalizer::ComposingNormalizerBorrowed;

/// A rule that a text breaks: its code, and what to send instead.
pub type Broken = (&'static str, String);

/// A text in its one form.
pub type Read = Result<String, Broken>;

/// The kinds of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// One line by which something is found, such as a sku or a reference. Hyphens that look like the one of the keyboard
    /// become it.
    Identifier,
    /// One line that is shown to people. Between what is seen it may have joiners and variation selectors, which Persian,
    /// Hindi and emoji are written with.
    Name,
    /// The beginning of a name; spaces may stand at its ends.
    Beginning,
    /// Tabs and line breaks are allowed, as are characters that say where a line may break; something must be seen.
    Paragraphs,
}

/// Category Zs without the usual space.
const SPACES: [RangeInclusive<u32>; 6] =
    [0xa0..=0xa0, 0x1680..=0x1680, 0x2000..=0x200a, 0x202f..=0x202f, 0x205f..=0x205f, 0x3000..=0x3000];
/// C0 without tabs and line breaks, DEL and C1.
const CONTROLS: [RangeInclusive<u32>; 4] = [0..=8, 0x0b..=0x0c, 0x0e..=0x1f, 0x7f..=0x9f];
/// What controls do within one line, too: tabs and line breaks, and Unicode's separators of lines and paragraphs.
const BREAKS: [RangeInclusive<u32>; 3] = [9..=0x0a, 0x0d..=0x0d, 0x2028..=0x2029];
/// Unicode's Default_Ignorable_Code_Point, the marks around annotations, and the empty pattern of Braille.
const UNSEEN: [RangeInclusive<u32>; 18] = [
    0xad..=0xad,
    0x34f..=0x34f,
    0x61c..=0x61c,
    0x115f..=0x1160,
    0x17b4..=0x17b5,
    0x180b..=0x180f,
    0x200b..=0x200f,
    0x202a..=0x202e,
    0x2060..=0x206f,
    0x2800..=0x2800,
    0x3164..=0x3164,
    0xfe00..=0xfe0f,
    0xfeff..=0xfeff,
    0xffa0..=0xffa0,
    0xfff0..=0xfffb,
    0x1bca0..=0x1bca3,
    0x1d173..=0x1d17a,
    0xe0000..=0xe0fff,
];
/// Those of them that change what stands before them: a name may have them anywhere but at its beginning.
const SELECTORS: [RangeInclusive<u32>; 4] = [0x180b..=0x180d, 0x180f..=0x180f, 0xfe00..=0xfe0f, 0xe0100..=0xe01ef];
/// Those that join or part what stands around them: a name may have them between other characters.
const JOINERS: [RangeInclusive<u32>; 1] = [0x200c..=0x200d];
/// Those that turn the direction of what follows: no text may have them.
const TURNS: [RangeInclusive<u32>; 3] = [0x202a..=0x202e, 0x2066..=0x2069, 0xfff9..=0xfffb];

fn among(table: &[RangeInclusive<u32>], c: char) -> bool {
    table.iter().any(|range| range.contains(&u32::from(c)))
}

impl Text {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Identifier, Self::Name, Self::Beginning, Self::Paragraphs];

    /// The text in its one form, of at most `max` characters as it was given and as it is kept.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn read(self, given: &str, max: usize) -> Read {
        if given.is_empty() {
            return Err(("too_short", "must not be empty, leave it out where it is optional".into()));
        }
        check_length(given, max)?;
        // Most texts are ASCII, and composed therefore.
        let mut text = match given.is_ascii() {
            true => given.to_owned(),
            false => ComposingNormalizerBorrowed::new_nfc().normalize(given).into_owned(),
        };
        if self != Self::Paragraphs && !text.is_ascii() {
            text = text.chars().map(|c| self.usual(c)).collect();
        }
        check_length(&text, max)?;
        self.check(&text)?;
        Ok(text)
    }

    /// The character that is kept in the place of one that looks like it.
    fn usual(self, c: char) -> char {
        match c {
            '\u{2010}' | '\u{2011}' if self == Self::Identifier => '-',
            c if among(&SPACES, c) => ' ',
            c => c,
        }
    }

    fn check(self, text: &str) -> Result<(), Broken> {
        if let Some(c) = text.chars().find(|c| self.controls(*c)) {
            let but = if self == Self::Paragraphs { " but tabs and line breaks" } else { "" };
            let detail = format!("must not contain control characters{but} (U+{:04X})", u32::from(c));
            return Err(("control_character", detail));
        }
        if let Some(c) = text.chars().find(|c| self.hides(*c)) {
            return Err(unseen(c));
        }
        if self == Self::Paragraphs {
            let seen = text.chars().any(|c| !self.is_blank(c) && !among(&UNSEEN, c));
            return if seen { Ok(()) } else { Err(("too_short", "must have something that is seen".into())) };
        }
        let (first, last) = (text.chars().next().unwrap_or(' '), text.chars().next_back().unwrap_or(' '));
        if self == Self::Beginning {
            return Ok(());
        }
        if first == ' ' || last == ' ' {
            return Err(("blank_ends", "must not begin or end with a space".into()));
        }
        match among(&UNSEEN, first).then_some(first).or(among(&JOINERS, last).then_some(last)) {
            Some(c) => Err(unseen(c)),
            None => Ok(()),
        }
    }

    fn controls(self, c: char) -> bool {
        among(&CONTROLS, c) || (self != Self::Paragraphs && among(&BREAKS, c))
    }

    /// Whether this kind of text has such a character nowhere.
    fn hides(self, c: char) -> bool {
        match self {
            Self::Identifier => among(&UNSEEN, c),
            Self::Name | Self::Beginning => among(&UNSEEN, c) && !among(&SELECTORS, c) && !among(&JOINERS, c),
            Self::Paragraphs => among(&TURNS, c),
        }
    }

    fn is_blank(self, c: char) -> bool {
        c == ' ' || among(&SPACES, c) || among(&BREAKS, c)
    }

    /// The rule as a regular expression that JavaScript, Python and Rust read alike.
    pub fn pattern(self) -> String {
        // Nothing else is refused anywhere.
        let tables = [&SPACES[..], &CONTROLS, &BREAKS, &UNSEEN, &TURNS];
        let named: BTreeSet<char> =
            tables.into_iter().flatten().cloned().flatten().filter_map(char::from_u32).chain([' ']).collect();
        let class = |refused: &dyn Fn(char) -> bool| {
            format!("[^{}]", ranges(named.iter().filter(|c| refused(**c)).map(|c| u32::from(*c))))
        };
        let anywhere = class(&|c| self.controls(c) || self.hides(c));
        match self {
            Self::Beginning => format!("^{anywhere}+$"),
            Self::Paragraphs => {
                let seen = class(&|c| self.controls(c) || self.hides(c) || self.is_blank(c) || among(&UNSEEN, c));
                format!("^{anywhere}*{seen}{anywhere}*$")
            }
            Self::Identifier | Self::Name => {
                let blank = |c: char| self.controls(c) || self.is_blank(c);
                let first = class(&|c| blank(c) || among(&UNSEEN, c));
                let last = class(&|c| blank(c) || self.hides(c) || among(&JOINERS, c));
                format!("^{first}({anywhere}*{last})?$")
            }
        }
    }
}

fn check_length(text: &str, max: usize) -> Result<(), Broken> {
    // At most four bytes a character: long texts are not counted through.
    if text.len() > max * 4 || text.chars().count() > max {
        return Err(("too_long", format!("must have at most {max} characters")));
    }
    Ok(())
}

fn unseen(c: char) -> Broken {
    ("unseen_character", format!("must not contain U+{:04X}, which nobody sees: type the text anew", u32::from(c)))
}

/// Ranges of a character class. What lies beyond four hexadecimal digits stands as itself: no escape of it is known to
/// every engine.
fn ranges(codes: impl Iterator<Item = u32>) -> String {
    let mut found: Vec<RangeInclusive<u32>> = Vec::new();
    for code in codes {
        match found.last_mut() {
            Some(range) if *range.end() + 1 == code => *range = *range.start()..=code,
            _ => found.push(code..=code),
        }
    }
    let written = |code: u32| match char::from_u32(code) {
        Some(c) if code > 0xffff => c.to_string(),
        _ => format!("\\u{code:04x}"),
    };
    let range = |range: RangeInclusive<u32>| match (*range.start(), *range.end()) {
        (start, end) if start == end => written(start),
        (start, end) => format!("{}-{}", written(start), written(end)),
    };
    found.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
    use icu_properties::{CodePointMapData, CodePointSetData};
    use regex::Regex;

    use super::*;

    fn code(kind: Text, text: &str) -> &'static str {
        kind.read(text, 20).map_or_else(|(code, _)| code, |_| "read")
    }

    #[test]
    fn the_tables_are_those_of_unicode() {
        let category = CodePointMapData::<GeneralCategory>::new();
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        for c in '\0'..=char::MAX {
            let of = category.get(c);
            assert_eq!(among(&SPACES, c) || c == ' ', of == GeneralCategory::SpaceSeparator, "{c:?}");
            let broken = of == GeneralCategory::LineSeparator || of == GeneralCategory::ParagraphSeparator;
            assert_eq!(
                among(&CONTROLS, c) || among(&BREAKS, c),
                of == GeneralCategory::Control || broken,
                "{c:?} {of:?}"
            );
            let hidden = ignorable.contains(c) || ('\u{fff9}'..='\u{fffb}').contains(&c) || c == '\u{2800}';
            assert_eq!(among(&UNSEEN, c), hidden, "{c:?}");
        }
    }

    #[test]
    fn the_patterns_of_the_document_take_what_is_read_and_nothing_else() {
        for kind in Text::ALL {
            let pattern = Regex::new(&kind.pattern()).unwrap();
            // All that a table speaks of and its neighbours; of the rest some.
            let near = |c: &char| {
                let tables = [&SPACES[..], &CONTROLS, &BREAKS, &UNSEEN, &SELECTORS, &JOINERS, &TURNS];
                let code = u32::from(*c);
                let close = |range: &RangeInclusive<u32>| {
                    [*range.start(), *range.end()].iter().any(|edge| code.abs_diff(*edge) < 2)
                };
                code < 0x400 || code % 1009 == 0 || tables.into_iter().flatten().any(close)
            };
            for c in ('\0'..=char::MAX).filter(near) {
                for text in [c.to_string(), format!("{c}a"), format!("a{c}"), format!("a{c}b")] {
                    assert_eq!(pattern.is_match(&text), kind.read(&text, 20).is_ok(), "{kind:?} {text:?}");
                }
            }
        }
    }

    #[test]
    fn what_looks_alike_is_one_text() {
        for (given, identifier) in [
            ("LAMP\u{2011}1", "LAMP-1"),
            ("LAMP\u{a0}1", "LAMP 1"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("A\u{3000}B", "A B"),
            ("\u{212b}", "\u{c5}"),
        ] {
            assert_eq!(Text::Identifier.read(given, 20).as_deref(), Ok(identifier));
            let read = Text::Identifier.read(identifier, 20);
            assert_eq!(read.as_deref(), Ok(identifier), "what was read stays as it is");
        }
        assert_eq!(
            Text::Name.read("The\u{301} vert \u{ab}\u{a0}bio\u{a0}\u{bb}", 20).as_deref(),
            Ok("Th\u{e9} vert « bio »")
        );
        assert_eq!(Text::Name.read("a\u{2011}b", 20).as_deref(), Ok("a\u{2011}b"), "names keep their hyphens");
        assert_eq!(Text::Paragraphs.read("a\u{a0}b\r\n\te\u{301}", 20).as_deref(), Ok("a\u{a0}b\r\n\t\u{e9}"));
    }

    #[test]
    fn characters_that_nobody_sees_are_refused_where_they_hide_something() {
        for kind in [Text::Identifier, Text::Name] {
            for (text, expected) in [
                ("", "too_short"),
                ("LAMP-1\u{a0}", "blank_ends"),
                ("\u{3000}LAMP-1", "blank_ends"),
                (" a", "blank_ends"),
                ("LAMP-1\u{200b}", "unseen_character"),
                ("LA\u{ad}MP", "unseen_character"),
                ("a\u{202e}b", "unseen_character"),
                ("\u{200b}", "unseen_character"),
                ("\u{feff}a", "unseen_character"),
                ("\u{2800}", "unseen_character"),
                ("\u{fe0f}a", "unseen_character"),
                ("a\u{200d}", "unseen_character"),
                ("a\u{2028}b", "control_character"),
                ("a\0b", "control_character"),
                ("a\nb", "control_character"),
                ("a\u{85}b", "control_character"),
                ("\u{7f}", "control_character"),
            ] {
                assert_eq!(code(kind, text), expected, "{kind:?} {text:?}");
            }
        }
        for text in ["\u{2764}\u{fe0f}", "\u{1f469}\u{200d}\u{1f680}", "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}"] {
            assert_eq!((code(Text::Name, text), code(Text::Identifier, text)), ("read", "unseen_character"), "{text}");
        }
        for (text, expected) in [
            ("a\n\tb\r\n", "read"),
            ("a\u{200b}b", "read"),
            (" \n\u{a0}\u{200b}", "too_short"),
            ("a\u{202e}b", "unseen_character"),
            ("a\0", "control_character"),
        ] {
            assert_eq!(code(Text::Paragraphs, text), expected, "{text:?}");
        }
        for text in ["a ", " ", "a\u{a0}"] {
            assert_eq!(code(Text::Beginning, text), "read", "{text:?}");
        }
    }

    #[test]
    fn lengths_are_in_characters_as_sent_and_as_kept() {
        assert!(Text::Name.read(&"é".repeat(150), 150).is_ok());
        assert!(Text::Identifier.read(&"🦀".repeat(64), 64).is_ok());
        assert_eq!(Text::Name.read(&"a".repeat(151), 150).unwrap_err().0, "too_long");
        assert_eq!(Text::Name.read(&"e\u{301}".repeat(76), 150).unwrap_err().0, "too_long");
        // Composed, these are two characters.
        assert_eq!(Text::Name.read(&"\u{958}".repeat(76), 150).unwrap_err().0, "too_long");
    }
}
