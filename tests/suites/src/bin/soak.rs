//! `make soak`: the store's people at work while the ring breaks in every way, and the books compared afterwards.

use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use store_load::soak::traffic::Size;
use store_load::soak::{self, Plan, Turn, faults, replies, report, upgrade};
use store_suites::earlier_api;
use store_suites::steps::Steps;
use store_suites::tools;
use store_suites::{api_suite, debian};
use store_testbed::cache::Cache;

/// Runs faults under traffic on a ring of its own, as root.
#[derive(Debug, Parser)]
struct Arguments {
    /// Three faults once: a first look.
    #[arg(long)]
    short: bool,
    /// Only the faults with these numbers.
    #[arg(long, value_delimiter = ',')]
    faults: Vec<usize>,
    /// Only the loss of the database's answers.
    #[arg(long)]
    replies: bool,
    /// Only the upgrade from the version before.
    #[arg(long)]
    upgrade: bool,
    /// Only schemathesis: with every role, and the administrator's requests while a node is down; or with those named.
    #[arg(long, num_args = 0.., require_equals = true, value_delimiter = ',', value_parser = PossibleValuesParser::new(api_suite::WHO))]
    requests: Option<Vec<String>>,
    /// How often all of them.
    #[arg(long, default_value_t = 1)]
    rounds: u64,
    /// Of the choices that people make.
    #[arg(long, default_value_t = 20_240_501)]
    seed: u64,
    /// People at the same time.
    #[arg(long, default_value_t = 12)]
    people: usize,
    /// Where a page with the figures goes.
    #[arg(long)]
    document: Option<std::path::PathBuf>,
    /// Where logs and the ring go, empty; a temporary directory that is deleted if none is named.
    #[arg(long)]
    directory: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir()?;
    let directory = arguments.directory.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&directory)?;
    // Its orders are in the reports, and would be missed in this run's books.
    anyhow::ensure!(
        !directory.join("ring").exists(),
        "{} has the ring of another run: name an empty directory",
        directory.display()
    );
    if let Some(who) = arguments.requests {
        let mut steps = Steps::default();
        let tools = tools::ensure(&Cache::open()?)?;
        api_suite::run_long(&mut steps, &tools, &directory, &who).await?;
        return Ok(if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let chosen: Vec<_> = match (arguments.short, arguments.faults.is_empty()) {
        (true, _) => faults::SHORT.to_vec(),
        (false, true) => faults::ALL.to_vec(),
        (false, false) => arguments.faults.iter().filter_map(|number| faults::ALL.get(*number).copied()).collect(),
    };
    let size = Size { people: arguments.people, products: 8, counted: 3, pause_ms: 300 };
    let cache = Cache::open()?;
    let fake_clock = debian::fake_clock(&cache)?;
    let plan = Plan { faults: &chosen, rounds: arguments.rounds, size, seed: arguments.seed, fake_clock: &fake_clock };
    let turn = Turn { size, seed: arguments.seed, victim: 0 };
    let mut phases = Vec::new();
    if !arguments.replies && !arguments.upgrade {
        phases.extend(soak::run(&plan, &directory).await?);
    }
    if arguments.replies {
        phases.push(replies::run(turn, &directory).await?);
    }
    if arguments.upgrade {
        let earlier = earlier_api::ensure(&cache)?;
        phases.push(upgrade::run(turn, &directory, &earlier).await?);
    }
    for fault in phases.iter().flat_map(soak::Phase::faults).take(20) {
        println!("WRONG {fault}");
    }
    if let Some(path) = arguments.document {
        std::fs::write(path, report::document(&plan, &phases))?;
    }
    let failed = phases.iter().filter(|phase| !phase.faults().is_empty()).count();
    println!("{} passed, {failed} failed", phases.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
