//! Links of a built site: what its pages lead to and load must be in it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use html5gum::{DefaultEmitter, Token, Tokenizer};

use crate::docs::{is_elsewhere, resolve};

/// Attributes of elements whose address a browser loads without being asked to.
const LOADED: [(&str, &str); 3] = [("script", "src"), ("img", "src"), ("link", "href")];

/// What is looked at of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Places in it that a link can name.
    ids: BTreeSet<String>,
    /// Addresses that it leads to.
    links: BTreeSet<String>,
    /// Addresses that it loads.
    loads: BTreeSet<String>,
}

/// Reads a page of HTML.
pub fn read(html: &str) -> Page {
    let mut page = Page::default();
    // What a script says about tags is none of the page's.
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        let name = String::from_utf8_lossy(&tag.name);
        for (attribute, value) in &tag.attributes {
            let (attribute, value) = (String::from_utf8_lossy(attribute), String::from_utf8_lossy(value).into_owned());
            match (&*name, &*attribute) {
                (_, "id") => drop(page.ids.insert(value)),
                ("a" | "iframe", "href" | "src") => drop(page.links.insert(value)),
                of if LOADED.contains(&of) => drop(page.loads.insert(value)),
                _ => {}
            }
        }
    }
    page
}

/// What is wrong with the page at `path`: what it leads to or loads is not there. `pages` are all of the site,
/// `files` all of its files.
///
/// # Errors
/// Each such address, with the reason.
pub fn check(path: &Path, pages: &BTreeMap<PathBuf, Page>, files: &BTreeSet<PathBuf>) -> Result<(), String> {
    let page = pages.get(path).ok_or_else(|| "it is not there".to_owned())?;
    let loaded = page.loads.iter().filter(|address| is_elsewhere(address));
    let mut wrong: Vec<String> = loaded.map(|address| format!("{address} is loaded from elsewhere")).collect();
    for address in page.loads.iter().chain(&page.links).filter(|address| !is_elsewhere(address)) {
        let (file, anchor) = address.split_once('#').map_or((address.as_str(), ""), |(file, anchor)| (file, anchor));
        let place = if file.is_empty() { path.to_owned() } else { resolve(path, file) };
        if !files.contains(&place) {
            wrong.push(format!("{address}: there is no {}", place.display()));
        } else if !anchor.is_empty() && !pages.get(&place).is_some_and(|page| page.ids.contains(anchor)) {
            wrong.push(format!("{address}: {} has no such place", place.display()));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = "<!DOCTYPE html><html><head><link rel=stylesheet href='../a.css'>\
        <script src=\"../b.js\"></script>\
        <script>const x = '<a href=\"no\">';</script></head><body id=top><h2 id=\"one-&amp;\">One</h2>\
        <a href=\"c.html#x\">c</a> <a href='#top'>t</a> <img src=d.png> <a href=\"https://x.y/z\">e</a></body></html>";

    fn site(html: &str) -> (BTreeMap<PathBuf, Page>, BTreeSet<PathBuf>) {
        let pages = BTreeMap::from([("docs/p.html".into(), read(html)), ("docs/c.html".into(), read("<p id=x>"))]);
        let others = ["a.css", "b.js", "docs/d.png"].map(PathBuf::from);
        let files = pages.keys().cloned().chain(others).collect();
        (pages, files)
    }

    fn checked(html: &str) -> Result<(), String> {
        let (pages, files) = site(html);
        check(Path::new("docs/p.html"), &pages, &files)
    }

    #[test]
    fn links_what_is_loaded_and_places_are_read_and_scripts_are_not() {
        let page = read(HTML);
        let set = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(page.ids, set(&["top", "one-&"]));
        assert_eq!(page.links, set(&["#top", "c.html#x", "https://x.y/z"]));
        assert_eq!(page.loads, set(&["../a.css", "../b.js", "d.png"]));
    }

    #[test]
    fn what_leads_to_nothing_is_found() {
        assert_eq!(checked(HTML), Ok(()));
        for dead in ["c.html#x", "#top", "d.png", "../a.css"] {
            let error = checked(&HTML.replace(dead, &format!("{dead}-not"))).expect_err(dead);
            assert!(error.contains(dead), "{error}");
        }
    }

    #[test]
    fn what_is_loaded_from_elsewhere_is_found() {
        let error = checked(&HTML.replace("../b.js", "https://x.y/b.js")).expect_err("refused");
        assert_eq!(error, "https://x.y/b.js is loaded from elsewhere");
    }
}
