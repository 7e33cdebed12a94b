//! The API tier: its pods follow once its tables are of their version. Once it is there it stays, whatever becomes of
//! the ring. Pure.

use store_crds::Consistency;

use super::draft::Draft;
use super::hold::Hold;
use super::procedures::migrate;
use super::world::Context;
use crate::children::{Deployment, JobState, PodCounts, Route};
use crate::decision::ApiShape;
use crate::reason::Reason;
use crate::resources;

/// Decides on the schema Job and the Deployment. `holds`: where the runbook held.
pub fn run(context: &Context, draft: &mut Draft, holds: &[Hold]) {
    let wanted = ApiShape {
        image: resources::api::image(context.desired, context.settings).to_owned(),
        keyspace: context.desired.api.keyspace.clone(),
    };
    let job = context.job(&migrate::job_name(context));
    if job.is_some_and(|job| job.state == JobState::Complete) {
        draft.memory.migrated = Some(wanted.clone());
    }
    if draft.memory.migrated.as_ref() == Some(&wanted) {
        draft.memory.postponed_job = None;
        migrate::delete_jobs(context, draft);
    } else {
        migrate::make(context, draft, job, holds);
    }
    // pods that could not have a quorum would only fail
    let of_use = context.deployment().is_some() || migrate::level(context) == Consistency::LocalQuorum;
    draft.shape.api = draft.memory.migrated.clone().filter(|_| of_use);
    roll_out(context, draft, &wanted);
    route(context, draft);
}

/// The way in by the Gateway API.
fn route(context: &Context, draft: &mut Draft) {
    if context.desired.api.gateway.is_none() {
        return;
    }
    let live = context.observation.children.routes.get(&resources::api_name(context.desired));
    draft.shape.route = context.observation.serves_routes;
    draft.wrongs.extend(route_trouble(context.observation.serves_routes, live));
}

/// Why a route that is wanted leads nowhere. That is told; the shop serves without it.
fn route_trouble(serves: bool, live: Option<&Route>) -> Option<Hold> {
    if !serves {
        let message = "spec.api.gateway asks for an HTTPRoute, which this cluster does not serve to the operator: install the CRDs of the Gateway API (gateway.networking.k8s.io/v1), let the operator's role have httproutes, or take spec.api.gateway out";
        return Some(Hold::wrong(Reason::GatewayApiMissing, message));
    }
    let (gateway, why) = live?.refused.as_ref()?;
    let message = format!("the Gateway {gateway} does not take the HTTPRoute of spec.api.gateway: {why}");
    Some(Hold::wrong(Reason::RouteRefused, message))
}

/// What is still missing of the Deployment.
fn roll_out(context: &Context, draft: &mut Draft, wanted: &ApiShape) {
    if draft.shape.api.is_none() {
        return;
    }
    let name = resources::api_name(context.desired);
    let replicas = context.desired.api.replicas;
    let Some(deployment) = context.deployment() else {
        draft.works.push(Hold::waiting(Reason::RollingOutApi, "the Deployment of the API is made"));
        return;
    };
    let newest = draft.shape.api.as_ref() == Some(wanted) && deployment.inputs == draft.shape.api_inputs;
    let all_done = PodCounts { all: replicas, updated: replicas, ready: replicas };
    let Deployment { asked, is_observed, pods, failure, stuck, .. } = deployment;
    let done = *asked == replicas && *is_observed && *pods == all_done && newest;
    if !done {
        draft.works.push(rolling_out(replicas, *pods, *is_observed));
        if let Some(words) = failure {
            draft
                .wrongs
                .push(Hold::wrong(Reason::PodNotMade, format!("the API's pods cannot be made: {words}")).of(&name));
        }
        if let Some(cause) = stuck {
            draft
                .wrongs
                .push(Hold::wrong(Reason::ApiRolloutStuck, format!("the API's pods do not become ready: {cause}")));
        }
    }
}

/// What the Deployment has not done yet, of its counts of all, updated and ready pods.
fn rolling_out(replicas: i32, PodCounts { all, updated, ready }: PodCounts, observed: bool) -> Hold {
    if observed && replicas > 0 && ready == 0 {
        let message = format!("none of {replicas} API pods is ready");
        return Hold::waiting(Reason::ApiDown, message);
    }
    let message = if !observed {
        "the Deployment of the API takes up its new template".to_owned()
    } else if updated < replicas {
        format!("{updated} of {replicas} API pods are of the newest version, {ready} are ready")
    } else if ready < replicas {
        format!("{ready} of {replicas} API pods are ready")
    } else if all > replicas {
        format!("of {all} API pods {} are still ending", all - replicas)
    } else {
        "the Deployment of the API is brought up to date".to_owned()
    };
    Hold::waiting(Reason::RollingOutApi, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_roll_out_of_the_api_waits_for_is_never_told_as_what_is_done() {
        for (counts, observed, expected) in [
            ([2, 1, 2], true, "1 of 2 API pods are of the newest version, 2 are ready"),
            ([2, 2, 1], true, "1 of 2 API pods are ready"),
            ([3, 2, 2], true, "of 3 API pods 1 are still ending"),
            ([2, 2, 2], false, "the Deployment of the API takes up its new template"),
            ([2, 2, 2], true, "the Deployment of the API is brought up to date"),
            ([2, 2, 0], true, "none of 2 API pods is ready"),
        ] {
            let [all, updated, ready] = counts;
            assert_eq!(rolling_out(2, PodCounts { all, updated, ready }, observed).message, expected);
        }
    }

    fn told(serves: bool, live: Option<&Route>) -> Option<(String, String)> {
        route_trouble(serves, live).map(|hold| (hold.reason.to_string(), hold.message))
    }

    #[test]
    fn a_route_that_leads_nowhere_is_told_with_the_cause() {
        assert_eq!(told(false, None).map(|(reason, _)| reason).as_deref(), Some("GatewayApiMissing"));
        assert_eq!(told(true, None), None, "it is being made");
        assert_eq!(told(true, Some(&Route::default())), None);
        let refused = Route { refused: Some(("main".into(), "no listener".into())) };
        let (reason, message) = told(true, Some(&refused)).expect("told");
        assert_eq!(reason, "RouteRefused");
        assert!(message.contains("main") && message.contains("no listener"), "{message}");
    }
}
