//! Debian's packages taken apart without installing them, since that would start servers. Blocking IO, into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use store_testbed::cache::{Cache, CacheError, Key};
use store_testbed::command::{CommandError, LONG, SHORT, run};

/// A package could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// The cache failed.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// apt or dpkg failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The package was not where apt puts it.
    #[error("apt-get download left no package: {0}")]
    NoPackage(String),
    /// It is laid out in another way than thought.
    #[error("the package {0} has no {1}: its layout has changed")]
    Layout(&'static str, String),
}

/// The directory with the files of the package in the version that apt would install, in which `needed` must be.
///
/// # Errors
/// [`DebianError`] when the package cannot be had or lacks what is needed.
pub fn unpacked(cache: &Cache, package: &'static str, needed: &Path) -> Result<PathBuf, DebianError> {
    let version = match version(package)? {
        Some(version) => version,
        None => {
            run(Command::new("apt-get").args(["-qq", "update"]), LONG)?;
            version(package)?.ok_or_else(|| DebianError::NoPackage(format!("no source of apt has {package}")))?
        }
    };
    let key = Key::new(package, &version.replace(['+', '~', ':'], "-")).making(format!("fetching {package} {version}"));
    Ok(cache.ensure(&key, |directory| {
        let named = format!("{package}={version}");
        run(Command::new("apt-get").args(["-qq", "download"]).arg(named).current_dir(directory), LONG)?;
        let files = fs::read_dir(directory).map_err(|error| DebianError::NoPackage(error.to_string()))?;
        let mut files = files.filter_map(|file| Some(file.ok()?.path()));
        let archive = files.find(|file| file.extension().is_some_and(|extension| extension == "deb"));
        let archive = archive.ok_or_else(|| DebianError::NoPackage("no file ends in .deb".to_owned()))?;
        run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(directory), LONG)?;
        fs::remove_file(&archive).map_err(|error| DebianError::NoPackage(error.to_string()))?;
        if directory.join(needed).is_file() {
            return Ok(());
        }
        Err(DebianError::Layout(package, needed.display().to_string()))
    })?)
}

/// The library that gives a program another clock.
///
/// # Errors
/// [`DebianError`] when the package cannot be had.
pub fn fake_clock(cache: &Cache) -> Result<PathBuf, DebianError> {
    let library = format!("usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    Ok(unpacked(cache, "libfaketime", Path::new(&library))?.join(library))
}

fn version(package: &str) -> Result<Option<String>, CommandError> {
    let shown = run(Command::new("apt-cache").args(["policy", package]), SHORT)?;
    let candidate = shown.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(candidate.filter(|version| *version != "(none)").map(str::to_owned))
}
