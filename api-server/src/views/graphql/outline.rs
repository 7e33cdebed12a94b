//! What a GraphQL document would cost to look at, before anything that walks it in full. Pure.
//!
//! Parsers descend once for each bracket, and validation follows each spread of a fragment: a text of
//! some hundred bytes can ask either for more than a process has. So brackets are counted on the
//! text, and fields on the parsed document with each fragment looked at once.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

/// Brackets of any kind that may be open at once.
const OPEN_MAX: usize = 64;
/// Fields in one another; what tools ask to learn a schema has 15.
const DEPTH_MAX: usize = 16;
/// Fields in all, those of a fragment counted at each of its spreads.
const FIELDS_MAX: usize = 1000;

/// Whether the brackets of a text are open in bounds; those in strings and comments are none.
pub fn check_brackets(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    let (mut open, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'#' => at += bytes[at..].iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count(),
            b'"' => at = string_end(bytes, at),
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > OPEN_MAX {
            return Err(format!("at most {OPEN_MAX} brackets may be open at once"));
        }
        at += 1;
    }
    Ok(())
}

/// Where the string that begins here has its last quotation mark; one without an end ends the text.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let block = bytes[start..].starts_with(b"\"\"\"");
    let mut at = start + if block { 3 } else { 1 };
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if !block => at += 1,
            b'\\' if bytes[at..].starts_with(b"\\\"\"\"") => at += 3,
            b'"' if !block => return at,
            b'"' if bytes[at..].starts_with(b"\"\"\"") => return at + 2,
            // A string of one line ends with it; the parser will say so.
            b'\n' | b'\r' if !block => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Whether every operation of a document keeps to the bounds of depth and fields.
pub fn check_document(document: &ExecutableDocument) -> Result<(), String> {
    let mut sizes = Sizes { document, fragments: HashMap::new() };
    for (_, operation) in document.operations.iter() {
        check(sizes.of(&operation.node.selection_set.node)?)?;
    }
    Ok(())
}

fn check(size: Size) -> Result<Size, String> {
    if size.depth > DEPTH_MAX {
        return Err(format!("fields may stand {DEPTH_MAX} deep in one another"));
    }
    if size.fields > FIELDS_MAX {
        return Err(format!("a query may have {FIELDS_MAX} fields, those of fragments counted at each use"));
    }
    Ok(size)
}

/// What is asked for in one place.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    fields: usize,
}

struct Sizes<'d> {
    document: &'d ExecutableDocument,
    /// `None` while a fragment is being looked at.
    fragments: HashMap<&'d Name, Option<Size>>,
}

impl<'d> Sizes<'d> {
    /// Stops at the first place beyond the bounds, so nothing is added up for long.
    fn of(&mut self, set: &'d SelectionSet) -> Result<Size, String> {
        let mut whole = Size::default();
        for selection in &set.items {
            let part = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.of(&field.node.selection_set.node)?;
                    Size { depth: inner.depth + 1, fields: inner.fields + 1 }
                }
                Selection::InlineFragment(fragment) => self.of(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.of_fragment(&spread.node.fragment_name.node)?,
            };
            whole.depth = whole.depth.max(part.depth);
            whole.fields += part.fields;
            check(whole)?;
        }
        Ok(whole)
    }

    fn of_fragment(&mut self, name: &'d Name) -> Result<Size, String> {
        match self.fragments.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("the fragment {name} contains itself")),
            None => {}
        }
        // Validation names a fragment that is not there.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        self.fragments.insert(name, None);
        let size = self.of(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn document(text: &str) -> Result<(), String> {
        check_document(&parse_query(text).unwrap())
    }

    #[test]
    fn brackets_count_where_they_are_brackets() {
        let open = |count| "[".repeat(count);
        assert_eq!(check_brackets(&open(OPEN_MAX)), Ok(()));
        assert!(check_brackets(&open(OPEN_MAX + 1)).is_err());
        assert!(check_brackets(&"{".repeat(60_000)).is_err());
        assert_eq!(check_brackets(&"()[]{}".repeat(1000)), Ok(()));
        let many = open(100);
        for hidden in [
            format!("# {many}\n"),
            format!("\"{many}\""),
            format!("\"\\\"{many}\""),
            format!("\"\"\"{many}\"\"\""),
            format!("\"\"\" \\\"\"\" {many}\n{many}\"\"\""),
            format!("\"{many}"),
        ] {
            assert_eq!(check_brackets(&hidden), Ok(()), "{hidden}");
        }
        for shown in
            [format!("# x\n{many}"), format!("\"x\"{many}"), format!("\"\"\"x\"\"\"{many}"), format!("\"x\n{many}")]
        {
            assert!(check_brackets(&shown).is_err(), "{shown}");
        }
    }

    #[test]
    fn fragments_count_at_each_use_and_are_looked_at_once() {
        let mut text = String::from("{ ...f0 } fragment f30 on Query { a }");
        for at in 0..30 {
            text += &format!(" fragment f{at} on Query {{ ...f{0} ...f{0} }}", at + 1);
        }
        // A billion fields, refused at once.
        assert!(document(&text).unwrap_err().contains("1000 fields"));
        assert_eq!(document("{ ...f ...f } fragment f on Query { a { b } }"), Ok(()));
        assert!(document("{ ...f } fragment f on Query { a ...f }").unwrap_err().contains("contains itself"));
        assert_eq!(document("{ ...missing }"), Ok(()), "left to validation");
    }

    #[test]
    fn depth_and_fields_have_bounds() {
        let deep = |levels: usize| format!("{{{}b{}}}", "a{".repeat(levels - 1), "}".repeat(levels - 1));
        assert_eq!(document(&deep(DEPTH_MAX)), Ok(()));
        assert!(document(&deep(DEPTH_MAX + 1)).unwrap_err().contains("16 deep"));
        let wide = |fields: usize| format!("{{{}}}", "a ".repeat(fields));
        assert_eq!(document(&wide(FIELDS_MAX)), Ok(()));
        assert!(document(&wide(FIELDS_MAX + 1)).is_err());
        let by_fragment = format!("{{ ...f ...f }} fragment f on Query {}", wide(501));
        assert!(document(&by_fragment).is_err());
    }
}
