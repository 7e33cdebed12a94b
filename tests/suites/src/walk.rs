//! Documents whose commands are run as they stand, and what they print compared with what stands under them. Pure.

/// Some commands, and what they print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of the document on which they begin, from 1.
    pub line: usize,
    /// The words after `sh`; empty when there are none.
    pub name: String,
    /// The commands.
    pub script: String,
    /// What they print, in which `…` is anything; none if nothing is said of it.
    pub printed: Option<String>,
}

/// The fenced blocks of a document: of a shell, each with what it prints, which is a block of json or text right below.
///
/// # Errors
/// In words, for a block of another kind, which nobody would look at.
pub fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut found: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut after_script = false;
    while let Some((at, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            after_script = false;
            continue;
        };
        let inside: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let inside = inside.join("\n");
        match (kind.strip_prefix("sh"), kind, found.last_mut()) {
            (Some(name), _, _) if name.is_empty() || name.starts_with(' ') => {
                found.push(Block { line: at + 2, name: name.trim().to_owned(), script: inside, printed: None });
                after_script = true;
                continue;
            }
            (_, "json" | "text", Some(block)) if after_script => block.printed = Some(inside),
            _ => return Err(format!("line {}: a block of {kind:?} that no test looks at", at + 1)),
        }
        after_script = false;
    }
    Ok(found)
}

/// Whether a text has the pattern's pieces, which `…` divides, in this order, from its beginning to its end.
pub fn fits(text: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_from_its_beginning_to_its_end() {
        for (text, pattern, expected) in [
            ("a1b2c", "a…b…c", true),
            ("a1b2c", "a1b2c", true),
            ("a1b2cd", "a…b…c", false),
            ("xa1b2c", "a…b…c", false),
            ("a1c", "a…b…c", false),
            ("abc", "…b…", true),
            ("ac", "…b…", false),
        ] {
            assert_eq!(fits(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn a_block_is_known_by_its_line_and_has_what_stands_right_below() {
        let text = "a\n```sh\none\n```\n```text\n1\n```\n```sh answer\ntwo\nlines\n```\n\n";
        let block = |line, name: &str, script: &str, printed: Option<&str>| Block {
            line,
            name: name.to_owned(),
            script: script.to_owned(),
            printed: printed.map(str::to_owned),
        };
        let expected = [block(3, "", "one", Some("1")), block(9, "answer", "two\nlines", None)];
        assert_eq!(blocks(text).as_deref(), Ok(&expected[..]));
        for stray in ["```text\n1\n```", "```sh\n1\n```\nword\n```text\n1\n```", "```python\n1\n```"] {
            assert!(blocks(stray).is_err(), "{stray}");
        }
    }
}
