//! The programs that are measured, each a process of its own so that its CPU time is its own. IO.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long a program may take to say its next line.
const SILENCE: Duration = Duration::from_secs(120);

/// A measured program did not do as it should.
#[derive(Debug, thiserror::Error)]
#[error("{program}: {reason}")]
pub struct ChildError {
    /// Its name.
    pub program: String,
    /// What is wrong.
    pub reason: String,
}

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    /// Absent when what it prints is thrown away.
    lines: Option<Lines<BufReader<ChildStdout>>>,
    silence: Duration,
}

impl Program {
    /// Starts `program`, whose lines on standard output are read by [`Program::line`]; what it prints
    /// on standard error goes to the terminal.
    ///
    /// # Errors
    /// [`ChildError`] when it cannot be started.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self, ChildError> {
        Self::start_heard(program, arguments, &[])
    }

    /// The same for a program that may be silent for as long as this.
    ///
    /// # Errors
    /// [`ChildError`] when it cannot be started.
    pub fn start_for(program: &Path, arguments: &[&str], silence: Duration) -> Result<Self, ChildError> {
        Ok(Self { silence, ..Self::start(program, arguments)? })
    }

    /// The same with variables in its environment; nothing that it logs may go to standard output.
    ///
    /// # Errors
    /// [`ChildError`] when it cannot be started.
    pub fn start_heard(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self, ChildError> {
        Self::spawn(program, arguments, environment, Stdio::piped(), Stdio::inherit())
    }

    /// Starts `program` with its standard output thrown away: a log that nobody reads would fill its
    /// pipe and halt it.
    ///
    /// # Errors
    /// [`ChildError`] when it cannot be started.
    pub fn start_unheard(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self, ChildError> {
        Self::spawn(program, arguments, environment, Stdio::null(), Stdio::inherit())
    }

    /// The same with its standard error thrown away as well, for a program that tells of each request there.
    ///
    /// # Errors
    /// [`ChildError`] when it cannot be started.
    pub fn start_muted(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self, ChildError> {
        Self::spawn(program, arguments, environment, Stdio::null(), Stdio::null())
    }

    fn spawn(
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        output: Stdio,
        errors: Stdio,
    ) -> Result<Self, ChildError> {
        let name = program.display().to_string();
        let failed = |reason: String| ChildError { program: name.clone(), reason };
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(output).stderr(errors).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
        Ok(Program { name, child, lines, silence: SILENCE })
    }

    /// Its process id.
    ///
    /// # Errors
    /// [`ChildError`] when it has ended.
    pub fn pid(&self) -> Result<u32, ChildError> {
        self.child.id().ok_or_else(|| self.error("has ended"))
    }

    /// The rest of the next line that begins with `prefix`.
    ///
    /// # Errors
    /// [`ChildError`] when it ends, or says nothing for too long: two minutes, if nothing else was agreed.
    pub async fn line(&mut self, prefix: &str) -> Result<String, ChildError> {
        loop {
            let silence = self.silence;
            let Some(lines) = &mut self.lines else { return Err(self.error("is not listened to")) };
            let next = tokio::time::timeout(silence, lines.next_line()).await;
            let next = next.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
            match next {
                Ok(Some(line)) => {
                    if let Some(rest) = line.strip_prefix(prefix) {
                        return Ok(rest.to_owned());
                    }
                }
                Ok(None) => return Err(self.error(&format!("ended before it printed {prefix:?}"))),
                Err(error) => return Err(self.error(&format!("waiting for {prefix:?}: {error}"))),
            }
        }
    }

    /// An error of this program.
    pub fn error(&self, reason: &str) -> ChildError {
        ChildError { program: self.name.clone(), reason: reason.to_owned() }
    }
}

/// What a program is started with so that its clock is so many seconds ahead, or behind, by the library libfaketime. What
/// it measures by the machine's steady clock is as it is.
pub fn clock_ahead(library: &Path, seconds: i64) -> [(&'static str, String); 3] {
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("{seconds:+}s")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// Whether an API of this machine is ready, by its port for probes.
///
/// # Errors
/// What its probe answers instead, or why it does not.
pub async fn ready(operations: &str) -> Result<(), String> {
    let answer =
        reqwest::get(format!("http://127.0.0.1:{operations}/readyz")).await.map_err(|error| error.to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("/readyz answers {}", answer.status())) }
}
