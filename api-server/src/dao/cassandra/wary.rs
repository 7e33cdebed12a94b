//! Coordinators that lately could not reach enough replicas go last.
//!
//! A node that is cut off from the others, and not from the API, takes statements as before. Until it has noticed, some
//! 20 s later, each of these costs a time-out, and a token-aware policy sends it a third of all: an order, with its
//! dozen of conditional writes one after the other, always meets it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use scylla::cluster::{ClusterState, NodeRef};
use scylla::errors::{DbError, RequestAttemptError};
use scylla::policies::load_balancing::{FallbackPlan, LoadBalancingPolicy, RoutingInfo};
use scylla::routing::Shard;
use uuid::Uuid;

use super::hedging::{Answers, note_picked};

/// How long a node goes last. Then one is tried again that may still be cut off: longer costs fewer time-outs, shorter
/// brings one that is back its work sooner.
const LAST_FOR: Duration = Duration::from_secs(10);

/// A policy whose order is kept, but for nodes that lately failed as coordinators.
#[derive(Debug)]
pub struct Wary {
    inner: Arc<dyn LoadBalancingPolicy>,
    failed: Failed,
    answers: Arc<Answers>,
}

impl Wary {
    /// Puts such nodes last in the plans of `inner`, and notes what answers take.
    pub fn over(inner: Arc<dyn LoadBalancingPolicy>, answers: Arc<Answers>) -> Arc<Self> {
        Arc::new(Self { inner, failed: Failed::new(), answers })
    }
}

impl LoadBalancingPolicy for Wary {
    fn pick<'a>(&'a self, request: &'a RoutingInfo, cluster: &'a ClusterState) -> Option<(NodeRef<'a>, Option<Shard>)> {
        let mut picked = self.inner.pick(request, cluster)?;
        let now = self.failed.now();
        if self.failed.lately(picked.0.host_id, now) {
            let others = self.inner.fallback(request, cluster);
            // Where all failed, it is not the nodes.
            picked = others.into_iter().find(|(node, _)| !self.failed.lately(node.host_id, now)).unwrap_or(picked);
        }
        note_picked(picked.0.host_id);
        Some(picked)
    }

    fn fallback<'a>(&'a self, request: &'a RoutingInfo, cluster: &'a ClusterState) -> FallbackPlan<'a> {
        let now = self.failed.now();
        let plan = self.inner.fallback(request, cluster);
        if !self.failed.any(now) {
            return plan;
        }
        let (last, first): (Vec<_>, Vec<_>) = plan.partition(|(node, _)| self.failed.lately(node.host_id, now));
        Box::new(first.into_iter().chain(last))
    }

    fn on_request_success(&self, request: &RoutingInfo, latency: Duration, node: NodeRef<'_>) {
        self.answers.note(latency);
        self.inner.on_request_success(request, latency, node);
    }

    fn on_request_failure(
        &self,
        request: &RoutingInfo,
        latency: Duration,
        node: NodeRef<'_>,
        error: &RequestAttemptError,
    ) {
        if is_of_coordinator(error) {
            self.failed.note(node.host_id, self.failed.elapsed());
        }
        self.inner.on_request_failure(request, latency, node, error);
    }

    fn name(&self) -> String {
        format!("Wary({})", self.inner.name())
    }
}

/// Whether another coordinator might have reached enough replicas.
const fn is_of_coordinator(error: &RequestAttemptError) -> bool {
    matches!(
        error,
        RequestAttemptError::DbError(
            DbError::Unavailable { .. } | DbError::ReadTimeout { .. } | DbError::WriteTimeout { .. },
            _
        )
    )
}

/// Who failed, and until when that counts, in milliseconds since the beginning.
#[derive(Debug)]
struct Failed {
    began: Instant,
    /// The latest of all ends: most of the time nothing else has to be looked at.
    latest: AtomicU64,
    until: RwLock<HashMap<Uuid, u64>>,
}

impl Failed {
    fn new() -> Self {
        Self { began: Instant::now(), latest: AtomicU64::new(0), until: RwLock::default() }
    }

    /// Milliseconds; not looked up while nobody has ever failed.
    fn now(&self) -> u64 {
        match self.latest.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.elapsed(),
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn any(&self, now: u64) -> bool {
        self.latest.load(Ordering::Relaxed) > now
    }

    fn lately(&self, node: Uuid, now: u64) -> bool {
        self.any(now)
            && self.until.read().unwrap_or_else(PoisonError::into_inner).get(&node).is_some_and(|until| *until > now)
    }

    /// Nodes that have left are forgotten on the way.
    fn note(&self, node: Uuid, now: u64) {
        let end = now.saturating_add(u64::try_from(LAST_FOR.as_millis()).unwrap_or(u64::MAX));
        let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, until| *until > now);
        until.insert(node, end);
        drop(until);
        self.latest.fetch_max(end, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST_MS: u64 = LAST_FOR.as_millis() as u64;

    #[test]
    fn a_node_that_failed_goes_last_for_a_while_and_no_other() {
        let failed = Failed::new();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(!failed.any(0) && !failed.lately(one, 0));
        failed.note(one, 1_000);
        assert!(failed.lately(one, 1_000) && failed.lately(one, 999 + LAST_MS));
        assert!(!failed.lately(two, 1_000) && !failed.lately(one, 1_000 + LAST_MS));
        failed.note(two, 5_000);
        failed.note(one, 9_000);
        assert!(failed.lately(one, 8_999 + LAST_MS) && !failed.lately(two, 5_000 + LAST_MS));
        assert!(!failed.any(9_000 + LAST_MS));
    }

    #[test]
    fn who_no_longer_fails_is_forgotten() {
        let failed = Failed::new();
        for node in 0..1_000 {
            failed.note(Uuid::from_u128(node), 1 + u64::try_from(node).unwrap() * LAST_MS);
        }
        assert_eq!(failed.until.read().unwrap().len(), 1);
    }

    #[test]
    fn a_statement_that_is_refused_is_not_the_coordinator_s_fault() {
        let of = |error| is_of_coordinator(&RequestAttemptError::DbError(error, String::new()));
        let consistency = scylla::statement::Consistency::Quorum;
        assert!(of(DbError::Unavailable { consistency, required: 2, alive: 1 }));
        assert!(!of(DbError::Invalid) && !of(DbError::Unauthorized) && !of(DbError::Overloaded));
    }
}
