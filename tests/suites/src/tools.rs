//! The tools that `make check` and `make test` need beside cargo: kubectl and Helm 4 (as the
//! testbed has them), Helm 3, kube-score, what looks at dependencies and workflows, and a few Python
//! programs. IO: pip, go and cargo, into the cache, when missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use store_testbed::binaries::{BinariesError, kubectl_and_helm};
use store_testbed::cache::{Cache, CacheError, Key};
use store_testbed::checkout::root;
use store_testbed::command::{CommandError, LONG, SHORT, run};

/// The newest Helm 3, to show that the chart does not need Helm 4.
const HELM_3: &str = "v3.22.0";
/// What looks for weak spots in manifests.
const KUBE_SCORE: &str = "v1.20.0";
/// What reads the workflows of the forge.
const ACTIONLINT: &str = "v1.7.12";
/// What holds the dependencies to `deny.toml`.
const CARGO_DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2", optimized: "0" };
/// What finds dependencies that nobody uses; it reads every source file, and takes seconds of CPU where it is not optimized.
const CARGO_MACHETE: CargoTool = CargoTool { name: "cargo-machete", version: "0.9.2", optimized: "1" };
/// What lists the crates in a program.
const CARGO_CYCLONEDX: CargoTool = CargoTool { name: "cargo-cyclonedx", version: "0.5.9", optimized: "0" };
/// What makes a site of the documents.
const MDBOOK: CargoTool = CargoTool { name: "mdbook", version: "0.5.4", optimized: "0" };
/// What shows the diagrams in it, and has the script that draws them.
const MDBOOK_MERMAID: CargoTool = CargoTool { name: "mdbook-mermaid", version: "0.17.1", optimized: "0" };
/// The Python programs, every version pinned.
const REQUIREMENTS: Requirements =
    Requirements { file: "requirements.txt", text: include_str!("../../requirements.txt"), entry: "python-tools" };
const CHECKOV: Requirements = Requirements {
    file: "requirements-checkov.txt",
    text: include_str!("../../requirements-checkov.txt"),
    entry: "checkov",
};

const OIDC: Requirements = Requirements {
    file: "requirements-oidc.txt",
    text: include_str!("../../requirements-oidc.txt"),
    entry: "oidc-provider-mock",
};

/// A program that cargo compiles, and at which level: they run for a second, and optimizing them takes minutes.
struct CargoTool {
    name: &'static str,
    version: &'static str,
    optimized: &'static str,
}

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

/// The directory with oidc-provider-mock, an OpenID Connect provider.
///
/// # Errors
/// [`ToolsError`] when the download fails.
pub fn oidc_provider_mock(cache: &Cache) -> Result<PathBuf, ToolsError> {
    python_packages(cache, &OIDC)
}

/// The actionlint program.
///
/// # Errors
/// [`ToolsError`] when the download or the build fails.
pub fn actionlint(cache: &Cache) -> Result<PathBuf, ToolsError> {
    let package = "github.com/rhysd/actionlint/cmd/actionlint";
    Ok(go_install(cache, "actionlint", package, ACTIONLINT)?.join("actionlint"))
}

/// The cargo-deny program.
///
/// # Errors
/// [`ToolsError`] when the download or the build fails.
pub fn cargo_deny(cache: &Cache) -> Result<PathBuf, ToolsError> {
    Ok(cargo_install(cache, &CARGO_DENY)?)
}

/// The cargo-machete program.
///
/// # Errors
/// [`ToolsError`] when the download or the build fails.
pub fn cargo_machete(cache: &Cache) -> Result<PathBuf, ToolsError> {
    Ok(cargo_install(cache, &CARGO_MACHETE)?)
}

/// The cargo-cyclonedx program.
///
/// # Errors
/// [`ToolsError`] when the download or the build fails.
pub fn cargo_cyclonedx(cache: &Cache) -> Result<PathBuf, ToolsError> {
    Ok(cargo_install(cache, &CARGO_CYCLONEDX)?)
}

/// The mdbook program.
///
/// # Errors
/// [`ToolsError`] when the download or the build fails.
pub fn mdbook(cache: &Cache) -> Result<PathBuf, ToolsError> {
    Ok(cargo_install(cache, &MDBOOK)?)
}

/// The mdbook-mermaid program.
///
/// # Errors
/// [`ToolsError`] when the download or the build fails.
pub fn mdbook_mermaid(cache: &Cache) -> Result<PathBuf, ToolsError> {
    Ok(cargo_install(cache, &MDBOOK_MERMAID)?)
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

    /// The zizmor program, which comes as a Python package and is none.
    pub fn zizmor(&self) -> Command {
        Command::new(self.python_packages.join("bin/zizmor"))
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

fn cargo_install(cache: &Cache, tool: &CargoTool) -> Result<PathBuf, CacheError> {
    let CargoTool { name, version, optimized } = tool;
    let key = Key::new(name, version).with(optimized).making(format!("compiling {name} {version}"));
    let entry = cache.ensure(&key, |directory| {
        let target =
            tempfile::tempdir().map_err(|source| CommandError::Start { command: (*name).to_owned(), source })?;
        let mut cargo = Command::new("cargo");
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_PROFILE_DEV_OPT_LEVEL", optimized);
        cargo.args(["install", name, "--version", version, "--locked", "--debug", "--no-default-features", "--quiet"]);
        run(cargo.arg("--root").arg(directory).arg("--target-dir").arg(target.path()), LONG).map(drop)
    })?;
    Ok(entry.join("bin").join(name))
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
    let file = root().join("tests").join(requirements.file);
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    run(pip.arg(directory).arg("-r").arg(file), LONG)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forge_looks_for_advisories_by_the_version_that_checks_the_rest() {
        let workflow = include_str!("../../../.github/workflows/check.yaml");
        let CargoTool { name, version, .. } = CARGO_DENY;
        assert!(workflow.contains(&format!("{name} --version {version}\n")), "{workflow}");
    }
}
