//! The release before this one: its version and commit stand in `docs/last-release.json`, since no commit can name
//! itself, and a clone may lack tags. Until there is a release, the commit is one that stands in for it. IO: reads
//! that file, asks git.

use std::fs;
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{ReleaseError, git};
use crate::steps::Check;
use store_testbed::command::{SHORT, run, succeeds};

/// Where it stands.
pub const FILE: &str = "docs/last-release.json";

/// A release, or the commit that stands in for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    /// Its version; none while nothing has been released.
    pub version: Option<Version>,
    /// The commit that it was made of, 40 hexadecimal digits.
    pub commit: String,
}

/// Reads it.
///
/// # Errors
/// [`ReleaseError::Last`] when the file cannot be read or says something else.
pub fn read(root: &Path) -> Result<Last, ReleaseError> {
    let text = fs::read_to_string(root.join(FILE)).map_err(|error| ReleaseError::Last(error.to_string()))?;
    parse(&text).map_err(ReleaseError::Last)
}

fn parse(text: &str) -> Result<Last, String> {
    let last: Last = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let whole = last.commit.len() == 40 && last.commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if whole { Ok(last) } else { Err(format!("`{}` is not a whole commit", last.commit)) }
}

/// The checks that the file says what the tags say, where this clone has any.
pub fn checks(root: &Path) -> Vec<Check> {
    let result = || {
        let last = read(root).map_err(|error| error.to_string())?;
        held(&last, newest_tag(root)?.as_ref())?;
        // A shallow clone does not have it.
        let ask = |arguments: &[&str]| succeeds(git(root).args(arguments), SHORT);
        let shallow = run(git(root).args(["rev-parse", "--is-shallow-repository"]), SHORT);
        if shallow.map_err(|error| error.to_string())?.trim() == "true"
            || ask(&["merge-base", "--is-ancestor", &last.commit, "HEAD"])
        {
            return Ok(());
        }
        Err(format!("{} is no ancestor of this commit", last.commit))
    };
    vec![(format!("{FILE} is the last release"), result())]
}

/// The newest tag of a version before this commit, with its commit. A tag of this commit is not the last release but
/// this one.
fn newest_tag(root: &Path) -> Result<Option<(String, String)>, String> {
    let tags = [
        "tag",
        "--list",
        "v[0-9]*",
        "--merged",
        "HEAD",
        "--no-contains",
        "HEAD",
        "--format",
        "%(refname:strip=2) %(objectname) %(*objectname)",
    ];
    let printed = run(git(root).args(tags), SHORT).map_err(|error| error.to_string())?;
    Ok(newest(&printed))
}

/// The highest version of git's list: name, object, and for an annotated tag the commit that it points to.
fn newest(tags: &str) -> Option<(String, String)> {
    let parsed = tags.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let version = Version::parse(name.strip_prefix('v')?).ok()?;
        Some((version, name.to_owned(), words.last()?.to_owned()))
    });
    parsed.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, name, commit)| (name, commit))
}

/// Whether `last` is what the newest tag says; a clone without tags says nothing.
fn held(last: &Last, tag: Option<&(String, String)>) -> Result<(), String> {
    let Some((name, commit)) = tag else { return Ok(()) };
    let told = last.version.as_ref().map(|version| format!("v{version}"));
    if told.as_ref() == Some(name) && last.commit == *commit {
        return Ok(());
    }
    let told = told.unwrap_or_else(|| "that there is none".to_owned());
    let right = written(&name[1..], commit);
    Err(format!("it says {told}, of {}, and the tags say {name}, of {commit}: make it `{right}`", last.commit))
}

/// The file's text for a release.
pub fn written(version: &str, commit: &str) -> String {
    serde_json::json!({ "version": version, "commit": commit }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";
    const OTHER: &str = "9876543210987654321098765432109876543210";

    #[test]
    fn the_newest_tag_is_that_of_the_highest_version_and_an_annotated_one_is_that_of_its_commit() {
        let tags = format!("v0.9.0 {OTHER}\nv0.10.0 {OTHER} {COMMIT}\nv1x {OTHER}\nv0.10.0-rc.1 {OTHER}\n");
        assert_eq!(newest(&tags), Some(("v0.10.0".to_owned(), COMMIT.to_owned())));
        assert_eq!(newest(""), None);
    }

    #[test]
    fn the_file_must_be_what_the_newest_tag_says_where_there_is_one() {
        let tag = ("v0.2.0".to_owned(), COMMIT.to_owned());
        let last = parse(&written("0.2.0", COMMIT)).expect("a release");
        assert_eq!(held(&last, Some(&tag)), Ok(()));
        assert_eq!(held(&last, None), Ok(()));
        for wrong in
            [written("0.1.0", COMMIT), written("0.2.0", OTHER), format!(r#"{{"version":null,"commit":"{COMMIT}"}}"#)]
        {
            let last = parse(&wrong).expect("read");
            let error = held(&last, Some(&tag)).expect_err("refused");
            assert!(error.contains(&written("0.2.0", COMMIT)), "{error}");
        }
    }

    #[test]
    fn a_file_with_a_short_commit_or_another_field_is_refused() {
        for wrong in [
            r#"{"version":null,"commit":"ce5a86d"}"#.to_owned(),
            format!(r#"{{"commit":"{COMMIT}","why":"x"}}"#),
            String::new(),
        ] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }
}
