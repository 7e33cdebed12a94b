//! `make start`: how long the README's first commands take, from nothing and from the cache, into `docs/start.md`.

use anyhow::Context as _;
use clap::Parser;
use store_testbed::checkout::root;
use store_testbed::host::machine;
use xtask::start::{measure, measure_warm, page, tasks};

/// Measure how long `make up` and `make run` take.
#[derive(Debug, Parser)]
#[command(name = "start")]
struct Arguments {
    /// From the caches that are there alone, printed and not written down.
    #[arg(long)]
    warm: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if Arguments::parse().warm {
        print!("{}", page(&machine(), &measure_warm().await?));
        return Ok(());
    }
    let runs = measure().await?;
    let docs = root().join("docs");
    std::fs::write(docs.join("start.md"), page(&machine(), &runs)).context("writing docs/start.md")?;
    std::fs::write(docs.join("start.json"), format!("{:#}\n", tasks(&runs))).context("writing docs/start.json")
}
