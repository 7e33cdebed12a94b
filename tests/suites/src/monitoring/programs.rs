//! Prometheus, promtool and nginx, taken out of Debian's packages without installing them, since that would start
//! servers. Blocking IO, into the cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use store_testbed::cache::{Cache, CacheError, Key};
use store_testbed::command::{CommandError, LONG, SHORT, run};

/// A package that is taken apart.
#[derive(Debug, Clone, Copy)]
struct Apart {
    name: &'static str,
    /// A program of it with an option under which it only speaks.
    speaks: [&'static str; 2],
}

const PROMETHEUS: Apart = Apart { name: "prometheus", speaks: ["usr/bin/promtool", "--version"] };
const NGINX: Apart = Apart { name: "nginx", speaks: ["usr/sbin/nginx", "-v"] };

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
    #[error("apt-get download {0} left no package: {1}")]
    NoPackage(&'static str, String),
}

/// The directory with `prometheus` and `promtool`.
///
/// # Errors
/// [`ProgramsError`] when the package cannot be had.
pub fn ensure(cache: &Cache) -> Result<PathBuf, ProgramsError> {
    Ok(apart(cache, PROMETHEUS)?.join("usr/bin"))
}

/// The program `nginx`.
///
/// # Errors
/// [`ProgramsError`] when the package cannot be had.
pub fn nginx(cache: &Cache) -> Result<PathBuf, ProgramsError> {
    Ok(apart(cache, NGINX)?.join(NGINX.speaks[0]))
}

/// The directory that a package was taken apart in.
fn apart(cache: &Cache, Apart { name, speaks: [program, option] }: Apart) -> Result<PathBuf, ProgramsError> {
    let none = |why: String| ProgramsError::NoPackage(name, why);
    let version = match version(name)? {
        Some(version) => version,
        None => {
            run(Command::new("apt-get").args(["-qq", "update"]), LONG)?;
            version(name)?.ok_or_else(|| none("no source of apt has it".to_owned()))?
        }
    };
    let key = Key::new(name, &version.replace(['+', '~', ':'], "-")).making(format!("fetching {name} {version}"));
    Ok(cache.ensure(&key, |directory| {
        let package = format!("{name}={version}");
        run(Command::new("apt-get").args(["-qq", "download"]).arg(package).current_dir(directory), LONG)?;
        let files = fs::read_dir(directory).map_err(|error| none(error.to_string()))?;
        let mut files = files.filter_map(|file| Some(file.ok()?.path()));
        let package = files.find(|file| file.extension().is_some_and(|extension| extension == "deb"));
        let package = package.ok_or_else(|| none("no file ends in .deb".to_owned()))?;
        run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(directory), LONG)?;
        fs::remove_file(&package).map_err(|error| none(error.to_string()))?;
        run(Command::new(directory.join(program)).arg(option), SHORT)?;
        Ok::<(), ProgramsError>(())
    })?)
}

fn version(package: &str) -> Result<Option<String>, CommandError> {
    let shown = run(Command::new("apt-cache").args(["policy", package]), SHORT)?;
    let candidate = shown.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(candidate.filter(|version| *version != "(none)").map(str::to_owned))
}
