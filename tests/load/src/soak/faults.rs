//! What befalls the ring and the API, and how it ends. IO.

use std::path::Path;
use std::time::Duration;

use super::SoakError;
use super::front::Front;
use store_testbed::local_cassandra::{Link, LocalRing, Place};
use store_testbed::progress::say;

/// How long a node is away, and a wire bad.
const AWAY: Duration = Duration::from_secs(15);
/// A slow and lossy wire: one way.
const BAD: Link = Link { cut: false, loss: 0.1, delay: Duration::from_millis(200) };

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Nothing happens.
    Nothing,
    /// A node is told to end, and comes back.
    Stop,
    /// A node is killed, and comes back.
    Kill,
    /// All nodes are killed at once, and come back.
    KillAll,
    /// A node is halted for so many seconds.
    Pause(u64),
    /// A process of the API is killed, and comes back.
    KillApi,
    /// The clock of one process of the API is so many seconds ahead, or behind, while the other is killed and comes back.
    Clocks(i64),
    /// A node is cut off from the others and from the API.
    Isolate,
    /// A node is cut off from the others; the API still reaches all.
    Halves,
    /// What a node sends to the others is lost, what they send arrives.
    OneWay,
    /// One node's wires are late by 200 ms each way and lose one packet in ten.
    Slow,
    /// All wires are.
    SlowAll,
}

/// All of them, for the long run.
pub const ALL: [Fault; 17] = [
    Fault::Nothing,
    Fault::Stop,
    Fault::Kill,
    Fault::KillAll,
    Fault::Pause(5),
    Fault::Pause(15),
    Fault::Pause(40),
    Fault::KillApi,
    Fault::Clocks(5),
    Fault::Clocks(40),
    Fault::Clocks(4_000),
    Fault::Clocks(-40),
    Fault::Isolate,
    Fault::Halves,
    Fault::OneWay,
    Fault::Slow,
    Fault::SlowAll,
];
/// The short run's: the one that takes everything away, one of a process, one of a wire.
pub const SHORT: [Fault; 3] = [Fault::KillAll, Fault::KillApi, Fault::OneWay];

impl Fault {
    /// In words.
    pub fn name(self) -> String {
        match self {
            Self::Nothing => "none".into(),
            Self::Stop => "stop a node".into(),
            Self::Kill => "kill -9 a node".into(),
            Self::KillAll => "kill -9 all three nodes".into(),
            Self::Pause(seconds) => format!("pause a node for {seconds} s"),
            Self::KillApi => "kill -9 an API process".into(),
            Self::Clocks(seconds @ 0..) => format!("a clock {seconds} s ahead, the other process killed"),
            Self::Clocks(seconds) => format!("a clock {} s behind, the other process killed", -seconds),
            Self::Isolate => "cut a node off from everything".into(),
            Self::Halves => "cut a node off from the others".into(),
            Self::OneWay => "a node is not heard by the others".into(),
            Self::Slow => "a node with 200 ms and 10 % loss".into(),
            Self::SlowAll => "200 ms and 10 % loss everywhere".into(),
        }
    }

    /// Whether the store can answer from its beginning on: a majority of the nodes is there, an order's conditional writes
    /// fit into a request's deadline, and no process is killed later on.
    pub fn leaves_a_store(self) -> bool {
        !matches!(self, Self::KillAll | Self::SlowAll | Self::Clocks(_))
    }

    /// Lets it happen to node `victim` and ends it; `fake_clock` is the library that gives a program another clock.
    ///
    /// # Errors
    /// [`SoakError`] when something could not be done.
    pub async fn happen(
        self,
        ring: &mut LocalRing,
        front: &Front,
        victim: usize,
        fake_clock: &Path,
    ) -> Result<(), SoakError> {
        say(format!("fault: {}", self.name()));
        match self {
            Self::Nothing => tokio::time::sleep(AWAY).await,
            Self::Stop => {
                ring.stop_node(victim).await?;
                tokio::time::sleep(AWAY).await;
                ring.start_node(victim)?;
            }
            Self::Kill => {
                ring.kill_node(victim)?;
                tokio::time::sleep(AWAY).await;
                ring.start_node(victim)?;
            }
            Self::KillAll => {
                ring.kill_all_nodes()?;
                for node in 0..3 {
                    ring.start_node(node)?;
                }
            }
            Self::Pause(seconds) => {
                ring.pause(victim)?;
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                ring.resume(victim)?;
            }
            Self::KillApi => {
                front.kill(victim % 2)?;
                tokio::time::sleep(AWAY).await;
                front.spawn(victim % 2).await?;
            }
            Self::Clocks(seconds) => {
                let (one, other) = (victim % 2, (victim + 1) % 2);
                front.set_clock(one, Some((fake_clock, seconds))).await?;
                // What it was at is tried anew through the one whose clock is wrong.
                front.kill(other)?;
                tokio::time::sleep(AWAY).await;
                front.spawn(other).await?;
                tokio::time::sleep(AWAY).await;
                front.set_clock(one, None).await?;
            }
            Self::Isolate | Self::Halves | Self::OneWay | Self::Slow | Self::SlowAll => {
                let wires = ring.wires().ok_or(SoakError::Setup("a ring without wires"))?;
                for (from, to, link) in self.links(victim) {
                    wires.set(from, to, link);
                }
                tokio::time::sleep(AWAY).await;
                wires.heal();
            }
        }
        Ok(())
    }

    /// What becomes of which direction between whom.
    fn links(self, victim: usize) -> Vec<(Place, Place, Link)> {
        let members = [Place::Node(0), Place::Node(1), Place::Node(2), Place::Clients];
        let pairs = members.iter().flat_map(|from| members.iter().map(move |to| (*from, *to)));
        let victim = Place::Node(victim);
        let meets = |from: Place, to: Place| from == victim || to == victim;
        let nodes = |from: Place, to: Place| from != Place::Clients && to != Place::Clients;
        let chosen = pairs.filter(|(from, to)| from != to).filter(|(from, to)| match self {
            Self::Isolate | Self::Slow => meets(*from, *to),
            Self::Halves => meets(*from, *to) && nodes(*from, *to),
            Self::OneWay => *from == victim && nodes(*from, *to),
            Self::SlowAll => true,
            _ => false,
        });
        let link = if matches!(self, Self::Slow | Self::SlowAll) { BAD } else { Link::CUT };
        chosen.map(|(from, to)| (from, to, link)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_takes_the_directions_that_its_name_says() {
        assert_eq!(Fault::Isolate.links(0).len(), 6);
        assert_eq!(Fault::Halves.links(1).len(), 4);
        let one_way = Fault::OneWay.links(2);
        assert!(one_way.iter().all(|(from, to, link)| *from == Place::Node(2) && *to != Place::Clients && link.cut));
        assert_eq!((one_way.len(), Fault::SlowAll.links(0).len()), (2, 12));
        assert!(Fault::Kill.links(0).is_empty());
    }
}
