//! The steps of `make check` and `make test`: programs and checks run one after another, each with
//! a deadline, their counts added up and shown as a table. IO: child processes and the terminal.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::counts::{Counting, Counts, read};
use store_testbed::command::display;
use store_testbed::progress::{Figure, machine_seconds, say};

/// How long a step that is told to end may take to put things away.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the end of a step is looked for.
const PERIOD: Duration = Duration::from_millis(50);
/// Lines of a step's output that are kept for its counts.
const KEPT_LINES: usize = 100_000;

/// A check by name and its result.
pub type Check = (String, Result<(), String>);

/// When a step began, by the clock and by the machine's processors.
struct Began(Instant, f64);

impl Began {
    fn now() -> Self {
        Began(Instant::now(), machine_seconds())
    }

    fn took(&self) -> Figure {
        Figure { seconds: self.0.elapsed().as_secs_f64(), cpu_seconds: machine_seconds() - self.1 }
    }
}

/// What the steps so far have counted.
#[derive(Debug, Default)]
pub struct Steps {
    only: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    counts: Counts,
    took: Figure,
}

impl Steps {
    /// Steps of which only those named are run; all of them when none is named.
    pub fn only(names: Vec<String>) -> Self {
        Steps { only: names, rows: Vec::new() }
    }

    /// Whether the step `name` is to be run.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }

    /// Runs `command` to its end as the step `name`, its output going to the terminal as it comes.
    ///
    /// A command that cannot start, crashes, or outlives `deadline` is a failed check; in the last
    /// case its whole process group is told to end, and killed when it does not.
    pub fn command(&mut self, name: &str, command: &mut Command, counting: Counting, deadline: Duration) -> Counts {
        if !self.wants(name) {
            return Counts::default();
        }
        say(format!("{name}: {}", display(command)));
        let began = Began::now();
        let counts = match follow(command, deadline) {
            Ok((lines, ended_well)) => read(counting, &lines, ended_well),
            Err(error) => {
                say(format!("{name}: {error}"));
                Counts::one(false)
            }
        };
        self.add(name, counts, began.took())
    }

    /// Runs `check` as one check of the step `name`; its error is shown.
    pub fn check<E: std::fmt::Display>(&mut self, name: &str, check: impl FnOnce() -> Result<(), E>) -> Counts {
        self.checks(name, || vec![(name.to_owned(), check())])
    }

    /// Runs several named checks as the step `name`; the errors of those that fail are shown.
    pub fn checks<E: std::fmt::Display>(
        &mut self,
        name: &str,
        checks: impl FnOnce() -> Vec<(String, Result<(), E>)>,
    ) -> Counts {
        if !self.wants(name) {
            return Counts::default();
        }
        say(name);
        let began = Began::now();
        let mut counts = Counts::default();
        for (check, result) in checks() {
            if let Err(error) = &result {
                say(format!("FAILED {check}: {error}"));
            }
            counts += Counts::one(result.is_ok());
        }
        self.add(name, counts, began.took())
    }

    fn add(&mut self, name: &str, counts: Counts, took: Figure) -> Counts {
        say(format!("{name}: {counts} in {:.1} s", took.seconds));
        self.rows.push(Row { name: name.to_owned(), counts, took });
        counts
    }

    /// The sum over all steps.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.rows.iter().for_each(|row| total += row.counts);
        total
    }

    /// One line per step: name, seconds, how much of them was spent on the machine's processors, counts.
    pub fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
        let mut table = String::new();
        for Row { name, counts, took } in &self.rows {
            let mark = if counts.failed > 0 { "✗" } else { "✓" };
            let Figure { seconds, cpu_seconds } = took;
            table += &format!("{mark} {name:width$}  {seconds:>7.1} s  {cpu_seconds:>7.1} s of CPU  {counts}\n");
        }
        table
    }

    /// Prints the table and, as the very last line, the counts; true when nothing failed.
    pub fn finish(&self) -> bool {
        let total = self.total();
        println!("\n{}{total}", self.table());
        total.failed == 0
    }
}

/// Runs a command in a process group of its own; its lines on standard output, and whether it
/// ended well.
fn follow(command: &mut Command, deadline: Duration) -> std::io::Result<(Vec<String>, bool)> {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).spawn()?;
    let (send, receive) = mpsc::channel();
    let reader = child.stdout.take().map(|output| copy_lines(output, send));
    let ended_well = wait(&mut child, deadline.saturating_sub(began.elapsed()))?;
    // A grandchild that outlives the step may hold the pipe open: what was read by now counts.
    let patience = Instant::now();
    while reader.as_ref().is_some_and(|reader| !reader.is_finished()) && patience.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(PERIOD);
    }
    Ok((receive.try_iter().take(KEPT_LINES).collect(), ended_well))
}

fn copy_lines(output: impl Read + Send + 'static, send: mpsc::Sender<String>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            // A closed terminal must not end the step.
            let _ = writeln!(std::io::stdout(), "{line}");
            if send.send(line).is_err() {
                return;
            }
        }
    })
}

/// Whether the child ended with success before its deadline.
fn wait(child: &mut Child, deadline: Duration) -> std::io::Result<bool> {
    if let Some(ended_well) = poll(child, deadline)? {
        return Ok(ended_well);
    }
    say(format!("it takes longer than {} s: ending it", deadline.as_secs()));
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    for signal in [Signal::TERM, Signal::KILL] {
        if let Some(group) = group {
            // It may have ended by itself in between.
            let _ = kill_process_group(group, signal);
        }
        if poll(child, PATIENCE)?.is_some() {
            return Ok(false);
        }
    }
    Ok(false)
}

fn poll(child: &mut Child, deadline: Duration) -> std::io::Result<Option<bool>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if began.elapsed() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(PERIOD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_counts_of_every_step_are_added_up_and_shown() {
        let mut steps = Steps::default();
        let deadline = Duration::from_secs(20);
        steps.command("a suite", &mut shell("echo hello; echo '4 passed, 1 failed'"), Counting::LastLine, deadline);
        steps.check("a check", || Ok::<(), String>(()));
        steps.command("not there", &mut Command::new("/no/such/program"), Counting::Exit, deadline);
        assert_eq!(steps.total(), Counts { passed: 5, failed: 2, skipped: 0 });
        let table = steps.table();
        assert!(table.contains("✗ a suite") && table.contains("✓ a check"), "{table}");
        assert!(!steps.finish());
    }

    #[test]
    fn a_step_that_is_not_asked_for_is_not_run() {
        let mut steps = Steps::only(vec!["this".into()]);
        steps.check("that", || Err("it ran"));
        steps.check("this", || Ok::<(), String>(()));
        assert_eq!(steps.total(), Counts { passed: 1, failed: 0, skipped: 0 });
    }

    #[test]
    fn a_step_that_never_ends_is_ended_with_all_its_children_and_counts_as_failed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pid = directory.path().join("pid");
        let mut steps = Steps::default();
        let script = format!("sleep 300 & echo $! > {}; wait", pid.display());
        let counts = steps.command("endless", &mut shell(&script), Counting::Exit, Duration::from_millis(500));
        assert_eq!(counts, Counts { passed: 0, failed: 1, skipped: 0 });
        let child = std::fs::read_to_string(pid).expect("the child's pid");
        let running = || {
            let status = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
            !status.is_empty() && !status.contains(") Z")
        };
        let began = Instant::now();
        while running() && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(PERIOD);
        }
        assert!(!running(), "the child of the step is still there");
    }
}
