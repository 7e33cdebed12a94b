//! Pictures of the dashboards, for the documents: every panel's queries as a Prometheus answers them, drawn by the
//! page in `tests/pictures` in Debian's Chromium. Blocking IO: apt, npm, node, a browser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::DASHBOARDS;
use crate::browser;
use store_testbed::command::{CommandError, LONG, run};

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

/// Writes `<dashboard>.png` of each of the chart's dashboards into a directory.
///
/// # Errors
/// [`CommandError`] when a program fails; a panel without data is an error, too.
pub fn take(root: &Path, subject: &Subject, into: &Path) -> Result<(), CommandError> {
    let page: PathBuf = root.join("tests/pictures");
    browser::ensure(&page)?;
    let mut node = Command::new("node");
    node.current_dir(root).arg(page.join("take.mjs")).arg(&subject.prometheus).arg(subject.span.as_secs().to_string());
    node.args([&subject.namespace, &subject.store]).arg(root.join(DASHBOARDS)).arg(into);
    run(&mut node, LONG).map(drop)
}
