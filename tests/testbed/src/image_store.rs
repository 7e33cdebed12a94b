//! Unpacked images: containerd's own directory after it imported an archive, kept in the cache and
//! given to each node as hard links. Blobs and layers never change once written, so the nodes share
//! them (disk and page cache too); only containerd's two databases are copied. Blocking IO.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixStream;

use crate::cache::{Cache, CacheError, Key};
use crate::command::{CommandError, LONG, run};
use crate::node_config::CONTAINERD_SOCKET;
use crate::progress::{WaitError, wait_until};

/// The databases of containerd, below its directory: the only files that it changes in place.
const DATABASES: [&str; 2] =
    ["io.containerd.metadata.v1.bolt/meta.db", "io.containerd.snapshotter.v1.overlayfs/metadata.db"];
/// How long containerd may take to listen.
const START: Duration = Duration::from_secs(60);

/// Images could not be unpacked or given to a node.
#[derive(Debug, thiserror::Error)]
pub enum ImageStoreError {
    /// The cache failed, or unpacking into it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A tool failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// containerd did not start.
    #[error(transparent)]
    Wait(#[from] WaitError),
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

fn io_error<E: Into<io::Error>>(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(E) -> ImageStoreError {
    let path = path.as_ref().to_owned();
    move |source| ImageStoreError::Io { action, path, source: source.into() }
}

/// The cache entry with the images of `archive` unpacked. `archive` must lie in a cache entry, whose
/// name stands for its content; `launcher` is the `testbed` program.
///
/// # Errors
/// [`ImageStoreError`] when containerd cannot import it.
pub fn ensure(cache: &Cache, launcher: &Path, archive: &Path) -> Result<PathBuf, ImageStoreError> {
    let entry = archive.parent().and_then(Path::file_name).unwrap_or_default();
    let key = Key::new("image-store", "v1").with(entry.as_encoded_bytes()).making("unpacking the base images");
    Ok(cache.ensure(&key, |directory| {
        let mut unpack = Command::new("unshare");
        unpack.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
        unpack.arg(launcher).arg("unpack-images").arg(directory).arg(archive);
        run(&mut unpack, LONG).map(drop)
    })?)
}

/// The part of [`ensure`] that runs as process 1 of namespaces of its own, so that neither mounts nor
/// processes outlive it: starts containerd on `directory` and imports `archive`.
///
/// # Errors
/// [`ImageStoreError`] when containerd or the import fails.
pub async fn unpack(directory: &Path, archive: &Path) -> Result<(), ImageStoreError> {
    mount("proc", "/proc", "proc", MountFlags::empty(), None).map_err(io_error("mounting", "/proc"))?;
    mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), None).map_err(io_error("mounting", "/run"))?;
    let config = Path::new("/run/containerd.toml");
    let text = format!(
        "version = 2\nroot = \"{}\"\nstate = \"/run/containerd\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \
         \"io.containerd.internal.v1.opt\"]\n[grpc]\naddress = \"{CONTAINERD_SOCKET}\"\n",
        containerd_directory(directory).display()
    );
    fs::write(config, text).map_err(io_error("writing", config))?;
    let mut containerd = Command::new("containerd")
        .args(["--log-level", "warn", "--config"])
        .arg(config)
        .spawn()
        .map_err(io_error("starting", "containerd"))?;
    wait_until("containerd", START, || async {
        UnixStream::connect(CONTAINERD_SOCKET).await.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    let imported = run(Command::new("ctr").args(["-n", "k8s.io", "images", "import"]).arg(archive), LONG);
    end(&mut containerd)?;
    imported?;
    Ok(())
}

/// An orderly end: the databases are whole on disk.
fn end(containerd: &mut Child) -> Result<(), ImageStoreError> {
    if let Some(pid) = i32::try_from(containerd.id()).ok().and_then(Pid::from_raw) {
        kill_process(pid, Signal::TERM).map_err(io_error("ending", "containerd"))?;
    }
    containerd.wait().map(drop).map_err(io_error("awaiting the end of", "containerd"))
}

fn containerd_directory(entry: &Path) -> PathBuf {
    entry.join("containerd")
}

/// Gives a node the unpacked images of the cache entry `entry`: `target`, which must not exist,
/// becomes containerd's directory there.
///
/// # Errors
/// [`ImageStoreError`] when something cannot be linked or copied.
pub fn populate(entry: &Path, target: &Path) -> Result<(), ImageStoreError> {
    let source = containerd_directory(entry);
    let new = target.with_extension("new");
    for path in [&new, target] {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("deleting", path)(error)),
            _ => {}
        }
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(io_error("creating", parent))?;
    }
    let linked = run(Command::new("cp").args(["--archive", "--link"]).arg(&source).arg(&new), LONG);
    if linked.is_err() {
        // The cache lies on another file system.
        let _ = fs::remove_dir_all(&new);
        run(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(&source).arg(&new), LONG)?;
    }
    for database in DATABASES {
        let (from, to) = (source.join(database), new.join(database));
        fs::remove_file(&to).map_err(io_error("deleting", &to))?;
        fs::copy(&from, &to).map_err(io_error("copying", &from))?;
    }
    fs::rename(&new, target).map_err(io_error("renaming into place", target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_node_shares_layers_with_the_cache_but_has_databases_of_its_own() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let entry = directory.path().join("entry");
        let mut files = vec!["io.containerd.content.v1.content/blobs/sha256/abc"];
        files.extend(DATABASES);
        for file in &files {
            let path = containerd_directory(&entry).join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("create");
            fs::write(path, file).expect("write");
        }
        let target = directory.path().join("node/containerd");
        populate(&entry, &target).expect("populated");
        let same = |file: &str| {
            let inode = |root: &Path| fs::metadata(root.join(file)).expect(file).ino();
            inode(&containerd_directory(&entry)) == inode(&target)
        };
        assert!(same(files[0]));
        assert!(DATABASES.iter().all(|database| !same(database)));
    }
}
