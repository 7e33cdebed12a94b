//! One node of a local ring: its directory and its Java process. IO: files, processes.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::installation::Installation;
use super::{Options, RingError, configuration, io_error, keeper};
use crate::progress::wait_until;

/// How much of a dead node's log an error shows, in bytes.
const SHOWN: usize = 3000;

/// A node, running or not. Dropping it kills its process.
#[derive(Debug)]
pub(super) struct Node {
    address: Ipv4Addr,
    directory: PathBuf,
    java: PathBuf,
    arguments: Vec<String>,
    /// A process in whose network namespace the node runs.
    namespace: Option<u32>,
    process: Option<Child>,
}

impl Node {
    /// Writes the configuration of the node at `place`; starts nothing.
    pub(super) fn create(
        installation: &Installation,
        options: &Options,
        place: &configuration::Place<'_>,
    ) -> Result<Self, RingError> {
        let address = place.address;
        let directory = options.directory.join(format!("node-{}", place.index + 1));
        fs::create_dir_all(&directory).map_err(io_error(format!("creating {}", directory.display())))?;
        // Cassandra wants absolute paths, and runs in a directory of its own.
        let directory = directory.canonicalize().map_err(io_error(format!("resolving {}", directory.display())))?;
        for (name, content) in [
            ("cassandra.yaml", configuration::cassandra_yaml(options, place)),
            ("cassandra-rackdc.properties", configuration::rack_properties(place.index)),
            ("logback.xml", configuration::LOGBACK.to_owned()),
        ] {
            fs::write(directory.join(name), content).map_err(io_error(format!("writing {name} of {address}")))?;
        }
        let mut arguments = configuration::java_arguments(options, place.joins(), &directory);
        arguments.extend(installation.arguments(options, address));
        Ok(Self { address, directory, java: installation.java(), arguments, namespace: None, process: None })
    }

    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Puts more in front of the Java command line.
    pub(super) fn add_argument(&mut self, argument: String) {
        self.arguments.insert(0, argument);
    }

    /// From its next start on the node runs in the network namespace of this process.
    pub(super) fn enter(&mut self, namespace: u32) {
        self.namespace = Some(namespace);
    }

    /// Starts the process unless it runs.
    pub(super) fn spawn(&mut self) -> Result<(), RingError> {
        if self.process.is_some() && self.exited()?.is_none() {
            return Ok(());
        }
        let log = File::create(self.log()).map_err(io_error(format!("creating {}", self.log().display())))?;
        let errors = log.try_clone().map_err(io_error("duplicating a file handle"))?;
        let mut command = match self.namespace {
            Some(pid) => {
                let mut enter = keeper::command(Path::new("nsenter"));
                enter.args(["--target", &pid.to_string(), "--net", "--"]).arg(&self.java);
                enter
            }
            None => keeper::command(&self.java),
        };
        command.args(&self.arguments).current_dir(&self.directory);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let start = || io_error(format!("starting {} for {} through setpriv", self.java.display(), self.address));
        self.process = Some(keeper::spawn(command).map_err(start())?);
        Ok(())
    }

    /// How the process ended, if it did.
    pub(super) fn exited(&mut self) -> Result<Option<String>, RingError> {
        let Some(process) = &mut self.process else { return Ok(Some("not started".to_owned())) };
        let status = process.try_wait().map_err(io_error(format!("looking after the node {}", self.address)))?;
        Ok(status.map(|status| status.to_string()))
    }

    /// The error to give when the process has ended although it should run.
    pub(super) fn check(&mut self) -> Result<(), RingError> {
        match self.exited()? {
            None => Ok(()),
            Some(status) => Err(RingError::Died { address: self.address, status, log: tail(&self.log()) }),
        }
    }

    pub(super) async fn stop(&mut self, deadline: Duration) -> Result<(), RingError> {
        if self.exited()?.is_some() {
            self.process = None;
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        let what = format!("Cassandra on {} to end", self.address);
        let end = wait_until(&what, deadline, || {
            let exited = self.exited();
            async move {
                match exited {
                    Ok(None) => Err("it drains".to_owned()),
                    Ok(Some(_)) => Ok(Ok(())),
                    Err(error) => Ok(Err(error)),
                }
            }
        });
        end.await??;
        self.process = None;
        Ok(())
    }

    /// Sends SIGKILL without waiting for the end, which [`Node::reap`] does.
    pub(super) fn kill(&mut self) -> Result<(), RingError> {
        let killed = self.process.as_mut().map_or(Ok(()), Child::kill);
        killed.map_err(io_error(format!("killing the node {}", self.address)))
    }

    /// Waits for the end of a node that was killed.
    pub(super) fn reap(&mut self) -> Result<(), RingError> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.wait().map(drop).map_err(io_error(format!("waiting for the end of the node {}", self.address)))
    }

    pub(super) fn pause(&mut self) -> Result<(), RingError> {
        self.signal(Signal::STOP)
    }

    pub(super) fn resume(&mut self) -> Result<(), RingError> {
        self.signal(Signal::CONT)
    }

    fn signal(&mut self, signal: Signal) -> Result<(), RingError> {
        // A child that has not been waited for keeps its pid, so the signal cannot meet a stranger.
        self.check()?;
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let sent = pid.ok_or(rustix::io::Errno::SRCH).and_then(|pid| kill_process(pid, signal));
        sent.map_err(|error| io_error(format!("signalling the node {}", self.address))(error.into()))
    }

    fn log(&self) -> PathBuf {
        self.directory.join("output.log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The kernel does it too when this program ends; nothing better is left if it fails here.
        let _ = self.kill().and_then(|()| self.reap());
    }
}

/// The last error that a node wrote, else the end of its log.
fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    telling(&text).to_owned()
}

/// What of a log tells why its node ended. Pure.
fn telling(text: &str) -> &str {
    match text.rfind("\nERROR") {
        Some(at) => &text[at + 1..text.floor_char_boundary(at + 1 + SHOWN)],
        None => &text[text.ceil_char_boundary(text.len().saturating_sub(SHOWN))..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_log_the_last_error_is_told_and_else_its_end() {
        assert_eq!(telling("INFO a\nERROR b\nERROR c\n at d\nINFO e\n"), "ERROR c\n at d\nINFO e\n");
        assert_eq!(telling("INFO a\n"), "INFO a\n");
        let long = format!("{}é{}", "x".repeat(SHOWN), "y".repeat(SHOWN - 1));
        assert_eq!(telling(&long), "y".repeat(SHOWN - 1));
        let error = format!("a\nERROR {}é", "x".repeat(SHOWN - 7));
        assert_eq!(telling(&error).len(), SHOWN - 1);
    }
}
