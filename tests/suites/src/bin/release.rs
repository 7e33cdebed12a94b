//! `make release`: makes what a version is released as, beside its images, in `target/release-VERSION`.

use std::fs;
use std::process::ExitCode;

use clap::Parser;
use store_suites::release::{self, last};
use store_testbed::checkout::root;

/// Makes chart, manifests, CRD, lists of crates, notes and sums of a version out of the last commit.
#[derive(Parser)]
struct Arguments {
    /// The version, as in 1.2.3.
    #[arg(env = "VERSION", default_value = "", hide_default_value = true)]
    version: String,
    /// Where the images are pulled from, a host and a path; as the chart has it where none is named.
    #[arg(long, env = "REGISTRY")]
    registry: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let registry = arguments.registry.as_deref().filter(|registry| !registry.is_empty());
    let place = match release::make(&root(), &arguments.version, registry) {
        Ok(place) => place,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    print!("{}", fs::read_to_string(place.join(release::sums::FILE))?);
    println!("made in {}", place.display());
    println!(
        "after the tag v{} {} is to say so: docs/testing.md tells how that is held",
        arguments.version,
        last::FILE
    );
    Ok(ExitCode::SUCCESS)
}
