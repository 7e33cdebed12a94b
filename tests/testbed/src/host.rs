//! What clusters share on the machine: the slots they hold and the kernel settings and
//! mount points that several kubelets on one host need. IO on the cache directory (the record outlives a reboot) and
//! /proc/sys.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, CacheError};
use crate::layout::{SLOTS, preferred_slot};
use crate::progress::say;

/// Settings of the machine, and the least that three kubelets, their containers and Cassandra need.
const SETTINGS: [(&str, u64); 3] = [
    ("fs/inotify/max_user_instances", 8192),
    ("fs/inotify/max_user_watches", 524_288),
    ("vm/max_map_count", 1_048_575),
];

/// Where a node mounts its own disk. They must exist on the machine, which does not see what is there.
pub const MOUNT_POINTS: [&str; 6] = [
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/var/lib/cni",
    "/var/lib/local-path",
    "/var/log/pods",
    "/var/log/containers",
];

/// Where `ip` keeps the names of network namespaces.
const NAMESPACES: &str = "/run/netns";

/// A slot could not be had or a setting not be changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The record is locked or unreadable.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// All slots are taken.
    #[error("all {SLOTS} slots for clusters are taken: stop one with `testbed down --name NAME`")]
    NoSlot,
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

/// The record: who holds which slot, and what the settings were before the first cluster came.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    claims: Vec<Claim>,
    before: Vec<(String, u64)>,
    /// Mount points that were not there before.
    created: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    slot: u8,
    state: PathBuf,
}

/// Gives the cluster `name` with state directory `state` a slot (the same one each time), and raises
/// the machine's settings. `exists` says whether a state directory is still there: a claim whose
/// directory was deleted by hand is given up.
///
/// # Errors
/// [`HostError`] when no slot is free or the record cannot be written.
pub fn claim(cache: &Cache, name: &str, state: &Path) -> Result<u8, HostError> {
    let _lock = cache.lock("host")?;
    let mut record = read(cache)?;
    let slot = record.claim(name, state, Path::exists).ok_or(HostError::NoSlot)?;
    record.remember(|setting| read_setting(setting).ok());
    let wanted = MOUNT_POINTS.iter().chain(&[NAMESPACES]).map(PathBuf::from);
    record.created.extend(wanted.filter(|path| !path.exists()));
    write(cache, &record)?;
    for path in &record.created {
        fs::create_dir_all(path).map_err(io_error("creating", path))?;
    }
    for (setting, least) in SETTINGS {
        if read_setting(setting)? < least {
            write_setting(setting, least)?;
        }
    }
    Ok(slot)
}

/// The slot that the cluster at `state` holds.
///
/// # Errors
/// [`HostError`] when the record cannot be read.
pub fn find(cache: &Cache, state: &Path) -> Result<Option<u8>, HostError> {
    Ok(read(cache)?.claims.iter().find(|claim| claim.state == state).map(|claim| claim.slot))
}

/// Gives the slot of the cluster at `state` back; the last one to leave restores the machine's
/// settings and removes the mount points.
///
/// # Errors
/// [`HostError`] when the record or a setting cannot be written.
pub fn release(cache: &Cache, state: &Path) -> Result<(), HostError> {
    let _lock = cache.lock("host")?;
    let mut record = read(cache)?;
    record.claims.retain(|claim| claim.state != state);
    if record.claims.is_empty() {
        for (setting, before) in std::mem::take(&mut record.before) {
            write_setting(&setting, before)?;
        }
        for path in std::mem::take(&mut record.created) {
            // Only an empty directory can be one that we made and nobody else uses. `ip` mounts the
            // directory of namespaces on itself.
            let _ = unmount(&path, UnmountFlags::empty());
            let _ = fs::remove_dir(&path);
        }
    }
    write(cache, &record)
}

impl Record {
    fn claim(&mut self, name: &str, state: &Path, exists: impl Fn(&Path) -> bool) -> Option<u8> {
        if let Some(claim) = self.claims.iter().find(|claim| claim.state == state) {
            return Some(claim.slot);
        }
        self.claims.retain(|claim| exists(&claim.state));
        let free = |slot: &u8| self.claims.iter().all(|claim| claim.slot != *slot);
        let slot = preferred_slot(name).filter(free).or_else(|| (2..SLOTS).find(free))?;
        self.claims.push(Claim { slot, state: state.to_owned() });
        Some(slot)
    }

    fn remember(&mut self, current: impl Fn(&str) -> Option<u64>) {
        for (setting, _) in SETTINGS {
            if !self.before.iter().any(|(name, _)| name == setting)
                && let Some(value) = current(setting)
            {
                self.before.push((setting.to_owned(), value));
            }
        }
    }
}

fn path(cache: &Cache) -> PathBuf {
    cache.root().join("clusters.json")
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HostError {
    let path = path.to_owned();
    move |source| HostError::Io { action, path, source }
}

fn read(cache: &Cache) -> Result<Record, HostError> {
    let path = path(cache);
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| io_error("reading", &path)(io::Error::other(error)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
        Err(error) => Err(io_error("reading", &path)(error)),
    }
}

fn write(cache: &Cache, record: &Record) -> Result<(), HostError> {
    let path = path(cache);
    let bytes =
        serde_json::to_vec_pretty(record).map_err(|error| io_error("writing", &path)(io::Error::other(error)))?;
    let temporary = path.with_extension("new");
    fs::write(&temporary, bytes).map_err(io_error("writing", &temporary))?;
    fs::rename(&temporary, &path).map_err(io_error("renaming into place", &path))
}

fn setting_path(setting: &str) -> PathBuf {
    Path::new("/proc/sys").join(setting)
}

fn read_setting(setting: &str) -> Result<u64, HostError> {
    let path = setting_path(setting);
    let text = fs::read_to_string(&path).map_err(io_error("reading", &path))?;
    text.trim().parse().map_err(|error| io_error("reading", &path)(io::Error::other(error)))
}

fn write_setting(setting: &str, value: u64) -> Result<(), HostError> {
    let path = setting_path(setting);
    say(format!("setting {} to {value}", setting.replace('/', ".")));
    fs::write(&path, value.to_string()).map_err(io_error("writing", &path))
}

/// In words: when, on how many CPUs of which kind.
pub fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    format!("Measured on {} with {cpus} CPUs ({model}).", jiff::Timestamp::now().strftime("%Y-%m-%d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(_: &Path) -> bool {
        true
    }

    #[test]
    fn a_cluster_gets_the_same_slot_again_and_never_that_of_another() {
        let mut record = Record::default();
        let shop = record.claim("shop", Path::new("/r/shop"), here);
        assert_eq!((shop, record.claim("test", Path::new("/r/test"), here)), (Some(0), Some(1)));
        assert_eq!(record.claim("shop", Path::new("/r/shop"), here), Some(0));
        assert_eq!(record.claim("lab", Path::new("/r/lab"), here), Some(2));
    }

    #[test]
    fn the_shop_of_another_checkout_gets_a_slot_of_its_own() {
        let mut record = Record::default();
        record.claim("shop", Path::new("/one/shop"), here);
        assert_eq!(record.claim("shop", Path::new("/two/shop"), here), Some(2));
    }

    #[test]
    fn slots_run_out_and_one_whose_files_are_gone_is_free_again() {
        let mut record = Record::default();
        for number in 2..SLOTS {
            assert_eq!(record.claim("x", &PathBuf::from(format!("/r/{number}")), here), Some(number));
        }
        assert_eq!(record.claim("x", Path::new("/r/one-more"), here), None);
        assert_eq!(record.claim("x", Path::new("/r/one-more"), |path| path != Path::new("/r/7")), Some(7));
    }

    #[test]
    fn the_first_cluster_remembers_the_settings_and_a_later_one_does_not_overwrite_them() {
        let mut record = Record::default();
        record.remember(|_| Some(128));
        record.remember(|_| Some(8192));
        assert!(record.before.len() == SETTINGS.len() && record.before.iter().all(|(_, value)| *value == 128));
    }
}
