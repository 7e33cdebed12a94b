//! Prometheus and promtool, taken out of Debian's package without installing it, since that would start
//! a server. Blocking IO, into the cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use store_testbed::cache::{Cache, CacheError, Key};
use store_testbed::command::{CommandError, LONG, SHORT, run};

const PACKAGE: &str = "prometheus";

/// The programs could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// The cache failed.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// apt or dpkg failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The package was not where apt puts it.
    #[error("apt-get download {PACKAGE} left no package: {0}")]
    NoPackage(String),
}

/// The directory with `prometheus` and `promtool`.
///
/// # Errors
/// [`ProgramsError`] when the package cannot be had.
pub fn ensure(cache: &Cache) -> Result<PathBuf, ProgramsError> {
    let version = match version()? {
        Some(version) => version,
        None => {
            run(Command::new("apt-get").args(["-qq", "update"]), LONG)?;
            version()?.ok_or_else(|| ProgramsError::NoPackage("no source of apt has it".to_owned()))?
        }
    };
    let key =
        Key::new(PACKAGE, &version.replace(['+', '~', ':'], "-")).making(format!("fetching Prometheus {version}"));
    let entry = cache.ensure(&key, |directory| {
        let package = format!("{PACKAGE}={version}");
        run(Command::new("apt-get").args(["-qq", "download"]).arg(package).current_dir(directory), LONG)?;
        let files = fs::read_dir(directory).map_err(|error| ProgramsError::NoPackage(error.to_string()))?;
        let mut files = files.filter_map(|file| Some(file.ok()?.path()));
        let package = files.find(|file| file.extension().is_some_and(|extension| extension == "deb"));
        let package = package.ok_or_else(|| ProgramsError::NoPackage("no file ends in .deb".to_owned()))?;
        run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(directory), LONG)?;
        fs::remove_file(&package).map_err(|error| ProgramsError::NoPackage(error.to_string()))?;
        run(Command::new(directory.join("usr/bin/promtool")).arg("--version"), SHORT)?;
        Ok::<(), ProgramsError>(())
    })?;
    Ok(entry.join("usr/bin"))
}

fn version() -> Result<Option<String>, CommandError> {
    let shown = run(Command::new("apt-cache").args(["policy", PACKAGE]), SHORT)?;
    let candidate = shown.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(candidate.filter(|version| *version != "(none)").map(str::to_owned))
}
