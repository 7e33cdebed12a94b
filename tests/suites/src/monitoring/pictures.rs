//! Pictures of the dashboards, for the documents: every panel's queries as a Prometheus answers them, drawn by the
//! page in `tests/pictures` in Debian's Chromium. Blocking IO: apt, npm, node, a browser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::DASHBOARDS;
use store_testbed::command::{CommandError, LONG, run};
use store_testbed::packages::{self, Package};

/// What taking them needs of Debian.
const PACKAGES: &[Package] = &[
    Package { name: "chromium", purpose: "pages in a browser" },
    Package { name: "fonts-dejavu-core", purpose: "the texts in them" },
];

/// What is in the pictures.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Prometheus' API, such as `http://127.0.0.1:9090/api/v1`.
    pub prometheus: String,
    /// How far back they reach.
    pub span: Duration,
    /// Namespace of the shop.
    pub namespace: String,
    /// Name of the shop.
    pub store: String,
}

/// Has Debian's Chromium installed, and in `directory` what its package-lock.json names.
///
/// # Errors
/// [`CommandError`] when apt or npm fails.
pub fn browser(directory: &Path) -> Result<(), CommandError> {
    packages::ensure(PACKAGES)?;
    npm(directory)
}

/// Has in `directory` what its package-lock.json names, which npm looks at again each time.
///
/// # Errors
/// [`CommandError`] when npm fails.
pub fn npm(directory: &Path) -> Result<(), CommandError> {
    run(Command::new("npm").current_dir(directory).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]), LONG)?;
    Ok(())
}

/// Writes `<dashboard>.png` of each of the chart's dashboards into a directory.
///
/// # Errors
/// [`CommandError`] when a program fails; a panel without data is an error, too.
pub fn take(root: &Path, subject: &Subject, into: &Path) -> Result<(), CommandError> {
    let page: PathBuf = root.join("tests/pictures");
    browser(&page)?;
    let mut node = Command::new("node");
    node.current_dir(root).arg(page.join("take.mjs")).arg(&subject.prometheus).arg(subject.span.as_secs().to_string());
    node.args([&subject.namespace, &subject.store]).arg(root.join(DASHBOARDS)).arg(into);
    run(&mut node, LONG).map(drop)
}
