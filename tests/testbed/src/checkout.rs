//! The checkout that this program was built in, and cargo there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout that this program was built in.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// Cargo, in the root of the checkout. Ask it for the workspace (`--workspace`, or `--bin` alone), never for a package: what a
/// package asks of its dependencies is less, and cargo would compile many of them once more.
pub fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(arguments);
    cargo
}

/// Where [`cargo`] puts `program` of the workspace.
pub fn built(program: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |told| root().join(told));
    target.join("debug").join(program)
}
