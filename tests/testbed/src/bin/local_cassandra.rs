//! `local-cassandra`: a Cassandra ring on loopback until Ctrl-C, for people and for tests.

use anyhow::Context as _;
use clap::Parser;
use store_testbed::checkout::root;
use store_testbed::local_cassandra::control::{self, Door, Driver};
use store_testbed::local_cassandra::{Addresses, Api, DATACENTER, LocalRing, MAX_NODES, Options, SUPERUSER, Version};
use store_testbed::progress::{say, write_figures};
use tokio::signal::unix::{SignalKind, signal};

/// Start a Cassandra ring on loopback addresses and keep it until Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "local-cassandra")]
struct Arguments {
    /// 4.1 or 5.0.
    #[arg(long, default_value = "5.0")]
    version: Version,
    /// 1 to 6 nodes, in three racks.
    #[arg(long, default_value_t = 1)]
    nodes: u8,
    /// How many copies of each row the API's keyspace has (default: one on every node).
    #[arg(long)]
    replication: Option<u8>,
    /// Let `lab` control the ring by a socket in this directory (default: .ring in the checkout), which must not be there. As root
    /// the nodes get a network of their own each, that can be cut.
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1, default_missing_value = "")]
    control: Option<std::path::PathBuf>,
    /// The port for CQL.
    #[arg(long, default_value_t = 9042)]
    port: u16,
    /// Use the addresses 127.0.BLOCK.1 and so on (default: 127.0.0.x).
    #[arg(long, default_value_t = 0)]
    block: u8,
    /// Java heap of each node in MiB.
    #[arg(long, default_value_t = 256)]
    heap: u32,
    /// Have clients log in, as cassandra with password cassandra.
    #[arg(long)]
    auth: bool,
    /// Add a Jolokia agent (JMX over HTTP, port 8778) with this user and password.
    #[arg(long, value_name = "USER:PASSWORD")]
    jolokia: Option<String>,
    /// Let Java compile hot code fully: slower to start, faster after minutes.
    #[arg(long)]
    optimized: bool,
    /// Run the API in front of it, at this port.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "5000")]
    api: Option<u16>,
    /// Keep the data here (default: a temporary directory, deleted at the end).
    #[arg(long)]
    directory: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir().context("creating a temporary directory")?;
    let copies = arguments.replication.unwrap_or(arguments.nodes);
    if copies == 0 || copies > arguments.nodes {
        anyhow::bail!("--replication: {copies} copies do not fit on {} nodes", arguments.nodes);
    }
    let control = arguments.control.map(|told| match told.as_os_str().is_empty() {
        true => root().join(control::DIRECTORY),
        false => told,
    });
    let jolokia = arguments
        .jolokia
        .as_deref()
        .map(|pair| pair.split_once(':').context("--jolokia wants USER:PASSWORD"))
        .transpose()?;
    let options = Options {
        version: arguments.version,
        nodes: arguments.nodes,
        heap_mib: arguments.heap,
        authentication: arguments.auth,
        cql_port: arguments.port,
        addresses: Addresses::Block(arguments.block),
        room: if control.is_some() { MAX_NODES.saturating_sub(arguments.nodes) } else { 0 },
        // A node that `lab` kills is started again.
        lasting: arguments.directory.is_some() || control.is_some(),
        directory: arguments.directory.unwrap_or_else(|| temporary.path().to_owned()),
        jolokia: match jolokia {
            Some((user, password)) => Some((user.to_owned(), password.to_owned())),
            None => control.as_ref().map(|_| ("lab".to_owned(), format!("{:032x}", rand::random::<u128>()))),
        },
        optimized: arguments.optimized,
        watched: control.is_some(),
        wired: control.is_some() && rustix::process::geteuid().is_root(),
    };
    // Away before anything is started: an ending in the middle of the start is an orderly one too.
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let ended = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(ended);
    let ring = tokio::select! {
        ring = LocalRing::start(options) => ring?,
        () = &mut ended => return Ok(()),
    };
    print(&ring, arguments.auth);
    let mut api = match arguments.api {
        None => None,
        Some(port) => tokio::select! {
            api = Api::start(&ring, port, copies) => Some(api?),
            () = &mut ended => return Ok(()),
        },
    };
    if let Some(api) = &api {
        write_figures().context("writing the figures")?;
        say("the API is ready; try:");
        println!("curl -i {}/products", api.url());
        println!("curl -i {}/products --json '{{\"name\":\"Tea\",\"sku\":\"TEA-1\",\"price\":2.5}}'", api.url());
        println!("{}/docs", api.url());
    }
    let url = api.as_ref().map(|api| api.url().to_owned());
    let door = match &control {
        Some(directory) => Some(Door::open(directory, url.as_deref()).await?),
        None => None,
    };
    // One of the two has the ring, and ends it after the API.
    let (mut driver, _ring) = match &door {
        Some(_) => (Some(Driver::new(ring, url, copies)?), None),
        None => (None, Some(ring)),
    };
    if let Some(directory) = &control {
        println!(". {}/env    in another shell, then `lab --help`", directory.display());
    }
    let controlled = async {
        match (&door, &mut driver) {
            (Some(door), Some(driver)) => door.serve(driver).await,
            _ => std::future::pending().await,
        }
    };
    let died = async {
        match &mut api {
            Some(api) => api.ended().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        died = died => died?,
        closed = controlled => closed?,
        () = &mut ended => {}
    }
    if let Some(api) = api {
        say("ending the API, then Cassandra");
        api.stop().await?;
    }
    Ok(())
}

fn print(ring: &LocalRing, authentication: bool) {
    let hosts = ring.contact_points().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    say(format!("Cassandra is ready; files in {}; Ctrl-C ends it", ring.directory().display()));
    println!("CASSANDRA_HOST={hosts}");
    println!("CASSANDRA_DATACENTER={DATACENTER}");
    if authentication {
        println!("CASSANDRA_USERNAME={}", SUPERUSER.0);
        println!("CASSANDRA_PASSWORD={}", SUPERUSER.1);
    }
    for url in ring.jolokia_urls() {
        println!("JOLOKIA_URL={url}");
    }
}
