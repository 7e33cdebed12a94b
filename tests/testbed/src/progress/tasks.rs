//! What takes a while: one line a task with what it is, how far it is and about how long it takes, redrawn on a terminal
//! and calm elsewhere. Writes to standard error.
//!
//! About how long a task takes is known from the last run on this machine, or else from `docs/start.json`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::elapsed;

/// How often the line of the tasks in hand is redrawn on a terminal.
const REDRAW: Duration = Duration::from_secs(1);
/// How often a task says how far it is, where nothing is redrawn.
const CALM: Duration = Duration::from_secs(60);
/// Columns of a terminal that the line keeps within.
const COLUMNS: usize = 110;
/// The file of what tasks took, beside the cache's entries.
const FILE: &str = "durations.json";
/// A clock tick of /proc, in seconds.
const TICK: f64 = 0.01;
/// Processors of the machine that `docs/start.json` was measured on.
const MEASURED_ON: f64 = 2.0;

/// What a task took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// From its beginning to its end.
    pub seconds: f64,
    /// Of processors: of the programs that it ran, or while it waited for others of the whole machine.
    pub cpu_seconds: f64,
}

/// A task in hand. Dropped before [`Task::done`] it has failed.
#[derive(Debug)]
pub struct Task {
    id: usize,
    done: bool,
}

#[derive(Debug)]
struct Running {
    id: usize,
    name: String,
    began: Instant,
    said: Instant,
    /// By its programs so far.
    spent: f64,
    /// What the machine had spent when it began, where that counts.
    machine: Option<f64>,
    about: Option<f64>,
}

#[derive(Debug, Default)]
struct Board {
    running: Vec<Running>,
    ended: Vec<(String, Figure)>,
    last_id: usize,
    ticks: bool,
    drawn: bool,
}

static BOARD: Mutex<Option<Board>> = Mutex::new(None);
static MEMORY: OnceLock<PathBuf> = OnceLock::new();

thread_local! {
    /// The tasks that this thread is in, the innermost last: what a program of it spends is that one's.
    static OWN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

fn with<T>(act: impl FnOnce(&mut Board) -> T) -> T {
    act(BOARD.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Remembers what tasks take in this directory, and what they took in earlier runs.
pub fn remember_in(directory: &Path) {
    let _ = MEMORY.set(directory.join(FILE));
}

/// Begins a task whose programs this thread runs.
pub fn task(name: impl Into<String>) -> Task {
    let task = begin(name.into(), None);
    OWN.with_borrow_mut(|own| own.push(task.id));
    task
}

/// Begins a task of waiting for what others do: what the whole machine spends meanwhile is its.
pub fn waiting(name: impl Into<String>) -> Task {
    begin(name.into(), Some(machine_seconds()))
}

fn begin(name: String, machine: Option<f64>) -> Task {
    let about = about(&name);
    let text = about.map_or_else(|| name.clone(), |about| format!("{name}: about {}", words(about)));
    let now = Instant::now();
    let id = with(|board| {
        board.last_id += 1;
        let id = board.last_id;
        board.say(&text);
        board.running.push(Running { id, name, began: now, said: now, spent: 0.0, machine, about });
        if !std::mem::replace(&mut board.ticks, true) {
            std::thread::spawn(tick);
        }
        id
    });
    Task { id, done: false }
}

impl Task {
    /// It has come to its end; what it took is remembered.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        OWN.with_borrow_mut(|own| own.retain(|id| *id != self.id));
        let ended = with(|board| board.end(self.id, self.done));
        if let Some((name, figure)) = ended.filter(|_| self.done) {
            remember(&name, figure);
        }
    }
}

/// A program of this thread's task has spent so many processor seconds.
pub fn spent(seconds: f64) {
    let Some(own) = OWN.with_borrow(|own| own.last().copied()) else { return };
    with(|board| board.running.iter_mut().filter(|task| task.id == own).for_each(|task| task.spent += seconds));
}

/// What a run took, and what of it each task.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    pub seconds: f64,
    /// In the order of their ends.
    pub tasks: Vec<(String, Figure)>,
}

/// Writes [`Figures`] of what came to its end so far to the file that `STORE_FIGURES` in the environment names, if it does.
///
/// # Errors
/// When the file cannot be written.
pub fn write_figures() -> io::Result<()> {
    let Some(path) = std::env::var_os("STORE_FIGURES").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(());
    };
    let figures = Figures { seconds: elapsed().as_secs_f64(), tasks: with(|board| board.ended.clone()) };
    let text = serde_json::to_vec_pretty(&figures).map_err(io::Error::other)?;
    // Whoever waits for the file reads it at once.
    let whole = path.with_extension("whole");
    fs::write(&whole, text)?;
    fs::rename(whole, path)
}

/// Prints a line with the time since the program began.
pub(super) fn say(text: &str) {
    with(|board| board.say(text));
}

impl Board {
    fn say(&mut self, text: &str) {
        self.clear();
        eprintln!("[{:>7.1}s] {text}", elapsed().as_secs_f64());
        self.draw();
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            eprint!("\r\x1b[K");
        }
    }

    fn draw(&mut self) {
        if self.running.is_empty() || !io::stderr().is_terminal() {
            return;
        }
        let all: Vec<String> = self.running.iter().map(Running::line).collect();
        let line: String = all.join(" | ").chars().take(COLUMNS).collect();
        eprint!("\r\x1b[K{line}");
        let _ = io::stderr().flush();
        self.drawn = true;
    }

    fn end(&mut self, id: usize, well: bool) -> Option<(String, Figure)> {
        let task = self.running.remove(self.running.iter().position(|task| task.id == id)?);
        let seconds = task.began.elapsed().as_secs_f64();
        let cpu_seconds = task.machine.map_or(task.spent, |before| machine_seconds() - before);
        let figure = Figure { seconds, cpu_seconds };
        if well {
            self.say(&format!("{}: done in {}", task.name, words(seconds)));
            self.ended.push((task.name.clone(), figure));
        } else {
            self.say(&format!("{}: given up after {}", task.name, words(seconds)));
        }
        Some((task.name, figure))
    }

    /// Whether there is still something in hand.
    fn tick(&mut self) -> bool {
        if self.running.is_empty() {
            self.ticks = false;
            return false;
        }
        if io::stderr().is_terminal() {
            self.draw();
            return true;
        }
        let now = Instant::now();
        let due = self.running.iter_mut().filter(|task| now.duration_since(task.said) >= CALM);
        let lines: Vec<String> = due
            .map(|task| {
                task.said = now;
                task.line()
            })
            .collect();
        lines.iter().for_each(|line| self.say(line));
        true
    }
}

impl Running {
    fn line(&self) -> String {
        let so_far = words(self.began.elapsed().as_secs_f64());
        match self.about {
            Some(about) => format!("{}: {so_far} of about {}", self.name, words(about)),
            None => format!("{}: {so_far}", self.name),
        }
    }
}

fn tick() {
    while with(Board::tick) {
        std::thread::sleep(REDRAW);
    }
}

/// `7 s`, `1:05 min`.
fn words(seconds: f64) -> String {
    if seconds < 59.5 {
        return format!("{seconds:.0} s");
    }
    let minutes = (seconds / 60.0).floor();
    format!("{minutes:.0}:{:02.0} min", (seconds - minutes * 60.0).floor())
}

/// About how long a task takes, in seconds: as it did here last, or else as `docs/start.json` lets one expect.
fn about(name: &str) -> Option<f64> {
    let measured = || -> Option<Figure> {
        let all: Measured = serde_json::from_str(include_str!("../../../../docs/start.json")).ok()?;
        all.tasks.get(name).copied()
    };
    let processors = std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
    here().get(name).map(|figure| figure.seconds).or_else(|| measured().map(|figure| elsewhere(figure, processors)))
}

/// What took `figure` on two processors, on so many: only computing is divided among them.
fn elsewhere(figure: Figure, processors: f64) -> f64 {
    (figure.seconds - figure.cpu_seconds / MEASURED_ON).max(0.0) + figure.cpu_seconds / processors
}

/// The part of `docs/start.json` that is read here.
#[derive(Debug, Default, Deserialize)]
struct Measured {
    #[serde(default)]
    tasks: BTreeMap<String, Figure>,
}

fn here() -> BTreeMap<String, Figure> {
    let text = MEMORY.get().and_then(|path| fs::read(path).ok());
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Failing to remember only makes the next guess worse.
fn remember(name: &str, figure: Figure) {
    let Some(path) = MEMORY.get() else { return };
    let mut all = here();
    all.insert(name.to_owned(), figure);
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let text = serde_json::to_vec_pretty(&all).unwrap_or_default();
    let _ = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
}

/// Processor seconds that the machine has spent since it started, without waiting for disks; 0 where nobody tells.
pub fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, then idle and iowait, then interrupts
    let busy = ticks.iter().enumerate().filter(|(place, _)| ![3, 4].contains(place)).take(7);
    busy.map(|(_, ticks)| ticks).sum::<f64>() * TICK
}

/// Processor seconds of a process and of the children that it has waited for, while it has not been waited for itself.
pub(crate) fn process_seconds(pid: i32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold blanks and parentheses itself.
    let fields: Vec<f64> =
        stat.rsplit_once(") ")?.1.split(' ').skip(11).take(4).filter_map(|f| f.parse().ok()).collect();
    Some(fields.iter().sum::<f64>() * TICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(name: &str, about: Option<f64>) -> Board {
        let now = Instant::now();
        let running = Running { id: 7, name: name.to_owned(), began: now, said: now, spent: 1.5, machine: None, about };
        Board { running: vec![running], ..Board::default() }
    }

    #[test]
    fn a_task_says_how_far_it_is_and_about_how_long_it_takes() {
        assert_eq!(board("compiling etcd", Some(65.0)).running[0].line(), "compiling etcd: 0 s of about 1:05 min");
        assert_eq!(board("compiling etcd", None).running[0].line(), "compiling etcd: 0 s");
        assert_eq!([0.4, 59.4, 59.6, 119.9, 3600.0].map(words), ["0 s", "59 s", "0:59 min", "1:59 min", "60:00 min"]);
    }

    #[test]
    fn what_its_programs_spent_is_a_tasks_figure_and_a_failed_one_has_none() {
        let mut whole = board("compiling etcd", None);
        let (name, figure) = whole.end(7, true).expect("it ran");
        assert_eq!((name.as_str(), figure.cpu_seconds, whole.ended.len()), ("compiling etcd", 1.5, 1));
        let mut failed = board("compiling etcd", None);
        failed.end(7, false);
        assert!(failed.ended.is_empty() && !failed.tick());
    }

    #[test]
    fn more_processors_share_the_computing_and_not_the_waiting() {
        let figure = Figure { seconds: 100.0, cpu_seconds: 120.0 };
        assert_eq!([1.0, 2.0, 4.0].map(|processors| elsewhere(figure, processors)), [160.0, 100.0, 70.0]);
    }

    #[test]
    fn a_program_that_computes_has_spent_processor_time() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        let (before, own_before) = (machine_seconds(), process_seconds(own).expect("it runs"));
        let mut sum = 0_u64;
        while process_seconds(own).expect("it runs") < own_before + 0.1 {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
        assert!(machine_seconds() > before && sum > 0);
    }
}
