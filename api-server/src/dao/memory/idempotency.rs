//! Idempotency keys in a map; [`KEPT_SECONDS`] by the clock of the caller.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dao::idempotency::{Answer, Begun, Claim, IdempotencyDao, KEPT_SECONDS, Remembered};
use crate::dao::{Context, DaoError};
use async_trait::async_trait;

#[derive(Debug)]
struct Entry {
    claim: Claim,
    started_ms: i64,
    expires_ms: i64,
    answer: Option<Answer>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryIdempotency {
    entries: Mutex<HashMap<String, Entry>>,
}

impl MemoryIdempotency {
    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl IdempotencyDao for MemoryIdempotency {
    async fn begin(&self, cx: &Context, claim: &Claim, lease_ms: i64) -> Result<Begun, DaoError> {
        let mut entries = self.entries();
        entries.retain(|_, entry| entry.expires_ms > cx.now_ms);
        let Some(entry) = entries.get_mut(&claim.key) else {
            let entry = Entry {
                claim: claim.clone(),
                started_ms: cx.now_ms,
                expires_ms: cx.now_ms + i64::from(KEPT_SECONDS) * 1000,
                answer: None,
            };
            entries.insert(claim.key.clone(), entry);
            return Ok(Begun::Ours { operation: claim.operation, resource: claim.resource });
        };
        if entry.claim.request != claim.request {
            return Ok(Begun::OtherRequest);
        }
        if let Some(answer) = &entry.answer {
            return Ok(Begun::Answered(answer.clone()));
        }
        if entry.claim.operation != claim.operation && entry.started_ms + lease_ms > cx.now_ms {
            return Ok(Begun::InFlight);
        }
        entry.started_ms = cx.now_ms;
        entry.expires_ms = cx.now_ms + i64::from(KEPT_SECONDS) * 1000;
        Ok(Begun::Ours { operation: entry.claim.operation, resource: entry.claim.resource })
    }

    async fn find(&self, cx: &Context, key: &str) -> Result<Option<Remembered>, DaoError> {
        let entries = self.entries();
        let entry = entries.get(key).filter(|entry| entry.expires_ms > cx.now_ms);
        Ok(entry.map(|entry| Remembered {
            operation: entry.claim.operation,
            resource: entry.claim.resource,
            started_ms: entry.started_ms,
            answer: entry.answer.clone(),
        }))
    }

    async fn finish(&self, cx: &Context, claim: &Claim, answer: &Answer) -> Result<(), DaoError> {
        if let Some(entry) = self.entries().get_mut(&claim.key)
            && entry.claim.operation == claim.operation
            && entry.answer.is_none()
        {
            entry.expires_ms = cx.now_ms + i64::from(KEPT_SECONDS) * 1000;
            entry.answer = Some(answer.clone());
        }
        Ok(())
    }

    async fn release(&self, _cx: &Context, claim: &Claim) -> Result<(), DaoError> {
        if let Some(entry) = self.entries().get_mut(&claim.key)
            && entry.claim.operation == claim.operation
        {
            entry.started_ms = 0;
        }
        Ok(())
    }
}
