//! The README's commands: each fenced `sh` block has a name after `sh`, and a run of its own in `make test`. Pure, but for
//! reading the file.

use std::fs;
use std::path::Path;

/// Who runs a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// The README suite, in the order of this list, on a shop that `make up` started.
    Tour,
    /// The README suite, which ends it once the API answers.
    UntilItServes,
    /// Whoever runs the suites: it is the command that does.
    MakeTest,
    /// `tests/testbed/tests/own_cluster`, with programs in place of docker, kind and their like, which are not here.
    Fakes,
}

/// Every block and who runs it, in the order in which they are run. A block that is not listed fails
/// `make check`, and so does an entry without a block.
pub const BLOCKS: &[(&str, Runner)] = &[
    ("test", Runner::MakeTest),
    ("run", Runner::UntilItServes),
    ("up", Runner::Tour),
    ("look", Runner::Tour),
    ("scale", Runner::Tour),
    ("kill", Runner::Tour),
    ("read", Runner::Tour),
    ("apply", Runner::Tour),
    ("kind", Runner::Fakes),
    ("images", Runner::Fakes),
    ("helm", Runner::Tour),
    ("kustomize", Runner::Tour),
    ("current", Runner::Tour),
    ("sample", Runner::Tour),
    ("down", Runner::Tour),
];

/// A fenced `sh` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The word after `sh`; empty when there is none.
    pub name: String,
    /// The commands.
    pub script: String,
}

/// The blocks of the README in the checkout at `root`.
///
/// # Errors
/// When it cannot be read.
pub fn blocks(root: &Path) -> std::io::Result<Vec<Block>> {
    Ok(parse(&fs::read_to_string(root.join("README.md"))?))
}

fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut fenced = false;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.script += &format!("{line}\n"),
            (None, Some(_)) if fenced => fenced = false,
            (None, Some(info)) => match info.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["sh" | "bash" | "shell", name @ ..] => {
                    open = Some(Block { name: name.join(" "), script: String::new() })
                }
                _ => fenced = true,
            },
            (None, None) => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shell_blocks_are_taken_and_each_with_its_name() {
        let text = "a\n```mermaid\nsh not\n```\n```sh up\nmake up\n```\n```\n```\n```bash\ntwo\nlines\n```\n";
        let block = |name: &str, script: &str| Block { name: name.into(), script: script.into() };
        assert_eq!(parse(text), [block("up", "make up\n"), block("", "two\nlines\n")]);
    }
}
