//! The tools that `make check` and `make test` need beside cargo: kubectl and Helm 4 (as the
//! testbed has them), Helm 3, kube-score, and a few Python programs. IO: pip and go, into the cache,
//! when missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::{BinariesError, kubectl_and_helm};
use crate::cache::{Cache, CacheError, Key};
use crate::command::{CommandError, LONG, SHORT, run};

/// The newest Helm 3, to show that the chart does not need Helm 4.
const HELM_3: &str = "v3.22.0";
/// What looks for weak spots in manifests.
const KUBE_SCORE: &str = "v1.20.0";
/// The Python programs, every version pinned.
const REQUIREMENTS: Requirements =
    Requirements { file: "requirements.txt", text: include_str!("../requirements.txt"), entry: "python-tools" };
const CHECKOV: Requirements = Requirements {
    file: "requirements-checkov.txt",
    text: include_str!("../requirements-checkov.txt"),
    entry: "checkov",
};

/// A file of pinned Python packages, and the name of what the cache makes of it.
struct Requirements {
    file: &'static str,
    text: &'static str,
    entry: &'static str,
}

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
    /// The kube-score program.
    pub kube_score: PathBuf,
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
        helm_3: go_install(cache, "helm-3", "helm.sh/helm/v3/cmd/helm", HELM_3)?.join("helm"),
        kube_score: go_install(cache, "kube-score", "github.com/zegl/kube-score/cmd/kube-score", KUBE_SCORE)?
            .join("kube-score"),
        python_packages: python_packages(cache, &REQUIREMENTS)?,
    })
}

/// The directory with checkov, which only `make test` needs: it is large.
///
/// # Errors
/// [`ToolsError`] when the download fails.
pub fn checkov(cache: &Cache) -> Result<PathBuf, ToolsError> {
    python_packages(cache, &CHECKOV)
}

/// Python with `module` as its program, and the packages of one directory.
pub fn python(packages: &Path, module: &str) -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).args(["-m", module]);
    python
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
        python(&self.python_packages, module)
    }
}

fn go_install(cache: &Cache, name: &str, package: &str, version: &str) -> Result<PathBuf, CacheError> {
    let key = Key::new(name, version).making(format!("compiling {name} {version}"));
    cache.ensure(&key, |directory| {
        let mut go = Command::new("go");
        go.env("GOBIN", directory).env("CGO_ENABLED", "0");
        go.args(["install", "-trimpath", "-ldflags", "-s -w"]).arg(format!("{package}@{version}"));
        run(&mut go, LONG).map(drop)
    })
}

/// A directory for `PYTHONPATH`: unlike a virtual environment it can be moved into the cache.
fn python_packages(cache: &Cache, requirements: &Requirements) -> Result<PathBuf, ToolsError> {
    let version = run(Command::new("python3").arg("--version"), SHORT)?;
    let version = version.trim().trim_start_matches("Python ");
    let key = Key::new(requirements.entry, version).with(requirements.text);
    let key = key.making(format!("fetching the Python packages of tests/{}", requirements.file));
    Ok(cache.ensure(&key, |directory| install(directory, requirements))?)
}

fn install(directory: &Path, requirements: &Requirements) -> Result<(), CommandError> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(requirements.file);
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    run(pip.arg(directory).arg("-r").arg(file), LONG)?;
    Ok(())
}
