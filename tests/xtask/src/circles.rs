//! The files of the planner stand on floors: each needs only what lies below it, and no two need each other. Whoever
//! reads one has an end to come to.
//!
//! Read by text: a path that begins with `crate`, `self`, `super` or the name of a child counts for the file of the
//! longest module that it names. That a file declares a child is no need of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use store_testbed::checkout::root;

const SOURCES: &str = "operator/planner/src";

/// The text of each module that has a file, by its path in the crate; that of the root is empty.
type Files = BTreeMap<String, String>;

fn read(directory: &Path, module: &str, files: &mut Files) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let inner = if module.is_empty() { name.clone() } else { format!("{module}::{name}") };
        if path.is_dir() {
            read(&path, &inner, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inner = if inner == "lib" { String::new() } else { inner };
            files.insert(inner, std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// Names, `::` and single characters, without comments, texts and characters in quotes.
fn tokens(text: &str) -> Vec<&str> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = |end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
        let raw = rest.strip_prefix('r').map(|rest| rest.trim_start_matches('#')).filter(|text| text.starts_with('"'));
        let length = if rest.starts_with("//") {
            after("\n")
        } else if rest.starts_with("/*") {
            after("*/")
        } else if let Some(quoted) = raw {
            let hashes = rest.len() - quoted.len() - 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            let mut letters = rest.chars().skip(1);
            match (letters.next(), letters.next()) {
                (Some('\\'), _) | (_, Some('\'')) => quoted(rest, '\''),
                _ => 1,
            }
        } else {
            let name = rest.find(|letter: char| !is_name(letter)).unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { name.max(first.len_utf8()) };
            if !first.is_whitespace() {
                tokens.push(&rest[..length]);
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// Length of what stands between two of these quotes, with them.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = true; // the first quote
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Without the tests beside the code.
fn without_tests<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    const TESTS: [&str; 10] = ["#", "[", "cfg", "(", "test", ")", "]", "mod", "tests", "{"];
    match tokens.windows(TESTS.len()).position(|window| window == TESTS) {
        Some(at) => tokens[..at].to_vec(),
        None => tokens.to_vec(),
    }
}

/// The paths at the start of these tokens, all of them in a group, and how many tokens they take.
fn tree<'a>(tokens: &[&'a str], before: &[&'a str], paths: &mut Vec<Vec<&'a str>>) -> usize {
    let Some(first) = tokens.first() else { return 0 };
    if *first == "{" {
        let mut at = 1;
        while tokens.get(at).is_some_and(|token| *token != "}") {
            at += if tokens[at] == "," { 1 } else { tree(&tokens[at..], before, paths).max(1) };
        }
        return at + 1;
    }
    let path = [before, &[*first]].concat();
    let goes_on = |next: &&str| {
        ["{", "*"].contains(next) || next.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
    };
    if tokens.get(1) == Some(&"::") && tokens.get(2).is_some_and(goes_on) {
        return 2 + tree(&tokens[2..], &path, paths);
    }
    paths.push(path);
    if tokens.get(1) == Some(&"as") { 3 } else { 1 }
}

/// The modules with files of their own that a module needs.
fn needs(module: &str, files: &Files) -> BTreeSet<String> {
    let tokens = without_tests(&tokens(&files[module]));
    let children: BTreeSet<&str> =
        tokens.windows(3).filter(|window| window[0] == "mod" && window[2] == ";").map(|window| window[1]).collect();
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = ["crate", "self", "super"].contains(&tokens[at]) || children.contains(tokens[at]);
        let goes_on = at > 0 && ["::", "mod", "."].contains(&tokens[at - 1]);
        let is_path = begins && !goes_on && tokens.get(at + 1) == Some(&"::");
        at += if is_path { tree(&tokens[at..], &[], &mut paths) } else { 1 };
    }
    let own: Vec<&str> = module.split("::").filter(|name| !name.is_empty()).collect();
    let file = |path: Vec<&str>| {
        let climbs = path.iter().take_while(|name| **name == "super").count();
        let from: &[&str] = match path[0] {
            "crate" => &[],
            "super" => &own[..own.len().saturating_sub(climbs)],
            _ => &own,
        };
        let named = if ["crate", "self"].contains(&path[0]) { &path[1..] } else { &path[climbs..] };
        let whole = [from, named].concat();
        (1..=whole.len()).rev().map(|length| whole[..length].join("::")).find(|name| files.contains_key(name))
    };
    paths.into_iter().filter_map(file).filter(|found| found != module).collect()
}

/// The modules from which a way leads back to themselves.
fn on_circles(files: &Files) -> Vec<&str> {
    let needs: BTreeMap<&str, BTreeSet<String>> =
        files.keys().map(|module| (module.as_str(), needs(module, files))).collect();
    let comes_back = |module: &&str| {
        let mut open: Vec<&str> = vec![*module];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            let next = needs.get(at).into_iter().flatten().map(String::as_str);
            open.extend(next.filter(|next| seen.insert(*next)));
        }
        seen.contains(module)
    };
    needs.keys().copied().filter(comes_back).collect()
}

#[test]
fn no_two_files_of_the_planner_need_each_other() {
    let mut files = Files::new();
    read(&root().join(SOURCES), "", &mut files).expect("the planner's sources");
    let is_test = |module: &str| {
        let name = module.rsplit("::").next().unwrap_or_default();
        name == "tests" || name.ends_with("_tests")
    };
    files.retain(|module, _| !is_test(module));
    assert!(
        needs("plan", &files).contains("plan::procedures::rollout") && needs("status", &files).contains("decision")
    );
    assert_eq!(on_circles(&files), Vec::<&str>::new());
}

#[test]
fn what_decides_looks_at_no_json_and_takes_no_name_apart() {
    let mut files = Files::new();
    read(&root().join(SOURCES), "", &mut files).expect("the planner's sources");
    let decides = |module: &&String| ["plan", "status"].contains(&module.split("::").next().unwrap_or_default());
    let foreign = ["serde_json", "rsplit", "rsplit_once", "split_once", "strip_prefix"];
    let mut decisions = 0;
    for module in files.keys().filter(decides) {
        let tokens = tokens(&files[module]);
        let found: Vec<&str> = without_tests(&tokens).into_iter().filter(|token| foreign.contains(token)).collect();
        // paths of fields are taken apart there, not names of pods
        let expected: &[&str] = if module == "plan::causes" { &["strip_prefix"] } else { &[] };
        assert_eq!(found, expected, "{module}");
        decisions += 1;
    }
    assert!(decisions > 30, "{decisions}");
}

#[test]
fn a_circle_is_found_however_it_is_written_and_tests_and_texts_make_none() {
    let circle = |low: &str, high: &str| {
        let files =
            [("", "mod low; mod high;"), ("low", low), ("high", high), ("high::part", "use super::super::low::A;")];
        let files = files.map(|(module, text)| (module.to_owned(), text.to_owned())).into();
        on_circles(&files).join(" ")
    };
    assert_eq!(circle("pub struct A;", "mod part; use part::A; use crate::low::{self, A};"), "");
    let both = "high high::part low";
    assert_eq!(circle("use crate::high::{A, part::{B, C}};", "mod part; pub use part::B;"), both);
    assert_eq!(circle("fn f() -> super::high::B { matches!(x, crate::high::B::C) }", "use crate::low::A;"), "high low");
    assert_eq!(circle("use crate::{std, high as h};", "mod part; const A: u8 = part::B;"), both);
    let part_alone = "mod part; fn f<'a>() { part::f('\\'', \"\"); }";
    assert_eq!(circle("use crate::{std as s, high::part::*};", part_alone), "high::part low");
    for quiet in
        ["// crate::high::A", "const A: &str = \"\\\" crate::high::A\";", "const A: &str = r#\"\" crate::high::A\"#;"]
    {
        assert_eq!(circle(quiet, "use super::low::A;"), "", "{quiet}");
    }
    assert_eq!(circle("#[cfg(test)]\nmod tests {\n use crate::high::A;\n}\n", "use super::low::A;"), "");
}
