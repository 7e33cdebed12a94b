//! Plays one part of `make bench`. What it found is one line on standard output: `PORT=` of a server,
//! `DONE=` and JSON of a loop.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use http::HeaderValue;
use store_bench::closed_loop::{self, Load, Until};
use store_bench::driver_loop::{self, Read};
use store_bench::hello;

#[derive(Debug, Parser)]
#[command(name = "store-bench")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

/// One part of the measurement.
#[derive(Debug, Subcommand)]
enum Part {
    /// Answer every request with the bytes of a file, until killed.
    Hello {
        #[arg(long)]
        body: PathBuf,
    },
    /// Read with the driver alone.
    Read {
        #[arg(long)]
        node: SocketAddr,
        #[arg(long)]
        keyspace: String,
        #[arg(long, value_enum)]
        read: Read,
        #[arg(long)]
        workers: usize,
        #[arg(long)]
        seconds: f64,
    },
    /// Send requests, each connection the next when the last is answered.
    Load {
        #[arg(long)]
        address: SocketAddr,
        #[arg(long)]
        connections: usize,
        /// A file of paths, one a line.
        #[arg(long)]
        paths: PathBuf,
        /// Sent with each request.
        #[arg(long)]
        token: Option<String>,
        /// Send this JSON by POST; GET without it.
        #[arg(long)]
        post: Option<String>,
        #[arg(long, conflicts_with = "requests", required_unless_present = "requests")]
        seconds: Option<f64>,
        /// Requests of each connection.
        #[arg(long)]
        requests: Option<u64>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().part {
        Part::Hello { body } => {
            let body = fs::read(&body).with_context(|| format!("reading {}", body.display()))?;
            like_store_api()?.block_on(hello::serve(body.into())).context("serving")
        }
        Part::Read { node, keyspace, read, workers, seconds } => {
            let time = Duration::from_secs_f64(seconds);
            tell(&like_store_api()?.block_on(driver_loop::run(node, &keyspace, read, workers, time))?)
        }
        Part::Load { address, connections, paths, token, post, seconds, requests } => {
            let text = fs::read_to_string(&paths).with_context(|| format!("reading {}", paths.display()))?;
            let paths = text.lines().map(str::to_owned).collect();
            let until = match (seconds, requests) {
                (Some(seconds), _) => Until::Time(Duration::from_secs_f64(seconds)),
                (None, requests) => Until::Requests(requests.unwrap_or_default()),
            };
            let authorization = token.map(|token| HeaderValue::try_from(format!("Bearer {token}"))).transpose()?;
            let load = Load { address, connections, paths, authorization, post: post.map(Into::into), until };
            // One thread is plenty and leaves the most to what is measured.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            tell(&runtime.block_on(closed_loop::run(&load))?)
        }
    }
}

/// The runtime that store-api has.
fn like_store_api() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn tell(done: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("DONE={}", serde_json::to_string(done)?);
    Ok(())
}
