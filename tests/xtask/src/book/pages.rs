//! Which Markdown files are pages of the site, and where their links lead in it. Pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::docs::{is_elsewhere, resolve, targets};

/// The list of pages, which is none itself.
pub const SUMMARY: &str = "docs/SUMMARY.md";
/// The page of a directory, and what mdBook makes of it; it does not follow with the links.
const README: &str = "README.md";
const INDEX: &str = "index.html";
/// What a page shows as it is; all else that a page links to is shown as text.
const SHOWN: [&str; 3] = ["png", "svg", "jpg"];
/// The list of the files of a directory that a page links to, in that directory.
pub const LISTING: &str = "files.txt";

/// What a link of a page leads to in the site, when it is no page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copy {
    /// The file under its own name.
    AsItIs(PathBuf),
    /// The file, with `.txt` after its name, so that a browser shows it.
    AsText(PathBuf),
    /// The names of the files below a directory.
    Listing(PathBuf),
}

/// The pages that the summary names, by their path from the root of the checkout, in its order.
pub fn pages(summary: &str) -> Vec<PathBuf> {
    targets(summary).iter().map(|target| resolve(Path::new(SUMMARY), target)).collect()
}

/// What is wrong with the summary: a page that is named twice, and a document in `docs/` that is not named. `files`
/// are all of the checkout.
///
/// # Errors
/// Each of them in words, with what to do.
pub fn complete(pages: &[PathBuf], files: &BTreeSet<PathBuf>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let twice =
        pages.iter().filter(|page| !seen.insert(*page)).map(|page| format!("{} is named twice", page.display()));
    let mut wrong: Vec<String> = twice.collect();
    let documents =
        files.iter().filter(|file| file.starts_with("docs") && file.extension().is_some_and(|end| end == "md"));
    let missing = documents.filter(|file| *file != Path::new(SUMMARY) && !pages.contains(file));
    wrong.extend(missing.map(|file| format!("{} is not named: give it a line", file.display())));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// The summary as the site needs it: with paths from the root of the checkout.
pub fn from_root(summary: &str) -> String {
    relink(summary, |target| Some(resolve(Path::new(SUMMARY), target).display().to_string()))
}

/// The text of `page` with its links as the site has them, and what is to be copied for them.
///
/// # Errors
/// Links to a document that is no page.
pub fn linked(
    page: &Path,
    text: &str,
    pages: &[PathBuf],
    files: &BTreeSet<PathBuf>,
) -> Result<(String, BTreeSet<Copy>), String> {
    let mut copies = BTreeSet::new();
    let mut strangers = Vec::new();
    let text = relink(text, |target| {
        let (file, anchor) =
            target.split_once('#').map_or((target, String::new()), |(file, at)| (file, format!("#{at}")));
        if file.is_empty() || is_elsewhere(target) {
            return None;
        }
        let place = resolve(page, file);
        if pages.contains(&place) {
            return file.strip_suffix(README).map(|directory| format!("{directory}{INDEX}{anchor}"));
        }
        if !files.contains(&place) {
            let directory = file.trim_end_matches('/');
            if pages.contains(&place.join(README)) {
                return Some(format!("{directory}/{INDEX}{anchor}"));
            }
            copies.insert(Copy::Listing(place));
            return Some(format!("{directory}/{LISTING}"));
        }
        match place.extension().and_then(|end| end.to_str()) {
            Some("md") => {
                strangers.push(format!("{target} is no page: name it in {SUMMARY}"));
                None
            }
            Some(end) if SHOWN.contains(&end) => {
                copies.insert(Copy::AsItIs(place));
                None
            }
            _ => {
                copies.insert(Copy::AsText(place));
                Some(format!("{file}.txt"))
            }
        }
    });
    if strangers.is_empty() { Ok((text, copies)) } else { Err(strangers.join("; ")) }
}

/// `text` with other targets in its inline links outside of fences, where `new` has one.
fn relink(text: &str, mut new: impl FnMut(&str) -> Option<String>) -> String {
    let mut fenced = false;
    let mut made = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        fenced ^= line.trim_start().starts_with("```");
        let mut rest = line;
        while let Some(at) = rest.find("](").filter(|_| !fenced) {
            let (before, after) = rest.split_at(at + 2);
            let Some(end) = after.find(')') else { break };
            let target = after[..end].split_whitespace().next().unwrap_or_default();
            made += before;
            made += &new(target).unwrap_or_else(|| target.to_owned());
            rest = &after[target.len()..];
        }
        made += rest;
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &[&str]) -> Vec<PathBuf> {
        list.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn the_summary_names_pages_from_its_own_directory() {
        let summary = "# Summary\n\n[A](../README.md)\n\n- [B](b.md)\n  - [C](c/README.md)\n";
        assert_eq!(pages(summary), paths(&["README.md", "docs/b.md", "docs/c/README.md"]));
        assert_eq!(from_root(summary), "# Summary\n\n[A](README.md)\n\n- [B](docs/b.md)\n  - [C](docs/c/README.md)\n");
    }

    #[test]
    fn a_document_that_the_summary_does_not_name_or_names_twice_is_found() {
        let files =
            paths(&["docs/a.md", "docs/b/c.md", "docs/x.json", "docs/SUMMARY.md", "README.md"]).into_iter().collect();
        assert_eq!(complete(&paths(&["docs/a.md", "docs/b/c.md"]), &files), Ok(()));
        let error = complete(&paths(&["docs/a.md", "docs/a.md"]), &files).expect_err("refused");
        assert!(error.contains("docs/a.md is named twice") && error.contains("docs/b/c.md is not named"), "{error}");
    }

    #[test]
    fn a_link_out_of_the_site_leads_to_a_copy_in_it() {
        let pages = paths(&["README.md", "docs/a.md", "docs/b/c.md", "operator/README.md"]);
        let more = paths(&["deny.toml", "docs/p.png", "docs/a.md", "operator/src/commit.rs", "operator/README.md"]);
        let files = pages.iter().cloned().chain(more).collect();
        let text = "[a](../a.md#x) [b](../../deny.toml \"t\") `x` [![p](../p.png)](../p.png)\n\
            ```\n[c](../../deny.toml)\n```\n[d](../../operator/src/) [e](../../operator#f) \
            [f](../../README.md#a) [g](https://x.y/z) [h](#i) [b](../../deny.toml)\n";
        let (made, copies) = linked(Path::new("docs/b/c.md"), text, &pages, &files).expect("linked");
        let expected = "[a](../a.md#x) [b](../../deny.toml.txt \"t\") `x` [![p](../p.png)](../p.png)\n\
            ```\n[c](../../deny.toml)\n```\n[d](../../operator/src/files.txt) [e](../../operator/index.html#f) \
            [f](../../index.html#a) [g](https://x.y/z) [h](#i) [b](../../deny.toml.txt)\n";
        assert_eq!(made, expected);
        let wanted =
            [Copy::AsItIs("docs/p.png".into()), Copy::AsText("deny.toml".into()), Copy::Listing("operator/src".into())];
        assert_eq!(copies, wanted.into());
    }

    #[test]
    fn a_link_to_a_document_that_is_no_page_is_found() {
        let files = paths(&["docs/a.md", "docs/b.md"]).into_iter().collect();
        let error = linked(Path::new("docs/a.md"), "[b](b.md)", &paths(&["docs/a.md"]), &files).expect_err("refused");
        assert!(error.contains("b.md is no page"), "{error}");
    }
}
