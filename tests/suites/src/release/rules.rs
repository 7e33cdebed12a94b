//! What a version must be, and where it must stand, to be released. Pure.

use semver::Version;

use super::last::Last;
use super::notes::notes;

/// Places that carry the version: the file, what stands before it in its line, and what to do where it is another.
const PLACES: [Place; 6] = [
    Place { file: "Cargo.toml", before: "version = \"", todo: "set it to {} and run `make generate`" },
    Place { file: "charts/store-manager/Chart.yaml", before: "version: ", todo: GENERATE },
    Place { file: "charts/store-manager/Chart.yaml", before: "appVersion: ", todo: GENERATE },
    Place {
        file: "charts/store-manager/Chart.yaml",
        before: "      image: docker.io/library/store-operator:",
        todo: GENERATE,
    },
    Place {
        file: "charts/store-manager/Chart.yaml",
        before: "      image: docker.io/library/store-api:",
        todo: GENERATE,
    },
    Place { file: "README.md", before: "> **Status: alpha.** Version ", todo: "set it to {}" },
];
const GENERATE: &str = "run `make generate`, which takes it from Cargo.toml";

struct Place {
    file: &'static str,
    /// How its line begins, with its indentation: the CRD's version has the same key further in.
    before: &'static str,
    /// `{}` is the version.
    todo: &'static str,
}

/// What decides whether a version can be released.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Files of the checkout, by path and text, as far as they are among those that are looked at.
    pub files: Vec<(&'static str, String)>,
    /// What git tells of changes that are not committed, one path a line; empty: none.
    pub dirty: String,
    /// The release before this one.
    pub last: Last,
}

/// The files that [`refusals`] looks at.
pub fn files() -> Vec<&'static str> {
    let mut files: Vec<&str> = PLACES.iter().map(|place| place.file).collect();
    files.dedup();
    files.push("CHANGELOG.md");
    files
}

/// The version that is meant by `text`.
///
/// # Errors
/// Why it cannot be one, in words.
pub fn version(text: &str) -> Result<Version, String> {
    if text.is_empty() {
        return Err("which version? Say so: `make release VERSION=1.2.3`".to_owned());
    }
    let version = Version::parse(text).map_err(|error| {
        let hint = text.strip_prefix('v').map(|rest| format!(": leave out the v, as in {rest}")).unwrap_or_default();
        format!("`{text}` is not a version of Semantic Versioning, as 1.2.3 or 1.2.3-rc.1 are: {error}{hint}")
    })?;
    if version.build.is_empty() {
        return Ok(version);
    }
    Err(format!("`{text}` has build metadata, which the tag of an image cannot have: leave out +{}", version.build))
}

/// Where images and chart are pushed, a host and a path.
///
/// # Errors
/// Why it cannot be one, in words.
pub fn registry(text: &str) -> Result<(), String> {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-:".contains(c))
    };
    if text.split('/').all(part) {
        return Ok(());
    }
    Err(format!("`{text}` is not a registry: say host and path in small letters, as in registry.example/owner"))
}

/// Why `version` cannot be released, one line each, with what to do.
pub fn refusals(version: &Version, facts: &Facts) -> Vec<String> {
    let mut refusals = Vec::new();
    let text = |file: &str| facts.files.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| text.as_str());
    for Place { file, before, todo } in &PLACES {
        let todo = todo.replace("{}", &version.to_string());
        let mut lines = text(file).lines().enumerate();
        let found = lines.find_map(|(at, line)| Some((at + 1, line.strip_prefix(before)?)));
        match found {
            None => refusals.push(format!("{file} has no line that begins with `{before}`: {todo}")),
            Some((_, rest)) if carried(rest) == version.to_string() => {}
            Some((at, rest)) => refusals.push(format!("{file}:{at} says {}: {todo}", carried(rest))),
        }
    }
    if let Err(error) = notes(text("CHANGELOG.md"), version) {
        refusals.push(format!("CHANGELOG.md: {error}"));
    }
    if let Some(last) = facts.last.version.as_ref().filter(|last| *last >= version) {
        refusals.push(format!("{last} has been released already: a release comes after it, so say a higher version"));
    }
    if !facts.dirty.trim().is_empty() {
        let files: Vec<&str> = facts.dirty.lines().map(str::trim).collect();
        let files = files.join(", ");
        refusals.push(format!(
            "a release is made of a commit, and these differ from it: {files}: commit them, or put them aside by \
             `git stash --include-untracked`"
        ));
    }
    refusals
}

/// The version at the start of `rest`.
fn carried(rest: &str) -> &str {
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || ".-+".contains(c)))
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
}

/// `chart_yaml`, the text of a Chart.yaml, with `version` in each of its places.
pub fn with_version(chart_yaml: &str, version: &str) -> String {
    let line = |line: &str| {
        let here = |place: &&Place| place.file.ends_with("Chart.yaml") && line.starts_with(place.before);
        match PLACES.iter().find(here) {
            Some(place) => format!("{}{version}\n", place.before),
            None => format!("{line}\n"),
        }
    };
    chart_yaml.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str) -> Facts {
        let image = |name: &str| format!("      image: docker.io/library/{name}:{version}\n");
        let chart = format!("name: x\nversion: {version}\nappVersion: {version}\nannotations:\n  images: |\n");
        let chart = chart + &image("store-operator") + &image("store-api") + "      version: v1alpha1\n";
        let files = vec![
            ("Cargo.toml", format!("[workspace]\nresolver = \"3\"\n\n[workspace.package]\nversion = \"{version}\"\n")),
            ("charts/store-manager/Chart.yaml", chart),
            ("README.md", format!("# A\n> **Status: alpha.** Version {version}, `v1alpha1`.\n")),
            ("CHANGELOG.md", format!("## [Unreleased]\n\n## [{version}] - 2026-12-01\n\n- A thing.\n")),
        ];
        Facts { files, dirty: String::new(), last: Last::default() }
    }

    fn of(text: &str) -> Version {
        version(text).expect("a version")
    }

    #[test]
    fn a_version_is_one_of_semantic_versioning_that_a_tag_of_an_image_can_be() {
        assert_eq!(of("1.2.3-rc.1").to_string(), "1.2.3-rc.1");
        for (text, told) in
            [("", "VERSION="), ("1.2", "1.2.3"), ("v1.2.3", "as in 1.2.3"), ("1.2.3+x", "+x"), ("1.02.3", "zero")]
        {
            let error = version(text).expect_err("refused");
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn a_registry_is_a_host_and_a_path() {
        for good in ["docker.io/library", "registry.example:5000/owner/shop"] {
            assert_eq!(registry(good), Ok(()));
        }
        for bad in ["", "https://registry.example/a", "registry.example/", "registry.example/Owner", "a b"] {
            assert!(registry(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_refused_where_all_agree() {
        assert_eq!(refusals(&of("0.2.0"), &facts("0.2.0")), Vec::<String>::new());
        assert_eq!(refusals(&of("0.2.0-rc.1"), &facts("0.2.0-rc.1")), Vec::<String>::new());
    }

    #[test]
    fn every_place_with_another_version_is_told_with_its_line_and_what_to_do() {
        let told = refusals(&of("0.2.0"), &facts("0.1.0"));
        let places = [
            "Cargo.toml:5 ",
            "Chart.yaml:2 ",
            "Chart.yaml:3 ",
            "Chart.yaml:6 ",
            "Chart.yaml:7 ",
            "README.md:2 ",
            "CHANGELOG.md: ",
        ];
        assert_eq!(told.len(), places.len(), "{told:#?}");
        for (told, place) in told.iter().zip(places) {
            assert!(told.contains(place), "{told}");
        }
        assert!(told[0].ends_with("says 0.1.0: set it to 0.2.0 and run `make generate`"), "{}", told[0]);
        let missing = refusals(&of("0.2.0"), &Facts::default());
        assert!(missing[0].contains("has no line"), "{missing:?}");
    }

    #[test]
    fn a_changed_file_and_a_version_that_is_not_new_are_refused() {
        let mut dirty = facts("0.2.0");
        dirty.dirty = " M operator/src/commit.rs\n?? new.rs\n".to_owned();
        let told = refusals(&of("0.2.0"), &dirty);
        assert!(matches!(&told[..], [one] if one.contains("M operator/src/commit.rs, ?? new.rs")), "{told:?}");
        let mut old = facts("0.2.0");
        for (last, refused) in [("0.2.0", 1), ("0.10.0", 1), ("0.2.0-rc.1", 0), ("0.1.9", 0)] {
            old.last.version = Some(of(last));
            assert_eq!(refusals(&of("0.2.0"), &old).len(), refused, "{last}");
        }
    }

    #[test]
    fn the_charts_version_is_written_into_each_of_its_places_and_nothing_else() {
        let chart = |facts: Facts| facts.files[1].1.clone();
        assert_eq!(with_version(&chart(facts("0.1.0")), "0.2.0-rc.1"), chart(facts("0.2.0-rc.1")));
        assert_eq!(with_version("kubeVersion: 1\nx\n", "2.0.0"), "kubeVersion: 1\nx\n");
    }
}
