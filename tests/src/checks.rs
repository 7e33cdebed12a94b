//! What `make check` runs, before each commit and as the first part of `make test`. IO: child
//! processes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::counts::Counting;
use crate::steps::Steps;

/// Enough for a build of everything from nothing on two busy cores.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// The root of the checkout that this program was built in.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Cargo, in the root of the checkout.
pub fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(arguments);
    cargo
}

/// Runs all of them.
pub fn run(steps: &mut Steps) {
    let mut tests = cargo(["test", "--workspace", "--no-fail-fast"]);
    steps.command("unit tests", &mut tests, Counting::CargoTest, BUILD);
}
