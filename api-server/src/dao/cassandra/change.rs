//! What the changes of every kind of row have in common: what an LWT on it met, whether it was ours,
//! and the last steps after it.

use uuid::Uuid;

use super::execute::{Cas, Database, Failure};
use crate::dao::row::OPERATIONS;
use crate::dao::{Context, DaoError, Level, Receipt};

/// What an LWT on a row met.
pub enum Outcome {
    Applied(Receipt),
    /// The row is not at the version that was read.
    Moved,
}

/// The outcome of an answer; `ours` where it was not applied because an earlier try was.
pub fn outcome(cas: &Cas, ours: bool) -> Outcome {
    if cas.applied || ours { Outcome::Applied(cas.receipt) } else { Outcome::Moved }
}

/// Whether `version` of a row was made by this operation, as far as the row remembers: its version
/// now and its last operations.
pub fn made_by(remembered: Option<(i64, &[Uuid])>, version: i64, operation: Uuid) -> Result<bool, Failure> {
    let unsure = |detail: &str| Err(Failure::Unsure { level: "SERIAL", detail: detail.to_owned() });
    let Some((now, operations)) = remembered else {
        // Whether our version was there once cannot be told any more.
        return unsure("the row was removed meanwhile");
    };
    let made = operations.contains(&operation);
    let forgotten = now >= version + i64::try_from(OPERATIONS).unwrap_or(i64::MAX);
    if !made && forgotten {
        return unsure("too many versions were made meanwhile");
    }
    Ok(made)
}

/// Does the last steps of a change that is done and known: at a level to which the client raised them, or else at the
/// store's own. A failure is told to the log and left to the sweeper. What is told of the change is how it was decided.
pub async fn publish<F>(
    database: &Database,
    cx: &Context,
    owner: Uuid,
    decided: Receipt,
    settle: impl Fn(Context) -> F,
) -> Receipt
where
    F: Future<Output = Result<Option<Receipt>, DaoError>>,
{
    let mut settled = settle(cx.clone()).await;
    if let Err(error) = &settled
        && database.level.raised_to(cx.level) != database.level
    {
        tracing::debug!(%error, "lists not written at the client's level, using the default");
        settled = settle(Context { level: None, ..cx.clone() }).await;
    }
    match settled {
        Ok(written) => {
            let trace = decided.trace.or(written.and_then(|written| written.trace));
            Receipt { trace, ..decided }
        }
        Err(error) => {
            tracing::warn!(row = %owner, %error, "a change is not in every list yet, the sweeper will finish it");
            decided
        }
    }
}

/// SERIAL is a level of reads.
pub const fn refuse_serial(cx: &Context) -> Result<(), DaoError> {
    match cx.level {
        Some(Level::Serial) => Err(DaoError::Level { level: Level::Serial, detail: "it is a level of reads" }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_among_the_remembered_ones_or_its_fate_is_not_told() {
        let (ours, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(made_by(Some((3, &[other, ours])), 2, ours), Ok(true));
        assert_eq!(made_by(Some((3, &[other])), 2, ours), Ok(false));
        assert!(made_by(Some((10, &[other; OPERATIONS])), 2, ours).is_err());
        assert!(made_by(None, 2, ours).is_err());
    }
}
