//! The files that a release is made of: those of a commit, with the commit's time, so that the same commit gives the
//! same archives; or the chart and the CRD of the checkout as it stands. IO: git, the file system.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::{CRD, ReleaseError, git, io};
use crate::manifests::{CHART, copy_directory};
use store_testbed::command::{SHORT, run};

/// Files of the chart that name the project's images.
const NAMING: [&str; 2] = ["values.yaml", "Chart.yaml"];
/// How the names of those images begin.
const IMAGES: &str = "docker.io/library/store-";

/// A copy of its own, which goes when it is dropped.
#[derive(Debug)]
pub struct Tree {
    directory: TempDir,
    /// Seconds since 1970.
    epoch: u64,
}

impl Tree {
    /// The files of `commit` below `paths`; all of them where none is named.
    ///
    /// # Errors
    /// [`ReleaseError::Command`] when git does not have it, and when a file cannot be written.
    pub fn of_commit(root: &Path, commit: &str, paths: &[&str]) -> Result<Tree, ReleaseError> {
        let directory = temporary()?;
        let archive = tempfile::NamedTempFile::new().map_err(io("making a file in", &std::env::temp_dir()))?;
        let mut of = git(root);
        of.args(["archive", "--format=tar", "--output"]).arg(archive.path()).arg(commit).args(paths);
        run(&mut of, SHORT)?;
        let file = File::open(archive.path()).map_err(io("opening", archive.path()))?;
        tar::Archive::new(file).unpack(directory.path()).map_err(io("unpacking into", directory.path()))?;
        let time = run(git(root).args(["show", "--no-patch", "--format=%ct", commit]), SHORT)?;
        let epoch = time.trim().parse().map_err(|_| ReleaseError::Read {
            what: format!("the time of commit {commit}"),
            reason: format!("git says `{}`", time.trim()),
        })?;
        Ok(Tree { directory, epoch })
    }

    /// Chart and CRD of the checkout at `root`, with changes that are not committed.
    ///
    /// # Errors
    /// [`ReleaseError::Io`] when a file cannot be copied.
    pub fn of_checkout(root: &Path) -> Result<Tree, ReleaseError> {
        let directory = temporary()?;
        copy_directory(&root.join(CHART), &directory.path().join(CHART))?;
        let crd = directory.path().join(CRD);
        let parent = crd.parent().unwrap_or(directory.path());
        fs::create_dir_all(parent).map_err(io("making", parent))?;
        fs::copy(root.join(CRD), &crd).map_err(io("copying", &root.join(CRD)))?;
        Ok(Tree { directory, epoch: 0 })
    }

    /// Where the files are.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// When the commit was made, in seconds since 1970; 0 for the checkout.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Lets the chart name images of `registry`, a host and a path.
    ///
    /// # Errors
    /// [`ReleaseError::Read`] when a file of the chart names none.
    pub fn pull_from(&self, registry: &str) -> Result<(), ReleaseError> {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.epoch);
        for name in NAMING {
            let path = self.path().join(CHART).join(name);
            let text = fs::read_to_string(&path).map_err(io("reading", &path))?;
            let named = naming(&text, registry).ok_or_else(|| ReleaseError::Read {
                what: name.to_owned(),
                reason: format!("it names no {IMAGES}…"),
            })?;
            fs::write(&path, named).map_err(io("writing", &path))?;
            let file = File::options().append(true).open(&path).map_err(io("opening", &path))?;
            file.set_modified(time).map_err(io("setting the time of", &path))?;
        }
        Ok(())
    }
}

/// `text` with the project's images at `registry`; none if it names none.
fn naming(text: &str, registry: &str) -> Option<String> {
    text.contains(IMAGES).then(|| text.replace(IMAGES, &format!("{registry}/store-")))
}

fn temporary() -> Result<TempDir, ReleaseError> {
    tempfile::tempdir().map_err(io("making a directory in", &std::env::temp_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_images_are_named_at_another_registry_and_no_others() {
        let text = "a: docker.io/library/store-api:1\nb: docker.io/library/cassandra\n";
        let named = "a: registry.example/owner/store-api:1\nb: docker.io/library/cassandra\n";
        assert_eq!(naming(text, "registry.example/owner").as_deref(), Some(named));
        assert_eq!(naming("b: docker.io/library/cassandra\n", "x"), None);
    }
}
