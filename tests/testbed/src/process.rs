//! Long-running processes of the testbed: started apart from this program, remembered in pid files
//! and stopped by signal. A pid file holds the pid and the process's start time, so that a pid used
//! again is never taken for it. IO on /proc.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, setsid};

use crate::cgroup::{self, CgroupError};
use crate::command::{CommandError, SHORT, run};

/// A process could not be started, remembered or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The launcher failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The cgroup could not be entered.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// A file could not be read or written, or the program not be run.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process ended at once.
    #[error("{name} ended at once: see {}", log.display())]
    EndedAtOnce {
        /// Its name.
        name: String,
        /// Where it wrote why.
        log: PathBuf,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ProcessError {
    let path = path.to_owned();
    move |source| ProcessError::Io { action, path, source }
}

/// A process as a pid file remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The pid.
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
}

impl Identity {
    /// Reads the text of a pid file, `pid start-time`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let pid = words.next()?.parse().ok().filter(|pid| *pid > 0)?;
        let started = words.next()?.parse().ok()?;
        words.next().is_none().then_some(Self { pid, started })
    }

    /// The text of a pid file.
    pub fn render(&self) -> String {
        format!("{} {}\n", self.pid, self.started)
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }
}

/// The running process that the pid file at `path` remembers.
pub fn find(path: &Path) -> Option<Identity> {
    let identity = Identity::parse(&fs::read_to_string(path).ok()?)?;
    identity.is_alive().then_some(identity)
}

/// When process `pid` started, in clock ticks since boot; nothing when it is gone or a zombie.
pub fn start_time(pid: i32) -> Option<u64> {
    parse_start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_start_time(stat: &str) -> Option<u64> {
    // The second field is the name in parentheses and may hold blanks and parentheses itself.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if matches!(*fields.first()?, "Z" | "X") { None } else { fields.get(19)?.parse().ok() }
}

/// The children of process `pid`.
pub fn children(pid: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let parent = |stat: &str| -> Option<i32> { stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok())
        .filter(|child| {
            fs::read_to_string(format!("/proc/{child}/stat")).ok().and_then(|stat| parent(&stat)) == Some(pid)
        })
        .collect()
}

/// Waits up to `patience` until process `pid` has ended, and says whether it has.
pub async fn ended(pid: i32, patience: Duration) -> bool {
    let Some(pid) = Pid::from_raw(pid) else { return true };
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    // A pidfd becomes readable when its process ends.
    let wait = move || {
        let patience = Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
        poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&patience)).is_ok_and(|ready| ready > 0)
    };
    tokio::task::spawn_blocking(wait).await.unwrap_or(false)
}

/// Sends `signal`, waits for the end up to `patience`, then kills; removes the pid file.
///
/// # Errors
/// [`ProcessError::Io`] when the pid file cannot be removed.
pub async fn stop(pid_file: &Path, signal: Signal, patience: Duration) -> Result<(), ProcessError> {
    if let Some(identity) = find(pid_file)
        && let Some(pid) = Pid::from_raw(identity.pid)
    {
        let _ = kill_process(pid, signal);
        if !ended(identity.pid, patience).await && identity.is_alive() {
            let _ = kill_process(pid, Signal::KILL);
            ended(identity.pid, patience).await;
        }
    }
    match fs::remove_file(pid_file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("deleting", pid_file)(error)),
        _ => Ok(()),
    }
}

/// How a process is started.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The `testbed` program, which enters the cgroup and steps aside.
    pub launcher: &'a Path,
    /// The process's name, for messages.
    pub name: &'a str,
    /// The cgroup it runs in.
    pub cgroup: &'a str,
    /// Where its output goes, appended.
    pub log: &'a Path,
    /// Where it is remembered.
    pub pid_file: &'a Path,
}

/// Starts `command` detached, in a session and cgroup of its own, unless its pid file says that it
/// runs. Says whether it was started.
///
/// # Errors
/// [`ProcessError`] when it could not be started or ended at once.
pub fn launch(launch: &Launch<'_>, command: &Command) -> Result<bool, ProcessError> {
    if find(launch.pid_file).is_some() {
        return Ok(false);
    }
    let mut shim = Command::new(launch.launcher);
    shim.arg("launch").arg("--cgroup").arg(launch.cgroup).arg("--log").arg(launch.log).arg("--");
    shim.arg(command.get_program()).args(command.get_args());
    shim.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let answer = run(&mut shim, SHORT)?;
    let ended_at_once = || ProcessError::EndedAtOnce { name: launch.name.to_owned(), log: launch.log.to_owned() };
    let pid = answer.trim().parse::<i32>().map_err(|_| ended_at_once())?;
    let identity = Identity { pid, started: start_time(pid).ok_or_else(ended_at_once)? };
    let temporary = launch.pid_file.with_extension("new");
    fs::write(&temporary, identity.render()).map_err(io_error("writing", &temporary))?;
    fs::rename(&temporary, launch.pid_file).map_err(io_error("renaming into place", launch.pid_file))?;
    Ok(true)
}

/// The launcher's own part, in a process of its own: enters `cgroup`, starts `command` there with
/// its output going to `log`, and answers its pid. The caller ends at once, which makes the started
/// process a child of the machine's init: it outlives us and is reaped by somebody.
///
/// # Errors
/// [`ProcessError`] when the cgroup or the program refuses.
pub fn launch_here(cgroup: &str, log: &Path, command: &[std::ffi::OsString]) -> Result<u32, ProcessError> {
    cgroup::enter(cgroup)?;
    // Fails only for the leader of a process group, which then has a session of its own already.
    let _ = setsid();
    let open = || File::options().create(true).append(true).open(log);
    let output = open().map_err(io_error("opening", log))?;
    let errors = open().map_err(io_error("opening", log))?;
    let (program, arguments) = command.split_first().ok_or_else(|| {
        io_error("starting", Path::new(""))(io::Error::new(io::ErrorKind::InvalidInput, "no program was named"))
    })?;
    let child = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(io_error("starting", Path::new(program)))?;
    Ok(child.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_reads_back_as_it_was_written_and_nonsense_is_no_process() {
        let identity = Identity { pid: 42, started: 12345 };
        assert_eq!(Identity::parse(&identity.render()), Some(identity));
        for text in ["", "42", "0 1", "-3 1", "42 x", "42 1 2", "\0\0"] {
            assert_eq!(Identity::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_start_time_is_found_behind_any_process_name_and_a_zombie_has_none() {
        let fields = "1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1";
        assert_eq!(parse_start_time(&format!("9 (a) b) S) S {fields}")), Some(777));
        assert_eq!(parse_start_time(&format!("9 (a) Z {fields}")), None);
        assert_eq!(parse_start_time("garbage"), None);
    }

    #[test]
    fn a_pid_used_again_is_not_taken_for_the_old_process() {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let started = start_time(pid).expect("we run");
        assert!(Identity { pid, started }.is_alive());
        assert!(!Identity { pid, started: started + 1 }.is_alive());
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_signal_is_killed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pid_file = directory.path().join("stubborn");
        let mut child =
            Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 1; done"]).spawn().expect("start");
        let pid = i32::try_from(child.id()).expect("a pid");
        let identity = Identity { pid, started: start_time(pid).expect("it runs") };
        fs::write(&pid_file, identity.render()).expect("write");
        stop(&pid_file, Signal::TERM, Duration::from_millis(300)).await.expect("stopped");
        assert!(!identity.is_alive() && !pid_file.exists());
        let _ = child.wait();
    }
}
