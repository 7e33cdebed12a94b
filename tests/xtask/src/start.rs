//! How long the first commands of the README take, and what of it each task: [`measure`] runs them, [`page`] tells it.
//! IO: child processes, temporary directories.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use store_testbed::checkout::{root, without_package};
use store_testbed::progress::{Figure, Figures, WaitError, machine_seconds, say, wait_until};

/// From nothing, on two busy cores.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// For a program to end once it was told to.
const ENDS: Duration = Duration::from_secs(120);
/// Tasks of less are told in one sum.
const TOLD: f64 = 2.0;

/// It could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A command could not be run, or its files not be made.
    #[error("{action}: {source}")]
    Io {
        /// What was attempted.
        action: String,
        /// Why not.
        source: io::Error,
    },
    /// It did not come to what it is for.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// It ended otherwise than well.
    #[error("`make {0}` ended with {1}")]
    Failed(&'static str, String),
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let action = action.into();
    move |source| StartError::Io { action, source }
}

/// One command, once.
#[derive(Debug)]
pub struct Run {
    /// As the page heads it.
    pub title: String,
    /// By the clock, and of the whole machine.
    pub whole: Figure,
    /// Until the testbed's own program ran: what cargo compiled for it.
    pub compiling: f64,
    /// What the program told.
    pub figures: Figures,
}

/// Where a run keeps what it makes: in a directory of its own, or where the user does.
enum Kept<'a> {
    Apart(&'a Path),
    Usual,
}

/// `make up` from nothing, again, and from the cache; `make run` from nothing and from the cache.
///
/// # Errors
/// [`StartError`].
pub async fn measure() -> Result<Vec<Run>, StartError> {
    let directory = tempfile::tempdir().map_err(io_error("making a directory"))?;
    let apart = |name: &str| directory.path().join(name);
    let mut runs = Vec::new();
    for (target, end) in [("up", Some("down")), ("run", None)] {
        let place = apart(target);
        let kept = || Kept::Apart(&place);
        runs.push(one(target, format!("`make {target}` from nothing"), &kept()).await?);
        if let Some(end) = end {
            runs.push(one(target, format!("`make {target}` once more"), &kept()).await?);
            ended_by(end, &kept())?;
        }
        runs.push(one(target, format!("`make {target}` from its cache"), &kept()).await?);
        if let Some(end) = end {
            ended_by(end, &kept())?;
        }
        fs::remove_dir_all(&place).map_err(io_error(format!("deleting {}", place.display())))?;
    }
    Ok(runs)
}

/// As [`measure`], but from the user's own caches alone.
///
/// # Errors
/// [`StartError`].
pub async fn measure_warm() -> Result<Vec<Run>, StartError> {
    let up = one("up", "`make up` from its cache".to_owned(), &Kept::Usual).await?;
    let again = one("up", "`make up` once more".to_owned(), &Kept::Usual).await?;
    ended_by("down", &Kept::Usual)?;
    Ok(vec![up, again, one("run", "`make run` from its cache".to_owned(), &Kept::Usual).await?])
}

fn make(target: &str, kept: &Kept<'_>) -> Result<Command, StartError> {
    let mut make = Command::new("make");
    make.current_dir(root()).arg(target).stdin(Stdio::null());
    without_package(&mut make);
    if let Kept::Apart(place) = kept {
        let directory = |name: &str| -> Result<PathBuf, StartError> {
            let path = place.join(name);
            fs::create_dir_all(&path).map_err(io_error(format!("making {}", path.display())))?;
            Ok(path)
        };
        make.env("XDG_CACHE_HOME", directory("cache")?).env("CARGO_TARGET_DIR", directory("target")?);
        // Go makes these read-only, so that nobody can delete them; this flag has it otherwise.
        make.env("GOMODCACHE", directory("go-modules")?).env("GOFLAGS", "-modcacherw");
    }
    Ok(make)
}

async fn one(target: &'static str, title: String, kept: &Kept<'_>) -> Result<Run, StartError> {
    say(&title);
    let report = tempfile::tempdir().map_err(io_error("making a directory"))?;
    let file = report.path().join("figures.json");
    let mut make = make(target, kept)?;
    let (began, machine) = (Instant::now(), machine_seconds());
    let mut child = make
        .env("STORE_FIGURES", &file)
        .process_group(0)
        .spawn()
        .map_err(io_error(format!("starting make {target}")))?;
    let figures: Figures = wait_until(&title, LONGEST, || {
        let ended = child.try_wait();
        let figures = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        async move {
            match (figures, ended) {
                (Some(figures), _) => Ok(Ok(figures)),
                (None, Ok(Some(status))) => Ok(Err(StartError::Failed(target, status.to_string()))),
                (None, _) => Err("it is at work".to_owned()),
            }
        }
    })
    .await??;
    let seconds = began.elapsed().as_secs_f64();
    let whole = Figure { seconds, cpu_seconds: machine_seconds() - machine };
    end(target, &mut child).await?;
    Ok(Run { title, whole, compiling: seconds - figures.seconds, figures })
}

/// `make up` ends by itself, `make run` at Ctrl-C.
async fn end(target: &'static str, child: &mut Child) -> Result<(), StartError> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group.filter(|_| target == "run") {
        kill_process_group(group, Signal::INT).map_err(|error| io_error("ending make run")(error.into()))?;
    }
    let status = wait_until("its end", ENDS, || {
        let ended = child.try_wait();
        async move {
            match ended {
                Ok(Some(status)) => Ok(Ok(status)),
                Ok(None) => Err("it still runs".to_owned()),
                Err(error) => Ok(Err(io_error("waiting for make")(error))),
            }
        }
    });
    let status = status.await??;
    if status.success() || target == "run" { Ok(()) } else { Err(StartError::Failed(target, status.to_string())) }
}

fn ended_by(target: &'static str, kept: &Kept<'_>) -> Result<(), StartError> {
    let status = make(target, kept)?.status().map_err(io_error(format!("running make {target}")))?;
    if status.success() { Ok(()) } else { Err(StartError::Failed(target, status.to_string())) }
}

/// `docs/start.md`; `machine` says where and when.
pub fn page(machine: &str, runs: &[Run]) -> String {
    let mut page = format!(
        "# How long a start takes\n\nWritten by `make start`; do not edit. {machine} From nothing means: nothing compiled, no \
         module of Go, no image; what cargo, Maven and apt had fetched and installed before stayed. Tasks run beside each other, \
         so that their seconds are more than the whole. Processor seconds are of the programs that a task ran, and of the whole \
         machine where it waits for others.\n\n| command | seconds | processor seconds |\n|---|---|---|\n"
    );
    for run in runs {
        let _ = writeln!(page, "| {} | {:.0} | {:.0} |", run.title, run.whole.seconds, run.whole.cpu_seconds);
    }
    for run in runs {
        let _ = write!(page, "\n## {}\n\n| task | seconds | processor seconds |\n|---|---|---|\n", run.title);
        let _ = writeln!(page, "| compiling the testbed's own program | {:.0} | |", run.compiling);
        let (told, short): (Vec<_>, Vec<_>) = run.figures.tasks.iter().partition(|(_, figure)| figure.seconds >= TOLD);
        for (name, figure) in told {
            let _ = writeln!(page, "| {name} | {:.0} | {:.0} |", figure.seconds, figure.cpu_seconds);
        }
        if !short.is_empty() {
            let sum: f64 = short.iter().map(|(_, figure)| figure.seconds).sum();
            let _ = writeln!(page, "| {} more, each of less than {TOLD:.0} s | {sum:.0} | |", short.len());
        }
    }
    page
}

/// `docs/start.json`: what each task took, the first time that it was run.
pub fn tasks(runs: &[Run]) -> serde_json::Value {
    let mut tasks: BTreeMap<&str, &Figure> = BTreeMap::new();
    for (name, figure) in runs.iter().flat_map(|run| &run.figures.tasks) {
        tasks.entry(name).or_insert(figure);
    }
    json!({ "tasks": tasks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(title: &str, tasks: &[(&str, f64)]) -> Run {
        let figure = |seconds| Figure { seconds, cpu_seconds: 2.0 * seconds };
        let tasks = tasks.iter().map(|(name, seconds)| ((*name).to_owned(), figure(*seconds))).collect();
        Run { title: title.into(), whole: figure(90.0), compiling: 30.0, figures: Figures { seconds: 60.0, tasks } }
    }

    #[test]
    fn the_page_has_each_run_and_its_longer_tasks() {
        let page = page("Here.", &[run("`make up` from nothing", &[("compiling etcd", 40.0), ("a", 1.0), ("b", 0.5)])]);
        assert!(page.contains("| `make up` from nothing | 90 | 180 |"), "{page}");
        assert!(
            page.contains("| compiling the testbed's own program | 30 | |\n| compiling etcd | 40 | 80 |"),
            "{page}"
        );
        assert!(page.contains("| 2 more, each of less than 2 s | 2 | |"), "{page}");
    }

    #[test]
    fn of_a_task_its_first_run_is_what_one_may_expect() {
        let told = tasks(&[run("cold", &[("starting the shop", 80.0)]), run("warm", &[("starting the shop", 60.0)])]);
        assert_eq!(told["tasks"]["starting the shop"]["seconds"], 80.0);
    }
}
