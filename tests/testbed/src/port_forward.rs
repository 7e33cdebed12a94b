//! `kubectl port-forward` to a Service for as long as a value lives: the way to an API in any cluster, whatever Ingress
//! controller it has or lacks. IO.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Until kubectl listens; the pod is there by then.
const LISTENS: Duration = Duration::from_secs(20);
/// Port of the API's Service.
pub const SERVICE_PORT: u16 = 80;

/// kubectl does not forward.
#[derive(Debug, thiserror::Error)]
pub enum PortForwardError {
    /// It could not be started.
    #[error("starting kubectl port-forward: {0}")]
    Start(std::io::Error),
    /// It ended, or said nothing of use.
    #[error("`kubectl port-forward {service}` listens nowhere: {why}")]
    Silent {
        /// What it was to forward to.
        service: String,
        /// What it printed.
        why: String,
    },
}

/// A kubectl that forwards a port of loopback, ended with this value.
#[derive(Debug)]
pub struct PortForward {
    port: u16,
    _child: Child,
    /// Kept open: kubectl writes a line for every connection.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl PortForward {
    /// Forwards a free port of 127.0.0.1 to the port [`SERVICE_PORT`] of a Service.
    ///
    /// # Errors
    /// [`PortForwardError`] when kubectl does not say within twenty seconds where it listens.
    pub async fn open(
        kubectl: &Path,
        kubeconfig: &Path,
        namespace: &str,
        service: &str,
    ) -> Result<Self, PortForwardError> {
        let mut command = Command::new(kubectl);
        command.env("KUBECONFIG", kubeconfig).args(["port-forward", "--address", "127.0.0.1", "-n", namespace]);
        command.arg(format!("service/{service}")).arg(format!(":{SERVICE_PORT}"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(PortForwardError::Start)?;
        let silent = |why: String| PortForwardError::Silent { service: format!("service/{service}"), why };
        let Some(stdout) = child.stdout.take() else { return Err(silent("it has no output".to_owned())) };
        let mut lines = BufReader::new(stdout).lines();
        match tokio::time::timeout(LISTENS, lines.next_line()).await {
            Ok(Ok(Some(line))) => {
                let port = listens(&line).ok_or_else(|| silent(line))?;
                Ok(Self { port, _child: child, _lines: lines })
            }
            Ok(Ok(None)) => {
                let mut told = String::new();
                if let Some(mut stderr) = child.stderr.take() {
                    // Its output is at its end, so it ends now; what it said is all that can be told.
                    let _ = tokio::time::timeout(LISTENS, stderr.read_to_string(&mut told)).await;
                }
                Err(silent(told.trim().to_owned()))
            }
            Ok(Err(error)) => Err(silent(error.to_string())),
            Err(_) => Err(silent(format!("it said nothing within {LISTENS:?}"))),
        }
    }

    /// Where the Service answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// `Forwarding from 127.0.0.1:41234 -> 5000` → 41234.
fn listens(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("Forwarding from 127.0.0.1:")?;
    rest.split_once(" -> ")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    #[test]
    fn the_port_is_read_from_kubectls_first_line_alone() {
        assert_eq!(listens("Forwarding from 127.0.0.1:41234 -> 5000"), Some(41234));
        for other in ["", "Handling connection for 41234", "Forwarding from [::1]:41234 -> 5000"] {
            assert_eq!(listens(other), None, "{other}");
        }
    }

    /// A program in place of kubectl; the directory that it lies in is deleted with the first value.
    fn kubectl(script: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("kubectl");
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("made executable");
        (directory, file)
    }

    #[tokio::test]
    async fn kubectl_runs_as_long_as_the_value_lives() {
        let (directory, file) =
            kubectl("echo \"$$\" > \"${0%/*}/pid\"; echo 'Forwarding from 127.0.0.1:7 -> 5000'; exec sleep 60");
        let forward = PortForward::open(&file, Path::new("/none"), "store", "shop-api").await.expect("it listens");
        assert_eq!(forward.url(), "http://127.0.0.1:7");
        let pid = fs::read_to_string(directory.path().join("pid")).expect("a pid").trim().parse().expect("a number");
        assert!(crate::process::start_time(pid).is_some());
        drop(forward);
        assert!(crate::process::ended(pid, Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn what_kubectl_says_when_it_ends_at_once_is_in_the_error() {
        let (_directory, file) = kubectl("echo 'services \"shop-api\" not found' >&2; exit 1");
        let began = Instant::now();
        let error = PortForward::open(&file, Path::new("/none"), "store", "shop-api").await.expect_err("it ended");
        assert!(error.to_string().contains("not found"), "{error}");
        assert!(began.elapsed() < LISTENS);
    }
}
