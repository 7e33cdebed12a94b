//! Programs of the user's own: whether they are there, and kubectl and helm for a cluster of the user's, those on PATH
//! first, else out of a Python package. IO.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::{self, BinariesError};
use crate::cache::{Cache, CacheError};
use crate::command::{SHORT, run};

/// kubectl and helm are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// They could not be fetched.
    #[error("{missing}, and fetching kubectl and helm by pip failed: {source}. Install {missing_names} yourself")]
    Fetch {
        /// What PATH lacks, in words.
        missing: String,
        /// The programs to install.
        missing_names: String,
        /// Why.
        source: Box<BinariesError>,
    },
    /// There is no cache to fetch them into.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The file system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Where the program `name` is that a shell would start.
pub fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// What PATH has of the two.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    kubectl: Option<PathBuf>,
    /// With what it says of its version.
    helm: Option<(PathBuf, String)>,
}

/// A program by its name: where it is, or why it is missing.
type Named<T> = Vec<(&'static str, T)>;

/// Which of them are taken from PATH, and which are missing, in words.
fn choose(seen: &Seen) -> (Named<PathBuf>, Named<String>) {
    let (mut taken, mut missing) = (Vec::new(), Vec::new());
    match &seen.kubectl {
        Some(path) => taken.push(("kubectl", path.clone())),
        None => missing.push(("kubectl", "kubectl is not on PATH".to_owned())),
    }
    match &seen.helm {
        Some((path, version)) if major(version).is_some_and(|major| major >= 3) => taken.push(("helm", path.clone())),
        Some((path, version)) => {
            let told = format!("{} is not Helm 3 or 4 (`{}`)", path.display(), version.trim());
            missing.push(("helm", told));
        }
        None => missing.push(("helm", "helm is not on PATH".to_owned())),
    }
    (taken, missing)
}

/// `v3.22.0` → 3.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Makes `directory` one with kubectl and helm. Blocking.
///
/// # Errors
/// [`ProgramsError`] when one is not on PATH and cannot be fetched.
pub fn kubectl_and_helm(directory: &Path) -> Result<(), ProgramsError> {
    let helm = on_path("helm").map(|path| {
        let version = run(Command::new(&path).args(["version", "--template", "{{.Version}}"]), SHORT);
        (path, version.unwrap_or_else(|error| error.to_string()))
    });
    let (mut taken, missing) = choose(&Seen { kubectl: on_path("kubectl"), helm });
    if !missing.is_empty() {
        let fetched = binaries::kubectl_and_helm(&Cache::open()?).map_err(|source| ProgramsError::Fetch {
            missing: missing.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>().join(", "),
            missing_names: missing.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and "),
            source: Box::new(source),
        })?;
        taken.extend(missing.iter().map(|(name, _)| (*name, fetched.join(name))));
    }
    let io_error = |action, path: &Path| {
        let path = path.to_owned();
        move |source| ProgramsError::Io { action, path, source }
    };
    fs::create_dir_all(directory).map_err(io_error("creating", directory))?;
    for (name, path) in taken {
        let place = directory.join(name);
        if path == place {
            // An earlier run's directory is on PATH, from its `env` file.
            continue;
        }
        let _ = fs::remove_file(&place);
        symlink(&path, &place).map_err(io_error("linking", &place))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_path_has_is_taken_and_the_rest_is_told() {
        let kubectl = Some(PathBuf::from("/k/kubectl"));
        let helm = |version: &str| Some((PathBuf::from("/h/helm"), version.to_owned()));
        let names = |seen: Seen| {
            let (taken, missing) = choose(&seen);
            let taken: Vec<_> = taken.into_iter().map(|(name, _)| name).collect();
            (taken, missing.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        for (seen, taken, missing) in [
            (Seen { kubectl: kubectl.clone(), helm: helm("v4.1.4") }, vec!["kubectl", "helm"], vec![]),
            (Seen { kubectl: kubectl.clone(), helm: helm("v3.22.0\n") }, vec!["kubectl", "helm"], vec![]),
            (Seen { kubectl: kubectl.clone(), helm: helm("v2.17.0") }, vec!["kubectl"], vec!["helm"]),
            (Seen { kubectl: kubectl.clone(), helm: helm("Error: unknown flag") }, vec!["kubectl"], vec!["helm"]),
            (Seen { kubectl, helm: None }, vec!["kubectl"], vec!["helm"]),
            (Seen::default(), vec![], vec!["kubectl", "helm"]),
        ] {
            assert_eq!(names(seen.clone()), (taken, missing), "{seen:?}");
        }
    }

    #[test]
    fn a_directory_and_a_file_that_nobody_may_run_are_no_programs() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("kubectl");
        fs::write(&file, "").expect("written");
        assert!(!is_program(directory.path()) && !is_program(&file));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("made executable");
        assert!(is_program(&file));
    }
}
