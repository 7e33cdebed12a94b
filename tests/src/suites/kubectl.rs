//! kubectl and helm as a user runs them: child processes with a deadline. Blocking IO.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{CommandError, LONG, SHORT, run, run_with_input};

/// kubectl and helm of one cluster.
#[derive(Debug, Clone)]
pub struct Kubectl {
    tools: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// The programs in `tools`, with the cluster of `kubeconfig`.
    pub fn new(tools: &Path, kubeconfig: &Path) -> Self {
        Kubectl { tools: tools.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.tools.join(name));
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Runs `kubectl` with `arguments`; the answer is what it printed.
    ///
    /// # Errors
    /// [`CommandError`] when it fails or takes longer than twenty seconds.
    pub fn run(&self, arguments: &[&str]) -> Result<String, CommandError> {
        run(self.program("kubectl").args(arguments), SHORT)
    }

    /// As [`Kubectl::run`], with `input` on standard input.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Result<String, CommandError> {
        run_with_input(self.program("kubectl").args(arguments), Some(input.as_bytes()), SHORT)
    }

    /// Runs `helm`, which may wait for what it installs.
    ///
    /// # Errors
    /// [`CommandError`] when it fails.
    pub fn helm(&self, arguments: &[&str]) -> Result<String, CommandError> {
        run(self.program("helm").args(arguments), LONG)
    }
}
