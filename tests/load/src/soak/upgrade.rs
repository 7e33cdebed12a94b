//! Traffic while the version before is followed by this one: its tables are migrated beneath it while it serves, then one
//! process after the other is replaced. IO: a ring of three nodes, HTTP.

use std::path::Path;
use std::time::Duration;

use super::attempts::Window;
use super::books::Reports;
use super::front::{Front, compiled, migrate};
use super::{Phase, SoakError, Turn, under};
use store_testbed::local_cassandra::{LocalRing, Options};
use store_testbed::progress::say;

/// Traffic on the version before alone, and on this one alone.
const ALONE: Duration = Duration::from_secs(10);
/// Traffic on one process of each.
const BESIDE: Duration = Duration::from_secs(10);
/// The share of requests that may fail.
const FAILED: f64 = 0.0;

/// Follows `earlier`, a `store-api` of the version before, by this checkout's, on a ring of its own.
///
/// # Errors
/// [`SoakError`] when ring or API could not be driven.
pub async fn run(turn: Turn, directory: &Path, earlier: &Path) -> Result<Phase, SoakError> {
    let current = compiled()?;
    let ring = LocalRing::start(Options { nodes: 3, ..Options::new(directory.join("upgrade")) }).await?;
    let hosts: Vec<String> = ring.contact_points().iter().map(ToString::to_string).collect();
    let hosts = hosts.join(",");
    let front = Front::of(earlier, &hosts, directory, &[]).await?;
    let upgrading = async {
        let from = front.now();
        tokio::time::sleep(ALONE).await;
        say("the tables are migrated while the version before serves");
        let program = current.clone();
        tokio::task::spawn_blocking(move || migrate(&program, &hosts)).await??;
        for number in 0..2 {
            tokio::time::sleep(BESIDE).await;
            front.replace(number, &current).await?;
            say(format!("process {number} is of this version"));
        }
        tokio::time::sleep(ALONE).await;
        Ok(Window { from, to: front.now() })
    };
    let name = "the version before is followed by this one".into();
    let mut phase = under(name, &front, turn, upgrading, &mut Reports::default()).await?;
    say(super::report::line(&phase));
    let failed = 100.0 - phase.tally.success;
    if failed > FAILED {
        phase.tally.faults.push(format!("{failed:.2} % of {} requests failed, none may", phase.tally.in_window));
    }
    Ok(phase)
}
