//! Clusters that a user has by kind, k3d or minikube: which one the current kubectl context is, and how images get onto
//! its nodes. What is there is gathered, the rest decided purely. None is ever made or deleted here. IO.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::command::{CommandError, SHORT, run};
use crate::programs::on_path;

/// A hundred megabytes onto every node of a busy machine.
const LOAD: Duration = Duration::from_secs(10 * 60);

/// A tool that runs a Kubernetes in containers or a virtual machine of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the tool of its name")]
pub enum Tool {
    Kind,
    K3d,
    Minikube,
}

/// A tool's cluster that is no place to install on, and why.
#[derive(Debug, thiserror::Error)]
pub enum OwnClusterError {
    /// The tool is not there.
    #[error("CLUSTER={0}, but {0} is not on PATH: install it ({1}), then `{2}` makes a cluster")]
    NoTool(&'static str, &'static str, &'static str),
    /// It did not tell its clusters.
    #[error("{tool} does not tell its clusters: {why} (if it has none, `{make}` makes one)")]
    Untold {
        /// The tool.
        tool: &'static str,
        /// In its words.
        why: String,
        /// What makes a cluster.
        make: &'static str,
    },
    /// It has none.
    #[error("{0} has no cluster: make one with `{1}`")]
    NoCluster(&'static str, &'static str),
    /// The current context is that of another cluster, or there is none.
    #[error("{current}, and {tool} has {clusters}: choose one, as with `kubectl config use-context {context}`")]
    OtherContext {
        /// What the current context is, in words.
        current: String,
        /// The tool.
        tool: &'static str,
        /// Its clusters, in words.
        clusters: String,
        /// The context of the first of them.
        context: String,
    },
    /// The images could not be loaded.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl Tool {
    /// The tool of this name, as `CLUSTER` has it.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Kind, Self::K3d, Self::Minikube].into_iter().find(|tool| tool.name() == name)
    }

    /// The name of its program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::K3d => "k3d",
            Self::Minikube => "minikube",
        }
    }

    /// The command that makes a cluster.
    pub const fn makes(self) -> &'static str {
        match self {
            Self::Kind => "kind create cluster",
            Self::K3d => "k3d cluster create",
            Self::Minikube => "minikube start",
        }
    }

    /// The command that deletes the cluster `name`.
    pub fn deletes(self, name: &str) -> String {
        match self {
            Self::Kind => format!("kind delete cluster --name {name}"),
            Self::K3d => format!("k3d cluster delete {name}"),
            Self::Minikube => format!("minikube delete --profile {name}"),
        }
    }

    const fn site(self) -> &'static str {
        match self {
            Self::Kind => "https://kind.sigs.k8s.io",
            Self::K3d => "https://k3d.io",
            Self::Minikube => "https://minikube.sigs.k8s.io",
        }
    }

    /// The kubectl context that it makes for its cluster `name`.
    fn context(self, name: &str) -> String {
        match self {
            Self::Kind | Self::K3d => format!("{}-{name}", self.name()),
            Self::Minikube => name.to_owned(),
        }
    }

    /// What asks it for its clusters.
    const fn question(self) -> &'static [&'static str] {
        match self {
            Self::Kind => &["get", "clusters"],
            Self::K3d => &["cluster", "list", "--no-headers"],
            Self::Minikube => &["profile", "list", "--output", "json"],
        }
    }

    /// The names in its answer.
    fn clusters(self, answer: &str) -> Result<Vec<String>, String> {
        #[derive(Deserialize)]
        struct Profiles {
            valid: Option<Vec<Profile>>,
        }
        #[derive(Deserialize)]
        struct Profile {
            #[serde(rename = "Name")]
            name: String,
        }
        match self {
            // The first word of each line; kind says on standard error that there is none.
            Self::Kind | Self::K3d => {
                Ok(answer.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
            }
            Self::Minikube => {
                let found: Profiles = serde_json::from_str(answer).map_err(|error| format!("{error} in `{answer}`"))?;
                Ok(found.valid.unwrap_or_default().into_iter().map(|profile| profile.name).collect())
            }
        }
    }

    /// The command that loads an archive onto every node of the cluster `name`.
    fn load(self, name: &str, archive: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Kind => &["load", "image-archive", archive, "--name", name],
            Self::K3d => &["image", "import", archive, "--cluster", name],
            Self::Minikube => &["image", "load", archive, "--profile", name],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// What was found of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    installed: bool,
    /// Its clusters, or why it did not tell them.
    clusters: Result<Vec<String>, String>,
    /// The current kubectl context.
    context: Option<String>,
}

/// The name of the tool's cluster that the current context is.
fn decide(tool: Tool, seen: &Seen) -> Result<String, OwnClusterError> {
    let name = tool.name();
    if !seen.installed {
        return Err(OwnClusterError::NoTool(name, tool.site(), tool.makes()));
    }
    let clusters = match &seen.clusters {
        Ok(clusters) => clusters,
        Err(why) => return Err(OwnClusterError::Untold { tool: name, why: why.clone(), make: tool.makes() }),
    };
    let Some(first) = clusters.first() else { return Err(OwnClusterError::NoCluster(name, tool.makes())) };
    let context = seen.context.as_deref();
    if let Some(found) = clusters.iter().find(|cluster| Some(tool.context(cluster).as_str()) == context) {
        return Ok(found.clone());
    }
    let current = match context {
        Some(context) => format!("the current kubectl context is `{context}`"),
        None => "there is no current kubectl context".to_owned(),
    };
    let clusters = clusters.iter().map(|cluster| format!("`{cluster}`")).collect::<Vec<_>>().join(", ");
    Err(OwnClusterError::OtherContext { current, tool: name, clusters, context: tool.context(first) })
}

/// The name of the tool's cluster that the current context is; `context` is that one's name. Blocking.
///
/// # Errors
/// [`OwnClusterError`], with the command that helps.
pub fn find(tool: Tool, context: Option<String>) -> Result<String, OwnClusterError> {
    let installed = on_path(tool.name()).is_some();
    let clusters = if installed {
        let answer = run(Command::new(tool.name()).args(tool.question()), SHORT);
        answer.map_err(|error| error.to_string()).and_then(|answer| tool.clusters(&answer))
    } else {
        Ok(Vec::new())
    };
    decide(tool, &Seen { installed, clusters, context })
}

/// Loads an archive of images onto every node of the cluster `name`. Blocking.
///
/// # Errors
/// [`OwnClusterError::Command`] with the tool's words.
pub fn load(tool: Tool, name: &str, archive: &Path) -> Result<(), OwnClusterError> {
    run(Command::new(tool.name()).args(tool.load(name, &archive.display().to_string())), LOAD)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(clusters: &[&str], context: Option<&str>) -> Seen {
        let clusters = Ok(clusters.iter().map(|name| (*name).to_owned()).collect());
        Seen { installed: true, clusters, context: context.map(str::to_owned) }
    }

    #[test]
    fn only_the_cluster_of_the_tool_that_the_context_is_of_is_taken() {
        for (tool, clusters, context, wanted) in [
            (Tool::Kind, vec!["kind"], "kind-kind", "kind"),
            (Tool::Kind, vec!["a", "b-c"], "kind-b-c", "b-c"),
            (Tool::K3d, vec!["k3s-default"], "k3d-k3s-default", "k3s-default"),
            (Tool::Minikube, vec!["minikube", "dev"], "dev", "dev"),
        ] {
            assert_eq!(decide(tool, &seen(&clusters, Some(context))).expect(context), wanted);
        }
    }

    #[test]
    fn what_is_missing_is_told_with_the_command_that_helps() {
        let missing = Seen { installed: false, ..seen(&[], None) };
        let silent = Seen { clusters: Err("no daemon".to_owned()), ..seen(&[], None) };
        for (tool, seen, told) in [
            (Tool::Kind, missing.clone(), ["kind is not on PATH", "kind create cluster"]),
            (Tool::Minikube, missing, ["minikube is not on PATH", "minikube start"]),
            (Tool::Kind, silent, ["no daemon", "kind create cluster"]),
            (Tool::K3d, seen(&[], Some("prod")), ["k3d has no cluster", "k3d cluster create"]),
            (Tool::Kind, seen(&["x"], Some("prod")), ["is `prod`", "use-context kind-x"]),
            // A cluster that was deleted and left its context behind.
            (Tool::Kind, seen(&["x"], Some("kind-y")), ["is `kind-y`", "use-context kind-x"]),
            (Tool::Kind, seen(&["x"], Some("k3d-x")), ["is `k3d-x`", "use-context kind-x"]),
            (Tool::Minikube, seen(&["m", "n"], None), ["no current kubectl context", "use-context m"]),
        ] {
            let error = decide(tool, &seen).expect_err("no place to install on").to_string();
            assert!(told.iter().all(|words| error.contains(words)), "{told:?}: {error}");
        }
    }

    #[test]
    fn the_clusters_are_read_from_what_each_tool_prints() {
        let read = |tool: Tool, text: &str| tool.clusters(text).expect("read");
        assert_eq!(read(Tool::Kind, "kind\nother\n"), ["kind", "other"]);
        assert!(read(Tool::Kind, "").is_empty());
        assert_eq!(read(Tool::K3d, "k3s-default   1/1   0/0   true\n"), ["k3s-default"]);
        let json = r#"{"invalid":[],"valid":[{"Name":"minikube","Status":"OK"}]}"#;
        assert_eq!(read(Tool::Minikube, json), ["minikube"]);
        assert!(read(Tool::Minikube, r#"{"invalid":[],"valid":null}"#).is_empty());
        assert!(Tool::Minikube.clusters("no profile").is_err());
    }

    #[test]
    fn an_archive_is_loaded_by_each_tools_own_command() {
        let load = |tool: Tool| tool.load("mine", "/x/a.tar").join(" ");
        assert_eq!(load(Tool::Kind), "load image-archive /x/a.tar --name mine");
        assert_eq!(load(Tool::K3d), "image import /x/a.tar --cluster mine");
        assert_eq!(load(Tool::Minikube), "image load /x/a.tar --profile mine");
    }
}
