//! What a version is released as, beside its images: chart, manifests and CRD, the lists of what is in the programs,
//! notes, and the sums of all. `make release` makes it here and the workflow on the forge; the life of the chart
//! installs from it. The same commit gives the same bytes. IO: git, helm, cargo-cyclonedx, the file system.

pub mod last;
pub mod notes;
pub mod rules;
pub mod sbom;
pub mod sums;
pub mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use semver::Version;
use serde_json::Value;

use crate::manifests::{self, CHART, ManifestsError};
use crate::tools::{self, ToolsError};
use rules::Facts;
use store_testbed::binaries::{BinariesError, kubectl_and_helm};
use store_testbed::cache::{Cache, CacheError};
use store_testbed::command::{CommandError, SHORT, run};
use tree::Tree;

/// The CRD, from the root of the checkout.
pub const CRD: &str = "crds/storeclusters.storemanager.io.yaml";
/// The notes, as a file of the release.
const NOTES: &str = "release-notes.md";

/// A release could not be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant without a word is the error of the module it is named after")]
pub enum ReleaseError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Manifests(#[from] ManifestsError),
    /// It may not be made; one reason each, with what to do.
    #[error("nothing is made:\n  {}", .0.join("\n  "))]
    Refused(Vec<String>),
    /// The record of the last release is wrong.
    #[error("{file}: {0}", file = last::FILE)]
    Last(String),
    /// Something is not as it was expected to be.
    #[error("reading {what}: {reason}")]
    Read {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// What a version is installed from.
#[derive(Debug, Clone)]
pub struct Installables {
    /// The chart's archive.
    pub chart: PathBuf,
    /// Everything for `kubectl apply`, in one file.
    pub manifests: PathBuf,
    /// The CustomResourceDefinition alone.
    pub crd: PathBuf,
}

/// Makes the release of `version` out of the last commit, with images of `registry` if one is named; the directory
/// with its files, `target/release-VERSION`, which is made anew.
///
/// # Errors
/// [`ReleaseError::Refused`] when the version, the registry or the checkout is not fit for it; others when a program fails.
pub fn make(root: &Path, version: &str, registry: Option<&str>) -> Result<PathBuf, ReleaseError> {
    let version = rules::version(version).map_err(|refusal| ReleaseError::Refused(vec![refusal]))?;
    let facts = facts(root)?;
    let mut refusals: Vec<String> = registry.and_then(|registry| rules::registry(registry).err()).into_iter().collect();
    refusals.extend(rules::refusals(&version, &facts));
    if !refusals.is_empty() {
        return Err(ReleaseError::Refused(refusals));
    }
    let tree = Tree::of_commit(root, "HEAD", &[])?;
    if let Some(registry) = registry {
        tree.pull_from(registry)?;
    }
    let cache = Cache::open()?;
    // A directory that has the name of a release is whole.
    let target = root.join("target");
    let (making, place) = (target.join(format!(".release-{version}")), target.join(format!("release-{version}")));
    for old in [&making, &place].into_iter().filter(|old| old.exists()) {
        fs::remove_dir_all(old).map_err(io("deleting", old))?;
    }
    installables(&kubectl_and_helm(&cache)?.join("helm"), &tree, &making)?;
    sbom::write(&tools::cargo_cyclonedx(&cache)?, &tree, &making)?;
    let changelog = tree.path().join("CHANGELOG.md");
    let changelog = fs::read_to_string(&changelog).map_err(io("reading", &changelog))?;
    let notes = notes::notes(&changelog, &version).map_err(|reason| ReleaseError::Refused(vec![reason]))?;
    put(&making, NOTES, &notes)?;
    put(&making, sums::FILE, &sums::of(&making)?)?;
    fs::rename(&making, &place).map_err(io("moving what was made to", &place))?;
    Ok(place)
}

/// What decides, out of the checkout at `root`.
fn facts(root: &Path) -> Result<Facts, ReleaseError> {
    let read = |file: &'static str| {
        let path = root.join(file);
        fs::read_to_string(&path).map(|text| (file, text)).map_err(io("reading", &path))
    };
    let files = rules::files().into_iter().map(read).collect::<Result<_, _>>()?;
    let dirty = run(git(root).args(["status", "--porcelain"]), SHORT)?;
    Ok(Facts { files, dirty, last: last::read(root)? })
}

/// Makes what `tree` is installed from, in the directory `into`, which is made if missing.
///
/// # Errors
/// [`ReleaseError`] when helm cannot package or render its chart.
pub fn installables(helm: &Path, tree: &Tree, into: &Path) -> Result<Installables, ReleaseError> {
    fs::create_dir_all(into).map_err(io("making", into))?;
    let directory = tree.path().join(CHART);
    let version = version_of(&directory)?;
    run(Command::new(helm).arg("package").arg(&directory).arg("--destination").arg(into), SHORT)?;
    let chart = into.join(format!("store-manager-{version}.tgz"));
    let heading = format!("Store Manager {version}, for `kubectl apply -f`: what the chart renders by default.");
    let manifests = manifests::in_one(&manifests::rendered(helm, &chart)?, &heading)?;
    let manifests = put(into, &format!("store-manager-{version}.yaml"), &manifests)?;
    let source = tree.path().join(CRD);
    let crd = into.join(format!("store-manager-{version}-crd.yaml"));
    fs::copy(&source, &crd).map_err(io("copying", &source))?;
    Ok(Installables { chart, manifests, crd })
}

/// The version of the chart in a directory.
fn version_of(chart: &Path) -> Result<Version, ReleaseError> {
    let path = chart.join("Chart.yaml");
    let text = fs::read_to_string(&path).map_err(io("reading", &path))?;
    let wrong = |reason: String| ReleaseError::Read { what: path.display().to_string(), reason };
    let about: Value = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let version = about["version"].as_str().ok_or_else(|| wrong("it has no version".to_owned()))?;
    Version::parse(version).map_err(|error| wrong(format!("its version `{version}`: {error}")))
}

fn put(directory: &Path, name: &str, text: &str) -> Result<PathBuf, ReleaseError> {
    let path = directory.join(name);
    fs::write(&path, text).map_err(io("writing", &path))?;
    Ok(path)
}

/// git, in the checkout at `root`.
fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(root);
    git
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ReleaseError {
    let path = path.to_owned();
    move |source| ReleaseError::Io { action, path, source }
}
