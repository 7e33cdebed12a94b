//! Sections of CHANGELOG.md, which has the form of Keep a Changelog. Pure.

use semver::Version;

/// What a heading of a version begins with.
const HEADING: &str = "## [";
/// The heading of what has not been released.
pub const UNRELEASED: &str = "## [Unreleased]";

/// The notes of a version: what stands below its heading, without the heading.
///
/// # Errors
/// What is missing, in words, and what to do: a section, its day, or anything in it.
pub fn notes(changelog: &str, version: &Version) -> Result<String, String> {
    let heading = format!("{HEADING}{version}]");
    let mut lines = changelog.lines().skip_while(|line| !line.starts_with(&heading));
    let Some(found) = lines.next() else {
        return Err(format!("no section `{heading} - YYYY-MM-DD`: {}", rename(changelog, &heading)));
    };
    let day = found[heading.len()..].strip_prefix(" - ").unwrap_or_default();
    if day.parse::<jiff::civil::Date>().is_err() {
        return Err(format!("`{found}` has no day: write `{heading} - YYYY-MM-DD`"));
    }
    let section: Vec<&str> = lines.take_while(|line| !line.starts_with(HEADING)).collect();
    let text = section.join("\n").trim().to_owned() + "\n";
    if section.iter().all(|line| line.trim().is_empty() || line.starts_with('#')) {
        return Err(format!("`{heading}` tells of nothing: say below it what users notice"));
    }
    Ok(text)
}

/// What to do where there is no section yet.
fn rename(changelog: &str, heading: &str) -> String {
    match changelog.lines().position(|line| line.starts_with(UNRELEASED)) {
        Some(line) => {
            format!("make line {} (`{UNRELEASED}`) that heading, and put a new `{UNRELEASED}` above", line + 1)
        }
        None => format!("put `{heading} - YYYY-MM-DD` above what the version brings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- Later.\n\n## [0.10.0] - 2026-12-01\n\n### Added\n\n- A thing.\n\
        \x20 It goes on.\n\n## [0.1.0] - 2026-11-01\n\n- First.\n";

    fn cut(changelog: &str, version: &str) -> Result<String, String> {
        notes(changelog, &Version::parse(version).expect("a version"))
    }

    #[test]
    fn the_notes_of_a_version_are_its_section_alone() {
        assert_eq!(cut(CHANGELOG, "0.10.0").expect("notes"), "### Added\n\n- A thing.\n  It goes on.\n");
        assert_eq!(cut(CHANGELOG, "0.1.0").expect("notes"), "- First.\n");
    }

    #[test]
    fn a_version_without_a_section_is_told_which_line_becomes_its_heading() {
        let error = cut(CHANGELOG, "0.11.0").expect_err("refused");
        assert!(error.contains("## [0.11.0] - YYYY-MM-DD") && error.contains("line 3"), "{error}");
        assert!(cut("# Changelog\n", "0.11.0").is_err());
    }

    #[test]
    fn a_section_without_a_day_or_with_nothing_in_it_is_refused() {
        for heading in ["## [1.0.0]", "## [1.0.0] - soon", "## [1.0.0] - 2026-02-30"] {
            let error = cut(&format!("{heading}\n\n- A thing.\n"), "1.0.0").expect_err("refused");
            assert!(error.contains("no day"), "{error}");
        }
        let error = cut("## [1.0.0] - 2026-12-01\n\n### Added\n\n## [0.1.0] - 2026-11-01\n\n- A thing.\n", "1.0.0");
        assert!(error.is_err_and(|error| error.contains("nothing")));
    }
}
