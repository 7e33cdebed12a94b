//! Debian's Chromium, and the packages of npm that drive it or look at what it is given. Blocking IO: apt, npm.

use std::path::Path;
use std::process::Command;

use store_testbed::command::{CommandError, LONG, run};
use store_testbed::packages::{self, Package};

/// What a page needs to be drawn.
const PACKAGES: &[Package] = &[
    Package { name: "chromium", purpose: "pages in a browser" },
    Package { name: "fonts-dejavu-core", purpose: "the texts in them" },
];

/// Has Chromium installed, and in `directory` what its `package-lock.json` names.
///
/// # Errors
/// [`CommandError`] when apt or npm fails.
pub fn ensure(directory: &Path) -> Result<(), CommandError> {
    packages::ensure(PACKAGES)?;
    npm(directory)
}

/// Has in `directory` what its `package-lock.json` names, as npm has it now: what lies there is made anew.
///
/// # Errors
/// [`CommandError`] when npm fails.
pub fn npm(directory: &Path) -> Result<(), CommandError> {
    let mut npm = Command::new("npm");
    npm.current_dir(directory).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(&mut npm, LONG).map(drop)
}
