//! The command line of `store-operator`, with an environment variable beside each setting.

use clap::{Args, Parser, Subcommand};

use crate::hooks::{ApplyArgs, ReadyArgs};
use crate::leader::ELECTION;
use crate::node::agent::AgentArgs;
use crate::node::config::ConfigArgs;
use crate::settings::Installation;

/// Operator of StoreCluster resources.
#[derive(Parser, Debug)]
#[command(name = "store-operator", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Watches StoreClusters and makes what they ask for.
    Run(Box<Run>),
    /// Prints the CustomResourceDefinition as YAML.
    Crd,
    /// Prints a table of every metric.
    Metrics {
        /// Whose.
        #[arg(long, value_enum, default_value_t = Metered::Operator)]
        of: Metered,
    },
    /// Prepares Cassandra's configuration, in an init container of its pod.
    NodeConfig(Box<ConfigArgs>),
    /// Tells how the node is, beside it in its pod.
    NodeAgent(AgentArgs),
    /// Applies a StoreCluster once its kind is served, for the chart.
    ApplyStore(ApplyArgs),
    /// Waits until an operator answers that it is ready, for `helm test`.
    AwaitReady(ReadyArgs),
}

/// What serves metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Metered {
    /// `run`.
    Operator,
    /// `node-agent`.
    Node,
}

/// Settings of `run`.
#[derive(Args, Debug, Clone)]
pub struct Run {
    #[command(flatten)]
    pub installation: Installation,
    /// Namespaces to watch, separated by commas; none: all.
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Take a Lease before acting, so that several replicas can run.
    #[arg(long, env = "LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_election: bool,
    /// Name of the Lease. Operators that do not take turns, as of two releases in one namespace, need one each.
    #[arg(long, env = "LEASE_NAME", default_value = ELECTION)]
    pub lease_name: String,
    /// Name of this replica, as holder of the Lease and reporter of events. Default: host name.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: Option<String>,
    /// Port of /metrics, /livez and /readyz.
    #[arg(long, env = "METRICS_PORT", default_value_t = 8080)]
    pub metrics_port: u16,
    /// StoreClusters that are worked on at the same time.
    #[arg(long, env = "CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// How logs are written.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Run {
    /// Name of this replica.
    pub fn identity(&self) -> String {
        let named = self.pod_name.clone().filter(|name| !name.is_empty());
        named.unwrap_or_else(|| format!("store-operator-{}", std::process::id()))
    }

    /// Namespaces to watch; `None` stands for all.
    pub fn namespaces(&self) -> Vec<Option<String>> {
        let named: Vec<_> =
            self.watch_namespaces.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        if named.is_empty() {
            return vec![None];
        }
        named.into_iter().map(|name| Some(name.to_owned())).collect()
    }
}
