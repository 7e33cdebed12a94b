//! The testbed's command line: brings clusters up and down, the shop with them, and makes nodes
//! suffer. See `testbed --help`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use store_testbed::cluster::{self, Cluster};
use store_testbed::layout::Layout;
use store_testbed::node_init::NodeSpec;
use store_testbed::shop_up::{self, Target};
use store_testbed::{drill, image_store, node_init, process, progress, provisioner};

/// A real three-node Kubernetes on this machine, from packages alone.
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Brings a cluster up; quick and harmless when it is up.
    Up(Name),
    /// Brings the cluster `shop` up with the sample shop on it, or the shop on another cluster.
    ShopUp {
        /// `current`: install on the cluster of the current kubectl context instead.
        #[arg(long, env = "CLUSTER", value_parser = ["", "testbed", "current"], default_value = "")]
        cluster: String,
        /// A file of Helm values for the chart: where a cluster of yours finds the images, for one.
        #[arg(long, env = "VALUES", value_parser = clap::builder::OsStringValueParser::new())]
        values: Option<OsString>,
    },
    /// Stops a cluster and deletes all of it but the cache.
    Down(Name),
    /// Cuts a node's power under load and counts what that costs; the cluster must be up.
    Drill(Name),
    /// Switches a node on, cuts its power or its link, or runs a program on it.
    Node {
        #[command(flatten)]
        cluster: Name,
        /// The node: node-a, node-b or node-c.
        node: String,
        #[command(subcommand)]
        fault: NodeAction,
    },
    /// Starts a program in a cgroup, apart from its caller, and prints its pid.
    #[command(hide = true)]
    Launch {
        #[arg(long)]
        cgroup: String,
        #[arg(long)]
        log: PathBuf,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Makes the volumes of the cluster whose plan is in this file.
    #[command(hide = true)]
    ProvisionVolumes { plan: PathBuf },
    /// Process 1 of a node.
    #[command(hide = true)]
    NodeInit { spec: PathBuf },
    /// Process 1 of the namespaces that images are unpacked in.
    #[command(hide = true)]
    UnpackImages { directory: PathBuf, archive: PathBuf },
}

#[derive(Debug, clap::Args)]
struct Name {
    /// The cluster.
    #[arg(long, default_value = "shop")]
    name: String,
}

#[derive(Debug, Subcommand)]
enum NodeAction {
    /// Cuts the power, silently.
    CutPower,
    /// Switches it on.
    PowerOn,
    /// Pulls the network cable.
    CutLink,
    /// Plugs the network cable in.
    RestoreLink,
    /// Runs a program on it, with this terminal.
    Exec {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    progress::elapsed();
    match Arguments::parse().command {
        Action::Up(Name { name }) => drop(Cluster::start(&name).await?),
        Action::ShopUp { cluster, values } => {
            let target = if cluster == "current" { Target::CurrentContext } else { Target::Testbed };
            let values = values.filter(|file| !file.is_empty()).map(PathBuf::from);
            shop_up::up(target, values.as_deref()).await?;
        }
        Action::Down(Name { name }) => Cluster::down(&name).await?,
        Action::Node { cluster, node, fault } => on_node(&cluster.name, &node, fault).await?,
        Action::Drill(Name { name }) => {
            let report = drill::run(&Cluster::attach(&name).await?).await?;
            println!("{report:#?}");
            anyhow::ensure!(report.is_clean(), "requests failed that were not inside the machine");
        }
        Action::Launch { cgroup, log, command } => println!("{}", process::launch_here(&cgroup, &log, &command)?),
        Action::NodeInit { spec } => {
            let text = std::fs::read(&spec).with_context(|| format!("reading {}", spec.display()))?;
            let spec: NodeSpec = serde_json::from_slice(&text).context("reading the node's plan")?;
            node_init::run(&spec).await?;
        }
        Action::ProvisionVolumes { plan } => {
            let text = std::fs::read(&plan).with_context(|| format!("reading {}", plan.display()))?;
            let layout: Layout = serde_json::from_slice(&text).context("reading the cluster's plan")?;
            let kubeconfig = layout.pki().join(format!("{}.conf", provisioner::NAME));
            provisioner::run(cluster::client(&kubeconfig).await?, &layout).await?;
        }
        Action::UnpackImages { directory, archive } => image_store::unpack(&directory, &archive).await?,
    }
    Ok(())
}

async fn on_node(cluster: &str, node: &str, fault: NodeAction) -> anyhow::Result<()> {
    let cluster = Cluster::attach(cluster).await?;
    let node = cluster.node(node)?;
    match fault {
        NodeAction::CutPower => node.cut_power().await?,
        NodeAction::PowerOn => {
            node.power_on().await?;
            cluster.wait_node(node.name(), true, Duration::from_secs(120)).await?;
        }
        NodeAction::CutLink => node.cut_link()?,
        NodeAction::RestoreLink => node.restore_link()?,
        NodeAction::Exec { command } => {
            let (program, arguments) = command.split_first().context("no program to run")?;
            let status = node.command(program)?.args(arguments).status().context("running nsenter")?;
            anyhow::ensure!(status.success(), "the program failed ({status})");
        }
    }
    Ok(())
}
