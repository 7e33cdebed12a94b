//! The log of a run: every program that the testbed ran, whole, with what it printed. A person sees a line a task; this
//! file has the rest, and the errors name it. Blocking IO.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// Logs of earlier runs that are kept.
const KEPT: usize = 20;

struct Log {
    path: PathBuf,
    file: Mutex<File>,
}

static LOG: OnceLock<Option<Log>> = OnceLock::new();

/// Writes the log into `logs` below this directory, from the first call on. Where that cannot be written there is none.
pub fn write_below(directory: &Path) {
    LOG.get_or_init(|| {
        let directory = directory.join("logs");
        fs::create_dir_all(&directory).ok()?;
        prune(&directory);
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let path = directory.join(format!("{since}-{}.log", std::process::id()));
        let file = Mutex::new(File::create(&path).ok()?);
        Some(Log { path, file })
    });
}

/// Where the log is, if there is one.
pub fn path() -> Option<&'static Path> {
    LOG.get()?.as_ref().map(|log| log.path.as_path())
}

/// Takes down a program that has ended.
pub fn program(line: &str, output: &Output, took: Duration, cpu_seconds: f64) {
    let Some(log) = LOG.get().and_then(Option::as_ref) else { return };
    let mut file = log.file.lock().unwrap_or_else(PoisonError::into_inner);
    let head =
        format!("$ {line}\n# {}, {:.1} s, {cpu_seconds:.1} s of processors\n", output.status, took.as_secs_f64());
    // A log that cannot be written any more must not stop the run.
    let _ = file.write_all(head.as_bytes());
    let _ = file.write_all(&output.stdout);
    let _ = file.write_all(&output.stderr);
    let _ = file.write_all(b"\n");
}

/// Deletes all but the newest; their names begin with the time of their run.
fn prune(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut logs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    logs.sort();
    let old = logs.len().saturating_sub(KEPT - 1);
    logs.iter().take(old).for_each(|path| drop(fs::remove_file(path)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_logs_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        for run in 100..130 {
            fs::write(directory.path().join(format!("{run}-1.log")), "").expect("a log");
        }
        prune(directory.path());
        let mut left: Vec<_> =
            fs::read_dir(directory.path()).expect("a list").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!((left.len(), left[0].to_string_lossy().into_owned()), (KEPT - 1, "111-1.log".to_owned()));
    }
}
