//! Leader election by a Lease: of several replicas one acts, the others wait. IO: reads and writes
//! of one Lease.
//!
//! Two clocks are never compared. Who waits takes the Lease when it has seen it unchanged for its
//! whole duration; who leads stops writing (`WriteGate`) well before that, counted from the moment
//! its last renewal was sent, so that a replica that was paused or cut off writes nothing when it
//! wakes up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::health::Heartbeat;

/// Name of the Lease where none is told, and what the election is called in the metrics, whatever its Lease is named.
pub const ELECTION: &str = "store-operator";

/// Whoever waits takes a Lease that did not change for this long.
const LEASE_SECONDS: i32 = 15;
/// A third of it: how often whoever leads renews it, and whoever waits looks at it.
const THIRD: Duration = Duration::from_secs(5);
/// Writes are allowed for this long after a renewal was sent.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Until the next try after a call that failed: between two renewals there is time for two tries.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const CALL_DEADLINE: Duration = Duration::from_secs(3);

/// Tells whether this process may write. Cheap to clone and to ask.
#[derive(Clone)]
pub struct WriteGate {
    started: Instant,
    /// Milliseconds after `started` until which writes are allowed.
    until: Arc<AtomicU64>,
}

impl WriteGate {
    /// A gate that is closed until somebody leads.
    pub fn closed() -> Self {
        WriteGate { started: Instant::now(), until: Arc::default() }
    }

    /// A gate that is always open, for a process that runs alone.
    pub fn open() -> Self {
        let gate = WriteGate::closed();
        gate.until.store(u64::MAX, Ordering::Release);
        gate
    }

    /// Whether writes are allowed now.
    pub fn is_open(&self) -> bool {
        self.millis(Instant::now()) < self.until.load(Ordering::Acquire)
    }

    fn open_until(&self, until: Instant) {
        self.until.store(self.millis(until), Ordering::Release);
    }

    fn close(&self) {
        self.until.store(0, Ordering::Release);
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

/// A call about the Lease that failed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("wrote the Lease and failed: {0}")]
    Call(#[from] Box<kube::Error>),
    #[error("wrote the Lease and got no answer within 3 s")]
    Deadline,
}

impl LeaseError {
    fn is(&self, code: u16) -> bool {
        matches!(self, LeaseError::Call(error) if matches!(&**error, kube::Error::Api(status) if status.code == code))
    }
}

/// One candidate.
pub struct Candidate {
    api: Api<Lease>,
    lease: String,
    identity: String,
    gate: WriteGate,
    api_server: Heartbeat,
}

impl Candidate {
    /// A candidate for the Lease, given as its namespace and name. `api_server` beats at every answer of the API server.
    pub fn new(
        client: Client,
        (namespace, lease): (&str, &str),
        identity: String,
        gate: WriteGate,
        api_server: Heartbeat,
    ) -> Self {
        Candidate { api: Api::namespaced(client, namespace), lease: lease.to_owned(), identity, gate, api_server }
    }

    /// Waits until this replica holds the Lease, and opens the gate. `waiting` beats meanwhile.
    pub async fn acquire(&self, waiting: &Heartbeat) -> Lease {
        let mut seen: Option<(Lease, Instant)> = None;
        loop {
            waiting.beat();
            let pause = match self.try_acquire(&mut seen).await {
                Ok(Some(lease)) => return lease,
                Ok(None) => {
                    self.api_server.beat();
                    seen.as_ref().map_or(THIRD, |(lease, since)| look_again(lease, *since))
                }
                Err(error) if error.is(409) => {
                    self.api_server.beat();
                    THIRD
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take the Lease");
                    RETRY_EVERY
                }
            };
            sleep(pause).await;
        }
    }

    /// Keeps the Lease until it is lost or `stop`; then the gate is closed, and after a stop the
    /// Lease is given back. Returns whether it was lost.
    pub async fn keep(&self, mut lease: Lease, stop: CancellationToken) -> bool {
        let mut renewed = Instant::now();
        loop {
            let pause = if renewed.elapsed() < THIRD { THIRD } else { RETRY_EVERY };
            tokio::select! {
                () = stop.cancelled() => {
                    self.gate.close();
                    self.release(lease).await;
                    return false;
                }
                () = sleep(pause) => {}
            }
            let sent = Instant::now();
            match self.renew(&lease).await {
                Ok(newer) => {
                    lease = newer;
                    renewed = sent;
                    self.gate.open_until(sent + RENEW_DEADLINE);
                    self.api_server.beat();
                }
                // Somebody else wrote it: the next try needs the newer version, or is too late.
                Err(error) if error.is(409) => match self.read().await {
                    Ok(Some(newer)) if self.is_mine(&newer) => lease = newer,
                    Ok(_) => break,
                    Err(error) => tracing::warn!(%error, "cannot read the Lease"),
                },
                Err(error) => tracing::warn!(%error, "cannot renew the Lease"),
            }
            if renewed.elapsed() >= RENEW_DEADLINE {
                break;
            }
        }
        self.gate.close();
        true
    }

    async fn try_acquire(&self, seen: &mut Option<(Lease, Instant)>) -> Result<Option<Lease>, LeaseError> {
        let sent = Instant::now();
        let taken = match self.read().await? {
            None => self.create().await?,
            Some(lease) => {
                let unchanged_since = match seen {
                    Some((before, since)) if before.metadata.resource_version == lease.metadata.resource_version => {
                        *since
                    }
                    _ => sent,
                };
                *seen = Some((lease.clone(), unchanged_since));
                if !self.is_free(&lease, unchanged_since) {
                    return Ok(None);
                }
                self.replace(self.held(Some(&lease))).await?
            }
        };
        self.gate.open_until(sent + RENEW_DEADLINE);
        self.api_server.beat();
        Ok(Some(taken))
    }

    fn is_free(&self, lease: &Lease, unchanged_since: Instant) -> bool {
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        // A Lease in this replica's own name is of an earlier process in the same pod, which is dead.
        holder.is_empty() || self.is_mine(lease) || unchanged_since.elapsed() >= duration_of(lease)
    }

    fn is_mine(&self, lease: &Lease) -> bool {
        lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) == Some(&self.identity)
    }

    /// The Lease as held by this replica from now on.
    fn held(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(clock::now());
        let spec = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let mine = before.is_some_and(|lease| self.is_mine(lease));
        let changes = spec.lease_transitions.unwrap_or(0);
        Lease {
            metadata: before.map_or_else(
                || ObjectMeta { name: Some(self.lease.clone()), ..ObjectMeta::default() },
                |lease| lease.metadata.clone(),
            ),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(LEASE_SECONDS),
                acquire_time: if mine { spec.acquire_time } else { Some(now.clone()) },
                lease_transitions: Some(if mine || before.is_none() { changes } else { changes.saturating_add(1) }),
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        self.replace(self.held(Some(lease))).await
    }

    async fn release(&self, lease: Lease) {
        let mut free = lease;
        free.spec = Some(LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(clock::now())),
            ..free.spec.unwrap_or_default()
        });
        if let Err(error) = self.replace(free).await {
            tracing::warn!(%error, "cannot give the Lease back; the next leader waits for it to run out");
        }
    }

    async fn read(&self) -> Result<Option<Lease>, LeaseError> {
        within(self.api.get_opt(&self.lease)).await
    }

    async fn create(&self) -> Result<Lease, LeaseError> {
        within(self.api.create(&PostParams::default(), &self.held(None))).await
    }

    async fn replace(&self, lease: Lease) -> Result<Lease, LeaseError> {
        within(self.api.replace(&self.lease, &PostParams::default(), &lease)).await
    }
}

/// How long the Lease lasts without a renewal.
fn duration_of(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(LEASE_SECONDS);
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

/// When whoever waits looks again: a third of a Lease later, or as soon as this one runs out.
fn look_again(lease: &Lease, unchanged_since: Instant) -> Duration {
    duration_of(lease).saturating_sub(unchanged_since.elapsed()).min(THIRD)
}

async fn within<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, LeaseError> {
    match tokio::time::timeout(CALL_DEADLINE, call).await {
        Ok(result) => result.map_err(|error| LeaseError::Call(Box::new(error))),
        Err(_) => Err(LeaseError::Deadline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(identity: &str) -> Candidate {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("no network in this test"))
        });
        Candidate::new(
            Client::new(service, "default"),
            ("default", "a-lease"),
            identity.into(),
            WriteGate::closed(),
            Heartbeat::new(),
        )
    }

    #[tokio::test]
    async fn a_lease_is_free_when_given_back_or_unchanged_for_its_duration() {
        let (one, two) = (candidate("one"), candidate("two"));
        let lease = one.held(None);
        assert_eq!(lease.metadata.name.as_deref(), Some("a-lease"), "two releases in a namespace have one each");
        let long_ago = Instant::now() - Duration::from_secs(15);
        let lately = Instant::now() - Duration::from_secs(14);
        assert!(two.is_free(&lease, long_ago));
        assert!(!two.is_free(&lease, lately));
        assert!(one.is_free(&lease, lately), "the container of this pod was restarted");
        let mut given_back = lease;
        given_back.spec.as_mut().unwrap().holder_identity = Some(String::new());
        assert!(two.is_free(&given_back, Instant::now()));
    }

    #[tokio::test]
    async fn whoever_waits_looks_three_times_a_lease_and_as_soon_as_it_runs_out() {
        let lease = candidate("one").held(None);
        let ago = |seconds| Instant::now() - Duration::from_secs(seconds);
        assert_eq!(THIRD * 3, duration_of(&lease));
        assert_eq!(look_again(&lease, ago(0)), THIRD);
        assert_eq!(look_again(&lease, ago(9)), THIRD);
        let soon = look_again(&lease, ago(13));
        assert!(soon > Duration::from_secs(1) && soon <= Duration::from_secs(2), "{soon:?}");
        assert_eq!(look_again(&lease, ago(15)), Duration::ZERO, "it is free");
    }

    #[tokio::test]
    async fn a_renewal_keeps_when_it_was_acquired_and_a_takeover_counts_as_transition() {
        let (one, two) = (candidate("one"), candidate("two"));
        let first = one.held(None);
        let renewed = one.held(Some(&first)).spec.unwrap();
        assert_eq!(renewed.acquire_time, first.spec.as_ref().unwrap().acquire_time);
        assert_eq!(renewed.lease_transitions, Some(0));
        let taken = two.held(Some(&first)).spec.unwrap();
        assert_eq!(taken.lease_transitions, Some(1));
        assert_eq!(taken.holder_identity.as_deref(), Some("two"));
    }

    #[test]
    fn the_gate_closes_by_itself_when_no_renewal_comes() {
        let gate = WriteGate::closed();
        assert!(!gate.is_open());
        gate.open_until(Instant::now() + Duration::from_millis(50));
        assert!(gate.is_open());
        std::thread::sleep(Duration::from_millis(60));
        assert!(!gate.is_open());
        assert!(WriteGate::open().is_open());
    }
}
