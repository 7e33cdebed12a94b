//! Plays one part of `make bench`. What it found is one line on standard output: `PORT=` of a server,
//! `DONE=` and JSON of a loop.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, Parser, Subcommand};
use http::HeaderValue;
use store_bench::closed_loop::{self, Asked, Load, Until};
use store_bench::driver_loop::{self, Read, Reader};
use store_bench::open_loop::{self, Press};
use store_bench::{fill, hello, naive, order_loop};

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
    /// The same, after the read that the request asks for, by the driver.
    Both {
        #[arg(long)]
        body: PathBuf,
        #[command(flatten)]
        source: Source,
    },
    /// Read with the driver alone.
    Read {
        #[command(flatten)]
        source: Source,
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
        /// A file of requests, one a line: a path for GET; a path, a tabulator and JSON for POST.
        #[arg(long)]
        requests_of: PathBuf,
        /// Sent with each request.
        #[arg(long)]
        token: Option<String>,
        #[command(flatten)]
        span: Span,
    },
    /// Send so many requests a second whatever becomes of them.
    Press {
        #[arg(long)]
        address: SocketAddr,
        #[arg(long)]
        connections: usize,
        /// As of a load.
        #[arg(long)]
        requests_of: PathBuf,
        #[arg(long)]
        token: Option<String>,
        #[arg(long)]
        rate: f64,
        #[arg(long)]
        seconds: f64,
    },
    /// Change one row by conditional updates that are tried again until they are applied.
    Naive {
        #[arg(long)]
        node: SocketAddr,
        #[arg(long)]
        workers: usize,
        #[command(flatten)]
        span: Span,
    },
    /// Do the statements of an order with the driver alone.
    Order {
        #[arg(long)]
        node: SocketAddr,
        #[arg(long)]
        keyspace: String,
        /// As of a load.
        #[arg(long)]
        requests_of: PathBuf,
        #[arg(long)]
        workers: usize,
        #[command(flatten)]
        span: Span,
    },
    /// Write rows of products, stocks, orders and ranks.
    Fill {
        #[arg(long)]
        node: SocketAddr,
        #[arg(long)]
        keyspace: String,
        /// The first row.
        #[arg(long)]
        from: u64,
        /// The row after the last.
        #[arg(long)]
        to: u64,
    },
}

/// What is read by the driver, and where.
#[derive(Debug, Args)]
struct Source {
    #[arg(long)]
    node: SocketAddr,
    #[arg(long)]
    keyspace: String,
    #[arg(long, value_enum)]
    read: Read,
}

impl Source {
    async fn connect(&self) -> anyhow::Result<Reader> {
        Ok(Reader::connect(self.node, &self.keyspace, self.read).await?)
    }
}

/// When a loop ends: after a time, or after so many requests of each connection or worker.
#[derive(Debug, Args)]
struct Span {
    #[arg(long, conflicts_with = "requests", required_unless_present = "requests")]
    seconds: Option<f64>,
    #[arg(long)]
    requests: Option<u64>,
}

impl Span {
    fn until(&self) -> Until {
        match (self.seconds, self.requests) {
            (Some(seconds), _) => Until::Time(Duration::from_secs_f64(seconds)),
            (None, requests) => Until::Requests(requests.unwrap_or_default()),
        }
    }
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().part {
        Part::Hello { body } => runtime()?.block_on(hello::serve(answer(&body)?, None)).context("serving"),
        Part::Both { body, source } => runtime()?.block_on(async {
            let reader = source.connect().await?;
            hello::serve(answer(&body)?, Some(reader)).await.context("serving")
        }),
        Part::Read { source, workers, seconds } => runtime()?.block_on(async {
            let time = Duration::from_secs_f64(seconds);
            tell(&driver_loop::run(&source.connect().await?, workers, time).await?)
        }),
        Part::Load { address, connections, requests_of, token, span } => {
            let until = span.until();
            let load =
                Load { address, connections, requests: asked(&requests_of)?, authorization: bearer(token)?, until };
            tell(&runtime()?.block_on(closed_loop::run(&load))?)
        }
        Part::Press { address, connections, requests_of, token, rate, seconds } => {
            let time = Duration::from_secs_f64(seconds);
            let requests = asked(&requests_of)?;
            let press = Press { address, connections, requests, authorization: bearer(token)?, rate, time };
            tell(&runtime()?.block_on(open_loop::run(press))?)
        }
        Part::Naive { node, workers, span } => tell(&runtime()?.block_on(naive::run(node, workers, span.until()))?),
        Part::Order { node, keyspace, requests_of, workers, span } => {
            let carts = asked(&requests_of)?.iter().map(order_loop::Cart::read).collect::<Result<Vec<_>, _>>()?;
            let until = span.until();
            tell(&runtime()?.block_on(order_loop::run(node, &keyspace, &carts, workers, until))?)
        }
        Part::Fill { node, keyspace, from, to } => tell(&runtime()?.block_on(fill::run(node, &keyspace, from..to))?),
    }
}

fn answer(path: &Path) -> anyhow::Result<Bytes> {
    Ok(fs::read(path).with_context(|| format!("reading {}", path.display()))?.into())
}

fn asked(path: &Path) -> anyhow::Result<Vec<Asked>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(text.lines().map(Asked::read).collect())
}

fn bearer(token: Option<String>) -> anyhow::Result<Option<HeaderValue>> {
    Ok(token.map(|token| HeaderValue::try_from(format!("Bearer {token}"))).transpose()?)
}

/// One thread, as store-api has unless told otherwise; for a client it is plenty and leaves the most to what is measured.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn tell(done: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("DONE={}", serde_json::to_string(done)?);
    Ok(())
}
