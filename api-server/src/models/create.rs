//! Identities of what a request creates. Pure.

#![deny(clippy::disallowed_methods)]

use uuid::Uuid;

/// Identities of one creation, chosen before it is begun so that a second try makes the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub operation: Uuid,
    pub resource: Uuid,
    /// Nobody has begun anything under it before. Whoever takes it over later finds this try past its deadline.
    pub fresh: bool,
    /// Nobody ever will, either: the request has no key under which it could be sent again.
    pub alone: bool,
}

impl Identity {
    /// New identities; the resource's is time-ordered.
    pub fn generate() -> Self {
        Self { operation: Uuid::new_v4(), resource: Uuid::now_v7(), fresh: true, alone: true }
    }

    /// New ones of a change to something that is there, which has its own.
    pub fn about(resource: Uuid) -> Self {
        Self { resource, ..Self::generate() }
    }

    /// Time of creation as the id tells it, in milliseconds, so that a second try writes the same.
    pub fn created_ms(&self, now_ms: i64) -> i64 {
        let millis = self.resource.get_timestamp().map(|time| {
            let (seconds, nanos) = time.to_unix();
            seconds * 1000 + u64::from(nanos / 1_000_000)
        });
        millis.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(now_ms)
    }
}
