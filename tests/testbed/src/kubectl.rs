//! kubectl and helm as a user runs them: child processes with a deadline. IO.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command::{CommandError, LONG, SHORT, display, run_with_input};

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

    /// Runs `kubectl` with `arguments`; the answer is what it printed.
    ///
    /// # Errors
    /// [`CommandError`] when it fails or takes longer than twenty seconds.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, CommandError> {
        self.program("kubectl", arguments, None, SHORT).await
    }

    /// As [`Kubectl::run`], with `input` on standard input.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub async fn run_with(&self, arguments: &[&str], input: String) -> Result<String, CommandError> {
        self.program("kubectl", arguments, Some(input), SHORT).await
    }

    /// Runs `helm`, which may wait for what it installs.
    ///
    /// # Errors
    /// [`CommandError`] when it fails.
    pub async fn helm(&self, arguments: &[&str]) -> Result<String, CommandError> {
        self.program("helm", arguments, None, LONG).await
    }

    /// Runs another Helm than the cluster's own.
    ///
    /// # Errors
    /// [`CommandError`] when it fails.
    pub async fn helm_of(&self, helm: &Path, arguments: &[&str]) -> Result<String, CommandError> {
        self.program(&helm.to_string_lossy(), arguments, None, LONG).await
    }

    /// `name` is that of a program of the cluster's, or a path. On a thread of its own: the load must not stand still meanwhile.
    async fn program(
        &self,
        name: &str,
        arguments: &[&str],
        input: Option<String>,
        deadline: Duration,
    ) -> Result<String, CommandError> {
        let mut command = Command::new(self.tools.join(name));
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        let line = display(&command);
        let run = tokio::task::spawn_blocking(move || {
            run_with_input(&mut command, input.as_deref().map(str::as_bytes), deadline)
        });
        run.await
            .unwrap_or_else(|error| Err(CommandError::Start { command: line, source: std::io::Error::other(error) }))
    }
}
