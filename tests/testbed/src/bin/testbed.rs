//! The testbed's command line: brings clusters up and down, the shop with them, and makes nodes
//! suffer. See `testbed --help`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use store_testbed::cache::Cache;
use store_testbed::cluster::{self, Cluster};
use store_testbed::image_builder::Builder;
use store_testbed::images::Profile;
use store_testbed::layout::Layout;
use store_testbed::node_init::NodeSpec;
use store_testbed::sample::Target;
use store_testbed::shop_up::{self, Wishes};
use store_testbed::{drill, image_builder, image_store, node_init, process, progress, provisioner, shop_down};

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
        #[command(flatten)]
        place: Place,
        /// A file of Helm values for the chart: where a cluster of yours finds the images, for one.
        #[arg(long, env = "VALUES", value_parser = clap::builder::OsStringValueParser::new())]
        values: Option<OsString>,
        #[command(flatten)]
        build: Build,
    },
    /// Builds the project's two images with docker, podman or buildah.
    Images(Build),
    /// Stops a cluster and deletes all of it but the cache; of another cluster, removes what `shop-up` installed there.
    Down {
        #[command(flatten)]
        cluster: Name,
        #[command(flatten)]
        place: Place,
    },
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

#[derive(Debug, clap::Args)]
struct Place {
    /// `kind`, `k3d`, `minikube`: the cluster of the current kubectl context, which that tool made; `current`: that one,
    /// whoever made it; `testbed`, or nothing: one of its own.
    #[arg(long = "cluster", env = "CLUSTER", value_parser = ["", "testbed", "current", "kind", "k3d", "minikube"])]
    #[arg(default_value = "", hide_possible_values = true)]
    place: String,
}

impl Place {
    fn target(&self) -> Target {
        Target::named(&self.place).unwrap_or(Target::Testbed)
    }
}

#[derive(Debug, clap::Args)]
struct Build {
    /// What builds the images; nothing: what works here.
    #[arg(long, env = "BUILDER", value_parser = ["", "docker", "podman", "buildah"], default_value = "")]
    builder: String,
    /// By which profile of Cargo.toml they are compiled.
    #[arg(long, env = "PROFILE", value_parser = ["", "dev", "release"], default_value = "")]
    profile: String,
}

impl Build {
    fn chosen(&self, profile: Profile) -> (Option<Builder>, Profile) {
        (Builder::named(&self.builder), Profile::named(&self.profile).unwrap_or(profile))
    }
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
        Action::ShopUp { place, values, build } => {
            let values = values.filter(|file| !file.is_empty()).map(PathBuf::from);
            let (builder, profile) = build.chosen(Profile::Dev);
            shop_up::up(&Wishes { target: place.target(), values, builder, profile }).await?;
        }
        Action::Images(build) => {
            // It has the log of what the builder says.
            Cache::open()?;
            let (builder, profile) = build.chosen(Profile::Release);
            let built = image_builder::build(image_builder::builder(builder)?, profile)?;
            println!("{}", image_builder::next_steps(&built, profile));
        }
        Action::Down { cluster, place } => match place.target() {
            Target::Testbed => Cluster::down(&cluster.name).await?,
            own => shop_down::down(own.tool()).await?,
        },
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
