//! The commands of `docs/api.md`, run by bash and curl against a server on the store in memory, and
//! what they print compared with what stands under them.

use std::process::Stdio;
use std::time::Duration;

use store_api::auth::roles::Role;
use store_api::server;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::doors::PACE;
use super::roles::{guarded, token_of};

const WALK: &str = include_str!("../../../docs/api.md");
/// Commands of the walk at the least.
const BLOCKS: usize = 15;
/// What all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Some commands, the line on which they begin, and what they print: none if nothing is said of it.
struct Block {
    line: usize,
    script: String,
    printed: Option<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut after_script = false;
    while let Some((at, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            after_script = false;
            continue;
        };
        let inside: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        match kind {
            "sh" => found.push(Block { line: at + 2, script: inside.join("\n"), printed: None }),
            "json" | "text" if after_script => found.last_mut().unwrap().printed = Some(inside.join("\n")),
            other => panic!("line {}: a block of {other:?} that no test looks at", at + 1),
        }
        after_script = kind == "sh";
    }
    found
}

/// Whether a text has these pieces in this order, from its beginning to its end.
fn fits(text: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

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

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_through_a_day_prints_what_it_says() {
    let blocks = blocks(WALK);
    assert!(blocks.len() >= BLOCKS, "{}", blocks.len());
    let said = blocks.iter().filter(|block| block.printed.is_some()).count();
    assert_eq!(said, blocks.len() - 1, "all but the first print something");
    let store = guarded();
    let ([public, operations], [address, _]) = store.doors();
    let url = format!("http://{address}");
    let (stop, stopped) = oneshot::channel::<()>();
    let signal = async move {
        // Dropping the sender ends it as well.
        let _ = stopped.await;
        "the walk is over"
    };
    let serving = tokio::spawn(server::serve(public, operations, store.app.clone(), PACE, signal));
    // One shell for all of it: a block goes on with what those before it found.
    let separator = "---8<---";
    let script: String = blocks.iter().map(|block| format!("{}\nprintf '%s' '{separator}'\n", block.script)).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(directory.path()).kill_on_drop(true);
    bash.env("STORE_URL", &url).env("STORE_TOKEN", token_of(Role::Admin));
    bash.env("SUPPLIER_TOKEN", token_of(Role::Supplier)).env("no_proxy", "127.0.0.1");
    let run = bash.stdin(Stdio::null()).output();
    let output = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let printed: Vec<&str> = printed.split(separator).collect();
    for (block, printed) in blocks.iter().zip(&printed) {
        let printed = printed.replace('\r', "");
        if let Some(expected) = &block.printed {
            let fits = fits(printed.trim_end(), expected);
            assert!(fits, "docs/api.md, line {}: printed\n{printed}\nand not\n{expected}", block.line);
        }
    }
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.len() == blocks.len() + 1, "{} blocks ended: {told}", printed.len() - 1);
    drop(stop);
    serving.await.unwrap();
}
