//! Bad manners: thousands of connections of strangers who treat one pod of the API as nobody should, and people with each
//! role who ask for the dearest there is, while others read. What the others see, and what it costs in memory, is measured
//! and judged. Only on loopback, so many connections and so long, then it ends by itself. IO: a ring and an API of its own.

mod greedy;
mod kinds;
mod others;
mod pod;
mod rows;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

pub use kinds::Kind;
pub use others::{Probes, Read, Seen};
pub use pod::{MannersError, Memory, Pod};

use store_testbed::progress::say;

/// What is tried.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Connections of each kind, opened evenly over the time.
    pub of_each_kind: usize,
    /// How long.
    pub seconds: u64,
    /// Rows of each list in the ring.
    pub rows: u64,
    /// Requests of each role under way at once, each the dearest that it may ask for.
    pub greedy: usize,
    /// Memory that the pod may have, in bytes.
    pub memory: u64,
    /// Settings of the API in place of those of a shop's pod: what happens without a bound.
    pub settings: Vec<(String, String)>,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Connections that were opened by kind, and how many of them the API had closed by the end.
    pub connections: Vec<(Kind, usize, usize)>,
    /// Dear requests by role, status (0: no answer) and count.
    pub greedy: Vec<(&'static str, u16, usize)>,
    /// Of the others, before it began.
    pub before: Seen,
    /// Of the others, meanwhile.
    pub during: Seen,
    pub probes: Probes,
    pub memory: Memory,
    /// Whether the process that began is the one at the end.
    pub alive: bool,
}

/// Others' reads are answered within this, of a hundred but for one.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// Fewer than so many prove nothing.
const READS_AT_LEAST: usize = 200;
/// The kubelet waits so long for an answer of a probe.
const PROBE_WITHIN: Duration = Duration::from_secs(1);
/// How long the others read before it begins.
const CALM: Duration = Duration::from_secs(3);

impl Outcome {
    /// What should not have been, each with its figure; nothing when all is well. Pure.
    pub fn faults(&self, plan: &Plan) -> Vec<String> {
        let mut found = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                found.push(what);
            }
        };
        expect(self.alive, "the API's process has ended".to_owned());
        let opened: usize = self.connections.iter().map(|(_, opened, _)| opened).sum();
        let wanted = plan.of_each_kind * Kind::ALL.len();
        expect(opened * 10 >= wanted * 9, format!("{opened} of {wanted} connections were opened"));
        let asked: usize = self.greedy.iter().map(|(_, _, count)| count).sum();
        expect(plan.greedy == 0 || asked > 0, "no dear request was made".to_owned());
        let reads = self.during.took.len() + self.during.failed.len();
        expect(reads >= READS_AT_LEAST, format!("the others made {reads} reads, {READS_AT_LEAST} are wanted"));
        match self.during.percentile(99) {
            Some(took) => expect(took <= READ_WITHIN, format!("99 % of the others' reads took {took:?} or less")),
            None => expect(
                false,
                format!("{} of {reads} reads of others failed: {}", self.during.failed.len(), self.during.why()),
            ),
        }
        let Probes { asked, late, wrong } = &self.probes;
        expect(*asked > 0 && *late == 0, format!("{late} of {asked} probes took longer than {PROBE_WITHIN:?}"));
        expect(wrong.is_empty(), format!("probes were not answered with 200: {wrong:?}"));
        expect(
            self.memory.own_most <= plan.memory,
            format!(
                "it had {} MiB of memory of its own, {} are allowed",
                self.memory.own_most >> 20,
                plan.memory >> 20
            ),
        );
        expect(
            self.memory.killed == 0,
            format!("the kernel killed {} processes for want of memory", self.memory.killed),
        );
        found
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, opened, closed) in &self.connections {
            writeln!(f, "{kind:?}: {opened} connections, {closed} closed by the API")?;
        }
        for (role, status, count) in &self.greedy {
            let status = if *status == 0 { "no answer".to_owned() } else { status.to_string() };
            writeln!(f, "the dearest of a {role}: {count} × {status}")?;
        }
        writeln!(f, "others before: {}", self.before)?;
        writeln!(f, "others meanwhile: {}", self.during)?;
        writeln!(
            f,
            "probes: {} asked, {} late, {} wrong",
            self.probes.asked,
            self.probes.late,
            self.probes.wrong.len()
        )?;
        let Memory { own_before, own_most, most, limited, .. } = &self.memory;
        let pod =
            if *limited { format!("{} MiB with all that the kernel counts", most >> 20) } else { "no limit".into() };
        write!(f, "memory: {} MiB before, {} MiB at most of its own, {pod}", own_before >> 20, own_most >> 20)
    }
}

/// Starts ring and pod in an empty directory, is bad to it, and tells what was seen.
///
/// # Errors
/// [`MannersError`] when something of the tests' own fails.
pub async fn run(plan: &Plan, store_api: &Path, directory: &Path) -> Result<Outcome, MannersError> {
    let pod = Arc::new(Pod::start(plan, store_api, directory).await?);
    let ids = rows::prepare(&pod, plan.rows).await?;
    say("others read, and nobody disturbs them");
    let before = others::read(&pod, &ids, Instant::now() + CALM).await?;
    say(format!("{} connections of each of {} kinds in {} s", plan.of_each_kind, Kind::ALL.len(), plan.seconds));
    let own_before = pod.memory().own_most;
    let end = Instant::now() + Duration::from_secs(plan.seconds);
    let (connections, greedy, during, probes, memory) = tokio::join!(
        kinds::visit_all(&pod, plan.of_each_kind, end),
        greedy::ask_all(&pod, plan.greedy, end),
        others::read(&pod, &ids, end),
        others::probe(&pod, end, PROBE_WITHIN),
        watch(&pod, end),
    );
    let memory = Memory { own_before, ..memory };
    Ok(Outcome {
        connections,
        greedy: greedy?,
        before,
        during: during?,
        probes: probes?,
        memory,
        alive: pod.is_alive(),
    })
}

/// The most memory that was seen.
async fn watch(pod: &Pod, end: Instant) -> Memory {
    let mut most = pod.memory();
    while Instant::now() < end {
        sleep_until(end.min(Instant::now() + Duration::from_millis(100))).await;
        most = most.with(&pod.memory());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan { of_each_kind: 10, seconds: 1, rows: 1, greedy: 1, memory: 128 << 20, settings: Vec::new() }
    }

    fn fine() -> Outcome {
        Outcome {
            connections: Kind::ALL.map(|kind| (kind, 10, 10)).to_vec(),
            greedy: vec![("seller", 503, 9)],
            during: Seen { took: vec![Duration::from_millis(3); 1000], failed: Vec::new() },
            probes: Probes { asked: 9, late: 0, wrong: Vec::new() },
            alive: true,
            ..Outcome::default()
        }
    }

    #[test]
    fn each_thing_that_should_not_be_is_a_fault_of_its_own() {
        assert_eq!(fine().faults(&plan()), [""; 0]);
        let slow = |count: usize| {
            let mut took = vec![Duration::from_millis(3); 1000 - count];
            took.extend(vec![Duration::from_secs(2); count]);
            Outcome { during: Seen { took, failed: Vec::new() }, ..fine() }
        };
        let failed = |count: usize| Outcome {
            during: Seen { failed: vec!["503".to_owned(); count], ..fine().during },
            ..fine()
        };
        assert!(slow(10).faults(&plan()).is_empty() && failed(10).faults(&plan()).is_empty());
        for wrong in [
            Outcome { alive: false, ..fine() },
            Outcome { connections: Vec::new(), ..fine() },
            Outcome { greedy: Vec::new(), ..fine() },
            Outcome { during: Seen::default(), ..fine() },
            slow(11),
            failed(11),
            Outcome { probes: Probes { late: 1, ..fine().probes }, ..fine() },
            Outcome { probes: Probes { wrong: vec!["503".to_owned()], ..fine().probes }, ..fine() },
            Outcome { memory: Memory { own_most: 129 << 20, ..Memory::default() }, ..fine() },
            Outcome { memory: Memory { killed: 1, ..Memory::default() }, ..fine() },
        ] {
            let faults = wrong.faults(&plan());
            assert!(faults.len() == 1 || wrong.during.took.is_empty(), "{faults:?}");
            assert!(!faults.is_empty());
        }
    }
}
