//! Traffic on two processes of the API while the ring beneath them, or one of them, breaks; and whether anything was
//! oversold or lost. IO: a ring of three nodes with wires of its own, HTTP.

pub mod attempts;
pub mod books;
pub mod faults;
mod feed;
mod front;
mod gather;
pub mod replies;
pub mod report;
pub mod traffic;
pub mod upgrade;

use std::future::Future;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::child::ChildError;
use crate::linearizability::{self, LinearizabilityError};
use attempts::{GRACE, Tally, Window, tally};
use books::{Reports, Verdict};
use faults::Fault;
use feed::Reader;
use front::Front;
use store_testbed::command::CommandError;
use store_testbed::local_cassandra::{LocalRing, Options, RingError};
use store_testbed::progress::{WaitError, say};
use traffic::{Seen, Size};

/// Traffic before the fault, and after it.
const BEFORE: Duration = Duration::from_secs(4);
const AFTER: Duration = Duration::from_secs(8);
/// How long the sweeper may take to finish what a crash left; the promise is a minute, the looks take time.
const SWEPT: Duration = Duration::from_secs(75);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// The soak could not be run; what it found wrong is no error but in [`Phase`].
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum SoakError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error("files or processes of the soak: {0}")]
    Io(#[from] std::io::Error),
    #[error("a client for the API: {0}")]
    Client(String),
    #[error("the store did not take {0}")]
    Setup(&'static str),
    #[error(transparent)]
    Linearizability(#[from] LinearizabilityError),
    #[error("a background task of this program failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("the store told something unexpected: {0}")]
    Told(String),
}

/// What one fault did.
#[derive(Debug, Clone)]
pub struct Phase {
    /// What happened.
    pub name: String,
    /// The requests.
    pub tally: Tally,
    /// The books.
    pub verdict: Verdict,
    /// How long after the traffic they were right.
    pub settled: Duration,
    /// How many answers of the database were lost on purpose.
    pub lost_replies: u64,
}

impl Phase {
    /// All that is wrong.
    pub fn faults(&self) -> Vec<&String> {
        self.tally.faults.iter().chain(&self.verdict.faults).chain(&self.verdict.owed).collect()
    }
}

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The faults, one after another.
    pub faults: &'a [Fault],
    /// How often all of them.
    pub rounds: u64,
    /// How much traffic.
    pub size: Size,
    /// Of the choices that people make.
    pub seed: u64,
    /// The library that gives a program another clock.
    pub fake_clock: &'a Path,
}

/// Runs the plan on a ring of its own; logs are left in `directory`.
///
/// # Errors
/// [`SoakError`] when ring or API could not be driven.
pub async fn run(plan: &Plan<'_>, directory: &Path) -> Result<Vec<Phase>, SoakError> {
    let options = Options { nodes: 3, wired: true, ..Options::new(directory.join("ring")) };
    let mut ring = LocalRing::start(options).await?;
    let hosts: Vec<String> = ring.contact_points().iter().map(ToString::to_string).collect();
    let front = Front::start(&hosts.join(","), directory, &[]).await?;
    let (mut phases, mut sold) = (Vec::new(), Reports::default());
    for round in 0..plan.rounds {
        for (number, fault) in plan.faults.iter().enumerate() {
            let turn = Turn { size: plan.size, seed: plan.seed + round * 100 + number as u64, victim: number % 3 };
            let phase = phase(&mut ring, &front, (*fault, plan.fake_clock), turn, &mut sold).await?;
            say(report::line(&phase));
            for fault in phase.faults().into_iter().take(20) {
                say(format!("WRONG {fault}"));
            }
            phases.push(phase);
        }
    }
    Ok(phases)
}

/// The traffic of one phase.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// How much.
    pub size: Size,
    /// Of the choices that people make.
    pub seed: u64,
    /// The node that it befalls.
    pub victim: usize,
}

async fn phase(
    ring: &mut LocalRing,
    front: &Front,
    (fault, fake_clock): (Fault, &Path),
    turn: Turn,
    sold: &mut Reports,
) -> Result<Phase, SoakError> {
    let happening = async {
        tokio::time::sleep(BEFORE).await;
        let began = front.now();
        fault.happen(ring, front, turn.victim, fake_clock).await?;
        ring.ready().await?;
        // What the store could not do while it lasted it must do soon after it.
        let from = if fault.leaves_a_store() { began } else { front.now() } + GRACE;
        tokio::time::sleep(from.saturating_sub(front.now()) + AFTER).await;
        Ok(Window { from, to: front.now() })
    };
    under(fault.name(), front, turn, happening, sold).await
}

/// Traffic while something happens that says when requests had to succeed; and the books afterwards.
async fn under(
    name: String,
    front: &Front,
    turn: Turn,
    happening: impl Future<Output = Result<Window, SoakError>>,
    sold: &mut Reports,
) -> Result<Phase, SoakError> {
    let (mut one, mut other) = tokio::join!(Reader::begin(front, 0), Reader::begin(front, 1));
    let seen = Mutex::new(traffic::prepare(front, turn.size).await?);
    front.take();
    let stop = AtomicBool::new(false);
    let happening = async {
        let window = happening.await;
        stop.store(true, Ordering::Relaxed);
        window
    };
    let (window, (), (), ()) = tokio::join!(
        happening,
        traffic::run(front, turn.size, turn.seed, &seen, &stop),
        one.follow(front, &stop),
        other.follow(front, &stop)
    );
    let window = window?;
    let attempts = front.take();
    let seen = seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (mut verdict, settled) = settle(front, &seen, [one, other], sold).await?;
    let steps = books::steps(&seen);
    let opinions = tokio::task::spawn_blocking(move || linearizability::check(&steps)).await??;
    books::add_opinions(&mut verdict, &opinions);
    Ok(Phase { name, tally: tally(&attempts, window), verdict, settled, lost_replies: 0 })
}

/// Looks at the books until nothing is owed any more.
async fn settle(
    front: &Front,
    seen: &Seen,
    mut readers: [Reader; 2],
    sold: &mut Reports,
) -> Result<(Verdict, Duration), SoakError> {
    let ended = front.now();
    loop {
        let books = gather::gather(front, seen).await?;
        let mut verdict = books::judge(seen, &books, sold);
        for reader in &mut readers {
            reader.catch_up(front).await;
            let (faults, owed) = reader.judge(&books);
            verdict.faults.extend(faults);
            verdict.owed.extend(owed);
            verdict.checked += books.stocks.len();
        }
        let took = front.now().saturating_sub(ended);
        if verdict.owed.is_empty() || !verdict.faults.is_empty() || took > SWEPT {
            *sold = books::truth(&books, sold);
            return Ok((verdict, took));
        }
        tokio::time::sleep(LOOK).await;
    }
}
