//! One pass over one StoreCluster: observe → plan → apply → report. It never sleeps or polls; what
//! takes time is looked at again by a later pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::api::PartialObjectMeta;
use kube::runtime::controller::Action;
use store_crds::{StoreCluster, StoreClusterStatus};
use store_planner::accepted::accepted_spec;
use store_planner::decision::{Plan, RingAction};
use store_planner::desired::Desired;
use store_planner::effects::{self, Effect};
use store_planner::events;
use store_planner::observation::{NodeAnswer, Observation};
use store_planner::plan;
use store_planner::resources;
use store_planner::status;
use tracing::{Instrument as _, Span, info_span, instrument};

use crate::apply::{self, ApplyError};
use crate::cache::NotSynced;
use crate::cassandra::RingError;
use crate::clock;
use crate::commit;
use crate::context::Context;
use crate::metrics::{Outcome, Wanted};
use crate::observe::{self, ObserveError, Observed};
use crate::trace;

/// A pass that takes longer is given up; every call in it has a shorter deadline of its own.
const PASS_DEADLINE: Duration = Duration::from_secs(90);
const AFTER_CHANGE: Duration = Duration::from_millis(100);

/// Why a pass ended early.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    #[error(transparent)]
    NotSynced(#[from] NotSynced),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error("the pass took longer than 90 s")]
    Deadline,
    #[error("this replica no longer holds the Lease")]
    NotLeading,
}

impl PassError {
    /// Closed label for metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            PassError::NotSynced(_) => "CacheNotSynced",
            PassError::Observe(error) => error.reason(),
            PassError::Apply(error) => error.reason(),
            PassError::Ring(error) => error.reason(),
            PassError::Deadline => "Deadline",
            PassError::NotLeading => "NotLeading",
        }
    }

    /// Whether another writer was first, which is part of ordinary life.
    pub fn is_race(&self) -> bool {
        matches!(self, PassError::Apply(error) if error.is_race())
    }
}

/// A failed pass, with the span that it is told in.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    error: PassError,
    span: Span,
}

/// A pass as the controller calls it: counted, timed and bounded.
pub async fn reconcile(store: Arc<PartialObjectMeta<StoreCluster>>, context: Arc<Context>) -> Result<Action, Failed> {
    let (namespace, name) = (store.namespace().unwrap_or_default(), store.name_any());
    let began = Instant::now();
    context.metrics.pass_began(&namespace, &name);
    let span = trace::pass(&namespace, &name);
    let pass = pass(&context, &namespace, &name).instrument(span.clone());
    let result = match tokio::time::timeout(PASS_DEADLINE, pass).await {
        Ok(result) => result,
        Err(_) => Err(PassError::Deadline),
    };
    if let Err(error) = &result
        && !error.is_race()
    {
        trace::failed(&span, error.reason());
    }
    let (outcome, reason) = match &result {
        Ok(action) if *action == Action::await_change() => (Outcome::Success, None),
        Ok(_) => (Outcome::RequeueAfter, None),
        Err(error) => (Outcome::Error, Some(error.reason())),
    };
    context.metrics.pass_ended(outcome, reason, began.elapsed());
    if result.is_ok() {
        context.failures.reset(&namespace, &name);
    }
    result.map_err(|error| Failed { error, span })
}

/// When to try again after an error.
pub fn after_error(store: Arc<PartialObjectMeta<StoreCluster>>, failed: &Failed, context: Arc<Context>) -> Action {
    let Failed { error, span } = failed;
    let _told_in = span.enter();
    let (namespace, name) = (store.namespace().unwrap_or_default(), store.name_any());
    let pause = context.failures.count(&namespace, &name);
    if error.is_race() {
        tracing::debug!(namespace, name, %error, "pass given up");
    } else {
        tracing::warn!(namespace, name, reason = error.reason(), %error, retry_in = ?pause, "pass failed");
    }
    Action::requeue(pause)
}

async fn pass(context: &Context, namespace: &str, name: &str) -> Result<Action, PassError> {
    if !context.gate.is_open() {
        return Err(PassError::NotLeading);
    }
    context.cache.synced().await?;
    let looked = observe(context, namespace, name).await;
    if let Err(error @ ObserveError::Foreign(_)) = &looked {
        apply::tell_unreadable(context, namespace, name, &error.to_string()).await?;
    }
    let Some((mut store, desired, observed)) = looked? else {
        context.metrics.forget(namespace, name);
        return Ok(Action::await_change());
    };
    let observation = &observed.observation;
    let (plan, effects) = info_span!("plan").in_scope(|| {
        let plan = plan::plan(&desired, observation, &context.settings);
        let wanted = resources::build(&desired, &plan.shape, &context.settings);
        let writes = resources::diff(&wanted, &observed.live);
        let plan = plan.with_writes(&writes);
        let effects = effects::in_order(&desired, &plan, writes);
        (plan, effects)
    });
    if plan.finalizer == Some(true) {
        store = apply::set_finalizer(context, &store, true).await?;
    }
    let after = status::status(&desired, observation, &plan);
    let store = report(context, store, &after).await?;
    context.ring.settle(&desired.uid, &plan.memory, &hosts(observation));
    let again = commit(context, &store, &desired, &observed, effects).await?;
    if plan.finalizer == Some(false) {
        apply::set_finalizer(context, &store, false).await?;
        context.metrics.forget(namespace, name);
    }
    Ok(next(&plan, again))
}

/// The StoreCluster, what it asks for, and the world; `None`: there is no such StoreCluster.
#[instrument(skip_all)]
async fn observe(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<(StoreCluster, Desired, Observed)>, ObserveError> {
    let Some(store) = observe::find_store(context, namespace, name).await? else { return Ok(None) };
    let children = observe::children(context, &store)?;
    let identity = observe::identity(&store).ok_or(ObserveError::NoUid)?;
    let accepted = accepted_spec(&children, name, &identity.uid);
    let desired = Desired::read(&store, identity.uid.clone(), accepted.as_deref());
    let observed = observe::observe(context, (&store, identity), &desired, children).await;
    Ok(Some((store, desired, observed)))
}

/// Makes the world as planned.
#[instrument(name = "apply", skip_all)]
async fn commit(
    context: &Context,
    store: &StoreCluster,
    desired: &Desired,
    observed: &Observed,
    effects: Vec<Effect>,
) -> Result<Option<Duration>, PassError> {
    commit::commit(context, store, desired, observed, effects).await
}

/// What was changed over CQL is done when the pass ends, so the next one can begin at once. `again` is when to look
/// because of what was refused.
fn next(plan: &Plan, again: Option<Duration>) -> Action {
    let done = match &plan.ring {
        None
        | Some(
            RingAction::Decommission { .. }
            | RingAction::ResumeJoin { .. }
            | RingAction::Cleanup { .. }
            | RingAction::Repair { .. },
        ) => false,
        Some(_) => true,
    };
    let requeue = if done && again.is_none() { plan.requeue.min(AFTER_CHANGE) } else { plan.requeue };
    Action::requeue(again.map_or(requeue, |again| requeue.min(again)))
}

/// Writes the status, and tells of it in metrics and events. Returns the StoreCluster as it is then.
#[instrument(skip_all)]
async fn report(
    context: &Context,
    store: StoreCluster,
    after: &StoreClusterStatus,
) -> Result<StoreCluster, ApplyError> {
    let before = store.status.clone().unwrap_or_default();
    let store = apply::write_status(context, &store, after).await?.unwrap_or(store);
    let wanted = Wanted { nodes: store.spec.cassandra.size, api_pods: store.spec.api.replicas };
    context.metrics.show(&store.namespace().unwrap_or_default(), &store.name_any(), wanted, after);
    context.events.publish(&store, events::notes(&before, after, clock::now())).await;
    Ok(store)
}

/// Host id of each pod's node, as the node itself or an earlier status tells it.
fn hosts(observation: &Observation) -> BTreeMap<String, String> {
    let remembered = observation.status.nodes.iter().filter_map(|node| Some((node.pod.clone(), node.host_id.clone()?)));
    let seen = observation.views.iter().filter_map(|(pod, answer)| match answer {
        NodeAnswer::Reachable(view) if !view.host_id.is_empty() => Some((pod.clone(), view.host_id.clone())),
        _ => None,
    });
    remembered.chain(seen).collect()
}
