//! The cgroups of a cluster: one tree per cluster in every version 1 hierarchy, holding every
//! process that belongs to it. It is also the record of what belongs to it: stopping a cluster
//! kills what is in its tree. IO on /sys/fs/cgroup.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::process;

const ROOT: &str = "/sys/fs/cgroup";

/// A cgroup could not be made, entered, emptied or removed.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// The machine has no version 1 hierarchies.
    #[error(
        "no cgroup version 1 hierarchies under {ROOT}: the testbed's nodes need them (boot with systemd.unified_cgroup_hierarchy=0)"
    )]
    NoHierarchies,
    /// The kernel refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Processes outlived SIGKILL.
    #[error("processes {pids:?} of cgroup {cgroup} do not end though killed {seconds} s ago")]
    Unkillable {
        /// The cgroup.
        cgroup: String,
        /// The processes.
        pids: Vec<i32>,
        /// How long ago.
        seconds: u64,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let path = path.to_owned();
    move |source| CgroupError::Io { action, path, source }
}

/// The roots of all version 1 hierarchies.
///
/// # Errors
/// [`CgroupError`] when there are none.
pub fn hierarchies() -> Result<Vec<PathBuf>, CgroupError> {
    // Only version 1 has this file in the root.
    let roots: Vec<PathBuf> = all_roots()?.into_iter().filter(|path| path.join("release_agent").exists()).collect();
    if roots.is_empty() { Err(CgroupError::NoHierarchies) } else { Ok(roots) }
}

/// The roots of all hierarchies; runc uses one of version 2 as well where it finds it.
fn all_roots() -> Result<Vec<PathBuf>, CgroupError> {
    let root = Path::new(ROOT);
    let entries = fs::read_dir(root).map_err(io_error("listing", root))?;
    let mut roots: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        // Symbolic links are other names of the same.
        .filter(|path| path.join("cgroup.procs").exists() && !path.is_symlink())
        .collect();
    roots.sort();
    Ok(roots)
}

/// Makes `cgroup` (like `stb0/node-a`) in every hierarchy.
///
/// # Errors
/// [`CgroupError`] when the kernel refuses.
pub fn create(cgroup: &str) -> Result<(), CgroupError> {
    for root in hierarchies()? {
        let mut path = root.clone();
        for part in cgroup.split('/') {
            path.push(part);
            fs::create_dir_all(&path).map_err(io_error("creating", &path))?;
            // A new cpuset has neither processors nor memory, and nothing can enter it until told.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let Ok(value) = fs::read(root.join(file)) else { continue };
                let file = path.join(file);
                fs::write(&file, value).map_err(io_error("writing", &file))?;
            }
        }
    }
    Ok(())
}

/// Moves the calling process into `cgroup` in every hierarchy, making it when missing.
///
/// # Errors
/// [`CgroupError`] when the kernel refuses.
pub fn enter(cgroup: &str) -> Result<(), CgroupError> {
    create(cgroup)?;
    for root in hierarchies()? {
        let file = root.join(cgroup).join("cgroup.procs");
        fs::write(&file, "0").map_err(io_error("writing", &file))?;
    }
    Ok(())
}

/// The processes in `cgroup` and below, in any hierarchy.
///
/// # Errors
/// [`CgroupError::Io`]; a cgroup that is not there holds nothing.
pub fn processes(cgroup: &str) -> Result<BTreeSet<i32>, CgroupError> {
    let mut pids = BTreeSet::new();
    for root in all_roots()? {
        for directory in tree(&root.join(cgroup)) {
            // It may vanish while we look: then it held nothing.
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0));
        }
    }
    Ok(pids)
}

/// The directories named `name` below `cgroup` in the `pids` hierarchy (a container's id, say).
pub fn find(cgroup: &str, name: &str) -> Vec<PathBuf> {
    let found = tree(&Path::new(ROOT).join("pids").join(cgroup));
    found.into_iter().filter(|path| path.file_name().is_some_and(|file| file == name)).collect()
}

/// Kills every process in `cgroup` and below and waits until they are gone.
///
/// # Errors
/// [`CgroupError::Unkillable`] when some remain after `deadline`.
pub async fn kill(cgroup: &str, deadline: Duration) -> Result<(), CgroupError> {
    let began = Instant::now();
    loop {
        let pids: Vec<i32> = processes(cgroup)?.into_iter().filter(|pid| process::start_time(*pid).is_some()).collect();
        if pids.is_empty() {
            return Ok(());
        }
        let left = deadline.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(CgroupError::Unkillable { cgroup: cgroup.to_owned(), pids, seconds: deadline.as_secs() });
        }
        for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        futures::future::join_all(pids.iter().map(|pid| process::ended(*pid, left))).await;
    }
}

/// Removes `cgroup` and what is below it from every hierarchy; it must hold no process.
///
/// # Errors
/// [`CgroupError::Io`] when one cannot be removed.
pub fn remove(cgroup: &str) -> Result<(), CgroupError> {
    for root in all_roots()? {
        // Deepest first.
        for directory in tree(&root.join(cgroup)).into_iter().rev() {
            match fs::remove_dir(&directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("removing", &directory)(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Which hierarchies still have `cgroup`.
pub fn remains(cgroup: &str) -> Vec<PathBuf> {
    let roots = all_roots().unwrap_or_default();
    roots.into_iter().map(|root| root.join(cgroup)).filter(|path| path.exists()).collect()
}

/// `directory` and every directory below it, parents first; nothing when it is not there.
fn tree(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut all = vec![directory.to_owned()];
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        all.extend(tree(&entry.path()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_lists_parents_before_children() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(directory.path().join("a/b")).expect("create");
        fs::create_dir_all(directory.path().join("c")).expect("create");
        let all = tree(directory.path());
        let place = |name: &str| all.iter().position(|path| path.ends_with(name)).expect(name);
        assert_eq!(all.len(), 4);
        assert!(place("a") < place("a/b"));
        assert!(tree(&directory.path().join("missing")).is_empty());
    }
}
