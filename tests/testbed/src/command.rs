//! Runs the external programs that the testbed is made of (ip, openssl, go, …), each within a
//! deadline, and turns a failure into an error that shows what the program printed. Blocking IO.

use std::io::{self, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::log;
use crate::progress::{self, process_seconds};

/// Enough for any command that only talks to the kernel.
pub const SHORT: Duration = Duration::from_secs(20);
/// Enough for the longest build.
pub const LONG: Duration = Duration::from_secs(40 * 60);
/// How much of a failed program's output an error shows, in bytes.
const SHOWN: usize = 4000;

/// A program could not be run, failed, or took too long.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The program could not be started at all.
    #[error("starting `{command}`: {source} (is it installed and on PATH?)")]
    Start {
        /// The command line.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with a failure.
    #[error("`{command}` failed ({status}): {output}{log}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
        /// Where all of it is, in words; empty where there is no log.
        log: String,
    },
    /// It did not end in time and was killed.
    #[error("`{command}` was killed after {seconds} s without an end")]
    TooLong {
        /// The command line.
        command: String,
        /// The deadline it had.
        seconds: u64,
    },
}

/// The command line as a person would type it, shortened.
pub fn display(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    if line.len() > 300 {
        line.truncate(line.floor_char_boundary(300));
        line.push('…');
    }
    line
}

/// Runs `command` to its end with nothing on standard input; the answer is its standard output.
///
/// # Errors
/// [`CommandError`] when it cannot start, ends with a failure, or outlives `deadline`.
pub fn run(command: &mut Command, deadline: Duration) -> Result<String, CommandError> {
    run_with_input(command, None, deadline)
}

/// As [`run`], with `input` on standard input.
///
/// # Errors
/// As [`run`].
pub fn run_with_input(command: &mut Command, input: Option<&[u8]>, deadline: Duration) -> Result<String, CommandError> {
    let line = display(command);
    let output = output(command, input, deadline)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut printed = String::from_utf8_lossy(&output.stderr).into_owned();
    if printed.trim().is_empty() {
        printed = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    Err(CommandError::Failed { command: line, status: output.status.to_string(), output: tail(&printed), log: whole() })
}

/// Runs `command` and says only whether it succeeded.
pub fn succeeds(command: &mut Command, deadline: Duration) -> bool {
    output(command, None, deadline).is_ok_and(|output| output.status.success())
}

fn output(command: &mut Command, input: Option<&[u8]>, deadline: Duration) -> Result<Output, CommandError> {
    let line = display(command);
    let start = |source| CommandError::Start { command: line.clone(), source };
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(start)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let writer = child.stdin.take().zip(input.map(<[u8]>::to_vec)).map(|(mut pipe, bytes)| {
        // On a thread of its own: a program that prints before it has read all would block us both.
        std::thread::spawn(move || pipe.write_all(&bytes))
    });
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(end(child, pid)));
    let began = Instant::now();
    let ended = receive.recv_timeout(deadline);
    if let Err(mpsc::RecvTimeoutError::Timeout) = ended {
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::KILL);
        }
        return Err(CommandError::TooLong { command: line, seconds: deadline.as_secs() });
    }
    // A program may end without reading its input; its status says what matters.
    if let Some(writer) = writer {
        let _ = writer.join();
    }
    let (output, cpu_seconds) = ended.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(start)?;
    progress::spent(cpu_seconds);
    log::program(&line, &output, began.elapsed(), cpu_seconds);
    Ok(output)
}

/// What a program printed, and the processor seconds that it and its children spent: these can be read until it is
/// waited for.
fn end(mut child: Child, pid: Option<Pid>) -> io::Result<(Output, f64)> {
    let errors = child.stderr.take().map(|mut pipe| std::thread::spawn(move || read(&mut pipe)));
    let stdout = child.stdout.take().map_or_else(|| Ok(Vec::new()), |mut pipe| read(&mut pipe))?;
    let stderr = errors.map_or_else(|| Ok(Vec::new()), |thread| thread.join().unwrap_or_else(|_| Ok(Vec::new())))?;
    let cpu_seconds = pid.and_then(|pid| {
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).ok()?;
        process_seconds(pid.as_raw_nonzero().get())
    });
    let status = child.wait()?;
    Ok((Output { status, stdout, stderr }, cpu_seconds.unwrap_or_default()))
}

fn read(pipe: &mut impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).map(|_| bytes)
}

/// Where the whole command and its output are.
fn whole() -> String {
    log::path().map(|path| format!("\n(all of it is in {})", path.display())).unwrap_or_default()
}

fn tail(text: &str) -> String {
    let text = text.trim();
    let cut = text.len().saturating_sub(SHOWN);
    text[text.ceil_char_boundary(cut)..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_the_program_printed() {
        let error = run(Command::new("sh").args(["-c", "echo broken >&2; exit 3"]), SHORT).expect_err("it fails");
        let text = error.to_string();
        assert!(text.contains("broken") && text.contains('3'), "{text}");
    }

    #[test]
    fn a_program_that_never_ends_is_killed_at_its_deadline() {
        let began = std::time::Instant::now();
        let error = run(Command::new("sleep").arg("60"), Duration::from_millis(200)).expect_err("too long");
        assert!(matches!(error, CommandError::TooLong { .. }));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn input_larger_than_a_pipe_reaches_the_program_whole() {
        let input = vec![b'x'; 1 << 20];
        let output = run_with_input(Command::new("cat").arg("-"), Some(&input), SHORT).expect("cat");
        assert_eq!(output.len(), input.len());
    }
}
