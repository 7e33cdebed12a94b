//! The decision: `plan(&Desired, &Observation, &Settings) -> Plan`, a ladder of guards that reads like
//! a runbook. Pure and total: waiting, refusing and being blocked are values, never errors.
//!
//! Each guard either has nothing to do, and the next one is asked, or it holds: with a reason, and
//! perhaps with one action. So at most one thing that changes the ring is in hand at any time.

#![deny(clippy::wildcard_enum_match_arm)]

mod api;
mod bootstrap;
mod calm;
mod carried_out;
mod causes;
mod check;
mod configuration;
mod draft;
mod hold;
mod issuer;
mod lifecycle;
mod losses;
mod lost;
mod quorum;
mod refused;
mod repair;
mod replication;
mod report;
mod retained;
mod retry;
mod ring;
mod rollout;
mod room;
mod scale;
mod secrets;
mod service;
mod standing;
mod streaming;
mod taken_back;
mod volumes;
mod waits;
mod wanted;
mod world;

use draft::Draft;
use hold::Hold;
use ring::Ring;
use wanted::Wanted;
use world::Context;

use crate::decision::Plan;
use crate::desired::Desired;
use crate::observation::Observation;
use crate::resources::operation;
use crate::settings::Settings;

/// A guard of the ladder: `None` lets the next one be asked.
type Guard = fn(&Context, &mut Draft) -> Option<Hold>;

/// The runbook. The order is the point: what is in hand is finished first; nothing begins while the
/// ring is not calm; nodes come before copies, copies before nodes go.
const RUNBOOK: [(&str, Guard); 23] = [
    ("a broken pod gets the newest template at once", rollout::replace_broken),
    ("a new spec is written down before anything is done for it", lifecycle::take_up_spec),
    ("racks that the spec took back are cleared away", taken_back::racks),
    ("claims that never got a volume are made of the right class", taken_back::claims),
    ("a decommission in hand is finished", scale::finish_decommission),
    ("StatefulSets that volume growth took away are made again", volumes::remake),
    ("the very first node starts alone", bootstrap::first_node),
    ("a join in hand is finished, or taken back if it cannot even start", scale::finish_join),
    ("the ring is calm", bootstrap::calm_ring),
    ("nothing begins while the schema Job runs", api::await_job),
    ("repairs and clean-ups under way end", repair::await_tasks),
    ("the schema can be read", bootstrap::schema_readable),
    ("an ALTER in hand is seen done", replication::finish_alter),
    ("the default superuser is replaced", bootstrap::superuser),
    ("outdated pods are replaced one by one", rollout::replace_next),
    ("repairs owed are done", repair::repairs),
    ("keyspaces, roles and tables are made while the first node is alone", bootstrap::found),
    ("log-ins do not wait for the last node", scale::spread_log_ins),
    ("nodes join one by one", scale::join_next),
    ("keyspaces exist", replication::create_next),
    ("roles exist", bootstrap::roles),
    ("replication goes to what is wanted, step by step", replication::alter_next),
    ("clean-ups owed are done", repair::cleanups),
];

/// Decides what this pass commits.
pub fn plan(desired: &Desired, observation: &Observation, settings: &Settings) -> Plan {
    let context = gather(desired, observation, settings);
    if let Some(plan) = lifecycle::outside_the_runbook(&context) {
        return plan;
    }
    let mut draft = standing::draft(&context);
    repair::discharge(&context, &mut draft);
    losses::incur(&context, &mut draft);
    let mut hold = RUNBOOK.iter().find_map(|(_, guard)| guard(&context, &mut draft));
    if hold.is_none() {
        hold = scale::leave_next(&context, &mut draft);
    }
    let hold = hold.or(draft.rollout_waits.take());
    repair::tell_failed(&mut draft);
    secrets::tell(&context, &mut draft);
    secrets::follow(&context, &mut draft);
    volumes::tell_deleted(&context, &mut draft);
    losses::tell(&context, &mut draft);
    volumes::grow(&context, &mut draft);
    volumes::delete_left(&context, &mut draft);
    retained::note(&context, &mut draft);
    configuration::place(&context, &mut draft);
    configuration::prune(&context, &mut draft);
    api::run(&context, &mut draft, hold.as_ref());
    issuer::tell(&context, &mut draft);
    refused::tell(&context, &mut draft);
    let mut plan = report::finish(&context, draft, hold);
    plan.shape.told = Some(operation::told(desired, &plan));
    plan
}

/// What is known on this pass.
fn gather<'a>(desired: &'a Desired, observation: &'a Observation, settings: &'a Settings) -> Context<'a> {
    let ring = Ring::gather(desired, observation);
    let racks = desired.cassandra.racks.iter();
    let taken = racks.map(|rack| (rack.name.clone(), ring.taken(&rack.name, observation))).collect();
    let wanted = Wanted::of(desired, settings);
    let lost = losses::gather(desired, observation, &ring);
    Context { desired, observation, settings, ring, taken, wanted, lost }
}
