//! `make generate`: writes the files that are made from others; `--check` only compares them.

use std::process::ExitCode;

use clap::Parser;
use store_suites::tools;
use store_testbed::cache::Cache;
use store_testbed::checkout::root;
use xtask::{alerts, generate};

/// Writes the CRD as YAML, the chart's copy of it, the OpenAPI document, k8s/, the references of metrics and the
/// dashboards.
#[derive(Parser)]
struct Arguments {
    /// Only compare, and fail when a file differs.
    #[arg(long)]
    check: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let root = root();
    let tools = tools::ensure(&Cache::open()?)?;
    let mut files = generate::files(&root, &tools.helm)?;
    files.extend(alerts::files(&root, &tools)?);
    if !arguments.check {
        generate::write(&root, &files)?;
        println!("{} files written", files.len());
        return Ok(ExitCode::SUCCESS);
    }
    let mut drift = 0;
    for (file, result) in generate::compare(&root, &files)? {
        if let Err(error) = result {
            println!("{file} {error}");
            drift += 1;
        }
    }
    println!("{drift} of {} files differ", files.len());
    Ok(if drift == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
