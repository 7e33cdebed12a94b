//! Whether and when a statement is tried again within its request's deadline.

use std::time::Duration;

use rand::Rng as _;

use super::execute::Failure;
use crate::dao::{Context, DaoError};

/// First pause before a second try; grows to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// Tries after Unavailable: a coordinator that has just started may think its peers down.
const UNAVAILABLE_TRIES: u32 = 3;

/// Decides after each failure whether to try again.
pub struct Tries {
    /// Name of a conditional operation; idempotent ones have none.
    conditional: Option<&'static str>,
    pause: Duration,
    unavailable: u32,
    unsure: bool,
}

impl Tries {
    /// Tries of a read or an absolute write.
    pub const fn of_idempotent() -> Self {
        Self { conditional: None, pause: FIRST_PAUSE, unavailable: 0, unsure: false }
    }

    /// Tries of a conditional operation that recognises its own earlier effect.
    pub const fn of_conditional(operation: &'static str) -> Self {
        Self { conditional: Some(operation), ..Self::of_idempotent() }
    }

    /// Whether an earlier try may have been applied.
    pub const fn unsure(&self) -> bool {
        self.unsure
    }

    /// Waits before the next try, or says what is known when there is no use or time for one.
    pub async fn after(&mut self, cx: &Context, failure: Failure) -> Result<(), DaoError> {
        let mut stays = false;
        match &failure {
            Failure::Refused(_) => stays = true,
            Failure::Unavailable { .. } | Failure::RolesUnread(_) => {
                self.unavailable += 1;
                stays = self.unavailable == UNAVAILABLE_TRIES && !self.unsure;
            }
            Failure::NotSent(_) | Failure::Busy(_) => {}
            Failure::Unsure { detail, .. } => {
                let operation = self.conditional;
                tracing::debug!(operation, detail, "no certain answer, asking again under the same id");
                self.unsure = operation.is_some();
            }
        }
        if !stays && pause_within(cx, &mut self.pause).await {
            return Ok(());
        }
        Err(match self.conditional {
            Some(operation) if self.unsure => DaoError::Unknown { operation },
            _ => failure.of_read(),
        })
    }
}

/// Issues a conditional operation again until its outcome is known. The body is one try; it must
/// recognise its own earlier effect, since a try that failed may have been applied (`$unsure`).
macro_rules! decide {
    ($cx:expr, $operation:expr, $unsure:ident => $body:expr) => {{
        let mut tries = $crate::dao::cassandra::tries::Tries::of_conditional($operation);
        loop {
            let $unsure = tries.unsure();
            let tried: Result<_, $crate::dao::cassandra::execute::Failure> = async { $body }.await;
            match tried {
                Ok(outcome) => break Ok(outcome),
                Err(failure) => {
                    if let Err(error) = tries.after($cx, failure).await {
                        break Err(error);
                    }
                }
            }
        }
    }};
}
pub(super) use decide;

/// Waits before a second try, with jitter; false when the deadline leaves no room for one.
async fn pause_within(cx: &Context, pause: &mut Duration) -> bool {
    let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
    *pause = (*pause * 2).min(LONGEST_PAUSE);
    match cx.remaining() {
        Some(left) if left > jittered => {
            tokio::time::sleep(jittered).await;
            true
        }
        _ => false,
    }
}
