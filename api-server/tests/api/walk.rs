//! The commands of `docs/api.md`, run by bash and curl against a server on the store in memory, and
//! what they print compared with what stands under them.

use std::process::Stdio;
use std::time::Duration;

use store_api::auth::roles::Role;
use store_api::server;
use store_suites::walk::{blocks, fits};
use tokio::process::Command;
use tokio::sync::oneshot;

use super::doors::PACE;
use super::roles::{guarded, token_of};

const WALK: &str = include_str!("../../../docs/api.md");
/// Commands of the walk at the least.
const BLOCKS: usize = 15;
/// What all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_through_a_day_prints_what_it_says() {
    let blocks = blocks(WALK).unwrap();
    assert!(blocks.len() >= BLOCKS, "{}", blocks.len());
    let said = blocks.iter().filter(|block| block.printed.is_some()).count();
    assert_eq!(said, blocks.len() - 1, "all but the first print something");
    let store = guarded();
    let ([public, operations], [address, _]) = store.doors();
    let url = format!("http://{address}");
    let (stop, stopped) = oneshot::channel::<()>();
    let signal = async move {
        // Dropping the sender ends it as well.
        let _ = stopped.await;
        "the walk is over"
    };
    let serving = tokio::spawn(server::serve(public, operations, store.app.clone(), PACE, signal));
    // One shell for all of it: a block goes on with what those before it found.
    let separator = "---8<---";
    let script: String = blocks.iter().map(|block| format!("{}\nprintf '%s' '{separator}'\n", block.script)).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(directory.path()).kill_on_drop(true);
    bash.env("STORE_URL", &url).env("STORE_TOKEN", token_of(Role::Admin));
    bash.env("SUPPLIER_TOKEN", token_of(Role::Supplier)).env("no_proxy", "127.0.0.1");
    let run = bash.stdin(Stdio::null()).output();
    let output = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let printed: Vec<&str> = printed.split(separator).collect();
    for (block, printed) in blocks.iter().zip(&printed) {
        let printed = printed.replace('\r', "");
        if let Some(expected) = &block.printed {
            let fits = fits(printed.trim_end(), expected);
            assert!(fits, "docs/api.md, line {}: printed\n{printed}\nand not\n{expected}", block.line);
        }
    }
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.len() == blocks.len() + 1, "{} blocks ended: {told}", printed.len() - 1);
    drop(stop);
    serving.await.unwrap();
}
