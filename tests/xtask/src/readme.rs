//! What must hold of the README: a suite runs each of its commands, and its status box lists what is known to be missing.
//! Pure, but for reading files.

use std::fs;
use std::path::Path;

use store_suites::readme::{BLOCKS, Block};
use store_suites::steps::Check;

/// Where it stands what is missing, and the heading of that table.
const RISKS: &str = "docs/arc42/11-risks.md";
const MISSING: &str = "## What it does not do yet";
/// Where it stands how long a start takes, and the heading of what the README says of it.
const START: &str = "docs/start.md";
const FIRST: &str = "## How long the first start takes";

/// One check per block of the README and per entry of [`BLOCKS`]: each has the other.
pub fn coverage(blocks: &[Block]) -> Vec<Check> {
    let written = blocks.iter().map(|block| {
        let listed = BLOCKS.iter().filter(|(name, _)| *name == block.name).count();
        let first = block.script.lines().next().unwrap_or_default();
        let result = if listed == 1 { Ok(()) } else { Err(format!("no suite runs the block `{first}`")) };
        (format!("README block {}", block.name), result)
    });
    let listed = BLOCKS.iter().map(|(name, _)| {
        let times = blocks.iter().filter(|block| block.name == *name).count();
        let result = if times == 1 { Ok(()) } else { Err(format!("the README has {times} blocks of this name")) };
        (format!("README suite {name}"), result)
    });
    written.chain(listed).collect()
}

/// The check that the README in the checkout at `root` says of the first commands what was measured, in minutes.
pub fn start(root: &Path) -> Check {
    let read = |path: &str| fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let result = read("README.md").and_then(|readme| as_measured(&readme, &read(START)?));
    ("README start".to_owned(), result)
}

/// Whether the README's section has the numbers of the measured runs, rounded to minutes, and no other.
fn as_measured(readme: &str, measured: &str) -> Result<(), String> {
    let minutes = |run: &str| {
        let row = measured.lines().find_map(|line| line.strip_prefix(&format!("| {run} | ")));
        let seconds: Option<f64> = row.and_then(|row| row.split(' ').next()?.parse().ok());
        seconds.map(|seconds| format!("{:.0}", seconds / 60.0)).ok_or_else(|| format!("{START} has no `{run}`"))
    };
    let wanted =
        [minutes("`make up` from nothing")?, minutes("`make up` from its cache")?, minutes("`make run` from nothing")?];
    let section = readme.lines().skip_while(|line| *line != FIRST).skip(1).take_while(|line| !line.starts_with('#'));
    let words: Vec<&str> = section.flat_map(|line| line.split(' ')).collect();
    let told: Vec<&str> =
        words.into_iter().filter(|word| word.chars().all(|c| c.is_ascii_digit()) && !word.is_empty()).collect();
    if told == wanted { Ok(()) } else { Err(format!("below `{FIRST}` it says {told:?} minutes, {START} {wanted:?}")) }
}

/// The check that the status box of the README in the checkout at `root` lists what the architecture says
/// is missing.
pub fn status(root: &Path) -> Check {
    let read = |path: &str| fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let result = read("README.md").and_then(|readme| in_step(&readme, &read(RISKS)?));
    ("README status".to_owned(), result)
}

/// Whether the README's quoted list has the first cells of the table of what is missing, in its order.
fn in_step(readme: &str, risks: &str) -> Result<(), String> {
    let told: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("> - ")).map(str::trim).collect();
    let missing = first_cells(risks, MISSING);
    if missing.is_empty() {
        return Err(format!("{RISKS} has no table below `{MISSING}`"));
    }
    let lacks = missing.iter().filter(|cell| !told.contains(cell)).map(|cell| format!("the README lacks `{cell}`"));
    let more = told.iter().filter(|item| !missing.contains(item)).map(|item| format!("{RISKS} lacks `{item}`"));
    let wrong: Vec<String> = lacks.chain(more).collect();
    match (wrong.is_empty(), told == missing) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("the README's list is not in the order of {RISKS}, or has something twice")),
        (false, _) => Err(wrong.join("; ")),
    }
}

/// The first cells of the first table below a heading, without those of its head.
fn first_cells<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
    let below = text.lines().skip_while(|line| *line != heading).skip(1);
    let section = below.take_while(|line| !line.starts_with('#'));
    let rows = section.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).filter_map(|row| row.split('|').nth(1)).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_no_suite_runs_and_a_suite_without_a_block_are_found() {
        let mut blocks: Vec<_> =
            BLOCKS.iter().map(|(name, _)| Block { name: (*name).into(), script: String::new() }).collect();
        let failed = |blocks: &[Block]| coverage(blocks).into_iter().filter(|(_, result)| result.is_err()).count();
        assert_eq!(failed(&blocks), 0);
        blocks[0].name = "new".into();
        assert_eq!(failed(&blocks), 2);
    }

    #[test]
    fn minutes_that_nobody_measured_are_found() {
        let measured = "| command | seconds |\n|---|---|\n| `make up` from nothing | 844 | 9 |\n\
                        | `make up` from its cache | 121 | 9 |\n| `make run` from nothing | 317 | 9 |\n";
        let readme = |text: &str| format!("# S\n\n{FIRST}\n\n{text}\n\n## Two commands\n\n7 more\n");
        assert_eq!(as_measured(&readme("It takes 14 minutes, 2 from its cache,\nand 5 without."), measured), Ok(()));
        for wrong in ["It takes 15 minutes, 2 from its cache, and 5 without.", "It takes 14 minutes.", ""] {
            assert!(as_measured(&readme(wrong), measured).is_err(), "{wrong}");
        }
        assert!(as_measured(&readme("14, 2, 5"), "").is_err(), "nothing was measured");
    }

    #[test]
    fn a_status_that_hides_or_invents_something_is_found() {
        let risks = "# R\n\n## What it does not do yet\n\nWords.\n\n| not yet | so |\n|---|---|\n| Backup | x |\n| TLS | y |\n\n\
                     ## Risks\n\n| risk | so |\n|---|---|\n| Rain | wet |\n";
        let check = |readme: &str| in_step(readme, risks);
        assert_eq!(check("# S\n\n> **Status**:\n>\n> - Backup\n> - TLS\n\n- no part of it\n"), Ok(()));
        for wrong in [
            "",
            "> - Backup\n",
            "> - TLS\n> - Backup\n",
            "> - Backup\n> - TLS\n> - Rain\n",
            "> - Backup\n> - Backup\n> - TLS\n",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert!(in_step("> - Backup\n", "| not yet |\n|---|\n| Backup |\n").is_err(), "a table of no heading");
    }
}
