//! A second opinion on histories of stocks: porcupine (`testbed/go/porcupine`) looks for an order of the operations that
//! explains every answer. It knows nothing of versions, so it cannot be wrong with [`crate::history`] for the same reason.
//! IO: a child process, the cache.

use std::process::Command;

use serde::Serialize;

use store_testbed::binaries::{self, BinariesError};
use store_testbed::cache::{Cache, CacheError};
use store_testbed::command::{CommandError, LONG, run_with_input};

/// The checker could not be run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module it is named after")]
pub enum LinearizabilityError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("writing histories for the checker: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the checker answered {0:?} to {1} histories")]
    Answer(String, usize),
}

/// A change or a read of one stock that begins with nothing, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Whose.
    pub client: usize,
    /// When it was sent.
    pub call: u64,
    /// When its answer was there.
    #[serde(rename = "return")]
    pub ended: u64,
    /// The change; 0 is a read.
    pub delta: i64,
    /// Whether the change was answered "not enough".
    pub refused: bool,
    /// What is there after it, by the answer.
    pub quantity: i64,
}

/// What the checker says of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// There is an order that explains all of it.
    Linearizable,
    /// There is none.
    Illegal,
    /// It took too long: nothing is shown.
    Undecided,
}

/// Checks histories, each by itself.
///
/// # Errors
/// [`LinearizabilityError`] when the checker cannot be built or run.
pub fn check(histories: &[Vec<Step>]) -> Result<Vec<Opinion>, LinearizabilityError> {
    let program = binaries::porcupine(&Cache::open()?)?;
    let input = serde_json::to_vec(histories)?;
    let output = run_with_input(&mut Command::new(program), Some(&input), LONG)?;
    let opinion = |word: &str| match word {
        "Ok" => Some(Opinion::Linearizable),
        "Illegal" => Some(Opinion::Illegal),
        "Unknown" => Some(Opinion::Undecided),
        _ => None,
    };
    let opinions: Option<Vec<Opinion>> = output.lines().map(opinion).collect();
    let opinions = opinions.filter(|opinions| opinions.len() == histories.len());
    opinions.ok_or(LinearizabilityError::Answer(output, histories.len()))
}
