//! Starts child processes that die with this program. IO: processes.
//!
//! Linux ties a child to the *thread* that started it, and test threads come and go: so one thread
//! that lives as long as the program starts them all.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

type Request = (Command, Sender<io::Result<Child>>);

/// A command that runs `program` so that the kernel kills it when its starter ends.
pub fn command(program: &std::path::Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts `command` from the thread that lives as long as the program.
///
/// # Errors
/// What the system said, or that this thread has ended.
pub fn spawn(command: Command) -> io::Result<Child> {
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    let (answer, started) = channel();
    keeper()?.send((command, answer)).map_err(|_| gone(()))?;
    started.recv().map_err(|_| gone(()))?
}

fn keeper() -> io::Result<&'static Sender<Request>> {
    static KEEPER: OnceLock<Result<Sender<Request>, String>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (requests, inbox) = channel::<Request>();
        let work = move || {
            for (mut command, answer) in inbox {
                // Whoever asked may have given up; its child is then dropped, not killed.
                if let Err(std::sync::mpsc::SendError(Ok(mut child))) = answer.send(command.spawn()) {
                    let _ = child.kill().and_then(|()| child.wait());
                }
            }
        };
        let thread = std::thread::Builder::new().name("process-keeper".to_owned()).spawn(work);
        thread.map(|_| requests).map_err(|error| error.to_string())
    });
    keeper.as_ref().map_err(|error| io::Error::other(error.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let mut child = std::thread::spawn(|| {
            let mut sleep = command(std::path::Path::new("sleep"));
            sleep.arg("60");
            spawn(sleep).expect("started")
        })
        .join()
        .expect("the thread ends");
        // The kernel's signal for a dead parent is sent while that thread ends, before the join.
        let state = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it exists");
        assert!(!state.contains(") Z"), "{state}");
        child.kill().and_then(|()| child.wait()).expect("killed");
    }
}
