//! The tools that `make check` and `make test` need beside cargo: kubectl and Helm 4 (as the
//! testbed has them), Helm 3, and a few Python programs. IO: pip and go, into the cache, when
//! missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::{BinariesError, kubectl_and_helm};
use crate::cache::{Cache, CacheError, Key};
use crate::command::{CommandError, LONG, SHORT, run};
use crate::progress::say;

/// The newest Helm 3, to show that the chart does not need Helm 4.
const HELM_3: &str = "v3.22.0";
/// The Python programs, every version pinned.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// A tool could not be fetched or built.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// The cache failed, or a build in it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// kubectl and Helm 4 could not be had.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// Python is missing.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Where each tool is.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The kubectl program.
    pub kubectl: PathBuf,
    /// The helm program, version 4.
    pub helm: PathBuf,
    /// The helm program, version 3.
    pub helm_3: PathBuf,
    python_packages: PathBuf,
}

/// Fetches or finds all of them.
///
/// # Errors
/// [`ToolsError`] when a download or a build fails.
pub fn ensure(cache: &Cache) -> Result<Tools, ToolsError> {
    let programs = kubectl_and_helm(cache)?;
    Ok(Tools {
        kubectl: programs.join("kubectl"),
        helm: programs.join("helm"),
        helm_3: helm_3(cache)?.join("helm"),
        python_packages: python_packages(cache)?,
    })
}

impl Tools {
    /// Python with the program `file`.
    pub fn python_script(&self, file: &Path) -> Command {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &self.python_packages).arg(file);
        python
    }

    /// Python with `module` as its program, `python -m module`.
    pub fn python(&self, module: &str) -> Command {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &self.python_packages).args(["-m", module]);
        python
    }
}

fn helm_3(cache: &Cache) -> Result<PathBuf, CacheError> {
    cache.ensure(&Key::new("helm-3", HELM_3), |directory| {
        say(format!("building Helm {HELM_3}, to try the chart with it (about 2 min from nothing)"));
        let mut go = Command::new("go");
        go.env("GOBIN", directory).env("CGO_ENABLED", "0");
        go.args(["install", "-trimpath", "-ldflags", "-s -w"]).arg(format!("helm.sh/helm/v3/cmd/helm@{HELM_3}"));
        run(&mut go, LONG).map(drop)
    })
}

/// A directory for `PYTHONPATH`: unlike a virtual environment it can be moved into the cache.
fn python_packages(cache: &Cache) -> Result<PathBuf, ToolsError> {
    let version = run(Command::new("python3").arg("--version"), SHORT)?;
    let version = version.trim().trim_start_matches("Python ");
    let key = Key::new("python-tools", version).with(REQUIREMENTS);
    Ok(cache.ensure(&key, install)?)
}

fn install(directory: &Path) -> Result<(), CommandError> {
    say("fetching the Python programs that check manifests and the API");
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements.txt");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    run(pip.arg(directory).arg("-r").arg(requirements), LONG)?;
    Ok(())
}
