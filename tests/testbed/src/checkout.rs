//! The checkout that this program was built in, and cargo there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How the variables begin by which cargo tells a program of its package.
const OF_A_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The root of the checkout that this program was built in.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// Cargo, in the root of the checkout. Ask it for the workspace (`--workspace`, or `--bin` alone), never for a package: what a
/// package asks of its dependencies is less, and cargo would compile many of them once more.
pub fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(arguments);
    without_package(&mut cargo);
    cargo
}

/// Takes away from what `command` inherits the package that cargo runs this program for. Build scripts read these variables,
/// and a cargo below would compile what depends on them again: after each program of another package, and back.
pub fn without_package(command: &mut Command) {
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| OF_A_PACKAGE.iter().any(|beginning| name.starts_with(beginning))) {
            command.env_remove(name);
        }
    }
}

/// Where [`cargo`] puts `program` of the workspace.
pub fn built(program: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |told| root().join(told));
    target.join("debug").join(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_below_learns_nothing_of_the_package_that_a_program_is_of() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "cargo runs this test");
        let cargo = cargo(["build"]);
        for name in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR", "CARGO_MANIFEST_DIR"] {
            assert!(cargo.get_envs().any(|(found, value)| found == name && value.is_none()), "{name}");
        }
    }
}
