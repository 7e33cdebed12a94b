//! Stopping a cluster, and looking whether anything of it is left. IO.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{ClusterError, io_error, lock, state_root};
use crate::layout::{Layout, check_name};
use crate::progress::{say, wait_until};
use crate::{cgroup, host, network};

/// How long the kernel may take to end all processes and give their cgroups up.
const END: Duration = Duration::from_secs(60);

pub(super) async fn stop(name: &str) -> Result<(), ClusterError> {
    check_name(name)?;
    let (cache, _lock) = lock(name)?;
    let state = state_root().join(name);
    // The record knows the slot even when the state was deleted by hand.
    let Some(slot) = host::find(&cache, &state)? else {
        remove_tree(&state)?;
        forget(name);
        say(format!("cluster `{name}` is not up"));
        return Ok(());
    };
    let layout = Layout { name: name.to_owned(), slot, state };
    say(format!("stopping cluster `{name}`"));
    cgroup::kill(&layout.cgroup(), END).await?;
    // A cgroup is busy for a moment after its last process has ended.
    wait_until("the kernel to give up the cluster's cgroups", END, || async {
        cgroup::remove(&layout.cgroup()).map_err(|error| error.to_string())
    })
    .await?;
    for node in layout.nodes() {
        network::remove_node(&node)?;
    }
    network::remove_bridge(&layout)?;
    remove_tree(&layout.state)?;
    let left = remains(&layout)?;
    if !left.is_empty() {
        return Err(ClusterError::Remains(left.join("; ")));
    }
    host::release(&cache, &layout.state)?;
    forget(name);
    say(format!("cluster `{name}` is gone; the cache stays at {}", cache.root().display()));
    Ok(())
}

/// What people source to use the shop, and the directory of clusters when none is left in it.
fn forget(name: &str) {
    if name == "shop" {
        let _ = fs::remove_file(state_root().join("env"));
    }
    let _ = fs::remove_dir(state_root());
}

/// Everything of a stopped cluster that is still there, in words.
fn remains(layout: &Layout) -> Result<Vec<String>, ClusterError> {
    let mut left = network::remains(layout)?;
    left.extend(cgroup::remains(&layout.cgroup()).iter().map(|path| format!("cgroup {}", path.display())));
    let mounts = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(mounts).map_err(io_error("reading", mounts))?;
    left.extend(mounts_below(&text, &layout.state).into_iter().map(|point| format!("mount {point}")));
    left.extend(processes_of(&layout.state).into_iter().map(|process| format!("process {process}")));
    if layout.state.exists() {
        left.push(format!("directory {}", layout.state.display()));
    }
    Ok(left)
}

/// The mount points in `mountinfo` that lie below `directory` or show something of it.
fn mounts_below(mountinfo: &str, directory: &Path) -> Vec<String> {
    let below = |field: Option<&&str>| field.is_some_and(|path| Path::new(path).starts_with(directory));
    mountinfo
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| below(fields.get(3)) || below(fields.get(4)))
        .filter_map(|fields| fields.get(4).map(|&point| point.to_owned()))
        .collect()
}

/// Processes whose program lies in `directory`, by pid and program.
fn processes_of(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in entries.flatten().filter(|entry| entry.file_name() != own.as_str()) {
        let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        // Only what was started from the state directory: a pager on a log file is none of ours, and
        // a deleted log does it no harm.
        if program.starts_with(directory) {
            found.push(format!("{} ({})", entry.file_name().display(), program.display()));
        }
    }
    found
}

fn remove_tree(path: &Path) -> Result<(), ClusterError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("deleting", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_a_cluster_are_told_from_those_of_another_with_a_longer_name() {
        let mountinfo = "30 1 0:1 / /s/shop/nodes/x rw - tmpfs tmpfs rw\n\
                         31 1 8:1 /s/shop/disk /var/lib/kubelet rw - ext4 /dev/vda rw\n\
                         32 1 0:1 / /s/shop2/x rw - tmpfs tmpfs rw\n";
        assert_eq!(mounts_below(mountinfo, Path::new("/s/shop")), ["/s/shop/nodes/x", "/var/lib/kubelet"]);
    }

    #[test]
    fn a_process_started_from_a_directory_is_found_there() {
        let own = std::env::current_exe().expect("this program");
        let this = format!("{} (", std::process::id());
        let beside = processes_of(own.parent().expect("a directory"));
        assert!(!beside.iter().any(|found| found.starts_with(&this)), "this very process does not count: {beside:?}");
        let sleep = fs::canonicalize("/bin/sleep").expect("sleep");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let program = directory.path().join("doze");
        fs::copy(sleep, &program).expect("copy");
        let mut child = std::process::Command::new(&program).arg("30").spawn().expect("start");
        let found = processes_of(directory.path());
        child.kill().and_then(|()| child.wait()).expect("end");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
