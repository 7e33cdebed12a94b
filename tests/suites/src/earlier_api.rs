//! `store-api` of the last release, which an upgrade begins with: compiled once a commit, from its own files and its own
//! lock file. IO: git, cargo, the cache.

use std::fs;
use std::path::{Path, PathBuf};

use crate::release::tree::Tree;
use crate::release::{ReleaseError, last};
use store_testbed::cache::{Cache, CacheError, Key};
use store_testbed::checkout::{cargo, root};
use store_testbed::command::{CommandError, LONG, run};

const PROGRAM: &str = "store-api";

/// The program could not be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum EarlierApiError {
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("copying {PROGRAM} of the version before: {0}")]
    Copy(#[from] std::io::Error),
}

/// Where it is, compiled now if it was not yet.
///
/// # Errors
/// [`EarlierApiError`] when the commit is not in this clone, or does not compile.
pub fn ensure(cache: &Cache) -> Result<PathBuf, EarlierApiError> {
    let commit = last::read(&root())?.commit;
    let key = Key::new("earlier-api", &commit[..12]).making("compiling store-api of the version before");
    let entry = cache.ensure(&key, |place| compile(&commit, place))?;
    Ok(entry.join(PROGRAM))
}

fn compile(commit: &str, place: &Path) -> Result<(), EarlierApiError> {
    let tree = Tree::of_commit(&root(), commit, &[])?;
    // In a place of its own: cargo would take what is compiled of this checkout for it, and the other way round.
    let target = tree.path().join("target");
    let mut build = cargo(["build", "--quiet", "--locked", "--bin", PROGRAM]);
    run(build.current_dir(tree.path()).env("CARGO_TARGET_DIR", &target), LONG)?;
    fs::copy(target.join("debug").join(PROGRAM), place.join(PROGRAM))?;
    Ok(())
}
