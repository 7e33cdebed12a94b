//! Traffic while the answers of conditional writes that were applied are lost. IO: a ring of three nodes, HTTP.

use std::path::Path;
use std::time::Duration;

use super::attempts::Window;
use super::books::Reports;
use super::front::Front;
use super::{Phase, SoakError, Turn, under};
use crate::cql_proxy::CqlProxy;
use store_testbed::local_cassandra::{LocalRing, Options};
use store_testbed::ports::free_port;
use store_testbed::progress::say;

/// Every how many of these answers are lost. An order has some ten of them.
const EVERY: u64 = 12;
/// How many must have been lost, or the run shows little.
const ENOUGH: u64 = 40;
/// How long answers are lost.
const LOSING: Duration = Duration::from_secs(30);
/// How long people go on without losses.
const AFTER: Duration = Duration::from_secs(14);

/// Loses answers under traffic on a ring of its own.
///
/// # Errors
/// [`SoakError`] when ring or API could not be driven.
pub async fn run(turn: Turn, directory: &Path) -> Result<Phase, SoakError> {
    let ring = LocalRing::start(Options { nodes: 3, ..Options::new(directory.join("replies")) }).await?;
    let proxy = CqlProxy::start(&ring.contact_points(), free_port()?).await?;
    let hosts: Vec<String> = proxy.points().iter().map(ToString::to_string).collect();
    let front = Front::start(&hosts.join(","), directory, &[]).await?;
    let losing = async {
        proxy.lose_every(EVERY);
        tokio::time::sleep(LOSING).await;
        proxy.lose_every(0);
        // An answer that is lost costs half a deadline; none of that reaches into this.
        let from = front.now() + super::attempts::GRACE;
        tokio::time::sleep(AFTER).await;
        Ok(Window { from, to: front.now() })
    };
    let mut phase =
        under("lost answers of conditional writes".into(), &front, turn, losing, &mut Reports::default()).await?;
    say(format!("{} answers were lost; {}", proxy.lost(), super::report::line(&phase)));
    phase.lost_replies = proxy.lost();
    if proxy.lost() < ENOUGH {
        phase.verdict.faults.push(format!("{} answers were lost, {ENOUGH} are wanted", proxy.lost()));
    }
    Ok(phase)
}
