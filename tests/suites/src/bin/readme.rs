//! The README suite: runs the README's commands as a reader would, in the checkout, on a shop of its
//! own. Arguments are the names of the blocks to run; none: all. The last line are the counts.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};
use store_suites::counts::Counting;
use store_suites::readme::{BLOCKS, Block, Runner, blocks};
use store_suites::steps::Steps;
use store_testbed::checkout::{root, without_package};
use store_testbed::progress::{say, wait_until};

/// Longer than the longest block takes on two busy cores.
const BLOCK: Duration = Duration::from_secs(25 * 60);
/// `make run` from an empty cache to an API that serves.
const SERVES: Duration = Duration::from_secs(10 * 60);
const ENDS: Duration = Duration::from_secs(90);
/// Where `make run` says that it serves.
const RUN_URL: &str = "http://127.0.0.1:5001/readyz";

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let root = root();
    let blocks = blocks(&root).context("reading the README")?;
    if root.join(".testbed/shop").exists() {
        say("a shop is up in this checkout, and the README's commands would change it: `make down` first");
        println!("0 passed, 0 failed, {} skipped", blocks.len());
        return Ok(ExitCode::SUCCESS);
    }
    let mut steps = Steps::only(std::env::args().skip(1).collect());
    for (name, runner) in BLOCKS {
        let Some(block) = blocks.iter().find(|block| block.name == *name) else { continue };
        match runner {
            Runner::MakeTest | Runner::Fakes => {}
            Runner::Tour => drop(steps.command(name, &mut script(&root, block), Counting::Exit, BLOCK)),
            Runner::UntilItServes if steps.wants(name) => {
                let served = until_it_serves(&root, block).await;
                steps.check(name, || served);
            }
            Runner::UntilItServes => {}
        }
    }
    Ok(if steps.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The block in a shell that stops at the first error, with the testbed's kubectl and helm where
/// there is one.
fn script(root: &Path, block: &Block) -> Command {
    let mut bash = Command::new("bash");
    let prelude = "[ ! -e .testbed/env ] || . .testbed/env";
    // As in a shell of its reader's.
    without_package(&mut bash);
    bash.current_dir(root).args(["-euo", "pipefail", "-c"]).arg(format!("{prelude}\n{}", block.script));
    bash
}

/// Starts the block, waits until the API answers, and ends it as Ctrl-C does.
async fn until_it_serves(root: &Path, block: &Block) -> anyhow::Result<()> {
    let mut child = script(root, block).stdin(Stdio::null()).process_group(0).spawn().context("starting bash")?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
    let served = wait_until("the API of `make run`", SERVES, || async {
        let answer = reqwest::get(RUN_URL).await.map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
    })
    .await;
    kill_process_group(group, Signal::INT).context("ending it")?;
    let ended = wait_until("its end", ENDS, || {
        let ended = matches!(child.try_wait(), Ok(Some(_)));
        async move { if ended { Ok(()) } else { Err("it still runs".to_owned()) } }
    })
    .await;
    if ended.is_err() {
        // It may have ended by itself in between.
        let _ = kill_process_group(group, Signal::KILL);
    }
    served?;
    Ok(ended?)
}
