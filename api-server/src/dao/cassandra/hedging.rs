//! When a second node is asked what one has not answered yet: later than answers take at the moment.
//!
//! So a node that is lost in silence costs a wait and no request. In a crowd, however, all answers are late, and to ask
//! twice for each of them would make them later still. Therefore the wait grows with what answers take on the average; a
//! lost node gives none, and changes nothing about it.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures::future::BoxFuture;
use scylla::client::execution_profile::{ExecutionProfile, ExecutionProfileHandle};
use scylla::cluster::{ClusterState, NodeRef};
use scylla::errors::{ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{FallbackPlan, LoadBalancingPolicy, RoutingInfo};
use scylla::routing::Shard;
use tokio::time::Instant;
use uuid::Uuid;

/// The shortest wait.
const SOONEST: Duration = Duration::from_millis(200);
/// How many times the mean an answer is waited for.
const TIMES: u32 = 4;
/// Nodes that are asked beside the first.
const OTHERS: usize = 2;
/// The mean is of about so many answers.
const ANSWERS: u64 = 32;

/// How long answers take at the moment.
#[derive(Debug, Default)]
pub struct Answers {
    mean_us: AtomicU64,
}

impl Answers {
    /// Notes an answer. Of two at the same time one may be missed, which a mean bears.
    pub fn note(&self, latency: Duration) {
        let latency = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let mean = self.mean_us.load(Ordering::Relaxed);
        self.mean_us.store(mean - mean / ANSWERS + latency / ANSWERS, Ordering::Relaxed);
    }

    fn mean(&self) -> Duration {
        Duration::from_micros(self.mean_us.load(Ordering::Relaxed))
    }
}

thread_local! {
    /// The node that a policy picked last on this thread.
    static PICKED: Cell<Option<Uuid>> = const { Cell::new(None) };
}

/// Tells which node a request goes to first. The driver has no place for this, but picks while the request is first
/// polled, and nothing else happens on that thread until then.
pub fn note_picked(node: Uuid) {
    PICKED.set(Some(node));
}

/// See the module. The driver can do this, too, but puts every request into a set of futures of its own for it: a read of
/// one row then costs a sixth more.
#[derive(Clone)]
pub struct Hedging {
    answers: Arc<Answers>,
    policy: Arc<dyn LoadBalancingPolicy>,
    profile: ExecutionProfileHandle,
    latest: Duration,
}

impl Hedging {
    /// Over the policy and the profile of requests; `answers` are those that the policy notes. After `latest` another node
    /// is asked however long answers take.
    pub fn new(
        policy: Arc<dyn LoadBalancingPolicy>,
        answers: Arc<Answers>,
        profile: ExecutionProfile,
        latest: Duration,
    ) -> Self {
        Self { answers, policy, profile: profile.into_handle(), latest: latest.max(SOONEST) }
    }

    /// What requests run with that [`Hedging::run`] bounds: the driver itself has neither time-out nor second node.
    pub fn profile(&self) -> ExecutionProfileHandle {
        self.profile.clone()
    }

    /// The answer to a request that may be made several times, `first` or one of those that are made by `again` with the
    /// policy that they have to use.
    ///
    /// # Errors
    /// Those of the last one that failed; after `limit` a time-out.
    pub async fn run<'a, T>(
        &self,
        limit: Duration,
        mut first: Pin<&mut impl Future<Output = Result<T, ExecutionError>>>,
        again: impl Fn(Arc<dyn LoadBalancingPolicy>) -> BoxFuture<'a, Result<T, ExecutionError>>,
    ) -> Result<T, ExecutionError> {
        let end = Instant::now() + limit;
        let wait = (self.answers.mean() * TIMES).clamp(SOONEST, self.latest);
        let mut timer = pin!(tokio::time::sleep(wait.min(limit)));
        PICKED.set(None);
        if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await {
            return answer;
        }
        let picked = PICKED.take();
        let mut first = Some(first);
        let mut others: Vec<BoxFuture<'a, Result<T, ExecutionError>>> = Vec::new();
        let mut elsewhere: Option<Arc<Elsewhere>> = None;
        let mut asked = 0;
        loop {
            let answer = poll_fn(|cx| {
                if let Some(running) = &mut first
                    && let Poll::Ready(answer) = running.as_mut().poll(cx)
                {
                    first = None;
                    return Poll::Ready(Some(answer));
                }
                for at in 0..others.len() {
                    if let Poll::Ready(answer) = others[at].as_mut().poll(cx) {
                        drop(others.swap_remove(at));
                        return Poll::Ready(Some(answer));
                    }
                }
                timer.as_mut().poll(cx).map(|()| None)
            })
            .await;
            match answer {
                Some(Err(_)) if first.is_some() || !others.is_empty() => {}
                Some(answer) => return answer,
                None => {
                    let now = Instant::now();
                    if now >= end {
                        return Err(ExecutionError::RequestTimeout(limit));
                    }
                    let policy = elsewhere.get_or_insert_with(|| Elsewhere::than(picked, &self.policy));
                    others.push(again(Arc::clone(policy) as _));
                    asked += 1;
                    timer.as_mut().reset(if asked < OTHERS { end.min(now + wait) } else { end });
                }
            }
        }
    }
}

/// A policy whose order is kept, but for nodes that are asked already.
#[derive(Debug)]
struct Elsewhere {
    inner: Arc<dyn LoadBalancingPolicy>,
    asked: Mutex<Vec<Uuid>>,
}

impl Elsewhere {
    fn than(asked: Option<Uuid>, inner: &Arc<dyn LoadBalancingPolicy>) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), asked: Mutex::new(asked.into_iter().collect()) })
    }
}

impl LoadBalancingPolicy for Elsewhere {
    fn pick<'a>(&'a self, request: &'a RoutingInfo, cluster: &'a ClusterState) -> Option<(NodeRef<'a>, Option<Shard>)> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = self.inner.pick(request, cluster).into_iter().chain(self.inner.fallback(request, cluster));
        // Where all are asked, waiting is all that is left.
        let picked = plan.into_iter().find(|(node, _)| !asked.contains(&node.host_id))?;
        asked.push(picked.0.host_id);
        Some(picked)
    }

    fn fallback<'a>(&'a self, _: &'a RoutingInfo, _: &'a ClusterState) -> FallbackPlan<'a> {
        Box::new(std::iter::empty())
    }

    fn on_request_success(&self, request: &RoutingInfo, latency: Duration, node: NodeRef<'_>) {
        self.inner.on_request_success(request, latency, node);
    }

    fn on_request_failure(
        &self,
        request: &RoutingInfo,
        latency: Duration,
        node: NodeRef<'_>,
        error: &RequestAttemptError,
    ) {
        self.inner.on_request_failure(request, latency, node, error);
    }

    fn name(&self) -> String {
        format!("Elsewhere({})", self.inner.name())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use scylla::policies::load_balancing::DefaultPolicy;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(4);
    const LATEST: Duration = Duration::from_secs(1);

    fn hedging(answers: &Arc<Answers>) -> Hedging {
        let policy: Arc<dyn LoadBalancingPolicy> = DefaultPolicy::builder().build();
        Hedging::new(policy, Arc::clone(answers), ExecutionProfile::builder().build(), LATEST)
    }

    async fn after(millis: u64, answer: Result<&'static str, ExecutionError>) -> Result<&'static str, ExecutionError> {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        answer
    }

    /// What comes of a first request that takes so long and others that do: an answer, when it came, and how many others
    /// there were.
    async fn outcome(
        answers: &Arc<Answers>,
        first: (u64, Result<&'static str, ExecutionError>),
        other: (u64, Result<&'static str, ExecutionError>),
    ) -> (Result<&'static str, String>, u128, u64) {
        let asked = AtomicU64::new(0);
        let began = Instant::now();
        let first = pin!(after(first.0, first.1));
        let again = |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            after(other.0, other.1.clone()).boxed()
        };
        let answer = hedging(answers).run(LIMIT, first, again).await;
        (answer.map_err(|error| error.to_string()), began.elapsed().as_millis(), asked.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_in_time_is_the_only_one_asked() {
        let answers = Arc::new(Answers::default());
        assert_eq!(outcome(&answers, (150, Ok("first")), (0, Ok("other"))).await, (Ok("first"), 150, 0));
        let failed = outcome(&answers, (150, Err(ExecutionError::EmptyPlan)), (0, Ok("other"))).await;
        assert!(failed.0.is_err() && failed.1 == 150 && failed.2 == 0, "{failed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_answer_counts_and_an_error_only_when_nobody_else_is_left() {
        let answers = Arc::new(Answers::default());
        assert_eq!(outcome(&answers, (60_000, Ok("first")), (30, Ok("other"))).await, (Ok("other"), 230, 1));
        assert_eq!(outcome(&answers, (220, Ok("first")), (300, Ok("other"))).await, (Ok("first"), 220, 1));
        let broken = Err(ExecutionError::EmptyPlan);
        assert_eq!(outcome(&answers, (210, broken.clone()), (150, Ok("other"))).await, (Ok("other"), 350, 1));
        assert_eq!(outcome(&answers, (1_900, Ok("first")), (100, broken)).await, (Ok("first"), 1_900, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_beyond_the_limit() {
        let answers = Arc::new(Answers::default());
        let (answer, when, asked) = outcome(&answers, (60_000, Ok("first")), (60_000, Ok("other"))).await;
        assert_eq!((answer.is_err(), when, asked), (true, LIMIT.as_millis(), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_follows_what_answers_take_between_its_bounds() {
        let answers = Arc::new(Answers::default());
        let wait = async |millis: u64| {
            (0..10 * ANSWERS).for_each(|_| answers.note(Duration::from_millis(millis)));
            outcome(&answers, (60_000, Ok("first")), (0, Ok("other"))).await.1
        };
        assert_eq!(wait(5).await, SOONEST.as_millis());
        let busy = wait(150).await;
        assert!((580..=601).contains(&busy), "{busy}");
        assert_eq!(wait(3_000).await, LATEST.as_millis());
        assert_eq!(wait(5).await, SOONEST.as_millis());
    }

    #[tokio::test(start_paused = true)]
    async fn one_late_answer_changes_little() {
        let answers = Arc::new(Answers::default());
        answers.note(Duration::from_secs(1));
        assert_eq!(outcome(&answers, (60_000, Ok("first")), (0, Ok("other"))).await.1, SOONEST.as_millis());
    }
}
