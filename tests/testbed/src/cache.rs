//! The cache of things that are slow to make: binaries, images, unpacked image stores. IO on
//! `${XDG_CACHE_HOME:-~/.cache}/store-manager`, blocking.
//!
//! An entry is a directory named by what it is, its version and a digest of the recipe that makes
//! it, so that a changed recipe is a new entry. It is built beside its place and renamed into it:
//! an entry that exists is whole. A lock per name keeps two runs from building the same thing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::log;
use crate::progress::{self, say};

/// Entries of one name kept when a new one is built; older ones are deleted.
const KEPT: usize = 3;
/// A building directory untouched for so long belongs to a run that was cut off.
const ABANDONED: Duration = Duration::from_secs(2 * 60 * 60);

/// The cache could not be read or an entry not be built.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Neither `XDG_CACHE_HOME` nor `HOME` is set.
    #[error("no place for the cache: set XDG_CACHE_HOME or HOME")]
    NoHome,
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
    /// The recipe of an entry failed.
    #[error("building {entry} for the cache: {source}")]
    Build {
        /// The entry's directory name.
        entry: String,
        /// The recipe's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The name of an entry: what it is, its version, and a digest over everything that its content
/// depends on.
#[derive(Debug, Clone)]
pub struct Key {
    name: String,
    version: String,
    making: String,
    recipe: Sha256,
}

impl Key {
    /// A key without any recipe yet. `name` and `version` become part of a file name.
    pub fn new(name: &str, version: &str) -> Self {
        let making = format!("making {name} {version}");
        Self { name: file_name(name), version: file_name(version), making, recipe: Sha256::new() }
    }

    /// Says what a person reads while the entry is made, in place of `making NAME VERSION`.
    #[must_use]
    pub fn making(mut self, words: impl Into<String>) -> Self {
        self.making = words.into();
        self
    }

    /// Adds bytes (flags, an embedded file, another entry's directory name) to the recipe.
    #[must_use]
    pub fn with(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        // The length keeps `("ab", "c")` apart from `("a", "bc")`.
        self.recipe.update((bytes.len() as u64).to_be_bytes());
        self.recipe.update(bytes);
        self
    }

    /// Adds every file below `directory` (relative path and content, in order of name), or the one
    /// file that `directory` is.
    ///
    /// # Errors
    /// [`CacheError::Io`] when something in it cannot be read.
    pub fn with_files(mut self, directory: &Path) -> Result<Self, CacheError> {
        for path in files_below(directory)? {
            let content = fs::read(&path).map_err(io_error("reading", &path))?;
            let name = path.strip_prefix(directory).unwrap_or(&path);
            self = self.with(name.as_os_str().as_encoded_bytes()).with(content);
        }
        Ok(self)
    }

    /// The entry's directory name, `name-version-digest`.
    pub fn directory_name(&self) -> String {
        let digest = self.recipe.clone().finalize();
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{digest}", self.name, self.version)
    }
}

/// The cache directory.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The user's cache, created when missing.
    ///
    /// # Errors
    /// [`CacheError`] when there is no home directory or it cannot be written.
    pub fn open() -> Result<Self, CacheError> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        let cache = Self::at(base.ok_or(CacheError::NoHome)?.join("store-manager"))?;
        progress::remember_in(cache.root());
        log::write_below(cache.root());
        Ok(cache)
    }

    /// A cache at `root`, created when missing.
    ///
    /// # Errors
    /// [`CacheError::Io`] when it cannot be created.
    pub fn at(root: PathBuf) -> Result<Self, CacheError> {
        fs::create_dir_all(&root).map_err(io_error("creating", &root))?;
        Ok(Self { root })
    }

    /// Where the cache is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entry's directory if it has been built.
    pub fn find(&self, key: &Key) -> Option<PathBuf> {
        Some(self.root.join(key.directory_name())).filter(|path| path.is_dir())
    }

    /// The directory of the entry `key`, built by `build` if it is missing.
    ///
    /// `build` gets an empty directory of its own to fill; when it succeeds the directory takes the
    /// entry's place at once. When another process builds an entry of the same name this waits for
    /// it. Content must not depend on the directory's path, which changes at the rename.
    ///
    /// # Errors
    /// [`CacheError::Build`] with the error of `build`, [`CacheError::Io`] for the file system.
    pub fn ensure<E>(&self, key: &Key, build: impl FnOnce(&Path) -> Result<(), E>) -> Result<PathBuf, CacheError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let entry = key.directory_name();
        if let Some(path) = self.find(key) {
            touch(&path);
            return Ok(path);
        }
        let _lock = self.lock(&key.name)?;
        if let Some(path) = self.find(key) {
            return Ok(path);
        }
        self.sweep()?;
        let place = self.root.join(&entry);
        let building = self.root.join(format!(".building-{entry}-{}", std::process::id()));
        remove(&building)?;
        fs::create_dir_all(&building).map_err(io_error("creating", &building))?;
        let task = progress::task(&key.making);
        if let Err(error) = build(&building) {
            remove(&building)?;
            return Err(CacheError::Build { entry, source: error.into() });
        }
        task.done();
        fs::rename(&building, &place).map_err(io_error("renaming into place", &place))?;
        self.prune(&key.name)?;
        Ok(place)
    }

    /// Takes the lock `name`, waiting while another process has it; free again when dropped.
    ///
    /// # Errors
    /// [`CacheError::Io`] when the lock file cannot be made.
    pub fn lock(&self, name: &str) -> Result<File, CacheError> {
        let path = self.root.join(format!(".lock-{}", file_name(name)));
        let file = File::create(&path).map_err(io_error("creating", &path))?;
        if file.try_lock().is_err() {
            say(format!("another run holds {name}: waiting for it"));
            file.lock().map_err(io_error("locking", &path))?;
        }
        Ok(file)
    }

    /// Deletes what runs that were cut off left half built.
    fn sweep(&self) -> Result<(), CacheError> {
        for path in entries(&self.root)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(rest) = name.strip_prefix(".building-") else { continue };
            let owner_runs = rest.rsplit('-').next().is_some_and(|pid| Path::new("/proc").join(pid).exists());
            let age = modified(&path).elapsed().unwrap_or_default();
            if !owner_runs || age > ABANDONED {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Keeps the entries of `name` that were used last.
    fn prune(&self, name: &str) -> Result<(), CacheError> {
        let digest = |rest: &str| rest.rsplit('-').next().is_some_and(|hex| hex.len() == 16);
        let mut same: Vec<PathBuf> = entries(&self.root)?
            .into_iter()
            .filter(|path| {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                let rest = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
                rest.is_some_and(|rest| rest.starts_with(|c: char| c == 'v' || c.is_ascii_digit()) && digest(rest))
            })
            .collect();
        same.sort_by_key(|path| std::cmp::Reverse(modified(path)));
        same.iter().skip(KEPT).try_for_each(|path| remove(path))
    }
}

fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::Io { action, path, source }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, CacheError> {
    let read = || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().map_err(io_error("listing", directory))?;
    paths.sort();
    Ok(paths)
}

fn files_below(path: &Path) -> Result<Vec<PathBuf>, CacheError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let nested = entries(path)?.iter().map(|path| files_below(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(nested.into_iter().flatten().collect())
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The time of the last use is the directory's own; failing to note it only makes pruning less apt.
fn touch(path: &Path) {
    let _ = File::open(path).and_then(|directory| directory.set_modified(SystemTime::now()));
}

fn remove(path: &Path) -> Result<(), CacheError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("deleting", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cache = Cache::at(directory.path().join("cache")).expect("a cache");
        (directory, cache)
    }

    #[test]
    fn an_entry_is_built_once_and_then_found() {
        let (_keep, cache) = cache();
        let key = Key::new("thing", "v1").with("recipe");
        let built = AtomicUsize::new(0);
        for _ in 0..2 {
            let path = cache
                .ensure(&key, |directory| {
                    built.fetch_add(1, Ordering::SeqCst);
                    fs::write(directory.join("file"), "content")
                })
                .expect("built");
            assert_eq!(fs::read_to_string(path.join("file")).expect("read"), "content");
        }
        assert_eq!(built.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn two_builders_at_once_build_it_once() {
        let (_keep, cache) = cache();
        let built = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    cache.ensure(&Key::new("thing", "v1"), |_| {
                        built.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(50));
                        Ok::<(), io::Error>(())
                    })
                });
            }
        });
        assert_eq!(built.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failed_recipe_leaves_no_entry_behind() {
        let (_keep, cache) = cache();
        let key = Key::new("thing", "v1");
        let error = cache.ensure(&key, |_| Err("no flour")).expect_err("it fails");
        assert!(error.to_string().contains("no flour"));
        assert!(cache.find(&key).is_none());
        assert!(!entries(cache.root()).expect("list").iter().any(|path| path.to_string_lossy().contains(".building")));
    }

    #[test]
    fn any_change_of_the_recipe_is_another_entry() {
        let name = |key: Key| key.directory_name();
        let first = name(Key::new("thing", "v1").with("ab").with("c"));
        assert_ne!(first, name(Key::new("thing", "v1").with("a").with("bc")));
        assert_ne!(first, name(Key::new("thing", "v2").with("ab").with("c")));
        assert_eq!(first, name(Key::new("thing", "v1").with("ab").with("c")));
    }

    #[test]
    fn what_a_cut_off_run_left_half_built_is_swept_and_old_entries_are_pruned() {
        let (_keep, cache) = cache();
        // No process has this pid: it is above the kernel's greatest.
        let remains = cache.root().join(".building-thing-v0-0011223344556677-4194999");
        fs::create_dir_all(remains.join("half")).expect("create");
        let other = cache.root().join("thing-else-v1-0011223344556677");
        fs::create_dir_all(&other).expect("create");
        for version in ["v1", "v2", "v3", "v4"] {
            cache.ensure(&Key::new("thing", version), |_| Ok::<(), io::Error>(())).expect("built");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!remains.exists());
        assert!(other.exists(), "an entry of another name is not touched");
        assert!(cache.find(&Key::new("thing", "v1")).is_none());
        assert!(cache.find(&Key::new("thing", "v4")).is_some());
    }
}
