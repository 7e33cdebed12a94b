//! The API's tables are brought to the newest version by one writer, the schema Job. Pure.
//!
//! Hazard: a node that joins while a table is made may not know it when the first row comes, and between two
//! major versions a table that two coordinators make can get two ids. So the schema Job is made only while
//! nothing moves, restarts or differs in version, and nothing begins until it has ended.

use jiff::Timestamp;
use store_crds::{Consistency, Lane, OperationKind, OperationStatus};

use crate::children::{Job, JobState};
use crate::identity::ChildKind;
use crate::observation::Superuser;
use crate::plan::draft::{Draft, operation};
use crate::plan::hold::Hold;
use crate::plan::world::Context;
use crate::plan::{calm, replication};
use crate::procedure::{self, Conflict};
use crate::reason::Reason;
use crate::resources;

/// How long a failed schema Job is left for its log to be read, before it is made again, in seconds.
const FAILED_JOB_STAYS: i64 = 60;
/// How long the first node stays alone for its tables, in seconds: an image that cannot be pulled is no
/// reason to have no ring.
const FIRST_TABLES: i64 = 60;

/// How long anything else waits for a schema Job, in seconds. Then it is taken away, and made again once
/// nothing else is to be done.
const JOB_DEADLINE: i64 = 300;
/// How long a schema Job that was decided on may not be seen yet, in seconds.
const JOB_UNSEEN: i64 = 20;

/// Makes the schema Job where it has its turn, and tells of one that failed. `holds`: where the runbook held.
pub fn make(context: &Context, draft: &mut Draft, job: Option<&Job>, holds: &[Hold]) {
    let keyspace = &context.desired.api.keyspace;
    let there = context.cql().is_some_and(|cql| {
        // on the first node the Job's pod starts while that is made, and waits for its log-in
        let on_its_way = context.is_founding() && cql.superuser == Superuser::Own;
        on_its_way || cql.keyspaces.contains_key(keyspace) && cql.roles_ready
    });
    if let Some((job, JobState::Failed { words, at })) = job.map(|job| (job, &job.state)) {
        let cause = words.as_deref().unwrap_or("see the log of its pod");
        let message = format!("the schema Job failed: {cause}; it is tried again, and anew for another spec.api.image");
        draft.wrongs.push(Hold::wrong(Reason::MigrationFailed, message));
        if since(context, *at) > FAILED_JOB_STAYS {
            delete_job(draft, &job_name(context), job);
        }
        return;
    }
    if let (Some(words), Some(_)) = (context.observation.unmade.get(&job_name(context)), job) {
        draft
            .wrongs
            .push(Hold::wrong(Reason::PodNotMade, format!("the schema Job's pod cannot be made: {words}")).of("Job"));
    }
    // one that was taken away comes last
    let postponed = draft.memory.postponed_job.as_deref() == Some(job_name(context).as_str());
    if postponed {
        let message = format!(
            "the schema Job {} did not end in time and was taken away, so that other work goes on; it is made again \
             once nothing else is to be done; is spec.api.image one that can be pulled?",
            job_name(context)
        );
        draft.wrongs.push(Hold::wrong(Reason::MigrationPostponed, message));
    }
    let restarts = context.is_founding() && context.is_rollout_due();
    let has_its_turn = !restarts && (!postponed || holds.iter().all(|hold| hold.wrong));
    if job.is_none() && !(there && has_its_turn && is_quiet(context, draft)) {
        return;
    }
    if job.is_some_and(|job| job.deleting || draft.deletes(&job.uid)) {
        return;
    }
    draft.shape.migrate = Some(level(context));
    // written down before it is made: a cache that lags may not show it on the next pass
    let is_free = !draft.is_held(Lane::Schema);
    if is_free || job.is_none() && !context.is_founding() {
        draft.operate(
            context,
            operation(context, OperationKind::Migrate, "the schema Job brings the API's tables up to date"),
        );
    }
    draft
        .works
        .push(Hold::waiting(Reason::MigratingSchema, "the schema Job brings the API's tables to their newest version"));
}

/// The level of the schema writer. Where the keyspace has more copies to come than nodes, so that no quorum
/// can answer, all there are is one.
pub fn level(context: &Context) -> Consistency {
    let keyspace = &context.desired.api.keyspace;
    let factor = replication::actual(context, keyspace).or(context.desired.replication_of(keyspace)).unwrap_or(1);
    if context.member_count() > factor / 2 { Consistency::LocalQuorum } else { Consistency::One }
}

/// Nothing moves, restarts or differs in version, and nothing of it begins on this pass. On a first node that
/// is alone, keyspaces and roles may still be made.
fn is_quiet(context: &Context, draft: &Draft) -> bool {
    let takes_away = draft.deletes.iter().any(|delete| matches!(delete.kind, ChildKind::Pod | ChildKind::StatefulSet));
    let acts = takes_away || draft.shape.replicas != context.taken || draft.ring.is_some() && !context.is_founding();
    // its own Job is over, or it would not be asked for
    let others = || draft.memory.operations.iter().filter(|operation| operation.kind != OperationKind::Migrate);
    let excludes = |operation: &OperationStatus| {
        procedure::conflict(procedure::of(operation.kind).lane, Lane::Schema) == Conflict::Whole
    };
    let in_hand = others().any(excludes) && !context.is_founding();
    let mut versions = context.ring.live().map(|(_, view)| view.release_version.as_str());
    let first = versions.next();
    !acts && !in_hand && calm::unrest(context).is_none() && versions.all(|version| Some(version) == first)
}

/// A schema Job, of whichever image, that has not ended.
fn live_job<'a>(context: &Context<'a>) -> Option<(&'a String, &'a Job)> {
    context.observation.children.jobs.iter().find(|(_, job)| job.state == JobState::Running)
}

/// Why nothing may begin: a schema Job runs, or was decided on and is not seen yet.
pub fn job_runs(context: &Context) -> Option<Hold> {
    let now = context.observation.now.as_second();
    let decided = context.operation_of(OperationKind::Migrate).is_some_and(|migrate| {
        let young = now - migrate.started_at.0.as_second() < JOB_UNSEEN;
        young && context.job(&job_name(context)).is_none()
    });
    let message = "nothing else begins while the schema Job runs, which takes five minutes at most";
    (decided || live_job(context).is_some()).then(|| Hold::waiting(Reason::MigratingSchema, message))
}

/// What waits for the schema Job to end, so that it does not wait for ever: the Job itself may wait for it.
pub fn await_end(context: &Context, draft: &mut Draft) -> Option<Hold> {
    let hold = job_runs(context)?;
    postpone(context, draft, JOB_DEADLINE);
    Some(hold)
}

/// Waits for the schema Job, but not for ever. While the first node is alone, the next one waits for it.
pub fn await_job(context: &Context, draft: &mut Draft) -> Option<Hold> {
    if context.is_founding() {
        return None;
    }
    await_end(context, draft)
}

/// Whether the first node, which is alone, must not be restarted, since a schema Job runs. What that one waits for,
/// keyspace and roles, is made further down the ladder, so it holds nothing.
pub fn keeps_first_node(context: &Context, draft: &mut Draft) -> bool {
    let keeps = context.is_founding() && job_runs(context).is_some();
    if keeps {
        postpone(context, draft, JOB_DEADLINE);
    }
    keeps
}

/// Takes a schema Job away that has not ended in so many seconds.
fn postpone(context: &Context, draft: &mut Draft, seconds: i64) {
    let Some((name, job)) = live_job(context) else { return };
    if since(context, job.created_at) > seconds {
        draft.memory.postponed_job = Some(name.clone());
        delete_job(draft, name, job);
    }
}

pub fn job_name(context: &Context) -> String {
    resources::api::schema_job_name(context.desired, context.settings)
}

/// Holds the next node back until the first one has the API's tables, or something keeps them.
pub fn await_first_tables(context: &Context, draft: &mut Draft) -> Option<Hold> {
    if context.member_count() >= context.desired.cassandra.size {
        return None;
    }
    postpone(context, draft, FIRST_TABLES);
    let job = context.job(&job_name(context));
    let given_up = draft.memory.postponed_job.as_deref() == Some(job_name(context).as_str());
    // one for an earlier spec is waited for, too: what it makes a node that joins might not know
    let awaited = job.map_or(!given_up, |job| job.state == JobState::Running) || live_job(context).is_some();
    let message =
        "the schema Job makes the API's tables on the first node, for a minute at most; then the next one joins";
    awaited.then(|| Hold::waiting(Reason::MigratingSchema, message))
}

/// Jobs that are done leave no pods behind.
pub fn delete_jobs(context: &Context, draft: &mut Draft) {
    for (name, job) in context.observation.children.jobs.iter().filter(|(_, job)| job.state != JobState::Running) {
        delete_job(draft, name, job);
    }
}

fn delete_job(draft: &mut Draft, name: &str, job: &Job) {
    if !job.deleting {
        draft.delete(ChildKind::Job, name, &job.uid);
    }
}

/// Seconds since a time of an object; 0 where it has none.
fn since(context: &Context, at: Option<Timestamp>) -> i64 {
    at.map_or(0, |at| context.observation.now.as_second() - at.as_second())
}
